"""
Finish later what could not be finished in time.

One loop per process: gives its sign of life, takes over from workers that are gone, and sends
what is due.  What is sent is planned again from what the journal kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from bridge.deliver import Rooms, begin
from bridge.errors import JournalUnavailable
from bridge.journal.protocol import FETCH, Flight
from bridge.plan import plan
from bridge.record import read_resources, recall
from bridge.verify import restore

log = structlog.get_logger()

#: Seconds between two passes, if nothing happens before.
_PASS = 1.0
#: Flights of parked deliveries at the same moment in one process.
_MOST = 16
_NOT_CONFIGURED = 900.0


async def park(rooms: Rooms, *, beat: float, stop: asyncio.Event, lost: Callable[[], None]) -> None:
    """
    Run until *stop* is set.

    Args:
        beat: Seconds between two signs of life.
        lost: Called when this worker was declared gone: it must send nothing any more.
    """
    last_beat = float("-inf")
    while not stop.is_set():
        try:
            if rooms.clock() - last_beat >= beat:
                last_beat = rooms.clock()
                if not await rooms.journal.beat():
                    lost()
                    return
            await rooms.journal.sweep()
            await finish_due(rooms)
            wait = await rooms.journal.next_due()
        except JournalUnavailable as error:
            log.warning("journal away", error=str(error))
            wait = None
        pause = _PASS if wait is None else min(_PASS, max(wait, 0.01))
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            continue


async def finish_due(rooms: Rooms) -> int:
    """Begin the flights of deliveries whose time has come; returns how many."""
    room = _MOST - len(rooms.flights)
    if room <= 0:
        return 0
    begun = 0
    for standing in await rooms.journal.due(room):
        if standing.flight is not None:
            await resume(standing.flight, rooms)
            begun += 1
    return begun


async def resume(flight: Flight, rooms: Rooms) -> None:
    """Plan a delivery again from what the journal kept, and begin its flight."""
    try:
        stored = await rooms.journal.load(flight.entry)
    except LookupError:
        await rooms.journal.unmappable(flight, "its body is gone: it cannot be sent any more")
        return
    route = rooms.routes.get(stored.store)
    if route is None:
        reason = f"store '{stored.store}' is not in connections.toml any more"
        await rooms.journal.back(flight, delay=_NOT_CONFIGURED, unsure=False, reason=reason)
        return
    verified = restore(recall(stored), "journal")
    planned = plan(verified, route, None if flight.endpoint == FETCH else read_resources(stored))
    begin(flight, planned, verified, route, rooms)
