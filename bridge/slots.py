"""
Say who is next at a target: webhooks before parked work, and one store after the other.

Parked work comes from a backlog that is always there; a webhook has a store that waits.  So of
four places that become free webhooks get three, while both want one.  A store whose shop floods
the bridge fills its own line and no other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

#: Webhooks that are served before parked work has its turn, while both wait.
_WEBHOOKS_FIRST = 3


@dataclass(frozen=True, slots=True)
class Asks:
    """Who asks for a place at a target."""

    store: str
    parked: bool = False  #: nobody waits for the outcome


_Line = dict[str, deque[asyncio.Future[None]]]


class Slots:
    """
    The places at one target.

    While several stores want one, none has more than half of them; a place can then be free
    although somebody waits.

    Args:
        places: How many there are.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._half = (places + 1) // 2
        self._taken: dict[str, int] = {}
        # By store: who came first is first, and a store that was served goes to the end.
        self._webhooks: _Line = {}
        self._parked: _Line = {}
        self._passed = 0  #: webhooks that were served while parked work could have been

    def take_now(self, asks: Asks) -> bool:
        """Take a place if nobody has to wait for it; the caller must `give` it back then."""
        if not self._free or self._webhooks or self._parked:
            return False
        own = self._taken.get(asks.store, 0)
        if own >= self._half and len(self._taken) > 1:
            return False
        self._free -= 1
        self._taken[asks.store] = own + 1
        return True

    async def take(self, asks: Asks) -> None:
        """Wait for a place.  The caller must `give` it back."""
        waiter = asyncio.get_running_loop().create_future()
        line = self._parked if asks.parked else self._webhooks
        line.setdefault(asks.store, deque()).append(waiter)
        self._serve()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                # Whoever has gone wants nothing any more, which may let others in.
                if waiter in line.get(asks.store, ()):
                    _leave(line, asks.store, waiter)
                self._serve()
            else:
                self.give(asks.store)
            raise

    def waiting(self, store: str) -> int:
        """How many of *store* wait for a place."""
        return sum(len(line.get(store, ())) for line in (self._webhooks, self._parked))

    def give(self, store: str) -> None:
        """Give a place back."""
        self._free += 1
        if self._taken[store] > 1:
            self._taken[store] -= 1
        else:
            del self._taken[store]
        if self._webhooks or self._parked:
            self._serve()

    def _serve(self) -> None:
        while self._free and (line := self._next()) is not None:
            store = next(self._eligible(line))
            waiter = line[store][0]
            _leave(line, store, waiter)
            if not waiter.cancelled():
                self._free -= 1
                self._taken[store] = self._taken.get(store, 0) + 1
                waiter.set_result(None)

    def _next(self) -> _Line | None:
        """Choose between webhooks and parked work."""
        webhook = next(self._eligible(self._webhooks), None)
        parked = next(self._eligible(self._parked), None)
        if parked is None:
            return None if webhook is None else self._webhooks
        if webhook is None or self._passed == _WEBHOOKS_FIRST:
            self._passed = 0
            return self._parked
        self._passed += 1
        return self._webhooks

    def _eligible(self, line: _Line) -> Iterator[str]:
        """Give the stores that may have a place now, the one whose turn it is first."""
        wanting = self._taken.keys() | self._webhooks.keys() | self._parked.keys()
        alone = len(wanting) == 1
        return (store for store in line if alone or self._taken.get(store, 0) < self._half)


def _leave(line: _Line, store: str, waiter: asyncio.Future[None]) -> None:
    """Take a waiter out of his line; those behind him wait until the other stores had a turn."""
    waiters = line.pop(store)
    waiters.remove(waiter)
    if waiters:
        line[store] = waiters
