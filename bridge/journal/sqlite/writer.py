"""
Write what many tasks ask for in few transactions.

What a webhook asks for are a few rows that are found by their keys.  The event loop itself runs
those statements and commits them, which is done when they are in the system's cache: in a thread
they would take longer, since both need the one interpreter and hand it to and fro with every
statement, and other processes would wait for their turn as long.  A thread does all that waits,
for a turn, for another program's lock and for the disk, and whatever may look at many rows.

Nobody waits for company: while one batch is on its way to the disk, the next one gathers.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

import structlog

from bridge.errors import JournalUnavailable
from bridge.journal.sqlite.batch import Batches, Item, ItemError, unavailable
from bridge.journal.sqlite.checkpoint import Checkpoints
from bridge.journal.sqlite.log import Log
from bridge.journal.sqlite.turns import Turns
from bridge.journal.transaction import Work

log = structlog.get_logger()

T = TypeVar("T")

_LARGEST_BATCH = 256
_LONGEST_QUEUE = 2_000
_OLDEST = 1.0  #: seconds that the first in the queue may have waited
#: Seconds after which no further item is begun, so that other processes have their turns.
_LONGEST_TURN = 0.1
#: The same on the event loop, so that everybody else there has his.
_LONGEST_HERE = 0.01
#: Seconds after which a turn of another process is mostly over, and how often that is awaited on
#: the event loop.  To stand in line for it takes a thread, and its longer way through a batch.
_BRIEF_TURN, _BRIEF_TURNS = 0.001, 4
_SHUTDOWN = 10.0


@dataclass(frozen=True, slots=True)
class _Handed:
    """A batch that the thread is handed."""

    items: list[Item]
    committed: bool  #: only the disk is to be waited for
    loop: asyncio.AbstractEventLoop  #: where they are waited for


class Writer:
    """
    The only one in this process who writes the journal.  Asked from one event loop.

    Args:
        batches: What runs in one transaction; nobody else uses it.
        turns: Makes this process and others take turns.
        disk: Has on disk what was committed.
        checkpoints: Keeps the log short.
        wait: Seconds to wait for a turn, and again for locks of other programs.
        monotonic: Seconds, to tell how long the first in the queue has waited.
    """

    def __init__(
        self,
        batches: Batches,
        turns: Turns,
        disk: Log,
        checkpoints: Checkpoints,
        *,
        wait: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._batches = batches
        self._turns = turns
        self._disk = disk
        self._checkpoints = checkpoints
        self._wait = wait
        self._monotonic = monotonic
        self._queue: deque[Item] = deque()
        self._busy = False  #: a batch is under way, or is about to be
        self._oldest: float | None = None  #: when that was asked for which has waited longest
        self._closing = self._stopped = False
        self._handed: SimpleQueue[_Handed | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal writer", daemon=True)
        self._thread.start()

    def submit(
        self,
        work: Work[T],
        *,
        sync: bool,
        brief: bool = False,
        last: bool = False,
        unclaimed: Callable[[T], None] = lambda _: None,
    ) -> asyncio.Future[T]:
        """
        Queue *work*; it runs in a transaction, and goes on when nobody waits for it any more.

        Args:
            sync: It must be on disk before the future is done.
            brief: It asks for a few rows by their keys, and may run on the event loop.
            last: Nothing is accepted after it.
            unclaimed: Called with the result when it stands in the journal and nobody was told.

        Raises:
            JournalUnavailable: The writer is closed, or cannot keep up.
        """
        if self._closing:
            raise JournalUnavailable("the journal is closed")
        loop, since = asyncio.get_running_loop(), self._monotonic()
        late = bool(self._queue) and since - self._queue[0].since > _OLDEST
        if (late or len(self._queue) >= _LONGEST_QUEUE) and not last:
            raise JournalUnavailable(
                f"the journal cannot keep up: {len(self._queue)} transactions are waiting"
            )
        future: asyncio.Future[T] = loop.create_future()
        self._queue.append(Item(work, sync, brief, future, unclaimed, since))
        self._closing = last
        if not self._busy:
            self._busy = True
            loop.call_soon(self._begin, loop)
        return future

    def stop(self) -> None:
        """End the thread when it has written what it was handed; the rest fails."""
        self._closing = self._stopped = True
        self._handed.put(None)
        self._thread.join(_SHUTDOWN)

    def behind(self) -> float:
        """Seconds for which the oldest of what is to be written has waited."""
        oldest = self._oldest
        return 0.0 if oldest is None else self._monotonic() - oldest

    def _begin(self, loop: asyncio.AbstractEventLoop, tries: int = _BRIEF_TURNS) -> None:
        """Write what has gathered as far as nothing has to be waited for, and hand on the rest."""
        self._oldest = self._queue[0].since
        waits_for_nothing = (
            all(item.brief for item in islice(self._queue, _LARGEST_BATCH))
            and not self._stopped
            # Whoever begins the log anew waits for the disk.  Where another process has moved it,
            # that is not known here, and happens on the event loop.
            and not self._checkpoints.complete
        )
        here = waits_for_nothing and self._take_now()
        if waits_for_nothing and tries and not here:
            loop.call_later(_BRIEF_TURN, self._begin, loop, tries - 1)
            return
        items = [self._queue.popleft() for _ in range(min(len(self._queue), _LARGEST_BATCH))]
        if self._stopped:
            _fail(items, JournalUnavailable("the journal is closed"))
            self._end(items, loop)
            return
        done = self._do_here(items) if here else 0
        if done:
            self._queue.extendleft(reversed(items[done:]))
            del items[done:]
        if done and not any(item.sync for item in items):
            self._end(items, loop)
        else:
            self._handed.put(_Handed(items, bool(done), loop))

    def _end(self, items: list[Item], loop: asyncio.AbstractEventLoop) -> None:
        """Tell everybody what has come of it, and begin anew with what has gathered meanwhile."""
        for item in items:
            _tell(item)
        self._busy = bool(self._queue)
        self._oldest = self._queue[0].since if self._queue else None
        if self._busy:
            # After those who were just told: what they ask for next is in the same batch.
            loop.call_soon(self._begin, loop)

    def _take_now(self) -> bool:
        # What goes wrong here, the thread meets again and tells.
        with suppress(Exception):
            return self._turns.take_now()
        return False

    def _do_here(self, items: list[Item]) -> int:
        """
        Write on the event loop what fits into a moment, in the turn that was taken.

        Returns:
            How many of the items are committed; 0 when all is the thread's: to run them, to wait,
            and to tell what is wrong.
        """
        # Whatever goes wrong, also on the way back, the thread meets it again and tells it: what is
        # raised here would end nothing but this call, and nobody would ever be told anything.
        done = 0
        with suppress(Exception):
            try:
                done = self._batches.write(items, _LONGEST_HERE)
            finally:
                self._turns.give()
            self._checkpoints.wrote(done)
        return done

    def _run(self) -> None:
        while (batch := self._handed.get()) is not None:
            written = self._write(batch)
            try:
                batch.loop.call_soon_threadsafe(self._written, batch, written)
            except RuntimeError:
                # The loop is closed: nobody waits there any more, and what was written is written.
                log.warning("journal", problem="written after its event loop had ended")
            del batch

    def _written(self, batch: _Handed, many: int) -> None:
        self._queue.extendleft(reversed(batch.items[many:]))
        self._end(batch.items[:many], batch.loop)

    def _write(self, batch: _Handed) -> int:
        """Write what fits into one turn, at least one; gives how many of the batch are done."""
        items = batch.items
        try:
            done = len(items) if batch.committed else self._do_it_all(items)
        except Exception as error:  # noqa: BLE001 - the thread must outlive every batch
            _fail(items, _told(error, items))
            return len(items)
        self._sync([item for item in items[:done] if item.sync])
        return done

    def _sync(self, items: list[Item]) -> None:
        """Wait for the disk, for those who asked for it."""
        try:
            if items:
                self._disk.sync()
        except Exception as error:  # noqa: BLE001 - the thread must outlive every batch
            failed = _told(error, items)
            for item in items:
                if item.error is None:
                    item.error, item.unsynced = failed, True

    def _do_it_all(self, items: list[Item]) -> int:
        with self._turns.turn(self._wait):
            write = partial(self._batches.write, items, _LONGEST_TURN, wait=self._wait)
            try:
                done = write(apart=False)
            except ItemError:
                # One of them fails.  The others shall not.
                done = write(apart=True)
        self._checkpoints.wrote(done)
        return done


def _fail(items: list[Item], error: JournalUnavailable) -> None:
    for item in items:
        item.error = error


def _told(error: Exception, items: list[Item]) -> JournalUnavailable:
    failed = unavailable(error)
    log.error("journal", problem=str(failed), items=len(items))
    return failed


def _tell(item: Item) -> None:
    """Tell whoever waits for an item what has come of it."""
    gone = item.future.cancelled()
    if item.unsynced or (gone and item.error is None):
        item.unclaimed(item.result)
    if gone:
        return
    if item.error is not None:
        item.future.set_exception(item.error)
    else:
        item.future.set_result(item.result)
