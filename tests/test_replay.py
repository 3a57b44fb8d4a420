"""A replay is told before it is made, and makes exactly what was told."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.app import configure
from bridge.entries import list_letters, reading, show_entry
from bridge.errors import FetchFailed
from bridge.journal.protocol import Filter
from bridge.letters import Request
from bridge.load import Loaded
from bridge.pipeline import process
from bridge.plan import Route
from bridge.replay import Move, Prospect, carry_out, fates, look, lost
from bridge.settings import Settings
from bridge.types import Cause, InboundRequest, Verdict, VerifiedRequest
from tests.house import Outside, edited, opened, prove, rooms_of, store_route, webhook
from tests.operators import corrected, installed, posted

SOURCE = ("sources", "shopify.toml")
SHIPPING = "body.shipping_lines[*].price | sum"
ORDER = "bonifiq.order"
REFUSED = Verdict("refused", "no", causes=(Cause("send", "bonifiq_9"),))
ALL = Request()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return installed(tmp_path, monkeypatch)


@pytest.fixture
def today(loaded: Loaded) -> Mapping[str, Route]:
    """The files as they came."""
    return {"shop": store_route(loaded)}


async def looked(
    settings: Settings, request: Request = ALL, routes: Mapping[str, Route] | None = None
) -> tuple[Move, ...]:
    """Look with *routes*; without them, with the files as they are now."""
    async with reading(settings) as journal:
        return await look(journal, routes or configure(settings).routes, request)


async def made(settings: Settings, moves: Sequence[Move]) -> int:
    async with reading(settings) as journal:
        return await carry_out(journal, moves, rate=1000, stop=asyncio.Event())


def told(moves: Sequence[Move]) -> list[tuple[int, str, str, bool]]:
    return [
        (one.entry, one.endpoint, one.fate, move.made) for move in moves for one in move.prospects
    ]


def only(moves: Sequence[Move]) -> Prospect:
    [prospect] = [one for move in moves for one in move.prospects]
    return prospect


async def states(settings: Settings, entry: int) -> dict[str, str]:
    return {one.endpoint: one.state for one in (await show_entry(settings, entry)).deliveries}


def contents(tmp_path: Path) -> list[Any]:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        tables = ("entry", "body", "delivery", "cause", "lane")
        return [db.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


def without_shipping(**fields: Any) -> InboundRequest:
    return edited("shopify/without_shipping_lines", **fields)


async def test_what_a_correction_cures_is_told_and_then_replayed(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    """The orders have no shipping lines: the shop says that it ships nothing."""
    await posted(tmp_path, loaded, Outside(), without_shipping(id=1), without_shipping(id=2))
    before = await looked(settings)
    corrected(tmp_path, *SOURCE, SHIPPING, f"{SHIPPING} ?? 0")
    untouched = contents(tmp_path)

    moves = await looked(settings)

    assert [(one[2], one[3]) for one in told(before)] == [("broken", False)] * 2
    assert only(before[:1]).causes[0].field == "order.shipping"
    assert told(moves) == [(2, ORDER, "cured", True), (1, ORDER, "cured", True)]
    assert lost(before)
    assert not lost(moves)
    assert contents(tmp_path) == untouched
    assert await made(settings, moves) == 2
    assert await states(settings, 1) == await states(settings, 2) == {ORDER: "queued"}
    assert await list_letters(settings, Filter()) == ()
    assert await looked(settings) == ()


async def test_what_still_cannot_be_mapped_stays_as_it_is(
    settings: Settings, tmp_path: Path, loaded: Loaded, today: Mapping[str, Route]
) -> None:
    await posted(tmp_path, loaded, Outside(), webhook(body=b"{"))
    untouched = contents(tmp_path)

    moves = await looked(settings, Request((1,)), today)

    prospect = only(moves)
    assert (prospect.fate, prospect.causes) == (
        "broken",
        (Cause("read", "not_json", field="body"),),
    )
    assert prospect.reason.startswith("body: found no JSON")
    assert await made(settings, moves) == 0
    assert contents(tmp_path) == untouched


async def test_what_a_destination_refused_is_replayed_when_it_is_named(
    settings: Settings, tmp_path: Path, loaded: Loaded, today: Mapping[str, Route]
) -> None:
    outside = Outside(verdicts=[REFUSED, Verdict("refused", "no", causes=(Cause("send", "x"),))])
    await posted(tmp_path, loaded, outside, edited(id=1), edited(id=2))

    held = await looked(settings, ALL, today)
    by_code = await looked(settings, Request(wanted=Filter(code="bonifiq_9")), today)

    assert told(held) == [(2, ORDER, "again", False), (1, ORDER, "again", False)]
    assert [one.held for move in held for one in move.prospects] == [True, True]
    assert told(by_code) == [(1, ORDER, "again", True)]
    for request in (
        Request((2, 1)),
        Request(everything=True),
        Request(wanted=Filter(stage="send")),
    ):
        assert [one[3] for one in told(await looked(settings, request, today))] == [True, True]
    assert await made(settings, by_code) == 1
    assert await states(settings, 1) == {ORDER: "queued"}
    assert await states(settings, 2) == {ORDER: "refused"}


async def test_what_was_given_up_is_replayed_when_it_is_named(
    settings: Settings, tmp_path: Path, loaded: Loaded, today: Mapping[str, Route]
) -> None:
    await posted(tmp_path, loaded, Outside(verdicts=[REFUSED]), webhook())
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute("UPDATE delivery SET state = 'failed'")
        db.execute("UPDATE cause SET stage = 'store', code = 'out_of_time'")
        db.commit()

    assert told(await looked(settings, ALL, today)) == [(1, ORDER, "again", False)]
    assert (await looked(settings, Request(wanted=Filter(state="dead")), today))[0].made is False
    failed = await looked(settings, Request(wanted=Filter(state="failed")), today)
    assert told(failed) == [(1, ORDER, "again", True)]
    assert await looked(settings, Request(wanted=Filter(state="refused")), today) == ()


async def test_what_the_destination_s_file_made_wrong_is_cured_by_it(
    settings: Settings, tmp_path: Path, loaded: Loaded, today: Mapping[str, Route]
) -> None:
    """The file that was wrong is the one of yesterday; today's is right."""
    await posted(tmp_path, loaded, Outside(verdicts=[REFUSED, REFUSED]), edited(id=1), edited(id=2))
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute("UPDATE cause SET stage = 'validate', code = 'missing' WHERE entry = 2")
        db.commit()

    moves = await looked(settings, ALL, today)

    assert told(moves) == [(2, ORDER, "cured", True), (1, ORDER, "again", False)]


