"""One scenario's world: nodes, destination, journal and stores, and how it is run to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bridge.journal import open_journal
from bridge.journal.protocol import Filter, Opening
from tests.chaos.bridge import ROOT, Node, command, free_port
from tests.chaos.destination import Destination
from tests.chaos.events import SECRET, Shop, bustle
from tests.chaos.journals import JOURNALS, Hosts, Journal, Site
from tests.chaos.judge import Judgement, judge
from tests.chaos.ledger import Away, Book, Check, Event, Ledger, Terms
from tests.chaos.store import Manners, Storefront

_NUMBER = re.compile(r"^\s*([0-9]+)\s")
#: Seconds between two looks at what the journal still holds open.
_LOOK = 0.5
#: Of the entries that are not finished in time, so many are written down.
_MOST_SHOWN = 20
#: Seconds between two looks at how late the harness itself is.
_TICK = 0.05


@dataclass(frozen=True, slots=True)
class Size:
    """How much, and how long.  Seconds."""

    name: str
    orders: int  #: of an ordinary load
    seconds: float  #: in which their first webhooks go out
    request_timeout: float
    quiet: float
    fault: float  #: how long an ordinary fault lasts
    cut_off: float  #: how long the journal's server is out of reach
    slow: Sequence[float]  #: how slow a destination gets
    burst: tuple[int, float]  #: orders, seconds
    backlog: int  #: events parked for a dead destination
    patience: float  #: until everything parked is finished

    @property
    def gone_after(self) -> float:
        """The least that the bridge allows with these times."""
        return 15.0 + self.request_timeout + self.quiet + 5.0


QUICK = Size("quick", 36, 5.0, 3.0, 1.0, 3.0, 10.0, (1, 2, 6), (500, 10.0), 120, 100.0)
FULL = Size(
    "full", 600, 60.0, 30.0, 10.0, 30.0, 60.0, (1, 5, 20, 45, 60), (10_000, 60.0), 1000, 900.0
)


@dataclass(frozen=True, slots=True)
class Setup:
    """What a scenario begins with."""

    nodes: int = 2
    workers: int = 1  #: of each node
    shops: Sequence[Shop] = (Shop("alpha", "north", 61), Shop("beta", "south", 62))
    at_once: int = 4  #: requests of the bridge to one account
    spoiled: bool = False  #: clock and disk of the nodes can be spoiled
    flights_end_after: float = 15.0  #: of a stop, which lasts `Size.quiet` longer


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way in which the world goes wrong."""

    name: str
    about: str  #: one sentence
    run: Callable[[World], Awaitable[None]]
    setup: Setup = Setup()
    needs: frozenset[str] = frozenset()  #: faults that the journal must be able to have
    alone: bool = False  #: it measures times, so nothing else may run


