"""
Let processes that write one file take turns.

SQLite alone makes the loser sleep, and whoever sleeps least wins for ever.  A lock on a file
beside the journal is handed over by the kernel.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import JournalUnavailable


class Turns:
    """One process's place in the queue.  Used by one thread at a time, whichever that is."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "turn").open("ab")
        self._mutex = threading.Lock()
        self._waiter: threading.Thread | None = None
        self._given = threading.Event()
        self._wanted = False
        self._closed = False

    @contextmanager
    def turn(self, wait: float) -> Iterator[None]:
        """
        Hold the turn.

        Raises:
            JournalUnavailable: It was not given within *wait* seconds.
        """
        if not self._take(wait):
            raise JournalUnavailable(f"another process has been writing the journal for {wait:g} s")
        try:
            yield
        finally:
            self.give()

    def take_now(self) -> bool:
        """Take the turn if it is free; whoever got it has to `give` it."""
        with self._mutex:
            return self._waiter is None and self._lock_now()

    def give(self) -> None:
        """Let others have their turn."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave the queue."""
        with self._mutex:
            self._closed = True
            if self._waiter is None:
                self._file.close()

    def _take(self, wait: float) -> bool:
        with self._mutex:
            if self._waiter is None:
                if self._lock_now():
                    return True
                # The kernel can wait in line but not for a given time, so a thread does.
                self._given.clear()
                self._waiter = threading.Thread(target=self._wait, daemon=True)
                self._waiter.start()
            self._wanted = True
        self._given.wait(wait)
        with self._mutex:
            self._wanted = False
            return self._given.is_set()

    def _lock_now(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        with self._mutex:
            self._waiter = None
            if self._wanted:
                self._given.set()
            else:
                # Nobody waits any more: pass the turn on.
                self.give()
            if self._closed:
                self._file.close()
