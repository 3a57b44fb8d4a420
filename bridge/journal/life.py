"""
Tell living workers from gone ones without comparing two clocks.

A worker shows that it lives by a lock that it holds on a file, and by a counter that it moves.
Who finds the lock free on the same machine knows that the process is dead.  Who sees the
counter stand still judges by its own monotonic clock alone, and only over unbroken looks: a
database that was away must not look like a hundred dead workers.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from bridge.journal.protocol import Patience

#: A beat that stands still must have been seen at least so often ...
_LEAST_LOOKS = 6
#: ... and never with more seconds between two looks.
_LONGEST_GAP = 15.0

_UNKNOWN = "-"


class Seen(NamedTuple):
    """A row of the table of workers."""

    id: int
    host: str
    beat: int
    gone: int


def host_of(folder: Path) -> str:
    """
    Describe where a worker runs: machine, boot, and the folder of its lock file.

    The folder is named by its device and number, since two containers may see one folder under
    two paths, and two folders under one.
    """
    place = folder.stat()
    machine = _line("/etc/machine-id")
    boot = _line("/proc/sys/kernel/random/boot_id")
    return f"{machine} {boot} {place.st_dev}:{place.st_ino}"


def _line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip() or _UNKNOWN
    except (OSError, UnicodeDecodeError):
        return _UNKNOWN


def lock_path(folder: Path, worker: int) -> Path:
    """Name the file that a worker holds its lock on."""
    return folder / f"worker-{worker}"


def hold(folder: Path, worker: int) -> IO[bytes]:
    """Lock a new worker's file; the lock lasts until the file is closed or the process ends."""
    file = lock_path(folder, worker).open("wb")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def is_dead(folder: Path, here: str, other: Seen) -> bool:
    """Whether *other* certainly lives no more: its lock is free, or its machine was restarted."""
    machine, boot, _ = here.split(" ")
    others_machine, others_boot, _ = other.host.split(" ")
    known = _UNKNOWN not in (machine, boot, others_boot)
    if known and machine == others_machine and boot != others_boot:
        return True
    if other.host != here:
        return False
    try:
        with lock_path(folder, other.id).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # Locked: it lives.  Missing: nobody can tell from here, and its beats will.
        return False
    return True


@dataclass(slots=True)
class _Pulse:
    beat: int
    since: float
    looks: int
    last: float


@dataclass(slots=True)
class Watch:
    """What one worker has seen of the others.  All times are its own monotonic clock's."""

    patience: Patience
    _pulses: dict[int, _Pulse] = field(default_factory=dict)
    _ripe_at: dict[int, float] = field(default_factory=dict)

    def look(
        self, workers: Iterable[Seen], now: float, is_dead: Callable[[Seen], bool]
    ) -> tuple[list[tuple[int, int]], list[int]]:
        """
        Look once at the other workers.

        Returns:
            Those to be declared gone, with the beat at which they stopped; and those that are
            gone for so long that nothing they sent can still be acting.
        """
        silent: list[tuple[int, int]] = []
        present = set()
        for worker in workers:
            present.add(worker.id)
            if worker.gone:
                self._ripe_at.setdefault(worker.id, now + self.patience.quiet)
                continue
            self._ripe_at.pop(worker.id, None)
            if is_dead(worker):
                self._ripe_at[worker.id] = now + self.patience.quiet
                silent.append((worker.id, worker.beat))
            elif self._is_silent(worker, now):
                # `Patience.gone_after` holds the quiet time already.
                self._ripe_at[worker.id] = now
                silent.append((worker.id, worker.beat))
        for forgotten in self._ripe_at.keys() - present:
            del self._ripe_at[forgotten]
        for forgotten in self._pulses.keys() - present:
            del self._pulses[forgotten]
        return silent, [id_ for id_, ripe_at in self._ripe_at.items() if ripe_at <= now]

    def _is_silent(self, worker: Seen, now: float) -> bool:
        pulse = self._pulses.get(worker.id)
        if pulse is None or pulse.beat != worker.beat or now - pulse.last > _LONGEST_GAP:
            self._pulses[worker.id] = _Pulse(worker.beat, now, 1, now)
            return False
        pulse.looks += 1
        pulse.last = now
        return now - pulse.since >= self.patience.gone_after and pulse.looks >= _LEAST_LOOKS
