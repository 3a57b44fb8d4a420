"""
What every journal must do.

A journal is tested by a class of this one with a `backend` fixture, which opens it and knows
how to kill it: see `test_sqlite.py`.  The rules are in the operator's guide, chapter "How
deliveries are kept apart".
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.journal.asking import Asking, Replaying
from tests.journal.finishing import Finishing
from tests.journal.forgetting import Forgetting, Purging, Sealing
from tests.journal.given import Backend, World
from tests.journal.lettering import Choosing, Foreseeing, Lettering, SendingAgain
from tests.journal.living import Dying, Fencing, Onlooking
from tests.journal.receiving import Receiving, Refusing
from tests.journal.settling import Expanding, Settling
from tests.journal.taking import Barring, Comparing, Taking


class JournalConformance(
    Receiving,
    Refusing,
    Taking,
    Comparing,
    Barring,
    Settling,
    Expanding,
    Finishing,
    Dying,
    Fencing,
    Onlooking,
    Asking,
    Replaying,
    Forgetting,
    Purging,
    Sealing,
    Lettering,
    Choosing,
    Foreseeing,
    SendingAgain,
):
    """Every promise of `bridge.journal.protocol.Journal`, executed."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    async def world(self, backend: Backend) -> AsyncIterator[World]:
        """One empty journal; time stands still."""
        world = World(backend)
        yield world
        await world.close()
