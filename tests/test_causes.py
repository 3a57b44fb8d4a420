"""Every dead letter says where it went wrong and what was wrong, in words that do not change."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridge.causes import CODES, STAGES, of_model
from bridge.deliver import begin
from bridge.destinations.bonifiq import ORDER
from bridge.destinations.capillary import CUSTOMER as CAPILLARY
from bridge.destinations.cheqpay import CUSTOMER as CHEQPAY
from bridge.errors import EventUnmappable, FetchFailed
from bridge.load import Loaded
from bridge.pipeline import process
from bridge.plan import plan
from bridge.record import arrival
from bridge.types import Cause, Problem, Reply, Verdict
from tests.house import Outside, edited, opened, prove, rooms_of, store_route, webhook
from tests.test_hydrate import SCOPE, fetched


async def causes(loaded: Loaded, request: Any, **route: Any) -> list[Cause]:
    where = store_route(loaded, **route)
    planned = plan(await prove(request, where), where)
    return [*planned.causes, *(one for each in planned.deliveries for one in each.causes)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "not_json"),
        (b"\xff", "not_unicode"),
        (b"[" * 100_000, "too_deep"),
        (b'{"id": NaN}', "not_json"),
        (b'{"id": 1' + b"0" * 5000 + b"}", "too_long"),
    ],
)
async def test_a_body_that_cannot_be_read(loaded: Loaded, body: bytes, code: str) -> None:
    assert await causes(loaded, webhook(body=body)) == [Cause("read", code, field="body")]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"total_price": None}, "missing", "order.total"),
        ({"total_price": "12,50"}, "wrong_form", "order.total"),
        ({"total_price": True}, "wrong_kind", "order.total"),
        ({"total_price": "-1.00"}, "out_of_range", "order.total"),
        ({"processed_at": "2026-11-21T05:56:05"}, "ambiguous", "order.placed_at"),
        ({"processed_at": "2026-13-21T05:56:05Z"}, "out_of_range", "order.placed_at"),
    ],
    ids=str,
)
async def test_a_line_of_the_source_file(
    loaded: Loaded, fields: dict[str, Any], code: str, field: str
) -> None:
    [cause] = [one for one in await causes(loaded, edited(**fields)) if one.field == field]

    assert (cause.stage, cause.code) == ("map", code)
    assert cause.file.endswith("mappings/sources/shopify.toml")
    assert cause.line > 1


async def test_a_line_of_the_destination_file(loaded: Loaded) -> None:
    request = webhook("shopify/customer_without_name")

    [cause] = await causes(loaded, request, endpoints=("cheqpay.customer",))

    assert (cause.stage, cause.code, cause.field) == ("validate", "missing", "firstName")
    assert cause.file.endswith("mappings/destinations/cheqpay_customer.toml")
    assert cause.line > 1


def test_a_cause_is_not_of_one_webhook_alone() -> None:
    problems = [
        Problem("a.toml", 7, column, f"line {at}", f"order.items[{at}].price", "x", "missing")
        for at, column in ((0, 1), (12, 1), (3, 9))
    ]

    [cause] = EventUnmappable(problems).causes

    assert cause == Cause("map", "missing", "a.toml", 7, "order.items[].price")


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = Field("", min_length=2, max_length=3)
    whole: int = Field(1, gt=0)
    money: Decimal = Field(Decimal(1), max_digits=3)
    kind: Literal["a", "b"] = "a"
    needed: str
    made: str = Field("a", pattern="^a$")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"needed": None}, "wrong_kind"),
        ({}, "missing"),
        ({"text": "a"}, "too_short"),
        ({"text": "aaaa"}, "too_long"),
        ({"whole": 0}, "out_of_range"),
        ({"whole": "x"}, "wrong_kind"),
        ({"whole": 1.5}, "wrong_kind"),
        ({"money": "1.111"}, "too_long"),
        ({"kind": "c"}, "not_allowed"),
        ({"other": 1}, "not_known"),
        ({"made": "b"}, "wrong_form"),
    ],
    ids=str,
)
def test_what_a_model_refuses(values: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate(({"needed": "x"} if values else {}) | values)

    assert [of_model(one["type"]) for one in caught.value.errors()] == [code]


def reply(status: int, body: Any) -> Reply:
    return Reply(status, {}, json.dumps(body).encode())


ERROR = {"HasError": True, "ErrorCode": 13}
CHEQPAY_ERROR = {
    "error": {
        "code": "VALIDATION_ERROR",
        "details": [{"field": "email"}, {"field": "ana@x.example"}, {"field": "firstName"}],
    }
}


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (ORDER.judge(reply(200, ERROR)), [("bonifiq_13", "")]),
        (ORDER.judge(reply(422, ERROR)), [("bonifiq_13", "")]),
        (ORDER.judge(reply(422, {})), [("http_422", "")]),
        (ORDER.judge(reply(200, {"HasError": True, "ErrorCode": 123456})), [("http_200", "")]),
        (ORDER.judge(reply(200, {"HasError": False, "Result": None})), [("nothing_stored", "")]),
        (ORDER.judge(reply(301, {})), [("redirected", "")]),
        (ORDER.judge(reply(401, "no")), [("http_401", "")]),
        (
            CHEQPAY.judge(reply(400, CHEQPAY_ERROR)),
            [("cheqpay_validation_error", "email"), ("cheqpay_validation_error", "firstName")],
        ),
        (CHEQPAY.judge(reply(400, {"error": {"code": "A"}})), [("cheqpay_a", "")]),
        (CHEQPAY.judge(reply(400, {"error": {"code": "Ana Silva"}})), [("http_400", "")]),
        (CHEQPAY.judge(reply(400, {"error": "no"})), [("http_400", "")]),
        (
            CAPILLARY.judge(
                reply(200, {"response": [{"errors": [{"code": 8015}, {"code": 8015}]}]})
            ),
            [("capillary_8015", "")],
        ),
        (CAPILLARY.judge(reply(400, {"errors": [{"code": 400}]})), [("capillary_400", "")]),
        (CAPILLARY.judge(reply(503, {})), [("http_503", "")]),
    ],
)
def test_a_destinations_word(verdict: Verdict, told: list[tuple[str, str]]) -> None:
    assert [(one.code, one.field) for one in verdict.causes] == told
    assert {one.stage for one in verdict.causes} == {"send"}


@pytest.mark.parametrize(
    ("status", "code"),
    [(422, "http_422"), (401, "http_401"), (302, "redirected"), (200, "not_json")],
)
async def test_a_fetch_that_failed(loaded: Loaded, status: int, code: str) -> None:
    with pytest.raises(FetchFailed) as caught:
        await fetched(lambda _: httpx.Response(status, content=b"<html>"))

    assert (caught.value.code, caught.value.field) == (code, "order")


async def test_a_fetch_without_an_address() -> None:
    with pytest.raises(FetchFailed) as caught:
        await fetched(lambda _: httpx.Response(200), scope={**SCOPE, "body": {}})

    assert (caught.value.code, caught.value.field) == ("missing", "order")


async def test_the_journal_keeps_what_a_fetch_and_a_destination_say(
    loaded: Loaded, tmp_path: Path
) -> None:
    denied = FetchFailed("no", transient=False, code="http_401", field="order")
    no = Verdict("refused", "no", causes=(Cause("send", "bonifiq_9"),))
    outside = Outside(verdicts=[no, Verdict("refused")], fetched=[denied])
    thin = store_route(loaded, "nuvemshop")
    async with opened(tmp_path) as journal:
        rooms = rooms_of(journal, outside, store_route(loaded))
        for request in (webhook(), edited(id=7)):
            await process(request, rooms, started=rooms.clock())
        planned = plan(await prove(webhook("nuvemshop/order_paid"), store_route(loaded)), thin)
        recorded = arrival(planned, thin, webhook("nuvemshop/order_paid"))
        [standing] = (await journal.receive(recorded, sync=False)).standings
        assert standing.flight is not None
        begun = begin(
            standing.flight,
            planned,
            await prove(webhook("nuvemshop/order_paid"), store_route(loaded)),
            thin,
            rooms,
        )
        await begun.told
        shown = [await journal.show(entry) for entry in (1, 2, 3)]

    told = [one.causes for each in shown for one in each.deliveries]
    assert told == [
        (Cause("send", "bonifiq_9"),),
        (Cause("send", "refused"),),
        (Cause("fetch", "http_401", thin.source.file, field="order"),),
    ]


def test_words_are_words_and_their_meaning_is_one_line() -> None:
    for word, meaning in [*STAGES.items(), *CODES.items()]:
        assert re.fullmatch("[a-z]+(_[a-z]+)*", word)
        assert meaning
        assert "\n" not in meaning
