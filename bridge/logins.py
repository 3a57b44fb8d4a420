"""
Keep the tokens of accounts whose calls carry one: log in, share the token, renew it.

One login serves all calls of an account until shortly before its token expires; calls that come
while it is under way wait for it, and share its failure too.  Tokens live in memory only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from bridge.destinations.endpoint import Account, Call, Login, Token
from bridge.types import Reply, Verdict

#: Seconds before its end at which a token is not used any more, so that it outlives the call;
#: of one that lives shorter than twice as long, half its life.
MARGIN = 30.0

#: Sends a login.
LogIn = Callable[[Call], Awaitable[Reply | Verdict]]
_Key = tuple[Login, str, frozenset[tuple[str, str]]]


@dataclass(slots=True)
class _Held:
    """What is known of one account."""

    token: str = field(default="", repr=False)
    until: float = 0.0  #: by the clock
    flight: asyncio.Task[str | Verdict] | None = None


class Logins:
    """
    The tokens of all accounts.

    Args:
        clock: Seconds that only grow, such as `time.monotonic`.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[_Key, _Held] = {}

    async def sign(
        self, login: Login, account: Account, log_in: LogIn, *, refused: str = ""
    ) -> Account | Verdict:
        """
        Give *account* with a valid token, as a rule without asking for one.

        Args:
            log_in: Sends the login, if none is under way.
            refused: A token that was answered 401.  It is not given again, and when another
                call has renewed it meanwhile, the new one is.

        Returns:
            The account, or why there is no token.  Nothing was sent to the endpoint, so that is
            either refused or transient.
        """
        key = (login, account.base_url, frozenset(account.credentials.items()))
        held = self._held.setdefault(key, _Held())
        if held.token == refused or self._clock() >= held.until:
            held.token = ""
        if held.token:
            return replace(account, token=held.token)
        if held.flight is None:
            held.flight = asyncio.create_task(self._log_in(held, login, account, log_in))
        # Shielded: a call whose time is up must not end the login for the others.
        found = await asyncio.shield(held.flight)
        return found if isinstance(found, Verdict) else replace(account, token=found)

    async def _log_in(
        self, held: _Held, login: Login, account: Account, log_in: LogIn
    ) -> str | Verdict:
        started = self._clock()
        try:
            reply = await log_in(login.write(account))
            found = reply if isinstance(reply, Verdict) else login.read(reply)
            if isinstance(found, Token):
                held.token = found.text
                held.until = started + found.seconds - min(MARGIN, found.seconds / 2)
                return found.text
            reason = f"no token: {found.reason}"
            if found.kind == "refused":
                return replace(found, reason=reason)
            return replace(found, kind="transient", reason=reason)
        finally:
            held.flight = None
