"""
Read TOML and remember where everything stands.

`tomllib` decides what is TOML and what a value is; this module only adds the places, because a
message without a line is of no use to the person who wrote the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bridge.errors import MappingFilesError
from bridge.types import Problem

_NO_UTF8 = re.compile("[\ud800-\udfff]")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'"{3}(?:[^\\]|\\.)*?"{3,5}|' + r"'{3}.*?'{3,5}|" + r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'""",
    re.DOTALL,
)
_OTHER = re.compile(r"[^,\]}#\n]+")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_DECODE_PLACE = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)


#: What `tomllib` says of the commonest mistakes, in words that tell what to do.
_PLAINER = {
    "Invalid value": "found no value; text stands in quotes",
    "Illegal character '\\n'": "found the end of the line in a text: its closing quote is missing",
    "Found invalid character '\\n'": (
        "found the end of the line in a text: its closing quote is missing"
    ),
    'Expected "\'"': "found the end of the file in a text: its closing quote is missing",
    "Cannot overwrite a value": "found a name that is there already",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a file; lines and columns begin at 1."""

    file: str
    line: int
    column: int

    def problem(self, message: str, *, field: str = "", offset: int = 0) -> Problem:
        """Say what is wrong here, *offset* characters further on."""
        return Problem(self.file, self.line, self.column + offset, message, field)

    def inside(self, text: str, offset: int) -> Place:
        """Give the place *offset* characters into *text*, which begins here."""
        passed = text[:offset]
        if "\n" not in passed:
            return Place(self.file, self.line, self.column + offset)
        return Place(self.file, self.line + passed.count("\n"), offset - passed.rindex("\n"))


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, a number or a boolean.  A text's place is its first character, not the quote."""

    value: Any
    place: Place


@dataclass(frozen=True, slots=True)
class Array:
    """A list of values, or an array of tables."""

    items: list[Node]
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """Named nodes, in the order of the file; `places` says where each name stands."""

    place: Place
    entries: dict[str, Node] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)


Node = Scalar | Array | Table


def read(text: str, file: str) -> Table:
    """
    Read a TOML document.

    Args:
        text: The document; bytes that are no UTF-8 stand in it as lone surrogates.
        file: What to call it in messages.

    Raises:
        MappingFilesError: It is no TOML; with the place that `tomllib` found.
    """
    if broken := _NO_UTF8.search(text):
        at = Place(file, 1, 1).inside(text, broken.start())
        raise MappingFilesError([at.problem("no TOML: found a byte that is no UTF-8")])
    try:
        tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        match = _DECODE_PLACE.match(str(error))
        message = match[1] if match else str(error)
        message = _PLAINER.get(message, message)
        last = text.count("\n") + 1
        line, column = (int(match[2]), int(match[3])) if match and match[2] else (last, 1)
        raise MappingFilesError([Problem(file, line, column, f"no TOML: {message}")]) from None
    except RecursionError:
        raise MappingFilesError([Problem(file, 1, 1, "no TOML: nested too deeply")]) from None
    except (ValueError, ArithmeticError):
        problem = Problem(file, 1, 1, "no TOML: found a number that is too long to read")
        raise MappingFilesError([problem]) from None
    return _Scanner(text.replace("\r\n", "\n"), file).document()


def plain(node: Node) -> Any:
    """Turn a node into what `tomllib` gives, without places."""
    match node:
        case Scalar():
            return node.value
        case Array():
            return [plain(item) for item in node.items]
        case Table():
            return {name: plain(entry) for name, entry in node.entries.items()}


class _Scanner:
    """A cursor over a document that is known to be valid."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._at = 0
        self._line = 1
        self._line_start = 0

    def document(self) -> Table:
        root = table = Table(self._place())
        while self._skip_blank():
            if self._text.startswith("[[", self._at):
                place = self._move(2)
                *parents, last = self._keys()
                self._skip_to("]]")
                table = Table(place)
                owner = self._descend(root, parents)
                if last[0] not in owner.entries:
                    owner.entries[last[0]] = Array([], place)
                    owner.places[last[0]] = place
                many = owner.entries[last[0]]
                assert isinstance(many, Array)  # noqa: S101 - tomllib has checked it
                many.items.append(table)
            elif self._text[self._at] == "[":
                self._move(1)
                keys = list(self._keys())
                self._skip_to("]")
                table = self._descend(root, keys)
            else:
                self._pair(table)
        return root

    def _pair(self, table: Table) -> None:
        *parents, (name, place) = self._keys()
        self._skip_to("=")
        self._skip_blank()
        owner = self._descend(table, parents)
        owner.places[name] = place
        owner.entries[name] = self._value()

    def _value(self) -> Node:
        start = self._at
        if self._text[start] == "[":
            return self._array()
        if self._text[start] == "{":
            return self._inline_table()
        place = self._place()
        if match := _STRING.match(self._text, start):
            quote = 3 if match[0][:3] in ('"""', "'''") else 1
            # TOML takes a newline right behind three quotes away.
            quote += quote == 3 and match[0][3] == "\n"
            place = place.inside(match[0], quote)
        else:
            match = _OTHER.match(self._text, start)
            assert match  # noqa: S101 - tomllib has checked it
        self._move(len(match[0]))
        value = tomllib.loads(f"value = {match[0]}", parse_float=Decimal)["value"]
        return Scalar(value, place)

    def _array(self) -> Array:
        array = Array([], self._place())
        self._move(1)
        while self._skip_blank() and self._text[self._at] != "]":
            array.items.append(self._value())
            self._skip_comma()
        self._move(1)
        return array

    def _inline_table(self) -> Table:
        table = Table(self._place())
        self._move(1)
        while self._skip_blank() and self._text[self._at] != "}":
            self._pair(table)
            self._skip_comma()
        self._move(1)
        return table

    def _descend(self, table: Table, keys: list[tuple[str, Place]]) -> Table:
        for name, place in keys:
            table.places.setdefault(name, place)
            inner = table.entries.setdefault(name, Table(place))
            if isinstance(inner, Array):
                inner = inner.items[-1]
            assert isinstance(inner, Table)  # noqa: S101 - tomllib has checked it
            table = inner
        return table

    def _keys(self) -> Iterator[tuple[str, Place]]:
        while True:
            self._skip_blank()
            match = _KEY.match(self._text, self._at)
            assert match  # noqa: S101 - tomllib has checked it
            place = self._move(len(match[0]))
            name = match[0]
            if name[0] in "\"'":
                name = tomllib.loads(f"value = {name}")["value"]
            yield name, place
            self._skip_blank()
            if self._text[self._at] != ".":
                return
            self._move(1)

    def _skip_blank(self) -> bool:
        match = _BLANK.match(self._text, self._at)
        if match:
            self._move(len(match[0]))
        return self._at < len(self._text)

    def _skip_comma(self) -> None:
        if self._skip_blank() and self._text[self._at] == ",":
            self._move(1)

    def _skip_to(self, mark: str) -> None:
        self._skip_blank()
        self._move(len(mark))

    def _place(self) -> Place:
        return Place(self._file, self._line, self._at - self._line_start + 1)

    def _move(self, length: int) -> Place:
        """Go on by *length* characters; the place where they began is returned."""
        place = self._place()
        passed = self._text[self._at : self._at + length]
        self._line += passed.count("\n")
        self._at += length
        if "\n" in passed:
            self._line_start = self._at - (len(passed) - passed.rindex("\n") - 1)
        return place
