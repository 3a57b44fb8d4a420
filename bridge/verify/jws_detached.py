"""
A JWS without its payload in a header: the body itself is signed with a private key.

Source: https://www.rfc-editor.org/rfc/rfc7797 (unencoded payload), and RFC 7515, appendix F
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt import PyJWTError
from jwt.algorithms import RSAAlgorithm

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import InboundRequest

#: Source: https://www.rfc-editor.org/rfc/rfc7518#section-3.3
_ALGORITHMS = {
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "RS384": RSAAlgorithm(RSAAlgorithm.SHA384),
    "RS512": RSAAlgorithm(RSAAlgorithm.SHA512),
}
_SHORTEST_KEY = 2048  # bits; the same section
_DETACHED = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]+)")
#: What reading a malformed key raises, in PyJWT and below it.
_UNREADABLE = (PyJWTError, ValueError, TypeError, KeyError)


class KeyUnknown(SignatureMismatch):
    """None of the keys made this signature; the platform may have newer ones."""


@dataclass(frozen=True, slots=True)
class JwsDetachedScheme:
    """Which header holds the JWS, and which algorithms are accepted."""

    engine: ClassVar[str] = "jws_detached"

    header: str  #: lower case
    algorithms: tuple[str, ...] = ("RS256",)

    def __post_init__(self) -> None:
        unknown = [name for name in self.algorithms if name not in _ALGORITHMS]
        if unknown or not self.algorithms:
            raise ValueError(f"algorithms are {', '.join(_ALGORITHMS)}; found {unknown}")


def check(
    request: InboundRequest, scheme: JwsDetachedScheme, keys: Sequence[Mapping[str, Any]]
) -> None:
    """
    Check the signature of *request* with the public *keys*.

    Raises:
        SignatureMissing: The header is absent or empty.
        KeyUnknown: The form is right and no key fits.
        SignatureMismatch: Everything else.
    """
    sent = request.headers.get(scheme.header, "").strip(" \t")
    if not sent:
        raise SignatureMissing(f"header {scheme.header!r} is missing or empty")
    place = f"header {scheme.header!r}"
    parts = _DETACHED.fullmatch(sent)
    signature = _unbase64url(parts[2]) if parts else None
    if not parts or not signature:
        raise SignatureMismatch(f"{place} is not header..signature, both base64url")
    head = _json_object(_unbase64url(parts[1]))
    if head is None:
        raise SignatureMismatch(f"{place} does not begin with a JSON object in base64url")
    if head.get("alg") not in scheme.algorithms:
        wanted = " or ".join(scheme.algorithms)
        raise SignatureMismatch(f"{place} is not signed with {wanted}")
    if head.get("b64") is not False or head.get("crit") != ["b64"]:
        raise SignatureMismatch(f'{place} wants "b64": false and "crit": ["b64"]')
    if not isinstance(head.get("kid", ""), str):
        raise SignatureMismatch(f'{place} has a "kid" that is no text')
    algorithm = head["alg"]
    fit = [jwk for jwk in keys if "kid" not in head or jwk.get("kid") == head["kid"]]
    public = [key for jwk in fit if (key := _public_key(jwk, algorithm))]
    if not public:
        raise KeyUnknown(
            f"{place} was made with a key that is not among the {len(keys)} known ones"
            f" (RSA for {algorithm}, {_SHORTEST_KEY} bits or more)"
        )
    message = parts[1].encode() + b"." + request.body
    if not any(_ALGORITHMS[algorithm].verify(message, key, signature) for key in public):
        raise KeyUnknown(f"{place} was not made with any of {len(public)} keys over this body")


def sign(
    body: bytes, scheme: JwsDetachedScheme, keys: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """
    Give the header that the platform would add.

    Raises:
        ValueError: There is no private key among *keys*.
    """
    jwk = next((key for key in keys if "d" in key), None)
    if jwk is None:
        raise ValueError("only the platform can sign: no private key (a JWK with 'd') is given")
    try:
        private = RSAAlgorithm.from_jwk(dict(jwk))
    except _UNREADABLE:
        raise ValueError("the private key is no readable RSA key") from None
    algorithm = scheme.algorithms[0]
    head = {"alg": algorithm, "b64": False, "crit": ["b64"], "typ": "JWT"}
    if "kid" in jwk:
        head["kid"] = jwk["kid"]
    protected = _base64url(json.dumps(head, separators=(",", ":")).encode())
    message = protected.encode() + b"." + body
    signature = _ALGORITHMS[algorithm].sign(message, cast("RSAPrivateKey", private))
    return {scheme.header: f"{protected}..{_base64url(signature)}"}


def _public_key(jwk: Mapping[str, Any], algorithm: str) -> RSAPublicKey | None:
    """Read the public half of an RSA key that may sign with *algorithm*; None for all else."""
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm:
        return None
    try:
        key = RSAAlgorithm.from_jwk({name: jwk[name] for name in ("kty", "n", "e")})
    except _UNREADABLE:
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _SHORTEST_KEY else None


def _json_object(text: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text or b"")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64url(text: str) -> bytes | None:
    """Decode base64url; None unless *text* is the one spelling of what it holds."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return data if _base64url(data) == text else None
