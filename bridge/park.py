"""
Finish later what could not be finished in time.

One loop per process: gives its sign of life, takes over from workers that are gone, sends what is
due, and has the journal forget what is old.  What is sent is planned again from what was kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from bridge.deliver import Rooms, begin, begin_refusal
from bridge.errors import BodySealed, JournalUnavailable
from bridge.journal.protocol import FETCH, Flight, Keep
from bridge.limits import Closed
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
#: Seconds until the next look at what cannot be sent before a person has done something.
_LATER = 900.0
#: Seconds within which everything is tried again when a target answers again.
_SOON = 60.0
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
            now = rooms.clock()
            if now - last_beat >= beat:
                if not await rooms.journal.beat():
                    lost()
                    return
                last_beat = now
            await rooms.journal.sweep()
            await hasten(rooms)
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


async def hasten(rooms: Rooms) -> None:
    """Make due soon what a target that answers again has put off while it did not."""
    gates = rooms.flights.gates
    for target in gates.recovered():
        while await rooms.journal.hasten(target, _SOON):
            continue
        gates.hastened(target)


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
        await _resume(flight, rooms)
    except JournalUnavailable as error:
        rooms.flights.put_back(flight, Closed(f"not sent: {error}"))
    except Exception as error:
        # A bug of ours must keep neither this lane nor what comes after it.
        log.error("resume failed", entry=flight.entry, endpoint=flight.endpoint, exc_info=error)
        reason = f"not sent: the bridge failed: {type(error).__name__}"
        rooms.flights.put_back(flight, Closed(reason, _LATER))


async def _resume(flight: Flight, rooms: Rooms) -> None:
    try:
        stored = await rooms.journal.load(flight.entry)
    except LookupError:
        reason = "its body is gone: it cannot be sent any more"
        begin_refusal(flight, reason, (Cause("store", "body_gone"),), rooms)
        return
    except BodySealed as error:
        rooms.flights.put_back(flight, Closed(str(error), _LATER))
        return
    route = rooms.routes.get(stored.store)
    if route is None:
        reason = f"store '{stored.store}' is not in connections.toml any more"
        rooms.flights.put_back(flight, Closed(reason, _LATER))
        return
    verified = restore(recall(stored), "journal")
    planned = plan(verified, route, None if flight.endpoint == FETCH else read_resources(stored))
    begin(flight, planned, verified, route, rooms, parked=True)
