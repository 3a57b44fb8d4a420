"""A proven webhook becomes an event and payloads, or a reason, or the lines that did not fit."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.errors import BodyUnreadable, EventUnmappable, PayloadInvalid
from bridge.event import Event
from bridge.mapping.body import parsed, read_body
from bridge.mapping.check import Checked, Files, World, check
from bridge.mapping.payload import map_payload
from bridge.mapping.run import (
    Head,
    body_key,
    key_reads_resource,
    map_event,
    read_head,
    scope_of,
    tenant_of,
)
from bridge.mapping.source import Source
from bridge.types import Ignored, InboundRequest, Skipped
from bridge.verify import restore
from tests.mapping.world import WORLD, checked

ARRIVED = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"


def request(
    body: bytes = b"", kind: str | None = "application/json", **headers: str
) -> InboundRequest:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if kind is not None:
        given["content-type"] = kind
    return InboundRequest("shop", "POST", given, {"from": "query"}, body, ARRIVED)


def unreadable(body: bytes, kind: str | None = None) -> str:
    with pytest.raises(BodyUnreadable) as caught:
        read_body(request(body, kind))
    (problem,) = caught.value.problems
    assert problem.field == "body"
    return problem.message


# Bodies


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"total": 212.10}', {"total": Decimal("212.10")}),
        (b"[0.1, 1e2, -0.0]", [Decimal("0.1"), Decimal("1e2"), Decimal("-0.0")]),
        (b"[12345678901234567890123, 0, -5]", [12345678901234567890123, 0, -5]),
        (b"[1.123456789012345678901234567890123]", [Decimal("1.123456789012345678901234567890123")]),
        (b'[true, null, ""]', [True, None, ""]),
        (b'"text"', "text"),
        (b"5", 5),
        ('{"name": "Zo\u00eb \U0001f642"}'.encode(), {"name": "Zo\u00eb \U0001f642"}),
        (b'{"name": "Zo\\u00eb"}', {"name": "Zo\u00eb"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b' \r\n{"a": 1}\n', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),  # the last one, as in every platform's own language
        (b'"\\ud83d"', "\ud83d"),  # refused where it would be used
    ],
)  # fmt: skip
def test_a_body_is_json_with_exact_numbers(body, expected):
    found = read_body(request(body))

    assert repr(expected) == repr(found)


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "text/plain",
        "",
        None,
    ],
)
def test_whatever_is_no_form_is_read_as_json(kind):
    assert read_body(request(b'{"a": 1.50}', kind)) == {"a": Decimal("1.50")}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", {}),
        (b"a=1&b=two+words&c=%C3%A9%26", {"a": "1", "b": "two words", "c": "\u00e9&"}),
        (b"a=&b=", {"a": "", "b": ""}),
        (b"a=1&a=2", {"a": "2"}),
        (b"a=%7B%22b%22%3A1%7D", {"a": '{"b":1}'}),
    ],
)
@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=UTF-8", FORM.upper()])
def test_a_form_is_read_as_texts(kind, body, expected):
    assert expected == read_body(request(body, kind))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "found no JSON at line 1, column 1: Expecting value"),
        (b'{"a": 1,\n "b": secret}', "found no JSON at line 2, column 7: Expecting value"),
        (b"{'a': 1}", "found no JSON at line 1, column 2: Expecting property name enclosed in double quotes"),
        (b'{"a": 1} x', "found no JSON at line 1, column 10: Extra data"),
        (b"[NaN]", "found NaN, which is no JSON number"),
        (b"[Infinity]", "found Infinity, which is no JSON number"),
        (b"[-Infinity]", "found -Infinity, which is no JSON number"),
        (b'{"a": "\xff\xfe"}', "found a body that is no UTF-8 from byte 7, wanted JSON"),
        (b"\xff", "found a body that is no UTF-8 from byte 0, wanted JSON"),
        (b"[" * 100_000, "found JSON nested too deeply to read"),
        (b"9" * 5000, "found a number that is too long to read"),
        (b"1e" + b"9" * 20, "found a number that is too long to read"),
    ],
    ids=lambda value: repr(value[:20]),
)  # fmt: skip
def test_a_body_that_is_no_json_is_told_with_the_place(body, message):
    assert message == unreadable(body)


def test_a_body_that_is_no_form_is_told_without_what_is_in_it():
    assert unreadable(b"a=1&secret", FORM) == "found a form with a field that has no '='"


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), st.sampled_from([FORM, None]))
def test_any_body_is_read_or_told_unreadable(body, kind):
    with contextlib.suppress(BodyUnreadable):
        read_body(request(body, kind))


HEAD = b"eyJhbGciOiJSUzI1NiJ9"  # {"alg":"RS256"}


def test_the_body_of_a_token_are_its_claims_with_exact_numbers():
    claims = base64.urlsafe_b64encode(b'{"total": 212.10, "note": "\xc3\xa9"}').rstrip(b"=")
    token = HEAD + b"." + claims + b".c2ln"
    for body in (token, b' "' + token + b'"\r\n'):
        for kind in (FORM, "text/plain", None):
            found = read_body(request(body, kind), token=True)
            assert found == {"total": Decimal("212.10"), "note": "\u00e9"}


def test_the_claims_of_a_token_may_stand_alone_as_people_write_them():
    assert read_body(request(b'{"a": 1.50}', FORM), token=True) == {"a": Decimal("1.50")}


@pytest.mark.parametrize("body", [HEAD + b".e30x.c2ln", HEAD + b".bm8.c2ln", b"a.b", b""])
def test_a_token_without_claims_is_told_unreadable(body):
    with pytest.raises(BodyUnreadable):
        read_body(request(body), token=True)


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_what_was_written_as_json_is_read_back(value):
    assert value == read_body(request(json.dumps(value).encode()))


@given(NUMBERS)
def test_a_number_is_read_with_all_its_digits(number):
    assert str(number) == str(Decimal(read_body(request(f"[{number:f}]".encode()))[0])) or (
        number == read_body(request(f"[{number:f}]".encode()))[0]
    )


# A source of all that a webhook's head can have

SOURCE = """
platform = "acme"

