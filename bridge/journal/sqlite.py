"""
The journal in one SQLite file, for one machine and any number of processes on it.

States, lanes and the reasons behind them are in the operator's guide, chapter "How deliveries
are kept apart".  This module puts the pieces together:

    file         finds or creates the file
    engine       its threads: writer (many transitions, one commit), checkpoint, a reader
    turns        processes write one after the other
    arrivals     receive; amend: expand, replay
    deliveries   take, settle, back
    lanes        who may send
    due          what is left to do; takeover: by others
    life         who is alive
    reads        what people ask
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Literal, TypeVar

from bridge.errors import JournalError, JournalUnavailable
from bridge.journal import amend, arrivals, deliveries, due, life, reads, takeover
from bridge.journal.engine import Engine
from bridge.journal.file import explained, path_of, prepare, workers_folder
from bridge.journal.protocol import (
    Arrival,
    EntrySummary,
    Filter,
    Flight,
    Opening,
    Patience,
    Planned,
    Receipt,
    Standing,
    Stored,
)
from bridge.journal.transaction import Steps, Transaction, count, do, one, rows
from bridge.journal.writer import Work

T = TypeVar("T")

#: Seconds between two looks for what lies too far ahead.
_TIDY_EVERY = 60.0

REGISTER = "INSERT INTO worker (host) VALUES (:host) RETURNING id"

BEAT = "UPDATE worker SET beat = beat + 1 WHERE id = :me AND gone = 0"

LEAVE = "UPDATE worker SET gone = 1 WHERE id = :me"

OTHERS = "SELECT id, host, beat, gone FROM worker WHERE id <> :me"

ANY_DIRTY = "SELECT 1 FROM lane WHERE dirty = 1 LIMIT 1"

# An empty transaction would write nothing, and nothing would be synced.
SYNC = "UPDATE meta SET value = value + 1 WHERE name = 'syncs'"


async def open_sqlite(
    opening: Opening,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    wait: float = 0.5,
) -> SqliteJournal:
    """
    Open or create the journal at *opening*'s path.

    Args:
        clock: Seconds since 1970: decides when to try again, never who may send.
        monotonic: Seconds: decides who is gone.
        wait: Seconds to wait for other processes, and again for other programs.

    Raises:
        JournalUnusable: It is damaged, newer, not ours, or cannot be written here.
        JournalUnavailable: Another program does not let go of it.
    """
    path = path_of(opening.url)
    secret = await asyncio.to_thread(prepare, path, wait)
    with explained(path):
        journal = SqliteJournal(path, secret, opening.patience, clock, monotonic, wait)
    if opening.register:
        try:
            await journal.register()
        except BaseException:
            await journal.close()
            raise
    return journal


class SqliteJournal:
    """A `Journal`; `open_sqlite` makes one."""

    def __init__(
        self,
        path: Path,
        secret: bytes,
        patience: Patience,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        wait: float,
    ) -> None:
        self._engine = Engine(path, secret, wait=wait, clock=clock, monotonic=monotonic)
        self._folder = workers_folder(path)
        self._patience = patience
        self._clock = clock
        self._monotonic = monotonic
        self._host = life.host_of(self._folder)
        self._watch = life.Watch(patience)
        self._me: int | None = None
        self._lock: IO[bytes] | None = None
        self._gone = False
        self._last_beat = monotonic()
        self._last_tidy: float | None = None
        self._served: due.Pair | None = None
        self._returning: set[asyncio.Task[None]] = set()

    async def register(self) -> None:
        """Become a worker: what asks for lanes needs to be one."""

        def begin(tx: Transaction) -> Steps[int]:
            row = yield from one(REGISTER, {"host": self._host})
            assert row is not None  # noqa: S101 - an INSERT without a guard returns its row
            # Locked before the row can be seen: nobody ever finds a living worker's lock free.
            self._lock = life.hold(self._folder, row[0])
            tx.me = row[0]
            return tx.me

        self._last_beat = self._monotonic()
        self._me = await self._write(begin)

    async def receive(self, arrival: Arrival, *, sync: bool) -> Receipt:
        """Record *arrival* unless it is a copy, and take the lanes that are free."""
        self._worker()
        return await self._write(partial(arrivals.receive, arrival=arrival), sync=sync)

    async def take(self, entry: int, endpoint: str) -> Standing:
        """Try again to take the lane of a queued delivery."""
        self._worker()

        def work(tx: Transaction) -> Steps[Standing]:
            return (yield from deliveries.take(tx, (yield from deliveries.find(entry, endpoint))))

        return await self._write(work)

    async def settle(
        self,
        flight: Flight,
        state: Literal["delivered", "ignored", "refused"],
        reason: str = "",
        *,
        sync: bool = True,
    ) -> bool:
        """Write the last word of a flight and free its lane; False when it was taken over."""
        work = partial(deliveries.settle, flight=flight, state=state, reason=reason)
        return self._noted(await self._write(work, sync=sync))

    async def back(
        self,
        flight: Flight,
        *,
        delay: float | None,
        unsure: bool,
        reason: str,
        attempted: bool = True,
    ) -> bool:
        """Give up a flight for now; False when it was taken over."""
        work = partial(
            deliveries.back,
            flight=flight,
            delay=delay,
            unsure=unsure,
            reason=reason,
            attempted=attempted,
        )
        return self._noted(await self._write(work))

    async def expand(
        self,
        flight: Flight,
        resource: bytes,
        deliveries: Sequence[Planned],
        *,
        event_type: str | None = None,
        resource_id: str = "",
        subjects: Sequence[str] = (),
        problem: str | None = None,
        dead: bool = False,
        horizon: float = 259_200.0,
        sync: bool = False,
    ) -> Receipt:
        """Settle a fetch, keep what was fetched, and record and take what it leads to."""
        fetched = amend.Fetched(
            resource, deliveries, event_type, resource_id, subjects, problem, dead, horizon
        )
        work = partial(amend.expand, flight=flight, fetched=fetched)
        receipt, ours = await self._write(work, sync=sync)
        self._noted(ours)
        return receipt

    async def unmappable(self, flight: Flight, problem: str) -> bool:
        """Settle as ``refused`` a flight whose body no longer maps; False when taken over."""
        return await self.settle(flight, "refused", problem)

    async def standings(self, entry: int) -> tuple[Standing, ...]:
        """Where the deliveries of *entry* stand."""
        return await self._engine.read(reads.standings(entry, self._now()))

    async def sync(self) -> None:
        """Return when everything committed so far is on disk."""
        await self._write(lambda _: do(SYNC, {}), sync=True)

    async def due(self, limit: int = 64, room: Mapping[str, int] = {}) -> tuple[Standing, ...]:
        """Take deliveries whose time has come, fairly over targets and stores."""
        self._worker()
        work = partial(due.due, limit=limit, room=room, after=self._served)
        standings, self._served = await self._write(work)
        return standings

    async def next_due(self, without: Collection[str] = ()) -> float | None:
        """Seconds until the earliest queued delivery of ours is due."""
        at = await self._engine.read(due.next_due(without))
        return None if at is None else max(0, at - self._now()) / 1000

    async def hasten(self, target: str, within: float) -> int:
        """Make due within so many seconds what waits longer for *target*."""
        return await self._write(partial(due.hasten, target=target, within=within))

    async def beat(self) -> bool:
        """Give a sign of life; False when this worker was declared gone."""
        me = self._worker()
        # Counted from before it was asked for: others may have seen it as early as that.
        at = self._monotonic()
        alive = await self._write(lambda _: count(BEAT, {"me": me})) == 1
        if alive:
            self._last_beat = at
        return self._noted(alive)

    async def sweep(self) -> int:
        """Take over from workers that are gone, and repair what was written over."""
        me, now = self._worker(), self._monotonic()
        is_dead = partial(life.is_dead, self._folder, self._host)

        def look() -> Steps[tuple[list[tuple[int, int]], list[int], bool]]:
            others = [life.Seen(*row) for row in (yield from rows(OTHERS, {"me": me}))]
            dirty = yield from one(ANY_DIRTY, {})
            return *self._watch.look(others, now, is_dead), dirty is not None

        silent, ripe, dirty = await self._engine.read(look())
        untidy = self._last_tidy is None or now - self._last_tidy >= _TIDY_EVERY
        if not (silent or ripe or dirty or untidy):
            return 0

        def act(tx: Transaction) -> Steps[tuple[int, list[int]]]:
            yield from takeover.declare_gone(silent)
            ours, forgotten = yield from takeover.take_over(tx, ripe)
            if untidy:
                yield from due.tidy(tx)
            return ours + (yield from takeover.repair(tx)), forgotten

        ours, forgotten = await self._write(act)
        if untidy:
            self._last_tidy = now
        for worker in forgotten:
            life.lock_path(self._folder, worker).unlink(missing_ok=True)
        return ours

    @property
    def fenced(self) -> bool:
        """Whether the last successful beat is too old to send anything."""
        silence = self._monotonic() - self._last_beat
        return self._me is None or self._gone or silence >= self._patience.self_fence

    async def load(self, entry: int) -> Stored:
        """What is needed to map *entry* again; raises `LookupError` when it is gone."""
        return await self._engine.read(reads.load(entry))

    async def entries(self, wanted: Filter) -> tuple[EntrySummary, ...]:
        """Entries, newest first, with their deliveries."""
        return await self._engine.read(reads.entries(wanted))

    async def show(self, entry: int) -> EntrySummary:
        """One entry with its deliveries; raises `LookupError` when there is none."""
        return await self._engine.read(reads.show(entry))

    async def replay(
        self, entry: int, deliveries: Sequence[Planned], endpoint: str | None = None
    ) -> tuple[Standing, ...]:
        """Queue dead and stale deliveries again, and add those that are missing."""
        work = partial(amend.replay, entry=entry, planned=deliveries, endpoint=endpoint)
        return await self._write(work, sync=True)

    async def close(self) -> None:
        """Write what is queued, sync, declare this worker gone, let go of its lock."""
        if self._engine.closed:
            return
        for task in self._returning:
            task.cancel()

        def leave(_: Transaction) -> Steps[None]:
            yield from do(LEAVE, {"me": self._me})
            yield from do(SYNC, {})

        try:
            await self._engine.close(leave)
            if self._me is not None:
                life.lock_path(self._folder, self._me).unlink(missing_ok=True)
        finally:
            if self._lock is not None:
                self._lock.close()

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _worker(self) -> int:
        if self._me is None:
            raise JournalError("this journal was opened without a worker: it sends nothing")
        return self._me

    def _noted(self, ours: bool) -> bool:
        self._gone = self._gone or not ours
        return ours

    async def _write(self, work: Work[T], *, sync: bool = False) -> T:
        return await self._engine.write(work, sync=sync, unclaimed=self._give_back)

    def _give_back(self, result: object) -> None:
        """Free the lanes that were taken for somebody who has stopped waiting."""
        for flight in _flights(result):
            task = asyncio.get_running_loop().create_task(self._return(flight))
            self._returning.add(task)
            task.add_done_callback(self._returning.discard)

    async def _return(self, flight: Flight) -> None:
        while not self._engine.closed:
            try:
                reason = "nobody waited for it"
                await self.back(flight, delay=None, unsure=False, reason=reason, attempted=False)
            except JournalUnavailable:
                await asyncio.sleep(1.0)
            else:
                return


def _flights(result: object) -> Iterator[Flight]:
    if isinstance(result, Standing) and result.flight is not None:
        yield result.flight
    elif isinstance(result, Receipt):
        yield from _flights(result.standings)
    elif isinstance(result, tuple):
        for one in result:
            yield from _flights(one)
