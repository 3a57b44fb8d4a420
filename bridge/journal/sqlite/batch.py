"""
Run what several tasks ask for in one transaction.

All of them or none: one that fails takes the others with it, unless each runs apart.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bridge.errors import JournalUnavailable
from bridge.journal.sqlite.statements import run
from bridge.journal.transaction import Transaction, Work


@dataclass(slots=True)
class Item:
    """What one task asks for, and what has come of it."""

    work: Work[Any]
    sync: bool  #: it must be on disk
    brief: bool  #: it asks for a few rows by their keys
    future: asyncio.Future[Any]
    unclaimed: Callable[[Any], None]  #: called with a result that nobody has heard of
    since: float  #: when it was asked for
    result: Any = None
    error: BaseException | None = None
    unsynced: bool = False  #: its error is that it was committed and may not be on disk


class ItemError(Exception):
    """An item of the batch has failed: nothing of the batch may be committed."""


class Batches:
    """
    One transaction after the other.  Used by one thread at a time, whichever that is.

    Args:
        db: Its own connection, which waits for no lock by itself.
        transaction: What the transitions need to know; nobody else uses it.
        clock: Seconds since 1970.
        monotonic: Seconds, to tell how long a batch has run.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        transaction: Transaction,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._db = db
        self._tx = transaction
        self._clock = clock
        self._monotonic = monotonic

    def write(
        self, items: Sequence[Item], longest: float, *, wait: float = 0.0, apart: bool = False
    ) -> int:
        """
        Run items until so many seconds have passed, at least one, and commit what they did.

        Args:
            wait: Seconds to wait for another program's lock.
            apart: What a failing item did is undone, and nothing else; it holds its error.

        Returns:
            How many have run.  They are committed, and not yet on disk.

        Raises:
            ItemError: One has failed, and they do not run apart; nothing was written.
            sqlite3.Error: There is a lock, or the disk is full; nothing was written.
        """
        with self._waiting(wait):
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._tx.now = int(self._clock() * 1000)
                done = self._run(items, longest, self._do_apart if apart else self._do)
                self._db.execute("COMMIT")
            except BaseException:
                self._undo()
                raise
        return done

    @contextmanager
    def _waiting(self, wait: float) -> Iterator[None]:
        if not wait:
            yield
            return
        self._db.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
        try:
            yield
        finally:
            self._db.execute("PRAGMA busy_timeout = 0")

    def _run(self, items: Sequence[Item], longest: float, do: Callable[[Item], None]) -> int:
        done, until = 0, self._monotonic() + longest
        while done < len(items) and self._monotonic() <= until:
            do(items[done])
            done += 1
        return done

    def _undo(self) -> None:
        self._tx.numbers.clear()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _do(self, item: Item) -> None:
        try:
            item.result = run(self._db, item.work(self._tx))
        except Exception as error:
            raise ItemError from error

    def _do_apart(self, item: Item) -> None:
        db = self._db
        db.execute("SAVEPOINT item")
        try:
            item.result = run(db, item.work(self._tx))
        except Exception as error:
            if not db.in_transaction:
                # SQLite gave up the whole transaction: disk full, or an I/O error.
                raise
            db.execute("ROLLBACK TO item")
            self._tx.numbers.clear()
            item.error = unavailable(error) if isinstance(error, sqlite3.Error) else error
        db.execute("RELEASE item")


def unavailable(error: BaseException) -> JournalUnavailable:
    """Say that the journal cannot be written, and why."""
    if isinstance(error, JournalUnavailable):
        return error
    told = JournalUnavailable(
        f"the journal cannot be written: {error}. "
        "Look at free disk space, at the file's permissions, and for other programs that use it"
    )
    told.__cause__ = error
    return told
