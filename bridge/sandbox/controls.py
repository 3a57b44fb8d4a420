"""The paths that start with ``/_``: what the sandbox is told to do, and what it tells."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge import exact
from bridge.sandbox.behave import Behaviour, read_rule
from bridge.sandbox.endpoint import Shelf
from bridge.sandbox.tokens import Tokens

#: Requests that ``/_received`` remembers; the oldest go first.
REMEMBERED = 100_000


@dataclass(slots=True)
class Memory:
    """All that the sandbox remembers, but for what a vendor keeps to itself."""

    behaviour: Behaviour
    shelves: Mapping[str, Shelf]
    tokens: Tokens
    received: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


def controls(memory: Memory) -> list[Route]:
    """Make the routes of the controls."""
    names = list(memory.shelves)

    async def behave(request: Request) -> Response:
        if request.method == "DELETE":
            memory.behaviour.forget()
            return Response(status_code=204)
        rule = read_rule(await request.body(), names)
        if isinstance(rule, list):
            return answer({"error": "the rule is wrong", "problems": rule}, 400)
        memory.behaviour.follow(rule)
        return answer({"standing": memory.behaviour.standing()})

    async def received(request: Request) -> Response:
        if request.method == "DELETE":
            memory.received.clear()
            return Response(status_code=204)
        return answer(list(memory.received))

    async def state(request: Request) -> Response:  # noqa: ARG001
        return answer(
            {
                name: {
                    "count": len(shelf.objects),
                    "accepted": shelf.accepted,
                    "objects": shelf.objects,
                }
                for name, shelf in memory.shelves.items()
            }
        )

    async def tokens(request: Request) -> Response:  # noqa: ARG001
        memory.tokens.forget()
        return Response(status_code=204)

    async def health(request: Request) -> Response:  # noqa: ARG001
        return answer({"status": "ok"})

    return [
        Route("/_behave", behave, methods=["POST", "DELETE"]),
        Route("/_received", received, methods=["GET", "DELETE"]),
        Route("/_state", state, methods=["GET"]),
        Route("/_tokens", tokens, methods=["DELETE"]),
        Route("/_health", health, methods=["GET"]),
    ]


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Write a document as a JSON answer; numbers stay exact."""
    return Response(exact.write(document), status, headers, "application/json")
