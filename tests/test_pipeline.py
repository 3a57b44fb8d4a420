"""The story of one webhook: what is sent, what is durable, and what the store is told."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.destinations.endpoint import Limits
from bridge.errors import (
    FetchFailed,
    JournalUnavailable,
    SignatureMismatch,
    SignatureMissing,
    TenantMismatch,
    UnknownStore,
    WrongMethod,
)
from bridge.journal.protocol import Arrival, Filter, Journal, Opening, Patience, Receipt
from bridge.journal.sqlite import open_sqlite
from bridge.load import Loaded
from bridge.mapping.compile import Compiler
from bridge.mapping.destination import EVENT_SPACES
from bridge.mapping.library import BUILT_IN
from bridge.mapping.lines import Place
from bridge.mapping.source import AnswerPolicy
from bridge.park import finish_due
from bridge.pipeline import process
from bridge.plan import Route, plan
from bridge.types import Answer, InboundRequest, Payload, Verdict
from tests.conftest import ROOT
from tests.house import ORDER, Outside, edited, opened, prove, rooms_of, store_route, webhook

DOWN = Verdict("transient", "no connection: ConnectError")
LOST = Verdict("unsure", "no answer within 30 s")
REFUSED = Verdict("refused", "ErrorCode 9")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with opened(tmp_path) as one:
        yield one


@pytest.fixture
def outside() -> Outside:
    return Outside()


class House:
    """Store ``shop``, to be posted to."""

    def __init__(self, journal: Journal, outside: Outside, loaded: Loaded, **store: object) -> None:
        platform = str(store.pop("platform", "shopify"))
        self.route = store_route(loaded, platform, **store)  # type: ignore[arg-type]
        self.rooms = rooms_of(journal, outside, self.route)

    async def post(self, request: InboundRequest) -> Answer:
        return await process(request, self.rooms, started=self.rooms.clock())


@pytest.fixture
def house(journal: Journal, outside: Outside, loaded: Loaded) -> House:
    return House(journal, outside, loaded)


def phone_line() -> str:
    """Where the phone of an order's customer is mapped."""
    file = "mappings/sources/shopify.toml"
    lines = (ROOT / file).read_text().splitlines()
    number = next(at for at, line in enumerate(lines, 1) if line.startswith("phone"))
    column = lines[number - 1].index('"') + 2
    return f"{file}:{number}:{column}"


async def states(journal: Journal, entry: int | None) -> dict[str, str]:
    assert entry is not None
    return {one.endpoint: one.state for one in (await journal.show(entry)).deliveries}


class Kept(dict[str, str]):
    """Headers that can be watched."""


@pytest.mark.parametrize("fetches", [False, True])
async def test_nothing_of_a_webhook_is_left_to_the_garbage_collector(
    journal: Journal, outside: Outside, loaded: Loaded, *, fetches: bool
) -> None:
    extra = {"tokens": {"admin_token": "t"}, "settings": {"shop_domain": "shop.example"}}
    house = House(journal, outside, loaded, **(extra if fetches else {}))
    outside.fetched = [{"extra": {}}]
    headers = Kept(webhook().headers)
    watched = weakref.ref(headers)
    gc.disable()
    try:
        told = await house.post(replace(webhook(), headers=headers))
        await house.rooms.flights.drain(5.0)
        del headers
        await asyncio.sleep(0)
        assert (told.status, watched()) == ("delivered", None)
    finally:
        gc.enable()


async def test_an_order_is_sent_once_and_the_store_is_told_delivered(
    house: House, outside: Outside, journal: Journal
) -> None:
    told = await house.post(webhook())

    assert (told.status_code, told.status) == (200, "delivered")
    assert outside.totals == ["196.20"]
    assert await states(journal, told.entry) == {ORDER: "delivered"}


async def test_a_repeat_is_a_duplicate_and_nothing_is_sent(house: House, outside: Outside) -> None:
    first = await house.post(webhook())
    second = await house.post(webhook())

    assert (second.status_code, second.status) == (200, "duplicate")
    assert second.entry == first.entry
    assert len(outside.sent) == 1


async def test_copies_of_the_same_instant_are_sent_once_and_told_alike(
    house: House, outside: Outside
) -> None:
    told = await asyncio.gather(*(house.post(webhook()) for _ in range(8)))

    assert len(outside.sent) == 1
    assert {one.status_code for one in told} == {200}
    assert {one.entry for one in told} == {told[0].entry}


