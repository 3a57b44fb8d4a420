"""
What the journal does in a second, empty and after millions of entries.

    python -m tests.bench.journal [--entries 5000000] [--journal sqlite|postgres|all] [--publish]

One event is one webhook of 6 kB that is received, takes its lane and is settled, asked for by 32
tasks of one process; there is no HTTP and no mapping.  Both journals are measured in turn, so that
their ratio counts and not the machine's mood.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import asyncpg
import uvloop
from rich.console import Console

from bridge.journal import open_journal
from bridge.journal.protocol import Arrival, Journal, Opening, Planned
from tests.bench.sheet import Sheet
from tests.postgres import serving

TASKS = 32
_BODY = bytes(range(256)) * 24
#: What the ids of old orders begin at, and those of new ones: they grow, as platforms' do.
_OLD, _NEW = 1_000_000_000, 9_000_000_000
_CHUNK = 50_000

_ENTRY = (
    "INSERT INTO entry (key, store, topic, event_type, resource, received_at, recorded_at, horizon)"
    " VALUES ({}, 'shop', 'orders/paid', 'order_paid', {}, 0, 0, 1)"
)
_LANE = (
    "INSERT INTO lane (lane, token, mark_stamp, mark_tie, mark_entry,"
    " done_stamp, done_tie, done_entry, done_print) VALUES ({}, 1, 0, 0, 1, 0, 0, 1, {})"
)
_DELIVERY = (
    "INSERT INTO delivery (entry, endpoint, lane, target, store, stamp, tie, print, park, state,"
    " token, attempts, until, settled_at)"
    " VALUES ({}, 'vendor.order', {}, 'shop/vendor.order', 'shop', 0, 0, {}, 1, 'delivered',"
    " 1, 1, 1, 1)"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A journal to be measured."""

    name: str
    url: str


async def events(journal: Journal, first: int, seconds: float) -> float:
    """Receive and settle for so many seconds; gives events per second."""
    numbers = iter(range(first, first + 10**9))
    end, done = time.perf_counter() + seconds, 0

    async def task() -> None:
        nonlocal done
        while time.perf_counter() < end:
            number = next(numbers)
            receipt = await journal.receive(_arrival(number), sync=False)
            (standing,) = receipt.standings
            assert standing.flight is not None
            await journal.settle(standing.flight, "delivered", sync=True)
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(task() for _ in range(TASKS)))
    return done / (time.perf_counter() - began)


def _arrival(number: int) -> Arrival:
    planned = Planned(
        endpoint="vendor.order",
        account="shop",
        identity=str(number),
        target="shop/vendor.order",
        stamp=time.time_ns() // 1000,
        tie=0,
        print=number.to_bytes(32, "big"),
    )
    return Arrival(
        store="shop",
        topic="orders/paid",
        key=(str(number),),
        resource=str(number),
        headers=b"{}",
        body=_BODY,
        received_at=datetime.now(UTC),
        event_type="order_paid",
        deliveries=(planned,),
    )


def _rows(first: int, many: int) -> Iterator[tuple[bytes, str, int, bytes, bytes]]:
    """Old entries as the journal would have written them: key, resource, entry, lane, print."""
    for entry in range(first, first + many):
        place = (_OLD + entry).to_bytes(8, "big")
        last = entry.to_bytes(10, "little")
        yield (
            b"\0\1" + place + last,
            str(_OLD + entry),
            entry,
            b"\0\1\1" + place,
            entry.to_bytes(32, "big"),
        )


def fill_sqlite(path: Path, first: int, many: int) -> None:
    """Write old entries into a journal's file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for start in range(first, first + many, _CHUNK):
            rows = list(_rows(start, min(_CHUNK, first + many - start)))
            db.execute("BEGIN IMMEDIATE")
            db.executemany(_ENTRY.format("?", "?"), ((row[0], row[1]) for row in rows))
            db.executemany(_LANE.format("?", "?"), ((row[3], row[4]) for row in rows))
            db.executemany(
                _DELIVERY.format("?", "?", "?"), ((row[2], row[3], row[4]) for row in rows)
            )
            db.execute("COMMIT")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def fill_postgres(url: str, first: int, many: int) -> None:
    """Write old entries into a journal's database."""
    db = await asyncpg.connect(url)
    try:
        for start in range(first, first + many, _CHUNK):
            rows = list(_rows(start, min(_CHUNK, first + many - start)))
            async with db.transaction():
                await db.executemany(_ENTRY.format("$1", "$2"), [(row[0], row[1]) for row in rows])
                await db.executemany(_LANE.format("$1", "$2"), [(row[3], row[4]) for row in rows])
                await db.executemany(
                    _DELIVERY.format("$1", "$2", "$3"), [(row[2], row[3], row[4]) for row in rows]
                )
        await db.execute("VACUUM ANALYZE")
    finally:
        await db.close()


@asynccontextmanager
async def _opened(subject: Subject) -> AsyncIterator[Journal]:
    journal = await open_journal(Opening(subject.url))
    try:
        yield journal
    finally:
        await journal.close()


async def _fill(subject: Subject, many: int) -> None:
    async with _opened(subject) as journal:
        newest = (await journal.receive(_arrival(_NEW - 1), sync=True)).entry
    if subject.name.startswith("sqlite"):
        path = Path(subject.url.removeprefix("sqlite:///"))
        await asyncio.to_thread(fill_sqlite, path, newest + 1, many)
    else:
        await fill_postgres(subject.url, newest + 1, many)


async def compare(
    subjects: Sequence[Subject], *, seconds: float, rounds: int
) -> dict[str, list[float]]:
    """Measure the journals in turn."""
    found: dict[str, list[float]] = {one.name: [] for one in subjects}
    for at in range(rounds):
        for one in subjects:
            async with _opened(one) as journal:
                rate = await events(journal, _NEW + at * 10_000_000, seconds)
            found[one.name].append(rate)
    return found


async def measure(folder: Path, stack: ExitStack, chosen: argparse.Namespace) -> Sheet:
    """Make the journals, fill those that are to be full, and measure."""
    subjects: list[Subject] = []
    if chosen.journal in ("sqlite", "all"):
        subjects += [
            Subject("sqlite, empty", f"sqlite:///{folder}/empty.db"),
            Subject("sqlite, full", f"sqlite:///{folder}/full.db"),
        ]
    if chosen.journal in ("postgres", "all"):
        server = stack.enter_context(serving(durable=True))
        subjects += [
            Subject("postgres, empty", server.url(await server.database())),
            Subject("postgres, full", server.url(await server.database())),
        ]
    for one in subjects:
        if one.name.endswith("full"):
            await _fill(one, chosen.entries)
    found = await compare(subjects, seconds=chosen.seconds, rounds=chosen.rounds)
    rows = []
    for name, rates in found.items():
        empty = median(found[f"{name.partition(',')[0]}, empty"])
        rows.append((name, f"{median(rates):,.0f}", f"{median(rates) / empty:.2f}"))
    notes = [f"A full one holds {chosen.entries:,} entries."]
    return Sheet(("journal", "events/s", "of the empty one"), rows, notes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.journal")
    parser.add_argument("--entries", type=int, default=5_000_000, help="of the full journals")
    parser.add_argument("--journal", choices=["sqlite", "postgres", "all"], default="all")
    parser.add_argument("--seconds", type=float, default=8.0, help="of one turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--publish", action="store_true", help="show the table in the README")
    chosen = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-bench-")))
        made = uvloop.run(measure(folder, stack, chosen))
    Console().print(made.printed())
    if chosen.publish:
        made.publish("journal")


if __name__ == "__main__":
    main()
