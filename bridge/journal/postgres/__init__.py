"""
The journal in a PostgreSQL database, for any number of processes on any number of machines.

    address      reaches the server, and says why it cannot be reached
    schema       creates the tables, brings older ones forward, refuses what is no journal
    engine       its connections: one that writes, a few that read
    writer       many transitions, one commit; a connection that may be lost
    statements   runs transitions side by side
    folder       where the processes of one machine hold their locks
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bridge.journal.durable import DurableJournal
from bridge.journal.postgres.address import Address, connect, explained
from bridge.journal.postgres.engine import Engine
from bridge.journal.postgres.folder import workers_folder
from bridge.journal.postgres.schema import prepare
from bridge.journal.protocol import Opening


class PostgresJournal(DurableJournal[Engine]):
    """A `Journal` in a PostgreSQL database; `open_postgres` makes one."""


async def open_postgres(
    opening: Opening,
    *,
    clock: Callable[[], float] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> PostgresJournal:
    """
    Open or create the journal at *opening*'s address.

    Args:
        clock: Seconds since 1970, instead of the server's clock: decides when to try again,
            never who may send.
        monotonic: Seconds: decides who is gone.

    Raises:
        JournalUnusable: It is newer, not ours, or cannot be written by us.
        JournalUnavailable: The server cannot be reached now.
    """
    address = Address.of(opening.url)
    with explained(address):
        db = await connect(address)
        try:
            secret = await prepare(db, address)
        finally:
            await db.close(timeout=1.0)
        engine = Engine(address, secret, workers_folder(secret), clock)
        await engine.start()
    journal = PostgresJournal(engine, opening.patience, monotonic)
    if opening.register:
        try:
            await journal.register()
        except BaseException:
            await journal.close()
            raise
    return journal
