"""The composition root: what the operator configured is what runs, or it says why not."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bridge.app import build, configure, new_client
from bridge.errors import MappingFilesError, SettingsError
from bridge.settings import read_settings
from bridge.tokens import make
from tests.conftest import ROOT

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
