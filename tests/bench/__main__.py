"""
The bridge side by side with others, in one run on one machine.

    python -m tests.bench [--quick] [--json FILE] [--publish] [--only NAME] [--connections 32]

Each receives signed orders of 6 kB, verifies them, maps them, forwards each to a destination on
this machine and answers with its result; the relay only passes them on.  Everybody has a turn in
every round, so that whatever else the machine does meets all alike, and the median counts.  Only
ratios say something of another machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median
from subprocess import Popen

import uvloop
from rich.console import Console

from tests.bench.contenders import CONTENDERS, PATH, RELAY, Contender, Missing, Place
from tests.bench.processes import DidNotStart, accepting, cpu_seconds, free_port, running
from tests.bench.sheet import Sheet
from tests.bench.storefront import Order, Refused, post_all, sample
from tests.postgres import serving

CONNECTIONS = 32
_READY_WITHIN = 15.0


@dataclass(frozen=True, slots=True)
class Turn:
    """What one contender did in one round."""

    requests: int
    seconds: float
    times: tuple[float, ...]
    cpu: float  #: seconds of processor time


@dataclass(frozen=True, slots=True)
class Result:
    """What one contender did in all rounds; the median of each figure."""

    name: str
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_request: float
    ratio_to_relay: float


@dataclass(frozen=True, slots=True)
class Running:
    """A contender that has started."""

    contender: Contender
    port: int
    process: Popen[bytes]


def turn(one: Running, order: Order, numbers: count[int], seconds: float, many: int) -> Turn:
    """Post to one contender for so many seconds."""
    requests = order.requests(PATH, first=next(numbers) * 10_000_000)
    before = cpu_seconds(one.process)
    answers = uvloop.run(post_all(one.port, requests, connections=many, seconds=seconds))
    used = cpu_seconds(one.process) - before
    return Turn(len(answers.times), answers.seconds, tuple(sorted(answers.times)), used)


def results(turns: dict[str, list[Turn]]) -> list[Result]:
    """Reduce the rounds to one result for each contender, in the order they came."""

    def rate(name: str) -> float:
        return median(one.requests / one.seconds for one in turns[name])

    relay = rate(RELAY) if RELAY in turns else float("nan")
    return [
        Result(
            name,
            round(rate(name), 1),
            round(median(_part(one, 0.5) for one in rounds) * 1000, 2),
            round(median(_part(one, 0.99) for one in rounds) * 1000, 2),
            round(median(one.cpu / one.requests for one in rounds) * 1_000_000, 1),
            round(rate(name) / relay, 3),
        )
        for name, rounds in turns.items()
    ]


def _part(one: Turn, part: float) -> float:
    return one.times[min(len(one.times) - 1, int(len(one.times) * part))]


def sheet(found: Sequence[Result], left_out: Sequence[tuple[str, str]]) -> Sheet:
    """Lay the results out; who was left out stands below with the reason."""
    heads = ("contender", "", "requests/s", "of relay", "p50 ms", "p99 ms", "CPU µs/request")
    about = {one.name: one.about for one in CONTENDERS}
    rows = [
        (
            one.name,
            about[one.name],
            f"{one.requests_per_second:,.0f}",
            f"{one.ratio_to_relay:.2f}",
            f"{one.p50_ms:.1f}",
            f"{one.p99_ms:.1f}",
            f"{one.cpu_us_per_request:,.0f}",
        )
        for one in sorted(found, key=lambda one: -one.requests_per_second)
    ]
    notes = [f"Left out: {who}: {why}." for who, why in left_out]
    return Sheet(heads, rows, notes, words=frozenset({""}))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; the exit code is 0 when the bridge took part."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--quick", action="store_true", help="within two minutes")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    parser.add_argument("--publish", action="store_true", help="show the table in the README")
    parser.add_argument("--only", action="append", help="a contender; may be repeated")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--rounds", type=int, help="turns of each")
    parser.add_argument("--seconds", type=float, help="of one turn")
    chosen = parser.parse_args(arguments)
    rounds = chosen.rounds or (2 if chosen.quick else 5)
    seconds = chosen.seconds or (2.0 if chosen.quick else 6.0)
    wanted = [one for one in CONTENDERS if not chosen.only or one.name in chosen.only]
    turns: dict[str, list[Turn]] = {}
    left_out: list[tuple[str, str]] = []
    with ExitStack() as stack:
        house = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-bench-")))
        ready = start_all(wanted, house, stack, left_out)
        order, numbers = sample(), count(1)
        for one in ready:
            turn(one, order, numbers, seconds / 4, chosen.connections)
        for _ in range(rounds):
            for one in ready:
                done = turn(one, order, numbers, seconds, chosen.connections)
                turns.setdefault(one.contender.name, []).append(done)
    found = results(turns)
    made = sheet(found, left_out)
    Console(width=140).print(made.printed())
    if chosen.publish:
        made.publish("contenders")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")
    return 0 if any(one.name.startswith("bridge") for one in found) else 1


def start_all(
    wanted: Sequence[Contender], house: Path, stack: ExitStack, left_out: list[tuple[str, str]]
) -> list[Running]:
    """Start the destination and every contender that this machine can run."""
    port = stack.enter_context(accepting(house))
    shop = sample().shop.decode()
    databases = ""
    if any("postgres" in one.name for one in wanted):
        server = stack.enter_context(serving(durable=True))
        databases = server.url(uvloop.run(server.database()))
    ready = []
    for one in wanted:
        place = Place(
            free_port(), f"http://127.0.0.1:{port}", _folder(house, one.name), shop, databases
        )
        try:
            start = one.start(place)
            process = stack.enter_context(running(start, place.port, place.folder))
            await_first_answer(place.port)
        except (Missing, DidNotStart, Refused) as error:
            left_out.append((one.name, str(error)))
        else:
            ready.append(Running(one, place.port, process))
    return ready


def await_first_answer(port: int) -> None:
    """
    Post one order, again and again until it is answered: some listen before they can.

    Raises:
        Refused: It is still refused after a while.
    """
    end = time.monotonic() + _READY_WITHIN
    while True:
        try:
            uvloop.run(post_all(port, sample().requests(PATH), connections=1, seconds=0.001))
        except Refused:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def _folder(house: Path, name: str) -> Path:
    folder = house / name
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
