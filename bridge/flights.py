"""
Carry deliveries out: send, settle, or give back; never bound to the request that began it.

A flight belongs to the worker.  When the store has its answer, or has hung up, the flight goes
on, and what it comes to is written with its token.  It ends in any case: an attempt that takes
too long, and all that are out when a stop has waited long enough, are given up.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import structlog

from bridge.destinations.judge import last_word
from bridge.errors import JournalUnavailable
from bridge.journal.protocol import FETCH, Flight, Journal
from bridge.limits import Closed, Gates
from bridge.slots import Asks
from bridge.types import Cause, Outcome, Verdict

log = structlog.get_logger()

Send = Callable[[], Awaitable[Verdict]]
#: Writes the last word of a flight; None when it was not ours any more.
Settle = Callable[[Verdict], Awaitable[Outcome | None]]
T = TypeVar("T")

#: Why a delivery is dead that a destination refused without a reason.
UNTOLD = (Cause("send", "refused"),)

_LONGEST_BACKOFF = 900.0
_LEAST_BACKOFF = 1.0
_JOURNAL_RETRY = 1.0
#: Seconds in which the journal takes what a stop has still to write.
_LAST_WORDS = 1.0


def backoff(attempts: int, retry_after: float | None, chance: float) -> float:
    """
    Say how long to wait before the next attempt: exponential, with full jitter.

    Args:
        attempts: How many were made.
        retry_after: Seconds that the destination asked for: a lower bound.
        chance: A random number from 0 to 1.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    longest = min(_LONGEST_BACKOFF, 2.0 * 2.0 ** min(attempts, 16))
    return max(_LEAST_BACKOFF, chance * longest, retry_after or 0.0)


def wait_for(closed: Closed) -> float:
    """Say for how many seconds that is put off which a closed gate has sent back."""
    return max(_LEAST_BACKOFF, closed.seconds or 0.0)


def tell(told: asyncio.Future[Outcome], outcome: Outcome) -> None:
    """Tell whoever waits, unless he was told before, or has gone."""
    if not told.done():
        told.set_result(outcome)


