"""
Fetch from the store what its webhook leaves out.

The host comes from the mapping file or a setting, never from a webhook, and redirects are not
followed.  What a fetch answered is kept for `keep` seconds where the file says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from bridge import exact
from bridge.causes import http
from bridge.client import read
from bridge.errors import FetchFailed
from bridge.kinds import Refused
from bridge.mapping.source import Fetch
from bridge.mapping.template import failing
from bridge.mapping.write import Scope
from bridge.retry_after import retry_after

_LONGEST_ANSWER = 8 * 1_048_576
_NOTHING = (204, 404)
_TRANSIENT = frozenset({408, 423, 425, 429})
#: Attempts for what the store's API does not have.  A webhook can come before its API knows the
#: order, by seconds; an order that was deleted is not waited for any longer.  An assumption: no
#: platform gives a figure.
_FEW = 5


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its templates filled.  A token can stand anywhere in it; its repr shows none."""

    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    content: bytes | None = field(repr=False)


#: Store, name of the fetch, and what was sent: another id in the body is another answer.
Key = tuple[str, str, Request]


@dataclass(slots=True)
class Kept:
    """What was fetched and may be used again; its repr shows nothing of it."""

    clock: Callable[[], float]
    _answers: dict[Key, tuple[float, Any]] = field(default_factory=dict, repr=False)

    def get(self, key: Key) -> Any:
        """Give an answer that is fresh enough, or None."""
        until, answer = self._answers.get(key, (0.0, None))
        return answer if self.clock() < until else None

    def put(self, key: Key, answer: Any, seconds: float) -> None:
        """Keep an answer; those that are too old go."""
        now = self.clock()
        self._answers = {one: kept for one, kept in self._answers.items() if kept[0] > now}
        self._answers[key] = (now + seconds, answer)

    def drop(self, keys: Iterable[Key]) -> None:
        """Forget answers that turned out to be good no longer."""
        for key in keys:
            self._answers.pop(key, None)


@dataclass(slots=True)
class Pace:
    """When the API of each store may be called again: evenly, and never made up for."""

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    _next: dict[str, float] = field(default_factory=dict)

    async def turn(self, store: str, per_second: float | None) -> None:
        """Wait until it is this call's turn."""
        if not per_second:
            return
        now = self.clock()
        at = max(now, self._next.get(store, now))
        self._next[store] = at + 1 / per_second
        if at > now:
            await self.sleep(at - now)


@dataclass(frozen=True, slots=True)
class Api:
    """The API of one store, and how it is called."""

    client: httpx.AsyncClient
    store: str
    kept: Kept
    turn: Callable[[], Awaitable[None]]  #: waits until the next call may be made
    timeout: float  #: seconds for each call, its answer included


class _Denied(FetchFailed):
    """The API does not take the token that it was sent."""


async def fetch_all(api: Api, fetches: tuple[Fetch, ...], scope: Scope) -> dict[str, Any]:
    """
    Do the fetches of one webhook, in their order.

    A token that was kept may have ended before its time: it is fetched anew, once.

    Args:
        scope: What their templates see; each answer is added for the next.

    Returns:
        The answers by the name of their fetch; an optional one that found nothing is absent.

    Raises:
        FetchFailed: With the store's status and whether later may be better; never with what
            it answered.
    """
    used: set[Key] = set()
    try:
        return await _fetch_each(api, fetches, scope, used)
    except _Denied:
        if not used:
            raise
    api.kept.drop(used)
    return await _fetch_each(api, fetches, scope, set())


async def _fetch_each(
    api: Api, fetches: tuple[Fetch, ...], scope: Scope, used: set[Key]
) -> dict[str, Any]:
    """Do the fetches; what was not fetched but kept is added to *used*."""
    resources: dict[str, Any] = {}
    for fetch in fetches:
        seen = {**scope, "resource": resources}
        if failing(fetch.when, seen, fetch.name, []):
            continue
        answer = await _fetch(api, fetch, seen, used)
        if answer is not None:
            resources[fetch.name] = answer
    return resources


async def _fetch(api: Api, fetch: Fetch, scope: Scope, used: set[Key]) -> Any:
    call = _request(fetch, scope)
    if call is None:
        return None
    key = (api.store, fetch.name, call)
    if fetch.keep and (answer := api.kept.get(key)) is not None:
        used.add(key)
        return answer
    answer = await _pages(api, fetch, call)
    if fetch.keep and answer is not None:
        api.kept.put(key, answer, fetch.keep)
    return answer


