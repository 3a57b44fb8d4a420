"""A process that is asked to stop says so at once; asked again, it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from bridge.server import noticed


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What the server that stands behind hears."""
    heard: list[str] = []
    before = {
        one: signal.signal(one, lambda number, _: heard.append(signal.Signals(number).name))
        for one in (signal.SIGTERM, signal.SIGINT)
    }
    yield heard
    for one, handler in before.items():
        signal.signal(one, handler)


async def ask(number: int, times: int = 1) -> None:
    for _ in range(times):
        os.kill(os.getpid(), number)
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_application_hears_of_a_stop_before_its_server(
    heard: list[str], number: signal.Signals
) -> None:
    with noticed(lambda: heard.append("first"), lambda: heard.append("again")):
        await ask(number)
        assert heard == ["first", number.name]
    await ask(number)

    assert heard == ["first", number.name, number.name], "afterwards it is the server's alone"


async def test_what_reaches_a_process_twice_is_asked_once(heard: list[str]) -> None:
    """Ctrl-C is told to a worker by the terminal, and by its supervisor."""
    with noticed(lambda: heard.append("first"), lambda: heard.append("again")):
        await ask(signal.SIGINT)
        await ask(signal.SIGTERM, 2)

    assert heard == ["first", "SIGINT"]


async def test_who_asks_again_wants_the_end(
    heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.server._ONCE", 0.0)
    monkeypatch.setattr("bridge.server._FAREWELL", 0.0)
    with noticed(lambda: heard.append("first"), lambda: heard.append("again")):
        await ask(signal.SIGTERM, 4)

    assert heard == ["first", "SIGTERM", "again", "SIGINT"]


async def test_signals_are_the_main_threads_business(heard: list[str]) -> None:
    async def elsewhere() -> None:
        with noticed(lambda: heard.append("first"), lambda: None):
            await ask(signal.SIGTERM)

    await asyncio.to_thread(asyncio.run, elsewhere())

    assert heard == ["SIGTERM"]
