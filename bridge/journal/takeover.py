"""
Pick up what gone workers left behind, and send again what may have been written over.
"""

from __future__ import annotations

from collections.abc import Collection

from bridge.journal.lanes import raise_mark, wake
from bridge.journal.transaction import Steps, Transaction, count, do, one, rows

#: Lanes taken over or repaired in one transaction.
_STEP = 500

DECLARE_GONE = "UPDATE worker SET gone = 1 WHERE id = :id AND beat = :beat AND gone = 0"

IS_GONE = "SELECT 1 FROM worker WHERE id = :id AND gone = 1"

# What flew is read first: after the UPDATE it is gone.
HELD_BY = "SELECT lane, token, flying FROM lane WHERE holder = :id LIMIT :step"

TAKE_OVER = """
UPDATE lane SET token = token + 1, holder = NULL, flying = NULL
 WHERE lane = :lane AND holder = :id AND token = :token
"""

REQUEUE = """
UPDATE delivery
   SET state = 'queued', unsure = 1, reason = 'the worker that sent it is gone',
       next_at = CASE park WHEN 1 THEN :now END
 WHERE entry = :flying AND lane = :lane AND state = 'flying' AND token = :token
RETURNING stamp, tie, park
"""

FORGET = "DELETE FROM worker WHERE id = :id"

DIRTY = "SELECT lane FROM lane WHERE dirty = 1 AND holder IS NULL LIMIT :step"

# While something newer waits in the lane, that comes first and covers what is done.
REPAIR = """
UPDATE lane SET dirty = 0, done_print = NULL
 WHERE lane = :lane AND dirty = 1 AND holder IS NULL
   AND NOT EXISTS (SELECT 1 FROM delivery q
                    WHERE q.lane = :lane AND q.state = 'queued' AND q.next_at IS NOT NULL
                      AND (q.stamp, q.tie, q.entry) > (done_stamp, done_tie, done_entry))
RETURNING done_entry
"""

# An ignored one has the payload of what was delivered.  It is ours: its store has a 200.
SEND_AGAIN = """
UPDATE delivery
   SET state = 'queued', reason = 'sent again after an overlap', settled_at = NULL, park = 1,
       next_at = :now,
       until = :now + (SELECT horizon FROM entry WHERE id = delivery.entry)
 WHERE entry = :done AND lane = :lane AND state IN ('delivered', 'ignored')
"""


def declare_gone(silent: Collection[tuple[int, int]]) -> Steps[None]:
    """Mark workers as gone unless they gave a sign of life after *silent* was seen: ids, beats."""
    for id_, beat in silent:
        yield from do(DECLARE_GONE, {"id": id_, "beat": beat})


def take_over(tx: Transaction, ripe: Collection[int]) -> Steps[tuple[int, list[int]]]:
    """
    Free the lanes of gone workers and queue what flew in them.

    Args:
        ripe: Workers that are gone and whose requests can act no more.

    Returns:
        How many deliveries became ours, and the workers of which nothing is left.
    """
    ours, forgotten = 0, []
    for id_ in ripe:
        if (yield from one(IS_GONE, {"id": id_})) is None:
            continue
        held = yield from rows(HELD_BY, {"id": id_, "step": _STEP})
        for lane, token, flying in held:
            ours += yield from _free(tx, id_, lane, token, flying)
        if len(held) < _STEP:
            yield from do(FORGET, {"id": id_})
            forgotten.append(id_)
    return ours, forgotten


def _free(tx: Transaction, id_: int, lane: bytes, token: int, flying: int) -> Steps[int]:
    values = {"id": id_, "lane": lane, "token": token, "flying": flying, "now": tx.now}
    yield from do(TAKE_OVER, values)
    row = yield from one(REQUEUE, values)
    if row is not None:
        stamp, tie, _ = row
        yield from raise_mark({"lane": lane, "stamp": stamp, "tie": tie, "entry": flying})
    yield from wake(tx, lane)
    return 0 if row is None else int(row[2])


def repair(tx: Transaction) -> Steps[int]:
    """Queue once more what was delivered in lanes that somebody may have written over."""
    ours = 0
    for (lane,) in (yield from rows(DIRTY, {"step": _STEP})):
        row = yield from one(REPAIR, {"lane": lane})
        if row is not None and row[0] is not None:
            ours += yield from count(SEND_AGAIN, {"done": row[0], "lane": lane, "now": tx.now})
    return ours
