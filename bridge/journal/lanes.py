"""
Give lanes away and take them back: who may send now, and what is newer than what.

The rules are in the operator's guide, chapter "How deliveries are kept apart".  Each step has
one guard, a statement whose row decides; what follows runs only when the guard returned one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bridge.journal.protocol import Flight
from bridge.journal.transaction import Steps, Transaction, count, do, one
from bridge.types import State

# A barrier that this very entry raised never stands in its own way.
_FREE = """
lane.holder IS NULL
AND (lane.mark_entry IS NULL OR lane.mark_entry = :entry
     OR (lane.mark_stamp, lane.mark_tie, lane.mark_entry) < (:stamp, :tie, :entry))
"""

# A lane that nobody knows yet is made by whoever takes it.  A worker that was declared gone gets
# nothing: its lanes are being taken over.  What is free is asked twice: a lane that is seen to be
# held is not waited for, and the row that is locked in the end decides.
TAKE = f"""
INSERT INTO lane (lane, token, holder, flying)
SELECT :lane, 1, :me, :entry
 WHERE EXISTS (SELECT 1 FROM worker WHERE id = :me AND gone = 0)
   AND NOT EXISTS (SELECT 1 FROM lane WHERE lane = :lane AND NOT ({_FREE}))
   AND NOT EXISTS (SELECT 1 FROM delivery q
                    WHERE q.lane = :lane AND q.state = 'queued' AND q.next_at IS NOT NULL
                      AND (q.stamp, q.tie, q.entry) > (:stamp, :tie, :entry))
ON CONFLICT (lane) DO UPDATE
   SET token = lane.token + 1, holder = excluded.holder, flying = excluded.flying
 WHERE {_FREE}
RETURNING token, done_entry, done_print, mark_entry, dirty
"""  # noqa: S608 - nothing from outside is in it

WHY_NOT = """
SELECT holder, done_entry, (done_stamp, done_tie, done_entry) > (:stamp, :tie, :entry),
       mark_entry, mark_entry <> :entry
                   AND (mark_stamp, mark_tie, mark_entry) > (:stamp, :tie, :entry)
  FROM lane WHERE lane = :lane
"""

# It also tells whether anybody waits in the lane, since nearly always nobody does.
#
# What the destination shows is the last print that was delivered.  After `ignored` it still is,
# unless an attempt without an answer came between.  No mark is lowered: a takeover has raised
# it to what flew before anybody else could take the lane.
ACCEPT = """
UPDATE lane
   SET holder = NULL, flying = NULL,
       mark_stamp = :stamp, mark_tie = :tie, mark_entry = :entry,
       done_stamp = :stamp, done_tie = :tie, done_entry = :entry,
       done_print = CASE WHEN :sent THEN :print
                         WHEN mark_entry = done_entry THEN done_print END
 WHERE lane = :lane AND token = :token
RETURNING EXISTS (SELECT 1 FROM delivery q WHERE q.lane = :lane AND q.state = 'queued')
"""

RELEASE = """
UPDATE lane SET holder = NULL, flying = NULL
 WHERE lane = :lane AND token = :token AND holder IS NOT NULL
"""

RAISE_MARK = """
UPDATE lane SET mark_stamp = :stamp, mark_tie = :tie, mark_entry = :entry
 WHERE lane = :lane
   AND (mark_entry IS NULL OR (mark_stamp, mark_tie, mark_entry) < (:stamp, :tie, :entry))
"""

RAISE_DONE = """
UPDATE lane SET done_stamp = :stamp, done_tie = :tie, done_entry = :entry, done_print = :print
 WHERE lane = :lane
   AND (done_entry IS NULL OR (done_stamp, done_tie, done_entry) < (:stamp, :tie, :entry))
"""

SUPERSEDE = """
UPDATE delivery SET state = 'stale', reason = :reason, settled_at = :now
 WHERE lane = :lane AND state = 'queued' AND (stamp, tie, entry) < (:stamp, :tie, :entry)
"""

# Only those that never had an attempt: the others wait for their own backoff.
WAKE = """
UPDATE delivery SET next_at = :now
 WHERE lane = :lane AND state = 'queued' AND next_at > :now AND attempts = 0
"""

STATE_OF = "SELECT state FROM delivery WHERE entry = :entry AND lane = :lane"

DELIVERED_AFTER_ALL = """
UPDATE delivery SET state = 'delivered', reason = :reason, settled_at = :now
 WHERE entry = :entry AND endpoint = :endpoint AND state IN ('queued', 'flying')
