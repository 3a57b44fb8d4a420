"""A function is its annotations, its docstring and its examples, and it never crashes."""

from __future__ import annotations

import typing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import kinds
from bridge.kinds import Refused
from bridge.mapping.functions import (
    Example,
    Function,
    Parameter,
    function,
    predicate,
    read_functions,
    signature,
    table,
)
from bridge.mapping.library import BUILT_IN

NAMES = """
    decimal sum negative minus cents minor_units
    append before split join digits lower html unless base64 hmac_sha256
    first last filled known field
    timestamp rfc2822 unix unix_ms date midnight
    present absent is is_not has
"""
EXAMPLES = [
    pytest.param(one, example, id=f"{one.name}-{place}")
    for one in BUILT_IN.values()
    for place, example in enumerate(one.examples, 1)
]


def called(one: Function, value: Any, arguments: typing.Sequence[Any] = ()) -> Any:
    """Call a function as mapping files do: by the rules for nothing and for types."""
    if not one.predicate:
        required = [p.required for p in one.parameters for _ in (arguments if p.repeated else "1")]
        if value is None or any(
            argument is None and needed
            for argument, needed in zip(arguments, required, strict=False)
        ):
            return None
    if value is not None and type(value) not in one.given:
        raise Refused(f"found {kinds.name_of(value)}, wanted {kinds.name(one.given)}")
    result = one.call(value, *arguments)
    return None if isinstance(result, str) and not result.strip() else result


def test_there_are_27_functions_and_5_predicates():
    assert set(NAMES.split()) == set(BUILT_IN)
    assert {"present", "absent", "is", "is_not", "has"} == {
        one.name for one in BUILT_IN.values() if one.predicate
    }
    assert 32 == len(BUILT_IN)


@pytest.mark.parametrize(("one", "example"), EXAMPLES)
def test_every_example_is_true(one, example):
    if example.refused is not None:
        with pytest.raises(Refused, match=example.refused):
            called(one, example.given, example.arguments)
        return

    result = called(one, example.given, example.arguments)

    # repr too: 12.5 is not 12.50, True is not 1, and a moment's zone is UTC itself.
    assert (example.returns, repr(example.returns)) == (result, repr(result))


@pytest.mark.parametrize("one", BUILT_IN.values(), ids=lambda one: one.name)
def test_what_a_function_takes_fits_in_a_table(one):
    assert one.about.endswith(".")
    assert one.given
    assert one.returns
    assert all(parameter.kind for parameter in one.parameters)


def texts() -> st.SearchStrategy[str]:
    """Any text, half surrogate pairs included, and text that is nearly right somewhere."""
    nearly = [
        "1.50", "-0", "9" * 60, "1E5", "NaN", "USD", "ſſſ", "JPY", "55", "+", "(0)", "*", "a*b*",
        f"&#{'9' * 5000};", "&#xd800;", "0000-00-00", "2026-02-30T00:00:00Z", "٣",
        "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "9999-12-31 23:59:59",
        "0001-01-01 00:00:00", "2026-11-21T05:56:05+99:99", "UTC", "America", "Asia/Tokyo",
        "America/New_York", "localtime", "../zone", "a\0b", "x" * 5000, "31/12/1990", "DD/MM/YYYY",
        "YYYYMMDD", "19901231", "Tue, 20 Nov 2018 00:00:00 +9999", "31 Feb 2018 24:61 GMT",
        "1 Jan 0001 00:00 +0100", "31 Dec 9999 23:59 -0100", "99 Foo 9999 99:99:99 UTC",
    ]  # fmt: skip
    return st.one_of(
        st.text(st.characters(exclude_categories=())),
        st.sampled_from(nearly),
        st.from_regex(r"\A[-+ ]?[0-9]{1,45}(\.[0-9]{0,45})?\Z"),
        st.from_regex(r"\A[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-9:]{5,8}(Z|[-+][0-9:]{2,5})?\Z"),
        st.from_regex(r"\A[0-9]{1,2} (Jan|Foo) [0-9]{4} [0-9]{2}:[0-9]{2} ([+-][0-9]{4}|EST)\Z"),
    )


def numbers() -> st.SearchStrategy[int]:
    return st.one_of(
        st.integers(),
        st.sampled_from([10**40, -(10**4000), 253402300799, 253402300800, -62135596801]),
    )


