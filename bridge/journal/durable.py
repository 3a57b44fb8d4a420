"""
The journal, whatever database it lies in.

States, lanes and the reasons behind them are in the operator's guide, chapter "How deliveries
are kept apart".  This module puts the pieces together:

    sqlite, postgres   each opens its database and runs statements in it: an `Engine`
    arrivals     receive; amend: expand, replay
    deliveries   take, settle, back
    lanes        who may send
    due          what is left to do; takeover: by others
    life         who is alive
    reads        what people ask
    bodies       what came, encrypted where there is a key; purge: what is forgotten
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Generic, Literal, Protocol, TypeVar

from bridge.errors import JournalError, JournalUnavailable
from bridge.journal import amend, arrivals, bodies, deliveries, due, life, purge, reads, takeover
from bridge.journal.cipher import Cipher
from bridge.journal.keys import subject_of
from bridge.journal.protocol import (
    Arrival,
    Count,
    EntrySummary,
    Filter,
    Flight,
    Holding,
    Keep,
    Letters,
    Patience,
    Planned,
    Receipt,
    Standing,
    Stored,
    Whose,
)
from bridge.journal.transaction import (
    Steps,
    Touches,
    Transaction,
    Work,
    count,
    do,
    one,
    rows,
)
from bridge.types import Cause, Outcome

T = TypeVar("T")

#: Seconds between two looks for what lies too far ahead.
_TIDY_EVERY = 60.0
#: Seconds that the clock has to lose against the monotonic one to have been set back.
_STEP = 10.0

REGISTER = "INSERT INTO worker (host) VALUES (:host) RETURNING id"

BEAT = "UPDATE worker SET beat = beat + 1 WHERE id = :me AND gone = 0"

LEAVE = "UPDATE worker SET gone = 1 WHERE id = :me"

OTHERS = "SELECT id, host, beat, gone FROM worker WHERE id <> :me"

ANY_DIRTY = "SELECT 1 FROM lane WHERE dirty = 1 LIMIT 1"

# For an empty transaction PostgreSQL would sync nothing.
SYNC = "UPDATE meta SET value = value + 1 WHERE name = 'syncs'"


class Engine(Protocol):
    """What runs statements: the database's own room brings one."""

    closed: bool
    secret: bytes  #: the journal's own
    cipher: Cipher | None  #: what encrypts bodies
    folder: Path  #: where the workers of this machine hold their locks

    def now(self) -> int:
        """Read the journal's clock: milliseconds since 1970."""
        ...

    def behind(self) -> float:
        """Seconds for which the oldest of what is to be written has waited."""
        ...

    async def read(self, steps: Steps[T]) -> T:
        """Run *steps*, which write nothing; raises `JournalUnavailable`."""
        ...

    async def write(
        self,
        work: Work[T],
        *,
        sync: bool,
        touches: Touches | None,
        patient: bool,
        unclaimed: Callable[[T], None],
    ) -> T:
        """
        Run *work* in a transaction, perhaps together with others.

        Args:
            sync: Return when its commit, and every one before it, is on disk.
            touches: The keys and lanes that it is about; None: it is run beside no other.
            patient: Whoever asks for it waits until it is written, or surely is not.  Others are
                told after about a second that the journal does not answer.
            unclaimed: Called with the result when nobody waits for it any more.

        Raises:
            JournalUnavailable: The journal is closed, cannot keep up, or cannot be written now.
        """
        ...

    async def close(self, last: Work[None]) -> None:
        """Write what is queued and then *last*, on disk; let go of everything in any case."""
        ...


E = TypeVar("E", bound=Engine)


