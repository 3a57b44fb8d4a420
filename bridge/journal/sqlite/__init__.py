"""
The journal in one SQLite file, for one machine and any number of processes on it.

    file         finds or creates the file, and brings an older one forward
    engine       its threads: writer (many transitions, one commit), checkpoint, a reader
    turns        processes write one after the other
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bridge.journal.durable import DurableJournal
from bridge.journal.protocol import Opening
from bridge.journal.sqlite.engine import Engine
from bridge.journal.sqlite.file import explained, path_of, prepare


class SqliteJournal(DurableJournal[Engine]):
    """A `Journal` in a file; `open_sqlite` makes one."""


async def open_sqlite(
    opening: Opening,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    wait: float = 0.5,
) -> SqliteJournal:
    """
    Open or create the journal at *opening*'s path.

    Args:
        clock: Seconds since 1970: decides when to try again, never who may send.
        monotonic: Seconds: decides who is gone.
        wait: Seconds to wait for other processes, and again for other programs.

    Raises:
        JournalUnusable: It is damaged, newer, not ours, or cannot be written here.
        JournalUnavailable: Another program does not let go of it.
    """
    path = path_of(opening.url)
    secret = await asyncio.to_thread(prepare, path, wait)
    with explained(path):
        engine = Engine(path, secret, wait=wait, clock=clock, monotonic=monotonic)
    journal = SqliteJournal(engine, opening.patience, monotonic)
    if opening.register:
        try:
            await journal.register()
        except BaseException:
            await journal.close()
            raise
    return journal
