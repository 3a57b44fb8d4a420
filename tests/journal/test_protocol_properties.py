"""
Whatever happens in whatever order, the journal's promises hold.

Workers receive, send, fail, crash and freeze as they like; a small model watches what they are
told.  It knows nothing of tables: only who was given which flight, and what each lane's
destination may have accepted.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.journal.postgres import writer
from bridge.journal.protocol import Flight, Journal, Planned, Standing
from bridge.types import Outcome
from tests.journal.given import Backend, Clocks, World, arrival, planned
from tests.journal.postgres_backend import PostgresBackend
from tests.journal.sqlite_backend import SqliteBackend
from tests.postgres import Server

T = TypeVar("T")
Version = tuple[int, int, int]

LAST_WORDS = {"delivered", "ignored", "stale", "refused", "failed"}
ENDPOINT = "vendor.order"


@dataclass
class Delivery:
    """What the model knows of one."""

    lane: str
    plan: Planned
    version: Version
    park: bool
    state: str = "queued"


@dataclass
class Lane:
    """What the model knows of one."""

    flights: dict[int, tuple[Journal, Flight]] = field(default_factory=dict)  #: by token
    token: int = 0
    barrier: Version = (0, 0, 0)  #: newest that may have been accepted
    overlapped: bool = False  #: somebody reported late: the newest is sent once more


class Promises(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = World(self.backend())
        self.workers = [self.run(self.world.worker()) for _ in range(2)]
        self.ghosts: list[Journal] = []  #: declared gone, and do not know it
        self.gone: list[Journal] = []
        self.keys: dict[str, int] = {}
        self.deliveries: dict[int, Delivery] = {}
        self.lanes: dict[str, Lane] = {"1": Lane(), "ana@example.com": Lane()}

    def backend(self) -> Backend:
        """Bring an empty journal."""
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        try:
            self.finish_everything()
        finally:
            self.run(self.world.close())
            self.runner.close()

    # What workers do.

    @rule(
        worker=st.integers(0, 1),
        key=st.integers(1, 12),
        lane=st.sampled_from(["1", "ana@example.com"]),
        at=st.integers(1, 4),
        tie=st.integers(0, 1),
        payload=st.sampled_from("AB"),
        park=st.sampled_from([True, True, False]),
    )
    def receive(self, worker, key, lane, at, tie, payload, park):
        plan = planned(lane, at=at, tie=tie, print=payload)
        name = f"{key}/{lane}/{at}/{tie}/{payload}/{park}"
        journal = self.workers[worker]
        receipt = self.run(journal.receive(arrival(name, plan, park=park), sync=False))
        assert receipt.copy == (name in self.keys)
        if receipt.copy:
            assert receipt.entry == self.keys[name]
        else:
            assert receipt.entry not in self.deliveries
            self.keys[name] = receipt.entry
            version = (plan.stamp, tie, receipt.entry)
            self.deliveries[receipt.entry] = Delivery(lane, plan, version, park)
        (standing,) = receipt.standings
        self.told(journal, receipt.entry, standing)

    @precondition(lambda self: self.deliveries)
    @rule(worker=st.integers(0, 1), data=st.data())
    def take(self, worker, data):
        entry = data.draw(st.sampled_from(sorted(self.deliveries)))
        journal = self.workers[worker]
        self.told(journal, entry, self.run(journal.take(entry, ENDPOINT)))

    @rule(worker=st.integers(0, 1), limit=st.integers(1, 5), room=st.integers(0, 5))
    def due(self, worker, limit, room):
        journal = self.workers[worker]
        standings = self.run(journal.due(limit, {f"shop/{ENDPOINT}": room}))
        assert len(standings) <= min(limit, room)
        self.refresh()
        for standing in standings:
            assert standing.flight is not None
            self.told(journal, standing.flight.entry, standing)

    @precondition(lambda self: self.flying())
    @rule(
        data=st.data(),
        word=st.sampled_from(["delivered", "delivered", "refused", "unsure", "later", "unsent"]),
        delay=st.sampled_from([0, 0, 30]),
    )
    def land(self, data, word, delay):
        journal, flight = data.draw(st.sampled_from(self.flying()))
        self.report(journal, flight, word, delay)

    @rule(worker=st.integers(0, 1))
    def crash(self, worker):
        gone = self.workers[worker]
        self.run(self.world.crash(gone))
        self.gone.append(gone)
        self.workers[worker] = self.run(self.world.worker())

    @rule(worker=st.integers(0, 1))
    def freeze(self, worker):
        frozen, other = self.workers[worker], self.workers[1 - worker]
        self.run(self.world.declare_gone(frozen, other))
        self.gone.append(frozen)
        self.ghosts.append(frozen)
        self.workers[worker] = self.run(self.world.worker())

    @precondition(
        lambda self: any(d.state in ("refused", "stale") for d in self.deliveries.values())
    )
    @rule(worker=st.integers(0, 1), data=st.data())
    def replay(self, worker, data):
        dead = [e for e, d in self.deliveries.items() if d.state in ("refused", "stale")]
        entry = data.draw(st.sampled_from(dead))
        delivery = self.deliveries[entry]
        (standing,) = self.run(self.workers[worker].replay(entry, [delivery.plan]))
        assert standing.outcome.state == "queued"
        delivery.state, delivery.park = "queued", True

    @rule(seconds=st.sampled_from([1, 10, 40]))
    def time_passes(self, seconds):
        for _ in range(seconds // 10 or 1):
            self.world.clocks.advance(min(seconds, 10))
            for worker in self.workers:
                self.run(worker.beat())
                self.run(worker.sweep())

    # What they are told.

    def told(self, journal: Journal, entry: int, standing: Standing) -> None:
        self.refresh()
        delivery = self.deliveries[entry]
        if standing.flight is not None:
            self.granted(journal, delivery, standing.flight)

    def granted(self, journal: Journal, delivery: Delivery, flight: Flight) -> None:
        lane = self.lanes[delivery.lane]
        assert (flight.stamp, flight.tie, flight.entry) == delivery.version
        assert delivery.state == "flying"
        assert flight.token > lane.token, "tokens grow"
        lane.token = flight.token
        for holder, other in lane.flights.values():
            assert holder in self.gone, f"{other} and {flight} fly in one lane"
            version = (other.stamp, other.tie, other.entry)
            lane.barrier = max(lane.barrier, version)
        assert delivery.version >= lane.barrier, "an older one is sent after a newer one"
        lane.flights[flight.token] = (journal, flight)

    def report(self, journal: Journal, flight: Flight, word: str, delay: float) -> None:
        delivery = self.deliveries[flight.entry]
        lane = self.lanes[delivery.lane]
        version = delivery.version
        del lane.flights[flight.token]
        delayed = delay if flight.park else None
        if word in ("delivered", "refused"):
            ours = self.run(journal.settle(flight, word, sync=False))  # type: ignore[arg-type]
        else:
            unsure = word == "unsure"
            sent = word != "unsent"
            ours = self.run(
                journal.back(flight, delay=delayed, unsure=unsure, reason=word, attempted=sent)
            )
        if ours and delivery.state == "flying":
            if word == "delivered":
                assert version >= lane.barrier, "an older one was delivered after a newer one"
            expected = word if word in ("delivered", "refused") else "queued"
            delivery.state = expected
        assert ours or journal in self.gone
        if word in ("delivered", "unsure") or not ours:
            # A takeover cannot know that nothing was accepted.
            lane.barrier = max(lane.barrier, version)
        if word in ("delivered", "unsure"):
            lane.overlapped |= not ours
        if word == "delivered" and not ours and delivery.state in ("queued", "flying"):
            delivery.state = "delivered"
        self.refresh()

    def flying(self) -> list[tuple[Journal, Flight]]:
        """Flights whose worker can still report: it lives, or believes so."""
        return [
            one
            for lane in self.lanes.values()
            for one in lane.flights.values()
            if one[0] not in self.gone or one[0] in self.ghosts
        ]

    def refresh(self) -> None:
        """See where all stand, and that each got there by a way that is allowed."""
        changed = []
        for entry, standing in self.standings(self.workers[0]):
            delivery = self.deliveries[entry]
            if standing.outcome.state != delivery.state:
                changed.append((entry, delivery, standing.outcome))
        # What is ignored is the newest, and makes others stale.
        for entry, delivery, outcome in sorted(changed, key=lambda one: one[2].state != "ignored"):
            self.changed(entry, delivery, outcome)
            delivery.state = outcome.state

    def standings(self, journal: Journal) -> list[tuple[int, Standing]]:
        """Where every entry's only delivery stands."""

        async def ask() -> list[tuple[Standing, ...]]:
            return await asyncio.gather(*(journal.standings(one) for one in self.deliveries))

        return [
            (entry, standing)
            for entry, (standing,) in zip(self.deliveries, self.run(ask()), strict=True)
        ]

    def changed(self, entry: int, delivery: Delivery, now: Outcome) -> None:
        lane = self.lanes[delivery.lane]
        if delivery.state in LAST_WORDS:
            assert now.state == "queued", f"{entry} was settled twice: {now}"
            assert lane.overlapped, f"{entry} is sent again without a reason"
            assert delivery.state in ("delivered", "ignored")
            delivery.park = True
        elif now.state == "stale":
            newest = max(lane.barrier, *self.lost(lane))
            assert newest > delivery.version, f"{entry} was dropped and is the newest"
        elif now.state == "ignored":
            same = int(now.reason.removeprefix("same as entry "))
            assert self.deliveries[same].plan.print == delivery.plan.print
            lane.barrier = max(lane.barrier, delivery.version)
        elif now.state == "failed":
            assert self.world.clocks.wall >= Clocks().wall + 72 * 3600
        else:
            assert now.state in ("queued", "flying"), f"{entry} became {now}, nobody said so"

    def lost(self, lane: Lane) -> list[Version]:
        """What flights of gone workers may have sent."""
        return [(0, 0, 0)] + [
            (flight.stamp, flight.tie, flight.entry)
            for holder, flight in lane.flights.values()
            if holder in self.gone
        ]

    # What holds at every moment.

    @invariant()
    def nothing_is_lost(self) -> None:
        self.refresh()
        for entry, standing in self.standings(self.workers[1]):
            delivery = self.deliveries[entry]
            if delivery.state == "queued" and delivery.park:
                assert standing.due_in is not None, f"nobody will ever send {entry}"
            if delivery.state == "flying":
                flights = self.lanes[delivery.lane].flights.values()
                assert entry in [flight.entry for _, flight in flights]

    def finish_everything(self) -> None:
        """In the end everything is settled, what was parked without waiting for any store."""
        for journal, flight in self.flying():
            self.report(journal, flight, "delivered", 0)
        self.finish_parked()
        stuck = {d.lane for d in self.open() if not d.park}
        assert not [d for d in self.open() if d.lane not in stuck], "parked and never settled"
        self.world.clocks.advance(73 * 3600)  # the stores have stopped repeating
        self.finish_parked()
        assert not self.open(), "never settled"

    def open(self) -> list[Delivery]:
        return [one for one in self.deliveries.values() if one.state not in LAST_WORDS]

    def finish_parked(self) -> None:
        for _ in range(4):
            self.time_passes(40)
            self.refresh()
            while standings := self.run(self.workers[0].due()):
                for standing in standings:
                    assert standing.flight is not None
                    self.told(self.workers[0], standing.flight.entry, standing)
                    self.report(self.workers[0], standing.flight, "delivered", 0)


class OnSqlite(Promises):
    def backend(self) -> Backend:
        self.folder = tempfile.TemporaryDirectory()
        return SqliteBackend(Path(self.folder.name) / "journal.db")

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.folder.cleanup()


class OnPostgres(Promises):
    server: ClassVar[Server]

    def backend(self) -> Backend:
        return PostgresBackend(self.run(self.server.schema()))


@pytest.fixture(autouse=True)
def server(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state machine takes no fixtures, and has time."""
    OnPostgres.server = postgres
    monkeypatch.setattr(writer, "_PATIENCE", 30.0)


def often(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        # Every step is a transaction or several: to shrink a failure would take minutes.
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )


TestPromisesOnSqlite = OnSqlite.TestCase
TestPromisesOnSqlite.settings = often(25)

TestPromisesOnPostgres = OnPostgres.TestCase
TestPromisesOnPostgres.settings = often(8)
