"""
See that a usable journal lies in a database, create it, bring it forward, or refuse it.
"""

from __future__ import annotations

import os
from importlib import resources

import asyncpg

from bridge.errors import JournalUnusable
from bridge.journal.postgres.address import Address
from bridge.journal.postgres.statements import Connection

SCHEMA = 2  #: the version that this program reads and writes

_OURS = b"webhook-bridge journal"
_SECRET_LENGTH = 32
_OLDEST_SERVER = 13  #: the first that can be asked what became of a transaction

# Nodes that start at one moment: one creates, the others wait and find it.
_TURN = "SELECT pg_advisory_xact_lock(x'6272696467650001'::bigint)"  # "bridge", 1

_SERVER = """
SELECT current_setting('server_version_num')::int / 10000, current_setting('server_version'),
       pg_is_in_recovery(), current_setting('server_encoding'), current_schema()
"""

# Tables of an extension are nobody's data.
_TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""

_META = "SELECT name, value FROM meta WHERE name IN ('owner', 'schema', 'secret')"


async def prepare(db: Connection, address: Address) -> bytes:
    """
    See that a usable journal lies in the database, and give its secret.

    Raises:
        JournalUnusable: It is newer, not ours, or cannot be written here.
    """
    await _look_at_server(db, address)
    async with db.transaction():
        await db.execute(_TURN)
        tables = {row[0] for row in await db.fetch(_TABLES)}
        if not tables:
            return await _create(db)
        if "meta" not in tables:
            raise _foreign(address)
        secret, version = await _checked(db, address)
        await _migrate(db, address, version)
        # What can only be read must be found before the first webhook finds it.
        await db.execute("UPDATE meta SET value = value WHERE name = 'schema'")
    return secret


async def _look_at_server(db: Connection, address: Address) -> None:
    row = await db.fetchrow(_SERVER)
    assert row is not None  # noqa: S101 - it asks for one row of constants
    major, version, standby, encoding, schema = row
    if major < _OLDEST_SERVER:
        raise JournalUnusable(
            f"the server of {address.shown} is PostgreSQL {version}; "
            f"the journal needs {_OLDEST_SERVER} or newer"
        )
    if standby:
        raise asyncpg.ReadOnlySQLTransactionError
    if encoding != "UTF8":
        raise JournalUnusable(
            f"the database of {address.shown} holds texts as {encoding}; wanted UTF8: "
            f"createdb --encoding=UTF8 --template=template0 {address.database}"
        )
    if schema is None:
        raise JournalUnusable(
            f"none of the schemas in the search path of {address.shown} exists; "
            "create one, or leave search_path out of the address"
        )


async def _create(db: Connection) -> bytes:
    secret = os.urandom(_SECRET_LENGTH)
    await db.execute(_text("postgres.sql"))
    await db.executemany(
        "INSERT INTO meta (name, value) VALUES ($1, $2)",
        [("owner", _OURS), ("schema", str(SCHEMA).encode()), ("secret", secret)],
    )
    return secret


async def _checked(db: Connection, address: Address) -> tuple[bytes, int]:
    try:
        meta = {row[0]: row[1] for row in await db.fetch(_META)}
    except (asyncpg.UndefinedColumnError, asyncpg.UndefinedTableError):
        raise _foreign(address) from None
    if meta.get("owner") != _OURS:
        raise _foreign(address)
    secret, version = meta.get("secret", b""), meta.get("schema", b"")
    if len(secret) != _SECRET_LENGTH or not version.isdigit():
        raise JournalUnusable(
            f"the journal in {address.shown} is damaged: its table meta is incomplete. "
            "Restore a backup of the database"
        )
    if int(version) > SCHEMA:
        raise JournalUnusable(
            f"the journal in {address.shown} has schema {int(version)} and this program knows "
            f"{SCHEMA}: a newer version of the bridge has written it. Start that version"
        )
    return secret, int(version)


async def _migrate(db: Connection, address: Address, version: int) -> None:
    """
    Bring a journal of an older program to this one's schema, or leave it as it was.

    A program of the older schema that still runs on another node goes on as before: steps add
    tables and columns, and take nothing away that it uses.
    """
    for step in range(version + 1, SCHEMA + 1):
        try:
            statements = _text(f"postgres-{step}.sql")
        except FileNotFoundError:
            raise JournalUnusable(
                f"the journal in {address.shown} has schema {version}, which no released version "
                "of the bridge has written on PostgreSQL. Restore a backup of the database"
            ) from None
        await db.execute(statements)
        await db.execute("UPDATE meta SET value = $1 WHERE name = 'schema'", str(step).encode())


def _text(name: str) -> str:
    return (resources.files("bridge.journal") / "sql" / name).read_text(encoding="utf-8")


def _foreign(address: Address) -> JournalUnusable:
    return JournalUnusable(
        f"{address.shown} holds tables of something else and no journal; give the journal a "
        "database of its own, or a schema: add ?search_path=NAME to the address"
    )
