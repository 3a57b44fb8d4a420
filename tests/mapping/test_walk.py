"""What a path gives: the value, nothing, one flat list, or a refusal; never a guess."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kinds import Refused
from tests.mapping.running import compiled, refused, run

BODY: dict[str, Any] = {
    "text": "x",
    "blank": " \t",
    "empty": "",
    "null": None,
    "zero": 0,
    "no": False,
    "amount": Decimal("1.50"),
    "none": [],
    "object": {"name": "n", "a b": 1, "deep": {"er": 2}},
    "lines": [
        {"id": 1, "kind": "a", "sale": True, "taxes": [{"price": "1.00"}, {"price": "0.50"}]},
        {"id": 2, "kind": "b", "sale": False, "taxes": []},
        {"id": 3, "kind": "a", "name": " "},
    ],
    "matrix": [[1, 2], [3]],
    "holes": [None, {"id": 5}, {}],
    "fruits": ["pear", "", None, "fig"],
    "php": {},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("body.text", "x"),
        ("body.zero", 0),
        ("body.no", False),
        ("body.none", []),
        ("body.amount", Decimal("1.50")),
        ("body.object.deep.er", 2),
        ("body.object.'a b'", 1),
        ("body.matrix[1][0]", 3),
        ("body.lines[0].kind", "a"),
        ("body.fruits[3]", "fig"),
    ],
)
def test_a_path_gives_the_value(path, expected):
    value = run(path, BODY)

    assert (type(expected), expected) == (type(value), value)


@pytest.mark.parametrize(
    "path",
    [
        "body.missing",
        "body.null",
        "body.empty",
        "body.blank",
        "body.missing.far.down",
        "body.null.name",
        "body.lines[9]",
        "body.lines[9].id",
        "body.lines.id",  # a name on a list: one file reads two shapes
        "body.object[0]",  # an index on an object
        "body.object[0].name",
        "body.missing[*]",
        "body.missing[*].id",
        "body.null[id=1].id",
        "body.lines[*].unheard_of",  # elements, and none has the field
        "body.lines[*].name",  # blank is nothing
        "body.holes[*].name",
        "body.fruits[1]",
    ],
)
def test_what_is_missing_null_or_blank_is_nothing(path):
    assert run(path, BODY) is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("body.text.name", "found text of 1 characters where an object with 'name' was wanted"),
        ("body.empty.name", "found text of 0 characters where an object with 'name' was wanted"),
        ("body.zero.name", "found a whole number where an object with 'name' was wanted"),
        ("body.amount.name", "found a number where an object with 'name' was wanted"),
        ("body.no.name", "found true or false where an object with 'name' was wanted"),
        ("body.text[0]", "found text of 1 characters where a list was wanted"),
        ("body.zero[0].name", "found a whole number where a list was wanted"),
        ("body.text[*]", "found text of 1 characters where a list was wanted"),
        ("body.object[*]", "found an object where a list was wanted"),
        ("body.object[name='n']", "found an object where a list was wanted"),
        ("body.fruits[*].name", "found text of 4 characters where an object with 'name' was wanted"),
        ("body.fruits[name='x']", "found text of 4 characters where an object with 'name' was wanted"),
        ("body.lines[*].kind[*]", "found text of 1 characters where a list was wanted"),
        ("body.lines[*].id.name", "found a whole number where an object with 'name' was wanted"),
    ],
)  # fmt: skip
def test_a_step_into_what_has_no_inside_is_refused_without_the_value(path, message):
    assert message == refused(path, BODY)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("body.none[*]", []),
        ("body.none[*].id", []),
        ("body.none[id=1].id", []),
        ("body.php[*].id", []),  # {} for an empty list
        ("body.php[id=1].id", []),
        ("body.lines[*].id", [1, 2, 3]),
        ("body.lines[*].sale", [True, False, None]),  # a hole
        ("body.holes[*].id", [None, 5, None]),
        ("body.fruits[*]", ["pear", None, None, "fig"]),  # blank is a hole too
        ("body.lines[kind='a'].id", [1, 3]),
        ("body.lines[kind!='a'].id", [2]),
        ("body.lines[kind='z'].id", []),
        ("body.lines[sale=true].id", [1]),
        ("body.lines[sale!=true].id", [2, 3]),  # also the one without the field
        ("body.lines[name!='x'].id", [1, 2, 3]),
        ("body.lines[sale=*].id", [1, 2]),
        ("body.lines[sale!=*].id", [3]),
        ("body.lines[kind='a'][sale=*].id", [1]),
        ("body.lines[kind='a'][sale=true].id", [1]),
        ("body.lines[kind='a'][sale!=true].id", [3]),
        ("body.lines[kind='a'][id!=1][id!=3].id", []),
        ("body.lines[*][kind='b'].id", [2]),
        ("body.lines[*].taxes[0].price", ["1.00", None, None]),
        ("body.lines[id=1].taxes[*].price", ["1.00", "0.50"]),
        ("body.lines[id=1].taxes[price='0.50'].price", ["0.50"]),
        ("body.lines[id=2].taxes[*].price", []),
        ("body.matrix[*]", [[1, 2], [3]]),
        ("body.matrix[*][*]", [1, 2, 3]),
        ("body.matrix[*][0]", [1, 3]),
    ],
)
def test_every_element_and_selectors_give_one_flat_list(path, expected):
    values = run(path, BODY)

    assert repr(expected) == repr(values)  # True is not 1 there


def test_a_list_that_is_missing_in_one_of_several_elements_is_a_hole():
    """`sum` refuses it, because nobody knows what was in it."""
    assert [1, 2, None] == run(
        "body.orders[*].lines[*].n", {"orders": [{"lines": [{"n": 1}, {"n": 2}]}, {}]}
    )


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("body[id=5].id", [None, {"id": 5}], [5]),  # null has no field that equals
        ("body[id!=4].id", [None, {"id": 5}], [None, 5]),  # and is one of the others
        ("body[*].lines[kind='a'].n", [{}, {"lines": [{"kind": "a", "n": 1}]}], [None, 1]),
        ("body[*].lines[kind!='a'].n", [{}, {"lines": [{"kind": "b", "n": 1}]}], [None, 1]),
        ("body[key=setting.unset].n", [{"key": None, "n": 1}], []),
        ("body[key!=setting.unset].n", [{"key": None, "n": 1}], [1]),
        ("body[key=*].n", [None, {"key": None}, {"key": " "}, {"key": {}, "n": 1}], [1]),
        ("body[key!=*].n", [None, {"key": " ", "n": 1}, {"key": 0}], [None, 1]),
        ("body[*].lines[kind=*].n", [{}, {"lines": [{"kind": "a", "n": 1}]}], [None, 1]),
    ],
)
def test_null_is_equal_to_nothing_and_a_hole_where_it_counts(path, body, expected):
    assert expected == run(path, body)


def test_a_path_may_begin_in_a_list():
    assert run("body[0].id", [{"id": 7}]) == 7
    assert run("body[*].id", [{"id": 7}]) == [7]
    assert run("body.id", [{"id": 7}]) is None


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("body[a='1']", [{"a": 1}], []),
        ("body[a=1]", [{"a": "1"}], []),
        ("body[a=1]", [{"a": True}], []),
        ("body[a=true]", [{"a": 1}], []),
        ("body[a=1]", [{"a": Decimal("1.0")}], [{"a": Decimal("1.0")}]),
        ("body[a=1.0]", [{"a": 1}], [{"a": 1}]),
        ("body[a='x']", [{"a": "X"}], []),
        ("body[a='x']", [{"a": None}], []),
        ("body[a!='x']", [{"a": None}], [{"a": None}]),
        ("body[a!=1]", [{"a": "1"}], [{"a": "1"}]),
    ],
)
def test_a_selector_is_equal_by_type(path, body, expected):
    assert expected == run(path, body)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("body.of[key=setting.word].value", [1]),
        ("body.of[key!=setting.word].value", [2]),
        ("body.of[key=setting.unset].value", []),  # nothing is equal to nothing
        ("body.of[key!=setting.unset].value", [1, 2]),
        ("body.of[key=body.wanted].value", [2]),
        ("body.of[key=item.key].value", [1]),
        ("body.of[key=body.names[0]].value", [2]),
    ],
)
def test_the_value_in_a_selector_may_be_a_path(path, expected):
    body = {
        "of": [{"key": "x", "value": 1}, {"key": "z", "value": 2}],
        "wanted": "z",
        "names": ["z"],
    }

    assert expected == run(path, body, item={"key": "x"})


def test_a_selector_s_value_of_the_wrong_type_is_refused_even_where_nothing_is_selected():
    assert refused("body.of[key=item.key]", {"of": []}, item="x") == (
        "found text of 1 characters where an object with 'key' was wanted"
    )
    assert refused("body.of[*].in[key=item.key].value", {"of": []}, item="x") == (
        "found text of 1 characters where an object with 'key' was wanted"
    )


def test_headers_are_read_from_any_mapping():
    from types import MappingProxyType

    assert run("header.x-topic", header=MappingProxyType({"x-topic": "paid"})) == "paid"
    assert run("header.x-other", header=MappingProxyType({"x-topic": "paid"})) is None


PATHS = [
    "body", "body.a", "body.a.b", "body.a.b.c", "body[0]", "body[1].a", "body.a[0].b", "body[*]",
    "body.a[*]", "body.a[*].b", "body[*].a[*]", "body[*].a[*].b", "body.a[b='x']", "body.a[b!=1].c",
    "body[a=true].b", "body.a[b='x'][c!='y'].a", "body[*][a=0].b[c='x']", "body.a[b=body.c].a",
    "body.a[b=item.a].c", "body[*][*][0]", "body.a[*][0].b", "body.'a b'[*].'x y'",
]  # fmt: skip
SIMPLE = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["", " ", "x", "y", "1"]),
    st.decimals(allow_nan=False, allow_infinity=False),
)  # fmt: skip
JSON = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "c", "a b", "x y"]), inner, max_size=4),
    ),
    max_leaves=20,
)
RUNS = {text: compiled(text).run for text in PATHS}


@given(body=JSON, item=JSON)
def test_whatever_a_body_holds_a_path_ends_in_a_value_or_is_refused(body, item):
    for text, walk in RUNS.items():
        try:
            value = walk({"body": body, "item": item})
        except Refused:
            continue
        assert not (isinstance(value, str) and not value.strip())
        if "[*]" in text or "=" in text:
            assert value is None or isinstance(value, list)
            assert value != [None] * len(value) if value else True
