"""
Have on disk what SQLite has committed.

SQLite could do so itself with every commit (``synchronous = FULL``), but then it keeps everybody
else waiting meanwhile.  So it only appends the commit to its log, which others may do again at
once, and the log is synced here.
Source: https://www.sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from bridge.errors import JournalUnavailable

# What macOS lacks, where SQLite takes the other one too.
_sync = getattr(os, "fdatasync", os.fsync)


class Log:
    """
    SQLite's write-ahead log, the file beside the journal that ends in ``-wal``.

    It is there as long as somebody is connected, and no lock lies on it: closing it costs none.
    Source: https://www.sqlite.org/walformat.html#wal_locks

    Args:
        path: The journal.
        db: A connection to it that outlives the log, and is used by one thread at a time.
    """

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self._db = db
        db.execute("SELECT count(*) FROM meta").fetchone()  # the first reader opens the log
        self._file = os.open(path.with_name(f"{path.name}-wal"), os.O_RDONLY)
        self._doubtful = False

    def sync(self) -> None:
        """
        Return when all that was committed so far is on disk.

        What the disk has once refused, the system counts as written the next time, and whatever
        follows would be lost with it.  So all of it has to be in the journal first.
        Source: https://wiki.postgresql.org/wiki/Fsync_Errors

        Raises:
            OSError: The disk has failed; nobody knows what is on it.
            JournalUnavailable: It failed before, and the journal cannot be put in order yet.
            sqlite3.Error: The same, and why.
        """
        if self._doubtful:
            (busy, *_) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise JournalUnavailable("the disk has failed, and what it holds is still unclear")
        self._doubtful = True
        _sync(self._file)
        self._doubtful = False

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
