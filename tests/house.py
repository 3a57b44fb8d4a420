"""A house for tests: a real journal and real mappings, with functions for what is outside."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.deliver import Rooms
from bridge.destinations.endpoint import Limits
from bridge.errors import FetchFailed
from bridge.fixtures import read_case, route
from bridge.flights import Flights
from bridge.journal import open_journal
from bridge.journal.protocol import Journal, Opening, Patience
from bridge.limits import Gates
from bridge.load import Loaded
from bridge.plan import Plan, Route
from bridge.types import InboundRequest, Payload, Verdict, VerifiedRequest
from bridge.verify import Proofs, verify

FIXTURES = Path(__file__).parent / "fixtures"
SECRET = "s3cret"
DELIVERED = Verdict("delivered")
ORDER = "bonifiq.order"


def webhook(
    case: str = "shopify/order_paid", *, body: bytes | None = None, **headers: str
) -> InboundRequest:
    """A fixture as its platform would post it to store ``shop``, signed."""
    request = read_case(FIXTURES / case).request
    content = request.body if body is None else body
    digest = hmac.digest(SECRET.encode(), content, hashlib.sha256)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(
        request,
        store="shop",
        body=content,
        headers={
            **request.headers,
            "x-shopify-hmac-sha256": base64.b64encode(digest).decode(),
            "x-wc-webhook-signature": base64.b64encode(digest).decode(),
            **named,
        },
        received_at=datetime.now(UTC),
    )


def edited(case: str = "shopify/order_paid", **fields: Any) -> InboundRequest:
    """A fixture whose body says something else, with an event id of its own."""
    body = json.loads(read_case(FIXTURES / case).request.body)
    content = json.dumps({**body, **fields}).encode()
    return webhook(case, body=content, x_shopify_event_id=hashlib.sha256(content).hexdigest())


@dataclass
class Outside:
    """What stands for destinations and stores' APIs: it does as it is told, and remembers."""

    verdicts: list[Verdict] = field(default_factory=list)  #: in turn; then all is delivered
    sent: list[Payload] = field(default_factory=list)
    gate: asyncio.Event | None = None  #: an attempt waits for it
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  #: an attempt has begun
    fetched: list[Mapping[str, Any] | FetchFailed] = field(default_factory=list)
    now: float = 0.0  #: added to the clock; rests end by it alone

    async def send(self, _: Route, payload: Payload) -> Verdict:
        self.sent.append(payload)
        self.arrived.set()
        verdict = self.verdicts.pop(0) if self.verdicts else DELIVERED
        if self.gate is not None:
            await self.gate.wait()
        return verdict

    async def fetch(self, _: Route, __: Plan) -> Mapping[str, Any]:
        found = self.fetched.pop(0)
        if isinstance(found, FetchFailed):
            raise found
        return found

    @property
    def totals(self) -> list[str]:
        return [str(one.document["OrderTotal"]) for one in self.sent]


def store_route(
    loaded: Loaded,
    platform: str = "shopify",
    *,
    endpoints: tuple[str, ...] = (ORDER,),
    within: float | None = None,
    **changes: Any,
) -> Route:
    """Store ``shop`` of a platform, feeding only *endpoints*."""
    own = {name: {"settings": one} for name, one in changes.pop("own", {}).items()}
    overrides = {"settings": changes.pop("settings", {}), "endpoints": own}
    made = route(platform, loaded.checked, overrides)
    connections = tuple(one for one in made.store.endpoints if one.endpoint in endpoints)
    store = replace(
        made.store, name="shop", secrets=("SECRET",), endpoints=connections, horizon=3600.0
    )
    tokens = changes.pop("tokens", {})
    source = made.source
    if within is not None:
        source = replace(source, answer=replace(source.answer, within=within))
    return replace(made, store=replace(store, **changes), source=source, tokens=tokens)


async def prove(request: InboundRequest, route: Route) -> VerifiedRequest:
    scheme = route.source.verify[route.store.verify].engine.scheme
    return verify(request, scheme, Proofs(secrets=(SECRET,)), now=datetime.now(UTC))


def rooms_of(
    journal: Journal, outside: Outside, route: Route, limits: Mapping[str, Limits] | None = None
) -> Rooms:
    lost: list[None] = []
    gates = Gates(limits or {}, clock=lambda: outside.now)
    flights = Flights(journal, gates, 0.0, lambda: lost.append(None), chance=lambda: 0.0)
    return Rooms(
        {"shop": route},
        journal,
        flights,
        prove,
        outside.send,
        outside.fetch,
        lambda: time.monotonic() + outside.now,
    )


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Journal]:
    """A journal in *folder*, closed at the end."""
    journal = await open_journal(Opening(f"sqlite:///{folder}/journal.db", Patience(quiet=0.0)))
    try:
        yield journal
    finally:
        await journal.close()
