"""What the journal's tests start from: clocks that only move when told, webhooks, journals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from bridge.journal.protocol import Arrival, Flight, Journal, Patience, Planned, Standing

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = 1_000_000  #: in stamps
#: Of a worker that would send for half an hour without a sign of life.
UNFENCED = Patience(self_fence=1800, gone_after=3600)


@dataclass
class Clocks:
    """The journal's two clocks, in seconds."""

    wall: float = NOON.timestamp()
    steady: float = 5_000.0

    def advance(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self.wall += seconds
        self.steady += seconds


class Backend(Protocol):
    """What a journal brings to be tested."""

    async def open(
        self, clocks: Clocks, *, register: bool, patience: Patience, keys: tuple[str, ...] = ()
    ) -> Journal:
        """Open the one journal of this test, as one more worker."""
        ...

    async def crash(self, journal: Journal) -> None:
        """End a worker as ``kill -9`` would: nothing is written, its lock is free."""
        ...


@dataclass
class World:
    """One journal, any number of workers."""

    backend: Backend
    clocks: Clocks = field(default_factory=Clocks)
    workers: list[Journal] = field(default_factory=list)

    async def worker(
        self,
        *,
        register: bool = True,
        patience: Patience | None = None,
        keys: tuple[str, ...] = (),
    ) -> Journal:
        """Open the journal once more."""
        opened = await self.backend.open(
            self.clocks, register=register, patience=patience or Patience(), keys=keys
        )
        self.workers.append(opened)
        return opened

    async def crash(self, worker: Journal) -> None:
        """Kill a worker."""
        self.workers.remove(worker)
        await self.backend.crash(worker)

    async def close(self) -> None:
        """Close what is open."""
        for worker in self.workers:
            await worker.close()

    async def observe(self, observer: Journal, seconds: int, *, beating: Journal | None) -> int:
        """Let time pass while *observer* looks every second and *beating* gives signs of life."""
        ours = 0
        for _ in range(seconds):
            self.clocks.advance(1)
            ours += await observer.sweep()
            await observer.beat()
            if beating is not None:
                await beating.beat()
        return ours

    async def declare_gone(self, frozen: Journal, observer: Journal) -> None:
        """Let *frozen* be silent for so long that *observer* takes its lanes."""
        assert frozen is not observer
        for _ in range(7):
            await observer.beat()
            await observer.sweep()
            self.clocks.advance(10)
        await observer.beat()
        await observer.sweep()


def planned(
    identity: str = "1042",
    *,
    at: float = 10,
    print: str | None = None,  # noqa: A002 - the field's own name
    endpoint: str = "vendor.order",
    account: str = "shop",
    **more: Any,
) -> Planned:
    """A delivery; *at* is the second of its fact, its payload differs from all others."""
    stamp = int(at * SECOND)
    shown = f"payload of {at}" if print is None else print
    return Planned(
        endpoint=endpoint,
        account=account,
        identity=identity,
        target=more.pop("target", f"{account}/{endpoint}"),
        stamp=stamp,
        tie=more.pop("tie", 0),
        print=shown.encode(),
        **more,
    )


def arrival(key: str | None, *deliveries: Planned, **more: Any) -> Arrival:
    """A webhook with the platform's id *key*; None: a notice without an id."""
    return Arrival(
        store=more.pop("store", "shop"),
        topic=more.pop("topic", "order/paid"),
        key=more.pop("parts", None if key is None else (key,)),
        resource=more.pop("resource", "1042"),
        headers=b'{"headers": {}, "query": {}}',
        body=b'{"id": 1042}',
        received_at=more.pop("received_at", NOON),
        deliveries=deliveries,
        **more,
    )


async def record(journal: Journal, key: str | None, *deliveries: Planned, **more: Any) -> Standing:
    """Record a webhook with one delivery, and say what became of it."""
    receipt = await journal.receive(arrival(key, *deliveries, **more), sync=False)
    (standing,) = receipt.standings
    return standing


async def fly(journal: Journal, key: str | None, *deliveries: Planned, **more: Any) -> Flight:
    """Record a webhook whose lane must be free."""
    standing = await record(journal, key, *deliveries, **more)
    assert standing.flight is not None, standing
    return standing.flight


async def deliver(journal: Journal, key: str | None, *deliveries: Planned, **more: Any) -> int:
    """Record a webhook and deliver it; gives its entry."""
    flight = await fly(journal, key, *deliveries, **more)
    assert await journal.settle(flight, "delivered", sync=False)
    return flight.entry


async def state(journal: Journal, entry: int, endpoint: str = "vendor.order") -> str:
    """In which state a delivery is."""
    for standing in await journal.standings(entry):
        if standing.outcome.endpoint == endpoint:
            return standing.outcome.state
    raise AssertionError(f"entry {entry} has no delivery to {endpoint}")


async def reason(journal: Journal, entry: int, endpoint: str = "vendor.order") -> str:
    """Why a delivery is in its state."""
    for standing in await journal.standings(entry):
        if standing.outcome.endpoint == endpoint:
            return standing.outcome.reason
    raise AssertionError(f"entry {entry} has no delivery to {endpoint}")


def entries_of(standings: Sequence[Standing]) -> list[int]:
    """The entries whose flights were given."""
    return [standing.flight.entry for standing in standings if standing.flight is not None]
