"""Nothing, refusals, functions and predicates; and what is known of an expression at load."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bridge.kinds import Refused
from bridge.mapping.functions import Example, function, predicate, read_functions
from bridge.mapping.library import BUILT_IN
from tests.mapping.running import SETTINGS, compiled, refused, run, wrong

MOMENT = datetime(2026, 11, 21, 5, 56, tzinfo=UTC)
NOTHING = [
    pytest.param({}, id="missing"),
    pytest.param({"x": None}, id="null"),
    pytest.param({"x": ""}, id="empty"),
    pytest.param({"x": " \n"}, id="blank"),
]
ZERO: list[Any] = [0, False, [], Decimal("0.00"), {}]
SOMETHING = [pytest.param(value, id=repr(value)) for value in ZERO]


@pytest.mark.parametrize("body", NOTHING)
def test_alternatives_go_on_behind_nothing(body):
    assert run("body.x ?? 'other'", body) == "other"
    assert run("body.x ?? body.y ?? body.x", body) is None


@pytest.mark.parametrize("value", SOMETHING)
def test_alternatives_take_what_is_something(value):
    assert run("body.x ?? 'other'", {"x": value}) is value


def test_alternatives_never_go_on_behind_a_refusal():
    assert "where an object with 'y' was wanted" in refused("body.x.y ?? 'other'", {"x": "text"})
    assert "split: found a whole number" in refused("body.x | split(',') ?? 'other'", {"x": 5})


@pytest.mark.parametrize("body", NOTHING)
@pytest.mark.parametrize("call", ["decimal", "split(',')", "first", "append('x')", "unix"])
def test_a_function_is_not_called_with_nothing(body, call):
    assert run(f"body.x | {call}", body) is None
    assert run(f"body.x | {call} ?? 'other'", body) == "other"


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("body.x | negative", 0, Decimal(0)),
        ("body.x | sum", [], Decimal(0)),
        ("body.x | first", [], None),
        ("body.x | filled", [], None),
        ("body.x | unless(0)", 0, None),
        ("body.x | unless(0)", False, False),
    ],
)
def test_a_function_is_called_with_zero_false_and_an_empty_list(expression, value, expected):
    assert repr(expected) == repr(run(expression, {"x": value}))


@pytest.mark.parametrize(
    ("expression", "value", "message"),
    [
        ("body.x | sum", "12", "sum: found text of 2 characters, wanted a list"),
        ("body.x | split(',')", 5, "split: found a whole number, wanted text"),
        ("body.x | split(',')", True, "split: found true or false, wanted text"),
        ("body.x | cents", "19500", "cents: found text of 5 characters, wanted a number"),
        ("body.x | decimal", {}, "decimal: found an object, wanted a number or text"),
        ("body.x | decimal", "secret", "decimal: found text of 6 characters that is no plain decimal number, wanted 1234.56"),
        ("body.x | has('a')", "abc", "has: found text of 3 characters, wanted a list"),
        ("'a' | append(body.x)", [1], "append: text: found a list, wanted a whole number or text"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_or_form_is_refused_and_not_told(expression, value, message):
    assert message == refused(expression, {"x": value})


@pytest.mark.parametrize("body", NOTHING)
def test_predicates_are_called_with_nothing(body):
    told = {
        call: run(f"body.x | {call}", body)
        for call in ("present", "absent", "is('a')", "is_not('a')", "has('a')", "is(body.x)")
    }

    assert told == {
        "present": False,
        "absent": True,
        "is('a')": False,
        "is_not('a')": True,
        "has('a')": False,
        "is(body.x)": False,  # nothing is equal to nothing
    }


@pytest.mark.parametrize("value", SOMETHING)
def test_zero_false_and_an_empty_list_are_present(value):
    assert run("body.x | present", {"x": value}) is True
    assert run("body.x | absent", {"x": value}) is False


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("body.x | is(0)", 0, True),
        ("body.x | is(0)", False, False),
        ("body.x | is(false)", False, True),
        ("body.x | is(false)", 0, False),
        ("body.x | is('0')", 0, False),
        ("body.x | is(0)", "0", False),
        ("body.x | is(1)", Decimal("1.00"), True),
        ("body.x | is('a', 'b')", "b", True),
        ("body.x | is_not('a', 'b')", "b", False),
        ("body.x | is_not('a', 'b')", "c", True),
        ("body.x | is('a')", [], False),
        ("body.x | is_not('a')", [], True),
        ("body.x | is(setting.words)", "y", True),
        ("body.x | is(setting.words)", "z", False),
        ("body.x | is_not(setting.words)", "z", True),
        ("body.x | is(setting.word, 'q')", "x", True),
        ("body.x | is(setting.unset)", "x", False),
        ("body.x | has(setting.word)", ["a", "x"], True),
        ("body.x | has(1)", ["1"], False),
    ],
)
def test_predicates_compare_by_type(expression, value, expected):
    assert run(expression, {"x": value}) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'a' | append('b', 'c')", "abc"),
        ("'a' | append(body.missing)", None),  # a required argument that is nothing
        ("'a' | append('b', body.missing)", None),
        ("'2026-11-21 05:56Z' | timestamp(body.missing)", MOMENT),  # an optional one: not given
        ("'2026-11-21 05:56Z' | timestamp", MOMENT),
        ("'a' | unless(body.missing)", "a"),
        ("1250 | minor_units(body.missing)", None),
        ("1250 | minor_units('JPY')", Decimal(1250)),
        ("'a,b' | split(',') | last | append('!')", "b!"),
        ("'n/a' | digits ?? 'none'", "none"),  # a function that gives blank text gives nothing
    ],
)
def test_arguments_are_values_that_may_be_nothing(expression, expected):
    assert expected == run(expression, {})


def test_a_literal_is_a_value():
    assert run("'a'") == "a"
    assert run("body.x ?? 5", {}) == 5
    assert run("body.x ?? 1.50", {}) == Decimal("1.50")
    assert run("body.x ?? true", {}) is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("body.x | decimel", [(10, "no function named 'decimel'; did you mean 'decimal'?")]),
        ("body.x | zzz", [(10, "no function named 'zzz'; mappings/README.md lists them all")]),
        ("body.x | split", [(10, "expected split(mark), found no argument")]),
        ("body.x | split(',', ';')", [(10, "expected split(mark), found 2 arguments")]),
        ("body.x | first(1)", [(10, "expected first without arguments, found 1 argument")]),
        ("body.x | append", [(10, "expected append(text...), found no argument")]),
        ("body.x | timestamp('1', '2')", [(10, "expected timestamp(zone?), found 2 arguments")]),
        ("body.x | split(5)", [(16, "split takes text as 'mark', not a whole number")]),
        ("body.x | append('a', true)", [(22, "append takes a whole number or text as 'text', not true or false")]),
        ("'a' | sum", [(7, "sum takes a list, and before it stands text")]),
        ("body.x | split(',') | split(',')", [(23, "split takes text, and before it stands a list")]),
        ("body.x | present | digits", [(20, "digits takes text, and before it stands true or false")]),
        ("body.x[*].y | digits", [(15, "digits takes text, and before it stands a list")]),
        ("order.placed_at | digits", [(19, "digits takes text, and before it stands a moment")]),
        ("setting.words | digits", [(17, "digits takes text, and before it stands a list")]),
        ("body.x ?? ''", [(11, "blank text is nothing; there is no literal for nothing")]),
        ("body.x | is('a', ' ')", [(18, "blank text is nothing: ask `present` or `absent`")]),
        ("body.x[a=''].b", [(10, "blank text is nothing, which equals nothing")]),
        ("order.is_cancelled | is('true')", [(25, "is(...) compares true or false with text: they are never equal")]),
        ("order.kept | is_not('0')", [(21, "is_not(...) compares a number with text: they are never equal")]),
        ("customer.tags | is('vip')", [(20, "is(...) compares a list with text: they are never equal")]),
        ("bodi.x", [(1, "there is no 'bodi' here; did you mean 'body'?")]),
        ("secret.x", [(1, "there is no 'secret' here; here stand body, customer, event, header, item, order, setting")]),
        ("body.x | is(bodi.x)", [(13, "there is no 'bodi' here; did you mean 'body'?")]),
        ("body.x[a=bodi.x]", [(10, "there is no 'bodi' here; did you mean 'body'?")]),
        ("header.X-Topic", [(8, "names in 'header' are lower case: write 'x-topic'")]),
        ("header", [(1, "'header' wants a name behind a dot")]),
        ("setting.wrod", [(9, "'wrod' is not declared in [settings]; did you mean 'word'?")]),
        ("setting", [(1, "'setting' wants a name behind a dot")]),
        ("order.totl", [(7, "'order' has no field 'totl'; did you mean 'total'?")]),
        ("order.payment.nmae", [(15, "'order.payment' has no field 'nmae'; did you mean 'name'?")]),
        ("order.id.x", [(10, "'order.id' has no field 'x'")]),
        ("order.items.id", [(13, "'order.items' has no field 'id'; it is a list: 'order.items[*]' is every element")]),
        ("order.items[*].nmae", [(16, "'order.items[*]' has no field 'nmae'; did you mean 'name'?")]),
        ("order.items[0].nmae", [(16, "'order.items[0]' has no field 'nmae'; did you mean 'name'?")]),
        ("order.items[nmae='x'].id", [(12, "'order.items' has no field 'nmae'; did you mean 'name'?")]),
        ("order[0]", [(6, "'order' is no list")]),
        ("order.total[*]", [(12, "'order.total' is no list")]),
        ("body.x | field('id')", [(10, "field takes a setting; a name known here is a path with a dot")]),
        ("order | field(setting.word)", [(15, "setting 'word' needs `one_of` to name a field")]),
        ("customer | field(setting.odd)", [(12, "`one_of` of 'odd' has 'emial', no field; did you mean 'email'?")]),
        ("order.payment | field(setting.which)", [(17, "`one_of` of 'which' has 'email', no field")]),
        ("customer | field", [(12, "expected field(name), found no argument")]),
        ("customer | field(setting.wich)", [(26, "'wich' is not declared in [settings]; did you mean 'which'?")]),
        ("bodi.x | digitz ?? order.totl", [
            (1, "there is no 'bodi' here; did you mean 'body'?"),
            (10, "no function named 'digitz'; did you mean 'digits'?"),
            (26, "'order' has no field 'totl'; did you mean 'total'?"),
        ]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_everything_that_is_wrong_is_told_at_once(text, expected):
    assert expected == wrong(text)


@pytest.mark.parametrize(
    "text",
    [
        "body | first",  # a body may be a list
        "body.x | digits ?? 5",
        "item | digits",
        "order.items[*].name | join(', ')",
        "order.items[0].category.parent.name",
        "order.items[id='1'][sku!='2'].name | first",
        "customer.tags[0]",
        "customer.tags[*] | join(',')",
        "customer | field(setting.which)",
        "order.is_cancelled | is(false)",
        "order.kept | is(0, 1.5)",
        "order.status | is(setting.words)",
        "body.x | is('a', 1, true)",
        "body.x | append(' ')",
    ],
)
def test_what_is_right_is_compiled(text):
    compiled(text)


def test_a_mistake_in_an_expression_of_several_lines_is_told_on_its_own_line():
    from bridge.mapping.lines import Scalar, read
    from tests.mapping.running import compiler

    node = read('x = """\nbody.a\n  ?? body.b | digitz"""', "a.toml").entries["x"]
    assert isinstance(node, Scalar)
    problems: list[Any] = []

    compiler(problems).expression(node.value, node.place)

    assert ["a.toml:3:6: "] == [str(problem)[:12] for problem in problems]


def test_a_multi_line_expression_runs():
    assert run("body.a\n  ?? body.b\n  ?? 'c'", {"b": "b"}) == "b"


def own(*calls: Any) -> Any:
    """Functions of an operator beside those of the bridge."""
    return {
        **BUILT_IN,
        **read_functions({"__name__": __name__, **{f"f{n}": c for n, c in enumerate(calls)}}),
    }


@function(Example("a", returns="a"))
def fails(value: str) -> str:
    """Fail as a function with a mistake in it does."""
    raise KeyError(value)


@predicate(Example("a", returns=True))
def asks(value: str | None, other: int) -> bool:
    """Fail when the other value is of another type."""
    return other + 1 > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("body.x | fails", "fails: failed with KeyError: a mistake in the function"),
        ("body.x | asks(body.x)", "asks: failed with TypeError: a mistake in the function"),
    ],
)
def test_a_function_with_a_mistake_in_it_refuses_and_tells_no_value(text, message):
    expression = compiled(text, own(fails, asks))

    with pytest.raises(Refused) as caught:
        expression.run({"body": {"x": "a customer's value"}, "setting": SETTINGS})

    assert message == str(caught.value)
