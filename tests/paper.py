"""A journal on paper: it gives out flights, remembers what it is told, and can be out of reach."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from bridge.journal.protocol import Arrival, Flight, Journal, Planned, Receipt, Standing
from bridge.types import Cause, Outcome, State

Trouble = Exception | Literal["hangs"]


@dataclass
class Paper:
    """What the pipeline and flights need of a journal, for one entry."""

    #: By method: what goes wrong when it is called, each time; "hangs" never returns.
    troubles: dict[str, Trouble] = field(default_factory=dict)
    held: bool = False  #: another process holds the lane
    copy: bool = False
    fenced: bool = False
    written: list[tuple[Any, ...]] = field(default_factory=list)
    state: State = "queued"

    def as_journal(self) -> Journal:
        return cast("Journal", self)

    async def _called(self, name: str) -> None:
        trouble = self.troubles.get(name)
        if trouble == "hangs":
            await asyncio.Event().wait()
        elif trouble is not None:
            raise trouble

    async def receive(self, arrival: Arrival, *, sync: bool) -> Receipt:
        await self._called("receive")
        if self.copy:
            return Receipt(1, copy=True, standings=(Standing(Outcome("vendor.order", "flying")),))
        standings = tuple(self._standing(one) for one in arrival.deliveries)
        return Receipt(1, copy=False, standings=standings)

    def _standing(self, one: Planned) -> Standing:
        if self.held:
            return Standing(Outcome(one.endpoint, "queued"), held=True)
        self.state = "flying"
        return Standing(Outcome(one.endpoint, "flying"), flight_of(one))

    async def take(self, entry: int, endpoint: str) -> Standing:
        await self._called("take")
        return Standing(Outcome(endpoint, "queued"), held=True)

    async def standings(self, entry: int) -> tuple[Standing, ...]:
        await self._called("standings")
        return (Standing(Outcome("vendor.order", "flying")),)

    async def sync(self) -> None:
        await self._called("sync")

    async def settle(
        self, flight: Flight, state: State, reason: str = "", causes: Sequence[Cause] = ()
    ) -> bool:
        await self._called("settle")
        self.written.append((state, reason))
        return True

    async def back(
        self,
        flight: Flight,
        *,
        delay: float | None,
        unsure: bool,
        reason: str,
        attempted: bool = True,
    ) -> bool:
        await self._called("back")
        self.written.append(("back", reason, unsure, attempted, delay))
        return True

    async def expand(
        self,
        flight: Flight,
        resource: bytes,
        deliveries: Sequence[Planned],
        **_: object,
    ) -> Receipt:
        await self._called("expand")
        standings = tuple(self._standing(one) for one in deliveries)
        return Receipt(1, copy=False, standings=standings)


def flight_of(planned: Planned, *, park: bool = True) -> Flight:
    """The right to send *planned*."""
    lane = planned.identity.encode()
    return Flight(
        1,
        planned.endpoint,
        1,
        lane,
        planned.target,
        planned.stamp,
        planned.tie,
        planned.print,
        1,
        park,
    )
