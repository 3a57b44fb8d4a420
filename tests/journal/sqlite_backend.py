"""How the suite opens and kills a journal in a SQLite file."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bridge.journal.protocol import Journal, Opening, Patience
from bridge.journal.sqlite import SqliteJournal, open_sqlite
from tests.journal.given import Clocks

#: Seconds that tests wait for a lock that nobody will let go of.
WAIT = 0.05


@dataclass
class SqliteBackend:
    """A journal at one path."""

    path: Path
    wait: float = 0.5

    async def open(
        self,
        clocks: Clocks,
        *,
        register: bool = True,
        patience: Patience | None = None,
        keys: tuple[str, ...] = (),
    ) -> SqliteJournal:
        """Open it as one more worker."""
        return await open_sqlite(
            Opening(f"sqlite:///{self.path}", patience or Patience(), register, keys),
            clock=lambda: clocks.wall,
            monotonic=lambda: clocks.steady,
            wait=self.wait,
        )

    async def crash(self, journal: Journal) -> None:
        """Let go of everything and say nothing, as the kernel does for a killed process."""
        assert isinstance(journal, SqliteJournal)
        assert journal._lock is not None
        journal._engine.closed = True
        await asyncio.to_thread(journal._engine._stack.close)
        journal._lock.close()
