"""
The journal in one SQLite file, for one machine and any number of processes on it.

    file         finds or creates the file, and brings an older one forward
    engine       the writer (many transitions, one commit), a checkpointing thread, a reader
    turns        processes write one after the other
    log          what they have committed gets on disk
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bridge.journal.cipher import cipher_of
from bridge.journal.durable import DurableJournal
from bridge.journal.protocol import Keep, Opening
from bridge.journal.sqlite.engine import Engine
from bridge.journal.sqlite.file import explained, path_of, prepare
from bridge.journal.transaction import Steps, Transaction, one, rows

# Free pages are used again by what comes next: only a journal that has become much smaller is
# worth the work of moving pages.
FREE = "PRAGMA freelist_count"
PAGES = "PRAGMA page_count"
_WORTH = 1_000
GIVE_BACK = "PRAGMA incremental_vacuum(500)"


class SqliteJournal(DurableJournal[Engine]):
    """A `Journal` in a file; `open_sqlite` makes one."""

    async def forget(self, keep: Keep) -> bool:
        """Forget some of what was kept long enough; True when there is more."""
        more = await super().forget(keep)
        return await self._write(_shrink) or more


def _shrink(_: Transaction) -> Steps[bool]:
    """Give some of the file back when much of it is free; True when there is more to give back."""
    free, pages = (yield from one(FREE, {})) or (0,), (yield from one(PAGES, {})) or (0,)
    if free[0] < _WORTH or free[0] < pages[0] // 4:
        return False
    yield from rows(GIVE_BACK, {})
    return True


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
        transaction = Transaction(secret, cipher=cipher_of(opening.keys))
        engine = Engine(path, transaction, wait=wait, clock=clock, monotonic=monotonic)
    journal = SqliteJournal(engine, opening.patience, monotonic)
    await journal.begin(register=opening.register)
    return journal
