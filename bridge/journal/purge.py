"""
Forget: what has been kept long enough, and what names somebody who is to be forgotten.

Everything goes in steps of a few hundred rows, each in a transaction of its own, so that no
webhook waits for it.  What is left of a purged entry are its key, version and print: hashes and
numbers that only say that it was seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from bridge.journal.keys import subject_of
from bridge.journal.protocol import Holding, Keep, Whose
from bridge.journal.transaction import Steps, Transaction, count, do, one, readable, rows

#: Rows that one transaction looks at.
STEP = 500
#: Entries that one read looks at: whom they speak of is in no index.
_WINDOW = 5_000
#: Longer than any lane.
_LAST_LANE = b"\xff" * 32
_SUBJECT = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PURGED = "purged"

NEWEST = "SELECT coalesce(max(id), 0) FROM entry"

RECORDED = "SELECT id, recorded_at FROM entry WHERE id <= :id ORDER BY id DESC LIMIT 1"

NTH_BODY = """
SELECT entry FROM body WHERE entry > :after AND entry <= :cut ORDER BY entry LIMIT 1 OFFSET :nth
"""

NTH_ENTRY = "SELECT id FROM entry WHERE id > :after AND id <= :cut ORDER BY id LIMIT 1 OFFSET :nth"

NTH_LANE = "SELECT lane FROM lane WHERE lane > :after ORDER BY lane LIMIT 1 OFFSET :nth"

# A body is needed while a delivery is open, and longer to replay a dead letter.
FORGET_BODIES = """
DELETE FROM body
 WHERE entry > :after AND entry <= :upto
   AND NOT EXISTS (SELECT 1 FROM delivery d
                    WHERE d.entry = body.entry
                      AND (d.state IN ('queued', 'flying')
                           OR (d.state IN ('refused', 'failed') AND d.entry > :dead)))
   AND NOT EXISTS (SELECT 1 FROM entry e
                    WHERE e.id = body.entry AND e.dead = 1 AND e.id > :dead)
"""

_FORGET_OUTCOMES = """
DELETE FROM {table}
 WHERE entry IN (SELECT e.id FROM entry e
                  WHERE e.id > :after AND e.id <= :upto
                    AND NOT EXISTS (SELECT 1 FROM delivery d
                                     WHERE d.entry = e.id AND d.state IN ('queued', 'flying')))
"""

# Deliveries last: they say what is open.
FORGET_OUTCOMES = tuple(
    _FORGET_OUTCOMES.format(table=table) for table in ("body", "cause", "delivery")
)

FORGET_ENTRIES = """
DELETE FROM entry
 WHERE id > :after AND id <= :upto
   AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.entry = entry.id)
"""

# A lane goes no earlier than its newest entry: what it knows keeps older ones from being sent.
FORGET_LANES = """
DELETE FROM lane
 WHERE lane > :after AND lane <= :upto
   AND holder IS NULL AND dirty = 0
   AND coalesce(mark_entry, 0) <= :cut AND coalesce(done_entry, 0) <= :cut
   AND NOT EXISTS (SELECT 1 FROM delivery q WHERE q.lane = lane.lane AND q.state = 'queued')
"""

HOLDING = "SELECT e.id FROM entry e WHERE {where} ORDER BY e.id LIMIT :step"

FIRST = "SELECT min(id) FROM entry WHERE id > :after"

_NOT_YET = "e.problem IS NULL OR e.problem <> 'purged'"

END = """
UPDATE delivery SET state = 'ignored', reason = 'purged', next_at = NULL, settled_at = :now
 WHERE entry IN ({marks}) AND state IN ('queued', 'refused', 'failed')
"""

FLYING = "SELECT DISTINCT entry FROM delivery WHERE entry IN ({marks}) AND state = 'flying'"

HIDE = """
UPDATE entry SET subject = NULL, resource = '', problem = 'purged', dead = 0 WHERE id IN ({marks})
"""

SILENCE = """
UPDATE delivery SET reason = CASE state WHEN 'ignored' THEN 'purged' ELSE '' END
 WHERE entry IN ({marks})
