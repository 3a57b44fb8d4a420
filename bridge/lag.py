"""
Know how late this process is, so that it turns away what it could not answer in time.

It is late when its event loop is, or when its journal is behind.  A process that is asked for more
than it can do is late with everything.  What it answers after its store has given up was done in
vain and comes again, so each failure makes the next likelier.  Whoever is turned away at once costs
next to nothing.

Source: https://sre.google/sre-book/addressing-cascading-failures/ (load shedding)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

log = structlog.get_logger()

#: Seconds between two looks.
_EVERY = 0.05
#: Turns of the event loop that a webhook takes from its first byte to its answer, its turns at the
#: journal among them, with some to spare.  As measured: about ten.
_TURNS = 20
#: Seconds of lag that are told in the log.
_TOLD = 0.25


class Lag:
    """
    For how long what is ready to run, or asked of the journal, has to wait.

    Args:
        clock: Monotonic seconds.
        behind: Gives the seconds by which the journal is behind.
    """

    def __init__(self, clock: Callable[[], float], behind: Callable[[], float]) -> None:
        self._clock = clock
        self._behind = behind
        self._due = float("inf")
        self._before = self._last = 0.0
        self._told = False

    @property
    def seconds(self) -> float:
        """How late this process is.  One stall alone is over when it can be seen, and is none."""
        return min(self._before, max(self._last, self._clock() - self._due))

    async def watch(self) -> None:
        """Look again and again; ends only when it is cancelled."""
        while True:
            self._due = self._clock() + _EVERY
            await asyncio.sleep(_EVERY)
            self._before, self._last = self._last, max(self._clock() - self._due, self._behind())
            self._tell()

    def _tell(self) -> None:
        late = self.seconds > _TOLD
        if late and not self._told:
            log.warning("late: webhooks are turned away", late_seconds=round(self.seconds, 2))
        elif self._told and not late:
            log.info("late no more")
        self._told = late


def too_late(lag: float, within: float) -> bool:
    """
    Say whether a webhook that comes now would be answered too late.

    Args:
        lag: Seconds that each turn is late.
        within: Seconds until its platform gives up.
    """
    return lag * _TURNS > within
