"""
What every statement of a write transaction needs: the connection, who writes, and the time.

It also gives names their numbers and composes the lanes that begin with them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bridge.errors import JournalUnavailable
from bridge.journal import keys
from bridge.journal.protocol import Arrival, Planned

Row = tuple[Any, ...]

_MOST = {"store": 2**16 - 1, "endpoint": 2**8 - 1}

NUMBER = "SELECT number FROM name WHERE kind = :kind AND name = :name"

NEXT_NUMBER = """
INSERT INTO name (kind, name, number)
SELECT :kind, :name, coalesce(max(number), 0) + 1 FROM name WHERE kind = :kind
RETURNING number
"""


@dataclass(slots=True)
class Transaction:
    """One open write transaction, used by the writer's thread alone."""

    db: sqlite3.Connection
    secret: bytes = field(repr=False)
    me: int | None = None  #: worker.id
    now: int = 0  #: the journal's clock at the batch's beginning, milliseconds
    #: Numbers that were read before.  Emptied by every rollback, which may undo an assignment.
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def one(self, statement: str, values: Mapping[str, Any]) -> Row | None:
        """Run a statement and give its only row; None when its guard held it back."""
        row: Row | None = self.db.execute(statement, values).fetchone()
        return row

    def run(self, statement: str, values: Mapping[str, Any]) -> int:
        """Run a statement and count the rows that it changed."""
        return self.db.execute(statement, values).rowcount

    def number(self, kind: Literal["store", "endpoint"], name: str) -> int:
        """Give the number of a store, account or endpoint; the next free one when it is new."""
        known = self.numbers.get((kind, name))
        if known is not None:
            return known
        named = {"kind": kind, "name": name}
        row = self.one(NUMBER, named) or self.one(NEXT_NUMBER, named)
        assert row is not None  # noqa: S101 - an INSERT without a guard returns its row
        if row[0] > _MOST[kind]:
            raise JournalUnavailable(
                f"the journal knows {_MOST[kind]} {kind} names already and has no number for "
                f"{name!r}; start a new journal"
            )
        self.numbers[kind, name] = row[0]
        return int(row[0])

    def lane(self, planned: Planned, entry: int) -> bytes:
        """Name the lane of a planned delivery; one without an identity shares it with no other."""
        return keys.lane_of(
            self.secret,
            self.number("store", planned.account),
            self.number("endpoint", planned.endpoint),
            planned.identity or f"entry {entry}",
            personal=planned.personal,
        )

    def key(self, arrival: Arrival) -> bytes:
        """Make the key of an arrival."""
        number = self.number("store", arrival.store)
        return keys.key_of(
            self.secret, number, arrival.store, arrival.topic, arrival.key, arrival.resource
        )


def readable(text: str) -> str:
    """Replace what cannot be written as UTF-8: halves of a pair, which JSON can smuggle in."""
    return text.encode("utf-8", "replace").decode()
