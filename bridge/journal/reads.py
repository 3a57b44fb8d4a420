"""
Read the journal for people and for whoever maps an entry again.  Nothing is written here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from bridge.journal.bodies import opened
from bridge.journal.causes import ENTRY
from bridge.journal.cipher import Cipher
from bridge.journal.deliveries import deliveries
from bridge.journal.lanes import why_not
from bridge.journal.protocol import (
    Count,
    DeliverySummary,
    EntrySummary,
    Filter,
    Letters,
    Planned,
    Standing,
    Stored,
)
from bridge.journal.query import BY_STATE, DEAD, EPOCH, OPEN, asked, of_cause
from bridge.journal.transaction import Row, Steps, Transaction, one, rows
from bridge.types import Cause, Outcome

LOAD = """
SELECT e.store, e.topic, e.received_at, b.sealed, b.headers, b.body, b.resource
  FROM entry e JOIN body b ON b.entry = e.id
 WHERE e.id = :entry
"""

ENTRIES = """
SELECT e.id, e.store, e.topic, e.event_type, e.resource, e.received_at, e.copies, e.problem, e.dead
  FROM entry e
"""

SUMMARIES = """
SELECT entry, endpoint, target, state, attempts, reason, unsure, next_at, until, settled_at
  FROM delivery
"""

CAUSES = """
SELECT entry, endpoint, stage, code, file, line, field FROM cause
"""

LETTERS = """
SELECT c.stage, c.code, c.file, c.line, c.field, c.endpoint, count(*), max(c.entry)
  FROM cause c JOIN entry e ON e.id = c.entry
"""

NAMES = "SELECT kind, name, number FROM name"

RECORDED_AT = "SELECT recorded_at FROM entry WHERE id = :entry"

#: Newer than every entry: what a replay of something delivered will be.
_NEXT = 2**62


def standings(entry: int, now: int) -> Steps[tuple[Standing, ...]]:
    """Tell where the deliveries of an entry stand; *now* in milliseconds."""
    return tuple(each.standing(now) for each in (yield from deliveries(entry)))


def load(entry: int, cipher: Cipher | None) -> Steps[Stored]:
    """
    Give what is needed to map an entry again.

    Raises:
        LookupError: It is gone.
        BodySealed: It is encrypted with a key that *cipher* does not hold.
    """
    row = yield from one(LOAD, {"entry": entry})
    if row is None:
        raise LookupError(f"the journal has no entry {entry}, or no longer its body")
    store, topic, received_at, sealed, headers, body, resource = row

    def plain(kept: bytes) -> bytes:
        return opened(cipher, sealed, entry, kept)

    fetched = None if resource is None else plain(resource)
    arrived = EPOCH + timedelta(microseconds=received_at)
    return Stored(entry, store, topic, plain(headers), plain(body), fetched, arrived)


def show(entry: int) -> Steps[EntrySummary]:
    """Give one entry with its deliveries; raises `LookupError` when there is none."""
    row = yield from one(f"{ENTRIES} WHERE e.id = :entry", {"entry": entry})
    if row is None:
        raise LookupError(f"the journal has no entry {entry}")
    return (yield from _summaries([row]))[0]


def entries(wanted: Filter, subjects: Sequence[bytes] = ()) -> Steps[tuple[EntrySummary, ...]]:
    """Give the entries that are wanted, newest first; *subjects* are hashes of a customer."""
    where, values = asked(wanted, subjects)
    found = yield from rows(
        f"{ENTRIES} WHERE {where} ORDER BY e.id DESC LIMIT :limit",
        values | {"limit": wanted.limit},
    )
    return (yield from _summaries(found))


def count_entries(wanted: Filter, subjects: Sequence[bytes] = ()) -> Steps[tuple[Count, ...]]:
    """Count the entries that are wanted, by store and state."""
    where, values = asked(wanted, subjects)
    found = yield from rows(
        f"WITH is_open AS ({OPEN}), is_dead AS ({DEAD}) {BY_STATE} WHERE {where} GROUP BY 1, 2 ORDER BY 1, 2",
        values,
    )
    return tuple(Count(*row) for row in found)


def letters(wanted: Filter, subjects: Sequence[bytes] = ()) -> Steps[tuple[Letters, ...]]:
    """Group the dead letters of the entries that are wanted by their causes."""
    where, values = asked(wanted, subjects)
    own = " AND ".join([where, *of_cause(wanted, values)])
    if wanted.endpoint is not None:
        own += " AND c.endpoint = :endpoint"
    found = yield from rows(
        f"{LETTERS} WHERE {own} GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 7 DESC, 8 DESC", values
    )
    return tuple(Letters(Cause(*row[:5]), *row[5:]) for row in found)


def foresee(
    secret: bytes, entry: int, planned: Sequence[Planned], *, anew: bool
) -> Steps[tuple[Outcome, ...]]:
    """
    Say where deliveries would stand if they were queued now; the fields are those of the protocol.
    """
    numbers = {(kind, name): number for kind, name, number in (yield from rows(NAMES, {}))}
    row = yield from one(RECORDED_AT, {"entry": entry})
    if row is None:
        raise LookupError(f"the journal has no entry {entry}")
    tx = Transaction(secret, numbers=numbers)
    outcomes: list[Outcome] = []
    for each in planned:
        known = ("store", each.account) in numbers and ("endpoint", each.endpoint) in numbers
        if each.state != "queued" or not known:
            outcomes.append(Outcome(each.endpoint, each.state, each.reason))
            continue
        version = {
            "lane": (yield from tx.lane(each, entry)),
            "stamp": each.stamp or row[0] * 1000,
            "tie": each.tie,
            "entry": _NEXT if anew else entry,
        }
        claim = yield from why_not(version, park=True)
        outcomes.append(Outcome(each.endpoint, claim.state, claim.reason))
    return tuple(outcomes)


def _summaries(given: Sequence[Row]) -> Steps[tuple[EntrySummary, ...]]:
    if not given:
        return ()
    ids = {f"id_{at}": row[0] for at, row in enumerate(given)}
    among = f"WHERE entry IN ({', '.join(f':{name}' for name in ids)})"
    why: defaultdict[tuple[int, str], list[Cause]] = defaultdict(list)
    for entry, endpoint, *cause in (
        yield from rows(f"{CAUSES} {among} ORDER BY entry, endpoint, place", ids)
    ):
        why[entry, endpoint].append(Cause(*cause))
    found: defaultdict[int, list[DeliverySummary]] = defaultdict(list)
    for entry, *values in (yield from rows(f"{SUMMARIES} {among} ORDER BY entry, endpoint", ids)):
        summary = _delivery(*values)
        found[entry].append(replace(summary, causes=tuple(why[entry, summary.endpoint])))
    return tuple(
        replace(_entry(row, found[row[0]]), causes=tuple(why[row[0], ENTRY])) for row in given
    )


def _delivery(
    endpoint: str,
    target: str,
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
        target=target,
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
        EPOCH + timedelta(microseconds=received_at),
        copies,
        state,
        problem,
        tuple(deliveries),
        bool(dead),
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else EPOCH + timedelta(milliseconds=milliseconds)
