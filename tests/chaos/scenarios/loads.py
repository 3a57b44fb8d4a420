"""Loads that are large, poisoned, or in one another's way."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from tests.chaos.destination import Behaviour
from tests.chaos.events import Shop, order, poison
from tests.chaos.judge import rank
from tests.chaos.ledger import Event
from tests.chaos.store import Manners
from tests.chaos.world import Scenario, Setup, World

#: Seconds after which the answer of an event counts as delayed that nothing should delay.
_PROMPT = 1.0
#: Seconds before each repeat of a burst.
_LONG_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_HANGS = Behaviour("hang", accepts=False, end="hang")
_SHARED = Setup(shops=(Shop("alpha", "north", 61), Shop("beta", "north", 62)))


async def burst(world: World) -> None:
    orders, seconds = world.size.burst
    share = orders // len(world.shops)
    told = [story for shop in world.shops for story in world.bustle(shop, share)]
    world.chance.shuffle(told)
    # It is more than the machine can do at once.  Repeats that came as soon as elsewhere would be
    # most of what it has to do, and a platform repeats for longer than this.
    manners = Manners(
        seconds, copies=0.3, disorder=0.5, patience=world.size.patience, pauses=_LONG_PAUSES
    )
    await world.stores.send(told, manners)


async def poisoned(world: World) -> None:
    bad = [[poison(world.shops[0], number)] for number in range(1, 11)]
    told = [*world.day(), *bad]
    world.chance.shuffle(told)
    await world.load(told)
    _check_prompt(world, [one.id for story in told for one in story], "poison delays nobody")


async def one_is_dead(world: World) -> None:
    ill, well = world.shops
    world.destination.behave(ill.account, _HANGS)
    await _fill_backlog(world, ill)
    healthy = world.bustle(well, world.size.orders)
    await world.load(healthy)
    ids = [one.id for story in healthy for one in story]
    _check_prompt(world, ids, "a dead destination delays no other")
    world.destination.behave(ill.account)


async def shared(world: World) -> None:
    ill, well = world.shops
    world.destination.behave(ill.account, Behaviour("503", status=503, accepts=False))
    await _fill_backlog(world, ill)
    # The destination is back and slow, so the backlog takes its time.
    world.destination.behave(ill.account, Behaviour("slow", before=0.25, after=0.25))
    for _ in range(int(world.size.patience / 0.1)):
        if world.book.accepted:
            break
        await asyncio.sleep(0.1)
    told = [list(order(well, number, ("paid",))) for number in range(1, 9)]
    await world.load(told, seconds=2.0, copies=0.0)
    waited = _waits(world, {one.id for story in told for one in story})
    longest = max(waited, default=0.0)
    world.check(
        "a backlog delays no other store",
        len(waited) == len(told) and longest <= world.terms.answer_within,
        f"{len(waited)} of {len(told)} arrived meanwhile, after {longest:.1f} s at most",
    )


async def _fill_backlog(world: World, shop: Shop) -> None:
    events = [list(order(shop, n, ("paid",))) for n in range(1, world.size.backlog + 1)]
    await world.load(events, copies=0.0)


def _check_prompt(world: World, events: Collection[str], wanted: str) -> None:
    first: dict[str, float] = {}
    for one in world.book.tries:
        first.setdefault(one.event, one.took)
    took = sorted(first[one] for one in events if one in first)
    p99 = rank(took, 0.99)
    world.check(wanted, p99 <= _PROMPT, f"p99 of their answers {p99:.2f} s of {_PROMPT:g} s")


def _waits(world: World, events: Collection[str]) -> list[float]:
    """Seconds from an event's first try until the destination stored it, of those it has."""
    began: dict[str, float] = {}
    for one in world.book.tries:
        began[one.event] = min(one.began, began.get(one.event, one.began))
    by_content: dict[object, Event] = {
        one.content: one for one in world.book.events.values() if one.id in events
    }
    return [
        one.at - began[by_content[one.content].id]
        for one in world.book.accepted
        if one.content in by_content
    ]


SCENARIOS: Sequence[Scenario] = (
    Scenario(
        "burst",
        "10,000 orders in 60 s, with duplicates and in disorder.",
        burst,
        Setup(workers=2),
        alone=True,
    ),
    Scenario(
        "poison", "Webhooks that cannot be mapped become dead letters and delay nobody.", poisoned
    ),
    Scenario(
        "one-is-dead",
        "1,000 parked for a dead destination, while another one is healthy.",
        one_is_dead,
        alone=True,
    ),
    Scenario(
        "shared", "Two stores share a destination, and one of them has a backlog there.", shared
    ),
)
