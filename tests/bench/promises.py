"""
What being safe costs, beside throughput: latency, parking, memory, start, a second worker.

    python -m tests.bench.promises [--quick] [--json FILE] [--publish] [--only NAME]

Each figure stands beside what is wanted of it.  Nothing fails here: a shared machine may be slow.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median

import uvloop
from rich.console import Console

from tests.bench.contenders import PATH, Place, Start, bridge, least, relay
from tests.bench.processes import (
    accepting,
    cpu_seconds,
    free_port,
    memory_mib,
    running,
)
from tests.bench.sheet import Sheet
from tests.bench.storefront import Answers, post_all, post_at, sample

ORDER = sample()
_numbers = count()


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, and what is wanted of it."""

    name: str
    measured: float
    unit: str
    wanted: str
    about: str


@dataclass(frozen=True, slots=True)
class Up:
    """A bridge, or a relay, that listens."""

    port: int
    memory: Callable[[], float]
    cpu: Callable[[], float]


def _bridge(house: Path, destination: int, *, workers: int = 1) -> AbstractContextManager[Up]:
    return _started(bridge(workers=workers), house, destination)


@contextmanager
def _started(start: Callable[[Place], Start], house: Path, destination: int) -> Iterator[Up]:
    with tempfile.TemporaryDirectory(dir=house) as made:
        folder = Path(made)
        shop = ORDER.shop.decode()
        place = Place(free_port(), f"http://127.0.0.1:{destination}", folder, shop)
        with running(start(place), place.port, folder) as process:
            yield Up(place.port, lambda: memory_mib(process), lambda: cpu_seconds(process))


def _requests() -> Iterator[bytes]:
    return ORDER.requests(PATH, first=next(_numbers) * 10_000_000)


def _flood(port: int, seconds: float) -> Answers:
    return uvloop.run(post_all(port, _requests(), connections=32, seconds=seconds))


def _at(times: Sequence[float], part: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000


def start_to_first_answer(house: Path, scale: float) -> list[Figure]:
    """From the command to the first order that has been delivered."""
    taken = []
    with accepting(house) as destination:
        for _ in range(max(1, round(5 * scale))):
            began = time.perf_counter()
            with _bridge(house, destination) as up:
                uvloop.run(post_at(up.port, _requests(), per_second=1, seconds=1, connections=1))
                taken.append(time.perf_counter() - began)
    return [Figure("start to first answer", median(taken), "s", "< 1.5", "all mappings checked")]


def added_latency(house: Path, scale: float) -> list[Figure]:
    """What the bridge adds at 100 events a second to a destination that takes 5 ms."""
    seconds = 30 * scale

    def paced(port: int) -> Answers:
        return uvloop.run(
            post_at(port, _requests(), per_second=100, seconds=seconds, connections=32)
        )

    with (
        accepting(house, milliseconds=5) as destination,
        _bridge(house, destination) as up,
        _started(relay(), house, destination) as bare,
        _started(least, house, destination) as by_hand,
    ):
        for one in (up, bare, by_hand):
            _flood(one.port, 1)
        ports = (up.port, bare.port, by_hand.port, destination)
        bridged, relayed, handmade, alone = (paced(port) for port in ports)

    def added(answers: Answers, part: float) -> float:
        return _at(answers.times, part) - _at(alone.times, part)

    return [
        Figure(
            f"added latency, {name}",
            added(bridged, part),
            "ms",
            wanted,
            "100 events/s, destination 5 ms; "
            f"the bare relay adds {added(relayed, part):.2f} ms, "
            f"the least that is safe {added(handmade, part):.2f} ms",
        )
        for name, part, wanted in (("median", 0.5, "< 1"), ("p99", 0.99, "< 5"))
    ]


def parked(house: Path, scale: float) -> list[Figure]:
    """Events that are durable each second while the destination is down."""
    with _bridge(house, free_port()) as up:
        _flood(up.port, 1)
        answers = _flood(up.port, 10 * scale)
    rate = len(answers.times) / answers.seconds
    return [Figure("parked", rate, "events/s", ">= 1500", "destination down, each on disk")]


def memory(house: Path, scale: float) -> list[Figure]:
    """What a worker holds after many events, and whether that grows."""
    many = int(1_000_000 * scale)
    held: list[float] = []
    with accepting(house) as destination, _bridge(house, destination) as up:
        _flood(up.port, 2)
        done, began = 0, time.monotonic()
        while done < many and time.monotonic() - began < 3600 * scale:
            done += len(_flood(up.port, 5).times)
            held.append(up.memory())
    half = held[len(held) // 2]
    return [
        Figure("memory", held[-1], "MiB", "< 120", f"one worker after {done:,} events"),
        Figure("memory growth", held[-1] - half, "MiB", "0", "in the second half of them"),
    ]


def second_worker(house: Path, scale: float) -> list[Figure]:
    """How much faster two workers are than one."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(max(1, round(3 * scale))):
        for workers, seen in rates.items():
            with (
                accepting(house) as destination,
                _bridge(house, destination, workers=workers) as up,
            ):
                _flood(up.port, 1)
                answers = _flood(up.port, 10 * scale)
                seen.append(len(answers.times) / answers.seconds)
    ratio = median(rates[2]) / median(rates[1])
    return [Figure("two workers", ratio, "of one", ">= 1.7", "where cores allow")]


PROMISES: Mapping[str, Callable[[Path, float], list[Figure]]] = {
    "start": start_to_first_answer,
    "latency": added_latency,
    "parked": parked,
    "workers": second_worker,
    "memory": memory,
}


def sheet(found: Sequence[Figure]) -> Sheet:
    """Lay the figures out beside what is wanted."""
    rows = [(one.name, f"{one.measured:,.2f} {one.unit}", one.wanted, one.about) for one in found]
    return Sheet(("promise", "measured", "wanted", "how"), rows, words=frozenset({"how"}))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.promises")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time")
    parser.add_argument("--scale", type=float, help="part of the full time")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    parser.add_argument("--publish", action="store_true", help="show the table in the README")
    parser.add_argument("--only", action="append", choices=list(PROMISES))
    chosen = parser.parse_args(arguments)
    scale = chosen.scale or (0.1 if chosen.quick else 1.0)
    with tempfile.TemporaryDirectory(prefix="bridge-bench-") as house:
        found = [
            figure
            for name in chosen.only or PROMISES
            for figure in PROMISES[name](Path(house), scale)
        ]
    made = sheet(found)
    Console(width=100).print(made.printed())
    if chosen.publish:
        made.publish("promises")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
