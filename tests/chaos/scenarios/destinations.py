"""Destinations that fail in all the ways that a network and a server have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from tests.chaos.destination import HEALTHY, Behaviour, Program
from tests.chaos.world import Scenario, Setup, World

_500 = Behaviour("500", status=500, accepts=False)
_429 = Behaviour("429", status=429, headers={"retry-after": "2"}, accepts=False)
_HANGS = Behaviour("hang", end="hang")
_RESETS = Behaviour("reset", end="reset")
_HALF = Behaviour("half an answer", end="half")
_GARBAGE = Behaviour("garbage", end="garbage")


def _both(behaviour: Behaviour) -> Program:
    """Accept every other request before it fails: nobody but the destination knows which."""
    refusing = replace(behaviour, accepts=False)
    return lambda n: behaviour if n % 2 else refusing


def _for_a_while(make: Callable[[World], Program]) -> Callable[[World], Awaitable[None]]:
    async def run(world: World) -> None:
        async def harm() -> None:
            await world.breathe(0.2)
            for shop in world.shops:
                world.destination.behave(shop.account, make(world))
            await asyncio.sleep(world.size.fault)
            for shop in world.shops:
                world.destination.behave(shop.account)

        await world.while_loaded(harm)

    return run


def _slow(world: World) -> Program:
    steps = world.size.slow
    return lambda n: Behaviour("slow", after=steps[n % len(steps)])


def _late(world: World) -> Program:
    steps = world.size.slow
    return lambda n: Behaviour("late", before=steps[n % len(steps)])


def _flapping(world: World) -> Program:
    moods = (HEALTHY, HEALTHY, _500, _RESETS, _429, _HALF, replace(_500, accepts=True))
    return lambda _: world.chance.choice(moods)


def _scenario(name: str, about: str, make: Callable[[World], Program]) -> Scenario:
    return Scenario(name, about, _for_a_while(make), Setup(nodes=1))


SCENARIOS: Sequence[Scenario] = (
    _scenario(
        "answers-500",
        "The destination answers 500, half of the time after storing.",
        lambda _: _both(replace(_500, accepts=True)),
    ),
    _scenario(
        "answers-429", "The destination answers 429 with Retry-After.", lambda _: lambda n: _429
    ),
    _scenario(
        "hangs", "The destination takes requests and never answers.", lambda _: _both(_HANGS)
    ),
    _scenario("resets", "The destination resets connections.", lambda _: _both(_RESETS)),
    _scenario(
        "half-an-answer", "The destination breaks off in its answer.", lambda _: _both(_HALF)
    ),
    _scenario(
        "garbage",
        "The destination answers 200 with bytes that are no JSON.",
        lambda _: _both(_GARBAGE),
    ),
    _scenario("slow", "The destination stores at once and answers 1 to 60 s later.", _slow),
    _scenario("late", "The destination works 1 to 60 s before it stores and answers.", _late),
    _scenario("flaps", "The destination is well and ill from one request to the next.", _flapping),
)
