"""What people read of the journal, and how they send a dead letter again."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.app import configure
from bridge.entries import list_entries, replay_entry, show_entry
from bridge.errors import SettingsError
from bridge.explain import explain_entry
from bridge.journal.protocol import Filter
from bridge.load import Loaded
from bridge.pipeline import process
from bridge.settings import Settings, read_settings
from bridge.types import InboundRequest, Verdict
from tests.conftest import ROOT
from tests.house import Outside, opened, rooms_of, store_route, webhook

REFUSED = Verdict("refused", "ErrorCode 9 General_BiggerThanZero")
CONNECTIONS = """
[stores.shop]
source  = "shopify"
tenant  = "casa-inventada.myshopify.com"
secrets = ["SHOP_SECRET"]
[stores.shop.endpoints."bonifiq.order"]
credentials = { user = "SHOP_TOKEN", password = "SHOP_KEY" }
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a bridge with one store, and its journal."""
    mappings = tmp_path / "mappings"
    mappings.mkdir()
    for name in ("sources", "destinations"):
        (mappings / name).symlink_to(ROOT / "mappings" / name)
    (mappings / "connections.toml").write_text(CONNECTIONS)
    for name in ("SHOP_SECRET", "SHOP_TOKEN", "SHOP_KEY"):
        monkeypatch.setenv(name, "x")
    return read_settings(
        {
            "BRIDGE_MAPPINGS": str(mappings),
            "BRIDGE_JOURNAL": f"sqlite:///{tmp_path}/journal.db",
        }
    )


async def posted(tmp_path: Path, loaded: Loaded, outside: Outside, *all_: InboundRequest) -> None:
    async with opened(tmp_path) as journal:
        rooms = rooms_of(journal, outside, store_route(loaded))
        for request in all_:
            await process(request, rooms, started=rooms.clock())


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

    lines = await list_entries(settings, Filter())
    dead = await list_entries(settings, Filter(state="dead"))
    one = await list_entries(settings, Filter(resource="6100000000001", state="dead"))

    assert [line.split()[0] for line in lines] == ["3", "2", "1"]
    assert "bonifiq.order=refused" in lines[2]
    assert [line.split()[0] for line in dead] == ["3", "1"]
    assert [line.split()[0] for line in one] == ["1"]
    assert await list_entries(settings, Filter(store="other")) == ["no entry"]


async def test_an_entry_is_shown_with_its_reason_and_without_its_body(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    await posted(tmp_path, loaded, Outside(verdicts=[REFUSED]), webhook(), webhook())

    shown = "\n".join(await show_entry(settings, 1))

    assert "ErrorCode 9 General_BiggerThanZero" in shown
    assert "copies received  1" in shown
    assert "ana.exemplo" not in shown
    with pytest.raises(LookupError):
        await show_entry(settings, 99)


async def test_what_was_left_out_is_shown_with_its_line_and_without_its_value(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    await posted(tmp_path, loaded, Outside(), webhook("shopify/phone_not_understood"))

    shown = "\n".join(await show_entry(settings, 1))
    explained = await explain_entry(settings, 1, None)

    assert "bonifiq.order  delivered" in shown
    assert "mappings/sources/shopify.toml:" in shown
    assert ": customer.phone: left out: no phone number of BR" in shown
    assert "555" not in shown
    at = explained.index("  Customer.Phone")
    assert explained[at + 1].endswith(": customer.phone: left out: no phone number of BR")


async def test_a_refused_delivery_is_queued_again_and_a_delivered_one_is_not(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    await posted(
        tmp_path,
        loaded,
        Outside(verdicts=[REFUSED]),
        webhook(),
        webhook("shopify/order_cancelled"),
    )

    assert await replay_entry(settings, 1, None) == ["bonifiq.order: queued (replayed)"]
    assert await replay_entry(settings, 2, None) == ["bonifiq.order: delivered"]


async def test_what_still_cannot_be_mapped_is_told_and_stays_dead(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    await posted(tmp_path, loaded, Outside(), webhook(body=b"{"))

    told = await replay_entry(settings, 1, None)

    assert told[0].startswith("entry 1 still cannot be sent: body: found no JSON")
    assert "dead" in (await list_entries(settings, Filter()))[0]


async def test_a_dead_letter_is_cured_by_a_corrected_mapping(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    """The order has no shipping lines: the shop says that it ships nothing."""
    await posted(tmp_path, loaded, Outside(), webhook("shopify/without_shipping_lines"))
    sources = tmp_path / "mappings" / "sources"
    text = (sources / "shopify.toml").read_text()
    sources.unlink()
    sources.mkdir()
    line = "body.shipping_lines[*].price | sum"
    assert line in text
    (sources / "shopify.toml").write_text(text.replace(line, f"{line} ?? 0"))

    told = await replay_entry(settings, 1, None)

    assert told == ["bonifiq.order: queued"]


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
