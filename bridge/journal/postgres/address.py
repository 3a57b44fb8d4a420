"""
Reach the server, and say in our own words why it cannot be reached.

No password is ever part of what is said, and neither is a row: what the server tells of one
beside its message is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from bridge.errors import JournalUnavailable, JournalUnusable
from bridge.journal.postgres.statements import Connection, Reader

_CONNECT_WITHIN = 5.0
_WANTED = "wanted postgresql://user:password@host:port/database"

#: The server's rules for our connections.  A worker that freezes inside a transaction must not
#: keep its locks, and nobody waits long for one.
#: Source: https://www.postgresql.org/docs/current/runtime-config-client.html
_RULES = """
SET application_name = 'webhook-bridge';
SET default_transaction_isolation = 'read committed';
SET lock_timeout = '400ms';
SET idle_in_transaction_session_timeout = '5s';
SET enable_seqscan = off;
SET jit = off;
"""
#: A server that is told to answer before it has written would lose what a store was promised.
_IN_EARNEST = """
SELECT set_config('synchronous_commit', 'on', false)
 WHERE current_setting('synchronous_commit') = 'off'
"""

_SECRET = "SELECT value FROM meta WHERE name = 'secret'"  # noqa: S105 - a statement

_REFUSED = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
#: The server is there, and not for us, now.
_NOT_NOW = (
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
    asyncpg.InternalClientError,
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the journal is."""

    url: str = field(repr=False)
    shown: str  #: without the password
    user: str
    database: str

    @classmethod
    def of(cls, url: str) -> Address:
        """
        Read an address.

        Raises:
            JournalUnusable: It cannot be read for certain; nothing of it is repeated.
        """
        parts = urlsplit(url)
        login, at, host = parts.netloc.rpartition("@")
        behind = url.partition("://")[2][len(parts.netloc) :]
        database = unquote(parts.path.removeprefix("/"))
        if "@" in behind or "#" in behind:
            raise JournalUnusable(
                "the journal's address cannot be read: characters such as / ? # @ in its user "
                f"or password are written as %2F %3F %23 %40; {_WANTED}"
            )
        if not database or "/" in database:
            raise JournalUnusable(f"the journal's address names no database; {_WANTED}")
        user = login.partition(":")[0]
        shown = f"{parts.scheme}://{user}{at}{host}/{database}"
        return cls(url, shown, unquote(user) or "of this process", database)


async def connect(address: Address, secret: bytes | None = None) -> Connection:
    """
    Open one connection; raises what `explained` explains.

    Args:
        secret: That of the journal which must lie there.
    """
    db: Connection = await asyncpg.connect(address.url, **options())
    try:
        await settle_in(db)
        if secret is not None and await db.fetchval(_SECRET, timeout=_CONNECT_WITHIN) != secret:
            raise JournalUnavailable(f"another journal lies in {address.shown} than before")
    except BaseException:
        db.terminate()
        raise
    return db


def options() -> dict[str, Any]:
    """Give the options of every connection."""
    return {
        "timeout": _CONNECT_WITHIN,
        "statement_cache_size": 1024,
        "max_cached_statement_lifetime": 0,
    }


async def settle_in(db: Connection) -> None:
    """Give a new connection its rules."""
    await db.execute(_RULES, timeout=_CONNECT_WITHIN)
    await db.execute(_IN_EARNEST, timeout=_CONNECT_WITHIN)


def is_lost(db: Reader, error: BaseException) -> bool:
    """Whether *error* means that the connection is of no use any more."""
    if db.is_closed() or isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError):
        return True
    # A server that may only be read has changed its part since: another one writes now.
    gone = (
        asyncpg.PostgresConnectionError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.CannotConnectNowError,
        asyncpg.IdleInTransactionSessionTimeoutError,
        asyncpg.ReadOnlySQLTransactionError,
        asyncpg.InternalClientError,
    )
    return isinstance(error, gone)


def told(error: BaseException) -> str:
    """Say what went wrong, without any row or value."""
    if isinstance(error, JournalUnavailable):
        return str(error)
    if isinstance(error, asyncpg.PostgresError):
        return str(error.args[0]) if error.args else type(error).__name__
    if isinstance(error, ConnectionError) and error.errno:
        # What asyncio says instead is where it tried, not why it failed.
        return os.strerror(error.errno)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__


@contextmanager
def explained(address: Address) -> Iterator[None]:
    """Say why the journal cannot be opened, and what to do."""
    try:
        yield
    except _REFUSED as error:
        raise JournalUnusable(
            f"the server of {address.shown} does not let user {address.user} in: {told(error)}. "
            "Look at user and password in BRIDGE_JOURNAL, and at the server's pg_hba.conf"
        ) from None
    except asyncpg.InvalidCatalogNameError:
        raise JournalUnusable(
            f"there is no database {address.database} on the server of {address.shown}. "
            f"Create it: createdb --owner={address.user} {address.database}"
        ) from None
    except asyncpg.InsufficientPrivilegeError as error:
        raise JournalUnusable(
            f"user {address.user} may not use {address.shown} as a journal: {told(error)}. "
            f"Make it the owner: ALTER DATABASE {address.database} OWNER TO {address.user}"
        ) from None
    except asyncpg.ReadOnlySQLTransactionError:
        raise JournalUnusable(
            f"{address.shown} can only be read: it is a standby, or set so. "
            "Give the address of the server that writes"
        ) from None
    except (*_NOT_NOW, OSError, TimeoutError) as error:
        raise JournalUnavailable(
            f"the server of {address.shown} cannot be reached: {told(error)}"
        ) from None
    except asyncpg.PostgresError as error:
        raise JournalUnusable(
            f"{address.shown} cannot be used as a journal: {told(error)} ({error.sqlstate})"
        ) from None
    except (asyncpg.InterfaceError, ValueError):
        # What it says may repeat parts of the address.
        raise JournalUnusable(
            f"the journal's address, or a file that it names, cannot be used; {_WANTED}, and "
            "parameters as https://www.postgresql.org/docs/current/libpq-connect.html lists them"
        ) from None
