"""Read the keys of a TOML table; what is wrong is added to a list, with its place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from bridge.mapping.compile import nearest
from bridge.mapping.lines import Array, Node, Scalar, Table
from bridge.types import Problem

Problems = list[Problem]


def known_keys(table: Table, known: Sequence[str], what: str, problems: Problems) -> None:
    """Refuse keys that are not *known*."""
    for name in table.entries:
        if name not in known:
            close = nearest(name, known) or f"; there are {', '.join(known)}"
            problems.append(table.places[name].problem(f"{what} has no '{name}'{close}"))


def wrong(table: Table, name: str, message: str, problems: Problems) -> None:
    """Add a problem at the key *name*, or at the table when the key is missing."""
    problems.append(table.places.get(name, table.place).problem(message, field=name))


def section(table: Table, name: str, problems: Problems, *, wanted: str = "") -> Table:
    """Give the table *name*, or an empty one; when it must be there, *wanted* says what for."""
    node = table.entries.get(name)
    if isinstance(node, Table):
        return node
    if node is not None:
        problems.append(node.place.problem(f"wanted a table: [{name}]"))
    elif wanted:
        problems.append(table.place.problem(f"[{name}] is missing: {wanted}"))
    return Table(table.place)


def tables(table: Table, name: str, problems: Problems) -> Iterator[Table]:
    """Give the tables of an array of tables; one table may stand alone."""
    for one in several(table.entries.get(name)):
        if isinstance(one, Table):
            yield one
        else:
            problems.append(one.place.problem(f"wanted tables: [[{name}]]"))


def several(node: Node | None) -> Sequence[Node]:
    """Give the elements of a list; one value may stand alone."""
    if node is None:
        return ()
    return node.items if isinstance(node, Array) else (node,)


def text(table: Table, name: str, problems: Problems, *, required: bool = False) -> str | None:
    """Give the text *name*; blank text is wrong."""
    node = table.entries.get(name)
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
        return node.value
    if node is not None or required:
        _not_there_or(table, name, "wanted text", problems)
    return None


def texts(table: Table, name: str, problems: Problems) -> tuple[str, ...]:
    """Give the texts of the list *name*; one may stand alone."""
    out = []
    for one in several(table.entries.get(name)):
        if isinstance(one, Scalar) and isinstance(one.value, str) and one.value.strip():
            out.append(one.value)
        else:
            problems.append(one.place.problem("wanted text", field=name))
    return tuple(out)


def flag(table: Table, name: str, problems: Problems, *, default: bool | None = None) -> bool:
    """Give the boolean *name*; without a default it must be there."""
    node = table.entries.get(name)
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    if node is not None or default is None:
        _not_there_or(table, name, "wanted true or false", problems)
    return bool(default)


def seconds(
    table: Table,
    name: str,
    problems: Problems,
    *,
    default: float | None = None,
    above_zero: bool = False,
) -> float:
    """Give the number of seconds *name*, not negative; without a default it must be there."""
    node = table.entries.get(name)
    value: Any = node.value if isinstance(node, Scalar) else None
    known = type(value) in (int, Decimal) and math.isfinite(value)
    if known and (value > 0 or (value == 0 and not above_zero)):
        return float(value)
    if node is not None or default is None:
        least = "more than 0" if above_zero else "0 or more"
        _not_there_or(table, name, f"wanted a number of seconds, {least}", problems)
    return default or 0.0


def positive(table: Table, name: str, problems: Problems, *, whole: bool = False) -> float | None:
    """Give the number *name*, which is more than 0; None when it is not there."""
    node = table.entries.get(name)
    value: Any = node.value if isinstance(node, Scalar) else None
    known = type(value) is int or (type(value) is Decimal and not whole and math.isfinite(value))
    if known and value > 0:
        return float(value)
    if node is not None:
        kind = "a whole number" if whole else "a number"
        wrong(table, name, f"wanted {kind}, more than 0", problems)
    return None


def _not_there_or(table: Table, name: str, message: str, problems: Problems) -> None:
    there = name in table.entries
    wrong(table, name, message if there else f"it is missing, {message}", problems)
