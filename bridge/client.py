"""
The client of all outgoing requests: httpx's, carried by aiohttp.

httpx's own transport takes five times the processor time for each request.  The ready-made
bridge between the two, httpx-aiohttp 0.2, reports a connection that broke as one that was never
made, lets errors about malformed answers through, and writes addresses anew, so this is ours.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from bridge import __version__

#: Seconds that an idle connection is kept: less than servers do, so that none is found closed.
_KEPT = 5.0


def new_client() -> httpx.AsyncClient:
    """
    Make the client: no redirects, no cookies, which accounts would share, any number at once.

    Proxies are those of the environment (``HTTPS_PROXY``, ``NO_PROXY``).  `httpx.ConnectError`
    and `httpx.ConnectTimeout` mean that nothing was sent; after any other error but
    `httpx.UnsupportedProtocol` it may have been.
    """
    return httpx.AsyncClient(
        transport=Transport(),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": f"webhook-bridge/{__version__}"},
        follow_redirects=False,
    )


class Transport(httpx.AsyncBaseTransport):
    """
    Sends what httpx has prepared.

    Source: https://www.python-httpx.org/advanced/transports/#custom-transports
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        # Read once: aiohttp would look into the environment and for a file with every request.
        self._proxies = getproxies()
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and give its answer, of which only the head has come."""
        if self._closed:
            raise RuntimeError("the client is closed")
        if self._session is None:
            self._session = _new_session()
        limits = request.extensions.get("timeout", {})
        with _as_httpx():
            answer = await self._session.request(
                request.method,
                # As it is: what is quoted in it is quoted for a reason.
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                data=await request.aread() or None,
                allow_redirects=False,
                proxy=self._proxy(request.url),
                timeout=aiohttp.ClientTimeout(
                    connect=limits.get("connect"), sock_read=limits.get("read")
                ),
            )
        return httpx.Response(
            answer.status, headers=answer.raw_headers, stream=_Body(answer), request=request
        )

    def _proxy(self, url: httpx.URL) -> str | None:
        if not self._proxies or proxy_bypass(url.host):
            return None
        return self._proxies.get(url.scheme) or self._proxies.get("all")

    async def aclose(self) -> None:
        """Close every connection; nothing can be sent any more."""
        self._closed = True
        if self._session is not None:
            await self._session.close()


def _new_session() -> aiohttp.ClientSession:
    # How many are open at once is decided at the gates.
    connector = aiohttp.TCPConnector(
        limit=0, keepalive_timeout=_KEPT, ssl=httpx.create_ssl_context()
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


class _Body(httpx.AsyncByteStream):
    """What follows the head of an answer, as it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for chunk in self._answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        # A connection whose answer was not read to the end is of no use any more.
        if self._answer.content.at_eof():
            self._answer.release()
        else:
            self._answer.close()


@contextlib.contextmanager
def _as_httpx() -> Iterator[None]:
    """Say with httpx's errors what aiohttp's mean."""
    try:
        yield
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise httpx.UnsupportedProtocol(type(error).__name__) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(type(error).__name__) from error
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout(type(error).__name__) from error
    except aiohttp.ServerTimeoutError as error:
        raise httpx.ReadTimeout(type(error).__name__) from error
    except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
        raise httpx.RemoteProtocolError(type(error).__name__) from error
