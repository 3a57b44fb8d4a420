"""
Run what several tasks ask for in one transaction.

All of them or none: one that fails takes the others with it, unless each runs apart.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.errors import JournalUnavailable
from bridge.journal.sqlite.statements import run
from bridge.journal.transaction import Transaction, Work


@dataclass(slots=True)
class Item:
    """What one task asks for, and what has come of it."""

    work: Work[Any]
    sync: bool  #: the commit must be on disk
    brief: bool  #: it asks for a few rows by their keys
    future: asyncio.Future[Any]
    unclaimed: Callable[[Any], None]  #: called with the result when the future was cancelled
    since: float  #: when it was asked for
    result: Any = None
    error: BaseException | None = None


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
        self._synchronous = ""

    def begin(self, items: Sequence[Item]) -> None:
        """Begin the transaction of *items*; its commit is synced where one of them wants that."""
        synchronous = "FULL" if any(item.sync for item in items) else "NORMAL"
        if synchronous != self._synchronous:
            self._db.execute(f"PRAGMA synchronous = {synchronous}")
            self._synchronous = synchronous
        self._db.execute("BEGIN IMMEDIATE")
        self._tx.now = int(self._clock() * 1000)

    def run(self, items: Sequence[Item], longest: float, *, apart: bool = False) -> int:
        """
        Run items until so many seconds have passed, at least one.

        Args:
            apart: What a failing item did is undone, and nothing else; it holds its error.

        Returns:
            How many have run.

        Raises:
            ItemError: One has failed, and they do not run apart.
        """
        do = self._do_apart if apart else self._do
        done, until = 0, self._monotonic() + longest
        while done < len(items) and self._monotonic() <= until:
            do(items[done])
            done += 1
        return done

    def commit(self) -> None:
        """Commit, or undo all and raise why it cannot be."""
        try:
            self._db.execute("COMMIT")
        except BaseException:
            self.undo()
            raise

    def undo(self) -> None:
        """Undo what was not committed."""
        self._tx.numbers.clear()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def write(self, items: Sequence[Item], longest: float, *, wait: float, apart: bool) -> int:
        """
        Run items in a transaction and commit it, as `begin`, `run` and `commit` do.

        Args:
            wait: Seconds to wait for another program's lock.
        """
        self._db.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
        try:
            self.begin(items)
            done = self.run(items, longest, apart=apart)
            self.commit()
        except BaseException:
            self.undo()
            raise
        finally:
            self._db.execute("PRAGMA busy_timeout = 0")
        return done

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
