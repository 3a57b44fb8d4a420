"""
A journal in PostgreSQL is opened, created, or refused in words that help; never begun anew.

No password is in anything that is said.
"""

from __future__ import annotations

import asyncio
import tempfile
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from bridge.cli import WRONG_CONFIGURATION, main
from bridge.errors import JournalUnavailable, JournalUnusable
from bridge.journal import open_journal
from bridge.journal.postgres import folder, open_postgres, schema
from bridge.journal.protocol import Filter, Opening
from bridge.settings import read_settings
from tests.journal.given import arrival, deliver, fly, planned, state
from tests.postgres import Server, free_port, serving

pytestmark = pytest.mark.anyio

PASSWORD = "s3cret/of:the?bridge@home"
QUOTED = "s3cret%2Fof%3Athe%3Fbridge%40home"


@pytest.fixture
async def database(postgres: Server) -> str:
    return await postgres.database()


@pytest.fixture
async def guarded(postgres: Server) -> AsyncIterator[str]:
    """A user that is let in by password alone, and owns nothing."""
    await postgres.run(
        "DROP ROLE IF EXISTS guarded", f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'"
    )
    name = await postgres.database()
    await postgres.run(f"ALTER DATABASE {name} OWNER TO guarded")
    yield name
    await postgres.run(f"DROP DATABASE {name} WITH (FORCE)", "DROP ROLE guarded")


async def refused(url: str) -> str:
    """Why a journal cannot be used: what is said, after a look for what must not be."""
    with pytest.raises(JournalUnusable) as caught:
        await open_postgres(Opening(url))
    everything = "".join(traceback.format_exception(caught.value)) + repr(Opening(url))
    assert "s3cret" not in everything
    return str(caught.value)


async def tables(postgres: Server, database: str) -> int:
    async with postgres.connection(database) as db:
        found = await db.fetchval(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        )
        return int(found)


class TestOpening:
    @pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
    async def test_an_empty_database_becomes_a_journal_that_is_found_again(
        self, postgres: Server, database: str, scheme: str
    ):
        url = postgres.url(database).replace("postgresql", scheme)
        journal = await open_journal(Opening(url))
        receipt = await journal.receive(arrival("e1", planned()), sync=True)
        await journal.close()

        again = await open_journal(Opening(url))

        assert [one.entry for one in await again.entries(Filter())] == [receipt.entry]
        assert (await again.receive(arrival("e1", planned()), sync=True)).copy
        await again.close()

    async def test_nodes_that_start_at_one_moment_find_one_journal(
        self, postgres: Server, database: str
    ):
        opening = Opening(postgres.url(database))
        nodes = await asyncio.gather(*(open_journal(opening) for _ in range(4)))

        receipts = [await node.receive(arrival("e1", planned()), sync=False) for node in nodes]

        assert len({receipt.entry for receipt in receipts}) == 1
        for node in nodes:
            await node.close()

    async def test_it_may_lie_in_a_schema_beside_others_tables(
        self, postgres: Server, database: str
    ):
        await postgres.run("CREATE TABLE orders ()", "CREATE SCHEMA bridge", database=database)
        url = f"{postgres.url(database)}?search_path=bridge"

        journal = await open_journal(Opening(url))
        await journal.receive(arrival("e1", planned()), sync=True)
        await journal.close()

        assert await tables(postgres, database) == 1

    async def test_a_server_that_hurries_is_told_to_write_first(
        self, postgres: Server, database: str
    ):
        await postgres.run(f"ALTER DATABASE {database} SET synchronous_commit = off")

        journal = await open_postgres(Opening(postgres.url(database)))

        db = journal._engine._writer._db
        assert db is not None
        assert await db.fetchval("SHOW synchronous_commit") == "on"
        await journal.close()

    async def test_every_connection_is_closed(self, postgres: Server, database: str):
        journal = await open_postgres(Opening(postgres.url(database)))
        await asyncio.gather(*(journal.entries(Filter()) for _ in range(8)))
        await journal.close()

        await postgres.run(f"DROP DATABASE {database}")

    async def test_the_newest_server_will_do(self):
        """The one that is packaged, for machines without one."""
        with serving(packaged=True) as server:
            journal = await open_postgres(Opening(server.url()))
            db = journal._engine._writer._db
            assert db is not None
            assert db.get_server_version().major >= 16
            entry = await deliver(journal, "e1", planned())
            await asyncio.to_thread(server.restart)
            assert await state(journal, entry) == "delivered"

            flight = await fly(journal, "e2", planned("7"))

            assert await journal.settle(flight, "delivered")
            await journal.close()


