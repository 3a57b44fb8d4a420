"""
Ask of a destination what it bears: so many a second, so many at once, none while it is down.

A **target** is an endpoint of an account.  Every flight passes the gate of its target, first
come first served, and a gate that is closed sends it back at once.  Each process has gates of
its own and keeps to its share.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
from aiolimiter import AsyncLimiter

from bridge.destinations.endpoint import Limits
from bridge.types import Verdict

log = structlog.get_logger()

#: Attempts in a row without a sensible answer after which a target rests.
MOST_FAILURES = 5
#: Seconds of the first rest.  Each one that follows a failed probe is twice as long as the last.
FIRST_REST, LONGEST_REST = 1.0, 60.0
#: Seconds of rest that a destination gets when it asks for more: a mistaken header is probed.
LONGEST_ASKED = 3600.0
#: Flights that wait at one gate.  The journal holds any number, and whoever is sent back to it
#: has his store answered now instead of at the deadline.
MOST_WAITING = 256


@dataclass(slots=True)
class Breaker:
    """
    Whether a target answers.  It is told the time, in seconds that never go back.

    A target rests after `MOST_FAILURES` failures in a row, or when it asks to wait.  When the
    rest is over, one attempt goes through as a probe: an answer ends the rest, whatever it says,
    and a failure begins a longer one.
    """

    failures: int = 0  #: in a row
    reason: str = ""  #: what the failure that began the rest came to
    _rest: float = 0.0  #: seconds of this rest; 0: there is none
    _until: float = 0.0
    _probing: bool = False
    _rests: int = 0  #: since the beginning

    @property
    def resting(self) -> bool:
        """Whether nothing but probes goes through."""
        return self._rest > 0

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
            self.failures, self._rest = 0, 0.0
            return
        self.failures += 1
        if self.resting or self.failures >= MOST_FAILURES or asked:
            self._rest = min(max(FIRST_REST, 2 * self._rest), LONGEST_REST)
            self._until = now + max(self._rest, asked)
            self._rests += 1
            self.reason = verdict.reason


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a flight was sent back, with nothing sent to the destination."""

    reason: str
    seconds: float | None = None  #: until it may be tried again; None: nobody knows


