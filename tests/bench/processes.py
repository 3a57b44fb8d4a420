"""Start what is measured as processes of their own, and read what they cost."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.contenders import ROOT, Start

_PATIENCE = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class DidNotStart(Exception):
    """A process ended, or did not listen in time; with what it said last."""


def free_port() -> int:
    """Give a port of loopback on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def running(start: Start, port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """
    Run a process until the end of the block; it listens on *port* when the block begins.

    Raises:
        DidNotStart: It does not listen.
    """
    said = folder / "said.txt"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **start.environment}
    with said.open("wb") as out:
        process = subprocess.Popen(
            start.command, cwd=folder, env=environment, stdout=out, stderr=out
        )
    try:
        _await(process, port, said)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], port: int, said: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise DidNotStart(said.read_text(errors="replace")[-2000:] or "it does not listen")


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """How much processor time a process and its children have used."""
    return sum(_ticks(pid) for pid in _family(process.pid)) / _TICKS


def memory_mib(process: subprocess.Popen[bytes]) -> float:
    """How much memory a process and its children hold, shared pages counted for each."""
    pages = 0
    for pid in _family(process.pid):
        pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * _PAGE / 2**20


def _family(pid: int) -> Iterator[int]:
    yield pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    for child in children.read_text().split():
        yield from _family(int(child))


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def machine() -> str:
    """Say in one line what is measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {model}, {platform.system()}, Python {sys.version.split()[0]}"
