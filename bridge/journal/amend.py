"""
Give an entry deliveries that it did not have when it came: after a fetch, or by a replay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.journal import causes, keys
from bridge.journal.arrivals import Parent, add, hashed, insert, lanes_of, planned_version, written
from bridge.journal.bodies import keep_resource
from bridge.journal.deliveries import SETTLE, Delivery, attempt, deliveries, is_ours
from bridge.journal.lanes import Claim, accept, version_of
from bridge.journal.protocol import Flight, Planned, Receipt, Standing
from bridge.journal.transaction import Steps, Transaction, count, do, each, one, readable
from bridge.types import Cause

FACTS = "SELECT store, recorded_at, horizon, problem, dead FROM entry WHERE id = :entry"

COMPLETE = """
UPDATE entry
   SET event_type = coalesce(:event_type, event_type), subject = coalesce(:subject, subject),
       resource = CASE :resource WHEN '' THEN resource ELSE :resource END,
       horizon = :horizon, problem = :problem, dead = :dead
 WHERE id = :entry
"""

# Its place among the keys is that of the first; no webhook ever has this key again.
SEND_AGAIN = """
INSERT INTO entry (key, store, topic, event_type, resource, subject, received_at, recorded_at,
                   horizon)
SELECT :key, store, topic, event_type, resource, subject, received_at, :now, horizon
  FROM entry WHERE id = :entry
RETURNING id
"""

COPY_BODY = """
INSERT INTO body (entry, headers, body, resource, sealed)
SELECT :again, headers, body, resource, sealed FROM body WHERE entry = :entry
"""

KEY = "SELECT key FROM entry WHERE id = :entry"

SOLVE = "UPDATE entry SET problem = :problem, dead = 0 WHERE id = :entry"

# From now on it is ours: no store repeats for an operator.
REPLAY = """
UPDATE delivery
   SET state = :state, reason = :reason, lane = :lane, target = :target, stamp = :stamp,
       tie = :tie, print = :print, attempts = 0, park = 1,
       next_at = CASE :state WHEN 'queued' THEN :now END, until = :until,
       settled_at = CASE :state WHEN 'queued' THEN NULL ELSE :now END
 WHERE entry = :entry AND endpoint = :endpoint AND state IN ('refused', 'failed', 'stale')
"""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became known of an entry by fetching; the fields are those of `Journal.expand`."""

    resource: bytes
    deliveries: Sequence[Planned]
    event_type: str | None
    resource_id: str
    subjects: Sequence[str]
    problem: str | None
    dead: bool
    causes: Sequence[Cause]
    horizon: float


def expand(tx: Transaction, flight: Flight, fetched: Fetched) -> Steps[tuple[Receipt, bool]]:
    """
    Settle a fetch and add what it leads to.

    Returns:
        What became of it, and whether the flight was still ours.  Nothing is written when it
        was not: whoever has it now fetches again, which harms nobody.
    """
    entry = flight.entry
    settled = attempt(tx, flight) | {"state": "delivered", "reason": ""}
    if not (yield from count(SETTLE, settled)):
        ours = yield from is_ours(tx, flight, "delivered")
        *_, problem, dead = yield from _facts(entry)
        standings = yield from _standings(tx, entry)
        return Receipt(entry, copy=True, standings=standings, problem=problem, dead=dead), ours
    yield from accept(tx, version_of(flight), flight.token, flight.print, sent=True)
    yield from _complete(tx, entry, fetched)
    store, recorded_at, horizon, problem, dead = yield from _facts(entry)
    present = {delivery.endpoint: delivery for delivery in (yield from deliveries(entry))}
    park = bool(present[flight.endpoint].park)
    parent = Parent(entry, store, recorded_at, recorded_at + horizon, park)
    standings = yield from each(
        _present_or_added(tx, parent, planned, present.get(planned.endpoint))
        for planned in fetched.deliveries
    )
    receipt = Receipt(entry, copy=False, standings=standings, problem=problem, dead=dead)
    return receipt, True


def touches(tx: Transaction, flight: Flight, fetched: Fetched) -> frozenset[bytes] | None:
    """Give the lanes that `expand` is about; None while some of their names have no number."""
    lanes = lanes_of(tx, fetched.deliveries)
    return None if lanes is None else lanes | {flight.lane}


def _present_or_added(
    tx: Transaction, parent: Parent, planned: Planned, present: Delivery | None
) -> Steps[Standing]:
    if present is not None:
        return present.standing(tx.now)
    return (yield from add(tx, parent, planned))


