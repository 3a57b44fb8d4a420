"""
Write what many tasks ask for in few transactions, through a connection that may be lost.

One task takes what has gathered, runs it side by side, commits it and wakes everybody.  It
never waits for company: while one batch commits, the next one gathers.

Every commit is on disk when it is told.  A server that crashes forgets what is not, and the
process that asked for it lives on: it would report what became of a flight that nobody knows.

A commit whose answer was lost is looked up on the next connection: what was committed stands,
what was not is run again.  So nothing is written twice and nothing is forgotten.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg
import structlog

from bridge.errors import JournalUnavailable
from bridge.journal.postgres.address import is_lost, told
from bridge.journal.postgres.statements import ANSWER_WITHIN, Connection, run_all
from bridge.journal.transaction import Touches, Transaction, Work

log = structlog.get_logger()

T = TypeVar("T")

_LARGEST_BATCH = 256
_LONGEST_QUEUE = 2_000
_PATIENCE = 1.0  #: seconds that anybody waits for a server that does not answer
_LOOK_EVERY = 0.25
_SHUTDOWN = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0  #: seconds between two attempts to connect
_POLL = 0.05
#: Times that a transaction is run which another one was in the way of.
_TRIES = 3

# Until the commit nobody can declare this worker gone: who takes over its lanes afterwards sees
# all that it took.
_BEGIN_AS = """
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, pg_current_xact_id()::text
  FROM worker WHERE id = $1 FOR SHARE
