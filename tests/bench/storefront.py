"""
A storefront that posts signed orders as fast as it is answered, over connections that stay open.

It speaks HTTP itself, because a client library would need more of the machine than what is
measured.  It checks every answer: what is not 200 ends the measurement.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from tests.house import SECRET, webhook

#: Seconds that an answer may take.
_PATIENCE = 15.0
#: Stands in the body where the order's number belongs; as long as the numbers are.
_MARK = b"7000000000000"
_HEAD = (
    b"POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    b"x-shopify-topic: orders/paid\r\nx-shopify-shop-domain: %s\r\nx-shopify-api-version: 2026-07\r\n"
    b"x-shopify-webhook-id: %s\r\nx-shopify-event-id: %s\r\n"
    b"x-shopify-triggered-at: 2026-03-10T12:14:06.318204517Z\r\n"
    b"x-shopify-hmac-sha256: %s\r\ncontent-length: %d\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Order:
    """A signed order of which any number can be made, each with a number of its own."""

    body: bytes
    shop: bytes
    secret: bytes = field(repr=False, default=SECRET.encode())

    def requests(self, path: str, first: int = 0) -> Iterator[bytes]:
        """Give one request after the other, the orders' numbers growing from *first*."""
        number = int(_MARK) + first
        while True:
            number += 1
            body = self.body.replace(_MARK, b"%d" % number)
            signature = base64.b64encode(hmac.digest(self.secret, body, hashlib.sha256))
            event = b"%032x" % number
            yield _HEAD % (path.encode(), self.shop, event, event, signature, len(body)) + body


def sample() -> Order:
    """Make the order of the fixture ``order_paid`` with one line, which makes about 6 kB."""
    request = webhook()
    body: dict[str, Any] = json.loads(request.body)
    body["line_items"] = body["line_items"][:1]
    body["discount_applications"] = body["shipping_lines"] = []
    body["id"] = int(_MARK)
    body["admin_graphql_api_id"] = f"gid://shopify/Order/{body['id']}"
    shop = request.headers["x-shopify-shop-domain"].encode()
    return Order(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(), shop)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a storefront saw."""

    seconds: float
    times: tuple[float, ...]  #: seconds from the last byte of a request to that of its answer


class Refused(Exception):
    """The contender did not answer 200: what it did is no measurement."""


class _Connection(asyncio.Protocol):
    def __init__(self, next_request: Callable[[], bytes | None], times: list[float]) -> None:
        self._next = next_request
        self._times = times
        self._answer = b""
        self._began = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.post()

    def post(self) -> None:
        request = self._next()
        if request is None:
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not is_complete(self._answer):
            return
        if not self._answer.startswith(b"HTTP/1.1 200"):
            self._fail(Refused(self._answer.decode(errors="replace")[:2000]))
            return
        self._times.append(time.perf_counter() - self._began)
        self._answer = b""
        self.post()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or Refused("the connection was closed"))

    def _fail(self, error: Exception) -> None:
        self._transport.close()
        if not self.done.done():
            self.done.set_exception(error)


def is_complete(message: bytes) -> bool:
    """Whether a whole HTTP message with a known length, or in chunks, has come."""
    head, found, body = message.partition(b"\r\n\r\n")
    if not found:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return len(body) >= int(value)
        if name.lower() == b"transfer-encoding":
            return body.endswith(b"0\r\n\r\n")
    return True


async def post_all(
    port: int, requests: Iterator[bytes], *, connections: int, seconds: float
) -> Answers:
    """
    Post for so many seconds over so many connections, each request after the answer to the last.

    Raises:
        Refused: An answer was not 200.
    """
    times: list[float] = []
    began = time.perf_counter()
    end = began + seconds

    def next_request() -> bytes | None:
        return next(requests) if time.perf_counter() < end else None

    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: _Connection(next_request, times), "127.0.0.1", port))[
            1
        ]
        for _ in range(connections)
    ]
    try:
        async with asyncio.timeout(seconds + _PATIENCE):
            await asyncio.gather(*(one.done for one in made))
    except TimeoutError:
        raise Refused(f"an answer was not there after {_PATIENCE:g} s") from None
    return Answers(time.perf_counter() - began, tuple(times))


async def post_at(
    port: int, requests: Iterator[bytes], *, per_second: float, seconds: float, connections: int
) -> Answers:
    """
    Post at a given pace, whether or not earlier requests have been answered.

    A request that finds no connection free waits, and its waiting counts: who measures only what
    was sent in time would not see that the answers were late.
    """
    times: list[float] = []
    free: asyncio.Queue[_Paced] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: _Paced(free, times), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    began = time.perf_counter()
    for at in range(int(per_second * seconds)):
        due = began + at / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        (await free.get()).send(next(requests), due)
    for _ in made:
        await free.get()
    for one in made:
        one.close()
    return Answers(time.perf_counter() - began, tuple(times))


class _Paced(_Connection):
    """A connection that is told what to post, and is free again when it was answered."""

    def __init__(self, free: asyncio.Queue[_Paced], times: list[float]) -> None:
        super().__init__(lambda: None, times)
        self._free = free

    def post(self) -> None:
        self._free.put_nowait(self)

    def send(self, request: bytes, due: float) -> None:
        self._began = due
        self._transport.write(request)

    def close(self) -> None:
        self.done.set_result(None)
        self._transport.close()
