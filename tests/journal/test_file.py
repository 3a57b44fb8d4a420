"""
A file that is no journal is never mistaken for an empty one, and the message says what to do.
"""
# ruff: noqa: ASYNC240 - a test blocks nobody

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.errors import JournalUnavailable, JournalUnusable
from bridge.journal import open_journal
from bridge.journal.protocol import Filter, Opening
from bridge.journal.sqlite.file import workers_folder
from bridge.journal.sqlite.turns import Turns
from tests.journal.given import Clocks, World, arrival, deliver, planned, record, state
from tests.journal.sqlite_backend import SqliteBackend

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def world(path: Path) -> AsyncIterator[World]:
    world = World(SqliteBackend(path))
    yield world
    await world.close()


async def unusable(path: Path) -> str:
    """The message with which the journal at *path* is refused."""
    with pytest.raises(JournalUnusable) as caught:
        await open_journal(Opening(f"sqlite:///{path}"))
    return str(caught.value)


async def test_a_path_may_be_relative_and_its_folders_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)

    opened = await open_journal(Opening("sqlite:///var/lib/journal.db"))
    await opened.close()

    assert (tmp_path / "var" / "lib" / "journal.db").is_file()


async def test_only_its_owner_reads_it(world: World, path: Path):
    journal = await world.worker()
    await deliver(journal, "e1", planned())

    for name in ("journal.db", "journal.db-wal"):
        assert stat.S_IMODE(path.with_name(name).stat().st_mode) == 0o600
    assert stat.S_IMODE(workers_folder(path).stat().st_mode) == 0o700


async def test_what_was_written_is_there_the_next_time(world: World):
    first = await world.worker()
    entry = await deliver(first, "e1", planned("ana@example.com", at=20))
    world.workers.remove(first)
    await first.close()

    again = await world.worker()

    copy = await record(again, "e1", planned("ana@example.com", at=20))
    assert copy.outcome.state == "delivered"
    older = await record(again, "e0", planned("ana@example.com", at=10))
    assert older.outcome.state == "stale"
    assert (await again.show(entry)).copies == 1


async def test_a_closed_journal_is_one_file(world: World, path: Path):
    opened = await world.worker()
    await deliver(opened, "e1", planned())
    await world.close()

    assert sorted(one.name for one in path.parent.iterdir()) == [
        "journal.db",
        "journal.db.workers",
    ]
    assert [one.name for one in workers_folder(path).iterdir()] == ["turn"]


async def test_a_restored_copy_is_written_like_any_other(world: World, path: Path):
    """A copy that SQLite has made is in another mode, in which readers and writer block."""
    await (await world.worker()).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")

    await (await world.worker()).close()

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_text_is_no_journal(path: Path):
    path.write_text("a shopping list that is longer than the header of a database" * 20)
    before = path.read_bytes()

    assert f"{path} is no journal: it is not a SQLite database" in await unusable(path)
    assert path.read_bytes() == before


async def test_another_programs_database_is_no_journal(path: Path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE meta (name, value)")

    assert f"{path} is a database of something else" in await unusable(path)
    assert not workers_folder(path).exists()


async def test_an_empty_file_is_no_journal(path: Path):
    path.touch()

    assert f"{path} is empty, which no journal ever is" in await unusable(path)


async def test_a_folder_is_no_journal(path: Path):
    path.mkdir()

    assert f"{path} is no file" in await unusable(path)


async def test_a_newer_journal_is_left_to_its_program(world: World, path: Path):
    await world.worker()
    await world.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE meta SET value = 3 WHERE name = 'schema'")

    assert "has schema 3 and this program knows 2" in await unusable(path)


@pytest.mark.parametrize("harm", ["overwritten", "cut off", "without its secret"])
async def test_a_damaged_journal_is_refused_with_advice(world: World, path: Path, harm: str):
    opened = await world.worker()
    for number in range(20):
        await deliver(opened, f"e{number}", planned(str(number)))
    await world.close()
    if harm == "overwritten":
        whole = path.read_bytes()
        path.write_bytes(whole[:-4096] + b"\xa5" * 4096)
    elif harm == "cut off":
        os.truncate(path, path.stat().st_size // 2)
    else:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("DELETE FROM meta WHERE name = 'secret'")

    message = await unusable(path)

    assert f"the journal {path} is damaged" in message
    assert "restore a backup" in message


async def test_a_journal_that_was_moved_without_its_log_is_not_begun_anew(path: Path):
    """SQLite would read the old log into the new file."""
    path.with_name("journal.db-wal").write_bytes(b"what was not moved")

    assert f"{path} is missing, but journal.db-wal is there" in await unusable(path)
    assert not path.exists()


async def test_a_place_that_cannot_be_is_told(path: Path):
    path.write_text("not a folder")

    assert (
        f"the journal {path / 'journal.db'} cannot be opened and written: File exists: {path}."
        in await unusable(path / "journal.db")
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_file_that_may_only_be_read_is_told(world: World, path: Path):
    await world.worker()
    await world.close()
    path.chmod(0o400)

    assert f"the journal {path} cannot be opened and written" in await unusable(path)


async def test_two_names_of_one_file_are_one_journal(world: World, path: Path):
    """Else each would have locks of its own, and its workers would not see each other die."""
    journal = await world.worker()
    path.with_name("link.db").symlink_to(path)

    other = await SqliteBackend(path.with_name("link.db")).open(world.clocks)

    assert await state(other, await deliver(journal, "e1", planned())) == "delivered"
    assert not workers_folder(path.with_name("link.db")).exists()
    await other.close()


async def test_a_locked_journal_is_told(world: World, path: Path):
    await world.worker()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(JournalUnavailable, match=f"{path} is locked by another program"):
            await SqliteBackend(path, wait=0.02).open(world.clocks)


async def test_a_journal_that_another_process_is_creating_is_waited_for(path: Path):
    workers_folder(path).mkdir()
    with (
        closing(Turns(workers_folder(path))) as other,
        other.turn(0),
        pytest.raises(JournalUnavailable, match="another process has been writing"),
    ):
        await SqliteBackend(path, wait=0.02).open(Clocks())

    assert not path.exists()


async def test_half_a_journal_is_never_found(path: Path):
    """A process that dies while it creates one leaves another name behind."""
    path.with_name("journal.db.new").write_bytes(b"half")

    opened = await open_journal(Opening(f"sqlite:///{path}"))

    assert await opened.entries(Filter()) == ()
    await opened.close()


@pytest.mark.parametrize(
    "url", ["mysql://bridge:s3cret@db/bridge", "journal.db", "sqlite://x", "sqlite:///"]
)
async def test_other_addresses_are_refused_without_telling_a_password(url: str):
    with pytest.raises(JournalUnusable, match="wanted sqlite:///") as caught:
        await open_journal(Opening(url))

    assert "s3cret" not in str(caught.value)


async def test_no_personal_data_is_in_an_index(world: World, path: Path):
    journal = await world.worker()
    webhook = replace(
        arrival("e1", planned("ana@example.com", personal=True), resource=""),
        subjects=("ana@example.com", "52998224725"),
    )
    await journal.receive(webhook, sync=False)
    await record(journal, "e2", planned("bia@example.com"), resource="")

    everything = path.read_bytes() + path.with_name("journal.db-wal").read_bytes()
    assert b"shop/vendor.order" in everything
    assert b"@example.com" not in everything
