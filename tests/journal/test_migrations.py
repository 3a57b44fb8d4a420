"""
A journal of every released schema is brought to this program's, with all that is in it.

``sqlite-N.sql`` is the schema N as it was released.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge.errors import JournalUnusable
from bridge.journal import open_journal
from bridge.journal.protocol import Filter, Opening
from bridge.journal.sqlite.file import SCHEMA
from tests.journal.given import Clocks, World
from tests.journal.sqlite_backend import SqliteBackend

pytestmark = pytest.mark.anyio

_APPLICATION_ID = 0x62726A31


def released(path: Path, version: int) -> None:
    """Make the journal that a program of schema *version* left: one parked order, one delivered."""
    script = Path(__file__).with_name(f"sqlite-{version}.sql").read_text()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"PRAGMA auto_vacuum = INCREMENTAL; {script}")
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        db.execute(
            "INSERT INTO meta (name, value) VALUES ('schema', ?), ('secret', ?), ('syncs', 0)",
            (version, bytes(32)),
        )
        for entry, at, delivered in ((1, None, 5), (2, 1, None)):
            db.execute(
                "INSERT INTO entry (id, key, store, topic, resource, subject, received_at,"
                " recorded_at, horizon) VALUES (?, ?, 'shop', 'order/paid', '1042', ?, 0, 0, 4000000000000)",
                (entry, bytes([entry]), bytes(16)),
            )
            db.execute(
                "INSERT INTO body (entry, headers, body) VALUES (?, '{}', ?)", (entry, b"{}")
            )
            db.execute("INSERT INTO lane (lane) VALUES (?)", (bytes([entry]),))
            db.execute(
                "INSERT INTO delivery (entry, endpoint, lane, target, store, stamp, tie, park,"
                " state, next_at, until, settled_at)"
                " VALUES (?, 'vendor.order', ?, 'shop/vendor.order', 'shop', 1, 0, 1, ?, ?, 4000000000000, ?)",
                (entry, bytes([entry]), "delivered" if delivered else "queued", at, delivered),
            )
        db.commit()
        db.execute("PRAGMA journal_mode = WAL")


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table and index of a journal with its columns."""
    with closing(sqlite3.connect(path)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema ORDER BY name")]
        return {
            name: [row[1:] for row in db.execute(f"SELECT 0, * FROM pragma_table_xinfo('{name}')")]
            or db.execute(f"SELECT seqno, name FROM pragma_index_info('{name}')").fetchall()
            for name in names
        }


@pytest.mark.parametrize("version", range(1, SCHEMA))
async def test_what_was_released_ends_as_what_is_made_new(tmp_path: Path, version: int):
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    released(old, version)

    for path in (old, new):
        await (await open_journal(Opening(f"sqlite:///{path}"))).close()

    assert tables(old) == tables(new)


@pytest.mark.parametrize("version", range(1, SCHEMA))
async def test_nothing_is_lost_on_the_way(tmp_path: Path, version: int):
    path = tmp_path / "journal.db"
    released(path, version)
    world = World(SqliteBackend(path), Clocks())
    journal = await world.worker()

    entries = {one.entry: one.deliveries[0].state for one in await journal.entries(Filter())}
    (standing,) = await journal.due()

    assert entries == {1: "delivered", 2: "queued"}
    assert standing.flight is not None
    assert standing.flight.entry == 2
    assert (await journal.load(2)).body == b"{}"
    assert await journal.settle(standing.flight, "delivered")
    await world.close()


async def test_a_step_that_fails_leaves_the_journal_as_it_was(tmp_path: Path):
    path = tmp_path / "journal.db"
    released(path, 1)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE cause (of TEXT)")
    before = tables(path)

    with pytest.raises(JournalUnusable, match="cause already exists"):
        await open_journal(Opening(f"sqlite:///{path}"))

    assert tables(path) == before
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone() == (1,)
