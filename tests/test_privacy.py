"""A platform's requests about somebody's data: erased durably, or left to a person."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.errors import FetchFailed, JournalUnavailable
from bridge.fixtures import cases, plan_of
from bridge.journal.protocol import ERASE, FETCH, Filter, Journal, Whose
from bridge.load import Loaded
from bridge.park import finish_due
from bridge.pipeline import process
from bridge.plan import plan
from bridge.record import arrival
from bridge.types import Answer, InboundRequest, Verdict
from bridge.verify import restore
from tests.house import FIXTURES, ORDER, Outside, edited, opened, rooms_of, store_route, webhook

ANA = "ana.exemplo@example.com"
REFUSED = Verdict("refused", "ErrorCode 9")
DOWN = Verdict("transient", "no connection")


@pytest.fixture
async def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Journal]:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    async with opened(tmp_path) as one:
        yield one


class House:
    """Store ``shop``, to be posted to."""

    def __init__(self, journal: Journal, loaded: Loaded, outside: Outside, **store: object) -> None:
        self.rooms = rooms_of(journal, outside, store_route(loaded, **store))  # type: ignore[arg-type]

    async def post(self, request: InboundRequest) -> Answer:
        return await process(request, self.rooms, started=self.rooms.clock())

    async def finish(self) -> int:
        await self.rooms.flights.drain(5.0)
        begun = await finish_due(self.rooms)
        await self.rooms.flights.drain(5.0)
        return begun


def order(number: int, email: str = ANA) -> InboundRequest:
    """An order of a customer who is known by nothing but the e-mail."""
    customer = {"id": None, "email": email, "first_name": "Ana"}
    return edited(id=number, name=f"#{number}", email=email, customer=customer)


def redact(email: str | None = ANA, orders: tuple[int, ...] = ()) -> InboundRequest:
    body = {
        "shop_id": 90000000001,
        "shop_domain": "casa-inventada.myshopify.com",
        "customer": {"email": email},
        "orders_to_redact": orders,
    }
    content = json.dumps(body).encode()
    return webhook("shopify/customers_redact", body=content, x_shopify_event_id=str(hash(content)))


async def has_body(journal: Journal, entry: int | None) -> bool:
    try:
        await journal.load(entry or 0)
    except LookupError:
        return False
    return True


async def stand(journal: Journal, entry: int | None) -> tuple[str, str]:
    (delivery,) = (await journal.show(entry or 0)).deliveries
    return delivery.state, delivery.reason


async def held(journal: Journal, *subjects: str) -> tuple[int, ...]:
    return (await journal.holding(Whose(subjects=subjects))).entries


async def test_a_customer_is_erased_with_the_request_itself(
    journal: Journal, loaded: Loaded
) -> None:
    house = House(journal, loaded, Outside())
    hers = await house.post(order(1))
    other = await house.post(order(2, "bob@example.com"))

    told = await house.post(redact())

    assert (told.status_code, told.status) == (200, "delivered")
    assert await stand(journal, told.entry) == ("delivered", "1 entries erased")
    assert not await has_body(journal, hers.entry)
    assert not await has_body(journal, told.entry)
    assert await held(journal, ANA) == ()
    assert await has_body(journal, other.entry)


async def test_orders_that_it_names_are_erased_whoever_they_say_they_are_of(
    journal: Journal, loaded: Loaded
) -> None:
    house = House(journal, loaded, Outside())
    guest = await house.post(order(7, "guest@example.com"))
    other = await house.post(order(8, "guest@example.com"))

    await house.post(redact(orders=(7,)))

    assert not await has_body(journal, guest.entry)
    assert await has_body(journal, other.entry)


async def test_what_is_ignored_or_cannot_be_mapped_is_hers_all_the_same(
    journal: Journal, loaded: Loaded
) -> None:
    house = House(journal, loaded, Outside())
    unwanted = await house.post(
        replace(order(1), headers={**order(1).headers, "x-shopify-topic": "orders/create"})
    )
    unpaid = await house.post(edited(id=2, email=ANA, customer=None, financial_status="pending"))
    broken = await house.post(edited(id=3, email=ANA, customer=None, total_price="12,50"))
    assert [one.status for one in (unwanted, unpaid, broken)] == ["ignored", "ignored", "parked"]

    told = await house.post(redact())

    assert await stand(journal, told.entry) == ("delivered", "3 entries erased")
    for one in (unwanted, unpaid, broken):
        assert not await has_body(journal, one.entry)
    assert await journal.entries(Filter(state="dead")) == ()


async def test_an_order_that_waits_for_its_fetch_is_known_to_be_hers(
    journal: Journal, loaded: Loaded
) -> None:
    outside = Outside(fetched=[FetchFailed("away", transient=True)])
    settings = {"shop_domain": "casa-inventada.myshopify.com"}
    house = House(journal, loaded, outside, tokens={"admin_token": "t"}, settings=settings)
    waits = await house.post(order(1))
    await house.rooms.flights.drain(5.0)
    assert [one.endpoint for one in (await journal.show(waits.entry or 0)).deliveries] == [FETCH]

    await house.post(redact())

    assert await stand(journal, waits.entry) == ("ignored", "purged")


async def test_what_is_still_to_be_sent_of_her_is_not_sent(
    journal: Journal, loaded: Loaded
) -> None:
    outside = Outside(verdicts=[DOWN])
    house = House(journal, loaded, outside)
    waits = await house.post(order(1))
    await house.rooms.flights.drain(5.0)

    await house.post(redact())

    assert await house.finish() == 0
    assert len(outside.sent) == 1
    assert await stand(journal, waits.entry) == ("ignored", "purged")


async def test_what_is_under_way_lands_first_and_is_erased_then(
    journal: Journal, loaded: Loaded
) -> None:
    outside = Outside(gate=asyncio.Event())
    house = House(journal, loaded, outside)
    assert outside.gate
    flies = asyncio.create_task(house.post(order(1)))
    await outside.arrived.wait()

    told = await house.post(redact())

    assert (told.status_code, told.status) == (200, "parked")
    assert await has_body(journal, told.entry)
    outside.gate.set()
    entry = (await flies).entry
    assert await stand(journal, entry) == ("delivered", "")
    assert await house.finish() == 1
    assert not await has_body(journal, entry)
    assert not await has_body(journal, told.entry)
    assert await stand(journal, told.entry) == ("delivered", "1 entries erased")


async def test_a_journal_that_is_away_meanwhile_loses_no_request(
    journal: Journal, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(journal, loaded, Outside())
    hers = await house.post(order(1))

    async def away(*_: object) -> None:
        raise JournalUnavailable("locked")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "purge", away)
        told = await house.post(redact())
        await house.rooms.flights.drain(5.0)
    assert (told.status_code, told.status) == (200, "parked")
    assert await stand(journal, told.entry) == ("queued", "the journal cannot be reached")

    assert await house.finish() == 1
    assert not await has_body(journal, hers.entry)


async def test_a_process_that_died_meanwhile_loses_no_request(
    tmp_path: Path, loaded: Loaded, journal: Journal
) -> None:
    house = House(journal, loaded, Outside())
    hers = await house.post(order(1))
    request = redact()
    planned = plan(restore(request, "test"), house.rooms.routes["shop"])

    async with opened(tmp_path) as dead:
        recorded = arrival(planned, house.rooms.routes["shop"], request)
        receipt = await dead.receive(recorded, sync=True)
        assert receipt.standings[0].flight
    # A graceful end leaves what flies to others, as a crash does.
    assert await journal.sweep() == 1

    assert await house.finish() == 1
    assert not await has_body(journal, hers.entry)
    assert (await stand(journal, receipt.entry))[0] == "delivered"


async def test_it_is_ours_to_finish_also_where_the_store_repeats(
    journal: Journal, loaded: Loaded
) -> None:
    outside = Outside(gate=asyncio.Event())
    house = House(journal, loaded, outside, park=False)
    assert outside.gate
    flies = asyncio.create_task(house.post(order(1)))
    await outside.arrived.wait()

    told = await house.post(redact())

    assert (told.status_code, told.status) == (200, "parked")
    outside.gate.set()
    await flies
    assert await house.finish() == 1
    assert await held(journal, ANA) == ()


async def test_a_store_is_erased_and_no_other(journal: Journal, loaded: Loaded) -> None:
    house = House(journal, loaded, Outside(verdicts=[REFUSED]))
    dead = await house.post(order(1))
    house.rooms = replace(
        house.rooms,
        routes={
            "shop": house.rooms.routes["shop"],
            "other": replace(
                house.rooms.routes["shop"],
                store=replace(house.rooms.routes["shop"].store, name="other"),
            ),
        },
    )
    other = await house.post(replace(order(1), store="other"))

    told = await house.post(webhook("shopify/shop_redact"))

    assert await stand(journal, told.entry) == ("delivered", "1 entries erased")
    assert not await has_body(journal, dead.entry)
    assert await stand(journal, dead.entry) == ("ignored", "purged")
    assert await has_body(journal, other.entry)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("shopify/customers_data_request", "asks to tell what is kept of a customer: a person"),
        ("shopify/order_sent_as_shop_redact", "and its body does not"),
        ("shopify/data_request_sent_as_redact", "and its body does not"),
        ("shopify/redact_of_nobody", "asks to erase what is kept of a customer, and names nobody"),
    ],
)
async def test_what_only_a_person_can_do_is_a_dead_letter(
    journal: Journal, loaded: Loaded, case: str, reason: str
) -> None:
    house = House(journal, loaded, Outside())
    before = await house.post(order(1))

    told = await house.post(webhook(case))

    assert (told.status_code, told.status) == (200, "parked")
    (shown,) = await journal.entries(Filter(state="dead"))
    assert shown.entry == told.entry
    assert reason in (shown.problem or "")
    assert shown.deliveries == ()
    assert await has_body(journal, before.entry)


async def test_a_question_is_kept_once_and_goes_with_its_customer(
    journal: Journal, loaded: Loaded
) -> None:
    house = House(journal, loaded, Outside())
    first = await house.post(webhook("shopify/customers_data_request"))
    second = await house.post(webhook("shopify/customers_data_request"))
    assert second.status == "duplicate"

    told = await house.post(webhook("shopify/customers_redact"))

    assert await stand(journal, told.entry) == ("delivered", "1 entries erased")
    assert not await has_body(journal, first.entry)
    assert await journal.entries(Filter(state="dead")) == ()


async def test_an_erasure_is_repeated_as_often_as_it_comes_without_an_id(loaded: Loaded) -> None:

    case = next(one for one in cases(FIXTURES) if one.name == "lgpd_customers_redact")

    planned = plan_of(case, loaded)

    assert planned.key is None
    assert planned.erase == Whose("fixture", (ANA, "31", "12345678909"), ("7001", "7002"))


async def test_when_the_file_no_longer_knows_the_request_it_becomes_a_dead_letter(
    journal: Journal, loaded: Loaded
) -> None:
    outside = Outside(gate=asyncio.Event())
    house = House(journal, loaded, outside)
    assert outside.gate
    flies = asyncio.create_task(house.post(order(1)))
    await outside.arrived.wait()
    told = await house.post(redact())
    outside.gate.set()
    await flies
    route = house.rooms.routes["shop"]
    changed = replace(route, source=replace(route.source, privacy=()))
    house.rooms = replace(house.rooms, routes={"shop": changed})

    await house.finish()

    assert (await stand(journal, told.entry))[0] == "refused"
    (delivery,) = (await journal.show(told.entry or 0)).deliveries
    assert delivery.endpoint == ERASE
    assert ORDER not in delivery.reason
