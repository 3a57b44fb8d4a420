"""The journal in PostgreSQL keeps every promise, on several nodes, through restarts and cuts."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg
import pytest

from bridge.errors import JournalUnavailable
from bridge.journal.postgres import PostgresJournal, address, statements, writer
from bridge.journal.postgres.statements import positional
from bridge.journal.protocol import Filter, Flight, Journal, Receipt
from bridge.journal.transaction import Steps, Transaction, do
from tests.journal.conformance import JournalConformance
from tests.journal.given import (
    World,
    arrival,
    deliver,
    entries_of,
    fly,
    planned,
    record,
    state,
)
from tests.journal.postgres_backend import PostgresBackend
from tests.postgres import Server, Wire, wired

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(postgres: Server) -> str:
    return await postgres.database()


@pytest.fixture
async def backend(postgres: Server, database: str) -> PostgresBackend:
    return PostgresBackend(postgres.url(database))


@pytest.fixture
async def world(backend: PostgresBackend) -> AsyncIterator[World]:
    world = World(backend)
    yield world
    await world.close()


@pytest.fixture
async def wire(postgres: Server) -> AsyncIterator[Wire]:
    async with wired(postgres.port) as wire:
        yield wire


@pytest.fixture
async def far(postgres: Server, database: str, wire: Wire) -> AsyncIterator[PostgresJournal]:
    """A worker on another node, whose wire can be cut."""
    there = World(PostgresBackend(postgres.url(database, port=wire.own)))
    yield await worker(there)
    wire.mend()
    await there.close()


@pytest.fixture
async def near(world: World) -> PostgresJournal:
    """A worker whose wire is never cut."""
    return await worker(world)


async def worker(world: World) -> PostgresJournal:
    opened = await world.worker()
    assert isinstance(opened, PostgresJournal)
    return opened


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what comes by itself."""
    async with asyncio.timeout(20):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.01)


def is_commit(piece: bytes) -> bool:
    return b"COMMIT" in piece


