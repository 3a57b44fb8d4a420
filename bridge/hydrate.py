"""
Fetch from the store what its webhook leaves out.

The host comes from the mapping file or a setting, never from a webhook, and redirects are not
followed.  What a fetch answered is kept for `keep` seconds where the file says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import simplejson

from bridge.errors import FetchFailed
from bridge.kinds import Refused
from bridge.mapping.compile import Scope
from bridge.mapping.source import Fetch
from bridge.mapping.template import failing

_LONGEST_ANSWER = 8 * 1_048_576
_NOTHING = (204, 404)
_TRANSIENT = frozenset({408, 423, 425, 429})


@dataclass(slots=True)
class Kept:
    """What was fetched and may be used again."""

    clock: Callable[[], float]
    _answers: dict[tuple[str, str, str], tuple[float, Any]] = field(default_factory=dict)

    def get(self, key: tuple[str, str, str]) -> Any:
        """Give an answer that is fresh enough, or None."""
        until, answer = self._answers.get(key, (0.0, None))
        return answer if self.clock() < until else None

    def put(self, key: tuple[str, str, str], answer: Any, seconds: float) -> None:
        """Keep an answer; those that are too old go."""
        now = self.clock()
        self._answers = {one: kept for one, kept in self._answers.items() if kept[0] > now}
        self._answers[key] = (now + seconds, answer)


async def fetch_all(
    client: httpx.AsyncClient,
    store: str,
    fetches: tuple[Fetch, ...],
    scope: Scope,
    kept: Kept,
    *,
    timeout: float,
) -> dict[str, Any]:
    """
    Do the fetches of one webhook, in their order.

    Args:
        scope: What their templates see; each answer is added for the next.
        timeout: Seconds for each call.

    Returns:
        The answers by the name of their fetch; an optional one that found nothing is absent.

    Raises:
        FetchFailed: With the store's status and whether later may be better; never with what
            it answered.
    """
    resources: dict[str, Any] = {}
    for fetch in fetches:
        seen = {**scope, "resource": resources}
        if failing(fetch.when, seen, fetch.name, []):
            continue
        answer = await _fetch(client, store, fetch, seen, kept, timeout)
        if answer is not None:
            resources[fetch.name] = answer
    return resources


async def _fetch(
    client: httpx.AsyncClient, store: str, fetch: Fetch, scope: Scope, kept: Kept, timeout: float
) -> Any:
    url, headers, content = _request(fetch, scope)
    if url is None:
        return None
    key = (store, fetch.name, url)
    if fetch.keep and (answer := kept.get(key)) is not None:
        return answer
    answer = await _call(client, fetch, url, headers, content, timeout)
    if fetch.keep and answer is not None:
        kept.put(key, answer, fetch.keep)
    return answer


def _request(fetch: Fetch, scope: Scope) -> tuple[str | None, dict[str, str], bytes | None]:
    """Fill the templates; an optional fetch with nothing in its address is left out."""
    try:
        url = fetch.url.fill(scope)
        headers = {name: text.fill(scope) for name, text in fetch.headers}
        body = fetch.body(scope) if fetch.body else None
    except Refused as refused:
        raise FetchFailed(f"fetch '{fetch.name}': {refused}", transient=False) from None
    if url is None and fetch.optional:
        return None, {}, None
    empty = [name for name, value in headers.items() if value is None]
    if url is None or empty:
        where = f"header '{empty[0]}'" if empty else "its address"
        raise FetchFailed(f"fetch '{fetch.name}': nothing was found for {where}", transient=False)
    filled = {name: value for name, value in headers.items() if value is not None}
    if body is None:
        return url, {"accept": "application/json", **filled}, None
    if fetch.form:
        content = str(httpx.QueryParams(body)).encode()
        kind = "application/x-www-form-urlencoded"
    else:
        content, kind = simplejson.dumps(body, use_decimal=True).encode(), "application/json"
    return url, {"accept": "application/json", "content-type": kind, **filled}, content


async def _call(
    client: httpx.AsyncClient,
    fetch: Fetch,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    timeout: float,
) -> Any:
    name = f"fetch '{fetch.name}'"
    try:
        response = await client.request(
            fetch.method, url, headers=dict(headers), content=content, timeout=timeout
        )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise FetchFailed(f"{name}: its address is none", transient=False) from None
    except httpx.HTTPError as error:
        raise FetchFailed(f"{name}: {type(error).__name__}", transient=True) from None
    status = response.status_code
    if status in _NOTHING and fetch.optional:
        return None
    if status >= 500 or status in _TRANSIENT:
        raise FetchFailed(
            f"{name}: the store answered {status}", transient=True, retry_after=_wait(response)
        )
    if not 200 <= status < 300:
        hint = " (look at the store's token)" if status in (401, 403) else ""
        raise FetchFailed(f"{name}: the store answered {status}{hint}", transient=False)
    if len(response.content) > _LONGEST_ANSWER:
        raise FetchFailed(f"{name}: the answer is longer than 8 MiB", transient=False)
    try:
        return json.loads(response.content, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        raise FetchFailed(f"{name}: the answer is no JSON", transient=True) from None


def _wait(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdigit() else None
