"""
A destination that misbehaves as it is told, and knows what it has accepted.

It speaks HTTP on bare sockets, because what is to be shown happens below HTTP: half an answer,
a reset, a connection that stays silent.  Each account is a path of its own and has a behaviour
of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tests.chaos.ledger import Accepted, Book, Content, Ending, Thing

_LONGEST_HEAD = 65_536
#: A connection that stays silent is let go when the other side has not left it by then.
_LONGEST_HANG = 120.0
_GARBAGE = b"\x00\xff{]not json\x80"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """
    What becomes of one request.

    First it waits `before` seconds and stores nothing if the other side leaves meanwhile; then
    it stores, if it `accepts`; then it waits `after` seconds; then it ends as it says.
    """

    name: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    before: float = 0.0
    accepts: bool = True
    after: float = 0.0
    end: Literal["answer", "hang", "reset", "half", "garbage", "close"] = "answer"

    @property
    def tells(self) -> bool:
        """Whether the answer says what was done."""
        return self.end == "answer" and (self.status == 200) == self.accepts


HEALTHY = Behaviour()
#: Gives the behaviour for the n-th request of an account; n counts from 1.
Program = Callable[[int], Behaviour]


def always(behaviour: Behaviour) -> Program:
    """Make a program of one behaviour."""
    return lambda _: behaviour


@dataclass(frozen=True, slots=True)
class _Asked:
    path: str
    document: Mapping[str, Any]
    port: int


class Destination:
    """One server for all accounts; its address for an account is ``base_url(account)``."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._programs: dict[str, Program] = {}
        self._counts: dict[str, int] = {}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0
        self.requests: list[tuple[float, str, str]] = []  #: when, account, behaviour
        self.busy: dict[str, int] = {}  #: account -> requests under way
        self.busiest: dict[str, int] = {}  #: account -> most that were under way at once

    async def __aenter__(self) -> Destination:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def base_url(self, account: str) -> str:
        """Give the address that stands in connections.toml."""
        return f"http://127.0.0.1:{self.port}/{account}"

    def behave(self, account: str, program: Program | Behaviour = HEALTHY) -> None:
        """Say what an account does from now on; without a program it is healthy."""
        self._programs[account] = always(program) if isinstance(program, Behaviour) else program
        self._counts[account] = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while (asked := await _read(reader, writer)) is not None:
                if not await self._exchange(asked, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            pass  # the scenario is over
        finally:
            self._open.discard(task)
            with contextlib.suppress(OSError, RuntimeError):
                writer.close()

    async def _exchange(
        self, asked: _Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Carry one request out; gives whether the connection can be used again."""
        account = asked.path.split("/")[1]
        self._counts[account] = count = self._counts.get(account, 0) + 1
        behaviour = self._programs.get(account, always(HEALTHY))(count)
        self.requests.append((_now(), account, behaviour.name))
        self.busy[account] = self.busy.get(account, 0) + 1
        self.busiest[account] = max(self.busiest.get(account, 0), self.busy[account])
        try:
            return await self._behave(behaviour, asked, account, reader, writer)
        finally:
            self.busy[account] -= 1

    async def _behave(
        self,
        behaviour: Behaviour,
        asked: _Asked,
        account: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        came = _now()
        if behaviour.before and await _left(reader, behaviour.before):
            return False
        # Stored first, told later: what happens to the answer changes nothing about it.
        slot = len(self._book.accepted)
        stored = behaviour.accepts and behaviour.status != 429
        if stored:
            content = _content(account, asked)
            entry = Accepted(content, came, _now(), _now(), "untold", asked.port, behaviour.name)
            self._book.accepted.append(entry)
        ending: Ending = "untold"
        keep = False
        try:
            if behaviour.after and await _left(reader, behaviour.after):
                ending = "left"
            else:
                keep, ending = await _end(behaviour, reader, writer)
        finally:
            if stored:
                old = self._book.accepted[slot]
                self._book.accepted[slot] = replace(old, ended=_now(), ending=ending)
        return keep


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    length = re.search(r"(?i)\r\ncontent-length: *([0-9]+)", head[:_LONGEST_HEAD])
    body = await reader.readexactly(int(length[1])) if length else b""
    path = head.split(" ", 2)[1]
    return _Asked(path, json.loads(body or b"{}"), writer.get_extra_info("peername")[1])


async def _left(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Wait; gives whether the other side closed the connection before the time was over."""
    try:
        return await asyncio.wait_for(reader.read(1), seconds) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


async def _end(
    behaviour: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[bool, Ending]:
    """Answer, or do not; gives whether the connection goes on, and what the other side knows."""
    if behaviour.end == "hang":
        left = await _left(reader, _LONGEST_HANG)
        return False, "left" if left else "untold"
    if behaviour.end == "reset":
        _reset(writer)
        return False, "untold"
    if behaviour.end == "close":
        return False, "untold"
    answer = _answer(behaviour)
    if behaviour.end == "half":
        writer.write(answer[: len(answer) - 20])
        await writer.drain()
        return False, "untold"
    if writer.is_closing() or reader.at_eof():
        return False, "left"
    writer.write(answer)
    await writer.drain()
    return True, "told" if behaviour.tells else "untold"


def _answer(behaviour: Behaviour) -> bytes:
    failed = behaviour.status != 200
    envelope = {
        "ErrorMessage": "not now" if failed else None,
        "ErrorCode": None,
        "Result": None if failed else {"Id": 1},
        "HasError": failed,
    }
    body = _GARBAGE if behaviour.end == "garbage" else json.dumps(envelope).encode()
    headers = {"content-type": "application/json", **behaviour.headers}
    named = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    status = f"HTTP/1.1 {behaviour.status} -\r\n"
    return f"{status}{named}content-length: {len(body)}\r\n\r\n".encode() + body


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets a reset instead of an end."""
    bare: socket.socket = writer.get_extra_info("socket")
    linger = struct.pack("ii", 1, 0)
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def _content(account: str, asked: _Asked) -> Content:
    document = asked.document
    thing = Thing(account, str(document.get("OriginalId")))
    if asked.path.endswith("/Customer/upsert"):
        return Content(thing, str(document.get("Name", "")), "")
    return Content(thing, str(document.get("Coupon", "")), str(document.get("UpdatedDate", "")))


def _now() -> float:
    return time.monotonic()
