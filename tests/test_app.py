"""The composition root: what the operator configured is what runs, or it says why not."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import structlog

from bridge.app import build, configure, limits_of, prove_sender
from bridge.client import new_client
from bridge.destinations.endpoint import Limits
from bridge.engines import ENGINES
from bridge.errors import FetchFailed, MappingFilesError, SettingsError, SignatureMismatch
from bridge.journal.cipher import new_key
from bridge.journal.protocol import Keep
from bridge.jwks import KeySource
from bridge.limits import Closed, Gate, Gates, Ticket
from bridge.load import Loaded
from bridge.mapping.connections import Store
from bridge.mapping.library import BUILT_IN
from bridge.mapping.lines import read
from bridge.mapping.source import Fetching
from bridge.mapping.source_file import read_source
from bridge.plan import Route
from bridge.settings import read_settings
from bridge.slots import Asks
from bridge.tokens import make
from bridge.types import Problem, Verdict
from bridge.verify import KeyUnknown
from tests.conftest import ROOT
from tests.house import ORDER, store_route
from tests.signatures import BODY, private_key, public_pem, rsa_signature, webhook

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
    async with app.lifespan_context(app):
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


async def test_the_journal_is_encrypted_and_forgets_as_the_settings_say(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Keep] = []

    async def parking(*_: object, keep: Keep, **__: object) -> None:
        kept.append(keep)

    monkeypatch.setattr("bridge.app.park", parking)
    more = {"BRIDGE_JOURNAL_KEYS": new_key(), "BRIDGE_KEEP_BODIES": "4"}
    app = build(configure(read_settings({**environ, **more})))
    url = f"/webhooks/shop?topic=ping&token={make('shop', 'new-secret')}"
    async with app.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            assert (await client.post(url, content=b'{"who": "Ana"}')).status_code == 200

    assert kept == [Keep(bodies=4 * 86_400.0)]
    assert b"Ana" not in (tmp_path / "journal.db").read_bytes()


PATH_SOURCE = SOURCE.replace("[verify.url_token]", "[verify.shared_secret]\npath = true")


async def test_a_secret_behind_the_store_in_the_address_is_asked_for_and_never_logged(
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "mappings" / "sources" / "acme.toml").write_text(PATH_SOURCE)
    connections = CONNECTIONS.replace('"acme"', '"acme"\nsecrets = ["SECRET"]')
    (tmp_path / "mappings" / "connections.toml").write_text(connections)
    monkeypatch.setenv("SECRET", "s3cret")
    app = build(configure(read_settings(environ)))
    async with app.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(transport=transport, base_url="http://bridge")
        with structlog.testing.capture_logs() as lines:
            answers = [
                await client.post(f"/webhooks/{path}?topic=ping", content=b"{}")
                for path in ("shop/s3cret", "shop/s3cret2", "shop", "other/s3cret", "shop/s3cret/x")
            ]

    assert [one.status_code for one in answers] == [200, 401, 401, 404, 404]
    assert [line["answered"] for line in lines if line["event"] == "webhook"][:3] == [200, 401, 401]
    assert "s3cret" not in str(lines)


async def test_nothing_stands_behind_a_store_whose_platform_signs_otherwise(
    environ: dict[str, str],
) -> None:
    app = build(configure(read_settings(environ)))
    token = make("shop", "new-secret")
    async with app.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            url = f"/webhooks/shop/x?topic=ping&token={token}"
            assert (await client.post(url, content=b"{}")).status_code == 404


ROTATING = """
platform = "acme"
[verify.asymmetric]
header     = ["x-signature-1", "x-signature-2"]
keys       = "https://static.keys.example"
key_header = ["x-key1-path", "x-key2-path"]
key_path   = '/keys/[a-z]+\\.pem'
[webhook]
topic  = "header.x-topic"
tenant = "body.client"
[answer]
within  = 5.0
retries = false
[topics]
ping = []
"""


class KeyHost:
    """The platform's host of keys, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = {
            "/keys/old.pem": httpx.Response(200, text=public_pem(private_key(2, 2048))),
            "/keys/new.pem": httpx.Response(200, text=public_pem()),
            "/keys/moved.pem": httpx.Response(302, headers={"location": "https://evil.example"}),
        }

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return self.answers.get(request.url.path, httpx.Response(404))


def rotating_route() -> Route:
    problems: list[Problem] = []
    source = read_source(read(ROTATING, "acme.toml"), BUILT_IN, ENGINES, problems)
    assert source is not None, problems
    store = Store(
        name="shop", source="acme", tenant="ours", secrets=(), tokens={}, verify="asymmetric", country=None,
        url="", park=True, test_orders=False, horizon=1.0, settings={}, endpoints=(),
    )  # fmt: skip
    return Route(store, source)


