"""Show what came of the scenarios, for people and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.judge import Judgement, spelled
from tests.chaos.world import Report

#: Seconds by which the harness may be late without a word about it.
_MUCH = 0.3
_COLUMNS = (
    "scenario",
    "journal",
    "events",
    "tries",
    "delivered",
    "parked",
    "needless",
    "dead",
    "lost",
    "doubled",
    "residual",
    "disorder",
    "p50",
    "p99",
    "p99.9",
    "max",
    "kept",
)


def show(reports: Sequence[Report], console: Console) -> None:
    """Print the table, and below it what did not hold."""
    table = Table(*_COLUMNS, title="Sent, delivered, lost, doubled, out of order")
    for column in table.columns[2:]:
        column.justify = "right"
    for report in reports:
        table.add_row(report.scenario, report.journal, *_cells(report))
    console.print(table)
    late = [one for one in reports if one.judgement and one.judgement.lag > _MUCH]
    if late:
        longest = max(one.judgement.lag for one in late if one.judgement)
        console.print(
            f"The machine was too busy in {len(late)} of {len(reports)}: the harness itself was up "
            f"to {longest:.2f} s late there, and so may be every time above."
        )
    for report in reports:
        if report.held:
            continue
        console.print(f"\n[bold red]{report.scenario}[/] ({report.journal}): {report.folder}")
        found = report.judgement.broken if report.judgement else [report.trouble]
        for one in spelled(found):
            console.print(f"  {one}", markup=False)


def _cells(report: Report) -> list[str]:
    found = report.judgement
    if found is None:
        return [*[""] * (len(_COLUMNS) - 3), "[red]broke off[/]"]
    answers = found.answers
    return [
        str(found.events),
        str(found.tries),
        str(found.delivered),
        str(found.parked),
        str(found.needless),
        str(found.dead),
        _bad(len(found.lost) + found.unfinished),
        _bad(len(found.doubled)),
        " ".join(f"{count}x({case})" for case, count in found.residual.items()) or "0",
        _bad(len(found.backward) + len(found.left_old)),
        *(_time(one) for one in (answers.p50, answers.p99, answers.p999, answers.longest)),
        "[green]yes[/]" if found.held else "[red]NO[/]",
    ]


def _bad(count: int) -> str:
    return f"[red]{count}[/]" if count else "0"


def _time(seconds: float) -> str:
    return "never" if math.isinf(seconds) else f"{seconds:.3f}"


def as_json(reports: Sequence[Report]) -> list[Mapping[str, Any]]:
    """Give all that is known, as values that JSON has."""
    return [
        {
            "scenario": one.scenario,
            "journal": one.journal,
            "seconds": round(one.seconds, 1),
            "held": one.held,
            "trouble": one.trouble,
            **(_values(one.judgement) if one.judgement else {}),
        }
        for one in reports
    ]


def _values(found: Judgement) -> Mapping[str, Any]:
    answers = found.answers
    return {
        "events": found.events,
        "tries": found.tries,
        "delivered": found.delivered,
        "parked_then_delivered": found.parked,
        "needless": found.needless,
        "dead": found.dead,
        "lost": list(found.lost),
        "unfinished": found.unfinished,
        "doubled": list(found.doubled),
        "residual": {str(case): count for case, count in found.residual.items()},
        "out_of_order": list(found.backward),
        "older_stands": list(found.left_old),
        "answers": {
            "count": answers.count,
            "late": answers.late,
            "missed": answers.missed,
            **{
                name: None if math.isinf(value) else round(value, 4)
                for name, value in (
                    ("p50", answers.p50),
                    ("p99", answers.p99),
                    ("p99.9", answers.p999),
                    ("max", answers.longest),
                )
            },
        },
        "harness_late_by": round(found.lag, 3),
        "broken": list(found.broken),
    }
