"""
Read public and private keys: PEM, in whatever shape the environment left it, or a JWK.

Nothing is raised for what is no key: what cannot be read proves nothing, and signs nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from jwt import PyJWTError
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

#: A key of a platform, or of a test: the text of a PEM file, or a JWK.
Key = Mapping[str, Any] | str
PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey

#: Bits of an RSA key.  Source: https://www.rfc-editor.org/rfc/rfc7518#section-3.3
SHORTEST_RSA = 2048
#: Source: https://www.rfc-editor.org/rfc/rfc7468
_PEM = re.compile(r"-----BEGIN ([A-Z ]{1,40})-----([^-]+)-----END \1-----")
#: Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
_RAW_PUBLIC, _RAW_PRIVATE = "whpk_", "whsk_"
#: What reading a malformed key raises, in `cryptography`, PyJWT and below them.
_UNREADABLE = (PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, KeyError)


def public_key(key: Key) -> PublicKey | None:
    """Read a public key; None when it is none, or too weak to prove anything."""
    try:
        found = _of_text(key) if isinstance(key, str) else _of_jwk(key)
    except _UNREADABLE:
        return None
    known = isinstance(found, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey)
    return found if known and _strong(found) else None


def private_key(key: Key) -> PrivateKey | None:
    """Read a private key, with which only a platform or a test signs; None when it is none."""
    try:
        found = _private_of_text(key) if isinstance(key, str) else _private_of_jwk(key)
    except _UNREADABLE:
        return None
    fit = isinstance(found, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey)
    return found if fit else None


def _of_text(text: str) -> Any:
    if text.strip().startswith(_RAW_PUBLIC):
        return Ed25519PublicKey.from_public_bytes(_raw(text, _RAW_PUBLIC))
    label, der = _der(text)
    return load_der_public_key(der) if label.endswith("PUBLIC KEY") else None


def _private_of_text(text: str) -> Any:
    if text.strip().startswith(_RAW_PRIVATE):
        return Ed25519PrivateKey.from_private_bytes(_raw(text, _RAW_PRIVATE))
    label, der = _der(text)
    return load_der_private_key(der, None) if label.endswith("PRIVATE KEY") else None


def _der(text: str) -> tuple[str, bytes]:
    """Take a PEM apart.  An environment may have kept its line ends as ``\\n``, or lost them."""
    found = _PEM.search(text.replace("\\r", "").replace("\\n", "\n"))
    if not found:
        return "", b""
    return found[1], base64.b64decode("".join(found[2].split()), validate=True)


def _raw(text: str, mark: str) -> bytes:
    encoded = text.strip().removeprefix(mark).rstrip("=")
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)


def _of_jwk(jwk: Mapping[str, Any]) -> Any:
    match jwk.get("kty"):
        case "RSA":
            return RSAAlgorithm.from_jwk({name: jwk[name] for name in ("kty", "n", "e")})
        case "EC":
            return ECAlgorithm.from_jwk({name: jwk[name] for name in ("kty", "crv", "x", "y")})
    return None


def _private_of_jwk(jwk: Mapping[str, Any]) -> Any:
    if "d" not in jwk:
        return None
    reader = ECAlgorithm if jwk.get("kty") == "EC" else RSAAlgorithm
    return reader.from_jwk(dict(jwk))


def _strong(key: PublicKey) -> bool:
    if isinstance(key, RSAPublicKey):
        return key.key_size >= SHORTEST_RSA
    return not isinstance(key, EllipticCurvePublicKey) or isinstance(key.curve, SECP256R1)
