"""
A field of the event reads a value in one way, or refuses it; it never guesses.

The rows are those of the table of types in the event's specification.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.event import Customer, Item, Order
from bridge.kinds import Refused
from bridge.mapping.slots import Slot, slots
from bridge.mapping.template import Leaf
from bridge.mapping.walk import blank
from tests.mapping.running import compiled

FIELDS: dict[str, Slot] = {
    "text": slots(Item)["name"],
    "e-mail": slots(Customer)["email"],
    "document": slots(Customer)["document"],
    "country": slots(Customer)["country"],
    "currency": slots(Order)["currency"],
    "number": slots(Item)["quantity"],
    "money": slots(Order)["total"],
    "flag": slots(Order)["test"],
    "moment": slots(Order)["updated_at"],
    "date": slots(Customer)["birthday"],
    "texts": slots(Customer)["tags"],
}
WRONG = "wrong type"
NOON = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)


def read(field: str, value: Any) -> Any:
    """Convert a value as a line of a mapping file does."""
    slot = FIELDS[field]
    if type(value) not in slot.takes:
        raise Refused(WRONG)
    assert slot.read is not None
    return slot.read(value)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("text", "Ada", "Ada"),
        ("text", "  Ada \t\r\n Lovelace ", "Ada Lovelace"),
        ("text", "\u00a0Ada\u2003Lovelace", "Ada Lovelace"),
        ("text", 450789469, "450789469"),
        ("text", 0, "0"),
        ("text", -5, "-5"),
        ("text", 12345678901234567890, "12345678901234567890"),
        ("text", "", None),
        ("text", " \n", None),
        ("text", "0", "0"),
        ("e-mail", " Ada@Example.COM ", "ada@example.com"),
        ("e-mail", "", None),
        ("document", "123.456.789-09", "12345678909"),
        ("document", "12.abc.345/01de-35", "12ABC34501DE35"),
        ("document", 12345678909, "12345678909"),
        ("document", "", None),
        ("document", "--", None),
        ("country", "BR", "BR"),
        ("country", " br ", "BR"),
        ("country", "Brazil", None),  # an order does not fail for it
        ("country", "UK", None),
        ("country", "", None),
        ("currency", "brl", "BRL"),
        ("currency", " JPY ", "JPY"),
        ("currency", " ", None),
        ("money", "212.10", Decimal("212.10")),
        ("money", " 212.10 ", Decimal("212.10")),
        ("money", "-5", Decimal(-5)),
        ("money", "+5.0", Decimal("5.0")),
        ("money", 14319, Decimal(14319)),
        ("money", Decimal("0.1"), Decimal("0.1")),
        ("money", Decimal("9" * 30), Decimal("9" * 30)),
        ("money", Decimal("1e-30"), Decimal("1e-30")),
        ("money", Decimal(f"{'9' * 30}.{'9' * 30}"), Decimal(f"{'9' * 30}.{'9' * 30}")),
        ("money", Decimal("0.00000000"), Decimal("0.00000000")),
        ("money", "0.00000000", Decimal("0.00000000")),
        ("money", "", None),
        ("number", "1.5", Decimal("1.5")),
        ("number", 3, Decimal(3)),
        ("flag", True, True),
        ("flag", False, False),
        ("moment", "2026-11-21T12:00:05Z", NOON),
        ("moment", "2026-11-21t12:00:05z", NOON),
        ("moment", "2026-11-21 09:00:05-03:00", NOON),
        ("moment", "2026-11-21T09:00:05-0300", NOON),
        ("moment", "2026-11-21T17:30:05 +05:30", NOON),
        ("moment", "2026-11-21T09:00:05-03", NOON),
        ("moment", "2026-11-21T12:00Z", NOON.replace(second=0)),
        ("moment", "2026-11-21T12:00:05.5Z", NOON.replace(microsecond=500000)),
        ("moment", "2026-11-21T12:00:05,1234567+00:00", NOON.replace(microsecond=123456)),
        ("moment", NOON.astimezone(timezone(timedelta(hours=9))), NOON),
        ("moment", "", None),
        ("moment", "0000-00-00 00:00:00", None),
        ("date", "1990-12-31", date(1990, 12, 31)),
        ("date", " 1990-12-31 ", date(1990, 12, 31)),
        ("date", "1990-12-31T23:30:00-03:00", date(1990, 12, 31)),  # the day that is written
        ("date", "1990-12-31T00:00:00", date(1990, 12, 31)),
        ("date", NOON, date(2026, 11, 21)),
        ("date", date(1990, 12, 31), date(1990, 12, 31)),
        ("date", "0000-00-00", None),
        ("date", "0000-00-00T00:00:00", None),
        ("date", "", None),
        ("texts", ["vip", " a  b ", 7], ["vip", "a b", "7"]),
        ("texts", ["", None, " "], []),
        ("texts", [], []),
    ],
)
def test_what_fits_is_read(field, value, expected):
    found = read(field, value)

    assert (type(expected), expected) == (type(found), found)
    if isinstance(found, datetime):
        assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", True),
        ("text", Decimal("1.5")),
        ("text", ["a"]),
        ("text", {}),
        ("text", "half \ud83d pair"),
        ("e-mail", "ada.example.com"),
        ("e-mail", "ada@"),
        ("e-mail", "@example.com"),
        ("e-mail", "a@b@c"),
        ("e-mail", "ada lovelace@example.com"),
        ("e-mail", 5),
        ("document", True),
        ("document", Decimal(5)),
        ("country", 55),
        ("country", ["BR"]),
        ("currency", "R$"),
        ("currency", "REAL"),
        ("currency", "B1L"),
        ("currency", "ÇĞŞ"),
        ("currency", 986),
        ("money", "1,50"),
        ("money", "1.299,00"),
        ("money", "1 299.00"),
        ("money", "1e3"),
        ("money", "1."),
        ("money", ".75"),
        ("money", "R$ 5"),
        ("money", "NaN"),
        ("money", "Infinity"),
        ("money", "١٢"),  # digits that are not 0 to 9
        ("money", "0x10"),
        ("money", "1_000"),
        ("money", "9" * 31),
        ("money", 10**30),
        ("money", Decimal("1e3")),
        ("money", Decimal("1e999999")),
        ("money", Decimal("1e-999999")),
        ("money", Decimal("9" * 31)),
        ("money", Decimal("1e-31")),
        ("money", Decimal("NaN")),
        ("money", Decimal("Infinity")),
        ("money", True),
        ("money", 1.5),
        ("money", []),
        ("number", "two"),
        ("flag", "true"),
        ("flag", "1"),
        ("flag", 1),
        ("flag", 0),
        ("moment", "2026-11-21T12:00:05"),  # of which zone?
        ("moment", "2026-11-21 12:00:05"),
        ("moment", datetime(2026, 11, 21, 12)),  # noqa: DTZ001 - what is refused
        ("moment", "2024-02-21"),
        ("moment", "21/11/2026 12:00Z"),
        ("moment", "2026-02-30T12:00:05Z"),
        ("moment", "2026-11-21T25:00:05Z"),
        ("moment", "2026-11-21T12:00:05+99:00"),
        ("moment", "0001-01-01T00:00:00+14:00"),
        ("moment", "9999-12-31T23:59:59-14:00"),
        # Python reads these, and no platform writes them.
        ("moment", "20261121T120005Z"),
        ("moment", "2026-11-21_12:00:05Z"),
        ("moment", "2026-11-21T12Z"),
        ("moment", "2026-11-21T12:00:05+03:00:30"),
        ("moment", "2026-W47-6T12:00:05Z"),
        ("moment", "yesterday"),
        ("moment", 1732190405),
        ("moment", date(2026, 11, 21)),
        ("date", "31/12/1990"),
        ("date", "1990-1-5"),
        ("date", "19901231"),
        ("date", "1990-02-30"),
        ("date", "1990-W01-1"),
        ("date", "1990-12-31T"),
        ("date", 19901231),
        ("texts", "vip, affiliate"),
        ("texts", ["vip", True]),
        ("texts", [["vip"]]),
        ("texts", ["half \ud83d pair"]),
    ],
)
def test_what_does_not_fit_is_refused_and_never_nothing(field, value):
    with pytest.raises(Refused) as caught:
        read(field, value)

    assert str(value) not in str(caught.value)


MESSAGES = [
    ("e-mail", "ada", "found text that is no e-mail address, wanted one with exactly one @"),
    ("currency", "R$", "found text that is no currency, wanted three letters (ISO 4217)"),
    ("money", "1,5", "found text of 3 characters that is no plain decimal number, wanted 1234.56"),
    ("moment", "noon", "found text that is no date and time, wanted 2026-11-21T05:56:05Z"),
    ("moment", "2026-13-01T00:00Z", "found a date and time that does not exist"),
    (
        "moment",
        "2026-11-21T12:00:05",
        "found a time without an offset, wanted one; `timestamp(zone)` names a zone",
    ),
    ("date", "1/5/90", "found text that is no date, wanted 1990-12-31"),
    ("date", "1990-02-30", "found a date that does not exist"),
    ("texts", [True], "found true or false in the list, wanted texts"),
]


@pytest.mark.parametrize(("field", "value", "message"), MESSAGES)
def test_a_refusal_says_what_was_found_and_what_was_wanted(field, value, message):
    with pytest.raises(Refused) as caught:
        read(field, value)

    assert message == str(caught.value)


ANYTHING = st.one_of(
    st.text(),
    st.from_regex(r"[+-]?[0-9.,eE]{1,12}", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,12}(Z|[+-][0-9:]{2,5})?", fullmatch=True),
    st.integers(),
    st.booleans(),
    st.decimals(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.lists(st.text() | st.integers() | st.none() | st.booleans(), max_size=3),
    st.dictionaries(st.text(), st.integers(), max_size=2),
)  # fmt: skip


@given(ANYTHING)
def test_whatever_is_given_is_read_or_refused(value):
    for field, slot in FIELDS.items():
        try:
            found = read(field, value)
        except Refused:
            continue
        assert found is None or type(found) in slot.gives
        if isinstance(found, str):
            assert found == found.strip() != ""


LINES = {
    field: Leaf(field, replace(slot, required=False, adds=False), (compiled("body.x"),)).run
    for field, slot in FIELDS.items()
}


@given(ANYTHING.filter(lambda value: not blank(value)))
@example("half a pair: \ud800")
@example(Decimal("1E+5"))
@example(Decimal("0E-8"))
@example(10**30)
@example(-(10**30))
@example("9" * 31)
def test_a_line_reads_its_field_as_the_field_does(value):
    """Lines spell out how most values are read, and must not read them in another way."""
    for field, line in LINES.items():
        try:
            expected = read(field, value)
        except Refused as refused:
            told = str(refused)
            with pytest.raises(Refused, match="wanted" if told == WRONG else re.escape(told)):
                line({"body": {"x": value}})
        else:
            found = line({"body": {"x": value}})
            assert (type(expected), str(expected)) == (type(found), str(found))


@given(st.from_regex(r"[0-9a]{4}-[0-9W]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?(Z|[+-][0-9]{2}:[0-9]{2})", fullmatch=True))  # fmt: skip
@example("0001-01-01T00:00:00+14:00")  # not in UTC
@example("0000-00-00T00:00:00Z")
@example("2026-11-21T24:00:00Z")
@example("2026-11-21T05:56:05+24:00")
def test_a_moment_as_most_platforms_write_it_is_read_as_any_other(text):
    spaced = f"{text} "  # which is the long way
    try:
        expected = read("moment", spaced)
    except Refused as refused:
        with pytest.raises(Refused, match=re.escape(str(refused))):
            read("moment", text)
    else:
        assert expected == read("moment", text)


@given(st.decimals(min_value=-(10**20), max_value=10**20, places=4))
def test_an_amount_is_read_exactly(amount):
    assert read("money", f"{amount:f}") == read("money", amount) == amount


YEARS = st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 2 < moment.year < 9998)


@given(YEARS, st.integers(-840, 840))
def test_a_moment_is_read_in_any_zone(moment, minutes):
    there = moment.astimezone(timezone(timedelta(minutes=minutes)))

    assert read("moment", there.isoformat()) == read("moment", there) == moment
