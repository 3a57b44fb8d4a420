"""
Keep the public keys of platforms that sign with a private one.

The host that has the keys is configured, and never taken from a webhook: whoever names the host
names the signer.  A path on it may come from a webhook, so few are fetched at once and few kept.

Source: https://www.rfc-editor.org/rfc/rfc7517#section-5 (JWK Set), RFC 7468 (PEM)
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from bridge.client import read
from bridge.errors import FetchFailed
from bridge.verify import Key

Keys = tuple[Key, ...]

#: Seconds between two fetches from one address, however many signatures fail meanwhile.
PAUSE = 60.0
#: Seconds until the next try while there is no key at all, and every webhook waits for one.
PAUSE_WITHOUT_KEYS = 5.0
#: Seconds after which keys are fetched again unasked, so that a withdrawn one ends.
LIFETIME = 86_400.0
#: Bytes of an answer; a set of keys has about one thousand.
LIMIT = 65_536
#: Addresses of one host that are remembered; a platform has a handful of keys.
MOST_HELD = 64
#: Fetches from one host at the same moment: a flood of webhooks must not become one at the platform.
MOST_FLIGHTS = 4


_PEM = b"-----BEGIN "


class _NotKeys(Exception):
    """What was answered is no set of keys."""


@dataclass(slots=True)
class _Held:
    """What is known of one address.  Times are those of the source's clock."""

    keys: Keys = ()
    fetched: float = -math.inf
    tried: float = -math.inf
    failure: str = ""
    flight: asyncio.Task[None] | None = None


class KeySource:
    """
    Fetches sets of keys and remembers them.

    Args:
        client: What to fetch with.
        clock: Seconds that only grow, such as `time.monotonic`.
        timeout: Seconds that one fetch may take altogether.
    """

    def __init__(
        self, client: httpx.AsyncClient, *, clock: Callable[[], float], timeout: float = 5.0
    ) -> None:
        self._client = client
        self._clock = clock
        self._timeout = timeout
        self._held: dict[str, _Held] = {}

    async def keys(self, url: str) -> Keys:
        """
        Give the keys at *url*, as a rule without fetching them.

        Raises:
            FetchFailed: There are none, and they cannot be fetched now.
        """
        held = self._held.get(url)
        if held and held.keys and self._clock() - held.fetched < LIFETIME:
            return held.keys
        return await self.refresh(url)

    async def refresh(self, url: str) -> Keys:
        """
        Fetch the keys at *url* again: a signature did not fit those that are known.

        At most once in `PAUSE`; otherwise, and when the fetch fails, the known ones are given.
        Callers that come while a fetch is under way get its result.

        Raises:
            FetchFailed: There are none, and they cannot be fetched now.
        """
        _check_address(url)
        held = self._hold(url)
        pause = PAUSE if held.keys else PAUSE_WITHOUT_KEYS
        if held.flight is None and held.tried + pause <= self._clock():
            if self._flying(url) >= MOST_FLIGHTS:
                return self._known(held, url, "too many fetches are out already")
            held.flight = asyncio.create_task(self._fetch(held, url))
        if held.flight:
            # Shielded: a webhook whose time is up must not end the fetch for the others.
            await asyncio.shield(held.flight)
        return self._known(held, url, held.failure)

    def _known(self, held: _Held, url: str, failure: str) -> Keys:
        if held.keys:
            return held.keys
        left = held.tried + PAUSE_WITHOUT_KEYS - self._clock()
        raise FetchFailed(
            f"the keys at {_public(url)} were not fetched: {failure}",
            transient=True,
            retry_after=max(left, 0.0),
        )

    def _hold(self, url: str) -> _Held:
        """
        Give what is known of *url*.

        What has no keys and was asked for longest ago makes room: whoever invents addresses
        pushes out no key.
        """
        held = self._held.pop(url, None) or _Held()
        same = [one for one in self._held if _host(one) == _host(url)]
        idle = [one for one in same if self._held[one].flight is None]
        room = MOST_HELD - len(same)
        for one in sorted(idle, key=lambda one: bool(self._held[one].keys))[: max(1 - room, 0)]:
            del self._held[one]
        self._held[url] = held
        return held

    def _flying(self, url: str) -> int:
        return sum(
            held.flight is not None and _host(one) == _host(url) for one, held in self._held.items()
        )

    async def _fetch(self, held: _Held, url: str) -> None:
        """Fetch into *held*; what goes wrong is kept there too, for whoever still waits."""
        try:
            async with asyncio.timeout(self._timeout):
                held.keys = _read(await self._get(url))
            held.fetched = self._clock()
        except _NotKeys as error:
            held.failure = str(error)
        except (httpx.HTTPError, TimeoutError) as error:
            held.failure = type(error).__name__
        finally:
            held.tried = self._clock()
            held.flight = None

    async def _get(self, url: str) -> bytes:
        # Not compressed: a few bytes could unpack to more than the limit at once.
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        async with self._client.stream(
            "GET", url, headers=headers, follow_redirects=False, timeout=self._timeout
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise _NotKeys(f"status {response.status_code}, wanted 200")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise _NotKeys("the answer is compressed, which was not asked for")
            body = await read(response, LIMIT)
        if body is None:
            raise _NotKeys(f"the answer is longer than {LIMIT} bytes")
        return body


def _read(body: bytes) -> Keys:
    """Read a set of JWKs, or one key in PEM."""
    if body.lstrip().startswith(_PEM):
        return (body.decode("latin-1"),)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise _NotKeys("the answer is not JSON and no PEM") from None
    found = document.get("keys") if isinstance(document, dict) else None
    keys = tuple(key for key in found if isinstance(key, dict)) if isinstance(found, list) else ()
    if not keys:
        raise _NotKeys('the answer holds no keys, wanted {"keys": [...]}')
    return keys


def _check_address(url: str) -> None:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    safe = address.scheme == "https" or (address.scheme == "http" and _is_loopback(address.host))
    if not safe or not address.host:
        raise FetchFailed(
            f"keys are fetched over https, or over http from this machine: not from {_public(url)}",
            transient=False,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host(url: str) -> str:
    return httpx.URL(url).netloc.decode()


def _public(url: str) -> str:
    """Give the address without what may be secret in it."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        return "an address that is none"
    return f"{address.scheme}://{address.host}{address.path}"
