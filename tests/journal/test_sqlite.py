"""
A journal in one SQLite file keeps every promise of a journal, and a few of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journal.conformance import JournalConformance
from tests.journal.sqlite_backend import SqliteBackend


class TestSqliteJournal(JournalConformance):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> SqliteBackend:
        return SqliteBackend(tmp_path / "journal.db")
