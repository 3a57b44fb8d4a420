"""The story of one webhook.  Read this first; every verb is a room of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bridge.answer import (
    PARK_FIRST,
    answer,
    answer_problem,
    last_moment,
    unavailable,
    very_last_moment,
)
from bridge.deliver import Begun, Rooms, begin
from bridge.errors import (
    FetchFailed,
    JournalUnavailable,
    TenantMismatch,
    UnknownStore,
    WrongMethod,
)
from bridge.flights import tell, wait_for
from bridge.handshake import shake_hands
from bridge.journal.protocol import FETCH, Arrival, Receipt, Standing
from bridge.lag import too_late
from bridge.plan import Plan, Route, plan
from bridge.record import arrival, is_ours
from bridge.types import Answer, InboundRequest, Outcome, VerifiedRequest

#: Seconds between two looks at a lane that another process holds.
_FIRST_LOOK, _LAST_LOOK = 0.025, 0.1


async def process(request: InboundRequest, rooms: Rooms, *, started: float) -> Answer:
    """
    Take one webhook from its bytes to the answer its store gets.

    Args:
        request: The webhook, unverified.
        rooms: The rooms it passes through.
        started: When its first byte came, on the rooms' clock.

    Raises:
        RequestError: The webhook is refused; nothing was written anywhere.
    """
    route = rooms.routes.get(request.store)
    if route is None or (request.segment and not route.engine.in_path):
        raise UnknownStore("no store of that name")
    shaken = shake_hands(request, route)
    if shaken is not None:
        return shaken
    if request.method not in route.source.methods:
        raise WrongMethod(f"a webhook is sent with {' or '.join(route.source.methods)}")
    policy = route.source.answer
    # What would not come again is taken however late it is.
    if policy.retries and too_late(rooms.lag(), policy.within):
        return unavailable("more comes in than can be answered in time")
    latest = started + very_last_moment(policy.within)
    try:
        async with asyncio.timeout(latest - rooms.clock()):
            verified = await rooms.verify(request, route)
            return _as_wanted(await _deliver(verified, route, rooms, started), route)
    except FetchFailed as error:
        return unavailable(str(error))
    except JournalUnavailable:
        return unavailable("the journal cannot be reached")
    except TimeoutError:
        # What has begun goes on: flights are the worker's, and the journal gives back the lanes
        # of whoever has stopped waiting.
        return unavailable("it could not be recorded in time")


def _as_wanted(told: Answer, route: Route) -> Answer:
    """Where a platform wants one fixed body of a success, that is what it gets."""
    policy = route.source.answer
    if told.status_code != 200 or policy.body is None:
        return told
    return replace(told, body=policy.body, media_type=policy.media_type)


def _planned(verified: VerifiedRequest, route: Route) -> tuple[Plan, Arrival]:
    """
    Plan a webhook: what its flights need, and what is recorded.

    The event and the body that was read are let go of here, or hundreds of objects would lie
    about until the answer: memory that is used anew at once is still in the processor's cache,
    which is worth about a twentieth of all throughput.
    """
    planned = plan(verified, route)
    if not planned.tenant_fits:
        raise TenantMismatch("the webhook speaks of another shop")
    recorded = arrival(planned, route, verified.request)
    return replace(planned, event=None, scope=planned.scope if planned.fetches else {}), recorded


async def _deliver(verified: VerifiedRequest, route: Route, rooms: Rooms, started: float) -> Answer:
    planned, recorded = _planned(verified, route)
    recorded = _put_off(recorded, rooms)
    nothing_to_send = not any(
        one.state == "queued" and one.put_off is None for one in recorded.deliveries
    )
    policy = route.source.answer
    # In so short a time only luck would deliver: it is answered once it is on disk.
    park = is_ours(route, planned)
    at_once = policy.within < PARK_FIRST and park
    until = started if at_once else started + last_moment(policy.within)
    # A store that never repeats has sent us the only copy: it is on disk before anything goes out.
    synced = nothing_to_send or not policy.retries or at_once
    receipt = await rooms.journal.receive(recorded, sync=synced)
    if receipt.problem is not None:
        if not synced:
            await rooms.journal.sync()
        return answer_problem(receipt.entry, receipt.problem, dead=receipt.dead, copy=receipt.copy)
    followed = await _follow(receipt, planned, verified, route, rooms, until, synced=synced)
    if followed.problem is not None:
        told = answer_problem(receipt.entry, followed.problem, dead=followed.dead)
    else:
        told = answer(receipt.entry, followed.outcomes, park=park, copy=receipt.copy)
    if told.status_code == 200 and not followed.on_disk:
        await rooms.journal.sync()
    return told


def _put_off(recorded: Arrival, rooms: Rooms) -> Arrival:
    """Have those deliveries queued to whose target nothing may be sent now."""
    gates = rooms.flights.gates
    closed = {
        at: why
        for at, one in enumerate(recorded.deliveries)
        if one.state == "queued" and (why := gates.of(one.target).closed()) is not None
    }
    if not closed:
        return recorded
    deliveries = list(recorded.deliveries)
    for at, why in closed.items():
        deliveries[at] = replace(deliveries[at], put_off=wait_for(why), reason=why.reason)
    return replace(recorded, deliveries=tuple(deliveries))


@dataclass(frozen=True, slots=True)
class _Followed:
    outcomes: Sequence[Outcome]
    on_disk: bool = False  #: everything that the outcomes rely on
    problem: str | None = None
    dead: bool = False


async def _follow(
    receipt: Receipt,
    planned: Plan,
    verified: VerifiedRequest,
    route: Route,
    rooms: Rooms,
    until: float,
    *,
    synced: bool,
) -> _Followed:
    """
    Begin what can begin, and wait for the outcomes until the store must be answered.

    Args:
        synced: The record itself is on disk.
    """
    begun = [
        (one, begin(one.flight, planned, verified, route, rooms) if one.flight else None)
        for one in receipt.standings
    ]
    if receipt.copy and not any(flight for _, flight in begun):
        return _Followed(await _watch(receipt, rooms, until))
    wait = _Wait(receipt.entry, verified, route, rooms, until)
    outcomes = await wait.for_all(begun, planned)
    complete = next((flight.followed for _, flight in begun if flight and flight.followed), None)
    if complete is not None and complete.problem is not None:
        return _Followed(outcomes, problem=complete.problem, dead=complete.dead)
    recorded = wait.written or (synced and complete is None)
    return _Followed(outcomes, on_disk=recorded and not wait.later)


@dataclass(slots=True)
class _Wait:
    """The wait for the flights of one entry, and for those that follow from them."""

    entry: int
    verified: VerifiedRequest
    route: Route
    rooms: Rooms
    until: float
    #: A last word was told.  It is on disk then, and so is all that was recorded before it.
    written: bool = False
    later: bool = False  #: something else was recorded after the entry

    async def for_all(
        self, begun: Sequence[tuple[Standing, Begun | None]], planned: Plan
    ) -> list[Outcome]:
        # Flights go on by themselves, whichever is waited for first.  A lane has to be looked at.
        if any(standing.held for standing, _ in begun):
            parts = await asyncio.gather(*(self._for(*one, planned) for one in begun))
        else:
            parts = [await self._for(*one, planned) for one in begun]
        return [outcome for part in parts for outcome in part]

    async def _for(
        self, standing: Standing, flight: Begun | None, planned: Plan
    ) -> Sequence[Outcome]:
        endpoint = standing.outcome.endpoint
        if flight is None and standing.held:
            standing = await _wait_for_lane(self.entry, endpoint, self.rooms, self.until)
            if standing.flight:
                flight = begin(standing.flight, planned, self.verified, self.route, self.rooms)
            else:
                self.later = True
        if flight is None:
            return (standing.outcome,)
        outcome = await _told(flight, endpoint, self.rooms, self.until)
        self.written |= outcome.settled and endpoint != FETCH
        if flight.followed is None:
            return (outcome,)
        return await self.for_all(flight.followers, flight.followed)


async def _told(begun: Begun, endpoint: str, rooms: Rooms, until: float) -> Outcome:
    """Wait for one flight; at the deadline it is told to be out still, and goes on without us."""
    late = asyncio.get_running_loop().call_later(
        until - rooms.clock(), tell, begun.told, Outcome(endpoint, "flying")
    )
    try:
        return await begun.told
    finally:
        late.cancel()


def _left(rooms: Rooms, until: float) -> float:
    """Seconds for which it makes sense to wait; a stop lets nobody wait for others."""
    return 0.0 if rooms.flights.stopping else until - rooms.clock()


async def _wait_for_lane(entry: int, endpoint: str, rooms: Rooms, until: float) -> Standing:
    """Take a held lane as soon as it is free, if that is in time."""
    pause = _FIRST_LOOK
    standing = Standing(Outcome(endpoint, "queued"), held=True)
    while (left := _left(rooms, until)) > 0:
        await rooms.flights.landing(min(pause, left))
        pause = min(_LAST_LOOK, pause * 2)
        standing = await rooms.journal.take(entry, endpoint)
        taken = standing.flight is not None or standing.outcome.settled
        if taken or not (standing.held or standing.outcome.state == "flying"):
            return standing
    return standing


async def _watch(receipt: Receipt, rooms: Rooms, until: float) -> list[Outcome]:
    """Wait with a copy for what the first one of its webhook comes to."""
    standings, pause = receipt.standings, _FIRST_LOOK
    while (left := _left(rooms, until)) > 0:
        if not any(one.outcome.state == "flying" for one in standings):
            break
        await rooms.flights.landing(min(pause, left))
        pause = min(_LAST_LOOK, pause * 2)
        standings = await rooms.journal.standings(receipt.entry)
    return [one.outcome for one in standings]
