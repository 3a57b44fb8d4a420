"""
Record webhooks and give them their deliveries.

A webhook that came before is found by its key, in the very statement that would insert it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.journal import causes
from bridge.journal.bodies import keep_body
from bridge.journal.deliveries import LOOK_AGAIN, Delivery, delay_of, deliveries, take
from bridge.journal.keys import subject_of
from bridge.journal.lanes import Claim, claim
from bridge.journal.protocol import Arrival, Flight, Planned, Receipt, Standing
from bridge.journal.transaction import Steps, Transaction, do, each, foreseen, one, readable
from bridge.types import Outcome

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RECORD = """
INSERT INTO entry (key, store, topic, event_type, resource, subject, received_at, recorded_at,
                   horizon, problem, dead)
VALUES (:key, :store, :topic, :event_type, :resource, :subject, :received_at, :now,
        :horizon, :problem, :dead)
ON CONFLICT (key) DO NOTHING RETURNING id
"""

COUNT_COPY = "UPDATE entry SET copies = copies + 1 WHERE key = :key RETURNING id, problem, dead"

# A delivery that gets its lane at once is never seen as queued, and so spares an index.
ADD = """
INSERT INTO delivery (entry, endpoint, lane, target, store, stamp, tie, print, park, state,
                      token, attempts, next_at, until, reason, settled_at)
VALUES (:entry, :endpoint, :lane, :target, :store, :stamp, :tie, :print, :park, :state,
        :token, :attempts, :next_at, :until, :reason, :settled_at)
"""

ADOPT = """
UPDATE delivery SET park = 1, next_at = CASE state WHEN 'queued' THEN :now END
 WHERE entry = :entry AND park = 0 AND state IN ('queued', 'flying')
"""


@dataclass(frozen=True, slots=True)
class Parent:
    """What an entry's new deliveries inherit."""

    entry: int
    store: str
    recorded_at: int  #: milliseconds
    until: int  #: milliseconds
    park: bool


def receive(tx: Transaction, arrival: Arrival) -> Steps[Receipt]:
    """Record a webhook and take the lanes that are free; or find that it is a copy."""
    key = yield from tx.key(arrival)
    horizon = int(arrival.horizon * 1000)
    values: dict[str, Any] = {
        "key": key,
        "store": arrival.store,
        "topic": readable(arrival.topic),
        "event_type": arrival.event_type,
        "resource": readable(arrival.resource),
        "subject": hashed(tx, arrival.subjects),
        "received_at": (arrival.received_at - _EPOCH) // timedelta(microseconds=1),
        "now": tx.now,
        "horizon": horizon,
        "problem": written(arrival.problem),
        "dead": arrival.dead,
    }
    row = yield from one(RECORD, values)
    if row is None:
        return (yield from _copy(tx, key, arrival))
    entry = int(row[0])
    yield from keep_body(tx, entry, arrival.headers, arrival.body)
    if arrival.dead:
        yield from causes.keep(entry, causes.ENTRY, arrival.causes)
    parent = Parent(entry, arrival.store, tx.now, tx.now + horizon, arrival.park)
    standings = yield from each(add(tx, parent, planned) for planned in arrival.deliveries)
    return Receipt(
        entry,
        copy=False,
        standings=standings,
        problem=values["problem"],
        dead=arrival.dead,
    )


def touches(tx: Transaction, arrival: Arrival) -> frozenset[bytes] | None:
    """Give the key and the lanes of an arrival; None while some of their names have no number."""
    key, lanes = foreseen(tx.key(arrival)), lanes_of(tx, arrival.deliveries)
    return None if key is None or lanes is None else lanes | {key}


def lanes_of(tx: Transaction, planned: Sequence[Planned]) -> frozenset[bytes] | None:
    """Give the lanes of deliveries that are no new entry's own; None where one cannot be told."""
    lanes = set()
    for new in planned:
        lane = foreseen(tx.lane(new, 0))
        if lane is None:
            return None
        if new.identity:
            lanes.add(lane)
    return frozenset(lanes)


def _copy(tx: Transaction, key: bytes, arrival: Arrival) -> Steps[Receipt]:
    row = yield from one(COUNT_COPY, {"key": key})
    assert row is not None  # noqa: S101 - RECORD has just found this key
    entry, problem, dead = row
    if arrival.park:
        # Its store is told "parked" from now on, so what was left to its repeats becomes ours.
        yield from do(ADOPT, {"entry": entry, "now": tx.now})
    present = yield from deliveries(entry)
    standings = yield from each(_again(tx, delivery) for delivery in present)
    return Receipt(entry, copy=True, standings=standings, problem=problem, dead=bool(dead))


def _again(tx: Transaction, delivery: Delivery) -> Steps[Standing]:
    if delivery.state == "queued" and delivery.next_at is None:
        return (yield from take(tx, delivery))
    return delivery.standing(tx.now)


def add(tx: Transaction, parent: Parent, planned: Planned) -> Steps[Standing]:
    """Insert a delivery and ask for its lane."""
    version = yield from planned_version(tx, parent, planned)
    if planned.state == "queued" and planned.put_off is None:
        given = yield from claim(tx, version, planned.print, parent.park)
    else:
        given = Claim(planned.state, reason=readable(planned.reason))
    waits = given.state == "queued" and parent.park
    delay = LOOK_AGAIN if planned.put_off is None else delay_of(planned.put_off)
    next_at = tx.now + delay if waits else None
    yield from insert(tx, parent, planned, version, given, next_at=next_at)
    flight = Flight(
        entry=parent.entry,
        endpoint=planned.endpoint,
        token=given.token,
        lane=version["lane"],
        target=planned.target,
        stamp=version["stamp"],
        tie=planned.tie,
        print=planned.print,
        attempts=1,
        park=parent.park,
    )
    return Standing(
        Outcome(planned.endpoint, given.state, given.reason, planned.put_off),
        flight if given.state == "flying" else None,
        given.held,
        delay / 1000 if waits else None,
    )


def planned_version(tx: Transaction, parent: Parent, planned: Planned) -> Steps[dict[str, Any]]:
    """Give the values by which the statements compare a planned delivery."""
    return {
        "lane": (yield from tx.lane(planned, parent.entry)),
        "stamp": planned.stamp or parent.recorded_at * 1000,
        "tie": planned.tie,
        "entry": parent.entry,
    }


def insert(
    tx: Transaction,
    parent: Parent,
    planned: Planned,
    version: dict[str, Any],
    given: Claim,
    *,
    next_at: int | None,
) -> Steps[None]:
    """Insert a delivery in the state that it was given."""
    is_open = given.state in ("queued", "flying")
    values = {
        "endpoint": planned.endpoint,
        "target": planned.target,
        "store": parent.store,
        "print": planned.print,
        "park": parent.park,
        "state": given.state,
        "token": given.token,
        "attempts": int(given.state == "flying"),
        "next_at": next_at,
        "until": parent.until,
        "reason": given.reason,
        "settled_at": None if is_open else tx.now,
    }
    yield from do(ADD, version | values)
    if given.state == "refused":
        yield from causes.keep(parent.entry, planned.endpoint, planned.causes)


def hashed(tx: Transaction, subjects: Sequence[str]) -> bytes | None:
    """Hash what identifies the customer, 16 bytes each, one behind the other."""
    return b"".join(subject_of(tx.secret, one) for one in subjects) or None


def written(text: str | None) -> str | None:
    """Make a text that may be missing fit to be written."""
    return None if text is None else readable(text)
