"""A secret that the platform sends along: it proves who sent, not what was sent."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import InboundRequest


@dataclass(frozen=True, slots=True)
class SharedSecretScheme:
    """
    Where a platform puts the secret: bare in a header, behind ``Bearer`` or ``Basic`` in one,
    or in the query of the address.
    """

    engine: ClassVar[str] = "shared_secret"

    header: str | None = None  #: lower case; None with bearer or basic: ``authorization``
    query: str | None = None
    bearer: bool = False
    basic: bool = False  #: the secret is ``user:password``

    def __post_init__(self) -> None:
        in_header = bool(self.header or self.bearer or self.basic)
        if in_header == bool(self.query) or (self.bearer and self.basic):
            raise ValueError("a secret stands in one place: header, query, bearer or basic")


def check(request: InboundRequest, scheme: SharedSecretScheme, secrets: Sequence[str]) -> None:
    """
    Compare the secret that came with *request* with every secret of the store.

    Raises:
        SignatureMissing: The header or the query parameter is absent or empty.
        SignatureMismatch: It is none of the secrets.
    """
    name = _header(scheme)
    place = f"query parameter {scheme.query!r}" if scheme.query else f"header {name!r}"
    if scheme.query:
        sent = request.query.get(scheme.query, "").encode("utf-8", "surrogatepass")
    else:
        # Servers read headers as Latin-1.  What is beyond was never on a wire, and only has to
        # become something.
        text = request.headers.get(name, "").strip(" \t")
        sent = text.encode("latin-1", "backslashreplace")
    if not sent:
        raise SignatureMissing(f"{place} is missing or empty")
    word = _word(scheme)
    if word:
        found, _, sent = sent.partition(b" ")
        sent = sent.strip(b" \t")
        if found.lower() != word.lower().encode() or not sent:
            raise SignatureMismatch(f"{place} is not '{word}' and something behind it")
    # All are tried, also after a match: the time taken does not tell which secret it was.
    usable = [expected for secret in secrets if (expected := _expected(secret, scheme))]
    matches = [hmac.compare_digest(sent, expected) for expected in usable]
    if not any(matches):
        raise SignatureMismatch(f"{place} is none of the store's {len(usable)} secrets")


def sign(scheme: SharedSecretScheme, secret: str) -> tuple[dict[str, str], dict[str, str]]:
    """
    Give the headers and the query parameters that the platform would add.

    Raises:
        ValueError: The secret cannot be sent like that.
    """
    expected = _expected(secret, scheme)
    if not expected:
        raise ValueError("the secret is not UTF-8 and cannot be sent")
    if scheme.query:
        return {}, {scheme.query: secret}
    if expected.strip(b" \t\r\n") != expected:
        raise ValueError("the secret begins or ends with blanks, which no header keeps")
    word = _word(scheme)
    text = expected.decode("latin-1")
    return {_header(scheme): f"{word} {text}" if word else text}, {}


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
