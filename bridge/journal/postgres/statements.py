"""
Run the journal's transitions on a PostgreSQL connection, many side by side.

A round trip to the server costs more than the statement, so transitions run in step: each asks
for its first statement, equal statements go to the server together, and with the answers each
asks for its next.  A batch costs as many round trips as its longest transition.

Transitions that run side by side are about different keys and lanes, so the order among them
changes nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import asyncpg

from bridge.journal.due import DUE
from bridge.journal.durable import SYNC
from bridge.journal.transaction import Ask, Steps, numbered

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Reader: TypeAlias = "Connection | PoolConnectionProxy[asyncpg.Record]"
T = TypeVar("T")

#: Seconds after which a statement without an answer means that the connection is lost.
ANSWER_WITHIN = 5.0

#: What is said differently here.
_INSTEAD = {
    # Nodes that look at one moment shall not wait for the same rows.
    DUE: f"{DUE} FOR UPDATE SKIP LOCKED",
    # Writes something to the log, so that the commit is synced, and to no row that all share.
    # Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION
    SYNC: "SELECT pg_logical_emit_message(true, 'webhook-bridge', '')",
}

# fmt: off
#: Kinds of values that the server cannot tell by itself, inside CASE and coalesce.
_KINDS = dict.fromkeys([
    "now", "next_at", "later", "furthest", "until", "before", "entry", "stamp", "tie", "token",
    "me", "id", "beat", "step", "limit", "quantum", "flying", "done", "horizon",
], "bigint") | dict.fromkeys(["plain", "cipher"], "bytea")
# fmt: on

_INDEX = re.compile(r"INDEXED BY \w+")


class _Statement(NamedTuple):
    """A statement as the server wants it, and the names of its values in their order."""

    sql: str
    names: tuple[str, ...]


@cache
def positional(sql: str) -> _Statement:
    """Write a statement with ``$1`` for the first name, and without what only SQLite knows."""

    def write(number: int, name: str) -> str:
        return f"${number}::{_KINDS[name]}" if name in _KINDS else f"${number}"

    text, names = numbered(_INDEX.sub("", _INSTEAD.get(sql, sql)), write)
    return _Statement(text.strip(), names)


@cache
def _numbered(sql: str, wants: str) -> _Statement:
    """Let every row of a statement say which transition asked for it."""
    text, names = positional(sql)
    if wants == "nothing":
        return _Statement(text, names)
    item = f"${len(names) + 1}::bigint"
    if wants == "count":
        return _Statement(f"WITH q AS ({text} RETURNING 1) SELECT {item} FROM q", names)  # noqa: S608
    return _Statement(f"WITH q AS ({text}) SELECT q.*, {item} FROM q", names)  # noqa: S608


async def run(db: Reader, steps: Steps[T]) -> T:
    """Run what one transition asks for."""
    (result,) = await run_all(db, [steps])
    return result


async def run_all(db: Reader, transitions: Sequence[Steps[T]]) -> list[T]:
    """Run what *transitions* ask for side by side, and give what each returns."""
    results: dict[int, T] = {}
    answers: dict[int, Any] = dict.fromkeys(range(len(transitions)))
    while answers:
        asked: defaultdict[tuple[str, str], dict[int, Mapping[str, Any]]] = defaultdict(dict)
        for number, answer in answers.items():
            try:
                ask: Ask = transitions[number].send(answer)
            except StopIteration as end:
                results[number] = end.value
            else:
                asked[ask.sql, ask.wants][number] = ask.values
        answers = {}
        for (sql, wants), values in asked.items():
            answers |= await _ask(db, sql, wants, values)
    return [results[number] for number in range(len(transitions))]


async def _ask(
    db: Reader, sql: str, wants: str, asked: Mapping[int, Mapping[str, Any]]
) -> dict[int, Any]:
    statement = _numbered(sql, wants)
    # All nodes lock in the order of the keys and lanes, so that none waits in a circle.
    order = sorted(asked, key=lambda number: _place(asked[number]))
    values = [[_fit(asked[number][name]) for name in statement.names] for number in order]
    if wants == "nothing":
        await db.executemany(statement.sql, values, timeout=ANSWER_WITHIN)
        return dict.fromkeys(order)
    numbered = [[*row, number] for row, number in zip(values, order, strict=True)]
    found = await db.fetchmany(statement.sql, numbered, timeout=ANSWER_WITHIN)
    rows: dict[int, list[tuple[Any, ...]]] = {number: [] for number in order}
    for *row, number in found:
        rows[number].append(tuple(row))
    if wants == "count":
        return {number: len(changed) for number, changed in rows.items()}
    return dict(rows)


def _place(values: Mapping[str, Any]) -> bytes:
    place = values.get("key") or values.get("lane") or b""
    return place if isinstance(place, bytes) else b""


def _fit(value: Any) -> Any:
    """PostgreSQL's texts hold every character but one."""
    if isinstance(value, str) and "\0" in value:
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return value
