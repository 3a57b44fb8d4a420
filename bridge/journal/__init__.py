"""What is durable: entries, deliveries, lanes, workers."""

from __future__ import annotations

from bridge.errors import JournalUnusable
from bridge.journal.protocol import Journal, Opening
from bridge.journal.sqlite import open_sqlite


async def open_journal(opening: Opening) -> Journal:
    """
    Open the journal at *opening*'s address, and create it if there is none yet.

    Raises:
        JournalUnusable: It is damaged, newer than this program, not ours, or cannot be written.
        JournalUnavailable: Another program does not let go of it, or its server is away.
    """
    scheme = opening.url.partition(":")[0]
    if scheme in ("postgresql", "postgres"):
        # Its client takes longer to load than all the rest, and a file does not need it.
        from bridge.journal.postgres import open_postgres

        return await open_postgres(opening)
    if scheme == "sqlite":
        return await open_sqlite(opening)
    raise JournalUnusable(
        f"the journal's address begins with {scheme[:12]!r}; wanted sqlite:///folder/journal.db, "
        "sqlite:////folder/journal.db from the root, "
        "or postgresql://user:password@host:port/database"
    )
