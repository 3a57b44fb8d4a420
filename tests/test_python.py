"""Functions that the bridge writes hold values as they are, and show their lines when they fail."""

from __future__ import annotations

import traceback
from decimal import Decimal

import pytest

from bridge.python import Source


def returning(value: object) -> object:
    source = Source({})
    source.line(f"return {source.value(value)}")
    return source.function("", "test")()


@pytest.mark.parametrize(
    "value",
    ["", "it's", 'say "no"', "a\nb\\", "\ud800", "\x00", "{brace}", "'); raise SystemExit('", None, True],
    ids=repr,
)  # fmt: skip
def test_a_literal_is_never_more_than_a_value(value):
    assert returning(value) == value


def test_a_value_that_cannot_be_spelled_is_the_same_object():
    for value in (Decimal("1.50"), [], len, lambda: 1, 12**40, object()):
        assert returning(value) is value


def test_two_values_that_are_equal_are_not_taken_for_one_another():
    source = Source({})
    source.line(f"return {source.value(1)}, {source.value(Decimal(1))}, {source.value([])}")

    one, decimal, empty = source.function("", "test")()

    assert (type(one), type(decimal), type(empty)) == (int, Decimal, list)


def test_a_traceback_shows_the_line_that_failed():
    source = Source({})
    with source.block("if given"):
        source.line("return given.upper()")
    written = source.function("given", "shop.toml:7:5")

    with pytest.raises(AttributeError) as caught:
        written(5)

    told = "".join(traceback.format_tb(caught.value.__traceback__))
    assert "<shop.toml:7:5>" in told
    assert "return given.upper()" in told
