"""The journal in PostgreSQL keeps every promise, on several nodes, through restarts and cuts."""

from __future__ import annotations

import pytest

from tests.journal.conformance import JournalConformance
from tests.journal.postgres_backend import PostgresBackend
from tests.postgres import Server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def backend(postgres: Server) -> PostgresBackend:
    return PostgresBackend(postgres.url(await postgres.database()))


class TestPostgresJournal(JournalConformance):
    """The shared suite."""
