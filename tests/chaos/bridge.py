"""The bridge as processes: started, looked at, asked to stop, killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.ledger import Book, Frozen, Killed

ROOT = Path(__file__).parents[2]
#: Seconds that a node may take to start, and to stop beyond what it is allowed.
_PATIENCE = 60.0
#: Seconds until a process has seen that it was declared gone.
_ENDS_WITHIN = 10.0
_LOOPBACK = "0100007F"


@dataclass
class Node:
    """One `bridge serve`, with one worker or several."""

    number: int
    port: int
    workers: int
    folder: Path
    environment: Mapping[str, str]
    book: Book
    destination_port: int
    module: str = "bridge.cli"
    _process: asyncio.subprocess.Process | None = None
    _logging: asyncio.Task[None] | None = None
    _noted: set[int] = field(default_factory=set)  #: ports that it has sent from

    @property
    def pid(self) -> int:
        assert self._process is not None, "the node was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its main process lives."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """
        Start it, and return when it answers.

        Raises:
            RuntimeError: It ended, or does not answer.
        """
        await self.launch()
        until = time.monotonic() + _PATIENCE
        while not await answers(self.port):
            if not self.running or time.monotonic() > until:
                raise RuntimeError(f"node {self.number} did not start; see {self._log}")
            await asyncio.sleep(0.1)

    async def launch(self) -> None:
        """Start its processes; whether they serve is another matter."""
        arguments = ["serve", "--port", str(self.port), "--workers", str(self.workers)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.module,
            *arguments,
            env=dict(self.environment),
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._logging = asyncio.create_task(self._keep_log(self._process))

    def pids(self) -> list[int]:
        """Give the processes that serve: the workers, or the only one that there is."""
        if self.workers == 1:
            return [self.pid] if self.running else []
        return [pid for pid in _children(self.pid) if "spawn_main" in _command(pid)]

    @contextlib.asynccontextmanager
    async def noting_ports(self) -> AsyncIterator[None]:
        """
        Note from which ports it sends meanwhile.

        When it is killed, connections that were idle for some seconds are closed already.
        """

        async def note() -> None:
            while True:
                for pid in self.pids():
                    self._note(pid)
                await asyncio.sleep(0.05)

        noting = asyncio.create_task(note())
        try:
            yield
        finally:
            noting.cancel()

    def kill_worker(self) -> None:
        """End one serving process as `kill -9` does."""
        if pids := self.pids():
            self._kill(pids[-1:])

    async def kill(self) -> None:
        """End all of its processes as `kill -9` does."""
        # The parent first, so that it starts no new workers.
        self._kill([self.pid, *(pid for pid in self.pids() if pid != self.pid)])
        await self._gone()

    async def freeze(self, seconds: float) -> None:
        """Let its only process stand still, then go on; it starts again if that ends it."""
        assert self.workers == 1, "a supervisor would kill a worker that stands still"
        since, pid = _now(), self.pid
        os.kill(pid, signal.SIGSTOP)
        ports = ports_to(self.destination_port, pid)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.book.frozen.append(Frozen(self.number, since, _now(), frozenset(ports)))
        # Who finds that others have taken over ends, and is started again as a supervisor would.
        assert self._process is not None, "it is running"
        within = float(self.environment["BRIDGE_STOP_AFTER"]) + _ENDS_WITHIN
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), within)
            await self._gone()
            await self.start()

    async def stop(self, within: float = _PATIENCE) -> int:
        """Ask it to end, and give its exit code; the ports it sent from are kept until then."""
        asked = _now()
        if self._process is None or not self.running:
            return await self._gone()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        async with self.noting_ports():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), within)
        await self.end()
        code = await self._gone()
        lasts = float(self.environment["BRIDGE_STOP_AFTER"]) - float(
            self.environment["BRIDGE_QUIET"]
        )
        ports = self._take_noted()
        self.book.killed.append(Killed(asked, _now(), ports, asked + lasts))
        return code

    async def end(self) -> None:
        """End whatever is left of it, without a word in the ledger."""
        if self._process is None:
            return
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._gone()

    @property
    def _log(self) -> Path:
        return self.folder / f"node-{self.number}.log"

    def _kill(self, pids: Iterable[int]) -> None:
        pids = list(pids)
        for pid in pids:
            # Stopped first, so that what is written down of it is still true when it dies.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            self._note(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        now = _now()
        self.book.killed.append(Killed(now, now, self._take_noted()))

    def _note(self, pid: int) -> None:
        self._noted |= ports_to(self.destination_port, pid)

    def _take_noted(self) -> frozenset[int]:
        """Give the ports of a process that is gone; the next one has its own."""
        noted, self._noted = frozenset(self._noted), set()
        return noted

    async def _gone(self) -> int:
        assert self._process is not None, "the node was never started"
        code = await self._process.wait()
        if self._logging is not None:
            await self._logging
            self._logging = None
        return code

    async def _keep_log(self, process: asyncio.subprocess.Process) -> None:
        # Through a pipe: where a disk is made to fail, the log must not fail with it.
        assert process.stdout is not None, "it is a pipe"
        with self._log.open("ab") as file:
            while chunk := await process.stdout.read(65_536):
                file.write(chunk)


async def command(environment: Mapping[str, str], folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command of the bridge; gives its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge.cli",
        *arguments,
        env=dict(environment),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, printed.decode(errors="replace")


async def answers(port: int) -> bool:
    """Whether a node says of itself that it is well."""
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /health HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in line


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ports_to(destination: int, pid: int) -> set[int]:
    """
    Give the ports from which a process has connections to *destination* on loopback.

    Source: https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
    """
    sockets = set()
    try:
        for one in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                sockets.add(str(one.readlink()))
        table = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return set()
    wanted = f"{_LOOPBACK}:{destination:04X}"
    rows = (line.split() for line in table)
    return {
        int(row[1].partition(":")[2], 16)
        for row in rows
        if row[2] == wanted and f"socket:[{row[9]}]" in sockets
    }


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(one) for one in text.split()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _now() -> float:
    return time.monotonic()