def _complete(tx: Transaction, entry: int, fetched: Fetched) -> Steps[None]:
    yield from keep_resource(tx, entry, fetched.resource)
    values = {
        "entry": entry,
        "resource": readable(fetched.resource_id),
        "event_type": fetched.event_type,
        "subject": hashed(tx, fetched.subjects),
        "horizon": int(fetched.horizon * 1000),
        "problem": written(fetched.problem),
        "dead": fetched.dead,
    }
    yield from do(COMPLETE, values)
    if fetched.dead:
        yield from causes.keep(entry, causes.ENTRY, fetched.causes)


def replay(
    tx: Transaction,
    entry: int,
    planned: Sequence[Planned],
    endpoint: str | None,
    problem: str | None = None,
) -> Steps[tuple[Standing, ...]]:
    """
    Queue dead and stale deliveries again, as the mapping sees them today, and add missing ones.

    Args:
        problem: Why the entry is of no interest today.

    Raises:
        LookupError: There is no such entry, or nothing of it for *endpoint*.
    """
    store, recorded_at, horizon, _, _ = yield from _facts(entry)
    today = {new.endpoint: new for new in planned if endpoint in (None, new.endpoint)}
    known = yield from deliveries(entry)
    present = {old.endpoint: old for old in known if endpoint in (None, old.endpoint)}
    if endpoint is not None and not today and not present:
        raise LookupError(f"entry {entry} has no delivery to {endpoint}, and none is mapped")
    until = tx.now + horizon
    parent = Parent(entry, store, recorded_at, until, park=True)
    for old in present.values():
        if old.state in ("refused", "failed", "stale"):
            values = yield from _renewed(tx, parent, old, today.get(old.endpoint))
            yield from _put_back(entry, values, today.get(old.endpoint))
    for name in today.keys() - present.keys():
        yield from _add_queued(tx, parent, today[name])
    if today or problem is not None:
        yield from do(SOLVE, {"entry": entry, "problem": written(problem)})
        yield from causes.forget(entry, causes.ENTRY)
    return (yield from _standings(tx, entry))


def send_again(tx: Transaction, entry: int, planned: Sequence[Planned]) -> Steps[int]:
    """
    Record *entry* once more, with its old versions, and queue *planned* for the new one.

    They have no prints: what the destination is thought to show already is sent all the same.

    Raises:
        LookupError: There is no such entry, or its body is gone.
    """
    store, recorded_at, horizon, _, _ = yield from _facts(entry)
    key = yield from one(KEY, {"entry": entry})
    assert key is not None  # noqa: S101 - its facts have just been read
    values = {"entry": entry, "key": keys.another(key[0]), "now": tx.now}
    row = yield from one(SEND_AGAIN, values)
    assert row is not None  # noqa: S101 - as above
    again = int(row[0])
    if not (yield from count(COPY_BODY, {"entry": entry, "again": again})):
        raise LookupError(f"the body of entry {entry} is gone")
    parent = Parent(again, store, recorded_at, tx.now + horizon, park=True)
    for new in planned:
        yield from _add_queued(tx, parent, replace(new, print=None))
    return again


def _put_back(entry: int, values: Mapping[str, Any], new: Planned | None) -> Steps[None]:
    endpoint = values["endpoint"]
    if (yield from count(REPLAY, values)):
        yield from causes.forget(entry, endpoint)
        if new is not None and new.state == "refused":
            yield from causes.keep(entry, endpoint, new.causes)


def _add_queued(tx: Transaction, parent: Parent, planned: Planned) -> Steps[None]:
    given = Claim(planned.state, reason=readable(planned.reason))
    next_at = tx.now if planned.state == "queued" else None
    version = yield from planned_version(tx, parent, planned)
    yield from insert(tx, parent, planned, version, given, next_at=next_at)


def _renewed(
    tx: Transaction, parent: Parent, old: Delivery, new: Planned | None
) -> Steps[Mapping[str, Any]]:
    values: dict[str, Any] = old.version() | {
        "endpoint": old.endpoint,
        "now": tx.now,
        "until": parent.until,
        "target": old.target,
        "print": old.print,
        "state": "queued",
        "reason": "replayed",
    }
    if new is None:
        return values
    if new.state != "queued":
        return values | {"state": new.state, "reason": readable(new.reason)}
    version = yield from planned_version(tx, parent, new)
    return values | version | {"target": new.target, "print": new.print}


def _facts(entry: int) -> Steps[tuple[str, int, int, str | None, bool]]:
    row = yield from one(FACTS, {"entry": entry})
    if row is None:
        raise LookupError(f"the journal has no entry {entry}")
    store, recorded_at, horizon, problem, dead = row
    return store, recorded_at, horizon, problem, bool(dead)


def _standings(tx: Transaction, entry: int) -> Steps[tuple[Standing, ...]]:
    return tuple(delivery.standing(tx.now) for delivery in (yield from deliveries(entry)))
