"""A person purges the journal: says whom, sees what is meant, and confirms."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from bridge.cli import app
from bridge.errors import ConfigError
from bridge.journal.protocol import Arrival, Journal, Planned
from bridge.purges import meant
from tests.house import opened
from tests.journal.given import NOON

ANA = "ana@example.com"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BRIDGE_JOURNAL", f"sqlite:///{tmp_path}/journal.db")
    asyncio.run(written(tmp_path))
    return tmp_path


def webhook(store: str, key: str, *subjects: str, **more: Any) -> Arrival:
    return Arrival(
        store=store,
        topic="orders/paid",
        key=(key,),
        resource=key,
        headers=b"{}",
        body=b"{}",
        received_at=NOON,
        subjects=subjects,
        event_type="order_paid",
        **more,
    )


async def written(folder: Path) -> None:
    """Entries 1 and 2 are Ana's, in two stores, 3 is somebody else's."""
    async with opened(folder) as journal:
        for one in (
            webhook("shop", "1", ANA, "31", "12345678909"),
            webhook("other", "2", ANA),
            webhook("shop", "3", "bob@example.com"),
        ):
            await journal.receive(one, sync=False)


def run(*arguments: str, answer: str = "") -> Any:
    return CliRunner().invoke(app, ["journal", "purge", *arguments], input=answer)


async def _left(folder: Path) -> list[int]:
    async with opened(folder) as journal:
        return [number for number in (1, 2, 3) if await _has_body(journal, number)]


async def _has_body(journal: Journal, entry: int) -> bool:
    try:
        await journal.load(entry)
    except LookupError:
        return False
    return True


def left(folder: Path) -> list[int]:
    """The entries that hold a body."""
    return asyncio.run(_left(folder))


def test_a_dry_run_lists_what_is_meant_and_erases_nothing(folder: Path) -> None:
    told = run("--customer", ANA, "--dry-run")

    assert told.exit_code == 0
    assert [line.split() for line in told.stdout.splitlines()] == [
        ["1", "2026-11-20", "12:00:00Z", "done", "shop", "orders/paid"],
        ["2", "2026-11-20", "12:00:00Z", "done", "other", "orders/paid"],
        ["other:", "1", "entries"],
        ["shop:", "1", "entries"],
    ]
    assert left(folder) == [1, 2, 3]


@pytest.mark.parametrize("typed", [ANA, " Ana@Example.com ", "123.456.789-09"])
def test_a_customer_is_erased_however_he_is_spelt(folder: Path, typed: str) -> None:
    told = run("--customer", typed, "--store", "shop", "--yes")

    assert (told.exit_code, told.stdout) == (0, "shop: 1 entries\nerased: 1 entries\n")
    assert left(folder) == [2, 3]


def test_nothing_is_erased_without_a_yes(folder: Path) -> None:
    told = run("--customer", ANA, answer="n\n")

    assert told.exit_code == 1
    assert "for good?" in told.stdout
    assert left(folder) == [1, 2, 3]
    assert run("--customer", ANA, answer="y\n").exit_code == 0
    assert left(folder) == [3]


def test_a_store_is_erased_whole(folder: Path) -> None:
    told = run("--store", "shop", "--yes")

    assert told.stdout == "shop: 2 entries\nerased: 2 entries\n"
    assert left(folder) == [2]


def test_single_entries_are_erased_and_one_that_is_not_there_is_told(folder: Path) -> None:
    assert "no entry 9" in str(run("--entry", "1", "--entry", "9", "--yes").exception)
    assert left(folder) == [1, 2, 3]

    told = run("--entry", "1", "--entry", "3", "--yes")

    assert told.stdout == "shop: 2 entries\nerased: 2 entries\n"
    assert left(folder) == [2]


@pytest.mark.parametrize(("day", "number"), [("2026-11-20", 0), ("2026-11-21", 2)])
def test_only_what_is_older_is_erased(folder: Path, day: str, number: int) -> None:
    told = run("--store", "shop", "--before", day, "--yes")

    assert told.stdout.startswith(f"shop: {number} entries" if number else "no entry\n")
    assert len(left(folder)) == 3 - number


def test_nobody_is_told_and_asked_for_nothing(folder: Path) -> None:
    told = run("--customer", "nobody@example.com")

    assert (told.exit_code, told.stdout) == (0, "no entry\n")


async def test_what_is_under_way_is_told(folder: Path) -> None:
    sent = Planned("vendor.order", "shop", "1", "shop/vendor.order", 1, 0, b"x")
    async with opened(folder) as journal:
        await journal.receive(webhook("shop", "4", ANA, deliveries=(sent,)), sync=False)

        told = await asyncio.to_thread(run, "--customer", ANA, "--yes")

    assert told.exit_code == 1
    assert told.stdout.splitlines()[-1] == "erased: 2 entries; under way: 1, again in a minute"


@pytest.mark.parametrize(
    ("customers", "store", "entries", "before", "told"),
    [
        ((), None, (), None, "wanted --customer, --store or --entry"),
        ((), None, (), datetime(2026, 11, 20), "wanted --customer, --store or --entry"),  # noqa: DTZ001
        ((ANA,), None, (1,), None, "--entry: wanted alone"),
        ((), "shop", (1,), None, "--entry: wanted alone"),
    ],
)
def test_who_is_meant_must_be_said(
    customers: tuple[str, ...],
    store: str | None,
    entries: tuple[int, ...],
    before: datetime | None,
    told: str,
) -> None:
    with pytest.raises(ConfigError, match=told):
        meant(customers, store, entries, before)


def test_a_new_key_is_printed() -> None:
    keys = {CliRunner().invoke(app, ["journal", "key"]).stdout.strip() for _ in range(2)}

    assert len(keys) == 2
    assert all(Fernet(key) for key in keys)