def decimals() -> st.SearchStrategy[Decimal]:
    edges = ["1E+999999", "1E-999999", "0E-8", "-0.00", "Infinity", "NaN", "9" * 60, "0E+3"]
    return st.one_of(st.decimals(allow_nan=False), st.sampled_from(edges).map(Decimal))


SIMPLE = st.one_of(st.none(), texts(), numbers(), decimals(), st.booleans())
NESTED = st.recursive(
    SIMPLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=3),
    max_leaves=8,
)
VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: texts(),
    int: numbers(),
    Decimal: decimals(),
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
    list: st.lists(NESTED, max_size=5),
    dict: st.dictionaries(texts(), NESTED, max_size=3),
    bytes: st.binary(),
}


def of(kind: kinds.Kind) -> st.SearchStrategy[Any]:
    return st.one_of(*(VALUES[one] for one in sorted(kind, key=str)))


def outcome(one: Function, value: Any, arguments: list[Any]) -> Any:
    """Give what a function returns, or the refusal."""
    try:
        return one.call(value, *arguments)
    except Refused as refused:
        return refused


def calls(one: Function) -> st.SearchStrategy[tuple[Any, list[Any]]]:
    """Values and arguments of the kinds that a function takes; nothing where it may come."""
    value = of(one.given)
    given = value | st.none() if one.predicate else value
    arguments: st.SearchStrategy[list[Any]] = st.just([])
    for parameter in one.parameters:
        may_be_nothing = one.predicate or not parameter.required
        argument = of(parameter.kind) | st.none() if may_be_nothing else of(parameter.kind)
        more = st.lists(argument, min_size=1, max_size=3 if parameter.repeated else 1)
        arguments = st.tuples(arguments, more).map(lambda both: both[0] + both[1])
    return st.tuples(given, arguments)


@pytest.mark.parametrize("one", BUILT_IN.values(), ids=lambda one: one.name)
def test_a_function_gives_what_it_says_or_refuses_whatever_comes(one):
    @settings(max_examples=100, deadline=None)
    @given(calls(one))
    def check(call: tuple[Any, list[Any]]) -> None:
        value, arguments = call
        result = outcome(one, value, arguments)
        if isinstance(result, Refused):
            assert str(result).startswith("found ")
        else:
            assert result is None or type(result) in one.returns

    check()


@pytest.mark.parametrize(
    "one",
    [one for one in BUILT_IN.values() if one.given & {str, list}],
    ids=lambda one: one.name,
)
def test_a_refusal_never_holds_the_value(one):
    value = ["q0q@q9/q8", True] if str not in one.given else "q0q@q9/q8"
    ordinary = {"currency": "BRL", "mark": ",", "pattern": "DD/MM/YYYY", "calling_code": "wrong"}
    arguments = [ordinary.get(parameter.name) for parameter in one.parameters]

    result = outcome(one, value, arguments)

    assert not isinstance(result, Refused) or "q0q" not in str(result)


def of_operator() -> dict[str, Any]:
    """Define what an operator's module could."""

    @function(Example("gold", ("basic",), 3), Example("x", refused="no tier"))
    def tier(value: str, otherwise: str | None = None, *more: int) -> int | None:
        """
        Number the shop's tiers.

        Only the first line is documentation.
        """
        return len(value) + len(otherwise or "") + sum(more)

    @predicate(Example("a", returns=True))
    def max_(value: Any | None) -> bool:
        """Ask whether it is much."""
        return value is not None

    return {"tier": tier, "max_": max_, "__name__": __name__}


def test_a_function_is_read_from_its_own_definition():
    tier = read_functions(of_operator())["tier"]

    assert tier == Function(
        name="tier",
        call=tier.call,
        about="Number the shop's tiers.",
        given=frozenset({str}),
        parameters=(
            Parameter("otherwise", frozenset({str}), required=False, repeated=False),
            Parameter("more", frozenset({int}), required=True, repeated=True),
        ),
        returns=frozenset({int}),
        predicate=False,
        examples=(Example("gold", ("basic",), 3), Example("x", refused="no tier")),
    )


def test_an_underscore_behind_pythons_own_name_is_not_part_of_the_name():
    found = read_functions(of_operator())["max"]

    assert found.predicate
    assert kinds.BOOLEAN == found.returns


def test_what_a_module_only_imports_is_not_its_own():
    imported = {"is_": BUILT_IN["is"].call, **of_operator()}

    assert ["tier", "max"] == list(read_functions(imported))


