"""
Ask of a destination what it bears: so many a second, so many at once, none while it is down.

A **target** is an endpoint of an account.  Every flight passes the gate of its target: it waits
for one of the `bridge.slots`, then for the pace, and a gate that is closed, because
`bridge.breaker` lets the target rest, sends it back at once.  Each process has gates of its own
and keeps to its share.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
from aiolimiter import AsyncLimiter

from bridge.breaker import Breaker
from bridge.destinations.endpoint import Limits
from bridge.slots import Asks, Slots
from bridge.types import Verdict

log = structlog.get_logger()

#: Flights of one store that wait at one gate.  The journal holds any number, and whoever is sent
#: back to it has his store answered now instead of at the deadline.
MOST_WAITING = 256


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a flight was sent back, with nothing sent to the destination."""

    reason: str
    seconds: float | None = None  #: until it may be tried again; None: nobody knows


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to ask something of a target, once."""

    asks: Asks
    number: int  #: by which the breaker knows what was begun before a rest


class Gate:
    """The way to one target."""

    def __init__(self, target: str, limits: Limits, clock: Callable[[], float]) -> None:
        self.target = target
        self._at_once = limits.at_once
        self._slots = Slots(limits.at_once)
        # A bucket of one: what was not used is not saved up, or a burst would be sent as one.
        self._pace = AsyncLimiter(1, 1 / limits.per_second) if limits.per_second else None
        self._clock = clock
        self._breaker = Breaker()
        self._since = 0.0
        self._waiting: set[asyncio.Timeout] = set()
        self._here = self._parked_here = 0  #: who waits or is under way; of them parked work
        self._stopped = False
        self.recovered = False  #: a rest has ended, and what it put off is still put off

    async def enter(self, asks: Asks) -> Ticket | Closed:
        """
        Wait for a turn.

        Returns:
            A ticket, with which the caller must `leave`; or why nothing may be sent.
        """
        if (closed := self.closed()) is not None:
            return closed
        self._here += 1
        self._parked_here += asks.parked
        try:
            waits = self._pace is not None or not self._slots.take_now(asks)
            closed = await self._wait(asks) if waits else None
        except BaseException:
            self._left(asks)
            raise
        if closed is not None:
            self._left(asks)
            return closed
        return Ticket(asks, self._breaker.begin())

    async def _wait(self, asks: Asks) -> Closed | None:
        """Wait for a turn that is not to be had at once; says why there is none any more."""
        if self._slots.waiting(asks.store) >= MOST_WAITING:
            return Closed(f"not sent: {MOST_WAITING} are waiting for {self.target} already")
        wait = asyncio.timeout(None)
        self._waiting.add(wait)
        try:
            async with wait:
                await self._turn(asks)
        except TimeoutError:
            return _STOPS
        finally:
            self._waiting.discard(wait)
        if (closed := self.closed()) is not None:
            self._slots.give(asks.store)
        return closed

    def _left(self, asks: Asks) -> None:
        self._here -= 1
        self._parked_here -= asks.parked

    async def pace(self) -> None:
        """Wait for the turn of one more request of an attempt that has entered."""
        if self._pace is not None:
            await self._pace.acquire()

    async def _turn(self, asks: Asks) -> None:
        """
        Wait for a slot, then for the pace.

        In this order, because a turn of the pace that waits for a slot would be saved up: when a
        target answers again after a stall, all that waited would be sent at once.
        """
        await self._slots.take(asks)
        try:
            # Who waited for the slot may find that the target rests by now.
            if self.closed() is None:
                await self.pace()
        except BaseException:
            self._slots.give(asks.store)
            raise

    def leave(self, ticket: Ticket, verdict: Verdict | None) -> None:
        """
        Make room for the next one.

        Args:
            verdict: What the attempt came to; None: nothing was sent.
        """
        self._slots.give(ticket.asks.store)
        self._left(ticket.asks)
        if verdict is None:
            self._breaker.abandon(ticket.number)
            return
        now, rested = self._clock(), self._breaker.resting
        self._breaker.report(ticket.number, verdict, now)
        if self._breaker.resting and not rested:
            self._since, self.recovered = now, False
            log.warning(
                "target rests",
                target=self.target,
                failures=self._breaker.failures,
                seconds=round(self._breaker.left(now), 1),
                reason=verdict.reason,
            )
        elif rested and not self._breaker.resting:
            self.recovered = True
            log.info(
                "target answers again",
                target=self.target,
                rested_seconds=round(now - self._since, 1),
            )

    def room(self) -> int:
        """How many more parked flights make sense now."""
        if not self._breaker.admits(self._clock()):
            return 0
        free = self._at_once - self._here
        if self._breaker.resting:
            return max(0, min(free, 1))
        # However many webhooks wait: a few stand in line with them, and get their turns there.
        own = max(1, self._at_once // 4) - self._parked_here
        return max(0, free, own)

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
            if not wait.expired():
                wait.reschedule(now)

    def closed(self) -> Closed | None:
        """Say why nothing may be sent now; None when something may."""
        if self._stopped:
            return _STOPS
        now, breaker = self._clock(), self._breaker
        if breaker.admits(now):
            return None
        reason = f"not sent: {self.target} rests after {breaker.why}; last: {breaker.reason}"
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
        """How many more parked flights make sense now, for each target that had one."""
        return {target: gate.room() for target, gate in self._gates.items()}

    def rests(self) -> Mapping[str, float]:
        """Seconds until a target may be asked again, for each that may not be asked now."""
        rests = ((target, gate.rest()) for target, gate in self._gates.items())
        return {target: rest for target, rest in rests if rest is not None}

    def resting(self) -> list[str]:
        """The targets that have not answered since their rest began."""
        return sorted(target for target, gate in self._gates.items() if gate.resting)

    def recovered(self) -> list[str]:
        """The targets whose rest has ended, and what it put off is still put off."""
        return [target for target, gate in self._gates.items() if gate.recovered]

    def hastened(self, target: str) -> None:
        """Note that what the rest of *target* had put off is no more."""
        self._gates[target].recovered = False

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
