"""The routes of the sandbox: the vendors' operations, and the controls beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bridge.sandbox import bonifiq, capillary, cheqpay
from bridge.sandbox.arrive import read, record
from bridge.sandbox.behave import BODILESS, Behaviour, Rule, hang, reset
from bridge.sandbox.check import Flaw, checker
from bridge.sandbox.controls import Memory, answer, controls
from bridge.sandbox.endpoint import Account, Came, Endpoint, Headers, Shelf, Told, Vendor
from bridge.sandbox.tokens import Tokens

#: Everyone who is stood in for, by name.
VENDORS: Mapping[str, Vendor] = {
    vendor.name: vendor for vendor in (bonifiq.VENDOR, cheqpay.VENDOR, capillary.VENDOR)
}

Credentials = Mapping[str, Collection[Account]]
Sleep = Callable[[float], Awaitable[object]]


def create_app(
    credentials: Credentials | None = None,
    *,
    sleep: Sleep = asyncio.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Starlette:
    """
    Make the sandbox.  It keeps its state in memory, so one process has to serve it.

    Args:
        credentials: By vendor, the accounts that are accepted, as connections.toml names their
            parts.  A vendor that is not named takes any account without an empty part.
        sleep: Waits the seconds of a delay.
        now: Seconds, by which tokens expire.

    Raises:
        ValueError: Credentials are given for a vendor that is not stood in for, or under names
            that the vendor does not have.
    """
    credentials = credentials or {}
    if wrong := _wrong(credentials):
        raise ValueError("; ".join(wrong))
    tokens = Tokens(now)
    endpoints = [
        endpoint
        for name, vendor in VENDORS.items()
        for endpoint in vendor.endpoints(credentials.get(name), tokens)
    ]
    names = [endpoint.name for endpoint in endpoints]
    memory = Memory(Behaviour(names), {name: Shelf() for name in names}, tokens)
    operations = [
        Route(path, serve, methods=[endpoint.method])
        for endpoint in endpoints
        for serve in (_operation(endpoint, memory, sleep),)
        for path in endpoint.paths
    ]
    app = Starlette(
        routes=[*operations, *controls(memory)],
        exception_handlers={404: _unknown_path, 405: _wrong_method, ClientDisconnect: _gone},
    )
    app.router.redirect_slashes = False
    return app


def _wrong(credentials: Credentials) -> list[str]:
    known = ", ".join(sorted(VENDORS))
    wrong = [
        f"credentials for {name}: wanted only {known}"
        for name in credentials
        if name not in VENDORS
    ]
    for name, accounts in credentials.items():
        sets = VENDORS[name].credentials if name in VENDORS else ()
        if sets and any(set(account) not in map(set, sets) for account in accounts):
            wanted = " or ".join(" and ".join(one) for one in sets)
            wrong.append(f"credentials for {name}: wanted {wanted}")
    return wrong


def _operation(
    endpoint: Endpoint, memory: Memory, sleep: Sleep
) -> Callable[[Request], Awaitable[ASGIApp]]:
    """Make the route of one endpoint: record the request, misbehave if told to, or answer it."""
    check, shelf = checker(endpoint.schema), memory.shelves[endpoint.name]

    async def serve(request: Request) -> ASGIApp:
        came = await read(request)
        line = record(endpoint, came)
        memory.received.append(line)
        rule = memory.behaviour.take(endpoint.name)
        with shelf.working(endpoint.things(came.document)) as busy:
            if rule is not None and rule.delay_s:
                await sleep(rule.delay_s)
            if rule is None or not rule.faulty or rule.after:
                told = _answer(endpoint, check, shelf, replace(came, busy=busy))
        if rule is None or not rule.faulty:
            line["answered"] = told.status
            return answer(told.document, told.status, told.headers)
        line["answered"], fault = _fault(endpoint, rule)
        return fault

    return serve


def _answer(
    endpoint: Endpoint, check: Callable[[Any], list[Flaw]], shelf: Shelf, came: Came
) -> Told:
    """
    Judge a request as the vendor would, and store what is accepted.

    What is no JSON or breaks the schema is answered 400, unless the vendor judges it in another
    way: no page says how such a request is refused, and the published error numbers are about
    the content of fields, so that a body which cannot be read into those fields has none.
    """
    if not endpoint.proves(came.headers):
        flaws = [Flaw("the credentials are missing, malformed or unknown")]
        return Told(401, endpoint.fail(401, flaws), endpoint.challenge)
    if flaws := _media_type(came.headers):
        return Told(endpoint.untyped, endpoint.fail(endpoint.untyped, flaws))
    if flaws := [Flaw(came.problem)] if came.problem else check(came.document):
        return Told(400, endpoint.fail(400, flaws))
    return endpoint.refuse(came) or endpoint.accept(shelf, came)


def _media_type(headers: Headers) -> list[Flaw]:
    declared = headers.get("content-type", "")
    kind, _, parameters = (part.strip().lower() for part in declared.partition(";"))
    if kind != "application/json":
        return [Flaw("Content-Type: wanted application/json")]
    if parameters.replace('"', "") not in ("", "charset=utf-8"):
        return [Flaw("Content-Type: wanted no parameter but charset=utf-8")]
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
    flaws = [Flaw(f"the sandbox was told to answer {rule.status}")]
    return rule.status, answer(endpoint.fail(rule.status, flaws), rule.status, headers)


async def _unknown_path(request: Request, error: Exception) -> Response:  # noqa: ARG001
    app: Starlette = request.app
    known = [route.path for route in app.routes if isinstance(route, Route)]
    return answer({"error": "nothing is at this path", "known": known}, 404)


async def _wrong_method(request: Request, error: Exception) -> Response:  # noqa: ARG001
    allowed = (error.headers or {}) if isinstance(error, HTTPException) else {}
    return answer({"error": f"wanted {allowed.get('Allow', 'another method')}"}, 405, allowed)


async def _gone(request: Request, error: Exception) -> Response:  # noqa: ARG001
    # The client left before its body was complete: there is nobody to answer.
    return Response(status_code=400)