async def test_equal_payloads_of_different_events_are_sent_once(
    house: House, outside: Outside
) -> None:
    await house.post(webhook())
    told = await house.post(webhook(x_shopify_event_id="another"))

    assert told.status == "ignored"
    assert len(outside.sent) == 1


async def test_older_news_never_overwrite_newer(house: House, outside: Outside) -> None:
    newer = edited(updated_at="2026-03-10T10:00:00-03:00", name="#newer")
    older = edited(updated_at="2026-03-10T09:00:00-03:00", name="#older")

    await house.post(newer)
    told = await house.post(older)

    assert (told.status_code, told.status) == (200, "stale")
    assert len(outside.sent) == 1


async def test_when_the_destination_is_down_the_event_is_parked_and_finished(
    house: House, outside: Outside, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    outside.verdicts = [DOWN]

    told = await house.post(webhook())
    await house.rooms.flights.drain(5.0)
    assert (told.status_code, told.status) == (200, "parked")
    assert await states(journal, told.entry) == {ORDER: "queued"}

    begun = await finish_due(house.rooms)
    await house.rooms.flights.drain(5.0)

    assert begun == 1
    assert outside.totals == ["196.20", "196.20"]
    assert await states(journal, told.entry) == {ORDER: "delivered"}


async def test_refuse_asks_the_store_to_repeat_and_takes_its_repeat(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, park=False)
    outside.verdicts = [DOWN]

    first = await house.post(webhook())
    await house.rooms.flights.drain(5.0)
    second = await house.post(webhook())

    assert (first.status_code, first.status) == (503, "unavailable")
    assert first.retry_after
    assert second.status_code == 200
    assert len(outside.sent) == 2
    assert await states(journal, second.entry) == {ORDER: "delivered"}


async def test_what_its_store_stops_repeating_becomes_a_dead_letter_that_is_seen(
    tmp_path: Path, outside: Outside, loaded: Loaded
) -> None:
    opening = Opening(f"sqlite:///{tmp_path}/journal.db", Patience(quiet=0.0))
    journal = await open_sqlite(opening, clock=lambda: time.time() + outside.now)
    house = House(journal, outside, loaded, park=False)
    outside.verdicts = [DOWN]
    told = await house.post(webhook())
    await house.rooms.flights.drain(5.0)

    outside.now += house.route.source.answer.retry_window + 3600.0 + 1.0
    await journal.sweep()

    (seen,) = await journal.entries(Filter(state="dead"))
    assert (told.status_code, seen.entry) == (503, told.entry)
    assert seen.deliveries[0].reason == f"the store stopped repeating; last: {DOWN.reason}"
    await journal.close()


async def test_at_the_deadline_the_store_is_answered_and_the_flight_goes_on(
    journal: Journal, outside: Outside, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.pipeline.PARK_FIRST", 0.0)
    house = House(journal, outside, loaded, within=1.0)
    outside.gate = asyncio.Event()
    started = time.monotonic()

    told = await house.post(webhook())
    assert time.monotonic() - started > 0.1
    assert (told.status_code, told.status) == (200, "parked")
    assert await states(journal, told.entry) == {ORDER: "flying"}

    outside.gate.set()
    await house.rooms.flights.drain(5.0)
    again = await house.post(webhook())

    assert await states(journal, told.entry) == {ORDER: "delivered"}
    assert again.status == "duplicate"
    assert len(outside.sent) == 1


@pytest.mark.parametrize("slow", ["receive", "sync"])
async def test_a_journal_that_is_too_slow_for_the_deadline_is_not_waited_for(
    journal: Journal, outside: Outside, loaded: Loaded, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    monkeypatch.setattr("bridge.pipeline.PARK_FIRST", 0.0)
    house = House(journal, outside, loaded, within=0.3)
    outside.gate, goes_on = asyncio.Event(), asyncio.Event()
    promptly = getattr(journal, slow)

    async def late(*arguments: object, **options: object) -> object:
        await goes_on.wait()
        return await promptly(*arguments, **options)

    monkeypatch.setattr(journal, slow, late)

    told = await asyncio.wait_for(house.post(webhook()), 10.0)
    assert (told.status_code, told.status) == (503, "unavailable")

    # The store's repeat finds what was begun, or begins it.
    goes_on.set()
    outside.gate.set()
    again = await house.post(webhook())
    assert again.status_code == 200
    assert len(outside.sent) == 1


@pytest.mark.parametrize("within", [1.0, 1.25, 1.9])
async def test_a_platform_that_hardly_waits_is_answered_once_its_webhook_is_on_disk(
    journal: Journal,
    outside: Outside,
    loaded: Loaded,
    monkeypatch: pytest.MonkeyPatch,
    within: float,
) -> None:
    outside.gate = asyncio.Event()
    house = House(journal, outside, loaded, within=within)
    synced, receive = [], journal.receive

    async def watched(arrival: object, *, sync: bool) -> object:
        synced.append(sync)
        return await receive(arrival, sync=sync)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "receive", watched)
    # The clock of the rooms stands still, so whoever waits for a deadline waits for ever.
    house.rooms = replace(house.rooms, clock=lambda: 100.0)

    told = await asyncio.wait_for(house.post(webhook()), 5.0)
    again = await asyncio.wait_for(house.post(webhook()), 5.0)
    assert [(one.status_code, one.status) for one in (told, again)] == [(200, "parked")] * 2
    assert (synced, told.entry) == ([True, True], again.entry)

    outside.gate.set()
    await house.rooms.flights.drain(5.0)
    assert await states(journal, told.entry) == {ORDER: "delivered"}
    assert len(outside.sent) == 1


async def test_a_platform_that_hardly_waits_and_wants_to_repeat_itself_is_waited_for(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    """Whoever is told 503 has to know that nothing was delivered."""
    house = House(journal, outside, loaded, within=1.25, park=False)

    assert (await house.post(webhook())).status == "delivered"


async def test_what_is_known_at_once_is_told_at_once_however_short_the_time(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, within=1.25)

    assert (await house.post(webhook(x_shopify_topic="orders/create"))).status == "ignored"
    assert (await house.post(webhook(body=b"{"))).reason.startswith("body: ")


async def test_a_platform_gets_the_one_answer_that_it_takes_for_a_success(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, park=False)
    policy = AnswerPolicy(
        5.0, retries=True, body='{"op": "success"}', media_type="application/json"
    )
    source = replace(house.route.source, answer=policy)
    house.rooms = replace(house.rooms, routes={"shop": replace(house.route, source=source)})
    outside.verdicts = [DOWN]

    down = await house.post(webhook())
    told = [await house.post(webhook()), await house.post(webhook(x_shopify_topic="orders/create"))]

    assert (down.status_code, down.body) == (503, None)
    assert [one.status for one in told] == ["duplicate", "ignored"]
    assert {(one.status_code, one.body, one.media_type) for one in told} == {
        (200, '{"op": "success"}', "application/json")
    }


async def test_a_request_of_another_method_is_no_webhook(
    house: House, outside: Outside, journal: Journal
) -> None:
    """A person with the address of a store in the browser leaves nothing behind."""
    with pytest.raises(WrongMethod, match="is sent with POST"):
        await house.post(replace(webhook(), method="GET"))
    source = replace(house.route.source, methods=("POST", "PUT"))
    house.rooms = replace(house.rooms, routes={"shop": replace(house.route, source=source)})

    assert await journal.entries(Filter()) == ()
    assert (await house.post(replace(webhook(), method="PUT"))).status == "delivered"


async def test_a_lost_answer_is_parked_at_once_and_repeated_with_the_same_id(
    house: House, outside: Outside, journal: Journal
) -> None:
    outside.verdicts = [LOST]

    told = await house.post(webhook())
    await house.rooms.flights.drain(5.0)

    assert told.status == "parked"
    shown = await journal.show(told.entry or 0)
    assert shown.deliveries[0].unsure


async def test_an_older_event_waits_behind_one_that_may_have_been_accepted(
    house: House, outside: Outside
) -> None:
    outside.verdicts = [LOST]
    newer = edited(updated_at="2026-03-10T10:00:00-03:00", name="#newer")
    older = edited(updated_at="2026-03-10T09:00:00-03:00", name="#older")

    await house.post(newer)
    await house.rooms.flights.drain(5.0)
    told = await house.post(older)

    assert told.status == "parked"
    assert len(outside.sent) == 1


async def test_what_the_destination_refuses_is_a_dead_letter_and_answered_200(
    house: House, outside: Outside, journal: Journal
) -> None:
    outside.verdicts = [REFUSED]

    told = await house.post(webhook())

    assert (told.status_code, told.status) == (200, "parked")
    shown = await journal.show(told.entry or 0)
    assert (shown.state, shown.deliveries[0].reason) == ("dead", "ErrorCode 9")


async def test_a_webhook_whose_order_is_under_way_waits_its_turn(
    house: House, outside: Outside
) -> None:
    outside.gate = asyncio.Event()
    first = asyncio.create_task(
        house.post(edited(updated_at="2026-03-10T09:00:00-03:00", name="#1"))
    )
    await outside.arrived.wait()
    second = asyncio.create_task(
        house.post(edited(updated_at="2026-03-10T10:00:00-03:00", name="#2"))
    )
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(outside.sent) == 1

    outside.gate.set()

    assert (await first).status == "delivered"
    assert (await second).status == "delivered"
    assert len(outside.sent) == 2


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "no UTF-8"),
        (b'{"id": 1, "financial_status": "paid"}', "mappings/sources/shopify.toml:"),
    ],
)
async def test_a_proven_body_that_cannot_be_mapped_is_kept_for_a_person(
    house: House, outside: Outside, journal: Journal, body: bytes, why: str
) -> None:
    told = await house.post(webhook(body=body))

    assert (told.status_code, told.status) == (200, "parked")
    shown = await journal.show(told.entry or 0)
    assert shown.state == "dead"
    assert why in (shown.problem or "")
    assert outside.sent == []
    assert (await journal.load(told.entry or 0)).body == body


