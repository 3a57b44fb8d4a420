"""
The client of all outgoing requests: httpx's, carried by aiohttp.

httpx's own transport takes five times the processor time for each request.  The ready-made
bridge between the two, httpx-aiohttp 0.2, reports a connection that broke as one that was never
made, lets errors about malformed answers through, and writes addresses anew, so this is ours.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from bridge import __version__

#: Seconds that an idle connection is kept: less than servers do, so that none is found closed.
_KEPT = 5.0
#: What goes with every request.  aiohttp by itself asks for packings that httpx cannot unpack.
_HEADERS = {"user-agent": f"webhook-bridge/{__version__}", "accept-encoding": "gzip, deflate"}


def new_client() -> httpx.AsyncClient:
    """
    Make the client: no redirects, no cookies, which accounts would share, any number at once.

    Proxies are those of the environment (``HTTPS_PROXY``, ``NO_PROXY``).  `httpx.ConnectError`
    and `httpx.ConnectTimeout` mean that nothing was sent; after any other error but
    `httpx.UnsupportedProtocol` it may have been.
    """
    return _Client(transport=Transport(), headers=_HEADERS)


async def read(response: httpx.Response, most: int) -> bytes | None:
    """
    Read the body of an answer, unpacked, and let go of its connection.

    Args:
        response: As it came: nothing of its body has been read.
        most: Bytes; what is beyond is not read.

    Returns:
        The body, or None where it is longer.
    """
    body, plain = b"", _plain(response)
    try:
        async for chunk in aiter(plain) if plain else response.aiter_bytes():
            body += chunk
            if len(body) > most:
                return None
    finally:
        await (plain or response).aclose()
    return body


def _plain(response: httpx.Response) -> httpx.AsyncByteStream | None:
    """Give what is not packed and need not go through httpx, where it takes several generators."""
    packed, stream = "content-encoding" in response.headers, response.stream
    return stream if not packed and isinstance(stream, httpx.AsyncByteStream) else None


class _Client(httpx.AsyncClient):
    """httpx's client that sends what it is given, once, and keeps nothing of the answer."""

    async def send(
        self, request: httpx.Request, *, stream: bool = False, **_: Any
    ) -> httpx.Response:
        """
        Send a request as it is: without redirects, cookies, authentication and hooks.

        httpx would take more time for looking whether there are any than for all the rest.
        """
        response = await self._transport.handle_async_request(request)
        if not stream:
            async with contextlib.aclosing(response):
                await response.aread()
        return response


class Transport(httpx.AsyncBaseTransport):
    """
    Sends what httpx has prepared.

    Source: https://www.python-httpx.org/advanced/transports/#custom-transports
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        # Read once: aiohttp would look into the environment and for a file with every request.
        self._proxies = getproxies()
        self._needs_none = lru_cache(maxsize=256)(proxy_bypass)
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and give its answer, of which only the head has come."""
        if self._closed:
            raise RuntimeError("the client is closed")
        if self._session is None:
            self._session = _new_session()
        limits = request.extensions.get("timeout", {})
        try:
            answer = await self._session.request(
                request.method,
                # As it is: what is quoted in it is quoted for a reason.
                URL(str(request.url), encoded=True),
                headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
                data=await _content(request) or None,
                allow_redirects=False,
                proxy=self._proxy(request.url),
                timeout=aiohttp.ClientTimeout(
                    connect=limits.get("connect"), sock_read=limits.get("read")
                ),
            )
        except _FAILURES as error:
            raise _as_httpx(error) from error
        return httpx.Response(
            answer.status, headers=answer.raw_headers, stream=_Body(answer), request=request
        )

    def _proxy(self, url: httpx.URL) -> str | None:
        if not self._proxies or self._needs_none(url.host):
            return None
        return self._proxies.get(url.scheme) or self._proxies.get("all")

    async def aclose(self) -> None:
        """Close every connection; nothing can be sent any more."""
        self._closed = True
        if self._session is not None:
            await self._session.close()


async def _content(request: httpx.Request) -> bytes:
    # Where it is there already, it need not be waited for.
    if isinstance(request.stream, httpx.SyncByteStream):
        return b"".join(request.stream)
    return await request.aread()


def _new_session() -> aiohttp.ClientSession:
    # How many are open at once is decided at the gates.
    connector = aiohttp.TCPConnector(
        limit=0, keepalive_timeout=_KEPT, ssl=httpx.create_ssl_context()
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers=_HEADERS,
    )


class _Body(httpx.AsyncByteStream):
    """What follows the head of an answer, as it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        content = self._answer.content
        if content.at_eof() and content.exception() is None:
            raise StopAsyncIteration
        try:
            chunk = await content.readany()
        except _FAILURES as error:
            raise _as_httpx(error) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        # A connection whose answer was not read to the end is of no use any more.
        if self._answer.content.at_eof():
            self._answer.release()
        else:
            self._answer.close()


#: What aiohttp raises; a malformed answer can come as the error of its parser.
_FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError)


def _as_httpx(error: Exception) -> httpx.TransportError:
    """Say with an error of httpx's what one of aiohttp's means."""
    name = type(error).__name__
    match error:
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return httpx.UnsupportedProtocol(name)
        case aiohttp.ClientConnectorError():
            return httpx.ConnectError(name)
        case aiohttp.ConnectionTimeoutError():
            return httpx.ConnectTimeout(name)
        case aiohttp.ServerTimeoutError():
            return httpx.ReadTimeout(name)
    return httpx.RemoteProtocolError(name)
