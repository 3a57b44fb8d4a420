"""Text, lists and conditions: what is nothing is left out, and no two people become one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bridge.kinds import Refused
from bridge.mapping.library import (
    absent,
    append,
    base64,
    before,
    first,
    has,
    html,
    is_,
    is_not,
    join,
    last,
    present,
    split,
    unless,
)


def test_whole_numbers_are_text_to_append_and_join():
    assert "gid/12" == append("gid/", 12)
    assert "1-2" == join([1, 2], "-")


def test_numbers_of_thousands_of_digits_are_refused():
    with pytest.raises(Refused):
        append("gid/", 10**5000)
    with pytest.raises(Refused):
        join([10**5000], "-")


@pytest.mark.parametrize("element", [Decimal("1.5"), True, ["a"], {}])
def test_only_text_and_whole_numbers_are_joined(element):
    with pytest.raises(Refused, match="wanted text or a whole number"):
        join(["a", element], ",")


def test_a_mark_has_a_character():
    with pytest.raises(Refused, match="mark without a character"):
        before("ada", "")
    with pytest.raises(Refused, match="mark without a character"):
        split("ada", "")


def test_text_is_cut_at_the_first_mark():
    assert "a" == before("a@b@c", "@")


def test_an_entity_with_an_endless_number_is_refused():
    with pytest.raises(Refused, match="HTML entity"):
        html(f"&#{'9' * 5000};")


def test_half_a_surrogate_pair_is_refused_in_base64():
    with pytest.raises(Refused, match="surrogate"):
        base64("\ud83d")


@pytest.mark.parametrize(
    ("value", "unwanted"),
    [
        ("a@MASK.example", "*@mask.EXAMPLE"),
        (" n/a ", "N/A"),
        ("abcabc", "a*c*c"),
        ("0000-00-00 00:00:00", "0000-00-00*"),
        ("anything", "*"),
        (Decimal("0.00"), 0),
        (False, False),
        (2, [1, 2]),
        ("x", ["y", "X*"]),
    ],
)
def test_a_value_that_is_unwanted_becomes_nothing(value, unwanted):
    assert unless(value, "else", unwanted) is None


@pytest.mark.parametrize(
    ("value", "unwanted"),
    [
        ("ab", "ab*b"),
        ("aba", "*ab*ba*"),
        ("unpaid", "paid"),
        ("a.c", "a?c"),
        ("abc", "a*b"),
        ("abab", "ab*ba*b"),
        ("0", 0),
        (0, False),
        (1, "*"),
        ([], []),
        ({}, "*"),
        ("ada", None),
    ],
)
def test_a_value_that_is_not_unwanted_stays(value, unwanted):
    assert unless(value, unwanted) is value


def test_many_wildcards_cost_no_time():
    assert unless("a" * 20_000, "*a" * 1_000 + "b") == "a" * 20_000


def test_first_and_last_leave_out_holes_and_blanks():
    assert 0 == first([None, " ", 0, 1])
    assert [] == last([1, [], "", None])


@pytest.mark.parametrize("value", [None, "", "  "])
def test_blank_is_nothing_to_every_predicate(value):
    assert absent(value)
    assert not present(value)
    assert not is_(value, "", None)
    assert is_not(value, "", None)
    assert not has([value], "")


@pytest.mark.parametrize("value", [0, False, [], {}, "0", Decimal(0)])
def test_what_is_empty_but_not_blank_is_something(value):
    assert present(value)
    assert not absent(value)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1", 1),
        (1, True),
        (0, False),
        ("paid", "PAID"),
        ("true", True),
        (["a"], ["a"]),
        ([], []),
        ({}, {}),
        ("paid", None),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
    ],
)
def test_equality_does_not_cross_types(left, right):
    assert not is_(left, right)
    assert is_not(left, right)
    assert not has([left], right)


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, Decimal("1.0")), ("a", "a"), (True, True), ("a", ["b", "a"]), (10, [2, 10])],
)
def test_a_list_counts_as_its_elements(left, right):
    assert is_(left, "else", right)
    assert not is_not(left, "else", right)
    assert has(["other", left], right)
