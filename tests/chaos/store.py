"""
A storefront: it sends webhooks, waits as long as its platform does, and comes again.

What is not answered 2xx in time is repeated, with the same id and the same bytes.  Copies of
one webhook go out in the same instant to different nodes, and later versions may overtake
earlier ones.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from tests.chaos.ledger import Book, Event, Terms, Try

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Manners:
    """How a store sends."""

    seconds: float  #: in which all first tries go out, evenly spread
    copies: float = 0.2  #: part of the events that are sent more than once at the same time
    disorder: float = 0.2  #: part of the events that are overtaken by a later version
    between: float = 0.4  #: seconds between two versions of one thing, at most
    patience: float = 60.0  #: seconds after its first try in which an event is repeated
    #: Seconds before each repeat; the last one holds for all that follow.  A platform's own pauses
    #: are minutes and hours, which would prove nothing more.
    pauses: Sequence[float] = (0.5, 1.0, 2.0, 3.0)


@dataclass
class Storefront:
    """Everything that the stores of one scenario send."""

    book: Book
    ports: Sequence[int]  #: of the nodes
    terms: Terms
    chance: random.Random
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def send(self, stories: Sequence[Sequence[Event]], manners: Manners) -> None:
        """Send stories, and return when every event is answered 2xx or was given up."""
        for story in stories:
            for event in story:
                self.book.events[event.id] = event
        pause = manners.seconds / max(1, len(stories))
        begun = _now()
        sending = []
        for number, story in enumerate(stories):
            await asyncio.sleep(max(0.0, begun + number * pause - _now()))
            sending.append(asyncio.create_task(self._tell(story, manners)))
        await asyncio.gather(*sending)

    async def _tell(self, story: Sequence[Event], manners: Manners) -> None:
        order = list(story)
        if len(order) > 1 and self.chance.random() < manners.disorder:
            self.chance.shuffle(order)
        sending = []
        for event in order:
            sending.append(asyncio.create_task(self._deliver(event, manners)))
            await asyncio.sleep(self.chance.random() * manners.between)
        await asyncio.gather(*sending)

    async def _deliver(self, event: Event, manners: Manners) -> None:
        """Send one event until one of its tries is answered 2xx."""
        until = _now() + manners.patience
        copies = self.chance.choice((2, 3)) if self.chance.random() < manners.copies else 1
        start = self.chance.randrange(len(self.ports))
        tries = [self._try(event, (start + one) % len(self.ports)) for one in range(copies)]
        # Each copy is a sender of its own, which does not know of the others' answers.
        await asyncio.gather(*(self._insist(event, first, until, manners) for first in tries))

    async def _insist(self, event: Event, first: Any, until: float, manners: Manners) -> None:
        answered, attempt = await first, 0
        while not answered and _now() < until:
            await asyncio.sleep(manners.pauses[min(attempt, len(manners.pauses) - 1)])
            attempt += 1
            answered = await self._try(event, self.chance.randrange(len(self.ports)))

    async def _try(self, event: Event, node: int) -> bool:
        began = _now()
        status, word, entry, trouble = None, "", None, ""
        try:
            async with asyncio.timeout(self.terms.answer_within):
                status, body = await post(self.ports[node], event)
                word, entry = str(body.get("status", "")), body.get("entry")
        except TimeoutError:
            trouble = "no answer"
        except (OSError, ValueError) as error:
            trouble = type(error).__name__
        took = _now() - began
        told = Try(event.id, node, began, took, status, word, entry, trouble)
        self.book.tries.append(told)
        return told.good


async def post(port: int, event: Event) -> tuple[int, dict[str, Any]]:
    """
    Post a webhook on a connection of its own.

    Raises:
        OSError: The connection was refused, or ended before the answer was complete.
        ValueError: The answer is none.
    """
    loop = asyncio.get_running_loop()
    transport, exchange = await loop.create_connection(
        lambda: _Exchange(_request(port, event)), "127.0.0.1", port
    )
    try:
        head, body = await exchange.answer
    finally:
        transport.abort()
    told = json.loads(body) if body.startswith(b"{") else {}
    return int(head.split(b" ", 2)[1]), told


def _request(port: int, event: Event) -> bytes:
    named = "".join(f"{name}: {value}\r\n" for name, value in event.headers.items())
    head = (
        f"POST /webhooks/{event.store} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{named}"
        f"content-length: {len(event.body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + event.body


class _Exchange(asyncio.Protocol):
    """A request, and head and body of its answer: streams would need more of the machine."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._came = b""
        self.answer: asyncio.Future[tuple[bytes, bytes]]
        self.answer = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, complete, body = self._came.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if complete and len(body) >= int(length[1] if length else 0) and not self.answer.done():
            self.answer.set_result((head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc or ConnectionResetError("it ended too soon"))


def _now() -> float:
    return time.monotonic()
