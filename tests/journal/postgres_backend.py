"""How the suite opens and kills a journal in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.journal.postgres import PostgresJournal, open_postgres
from bridge.journal.protocol import Journal, Opening, Patience
from tests.journal.given import Clocks


@dataclass
class PostgresBackend:
    """A journal in one database."""

    url: str

    async def open(
        self, clocks: Clocks, *, register: bool = True, patience: Patience | None = None
    ) -> PostgresJournal:
        """Open it as one more worker."""
        return await open_postgres(
            Opening(self.url, patience or Patience(), register=register),
            clock=lambda: clocks.wall,
            monotonic=lambda: clocks.steady,
        )

    async def crash(self, journal: Journal) -> None:
        """Let go of everything and say nothing, as the kernel does for a killed process."""
        assert isinstance(journal, PostgresJournal)
        assert journal._lock is not None
        journal._engine.abandon()
        journal._lock.close()
