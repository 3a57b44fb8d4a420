"""
Write for people and for scripts what the journal says: tables, plain lines, JSON.

A table is for a terminal, which is as wide as it is; a line never breaks, so that programs can
read it.  Nothing here shows what a customer or a shop wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from bridge.journal.protocol import FETCH, Count, DeliverySummary, EntrySummary, Letters
from bridge.replay import FATES, Move, Prospect, fates
from bridge.types import Cause

_COLOURS = {"dead": "red", "open": "yellow", "done": "green"}
_FATE_COLOURS = {"cured": "green", "again": "yellow", "fetch": "yellow", "broken": "red"}

Cells = tuple[str, ...]
ENTRY_HEADS = ("entry", "received", "state", "store", "topic", "id", "event", "deliveries")
COUNT_HEADS = ("store", "state", "entries")
LETTER_HEADS = ("letters", "stage", "code", "endpoint", "where", "field", "newest")
PROSPECT_HEADS = ("entry", "endpoint", "would be", "why")


def show(heads: Cells, rows: Iterable[Cells], empty: str, console: Console) -> None:
    """
    Print rows: a table on a terminal, else a line for each.

    Args:
        empty: What is said when there is none.
    """
    cells = [*rows]
    if not cells:
        console.out(empty, highlight=False)
    elif console.is_terminal:
        console.print(_table(heads, cells))
    else:
        for one in lines(cells):
            console.out(one, highlight=False)


def lines(rows: Sequence[Cells]) -> list[str]:
    """Write a line for each row, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _table(heads: Cells, rows: Iterable[Cells]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(
            head,
            no_wrap=head in ("entry", "received", "state", "letters", "newest"),
            overflow="fold",
            justify="right" if head in ("entry", "entries", "letters", "newest") else "left",
        )
    for row in rows:
        colours = ({**_COLOURS, **_FATE_COLOURS}.get(cell.partition(" ")[0], "") for cell in row)
        table.add_row(
            *(f"[{colour}]{_plain(cell)}[/]" if colour else _plain(cell)
              for cell, colour in zip(row, colours, strict=True))
        )  # fmt: skip
    return table


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def entry_rows(entries: Iterable[EntrySummary]) -> Iterator[Cells]:
    """Write a row for each entry."""
    for one in entries:
        yield (
            str(one.entry),
            _time(one.received_at),
            one.state,
            one.store,
            one.topic or "-",
            one.resource or "-",
            one.event_type or _what(one),
            " ".join(f"{_name(each.endpoint)}={each.state}" for each in one.deliveries),
        )


def _what(one: EntrySummary) -> str:
    if one.causes:
        first = one.causes[0]
        return f"{first.stage} {first.code} {first.field}".rstrip()
    return (one.problem or "-")[:60]


def count_rows(counts: Sequence[Count]) -> Iterator[Cells]:
    """Write a row for each store and state, and the sum."""
    for one in counts:
        yield (one.store, one.state, str(one.entries))
    if counts:
        yield ("all", "", str(sum(one.entries for one in counts)))


def letter_rows(letters: Iterable[Letters]) -> Iterator[Cells]:
    """Write a row for each cause of dead letters."""
    for one in letters:
        cause = one.cause
        where = f"{cause.file}:{cause.line}" if cause.line else cause.file
        yield (
            str(one.letters),
            cause.stage,
            cause.code,
            _name(one.endpoint) or "-",
            where or "-",
            cause.field or "-",
            str(one.newest),
        )


def entry_lines(one: EntrySummary) -> Iterator[str]:
    """Tell all that is known of one entry."""
    yield from lines([*entry_rows([one])])
    yield f"  copies received  {one.copies}"
    if one.problem:
        yield f"  {one.problem}"
    yield from _causes(one.causes, "  ")
    for each in one.deliveries:
        yield from _delivery(each)


def _delivery(one: DeliverySummary) -> Iterator[str]:
    yield f"  {_name(one.endpoint)}  {one.state}  attempts {one.attempts}  {one.target}".rstrip()
    if one.reason:
        yield f"    {one.reason}"
    yield from _causes(one.causes, "    ")
    if one.unsure:
        yield "    an attempt got no answer: the destination may have accepted it"
    if one.next_at:
        yield f"    next attempt {_time(one.next_at)}, given up {_time(one.until)}"
    if one.settled_at:
        yield f"    settled {_time(one.settled_at)}"


def _causes(causes: Iterable[Cause], indent: str) -> Iterator[str]:
    return (f"{indent}cause: {cause}" for cause in causes)


def prospect_rows(moves: Iterable[Move]) -> Iterator[Cells]:
    """Write a row for each delivery that a replay was asked of."""
    for one in (each for move in moves for each in move.prospects):
        why = "; ".join(map(str, one.causes)) or one.reason
        told = f"{one.fate} (--all)" if _waits(one) else one.fate
        yield (str(one.entry), _name(one.endpoint) or "-", told, why)


def summary_lines(moves: Sequence[Move]) -> Iterator[str]:
    """Count what a replay would come to, and say what the words mean."""
    for fate, number in fates(moves).items():
        yield f"{number:>6}  {fate}: {FATES[fate]}"
    if held := sum(_waits(one) for move in moves for one in move.prospects):
        yield f"{held:>6}  of these only with --all, or when --stage, --code or an entry names them"


def _waits(one: Prospect) -> bool:
    return one.held and one.fate != "stale"


def as_json(value: object) -> str:
    """Write one value as one line of JSON."""
    return json.dumps(_fields(value), default=_spell, ensure_ascii=False)


def _fields(value: Any) -> dict[str, Any]:
    fields = asdict(value)
    cause = fields.pop("cause", {})
    return {**cause, **fields}


def _spell(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _name(endpoint: str) -> str:
    return "(fetch)" if endpoint == FETCH else endpoint


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ") if moment else "-"
