"""
Send one payload to its destination, once, and say what came of it.

An exception's class tells whether the request can have been sent: what failed while connecting
was surely not accepted, everything later may have been.
"""

from __future__ import annotations

import httpx

from bridge.destinations.endpoint import Account, Call, Endpoint
from bridge.types import Payload, Reply, Verdict

#: Longer answers are no documented ones; what is beyond is not read.
_LONGEST_ANSWER = 1_048_576


async def attempt(
    client: httpx.AsyncClient,
    endpoint: Endpoint,
    payload: Payload,
    account: Account,
    *,
    timeout: float,
) -> Verdict:
    """
    Make one attempt to deliver a payload.

    Args:
        client: Does not follow redirects: a POST with credentials goes nowhere else.
        timeout: Seconds for each request.

    Returns:
        What the endpoint makes of the answer, or of there being none.  Nothing is raised for
        what the network or the destination does.
    """
    reply = await _request(client, endpoint.write(payload.document, account), timeout)
    if isinstance(reply, Verdict):
        return reply
    verdict = endpoint.judge(reply)
    if verdict.kind != "refused" or endpoint.instead is None:
        return verdict
    call = endpoint.instead(payload.document, account, reply)
    if call is None:
        return verdict
    second = await _request(client, call, timeout)
    return second if isinstance(second, Verdict) else endpoint.judge(second)


async def _request(client: httpx.AsyncClient, call: Call, timeout: float) -> Reply | Verdict:
    limits = httpx.Timeout(timeout, connect=min(timeout, 10.0))
    try:
        async with client.stream(
            call.method, call.url, headers=dict(call.headers), content=call.content, timeout=limits
        ) as response:
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LONGEST_ANSWER:
                    return Verdict("unsure", "the answer is longer than 1 MiB")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        return Verdict("refused", "base_url is no address: look into connections.toml")
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        return Verdict("transient", f"no connection: {type(error).__name__}")
    except httpx.TimeoutException:
        return Verdict("unsure", f"no answer within {timeout:g} s")
    except (httpx.HTTPError, httpx.StreamError) as error:
        return Verdict("unsure", f"the connection broke: {type(error).__name__}")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, body)
