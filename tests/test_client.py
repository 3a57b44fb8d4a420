"""What the real client makes of real connections: above all, whether a request can have been sent."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from bridge.client import new_client
from bridge.destinations.endpoint import Call
from bridge.forward import request
from bridge.types import Reply, Verdict

pytestmark = pytest.mark.anyio

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server on loopback that does with each connection as it is told, and then closes it."""
    tasks: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await handler(reader, writer)
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.append(asyncio.get_running_loop().create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/orders"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


async def read(reader: asyncio.StreamReader) -> bytes:
    """One whole request, of which the body is ``{}``."""
    return await reader.readuntil(b"\r\n\r\n{}")


async def post(url: str, *, timeout: float = 5.0) -> Reply | Verdict:
    async with new_client() as client:
        return await request(client, Call("POST", url, {}, b"{}"), timeout=timeout)


def answering(*parts: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read(reader)
        for part in parts:
            writer.write(part)
        await writer.drain()

    return handler


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def test_an_answer_is_read() -> None:
    async with serving(answering(whole(b'{"ok":true}', b"X-Asked: 7"))) as url:
        reply = await post(url)

    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.headers["x-asked"]) == (200, b'{"ok":true}', "7")


async def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(b'{"ok":true}')
    async with serving(answering(whole(packed, b"content-encoding: gzip"))) as url:
        reply = await post(url)

    assert isinstance(reply, Reply)
    assert reply.body == b'{"ok":true}'


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    moved = whole(b"", b"location: http://127.0.0.1:9/", status=b"307 Temporary Redirect")
    async with serving(answering(moved)) as url:
        reply = await post(url)

    assert isinstance(reply, Reply)
    assert reply.status == 307


async def test_what_is_asked_is_what_is_sent() -> None:
    seen = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await read(reader)).decode())
        writer.write(whole(b"{}"))

    async with serving(handler) as url, new_client() as client:
        call = Call("POST", f"{url}?a=b%2Fc", {"content-type": "application/json"}, b"{}")
        await request(client, call, timeout=5.0)

    head, _, body = seen[0].partition("\r\n\r\n")
    first, *headers = head.lower().split("\r\n")
    assert first == "post /orders?a=b%2fc http/1.1"
    assert body == "{}"
    assert "content-type: application/json" in headers
    assert "content-length: 2" in headers
    assert any(one.startswith("user-agent: webhook-bridge/") for one in headers)
    assert len(headers) == len({one.partition(":")[0] for one in headers})