[settings]
statuses = { default = ["paid"], about = "Statuses that mean paid." }

[verify.shared_secret]
header = "x-secret"

[webhook]
topic       = "header.x-topic ?? body.topic"
key         = ["header.x-id", "body.n"]
tenant      = "body.shop"
occurred_at = "body.at"
parse       = ["body.data", "body.data.more[*]", "body.first[0]"]

[answer]
within  = 5
retries = false

[topics]
paid    = "order_paid"
updated = ["order_cancelled", "order_paid"]
known   = []
person  = "customer_updated"

[when]
order_cancelled = "body.cancelled | is(true)"
order_paid      = ["body.status | is(setting.statuses)", "body.amount | present"]

[order]
id         = "body.id"
status     = "body.status"
currency   = "'BRL'"
placed_at  = "body.placed"
updated_at = "body.updated"
test       = "body.test"
total      = "body.amount"
shipping   = "body.shipping ?? 0"

[order.items]
each  = "body.lines"
name  = "item.name"
total = "item.total"

[order.customer]
email = "body.email"
phone = "body.phone"
country = "body.country"

[customer]
email = "body.email"
phone = "body.phone"
"""


@pytest.fixture(scope="module")
def source() -> Source:
    found = check(Files({"sources/acme.toml": SOURCE}, {}, None), WORLD)
    assert found.problems == ()
    return found.sources["acme"]


BODY: dict[str, Any] = {
    "id": 1042,
    "status": "paid",
    "placed": "2026-11-20T09:00:00Z",
    "amount": Decimal("10.00"),
    "email": "ada@example.com",
    "lines": [{"name": "Tea", "total": 10}],
}


def scope(source: Source, body: Any, settings: Any = None, **headers: str) -> dict[str, Any]:
    return scope_of(source, request(b"", None, **headers), body, settings or {})


def event(
    source: Source,
    body: Any,
    *,
    settings: Any = None,
    test_orders: bool = False,
    country: str | None = None,
    **headers: str,
) -> Event | Ignored:
    spaces = scope(source, body, settings, **headers)
    verified = restore(request(b"bytes", **headers), "shared_secret")
    head = read_head(source, spaces)
    return map_event(source, verified, spaces, head, test_orders=test_orders, country=country)


def unmappable(source: Source, body: Any, **headers: str) -> list[str]:
    with pytest.raises(EventUnmappable) as caught:
        event(source, body, settings=None, test_orders=False, **headers)
    return [str(problem) for problem in caught.value.problems]


# Head


def test_the_namespaces_hold_what_came_and_what_the_store_sets(source):
    spaces = scope(source, BODY, {"statuses": ["done"]}, x_topic="paid")

    assert spaces["header"]["x-topic"] == "paid"
    assert spaces["query"] == {"from": "query"}
    assert spaces["body"] is BODY
    assert spaces["setting"] == {"statuses": ["done"]}
    assert spaces["resource"] == spaces["secret"] == {}
    assert scope(source, BODY)["setting"] == {"statuses": ["paid"]}


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        ({"n": 7}, {"x_topic": "paid", "x_id": "a"}, Head("paid", ("a", "7"), ("order_paid",))),
        ({"topic": " updated "}, {}, Head("updated", None, ("order_cancelled", "order_paid"))),
        ({}, {"x_topic": "known"}, Head("known", None, ())),
        ({}, {"x_topic": "new"}, Head("new", None, None)),
        ({"n": 7}, {"x_topic": "new", "x_id": " "}, Head("new", None, None)),  # a part is nothing
        ({"n": True}, {"x_topic": "new", "x_id": "a"}, Head("new", None, None)),
        ({"n": "\ud83d"}, {"x_topic": "new", "x_id": "a"}, Head("new", None, None)),
        ("text", {"x_topic": "new", "x_id": "a"}, Head("new", None, None)),  # refused
    ],
)
def test_the_head_is_topic_key_and_candidates(source, body, headers, expected):
    assert expected == read_head(source, scope(source, body, **headers))


def test_a_topic_may_be_given_instead(source):
    assert read_head(source, scope(source, {}, x_topic="known"), "paid").candidates == (
        "order_paid",
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "nothing was found, wanted the topic"),
        ({"topic": ""}, "nothing was found, wanted the topic"),
        ({"topic": True}, "nothing was found, wanted the topic"),
        ({"topic": "\udcff"}, "nothing was found, wanted the topic"),
        ("text", "found text of 4 characters where an object with 'topic' was wanted"),
    ],
)
def test_a_topic_that_cannot_be_read_is_told_with_its_line(source, body, message):
    with pytest.raises(EventUnmappable) as caught:
        read_head(source, scope(source, body))

    assert str(caught.value) == f"sources/acme.toml:11:16: topic: {message}"
    (problem,) = caught.value.problems
    assert problem.expression == "header.x-topic ?? body.topic"


def test_a_webhook_without_a_key_is_known_by_its_topic_and_bytes():
    digest = hashlib.sha256(b"bytes").hexdigest()

    assert body_key("paid", b"bytes") == ("paid", digest)


def test_a_key_may_wait_for_what_is_fetched(source):
    thin = SOURCE.replace('"body.n"', '"resource.order.version"').replace(
        "[topics]", '[[fetch]]\nname = "order"\nurl = "https://acme.example/{body.id}"\n[topics]'
    )
    found = check(Files({"sources/acme.toml": thin}, {}, None), WORLD)
    assert found.problems == ()

    assert key_reads_resource(found.sources["acme"])
    assert not key_reads_resource(source)


@pytest.mark.parametrize(
    ("body", "expected"),
    [({"shop": "a.example"}, "a.example"), ({"shop": 5}, "5"), ({}, None), ("text", None)],
)
def test_the_tenant_is_what_the_webhook_says(source, body, expected):
    assert expected == tenant_of(source.tenant, scope(source, body))


def test_parse_replaces_texts_by_the_json_in_them(source):
    body = {
        "data": '{"more": ["{\\"total\\": 1.50}", "[1]"], "left": "{}"}',
        "first": ["5", "6"],
        "other": "{}",
    }

    assert parsed(source, body) == {
        "data": {"more": [{"total": Decimal("1.50")}, [1]], "left": "{}"},
        "first": [5, "6"],
        "other": "{}",
    }
    assert body["first"] == ["5", "6"]  # the body itself is left as it is


@pytest.mark.parametrize(
    "body", [{}, [], None, {"data": None}, {"data": {"more": {}}}, {"first": []}]
)
def test_parse_leaves_alone_what_is_not_there(source, body):
    assert parsed(source, body) == body


@pytest.mark.parametrize(
    "text",
    ["", "secret", "[NaN]", "[" * 100_000, "1e" + "9" * 20, "9" * 5000],
    ids=lambda text: text[:9],
)
def test_parse_of_what_is_no_json_is_told_without_it(source, text):
    with pytest.raises(BodyUnreadable) as caught:
        parsed(source, {"data": text})

    assert str(caught.value) == "body: found text that is no JSON, where `parse` wants some"


# Events


def test_the_first_candidate_whose_conditions_hold_is_the_event(source):
    paid = event(source, BODY, x_topic="updated")
    cancelled = event(source, {**BODY, "cancelled": True}, x_topic="updated")

    assert isinstance(paid, Event)
    assert isinstance(cancelled, Event)
    assert (paid.event.type, cancelled.event.type) == ("order_paid", "order_cancelled")
    assert paid.order is not None
    assert (paid.order.id, paid.order.paid, paid.customer.email) == (
        "1042", Decimal("10.00"), "ada@example.com",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        ("new", BODY, "topic 'new' is not in sources/acme.toml"),
        ("known", BODY, "topic 'known' is known and not wanted"),
        (
            "paid",
            {**BODY, "status": "open"},
            "no condition of topic 'paid' holds (order_paid: body.status | is(setting.statuses))",
        ),
        (
            "updated",
            {**BODY, "amount": None},
            "no condition of topic 'updated' holds (order_cancelled: body.cancelled | is(true); order_paid: body.amount | present)",
        ),
        (
            "paid",
            {**BODY, "test": True},
            "a test order; `test_orders = true` in connections.toml lets them count",
        ),
    ],
)
def test_a_webhook_that_is_no_event_is_ignored_with_the_reason(source, topic, body, reason):
    assert event(source, body, x_topic=topic) == Ignored(reason)


def test_what_the_store_sets_decides(source):
    body = {**BODY, "status": "done", "test": True}

    found = event(source, body, settings={"statuses": ["done"]}, test_orders=True, x_topic="paid")

    assert isinstance(found, Event)


def test_an_event_about_a_customer_has_no_order(source):
    found = event(source, {"email": "ada@example.com"}, x_topic="person")

    assert isinstance(found, Event)
    assert found.order is None
    assert found.namespaces()["order"] == {}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"at": "2026-11-21T08:00:00Z", "updated": "2026-11-21T07:00:00Z"}, (8, 0, 0)),
        ({"updated": "2026-11-21T07:00:00Z"}, (7, 0, 0)),
        ({}, (12, 0, 5)),
    ],
)
def test_a_fact_is_as_old_as_the_webhook_says_or_the_order_or_its_arrival(source, body, expected):
    found = event(source, BODY | body, x_topic="paid")

    assert isinstance(found, Event)
    at = found.event.occurred_at
    assert expected == (at.hour, at.minute, at.second)


def test_the_facts_of_an_event_are_those_of_the_webhook(source):
    keyed = event(source, {**BODY, "n": 7}, x_topic="paid", x_id="a")
    plain = event(source, BODY, x_topic="paid")

    assert isinstance(keyed, Event)
    assert isinstance(plain, Event)
    facts = keyed.event
    assert (facts.platform, facts.store, facts.topic, facts.key) == ("acme", "shop", "paid", "a:7")
    assert plain.event.key == ":".join(body_key("paid", b"bytes"))


def test_every_line_that_does_not_fit_is_told_and_no_value(source):
    body = {
        "id": None, "status": "paid", "placed": "s3cret", "amount": "s3cret", "email": "s3cret",
        "at": "s3cret", "lines": [{"name": "Tea", "total": "s3cret"}, "s3cret"],
    }  # fmt: skip

    problems = unmappable(source, body, x_topic="paid")

    assert problems == [
        "sources/acme.toml:32:15: order.id: nothing was found, wanted text",
        "sources/acme.toml:35:15: order.placed_at: found text that is no date and time, wanted 2026-11-21T05:56:05Z",
        "sources/acme.toml:38:15: order.total: found text of 6 characters that is no plain decimal number, wanted 1234.56",
        "sources/acme.toml:44:10: order.items[0].total: found text of 6 characters that is no plain decimal number, wanted 1234.56",
        "sources/acme.toml:43:10: order.items[1].name: found text of 6 characters where an object with 'name' was wanted",
        "sources/acme.toml:44:10: order.items[1].total: found text of 6 characters where an object with 'total' was wanted",
        "sources/acme.toml:47:10: customer.email: found text that is no e-mail address, wanted one with exactly one @",
        "sources/acme.toml:14:16: event.occurred_at: found text that is no date and time, wanted 2026-11-21T05:56:05Z",
    ]  # fmt: skip


def test_a_condition_that_cannot_be_asked_is_told_and_never_false(source):
    assert unmappable(source, "text", x_topic="paid") == [
        "sources/acme.toml:29:21: when.order_paid: found text of 4 characters where an object with 'status' was wanted"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"shipping": 30},
            "38:15: order.total: the customer would have paid -20.00 for goods: below zero",
        ),
        (
            {"amount": -5},
            "38:15: order.total: found an amount below zero; `| negative` changes the sign",
        ),
        (
            {"lines": [{"name": "Tea"}]},
            "1:1: order.items.price: line 1: nothing was found, wanted `total`, or `price` and `quantity`",
        ),
    ],
)
def test_facts_that_contradict_each_other_are_told_with_the_line_to_look_at(
    source, change, problem
):
    assert unmappable(source, BODY | change, x_topic="paid") == [f"sources/acme.toml:{problem}"]


# Phone numbers


def phone(source: Source, body: dict[str, Any], country: str | None, topic: str = "paid") -> Event:
    found = event(source, BODY | body, country=country, x_topic=topic)
    assert isinstance(found, Event)
    return found


@pytest.mark.parametrize(
    ("body", "country", "number"),
    [
        ({"phone": "+55 11 99999-0000"}, None, "+5511999990000"),
        ({"phone": "(11) 99999-0000"}, "BR", "+5511999990000"),
        ({"phone": "(202) 555-0142", "country": "us"}, "BR", "+12025550142"),  # the address wins
        ({"phone": "(11) 99999-0000", "country": "Brasil"}, "BR", "+5511999990000"),
        ({"phone": 11999990000}, "BR", "+5511999990000"),
        ({"phone": " "}, "BR", None),
        ({}, "BR", None),
    ],
)
def test_a_phone_number_is_e164_in_every_event_and_nothing_is_remarked(
    source, body, country, number
):
    order = phone(source, body, country)
    customer = phone(source, body, "US" if "country" in body else country, "person")

    assert (order.customer.phone, order.remarks) == (number, ())
    if "country" not in body:
        assert (customer.customer.phone, customer.remarks) == (number, ())


@pytest.mark.parametrize(
    ("body", "country", "why"),
    [
        ({"phone": "(202) 555-0142"}, "BR", "no phone number of BR"),
        ({"phone": "(202) 555-0142", "country": "PL"}, "US", "no phone number of PL"),
        ({"phone": "+11 99999-0000"}, "BR", "no phone number"),
        (
            {"phone": "(202) 555-0142"},
            None,
            'it has no + and the store no country: country = "BR" in connections.toml',
        ),
    ],
)
def test_a_phone_number_that_cannot_be_read_is_left_out_with_a_remark_and_its_line(
    source, body, country, why
):
    found = phone(source, body, country)

    assert found.customer.phone is None
    assert found.customer.email == "ada@example.com"
    assert found.order is not None
    assert found.order.paid == 10
    [remark] = found.remarks
    assert str(remark) == f"sources/acme.toml:48:10: customer.phone: left out: {why}"
    assert remark.expression == "body.phone"


def test_the_remark_of_a_customer_event_names_the_line_of_the_customer(source):
    found = phone(source, {"phone": "n/a"}, "BR", "person")

    assert [str(one) for one in found.remarks] == [
        "sources/acme.toml:53:10: customer.phone: left out: no phone number of BR"
    ]


def test_no_destination_reads_a_remark(source):
    found = phone(source, {"phone": "n/a"}, "BR")

    assert set(found.namespaces()) == {"event", "order", "customer"}
    assert not any("remarks" in one for one in found.namespaces().values())


# Payloads


class Part(BaseModel):
    model_config = ConfigDict(strict=True)

    Name: str | None = Field(None, max_length=5)
    Price: Decimal | None = Field(None, max_digits=4)


class Payload(BaseModel):
    """A payload that refuses in every way."""

    model_config = ConfigDict(strict=True, extra="forbid")

    Id: str = Field(max_length=6)
    Total: Decimal = Field(max_digits=6)
    Email: str | None = None
    Either: str | int | None = None
    Parts: list[Part] | None = None

    @field_validator("Email")
    @classmethod
    def _known(cls, email: str) -> str:
        if email.endswith("@example.org"):
            raise ValueError("found an address of nobody")
        return email

    @model_validator(mode="after")
    def _sum(self) -> Payload:
        if self.Total == 13:
            raise ValueError("Total is unlucky")
        return self


DESTINATION = """
endpoint = "vendor.order"

