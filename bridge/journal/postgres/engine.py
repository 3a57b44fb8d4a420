"""The connections behind a journal in PostgreSQL: one writes, a few read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import asyncpg

from bridge.errors import JournalUnavailable
from bridge.journal.postgres.address import Address, connect, is_lost, options, settle_in, told
from bridge.journal.postgres.statements import Reader, run
from bridge.journal.postgres.writer import Writer
from bridge.journal.transaction import Steps, Touches, Transaction, Work

T = TypeVar("T")

_READERS = 4
_IDLE = 60.0  #: seconds after which a reader that nobody needs is closed
_WAIT = 1.0  #: seconds to wait for a reader


class Engine:
    """
    Runs work on the connections that may do it.

    Args:
        transaction: What the transitions need to know.
        folder: Where the workers of this machine hold their locks.
        clock: Seconds since 1970; None: the server's clock.
    """

    def __init__(
        self,
        address: Address,
        transaction: Transaction,
        folder: Path,
        clock: Callable[[], float] | None,
    ) -> None:
        self.closed = False
        self.secret = transaction.secret
        self.cipher = transaction.cipher
        self.folder = folder
        self._connect = partial(connect, address, transaction.secret)
        self._writer = Writer(transaction, self._connect, clock)
        self._readers = asyncpg.create_pool(
            address.url,
            min_size=0,
            max_size=_READERS,
            max_inactive_connection_lifetime=_IDLE,
            init=settle_in,
            reset=_leave_as_it_is,
            **options(),
        )

    async def start(self) -> None:
        """Open the writing connection; raises what `explained` explains."""
        self._writer.start(await self._connect())
        await self._readers

    def now(self) -> int:
        """Read the journal's clock: milliseconds since 1970."""
        return self._writer.now()

    def behind(self) -> float:
        """Seconds for which the oldest of what is to be written has waited."""
        return self._writer.behind()

    async def read(self, steps: Steps[T]) -> T:
        """
        Run *steps* on a reading connection.

        Raises:
            JournalUnavailable: The journal is closed, or cannot be read now.
        """
        if self.closed:
            raise JournalUnavailable("the journal is closed")
        if self._writer.away:
            raise JournalUnavailable("the journal's server does not answer")
        try:
            db = await self._readers.acquire(timeout=_WAIT)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _unreadable(error) from None
        try:
            return await run(db, steps)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if is_lost(db, error):
                db.terminate()
            raise _unreadable(error) from None
        finally:
            await self._readers.release(db)

    async def write(
        self,
        work: Work[T],
        *,
        sync: bool = False,  # noqa: ARG002 - every commit is on disk when it is told
        touches: Touches | None = None,
        patient: bool = False,
        unclaimed: Callable[[T], None] = lambda _: None,
    ) -> T:
        """Run *work* in a transaction, beside others that are about other keys and lanes."""
        return await self._writer.write(work, touches=touches, patient=patient, unclaimed=unclaimed)

    async def close(self, last: Work[None]) -> None:
        """Write what is queued and then *last*, on disk; let go of everything in any case."""
        self.closed = True
        try:
            await self._writer.write(
                last, touches=None, patient=False, unclaimed=lambda _: None, last=True
            )
        finally:
            await self._writer.stop()
            self._readers.terminate()

    def abandon(self) -> None:
        """Let go of everything at once, and write nothing."""
        self.closed = True
        self._writer.abandon()
        self._readers.terminate()


def _unreadable(error: BaseException) -> JournalUnavailable:
    return JournalUnavailable(f"the journal cannot be read: {told(error)}")


async def _leave_as_it_is(db: Reader) -> None:
    """Nothing that a reader does lasts beyond its statement."""
