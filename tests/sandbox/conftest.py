"""A sandbox that takes any credentials, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from bridge.sandbox import create_app
from tests.sandbox.bodies import client_of


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app()) as client:
        yield client
