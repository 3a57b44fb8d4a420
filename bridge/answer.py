"""Decide what the store is told.  The whole policy is in these pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bridge.types import Answer, Outcome

#: Seconds a store is asked to wait before it sends the webhook again, when nobody knows better.
RETRY_AFTER = 30.0
#: Of the platform's time, this part is left for the way back.
_MARGIN, _LEAST_MARGIN, _MOST_MARGIN = 0.15, 0.15, 1.0
#: Seconds: a platform that waits less is answered as soon as its webhook is on disk.  An assumption:
#: a destination's answer takes some tenths of a second, a fetch before it the same again.
PARK_FIRST = 2.0


def last_moment(within: float) -> float:
    """
    Say after how many seconds nothing is waited for any more that an answer can do without.

    Args:
        within: Seconds until its platform gives up.
    """
    margin = min(_MOST_MARGIN, max(_LEAST_MARGIN, within * _MARGIN))
    return max(within - margin, within / 2)


def very_last_moment(within: float) -> float:
    """
    Say after how many seconds the store is answered, whatever the answer waits for.

    What was waited for until the last moment may still have to be put on disk: for that there is
    half of the time that is left.

    Args:
        within: Seconds until its platform gives up.
    """
    return (last_moment(within) + within) / 2


def answer(
    entry: int,
    outcomes: Sequence[Outcome],
    *,
    park: bool,
    copy: bool = False,
) -> Answer:
    """
    Turn the outcomes of one webhook into its answer.

    * 200 - everything is settled, or durable in the journal and ours to finish.  What a
      destination refused is settled too: it would be refused again, and repeated failures make
      some platforms remove the webhook.  Exactly 200, because some take nothing else.
    * 503 - something is open and the store wants to repeat it itself, which makes sense when the
      last of it may be tried again.  Endpoints that are settled are not called again.

    Args:
        entry: The journal's number of the webhook.
        outcomes: One per delivery.
        park: Whether the bridge finishes what is open.
        copy: Whether the webhook is a repeat of an earlier one.
    """
    unfinished = [one.retry_after for one in outcomes if not one.settled]
    if unfinished:
        if park:
            return Answer(200, "parked", entry, reason="it will be finished", outcomes=outcomes)
        wait = max(RETRY_AFTER if one is None else one for one in unfinished)
        wait = max(1.0, math.ceil(wait))
        return Answer(503, "unavailable", entry, retry_after=wait, outcomes=outcomes)
    return Answer(200, "duplicate" if copy else _settled(outcomes), entry, outcomes=outcomes)


def _settled(outcomes: Sequence[Outcome]) -> str:
    if any(one.dead for one in outcomes):
        return "parked"
    states = {one.state for one in outcomes}
    if "delivered" in states:
        return "delivered"
    return "stale" if "stale" in states else "ignored"


def answer_problem(entry: int, problem: str, *, dead: bool, copy: bool = False) -> Answer:
    """Answer a webhook without deliveries: ignored, or parked for a person."""
    status = "parked" if dead else "ignored"
    return Answer(200, "duplicate" if copy else status, entry, reason=problem)


def unavailable(reason: str, *, entry: int | None = None) -> Answer:
    """Answer when nothing could be promised: the store shall send it again."""
    return Answer(503, "unavailable", entry, reason=reason, retry_after=RETRY_AFTER)
