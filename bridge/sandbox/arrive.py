"""Read a request as far as it can be read, and write its line of ``/_received``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request

from bridge.sandbox.check import parse
from bridge.sandbox.endpoint import Came, Endpoint

#: Names of headers that may hold what proves a caller, or whom it calls for.
_SECRET = re.compile("auth|cookie|key|merchant|password|secret|token")


async def read(request: Request) -> Came:
    """Read a request; what is no JSON has a problem in the place of a document."""
    raw = await request.body()
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    try:
        document, problem = parse(raw), None
    except ValueError as error:
        document, problem = None, str(error)
    return Came(
        path=request.url.path,
        query=request.url.query,
        headers=headers,
        text=raw.decode(errors="replace"),
        document=document,
        problem=problem,
        at=datetime.now(UTC),
    )


def record(endpoint: Endpoint, came: Came) -> dict[str, Any]:
    """
    Make the line of ``/_received``; ``answered`` is null until the answer is decided.

    JSON is shown in the sender's own text, because reading and writing it again may change how
    a number is written.  Credentials are not shown.
    """
    body = came.text if came.problem else msgspec.Raw(came.text)
    return {
        "endpoint": endpoint.name,
        "path": came.path,
        "query": came.query,
        "headers": {name: _shown(name, value) for name, value in came.headers.items()},
        "body": "…" if endpoint.secret else body,
        "at": came.at.isoformat(),
        "answered": None,
    }


def _shown(name: str, value: str) -> str:
    if not _SECRET.search(name):
        return value
    return "Basic …" if value.lower().startswith("basic ") else "…"
