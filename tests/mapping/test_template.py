"""Tables of lines: what a field does with nothing, with zero and with the wrong type; lists."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import pytest
from pydantic import BaseModel, ConfigDict

from bridge.event import Customer, Item, Order
from bridge.mapping.functions import Example, function, read_functions
from bridge.mapping.layout import compile_table
from bridge.mapping.library import BUILT_IN
from bridge.mapping.lines import read
from bridge.types import Problem
from tests.mapping.running import compiler, fill, table

#: The lines that every order needs.
ORDER = """
id = "'1'"
status = "'paid'"
currency = "'BRL'"
placed_at = "'2026-11-21T05:06:07Z'"
total = 10
shipping = 0
"""
NOTHING = [
    pytest.param({}, id="missing"),
    pytest.param({"x": None}, id="null"),
    pytest.param({"x": ""}, id="empty"),
    pytest.param({"x": " "}, id="blank"),
]


def order(line: str, body: Any) -> tuple[Any, list[str]]:
    """What one line makes of a body, as field of an order, and what is wrong."""
    name = line.partition("=")[0].strip()
    others = [one for one in ORDER.splitlines() if not one.startswith(f"{name} ")]
    filled, problems = fill("\n".join([*others, line]), Order, body, "order")
    return (filled or {}).get(name), problems


class Named(BaseModel):
    Name: str | None = None


class Body(BaseModel):
    """A payload with a field of each kind."""

    model_config = ConfigDict(extra="forbid", strict=True)

    Id: str
    Total: Decimal | None = None
    Done: bool | None = None
    Inner: Named | None = None
    Many: list[Named] | None = None
    Open: dict[str, str | bool | Decimal] | None = None


@pytest.mark.parametrize("body", NOTHING)
def test_nothing_leaves_an_optional_field_of_the_event_out(body):
    assert order('number = "body.x"', body) == (None, [])


@pytest.mark.parametrize("body", NOTHING)
@pytest.mark.parametrize("field", ["id", "status", "currency", "placed_at", "total", "shipping"])
def test_nothing_is_refused_by_a_required_field_of_the_event(field, body):
    value, (problem,) = order(f'{field} = "body.x"', body)

    assert value is None
    assert f": order.{field}: nothing was found, wanted " in problem


@pytest.mark.parametrize("body", NOTHING)
@pytest.mark.parametrize("field", ["shipping_tax", "tip", "fees", "gift_cards", "refunded"])
def test_nothing_is_refused_by_a_mapped_amount_of_the_order(field, body):
    assert order(f'{field} = "body.x"', body) == (
        None,
        [f"a.toml:8:{len(field) + 5}: order.{field}: nothing was found, wanted an amount"],
    )
    assert order(f'{field} = "body.x ?? 0"', body) == (Decimal(0), [])


@pytest.mark.parametrize(
    ("line", "value", "expected"),
    [
        ("tip", 0, Decimal(0)),
        ("tip", "0.00", Decimal("0.00")),
        ("tip", Decimal("1.50"), Decimal("1.50")),
        ("test", False, False),
        ("number", 0, "0"),
        ("items", [], []),
    ],
)
def test_zero_false_and_an_empty_list_are_set(line, value, expected):
    text = f'{line}.each = "body.x"' if line == "items" else f'{line} = "body.x"'

    filled, problems = fill(ORDER + text, Order, {"x": value}, "order")

    assert problems == []
    assert filled is not None
    assert repr(expected) == repr(filled[line])


@pytest.mark.parametrize(
    ("line", "value", "message"),
    [
        ("number", True, "order.number: found true or false, wanted text"),
        ("number", ["1"], "order.number: found a list, wanted text"),
        ("number", Decimal("1.5"), "order.number: found a number, wanted text"),
        ("tip", True, "order.tip: found true or false, wanted an amount"),
        ("tip", {}, "order.tip: found an object, wanted an amount"),
        ("tip", "1,50", "order.tip: found text of 4 characters that is no plain decimal number, wanted 1234.56"),
        ("test", "true", "order.test: found text of 4 characters, wanted true or false"),
        ("test", 1, "order.test: found a whole number, wanted true or false"),
        ("paid_at", "yesterday", "order.paid_at: found text that is no date and time, wanted 2026-11-21T05:56:05Z"),
        ("paid_at", 1732165565, "order.paid_at: found a whole number, wanted a moment"),
        ("payment.id", {"a": 1}, "order.payment.id: found an object, wanted text"),
    ],
)  # fmt: skip
def test_the_wrong_type_is_refused_and_not_told(line, value, message):
    _, problems = fill(f'{ORDER}{line} = "body.x"', Order, {"x": value}, "order")

    assert [f"a.toml:8:{len(line) + 5}: {message}"] == problems


@pytest.mark.parametrize("body", NOTHING)
def test_nothing_is_left_out_of_a_payload_or_refused_where_it_is_required(body):
    assert fill('Id = "body.x ?? \'1\'"\nTotal = "body.x"', Body, body) == ({"Id": "1"}, [])
    assert fill('Id = "body.x"', Body, body) == (
        None,
        ["a.toml:1:7: Id: nothing was found, wanted text"],
    )


def test_an_object_without_any_field_is_left_out():
    filled, _ = fill('Id = "\'1\'"\nInner.Name = "body.x"', Body, {})

    assert filled == {"Id": "1"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("Total", 0, Decimal(0)), ("Done", False, False), ("Many", [], [])],
)
def test_a_payload_is_given_zero_false_and_an_empty_list(name, value, expected):
    """A whole number as a Decimal, because a strict model wants one."""
    text = f'Id = "\'1\'"\n{name}{".each" if name == "Many" else ""} = "body.x"'

    filled, problems = fill(text, Body, {"x": value})

    assert problems == []
    assert filled is not None
    assert repr(expected) == repr(filled[name])


def test_a_value_of_the_wrong_type_never_reaches_the_payload():
    assert fill('Id = "body.x"', Body, {"x": 5}) == (
        None,
        ["a.toml:1:7: Id: found a whole number, wanted text"],
    )


@function(Example("a", returns="a"))
def lies(value: str) -> str:
    """Give another kind than the annotation says, as an operator's function may."""
    return cast("str", len(value))


