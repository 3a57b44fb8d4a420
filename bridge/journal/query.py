"""
Say in SQL which entries a `Filter` asks for.

What is open and what is dead is read from the small indexes of what is not settled, so that a
question about a few does not read the settled millions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.journal.protocol import Filter
from bridge.journal.transaction import readable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

OPEN = """
SELECT entry FROM delivery INDEXED BY delivery_due WHERE state = 'queued'
 UNION SELECT flying FROM lane INDEXED BY lane_held WHERE holder IS NOT NULL
"""

DEAD = """
SELECT entry FROM delivery INDEXED BY delivery_dead WHERE state IN ('refused', 'failed')
 UNION SELECT id FROM entry INDEXED BY entry_dead WHERE dead = 1
"""

IS_OPEN = """
EXISTS (SELECT 1 FROM delivery d WHERE d.entry = e.id AND d.state IN ('queued', 'flying'))
"""

IS_DEAD = """
(e.dead = 1
 OR EXISTS (SELECT 1 FROM delivery d WHERE d.entry = e.id AND d.state IN ('refused', 'failed')))
"""

BY_STATE = """
SELECT e.store, CASE WHEN e.id IN (SELECT entry FROM is_open) THEN 'open'
                     WHEN e.id IN (SELECT entry FROM is_dead) THEN 'dead' ELSE 'done' END, count(*)
  FROM entry e
"""

_ENTRIES = {
    "open": f"e.id IN ({OPEN})",
    "dead": f"e.id IN ({DEAD}) AND NOT {IS_OPEN}",
    "done": f"NOT {IS_OPEN} AND NOT {IS_DEAD}",
}
#: What the state of an entry means for a delivery of it.
_DELIVERIES = {
    "open": "d.state IN ('queued', 'flying')",
    "dead": "d.state IN ('refused', 'failed')",
    "done": "d.state IN ('delivered', 'ignored', 'stale')",
}

_WITH_CAUSE = "SELECT c.entry FROM cause c WHERE"
_DELIVERY_OF = "SELECT 1 FROM delivery d WHERE d.entry = e.id"

_SUBJECTS = 3  #: of one customer: e-mail, id, document
_HASH = 16


def asked(wanted: Filter, subjects: Sequence[bytes]) -> tuple[str, dict[str, Any]]:
    """
    Give the conditions on ``entry e``, and their values.

    Args:
        subjects: The keyed hashes of what the filter says of a customer.
    """
    values: dict[str, Any] = {}
    found = [
        *_of_entry(wanted, values),
        *_of_delivery(wanted, values),
        *_of_customer(subjects, values),
    ]
    if causes := of_cause(wanted, values):
        found.append(f"e.id IN ({_WITH_CAUSE} {' AND '.join(causes)})")
    return " AND ".join(found) or "1 = 1", values


def _of_entry(wanted: Filter, values: dict[str, Any]) -> Iterator[str]:
    for name, condition, value in (
        ("store", "e.store = :store", wanted.store),
        ("topic", "e.topic = :topic", wanted.topic),
        # SQLite uses the index of what is not empty only when it is told so.
        ("resource", "e.resource = :resource AND e.resource <> ''", wanted.resource),
        ("before", "e.id < :before", wanted.before),
        ("since", "e.received_at >= :since", _microseconds(wanted.since)),
        ("until", "e.received_at < :until", _microseconds(wanted.until)),
    ):
        if value is not None:
            values[name] = readable(value) if isinstance(value, str) else value
            yield condition
    if wanted.letters or wanted.state in ("refused", "failed"):
        yield f"e.id IN ({DEAD})"
    if wanted.state in _ENTRIES:
        yield _ENTRIES[wanted.state]


def _of_delivery(wanted: Filter, values: dict[str, Any]) -> Iterator[str]:
    """What has to be true of one and the same delivery."""
    conditions = []
    if wanted.endpoint is not None:
        conditions.append("d.endpoint = :endpoint")
        values["endpoint"] = wanted.endpoint
    if wanted.target is not None:
        # An account alone stands for all its endpoints.
        prefix = wanted.target if "/" in wanted.target else f"{wanted.target}/"
        conditions.append("substr(d.target, 1, :length) = :target")
        values |= {"target": prefix, "length": len(prefix)}
    if wanted.unsure:
        conditions.append("d.unsure = 1")
    if wanted.state is not None and wanted.state not in _ENTRIES:
        conditions.append("d.state = :state")
        values["state"] = wanted.state
    elif wanted.state is not None and conditions:
        conditions.append(_DELIVERIES[wanted.state])
    elif wanted.letters and conditions:
        conditions.append(_DELIVERIES["dead"])
    if conditions:
        yield f"EXISTS ({_DELIVERY_OF} AND {' AND '.join(conditions)})"


def _of_customer(subjects: Sequence[bytes], values: dict[str, Any]) -> Iterator[str]:
    places = []
    for number, subject in enumerate(subjects):
        values[f"subject_{number}"] = subject
        places += [
            f"substr(e.subject, {1 + at * _HASH}, {_HASH}) = :subject_{number}"
            for at in range(_SUBJECTS)
        ]
    if places:
        yield f"({' OR '.join(places)})"


def of_cause(wanted: Filter, values: dict[str, Any]) -> list[str]:
    """Give the conditions on ``cause c``; their values are added to *values*."""
    conditions = []
    for name, value in (
        ("stage", wanted.stage),
        ("code", wanted.code),
        ("line", wanted.line),
        ("field", wanted.field),
    ):
        if value is not None:
            conditions.append(f"c.{name} = :cause_{name}")
            values[f"cause_{name}"] = value
    if wanted.file is not None:
        # People write the end of a path; what precedes it must be a folder.
        end = f"/{wanted.file}"
        escaped = end.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        conditions.append("'/' || c.file LIKE :cause_file ESCAPE '\\'")
        values["cause_file"] = f"%{escaped}"
    if conditions and wanted.endpoint is not None:
        conditions.append("c.endpoint = :endpoint")
    return conditions


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - EPOCH) // timedelta(microseconds=1)
