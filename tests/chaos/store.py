"""
A storefront: it sends webhooks, waits as long as its platform does, and comes again.

What is not answered 2xx in time is repeated, with the same id and the same bytes.  Copies of
one webhook go out in the same instant to different nodes, and later versions may overtake
earlier ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.ledger import Book, Event, Terms, Try


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
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            trouble = type(error).__name__
        took = _now() - began
        told = Try(event.id, node, began, took, status, word, entry, trouble)
        self.book.tries.append(told)
        return told.good


async def post(port: int, event: Event) -> tuple[int, dict[str, Any]]:
    """
    Post a webhook on a connection of its own.

    Raises:
        OSError: The connection was refused or broke.
        asyncio.IncompleteReadError: It ended before the answer was complete.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        named = "".join(f"{name}: {value}\r\n" for name, value in event.headers.items())
        writer.write(
            f"POST /webhooks/{event.store} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{named}"
            f"content-length: {len(event.body)}\r\nconnection: close\r\n\r\n".encode()
            + event.body
        )
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        answer = json.loads(body) if body.startswith(b"{") else {}
        return int(head.split(" ", 2)[1]), answer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _now() -> float:
    return asyncio.get_running_loop().time()