class DurableJournal(Generic[E]):
    """
    A `Journal` in a database; the database's room opens it.

    Args:
        monotonic: Seconds: decides who is gone.
    """

    def __init__(self, engine: E, patience: Patience, monotonic: Callable[[], float]) -> None:
        self._engine = engine
        self._folder = engine.folder
        self._patience = patience
        self._monotonic = monotonic
        self._host = life.host_of(self._folder)
        self._watch = life.Watch(patience)
        self._me: int | None = None
        self._lock: IO[bytes] | None = None
        self._gone = False
        self._last_beat = monotonic()
        self._last_tidy: float | None = None
        self._ahead: float | None = None  #: of the journal's clock against the monotonic one
        self._served: due.Pair | None = None
        self._forgotten = purge.Round()
        self._returning: set[asyncio.Task[None]] = set()

    async def begin(self, *, register: bool) -> None:
        """
        See that everything encrypted can be read, and become a worker.

        Raises:
            JournalUnusable: Something is encrypted with a key that is not configured.
        """
        try:
            await self._write(bodies.check_keys)
            if register:
                await self._register()
        except BaseException:
            await self.close()
            raise

    async def _register(self) -> None:

        def begin(tx: Transaction) -> Steps[int]:
            row = yield from one(REGISTER, {"host": self._host})
            assert row is not None  # noqa: S101 - an INSERT without a guard returns its row
            if self._lock is not None:
                # The transaction was undone and runs again, perhaps to the same number.
                self._lock.close()
            # Locked before the row can be seen: nobody ever finds a living worker's lock free.
            self._lock = life.hold(self._folder, row[0])
            tx.me = row[0]
            return tx.me

        self._last_beat = self._monotonic()
        self._me = await self._write(begin)

    async def receive(self, arrival: Arrival, *, sync: bool) -> Receipt:
        """Record *arrival* unless it is a copy, and take the lanes that are free."""
        self._worker()
        work = partial(arrivals.receive, arrival=arrival)
        touches = partial(arrivals.touches, arrival=arrival)
        return await self._write(work, sync=sync, touches=touches)

    async def take(self, entry: int, endpoint: str) -> Standing:
        """Try again to take the lane of a queued delivery."""
        self._worker()

        def work(tx: Transaction) -> Steps[Standing]:
            return (yield from deliveries.take(tx, (yield from deliveries.find(entry, endpoint))))

        # Its lane is not known yet, which does no harm: TAKE alone decides.
        return await self._write(work, touches=_nothing)

    async def settle(
        self,
        flight: Flight,
        state: Literal["delivered", "ignored", "refused"],
        reason: str = "",
        causes: Sequence[Cause] = (),
        *,
        sync: bool = True,
        unname: bool = False,
    ) -> bool:
        """Write the last word of a flight and free its lane; False when it was taken over."""
        work = partial(
            deliveries.settle, flight=flight, state=state, reason=reason, unname=unname, why=causes
        )
        touches = _lane_of(flight)
        return self._noted(await self._write(work, sync=sync, touches=touches, patient=True))

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
        return self._noted(await self._write(work, touches=_lane_of(flight), patient=True))

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
        causes: Sequence[Cause] = (),
        horizon: float = 259_200.0,
        sync: bool = False,
    ) -> Receipt:
        """Settle a fetch, keep what was fetched, and record and take what it leads to."""
        fetched = amend.Fetched(
            resource, deliveries, event_type, resource_id, subjects, problem, dead, causes, horizon
        )
        work = partial(amend.expand, flight=flight, fetched=fetched)
        touches = partial(amend.touches, flight=flight, fetched=fetched)
        receipt, ours = await self._write(work, sync=sync, touches=touches)
        self._noted(ours)
        return receipt

    async def unmappable(self, flight: Flight, problem: str, causes: Sequence[Cause] = ()) -> bool:
        """Settle as ``refused`` a flight whose body no longer maps; False when taken over."""
        return await self.settle(flight, "refused", problem, causes)

    async def standings(self, entry: int) -> tuple[Standing, ...]:
        """Where the deliveries of *entry* stand."""
        return await self._engine.read(reads.standings(entry, self._engine.now()))

    async def sync(self) -> None:
        """Return when everything committed so far is on disk."""
        await self._write(lambda _: do(SYNC, {}), sync=True, touches=_nothing)

    async def due(self, limit: int = 64, room: Mapping[str, int] = {}) -> tuple[Standing, ...]:
        """Take deliveries whose time has come, fairly over targets and stores."""
        self._worker()
        work = partial(due.due, limit=limit, room=room, after=self._served)
        standings, self._served = await self._write(work)
        return standings

    async def next_due(self, without: Collection[str] = ()) -> float | None:
        """Seconds until the earliest queued delivery of ours is due."""
        at = await self._engine.read(due.next_due(without))
        return None if at is None else max(0, at - self._engine.now()) / 1000

    async def hasten(self, target: str, within: float) -> int:
        """Make due within so many seconds what waits longer for *target*."""
        return await self._write(partial(due.hasten, target=target, within=within))

    async def beat(self) -> bool:
        """Give a sign of life; False when this worker was declared gone."""
        me = self._worker()
        # Counted from before it was asked for: others may have seen it as early as that.
        at = self._monotonic()
        alive = await self._write(lambda _: count(BEAT, {"me": me}), touches=_nothing) == 1
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
        ahead = self._engine.now() / 1000 - now
        # At the start nobody knows what the clock did meanwhile.
        stepped = self._ahead is None or self._ahead - ahead > _STEP
        untidy = stepped or self._last_tidy is None or now - self._last_tidy >= _TIDY_EVERY
        if not (silent or ripe or dirty or untidy):
            return 0

        def act(tx: Transaction) -> Steps[tuple[int, list[int]]]:
            yield from takeover.declare_gone(silent)
            ours, forgotten = yield from takeover.take_over(tx, ripe)
            if untidy:
                yield from due.tidy(tx, stepped=stepped)
            return ours + (yield from takeover.repair(tx)), forgotten

        ours, forgotten = await self._write(act)
        if untidy:
            self._last_tidy, self._ahead = now, ahead
        for worker in forgotten:
            life.lock_path(self._folder, worker).unlink(missing_ok=True)
        return ours

    @property
    def fenced(self) -> bool:
        """Whether the last successful beat is too old to send anything."""
        silence = self._monotonic() - self._last_beat
        return self._me is None or self._gone or silence >= self._patience.self_fence

    @property
    def behind(self) -> float:
        """Seconds for which the oldest of what is to be written has waited."""
        return self._engine.behind()

    async def load(self, entry: int) -> Stored:
        """What is needed to map *entry* again; raises `LookupError` when it is gone."""
        return await self._engine.read(reads.load(entry, self._engine.cipher))

    async def entries(self, wanted: Filter) -> tuple[EntrySummary, ...]:
        """Entries, newest first, with their deliveries."""
        return await self._engine.read(reads.entries(wanted, self._hashed(wanted)))

    async def count(self, wanted: Filter) -> tuple[Count, ...]:
        """How many entries are wanted, by store and state."""
        return await self._engine.read(reads.count_entries(wanted, self._hashed(wanted)))

    async def letters(self, wanted: Filter) -> tuple[Letters, ...]:
        """The dead letters of the entries that are wanted, by cause, most first."""
        return await self._engine.read(reads.letters(wanted, self._hashed(wanted)))

    async def foresee(
        self, entry: int, deliveries: Sequence[Planned], *, anew: bool = False
    ) -> tuple[Outcome, ...]:
        """Where *deliveries* of *entry* would stand if they were queued now."""
        return await self._engine.read(
            reads.foresee(self._engine.secret, entry, deliveries, anew=anew)
        )

    async def show(self, entry: int) -> EntrySummary:
        """One entry with its deliveries; raises `LookupError` when there is none."""
        return await self._engine.read(reads.show(entry))

    async def replay(
        self,
        entry: int,
        deliveries: Sequence[Planned],
        endpoint: str | None = None,
        problem: str | None = None,
    ) -> tuple[Standing, ...]:
        """Queue dead and stale deliveries again, and add those that are missing."""
        work = partial(
            amend.replay, entry=entry, planned=deliveries, endpoint=endpoint, problem=problem
        )
        return await self._write(work, sync=True)

    async def send_again(self, entry: int, deliveries: Sequence[Planned]) -> int:
        """Record *entry* once more and queue *deliveries* for the new entry."""
        work = partial(amend.send_again, entry=entry, planned=deliveries)
        return await self._write(work, sync=True)

    async def holding(self, whose: Whose, after: int = 0) -> Holding:
        """Look for entries of somebody, some at a time, oldest first."""
        return await self._engine.read(purge.holding(self._engine.secret, whose, after))

    async def purge(self, entries: Sequence[int]) -> tuple[int, ...]:
        """Erase what *entries* hold of anybody; gives those of which something is flying."""
        return await self._write(partial(purge.purge, entries=entries), sync=True)

    async def forget(self, keep: Keep) -> bool:
        """Forget some of what was kept long enough; True when there is more."""
        work = partial(purge.forget, keep=keep, reached=self._forgotten)
        self._forgotten, more = await self._write(work)
        return more

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

    def _hashed(self, wanted: Filter) -> list[bytes]:
        return [subject_of(self._engine.secret, one) for one in wanted.subjects]

    def _worker(self) -> int:
        if self._me is None:
            raise JournalError("this journal was opened without a worker: it sends nothing")
        return self._me

    def _noted(self, ours: bool) -> bool:
        self._gone = self._gone or not ours
        return ours

    async def _write(
        self,
        work: Work[T],
        *,
        sync: bool = False,
        touches: Touches | None = None,
        patient: bool = False,
    ) -> T:
        return await self._engine.write(
            work, sync=sync, touches=touches, patient=patient, unclaimed=self._give_back
        )

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


def _nothing(_: Transaction) -> frozenset[bytes]:
    return frozenset()


def _lane_of(flight: Flight) -> Touches:
    return lambda _: frozenset((flight.lane,))


def _flights(result: object) -> Iterator[Flight]:
    if isinstance(result, Standing) and result.flight is not None:
        yield result.flight
    elif isinstance(result, Receipt):
        yield from _flights(result.standings)
    elif isinstance(result, tuple):
        for one in result:
            yield from _flights(one)
