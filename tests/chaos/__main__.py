"""
Prove the promises under fire.

    python -m tests.chaos [--quick] [--scenario NAME] [--journal sqlite] [--json FILE] [--list]

The exit code is 0 when every promise was kept in every scenario that ran, and 1 when one was not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console

from tests.chaos.journals import FAULTS, JOURNALS, Hosts
from tests.chaos.scenarios import ALL
from tests.chaos.table import as_json, show
from tests.chaos.world import FULL, QUICK, Report, Scenario, Size, play

Job = tuple[Scenario, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    wanted = _read(arguments)
    console = Console(width=None if sys.stdout.isatty() else 180)
    if wanted.list:
        for one in ALL:
            console.print(f"[bold]{one.name}[/]  {one.about}", soft_wrap=True)
        return 0
    kinds = list(JOURNALS) if wanted.journal == "all" else [wanted.journal]
    named = [one for one in ALL if not wanted.scenario or one.name in wanted.scenario]
    jobs = [(one, kind) for one in named for kind in kinds if one.needs <= FAULTS[kind]]
    size = QUICK if wanted.quick else FULL
    keep = Path(tempfile.mkdtemp(prefix="bridge-chaos-"))
    try:
        reports = uvloop.run(_run(jobs, size, wanted.seed, wanted.side_by_side, keep, console))
    except KeyboardInterrupt:
        console.print("stopped; no judgement")
        return 130
    show(reports, console)
    if wanted.json:
        Path(wanted.json).write_text(json.dumps(as_json(reports), indent=2) + "\n")
    held = all(one.held for one in reports)
    if held:
        shutil.rmtree(keep, ignore_errors=True)
    return 0 if held and reports else 1


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    names = [one.name for one in ALL]
    parser.add_argument("--quick", action="store_true", help="small loads and short faults")
    parser.add_argument("--scenario", action="append", choices=names, metavar="NAME")
    parser.add_argument("--journal", choices=[*JOURNALS, "all"], default="all")
    parser.add_argument("--json", metavar="FILE", help="write all that was found")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is left to chance")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument(
        "--side-by-side", type=int, default=5, metavar="N", help="scenarios that run at once"
    )
    return parser.parse_args(arguments)


async def _run(
    jobs: Sequence[Job], size: Size, seed: int, side_by_side: int, keep: Path, console: Console
) -> list[Report]:
    """Run jobs side by side, those that measure times alone and at the end."""
    places = asyncio.Semaphore(side_by_side)

    async def one(job: Job, hosts: Hosts) -> Report:
        async with places:
            scenario, kind = job
            report = await play(scenario, kind, size, seed, hosts, keep)
        broken = report.judgement.broken if report.judgement else [report.trouble]
        state = "kept" if report.held else f"NOT KEPT: {'; '.join(broken)}"
        console.print(f"{report.seconds:6.1f} s  {kind}  {scenario.name}: {state}", markup=False)
        return report

    together = [job for job in jobs if not job[0].alone]
    async with Hosts() as hosts:
        reports = await asyncio.gather(*(one(job, hosts) for job in together))
        made = dict(zip(together, reports, strict=True))
        for job in jobs:
            if job not in made:
                made[job] = await one(job, hosts)
    return [made[job] for job in jobs]


if __name__ == "__main__":
    # Whoever ends it otherwise than by Ctrl-C shall find no servers left either.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    sys.exit(main())
