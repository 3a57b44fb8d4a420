"""
Keep why something is a dead letter, for as long as it is one.

What is kept is small and of few kinds: one correction cures all dead letters with one cause, and
they are found by it.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.journal.transaction import Steps, do, readable
from bridge.types import Cause

KEEP = """
INSERT INTO cause (entry, endpoint, place, stage, code, file, line, field)
VALUES (:entry, :endpoint, :place, :stage, :code, :file, :line, :field)
ON CONFLICT DO NOTHING
"""

FORGET = "DELETE FROM cause WHERE entry = :entry AND endpoint = :endpoint"

#: In place of an endpoint, where the entry itself is dead.
ENTRY = ""


def keep(entry: int, endpoint: str, causes: Iterable[Cause]) -> Steps[None]:
    """Write why a delivery is a dead letter, or the entry itself (`ENTRY`)."""
    for place, cause in enumerate(causes):
        values = {
            "entry": entry,
            "endpoint": endpoint,
            "place": place,
            "stage": cause.stage,
            "code": cause.code,
            "file": readable(cause.file),
            "line": cause.line,
            "field": readable(cause.field),
        }
        yield from do(KEEP, values)


def forget(entry: int, endpoint: str) -> Steps[None]:
    """Remove why it was a dead letter: it is none any more."""
    yield from do(FORGET, {"entry": entry, "endpoint": endpoint})
