"""The edge reads bytes within limits and tells exactly what the rooms decided."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from bridge.errors import RequestError, SignatureMismatch, UnknownStore
from bridge.receive import Endpoint
from bridge.types import Answer, InboundRequest, Outcome


class Edge:
    """An edge whose rooms are a function, and what they were given."""

    def __init__(self, told: Answer | Exception) -> None:
        self.told = told
        self.seen: list[InboundRequest] = []

    async def process(self, request: InboundRequest, started: float) -> Answer:
        self.seen.append(request)
        if isinstance(self.told, Exception):
            raise self.told
        return self.told

    async def post(
        self, content: bytes | AsyncIterator[bytes] = b"{}", **headers: str
    ) -> httpx.Response:
        receive = Endpoint(self.process, lambda: 0.0, limit=1024, patience=0.05)
        app = Starlette(routes=[Route("/webhooks/{store}", receive, methods=["POST"])])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            named = [(name.replace("_", "-"), value) for name, value in headers.items()]
            return await client.post("/webhooks/shop?a=1", content=content, headers=named)


async def test_bytes_are_handed_on_as_they_came() -> None:
    edge = Edge(Answer(200, "delivered", 7))
    body = b'{"a": "\xff \r\n"}'

    await edge.post(body, X_Signature="AbC=", Content_Type="application/json")

    request = edge.seen[0]
    assert request.body == body
    assert request.store == "shop"
    assert request.query == {"a": "1"}
    assert request.headers["x-signature"] == "AbC="
    assert request.received_at.utcoffset() is not None


async def test_a_repeated_header_is_joined_and_not_chosen_from() -> None:
    edge = Edge(Answer(200, "delivered"))
    receive = Endpoint(edge.process, lambda: 0.0, limit=1024, patience=1.0)
    app = Starlette(routes=[Route("/webhooks/{store}", receive, methods=["POST"])])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://bridge"
    ) as client:
        await client.post(
            "/webhooks/shop", headers=[("x-signature", "good"), ("x-signature", "evil")]
        )

    assert edge.seen[0].headers["x-signature"] == "good, evil"


async def test_the_answer_names_status_entry_and_deliveries() -> None:
    outcomes = (Outcome("vendor.call", "refused", "Code 07"),)
    response = await Edge(Answer(200, "parked", 7, outcomes=outcomes)).post()

    assert response.status_code == 200
    assert response.json() == {
        "status": "parked",
        "entry": 7,
        "deliveries": {"vendor.call": {"state": "refused", "reason": "Code 07"}},
    }


@pytest.mark.parametrize("reason", ["não há itens", "half a pair: \ud83d"])
async def test_the_answer_is_json_whatever_a_reason_holds(reason: str) -> None:
    response = await Edge(Answer(200, "refused", 7, reason)).post()

    assert json.loads(response.content)["reason"] == reason


async def test_a_wait_is_told_in_whole_seconds() -> None:
    response = await Edge(Answer(503, "unavailable", retry_after=30.4)).post()

    assert (response.status_code, response.headers["retry-after"]) == (503, "30")


async def test_a_literal_body_is_told_as_it_is() -> None:
    response = await Edge(Answer(200, "handshake", body="")).post()

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("error", "status"),
    [(SignatureMismatch("no"), 401), (UnknownStore("no"), 404), (RequestError("no"), 400)],
)
async def test_a_refused_request_is_told_with_its_status(error: RequestError, status: int) -> None:
    assert (await Edge(error).post()).status_code == status


async def test_who_is_not_proven_learns_nothing_of_how() -> None:
    response = await Edge(SignatureMismatch("matches none of 2 secrets")).post()

    assert response.status_code == 401
    assert "2" not in response.text


async def test_no_exception_reaches_the_client() -> None:
    response = await Edge(RuntimeError("ana@example.com at line 3")).post()

    assert response.status_code == 503
    assert "ana" not in response.text
    assert "Traceback" not in response.text


async def test_a_body_that_is_announced_too_large_is_not_read() -> None:
    edge = Edge(Answer(200, "delivered"))

    response = await edge.post(b"x" * 1025)

    assert response.status_code == 413
    assert edge.seen == []


async def test_a_body_that_turns_out_too_large_is_not_read_to_its_end() -> None:
    edge = Edge(Answer(200, "delivered"))
    sent = []

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            sent.append(512)
            yield b"x" * 512

    response = await edge.post(chunks())

    assert response.status_code == 413
    assert edge.seen == []


async def test_a_body_that_comes_in_parts_is_put_together() -> None:
    edge = Edge(Answer(200, "delivered"))

    async def parts() -> AsyncIterator[bytes]:
        for part in (b'{"a": ', b"", b"1}"):
            yield part

    await edge.post(parts())

    assert edge.seen[0].body == b'{"a": 1}'


async def asked(
    edge: Edge, messages: list[dict[str, object]], query: bytes = b""
) -> list[dict[str, object]]:
    """What is sent when a server hands on these *messages*, and then nothing for ever."""
    app = Starlette(
        routes=[
            Route(
                "/webhooks/{store}",
                Endpoint(edge.process, lambda: 0.0, limit=9, patience=0.01),
                methods=["POST"],
            )
        ]
    )
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/shop",
        "headers": [],
        "query_string": query,
        "root_path": "",
    }
    await app(scope, receive, send)  # type: ignore[arg-type]
    return sent


async def test_who_leaves_before_the_body_is_there_has_sent_nothing() -> None:
    edge = Edge(Answer(200, "delivered"))
    part = {"type": "http.request", "body": b"{", "more_body": True}

    sent = await asked(edge, [part, {"type": "http.disconnect"}])

    assert sent[0]["status"] == 400
    assert edge.seen == []


async def test_of_a_query_every_name_is_read_and_the_text_is_kept_as_it_came() -> None:
    edge = Edge(Answer(200, "delivered"))
    query = b"topic=order%2Fpaid&empty=&twice=1&twice=2&name=Ana+%C3%A1"

    await asked(edge, [{"type": "http.request", "body": b"{}"}], query)

    seen = edge.seen[0]
    assert seen.query == {"topic": "order/paid", "empty": "", "twice": "2", "name": "Ana \xe1"}
    assert seen.raw_query == query.decode()


async def test_a_body_that_never_ends_is_given_up() -> None:
    edge = Edge(Answer(200, "delivered"))

    sent = await asked(edge, [{"type": "http.request", "body": b"{", "more_body": True}])

    assert sent[0]["status"] == 408
    assert edge.seen == []


async def test_a_body_that_never_begins_is_given_up() -> None:
    edge = Edge(Answer(200, "delivered"))

    sent = await asked(edge, [])

    assert sent[0]["status"] == 408
    assert edge.seen == []