async def test_only_what_can_be_unpacked_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What aiohttp would ask for depends on what is installed; who unpacks is httpx."""
    seen = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read(reader))
        writer.write(whole(b"{}"))

    usual = {"Accept-Encoding": "gzip, zstd"}
    monkeypatch.setattr(aiohttp.ClientRequest, "DEFAULT_HEADERS", usual)
    async with serving(handler) as url:
        await post(url)

    lines = seen[0].lower().split(b"\r\n")
    assert [one for one in lines if b"encoding" in one] == [b"accept-encoding: gzip, deflate"]


async def test_an_answer_of_any_length_up_to_the_bound_is_read() -> None:
    longest, longer = 1_048_576 * b"x", 1_048_577 * b"x"
    packed = whole(gzip.compress(longer), b"content-encoding: gzip")

    async with serving(answering(whole(longest))) as url:
        reply = await post(url)
    assert isinstance(reply, Reply)
    assert reply.body == longest

    for answer in (whole(longer), packed):
        async with serving(answering(answer)) as url:
            assert await post(url) == Verdict("unsure", "the answer is longer than 1 MiB")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"Hal',
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + 100_000 * b"y" + b"\r\n\r\n",
    ],
    ids=[
        "closed",
        "half a head",
        "half a body",
        "bad chunk",
        "not packed",
        "ssh",
        "status",
        "long",
    ],
)
async def test_a_broken_answer_may_have_been_accepted(answer: bytes) -> None:
    async with serving(answering(answer)) as url:
        verdict = await post(url)

    assert isinstance(verdict, Verdict)
    assert verdict.kind == "unsure"


async def test_a_reset_connection_may_have_been_accepted() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read(reader)
        own: socket.socket = writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with serving(handler) as url:
        verdict = await post(url)

    assert isinstance(verdict, Verdict)
    assert verdict.kind == "unsure"


async def test_silence_may_be_an_acceptance() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read(reader)
        await asyncio.Event().wait()

    async with serving(handler) as url:
        verdict = await post(url, timeout=0.05)

    assert verdict == Verdict("unsure", "no answer within 0.05 s")


async def test_where_nobody_listens_nothing_was_accepted() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        verdict = await post(f"http://127.0.0.1:{taken.getsockname()[1]}/")

    assert isinstance(verdict, Verdict)
    assert verdict.kind == "transient"


async def test_without_a_secure_connection_nothing_was_accepted() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(b"{}"))

    async with serving(handler) as url:
        verdict = await post(url.replace("http:", "https:"))

    assert isinstance(verdict, Verdict)
    assert verdict.kind == "transient"


async def test_what_is_no_address_is_told() -> None:
    verdict = await post("ftp://127.0.0.1/orders")

    assert isinstance(verdict, Verdict)
    assert verdict.kind == "refused"


async def test_a_connection_serves_again() -> None:
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            await read(reader)
            writer.write(whole(b"{}", b"set-cookie: a=b"))

    async with serving(handler) as url, new_client() as client:
        for _ in range(2):
            reply = await request(client, Call("POST", url, {}, b"{}"), timeout=5.0)
            assert isinstance(reply, Reply)

    assert connections == 1


async def test_cookies_are_not_shared_between_accounts() -> None:
    seen = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            seen.append(await read(reader))
            writer.write(whole(b"{}", b"set-cookie: whose=first"))

    async with serving(handler) as url, new_client() as client:
        for _ in range(2):
            await request(client, Call("POST", url, {}, b"{}"), timeout=5.0)

    assert len(seen) == 2
    assert not any(b"cookie" in one.lower() for one in seen)


async def test_more_at_once_than_any_pool_would_hold() -> None:
    """How many are open at once is decided at the gates, not here."""
    many, present, everybody = 150, 0, asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal present
        await read(reader)
        present += 1
        if present == many:
            everybody.set()
        await everybody.wait()
        writer.write(whole(b"{}"))

    async with serving(handler) as url, new_client() as client:
        call = Call("POST", url, {}, b"{}")
        replies = await asyncio.gather(*(request(client, call, timeout=10.0) for _ in range(many)))

    assert all(isinstance(one, Reply) for one in replies)


async def test_a_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read(reader))
        writer.write(whole(b"{}"))

    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with serving(proxy) as url:
        monkeypatch.setenv("http_proxy", url.removesuffix("/orders"))
        assert isinstance(await post("http://destination.example/orders"), Reply)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert isinstance(await post(url), Reply)

    first, second = (one.partition(b"\r\n")[0] for one in seen)
    assert first == b"POST http://destination.example/orders HTTP/1.1"
    assert second == b"POST /orders HTTP/1.1"


async def test_the_environment_is_read_for_a_host_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read(reader)
            writer.write(whole(b"{}"))

    call = Call("POST", "http://destination.example/orders", {}, b"{}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with serving(proxy) as url:
        monkeypatch.setenv("http_proxy", url.removesuffix("/orders"))
        async with new_client() as client:
            assert isinstance(await request(client, call, timeout=5.0), Reply)
            monkeypatch.setenv("no_proxy", "destination.example")
            assert isinstance(await request(client, call, timeout=5.0), Reply)


async def test_a_client_that_is_closed_has_let_go_of_everything() -> None:
    async with serving(answering(whole(b"{}"))) as url:
        client, call = new_client(), Call("POST", url, {}, b"{}")
        assert isinstance(await request(client, call, timeout=5.0), Reply)
        await client.aclose()

        with pytest.raises(RuntimeError):
            await request(client, call, timeout=5.0)
