"""
The journals that the harness knows, and what can be done to them.

A journal is a value: where it is, and the faults that it can be given.  A scenario names the
fault that it needs, and is left out where a journal cannot have it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.postgres import Server, Wire, serving, wired

#: Holds the journal's file for some seconds, as a careless program of the operator's would.
_LOCKER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
db.execute("ROLLBACK")
"""
#: The size of a disk that a burst of webhooks fills.
_SMALL_DISK = 64 * 2**20
#: Where no disk may be mounted: no file may have more bytes than this.
_LEAST_FILE = 4096
#: Let go of the file system when the last file in it is closed.
#: Source: https://man7.org/linux/man-pages/man2/umount.2.html
_MNT_DETACH = 2


Seconds = float
Fault = Callable[[Seconds], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Journal:
    """One journal of one scenario."""

    name: str
    url: str
    faults: Mapping[str, Fault]  #: each lasts as long as it is told, then all is well again

    async def suffer(self, fault: str, seconds: float) -> None:
        """Give the journal a fault, and return when it is over."""
        await self.faults[fault](seconds)


class Hosts:
    """The database servers of one run: one for all scenarios, and own ones for rough treatment."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._shared: Server | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Hosts:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._stack.close)

    async def server(self, *, own: bool) -> Server:
        """Give a server, and start it if there is none yet or an *own* one is wanted."""
        async with self._starting:
            if own or self._shared is None:
                # As durable as in earnest, or a restart would prove nothing.
                started = await asyncio.to_thread(self._stack.enter_context, serving(durable=True))
                if own:
                    return started
                self._shared = started
            return self._shared


@dataclass(frozen=True, slots=True)
class Site:
    """Where a journal is wanted, and for what."""

    folder: Path
    pids: Callable[[], Iterable[int]]  #: the serving processes
    hosts: Hosts
    needs: frozenset[str] = frozenset()  #: faults that it will be given


#: Makes a journal, and takes it down afterwards.
Maker = Callable[[Site], contextlib.AbstractAsyncContextManager[Journal]]


@contextlib.asynccontextmanager
async def sqlite(site: Site) -> AsyncIterator[Journal]:
    """A file, on a disk of its own where it will be filled and we may mount one."""
    place = site.folder / "disk"
    place.mkdir()
    path = place / "journal.db"
    disk = _disk(place) if "full" in site.needs else contextlib.nullcontext(enter_result=False)
    with disk as mounted:
        faults: dict[str, Fault] = {
            "locked": lambda seconds: _lock(path, seconds),
            "read-only": lambda seconds: _spoil(site.folder / "readonly", seconds),
            "full": lambda seconds: (
                _fill(place / "ballast", seconds) if mounted else _limit(site.pids, seconds)
            ),
        }
        yield Journal("sqlite", f"sqlite:///{path}", faults)


@contextlib.asynccontextmanager
async def postgres(site: Site) -> AsyncIterator[Journal]:
    """A database of its own; behind a wire where it will be cut off."""
    server = await site.hosts.server(own="restarted" in site.needs)
    database = await server.database()
    async with contextlib.AsyncExitStack() as stack:
        port = server.port
        faults: dict[str, Fault] = {
            "locked": lambda seconds: _lock_tables(server, database, seconds),
            "restarted": lambda seconds: _restart(server, seconds),
        }
        if "cut off" in site.needs:
            wire = await stack.enter_async_context(wired(server.port))
            port, faults["cut off"] = wire.own, lambda seconds: _cut(wire, seconds)
        yield Journal("postgres", server.url(database, port=port), faults)


JOURNALS: Mapping[str, Maker] = {"sqlite": sqlite, "postgres": postgres}
#: What each can be made to suffer.
FAULTS: Mapping[str, frozenset[str]] = {
    "sqlite": frozenset({"locked", "read-only", "full"}),
    "postgres": frozenset({"locked", "restarted", "cut off"}),
}


async def _lock_tables(server: Server, database: str, seconds: float) -> None:
    async with server.connection(database) as db, db.transaction():
        await db.execute("LOCK TABLE entry, delivery, lane IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(seconds)


async def _restart(server: Server, seconds: float) -> None:
    """Once in good order and once as by a crash."""
    await asyncio.to_thread(server.restart, "fast")
    await asyncio.sleep(seconds)
    await asyncio.to_thread(server.restart, "immediate")


async def _cut(wire: Wire, seconds: float) -> None:
    """First nothing comes through, as behind a dead router; then everything is refused."""
    try:
        wire.dead = True
        await asyncio.sleep(seconds / 2)
        wire.sever()
        await asyncio.sleep(seconds / 2)
    finally:
        wire.mend()


@contextlib.contextmanager
def _disk(place: Path) -> Iterator[bool]:
    """Mount a small file system in memory; gives whether that was allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={_SMALL_DISK}".encode()
    mounted = sys.platform == "linux" and 0 == libc.mount(
        b"chaos", str(place).encode(), b"tmpfs", 0, options
    )
    try:
        yield mounted
    finally:
        if mounted:
            libc.umount2(str(place).encode(), _MNT_DETACH)


async def _fill(ballast: Path, seconds: float) -> None:
    """Fill the disk to the last byte."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(65_536)):
            pass
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while file.write(b"\0"):
            pass
    try:
        await asyncio.sleep(seconds)
    finally:
        await asyncio.to_thread(ballast.unlink, missing_ok=True)


async def _limit(pids: Callable[[], Iterable[int]], seconds: float) -> None:
    """Let no file of the serving processes grow: what a user may do to his own processes."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids()}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_LEAST_FILE, hard))
    try:
        await asyncio.sleep(seconds)
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


async def _lock(path: Path, seconds: float) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _LOCKER, str(path), str(seconds), stdout=asyncio.subprocess.PIPE
    )
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


async def _spoil(flag: Path, seconds: float) -> None:
    await asyncio.to_thread(flag.touch)
    try:
        await asyncio.sleep(seconds)
    finally:
        await asyncio.to_thread(flag.unlink)