def test_what_a_function_gives_is_looked_at_whatever_its_annotation_says():
    wrongs: list[Problem] = []
    functions = {**BUILT_IN, "lies": read_functions({"__name__": __name__, "f": lies})["lies"]}
    text = read('Id = "\'1\'"\nInner.Name = "body.x | lies"', "a.toml")
    branch = compile_table(text, Body, compiler(wrongs, functions))

    branch.fill({"body": {"x": "a customer's value"}}, wrongs)

    assert [str(one) for one in wrongs] == [
        "a.toml:2:15: Inner.Name: found a whole number, wanted text"
    ]


def test_numbers_and_booleans_are_themselves():
    filled, _ = fill("Id = \"'1'\"\nTotal = 1.50\nDone = false", Body, {})

    assert filled == {"Id": "1", "Total": Decimal("1.50"), "Done": False}


# Lists of expressions


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"a": "10.00", "b": 5}, Decimal("15.00")),
        ({"a": 0, "b": "0.5"}, Decimal("0.5")),
        # Exact beyond the 28 digits of Python's default.
        ({"a": "9" * 30, "b": "0." + "0" * 29 + "1"}, Decimal("9" * 30 + "." + "0" * 29 + "1")),
    ],
)
def test_a_list_of_expressions_is_added_up(body, expected):
    assert order('tip = ["body.a", "body.b"]', body) == (expected, [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"a": 1}, "nothing was found, wanted an amount"),
        ({"b": 1}, "nothing was found, wanted an amount"),
        ({"a": 1, "b": True}, "found true or false, wanted an amount"),
        ({"a": 1, "b": "x"}, "found text of 1 characters that is no plain decimal number, wanted 1234.56"),
    ],
)  # fmt: skip
def test_a_sum_with_something_missing_or_wrong_is_refused(body, message):
    assert order('tip = ["body.a", "body.b"]', body) == (
        None,
        [f"a.toml:8:9: order.tip: {message}"],
    )


# Lists of objects

ITEMS = """
[items]
each = "body.lines"
when = "item.gift | is_not(true)"
id = "item.id"
price = "item.price"
quantity = "item.quantity"
"""


