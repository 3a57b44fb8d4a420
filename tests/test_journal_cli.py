"""`bridge journal`: options become what is asked for; people get columns, scripts get JSON."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bridge import journal_cli, tell
from bridge.causes import CODES, STAGES
from bridge.cli import app
from bridge.entries import show_entry
from bridge.errors import ConfigError
from bridge.load import Loaded
from bridge.settings import Settings
from bridge.types import Cause, Verdict
from tests.house import Outside, edited, webhook
from tests.operators import corrected, installed, posted
from tests.test_replay import SHIPPING, SOURCE, without_shipping

REFUSED = Verdict("refused", "no [red]", causes=(Cause("send", "bonifiq_9"),))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return installed(tmp_path, monkeypatch)


@pytest.fixture
def filled(settings: Settings, tmp_path: Path, loaded: Loaded) -> Settings:
    """1 refused by the destination, 2 without shipping lines, 3 no JSON, 4 delivered."""
    requests = (webhook(), without_shipping(), webhook(body=b"{"), edited(id=99))
    asyncio.run(posted(tmp_path, loaded, Outside(verdicts=[REFUSED]), *requests))
    return settings


def run(*arguments: str, text: str | None = None) -> Any:
    return CliRunner().invoke(app, ["journal", *arguments], input=text)


def numbers(*arguments: str) -> list[str]:
    return [line.split()[0] for line in run("list", *arguments).stdout.splitlines()]


def objects(*arguments: str) -> list[Any]:
    return [json.loads(line) for line in run(*arguments, "--json").stdout.splitlines()]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], "4 3 2 1"),
        (["--limit", "2"], "4 3"),
        (["--before", "3"], "2 1"),
        (["--store", "shop", "--state", "dead"], "3 2 1"),
        (["--state", "refused"], "1"),
        (["--state", "delivered"], "4"),
        (["--topic", "orders/paid", "--stage", "map"], "2"),
        (["--id", "99"], "4"),
        (["--customer", "  Ana.Exemplo@EXAMPLE.com "], "4 2 1"),
        (["--customer", "bia@example.com"], "no"),
        (["--endpoint", "bonifiq.order"], "4 1"),
        (["--target", "fixture/bonifiq.order"], "4 1"),
        (["--since", "1h ago"], "4 3 2 1"),
        (["--since", "2999-01-01"], "no"),
        (["--until", "2020-01-01T00:00:00Z"], "no"),
        (["--older-than", "1d"], "no"),
        (["--older-than", "0s"], "4 3 2 1"),
        (["--code", "not_json"], "3"),
        (["--file", "sources/shopify.toml"], "2"),
        (["--file", "sources/shopify.toml:1"], "no"),
        (["--field", "order.shipping"], "2"),
        (["--unsure"], "no"),
    ],
    ids=str,
)
def test_options_say_which_entries_are_meant(options: list[str], found: str) -> None:
    assert numbers(*options) == found.split()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["list", "--state", "parked"], "--state: wanted one of open, dead, done, queued"),
        (["list", "--stage", "mapping"], "--stage: wanted one of read, map, validate"),
        (["list", "--since", "yesterday"], "--since: wanted 2026-11-21"),
        (["list", "--older-than", "15"], "--older-than: wanted"),
        (["list", "--older-than", "1h", "--until", "2h"], "give one of them"),
        (["list", "--count", "--causes"], "ask for one of them"),
        (["replay", "1", "--store", "shop"], "only --endpoint goes with both"),
        (["replay", "--again"], "say which entries"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("settings")
def test_a_wrong_option_is_told_with_what_was_wanted(options: list[str], told: str) -> None:
    result = run(*options)

    assert isinstance(result.exception, ConfigError)
    assert told in str(result.exception)


def test_a_moment_without_an_offset_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)

    assert journal_cli._moment("--since", "2026-11-21T10:30") == at
    assert journal_cli._moment("--since", "2026-11-21T07:30-03:00") == at
    ago = journal_cli._moment("--since", "3d")
    assert ago is not None
    assert abs(datetime.now(UTC) - timedelta(days=3) - ago) < timedelta(minutes=1)


@pytest.mark.usefixtures("filled")
def test_entries_are_counted() -> None:
    assert run("list", "--count").stdout.splitlines() == [
        "shop  dead  3",
        "shop  done  1",
        "all         4",
    ]
    assert objects("list", "--count", "--state", "dead") == [
        {"store": "shop", "state": "dead", "entries": 3}
    ]


@pytest.mark.usefixtures("filled")
def test_dead_letters_are_told_by_what_is_to_be_corrected() -> None:
    lines = run("list", "--causes").stdout.splitlines()
    told = objects("list", "--causes", "--stage", "map")

    assert [line.split()[:3] for line in lines] == [
        ["1", "read", "not_json"],
        ["1", "map", "missing"],
        ["1", "send", "bonifiq_9"],
    ]
    [shipping] = told
    assert (shipping["field"], shipping["letters"], shipping["newest"]) == ("order.shipping", 1, 2)
    assert shipping["file"].endswith("mappings/sources/shopify.toml")
    assert f"{shipping['file']}:{shipping['line']}" in lines[1]
    assert run("list", "--causes", "--store", "other").stdout == "no entry\n".replace(
        "entry", "dead letter"
    )


@pytest.mark.usefixtures("filled")
def test_an_entry_is_shown_with_its_causes() -> None:
    lines = run("show", "2").stdout.splitlines()
    [shown] = objects("show", "1")

    assert any(
        line.startswith("  cause: map missing ") and line.endswith(" order.shipping")
        for line in lines
    )
    [delivery] = shown["deliveries"]
    assert (shown["entry"], shown["state"], delivery["target"]) == (
        1,
        "dead",
        "fixture/bonifiq.order",
    )
    assert delivery["causes"] == [
        {"stage": "send", "code": "bonifiq_9", "file": "", "line": 0, "field": ""}
    ]
    assert datetime.fromisoformat(shown["received_at"]).tzinfo is not None
    assert isinstance(run("show", "77").exception, LookupError)


@pytest.mark.usefixtures("filled")
def test_nothing_of_a_customer_is_printed() -> None:
    for arguments in (
        ["list"],
        ["list", "--customer", "ana.exemplo@example.com"],
        ["show", "1"],
        ["list", "--causes"],
        ["replay", "--all"],
    ):
        for form in ([], ["--json"]):
            text = run(*arguments, *form).output
            assert "ana" not in text.lower()
            assert text


def test_a_terminal_gets_a_table_that_shows_brackets_as_they_are() -> None:
    console = Console(force_terminal=True, width=60, color_system=None, record=True)
    with console.capture() as capture:
        tell.show(("entry", "state"), [("1", "dead"), ("2", "[red]")], "none", console)

    first, *rest = capture.get().splitlines()
    assert first.split() == ["entry", "state"]
    assert [line.split() for line in rest] == [["1", "dead"], ["2", "[red]"]]


async def states(settings: Settings) -> list[str]:
    shown = [await show_entry(settings, entry) for entry in (1, 2, 3)]
    return [" ".join(each.state for each in one.deliveries) or one.state for one in shown]


def settled(settings: Settings) -> Sequence[str]:
    return asyncio.run(states(settings))


def test_a_replay_is_told_first_and_made_only_when_it_is_agreed_to(
    filled: Settings, tmp_path: Path
) -> None:
    corrected(tmp_path, *SOURCE, SHIPPING, f"{SHIPPING} ?? 0")

    dry = run("replay")
    before = settled(filled)
    wet = run("replay", "--yes", "--rate", "1000")

    assert [line.split()[:3] for line in dry.stdout.splitlines()[:3]] == [
        ["3", "-", "broken"],
        ["2", "bonifiq.order", "cured"],
        ["1", "bonifiq.order", "again"],
    ]
    assert "     1  cured: it can be mapped today" in dry.stdout
    assert "     1  of these only with --all" in dry.stdout
    assert dry.stderr == "nothing was written; --yes replays 1 entry\n"
    assert before == ["refused", "dead", "dead"]
    assert (dry.exit_code, wet.exit_code) == (3, 3)
    assert wet.stderr == "replayed 1 entry\n"
    assert settled(filled) == ["refused", "queued", "dead"]


def test_a_person_is_asked(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_cli, "_can_be_asked", lambda: True)

    refused = run("replay", "1", text="n\n")
    assert settled(filled)[0] == "refused"
    agreed = run("replay", "1", text="y\n")

    assert "replay 1 entry? [y/N]" in refused.stderr
    assert "nothing was written" in refused.stderr
    assert settled(filled)[0] == "queued"
    assert (refused.exit_code, agreed.exit_code) == (0, 0)


@pytest.mark.usefixtures("filled")
def test_a_replay_can_be_read_by_scripts() -> None:
    [told] = objects("replay", "--code", "bonifiq_9")

    assert told == {
        "entry": 1,
        "endpoint": "bonifiq.order",
        "fate": "again",
        "reason": "",
        "causes": [],
        "held": False,
    }
    assert run("replay", "4").exit_code == 0
    assert "`--again` would send it once more" in run("replay", "4").stdout
    assert run("replay", "--store", "other").stdout == "nothing to replay\n"


def test_what_was_delivered_is_sent_again_as_a_new_entry(filled: Settings) -> None:
    result = run("replay", "4", "--again", "--yes")

    assert result.exit_code == 0
    again = asyncio.run(show_entry(filled, 5))
    assert [(one.endpoint, one.state) for one in again.deliveries] == [("bonifiq.order", "queued")]


def test_ctrl_c_stops_between_two_entries(
    settings: Settings, tmp_path: Path, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [edited(id=number) for number in range(3)]
    outside = Outside(verdicts=[REFUSED] * 3)
    asyncio.run(posted(tmp_path, loaded, outside, *requests))
    from bridge import replay

    make = replay._make

    async def interrupted(*arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await make(*arguments)
        await asyncio.sleep(0)

    monkeypatch.setattr(replay, "_make", interrupted)
    result = run("replay", "--all", "--yes", "--rate", "0.01")

    assert result.exit_code == 130
    assert result.stderr.splitlines() == [
        "replayed 1 entry",
        "2 entries left: the same command goes on",
    ]
    assert settled(settings) == ["refused", "refused", "queued"]


def test_every_word_is_in_the_operators_guide() -> None:
    from tests.conftest import ROOT

    guide = (ROOT / "deploy" / "README.md").read_text()
    assert [word for word in (*STAGES, *CODES) if f"| `{word}` |" not in guide] == []