@dataclass
class World:
    """What a scenario may use."""

    size: Size
    setup: Setup
    terms: Terms
    folder: Path
    journal: Journal
    destination: Destination
    nodes: Sequence[Node]
    environment: Mapping[str, str]
    book: Book
    stores: Storefront
    chance: random.Random

    @property
    def shops(self) -> Sequence[Shop]:
        return self.setup.shops

    def bustle(self, shop: Shop, orders: int | None = None, *, first: int = 1) -> list[list[Event]]:
        """Make stories of a shop; by default its share of an ordinary load."""
        share = self.size.orders // len(self.shops)
        return bustle(shop, share if orders is None else orders, self.chance, first=first)

    def day(self) -> list[list[Event]]:
        """Make the stories of an ordinary load, of all shops."""
        told = [story for shop in self.shops for story in self.bustle(shop)]
        self.chance.shuffle(told)
        return told

    def manners(self, **changes: Any) -> Manners:
        """Say how the stores of an ordinary load send."""
        return replace(Manners(self.size.seconds), **changes)

    async def load(
        self, stories: Sequence[Sequence[Event]] | None = None, **changes: float
    ) -> None:
        """Send stories, by default an ordinary load, until each is answered or given up."""
        await self.stores.send(self.day() if stories is None else stories, self.manners(**changes))

    async def while_loaded(self, harm: Callable[[], Awaitable[None]], **changes: float) -> None:
        """Do harm while an ordinary load is under way."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_whole(self.load(None, **changes)))
            group.create_task(_whole(harm()))

    async def breathe(self, share: float = 0.25) -> None:
        """Let some of the load go by."""
        await asyncio.sleep(self.size.seconds * share)

    async def suffer(self, fault: str, seconds: float | None = None) -> None:
        """Give the journal a fault that the scenario needs, and write down when it was away."""
        began = _now()
        await self.journal.suffer(fault, self.size.fault if seconds is None else seconds)
        self.book.away.append(Away(began, _now(), fault))

    def check(self, wanted: str, held: bool, found: str) -> None:
        """Write down what this scenario wants beyond the promises."""
        self.book.checks.append(Check(wanted, held, found))

    async def entries(self, state: str, *options: str) -> frozenset[int]:
        """Ask the bridge's command line which entries are in a state."""
        found: set[int] = set()
        page: tuple[str, ...] = ()
        while True:
            arguments = ("journal", "list", "--state", state, "--limit", "1000", *options, *page)
            code, printed = await command(self.environment, self.folder, *arguments)
            if code:
                raise RuntimeError(f"bridge {' '.join(arguments)}: {printed.strip()[-400:]}")
            numbers = [int(one[1]) for line in printed.splitlines() if (one := _NUMBER.match(line))]
            found.update(numbers)
            if len(numbers) < 1000:
                return frozenset(found)
            page = ("--before", str(min(numbers)))

    async def finish(self) -> Ledger:
        """Wait until nothing is open any more, and close the book."""
        until = _now() + self.size.patience
        opening = Opening(self.environment["BRIDGE_JOURNAL"], register=False)
        journal = await open_journal(opening)
        try:
            # Looked at without a process of the bridge for each look; the last word is its own.
            unfinished = Filter(state="open", limit=1)
            while await journal.entries(unfinished):
                if _now() > until:
                    break
                await asyncio.sleep(_LOOK)
        finally:
            await journal.close()
        dead, left = await asyncio.gather(self.entries("dead"), self.entries("open"))
        # What is stuck is told before its journal is gone.
        for entry in sorted(left)[:_MOST_SHOWN]:
            _, shown = await command(self.environment, self.folder, "journal", "show", str(entry))
            with (self.folder / "unfinished").open("a") as file:
                file.write(shown)
        return self.book.close(dead, left)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a scenario with a journal."""

    scenario: str
    journal: str
    seconds: float
    judgement: Judgement | None = None
    trouble: str = ""  #: why there is no judgement
    folder: str = ""  #: logs and journal, kept when something did not hold
    notes: Sequence[str] = field(default=())

    @property
    def held(self) -> bool:
        """Whether every promise was kept."""
        return self.judgement is not None and self.judgement.held


async def play(
    scenario: Scenario, journal: str, size: Size, seed: int, hosts: Hosts, keep: Path
) -> Report:
    """
    Run a scenario from an empty journal to its judgement.

    Args:
        hosts: Where the journal's server runs, if it has one.
        keep: Folder in which logs and journal stay when a promise was broken.
    """
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"{scenario.name}-{journal}-", dir=keep))
    judgement, trouble = None, ""
    try:
        async with _world(scenario, journal, size, seed, hosts, folder) as world:
            async with asyncio.timeout(3 * size.patience + 4 * size.seconds):
                await scenario.run(world)
                judgement = judge(await world.finish(), world.terms)
    except Exception as error:  # noqa: BLE001 - one scenario must not end the others
        trouble = _spell(error)
    return Report(scenario.name, journal, time.monotonic() - began, judgement, trouble, str(folder))


@contextlib.asynccontextmanager
async def _world(
    scenario: Scenario, kind: str, size: Size, seed: int, hosts: Hosts, folder: Path
) -> AsyncIterator[World]:
    setup, book, nodes = scenario.setup, Book(), list[Node]()
    # A scenario's own numbers, so that it does the same alone and among others.
    chance = random.Random(f"{seed} {scenario.name}")

    def pids() -> list[int]:
        return [pid for node in nodes if node.running for pid in node.pids()]

    async with contextlib.AsyncExitStack() as stack:
        site = Site(folder, pids, hosts, scenario.needs)
        journal = await stack.enter_async_context(JOURNALS[kind](site))
        destination = await stack.enter_async_context(Destination(book))
        _write_mappings(folder, setup, destination)
        environment = environment_of(folder, journal.url, size, setup)
        module = "tests.chaos.launcher" if setup.spoiled else "bridge.cli"
        for number in range(setup.nodes):
            node = Node(
                number,
                free_port(),
                setup.workers,
                folder,
                {**environment, "TMPDIR": str(_machine(folder, number))},
                book,
                destination.port,
                module,
            )
            nodes.append(node)
            stack.push_async_callback(node.end)
        watching = asyncio.create_task(_watch_ourselves(book))
        stack.callback(watching.cancel)
        terms = Terms(request_timeout=size.request_timeout)
        stores = Storefront(book, [node.port for node in nodes], terms, chance)
        await asyncio.gather(*(node.start() for node in nodes))
        yield World(
            size,
            setup,
            terms,
            folder,
            journal,
            destination,
            nodes,
            environment,
            book,
            stores,
            chance,
        )


def _machine(folder: Path, number: int) -> Path:
    """
    Make a node's folder for temporary files.

    Where the database is shared by machines, locks in it are how a neighbour's death is seen at
    once.  No node sees another's, as if each had a machine of its own.
    """
    made = folder / f"machine-{number}"
    made.mkdir()
    return made


def _write_mappings(folder: Path, setup: Setup, destination: Destination) -> None:
    mappings = folder / "mappings"
    mappings.mkdir()
    for name in ("sources", "destinations"):
        (mappings / name).symlink_to(ROOT / "mappings" / name)
    tables = []
    for shop in setup.shops:
        tables.append(
            f'[stores.{shop.name}]\nsource = "shopify"\ntenant = "{shop.tenant}"\n'
            f'secrets = ["CHAOS_SECRET"]\n'
        )
        tables += [
            f'[stores.{shop.name}.endpoints."{endpoint}"]\n'
            f'base_url = "{destination.base_url(shop.account)}"\n'
            f'account = "{shop.account}"\nat_once = {setup.at_once}\n'
            f'credentials = {{ user = "CHAOS_USER", password = "CHAOS_PASSWORD" }}\n'
            for endpoint in ("bonifiq.order", "bonifiq.customer")
        ]
    (mappings / "connections.toml").write_text("\n".join(tables))


def environment_of(folder: Path, url: str, size: Size, setup: Setup) -> Mapping[str, str]:
    """Give the environment of the nodes of a scenario; *url* is their journal's."""
    inherited = {name: value for name, value in os.environ.items() if "BRIDGE_" not in name}
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "BRIDGE_MAPPINGS": str(folder / "mappings"),
        "BRIDGE_JOURNAL": url,
        "BRIDGE_REQUEST_TIMEOUT": str(size.request_timeout),
        "BRIDGE_QUIET": str(size.quiet),
        "BRIDGE_GONE_AFTER": str(size.gone_after),
        "BRIDGE_STOP_AFTER": str(size.quiet + setup.flights_end_after),
        "CHAOS_FOLDER": str(folder),
        "CHAOS_SECRET": SECRET,
        "CHAOS_USER": "chaos",
        "CHAOS_PASSWORD": "chaos-password",
    }


def _spell(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_spell(one) for one in error.exceptions)
    if isinstance(error, TimeoutError):
        return "it did not come to an end in time"
    return f"{type(error).__name__}: {error}"


async def _watch_ourselves(book: Book) -> None:
    """Write down how late this process gets to what it should do."""
    while True:
        due = _now() + _TICK
        await asyncio.sleep(_TICK)
        book.lag = max(book.lag, _now() - due)


async def _whole(work: Awaitable[None]) -> None:
    await work


def _now() -> float:
    return time.monotonic()
