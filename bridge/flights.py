"""
Carry deliveries out: send, settle, or give back; never bound to the request that began it.

A flight belongs to the worker.  When the store has its answer, or has hung up, the flight goes
on, and what it comes to is written with its token.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from bridge.errors import JournalUnavailable
from bridge.journal.protocol import Flight, Journal
from bridge.types import Outcome, Verdict

log = structlog.get_logger()

Send = Callable[[], Awaitable[Verdict]]
#: Writes the last word of a flight; None when it was not ours any more.
Settle = Callable[[Verdict], Awaitable[Outcome | None]]
T = TypeVar("T")

_LONGEST_BACKOFF = 900.0
_LEAST_BACKOFF = 1.0
_JOURNAL_RETRY = 1.0


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


@dataclass(slots=True)
class Flights:
    """The flights of this process."""

    journal: Journal
    quiet: float  #: seconds that a lane rests after an attempt without an answer
    at_once: int  #: requests at the same moment per target
    lost: Callable[[], None]  #: called when this worker was declared gone
    chance: Callable[[], float] = random.random
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _landed: asyncio.Event = field(default_factory=asyncio.Event)
    _slots: defaultdict[str, asyncio.Semaphore] = field(init=False)

    def __post_init__(self) -> None:
        self._slots = defaultdict(lambda: asyncio.Semaphore(self.at_once))

    def __len__(self) -> int:
        return len(self._tasks)

    def launch(
        self, flight: Flight, send: Send, settle: Settle | None = None
    ) -> asyncio.Future[Outcome]:
        """
        Begin a flight.

        Args:
            send: Makes the attempt.
            settle: Writes a last word that is more than a state; default is `Journal.settle`.

        Returns:
            What can be told as soon as the attempt is over and written: settled, or queued.
            It raises `JournalUnavailable` when what came of it cannot be written yet.
        """
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._fly(flight, send, settle, told))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return told

    async def landing(self, timeout: float) -> None:
        """Return when a flight of this process has landed, or after *timeout* seconds."""
        try:
            await asyncio.wait_for(self._landed.wait(), timeout)
        except TimeoutError:
            return

    async def drain(self, timeout: float) -> None:
        """Wait for the flights that are out; those left after *timeout* seconds are given up."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        landed, self._landed = self._landed, asyncio.Event()
        landed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("flight lost", exc_info=error)

    async def _fly(
        self,
        flight: Flight,
        send: Send,
        settle: Settle | None,
        told: asyncio.Future[Outcome],
    ) -> None:
        try:
            verdict = await self._attempt(flight, send)
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
        finally:
            if not told.done():
                told.set_result(Outcome(flight.endpoint, "queued", "interrupted"))

    async def _attempt(self, flight: Flight, send: Send) -> Verdict:
        async with self._slots[flight.target]:
            if self.journal.fenced:
                return Verdict("transient", "the journal is out of reach: nothing is sent")
            try:
                return await send()
            except Exception as error:
                # A bug of ours must not lose the lane.
                log.error("attempt failed", exc_info=error)
                return Verdict("unsure", f"the bridge failed: {type(error).__name__}")

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
                ours = await self.journal.settle(flight, state, verdict.reason)
                return Outcome(flight.endpoint, state, verdict.reason) if ours else None

            if outcome := await self._insist(flight, last_word, told):
                self._tell(told, outcome)
            return
        unsure = verdict.kind == "unsure"
        self._tell(told, Outcome(flight.endpoint, "queued", verdict.reason))
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

    @staticmethod
    def _tell(told: asyncio.Future[Outcome], outcome: Outcome) -> None:
        if not told.done():
            told.set_result(outcome)