def test_each_makes_one_element_per_item_that_counts():
    lines = [
        {"id": 1, "price": "2.50", "quantity": 1},
        {"id": 2, "gift": True},
        {"id": 3, "price": 4, "quantity": "1.5", "gift": False},
        None,
    ]

    filled, problems = fill(ORDER + ITEMS, Order, {"lines": lines}, "order")

    assert problems == []
    assert filled is not None
    assert filled["items"] == [
        {"id": "1", "price": Decimal("2.50"), "quantity": Decimal(1)},
        {"id": "3", "price": Decimal(4), "quantity": Decimal("1.5")},
        {},
    ]


def test_a_list_that_is_missing_is_left_out():
    filled, problems = fill(ORDER + ITEMS, Order, {}, "order")

    assert problems == []
    assert filled is not None
    assert "items" not in filled


def test_each_of_what_is_no_list_is_refused():
    _, problems = fill(ORDER + ITEMS, Order, {"lines": {"id": 1}}, "order")

    assert problems == ["a.toml:10:9: order.items: found an object, wanted a list"]


def test_what_is_wrong_in_an_element_is_told_with_its_number():
    lines = [{"id": 1}, {"id": 2, "price": "x", "quantity": True}, "text"]

    _, problems = fill(ORDER + ITEMS, Order, {"lines": lines}, "order")

    assert problems == [
        "a.toml:13:10: order.items[1].price: found text of 1 characters that is no plain decimal number, wanted 1234.56",
        "a.toml:14:13: order.items[1].quantity: found true or false, wanted a number",
        "a.toml:11:9: order.items[2]: found text of 4 characters where an object with 'gift' was wanted",
    ]  # fmt: skip


def test_an_element_may_be_a_text():
    filled, _ = fill(
        'Id = "\'1\'"\n[Many]\neach = "body.x"\nName = "item"', Body, {"x": ["a", "b"]}
    )

    assert filled == {"Id": "1", "Many": [{"Name": "a"}, {"Name": "b"}]}


TABLES = """
Id = "'1'"
[[Many]]
Name = "'always'"
[[Many]]
when = ["body.x | present", "body.x | is_not('no')"]
Name = "body.x"
[[Many]]
Name = "body.y"
"""


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, ["always"]),
        ({"x": "yes"}, ["always", "yes"]),
        ({"x": "no", "y": "z"}, ["always", "z"]),
    ],
)
def test_an_array_of_tables_makes_one_element_per_table_that_counts(body, names):
    filled, problems = fill(TABLES, Body, body)

    assert problems == []
    assert filled == {"Id": "1", "Many": [{"Name": name} for name in names]}


# Objects with any names

