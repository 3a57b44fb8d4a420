"""What is durable: entries, deliveries, lanes, workers."""

from __future__ import annotations

from bridge.journal.protocol import Journal, Opening
from bridge.journal.sqlite import open_sqlite


async def open_journal(opening: Opening) -> Journal:
    """
    Open the journal at *opening*'s address, and create it if there is none yet.

    Raises:
        JournalUnusable: It is damaged, newer than this program, not ours, or cannot be written.
        JournalUnavailable: Another program does not let go of it.
    """
    return await open_sqlite(opening)
