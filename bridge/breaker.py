"""
Know whether a target answers, and let it rest while it does not.

Rules: the operator's guide, chapter "When a destination is slow or down".  The figures are ours:
no vendor's page says anything about them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from bridge.types import Verdict

#: Attempts in a row without a sensible answer after which a target rests.
MOST_FAILURES = 5
#: Of the last so many attempts, half are enough too: a target that answers now and then is down
#: for most of what it is sent.
LOOKED_AT = 20
#: Seconds of the first rest.  Each one that follows a failed probe is twice as long as the last.
FIRST_REST, LONGEST_REST = 1.0, 60.0
#: Seconds of rest that a destination gets when it asks for more: a mistaken header is probed.
LONGEST_ASKED = 3600.0


@dataclass(slots=True)
class Breaker:
    """
    Whether a target answers.  It is told the time, in seconds that never go back.

    A target rests after `MOST_FAILURES` failures in a row, when half of the last `LOOKED_AT`
    attempts failed, or when it asks to wait.  When the rest is over, one attempt goes through as
    a probe: an answer ends the rest, whatever it says, and a failure begins a longer one.
    """

    failures: int = 0  #: in a row
    reason: str = ""  #: what the failure that began the rest came to
    _last: deque[bool] = field(default_factory=lambda: deque(maxlen=LOOKED_AT))  #: failed?
    _rest: float = 0.0  #: seconds of this rest; 0: there is none
    _until: float = 0.0
    _probing: bool = False
    _rests: int = 0  #: since the beginning

    @property
    def resting(self) -> bool:
        """Whether nothing but probes goes through."""
        return self._rest > 0

    @property
    def why(self) -> str:
        """What the target rests after."""
        if self.failures < MOST_FAILURES and self._mostly_failed:
            return f"{sum(self._last)} failures in the last {LOOKED_AT} attempts"
        return f"{self.failures} failure{'s' if self.failures > 1 else ''} in a row"

    def left(self, now: float) -> float:
        """Seconds until it is worth while to try again, of a target that admits nothing now."""
        # A probe that is out may be back at any moment.
        return FIRST_REST if self._probing else max(0.0, self._until - now)

    def admits(self, now: float) -> bool:
        """Whether an attempt may begin."""
        return not self.resting or (now >= self._until and not self._probing)

    def begin(self) -> int:
        """Begin an attempt that was admitted; gives the ticket to report it by."""
        self._probing = self.resting
        return self._rests

    def abandon(self, ticket: int) -> None:
        """Report that nothing was sent."""
        if ticket == self._rests:
            self._probing = False

    def report(self, ticket: int, verdict: Verdict, now: float) -> None:
        """Report what an attempt came to."""
        answered = verdict.kind in ("delivered", "refused") or verdict.well
        asked = 0.0 if answered else min(verdict.retry_after or 0.0, LONGEST_ASKED)
        if ticket != self._rests:
            # It was out when the rest began, so it says nothing of how the rest has helped.
            if self.resting:
                self._until = max(self._until, now + asked)
            return
        self._probing = False
        if answered:
            if self.resting:
                # What failed before the rest says nothing of what comes after it.
                self._last.clear()
            self._last.append(False)
            self.failures, self._rest = 0, 0.0
            return
        self.failures += 1
        self._last.append(True)
        failing = self.failures >= MOST_FAILURES or self._mostly_failed
        if self.resting or failing or asked:
            self._rest = min(max(FIRST_REST, 2 * self._rest), LONGEST_REST)
            self._until = now + max(self._rest, asked)
            self._rests += 1
            self.reason = verdict.reason

    @property
    def _mostly_failed(self) -> bool:
        return len(self._last) == LOOKED_AT and 2 * sum(self._last) >= LOOKED_AT
