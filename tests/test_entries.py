"""What people read of the journal, and how they send a dead letter again."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.app import configure
from bridge.entries import show_entry
from bridge.errors import SettingsError
from bridge.explain import explain_entry
from bridge.journal.protocol import Filter
from bridge.load import Loaded
from bridge.settings import Settings
from bridge.tell import entry_lines
from bridge.types import Verdict
from tests.house import Outside, webhook
from tests.operators import installed, listed, posted

REFUSED = Verdict("refused", "ErrorCode 9 General_BiggerThanZero")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a bridge with one store, and its journal."""
    return installed(tmp_path, monkeypatch)


async def test_entries_are_listed_newest_first_with_where_they_stand(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    await posted(
        tmp_path,
        loaded,
        Outside(verdicts=[REFUSED]),
        webhook(),
        webhook("shopify/pending_not_paid"),
        webhook(body=b"{"),
    )

    lines = await listed(settings, Filter())
    dead = await listed(settings, Filter(state="dead"))
    one = await listed(settings, Filter(resource="6100000000001", state="dead"))

    assert [line.split()[0] for line in lines] == ["3", "2", "1"]
    assert "bonifiq.order=refused" in lines[2]
    assert [line.split()[0] for line in dead] == ["3", "1"]
    assert [line.split()[0] for line in one] == ["1"]
    assert await listed(settings, Filter(store="other")) == ["no entry"]


async def test_an_entry_is_shown_with_its_reason_and_without_its_body(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    await posted(tmp_path, loaded, Outside(verdicts=[REFUSED]), webhook(), webhook())

    shown = "\n".join(entry_lines(await show_entry(settings, 1)))

    assert "ErrorCode 9 General_BiggerThanZero" in shown
    assert "copies received  1" in shown
    assert "ana.exemplo" not in shown
    with pytest.raises(LookupError):
        await show_entry(settings, 99)


async def test_what_was_left_out_is_shown_with_its_line_and_without_its_value(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    await posted(tmp_path, loaded, Outside(), webhook("shopify/phone_not_understood"))

    shown = "\n".join(entry_lines(await show_entry(settings, 1)))
    explained = await explain_entry(settings, 1, None)

    assert "bonifiq.order  delivered" in shown
    assert "mappings/sources/shopify.toml:" in shown
    assert ": customer.phone: left out: no phone number of BR" in shown
    assert "555" not in shown
    at = explained.index("  Customer.Phone")
    assert explained[at + 1].endswith(": customer.phone: left out: no phone number of BR")


async def test_an_entry_is_explained_from_what_the_journal_kept(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    await posted(tmp_path, loaded, Outside(), webhook())

    told = "\n".join(await explain_entry(settings, 1, "bonifiq.order"))

    assert "OrderTotal = 196.20" in told
    assert "mappings/sources/shopify.toml:" in told.replace(str(tmp_path), "")


def test_what_is_forgotten_while_it_is_needed_is_refused_at_start(
    settings: Settings, tmp_path: Path
) -> None:
    connections = tmp_path / "mappings" / "connections.toml"
    text = connections.read_text().replace("[stores.shop]\n", "[stores.shop]\nhorizon = 864000\n")
    connections.write_text(text)
    short = settings.model_copy(
        update={"keep_bodies": 1.0, "keep_dead_bodies": 1.1, "keep_outcomes": 1.1}
    )

    with pytest.raises(SettingsError) as caught:
        configure(short)

    bodies, outcomes = caught.value.problems
    assert bodies == (
        "BRIDGE_KEEP_BODIES: 1 days, and store 'shop' goes on trying for 10 (`horizon`): wanted more"
    )
    assert outcomes == (
        "BRIDGE_KEEP_OUTCOMES: 1.1 days, and the platform of store 'shop' repeats so long that 1.17 "
        "are needed"
    )
    assert configure(settings.model_copy(update={"keep_bodies": 10.1})).routes
    with pytest.raises(SettingsError):
        configure(settings.model_copy(update={"keep_bodies": 10.0}))