class Gate:
    """The way to one target."""

    def __init__(self, target: str, limits: Limits, clock: Callable[[], float]) -> None:
        self._target = target
        self._at_once = limits.at_once
        self._slots = asyncio.Semaphore(limits.at_once)
        # A bucket of one: what was not used is not saved up, or a burst would be sent as one.
        self._pace = AsyncLimiter(1, 1 / limits.per_second) if limits.per_second else None
        self._clock = clock
        self._breaker = Breaker()
        self._since = 0.0
        self._waiting: set[asyncio.Timeout] = set()
        self._under_way = 0
        self._stopped = False

    async def enter(self) -> int | Closed:
        """
        Wait for a turn.

        Returns:
            A ticket, with which the caller must `leave`; or why nothing may be sent.
        """
        if len(self._waiting) >= MOST_WAITING:
            return Closed(f"not sent: {MOST_WAITING} are waiting for {self._target} already")
        if (closed := self._closed()) is not None:
            return closed
        wait = asyncio.timeout(None)
        self._waiting.add(wait)
        try:
            async with wait:
                await self._turn()
        except TimeoutError:
            return _STOPS
        finally:
            self._waiting.discard(wait)
        if (closed := self._closed()) is not None:
            self._slots.release()
            return closed
        self._under_way += 1
        return self._breaker.begin()

    async def _turn(self) -> None:
        """
        Wait for a slot, then for the pace.

        In this order, because a turn of the pace that waits for a slot would be saved up: when a
        target answers again after a stall, all that waited would be sent at once.
        """
        await self._slots.acquire()
        try:
            # Who waited for the slot may find that the target rests by now.
            if self._pace is not None and self._closed() is None:
                await self._pace.acquire()
        except BaseException:
            self._slots.release()
            raise

    def leave(self, ticket: int, verdict: Verdict | None) -> None:
        """
        Make room for the next one.

        Args:
            verdict: What the attempt came to; None: nothing was sent.
        """
        self._slots.release()
        self._under_way -= 1
        if verdict is None:
            self._breaker.abandon(ticket)
            return
        now, rested = self._clock(), self._breaker.resting
        self._breaker.report(ticket, verdict, now)
        if self._breaker.resting and not rested:
            self._since = now
            log.warning(
                "target rests",
                target=self._target,
                failures=self._breaker.failures,
                seconds=round(self._breaker.left(now), 1),
                reason=verdict.reason,
            )
        elif rested and not self._breaker.resting:
            log.info(
                "target answers again",
                target=self._target,
                rested_seconds=round(now - self._since, 1),
            )

    def room(self) -> int:
        """How many more flights make sense now."""
        if not self._breaker.admits(self._clock()):
            return 0
        free = self._at_once - self._under_way - len(self._waiting)
        return max(0, min(free, 1) if self._breaker.resting else free)

    @property
    def resting(self) -> bool:
        """Whether the target has not answered since its rest began."""
        return self._breaker.resting

    def rest(self) -> float | None:
        """Seconds until the target may be asked again; None when it may be now."""
        now = self._clock()
        return None if self._breaker.admits(now) else self._breaker.left(now)

    def stop(self) -> None:
        """Send back whoever waits, and let nobody in any more."""
        self._stopped = True
        now = asyncio.get_running_loop().time()
        for wait in self._waiting:
            wait.reschedule(now)

    def _closed(self) -> Closed | None:
        if self._stopped:
            return _STOPS
        now, breaker = self._clock(), self._breaker
        if breaker.admits(now):
            return None
        failed = f"{breaker.failures} failure{'s' if breaker.failures > 1 else ''} in a row"
        reason = f"not sent: {self._target} rests after {failed}; last: {breaker.reason}"
        return Closed(reason, breaker.left(now))


_STOPS = Closed("not sent: the bridge stops")


@dataclass(slots=True)
class Gates:
    """The gates of this process, one for each target."""

    limits: Mapping[str, Limits] = field(default_factory=dict)  #: of targets
    processes: int = 1  #: that share what a target bears
    clock: Callable[[], float] = time.monotonic
    _gates: dict[str, Gate] = field(default_factory=dict)
    _stopped: bool = False

    def of(self, target: str) -> Gate:
        """Give the gate of *target*."""
        gate = self._gates.get(target)
        if gate is None:
            limits = share(self.limits.get(target, Limits()), self.processes)
            gate = self._gates[target] = Gate(target, limits, self.clock)
            if self._stopped:
                gate.stop()
        return gate

    def room(self) -> Mapping[str, int]:
        """How many more flights make sense now, for each target that had one."""
        return {target: gate.room() for target, gate in self._gates.items()}

    def rests(self) -> Mapping[str, float]:
        """Seconds until a target may be asked again, for each that may not be asked now."""
        rests = ((target, gate.rest()) for target, gate in self._gates.items())
        return {target: rest for target, rest in rests if rest is not None}

    def resting(self) -> list[str]:
        """The targets that have not answered since their rest began."""
        return sorted(target for target, gate in self._gates.items() if gate.resting)

    def stop(self) -> None:
        """Send back whoever waits at a gate, and let nobody through any more."""
        self._stopped = True
        for gate in self._gates.values():
            gate.stop()


def share(limits: Limits, processes: int) -> Limits:
    """
    Give what one of several *processes* may ask for.

    Each may ask for one at a time, so more processes than a target bears at once ask for more.
    """
    pace = limits.per_second
    return Limits(
        per_second=None if pace is None else pace / processes,
        at_once=max(1, limits.at_once // processes),
    )