"""

_BEGIN = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, pg_current_xact_id()::text"

# Source: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
_OUTCOME = "SELECT pg_xact_status($1::text::xid8)"

#: Another transaction was in the way, perhaps of another node that met the same name.
_IN_THE_WAY = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.UniqueViolationError,
)


@dataclass(slots=True, eq=False)
class _Item:
    work: Work[Any]
    touches: Touches | None
    patient: bool
    unclaimed: Callable[[Any], None]
    future: asyncio.Future[Any]
    since: float
    given_up: bool = False  #: its caller was told that the journal is away
    touched: frozenset[bytes] | None = None


class _LostError(Exception):
    """The connection was lost before the commit: nothing was written."""


class Writer:
    """
    The only one in this process who writes the journal.

    Args:
        transaction: What the transitions need to know; nobody else uses it.
        connect: Opens a connection.
        clock: Seconds since 1970; None: the server's clock.
    """

    def __init__(
        self,
        transaction: Transaction,
        connect: Callable[[], Awaitable[Connection]],
        clock: Callable[[], float] | None,
    ) -> None:
        self._tx = transaction
        self._connect = connect
        self._clock = clock
        self._ahead = 0.0  #: of the server's clock before our monotonic one, seconds
        self._db: Connection | None = None
        self._away = False
        self._queue: deque[_Item] = deque()
        self._running: list[_Item] = []
        self._gathered = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def away(self) -> bool:
        """Whether the server is out of reach and everybody has been told so."""
        return self._away

    def now(self) -> int:
        """Read the journal's clock: milliseconds since 1970."""
        seconds = time.monotonic() + self._ahead if self._clock is None else self._clock()
        return int(seconds * 1000)

    def behind(self) -> float:
        """Seconds for which the oldest of what is to be written has waited."""
        oldest = [one[0].since for one in (self._running, self._queue) if one]
        return time.monotonic() - min(oldest) if oldest else 0.0

    def start(self, db: Connection) -> None:
        """Begin to write through *db*."""
        self._db = db
        self._task = asyncio.create_task(self._run())

    async def write(
        self,
        work: Work[T],
        *,
        touches: Touches | None,
        patient: bool,
        unclaimed: Callable[[T], None],
        last: bool = False,
    ) -> T:
        """
        Run *work* in a transaction; the arguments are those of `Engine.write`.

        Args:
            last: Nothing is accepted after it.
        """
        if self._closing:
            raise JournalUnavailable("the journal is closed")
        now = time.monotonic()
        late = bool(self._queue) and now - self._queue[0].since > _PATIENCE
        if (late or len(self._queue) >= _LONGEST_QUEUE) and not last:
            raise JournalUnavailable(
                f"the journal cannot keep up: {len(self._queue)} transactions are waiting"
            )
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Item(work, touches, patient, unclaimed, future, now))
        self._closing = last
        self._gathered.set()
        return await future

    async def stop(self) -> None:
        """Write what is queued, if that takes no longer than a stop may, and let go."""
        self._closing = True
        self._gathered.set()
        if self._task is not None:
            # What waits for a server that is away has been told so, and is not waited for.
            await asyncio.wait([self._task], timeout=_SHUTDOWN if self._db is not None else 0)
            self.abandon()
            await asyncio.wait([self._task])

    def abandon(self) -> None:
        """Let go of everything at once."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
        if self._db is not None:
            self._db.terminate()
        for item in (*self._running, *self._queue):
            _give_up(item, "the journal is closed", patient=True)
        self._queue.clear()

    async def _run(self) -> None:
        while batch := await self._gather():
            self._running = batch
            look = asyncio.create_task(self._look())
            try:
                await self._write(batch)
            except Exception as error:
                # A bug of ours must not be the last that is written.
                log.error("journal", exc_info=error)
                for item in batch:
                    _fail(item, JournalUnavailable(f"the journal failed: {type(error).__name__}"))
            finally:
                look.cancel()
                self._running = []
        if self._db is not None and not self._db.is_closed():
            await self._db.close(timeout=_PATIENCE)

    async def _gather(self) -> list[_Item]:
        """Take what can be run side by side, or the first alone if it must be."""
        while True:
            self._queue = deque(item for item in self._queue if not item.given_up)
            if self._queue or self._closing:
                break
            self._gathered.clear()
            await self._gathered.wait()
        if self._queue and self._touched(self._queue[0]) is None:
            return [self._queue.popleft()]
        batch: list[_Item] = []
        left: deque[_Item] = deque()
        met: set[bytes] = set()
        while self._queue and len(batch) < _LARGEST_BATCH:
            item = self._queue.popleft()
            touched = self._touched(item)
            if touched is None or touched & met:
                left.append(item)
            else:
                batch.append(item)
            met |= touched or frozenset()
        self._queue = left + self._queue
        return batch

    def _touched(self, item: _Item) -> frozenset[bytes] | None:
        if item.touched is None and item.touches is not None:
            try:
                item.touched = item.touches(self._tx)
            except Exception:  # noqa: BLE001 - run alone, it fails of the same, and alone
                return None
        return item.touched

    async def _look(self) -> None:
        """Tell who waits for a server that does not answer that it does not."""
        since = time.monotonic()
        await asyncio.sleep(_PATIENCE)
        while True:
            problem = "the journal's server does not answer"
            # What runs alone may be long, and is only given up when the connection is.
            lost = self._db is None
            if lost or len(self._running) > 1 or self._running[0].touches is not None:
                for item in self._running:
                    _give_up(item, problem)
            for item in self._queue:
                if time.monotonic() - max(item.since, since) > _PATIENCE:
                    _give_up(item, problem)
            if lost and not self._away:
                self._away = True
                log.error("journal away", problem=problem)
            await asyncio.sleep(_LOOK_EVERY)

    async def _write(self, batch: list[_Item]) -> None:
        groups = deque([batch])
        tries = 0
        while groups:
            db = await self._connected()
            # Only now: who gave up while the server was away was told that nothing is written.
            group = [item for item in groups.popleft() if not item.given_up]
            if not group:
                continue
            try:
                results = await self._commit(db, group)
            except _LostError:
                groups.appendleft(group)
            except Exception as error:  # noqa: BLE001 - the task must outlive every batch
                tries += 1
                most = _TRIES if len(group) == 1 else 2
                if isinstance(error, asyncpg.LockNotAvailableError):
                    # Whoever has it may be frozen: those who need nothing of it go on.
                    most = 1
                if isinstance(error, _IN_THE_WAY) and tries < most:
                    groups.appendleft(group)
                    continue
                tries = 0
                if len(group) > 1:
                    # One of them fails.  The others shall not.
                    groups.extendleft([item] for item in reversed(group))
                else:
                    _fail(group[0], error)
            else:
                tries = 0
                for item, result in zip(group, results, strict=True):
                    _hand_over(item, result)

    async def _commit(self, db: Connection, group: Sequence[_Item]) -> list[Any]:
        """
        Run a group in one transaction.

        Raises:
            _LostError: The connection was lost, and nothing is written.
            Exception: What one of the group fails with; nothing is written.
        """
        try:
            await db.execute("BEGIN", timeout=ANSWER_WITHIN)
            number = await self._begin(db)
            results = await run_all(db, [item.work(self._tx) for item in group])
        except Exception as error:
            self._tx.numbers.clear()
            await self._roll_back(db, error)
            raise
        try:
            if await db.execute("COMMIT", timeout=ANSWER_WITHIN) != "COMMIT":
                raise asyncpg.TransactionRollbackError("the transaction was rolled back")
        except Exception as error:
            self._tx.numbers.clear()
            if not is_lost(db, error):
                raise
            self._lose(db, error)
            if not await self._was_committed(number):
                raise _LostError from None
        return results

    async def _begin(self, db: Connection) -> str:
        """Read the clock and the number of the transaction, as the worker that lives."""
        row = None
        if self._tx.me is not None:
            row = await db.fetchrow(_BEGIN_AS, self._tx.me, timeout=ANSWER_WITHIN)
        if row is None:
            row = await db.fetchrow(_BEGIN, timeout=ANSWER_WITHIN)
        assert row is not None  # noqa: S101 - it asks for one row of constants
        self._ahead = row[0] / 1000 - time.monotonic()
        self._tx.now = row[0] if self._clock is None else self.now()
        return str(row[1])

    async def _roll_back(self, db: Connection, error: Exception) -> None:
        """Undo what was begun; raises `_LostError` when the connection is of no use any more."""
        if not is_lost(db, error):
            try:
                await db.execute("ROLLBACK", timeout=ANSWER_WITHIN)
            except Exception as worse:  # noqa: BLE001 - whatever it is, this connection is over
                error = worse
            else:
                return
        self._lose(db, error)
        raise _LostError from None

    async def _was_committed(self, number: str) -> bool:
        """Ask on a new connection what became of a transaction."""
        while True:
            db = await self._connected()
            try:
                status = await db.fetchval(_OUTCOME, number, timeout=ANSWER_WITHIN)
            except Exception as error:  # noqa: BLE001 - told apart below
                if not is_lost(db, error):
                    # Another server took over, and never heard of it.
                    return False
                self._lose(db, error)
                continue
            if status != "in progress":
                return bool(status == "committed")
            await asyncio.sleep(_POLL)

    def _lose(self, db: Connection, error: Exception) -> None:
        log.warning("journal connection lost", problem=told(error))
        db.terminate()
        self._db = None

    async def _connected(self) -> Connection:
        """Give the connection; a new one, however long that takes, if it is lost."""
        if self._db is not None and self._db.is_closed():
            self._db = None
        pause = _FIRST_PAUSE
        while self._db is None:
            try:
                self._db = await self._connect()
            except Exception as error:  # noqa: BLE001 - what keeps it away today may end tomorrow
                log.warning("journal connection", problem=told(error))
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                pause = min(pause * 2, _LONGEST_PAUSE)
        if self._away:
            self._away = False
            log.info("journal back")
        return self._db


def _give_up(item: _Item, problem: str, *, patient: bool = False) -> None:
    """Tell who waits for it, unless only the *patient* are left to be told, that it is in vain."""
    if not item.future.done() and (patient or not item.patient):
        item.given_up = True
        item.future.set_exception(JournalUnavailable(problem))


def _fail(item: _Item, error: Exception) -> None:
    if isinstance(error, asyncpg.PostgresError):
        problem = f"the journal cannot be written: {told(error)} ({error.sqlstate})"
        log.error("journal", problem=problem)
        error = JournalUnavailable(problem)
    if not item.future.done():
        item.future.set_exception(error)


def _hand_over(item: _Item, result: Any) -> None:
    if item.future.done():
        item.unclaimed(result)
    else:
        item.future.set_result(result)
