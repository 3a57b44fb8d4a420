"""
Find the queued deliveries whose time has come, so that no backlog hides another.

The index is walked pair by pair of target and store, and each pair gets a few in turn: a
destination that is down may have a hundred thousand waiting.  A target for which there is no
room now, because it rests or has enough to do, is passed over whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bridge.journal import causes
from bridge.journal.deliveries import LONGEST_DELAY, LOOK_AGAIN, STORE_STOPPED, find, take
from bridge.journal.protocol import Standing
from bridge.journal.transaction import Row, Steps, Transaction, count, do, one, rows

Pair = tuple[str, str]  #: target and store

#: Seconds until the next attempt, at most, where a destination does not ask for more.
LONGEST_BACKOFF = 900.0
#: Deliveries of one pair before the next pair has its turn.
_QUANTUM = 4
#: Deliveries that one transaction hastens, so that nobody waits long for it.
_MOST_HASTENED = 500
#: Rows looked at for each one that is asked for, so that no transaction grows without end.
_PATIENCE = 8

FIRST_PAIR = """
SELECT target, store FROM delivery INDEXED BY delivery_due
 WHERE state = 'queued' ORDER BY target, store LIMIT 1
"""

# Two statements: SQLite reads (target, store) > (?, ?) row by row through the whole target.
NEXT_STORE = """
SELECT target, store FROM delivery INDEXED BY delivery_due
 WHERE state = 'queued' AND target = :target AND store > :store ORDER BY store LIMIT 1
"""

NEXT_TARGET = """
SELECT target, store FROM delivery INDEXED BY delivery_due
 WHERE state = 'queued' AND target > :target ORDER BY target, store LIMIT 1
"""

DUE = """
SELECT entry, endpoint FROM delivery INDEXED BY delivery_due
 WHERE state = 'queued' AND target = :target AND store = :store AND next_at <= :now
 ORDER BY next_at LIMIT :quantum
"""

EARLIEST = """
SELECT next_at FROM delivery INDEXED BY delivery_due
 WHERE state = 'queued' AND target = :target AND store = :store AND next_at IS NOT NULL
 ORDER BY next_at LIMIT 1
"""

PUT_OFF = """
UPDATE delivery SET next_at = :later
 WHERE entry = :entry AND endpoint = :endpoint AND state = 'queued'
"""

PULL_IN = """
UPDATE delivery INDEXED BY delivery_due SET next_at = :now
 WHERE state = 'queued' AND target = :target AND store = :store AND next_at > :furthest
"""

ABANDONED = """
UPDATE delivery INDEXED BY delivery_due
   SET state = 'failed', settled_at = :now,
       reason = 'the store stopped repeating' || CASE reason WHEN '' THEN '' ELSE '; last: ' || reason END
 WHERE state = 'queued' AND target = :target AND store = :store AND next_at IS NULL
   AND until <= :now
RETURNING entry, endpoint
"""

# Spread by a prime, so that entries that came together are not tried together.
HASTEN = """
UPDATE delivery SET next_at = :now + entry * 7919 % :within
 WHERE (entry, endpoint) IN (
       SELECT entry, endpoint FROM delivery INDEXED BY delivery_due
        WHERE state = 'queued' AND target = :target AND store = :store AND next_at > :soon
        ORDER BY next_at LIMIT :most)
   AND state = 'queued'
"""

ALIVE = "SELECT 1 FROM worker WHERE id = :me AND gone = 0"


def pairs() -> Steps[list[Pair]]:
    """Walk over the pairs that have anything queued."""
    found: list[Pair] = []
    row = yield from one(FIRST_PAIR, {})
    while row is not None:
        target, store = row
        found.append((target, store))
        row = yield from one(NEXT_STORE, {"target": target, "store": store})
        if row is None:
            row = yield from one(NEXT_TARGET, {"target": target})
    return found


def due(
    tx: Transaction, limit: int, room: Mapping[str, int], after: Pair | None
) -> Steps[tuple[tuple[Standing, ...], Pair | None]]:
    """
    Take up to *limit* deliveries whose time has come.

    Args:
        room: How many at most of a target; one that is not in it has room for all.
        after: The pair that was served last, so that the next call goes on behind it.

    Returns:
        Standings with flights, and the pair that was served last.
    """
    taken: list[Standing] = []
    left = dict(room)
    if (yield from one(ALIVE, {"me": tx.me})) is None:
        return (), after
    every = yield from pairs()
    ring = [pair for pair in every if after and pair > after]
    ring += [pair for pair in every if not (after and pair > after)]
    looks = limit * _PATIENCE
    while ring and looks > 0:
        served = []
        for pair in ring:
            target = pair[0]
            full = left.get(target, limit) <= 0
            waiting = () if full else (yield from _due_of(tx, pair, room.get(target, limit)))
            for entry, endpoint in waiting:
                if len(taken) == limit or left.get(target, limit) <= 0:
                    break
                standing = yield from take(tx, (yield from find(entry, endpoint)))
                if standing.flight is not None:
                    taken.append(standing)
                    left[target] = left.get(target, limit) - 1
                elif not standing.outcome.settled:
                    later = {"later": tx.now + LOOK_AGAIN, "entry": entry, "endpoint": endpoint}
                    yield from do(PUT_OFF, later)
            if waiting:
                served.append(pair)
                after = pair
                looks -= len(waiting)
            if len(taken) == limit:
                return tuple(taken), after
        ring = served
    return tuple(taken), after


def _due_of(tx: Transaction, pair: Pair, room: int) -> Steps[Sequence[Row]]:
    # However little room there is, a store whose turn it is takes no more than half of it.
    quantum = min(_QUANTUM, max(1, room // 2))
    values = {"target": pair[0], "store": pair[1], "now": tx.now, "quantum": quantum}
    return (yield from rows(DUE, values))


def next_due(without: Collection[str]) -> Steps[int | None]:
    """Give the earliest time at which something of ours is due, milliseconds."""
    times: list[Row] = []
    for target, store in (yield from pairs()):
        if target not in without:
            times += yield from rows(EARLIEST, {"target": target, "store": store})
    return min((at for (at,) in times), default=None)


def hasten(tx: Transaction, target: str, within: float) -> Steps[int]:
    """
    Make due within so many seconds what waits longer for *target*, not all of it at once.

    Returns:
        How many were hastened; as long as there are some, there may be more.
    """
    span = int(within * 1000)
    values = {"target": target, "now": tx.now, "soon": tx.now + span, "within": span}
    hastened = 0
    store: str | None = ""
    while store is not None and hastened < _MOST_HASTENED:
        row = yield from one(NEXT_STORE, {"target": target, "store": store})
        store = None if row is None else row[1]
        if store is not None:
            left = {"store": store, "most": _MOST_HASTENED - hastened}
            hastened += yield from count(HASTEN, values | left)
    return hastened


def tidy(tx: Transaction, *, stepped: bool) -> Steps[None]:
    """
    Pull in what lies too far ahead, and fail what its store has stopped repeating.

    Args:
        stepped: The clock may have been set back since times were written by it: what lies
            further ahead than a backoff is due now.  That a destination asked for more is not
            known any more; it is asked once too early.
    """
    longest = LONGEST_BACKOFF if stepped else LONGEST_DELAY
    furthest = tx.now + int(longest * 1000)
    for target, store in (yield from pairs()):
        values = {"target": target, "store": store, "now": tx.now, "furthest": furthest}
        yield from do(PULL_IN, values)
        for entry, endpoint in (yield from rows(ABANDONED, values)):
            yield from causes.keep(entry, endpoint, (STORE_STOPPED,))
