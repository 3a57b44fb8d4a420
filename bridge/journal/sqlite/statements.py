"""Run the journal's transitions on a SQLite connection, statement by statement."""

from __future__ import annotations

import sqlite3
from typing import Any, TypeVar

from bridge.journal.transaction import Steps

T = TypeVar("T")


def run(db: sqlite3.Connection, steps: Steps[T]) -> T:
    """Run what *steps* ask for, one after the other, and give what they return."""
    answer: Any = None
    while True:
        try:
            ask = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        cursor = db.execute(ask.sql, ask.values)
        answer = cursor.fetchall() if ask.wants == "rows" else cursor.rowcount
