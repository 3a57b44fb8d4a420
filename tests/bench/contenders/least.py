"""
The least that is safe, by hand, for the one order of the benchmark and for nothing else.

    python -m tests.bench.contenders.least PORT DESTINATION SECRET FILE

The fastest relay, with the signature, the mapping of `tests.bench.by_hand`, and two transactions
in SQLite that many webhooks share: one claims the order before it is sent, so that none is doubled,
one says on disk that it was accepted, so that no copy is told so before.  What failed, or broke off,
stays claimed for a person to look at, and its store is told 503 for ever.  There is no validation,
no order among events, no parking, no second worker, no deadline, and no line that a message could
name.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge import exact
from bridge.client import Transport, read
from tests.bench.by_hand import order_document

_HEADERS = {"content-type": "application/json"}
_MOST = 1_048_576
_CLAIM = "INSERT INTO webhook (id, body) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
_SETTLE = "UPDATE webhook SET delivered = 1 WHERE id = ?"
#: Changes nothing, and tells whether the order was accepted.
_COPY = "UPDATE webhook SET delivered = delivered WHERE id = ? AND delivered"


class Journal:
    """One table; while one batch of statements commits in a thread, the next one gathers."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE webhook (id TEXT PRIMARY KEY, body BLOB, delivered INT) WITHOUT ROWID"
        )
        self._queue: list[tuple[str, tuple[Any, ...], asyncio.Future[bool]]] = []
        self._thread, self._busy = ThreadPoolExecutor(1), False

    def write(self, sql: str, *values: Any) -> asyncio.Future[bool]:
        """Tell, once it is on disk, whether the statement changed a row."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[bool] = loop.create_future()
        self._queue.append((sql, values, told))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._begin, loop)
        return told

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._queue = self._queue, []
        self._db.execute("BEGIN IMMEDIATE")
        done = [(told, self._db.execute(sql, values).rowcount > 0) for sql, values, told in batch]
        committed = loop.run_in_executor(self._thread, self._db.execute, "COMMIT")
        committed.add_done_callback(lambda end: self._end(end, done, loop))

    def _end(
        self,
        end: asyncio.Future[sqlite3.Cursor],
        done: list[tuple[asyncio.Future[bool], bool]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        end.result()
        for told, changed in done:
            told.set_result(changed)
        self._busy = bool(self._queue)
        if self._busy:
            loop.call_soon(self._begin, loop)


def app(destination: str, secret: str, path: str) -> Starlette:
    """Make the application."""
    transport, journal, url = Transport(), Journal(path), httpx.URL(destination)
    key = secret.encode()

    async def receive(request: Request) -> Response:
        body = await request.body()
        digest = base64.b64encode(hmac.digest(key, body, "sha256")).decode()
        if not hmac.compare_digest(digest, request.headers.get("x-shopify-hmac-sha256", "")):
            return Response(status_code=401)
        document = exact.write(order_document(exact.read(body)))
        event = request.headers["x-shopify-event-id"]
        if not await journal.write(_CLAIM, event, body):
            return Response(status_code=200 if await journal.write(_COPY, event) else 503)
        out = httpx.Request("POST", url, stream=httpx.ByteStream(document), headers=_HEADERS)
        try:
            answer = await transport.handle_async_request(out)
            content = await read(answer, _MOST)
        except httpx.TransportError:
            return Response(status_code=502)
        if not answer.is_success:
            return Response(content, 502)
        await journal.write(_SETTLE, event)
        return Response(content, media_type="application/json")

    return Starlette(routes=[Route("/webhooks/{store}", receive, methods=["POST"])])


if __name__ == "__main__":
    port, destination, secret, file = sys.argv[1:]
    uvicorn.run(
        app(destination, secret, file),
        host="127.0.0.1",
        port=int(port),
        access_log=False,
        log_level="warning",
    )
