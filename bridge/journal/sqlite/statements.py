"""Run the journal's transitions on a SQLite connection, statement by statement."""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any, TypeVar

from bridge.journal.transaction import Steps, numbered

T = TypeVar("T")


@cache
def positional(sql: str) -> tuple[str, tuple[str, ...]]:
    """
    Write a statement with ``?1`` for the first name, and give the names in their order.

    For each value that goes by a name, Python's sqlite3 lets other threads in to look it up.
    """
    return numbered(sql, lambda number, _: f"?{number}")


def run(db: sqlite3.Connection, steps: Steps[T]) -> T:
    """Run what *steps* ask for, one after the other, and give what they return."""
    answer: Any = None
    while True:
        try:
            sql, values, wants = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        text, names = positional(sql)
        cursor = db.execute(text, [values[name] for name in names])
        answer = cursor.fetchall() if wants == "rows" else cursor.rowcount
