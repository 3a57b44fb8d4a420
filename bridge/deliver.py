"""
Begin the flight of one delivery: the fetch of what is missing, or the call of an endpoint.

The pipeline and the parking worker begin flights alike; only who waits for them differs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.erase import erase, find
from bridge.errors import FetchFailed, JournalUnavailable
from bridge.flights import Flights
from bridge.journal.protocol import ERASE, FETCH, Flight, Journal, Planned, Standing, Whose
from bridge.plan import Plan, Route, plan, remarked
from bridge.record import horizon, keep_resources
from bridge.slots import Asks
from bridge.types import Cause, InboundRequest, Outcome, Payload, Verdict, VerifiedRequest

#: Why a delivery is dead that today's configuration knows nothing of.
NOT_CONNECTED = (Cause("store", "not_connected"),)


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a webhook meets; `bridge.app` fills it in, tests fill in functions."""

    routes: Mapping[str, Route]
    journal: Journal
    flights: Flights
    verify: Callable[[InboundRequest, Route], Awaitable[VerifiedRequest]]
    send: Callable[[Route, Payload], Awaitable[Verdict]]
    fetch: Callable[[Route, Plan], Awaitable[Mapping[str, Any]]]
    clock: Callable[[], float]  #: monotonic seconds
    lag: Callable[[], float] = lambda: 0.0  #: seconds that this process is late


@dataclass(slots=True)
class Begun:
    """A flight that is out, and those that followed from it."""

    told: asyncio.Future[Outcome]
    followers: list[tuple[Standing, Begun | None]] = field(default_factory=list)
    followed: Plan | None = None


def begin(
    flight: Flight,
    planned: Plan,
    verified: VerifiedRequest,
    route: Route,
    rooms: Rooms,
    *,
    parked: bool = False,
) -> Begun:
    """
    Begin a flight.

    A mapping may have changed since the delivery was recorded: what is planned now is what
    counts, also when that is nothing.

    Args:
        planned: The plan of the flight's webhook; holds the payload, or what is to be fetched.
        parked: No store waits for the outcome.
    """
    asks = Asks(route.store.name, parked)
    if flight.endpoint == FETCH and planned.fetches:
        return _begin_fetch(flight, planned, verified, route, rooms, asks)
    if flight.endpoint == ERASE and planned.erase is not None:
        return _begin_erasure(flight, replace(planned.erase, but=flight.entry), rooms)
    today = next((one for one in planned.deliveries if one.endpoint == flight.endpoint), None)
    payload = planned.payloads.get(flight.endpoint)
    if today is None or payload is None:
        return _begin_nothing(flight, planned, today, rooms)
    current = flight if flight.print == today.print else replace(flight, print=today.print)

    async def send() -> Verdict:
        verdict = await rooms.send(route, payload)
        if verdict.kind in ("transient", "unsure"):
            return verdict
        reason = remarked(payload.remarks, verdict.reason)
        return verdict if reason == verdict.reason else replace(verdict, reason=reason)

    return Begun(rooms.flights.launch(current, send, asks=asks))


def _begin_nothing(flight: Flight, planned: Plan, today: Planned | None, rooms: Rooms) -> Begun:
    """Settle a delivery that today's mapping files make nothing of."""
    told = (today.reason if today is not None else planned.problem) or ""
    reason = told or f"the store does not feed '{flight.endpoint}' any more"
    ignored = today.state == "ignored" if today else bool(planned.problem) and not planned.dead
    # Somebody has asked to be forgotten: that is never put away unseen.
    ignored = ignored and flight.endpoint != ERASE
    if not ignored:
        causes = (today.causes if today is not None else planned.causes) or NOT_CONNECTED
        return begin_refusal(flight, reason, causes, rooms)

    async def send() -> Verdict:
        return Verdict("refused", reason)

    async def settle(_: Verdict) -> Outcome | None:
        ours = await rooms.journal.settle(flight, "ignored", reason)
        return Outcome(flight.endpoint, "ignored", reason) if ours else None

    return Begun(rooms.flights.launch(flight, send, settle, asks=None))


def begin_refusal(flight: Flight, reason: str, causes: Sequence[Cause], rooms: Rooms) -> Begun:
    """Make a dead letter of a delivery that cannot be planned any more, with nothing sent."""

    async def send() -> Verdict:
        return Verdict("refused", reason)

    async def settle(_: Verdict) -> Outcome | None:
        ours = await rooms.journal.unmappable(flight, reason, causes)
        return Outcome(flight.endpoint, "refused", reason) if ours else None

    return Begun(rooms.flights.launch(flight, send, settle, asks=None))


def _begin_erasure(flight: Flight, whose: Whose, rooms: Rooms) -> Begun:
    """Erase what is kept of somebody; the entry that asks for it goes with the last word."""

    async def send() -> Verdict:
        try:
            erased, flying = await erase(rooms.journal, find(rooms.journal, whose))
        except JournalUnavailable:
            return Verdict("transient", "the journal cannot be reached")
        if flying:
            return Verdict("transient", f"{flying} of their deliveries are under way", well=True)
        return Verdict("delivered", f"{erased} entries erased")

    async def settle(verdict: Verdict) -> Outcome | None:
        ours = await rooms.journal.settle(flight, "delivered", verdict.reason, unname=True)
        return Outcome(ERASE, "delivered", verdict.reason) if ours else None

    return Begun(rooms.flights.launch(flight, send, settle, asks=None))


def _begin_fetch(
    flight: Flight,
    planned: Plan,
    verified: VerifiedRequest,
    route: Route,
    rooms: Rooms,
    asks: Asks,
) -> Begun:
    fetched: dict[str, Any] = {}

    async def send() -> Verdict:
        try:
            fetched.update(await rooms.fetch(route, planned))
        except FetchFailed as error:
            causes = (Cause("fetch", error.code, route.source.file, field=error.field),)
            if error.transient:
                well = error.few is not None
                return Verdict("transient", str(error), error.retry_after, error.few, well, causes)
            return Verdict("refused", str(error), causes=causes)
        return Verdict("delivered")

    async def settle(verdict: Verdict) -> Outcome | None:
        if verdict.kind == "refused":
            ours = await rooms.journal.settle(flight, "refused", verdict.reason, verdict.causes)
            return Outcome(FETCH, "refused", verdict.reason) if ours else None
        complete = plan(verified, route, fetched)
        receipt = await rooms.journal.expand(
            flight,
            keep_resources(route.source, fetched),
            complete.deliveries,
            event_type=complete.event.type if complete.event else None,
            resource_id=complete.resource,
            subjects=complete.subjects,
            problem=complete.problem,
            dead=complete.dead,
            causes=complete.causes,
            horizon=horizon(route),
        )
        begun.followed = complete
        for standing in receipt.standings:
            if standing.outcome.endpoint == FETCH:
                continue
            inner = standing.flight
            follower = (
                begin(inner, complete, verified, route, rooms, parked=asks.parked)
                if inner
                else None
            )
            begun.followers.append((standing, follower))
        return Outcome(FETCH, "delivered")

    begun = Begun(rooms.flights.launch(flight, send, settle, asks=asks))
    return begun
