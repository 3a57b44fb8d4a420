"""Journals that cannot be written or reached, and clocks that jump."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from tests.chaos.destination import Behaviour
from tests.chaos.world import Scenario, Setup, World

_HOUR = 3600
_SPOILED = Setup(spoiled=True)


def _suffering(fault: str) -> Callable[[World], Awaitable[None]]:
    async def run(world: World) -> None:
        seconds = world.size.cut_off if fault == "cut off" else world.size.fault

        async def harm() -> None:
            await world.breathe(0.3)
            await world.suffer(fault, seconds)

        # Stores that give up while the fault lasts would prove nothing.
        await world.while_loaded(harm, patience=seconds + 60.0)

    return run


async def killed_while_away(world: World) -> None:
    """The destination's answers come while the journal is away, and then the process dies."""
    for shop in world.shops:
        world.destination.behave(shop.account, Behaviour("slow", before=0.5, after=0.5))

    async def harm() -> None:
        await world.breathe(0.3)
        async with world.nodes[0].noting_ports():
            await world.suffer("locked")
        await world.nodes[0].kill()
        await world.nodes[0].start()

    await world.while_loaded(harm)


def _clock(step: int) -> Callable[[World], Awaitable[None]]:
    async def run(world: World) -> None:
        dead = Behaviour("503", status=503, accepts=False)

        async def harm() -> None:
            # Something must be parked, since it is parked work that waits for a clock.
            await world.breathe(0.2)
            world.destination.behave(world.shops[0].account, dead)
            await world.breathe(0.3)
            (world.folder / "clock").write_text(str(step))
            await world.breathe(0.3)
            world.destination.behave(world.shops[0].account)

        await world.while_loaded(harm)

    return run


SCENARIOS: Sequence[Scenario] = (
    Scenario(
        "disk-full",
        "The journal's disk is full for a while.",
        _suffering("full"),
        needs=frozenset({"full"}),
    ),
    Scenario(
        "read-only",
        "The journal's file system becomes read-only for a while.",
        _suffering("read-only"),
        _SPOILED,
        needs=frozenset({"read-only"}),
    ),
    Scenario(
        "locked",
        "Another program holds the journal locked for a while.",
        _suffering("locked"),
        needs=frozenset({"locked"}),
    ),
    Scenario(
        "killed-while-away",
        "A node is killed that could not write down what it knows.",
        killed_while_away,
        needs=frozenset({"locked"}),
    ),
    Scenario(
        "restarted",
        "The PostgreSQL server is restarted under load, in good order and as by a crash.",
        _suffering("restarted"),
        needs=frozenset({"restarted"}),
    ),
    Scenario(
        "cut-off",
        "The PostgreSQL server is out of reach for a minute.",
        _suffering("cut off"),
        needs=frozenset({"cut off"}),
    ),
    Scenario(
        "clock-back",
        "The nodes' clock steps back an hour while work is parked.",
        _clock(-_HOUR),
        _SPOILED,
    ),
    Scenario(
        "clock-forward",
        "The nodes' clock steps forward an hour while work is parked.",
        _clock(_HOUR),
        _SPOILED,
    ),
)
