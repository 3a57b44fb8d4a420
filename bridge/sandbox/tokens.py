"""The tokens that logins have given, and until when each is good."""

from __future__ import annotations

import secrets
from collections.abc import Callable


class Tokens:
    """Tokens by themselves: they say nothing of who got them."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Begin without any; *now* gives seconds, from whatever moment on."""
        self._now = now
        self._until: dict[str, float] = {}

    def give(self, seconds: float) -> str:
        """Make a token that is good for *seconds*."""
        now = self._now()
        self._until = {token: until for token, until in self._until.items() if until > now}
        token = secrets.token_urlsafe(32)
        self._until[token] = now + seconds
        return token

    def good(self, token: str) -> bool:
        """Say whether *token* was given, has not expired and is not forgotten."""
        return self._until.get(token, float("-inf")) > self._now()

    def forget(self) -> None:
        """Let every token be unknown, as if it had expired."""
        self._until.clear()
