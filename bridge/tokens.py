"""
Tokens in the address of a store whose platform signs nothing.

A token is bound to its store: it opens no other one, and nothing is kept to recognise it.  It
proves who knows the address, and nothing about the body.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

from itsdangerous import Signer

#: Keeps these signatures apart from others made with the same secret.
_SALT = "bridge.tokens"
_TOKEN = re.compile(r"([1-9][0-9]{0,8})\.[A-Za-z0-9_-]{43}")


def make(store: str, secret: str, *, version: int = 1) -> str:
    """
    Make the token of *store*, safe to stand in an address.

    Args:
        store: The store's name in the address.
        secret: What signs it; withdrawing the secret withdraws the token.
        version: Tells apart several tokens of one store, 1 to 999,999,999.

    Raises:
        ValueError: The secret is empty, or the version out of range.
    """
    if not secret:
        raise ValueError("a token wants a secret, and it is empty")
    if not 1 <= version <= 999_999_999:
        raise ValueError(f"the version of a token is 1 to 999999999, not {version}")
    signer = Signer(
        secret.encode("utf-8", "surrogateescape"),
        salt=_SALT,
        key_derivation="hmac",
        digest_method=hashlib.sha256,
    )
    return f"{version}.{signer.get_signature(f'{version}/{store}').decode()}"


def belongs(token: str, store: str, secrets: Sequence[str]) -> bool:
    """
    Tell whether *token* was made for *store* with one of *secrets*, whatever its version.

    Empty secrets count as none, and without a secret no token belongs to anybody.
    """
    found = _TOKEN.fullmatch(token)
    if not found:
        return False
    version = int(found[1])
    matches = [
        hmac.compare_digest(token, make(store, secret, version=version))
        for secret in secrets
        if secret
    ]
    return any(matches)
