"""One field is one variable is one description; every mistake is named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.errors import SettingsError
from bridge.journal.cipher import new_key
from bridge.journal.protocol import Keep, Opening, Patience
from bridge.settings import Settings, hand_on, read_settings, read_variables

ROOT = Path(__file__).parents[1]


def test_the_defaults_need_nothing() -> None:
    settings = read_settings({})

    assert settings.journal == "sqlite:///journal.db"
    assert settings.port == 8080


def test_every_mistake_is_named_at_once() -> None:
    environ = {"BRIDGE_PORT": "many", "BRIDGE_JURNAL": "x", "BRIDGE_WORKERS": "0", "OTHER": "y"}

    with pytest.raises(SettingsError) as caught:
        read_settings(environ)

    told = "\n".join(caught.value.problems)
    assert "BRIDGE_JURNAL: there is no such setting; did you mean 'BRIDGE_JOURNAL'?" in told
    assert "BRIDGE_PORT: " in told
    assert "BRIDGE_WORKERS: " in told
    assert "OTHER" not in told


def test_times_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"BRIDGE_GONE_AFTER: .* at least 150"):
        read_settings({"BRIDGE_REQUEST_TIMEOUT": "120"})


def test_a_wrong_value_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"BRIDGE_PORT": "s3cret"})

    assert "s3cret" not in str(caught.value)


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("BRIDGE_PORT=1111\nBRIDGE_HOST=10.0.0.1\n")
    monkeypatch.setenv("BRIDGE_PORT", "2222")

    settings = read_settings(env_file=str(file))

    assert (settings.port, settings.host) == (2222, "10.0.0.1")


def test_a_setting_can_be_handed_on_to_the_processes_that_are_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BRIDGE_WORKERS", "1")

    hand_on("workers", 3)

    assert read_settings(env_file="").workers == 3


def test_every_missing_secret_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        read_variables(["A_SECRET", "B_SECRET", "C_SECRET"], {"B_SECRET": "x", "C_SECRET": " "})

    assert [one.partition(":")[0] for one in caught.value.problems] == ["A_SECRET", "C_SECRET"]


def test_secrets_do_not_show() -> None:
    settings = read_settings({"BRIDGE_TOKEN_SECRETS": "s3cret"})

    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_described(name: str) -> None:
    assert Settings.model_fields[name].description


def test_times_of_keeping_are_days_and_must_not_contradict_each_other() -> None:
    assert read_settings({"BRIDGE_KEEP_BODIES": "0.5"}).keep() == Keep(
        43_200.0, 30 * 86_400.0, 90 * 86_400.0
    )
    assert read_settings({}).keep() == Keep()

    for environ in ({"BRIDGE_KEEP_BODIES": "31"}, {"BRIDGE_KEEP_OUTCOMES": "29"}):
        with pytest.raises(SettingsError, match="none may be shorter than the one before"):
            read_settings(environ)


def test_keys_that_are_none_are_named_by_their_place_and_not_shown() -> None:
    key = new_key()
    assert read_settings({"BRIDGE_JOURNAL_KEYS": f" {key}  {key} "}).keys() == (key, key)

    with pytest.raises(SettingsError) as caught:
        read_settings(
            {"BRIDGE_JOURNAL_KEYS": f"{key} s3cret {key[:-2]}", "BRIDGE_KEEP_BODIES": "99"}
        )

    assert "found 99, 30, 90 days" in caught.value.problems[0]
    assert caught.value.problems[1:] == (
        "BRIDGE_JOURNAL_KEYS: number 2 is no key of `bridge journal key`",
        "BRIDGE_JOURNAL_KEYS: number 3 is no key of `bridge journal key`",
    )


def test_the_journal_is_opened_with_what_is_set() -> None:
    key = new_key()
    environ = {"BRIDGE_JOURNAL": "sqlite:///x.db", "BRIDGE_JOURNAL_KEYS": key, "BRIDGE_QUIET": "5"}
    opening = read_settings(environ).opening(register=False)

    assert opening == Opening("sqlite:///x.db", Patience(quiet=5.0), register=False, keys=(key,))
    assert key not in repr(opening)
    assert read_settings(environ).opening().register


@pytest.mark.parametrize(("quiet", "stop"), [("25", "25"), ("10", "5")])
def test_a_stop_has_to_be_longer_than_an_order_rests(quiet: str, stop: str) -> None:
    environ = {"BRIDGE_QUIET": quiet, "BRIDGE_STOP_AFTER": stop}

    with pytest.raises(SettingsError, match=r"BRIDGE_STOP_AFTER: found \d+ s, wanted more than"):
        read_settings(environ)
