"""The grammar of expressions: what is one, what it means, and where it goes wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mapping.expression import (
    Alternatives,
    Call,
    Chain,
    Every,
    Indexed,
    Literal,
    Named,
    Path,
    Selected,
    paths,
    spell,
)
from bridge.mapping.parser import NotAnExpression, parse


def operand(text: str) -> Path | Literal | Alternatives:
    """Parse an expression that is a single operand."""
    (chain,) = parse(text).chains
    assert chain.calls == ()
    return chain.operand


def wrong(text: str) -> tuple[int, str]:
    """Where an expression goes wrong, counted from 0, and what is told."""
    with pytest.raises(NotAnExpression) as caught:
        parse(text)
    return caught.value.column, str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("body", Path("body", (), 0)),
        (" body.id ", Path("body", (Named("id", 6),), 1)),
        ("header.x-shop_1", Path("header", (Named("x-shop_1", 7),), 0)),
        ("body.'a b.c'", Path("body", (Named("a b.c", 5),), 0)),
        ("body.2.true", Path("body", (Named("2", 5), Named("true", 7)), 0)),
        ("body[0].id", Path("body", (Indexed(0, 4), Named("id", 8)), 0)),
        ("body[ 12 ]", Path("body", (Indexed(12, 4),), 0)),
        ("body[*].id", Path("body", (Every(4), Named("id", 8)), 0)),
        ("body.ação", Path("body", (Named("ação", 5),), 0)),
        ("'a ?? b | c'", Literal("a ?? b | c", 0)),
        ("''", Literal("", 0)),
    ],
)
def test_an_operand_is_a_path_or_a_text(text, expected):
    assert expected == operand(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x[a='b']", Selected("a", Literal("b", 4), equal=True, column=1)),
        ("x[a != 'b']", Selected("a", Literal("b", 7), equal=False, column=1)),
        ("x['a b'=1]", Selected("a b", Literal(1, 8), equal=True, column=1)),
        ("x[a=-1.50]", Selected("a", Literal(Decimal("-1.50"), 4), equal=True, column=1)),
        ("x[a=true]", Selected("a", Literal(value=True, column=4), equal=True, column=1)),
        ("x[a=false]", Selected("a", Literal(value=False, column=4), equal=True, column=1)),
        ("x[a=*]", Selected("a", None, equal=True, column=1)),
        ("x[a != *]", Selected("a", None, equal=False, column=1)),
        ("x[a=b.c]", Selected("a", Path("b", (Named("c", 6),), 4), equal=True, column=1)),
        (
            "x[a=b[c='d']]",
            Selected(
                "a",
                Path("b", (Selected("c", Literal("d", 8), equal=True, column=5),), 4),
                equal=True,
                column=1,
            ),
        ),
    ],
)
def test_a_selector_compares_a_field_with_a_value(text, expected):
    assert repr(Path("x", (expected,), 0)) == repr(operand(text))  # 1 and true differ there


def test_functions_are_called_one_after_the_other_and_bind_tighter_than_alternatives():
    expression = parse("a | f ?? b | g('x', 5) | h(c.d)")

    assert [
        Chain(Path("a", (), 0), (Call("f", (), 4),), 0),
        Chain(
            Path("b", (), 9),
            (
                Call("g", (Literal("x", 15), Literal(5, 20)), 13),
                Call("h", (Path("c", (Named("d", 29),), 27),), 25),
            ),
            9,
        ),
    ] == list(expression.chains)


def test_parentheses_make_alternatives_one_operand():
    (chain,) = parse("(a ?? b) | f").chains

    assert chain.calls == (Call("f", (), 11),)
    assert isinstance(chain.operand, Alternatives)
    assert [Path("a", (), 1), Path("b", (), 6)] == [one.operand for one in chain.operand.chains]


@pytest.mark.parametrize(
    "text",
    [
        "a ?? b",
        "a | f ?? b",  # the last alternative is bare: nobody reads it as called
        "a | f ?? b | g",
        "(a ?? b) | f",
        "a ?? (b | f)",
        "(a | f) ?? b | g",
        "a | f ?? 'x'",
        "a | f ?? 0",
        "a?\n?b".replace("?\n?", "??"),
        "a\n  ?? b\n  ?? c",
        "a|f('?? | ')",
    ],
)
def test_alternatives_that_can_be_read_in_one_way_only_are_expressions(text):
    parse(text)


@pytest.mark.parametrize(
    ("text", "column", "all_of_them", "the_last"),
    [
        ("a ?? b | f", 5, "(a ?? b) | f", "a ?? (b | f)"),
        ("a ?? b | f | g(1)", 5, "(a ?? b) | f | g(1)", "a ?? (b | f | g(1))"),
        ("a ?? b ?? c | f", 10, "(a ?? b ?? c) | f", "a ?? b ?? (c | f)"),
        ("a ?? 'x|y' | f('|')", 5, "(a ?? 'x|y') | f('|')", "a ?? ('x|y' | f('|'))"),
        ("a[k='?? |'] ?? b | f", 15, "(a[k='?? |'] ?? b) | f", "a[k='?? |'] ?? (b | f)"),
        ("a ?? (b | f) | g", 5, "(a ?? (b | f)) | g", "a ?? ((b | f) | g)"),
        ("(a ?? b) ?? c | f", 12, "((a ?? b) ?? c) | f", "(a ?? b) ?? (c | f)"),
        ("x | g ?? a ?? b | f", 14, "(a ?? b) | f", "a ?? (b | f)"),
        ("0 ?? b | f", 5, "(0 ?? b) | f", "0 ?? (b | f)"),
    ],
)
def test_a_function_behind_the_last_of_several_alternatives_is_a_trap(
    text, column, all_of_them, the_last
):
    """Both readings look natural; the message shows both spellings, and both are expressions."""
    calls = all_of_them.rpartition(") | ")[2]

    told = wrong(text)

    message = f"does '| {calls}' mean the last or all? Write {all_of_them} or {the_last}"
    assert (column, message) == told
    parse(all_of_them)
    parse(the_last)


def test_the_trap_is_seen_inside_parentheses():
    assert wrong("(a ?? b | f) | g") == (
        6,
        "does '| f' mean the last or all? Write (a ?? b) | f or a ?? (b | f)",
    )


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 0, "expected a path, 'text', a number or '(', found the end"),
        ("  ", 2, "expected a path, 'text', a number or '(', found the end"),
        ("?? a", 0, "expected a path, 'text', a number or '(', found '?'"),
        ("a ??", 4, "expected a path, 'text', a number or '(', found the end"),
        ("a b", 2, "expected the end, '|' or '??', found 'b'"),
        ("a ? b", 2, "expected the end, '|' or '??', found '?'"),
        ("a || b", 3, "expected the name of a function, found '|'"),
        ("a |", 3, "expected the name of a function, found the end"),
        ("a | 5", 4, "expected the name of a function, found '5'"),
        ("a | f()", 6, "expected a path, 'text' or a number, found ')'"),
        ("a | f(b", 7, "expected ')', found the end"),
        ("a | f(b | c)", 8, "expected ')', found '|'"),
        ("a | f(b,)", 8, "expected a path, 'text' or a number, found ')'"),
        ("(a", 2, "expected ')', found the end"),
        ("a)", 1, "expected the end, '|' or '??', found ')'"),
        ("a.", 2, "expected the name of a field, found the end"),
        ("a..b", 2, "expected the name of a field, found '.'"),
        ("a .b", 2, "expected the end, '|' or '??', found '.'"),
        ("a[", 2, "expected a number, '*' or name='value', found the end"),
        ("a[-1]", 4, "expected '=' or '!=', found ']'"),
        ("a[b]", 3, "expected '=' or '!=', found ']'"),
        ("a[b=='x']", 4, "expected a path, 'text', a number, true or false, found '='"),
        ("a[b=]", 4, "expected a path, 'text', a number, true or false, found ']'"),
        ("a[b='x'", 7, "expected ']', found the end"),
        ("a[*", 3, "expected ']', found the end"),
        ("'it's'", 4, "expected the end, '|' or '??', found 's'"),
        ("a ?? 'x", 5, "expected a path, 'text', a number or '(', found text without its closing quote"),
        ("a 'x'", 2, "expected the end, '|' or '??', found 'x'"),
        ('a ?? "x"', 5, "expected a path, 'text', a number or '(', found '\"'"),
        ("5.x", 0, "expected a path, 'text', a number or '(', found '5'"),
        ("1.2.3 ?? a", 0, "expected a path, 'text', a number or '(', found '1'"),
        ("1e3 ?? a", 0, "expected a path, 'text', a number or '(', found '1e3'"),
        ("٣ ?? a", 0, "expected a path, 'text', a number or '(', found '٣'"),
        ("true.x", 4, "expected the end, '|' or '??', found '.'"),
        ("a ?? " + "9" * 41, 5, f"expected a path, 'text', a number or '(', found '{'9' * 40}'"),
        ("a[" + "9" * 5000 + "]", 5002, "expected '=' or '!=', found ']'"),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_told_with_the_column(text, column, message):
    assert (column, message) == wrong(text)


@pytest.mark.parametrize("text", ["5", "-1.50", "true", " false "])
def test_a_single_number_or_boolean_is_written_without_quotes(text):
    assert wrong(text) == (0, "a single number, true or false is written without quotes")


@pytest.mark.parametrize(
    ("begin", "levels", "end"),
    [("(", 20, ")"), ("a[b=", 20, "]")],
    ids=["parentheses", "selectors"],
)
def test_an_expression_may_be_twenty_levels_deep_and_no_deeper(begin, levels, end):
    parse(begin * levels + "a" + end * levels)

    for more in (levels + 1, 5000):
        _, message = wrong(begin * more + "a" + end * more)
        assert message == "more than 20 parentheses and selectors deep"


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a.b[0]",
        "a.'b c'",
        "a[*].b",
        "a[b='c'][d!=e.f].g",
        "a[b=*][c!=*].d",
        "a['b c'=true]",
        "a[b=-1.50]",
    ],
)
def test_a_path_is_spelled_as_it_is_written(text):
    path = operand(text)

    assert isinstance(path, Path)
    assert text == spell(path)


def test_every_path_of_an_expression_is_found():
    expression = parse("(a[b=c][k!=*] | f(d) ?? e) | g('x', h) | i ?? (j ?? 'k')")

    assert ["a", "c", "d", "e", "h", "j"] == [path.root for path in paths(expression)]


@given(st.text())
def test_any_text_is_an_expression_or_is_told_not_to_be(text):
    _parse_or_refuse(text)


@given(st.lists(st.sampled_from(["a", ".", "[", "]", "*", "(", ")", "??", "|", "'", "=", "!=", ",",
                                 "5", "-1.5", " ", "b-c", "true", "'x'"]), max_size=25))  # fmt: skip
def test_any_row_of_its_parts_is_an_expression_or_is_told_not_to_be(parts):
    _parse_or_refuse("".join(parts))


def _parse_or_refuse(text: str) -> None:
    try:
        expression = parse(text)
    except NotAnExpression as error:
        at, told = error.column, str(error)
    else:
        assert expression.chains
        return
    assert 0 <= at <= len(text)
    assert told


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,3}", fullmatch=True)
FIELDS = NAMES.map(".{}".format) | st.sampled_from(
    [".'x y'", "[0]", "[*]", "[a='b']", "[a!=1]", "[a=*]"]
)
PATHS = st.tuples(NAMES.filter(lambda name: name not in ("true", "false")), st.lists(FIELDS)).map(
    lambda parts: parts[0] + "".join(parts[1])
)


@given(PATHS)
def test_a_path_is_read_and_spelled_the_same(text):
    path = operand(text)

    assert isinstance(path, Path)
    assert text == spell(path)