async def test_a_payload_that_cannot_be_made_is_kept_with_its_line_and_stops_no_other(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    both = ("bonifiq.customer", "bonifiq.affiliate")
    house = House(
        journal,
        outside,
        loaded,
        platform="woocommerce",
        endpoints=both,
        own={"bonifiq.customer": {"customer_key": "id"}},
    )
    nameless = edited(
        "woocommerce/affiliate_coupon",
        email="",
        first_name="",
        last_name="",
        billing={"cpf": "12345678909", "email": "", "first_name": "", "last_name": ""},
    )

    told = await house.post(nameless)

    assert (told.status_code, told.status) == (200, "parked")
    assert [one.endpoint for one in outside.sent] == ["bonifiq.customer"]
    shown = await journal.show(told.entry or 0)
    reasons = {one.endpoint: one.reason for one in shown.deliveries if one.state == "refused"}
    assert list(reasons) == ["bonifiq.affiliate"]
    assert "mappings/destinations/bonifiq_affiliate.toml:" in reasons["bonifiq.affiliate"]
    assert "Name" in reasons["bonifiq.affiliate"]
    assert "12345678909" not in reasons["bonifiq.affiliate"]


@pytest.mark.parametrize(
    ("wrong", "field", "endpoint", "other"),
    [
        (
            {"email": "", "billing": {"cpf": "12345678909", "first_name": "Elisa"}},
            "OriginalId: nothing was found, wanted text",
            "bonifiq.customer",
            "bonifiq.affiliate",
        ),
        (
            {"email": "", "billing": {}},
            "Email and Document are missing, wanted one of them",
            "bonifiq.affiliate",
            "bonifiq.customer",
        ),
    ],
)
async def test_a_customer_whom_an_endpoint_cannot_take_is_refused_by_name_and_stops_no_other(
    journal: Journal,
    outside: Outside,
    loaded: Loaded,
    wrong: dict[str, object],
    field: str,
    endpoint: str,
    other: str,
) -> None:
    key = "email" if endpoint == "bonifiq.customer" else "id"
    house = House(
        journal,
        outside,
        loaded,
        platform="woocommerce",
        endpoints=(endpoint, other),
        own={"bonifiq.customer": {"customer_key": key}},
    )

    told = await house.post(edited("woocommerce/affiliate_coupon", **wrong))

    assert (told.status_code, told.status) == (200, "parked")
    assert [one.endpoint for one in outside.sent] == [other]
    assert await states(journal, told.entry) == {endpoint: "refused", other: "delivered"}
    shown = await journal.show(told.entry or 0)
    assert shown.state == "dead"
    [reason] = [one.reason for one in shown.deliveries if one.endpoint == endpoint]
    assert reason.startswith(f"mappings/destinations/{endpoint.replace('.', '_')}.toml:")
    assert field in reason


async def test_an_operator_may_have_customers_without_an_email_skipped(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, endpoints=("bonifiq.customer",))
    told = await house.post(webhook("shopify/customer_without_email"))
    assert [one.state for one in told.outcomes] == ["refused"]

    only_with_email = Compiler(EVENT_SPACES, BUILT_IN, []).expression(
        "customer.email | present", Place("connections.toml", 1, 1)
    )
    assert only_with_email is not None
    [connection] = house.route.store.endpoints
    endpoints = (replace(connection, when=(only_with_email,)),)
    store = replace(house.route.store, endpoints=endpoints)
    house.rooms = replace(house.rooms, routes={"shop": replace(house.route, store=store)})
    told = await house.post(webhook("shopify/customer_without_email", x_shopify_event_id="2"))

    assert (told.status_code, told.status) == (200, "ignored")
    assert outside.sent == []


async def test_a_guests_order_is_skipped_and_no_dead_letter(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded)

    told = await house.post(webhook("shopify/guest_without_email"))

    assert (told.status_code, told.status) == (200, "ignored")
    assert (await journal.show(told.entry or 0)).state == "done"
    assert outside.sent == []


async def test_a_phone_that_cannot_be_read_is_left_out_and_the_journal_says_so(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, endpoints=(ORDER, "bonifiq.customer"))
    outside.verdicts = [Verdict("delivered", "accepted with a warning: Code 3")]

    told = await house.post(webhook("shopify/phone_not_understood"))

    assert (told.status_code, told.status) == (200, "delivered")
    assert "Phone" not in outside.sent[0].document["Customer"]
    remark = f"{phone_line()}: customer.phone: left out: no phone number of BR"
    wanted = {
        ORDER: f"{remark}; accepted with a warning: Code 3",
        "bonifiq.customer": f"{remark}; not for order_paid",
    }
    assert {one.endpoint: one.reason for one in told.outcomes} == wanted
    shown = await journal.show(told.entry or 0)
    assert {one.endpoint: one.reason for one in shown.deliveries} == wanted


async def test_the_remark_stands_before_what_the_destination_or_its_model_refused(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, endpoints=(ORDER, "bonifiq.customer"))
    outside.verdicts = [REFUSED]
    keyless = edited("shopify/customer_updated", email=None, phone="(202) 555-0142")

    order = await house.post(webhook("shopify/phone_not_understood"))
    customer = await house.post(keyless)

    [refused] = [one.reason for one in order.outcomes if one.endpoint == ORDER]
    assert refused.endswith(": customer.phone: left out: no phone number of BR; ErrorCode 9")
    [unmade] = [one.reason for one in customer.outcomes if one.endpoint == "bonifiq.customer"]
    first, second = unmade.split("; ")
    assert first.endswith(": customer.phone: left out: no phone number of BR")
    assert "bonifiq_customer.toml:" in second
    assert "OriginalId" in second


async def test_a_failed_attempt_carries_no_remark_and_the_one_that_arrives_does(
    journal: Journal, outside: Outside, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    house = House(journal, outside, loaded)
    outside.verdicts = [DOWN]

    told = await house.post(webhook("shopify/phone_not_understood"))
    await house.rooms.flights.drain(5.0)
    assert [one.reason for one in told.outcomes] == [DOWN.reason]
    await finish_due(house.rooms)
    await house.rooms.flights.drain(5.0)

    [delivery] = (await journal.show(told.entry or 0)).deliveries
    assert delivery.state == "delivered"
    assert delivery.reason.endswith(": customer.phone: left out: no phone number of BR")


async def test_the_stores_country_completes_a_phone_number(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, platform="woocommerce", country="US")

    await house.post(webhook("woocommerce/phone_of_the_store"))

    assert outside.sent[0].document["Customer"]["Phone"] == "+12025550142"


async def test_what_is_not_wanted_is_ignored_with_the_reason(
    house: House, outside: Outside, journal: Journal
) -> None:
    told = await house.post(webhook("shopify/pending_not_paid"))

    assert (told.status_code, told.status) == (200, "ignored")
    assert "financial_status" in told.reason
    assert (await journal.show(told.entry or 0)).state == "done"
    assert outside.sent == []


async def test_an_endpoint_that_is_not_meant_says_so_and_a_stores_own_condition_is_named(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, endpoints=(ORDER, "bonifiq.customer"))
    compiler = Compiler(EVENT_SPACES, BUILT_IN, [])
    only_usd = compiler.expression("order.currency | is('USD')", Place("connections.toml", 1, 1))
    assert only_usd is not None
    connections = tuple(
        replace(one, when=(only_usd,)) if one.endpoint == ORDER else one
        for one in house.route.store.endpoints
    )
    store = replace(house.route.store, endpoints=connections)
    house.rooms = replace(house.rooms, routes={"shop": replace(house.route, store=store)})

    order = await house.post(webhook())
    customer = await house.post(webhook("shopify/customer_created"))

    told = {one.endpoint: one.reason for one in order.outcomes}
    assert told[ORDER] == "connections.toml: order.currency | is('USD')"
    assert told["bonifiq.customer"] == "not for order_paid"
    assert {one.endpoint: one.reason for one in customer.outcomes}[ORDER] == (
        "not for customer_created"
    )


async def test_nothing_is_written_for_a_sender_that_is_not_proven(
    house: House, outside: Outside, journal: Journal
) -> None:
    forged = webhook()
    forged = replace(forged, body=forged.body + b" ")
    bare = replace(
        webhook(),
        headers={k: v for k, v in webhook().headers.items() if "hmac" not in k},
    )

    with pytest.raises(SignatureMismatch):
        await house.post(forged)
    with pytest.raises(SignatureMissing):
        await house.post(bare)
    with pytest.raises(UnknownStore):
        await house.post(replace(webhook(), store="nobody"))

    assert await journal.entries(Filter()) == ()
    assert outside.sent == []


async def test_another_shops_webhook_is_refused_though_its_signature_is_right(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, tenant="my-shop.myshopify.com")

    with pytest.raises(TenantMismatch):
        await house.post(webhook())
    with pytest.raises(TenantMismatch):
        await house.post(webhook(body=b"{"))
    told = await house.post(webhook(x_shopify_shop_domain="My-Shop.myshopify.com"))

    assert told.status == "delivered"
    assert len(outside.sent) == 1


async def test_a_ping_is_answered_and_nothing_else_happens(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, platform="woocommerce")
    ping = replace(
        webhook("woocommerce/ping"),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    told = await house.post(ping)

    assert (told.status_code, told.body) == (200, "")
    assert await journal.entries(Filter()) == ()


async def test_an_unsigned_order_does_not_pass_as_a_ping(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, platform="woocommerce")
    order = webhook("woocommerce/order_paid")
    bare = {k: v for k, v in order.headers.items() if k != "x-wc-webhook-signature"}

    with pytest.raises(SignatureMissing):
        await house.post(replace(order, headers=bare))
    with pytest.raises(SignatureMissing):
        await house.post(
            replace(order, headers={"content-type": "application/json"}, body=b'{"webhook_id": 1}')
        )

    assert outside.sent == []


async def test_several_endpoints_settle_on_their_own(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    both = ("bonifiq.customer", "bonifiq.affiliate")
    house = House(journal, outside, loaded, endpoints=both)
    outside.verdicts = [REFUSED]

    told = await house.post(webhook("shopify/affiliate_tag"))

    found = await states(journal, told.entry)
    assert sorted(found.values()) == ["delivered", "refused"]
    assert told.status == "parked"


EXTRA = {"tokens": {"admin_token": "t"}, "settings": {"shop_domain": "shop.example"}}


async def test_what_a_webhook_leaves_out_is_fetched_first(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, **EXTRA)
    outside.fetched = [{"extra": {"data": {"order": {"transactions": [
        {"kind": "SALE", "status": "SUCCESS", "gateway": "gift_card",
         "amountSet": {"shopMoney": {"amount": "96.20"}}}]}}}}]  # fmt: skip

    told = await house.post(webhook())

    assert told.status == "delivered"
    assert outside.totals == ["100.00"]
    assert await states(journal, told.entry) == {"~": "delivered", ORDER: "delivered"}


async def test_what_only_a_later_fetch_reads_is_not_kept(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    """A token that one fetch gets for the next must not lie in the journal."""
    house = House(journal, outside, loaded, tokens={"admin_token": "t"})
    outside.fetched = [{"extra": {}, "token": {"access_token": "s3cret"}}]

    told = await house.post(webhook())

    assert told.entry is not None
    assert (await journal.load(told.entry)).resource == b'{"extra":{}}'


async def test_a_fetched_order_waits_its_turn_like_any_other(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, **EXTRA)
    outside.fetched = [{"extra": {}}, {"extra": {}}]
    outside.gate = asyncio.Event()
    older = edited(updated_at="2026-03-10T09:00:00-03:00", name="#1")
    newer = edited(updated_at="2026-03-10T10:00:00-03:00", name="#2")

    first = asyncio.create_task(house.post(older))
    await outside.arrived.wait()
    second = asyncio.create_task(house.post(newer))
    while outside.fetched:
        await house.rooms.flights.landing(1.0)
    outside.gate.set()

    assert ((await first).status, (await second).status) == ("delivered", "delivered")
    assert len(outside.sent) == 2


async def test_a_fetch_that_fails_for_now_is_parked_and_for_good_is_told(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, **EXTRA)
    outside.fetched = [
        FetchFailed("fetch 'extra': the store answered 503", transient=True),
        FetchFailed("fetch 'extra': the store answered 401", transient=False),
    ]

    first = await house.post(webhook())
    await house.rooms.flights.drain(5.0)
    second = await house.post(webhook(x_shopify_event_id="2"))

    assert first.status == "parked"
    assert await states(journal, first.entry) == {"~": "queued"}
    assert second.status == "parked"
    assert (await journal.show(second.entry or 0)).state == "dead"
    assert outside.sent == []


async def test_what_the_store_has_not_got_yet_is_asked_for_a_few_times_and_then_told(
    journal: Journal, outside: Outside, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook can be faster than the API of its own platform."""
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    house = House(journal, outside, loaded, **EXTRA)
    missing = FetchFailed("fetch 'extra': the store answered 404", transient=True, few=5)
    outside.fetched = [missing] * 9

    told = await house.post(webhook())
    for _ in range(9):
        await finish_due(house.rooms)
        await house.rooms.flights.drain(5.0)
    entry = await journal.show(told.entry or 0)

    assert (told.status, entry.state) == ("parked", "dead")
    assert entry.deliveries[0].attempts == 5
    assert entry.deliveries[0].reason == f"{missing}; given up after 5 attempts"
    assert house.rooms.flights.gates.resting() == []
    assert outside.sent == []


async def test_the_only_copy_is_on_disk_before_anything_is_sent(
    journal: Journal, outside: Outside, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WooCommerce never repeats; Shopify does."""
    asked = []
    receive = journal.receive

    async def watched(arrival: object, *, sync: bool) -> object:
        asked.append(sync)
        return await receive(arrival, sync=sync)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "receive", watched)
    await House(journal, outside, loaded, platform="woocommerce").post(
        webhook("woocommerce/order_paid")
    )
    await House(journal, outside, loaded).post(webhook())

    assert asked == [True, False]


async def test_without_the_journal_nothing_is_sent_and_nothing_is_promised(
    house: House, outside: Outside, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise JournalUnavailable("disk full")

    monkeypatch.setattr(journal, "receive", away)

    told = await house.post(webhook())

    assert told.status_code == 503
    assert told.retry_after
    assert outside.sent == []


async def test_a_2xx_waits_for_the_journal_when_the_last_word_cannot_be_written(
    house: House, outside: Outside, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, failures = journal.settle, [JournalUnavailable("disk full")]

    async def once_away(*args: object, **options: object) -> bool:
        if failures:
            raise failures.pop()
        return await settle(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "settle", once_away)
    monkeypatch.setattr("bridge.flights._JOURNAL_RETRY", 0.0)

    told = await house.post(webhook())
    await house.rooms.flights.drain(5.0)
    again = await house.post(webhook())

    assert told.status_code == 503
    assert len(outside.sent) == 1
    assert again.status == "duplicate"


async def test_what_was_planned_as_refused_is_no_proof_that_anything_is_on_disk(
    journal: Journal, outside: Outside, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One endpoint's payload cannot be made, the other's destination is down."""
    synced = []
    sync = journal.sync

    async def watched() -> None:
        synced.append(True)
        await sync()

    monkeypatch.setattr(journal, "sync", watched)
    both = ("bonifiq.customer", "bonifiq.affiliate")
    house = House(
        journal, outside, loaded, endpoints=both, own={"bonifiq.customer": {"customer_key": "id"}}
    )
    outside.verdicts = [DOWN]
    nameless = edited("shopify/affiliate_tag", email="", first_name="", last_name="")
    planned = plan(await prove(nameless, house.route), house.route)
    refused = replace(planned.deliveries[0], state="refused", reason="no name")
    monkeypatch.setattr(
        "bridge.pipeline.plan",
        lambda *_: replace(planned, deliveries=(refused, *planned.deliveries[1:])),
    )

    told = await house.post(nameless)

    assert {one.state for one in told.outcomes} == {"refused", "queued"}
    assert synced == [True]


async def test_a_parked_answer_is_synced(
    house: House, outside: Outside, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    sync = journal.sync

    async def watched() -> None:
        synced.append(True)
        await sync()

    monkeypatch.setattr(journal, "sync", watched)
    outside.verdicts = [DOWN]

    await house.post(webhook())

    assert synced == [True]


@dataclass
class Counted(Outside):
    """A destination that answers 429 to more than *bears* requests within *seconds*."""

    bears: int = 12
    seconds: float = 0.05
    times: list[float] = field(default_factory=list)
    refused: int = 0

    async def send(self, route: Route, payload: Payload) -> Verdict:
        now = time.monotonic()
        self.times = [one for one in self.times if one > now - self.seconds]
        if len(self.times) >= self.bears:
            self.refused += 1
            return Verdict("transient", "HTTP 429", 1.0)
        self.times.append(now)
        return await super().send(route, payload)


@pytest.mark.parametrize(
    ("limits", "storm"),
    [
        pytest.param(Limits(per_second=100.0, at_once=8), False, id="limited"),
        pytest.param(Limits(at_once=50), True, id="without limits"),
    ],
)
async def test_a_burst_earns_no_429_where_the_limits_are_the_destinations(
    journal: Journal, loaded: Loaded, limits: Limits, storm: bool
) -> None:
    """The limit leaves room for a busy machine, which may bunch a few requests."""
    outside, route = Counted(), store_route(loaded, within=60.0)
    rooms = rooms_of(journal, outside, route, {route.store.endpoints[0].target: limits})
    orders = [edited(id=6100000000001 + number) for number in range(50)]

    told = await asyncio.gather(*(process(one, rooms, started=rooms.clock()) for one in orders))

    assert (outside.refused > 0) is storm
    assert ({one.status for one in told} == {"delivered"}) is not storm
    assert {one.status_code for one in told} == {200}


async def test_while_a_target_rests_a_store_is_asked_back_when_the_rest_is_over(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    house = House(journal, outside, loaded, park=False)
    outside.verdicts = [Verdict("transient", "HTTP 429", 240.0)]

    first = await house.post(edited(id=1))
    outside.now += 100.0
    second = await house.post(edited(id=2))
    outside.now += 141.0
    third = await house.post(edited(id=2))

    assert (first.status_code, first.retry_after) == (503, 240.0)
    assert (second.status_code, second.retry_after) == (503, 140.0)
    assert second.outcomes[0].reason.startswith("not sent: fixture/bonifiq.order rests after 1 ")
    assert (third.status_code, third.status) == (200, "duplicate")
    assert len(outside.sent) == 2
    assert await states(journal, third.entry) == {ORDER: "delivered"}


async def test_a_parked_answer_of_a_resting_target_waits_for_nothing_and_is_synced(
    house: House, outside: Outside, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.verdicts = [Verdict("transient", "HTTP 429", 240.0)]
    await house.post(edited(id=1))
    await house.rooms.flights.drain(5.0)
    synced = []
    receive = journal.receive

    async def watched(arrival: Arrival, *, sync: bool) -> Receipt:
        synced.append(sync)
        return await receive(arrival, sync=sync)

    async def written_once_more(*_: object, **__: object) -> None:
        raise AssertionError("the record itself says all")

    monkeypatch.setattr(journal, "receive", watched)
    monkeypatch.setattr(journal, "sync", written_once_more)
    monkeypatch.setattr(journal, "back", written_once_more)

    told = await house.post(edited(id=2))
    await house.rooms.flights.drain(5.0)

    assert (told.status_code, told.status, told.retry_after) == (200, "parked", None)
    assert synced == [True]
    assert len(outside.sent) == 1
    shown = await journal.show(told.entry or 0)
    (delivery,) = shown.deliveries
    assert (delivery.state, delivery.attempts) == ("queued", 0)
    assert delivery.reason.startswith("not sent: ")
    assert delivery.next_at is not None
    assert 200 < (delivery.next_at - datetime.now(UTC)).total_seconds() < 260
