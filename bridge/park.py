"""
Finish later what could not be finished in time.

One loop per process: gives its sign of life, takes over from workers that are gone, sends what is
due, and has the journal forget what is old.  What is sent is planned again from what was kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from bridge.deliver import Rooms, begin
from bridge.errors import BodySealed, JournalUnavailable
from bridge.journal.protocol import FETCH, Flight, Keep
from bridge.plan import plan
from bridge.record import read_resources, recall
from bridge.types import Cause
from bridge.verify import restore

log = structlog.get_logger()

#: Seconds between two passes, if nothing happens before.
_PASS = 1.0
#: Seconds until the next pass when more is due than was begun, and when nothing could be begun.
_MORE, _FULL = 0.01, 0.05
#: Deliveries that one pass begins.
_MOST = 16
_NOT_CONFIGURED = 900.0
#: Seconds between two rounds of forgetting, and between two steps of one round.
_FORGET_EVERY, _STEP = 60.0, 0.1
_KEEP = Keep()


async def park(
    rooms: Rooms,
    *,
    beat: float,
    stop: asyncio.Event,
    lost: Callable[[], None],
    keep: Keep = _KEEP,
) -> None:
    """
    Run until *stop* is set.

    Args:
        beat: Seconds between two signs of life.
        lost: Called when this worker was declared gone: it must send nothing any more.
        keep: How long things are kept.
    """
    last_beat = last_round = float("-inf")
    forgetting = False
    while not stop.is_set():
        begun, wait = 0, None
        try:
            if rooms.clock() - last_beat >= beat:
                last_beat = rooms.clock()
                if not await rooms.journal.beat():
                    lost()
                    return
            await rooms.journal.sweep()
            begun = await finish_due(rooms)
            # What waits for a target that rests is due when the rest is over.
            rests = rooms.flights.gates.rests()
            due = await rooms.journal.next_due(rests.keys())
            wait = min([*rests.values(), *([] if due is None else [due])], default=None)
            if forgetting or rooms.clock() - last_round >= _FORGET_EVERY:
                last_round = rooms.clock()
                forgetting = await rooms.journal.forget(keep)
                wait = min(_STEP, _PASS if wait is None else wait) if forgetting else wait
        except JournalUnavailable as error:
            log.warning("journal away", error=str(error))
        except Exception as error:
            # Whatever it is, everything parked waits for the next pass.
            log.error("parking failed", exc_info=error)
        try:
            await asyncio.wait_for(stop.wait(), pause(begun, wait))
        except TimeoutError:
            continue


def pause(begun: int, wait: float | None) -> float:
    """
    Say how many seconds to rest between two passes.

    Args:
        begun: Flights that the last one began.
        wait: Seconds until something is due; None: nothing is queued.
    """
    least = _MORE if begun else _FULL
    return _PASS if wait is None else min(_PASS, max(wait, least))


async def finish_due(rooms: Rooms) -> int:
    """Begin the flights of deliveries whose time has come; returns how many."""
    begun = 0
    for standing in await rooms.journal.due(_MOST, rooms.flights.gates.room()):
        if standing.flight is not None:
            await resume(standing.flight, rooms)
            begun += 1
    return begun


async def resume(flight: Flight, rooms: Rooms) -> None:
    """Plan a delivery again from what the journal kept, and begin its flight."""
    try:
        stored = await rooms.journal.load(flight.entry)
    except LookupError:
        reason = "its body is gone: it cannot be sent any more"
        await rooms.journal.unmappable(flight, reason, (Cause("store", "body_gone"),))
        return
    except BodySealed as error:
        await _put_off(flight, str(error), rooms)
        return
    route = rooms.routes.get(stored.store)
    if route is None:
        reason = f"store '{stored.store}' is not in connections.toml any more"
        await _put_off(flight, reason, rooms)
        return
    verified = restore(recall(stored), "journal")
    planned = plan(verified, route, None if flight.endpoint == FETCH else read_resources(stored))
    begin(flight, planned, verified, route, rooms)


async def _put_off(flight: Flight, reason: str, rooms: Rooms) -> None:
    """Leave a delivery queued until whoever runs the bridge has mended its configuration."""
    await rooms.journal.back(
        flight, delay=_NOT_CONFIGURED, unsure=False, reason=reason, attempted=False
    )