"""

SOIL = "UPDATE lane SET dirty = 1 WHERE lane = :lane"


class Claim(NamedTuple):
    """What asking for a lane came to."""

    state: State  #: flying: it is yours under `token`; queued: not now; else settled
    token: int = 0
    reason: str = ""
    held: bool = False


def claim(
    tx: Transaction, version: dict[str, Any], print_: bytes | None, park: bool
) -> Steps[Claim]:
    """
    Ask for the lane of a delivery that is, or is about to be, queued.

    Args:
        version: ``lane``, ``stamp``, ``tie`` and ``entry``.
        print_: Fingerprint of the payload; None equals nothing.
        park: Unfinished deliveries are ours.
    """
    row = yield from one(TAKE, version | {"me": tx.me})
    if row is None:
        return (yield from why_not(version, park=park))
    token, done_entry, done_print, mark_entry, dirty = row
    if print_ is not None and print_ == done_print and mark_entry == done_entry and not dirty:
        yield from accept(tx, version, token, None, sent=False)
        return Claim("ignored", token, f"same as entry {done_entry}")
    return Claim("flying", token)


def why_not(version: dict[str, Any], *, park: bool) -> Steps[Claim]:
    """Say why *version* does not get its lane, and what becomes of it.  Writes nothing."""
    row = yield from one(WHY_NOT, version)
    if row is None:
        return Claim("queued")
    holder, done, done_is_newer, mark, mark_is_newer = row
    if holder is not None:
        return Claim("queued", held=True)
    if done_is_newer:
        return Claim("stale", reason=_delivered(done))
    if mark_is_newer and park:
        # The store was promised this one only as long as nothing newer was or may have been
        # accepted.  Without parking nobody has promised the newer one, so its older waits.
        newer = yield from one(STATE_OF, {"entry": mark, "lane": version["lane"]})
        if newer is None or newer[0] not in ("queued", "flying"):
            return Claim("stale", reason=f"entry {mark} is newer and may have been accepted")
    return Claim("queued")


def accept(
    tx: Transaction, version: dict[str, Any], token: int, print_: bytes | None, *, sent: bool
) -> Steps[None]:
    """Free the lane behind a delivery that is done, and settle what is older as stale."""
    row = yield from one(ACCEPT, version | {"token": token, "print": print_, "sent": sent})
    if row is None or row[0]:
        yield from supersede(tx, version)
        yield from wake(tx, version["lane"])


def release(tx: Transaction, lane: bytes, token: int) -> Steps[bool]:
    """Free the lane and wake who waits in it; False when it is no longer held by *token*."""
    ours = (yield from count(RELEASE, {"lane": lane, "token": token})) == 1
    if ours:
        yield from wake(tx, lane)
    return ours


def wake(tx: Transaction, lane: bytes) -> Steps[None]:
    """Make those due that wait in a lane and had no attempt yet."""
    yield from do(WAKE, {"lane": lane, "now": tx.now})


def raise_mark(version: dict[str, Any]) -> Steps[None]:
    """Remember that *version* may have been accepted: nothing older is sent any more."""
    yield from do(RAISE_MARK, version)


def supersede(tx: Transaction, version: dict[str, Any]) -> Steps[None]:
    """Settle what waits in the lane and is older than *version* as stale."""
    reason = _delivered(version["entry"])
    yield from do(SUPERSEDE, version | {"reason": reason, "now": tx.now})


def report_late(tx: Transaction, flight: Flight, *, accepted: bool, reason: str) -> Steps[None]:
    """
    Record what a flight came to whose lane has been given to others meanwhile.

    A fact stays a fact.  The lane is dirty afterwards: two may have written to the destination
    in any order, so the newest is sent once more.

    Args:
        accepted: It surely was; else it may have been.
    """
    version = version_of(flight)
    if accepted:
        settled = {"endpoint": flight.endpoint, "reason": reason, "now": tx.now}
        yield from do(DELIVERED_AFTER_ALL, version | settled)
        yield from do(RAISE_DONE, version | {"print": flight.print})
        yield from supersede(tx, version)
    yield from raise_mark(version)
    yield from do(SOIL, version)


def version_of(flight: Flight) -> dict[str, Any]:
    """Give the values by which the statements compare a flight."""
    return {
        "lane": flight.lane,
        "stamp": flight.stamp,
        "tie": flight.tie,
        "entry": flight.entry,
    }


def _delivered(entry: int) -> str:
    return f"entry {entry} is newer and was delivered"
