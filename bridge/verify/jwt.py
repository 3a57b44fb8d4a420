"""
A body that is a signed token: header, claims and signature in one text.

What the platform has to say are the claims; `bridge.mapping.body` reads them.

Source: https://www.rfc-editor.org/rfc/rfc7519 (JWT), and RFC 8725, section 3
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from bridge import compact
from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import InboundRequest
from bridge.verify.jose import (
    check_algorithms,
    check_signature,
    json_object,
    make_signature,
    wants_key,
)
from bridge.verify.keys import Key

_PLACE = "the body"
#: Seconds for which `sign` lets a token live.
_LIFE = 300


@dataclass(frozen=True, slots=True)
class JwtScheme:
    """What a token must be signed with, and what its claims must say."""

    engine: ClassVar[str] = "jwt"

    algorithms: tuple[str, ...] = ("RS256",)
    expires: bool = True  #: whether `exp` must be there; where it is, it counts
    leeway: float = 60.0  #: seconds by which two clocks may differ
    issuer: str | None = None
    audience: str | None = None

    def __post_init__(self) -> None:
        check_algorithms(self.algorithms)
        if not 0 <= self.leeway < float("inf"):
            raise ValueError(f"the leeway is {self.leeway:g} s and must be 0 or more")


def check(
    request: InboundRequest, scheme: JwtScheme, keys: Sequence[Key], *, now: datetime
) -> None:
    """
    Check that the body of *request* is a token of the platform that is good now.

    Raises:
        SignatureMissing: The body is empty.
        KeyUnknown: The form is right and no key fits.
        SignatureMismatch: Everything else.
    """
    if not request.body.strip():
        raise SignatureMissing(f"{_PLACE} is empty, and should be a token")
    found = compact.parts(request.body.decode("latin-1"))
    signature = compact.decode(found[2]) if found else None
    if not found or not signature:
        raise SignatureMismatch(f"{_PLACE} is not header.claims.signature, each base64url")
    head = json_object(compact.decode(found[0]))
    claims = json_object(compact.decode(found[1]))
    if head is None or claims is None:
        raise SignatureMismatch(f"{_PLACE} is no token: its parts are not JSON objects")
    # Nothing may change how the token is to be read, RFC 7515 section 4.1.11.
    if "crit" in head or "b64" in head:
        raise SignatureMismatch(f'{_PLACE} is a token with a "crit" or "b64", and wants none')
    message = f"{found[0]}.{found[1]}".encode()
    check_signature(head, message, signature, keys, scheme.algorithms, _PLACE)
    _check_claims(claims, scheme, now)


def wants(scheme: JwtScheme, secret: str) -> str:
    """Say what *secret* should be; "" when it is that."""
    return wants_key(secret, scheme.algorithms)


def sign(body: bytes, scheme: JwtScheme, keys: Sequence[Key], *, now: datetime) -> bytes:
    """
    Make the token whose claims are *body*; `iat` and `exp` are added where they are missing.

    Raises:
        ValueError: The body is no JSON object, or there is no private key among *keys*.
    """
    claims = json_object(body)
    if claims is None:
        raise ValueError("a token holds a JSON object, and the body is none")
    algorithm = scheme.algorithms[0]
    head = {"alg": algorithm, "typ": "JWT"}
    named = next((key for key in keys if isinstance(key, Mapping) and "d" in key), {})
    if "kid" in named:
        head["kid"] = named["kid"]
    moments = {"iat": int(now.timestamp()), "exp": int(now.timestamp()) + _LIFE}
    added = [f'"{name}":{at}' for name, at in moments.items() if name not in claims]
    # Behind what is there, as it is there: no number is written anew.
    written = body.decode("utf-8").strip().removesuffix("}").rstrip()
    joint = "," if added and claims else ""
    payload = f"{written}{joint}{','.join(added)}}}"
    message = ".".join(
        compact.encode(part.encode()) for part in (json.dumps(head, separators=(",", ":")), payload)
    )
    signature = make_signature(message.encode(), algorithm, keys)
    return f"{message}.{compact.encode(signature)}".encode()


def _check_claims(claims: Mapping[str, Any], scheme: JwtScheme, now: datetime) -> None:
    """Source: https://www.rfc-editor.org/rfc/rfc7519#section-4.1"""
    if scheme.expires and "exp" not in claims:
        raise SignatureMismatch("the token has no 'exp', so it would be good for ever")
    if (left := _seconds_until("exp", claims, now)) is not None and left <= -scheme.leeway:
        raise SignatureMismatch(f"the token expired {-left:.0f} s ago. Is a clock wrong?")
    for name in ("nbf", "iat"):
        if (left := _seconds_until(name, claims, now)) is not None and left > scheme.leeway:
            raise SignatureMismatch(f"the token's {name!r} is {left:.0f} s in the future")
    if scheme.issuer is not None and claims.get("iss") != scheme.issuer:
        raise SignatureMismatch("the token's 'iss' is not the issuer that is wanted")
    audience = claims.get("aud")
    meant = audience if isinstance(audience, list) else [audience]
    if scheme.audience is not None and scheme.audience not in meant:
        raise SignatureMismatch("the token's 'aud' is not the audience that is wanted")


def _seconds_until(name: str, claims: Mapping[str, Any], now: datetime) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    try:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SignatureMismatch(f"the token's {name!r} is no number of seconds")
        return float(value) - now.timestamp()
    except OverflowError:
        raise SignatureMismatch(f"the token's {name!r} is no moment") from None
