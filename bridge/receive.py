"""The HTTP edge of the bridge: bytes in, status code out.  Nothing is decided here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from bridge.answer import unavailable
from bridge.errors import BodyTooLarge, BodyTooSlow, RequestError
from bridge.types import Answer, InboundRequest

log = structlog.get_logger()

#: Whoever cannot prove who they are learns nothing of how; the log says why.
_UNPROVEN = Answer(401, "refused", reason="the signature is not accepted")

#: Takes the webhook and when its first byte came.
Process = Callable[[InboundRequest, float], Awaitable[Answer]]


def endpoint(
    process: Process, clock: Callable[[], float], *, limit: int, patience: float
) -> Callable[[Request], Awaitable[Response]]:
    """
    Make the Starlette endpoint of ``/webhooks/{store}`` and ``/webhooks/{store}/{segment}``.

    What stands behind the store can be its secret and is never logged.

    Args:
        limit: Bytes of a body.
        patience: Seconds in which a body must arrive.
    """

    async def receive(request: Request) -> Response:
        started = clock()
        store = request.path_params["store"]
        try:
            inbound = InboundRequest(
                store=store,
                method=request.method,
                headers=_headers(request),
                query=dict(request.query_params),
                body=await _body(request, limit, patience),
                received_at=datetime.now(UTC),
                raw_query=request.scope["query_string"].decode("latin-1"),
                segment=request.path_params.get("segment", ""),
            )
            told = await process(inbound, started)
        except RequestError as error:
            told = Answer(error.status_code, "refused", reason=str(error))
        except ClientDisconnect:
            told = Answer(400, "refused", reason="the client left")
        except Exception as error:
            # Whatever it is, the store hears that it shall repeat, and nothing about us.
            log.error("webhook failed", store=store, exc_info=error)
            told = unavailable("an error of the bridge")
        log.info(
            "webhook",
            store=store,
            status=told.status,
            answered=told.status_code,
            entry=told.entry,
            reason=told.reason,
            took_seconds=round(clock() - started, 4),
        )
        return respond(told if told.status_code != 401 else _UNPROVEN)

    return receive


def respond(told: Answer) -> Response:
    """Write an answer as a response."""
    headers = {}
    if told.retry_after is not None:
        headers["retry-after"] = f"{told.retry_after:.0f}"
    if told.body is not None:
        return Response(told.body, told.status_code, headers, told.media_type)
    body: dict[str, object] = {"status": told.status}
    if told.entry is not None:
        body["entry"] = told.entry
    if told.reason:
        body["reason"] = told.reason
    if told.outcomes:
        body["deliveries"] = {
            one.endpoint: {"state": one.state, **({"reason": one.reason} if one.reason else {})}
            for one in told.outcomes
        }
    return Response(json.dumps(body), told.status_code, headers, "application/json")


def _headers(request: Request) -> dict[str, str]:
    """Names in lower case; a repeated header is joined, so that no part of it is overlooked."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _body(request: Request, limit: int, patience: float) -> bytes:
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > limit:
        raise BodyTooLarge(f"the body is longer than {limit} bytes")
    chunks, size = [], 0
    try:
        async with asyncio.timeout(patience):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise BodyTooLarge(f"the body is longer than {limit} bytes")
                chunks.append(chunk)
    except TimeoutError:
        raise BodyTooSlow(f"the body did not arrive within {patience:g} s") from None
    return b"".join(chunks)
