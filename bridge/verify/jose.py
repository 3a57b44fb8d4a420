"""
The algorithms and the header that signed tokens share, in both of their forms.

Source: https://www.rfc-editor.org/rfc/rfc7518#section-3 (algorithms), and RFC 7515, section 4
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt.algorithms import Algorithm, ECAlgorithm, RSAAlgorithm

from bridge.errors import SignatureMismatch
from bridge.verify.keys import Key, private_key, public_key


@dataclass(frozen=True, slots=True)
class _Known:
    """An algorithm, and the keys that it takes."""

    algorithm: Algorithm
    public: type[RSAPublicKey] | type[EllipticCurvePublicKey]
    private: type[RSAPrivateKey] | type[EllipticCurvePrivateKey]
    words: str  #: for messages


_RSA = "RSA of 2048 bits or more"
_KNOWN = {
    "RS256": _Known(RSAAlgorithm(RSAAlgorithm.SHA256), RSAPublicKey, RSAPrivateKey, _RSA),
    "RS384": _Known(RSAAlgorithm(RSAAlgorithm.SHA384), RSAPublicKey, RSAPrivateKey, _RSA),
    "RS512": _Known(RSAAlgorithm(RSAAlgorithm.SHA512), RSAPublicKey, RSAPrivateKey, _RSA),
    "ES256": _Known(
        ECAlgorithm(ECAlgorithm.SHA256), EllipticCurvePublicKey, EllipticCurvePrivateKey, "P-256"
    ),
}
#: Every algorithm that a mapping file may name.  None of them takes a shared secret as its key.
ALGORITHMS = tuple(_KNOWN)


class KeyUnknown(SignatureMismatch):
    """None of the keys made this signature; the platform may have newer ones."""


def check_algorithms(names: Sequence[str]) -> None:
    """
    Refuse a list of algorithms that is empty or names an unknown one.

    Raises:
        ValueError: What there is.
    """
    unknown = [name for name in names if name not in _KNOWN]
    if unknown or not names:
        raise ValueError(f"algorithms are {', '.join(ALGORITHMS)}; found {unknown}")


def check_signature(
    head: Mapping[str, Any],
    message: bytes,
    signature: bytes,
    keys: Sequence[Key],
    algorithms: Sequence[str],
    place: str,
) -> None:
    """
    Check a signature by what its header says, as far as the scheme allows it.

    Args:
        head: The header of the token.
        algorithms: The accepted ones; the header chooses among them.
        place: Where the token is, for messages.

    Raises:
        KeyUnknown: None of the keys made it.
        SignatureMismatch: The header asks for what is not accepted.
    """
    name = head.get("alg")
    if not isinstance(name, str) or name not in algorithms:
        raise SignatureMismatch(f"{place} is not signed with {' or '.join(algorithms)}")
    if not isinstance(head.get("kid", ""), str):
        raise SignatureMismatch(f'{place} has a "kid" that is no text')
    known = _KNOWN[name]
    meant = (public_key(key) for key in keys if _meant(key, head, name))
    public = [key for key in meant if isinstance(key, known.public)]
    if not public:
        raise KeyUnknown(
            f"{place} was made with a key that is not among the {len(keys)} known ones"
            f" ({known.words}, for {name})"
        )
    if not any(known.algorithm.verify(message, key, signature) for key in public):
        raise KeyUnknown(f"{place} was not made with any of {len(public)} keys over this body")


def wants_key(secret: str, algorithms: Sequence[str]) -> str:
    """
    Say what *secret* should be; "" when it is that.

    A private key proves nothing, and is what `make_signature` signs with.
    """
    kinds = tuple(_KNOWN[name].public for name in algorithms)
    if isinstance(public_key(secret), kinds) or private_key(secret):
        return ""
    words = dict.fromkeys(_KNOWN[name].words for name in algorithms)
    return f"a public key in PEM, {' or '.join(words)}"


def make_signature(message: bytes, algorithm: str, keys: Sequence[Key]) -> bytes:
    """
    Sign with the first private key that *algorithm* takes.

    Raises:
        ValueError: There is none.
    """
    known = _KNOWN[algorithm]
    for key in keys:
        private = private_key(key)
        if isinstance(private, known.private):
            return known.algorithm.sign(message, private)
    raise ValueError(f"only the platform can sign: no private key for {algorithm} is given")


def json_object(text: bytes | None) -> dict[str, Any] | None:
    """Read a JSON object; None when it is anything else."""
    try:
        found = json.loads(text or b"", parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _meant(key: Key, head: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a key is for this token, as far as both say; a PEM says nothing."""
    if isinstance(key, str):
        return True
    wanted = head.get("kid")
    if wanted is not None and key.get("kid") != wanted:
        return False
    return bool(key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
