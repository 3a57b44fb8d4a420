"""Settings of every test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from bridge.load import Loaded, load, strict
from tests.postgres import Server, serving

ROOT = Path(__file__).parents[1]

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("bridge", deadline=None)
settings.load_profile("bridge")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="write goldens anew, for review")


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    """Whether goldens are written instead of compared."""
    wanted = bool(request.config.getoption("--accept"))
    if wanted and os.environ.get("CI"):
        pytest.fail("--accept is for people: nobody reads the difference here")
    return wanted


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the bridge does."""
    return "asyncio"


@pytest.fixture(scope="session")
def loaded() -> Loaded:
    """The mapping files of the repository."""
    return strict(load(ROOT / "mappings"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL of this process; each test makes a database of its own."""
    with serving() as server:
        yield server
