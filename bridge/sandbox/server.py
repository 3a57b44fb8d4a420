"""The routes of the sandbox: the vendors' operations, and the controls that start with ``/_``."""

from __future__ import annotations

import asyncio
import hmac
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import simplejson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bridge.sandbox import bonifiq
from bridge.sandbox.behave import BODILESS, Behaviour, Rule, hang, read_rule, reset
from bridge.sandbox.check import checker, parse
from bridge.sandbox.endpoint import Endpoint, Pair, Shelf, Told

ENDPOINTS = bonifiq.ENDPOINTS

#: Requests that ``/_received`` remembers; the oldest go first.
REMEMBERED = 100_000

Credentials = Mapping[str, Collection[Pair]]
Sleep = Callable[[float], Awaitable[object]]


@dataclass(slots=True)
class Memory:
    """All that the sandbox remembers."""

    behaviour: Behaviour
    shelves: Mapping[str, Shelf]
    received: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


def create_app(
    credentials: Credentials | None = None, *, sleep: Sleep = asyncio.sleep
) -> Starlette:
    """
    Make the sandbox.  It keeps its state in memory, so one process has to serve it.

    Args:
        credentials: By vendor, the pairs that are accepted.  A vendor that is not named takes
            any pair without an empty part.
        sleep: Waits the seconds of a delay.

    Raises:
        ValueError: Credentials are given for a vendor that is not stood in for.
    """
    credentials = credentials or {}
    vendors = {endpoint.vendor for endpoint in ENDPOINTS}
    if unknown := sorted(set(credentials) - vendors):
        raise ValueError(
            f"credentials for {', '.join(unknown)}: wanted only {', '.join(sorted(vendors))}"
        )
    names = [endpoint.name for endpoint in ENDPOINTS]
    memory = Memory(Behaviour(names), {name: Shelf() for name in names})
    operations = [
        Route(
            endpoint.path,
            _operation(endpoint, memory, credentials.get(endpoint.vendor), sleep),
            methods=[endpoint.method],
        )
        for endpoint in ENDPOINTS
    ]
    app = Starlette(
        routes=[*operations, *_controls(memory)],
        exception_handlers={404: _unknown_path, 405: _wrong_method, ClientDisconnect: _gone},
    )
    app.router.redirect_slashes = False
    return app


def _operation(
    endpoint: Endpoint, memory: Memory, pairs: Collection[Pair] | None, sleep: Sleep
) -> Callable[[Request], Awaitable[ASGIApp]]:
    """Make the route of one endpoint: record the request, misbehave if told to, or answer it."""
    check, shelf = checker(endpoint.schema), memory.shelves[endpoint.name]

    async def serve(request: Request) -> ASGIApp:
        came = _came(request, await request.body())
        record = _record(endpoint, came)
        memory.received.append(record)
        rule = memory.behaviour.take(endpoint.name)
        if rule is not None and rule.delay_s:
            await sleep(rule.delay_s)
        if rule is None or not rule.faulty:
            told = _answer(endpoint, check, shelf, pairs, came)
            record["answered"] = told.status
            return _json(told.document, told.status, told.headers)
        if rule.after:
            _answer(endpoint, check, shelf, pairs, came)
        record["answered"], fault = _fault(endpoint, rule)
        return fault

    return serve


@dataclass(frozen=True, slots=True)
class Came:
    """A request, read as far as it can be."""

    headers: Mapping[str, str]  #: names in lower case; repeated ones joined by a comma
    text: str
    document: Any
    problem: str | None  #: why there is no document
    at: datetime


def _came(request: Request, raw: bytes) -> Came:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    text, at = raw.decode(errors="replace"), datetime.now(UTC)
    try:
        return Came(headers, text, parse(raw), None, at)
    except ValueError as error:
        return Came(headers, text, None, str(error), at)


def _record(endpoint: Endpoint, came: Came) -> dict[str, Any]:
    """
    Make the line of ``/_received``; ``answered`` is null until the answer is decided.

    JSON is shown in the sender's own text, because reading and writing it again may change how
    a number is written.
    """
    shown = dict(came.headers)
    if "authorization" in shown:
        basic = shown["authorization"].lower().startswith("basic ")
        shown["authorization"] = "Basic …" if basic else "…"
    return {
        "endpoint": endpoint.name,
        "headers": shown,
        "body": came.text if came.problem else simplejson.RawJSON(came.text),
        "at": came.at.isoformat(),
        "answered": None,
    }