[settings]
least = { default = "BRL", about = "Currency." }

[fields]
Id    = "order.id"
Email = "customer.email"

[[payload]]
on   = "order_paid"
when = ["order.currency | is(setting.least)", "customer.email | present"]

[payload.fields]
Total  = "order.kept"
Either = "order.number"

[payload.fields.Parts]
each  = "order.items"
Name  = "item.name"
Price = "item.kept"

[[payload]]
on = ["order_paid", "order_cancelled"]

[payload.fields]
Total = 0
"""
CONNECTIONS = """
[stores.shop]
source = "acme"
tenant = "a"
secrets = ["SECRET"]

[stores.shop.endpoints."vendor.order"]
credentials = { token = "TOKEN" }
when = "order.channel | is_not('pos')"
"""


@pytest.fixture(scope="module")
def joined() -> Checked:
    world = World({"vendor.order": Payload}, WORLD.needs, WORLD.engines, WORLD.functions)
    files = Files(
        {"sources/acme.toml": SOURCE.replace('test       =', 'channel = "body.channel"\nnumber = "body.number"\ntest       =')},
        {"destinations/vendor_order.toml": DESTINATION},
        ("connections.toml", CONNECTIONS),
    )  # fmt: skip
    found = check(files, world)
    assert found.problems == ()
    return found


def payload(
    joined: Checked, body: Any, topic: str = "updated", settings: Any = None
) -> BaseModel | Skipped:
    found = event(joined.sources["acme"], body, x_topic=topic)
    assert isinstance(found, Event)
    (connection,) = joined.stores["shop"].endpoints
    return map_payload(
        joined.destinations["vendor.order"],
        Payload,
        found,
        found.namespaces(),
        connection,
        settings or {},
    )


def invalid(joined: Checked, body: Any) -> list[str]:
    with pytest.raises(PayloadInvalid) as caught:
        payload(joined, body)
    return [str(problem) for problem in caught.value.problems]


def test_the_first_payload_that_fits_is_sent(joined):
    first = payload(joined, BODY)
    second = payload(joined, {**BODY, "email": None})

    assert isinstance(first, Payload)
    assert isinstance(second, Payload)
    assert [10, 0] == [first.Total, second.Total]
    assert first.model_dump(exclude_unset=True) == {
        "Id": "1042",
        "Total": Decimal("10.00"),
        "Email": "ada@example.com",
        "Parts": [{"Name": "Tea", "Price": Decimal("10.00")}],
    }
    assert second.model_fields_set == {"Id", "Total"}


def test_what_the_store_sets_for_the_endpoint_decides(joined):
    found = payload(joined, BODY, settings={"least": "USD"})

    assert isinstance(found, Payload)
    assert found.Total == 0


@pytest.mark.parametrize(
    ("body", "topic", "reason"),
    [
        ({**BODY, "channel": "pos"}, "updated", "connections.toml: order.channel | is_not('pos')"),
        ({"email": "a@example.com"}, "person", "not for customer_updated"),
    ],
)
def test_an_endpoint_that_an_event_is_not_for_says_why(joined, body, topic, reason):
    assert payload(joined, body, topic) == Skipped("vendor.order", reason)


def test_an_endpoint_of_which_no_condition_holds_says_which(joined):
    destination = joined.destinations["vendor.order"]
    found = event(joined.sources["acme"], {**BODY, "email": None}, x_topic="paid")
    assert isinstance(found, Event)
    only = type(destination)(
        destination.endpoint, destination.file, destination.settings, destination.payloads[:1]
    )

    told = map_payload(only, Payload, found, found.namespaces(), None, {})

    assert told == Skipped("vendor.order", "customer.email | present")


def test_a_condition_that_fails_for_every_payload_is_told_once(joined):
    destination = joined.destinations["vendor.order"]
    found = event(joined.sources["acme"], {**BODY, "email": None}, x_topic="paid")
    assert isinstance(found, Event)
    twice = replace(destination, payloads=destination.payloads[:1] * 2)

    told = map_payload(twice, Payload, found, found.namespaces(), None, {})

    assert told == Skipped("vendor.order", "customer.email | present")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": "7654321"}, "8:10: Id: vendor.order refuses it: String should have at most 6 characters"),
        (
            {"amount": "76543.21", "lines": []},
            "16:11: Total: vendor.order refuses it: Decimal input should have no more than 6 digits in total",
        ),
        ({"email": "s3cret@example.org"}, "9:10: Email: vendor.order refuses it: found an address of nobody"),
        (
            {"lines": [{"name": "Tea", "total": 1}, {"name": "s3cret", "total": 1}]},
            "21:10: Parts[1].Name: vendor.order refuses it: String should have at most 5 characters",
        ),
        (
            {"amount": "765.43"},
            "22:10: Parts[0].Price: vendor.order refuses it: Decimal input should have no more than 4 digits in total",
        ),
        ({"amount": 13}, "11:1: vendor.order refuses it: Total is unlucky"),
    ],
)  # fmt: skip
def test_what_the_endpoint_s_model_refuses_is_told_with_the_line_and_never_the_value(
    joined, change, problem
):
    (told,) = invalid(joined, BODY | change)

    assert told == f"destinations/vendor_order.toml:{problem}"


def test_every_violation_is_told_at_once(joined):
    assert len(invalid(joined, {**BODY, "id": "7654321", "email": "x@example.org"})) == 2


def test_nothing_in_a_required_field_of_a_payload_is_told_with_its_line(joined):
    destination = joined.destinations["vendor.order"]
    found = event(joined.sources["acme"], BODY, x_topic="paid")
    assert isinstance(found, Event)
    spaces = found.namespaces()
    spaces["order"]["id"] = None

    with pytest.raises(PayloadInvalid) as caught:
        map_payload(destination, Payload, found, spaces, None, {})

    assert str(caught.value) == (
        "destinations/vendor_order.toml:8:10: Id: nothing was found, wanted text"
    )


def test_the_valid_world_maps_through_what_is_fetched():
    shop = checked().sources["acme"]
    body = {"id": 1, "status": "paid", "currency": "BRL", "created": "2026-11-20T09:00:00Z"}
    spaces = scope_of(
        shop, request(x_acme_topic="order.paid"), body, {}, {"order": {"total": "5.00"}}
    )

    found = map_event(shop, restore(request(), "hmac"), spaces, read_head(shop, spaces))

    assert isinstance(found, Event)
    assert found.order is not None
    assert found.order.paid == 5
