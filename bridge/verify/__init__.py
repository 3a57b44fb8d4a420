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

from bridge import tokens
from bridge.types import InboundRequest, VerifiedRequest
from bridge.verify import asymmetric, hmac, jws_detached, jwt, shared_secret, url_token
from bridge.verify.asymmetric import AsymmetricScheme
from bridge.verify.carried import ListForm
from bridge.verify.content import (
    Content,
    NotAContent,
    TimestampSource,
    covers_body,
    parse_content,
    parse_timestamp,
    signed_paths,
)
from bridge.verify.hmac import HmacScheme
from bridge.verify.jose import ALGORITHMS, KeyUnknown
from bridge.verify.jws_detached import JwsDetachedScheme
from bridge.verify.jwt import JwtScheme
from bridge.verify.keys import Key
from bridge.verify.nothing import NothingScheme
from bridge.verify.shared_secret import SharedSecretScheme
from bridge.verify.url_token import UrlTokenScheme

__all__ = [
    "ALGORITHMS",
    "AsymmetricScheme",
    "Content",
    "HmacScheme",
    "JwsDetachedScheme",
    "JwtScheme",
    "Key",
    "KeyUnknown",
    "ListForm",
    "NotAContent",
    "NothingScheme",
    "Proofs",
    "Scheme",
    "SharedSecretScheme",
    "Signed",
    "TimestampSource",
    "UrlTokenScheme",
    "covers_body",
    "key_addresses",
    "parse_content",
    "parse_timestamp",
    "restore",
    "sign",
    "signed_paths",
    "verify",
    "wants",
]

Scheme = (
    HmacScheme
    | AsymmetricScheme
    | JwsDetachedScheme
    | JwtScheme
    | SharedSecretScheme
    | UrlTokenScheme
    | NothingScheme
)


@dataclass(frozen=True, slots=True)
class Proofs:
    """What a store's configuration gives verification; its repr shows nothing."""

    #: Every one is accepted: shared secrets, or a platform's public keys in PEM.
    secrets: tuple[str, ...] = field(default=(), repr=False)
    keys: tuple[Key, ...] = field(default=(), repr=False)  #: what was fetched of the platform
    url: str = field(default="", repr=False)  #: the store's public address, as configured
    token_secrets: tuple[str, ...] = field(default=(), repr=False)  #: of `bridge.tokens`


@dataclass(frozen=True, slots=True)
class Signed:
    """What a platform adds to a webhook; its repr shows nothing."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    segment: str = field(default="", repr=False)  #: behind the store's name in the address
    body: bytes | None = field(default=None, repr=False)  #: instead of what was to be signed


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
        case AsymmetricScheme():
            keys = (*proofs.secrets, *proofs.keys)
            asymmetric.check(request, scheme, keys, url=proofs.url, now=now)
        case JwsDetachedScheme():
            jws_detached.check(request, scheme, proofs.keys)
        case JwtScheme():
            jwt.check(request, scheme, (*proofs.secrets, *proofs.keys), now=now)
        case UrlTokenScheme():
            url_token.check(request, scheme, proofs.token_secrets)
        case NothingScheme():
            pass  # what it says is not believed: the file may only read what is fetched
    return VerifiedRequest(request, scheme.engine)


def wants(scheme: Scheme, secret: str) -> str:
    """
    Say what a store's secret should be, where *scheme* has no use for the one it is.

    Returns:
        Words such as "a key in hexadecimal"; "" when the secret is usable.
    """
    match scheme:
        case HmacScheme():
            return hmac.wants(scheme, secret)
        case AsymmetricScheme():
            return asymmetric.wants(scheme, secret)
        case JwtScheme():
            return jwt.wants(scheme, secret)
        case SharedSecretScheme():
            return shared_secret.wants(scheme, secret)
    return ""


def key_addresses(request: InboundRequest, scheme: Scheme, keys: str) -> tuple[str, ...]:
    """
    Say where the public keys are that may have signed *request*.

    Args:
        keys: The address in the mapping file: of the keys, or of the host that has them.

    Raises:
        SignatureMissing: The webhook should name a key, and names none.
        SignatureMismatch: It names one where the platform has none.
    """
    if not isinstance(scheme, AsymmetricScheme):
        return (keys,)
    return tuple(keys.rstrip("/") + path for path in asymmetric.key_paths(request, scheme))


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
        proofs: The store's secrets; for public keys, a private one among secrets or keys.
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
        case AsymmetricScheme():
            keys, address = (*proofs.secrets, *proofs.keys), url or proofs.url
            made = asymmetric.sign(body, scheme, keys, headers=headers, url=address, now=now)
            return Signed(made)
        case SharedSecretScheme():
            return Signed(*shared_secret.sign(scheme, _first(proofs.secrets)))
        case JwsDetachedScheme():
            return Signed(jws_detached.sign(body, scheme, proofs.keys))
        case JwtScheme():
            keys = (*proofs.secrets, *proofs.keys)
            return Signed(body=jwt.sign(body, scheme, keys, now=now))
        case NothingScheme():
            return Signed()
        case UrlTokenScheme():
            if not store:
                raise ValueError("a token is made for one store, and no store is given")
            return Signed(query={scheme.query: tokens.make(store, _first(proofs.token_secrets))})


def _first(secrets: tuple[str, ...]) -> str:
    secret = next(iter(secrets), "")
    if not secret:
        raise ValueError("there is no secret to sign with")
    return secret
