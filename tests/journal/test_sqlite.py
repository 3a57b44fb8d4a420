"""
A journal in one SQLite file keeps every promise of a journal, and a few of its own.

What is promised is on disk, and what cannot be written is said so at once.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bridge.errors import JournalError, JournalUnavailable
from bridge.journal.protocol import Filter, Journal, Receipt
from bridge.journal.sqlite import SqliteJournal, checkpoint, log
from bridge.journal.sqlite.checkpoint import Checkpoints
from bridge.journal.sqlite.file import connect, workers_folder
from bridge.journal.sqlite.turns import Turns
from bridge.journal.transaction import Steps, Transaction, each
from tests.journal.conformance import JournalConformance
from tests.journal.given import (
    Clocks,
    World,
    arrival,
    entries_of,
    fly,
    planned,
    record,
    state,
)
from tests.journal.sqlite_backend import SqliteBackend

pytestmark = pytest.mark.anyio

#: Seconds to wait for a lock that nobody will let go of.
BRIEFLY = 0.02


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


class TestSqliteJournal(JournalConformance):
    @pytest.fixture
    def backend(self, path: Path) -> SqliteBackend:
        return SqliteBackend(path)


@pytest.fixture
async def world(path: Path) -> AsyncIterator[World]:
    world = World(SqliteBackend(path, wait=BRIEFLY))
    yield world
    await world.close()


@pytest.fixture
async def journal(world: World) -> SqliteJournal:
    opened = await world.worker()
    assert isinstance(opened, SqliteJournal)
    return opened


def written(journal: SqliteJournal) -> list[str]:
    """Record when a transaction is committed, and when the disk is waited for."""
    writer, done = journal._engine._writer, list[str]()
    sync = writer._disk.sync

    def noting() -> None:
        done.append("sync")
        sync()

    def trace(statement: str) -> None:
        if statement == "COMMIT":
            done.append("commit")

    writer._batches._db.set_trace_callback(trace)
    writer._disk.sync = noting  # type: ignore[method-assign]
    return done


def nothing() -> Steps[None]:
    """A transition that writes nothing."""
    yield from each(())


@asynccontextmanager
async def stalled(journal: SqliteJournal) -> AsyncIterator[None]:
    """Keep the writer busy, so that what is asked for meanwhile is written in one batch."""
    begun, go_on = threading.Event(), threading.Event()

    def work(tx: Transaction) -> Steps[None]:
        begun.set()
        assert go_on.wait(5)
        yield from nothing()

    written = journal._engine._writer.submit(work, sync=False)
    assert await asyncio.to_thread(begun.wait, 5)
    try:
        yield
    finally:
        go_on.set()
        await written


class TestSync:
    """A 2xx waits for a commit that is on disk."""

    async def test_the_disk_is_waited_for_when_somebody_asks_and_after_the_commit(
        self, journal: SqliteJournal
    ):
        done = written(journal)

        receipt = await journal.receive(arrival("e1", planned()), sync=False)
        (flight,) = (standing.flight for standing in receipt.standings)
        assert flight is not None
        await journal.settle(flight, "delivered", sync=True)
        await journal.receive(arrival("e2", planned(at=20)), sync=True)
        await journal.take(flight.entry, "vendor.order")
        await journal.replay(flight.entry, [])
        await journal.beat()

        assert done == [
            *("commit",),
            *("commit", "sync"),
            *("commit", "sync"),
            *("commit",),
            *("commit", "sync"),
            *("commit",),
        ]

    async def test_one_that_asks_is_enough_for_the_whole_batch(self, journal: SqliteJournal):
        done = written(journal)

        async with stalled(journal):
            tasks = [
                asyncio.ensure_future(
                    journal.receive(arrival(f"e{n}", planned(str(n))), sync=n == 3)
                )
                for n in range(5)
            ]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

        assert done == ["commit", "commit", "sync"]

    async def test_a_long_batch_is_written_in_several_turns(
        self, world: World, journal: SqliteJournal
    ):
        def slow(tx: Transaction) -> Steps[int]:
            world.clocks.advance(1)
            yield from nothing()
            return tx.now

        done = written(journal)
        writer = journal._engine._writer

        async with stalled(journal):
            first, second, third = (writer.submit(slow, sync=n == 2) for n in range(3))
            world.clocks.advance(7)
            assert journal.behind == 7
        began = [await first, await second, await third]

        assert done == ["commit", "commit", "commit", "commit", "sync"]
        assert began == [began[0], began[0] + 1000, began[0] + 2000]
        assert journal.behind == 0

    async def test_nobody_else_on_the_event_loop_waits_for_a_long_batch(
        self, world: World, journal: SqliteJournal
    ):
        def brief(tx: Transaction) -> Steps[None]:
            world.clocks.advance(0.006)
            yield from nothing()

        done = written(journal)
        writer = journal._engine._writer

        await asyncio.gather(*(writer.submit(brief, sync=n == 0, brief=True) for n in range(3)))

        assert done == ["commit", "sync", "commit"]

    async def test_the_last_commit_is_synced(self, journal: SqliteJournal):
        done = written(journal)

        await journal.close()

        assert done == ["commit", "sync"]


class TestTheEventLoop:
    """It runs what asks for little, and waits for nothing."""

    @pytest.fixture
    async def world(self, path: Path) -> AsyncIterator[World]:
        world = World(SqliteBackend(path, wait=5))
        yield world
        await world.close()

    @pytest.fixture
    async def journal(self, world: World) -> SqliteJournal:
        opened = await world.worker()
        assert isinstance(opened, SqliteJournal)
        # What comes after a checkpoint is the thread's, and one is due every second.
        opened._engine._writer._checkpoints.stop()
        return opened

    async def test_what_asks_for_little_runs_there_and_nothing_else(self, journal: SqliteJournal):
        ran: dict[bool, int] = {}
        writer = journal._engine._writer

        def work(brief: bool) -> Callable[[Transaction], Steps[None]]:
            def steps(tx: Transaction) -> Steps[None]:
                ran[brief] = threading.get_ident()
                yield from nothing()

            return steps

        for brief in (True, False):
            await writer.submit(work(brief), sync=False, brief=brief)

        assert ran == {True: threading.get_ident(), False: writer._thread.ident}

    async def test_the_disk_is_waited_for_by_a_thread(
        self, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
    ):
        waiting: list[int] = []
        monkeypatch.setattr(log, "_sync", lambda _: waiting.append(threading.get_ident()))

        await journal.receive(arrival("e1", planned()), sync=False)
        await journal.sync()

        assert waiting == [journal._engine._writer._thread.ident]

    async def test_and_so_it_is_where_the_log_begins_anew(self, journal: SqliteJournal):
        engine, ran = journal._engine, list[int]()
        writer, checkpoints = engine._writer, engine._writer._checkpoints

        def steps(_: Transaction) -> Steps[None]:
            ran.append(threading.get_ident())
            yield from nothing()

        await record(journal, "e1", planned())
        checkpoints._checkpoint()
        for _ in range(2):
            await writer.submit(steps, sync=False, brief=True)

        assert ran == [writer._thread.ident, threading.get_ident()]

    async def test_a_lock_of_another_program_is_waited_for_by_a_thread(
        self, journal: SqliteJournal, path: Path
    ):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            received = asyncio.ensure_future(journal.receive(arrival("e1", planned()), sync=False))
            for _ in range(3):
                await asyncio.sleep(0)
            other.execute("ROLLBACK")

        assert not (await received).copy
        # What SQLite itself would wait whenever it is asked on the event loop.
        asked = journal._engine._writer._batches._db.execute("PRAGMA busy_timeout")
        assert asked.fetchone() == (0,)

    @pytest.mark.parametrize("brief", [True, False])
    async def test_and_so_is_the_turn_of_another_process_unless_it_is_over_in_a_moment(
        self, journal: SqliteJournal, path: Path, monkeypatch: pytest.MonkeyPatch, brief: bool
    ):
        writer, in_line = journal._engine._writer, threading.Event()
        waited = list[int | None]()
        take = writer._turns._take

        def noting(wait: float) -> bool:
            waited.append(threading.get_ident())
            in_line.set()
            return take(wait)

        monkeypatch.setattr(writer._turns, "_take", noting)
        with closing(Turns(workers_folder(path))) as other:
            with other.turn(0):
                synced = asyncio.ensure_future(journal.sync())
                for _ in range(3):
                    await asyncio.sleep(0)
                assert brief or await asyncio.to_thread(in_line.wait, 5)
            await synced

        assert waited == ([] if brief else [writer._thread.ident])


class PowerCut:
    """What would be left of a journal if the power failed: the log only as it was last synced."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.left = folder / path.name
        self.sync(0)

    def sync(self, _: int) -> None:
        for name in ("", "-wal"):
            source = self.path.with_name(f"{self.path.name}{name}")
            shutil.copy(source, self.left.with_name(f"{self.left.name}{name}"))

    def states(self) -> list[tuple[int, str]]:
        with tempfile.TemporaryDirectory() as folder:
            for file in self.left.parent.iterdir():
                shutil.copy(file, folder)
            with closing(sqlite3.connect(Path(folder) / self.left.name)) as db:
                return db.execute("SELECT entry, state FROM delivery ORDER BY entry").fetchall()


