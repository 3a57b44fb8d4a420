"""
A destination that accepts every order at once, as BonifiQ would, and costs next to nothing.

    python -m tests.bench.destination PORT [MILLISECONDS]

It is asked by all contenders alike, so it must be faster than any of them.  MILLISECONDS is how
long it takes over each answer.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

_BODY = b'{"HasError":false,"Severity":0,"Result":{"Id":1}}'
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)


class Accepting(asyncio.Protocol):
    """One connection."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._request = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._request += data
        while (end := self._request.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._request[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._request) < end + 4 + length:
                return
            del self._request[: end + 4 + length]
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._transport.write, _ANSWER)
            else:
                self._transport.write(_ANSWER)


async def main(port: int, delay: float) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Accepting(delay), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    milliseconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    uvloop.run(main(int(sys.argv[1]), milliseconds / 1000))
