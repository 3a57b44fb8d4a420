"""
A relay: passes each body on, and the answer back.  No proof, no mapping, no journal.

    python -m tests.bench.contenders.relay PORT DESTINATION CLIENT

It is the most that the bridge could reach with the same server and client.  CLIENT is what
carries the requests: ``httpx`` as it comes, ``ours`` as the bridge has it, ``bare`` its transport
called with a ready-made request, which is the fastest relay that this stack allows.
"""

from __future__ import annotations

import sys

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.client import Transport, new_client, read

_HEADERS = {"content-type": "application/json"}
_MOST = 1_048_576


def app(destination: str, carrier: str) -> Starlette:
    """Make the relay's application."""
    client, transport = httpx.AsyncClient() if carrier == "httpx" else new_client(), Transport()
    url = httpx.URL(destination)

    async def through_client(request: Request) -> Response:
        answer = await client.post(url, content=await request.body(), headers=_HEADERS)
        return Response(answer.content, answer.status_code, media_type="application/json")

    async def bare(request: Request) -> Response:
        body = httpx.ByteStream(await request.body())
        out = httpx.Request("POST", url, stream=body, headers=_HEADERS)
        answer = await transport.handle_async_request(out)
        content = await read(answer, _MOST)
        return Response(content, answer.status_code, media_type="application/json")

    relay = bare if carrier == "bare" else through_client
    return Starlette(routes=[Route("/webhooks/{store}", relay, methods=["POST"])])


if __name__ == "__main__":
    port, destination, carrier = sys.argv[1:]
    uvicorn.run(
        app(destination, carrier),
        host="127.0.0.1",
        port=int(port),
        access_log=False,
        log_level="warning",
    )
