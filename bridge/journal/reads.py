"""
Read the journal for people and for whoever maps an entry again.  Nothing is written here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from bridge.journal.deliveries import deliveries
from bridge.journal.protocol import DeliverySummary, EntrySummary, Filter, Standing, Stored
from bridge.journal.transaction import Row, Steps, one, readable, rows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LOAD = """
SELECT e.store, e.topic, b.headers, b.body, b.resource, e.received_at
  FROM entry e JOIN body b ON b.entry = e.id
 WHERE e.id = :entry
"""

# Which entries are open and dead is read from the small indexes of what is not settled.
OPEN = """
SELECT entry FROM delivery INDEXED BY delivery_due WHERE state = 'queued'
 UNION SELECT flying FROM lane INDEXED BY lane_held WHERE holder IS NOT NULL
"""

DEAD = """
SELECT entry FROM delivery INDEXED BY delivery_dead WHERE state IN ('refused', 'failed')
 UNION SELECT id FROM entry INDEXED BY entry_dead WHERE dead = 1
"""

IS_OPEN = """
EXISTS (SELECT 1 FROM delivery d WHERE d.entry = e.id AND d.state IN ('queued', 'flying'))
"""

IS_DEAD = """
(e.dead = 1
 OR EXISTS (SELECT 1 FROM delivery d WHERE d.entry = e.id AND d.state IN ('refused', 'failed')))
"""

ENTRIES = """
SELECT e.id, e.store, e.topic, e.event_type, e.resource, e.received_at, e.copies, e.problem, e.dead
  FROM entry e
"""

SUMMARIES = """
SELECT entry, endpoint, state, attempts, reason, unsure, next_at, until, settled_at
  FROM delivery
"""

_CONDITIONS = {
    "open": f"e.id IN ({OPEN})",
    "dead": f"e.id IN ({DEAD}) AND NOT {IS_OPEN}",
    "done": f"NOT {IS_OPEN} AND NOT {IS_DEAD}",
}


def standings(entry: int, now: int) -> Steps[tuple[Standing, ...]]:
    """Tell where the deliveries of an entry stand; *now* in milliseconds."""
    return tuple(each.standing(now) for each in (yield from deliveries(entry)))


def load(entry: int) -> Steps[Stored]:
    """Give what is needed to map an entry again; raises `LookupError` when it is gone."""
    row = yield from one(LOAD, {"entry": entry})
    if row is None:
        raise LookupError(f"the journal has no entry {entry}, or no longer its body")
    store, topic, headers, body, resource, received_at = row
    arrived = _EPOCH + timedelta(microseconds=received_at)
    return Stored(entry, store, topic, headers, body, resource, arrived)


def show(entry: int) -> Steps[EntrySummary]:
    """Give one entry with its deliveries; raises `LookupError` when there is none."""
    row = yield from one(f"{ENTRIES} WHERE e.id = :entry", {"entry": entry})
    if row is None:
        raise LookupError(f"the journal has no entry {entry}")
    return (yield from _summaries([row]))[0]


def entries(wanted: Filter) -> Steps[tuple[EntrySummary, ...]]:
    """Give the entries that are wanted, newest first."""
    asked = {
        "e.store = :store": wanted.store,
        "e.topic = :topic": wanted.topic,
        # SQLite uses the index of what is not empty only when it is told so.
        "e.resource = :resource AND e.resource <> ''": wanted.resource,
        "e.id < :before": wanted.before,
    }
    conditions = [condition for condition, value in asked.items() if value is not None]
    if wanted.state is not None:
        conditions.append(_CONDITIONS[wanted.state])
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    found = yield from rows(
        f"{ENTRIES} {where} ORDER BY e.id DESC LIMIT :limit",
        {
            "store": wanted.store,
            "topic": wanted.topic,
            "resource": wanted.resource and readable(wanted.resource),
            "before": wanted.before,
            "limit": wanted.limit,
        },
    )
    return (yield from _summaries(found))


def _summaries(given: Sequence[Row]) -> Steps[tuple[EntrySummary, ...]]:
    if not given:
        return ()
    ids = {f"id_{at}": row[0] for at, row in enumerate(given)}
    marks = ", ".join(f":{name}" for name in ids)
    found: defaultdict[int, list[DeliverySummary]] = defaultdict(list)
    for entry, *values in (yield from rows(f"{SUMMARIES} WHERE entry IN ({marks})", ids)):
        found[entry].append(_delivery(*values))
    return tuple(_entry(row, found[row[0]]) for row in given)


def _delivery(
    endpoint: str,
    state: Any,
    attempts: int,
    reason: str,
    unsure: int,
    next_at: int | None,
    until: int,
    settled_at: int | None,
) -> DeliverySummary:
    waits = state == "queued"
    return DeliverySummary(
        endpoint=endpoint,
        state=state,
        attempts=attempts,
        reason=reason,
        unsure=bool(unsure),
        next_at=_moment(next_at) if waits else None,
        until=_moment(until) if settled_at is None else None,
        settled_at=_moment(settled_at),
    )


def _entry(row: Any, deliveries: Sequence[DeliverySummary]) -> EntrySummary:
    entry, store, topic, event_type, resource, received_at, copies, problem, dead = row
    states = {delivery.state for delivery in deliveries}
    state: Literal["open", "dead", "done"] = "done"
    if states & {"queued", "flying"}:
        state = "open"
    elif dead or states & {"refused", "failed"}:
        state = "dead"
    return EntrySummary(
        entry,
        store,
        topic,
        event_type,
        resource,
        _EPOCH + timedelta(microseconds=received_at),
        copies,
        state,
        problem,
        tuple(deliveries),
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)
