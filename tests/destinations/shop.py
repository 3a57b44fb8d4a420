"""A shop that the whole bridge serves: its webhooks go in, and a function plays the vendor."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.app import build, configure
from bridge.destinations import ENDPOINTS
from bridge.destinations.endpoint import Account, Endpoint
from bridge.entries import reading
from bridge.journal.protocol import DeliverySummary, EntrySummary
from bridge.settings import read_settings
from bridge.types import InboundRequest
from tests.conftest import ROOT
from tests.house import FIXTURES, SECRET, webhook

Vendor = Callable[[httpx.Request], httpx.Response]

STORE = """
[stores.shop]
source    = "shopify"
tenant    = "casa-inventada.myshopify.com"
secrets   = ["SHOP_SECRET"]
on_outage = "{on_outage}"
"""
CONNECTION = """
[stores.shop.endpoints."{endpoint}"]
base_url    = "https://{vendor}.example"
credentials = {credentials}
options     = {options}
settings    = {settings}
"""
#: What a store must say beside host and credentials, by vendor: options and settings.
SAID: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "cheqpay": {"options": {"path_prefix": ""}},
    "capillary": {"settings": {"source": "ECOMMERCE", "account_id": "shop-main"}},
}


def account(endpoint: Endpoint, base_url: str, names: Sequence[str]) -> Account:
    """An account that holds one of the endpoint's sets of credentials."""
    options = {name: one.default for name, one in endpoint.options.items()}
    options |= said(endpoint.name, "options")
    known = {name: value for name, value in options.items() if value is not None}
    made = Account(base_url, {name: f"the {name}" for name in names}, known)
    needs_token = endpoint.login is not None and endpoint.login.needed(made)
    return replace(made, token="the token") if needs_token else made


@dataclass(frozen=True)
class Told:
    """What the store was told of one webhook, and what the journal says of it afterwards."""

    status_code: int
    retry_after: str | None
    body: Mapping[str, Any]
    entry: EntrySummary

    def delivery(self, endpoint: str) -> DeliverySummary:
        return next(one for one in self.entry.deliveries if one.endpoint == endpoint)


@dataclass
class Shop:
    """A folder with mappings and a journal, and a vendor."""

    mappings: Path
    vendor: Vendor
    patch: pytest.MonkeyPatch

    async def post(self, *webhooks: InboundRequest) -> list[Told]:
        """
        Start the bridge, post webhooks one after the other, stop it, and read its journal.

        Everything is what runs in earnest but for the transport under the client.
        """
        settings = read_settings(
            {
                "BRIDGE_MAPPINGS": str(self.mappings),
                "BRIDGE_JOURNAL": f"sqlite:///{self.mappings.parent}/journal.db",
                "BRIDGE_QUIET": "0",
            }
        )
        self.patch.setenv("SHOP_SECRET", SECRET)
        transport = httpx.MockTransport(self.vendor)
        self.patch.setattr("bridge.app.new_client", lambda: httpx.AsyncClient(transport=transport))
        app = build(configure(settings))
        async with (
            app.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://bridge"
            ) as client,
        ):
            answers = [
                await client.post(
                    f"/webhooks/{one.store}", headers=dict(one.headers), content=one.body
                )
                for one in webhooks
            ]
        async with reading(settings) as journal:
            return [
                Told(
                    one.status_code,
                    one.headers.get("retry-after"),
                    one.json(),
                    await journal.show(one.json()["entry"]),
                )
                for one in answers
            ]


def said(endpoint: str, table: str) -> Mapping[str, str]:
    """What a store must say of an endpoint: its options or its settings."""
    return SAID.get(endpoint.partition(".")[0], {}).get(table, {})


def connect(
    folder: Path,
    endpoints: Sequence[str],
    vendor: Vendor,
    patch: pytest.MonkeyPatch,
    *,
    on_outage: str = "park",
    proof: int = 0,
) -> Shop:
    """
    Make the shop that feeds *endpoints*; one that is in *folder* already is taken up again.

    Args:
        vendor: Plays all vendors; the host of a request is the vendor's name.
        patch: Gives the bridge its secrets, and the vendor in place of the network.
        proof: Which of the endpoints' sets of credentials the store has.
    """
    mappings = folder / "mappings"
    wanted = [f"destinations/{name.replace('.', '_')}.toml" for name in endpoints]
    for file in ("sources/shopify.toml", *wanted):
        (mappings / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "mappings" / file, mappings / file)
    for name in {one for endpoint in endpoints for one in ENDPOINTS[endpoint].credentials[proof]}:
        patch.setenv(f"SHOP_{name.upper()}", f"the {name}")
    connections = [_connection(endpoint, proof) for endpoint in endpoints]
    text = "".join([STORE.format(on_outage=on_outage), *connections])
    (mappings / "connections.toml").write_text(text)
    return Shop(mappings, vendor, patch)


def _connection(endpoint: str, proof: int) -> str:
    variables = {name: f"SHOP_{name.upper()}" for name in ENDPOINTS[endpoint].credentials[proof]}
    return CONNECTION.format(
        endpoint=endpoint,
        vendor=endpoint.partition(".")[0],
        credentials=_inline(variables),
        options=_inline(said(endpoint, "options")),
        settings=_inline(said(endpoint, "settings")),
    )


def _inline(values: Mapping[str, str]) -> str:
    """An inline table of TOML."""
    return f"{{ {', '.join(f'{name} = {value!r}' for name, value in values.items())} }}"


def webhook_for(endpoint: str) -> InboundRequest:
    """A signed webhook that becomes a payload of the endpoint."""
    return webhook(_case_for(endpoint))


@cache
def _case_for(endpoint: str) -> str:
    """A fixture that a plain store sends to the endpoint."""
    fitting = FIXTURES.glob(f"shopify/*/{endpoint}.json")
    folder = min(one.parent for one in fitting if not (one.parent / "store.toml").exists())
    return folder.relative_to(FIXTURES).as_posix()
