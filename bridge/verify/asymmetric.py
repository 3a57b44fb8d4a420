"""
Signatures made with a private key over what a template says, RSA or Ed25519.

The public keys are the store's own secrets, or lie on one fixed host under a path that the
webhook names.  A path is believed only as far as its pattern goes, and never leaves the host.

Source: https://www.rfc-editor.org/rfc/rfc8017#section-8.2 (RSASSA-PKCS1-v1_5), RFC 8032
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import InboundRequest
from bridge.verify.carried import (
    Carried,
    ListForm,
    carried,
    carry,
    check_age,
    check_form,
    prepare,
)
from bridge.verify.content import Content, TimestampSource
from bridge.verify.jose import KeyUnknown
from bridge.verify.keys import Key, private_key, public_key

#: Whatever a pattern allows, nothing else can stand in a path: no host, no query, no way up.
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_LONGEST_PATH = 200
_KINDS: Mapping[str, type[RSAPublicKey] | type[Ed25519PublicKey]] = {
    "rsa-sha256": RSAPublicKey,
    "ed25519": Ed25519PublicKey,
}


@dataclass(frozen=True, slots=True)
class AsymmetricScheme:
    """How a platform signs, as its mapping file writes it."""

    engine: ClassVar[str] = "asymmetric"

    header: str  #: lower case; holds base64
    algorithm: Literal["rsa-sha256", "ed25519"] = "rsa-sha256"
    list: ListForm | None = None
    content: Content | None = None  #: None: the raw body
    timestamp: TimestampSource | None = None
    tolerance: float | None = None  #: seconds, into the past and into the future
    other_headers: tuple[str, ...] = ()  #: where a signature may stand as well
    key_headers: tuple[str, ...] = ()  #: where a webhook names the paths of its keys
    key_path: str = ""  #: the whole of such a path, as a regular expression

    prefix: ClassVar[str] = ""

    def __post_init__(self) -> None:
        check_form(self)
        if bool(self.key_headers) != bool(self.key_path):
            raise ValueError("key_header and key_path stand together: one of them is missing")
        try:
            re.compile(self.key_path)
        except re.error as error:
            raise ValueError(f"key_path is no regular expression: {error}") from None

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header that a signature may stand in."""
        return (self.header, *self.other_headers)


def key_paths(request: InboundRequest, scheme: AsymmetricScheme) -> tuple[str, ...]:
    """
    Give the paths of the keys that *request* names, on the host that the file names.

    Raises:
        SignatureMissing: It names none.
        SignatureMismatch: One of them is not where the platform's keys are.
    """
    found = []
    for name in scheme.key_headers:
        if not (path := request.headers.get(name, "").strip(" \t")):
            continue
        short = len(path) <= _LONGEST_PATH
        if not (short and _PATH.fullmatch(path) and re.fullmatch(scheme.key_path, path)):
            raise SignatureMismatch(f"header {name!r} is not the path of a key of the platform")
        found.append(path)
    if not found:
        places = " or ".join(repr(name) for name in scheme.key_headers)
        raise SignatureMissing(f"header {places} is missing or empty")
    return tuple(dict.fromkeys(found))


def check(
    request: InboundRequest,
    scheme: AsymmetricScheme,
    keys: Sequence[Key],
    *,
    url: str,
    now: datetime,
) -> None:
    """
    Check the signatures of *request* with every public key.

    Raises:
        SignatureMissing: The header is absent or empty.
        KeyUnknown: There is a signature, and none of the keys made it.
        SignatureMismatch: Everything else.
    """
    found = carried(request, scheme, url)
    kind = _KINDS[scheme.algorithm]
    public = [read for key in keys if isinstance(read := public_key(key), kind)]
    header = f"header {found[0].header!r}"
    if not public:
        raise KeyUnknown(
            f"{header} cannot be checked: of the {len(keys)} known keys none is {_words(scheme)}"
        )
    proven = [one for one in found if _proves(one, public)]
    if not proven:
        raise KeyUnknown(f"{header} was not made with any of {len(public)} keys over this webhook")
    check_age(proven[0], scheme, now)


def wants(scheme: AsymmetricScheme, secret: str) -> str:
    """
    Say what *secret* should be; "" when it is that.

    A private key proves nothing, and is what `sign` signs with.
    """
    if isinstance(public_key(secret), _KINDS[scheme.algorithm]) or private_key(secret):
        return ""
    return f"a public key in PEM, {_words(scheme)}"


def sign(
    body: bytes,
    scheme: AsymmetricScheme,
    keys: Sequence[Key],
    *,
    headers: Mapping[str, str],
    url: str,
    now: datetime,
) -> dict[str, str]:
    """
    Give the headers that the platform would add to *headers*.

    Raises:
        ValueError: There is no private key, or the content wants what is not given.
    """
    prepared = prepare(body, scheme, headers=headers, url=url, now=now)
    for key in keys:
        private = private_key(key)
        if scheme.algorithm == "rsa-sha256" and isinstance(private, RSAPrivateKey):
            made = private.sign(prepared.content, PKCS1v15(), SHA256())
            break
        if scheme.algorithm == "ed25519" and isinstance(private, Ed25519PrivateKey):
            made = private.sign(prepared.content)
            break
    else:
        raise ValueError(
            f"only the platform can sign: no private key for {scheme.algorithm} is given"
        )
    return carry(base64.b64encode(made).decode(), scheme, prepared)


def _words(scheme: AsymmetricScheme) -> str:
    return "RSA of 2048 bits or more" if scheme.algorithm == "rsa-sha256" else "Ed25519"


def _proves(one: Carried, keys: Sequence[RSAPublicKey | Ed25519PublicKey]) -> bool:
    made = [raw for text in one.signatures if (raw := _unbase64(text))]
    return any(_made(raw, one.content, key) for raw in made for key in keys)


def _made(signature: bytes, content: bytes, key: RSAPublicKey | Ed25519PublicKey) -> bool:
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, content, PKCS1v15(), SHA256())
        else:
            key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _unbase64(text: str) -> bytes | None:
    """Decode base64; None unless *text* is the one spelling of what it holds."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data).decode() == text else None
