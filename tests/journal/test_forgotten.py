"""What a journal in a SQLite file has forgotten is in no byte of the file, nor does it take room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.journal.cipher import new_key
from bridge.journal.protocol import FETCH, Keep
from tests.journal.given import Clocks, arrival, fly, planned
from tests.journal.sqlite_backend import SqliteBackend

pytestmark = pytest.mark.anyio

SECRET = b"ana.exemplo@example.com lives in Rua Inventada 7"


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("length", [1, 200])
async def test_what_was_purged_is_written_over(tmp_path: Path, length: int):
    journal = await SqliteBackend(tmp_path / "journal.db").open(Clocks())
    webhook = replace(arrival("e1", problem="not wanted"), body=SECRET * length)
    entry = (await journal.receive(webhook, sync=True)).entry
    assert SECRET in files(tmp_path)

    await journal.purge([entry])
    await journal.close()

    assert SECRET not in files(tmp_path)


async def test_what_is_encrypted_is_nowhere_plain(tmp_path: Path):
    journal = await SqliteBackend(tmp_path / "journal.db").open(Clocks(), keys=(new_key(),))
    webhook = replace(
        arrival("e1", planned(endpoint=FETCH), subjects=(SECRET.decode(),)),
        body=SECRET,
        headers=SECRET,
    )
    (standing,) = (await journal.receive(webhook, sync=True)).standings
    assert standing.flight
    await journal.expand(standing.flight, SECRET, [])

    while_open = files(tmp_path)
    await journal.close()

    assert SECRET not in while_open + files(tmp_path)


async def test_a_journal_of_which_much_was_forgotten_becomes_small(tmp_path: Path):
    path, clocks = tmp_path / "journal.db", Clocks()
    journal = await SqliteBackend(path).open(clocks)
    kept = await fly(journal, "kept", planned("kept"))
    for at in range(100):
        webhook = replace(arrival(f"e{at}", problem="not wanted"), body=b"x" * 100_000)
        await journal.receive(webhook, sync=False)
    clocks.advance(8 * 86_400)

    rounds = 1
    while await journal.forget(Keep()):
        rounds += 1
    assert (await journal.load(kept.entry)).body == b'{"id": 1042}'
    await journal.close()

    assert rounds > 3
    assert path.stat().st_size < 5_000_000


async def test_room_that_will_be_used_again_is_not_given_back(tmp_path: Path):
    clocks = Clocks()
    journal = await SqliteBackend(tmp_path / "journal.db").open(clocks)
    for at in range(100):
        if at == 20:
            clocks.advance(7 * 86_400 + 1)
        webhook = replace(arrival(f"e{at}", problem="not wanted"), body=b"x" * 300_000)
        await journal.receive(webhook, sync=False)

    assert not await journal.forget(Keep())
    free = journal._engine._writer._batches._db.execute("PRAGMA freelist_count").fetchone()[0]
    await journal.close()

    assert free > 1_000