async def test_one_correction_replays_nothing_of_another_cause(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    """One order has two dead letters: one for its destination, one for the other's file."""
    both = (ORDER, "cheqpay.customer")
    nameless = {"id": 7, "email": "ana@x.example"}
    request = edited(customer=nameless, billing_address=None, shipping_address=None)
    await posted(tmp_path, loaded, Outside(verdicts=[REFUSED]), request, endpoints=both)
    today = {"shop": store_route(loaded, endpoints=both)}

    causes = {one.endpoint: one.causes for one in (await show_entry(settings, 1)).deliveries}
    [cause] = causes["cheqpay.customer"]
    by_line = Filter(file="cheqpay_customer.toml", line=cause.line)
    other_line = Filter(file="cheqpay_customer.toml", line=cause.line + 1)

    assert (cause.stage, cause.code, cause.field) == ("validate", "missing", "firstName")
    for wanted, found in (
        (by_line, [(1, "cheqpay.customer", "broken", False)]),
        (other_line, []),
        (Filter(endpoint="cheqpay.customer"), [(1, "cheqpay.customer", "broken", False)]),
        (Filter(code="bonifiq_9"), [(1, ORDER, "again", True)]),
        (Filter(field="firstName", code="bonifiq_9"), []),
        (Filter(target="fixture", stage="send"), [(1, ORDER, "again", True)]),
        (Filter(target="elsewhere"), []),
        (Filter(unsure=True), []),
    ):
        assert told(await looked(settings, Request(wanted=wanted), today)) == found

    moves = await looked(settings, Request(wanted=Filter(stage="send")), today)
    assert await made(settings, moves) == 1
    assert await states(settings, 1) == {ORDER: "queued", "cheqpay.customer": "refused"}


async def test_what_is_delivered_or_open_is_only_told(
    settings: Settings, tmp_path: Path, loaded: Loaded, today: Mapping[str, Route]
) -> None:
    busy = Verdict("transient", "503")
    await posted(tmp_path, loaded, Outside(verdicts=[Verdict("delivered"), busy]),
                 edited(id=1), edited(id=2))  # fmt: skip

    moves = await looked(settings, Request((1, 2)), today)

    assert told(moves) == [(1, ORDER, "delivered", False), (2, ORDER, "open", False)]
    assert await looked(settings, ALL, today) == ()
    assert fates(moves) == {"delivered": 1, "open": 1}
    assert not lost(moves)


async def test_what_is_older_than_what_was_delivered_is_put_away(
    settings: Settings, tmp_path: Path, loaded: Loaded, today: Mapping[str, Route]
) -> None:
    await posted(
        tmp_path,
        loaded,
        Outside(verdicts=[REFUSED]),
        edited(total_price="500.00", updated_at="2020-01-01T00:00:00Z", id=77),
        edited(total_price="600.00", updated_at="2021-01-01T00:00:00Z", id=77),
    )

    moves = await looked(settings, Request(wanted=Filter(stage="send")), today)

    assert told(moves) == [(1, ORDER, "stale", True)]
    assert only(moves).reason == "entry 2 is newer and was delivered"


async def test_what_today_is_not_wanted_is_put_away(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    outside = Outside(verdicts=[REFUSED])
    await posted(tmp_path, loaded, outside, webhook(), without_shipping(id=2))
    text = (tmp_path / "mappings" / "sources" / "shopify.toml").read_text()
    [line] = [one for one in text.splitlines() if one.startswith('"orders/paid"')]
    corrected(tmp_path, *SOURCE, line, '"orders/paid" = []')

    moves = await looked(settings, Request(everything=True))
    assert told(moves) == [(2, "", "ignored", True), (1, ORDER, "ignored", True)]
    assert await made(settings, moves) == 2

    assert await states(settings, 1) == {ORDER: "ignored"}
    for entry in (1, 2):
        assert (await show_entry(settings, entry)).state == "done"
    assert "not wanted" in ((await show_entry(settings, 2)).problem or "")
    assert await looked(settings) == ()


async def test_what_became_of_interest_can_be_replayed_by_its_number(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    text = (tmp_path / "mappings" / "sources" / "shopify.toml").read_text()
    [line] = [one for one in text.splitlines() if one.startswith('"orders/paid"')]
    corrected(tmp_path, *SOURCE, line, '"orders/paid" = []')
    unwanted = replace(loaded.checked.sources["shopify"], topics={"orders/paid": ()})
    deaf = replace(
        loaded,
        checked=replace(loaded.checked, sources={**loaded.checked.sources, "shopify": unwanted}),
    )
    await posted(tmp_path, deaf, Outside(), webhook())

    still = await looked(settings, Request((1,)))
    corrected(tmp_path, *SOURCE, '"orders/paid" = []', line)
    now = await looked(settings, Request((1,)))

    assert told(still) == [(1, "", "ignored", True)]
    assert told(now) == [(1, ORDER, "cured", True)]
    assert await made(settings, now) == 1
    assert await states(settings, 1) == {ORDER: "queued"}


async def test_what_cannot_be_looked_at_is_told(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    await posted(tmp_path, loaded, Outside(), webhook(body=b"{"), without_shipping())
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute("DELETE FROM body WHERE entry = 1")
        db.commit()

    async with reading(settings) as journal:
        unknown = await look(journal, {}, ALL)
        with pytest.raises(LookupError, match="no entry 9"):
            await look(journal, {}, Request((9,)))

    assert told(unknown) == [(2, "", "no store", False), (1, "", "no body", False)]
    assert lost(unknown)
    assert await made(settings, unknown) == 0


async def test_what_could_not_be_fetched_is_fetched_again(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    denied = FetchFailed("no", transient=False, code="http_401", field="order")
    proved = await prove(webhook("nuvemshop/order_paid"), store_route(loaded))

    async def trust(_: InboundRequest, __: Route) -> VerifiedRequest:
        return proved

    async with opened(tmp_path) as journal:
        rooms = rooms_of(journal, Outside(fetched=[denied]), store_route(loaded, "nuvemshop"))
        await process(proved.request, replace(rooms, verify=trust), started=rooms.clock())
    held = await looked(settings, ALL, rooms.routes)
    named = await looked(settings, Request((1,)), rooms.routes)

    assert [one.causes for one in (await show_entry(settings, 1)).deliveries] == [
        (Cause("fetch", "http_401", rooms.routes["shop"].source.file, field="order"),)
    ]
    assert told(held) == [(1, "~", "fetch", False)]
    assert told(named) == [(1, "~", "fetch", True)]
    assert await made(settings, named) == 1
    assert await states(settings, 1) == {"~": "queued"}


async def test_what_was_delivered_is_sent_again_only_on_demand_and_only_if_it_is_the_newest(
    settings: Settings, tmp_path: Path, loaded: Loaded, today: Mapping[str, Route]
) -> None:
    old = edited(id=77, total_price="500.00", updated_at="2020-01-01T00:00:00Z")
    new = edited(id=77, total_price="600.00", updated_at="2021-01-01T00:00:00Z")
    await posted(tmp_path, loaded, Outside(), old, new)

    moves = await looked(settings, Request((1, 2), again=True), today)

    assert told(moves) == [(1, ORDER, "stale", False), (2, ORDER, "again", True)]
    assert await made(settings, moves) == 1
    assert await states(settings, 2) == {ORDER: "delivered"}
    assert await states(settings, 3) == {ORDER: "queued"}
    with pytest.raises(LookupError):
        await show_entry(settings, 4)


async def test_an_endpoint_that_was_connected_since_gets_an_old_entry_by_its_number(
    settings: Settings, tmp_path: Path, loaded: Loaded, today: Mapping[str, Route]
) -> None:
    await posted(tmp_path, loaded, Outside(), webhook(), endpoints=("cheqpay.customer",))

    moves = await looked(settings, Request((1,)), today)

    assert told(moves) == [
        (1, "cheqpay.customer", "delivered", False),
        (1, ORDER, "cured", True),
    ]
    assert await made(settings, moves) == 1
    assert (await states(settings, 1))[ORDER] == "queued"


async def test_a_replay_stops_between_two_entries_and_goes_on_later(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    requests = [without_shipping(id=number) for number in range(3)]
    await posted(tmp_path, loaded, Outside(), *requests)
    corrected(tmp_path, *SOURCE, SHIPPING, f"{SHIPPING} ?? 0")
    stop, moves = asyncio.Event(), await looked(settings)

    async with reading(settings) as journal:
        # At this rate the second entry's turn is in an hour.
        done = await carry_out(journal, moves, rate=1 / 3600, stop=stop, done=stop.set)

    assert done == 1
    rest = await looked(settings)
    assert [one[0] for one in told(rest)] == [2, 1]
    assert await made(settings, moves) == 3
    assert [await states(settings, entry) for entry in (1, 2, 3)] == [{ORDER: "queued"}] * 3


async def test_entries_are_replayed_at_the_rate_that_was_asked_for(
    settings: Settings, tmp_path: Path, loaded: Loaded
) -> None:
    requests = [without_shipping(id=number) for number in range(3)]
    await posted(tmp_path, loaded, Outside(), *requests)
    corrected(tmp_path, *SOURCE, SHIPPING, f"{SHIPPING} ?? 0")
    moves = await looked(settings)
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async with reading(settings) as journal:
        await carry_out(
            journal, moves, rate=20, stop=asyncio.Event(), done=lambda: times.append(loop.time())
        )

    assert times[2] - times[0] >= 0.09


async def test_an_endpoint_that_is_not_fed_any_more_is_told(
    settings: Settings, tmp_path: Path, loaded: Loaded, today: Mapping[str, Route]
) -> None:
    nameless = webhook("shopify/customer_without_name")
    await posted(tmp_path, loaded, Outside(), nameless, endpoints=("cheqpay.customer",))

    prospect = only(await looked(settings, ALL, today))

    assert prospect.fate == "broken"
    assert prospect.reason == "the store does not feed 'cheqpay.customer' any more"
    assert prospect.causes == (Cause("store", "not_connected"),)