def once(sees: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    """The first time only."""
    seen = itertools.count()
    return lambda piece: sees(piece) and next(seen) == 0


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives up on a server of ours because this machine is busy."""
    monkeypatch.setattr(writer, "_PATIENCE", 30.0)


def listen(wire: Wire) -> list[bytes]:
    """Write down what is sent from now on."""
    sent: list[bytes] = []

    def note(piece: bytes) -> bool:
        sent.append(piece)
        return False

    wire.before = note
    return sent


@pytest.mark.usefixtures("patient")
class TestPostgresJournal(JournalConformance):
    """The shared suite."""

    @pytest.fixture
    async def backend(self, postgres: Server) -> PostgresBackend:
        return PostgresBackend(await postgres.schema())


@pytest.mark.usefixtures("patient")
class TestBatches:
    """Many transitions, one commit."""

    async def test_what_gathers_is_committed_together(self, far: PostgresJournal, wire: Wire):
        await deliver(far, "e0", planned("0"))
        sent = listen(wire)

        await asyncio.gather(
            *(far.receive(arrival(f"e{n}", planned(str(n))), sync=False) for n in range(1, 51))
        )

        # The first goes alone, since none waits for company.
        assert sum(map(is_commit, sent)) <= 2
        assert len(sent) < 40

    async def test_what_nobody_asked_to_sync_is_on_disk_all_the_same(
        self, world: World, postgres: Server
    ):
        """A server that crashes forgets what is not, and its flight would go on."""
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())

        async with postgres.connection("postgres") as db:
            on_disk = await db.fetchval(
                "SELECT pg_current_wal_insert_lsn() = pg_current_wal_flush_lsn()"
            )

        assert flight.entry
        assert on_disk

    async def test_to_sync_is_to_write_to_the_log(self, world: World, postgres: Server):
        """A commit that wrote nothing would not wait for the disk."""
        onlooker = await world.worker(register=False)
        async with postgres.connection("postgres") as db:
            before = await db.fetchval("SELECT pg_current_wal_flush_lsn()")
            await onlooker.sync()
            after = await db.fetchval("SELECT pg_current_wal_flush_lsn()")

        assert after > before

    async def test_one_that_fails_fails_alone(self, near: PostgresJournal):
        await fly(near, "e0", planned("0"))
        first, wrong, second = await asyncio.gather(
            near.receive(arrival("e1", planned()), sync=False),
            near.take(77, "vendor.order"),
            near.receive(arrival("e2", planned("7")), sync=False),
            return_exceptions=True,
        )

        assert isinstance(wrong, LookupError)
        assert [type(first), type(second)] == [Receipt, Receipt]

    async def test_so_does_one_that_cannot_even_say_what_it_is_about(self, near: PostgresJournal):
        def broken(*_: object) -> Any:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await near._engine.write(broken, touches=broken)

        await fly(near, "e1", planned())

    async def test_a_mistake_of_ours_is_not_the_last_that_is_written(self, near: PostgresJournal):
        def broken(_: object) -> None:
            raise ZeroDivisionError

        work = near._engine.write(lambda _: do("SELECT 1", {}), unclaimed=broken)
        task = asyncio.create_task(work)
        await asyncio.sleep(0)
        task.cancel()

        await fly(near, "e1", planned())

    async def test_what_one_that_fails_had_written_is_undone(self, near: PostgresJournal):
        """Two deliveries to one endpoint are a mistake that shows only after the first."""
        with pytest.raises(JournalUnavailable, match="duplicate key") as caught:
            await near.receive(arrival("e1", planned(at=10), planned(at=20)), sync=False)

        assert "DETAIL" not in str(caught.value), "a row is nobody's business"
        assert await near.entries(Filter()) == ()
        assert (await record(near, "e2", planned(at=5))).flight

    async def test_and_so_are_the_numbers_that_it_gave_to_names(self, near: PostgresJournal):
        twice = planned(account="first")
        with pytest.raises(JournalUnavailable):
            await near.receive(arrival("e1", twice, twice, store="first"), sync=False)

        await fly(near, "e2", planned(account="first"), store="first")
        await fly(near, "e3", planned(account="second"), store="second")

    async def test_more_endpoints_than_there_are_numbers(
        self, near: PostgresJournal, postgres: Server, database: str
    ):
        await fly(near, "e1", planned())
        await postgres.run(
            "UPDATE name SET number = 255 WHERE kind = 'endpoint'", database=database
        )

        with pytest.raises(JournalUnavailable, match="knows 255 endpoint names already"):
            await record(near, "e2", planned(endpoint="vendor.one_too_many"))

        assert len(await near.entries(Filter())) == 1
        assert (await record(near, "e3", planned("7"))).flight

    async def test_a_character_that_no_text_holds(self, near: PostgresJournal):
        flight = await fly(near, "e\0", planned(), topic="order/\0", resource="\0")
        assert await near.settle(flight, "refused", "no \0 here", sync=False)

        shown = await near.show(flight.entry)

        assert (shown.topic, shown.deliveries[0].reason) == ("order/\ufffd", "no \ufffd here")

    async def test_a_queue_that_grows_too_long(
        self, near: PostgresJournal, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(writer, "_LONGEST_QUEUE", 5)

        results = await asyncio.gather(*(near.sync() for _ in range(9)), return_exceptions=True)

        full = [one for one in results if one is not None]
        assert len(full) == 4
        assert {str(one) for one in full} == {
            "the journal cannot keep up: 5 transactions are waiting"
        }
        await near.sync()

    async def test_a_closed_journal_says_so(self, world: World, near: PostgresJournal):
        world.workers.remove(near)
        await near.close()
        await near.close()

        for call in (near.sync, lambda: near.standings(1)):
            with pytest.raises(JournalUnavailable, match="is closed"):
                await call()


def test_values_are_numbered_and_what_only_one_database_knows_is_left_out():
    sql, names = positional(
        "UPDATE lane INDEXED BY held SET a = :b || ': c', d = x::int WHERE b = :b AND n = :now"
    )

    assert sql == "UPDATE lane  SET a = $1 || ': c', d = x::int WHERE b = $1 AND n = $2::bigint"
    assert names == ("b", "now")


@pytest.mark.usefixtures("patient")
class TestRaces:
    """Two nodes at one moment."""

    async def test_for_one_key(self, near: PostgresJournal, far: PostgresJournal):
        for n in range(20):
            receipts = await asyncio.gather(
                *(
                    node.receive(arrival(f"e{n}", planned(str(n))), sync=False)
                    for node in (near, far, near, far)
                )
            )

            assert len({receipt.entry for receipt in receipts}) == 1
            assert sorted(receipt.copy for receipt in receipts) == [False, True, True, True]
            assert [len(receipt.standings) for receipt in receipts] == [1, 1, 1, 1]
            assert sum(len(entries_of(receipt.standings)) for receipt in receipts) == 1

    async def test_for_one_lane(self, near: PostgresJournal, far: PostgresJournal):
        for n in range(20):
            standings = await asyncio.gather(
                record(near, f"e{n}a", planned(str(n), at=10)),
                record(far, f"e{n}b", planned(str(n), at=20)),
            )

            assert len(entries_of(standings)) == 1
            assert sorted(one.outcome.state for one in standings) == ["flying", "queued"]

    async def test_for_what_is_due(self, world: World, near: PostgresJournal, far: PostgresJournal):
        for n in range(40):
            flight = await fly(near, f"e{n}", planned(str(n)))
            await near.back(flight, delay=0, unsure=False, reason="503")

        taken: list[int] = []
        for _ in range(20):
            for standings in await asyncio.gather(near.due(8), far.due(8)):
                taken += entries_of(standings)
            if len(taken) == 40:
                break

        assert len(taken) == len(set(taken)) == 40

    async def test_for_what_is_due_nobody_waits(
        self, near: PostgresJournal, postgres: Server, database: str
    ):
        for n in range(2):
            flight = await fly(near, f"e{n}", planned(str(n)))
            await near.back(flight, delay=0, unsure=False, reason="503")
        async with postgres.connection(database) as other, other.transaction():
            first = await other.fetchval("SELECT min(entry) FROM delivery")
            await other.execute("SELECT 1 FROM delivery WHERE entry = $1 FOR UPDATE", first)

            assert entries_of(await near.due()) == [first + 1]

    async def test_for_the_numbers_of_new_names(
        self, near: PostgresJournal, far: PostgresJournal, postgres: Server, database: str
    ):
        for n in range(20):
            await asyncio.gather(
                *(
                    record(node, f"{name}{n}", planned(account=f"{name}{n}"), store=f"{name}{n}")
                    for node, name in ((near, "same"), (far, "same"), (near, "a"), (far, "b"))
                )
            )

        async with postgres.connection(database) as db:
            numbers = await db.fetch("SELECT number FROM name WHERE kind = 'store' ORDER BY 1")
        assert [row[0] for row in numbers] == list(range(1, 61))

    async def test_for_a_lane_that_is_removed_as_unused(
        self, near: PostgresJournal, postgres: Server, database: str
    ):
        """It was there when the webhook looked, and is gone when it is wanted."""
        flight = await fly(near, "e1", planned())
        await near.back(flight, delay=0, unsure=False, reason="503")
        await postgres.run("DELETE FROM lane", database=database)

        first = await near.take(flight.entry, flight.endpoint)
        second = await near.take(flight.entry, flight.endpoint)

        assert [first.outcome.state, second.outcome.state] == ["flying", "flying"]
        assert [first.flight is not None, second.flight] == [True, None]
        async with postgres.connection(database) as db:
            assert await db.fetchval("SELECT flying FROM lane") == flight.entry

    async def test_a_deadlock_is_tried_again(
        self, near: PostgresJournal, postgres: Server, database: str
    ):
        """Each holds what the other waits for; the server ends one of the two."""
        first = (await fly(near, "e1", planned("1"))).lane
        second = (await fly(near, "e2", planned("2"))).lane
        lock = "UPDATE lane SET dirty = dirty WHERE lane = :lane"

        def both(_: Transaction) -> Steps[None]:
            yield from do(lock, {"lane": first})
            yield from do(lock, {"lane": second})

        async with postgres.connection(database) as other:
            await other.execute("SET deadlock_timeout = '30s'")
            ours = near._engine._writer._db
            assert ours is not None
            await ours.execute("SET deadlock_timeout = '1s'; SET lock_timeout = 0")
            async with other.transaction():
                await other.execute("UPDATE lane SET dirty = dirty WHERE lane = $1", second)
                task = asyncio.create_task(near._engine.write(both))
                await until(lambda: _blocks(other, ours.get_server_pid()))
                await other.execute("UPDATE lane SET dirty = dirty WHERE lane = $1", first)
        await task

    async def test_a_lock_that_somebody_keeps_stops_only_who_needs_it(
        self, near: PostgresJournal, postgres: Server, database: str
    ):
        flight = await fly(near, "e1", planned("1"))
        other_flight = await fly(near, "e2", planned("2"))
        async with postgres.connection(database) as frozen, frozen.transaction():
            await frozen.execute("UPDATE lane SET dirty = 0 WHERE lane = $1", flight.lane)

            stuck, free = await asyncio.gather(
                near.settle(flight, "delivered"),
                near.settle(other_flight, "delivered"),
                return_exceptions=True,
            )

        assert isinstance(stuck, JournalUnavailable)
        assert free is True
        assert await near.settle(flight, "delivered")

    async def test_a_lane_that_is_held_is_not_waited_for(
        self, near: PostgresJournal, postgres: Server, database: str
    ):
        """Nodes that wait for what the other settles would wait in a circle."""
        flight = await fly(near, "e1", planned("1", at=10))
        async with postgres.connection(database) as other, other.transaction():
            await other.execute("UPDATE lane SET dirty = 0 WHERE lane = $1", flight.lane)

            standing = await record(near, "e2", planned("1", at=20))

        assert (standing.outcome.state, standing.held) == ("queued", True)

    async def test_who_freezes_inside_a_transaction_loses_its_locks(
        self, near: PostgresJournal, backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch
    ):
        flight = await fly(near, "e1", planned("1"))
        monkeypatch.setattr(
            address, "_RULES", address._RULES.replace("timeout = '5s'", "timeout = '100ms'")
        )
        frozen = await address.connect(address.Address.of(backend.url))
        await frozen.execute("BEGIN")
        await frozen.execute("UPDATE lane SET dirty = 0 WHERE lane = $1", flight.lane)

        assert await near.settle(flight, "delivered")
        frozen.terminate()

    async def test_what_a_worker_took_in_its_last_transaction_is_taken_over_too(
        self, world: World, near: PostgresJournal, far: PostgresJournal, wire: Wire
    ):
        """It is declared gone while its commit is under way; its lane must not be held for ever."""
        await deliver(far, "e0", planned("0"))
        theirs = far._engine._writer._db
        assert theirs is not None
        await theirs.execute("SET idle_in_transaction_session_timeout = 0")
        wire.hold = is_commit
        task = asyncio.create_task(fly(far, "e1", planned("1")))
        await wire.held.wait()

        for _ in range(8):
            await near.beat()
            with contextlib.suppress(JournalUnavailable):
                await near.sweep()
            world.clocks.advance(10)
        wire.flow.set()
        flight = await task
        await world.declare_gone(far, near)

        assert entries_of(await near.due()) == [flight.entry]


async def _blocks(observer: asyncpg.Connection[Any], pid: int) -> bool:
    return bool(await observer.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", pid))


class Ledger:
    """What a node was told while its server came and went."""

    def __init__(self, node: PostgresJournal) -> None:
        self.node = node
        self.recorded: dict[str, int] = {}
        self.delivered: set[int] = set()

    async def send(self, key: str) -> None:
        """Be a store and a destination: repeat what was not answered 2xx; settle what flies."""
        while key not in self.recorded:
            with contextlib.suppress(JournalUnavailable):
                webhook = arrival(key, planned(key.removeprefix("e")))
                receipt = await self.node.receive(webhook, sync=True)
                self.recorded[key] = receipt.entry
                for standing in receipt.standings:
                    if standing.flight is not None:
                        await self.deliver(standing.flight)
            await asyncio.sleep(0)

    async def deliver(self, flight: Flight) -> None:
        assert flight.entry not in self.delivered, "sent twice"
        self.delivered.add(flight.entry)
        while True:
            with contextlib.suppress(JournalUnavailable):
                assert await self.node.settle(flight, "delivered")
                return
            await asyncio.sleep(0.02)

    async def finish(self) -> None:
        """Send what was recorded, and whose sender was told that it was not."""
        while self.node._returning:
            await asyncio.gather(*self.node._returning)
        while standings := await self.node.due():
            for standing in standings:
                assert standing.flight is not None
                await self.deliver(standing.flight)


class TestLosing:
    """The server goes away and comes back."""

    @pytest.mark.parametrize("mode", ["fast", "immediate"])
    async def test_a_restart_under_load_loses_nothing_and_doubles_nothing(
        self, near: PostgresJournal, postgres: Server, mode: Any
    ):
        ledger = Ledger(near)
        keys = [f"e{n}" for n in range(300)]
        tasks = [asyncio.create_task(ledger.send(key)) for key in keys]
        for target in (60, 160):
            await until(partial(_so_many, ledger, target))
            await asyncio.to_thread(postgres.restart, mode)
        await asyncio.gather(*tasks)
        await ledger.finish()

        assert len(set(ledger.recorded.values())) == len(keys), "an entry for each key"
        shown = await near.entries(Filter(limit=1000))
        assert {one.entry for one in shown} == set(ledger.recorded.values())
        assert ledger.delivered == set(ledger.recorded.values())
        assert {one.state for one in shown} == {"done"}
        assert {one.deliveries[0].attempts for one in shown} == {1}

    async def test_a_commit_that_was_made_stands(self, far: PostgresJournal, wire: Wire):
        """The answer to COMMIT is lost."""
        await deliver(far, "e0", planned("0"))
        wire.after = once(is_commit)
        task = asyncio.create_task(far.receive(arrival("e1", planned("1")), sync=True))
        await until(lambda: _is_cut(wire))
        wire.mend()

        receipt = await task

        assert not receipt.copy
        (standing,) = receipt.standings
        assert standing.flight is not None, "what was worked out is not forgotten"
        assert await far.settle(standing.flight, "delivered")

    async def test_a_commit_that_was_not_made_is_made_again(
        self, far: PostgresJournal, near: PostgresJournal, wire: Wire
    ):
        """COMMIT does not reach the server."""
        await deliver(far, "e0", planned("0"))
        wire.before = once(is_commit)
        task = asyncio.create_task(far.receive(arrival("e1", planned("1")), sync=True))
        await until(lambda: _is_cut(wire))
        assert len(await near.entries(Filter())) == 1
        wire.mend()

        receipt = await task

        assert not receipt.copy
        assert len(await near.entries(Filter())) == 2
        assert (await near.show(receipt.entry)).copies == 0

    async def test_a_settle_is_neither_lost_nor_taken_for_anothers(
        self, far: PostgresJournal, wire: Wire
    ):
        for n, cut in enumerate(("before", "after")):
            flight = await fly(far, f"e{n}", planned(str(n)))
            setattr(wire, cut, once(is_commit))
            task = asyncio.create_task(far.settle(flight, "delivered"))
            await until(lambda: _is_cut(wire))
            wire.mend()

            assert await task
            assert await state(far, flight.entry) == "delivered"
        assert not far.fenced

    async def test_what_waits_is_told_within_about_a_second(self, far: PostgresJournal, wire: Wire):
        await fly(far, "e0", planned("0"))
        wire.sever()

        begun = time.monotonic()
        results = await asyncio.gather(
            far.receive(arrival("e1", planned("1")), sync=True),
            far.beat(),
            far.entries(Filter()),
            return_exceptions=True,
        )

        assert [type(one) for one in results] == [JournalUnavailable] * 3
        assert time.monotonic() - begun < 4

        wire.mend()
        await until(lambda: _works(far))

    async def test_so_it_is_when_nothing_is_cut_and_nothing_answers(
        self, far: PostgresJournal, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(writer, "ANSWER_WITHIN", 1.5)
        monkeypatch.setattr(statements, "ANSWER_WITHIN", 1.5)
        await fly(far, "e0", planned("0"))
        wire.dead = True

        begun = time.monotonic()
        with pytest.raises(JournalUnavailable, match="does not answer"):
            await far.receive(arrival("e1", planned("1")), sync=True)
        assert time.monotonic() - begun < 4

        wire.sever()
        wire.mend()
        await until(lambda: _works(far))

    @pytest.mark.parametrize("unsure", [None, False, True])
    async def test_what_a_flight_came_to_waits_for_the_server(
        self, far: PostgresJournal, near: PostgresJournal, wire: Wire, unsure: bool | None
    ):
        """Told too early, it would be said again, and another worker may have the lane by then."""
        flight = await fly(far, "e0", planned("0"))
        wire.sever()

        writing = asyncio.ensure_future(
            far.settle(flight, "delivered")
            if unsure is None
            else far.back(flight, delay=0.0, unsure=unsure, reason="away")
        )
        with pytest.raises(JournalUnavailable):
            await far.receive(arrival("e1", planned("1")), sync=True)
        assert not writing.done()
        wire.mend()

        assert await writing
        assert await state(near, flight.entry) == ("delivered" if unsure is None else "queued")

    async def test_what_was_recorded_for_nobody_is_given_back(
        self, far: PostgresJournal, near: PostgresJournal, wire: Wire
    ):
        """The commit was made, and its answer came after the store had been told 503."""
        await deliver(far, "e0", planned("0"))
        wire.after = once(is_commit)

        with pytest.raises(JournalUnavailable):
            await far.receive(arrival("e1", planned("1")), sync=True)
        wire.mend()
        await until(partial(_works, far))
        await asyncio.gather(*far._returning)

        (entry,) = [one.entry for one in await near.entries(Filter(state="open"))]
        assert entries_of(await near.due()) == [entry]
        assert (await near.show(entry)).deliveries[0].attempts == 1

    async def test_what_had_not_begun_is_not_written_later(
        self, far: PostgresJournal, near: PostgresJournal, wire: Wire
    ):
        """Its store was told that it was not."""
        wire.sever()
        with pytest.raises(JournalUnavailable):
            await far.receive(arrival("e1", planned()), sync=True)
        wire.mend()
        await until(lambda: _works(far))

        assert await near.entries(Filter()) == ()

    async def test_a_server_that_stays_away_does_not_keep_us_from_stopping(
        self, postgres: Server, database: str, wire: Wire
    ):
        there = World(PostgresBackend(postgres.url(database, port=wire.own)))
        journal = await worker(there)
        wire.sever()

        begun = time.monotonic()
        with pytest.raises(JournalUnavailable):
            await journal.close()

        assert time.monotonic() - begun < 4

    async def test_another_journal_in_its_place_is_not_written(
        self, near: PostgresJournal, postgres: Server, database: str
    ):
        """As after a restore of a wrong backup."""
        meta = "UPDATE meta SET value = {} WHERE name = 'secret'"
        async with postgres.connection(database) as db:
            secret = await db.fetchval("SELECT value FROM meta WHERE name = 'secret'")
            await db.execute(meta.format("'x'"))
            ours = near._engine._writer._db
            assert ours is not None
            await db.execute("SELECT pg_terminate_backend($1)", ours.get_server_pid())

            with pytest.raises(JournalUnavailable):
                await near.receive(arrival("e1", planned()), sync=True)

            await db.execute(f"UPDATE meta SET value = '\\x{secret.hex()}' WHERE name = 'secret'")
        await until(lambda: _works(near))
        assert await near.entries(Filter()) == ()

    async def test_who_is_cancelled_gets_its_lane_given_back(self, near: PostgresJournal):
        await deliver(near, "e0", planned("0"))
        task = asyncio.create_task(near.receive(arrival("e1", planned()), sync=False))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await near.sync()
        await asyncio.gather(*near._returning)

        (entry,) = [one.entry for one in await near.entries(Filter(state="open"))]
        assert entries_of(await near.due()) == [entry]


async def _so_many(ledger: Ledger, target: int) -> bool:
    return len(ledger.recorded) >= target


async def _is_cut(wire: Wire) -> bool:
    return wire.cut


async def _works(journal: Journal) -> bool:
    with contextlib.suppress(JournalUnavailable):
        await journal.sync()
        return True
    return False


class TestClock:
    async def test_it_is_the_servers(self, postgres: Server, database: str):
        """Machines need not agree on the time, and none is asked."""
        from bridge.journal.postgres import open_postgres
        from bridge.journal.protocol import Opening

        journal = await open_postgres(Opening(postgres.url(database)))
        await fly(journal, "e1", planned())
        async with postgres.connection(database) as db:
            recorded = await db.fetchval(
                "SELECT abs(recorded_at - extract(epoch FROM clock_timestamp()) * 1000) FROM entry"
            )
            now = await db.fetchval("SELECT extract(epoch FROM clock_timestamp()) * 1000")

        assert recorded < 5000
        assert abs(journal._engine.now() - float(now)) < 5000
        await journal.close()
