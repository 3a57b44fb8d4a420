"""
Carry deliveries from state to state.

The rules are in the operator's guide, chapter "How deliveries are kept apart".  Every function
is one transition, run inside a transaction that the writer opens and commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from bridge.journal import causes, purge
from bridge.journal.lanes import (
    accept,
    claim,
    raise_mark,
    release,
    report_late,
    version_of,
)
from bridge.journal.protocol import Flight, Standing
from bridge.journal.transaction import Steps, Transaction, count, do, one, readable, rows
from bridge.types import Cause, Outcome, State

#: Milliseconds until a delivery that could not have its lane is looked at again, should
#: nothing wake it before.
LOOK_AGAIN = 5_000
#: Seconds that no attempt may be put off further.
LONGEST_DELAY = 86_400.0

OUT_OF_TIME = Cause("store", "out_of_time")
STORE_STOPPED = Cause("store", "store_stopped")

FAIL = """
UPDATE delivery SET state = 'failed', reason = :reason, settled_at = :now
 WHERE entry = :entry AND endpoint = :endpoint AND state = 'queued'
"""

FLY = """
UPDATE delivery SET state = 'flying', token = :token, attempts = attempts + 1, next_at = NULL
 WHERE entry = :entry AND endpoint = :endpoint AND state = 'queued'
"""

END = """
UPDATE delivery SET state = :state, reason = :reason, settled_at = :now
 WHERE entry = :entry AND endpoint = :endpoint AND state = 'queued'
"""

SETTLE = """
UPDATE delivery SET state = :state, reason = :reason, settled_at = :now
 WHERE entry = :entry AND endpoint = :endpoint AND state = 'flying' AND token = :token
"""

# What became ours while it was flying is not left to the store.  At its horizon it is looked at,
# however much later the next attempt would be.
BACK = """
UPDATE delivery
   SET state = 'queued', unsure = CASE WHEN unsure = 1 THEN 1 ELSE :unsure END, reason = :reason,
       next_at = coalesce(CASE WHEN :next_at > until THEN until ELSE :next_at END,
                          CASE park WHEN 1 THEN :now END)
 WHERE entry = :entry AND endpoint = :endpoint AND state = 'flying' AND token = :token
"""

UNCOUNT = """
UPDATE delivery SET attempts = attempts - 1 WHERE entry = :entry AND endpoint = :endpoint
"""

DELIVERIES = """
SELECT d.endpoint, d.entry, d.lane, d.target, d.stamp, d.tie, d.print, d.park, d.state, d.token,
       d.attempts, d.next_at, d.until, d.reason, l.holder IS NOT NULL
  FROM delivery d LEFT JOIN lane l ON l.lane = d.lane
 WHERE d.entry = :entry
