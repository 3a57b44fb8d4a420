"""A secret that the platform sends along: it proves who sent, not what was sent."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import InboundRequest

#: What stands in an address as it is.  Source: https://www.rfc-editor.org/rfc/rfc3986#section-2.3
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True)
class SharedSecretScheme:
    """
    Where a platform puts the secret: bare in a header, behind ``Bearer`` or ``Basic`` in one, in
    the query of the address, or behind the store's name in it.
    """

    engine: ClassVar[str] = "shared_secret"

    header: str | None = None  #: lower case; None with bearer or basic: ``authorization``
    query: str | None = None
    bearer: bool = False
    basic: bool = False  #: the secret is ``user:password``
    bare: bool = False  #: with bearer: the word may be missing
    path: bool = False  #: ``/webhooks/STORE/SECRET``

    def __post_init__(self) -> None:
        in_header = bool(self.header or self.bearer or self.basic)
        places = [in_header, bool(self.query), self.path]
        if places.count(True) != 1 or (self.bearer and self.basic):
            raise ValueError("a secret stands in one place: header, query, path, bearer or basic")
        if self.bare and not self.bearer:
            raise ValueError("only a bearer's word may be missing")


def check(request: InboundRequest, scheme: SharedSecretScheme, secrets: Sequence[str]) -> None:
    """
    Compare the secret that came with *request* with every secret of the store.

    Raises:
        SignatureMissing: The header or the query parameter is absent or empty.
        SignatureMismatch: It is none of the secrets.
    """
    place, sent = _sent(request, scheme)
    if not sent:
        raise SignatureMissing(f"{place} is missing or empty")
    word = _word(scheme)
    if word:
        found, _, behind = sent.partition(b" ")
        behind = behind.strip(b" \t")
        if found.lower() == word.lower().encode() and behind:
            sent = behind
        elif not scheme.bare:
            raise SignatureMismatch(f"{place} is not '{word}' and something behind it")
    # All are tried, also after a match: the time taken does not tell which secret it was.
    usable = [expected for secret in secrets if (expected := _expected(secret, scheme))]
    matches = [hmac.compare_digest(sent, expected) for expected in usable]
    if not any(matches):
        raise SignatureMismatch(f"{place} is none of the store's {len(usable)} secrets")


def wants(scheme: SharedSecretScheme, secret: str) -> str:
    """Say what *secret* should be; "" when it is that."""
    if scheme.path and not _SEGMENT.fullmatch(secret):
        return "letters, digits and . _ ~ - alone: it stands in an address"
    return "user:password" if scheme.basic and ":" not in secret else ""


def sign(scheme: SharedSecretScheme, secret: str) -> tuple[dict[str, str], dict[str, str], str]:
    """
    Give the headers and query parameters that the platform would add, and what it would write
    behind the store's name.

    Raises:
        ValueError: The secret cannot be sent like that.
    """
    expected = _expected(secret, scheme)
    if not expected:
        raise ValueError("the secret is not UTF-8 and cannot be sent")
    if scheme.query:
        return {}, {scheme.query: secret}, ""
    if scheme.path:
        if not _SEGMENT.fullmatch(secret):
            raise ValueError("a secret in the path is letters, digits and . _ ~ - alone")
        return {}, {}, secret
    if expected.strip(b" \t\r\n") != expected:
        raise ValueError("the secret begins or ends with blanks, which no header keeps")
    word = _word(scheme)
    text = expected.decode("latin-1")
    return {_header(scheme): f"{word} {text}" if word else text}, {}, ""


def _sent(request: InboundRequest, scheme: SharedSecretScheme) -> tuple[str, bytes]:
    """Say where the secret stands, and what stands there."""
    if scheme.path:
        return "the address", request.segment.encode("utf-8", "surrogatepass")
    if scheme.query:
        sent = request.query.get(scheme.query, "").encode("utf-8", "surrogatepass")
        return f"query parameter {scheme.query!r}", sent
    # Servers read headers as Latin-1.  What is beyond was never on a wire, and only has to
    # become something.
    name = _header(scheme)
    text = request.headers.get(name, "").strip(" \t")
    return f"header {name!r}", text.encode("latin-1", "backslashreplace")


def _header(scheme: SharedSecretScheme) -> str:
    return scheme.header or "authorization"


def _word(scheme: SharedSecretScheme) -> str:
    return "Bearer" if scheme.bearer else "Basic" if scheme.basic else ""


def _expected(secret: str, scheme: SharedSecretScheme) -> bytes | None:
    """Give what is sent for *secret*; empty or None is never accepted."""
    try:
        text = secret.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
    return base64.b64encode(text) if scheme.basic else text
