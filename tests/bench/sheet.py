"""What a benchmark has found: printed, or written to a file that the README shows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.table import Table

from bridge.docs import rewrite
from tests.bench.processes import machine

ROOT = Path(__file__).parents[2]
#: Whose versions say something of the figures.
_PACKAGES = (
    "starlette",
    "uvicorn",
    "uvloop",
    "aiohttp",
    "httpx",
    "pydantic",
    "asyncpg",
    "fastapi",
)
_PROGRAMS = {"node": "--version", "nginx": "-v"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with names on the left and figures on the right."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()  #: sentences below it
    words: frozenset[str] = frozenset()  #: heads of columns that hold no figures

    def printed(self) -> Table:
        """Lay it out for a terminal."""
        made = Table(title=machine(), caption="\n".join(self.notes))
        for at, head in enumerate(self.heads):
            made.add_column(head, justify="right" if self._is_figure(at) else "left")
        for row in self.rows:
            made.add_row(*row)
        return made

    def written(self) -> str:
        """Write it as Markdown, with the machine, the versions and the day."""
        ruler = ("---:" if self._is_figure(at) else "---" for at in range(len(self.heads)))
        lines = [self.heads, list(ruler), *self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        told = [f"{machine()}; {versions()}; {day}.", *self.notes]
        return f"{table}\n\n{' '.join(told)}\n"

    def publish(self, name: str, root: Path = ROOT) -> None:
        """Write it to ``tests/bench/results/<name>.md``, and show that in the README."""
        made = self.written()
        folder = root / "tests" / "bench" / "results"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.md").write_text(made)
        readme = root / "README.md"
        readme.write_text(rewrite(readme.read_text(), f"bench-{name}", made))

    def _is_figure(self, at: int) -> bool:
        return at > 0 and self.heads[at] not in self.words


def versions() -> str:
    """Name the versions of what takes part, as far as it is there."""
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    for name, option in _PROGRAMS.items():
        if shutil.which(name) is not None:
            said = subprocess.run([name, option], capture_output=True, text=True, check=False)
            told = (said.stdout or said.stderr).strip().rpartition("/")[2]
            found.append(f"{name} {told.removeprefix('v')}")
    return ", ".join(found)
