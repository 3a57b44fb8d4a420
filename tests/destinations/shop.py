"""A shop that the whole bridge serves: its webhooks go in, and a function plays the vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.app import build, configure
from bridge.entries import reading
from bridge.journal.protocol import DeliverySummary, EntrySummary
from bridge.settings import read_settings
from bridge.types import InboundRequest
from tests.house import SECRET

Vendor = Callable[[httpx.Request], httpx.Response]

STORE = """
[stores.shop]
source    = "shopify"
tenant    = "casa-inventada.myshopify.com"
secrets   = ["SHOP_SECRET"]
on_outage = "{on_outage}"
"""


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
            app.router.lifespan_context(app),
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