class TestRefusing:
    async def test_a_wrong_password(self, postgres: Server, guarded: str):
        url = postgres.url(guarded, user="guarded", password="s3cret")

        said = await refused(url)

        assert f"postgresql://guarded@127.0.0.1:{postgres.port}/{guarded}" in said
        assert 'password authentication failed for user "guarded"' in said
        assert "BRIDGE_JOURNAL" in said

    async def test_the_right_password(self, postgres: Server, guarded: str):
        url = postgres.url(guarded, user="guarded", password=QUOTED)

        journal = await open_journal(Opening(url))

        assert await journal.entries(Filter()) == ()
        assert "s3cret" not in repr(read_settings({"BRIDGE_JOURNAL": url}))
        await journal.close()

    async def test_a_password_that_is_not_quoted_is_not_repeated(self, postgres: Server):
        for password in ("a/s3cret", "a?s3cret", "a#s3cret", "s3cret@/b"):
            said = await refused(f"postgresql://guarded:{password}@127.0.0.1:1/journal")
            assert "are written as %2F" in said

    async def test_an_address_that_means_nothing(self):
        for end in ("?sslmode=s3cret", "?sslmode=verify-full&sslcrl=%00"):
            said = await refused(f"postgresql://u:s3cret@127.0.0.1:1/journal{end}")
            assert "wanted postgresql://user:password@host:port/database" in said
        assert "names no database" in await refused("postgresql://u:s3cret@127.0.0.1:1")
        assert "wanted postgresql" in await refused("postgresql://u:s3cret@127.0.0.1:s3cret/db")

    async def test_an_unknown_user(self, postgres: Server, database: str):
        said = await refused(postgres.url(database, user="nobody_s", password="s3cret"))

        assert 'role "nobody_s" does not exist' in said

    async def test_an_unknown_database(self, postgres: Server):
        said = await refused(postgres.url("nowhere", password="s3cret"))

        assert "there is no database nowhere" in said
        assert "createdb --owner=postgres nowhere" in said

    async def test_a_server_that_is_not_there(self):
        url = f"postgresql://u:s3cret@127.0.0.1:{free_port()}/journal"

        with pytest.raises(
            JournalUnavailable, match="cannot be reached: Connection refused"
        ) as caught:
            await open_journal(Opening(url))

        assert "s3cret" not in "".join(traceback.format_exception(caught.value))

    async def test_a_host_that_is_not_there(self):
        with pytest.raises(JournalUnavailable, match="cannot be reached"):
            await open_journal(Opening("postgresql://u:s3cret@host.invalid/journal"))

    async def test_a_user_that_may_create_nothing(self, postgres: Server, guarded: str):
        await postgres.run(
            f"ALTER DATABASE {guarded} OWNER TO postgres",
            f"REVOKE CREATE ON DATABASE {guarded} FROM PUBLIC",
        )
        await postgres.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=guarded)

        said = await refused(postgres.url(guarded, user="guarded", password=QUOTED))

        assert "user guarded may not use" in said
        assert f"ALTER DATABASE {guarded} OWNER TO guarded" in said

    async def test_a_user_that_may_only_read(self, postgres: Server, guarded: str):
        await (await open_journal(Opening(postgres.url(guarded)))).close()
        await postgres.run(
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guarded", database=guarded
        )

        said = await refused(postgres.url(guarded, user="guarded", password=QUOTED))

        assert "permission denied for table meta" in said

    async def test_a_database_that_may_only_be_read(self, postgres: Server, database: str):
        await (await open_journal(Opening(postgres.url(database)))).close()
        await postgres.run(f"ALTER DATABASE {database} SET default_transaction_read_only = on")

        assert "can only be read" in await refused(postgres.url(database, password="s3cret"))

    async def test_a_standby(self):
        with serving() as server:
            server.stop()
            (server.folder / "data" / "standby.signal").touch()
            server.start()

            assert "it is a standby" in await refused(server.url(password="s3cret"))

    async def test_tables_of_something_else(self, postgres: Server, database: str):
        await postgres.run("CREATE TABLE orders ()", database=database)

        said = await refused(postgres.url(database, password="s3cret"))

        assert "holds tables of something else" in said
        assert await tables(postgres, database) == 1

    @pytest.mark.parametrize(
        "meta", ["meta (id int)", "meta (name text, value bytea)", "meta (name text, value text)"]
    )
    async def test_a_table_that_is_only_called_like_ours(
        self, postgres: Server, database: str, meta: str
    ):
        await postgres.run(f"CREATE TABLE {meta}", database=database)

        said = await refused(postgres.url(database, password="s3cret"))

        assert "holds tables of something else" in said

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (
                "UPDATE meta SET value = '99' WHERE name = 'schema'",
                "has schema 99 and this program",
            ),
            ("UPDATE meta SET value = '1' WHERE name = 'schema'", "which no released version"),
            ("DELETE FROM meta WHERE name = 'secret'", "its table meta is incomplete"),
            ("UPDATE meta SET value = 'x' WHERE name = 'schema'", "its table meta is incomplete"),
        ],
        ids=["newer", "too old", "no secret", "no version"],
    )
    async def test_a_journal_that_is_none_of_ours(
        self, postgres: Server, database: str, change: str, said: str
    ):
        await (await open_journal(Opening(postgres.url(database)))).close()
        await postgres.run(change, database=database)

        assert said in await refused(postgres.url(database, password="s3cret"))

    async def test_a_database_that_cannot_hold_every_text(self, postgres: Server):
        await postgres.run(
            "DROP DATABASE IF EXISTS latin",
            "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0",
        )

        assert "wanted UTF8" in await refused(postgres.url("latin", password="s3cret"))

    async def test_a_server_that_is_too_old(
        self, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(schema, "_OLDEST_SERVER", 99)

        assert "the journal needs 99" in await refused(postgres.url(database, password="s3cret"))

    async def test_a_search_path_that_leads_nowhere(self, postgres: Server, database: str):
        url = f"{postgres.url(database, password='s3cret')}?search_path=missing"

        assert "search path" in await refused(url)


@pytest.mark.parametrize(
    ("database", "code", "said"),
    [("postgres", 0, "no entry"), ("nowhere", WRONG_CONFIGURATION, "there is no database nowhere")],
)
def test_the_command_line_reads_it_or_says_why_not(
    postgres: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database: str,
    code: int,
    said: str,
):
    if code == 0:
        database = asyncio.run(postgres.database())
    monkeypatch.setenv("BRIDGE_JOURNAL", postgres.url(database, password="s3cret"))
    monkeypatch.setattr("sys.argv", ["bridge", "journal", "list"])

    with pytest.raises(SystemExit) as ended:
        main()

    shown = "".join(capsys.readouterr())
    assert (ended.value.code, said in shown) == (code, True)
    assert "s3cret" not in shown


class TestMigrating:
    async def test_a_step_is_taken_once_or_not_at_all(
        self, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
    ):
        opening = Opening(postgres.url(database))
        await (await open_journal(opening)).close()
        read = schema._text
        steps = {"postgres-3.sql": "ALTER TABLE lane ADD COLUMN more BIGINT", "postgres-4.sql": "?"}
        monkeypatch.setattr(schema, "_text", lambda name: steps.get(name) or read(name))
        monkeypatch.setattr(schema, "SCHEMA", 4)
        assert "syntax error" in await refused(opening.url)
        async with postgres.connection(database) as db:
            with pytest.raises(asyncpg.UndefinedColumnError):
                await db.execute("SELECT more FROM lane")

        steps["postgres-4.sql"] = "ALTER TABLE lane ADD COLUMN evenmore BIGINT"
        nodes = await asyncio.gather(*(open_journal(opening) for _ in range(3)))

        async with postgres.connection(database) as db:
            await db.execute("SELECT more, evenmore FROM lane")
            assert await db.fetchval("SELECT value FROM meta WHERE name = 'schema'") == b"4"
        for node in nodes:
            await node.close()


class TestFolder:
    """Where processes of one machine hold their locks."""

    @pytest.fixture(autouse=True)
    def temporary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        return tmp_path

    def test_every_journal_has_its_own_and_finds_it_again(self):
        first, second = folder.workers_folder(b"first"), folder.workers_folder(b"second")

        assert first != second
        assert folder.workers_folder(b"first") == first
        assert first.stat().st_mode & 0o777 == 0o700
        assert b"first".hex() not in str(first)

    def test_one_that_is_open_to_others_is_refused(self):
        folder.workers_folder(b"first").parent.chmod(0o770)

        with pytest.raises(JournalUnusable, match="open to others"):
            folder.workers_folder(b"first")

    def test_a_link_to_elsewhere_is_refused(self, temporary: Path):
        own = folder.workers_folder(b"first").parent
        own.rename(temporary / "elsewhere")
        own.symlink_to(temporary / "elsewhere")

        with pytest.raises(JournalUnusable, match="belongs to somebody else"):
            folder.workers_folder(b"first")

    def test_a_file_in_its_place_is_refused(self, temporary: Path):
        own = folder.workers_folder(b"first").parent
        own.rename(temporary / "elsewhere")
        own.touch()

        with pytest.raises(JournalUnusable, match="cannot be made: File exists"):
            folder.workers_folder(b"first")
