"""
Move what is in SQLite's log into the database file, beside the writer and not inside it.

Inside, some unlucky commit would pay for all: the slowest in a hundred would take five times
as long.
"""

from __future__ import annotations

import sqlite3
import threading

import structlog

from bridge.errors import JournalUnavailable
from bridge.journal.sqlite.turns import Turns

log = structlog.get_logger()

_PERIOD = 1.0
_ITEMS = 256  #: transitions that fill about a thousand pages
#: Pages from which the writer must pause, so that the log begins anew instead of growing on.
_TOO_LONG = 16_000


class Checkpoints:
    """A thread that checkpoints about every second, and sooner when much was written."""

    def __init__(self, db: sqlite3.Connection, turns: Turns, *, wait: float) -> None:
        self._db = db
        self._turns = turns
        self._wait = wait
        self._items = 0
        self.complete = False  #: nothing is in the log that is not in the file: it begins anew
        self._due = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="journal checkpoints", daemon=True)
        self._thread.start()

    def wrote(self, items: int) -> None:
        """Count what was written."""
        self._items += items
        self.complete = False
        if self._items >= _ITEMS:
            self._due.set()

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._due.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            self._due.wait(_PERIOD)
            self._due.clear()
            if self._items and not self._stopped:
                self._items = 0
                try:
                    self._checkpoint()
                except (sqlite3.Error, JournalUnavailable) as error:
                    log.warning("journal", problem=f"no checkpoint: {error}")

    def _checkpoint(self) -> None:
        pages = self._move()
        if pages > _TOO_LONG:
            with self._turns.turn(self._wait):
                self._move()

    def _move(self) -> int:
        """Move what nobody reads any more; gives the length of the log in pages."""
        (_, pages, moved) = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self.complete = bool(pages == moved)
        return int(pages)