def test_two_functions_of_one_name_are_told():
    @function(Example(1, returns=1))
    def max(value: int) -> int:  # noqa: A001
        """Give it back."""
        return value

    with pytest.raises(TypeError, match=r"test_functions\.py:\d+: .* called 'max' already"):
        read_functions({**of_operator(), "max": max})


def no_docstring(value: str) -> str:
    return value


def no_argument() -> str:
    """Give a constant."""
    return "a"


def no_type(value) -> str:
    """Give it back."""
    return str(value)


def no_type_of_argument(value: str, other) -> str:
    """Put them together."""
    return value + str(other)


def no_result(value: str):
    """Give it back."""
    return value


def nothing_as_result(value: str) -> None:
    """Do nothing."""


def a_float(value: float) -> Decimal:
    """Be inexact."""
    return Decimal(value)


def unknown_type(value: Monney) -> str:  # type: ignore[name-defined]  # noqa: F821
    """Give it back."""
    return str(value)


def a_default(value: str, other: str = "x") -> str:
    """Put them together."""
    return value + other


def by_name(value: str, *, other: str) -> str:
    """Put them together."""
    return value + other


async def later(value: str) -> str:
    """Give it back."""
    return value


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (no_docstring, "write a docstring"),
        (no_argument, "the value on its left"),
        (no_type, "annotate 'value' with its type"),
        (no_type_of_argument, "annotate 'other' with its type"),
        (no_result, "annotate what it returns"),
        (nothing_as_result, "returning a value"),
        (a_float, "is no type of the mapping language"),
        (unknown_type, "'Monney' is not defined"),
        (a_default, "'other' has a default"),
        (by_name, "'other' is given by name"),
        (later, "plain 'def'"),
    ],
)
def test_a_function_that_is_not_complete_is_told_with_its_place(call, message):
    with pytest.raises(TypeError, match=message) as caught:
        function(Example("a", returns="a"))(call)

    assert f"test_functions.py:{call.__code__.co_firstlineno}: " in str(caught.value)
    assert call.__name__ in str(caught.value)


def test_a_function_without_an_example_is_told():
    with pytest.raises(TypeError, match="at least one Example"):
        function()(BUILT_IN["digits"].call)


def test_a_decorator_without_parentheses_is_told():
    with pytest.raises(TypeError, match="behind the decorator"):
        function(no_docstring)  # type: ignore[arg-type]


def test_a_predicate_returns_true_or_false():
    with pytest.raises(TypeError, match="returning bool"):
        predicate(Example("a", returns=True))(BUILT_IN["digits"].call)


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("digits", "digits"),
        ("minor_units", "minor_units(currency)"),
        ("timestamp", "timestamp(zone?)"),
        ("append", "append(text...)"),
        ("is", "is(value...)"),
    ],
)
def test_a_signature_tells_what_may_be_missing_or_repeated(name, spelt):
    assert spelt == signature(BUILT_IN[name])


def test_unless_may_get_nothing_and_append_may_not():
    assert not BUILT_IN["unless"].parameters[0].required
    assert BUILT_IN["append"].parameters[0].required


def test_the_table_spells_values_as_mapping_files_do():
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    examples = [
        Example("a|b", ("|",), ["a", None]),
        Example(b"{}", returns={"id": 7}),
        Example(noon, returns=date(2026, 11, 21)),
        Example(Decimal("1E-7"), (True,)),
        Example(date(2026, 11, 21), returns=noon),
        Example("x", refused="x"),
    ]

    @function(*examples)
    def mix(value: Any, other: str | None = None) -> Any:
        """Take a|b."""
        return value or other

    rows = table(read_functions({"mix": mix, "__name__": __name__})).splitlines()

    assert rows == [
        "| function | takes | meaning | examples |",
        "|---|---|---|---|",
        (
            "| `mix(other?)` | anything | Take a\\|b. | "
            "`'a\\|b' \\| mix('\\|')` → `['a', nothing]`<br>"
            "`bytes '{}' \\| mix` → `{id: 7}`<br>"
            "`2026-11-21T12:00:00Z \\| mix` → `2026-11-21`<br>"
            "`0.0000001 \\| mix(true)` → nothing<br>"
            "`2026-11-21 \\| mix` → `2026-11-21T12:00:00Z`<br>"
            "`'x' \\| mix` → **refused** |"
        ),
    ]