"""

ONE_DELIVERY = f"{DELIVERIES} AND d.endpoint = :endpoint"

LATEST_ATTEMPT = "SELECT token FROM lane WHERE lane = :lane"


class Delivery(NamedTuple):
    """A row of `DELIVERIES`."""

    endpoint: str
    entry: int
    lane: bytes
    target: str
    stamp: int
    tie: int
    print: bytes | None
    park: int
    state: State
    token: int
    attempts: int
    next_at: int | None
    until: int
    reason: str
    held: int

    def version(self) -> dict[str, Any]:
        """Give the values by which the statements compare it."""
        return {"lane": self.lane, "stamp": self.stamp, "tie": self.tie, "entry": self.entry}

    def standing(self, now: int) -> Standing:
        """Tell where it stands; *now* in milliseconds."""
        queued = self.state == "queued"
        return Standing(
            Outcome(self.endpoint, self.state, self.reason),
            held=queued and bool(self.held),
            due_in=max(0, self.next_at - now) / 1000
            if queued and self.next_at is not None
            else None,
        )


def deliveries(entry: int) -> Steps[list[Delivery]]:
    """Give the deliveries of an entry as they stand."""
    return [Delivery(*row) for row in (yield from rows(DELIVERIES, {"entry": entry}))]


def find(entry: int, endpoint: str) -> Steps[Delivery]:
    """Give one delivery; raises `LookupError` when there is none."""
    row = yield from one(ONE_DELIVERY, {"entry": entry, "endpoint": endpoint})
    if row is None:
        raise LookupError(f"entry {entry} has no delivery to {endpoint}")
    return Delivery(*row)


def take(tx: Transaction, delivery: Delivery) -> Steps[Standing]:
    """Ask again for the lane of a queued delivery."""
    if delivery.state != "queued":
        return delivery.standing(tx.now)
    values = {"entry": delivery.entry, "endpoint": delivery.endpoint, "now": tx.now}
    if delivery.until <= tx.now:
        stopped = delivery.next_at is None
        reason = "the store stopped repeating" if stopped else "out of time"
        if delivery.reason:
            reason = f"{reason}; last: {delivery.reason}"
        if (yield from count(FAIL, values | {"reason": reason})):
            why = STORE_STOPPED if stopped else OUT_OF_TIME
            yield from causes.keep(delivery.entry, delivery.endpoint, (why,))
        return Standing(Outcome(delivery.endpoint, "failed", reason))
    given = yield from claim(tx, delivery.version(), delivery.print, bool(delivery.park))
    if given.state == "queued":
        return delivery._replace(held=given.held).standing(tx.now)
    if given.state != "flying":
        yield from do(END, values | {"state": given.state, "reason": given.reason})
        return Standing(Outcome(delivery.endpoint, given.state, given.reason))
    if not (yield from count(FLY, values | {"token": given.token})):
        # Another node has settled it since it was read.
        yield from release(tx, delivery.lane, given.token)
        return (yield from find(delivery.entry, delivery.endpoint)).standing(tx.now)
    flight = Flight(
        delivery.entry,
        delivery.endpoint,
        given.token,
        delivery.lane,
        delivery.target,
        delivery.stamp,
        delivery.tie,
        delivery.print,
        delivery.attempts + 1,
        bool(delivery.park),
    )
    return Standing(Outcome(delivery.endpoint, "flying", delivery.reason), flight)


def settle(
    tx: Transaction,
    flight: Flight,
    state: Literal["delivered", "ignored", "refused"],
    reason: str,
    unname: bool,
    why: Sequence[Cause] = (),
) -> Steps[bool]:
    """Write the last word of a flight; False when its lane has been given to others."""
    reason = readable(reason)
    values = attempt(tx, flight) | {"state": state, "reason": reason}
    if not (yield from count(SETTLE, values)):
        ours = yield from is_ours(tx, flight, state)
        if state == "delivered" and not ours:
            yield from report_late(tx, flight, accepted=True, reason=reason)
        return ours
    if unname:
        yield from purge.unname(flight.entry)
    if state == "refused":
        yield from causes.keep(flight.entry, flight.endpoint, why)
        yield from release(tx, flight.lane, flight.token)
    else:
        sent = state == "delivered"
        print_ = flight.print if sent else None
        yield from accept(tx, version_of(flight), flight.token, print_, sent=sent)
    return True


def back(
    tx: Transaction,
    flight: Flight,
    delay: float | None,
    unsure: bool,
    reason: str,
    attempted: bool,
) -> Steps[bool]:
    """Queue a flight again; False when its lane has been given to others."""
    reason = readable(reason)
    next_at = None if delay is None else tx.now + delay_of(delay)
    values = attempt(tx, flight) | {"next_at": next_at, "unsure": unsure, "reason": reason}
    if not (yield from count(BACK, values)):
        ours = yield from is_ours(tx, flight, "queued")
        if unsure and not ours:
            yield from report_late(tx, flight, accepted=False, reason=reason)
        return ours
    if unsure:
        yield from raise_mark(version_of(flight))
    yield from release(tx, flight.lane, flight.token)
    if not attempted:
        # Only now: the release would wake it, as all in the lane that had no attempt yet.
        yield from do(UNCOUNT, values)
    return True


def delay_of(seconds: float) -> int:
    """Give the milliseconds for which an attempt is put off."""
    return int(1000 * min(max(seconds, 0), LONGEST_DELAY))


def is_ours(
    tx: Transaction, flight: Flight, word: Literal["delivered", "ignored", "refused", "queued"]
) -> Steps[bool]:
    """Tell whether a flight that cannot be written was ours all the same; frees its lane if so."""
    if (yield from release(tx, flight.lane, flight.token)):
        # Somebody else's late report has settled the delivery while we held the lane.
        return True
    now = yield from find(flight.entry, flight.endpoint)
    if (now.state, now.token) != (word, flight.token):
        return False
    # The caller repeats itself.  A takeover queues a delivery too, but moves its lane on.
    if word != "queued":
        return True
    return (now.token,) == (yield from one(LATEST_ATTEMPT, {"lane": now.lane}))


def attempt(tx: Transaction, flight: Flight) -> dict[str, Any]:
    """Give the values by which the statements find a flight."""
    return {
        "entry": flight.entry,
        "endpoint": flight.endpoint,
        "token": flight.token,
        "now": tx.now,
    }
