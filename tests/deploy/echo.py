"""
A server that tells what reached it: run as ``python -m tests.deploy.echo FD``.

FD is a listening socket of the process that starts it, so that nobody has to wait for it or to
guess a port.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]

_seen = 0


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer with the request: hash of the body, headers, address of the client, and a count."""
    global _seen
    _seen += 1
    seen, body, more = _seen, b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    told = {
        "seen": seen,
        "path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "client": scope["client"][0],
        "sha256": hashlib.sha256(body).hexdigest(),
        "size": len(body),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")]
                    for name, value in scope["headers"]],
    }  # fmt: skip
    content = json.dumps(told).encode()
    length = str(len(content)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


if __name__ == "__main__":
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