async def proven_by(host: KeyHost, headers: dict[str, str], *, body: bytes = BODY) -> str:
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(host.handle), follow_redirects=True
    ) as client:
        keys = KeySource(client, clock=lambda: 0.0)
        request = webhook(headers, body=body)
        return (await prove_sender(request, rotating_route(), keys)).scheme


OLD_PATH, NEW_PATH = {"x-key1-path": "/keys/old.pem"}, {"x-key2-path": "/keys/new.pem"}
SIGNED = {"x-signature-2": rsa_signature()}


async def test_keys_are_fetched_from_the_host_of_the_file_and_any_of_them_proves() -> None:
    host = KeyHost()

    assert await proven_by(host, {**OLD_PATH, **NEW_PATH, **SIGNED}) == "asymmetric"
    assert host.asked == [
        "https://static.keys.example/keys/old.pem",
        "https://static.keys.example/keys/new.pem",
    ]


async def test_a_key_that_cannot_be_fetched_is_no_proof_and_no_last_word() -> None:
    host = KeyHost()
    missing = {"x-key1-path": "/keys/gone.pem"}

    assert await proven_by(host, {**missing, **NEW_PATH, **SIGNED}) == "asymmetric"
    for headers in (missing, {**missing, **OLD_PATH}, {"x-key1-path": "/keys/moved.pem"}):
        with pytest.raises(FetchFailed, match=r"keys/(gone|moved)\.pem were not fetched"):
            await proven_by(host, {**headers, "x-key2-path": "/keys/gone.pem", **SIGNED})
    assert {url.partition("/keys/")[0] for url in host.asked} == {"https://static.keys.example"}


async def test_a_signature_that_no_key_made_is_refused_when_all_keys_are_there() -> None:
    with pytest.raises(KeyUnknown):
        await proven_by(KeyHost(), {**OLD_PATH, **SIGNED})
    with pytest.raises(KeyUnknown):
        await proven_by(KeyHost(), {**OLD_PATH, **NEW_PATH, **SIGNED}, body=b"{}")


async def test_a_key_on_another_host_is_not_even_asked_for() -> None:
    host = KeyHost()
    for path in ("//evil.example/keys/new.pem", "/keys/../new.pem", "/keys/new.pem?x"):
        with pytest.raises(SignatureMismatch, match="is not the path of a key"):
            await proven_by(host, {"x-key1-path": path, **SIGNED})
    assert host.asked == []


async def test_one_login_serves_the_deliveries_of_an_account(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    turns: list[str] = []
    pace = Gate.pace

    async def turn(gate: Gate) -> None:
        turns.append(gate.target)
        await pace(gate)

    monkeypatch.setattr(Gate, "pace", turn)

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
    async with app.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as shop:
            answers = [await shop.post(url, json={"id": number}) for number in (1, 2)]

    assert [one.json()["status"] for one in answers] == ["delivered", "delivered"]
    upsert = ("/v2/integrations/customer/upsert/bulk", "t-1")
    assert calls == [("/v3/oauth/token/generate", None), upsert, upsert]
    assert turns == ["shop/capillary.customer"] * 3, "the login had one of its own"


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


def test_the_api_of_a_store_bears_what_its_source_says(loaded: Loaded) -> None:
    def of(*, at_once: int | None) -> Route:
        route = store_route(loaded, endpoints=())
        fetching = Fetching(per_second=2.0, at_once=at_once)
        return replace(route, source=replace(route.source, fetching=fetching))

    # Its requests are paced one by one, where they are made.
    assert limits_of({"one": of(at_once=2), "other": of(at_once=None)}) == {
        "one/~": Limits(at_once=2)
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
    async with app.lifespan_context(app):
        gate = made[0].of("shop/bonifiq.customer")
        ticket = await gate.enter(Asks("shop"))
        assert isinstance(ticket, Ticket)
        gate.leave(ticket, Verdict("transient", "HTTP 429", 60.0))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            health = await client.get("/health")

    assert health.status_code == 200
    assert health.json() == {"status": "ok", "flying": 0, "resting": ["shop/bonifiq.customer"]}
    assert made[0].limits == {"shop/bonifiq.customer": Limits()}
    assert made[0].processes == 2
    assert isinstance(await made[0].of("shop/another").enter(Asks("shop")), Closed), (
        "a stop closes the gates"
    )


async def test_as_soon_as_a_stop_is_asked_for_nothing_parked_is_begun(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server tells its application only when every webhook was answered."""
    parking = asyncio.Event()

    async def park(*_: object, stop: asyncio.Event, **__: object) -> None:
        await stop.wait()
        parking.set()

    monkeypatch.setattr("bridge.app.park", park)
    servers = signal.signal(signal.SIGTERM, lambda *_: None)
    app = build(configure(read_settings(environ)))
    async with app.lifespan_context(app):
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5.0):
            await parking.wait()
    signal.signal(signal.SIGTERM, servers)


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