OPEN = """
Id = "'1'"
[Open]
gender = "body.x"
"shoe size" = "body.y"
vip = true
points = 7.50
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"vip": True, "points": Decimal("7.50")}),
        (
            {"x": "Female", "y": 38},
            {"gender": "Female", "shoe size": 38, "vip": True, "points": Decimal("7.50")},
        ),
    ],
)
def test_an_object_whose_names_the_brand_chooses_takes_every_name(body, expected):
    assert fill(OPEN, Body, body) == ({"Id": "1", "Open": expected}, [])


def test_an_object_with_any_names_is_left_out_when_nothing_is_in_it():
    assert fill('Id = "\'1\'"\n[Open]\na = "body.x"', Body, {}) == ({"Id": "1"}, [])


def test_what_is_wrong_under_a_chosen_name_is_told_with_it():
    _, problems = fill(OPEN, Body, {"x": ["Female"]})

    assert problems == [
        "a.toml:4:11: Open.gender: found a list, wanted a number, text, or true or false"
    ]


# What is known at load


@pytest.mark.parametrize(
    ("text", "model", "expected"),
    [
        ("", Body, ["1:1: required field 'Id' is not mapped"]),
        ('id = "body.x"\nId = "body.x"', Body, ["1:1: there is no field 'id'; did you mean 'Id'?"]),
        ("Id = 5", Body, ["1:6: Id: wants text, and this is a whole number"]),
        ("Id = true", Body, ["1:6: Id: wants text, and this is true or false"]),
        ('Id = "body.x | present"', Body, ["1:7: Id: wants text, and this is true or false"]),
        ('Id = "order.placed_at"', Body, ["1:7: Id: wants text, and this is a moment"]),
        ('Id = "order.kept"', Body, ["1:7: Id: wants text, and this is a number"]),
        ('Id = "order.items"', Body, ["1:7: Id: wants text, and this is a list"]),
        ('Id = ["body.x"]', Body, ["1:6: Id: a list is only added up for an amount of the order"]),
        ("Id = 2026-11-21", Body, ["1:6: Id: wanted an expression in quotes, a number, true or false"]),
        ('Id = { a = "body.x" }', Body, ["1:6: Id: holds text and has no fields"]),
        ("Id = \"'1'\"\nTotal = nan", Body, ["2:9: Total: wanted an expression in quotes, a number, true or false"]),
        ("Id = \"'1'\"\nTotal = inf", Body, ["2:9: Total: wanted an expression in quotes, a number, true or false"]),
        ("Id = \"'1'\"\nTotal = true", Body, ["2:9: Total: wants a number, and this is true or false"]),
        ('Id = "\'1\'"\nInner = "body.x"', Body, ["2:10: Inner: holds an object: give its fields by name"]),
        ('Id = "\'1\'"\nOpen = "body.x"', Body, ["2:9: Open: holds an object: give its fields by name"]),
        ('Id = "\'1\'"\n[Open]\na = "customer.tags"\nb.c = "body.x"', Body, ["3:6: Open.a: wants a number, text, or true or false, and this is a list", "4:1: Open.b: holds a number, text, or true or false and has no fields"]),
        ('Id = "\'1\'"\nMany = "body.x"', Body, ["2:9: Many: holds a list: wanted `each`, the path of another list, or an array of tables"]),
        ('Id = "\'1\'"\nMany = ["body.x"]', Body, ["2:10: Many: wanted an array of tables"]),
        ('Id = "\'1\'"\n[Many]\nName = "body.x"', Body, ["2:2: Many: holds a list: wanted `each`, the path of another list, or an array of tables"]),
        ('Id = "\'1\'"\n[Many]\neach = "body.x[a=\'b\']"\nName = "item"', Body, ["3:9: Many: `each` is a plain path; filter with `when`"]),
        ('Id = "\'1\'"\n[Many]\neach = "body.x[*]"\nName = "item"', Body, ["3:9: Many: `each` is a plain path; filter with `when`"]),
        ('Id = "\'1\'"\n[Many]\neach = "order.id"\nName = "item"', Body, ["3:9: Many: `each` wants a list, and this is text"]),
        ('Id = "\'1\'"\n[Many]\neach = "order.items"\nName = "item.nmae"', Body, ["4:14: Many.Name: 'item' has no field 'nmae'; did you mean 'name'?"]),
        ('Id = "\'1\'"\n[Many]\neach = "order.items"\nName = "item.paid"', Body, ["4:9: Many.Name: wants text, and this is a number"]),
        ('Id = "\'1\'"\n[Many]\neach = "body.x"\nwhen = "item.y"\nName = "item.z"', Body, ["4:9: Many: a condition ends in present, absent, is(...), is_not(...) or has(...)"]),
        ('Id = "\'1\'"\n[[Many]]\nwhen = true\nName = "body.z"', Body, ["3:8: Many: wanted an expression, or a list of them"]),
        ('paid = "body.x"', Item, ["1:1: the bridge computes 'paid': it cannot be mapped"]),
        ('prise = "body.x"', Item, ["1:1: there is no field 'prise'; did you mean 'price'?"]),
        ('price = ["body.x"]', Item, ["1:9: price: a list is only added up for an amount of the order"]),
        ('gift_card = "\'true\'"', Item, ["1:14: gift_card: wants true or false, and this is text"]),
        ("gift_card = 1", Item, ["1:13: gift_card: wants true or false, and this is a whole number"]),
        ('birthday = "body.x | present"', Customer, ["1:13: birthday: wants a date, and this is true or false"]),
        (ORDER + "tip = []", Order, ["8:7: tip: the list is empty: nothing would be added up"]),
        (
            ORDER + 'tip = ["body.x |", true, "bodi.x"]',
            Order,
            [
                "8:17: tip: expected the name of a function, found the end",
                "8:20: tip: wants an amount, and this is true or false",
                "8:27: tip: there is no 'bodi' here; did you mean 'body'?",
            ],
        ),
        (ORDER + "kept = 5", Order, ["8:1: the bridge computes 'kept': it cannot be mapped"]),
    ],
)  # fmt: skip
def test_every_line_that_does_not_fit_is_told_at_load(text, model, expected):
    _, problems = table(text, model)

    assert [f"a.toml:{one}" for one in expected] == problems