class TestPower:
    """When it fails, what was promised before is there."""

    @pytest.fixture
    def cut(
        self,
        journal: SqliteJournal,
        path: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> PowerCut:
        (tmp_path / "left").mkdir()
        cut = PowerCut(path, tmp_path / "left")
        monkeypatch.setattr(log, "_sync", cut.sync)
        return cut

    async def test_what_was_told_with_sync_is_there(self, journal: SqliteJournal, cut: PowerCut):
        flight = await fly(journal, "e1", planned())
        assert cut.states() == []

        await journal.settle(flight, "delivered", sync=True)
        assert cut.states() == [(flight.entry, "delivered")]

        parked = await journal.receive(arrival("e2", planned("2")), sync=True)
        assert cut.states()[1:] == [(parked.entry, "flying")]

    async def test_and_what_another_worker_has_committed_before(
        self, world: World, journal: SqliteJournal, cut: PowerCut
    ):
        flight = await fly(await world.worker(), "e1", planned())
        assert cut.states() == []

        await journal.sync()

        assert cut.states() == [(flight.entry, "flying")]


class Disk:
    """A disk that can fail."""

    fails = True

    def sync(self, file: int) -> None:
        if self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(file)


class TestADiskThatFails:
    """What it refuses is promised to nobody, and neither is what comes after it."""

    @pytest.fixture
    def disk(self, monkeypatch: pytest.MonkeyPatch) -> Disk:
        disk = Disk()
        monkeypatch.setattr(log, "_sync", disk.sync)
        return disk

    async def test_whoever_waits_for_it_is_told_and_nobody_else(
        self, journal: SqliteJournal, disk: Disk
    ):
        flight = await fly(journal, "e1", planned())

        async with stalled(journal):
            settled = asyncio.ensure_future(journal.settle(flight, "delivered"))
            beside = asyncio.ensure_future(fly(journal, "e2", planned("2")))
            await asyncio.sleep(0)
        with pytest.raises(JournalUnavailable, match="Input/output error"):
            await settled
        disk.fails = False

        assert await journal.settle(await beside, "delivered")
        assert await journal.settle(flight, "delivered")

    async def test_the_lane_of_who_was_told_so_is_free_again(
        self, journal: SqliteJournal, disk: Disk
    ):
        with pytest.raises(JournalUnavailable, match="Input/output error"):
            await journal.receive(arrival("e1", planned()), sync=True)
        await asyncio.gather(*journal._returning)

        disk.fails = False
        (due,) = await journal.due()
        assert due.flight is not None
        assert await journal.settle(due.flight, "delivered")

    async def test_all_must_be_in_the_file_before_anybody_is_promised_anything(
        self, journal: SqliteJournal, path: Path, disk: Disk
    ):
        flight = await fly(journal, "e1", planned())
        with pytest.raises(JournalUnavailable):
            await journal.settle(flight, "delivered")
        disk.fails = False
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT 1 FROM entry").fetchall()
            with pytest.raises(JournalUnavailable, match="still unclear"):
                await journal.sync()
            reader.execute("COMMIT")

        await journal.sync()

        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as file:
            assert file.execute("SELECT state FROM delivery").fetchall() == [("delivered",)]


class TestTrouble:
    """What cannot be written is said so at once, in our own words."""

    async def test_a_lock_of_another_program(self, journal: SqliteJournal, path: Path):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            with pytest.raises(JournalUnavailable, match="database is locked"):
                await journal.receive(arrival("e1", planned()), sync=False)

            other.execute("ROLLBACK")
        assert not (await journal.receive(arrival("e1", planned()), sync=False)).copy

    @pytest.mark.parametrize("part", ["the turn", "the way back"])
    async def test_what_goes_wrong_on_the_event_loop_is_told_and_holds_nobody_up(
        self, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch, part: str
    ):
        writer = journal._engine._writer

        def broken(*_: object) -> NoReturn:
            raise OSError("no locks available")

        with monkeypatch.context() as patch:
            if part == "the turn":
                patch.setattr(writer._turns, "_lock_now", broken)
            else:
                patch.setattr(writer._batches, "_run", broken)
                patch.setattr(writer._batches, "_undo", broken)
            with pytest.raises(JournalUnavailable, match="no locks available"):
                async with asyncio.timeout(5):
                    await journal.receive(arrival("e1", planned()), sync=False)

        async with asyncio.timeout(5):
            assert not (await journal.receive(arrival("e1", planned()), sync=False)).copy

    async def test_a_turn_that_cannot_be_given_back_has_nothing_written_twice(
        self, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
    ):
        def broken() -> NoReturn:
            raise OSError("no locks available")

        with monkeypatch.context() as patch:
            patch.setattr(journal._engine._writer._turns, "give", broken)
            receipt = await journal.receive(arrival("e1", planned()), sync=False)

        assert (receipt.copy, receipt.standings[0].flight is not None) == (False, True)

    async def test_a_process_that_keeps_its_turn(self, journal: SqliteJournal, path: Path):
        with closing(Turns(workers_folder(path))) as other, other.turn(0):
            with pytest.raises(JournalUnavailable, match="another process has been writing"):
                await journal.sync()
            with pytest.raises(JournalUnavailable, match="another process has been writing"):
                await journal.sync()
            waiter = journal._engine._writer._turns._waiter
            assert waiter is not None
        waiter.join(5)

        await journal.sync()

    async def test_a_full_disk(self, journal: SqliteJournal):
        db = journal._engine._writer._batches._db
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        webhook = replace(arrival("e1", planned(account="new"), store="new"), body=b"x" * 50_000)

        with pytest.raises(JournalUnavailable, match="disk is full"):
            await journal.receive(webhook, sync=False)

        db.execute("PRAGMA max_page_count = 1000000")
        receipt = await journal.receive(webhook, sync=False)
        assert not receipt.copy
        assert len(entries_of(receipt.standings)) == 1
        assert (await journal.receive(webhook, sync=False)).copy
        await fly(journal, "e2", planned(account="newer"), store="newer")

    async def test_a_file_that_may_only_be_read(self, journal: SqliteJournal):
        db = journal._engine._writer._batches._db
        db.execute("PRAGMA query_only = ON")

        with pytest.raises(JournalUnavailable, match="attempt to write a readonly database"):
            await journal.sync()

        db.execute("PRAGMA query_only = OFF")
        await journal.sync()

    async def test_a_commit_that_fails_fails_all_in_it_and_leaves_nothing(
        self, journal: SqliteJournal
    ):
        writer = journal._engine._writer
        real = writer._batches._db

        class NoCommit:
            in_transaction = True

            def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
                if statement == "COMMIT":
                    raise sqlite3.OperationalError("disk I/O error")
                return real.execute(statement, *values)

        writer._batches._db = NoCommit()  # type: ignore[assignment]
        results = await asyncio.gather(
            *(journal.receive(arrival(f"e{n}", planned(str(n))), sync=True) for n in range(3)),
            return_exceptions=True,
        )
        writer._batches._db = real

        assert [type(result) for result in results] == 3 * [JournalUnavailable]
        assert await journal.entries(Filter()) == ()

    async def test_one_that_fails_fails_alone(self, journal: SqliteJournal):
        async with stalled(journal):
            tasks: list[asyncio.Future[Any]] = [
                asyncio.ensure_future(journal.receive(arrival("e1", planned()), sync=False)),
                asyncio.ensure_future(journal.take(77, "vendor.order")),
                asyncio.ensure_future(journal.receive(arrival("e2", planned("7")), sync=False)),
            ]
            await asyncio.sleep(0)
        first, wrong, second = await asyncio.gather(*tasks, return_exceptions=True)

        assert isinstance(wrong, LookupError)
        assert [type(first), type(second)] == [Receipt, Receipt]

    async def test_beside_one_that_fails_a_worker_registers_once(self, world: World):
        onlooker = await world.worker(register=False)
        assert isinstance(onlooker, SqliteJournal)

        async with stalled(onlooker):
            registered = asyncio.ensure_future(onlooker._register())
            await asyncio.sleep(0)
            wrong = asyncio.ensure_future(onlooker.replay(77, []))
            await asyncio.sleep(0)
        _, told = await asyncio.gather(registered, wrong, return_exceptions=True)

        assert isinstance(told, LookupError)
        assert await onlooker.beat()
        assert (await record(onlooker, "e1", planned())).flight

    async def test_only_a_batch_of_which_one_fails_needs_savepoints(self, journal: SqliteJournal):
        asked: list[str] = []
        journal._engine._writer._batches._db.set_trace_callback(asked.append)

        await fly(journal, "e1", planned())
        assert not any("SAVEPOINT" in statement for statement in asked)
        with pytest.raises(LookupError):
            await journal.take(77, "vendor.order")
        assert "SAVEPOINT item" in asked

    async def test_what_one_that_fails_had_written_is_undone(self, journal: SqliteJournal):
        """Two deliveries to one endpoint are a mistake that shows only after the first."""
        with pytest.raises(JournalUnavailable, match="UNIQUE constraint failed"):
            await journal.receive(arrival("e1", planned(at=10), planned(at=20)), sync=False)

        assert await journal.entries(Filter()) == ()
        assert (await record(journal, "e2", planned(at=5))).flight

    async def test_and_so_are_the_numbers_that_it_gave_to_names(self, journal: SqliteJournal):
        twice = planned(account="first")
        with pytest.raises(JournalUnavailable):
            await journal.receive(arrival("e1", twice, twice, store="first"), sync=False)

        await fly(journal, "e2", planned(account="first"), store="first")
        await fly(journal, "e3", planned(account="second"), store="second")

    async def test_a_queue_that_grows_too_long(self, journal: SqliteJournal):
        async with stalled(journal):
            waiting = [
                journal._engine._writer.submit(lambda tx: nothing(), sync=False)
                for _ in range(2000)
            ]

            with pytest.raises(JournalUnavailable, match="2000 transactions are waiting"):
                await journal.sync()
        await asyncio.gather(*waiting)

        await journal.sync()

    async def test_a_queue_that_grows_too_old(self, journal: SqliteJournal, world: World):
        async with stalled(journal):
            waiting = journal._engine._writer.submit(lambda tx: nothing(), sync=False)
            world.clocks.steady += 1.1

            with pytest.raises(JournalUnavailable, match="cannot keep up"):
                await journal.sync()
        await waiting

        await journal.sync()

    async def test_a_queue_that_is_too_old_can_be_closed(
        self, journal: SqliteJournal, world: World
    ):
        async with stalled(journal):
            waiting = journal._engine._writer.submit(lambda tx: nothing(), sync=False)
            world.clocks.steady += 1.1
            closed = asyncio.ensure_future(journal.close())
            await asyncio.sleep(0)

        await closed
        await waiting

    async def test_more_endpoints_than_there_are_numbers(self, journal: SqliteJournal):
        await fly(journal, "e1", planned())
        db = journal._engine._writer._batches._db
        db.execute("UPDATE name SET number = 255 WHERE kind = 'endpoint'")

        with pytest.raises(JournalUnavailable, match="knows 255 endpoint names already"):
            await record(journal, "e2", planned(endpoint="vendor.one_too_many"))

        assert await journal.entries(Filter(state="open", limit=9)) != ()
        assert (await record(journal, "e3", planned("7"))).flight

    CALLS: tuple[Callable[[Journal], Awaitable[object]], ...] = (
        lambda journal: journal.receive(arrival("e1", planned()), sync=True),
        lambda journal: journal.take(1, "vendor.order"),
        lambda journal: journal.due(),
        lambda journal: journal.sync(),
        lambda journal: journal.beat(),
        lambda journal: journal.sweep(),
        lambda journal: journal.replay(1, []),
        lambda journal: journal.standings(1),
        lambda journal: journal.next_due(),
        lambda journal: journal.load(1),
        lambda journal: journal.show(1),
        lambda journal: journal.entries(Filter()),
    )

    async def test_a_closed_journal_says_so(self, journal: SqliteJournal):
        await journal.close()

        for call in self.CALLS:
            with pytest.raises(JournalUnavailable, match="the journal is closed"):
                await call(journal)
        await journal.close()

    async def test_a_journal_that_cannot_be_read(self, journal: SqliteJournal):
        journal._engine._reading.execute("PRAGMA query_only = OFF")
        journal._engine._reading.close()

        with pytest.raises(JournalUnavailable, match="cannot be read"):
            await journal.entries(Filter())

    async def test_to_close_while_nothing_can_be_written_is_told_and_lets_go(
        self, world: World, journal: SqliteJournal, path: Path
    ):
        flight = await fly(journal, "e1", planned())
        journal._engine._writer._batches._db.execute("PRAGMA query_only = ON")
        world.workers.remove(journal)

        with pytest.raises(JournalUnavailable):
            await journal.close()

        other = await world.worker()
        await other.sweep()
        world.clocks.advance(10)
        assert await other.sweep() == 1
        assert entries_of(await other.due()) == [flight.entry]


class TestCancelling:
    """Who stops waiting does not stop the transaction."""

    async def test_the_webhook_is_recorded_and_its_lane_given_back(self, journal: SqliteJournal):
        async with stalled(journal):
            task = asyncio.ensure_future(journal.receive(arrival("e1", planned()), sync=False))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await journal.sync()
        await asyncio.gather(*journal._returning)

        (shown,) = await journal.entries(Filter())
        assert await state(journal, shown.entry) == "queued"
        assert entries_of(await journal.due()) == [shown.entry]

    async def test_so_is_what_was_due(self, journal: SqliteJournal):
        flight = await fly(journal, "e1", planned())
        await journal.back(flight, delay=0, unsure=False, reason="503")
        async with stalled(journal):
            task = asyncio.ensure_future(journal.due())
            await asyncio.sleep(0)
            task.cancel()
        await journal.sync()
        await asyncio.gather(*journal._returning)

        assert entries_of(await journal.due()) == [flight.entry]

    async def test_a_settle_is_written(self, journal: SqliteJournal):
        flight = await fly(journal, "e1", planned())
        async with stalled(journal):
            task = asyncio.ensure_future(journal.settle(flight, "delivered"))
            await asyncio.sleep(0)
            task.cancel()
        await journal.sync()

        assert await state(journal, flight.entry) == "delivered"


def counting(checkpoints: threading.Semaphore) -> Callable[[str], None]:
    """Count the checkpoints among the statements of a connection."""

    def trace(statement: str) -> None:
        if "wal_checkpoint" in statement:
            checkpoints.release()

    return trace


class TestCheckpoints:
    async def test_much_writing_is_followed_by_a_checkpoint(
        self, world: World, path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(checkpoint, "_PERIOD", 600)
        await world.worker()
        db = connect(path, wait=1)
        moved = threading.Semaphore(0)
        db.set_trace_callback(counting(moved))
        with closing(db), closing(Turns(workers_folder(path))) as turns:
            checkpoints = Checkpoints(db, turns, wait=1)
            checkpoints.wrote(255)
            checkpoints.wrote(1)

            assert moved.acquire(timeout=5)
            checkpoints.stop()

    async def test_a_log_that_grew_too_long_is_moved_while_nobody_writes(
        self, world: World, path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(checkpoint, "_TOO_LONG", 0)
        await world.worker()
        db = connect(path, wait=1)
        moved = threading.Semaphore(0)
        db.set_trace_callback(counting(moved))
        with closing(db), closing(Turns(workers_folder(path))) as turns:
            checkpoints = Checkpoints(db, turns, wait=1)
            checkpoints.wrote(256)

            assert moved.acquire(timeout=5)
            assert moved.acquire(timeout=5)
            checkpoints.stop()


class TestTurns:
    def test_a_turn_is_handed_over_to_who_waits(self, tmp_path: Path):
        with closing(Turns(tmp_path)) as mine, closing(Turns(tmp_path)) as yours:
            given = threading.Event()

            def wait() -> None:
                with yours.turn(5):
                    given.set()

            with mine.turn(0):
                thread = threading.Thread(target=wait)
                thread.start()
                assert not given.is_set()

            assert given.wait(5)
            thread.join()

    def test_who_has_stopped_waiting_passes_it_on(self, tmp_path: Path):
        with closing(Turns(tmp_path)) as mine, closing(Turns(tmp_path)) as yours:
            with mine.turn(0), pytest.raises(JournalUnavailable), yours.turn(0.001):
                pass
            if (waiter := yours._waiter) is not None:
                waiter.join(5)

            with mine.turn(0):
                pass

    def test_who_was_given_one_turn_waits_for_the_next(self, tmp_path: Path):
        with closing(Turns(tmp_path)) as mine, closing(Turns(tmp_path)) as yours:

            def wait() -> None:
                with yours.turn(5):
                    pass

            thread = threading.Thread(target=wait)
            with mine.turn(0):
                thread.start()
                while yours._waiter is None:
                    thread.join(0.001)
            thread.join(5)

            with mine.turn(5), pytest.raises(JournalUnavailable), yours.turn(0.001):
                pass


class TestWorkers:
    async def test_a_sign_of_life_between_the_look_and_the_verdict_counts(self, world: World):
        silent, observer = await world.worker(), await world.worker()
        assert isinstance(observer, SqliteJournal)
        flight = await fly(silent, "e1", planned())
        await observer.sweep()
        await world.observe(observer, 59, beating=None)
        write = observer._engine.write

        async def late(work: Any, **more: Any) -> Any:
            assert await silent.beat()
            return await write(work, **more)

        observer._engine.write = late  # type: ignore[method-assign]
        world.clocks.advance(1)

        assert await observer.sweep() == 0
        assert await silent.settle(flight, "delivered", sync=False)

    async def test_of_a_gone_worker_nothing_is_left(self, world: World, path: Path):
        crashed = await world.worker()
        await fly(crashed, "e1", planned())
        await world.crash(crashed)
        observer = await world.worker()
        await observer.sweep()
        world.clocks.advance(10)
        await observer.sweep()

        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT id FROM worker").fetchall() == [(2,)]
        assert sorted(one.name for one in workers_folder(path).iterdir()) == ["turn", "worker-2"]

    async def test_who_was_declared_gone_gives_no_more_signs_of_life(
        self, journal: SqliteJournal, path: Path
    ):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("UPDATE worker SET gone = 1")

        assert not await journal.beat()


WORKER = """
import asyncio, sys
from bridge.journal import open_journal
from bridge.journal.protocol import Opening
from tests.journal.given import arrival, entries_of, planned

async def main():
    journal = await open_journal(Opening(sys.argv[1]))
    receipts = await asyncio.gather(
        *(
            journal.receive(arrival(f"e{n}", planned(str(n))), sync=True)
            for n in range(40)
        )
    )
    taken = [entry for receipt in receipts for entry in entries_of(receipt.standings)]
    print(*taken, flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


class TestProcesses:
    async def test_what_killed_processes_held_is_finished_once(self, path: Path):
        """Two processes get the same forty webhooks at the same time, and are killed."""
        processes = [
            subprocess.Popen(  # noqa: ASYNC220 - it has to be a real process
                [sys.executable, "-c", WORKER, f"sqlite:///{path}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[2],
            )
            for _ in range(2)
        ]
        taken: list[int] = []
        for process in processes:
            with process:
                assert process.stdout is not None
                taken += map(int, process.stdout.readline().split())
                process.kill()

        assert len(taken) == len(set(taken)) == 40

        # The killed ones wrote with the real clock.
        clocks = Clocks(wall=time.time())
        observer = await SqliteBackend(path).open(clocks)
        assert await observer.sweep() == 0
        clocks.advance(10)
        assert await observer.sweep() == 40
        assert sorted(entries_of(await observer.due())) == sorted(taken)
        await observer.close()


async def test_what_needs_a_worker_is_no_trouble_of_the_journal(world: World):
    onlooker = await world.worker(register=False)

    with pytest.raises(JournalError) as caught:
        await onlooker.beat()

    assert not isinstance(caught.value, JournalUnavailable)
