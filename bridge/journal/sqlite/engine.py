"""
The threads and connections behind a journal in one SQLite file.

One thread waits for the disk and for others, one reads, one checkpoints.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

from bridge.errors import JournalUnavailable
from bridge.journal.sqlite.batch import Batches
from bridge.journal.sqlite.checkpoint import Checkpoints
from bridge.journal.sqlite.file import connect, workers_folder
from bridge.journal.sqlite.log import Log
from bridge.journal.sqlite.statements import run
from bridge.journal.sqlite.turns import Turns
from bridge.journal.sqlite.writer import Writer
from bridge.journal.transaction import Steps, Touches, Transaction, Work

T = TypeVar("T")


class Engine:
    """
    Runs work where it may wait.

    Args:
        path: An existing journal.
        transaction: What the transitions need to know; the writer's own.
        wait: Seconds to wait for other processes, and again for other programs.
        clock: Seconds since 1970.
        monotonic: Seconds.
    """

    def __init__(
        self,
        path: Path,
        transaction: Transaction,
        *,
        wait: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.closed = False
        self.secret = transaction.secret
        self.cipher = transaction.cipher
        self.folder = workers_folder(path)
        self._clock = clock
        with ExitStack() as stack:
            # Ended in reverse: the threads first, then what they use.
            self._reading = stack.enter_context(closing(connect(path, wait=wait, readonly=True)))
            writing = stack.enter_context(closing(connect(path, wait=0)))
            moving = stack.enter_context(closing(connect(path, wait=wait)))
            turns = stack.enter_context(closing(Turns(self.folder)))
            spare = stack.enter_context(closing(Turns(self.folder)))
            self._reader = ThreadPoolExecutor(1, thread_name_prefix="journal reader")
            stack.callback(self._reader.shutdown)
            checkpoints = Checkpoints(moving, spare, wait=wait)
            stack.callback(checkpoints.stop)
            self._writer = Writer(
                Batches(writing, transaction, clock=clock, monotonic=monotonic),
                turns,
                stack.enter_context(closing(Log(path, writing))),
                checkpoints,
                wait=wait,
                monotonic=monotonic,
            )
            stack.callback(self._writer.stop)
            self._stack = stack.pop_all()

    def now(self) -> int:
        """Read the journal's clock: milliseconds since 1970."""
        return int(self._clock() * 1000)

    def behind(self) -> float:
        """Seconds for which the oldest of what is to be written has waited."""
        return self._writer.behind()

    async def read(self, steps: Steps[T]) -> T:
        """
        Run *steps* in the reading thread.

        Raises:
            JournalUnavailable: The journal is closed, or cannot be read now.
        """
        if self.closed:
            raise JournalUnavailable("the journal is closed")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._reader, run, self._reading, steps)
        except sqlite3.Error as error:
            raise JournalUnavailable(f"the journal cannot be read: {error}") from error

    async def write(
        self,
        work: Work[T],
        *,
        sync: bool = False,
        touches: Touches | None = None,
        patient: bool = False,  # noqa: ARG002 - how it ends is known at once
        unclaimed: Callable[[T], None] = lambda _: None,
    ) -> T:
        """
        Run *work* in a transaction, perhaps together with others.

        Args:
            sync: Return when it, and all that was committed before it, is on disk.
            touches: Work that tells its keys asks for little and may run on the event loop.
            unclaimed: Called with the result when nobody waits for it any more: who is
                cancelled stops waiting, but the transaction goes on; and who was told that it
                may not be on disk does nothing with it.

        Raises:
            JournalUnavailable: The journal is closed, cannot keep up, or cannot be written now.
        """
        future = self._writer.submit(
            work, sync=sync, brief=touches is not None, unclaimed=unclaimed
        )
        try:
            return await future
        except asyncio.CancelledError:
            if not future.cancelled() and future.exception() is None:
                unclaimed(future.result())
            raise

    async def close(self, last: Work[None]) -> None:
        """Write what is queued and then *last*, on disk; end the threads in any case."""
        self.closed = True
        try:
            await asyncio.shield(self._writer.submit(last, sync=True, last=True))
        finally:
            await asyncio.to_thread(self._stack.close)
