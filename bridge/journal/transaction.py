"""
What the journal's rules are written in: statements that are asked for, and not run.

A transition is a generator.  It yields each statement that it wants run, is sent what came of
it, and returns what it decided.  Which database runs the statements, in which thread, and with
how many other transitions beside it is the engine's business, so both journals obey one set of
rules.

Statements are written for SQLite and PostgreSQL alike, with ``:name`` for a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

from bridge.errors import JournalUnavailable
from bridge.journal import keys
from bridge.journal.cipher import Cipher
from bridge.journal.protocol import Arrival, Planned

Row = tuple[Any, ...]
T = TypeVar("T")


class Ask(NamedTuple):
    """A statement to be run, and what is to be known of it: its rows, how many it changed, or nothing."""

    sql: str
    values: Mapping[str, Any]
    wants: Literal["rows", "count", "nothing"]


Steps = Generator[Ask, Any, T]

# Literals and casts hold colons that name nothing.
_NAME = re.compile(r"'(?:[^']|'')*'|::|:([a-z]\w*)")

_MOST = {"store": 2**16 - 1, "endpoint": 2**8 - 1, "key": 2**16 - 1}

NUMBER = "SELECT number FROM name WHERE kind = :kind AND name = :name"

NEXT_NUMBER = """
INSERT INTO name (kind, name, number)
SELECT :kind, :name, coalesce(max(number), 0) + 1 FROM name WHERE kind = :kind
RETURNING number
"""


def rows(sql: str, values: Mapping[str, Any]) -> Steps[Sequence[Row]]:
    """Ask for all rows of a statement."""
    found: Sequence[Row] = yield Ask(sql, values, "rows")
    return found


def one(sql: str, values: Mapping[str, Any]) -> Steps[Row | None]:
    """Ask for the only row of a statement; None when its guard held it back."""
    found: Sequence[Row] = yield Ask(sql, values, "rows")
    return found[0] if found else None


def count(sql: str, values: Mapping[str, Any]) -> Steps[int]:
    """Ask how many rows a statement changed."""
    changed: int = yield Ask(sql, values, "count")
    return changed


def each(many: Iterable[Steps[T]]) -> Steps[tuple[T, ...]]:
    """Ask for what *many* transitions ask for, one after the other, and give what they return."""
    results: list[T] = []
    for steps in many:
        result = yield from steps
        results.append(result)
    return tuple(results)


def do(sql: str, values: Mapping[str, Any]) -> Steps[None]:
    """Ask for a statement of which nothing needs to be known."""
    yield Ask(sql, values, "nothing")


@dataclass(slots=True)
class Transaction:
    """Who writes, and when."""

    secret: bytes = field(repr=False)
    me: int | None = None  #: worker.id
    now: int = 0  #: the journal's clock at the transaction's beginning, milliseconds
    #: Numbers that were read before.  Emptied by every rollback, which may undo an assignment.
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    cipher: Cipher | None = None  #: None: bodies are kept as they are

    def number(self, kind: Literal["store", "endpoint", "key"], name: str) -> Steps[int]:
        """Give the number of a store, account, endpoint or key; the next free one when it is new."""
        known = self.numbers.get((kind, name))
        if known is not None:
            return known
        named = {"kind": kind, "name": name}
        row = (yield from one(NUMBER, named)) or (yield from one(NEXT_NUMBER, named))
        assert row is not None  # noqa: S101 - an INSERT without a guard returns its row
        if row[0] > _MOST[kind]:
            raise JournalUnavailable(
                f"the journal knows {_MOST[kind]} {kind} names already and has no number for "
                f"{name!r}; start a new journal"
            )
        self.numbers[kind, name] = row[0]
        return int(row[0])

    def lane(self, planned: Planned, entry: int) -> Steps[bytes]:
        """Name the lane of a planned delivery; one without an identity shares it with no other."""
        return keys.lane_of(
            self.secret,
            (yield from self.number("store", planned.account)),
            (yield from self.number("endpoint", planned.endpoint)),
            planned.identity or f"entry {entry}",
            personal=planned.personal,
        )

    def key(self, arrival: Arrival) -> Steps[bytes]:
        """Make the key of an arrival."""
        number = yield from self.number("store", arrival.store)
        return keys.key_of(
            self.secret, number, arrival.store, arrival.topic, arrival.key, arrival.resource
        )


def numbered(sql: str, write: Callable[[int, str], str]) -> tuple[str, tuple[str, ...]]:
    """
    Give a statement with numbers for its values, and their names in the order of the numbers.

    Args:
        write: Spells a value's number, which counts from one; it is told the name, too.
    """
    names: list[str] = []

    def replace(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            return found.group()
        if name not in names:
            names.append(name)
        return write(names.index(name) + 1, name)

    return _NAME.sub(replace, sql), tuple(names)


def readable(text: str) -> str:
    """Replace what cannot be written as UTF-8: halves of a pair, which JSON can smuggle in."""
    return text.encode("utf-8", "replace").decode()


#: Makes the steps of one transition, which an engine runs in a transaction.
Work = Callable[[Transaction], Steps[T]]
#: The keys and lanes that a transition is about, by which an engine that runs several side by
#: side keeps those apart that would meet; None: that cannot be told before it runs.
Touches = Callable[[Transaction], frozenset[bytes] | None]


def foreseen(steps: Steps[T]) -> T | None:
    """Give what *steps* return if they ask for nothing, and None if they do."""
    try:
        next(steps)
    except StopIteration as end:
        result: T = end.value
        return result
    return None
