"""
The store has its answer in time, whatever it is that takes for ever.

Time is virtual: see `tests.virtual`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bridge.answer import last_moment, very_last_moment
from bridge.deliver import Rooms
from bridge.flights import Flights
from bridge.limits import Gates
from bridge.load import Loaded
from bridge.pipeline import process
from bridge.plan import Plan, Route
from bridge.types import Answer, InboundRequest, Payload, Verdict, VerifiedRequest
from tests.house import prove, store_route, webhook
from tests.paper import Paper
from tests.virtual import now, virtually

DELIVERED = Verdict("delivered")
EXTRA: dict[str, Any] = {
    "tokens": {"admin_token": "t"},
    "settings": {"shop_domain": "shop.example"},
}


@dataclass
class Outside:
    """Everything that is outside; what is named in `hangs` never ends."""

    hangs: frozenset[str] = frozenset()

    async def verify(self, request: InboundRequest, route: Route) -> VerifiedRequest:
        await self._called("verify")
        return await prove(request, route)

    async def send(self, _: Route, __: Payload) -> Verdict:
        await self._called("send")
        return DELIVERED

    async def fetch(self, _: Route, __: Plan) -> Mapping[str, Any]:
        await self._called("fetch")
        return {"extra": {}}

    async def _called(self, name: str) -> None:
        if name in self.hangs:
            await asyncio.Event().wait()


def rooms_of(journal: Paper, outside: Outside, route: Route, quiet: float = 0.0) -> Rooms:
    flights = Flights(journal.as_journal(), Gates(clock=now), quiet, lambda: None)
    return Rooms(
        {"shop": route},
        journal.as_journal(),
        flights,
        outside.verify,
        outside.send,
        outside.fetch,
        now,
    )


def answered(
    loaded: Loaded, *hangs: str, within: float = 5.0, fetches: bool = False, **paper: Any
) -> tuple[Answer, float]:
    """Post an order while *hangs* never end; gives the answer and the seconds that it took."""

    async def story() -> tuple[Answer, float]:
        outside = Outside(frozenset(hangs))
        journal = Paper(dict.fromkeys(hangs, "hangs"), **paper)
        route = store_route(loaded, within=within, **(EXTRA if fetches else {}))
        rooms = rooms_of(journal, outside, route)
        began = now()
        told = await process(webhook(), rooms, started=began)
        took = now() - began
        rooms.flights.abandon()
        return told, took

    return virtually(story)


@pytest.mark.parametrize("within", [2.5, 5.0, 20.0])
@pytest.mark.parametrize(
    ("hangs", "more", "status"),
    [
        (["send"], {}, "parked"),
        (["settle"], {}, "parked"),
        (["fetch"], {"fetches": True}, "parked"),
        (["expand"], {"fetches": True}, "parked"),
        ([], {"held": True}, "parked"),
        ([], {"copy": True}, "parked"),
        (["verify"], {}, "unavailable"),
        (["receive"], {}, "unavailable"),
        (["take"], {"held": True}, "unavailable"),
        (["standings"], {"copy": True}, "unavailable"),
        (["send", "sync"], {}, "unavailable"),
    ],
    ids=lambda one: " ".join(one) or "nothing" if isinstance(one, list | dict) else None,
)
def test_whatever_hangs_the_store_is_answered_in_time(
    loaded: Loaded, hangs: list[str], more: dict[str, Any], status: str, within: float
) -> None:
    told, took = answered(loaded, *hangs, within=within, **more)

    assert told.status == status
    assert told.status_code == (200 if status == "parked" else 503)
    latest = last_moment(within) if status == "parked" else very_last_moment(within)
    assert took == pytest.approx(latest, abs=0.01)
    assert took < within


def test_a_platform_that_hardly_waits_is_not_made_to_wait_for_the_disk(loaded: Loaded) -> None:
    told, took = answered(loaded, "receive", within=1.0)

    assert told.status_code == 503
    assert took == pytest.approx(very_last_moment(1.0), abs=0.01)


@pytest.mark.parametrize(("within", "last"), [(1.0, 0.85), (5.0, 4.25), (30.0, 29.0), (0.1, 0.05)])
def test_there_is_time_left_for_the_disk_and_for_the_way(within: float, last: float) -> None:
    assert last_moment(within) == pytest.approx(last)
    assert last < very_last_moment(within) < within


def test_what_waits_for_a_slot_is_answered_in_time_too(loaded: Loaded) -> None:
    async def story() -> tuple[list[Answer], float]:
        outside, journal = Outside(frozenset(["send"])), Paper()
        route = store_route(loaded, within=5.0)
        rooms = rooms_of(journal, outside, route)
        orders = (webhook(x_shopify_event_id=str(number)) for number in range(20))
        told = await asyncio.gather(*(process(one, rooms, started=now()) for one in orders))
        took = now()
        rooms.flights.abandon()
        return told, took

    told, took = virtually(story)

    assert {one.status for one in told} == {"parked"}
    assert took == pytest.approx(last_moment(5.0), abs=0.01)


@pytest.mark.parametrize("gives_up", ["give_up", "abandon"])
@pytest.mark.parametrize("more", [{}, {"held": True}, {"copy": True}])
def test_a_stop_answers_who_waits_with_the_truth(
    loaded: Loaded, more: dict[str, Any], gives_up: str
) -> None:
    async def story() -> tuple[Answer, float]:
        outside, journal = Outside(frozenset(["send"])), Paper(**more)
        route = store_route(loaded, within=60.0)
        rooms = rooms_of(journal, outside, route, 10.0)
        asyncio.get_running_loop().call_later(3.0, getattr(rooms.flights, gives_up))
        told = await process(webhook(), rooms, started=now())
        return told, now()

    told, took = virtually(story)

    assert (told.status_code, told.status) == (200, "parked")
    assert took == pytest.approx(3.0, abs=0.11)


def test_a_client_that_hangs_up_ends_nothing(loaded: Loaded) -> None:
    async def story() -> list[tuple[Any, ...]]:
        gate, journal = asyncio.Event(), Paper()

        async def send(_: Route, __: Payload) -> Verdict:
            await gate.wait()
            return DELIVERED

        rooms = replace(rooms_of(journal, Outside(), store_route(loaded)), send=send)
        posting = asyncio.ensure_future(process(webhook(), rooms, started=now()))
        await asyncio.sleep(1.0)
        posting.cancel()
        await asyncio.wait([posting])
        assert len(rooms.flights) == 1
        gate.set()
        await rooms.flights.drain(5.0)
        return journal.written

    assert [state for state, *_ in virtually(story)] == ["delivered"]