@dataclass(slots=True)
class Flights:
    """The flights of this process."""

    journal: Journal
    gates: Gates
    quiet: float  #: seconds that a lane rests after an attempt without an answer
    lost: Callable[[], None]  #: called when this worker was declared gone
    request_timeout: float = 30.0  #: seconds in which an attempt should have ended by itself
    chance: Callable[[], float] = random.random
    stopping: bool = False  #: nothing is waited for any more
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _attempts: set[asyncio.Timeout] = field(default_factory=set)
    _landed: asyncio.Event | None = None  #: is there when somebody waits for a landing

    def __len__(self) -> int:
        return len(self._tasks)

    def launch(
        self, flight: Flight, send: Send, settle: Settle | None = None, *, asks: Asks | None
    ) -> asyncio.Future[Outcome]:
        """
        Begin a flight.

        Args:
            send: Makes the attempt.
            settle: Writes a last word that is more than a state; default is `Journal.settle`.
            asks: Who waits for a turn at the target; None: *send* asks nothing of it.

        Returns:
            What can be told as soon as the attempt is over and written: settled, or queued.
            It raises `JournalUnavailable` when what came of it cannot be written yet.
        """
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._keep(self._fly(flight, send, settle, told, asks), told, flight)
        return told

    def put_back(self, flight: Flight, why: Closed) -> None:
        """Give a flight back to the journal, with nothing sent; returns at once."""
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._keep(self._give_back(flight, why, told), told, flight)

    async def drain(self, patience: float) -> None:
        """
        Wait for the flights that are out, and return when none is left or all is in vain.

        Args:
            patience: Seconds after which they are given up.  Those that may have been accepted
                then rest, and are queued again; only what the journal does not take is left to
                others.
        """
        await self._end(patience)
        if self._tasks:
            self.give_up()
            await self._end(self.quiet + _LAST_WORDS)
        if self._tasks:
            self.abandon()
            await self._end(_LAST_WORDS)

    def give_up(self) -> None:
        """Make all attempts that are out end now, and begin no others."""
        self.stopping = True
        self.gates.stop()
        now = asyncio.get_running_loop().time()
        for attempt in self._attempts:
            if not attempt.expired():
                attempt.reschedule(now)
        self._land()

    def abandon(self) -> None:
        """End all flights at once; others take over what they were about."""
        self.stopping = True
        self.gates.stop()
        for task in self._tasks:
            task.cancel()

    async def landing(self, timeout: float) -> None:
        """Return when a flight of this process has landed, or after *timeout* seconds."""
        landed = self._landed = self._landed or asyncio.Event()
        try:
            await asyncio.wait_for(landed.wait(), timeout)
        except TimeoutError:
            return

    async def _end(self, patience: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)

    def _keep(
        self, work: Coroutine[Any, Any, None], told: asyncio.Future[Outcome], flight: Flight
    ) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(self._end_of, told, flight.endpoint))

    def _end_of(
        self, told: asyncio.Future[Outcome], endpoint: str, task: asyncio.Task[None]
    ) -> None:
        self._tasks.discard(task)
        tell(told, Outcome(endpoint, "queued", "interrupted"))
        self._land()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("flight lost", exc_info=error)

    def _land(self) -> None:
        if self._landed is not None:
            self._landed.set()
            self._landed = None

    async def _fly(
        self,
        flight: Flight,
        send: Send,
        settle: Settle | None,
        told: asyncio.Future[Outcome],
        asks: Asks | None,
    ) -> None:
        try:
            came = await (
                self._attempt(flight, send) if asks is None else self._pass_gate(flight, send, asks)
            )
            if isinstance(came, Closed):
                await self._give_back(flight, came, told)
                return
            verdict = last_word(came, flight.attempts)
            log.info(
                "attempt",
                entry=flight.entry,
                endpoint=flight.endpoint,
                attempt=flight.attempts,
                verdict=verdict.kind,
                reason=verdict.reason,
            )
            await self._write(flight, verdict, settle, told)
        except Exception as error:
            # A bug of ours must not keep the lane.
            log.error("flight failed", entry=flight.entry, endpoint=flight.endpoint, exc_info=error)
            failed = Verdict("unsure", f"the bridge failed: {type(error).__name__}")
            await self._write(flight, failed, None, told)

    async def _pass_gate(self, flight: Flight, send: Send, asks: Asks) -> Verdict | Closed:
        gate, verdict = self.gates.of(flight.target), None
        ticket = await gate.enter(asks)
        if isinstance(ticket, Closed):
            return ticket
        try:
            if self.journal.fenced:
                return Closed("not sent: the journal is out of reach")
            verdict = await self._attempt(flight, send)
            return verdict
        finally:
            gate.leave(ticket, verdict)

    async def _attempt(self, flight: Flight, send: Send) -> Verdict:
        longest = self.request_timeout + self.quiet
        limit = asyncio.timeout(longest)
        self._attempts.add(limit)
        try:
            async with limit:
                return await send()
        except TimeoutError:
            # Whoever fetches has changed nothing.
            why = "the bridge stops" if self.stopping else f"it took longer than {longest:g} s"
            return Verdict(
                "transient" if flight.endpoint == FETCH else "unsure", f"given up: {why}"
            )
        except Exception as error:
            # A bug of ours must not lose the lane.
            log.error("attempt failed", exc_info=error)
            return Verdict("unsure", f"the bridge failed: {type(error).__name__}")
        finally:
            self._attempts.discard(limit)

    async def _give_back(
        self, flight: Flight, closed: Closed, told: asyncio.Future[Outcome]
    ) -> None:
        """Queue what could not be sent, without counting it as an attempt."""
        log.info("not sent", entry=flight.entry, endpoint=flight.endpoint, reason=closed.reason)
        tell(told, Outcome(flight.endpoint, "queued", closed.reason, closed.seconds))
        delay = wait_for(closed) if flight.park else None
        await self._insist(
            flight,
            lambda: self.journal.back(
                flight, delay=delay, unsure=False, reason=closed.reason, attempted=False
            ),
            told,
        )

    async def _write(
        self,
        flight: Flight,
        verdict: Verdict,
        settle: Settle | None,
        told: asyncio.Future[Outcome],
    ) -> None:
        if verdict.kind == "delivered" or verdict.kind == "refused":
            state = verdict.kind

            async def last_word() -> Outcome | None:
                if settle is not None:
                    return await settle(verdict)
                causes = verdict.causes or UNTOLD if state == "refused" else ()
                ours = await self.journal.settle(flight, state, verdict.reason, causes)
                return Outcome(flight.endpoint, state, verdict.reason) if ours else None

            if outcome := await self._insist(flight, last_word, told):
                tell(told, outcome)
            return
        unsure = verdict.kind == "unsure"
        rest = self.gates.of(flight.target).rest()
        tell(told, Outcome(flight.endpoint, "queued", verdict.reason, rest))
        if unsure:
            # The destination may still be working on it: nobody else enters the lane meanwhile.
            await asyncio.sleep(self.quiet)
        delay = (
            backoff(flight.attempts, verdict.retry_after, self.chance()) if flight.park else None
        )
        await self._insist(
            flight,
            lambda: self.journal.back(flight, delay=delay, unsure=unsure, reason=verdict.reason),
            told,
        )

    async def _insist(
        self,
        flight: Flight,
        write: Callable[[], Awaitable[T]],
        told: asyncio.Future[Outcome],
    ) -> T:
        """Write until it is written; whoever waits is told at once that it is not."""
        while True:
            try:
                ours = await write()
            except JournalUnavailable as error:
                log.error("cannot write", entry=flight.entry, endpoint=flight.endpoint)
                if not told.done():
                    told.set_exception(error)
                    told.exception()
                await asyncio.sleep(_JOURNAL_RETRY)
                continue
            if not ours:
                log.error("taken over", entry=flight.entry, endpoint=flight.endpoint)
                self.lost()
            return ours