"""

FORGET_BODY = "DELETE FROM body WHERE entry IN ({marks})"

FORGET_CAUSES = "DELETE FROM cause WHERE entry IN ({marks})"

UNNAME = "UPDATE entry SET subject = NULL, resource = '' WHERE id = :entry"


class Round(NamedTuple):
    """How far a round through the journal has got."""

    bodies: int = 0
    entries: int = 0
    lanes: bytes = b""


def forget(tx: Transaction, keep: Keep, reached: Round) -> Steps[tuple[Round, bool]]:
    """
    Forget some of what was kept long enough, behind what the last call has *reached*.

    Returns:
        What is reached now, and whether there is more to do at once.
    """
    bodies = yield from older(tx.now - int(keep.bodies * 1000))
    dead = yield from older(tx.now - int(keep.dead_bodies * 1000))
    outcomes = yield from older(tx.now - int(keep.outcomes * 1000))

    nth = {"after": reached.bodies, "cut": bodies, "nth": STEP - 1}
    body = yield from one(NTH_BODY, nth)
    upto = body[0] if body else bodies
    yield from do(FORGET_BODIES, {"after": reached.bodies, "upto": upto, "dead": dead})

    nth = {"after": reached.entries, "cut": outcomes, "nth": STEP - 1}
    entry = yield from one(NTH_ENTRY, nth)
    old = {"after": reached.entries, "upto": entry[0] if entry else outcomes}
    for statement in FORGET_OUTCOMES:
        yield from do(statement, old)
    yield from do(FORGET_ENTRIES, old)

    lane = yield from one(NTH_LANE, {"after": reached.lanes, "nth": STEP - 1})
    end = lane[0] if lane else _LAST_LANE
    gone = yield from count(FORGET_LANES, {"after": reached.lanes, "upto": end, "cut": outcomes})

    # A round of the lanes may take hours: most of them are known for long, and kept.
    more = body is not None or entry is not None or (lane is not None and gone > 0)
    return Round(body[0] if body else 0, entry[0] if entry else 0, lane[0] if lane else b""), more


def older(moment: int) -> Steps[int]:
    """
    Give the last id of an entry that was recorded before *moment*, in milliseconds.

    Ids grow with time and times are in no index, so it is looked for by halves.  What a clock
    that was set back has recorded goes with its neighbours.
    """
    low, (high,) = 0, (yield from one(NEWEST, {})) or (0,)
    while low < high:
        middle = (low + high + 1) // 2
        row = yield from one(RECORDED, {"id": middle})
        if row is None or row[1] < moment:
            low = middle
        else:
            high = row[0] - 1
    return low


def holding(secret: bytes, whose: Whose, after: int) -> Steps[Holding]:
    """Look through the next entries behind *after*; those that were purged do not count."""
    first = yield from one(FIRST, {"after": after})
    newest = yield from one(NEWEST, {})
    if first is None or first[0] is None or newest is None:
        return Holding((), None)
    upto = first[0] + _WINDOW - 1
    conditions, values = _conditions(secret, whose)
    where = " AND ".join(f"({one})" for one in ("e.id > :after", "e.id <= :upto", *conditions))
    found = yield from rows(
        HOLDING.format(where=where),
        {**values, "after": after, "upto": upto, "step": STEP},
    )
    entries = tuple(row[0] for row in found)
    if len(entries) == STEP:
        return Holding(entries, entries[-1])
    return Holding(entries, upto if upto < newest[0] else None)


def _conditions(secret: bytes, whose: Whose) -> tuple[list[str], Mapping[str, Any]]:
    conditions, values = [_NOT_YET], dict[str, Any]()
    if whose.store is not None:
        conditions.append("e.store = :store")
        values["store"] = whose.store
    if whose.before is not None:
        conditions.append("e.received_at < :moment")
        values["moment"] = (whose.before - _EPOCH) // timedelta(microseconds=1)
    if whose.but is not None:
        conditions.append("e.id <> :but")
        values["but"] = whose.but
    named = []
    if whose.subjects:
        hashes = {f"of_{at}": subject_of(secret, one) for at, one in enumerate(whose.subjects)}
        values |= hashes
        # As many as an entry has: e-mail, id, document.
        named += [
            f"substr(e.subject, {at * _SUBJECT + 1}, {_SUBJECT}) IN ({_marks(hashes)})"
            for at in range(3)
        ]
    if whose.orders:
        orders = {f"order_{at}": readable(one) for at, one in enumerate(whose.orders)}
        values |= orders
        named.append(
            f"e.resource <> '' AND e.resource IN ({_marks(orders)}) AND e.event_type LIKE 'order%'"
        )
    if named:
        conditions.append(" OR ".join(f"({one})" for one in named))
    return conditions, values


def purge(tx: Transaction, entries: Collection[int]) -> Steps[tuple[int, ...]]:
    """
    Erase what *entries* hold of anybody, and settle what is open or dead of them as ignored.

    Returns:
        Those of which something is under way: they hold their body until it has ended.
    """
    if not entries:
        return ()
    given = _named(entries)
    yield from do(END.format(marks=_marks(given)), {**given, "now": tx.now})
    busy = yield from rows(FLYING.format(marks=_marks(given)), given)
    flying = tuple(row[0] for row in busy)
    left = _named([one for one in entries if one not in flying])
    if left:
        for statement in (HIDE, SILENCE, FORGET_BODY, FORGET_CAUSES):
            yield from do(statement.format(marks=_marks(left)), left)
    return flying


def unname(entry: int) -> Steps[None]:
    """Erase what an entry holds of anybody, and keep how it ended."""
    given = _named([entry])
    yield from do(FORGET_BODY.format(marks=_marks(given)), given)
    yield from do(FORGET_CAUSES.format(marks=_marks(given)), given)
    yield from do(UNNAME, {"entry": entry})


def _named(entries: Collection[int] | Sequence[int]) -> dict[str, int]:
    return {f"id_{at}": entry for at, entry in enumerate(entries)}


def _marks(values: Mapping[str, Any]) -> str:
    return ", ".join(f":{name}" for name in values)
