"""
Prove who sent a webhook.

How a platform signs is a value, a *scheme*, written in its mapping file; one module per engine
carries it out.  Nothing here does I/O or reads a clock: secrets, keys and the time are
arguments.  Whatever a sender puts in a header ends in a `RequestError`, never in another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge import tokens
from bridge.types import InboundRequest, VerifiedRequest
from bridge.verify import hmac, jws_detached, shared_secret, url_token
from bridge.verify.content import (
    Content,
    NotAContent,
    TimestampSource,
    covers_body,
    parse_content,
    parse_timestamp,
)
from bridge.verify.hmac import HmacScheme, ListForm
from bridge.verify.jws_detached import JwsDetachedScheme, KeyUnknown
from bridge.verify.shared_secret import SharedSecretScheme
from bridge.verify.url_token import UrlTokenScheme

__all__ = [
    "Content",
    "HmacScheme",
    "JwsDetachedScheme",
    "KeyUnknown",
    "ListForm",
    "NotAContent",
    "Proofs",
    "Scheme",
    "SharedSecretScheme",
    "Signed",
    "TimestampSource",
    "UrlTokenScheme",
    "covers_body",
    "parse_content",
    "parse_timestamp",
    "restore",
    "sign",
    "verify",
]

Scheme = HmacScheme | SharedSecretScheme | JwsDetachedScheme | UrlTokenScheme


@dataclass(frozen=True, slots=True)
class Proofs:
    """What a store's configuration gives verification; its repr shows nothing."""

    secrets: tuple[str, ...] = field(default=(), repr=False)  #: every one is accepted
    keys: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)  #: JWKs of the platform
    url: str = field(default="", repr=False)  #: the store's public address, as configured
    token_secrets: tuple[str, ...] = field(default=(), repr=False)  #: of `bridge.tokens`


@dataclass(frozen=True, slots=True)
class Signed:
    """What a platform adds to a webhook; its repr shows nothing."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


def verify(
    request: InboundRequest, scheme: Scheme, proofs: Proofs, *, now: datetime
) -> VerifiedRequest:
    """
    Check the signature of *request* and vouch for its sender.

    Args:
        request: The webhook as received.
        scheme: How its platform signs.
        proofs: The store's secrets or keys.  None at all means that nothing is accepted.
        now: For schemes whose signature holds a timestamp.

    Raises:
        SignatureMissing: There is none.
        KeyUnknown: No key made it; fetching the platform's keys again may help.
        SignatureMismatch: Nothing that is configured produces it, or it is too old, or it is no
            signature at all.
    """
    match scheme:
        case HmacScheme():
            hmac.check(request, scheme, proofs.secrets, url=proofs.url, now=now)
        case SharedSecretScheme():
            shared_secret.check(request, scheme, proofs.secrets)
        case JwsDetachedScheme():
            jws_detached.check(request, scheme, proofs.keys)
        case UrlTokenScheme():
            url_token.check(request, scheme, proofs.token_secrets)
    return VerifiedRequest(request, scheme.engine)


def restore(request: InboundRequest, scheme: str) -> VerifiedRequest:
    """Vouch for what the journal kept: it was verified before it was written there."""
    return VerifiedRequest(request, scheme)


def sign(
    body: bytes,
    scheme: Scheme,
    proofs: Proofs,
    *,
    headers: Mapping[str, str],
    now: datetime,
    url: str = "",
    store: str = "",
) -> Signed:
    """
    Sign *body* as the platform would, with the first secret or the first private key.

    Args:
        body: What will be sent.
        scheme: How the platform signs.
        proofs: The store's secrets; a private JWK among the keys for a JWS.
        headers: The other headers that will be sent, names in lower case.  A timestamp that is
            not among them is added.
        now: The moment of signing.
        url: The address that is signed; empty: that of *proofs*.
        store: Whose token is made, for `UrlTokenScheme`.

    Returns:
        What is to be added to the request.

    Raises:
        ValueError: It cannot be signed, and why.
    """
    match scheme:
        case HmacScheme():
            secret = _first(proofs.secrets)
            address = url or proofs.url
            return Signed(hmac.sign(body, scheme, secret, headers=headers, url=address, now=now))
        case SharedSecretScheme():
            return Signed(*shared_secret.sign(scheme, _first(proofs.secrets)))
        case JwsDetachedScheme():
            return Signed(jws_detached.sign(body, scheme, proofs.keys))
        case UrlTokenScheme():
            if not store:
                raise ValueError("a token is made for one store, and no store is given")
            return Signed(query={scheme.query: tokens.make(store, _first(proofs.token_secrets))})


def _first(secrets: tuple[str, ...]) -> str:
    secret = next(iter(secrets), "")
    if not secret:
        raise ValueError("there is no secret to sign with")
    return secret
