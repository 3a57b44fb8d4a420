"""The composition root: what the operator configured is what runs, or it says why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bridge.app import build, configure, limits_of, new_client
from bridge.destinations.endpoint import Limits
from bridge.errors import MappingFilesError, SettingsError
from bridge.limits import Closed, Gates
from bridge.load import Loaded
from bridge.plan import Route
from bridge.settings import read_settings
from bridge.tokens import make
from bridge.types import Verdict
from tests.conftest import ROOT
from tests.house import ORDER, store_route

SOURCE = """
platform = "acme"
[verify.url_token]
[webhook]
topic = "query.topic"
[answer]
within = 5.0
retries = false
[topics]
ping = []
"""
CONNECTIONS = """
[stores.shop]
source = "acme"
[stores.shop.endpoints."bonifiq.customer"]
credentials = { user = "TOKEN", password = "KEY" }
"""


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A platform that signs nothing, and a store of it."""
    mappings = tmp_path / "mappings"
    (mappings / "sources").mkdir(parents=True)
    (mappings / "sources" / "acme.toml").write_text(SOURCE)
    (mappings / "destinations").symlink_to(ROOT / "mappings" / "destinations")
    (mappings / "connections.toml").write_text(CONNECTIONS)
    for name in ("TOKEN", "KEY"):
        monkeypatch.setenv(name, "x")
    return {
        "BRIDGE_MAPPINGS": str(mappings),
        "BRIDGE_JOURNAL": f"sqlite:///{tmp_path}/journal.db",
        "BRIDGE_TOKEN_SECRETS": "new-secret old-secret",
    }


async def test_a_platform_that_signs_nothing_is_known_by_its_url(environ: dict[str, str]) -> None:
    app = build(configure(read_settings(environ)))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            answers = [
                await client.post(f"/webhooks/shop?topic=ping&token={token}", content=b"{}")
                for token in (
                    make("shop", "new-secret"),
                    make("shop", "old-secret"),
                    make("other", "new-secret"),
                    make("shop", "wrong-secret"),
                    "",
                )
            ]
            health = await client.get("/health")

    assert [one.status_code for one in answers] == [200, 200, 401, 401, 401]
    assert answers[0].json()["status"] == "ignored"
    assert health.json()["status"] == "ok"


async def test_one_login_serves_the_deliveries_of_an_account(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def vendor(request: httpx.Request) -> httpx.Response:
        calls.append((request.url.path, request.headers.get("x-cap-api-oauth-token")))
        if request.url.path == "/v3/oauth/token/generate":
            return httpx.Response(200, json={"data": {"accessToken": "t-1", "ttlSeconds": 300}})
        return httpx.Response(200, json={"response": [{"entityId": 1, "errors": []}]})

    mappings = tmp_path / "mappings"
    (mappings / "sources" / "acme.toml").write_text(
        f'{SOURCE}created = "customer_created"\n[customer]\nid = "body.id"\n'
    )
    (mappings / "connections.toml").write_text("""
[stores.shop]
source = "acme"
[stores.shop.endpoints."capillary.customer"]
base_url = "https://eu.api.example"
credentials = { key = "KEY", secret = "TOKEN" }
settings = { source = "ECOMMERCE", account_id = "main" }
""")
    client = httpx.AsyncClient(transport=httpx.MockTransport(vendor))
    monkeypatch.setattr("bridge.app.new_client", lambda: client)
    app = build(configure(read_settings(environ)))
    url = f"/webhooks/shop?topic=created&token={make('shop', 'new-secret')}"
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as shop:
            answers = [await shop.post(url, json={"id": number}) for number in (1, 2)]

    assert [one.json()["status"] for one in answers] == ["delivered", "delivered"]
    upsert = ("/v2/integrations/customer/upsert/bulk", "t-1")
    assert calls == [("/v3/oauth/token/generate", None), upsert, upsert]


def test_without_a_secret_for_its_tokens_nothing_starts(environ: dict[str, str]) -> None:
    del environ["BRIDGE_TOKEN_SECRETS"]

    with pytest.raises(SettingsError, match="BRIDGE_TOKEN_SECRETS"):
        configure(read_settings(environ))


def test_a_wrong_mapping_file_is_told_before_anything_starts(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "mappings" / "sources" / "acme.toml").write_text(SOURCE + "[order]\nid = 'x y'\n")

    with pytest.raises(MappingFilesError, match=r"acme.toml:\d+:\d+: "):
        configure(read_settings(environ))


def test_the_operators_limits_go_before_the_endpoints(loaded: Loaded) -> None:
    """Stores that share an account share its limits, whichever of them says one."""
    own = Limits(per_second=1.5, at_once=2)

    def store(**said: object) -> Route:
        made = store_route(loaded)
        (connection,) = made.store.endpoints
        destination, endpoint, account = made.destinations[ORDER]
        connection = replace(connection, **said)  # type: ignore[arg-type]
        return replace(
            made,
            store=replace(made.store, endpoints=(connection,)),
            destinations={ORDER: (destination, replace(endpoint, limits=own), account)},
        )

    routes = {
        "silent": store(account="silent"),
        "a": store(account="both", at_once=8),
        "b": store(account="both"),
        "c": store(account="both", per_second=5.0),
    }

    assert limits_of(routes) == {
        "silent/bonifiq.order": own,
        "both/bonifiq.order": Limits(per_second=5.0, at_once=8),
    }


async def test_what_rests_is_told_and_is_no_fault_of_the_bridge(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Gates] = []

    def gates(*args: object) -> Gates:
        made.append(Gates(*args))  # type: ignore[arg-type]
        return made[0]

    monkeypatch.setattr("bridge.app.Gates", gates)
    app = build(configure(read_settings({**environ, "BRIDGE_WORKERS": "2"})))
    async with app.router.lifespan_context(app):
        gate = made[0].of("shop/bonifiq.customer")
        ticket = await gate.enter()
        assert isinstance(ticket, int)
        gate.leave(ticket, Verdict("transient", "HTTP 429", 60.0))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            health = await client.get("/health")

    assert health.status_code == 200
    assert health.json() == {"status": "ok", "flying": 0, "resting": ["shop/bonifiq.customer"]}
    assert made[0].limits == {"shop/bonifiq.customer": Limits()}
    assert made[0].processes == 2
    assert isinstance(await made[0].of("shop/another").enter(), Closed), "a stop closes the gates"


async def test_no_cookie_of_one_account_is_sent_for_another() -> None:
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"set-cookie": "session=1; Path=/"})

    async with new_client() as client:
        client._transport = httpx.MockTransport(handler)
        client._mounts = {}
        for _ in range(2):
            await client.get("https://api.example/")

    assert seen == [None, None]