def _request(fetch: Fetch, scope: Scope) -> Request | None:
    """Fill the templates; an optional fetch with nothing in its address is left out."""
    try:
        url = fetch.url.fill(scope)
        headers = {name: text.fill(scope) for name, text in fetch.headers}
        body = fetch.body(scope) if fetch.body else None
    except Refused as refused:
        raise _failed(fetch, str(refused), refused.code) from None
    if url is None and fetch.optional:
        return None
    empty = [name for name, value in headers.items() if value is None]
    if url is None or empty:
        where = f"header '{empty[0]}'" if empty else "its address"
        raise _failed(fetch, f"nothing was found for {where}", "missing")
    filled = {name: value for name, value in headers.items() if value is not None}
    if body is None:
        sent = {"accept": "application/json", **filled}
        return Request(url, tuple(sent.items()), None)
    kind = "application/x-www-form-urlencoded" if fetch.form else "application/json"
    sent = {"accept": "application/json", "content-type": kind, **filled}
    return Request(url, tuple(sent.items()), _content(fetch, body))


def _content(fetch: Fetch, body: Any) -> bytes:
    try:
        return str(httpx.QueryParams(body)).encode() if fetch.form else exact.write(body)
    except UnicodeEncodeError:
        told = "found text with half a surrogate pair, wanted Unicode"
        raise _failed(fetch, told, "not_unicode") from None


async def _pages(api: Api, fetch: Fetch, call: Request) -> Any:
    """Make one call, or as many as the list has pages; an optional one may find nothing."""
    found = await _call(api, fetch, call, call.url, may_be_nothing=fetch.optional)
    if fetch.pages is None or found is None:
        return found
    page = _list(fetch, found)
    everything, number = list(page), 1
    joint = "&" if "?" in call.url else "?"
    while len(page) >= fetch.pages.size:
        number += 1
        if number > fetch.pages.most:
            raise _failed(fetch, f"there are more than {fetch.pages.most} pages", "too_long")
        url = f"{call.url}{joint}{fetch.pages.query}={number}"
        # Behind the last page some platforms answer an empty list, some 204 and some 404.
        page = _list(fetch, await _call(api, fetch, call, url, may_be_nothing=True) or [])
        everything += page
    return everything


def _list(fetch: Fetch, found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise _failed(fetch, "the answer is no list, and `pages` wants one", "wrong_kind")
    return found


async def _call(api: Api, fetch: Fetch, call: Request, url: str, *, may_be_nothing: bool) -> Any:
    await api.turn()
    try:
        # The client's own timeouts begin anew with every byte that comes.
        async with (
            asyncio.timeout(api.timeout),
            api.client.stream(
                fetch.method,
                url,
                headers=call.headers,
                content=call.content,
                timeout=api.timeout,
                follow_redirects=False,
            ) as response,
        ):
            if response.status_code in _NOTHING and may_be_nothing:
                return None
            if not 200 <= response.status_code < 300:
                raise _denied(fetch, response)
            content = await read(response, _LONGEST_ANSWER)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise _failed(fetch, "its address is none", "no_address") from None
    except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
        raise _failed(fetch, type(error).__name__, "no_answer", transient=True) from None
    if content is None:
        raise _failed(fetch, "the answer is longer than 8 MiB", "too_long")
    try:
        return exact.read(content)
    except (ValueError, ArithmeticError, RecursionError, Refused):
        raise _failed(fetch, "the answer is no JSON", "not_json", transient=True) from None


def _failed(fetch: Fetch, told: str, code: str, *, transient: bool = False) -> FetchFailed:
    told = f"fetch '{fetch.name}': {told}"
    return FetchFailed(told, transient=transient, code=code, field=fetch.name)


def _denied(fetch: Fetch, response: httpx.Response) -> FetchFailed:
    """Say what a status other than 2xx means, and what to do about it."""
    status = response.status_code
    told = f"fetch '{fetch.name}': the store answered {status}"
    code = "redirected" if status < 400 else http(status)
    failed = partial(FetchFailed, code=code, field=fetch.name)
    if status >= 500 or status in _TRANSIENT:
        wait = retry_after(response.headers)
        return failed(told, transient=True, retry_after=wait)
    match status:
        case 401 | 403:
            names = " or ".join(f"'{one}'" for one in fetch.secrets)
            tokens = f"look at {names} in the store's `tokens`" if names else "no token was sent"
            told = f"{told}: {tokens} (connections.toml)"
            return _Denied(told, transient=False, code=code, field=fetch.name)
        case 404:
            hint = "there is nothing of that id, or not yet"
            return failed(f"{told}: {hint}", transient=True, few=_FEW)
        case 400 | 410 | 422:
            return failed(f"{told}: the id may be none of this shop's", transient=False)
    redirected = ": redirects are not followed, so look at the address" if status < 400 else ""
    return failed(f"{told}{redirected}", transient=False)
