"""Processes that die, are asked to end, or serve one journal together."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

from tests.chaos.destination import Behaviour
from tests.chaos.world import Scenario, Setup, World

#: Slow enough that something is always under way.
_UNDER_WAY = Behaviour("slow", before=0.05, after=0.15)
_DEAD = Behaviour("503", status=503, accepts=False)
#: Seconds between two looks at whether a neighbour lives, with some to spare.
_LOOKS = 6.0
_NODE = Setup(nodes=1, workers=2)
_PAIR = Setup(nodes=2, workers=2)


def _everywhere(world: World, behaviour: Behaviour) -> None:
    for shop in world.shops:
        world.destination.behave(shop.account, behaviour)


async def quiet_day(world: World) -> None:
    await world.load()


async def kill_one(world: World) -> None:
    _everywhere(world, _UNDER_WAY)

    async def harm() -> None:
        await world.breathe(0.4)
        world.nodes[0].kill_worker()

    await world.while_loaded(harm)


async def kill_all(world: World) -> None:
    _everywhere(world, _UNDER_WAY)

    async def harm() -> None:
        await world.breathe(0.4)
        await world.nodes[0].kill()
        await world.nodes[0].start()

    await world.while_loaded(harm)


async def kill_often(world: World) -> None:
    _everywhere(world, _UNDER_WAY)

    async def harm() -> None:
        for _ in range(max(3, int(world.size.seconds / 3))):
            await asyncio.sleep(world.size.seconds / 5 if world.size.name == "quick" else 3.0)
            world.chance.choice(world.nodes).kill_worker()

    await world.while_loaded(harm)


async def frozen(world: World) -> None:
    _everywhere(world, _UNDER_WAY)

    async def harm() -> None:
        await world.breathe(0.4)
        # Until it was declared gone, and what it had sent could be acting no more.
        await world.nodes[0].freeze(world.size.gone_after + world.size.quiet + _LOOKS)

    # Half of all tries go to a node that answers nobody.
    await world.while_loaded(harm, patience=world.size.patience)


async def two_nodes(world: World) -> None:
    await world.load(copies=1.0, disorder=0.5, between=0.05)


async def stop_gracefully(world: World) -> None:
    _everywhere(world, Behaviour("slow", before=0.1, after=0.9))
    node = world.nodes[0]

    async def harm() -> None:
        await world.breathe(0.4)
        began = asyncio.get_running_loop().time()
        code = await node.stop()
        waiting = [one for one in world.book.tries if one.node == 0 and one.began < began - 0.05]
        unanswered = [one for one in waiting if one.began + one.took > began and one.status is None]
        world.check(
            "a stop answers what is in flight",
            not unanswered,
            f"{len(unanswered)} webhooks of node 0 got no answer",
        )
        # The server ends itself by the signal that it was sent, when all is done.
        world.check("a stop ends well", code in (0, -signal.SIGTERM), f"exit code {code}")
        await node.start()

    await world.while_loaded(harm)


async def stop_short(world: World) -> None:
    slow = Behaviour("slow", before=0.1, after=world.size.request_timeout * 0.8)
    _everywhere(world, slow)
    node = world.nodes[0]

    async def harm() -> None:
        await world.breathe(0.4)
        await node.stop()
        _everywhere(world, Behaviour())
        await node.start()

    await world.while_loaded(harm)


async def drained_by_another(world: World) -> None:
    _everywhere(world, _DEAD)

    async def harm() -> None:
        await world.breathe(0.8)
        await world.nodes[0].kill()
        _everywhere(world, Behaviour())

    await world.while_loaded(harm)


async def drained_after_restart(world: World) -> None:
    _everywhere(world, _DEAD)
    await world.load()
    for node in world.nodes:
        await node.stop()
    _everywhere(world, Behaviour())
    await asyncio.gather(*(node.start() for node in world.nodes))


SCENARIOS: Sequence[Scenario] = (
    Scenario(
        "quiet-day", "Nothing goes wrong: two nodes, two stores, an ordinary load.", quiet_day
    ),
    Scenario("kill-one", "kill -9 of one of two workers under load.", kill_one, _NODE),
    Scenario("kill-all", "kill -9 of all workers under load, then a restart.", kill_all, _NODE),
    Scenario(
        "kill-often",
        "kill -9 of some worker every few seconds under load.",
        kill_often,
        _PAIR,
        alone=True,
    ),
    Scenario(
        "frozen",
        "SIGSTOP of a node until the other has taken over, then SIGCONT.",
        frozen,
    ),
    Scenario(
        "two-nodes",
        "Every webhook arrives as several copies in the same instant at two nodes, in disorder.",
        two_nodes,
        _PAIR,
    ),
    Scenario(
        "stop-gracefully",
        "SIGTERM under load: what is in flight is answered, and the node comes back.",
        stop_gracefully,
    ),
    Scenario(
        "stop-short",
        "SIGTERM with less time than the flights need: what is cut off is given back, not lost.",
        stop_short,
        Setup(flights_end_after=1.0),
    ),
    Scenario(
        "drained-by-another",
        "A node that parked a backlog is killed, and the other one finishes it.",
        drained_by_another,
    ),
    Scenario(
        "drained-after-restart",
        "All nodes stop with a backlog, and finish it when they are back.",
        drained_after_restart,
    ),
)
