"""
Begin the flight of one delivery: the fetch of what is missing, or the call of an endpoint.

The pipeline and the parking worker begin flights alike; only who waits for them differs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import simplejson

from bridge.errors import FetchFailed
from bridge.flights import Flights
from bridge.journal.protocol import FETCH, Flight, Journal, Standing
from bridge.plan import Plan, Route, plan
from bridge.types import InboundRequest, Outcome, Payload, Verdict, VerifiedRequest


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


@dataclass(slots=True)
class Begun:
    """A flight that is out, and those that followed from it."""

    told: asyncio.Future[Outcome]
    followers: list[tuple[Standing, Begun | None]] = field(default_factory=list)
    followed: Plan | None = None


def begin(
    flight: Flight, planned: Plan, verified: VerifiedRequest, route: Route, rooms: Rooms
) -> Begun:
    """
    Begin a flight.

    Args:
        planned: The plan of the flight's webhook; holds the payload, or what is to be fetched.
    """
    if flight.endpoint == FETCH:
        return _begin_fetch(flight, planned, verified, route, rooms)
    payload = planned.payloads[flight.endpoint]
    today = next(one for one in planned.deliveries if one.endpoint == flight.endpoint)
    # A mapping may have changed since the delivery was recorded: what is sent now is what counts.
    current = replace(flight, print=today.print)
    return Begun(rooms.flights.launch(current, lambda: rooms.send(route, payload)))


def _begin_fetch(
    flight: Flight, planned: Plan, verified: VerifiedRequest, route: Route, rooms: Rooms
) -> Begun:
    fetched: dict[str, Any] = {}

    async def send() -> Verdict:
        try:
            fetched.update(await rooms.fetch(route, planned))
        except FetchFailed as error:
            if error.transient:
                return Verdict("transient", str(error), error.retry_after)
            return Verdict("refused", str(error))
        return Verdict("delivered")

    async def settle(verdict: Verdict) -> bool:
        if verdict.kind == "refused":
            return await rooms.journal.settle(flight, "refused", verdict.reason)
        complete = plan(verified, route, fetched)
        receipt = await rooms.journal.expand(
            flight,
            simplejson.dumps(fetched, use_decimal=True).encode(),
            complete.deliveries,
            event_type=complete.event.event.type if complete.event else None,
            resource_id=complete.resource,
            subject=complete.subject,
            problem=complete.problem,
            dead=complete.dead,
            horizon=route.store.horizon,
        )
        begun.followed = complete
        for standing in receipt.standings:
            if standing.outcome.endpoint == FETCH:
                continue
            inner = standing.flight
            follower = begin(inner, complete, verified, route, rooms) if inner else None
            begun.followers.append((standing, follower))
        return True

    begun = Begun(rooms.flights.launch(flight, send, settle))
    return begun
