"""
Send one payload to its destination, once, and say what came of it.

An exception's class tells whether the request can have been sent: what failed while connecting
was surely not accepted, everything later may have been.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache

import httpx

from bridge.client import read
from bridge.destinations.endpoint import Account, Call, Endpoint
from bridge.logins import LogIn, Logins
from bridge.types import Cause, Payload, Reply, Verdict

Turn = Callable[[], Awaitable[None]]
#: Sends one request of an attempt, whose answer must have been read at a moment of the loop's time.
Ask = Callable[[Call, float], Awaitable[Reply | Verdict]]

#: Longer answers are no documented ones; what is beyond is not read.
_LONGEST_ANSWER = 1_048_576

#: Reads an address.  There are few of them, and it takes as long as all else about a request.
_address = lru_cache(maxsize=256)(httpx.URL)


async def attempt(
    client: httpx.AsyncClient,
    endpoint: Endpoint,
    payload: Payload,
    account: Account,
    logins: Logins,
    turn: Turn,
    *,
    timeout: float,
) -> Verdict:
    """
    Make one attempt to deliver a payload.

    Args:
        client: Does not follow redirects: a POST with credentials goes nowhere else.
        logins: Gives tokens to endpoints whose calls carry one.
        turn: Waits until the destination may be asked once more.  The first request has had its
            turn; every other one of the attempt waits for one of its own.
        timeout: Seconds for the whole attempt, whatever requests it takes.

    Returns:
        What the endpoint makes of the answer, or of there being none.  Nothing is raised for
        what the network or the destination does.
    """
    until = _now() + timeout
    ask = _in_turn(client, turn)
    sent = await _send(ask, endpoint, payload, account, logins, timeout, until)
    if isinstance(sent, Verdict):
        return sent
    reply, signed = sent
    verdict = endpoint.judge(reply)
    if verdict.kind != "refused" or endpoint.instead is None:
        return verdict
    call = endpoint.instead(payload.document, signed, reply)
    if call is None:
        return verdict
    second = await ask(call, until)
    return second if isinstance(second, Verdict) else endpoint.judge(second)


def _in_turn(client: httpx.AsyncClient, turn: Turn) -> Ask:
    """Make what sends the requests of one attempt."""
    asked = False

    async def ask(call: Call, until: float) -> Reply | Verdict:
        nonlocal asked
        if asked:
            try:
                async with asyncio.timeout_at(until):
                    await turn()
            except TimeoutError:
                return Verdict("transient", "no turn for a second request in time")
        asked = True
        return await request(client, call, timeout=until - _now())

    return ask


async def _send(
    ask: Ask,
    endpoint: Endpoint,
    payload: Payload,
    account: Account,
    logins: Logins,
    timeout: float,
    until: float,
) -> tuple[Reply, Account] | Verdict:
    """Send a payload, and once more with a new token when the one that it carries is refused."""
    refused = ""

    async def log_in(call: Call) -> Reply | Verdict:
        # Others wait for it too, so it has a time of its own.
        return await ask(call, _now() + timeout)

    while True:
        signed = await _sign(endpoint, account, logins, log_in, refused, until)
        if isinstance(signed, Verdict):
            return signed
        call = endpoint.write(payload.document, signed)
        reply = await ask(call, until)
        if isinstance(reply, Verdict):
            return reply
        if reply.status != 401 or not signed.token or refused:
            return reply, signed
        refused = signed.token


async def _sign(
    endpoint: Endpoint,
    account: Account,
    logins: Logins,
    log_in: LogIn,
    refused: str,
    until: float,
) -> Account | Verdict:
    if endpoint.login is None or not endpoint.login.needed(account):
        return account
    try:
        async with asyncio.timeout_at(until):
            return await logins.sign(endpoint.login, account, log_in, refused=refused)
    except TimeoutError:
        return Verdict("transient", "no token in time")


async def request(client: httpx.AsyncClient, call: Call, *, timeout: float) -> Reply | Verdict:
    """
    Send one request.

    Args:
        timeout: Seconds until its answer must have been read.

    Returns:
        The answer, or what there being none comes to.
    """
    left = max(timeout, 0.0)
    try:
        async with asyncio.timeout(left):
            response = await client.send(_written(call, min(left, 10.0)), stream=True)
            body = await read(response, _LONGEST_ANSWER)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        reason = "base_url is no address: look into connections.toml"
        return Verdict("refused", reason, causes=(Cause("send", "no_address"),))
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        return Verdict("transient", f"no connection: {type(error).__name__}")
    except (httpx.TimeoutException, TimeoutError):
        return Verdict("unsure", f"no answer within {left:.3g} s")
    except (httpx.HTTPError, httpx.StreamError) as error:
        return Verdict("unsure", f"the connection broke: {type(error).__name__}")
    if body is None:
        return Verdict("unsure", "the answer is longer than 1 MiB")
    return Reply(response.status_code, response.headers, body)


def _written(call: Call, connecting: float) -> httpx.Request:
    """Write a request that may take so many seconds to connect; the whole has a limit of its own."""
    return httpx.Request(
        call.method,
        _address(call.url),
        headers=call.headers,
        stream=httpx.ByteStream(call.content),
        extensions={"timeout": {"connect": connecting}},
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
