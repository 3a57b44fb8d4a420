"""The HTTP edge of the bridge: bytes in, status code out.  Nothing is decided here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge import exact
from bridge.answer import unavailable
from bridge.errors import BodyTooLarge, BodyTooSlow, RequestError
from bridge.types import Answer, InboundRequest

log = structlog.get_logger()

#: Whoever cannot prove who they are learns nothing of how; the log says why.
_UNPROVEN = Answer(401, "refused", reason="the signature is not accepted")

#: Takes the webhook and when its first byte came.
Process = Callable[[InboundRequest, float], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    The ASGI endpoint of ``/webhooks/{store}`` and ``/webhooks/{store}/{segment}``.

    What stands behind the store can be its secret and is never logged.
    """

    process: Process
    clock: Callable[[], float]
    limit: int  #: bytes of a body
    patience: float  #: seconds in which a body must arrive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is an answer too."""
        started = self.clock()
        store = scope["path_params"]["store"]
        try:
            told = await self.process(await self._read(scope, receive), started)
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
            took_seconds=round(self.clock() - started, 4),
        )
        response = respond(told if told.status_code != 401 else _UNPROVEN)
        await response(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> InboundRequest:
        headers = _headers(scope)
        query = scope["query_string"].decode("latin-1")
        return InboundRequest(
            store=scope["path_params"]["store"],
            method=scope["method"],
            headers=headers,
            query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            body=await self._body(headers.get("content-length", ""), receive),
            received_at=datetime.now(UTC),
            raw_query=query,
            segment=scope["path_params"].get("segment", ""),
        )

    async def _body(self, announced: str, receive: Receive) -> bytes:
        if announced.isdigit() and int(announced) > self.limit:
            raise self._too_large()
        chunks, size, more = [], 0, True
        try:
            async with asyncio.timeout(self.patience):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    if size > self.limit:
                        raise self._too_large()
                    more = message.get("more_body", False)
        except TimeoutError:
            raise BodyTooSlow(f"the body did not arrive within {self.patience:g} s") from None
        return b"".join(chunks)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is longer than {self.limit} bytes")


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
    return Response(exact.write(body), told.status_code, headers, "application/json")


def _headers(scope: Scope) -> dict[str, str]:
    """Names in lower case; a repeated header is joined, so that no part of it is overlooked."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
