"""
Write what many tasks ask for in few transactions.

One thread takes what has gathered, writes it under one commit and wakes everybody.  It never
waits for company: while one batch commits, the next one gathers.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from bridge.errors import JournalUnavailable
from bridge.journal.sqlite.statements import run
from bridge.journal.sqlite.turns import Turns
from bridge.journal.transaction import Transaction, Work

log = structlog.get_logger()

T = TypeVar("T")

_LARGEST_BATCH = 256
_LONGEST_QUEUE = 2_000
_OLDEST = 1.0  #: seconds that the first in the queue may have waited
#: Seconds after which no further item is begun, so that other processes have their turns.
_LONGEST_TURN = 0.1
_SHUTDOWN = 10.0


@dataclass(slots=True)
class _Item:
    work: Work[Any]
    sync: bool
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    since: float
    result: Any = None
    error: BaseException | None = None


class _ItemError(Exception):
    """An item of the batch has failed: nothing of the batch is written."""


class Writer:
    """
    The only one in this process who writes the journal.

    Args:
        db: Its own connection.
        transaction: What the transitions need to know; nobody else uses it.
        turns: Makes this process and others take turns.
        wait: Seconds to wait for a turn.
        clock: Seconds since 1970.
        monotonic: Seconds, to tell how long the first in the queue has waited.
        wrote: Called after each commit with the number of items in it.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        transaction: Transaction,
        turns: Turns,
        *,
        wait: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        wrote: Callable[[int], None],
    ) -> None:
        self._tx = transaction
        self._db = db
        self._turns = turns
        self._wait = wait
        self._clock = clock
        self._monotonic = monotonic
        self._wrote = wrote
        self._synchronous = ""
        self._queue: deque[_Item] = deque()
        self._gathered = threading.Condition()
        self._oldest: float | None = None  #: when that was asked for which has waited longest
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="journal writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T], *, sync: bool, last: bool = False) -> asyncio.Future[T]:
        """
        Queue *work*; it runs in a transaction of the writer's thread.

        Args:
            sync: The commit must be on disk before the future is done.
            last: Nothing is accepted after it.

        Raises:
            JournalUnavailable: The writer is closed, or cannot keep up.
        """
        loop = asyncio.get_running_loop()
        item = _Item(work, sync, loop, loop.create_future(), self._monotonic())
        with self._gathered:
            if self._closing:
                raise JournalUnavailable("the journal is closed")
            late = bool(self._queue) and item.since - self._queue[0].since > _OLDEST
            if (late or len(self._queue) >= _LONGEST_QUEUE) and not last:
                raise JournalUnavailable(
                    f"the journal cannot keep up: {len(self._queue)} transactions are waiting"
                )
            self._queue.append(item)
            self._closing = last
            self._gathered.notify()
        return item.future

    def stop(self) -> None:
        """Write what is queued and end the thread; accepts nothing from now on."""
        with self._gathered:
            self._closing = True
            self._gathered.notify()
        self._thread.join(_SHUTDOWN)

    def behind(self) -> float:
        """Seconds for which the oldest of what is to be written has waited."""
        oldest = self._oldest
        return 0.0 if oldest is None else self._monotonic() - oldest

    def _run(self) -> None:
        while batch := self._gather():
            self._oldest = batch[0].since
            written = self._write(batch)
            with self._gathered:
                self._queue.extendleft(reversed(batch[written:]))
                self._oldest = self._queue[0].since if self._queue else None
            _wake(batch[:written])
            del batch

    def _gather(self) -> list[_Item]:
        with self._gathered:
            while not self._queue and not self._closing:
                self._gathered.wait()
            size = min(len(self._queue), _LARGEST_BATCH)
            return [self._queue.popleft() for _ in range(size)]

    def _write(self, batch: list[_Item]) -> int:
        """Write what fits into one turn, at least one; gives how many of the batch are done."""
        try:
            with self._turns.turn(self._wait):
                done = self._commit(batch)
        except Exception as error:  # noqa: BLE001 - the thread must outlive every batch
            failed = _unavailable(error)
            log.error("journal", problem=str(failed), items=len(batch))
            for item in batch:
                item.error = failed
            return len(batch)
        self._wrote(done)
        return done

    def _commit(self, batch: list[_Item]) -> int:
        db = self._db
        synchronous = "FULL" if any(item.sync for item in batch) else "NORMAL"
        if synchronous != self._synchronous:
            db.execute(f"PRAGMA synchronous = {synchronous}")
            self._synchronous = synchronous
        try:
            return self._do_all(batch, self._do)
        except _ItemError:
            # One of them fails.  The others shall not.
            return self._do_all(batch, self._do_apart)

    def _do_all(self, batch: list[_Item], do: Callable[[_Item], None]) -> int:
        done = 0
        with self._transaction():
            until = self._monotonic() + _LONGEST_TURN
            while done < len(batch) and self._monotonic() <= until:
                do(batch[done])
                done += 1
        return done

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            self._tx.now = int(self._clock() * 1000)
            yield
            db.execute("COMMIT")
        except BaseException:
            self._tx.numbers.clear()
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _do(self, item: _Item) -> None:
        try:
            item.result = run(self._db, item.work(self._tx))
        except Exception as error:
            raise _ItemError from error

    def _do_apart(self, item: _Item) -> None:
        """Run an item so that what it did is undone if it fails, and nothing else."""
        db = self._db
        db.execute("SAVEPOINT item")
        try:
            item.result = run(db, item.work(self._tx))
        except Exception as error:
            if not db.in_transaction:
                # SQLite gave up the whole transaction: disk full, or an I/O error.
                raise
            db.execute("ROLLBACK TO item")
            self._tx.numbers.clear()
            item.error = _unavailable(error) if isinstance(error, sqlite3.Error) else error
        db.execute("RELEASE item")


def _unavailable(error: BaseException) -> JournalUnavailable:
    if isinstance(error, JournalUnavailable):
        return error
    told = JournalUnavailable(
        f"the journal cannot be written: {error}. "
        "Look at free disk space, at the file's permissions, and for other programs that use it"
    )
    told.__cause__ = error
    return told


def _wake(batch: list[_Item]) -> None:
    """Hand the results over, with one call for each event loop that waits for some."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Item]] = defaultdict(list)
    for item in batch:
        by_loop[item.loop].append(item)
    for loop, items in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, items)
        except RuntimeError:
            # The loop is closed: nobody waits there any more, and what was written is written.
            log.warning("journal", problem="written after its event loop had ended")


def _resolve(items: list[_Item]) -> None:
    for item in items:
        if item.future.done():
            continue
        if item.error is not None:
            item.future.set_exception(item.error)
        else:
            item.future.set_result(item.result)
