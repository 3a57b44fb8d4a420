"""Run the server, and notice that it is asked to stop, and that it is asked once more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Seconds within which signals are one and the same: Ctrl-C reaches a worker by the terminal and
#: by its supervisor, which looks every half second.
_ONCE = 1.0
#: Seconds that answers have to leave when a process is to end at once.
_FAREWELL = 0.5


def run(config: uvicorn.Config) -> int:
    """
    Run the server in as many processes as *config* says, until it is asked to stop.

    Returns:
        The exit code.
    """
    if config.workers > 1:
        _Supervisor(config, [config.bind_socket()]).run()
        return 0
    server = uvicorn.Server(config)
    # Once it has stopped, it raises the signal that it was stopped by.
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    return 0 if server.started else STARTUP_FAILURE


@contextlib.contextmanager
def noticed(first: Callable[[], None], again: Callable[[], None]) -> Iterator[None]:
    """
    Call *first* when this process is asked to stop, before its server acts on it.

    The server tells its application only after all requests were answered, and that is too late
    to begin with.

    Args:
        again: Called when it is asked a second time: whoever asks wants it to end at once.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals go to the main thread only: whoever runs a server elsewhere stops it himself.
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {}
    asked: list[float] = []

    def notice(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act, number, frame)

    def act(number: int, frame: FrameType | None) -> None:
        if not asked:
            asked.append(loop.time())
            first()
            pass_on(number, frame)
        elif len(asked) == 1 and loop.time() - asked[0] >= _ONCE:
            asked.append(loop.time())
            again()
            # An interrupt is what makes the server wait for nothing any more.
            loop.call_later(_FAREWELL, pass_on, signal.SIGINT, frame)

    def pass_on(number: int, frame: FrameType | None) -> None:
        handler = before[number]
        if callable(handler):
            handler(number, frame)
        else:
            signal.signal(number, handler)
            signal.raise_signal(number)

    for signaled in _SIGNALS:
        before[signaled] = signal.signal(signaled, notice)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class _Supervisor(Multiprocess):
    """Starts worker processes again that have died, and tells them when to stop, twice if asked."""

    def join_all(self) -> None:
        """Wait for the workers; a signal that comes meanwhile is handed on to them."""
        for worker in self.processes:
            while worker.process.is_alive():
                worker.process.join(0.1)
                if any(one in _SIGNALS for one in self.signal_queue):
                    self._tell_workers()
                self.signal_queue.clear()

    def _tell_workers(self) -> None:
        for worker in self.processes:
            if worker.process.is_alive() and worker.pid is not None:
                os.kill(worker.pid, signal.SIGTERM)
