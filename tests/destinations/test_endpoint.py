"""
A payload leaves the bridge exactly as the mapping meant it.

Amounts are exact, moments are RFC 3339 in UTC, nothing is sent as null, and two payloads that
mean the same to a destination have one fingerprint.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from bridge import exact
from bridge.destinations.endpoint import Account, Call, Endpoint, document, fingerprint
from bridge.types import Verdict


class Part(BaseModel):
    label: str | None = None
    weight: Decimal | None = None


class Whole(BaseModel):
    """A payload in which every kind of value occurs."""

    text: str | None = None
    at: datetime | None = None
    day: date | None = None
    amount: Decimal | None = None
    count: int | None = None
    flag: bool | None = None
    part: Part | None = None
    parts: list[Part] | None = None
    named: dict[str, str | None] | None = None
    standard: str = "as nobody set it"


def endpoint(volatile: frozenset[str] = frozenset()) -> Endpoint:
    return Endpoint(
        name="acme.thing",
        about="Stores a thing.",
        reference="https://acme.example/things",
        model=Whole,
        base_url=None,
        credentials=((),),
        identity=lambda payload: str(payload["text"]),
        personal=False,
        write=lambda payload, account: Call("POST", account.base_url, {}, exact.write(payload)),
        judge=lambda reply: Verdict("delivered"),
        volatile=volatile,
    )


class TestFingerprint:
    def test_it_is_the_sha256_of_the_canonical_json(self):
        assert (
            fingerprint(endpoint(), {"b": 1, "a": Decimal("2.50")})
            == hashlib.sha256(b'{"a":2.50,"b":1}').digest()
        )

    def test_the_order_of_the_fields_makes_no_difference(self):
        assert fingerprint(endpoint(), {"a": 1, "b": 2}) == fingerprint(
            endpoint(), {"b": 2, "a": 1}
        )

    def test_a_volatile_field_makes_no_difference_and_every_other_one_does(self):
        one = endpoint(frozenset({"Updated"}))
        payload = {"id": "1", "Updated": "monday", "total": 5}

        assert fingerprint(one, payload) == fingerprint(one, {**payload, "Updated": "friday"})
        assert fingerprint(one, payload) != fingerprint(one, {**payload, "total": 6})

    def test_only_a_field_at_the_top_is_volatile(self):
        one = endpoint(frozenset({"Updated"}))

        assert fingerprint(one, {"a": {"Updated": 1}}) != fingerprint(one, {"a": {"Updated": 2}})


class TestDocument:
    def test_fields_stand_in_the_order_of_the_model(self):
        whole = Whole.model_validate({"flag": True, "count": 3, "text": "x"})

        assert list(document(whole)) == ["text", "count", "flag"]

    @pytest.mark.parametrize(
        "nothing",
        [
            {"text": None},
            {"part": None},
            {"part": {}},
            {"part": {"label": None}},
            {"named": {}},
            {"named": {"a": None}},
        ],
        ids=str,
    )
    def test_none_and_empty_objects_are_left_out(self, nothing):
        assert document(Whole.model_validate(nothing)) == {}

    def test_an_empty_object_in_a_list_is_left_out_and_the_list_stays(self):
        assert document(Whole.model_validate({"parts": [{}, {"label": "x"}]})) == {
            "parts": [{"label": "x"}]
        }
        assert document(Whole.model_validate({"parts": []})) == {"parts": []}

    def test_what_nobody_set_is_left_out(self):
        assert document(Whole()) == {}
        assert document(Whole(standard="set")) == {"standard": "set"}

    @pytest.mark.parametrize("something", [{"count": 0}, {"flag": False}, {"text": ""}], ids=str)
    def test_zero_false_and_empty_text_are_something(self, something):
        assert document(Whole.model_validate(something)) == something

    @pytest.mark.parametrize(
        ("moment", "text"),
        [
            (datetime(2026, 5, 2, 13, 1, 10, tzinfo=UTC), "2026-05-02T13:01:10Z"),
            (datetime(2026, 5, 2, 13, 1, 10, 250_000, tzinfo=UTC), "2026-05-02T13:01:10.250000Z"),
            (
                datetime(2026, 5, 2, 23, 30, tzinfo=timezone(timedelta(hours=-3))),
                "2026-05-03T02:30:00Z",
            ),
            (datetime(1, 2, 3, tzinfo=UTC), "0001-02-03T00:00:00Z"),
        ],
        ids=str,
    )
    def test_a_moment_is_written_in_utc_with_a_z(self, moment, text):
        assert document(Whole(at=moment)) == {"at": text}

    def test_a_moment_of_a_kind_of_its_own_is_written_as_any_other(self):
        """As libraries make them that let a test set the clock."""

        class Moment(datetime):
            pass

        made = Whole.model_construct(at=Moment(2026, 5, 2, 13, 1, 10, tzinfo=UTC))

        assert document(made) == {"at": "2026-05-02T13:01:10Z"}

    def test_a_moment_without_a_zone_is_refused_and_never_guessed(self):
        with pytest.raises(ValueError, match="without a zone"):
            document(Whole(at=datetime(2026, 5, 2)))  # noqa: DTZ001 - the mistake under test

    def test_a_day_is_written_without_a_time(self):
        assert document(Whole(day=date(1990, 12, 31))) == {"day": "1990-12-31"}

    def test_a_decimal_stays_the_same_decimal(self):
        amount: Any = document(Whole(amount=Decimal("10.50")))["amount"]

        assert (type(amount), str(amount)) == (Decimal, "10.50")

    def test_the_same_rules_hold_at_every_depth(self):
        whole = Whole(
            part=Part(label=None, weight=Decimal("0.5")), parts=[Part(label="a"), Part(weight=None)]
        )

        assert document(whole) == {"part": {"weight": Decimal("0.5")}, "parts": [{"label": "a"}]}


def test_neither_an_account_nor_a_call_shows_its_secrets():
    account = Account("https://acme.example", {"user": "token", "password": "hunter2"})
    call = Call("POST", "https://acme.example/x", {"authorization": "Basic abc"}, b'"Ana"')

    for secret in ("token", "hunter2", "Basic", "Ana"):
        assert secret not in repr(account) + repr(call)
