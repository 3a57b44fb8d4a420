"""A TOML document is read as `tomllib` reads it, and every name and value knows its place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import MappingFilesError
from bridge.mapping.lines import Array, Node, Scalar, Table, plain, read

MAPPINGS = Path(__file__).parents[2] / "mappings"


def entry(text: str, *names: str | int) -> Node:
    """Give the node that the names lead to."""
    node: Node = read(text, "a.toml")
    for name in names:
        if isinstance(name, int):
            assert isinstance(node, Array)
            node = node.items[name]
        else:
            assert isinstance(node, Table)
            node = node.entries[name]
    return node


def place(text: str, *names: str | int) -> tuple[int, int]:
    """Where a value stands: line and column."""
    at = entry(text, *names).place
    return at.line, at.column


def key_place(text: str, *names: str | int) -> tuple[int, int]:
    """Where a name stands: line and column."""
    *parents, name = names
    table = entry(text, *parents)
    assert isinstance(table, Table)
    at = table.places[str(name)]
    return at.line, at.column


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("a = 1", ("a",), (1, 5)),
        ("a = 'x'", ("a",), (1, 6)),  # the first character, not the quote
        ('a = "x"', ("a",), (1, 6)),
        ("a='''x'''", ("a",), (1, 6)),
        ('a = """x"""', ("a",), (1, 8)),
        ('a = """\nx"""', ("a",), (2, 1)),  # TOML takes that newline away
        ("a = '''\n  x'''", ("a",), (2, 1)),
        ("# one\n\n  a  =  true # two\n", ("a",), (3, 9)),
        ("a = [1, 'x',\n  # note\n  'y', ]", ("a",), (1, 5)),
        ("a = [1, 'x',\n  # note\n  'y', ]", ("a", 1), (1, 10)),
        ("a = [1, 'x',\n  # note\n  'y', ]", ("a", 2), (3, 4)),
        ("a = { b = 'x', c.d = 2 }", ("a",), (1, 5)),
        ("a = { b = 'x', c.d = 2 }", ("a", "b"), (1, 12)),
        ("a = { b = 'x', c.d = 2 }", ("a", "c", "d"), (1, 22)),
        ("a.'b c'.\"d\" = 5", ("a", "b c", "d"), (1, 15)),
        ("[a.b]\nc = 1\n[a]\nd = 2", ("a", "b", "c"), (2, 5)),
        ("[a.b]\nc = 1\n[a]\nd = 2", ("a", "d"), (4, 5)),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", ("a", 1, "b"), (4, 5)),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", ("a", 1), (3, 1)),
        ("[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.b]\nc = 2", ("a", 1, "b", "c"), (6, 5)),
        ("[[a]]\n[[a.b]]\nc = 1\n[[a.b]]\nc = 2", ("a", 0, "b", 1, "c"), (5, 5)),
        ("a = 1\r\nb = 'x'\r\n", ("b",), (2, 6)),
        ("a = '''\r\nx\r\ny'''\r\nb = 'z'\r\n", ("b",), (4, 6)),
        ("a = ['é', 'x']", ("a", 1), (1, 12)),
        ("a = 2026-11-21 05:00:00 # when\nb = 3", ("b",), (2, 5)),
        ('a = "\\"" # not "closed\nb = 1', ("b",), (2, 5)),
        ('a = """x"""""\nb = 1', ("b",), (2, 5)),
        ("a = '''''x'''''\nb = 1", ("b",), (2, 5)),
    ],
)
def test_a_value_stands_where_it_begins(text, names, expected):
    assert expected == place(text, *names)


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("a = 1", ("a",), (1, 1)),
        ("\n  a.b = 1", ("a", "b"), (2, 5)),
        ("'x y'.z = 1", ("x y",), (1, 1)),
        ("a = { b = 1, c.d = 2 }", ("a", "b"), (1, 7)),
        ("a = { b = 1, c.d = 2 }", ("a", "c", "d"), (1, 16)),
        ("[ a . b ]", ("a", "b"), (1, 7)),
        ("[[a]]\n[[a]]", ("a",), (1, 1)),
        ("[a]\r\nb = 1\r\n", ("a", "b"), (2, 1)),
    ],
)
def test_a_name_stands_where_it_was_first_written(text, names, expected):
    assert expected == key_place(text, *names)


@pytest.mark.parametrize(
    ("begins", "offset", "expected"),
    [
        ("a = 'b | c'", 4, (1, 10)),
        ('a = """\nb\n  | c"""', 4, (3, 3)),
        ("a = '''b\n'''", 2, (2, 1)),
    ],
)
def test_a_place_inside_a_text_counts_its_lines(begins, offset, expected):
    node = entry(begins, "a")
    assert isinstance(node, Scalar)

    inside = node.place.inside(node.value, offset)

    assert expected == (inside.line, inside.column)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = body.id\n", "a.toml:2:5: no TOML: found no value; text stands in quotes"),
        ("a = 1\na = 2\n", "a.toml:2:6: no TOML: found a name that is there already"),
        ("[a]\n\n[a]\nb = 1", "a.toml:3:3: no TOML: Cannot declare ('a',) twice"),
        ("a = '''\n", "a.toml:2:1: no TOML: Expected \"'''\""),
        (
            'a = "x\nb = 1',
            "a.toml:1:7: no TOML: found the end of the line in a text: its closing quote is missing",
        ),
        (
            "a = 'x\nb = 1",
            "a.toml:2:1: no TOML: found the end of the file in a text: its closing quote is missing",
        ),
        (
            "a = 'x\nb = 'y'",
            "a.toml:1:7: no TOML: found the end of the line in a text: its closing quote is missing",
        ),
        ("a", "a.toml:1:1: no TOML: Expected '=' after a key in a key/value pair"),
        ("a = " + "[" * 5000, "a.toml:1:1: no TOML: nested too deeply"),
        ("a = " + "9" * 5000, "a.toml:1:1: no TOML: found a number that is too long to read"),
        (
            "a = 1e9999999999999999999",
            "a.toml:1:1: no TOML: found a number that is too long to read",
        ),
        ("a = 1\nb = 'x\udcff'", "a.toml:2:7: no TOML: found a byte that is no UTF-8"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_toml_is_told_with_its_place(text, message):
    with pytest.raises(MappingFilesError) as caught:
        read(text, "a.toml")

    assert message == str(caught.value)


@pytest.mark.parametrize("file", sorted(MAPPINGS.rglob("*.toml")), ids=lambda file: file.name)
def test_mapping_files_are_read_as_tomllib_reads_them(file):
    text = file.read_text(encoding="utf-8")

    assert tomllib.loads(text, parse_float=Decimal) == plain(read(text, file.name))


# Documents of all that TOML has; many are valid, and those that are not must be refused alike.

BLANK = st.sampled_from(["", " ", "\t "])
END = st.sampled_from(["\n", "\r\n", " # note ' \" [ = \n", "\n\n"])
CHARACTERS = st.sampled_from("ab1 é#=[]{},.|?'\"\\\n")
WORD = st.from_regex(r"[A-Za-z0-9_-]{1,3}", fullmatch=True)
LITERAL = st.text(CHARACTERS, max_size=5).filter(lambda text: not {"'", "\n"} & set(text))
ESCAPED = st.sampled_from(['\\"', "\\n", "\\\\", "\\u00e9", "x", " ", "#", "'", "="])
BASIC = st.lists(ESCAPED, max_size=4).map("".join)
NAME = st.one_of(WORD, LITERAL.map("'{}'".format), BASIC.map('"{}"'.format))
KEY = st.lists(st.tuples(NAME, BLANK), min_size=1, max_size=3).map(
    lambda names: ".".join(f"{blank}{name}{blank}" for name, blank in names)
)
NUMBER = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map("{:f}".format),
    st.sampled_from(["0xff", "0o17", "0b11", "1_000", "-0.0", "6.02e23", "inf", "-inf", "+1"]),
)
DATE = st.sampled_from(["2026-11-21", "05:06:07", "2026-11-21T05:06:07Z", "2026-11-21 05:06:07.5"])
LONG = st.one_of(
    st.lists(ESCAPED | st.sampled_from(['"', '""', "\n", "\r\n", "\\\n  "]), max_size=5)
    .map("".join)
    .map('"""{}"""'.format),
    st.text(CHARACTERS, max_size=6).map("'''{}'''".format),
)
SCALAR = st.one_of(
    LITERAL.map("'{}'".format), BASIC.map('"{}"'.format), LONG, NUMBER, DATE,
    st.sampled_from(["true", "false"]),
)  # fmt: skip


def array(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    between = st.sampled_from(["", " ", "\n", " # note ]\n  ", "\r\n"])
    items = st.lists(st.tuples(between, values, between), max_size=3)
    return st.tuples(items, st.sampled_from(["", ",", " ,\n"])).map(
        lambda parts: "[" + ",".join(map("".join, parts[0])) + (parts[1] if parts[0] else "") + "]"
    )


def inline_table(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(KEY, values).map("=".join), max_size=3)
    return pairs.map(lambda pairs: "{" + ", ".join(pairs) + "}")


VALUE = st.recursive(SCALAR, lambda inner: array(inner) | inline_table(inner), max_leaves=5)
LINE = st.one_of(
    st.tuples(KEY, BLANK, st.just("="), BLANK, VALUE, BLANK, END).map("".join),
    st.tuples(st.just("["), KEY, st.just("]"), END).map("".join),
    st.tuples(st.just("[["), KEY, st.just("]]"), END).map("".join),
    END,
)
DOCUMENT = st.lists(LINE, max_size=7).map("".join)


@given(DOCUMENT)
def test_a_document_is_read_as_tomllib_reads_it(text):
    try:
        expected = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        with pytest.raises(MappingFilesError):
            read(text, "a.toml")
    else:
        assert expected == plain(read(text, "a.toml"))


@given(st.text(st.sampled_from("a='\"[]{}.,#\n\r \\1-:T\ud800"), max_size=30))
def test_any_text_is_a_document_or_is_refused(text):
    try:
        read(text, "a.toml")
    except MappingFilesError as error:
        told = error.problems
    else:
        return
    assert [("a.toml", True)] == [(problem.file, problem.line > 0) for problem in told]


def scalars(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar():
            yield node
        case Array():
            for item in node.items:
                yield from scalars(item)
        case Table():
            for inner in node.entries.values():
                yield from scalars(inner)


@given(st.data())
def test_at_the_place_of_every_text_stands_that_text(data):
    """Shown on documents whose texts are spelled as they are read."""
    word = LITERAL.filter(bool).map("'{}'".format)
    value = st.recursive(word, lambda inner: array(inner) | inline_table(inner), max_leaves=5)
    line = st.tuples(KEY, st.just(" = "), value, END).map("".join)
    text = data.draw(st.lists(line | END, max_size=6).map("".join))
    try:
        document = read(text, "a.toml")
    except MappingFilesError:
        return
    lines = text.split("\n")

    for one in scalars(document):
        assert lines[one.place.line - 1][one.place.column - 1 :].startswith(f"{one.value}'")