def _answer(
    endpoint: Endpoint,
    check: Callable[[Any], list[str]],
    shelf: Shelf,
    pairs: Collection[Pair] | None,
    came: Came,
) -> Told:
    """
    Judge a request as the vendor would, and store what is accepted.

    What is no JSON or breaks the schema is answered 400: no page says how such a request is
    refused, and the published error numbers are about the content of fields, so that a body
    which cannot be read into those fields has none.
    """
    if not _proven(endpoint.authenticate(came.headers), pairs):
        message = "the credentials are missing, malformed or unknown"
        return Told(401, endpoint.fail(401, message), endpoint.challenge)
    problems = _media_type(came.headers) or (
        [came.problem] if came.problem else check(came.document)
    )
    if problems:
        return Told(400, endpoint.fail(400, "; ".join(problems)))
    if refused := endpoint.refuse(came.document):
        return refused
    shelf.accepted += 1
    return endpoint.accept(shelf, came.document)


def _proven(sent: Pair | None, pairs: Collection[Pair] | None) -> bool:
    if sent is None or pairs is None:
        return sent is not None
    # Every pair is tried even after a match, so that the time taken tells nothing.
    matches = [_same(sent[0], user) & _same(sent[1], password) for user, password in pairs]
    return any(matches)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _media_type(headers: Mapping[str, str]) -> list[str]:
    declared = headers.get("content-type", "")
    kind, _, parameters = (part.strip().lower() for part in declared.partition(";"))
    if kind != "application/json":
        return ["Content-Type: wanted application/json"]
    if parameters.replace('"', "") not in ("", "charset=utf-8"):
        return ["Content-Type: wanted no parameter but charset=utf-8"]
    return []


def _fault(endpoint: Endpoint, rule: Rule) -> tuple[int | str, ASGIApp]:
    """Give the name of a fault, and the fault as an ASGI application."""
    if rule.hang:
        return "hang", hang
    if rule.status is None:
        return "reset", reset
    headers = rule.headers or {}
    if rule.status in BODILESS:
        return rule.status, Response(None, rule.status, headers)
    if rule.body is not None:
        return rule.status, Response(rule.body, rule.status, headers, "application/json")
    document = endpoint.fail(rule.status, f"the sandbox was told to answer {rule.status}")
    return rule.status, _json(document, rule.status, headers)


def _controls(memory: Memory) -> list[Route]:
    names = list(memory.shelves)

    async def behave(request: Request) -> Response:
        if request.method == "DELETE":
            memory.behaviour.forget()
            return Response(status_code=204)
        rule = read_rule(await request.body(), names)
        if isinstance(rule, list):
            return _json({"error": "the rule is wrong", "problems": rule}, 400)
        memory.behaviour.follow(rule)
        return _json({"standing": memory.behaviour.standing()})

    async def received(request: Request) -> Response:
        if request.method == "DELETE":
            memory.received.clear()
            return Response(status_code=204)
        return _json(list(memory.received))

    async def state(request: Request) -> Response:  # noqa: ARG001
        return _json(
            {
                name: {
                    "count": len(shelf.objects),
                    "accepted": shelf.accepted,
                    "objects": shelf.objects,
                }
                for name, shelf in memory.shelves.items()
            }
        )

    async def health(request: Request) -> Response:  # noqa: ARG001
        return _json({"status": "ok"})

    return [
        Route("/_behave", behave, methods=["POST", "DELETE"]),
        Route("/_received", received, methods=["GET", "DELETE"]),
        Route("/_state", state, methods=["GET"]),
        Route("/_health", health, methods=["GET"]),
    ]


async def _unknown_path(request: Request, error: Exception) -> Response:  # noqa: ARG001
    app: Starlette = request.app
    known = [route.path for route in app.routes if isinstance(route, Route)]
    return _json({"error": "nothing is at this path", "known": known}, 404)


async def _wrong_method(request: Request, error: Exception) -> Response:  # noqa: ARG001
    allowed = (error.headers or {}) if isinstance(error, HTTPException) else {}
    return _json({"error": f"wanted {allowed.get('Allow', 'another method')}"}, 405, allowed)


async def _gone(request: Request, error: Exception) -> Response:  # noqa: ARG001
    # The client left before its body was complete: there is nobody to answer.
    return Response(status_code=400)


def _json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    text = simplejson.dumps(document, use_decimal=True)
    return Response(text, status, headers, "application/json")
