"""
Signatures made with a secret that store and bridge share.

Source: https://www.rfc-editor.org/rfc/rfc2104 (HMAC)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from bridge.errors import SignatureMismatch
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

#: What some platforms write before a key in base64, and what is no part of it.
_KEY_MARK = "whsec_"


@dataclass(frozen=True, slots=True)
class HmacScheme:
    """How a platform signs, as its mapping file writes it."""

    engine: ClassVar[str] = "hmac"

    header: str  #: lower case
    encoding: Literal["hex", "base64", "either"] = "hex"
    hash: Literal["sha1", "sha256", "sha512"] = "sha256"
    key: Literal["utf8", "hex", "base64"] = "utf8"  #: how the secret's text becomes bytes
    prefix: str = ""  #: text before the signature, such as ``sha256=``
    list: ListForm | None = None
    content: Content | None = None  #: None: the raw body
    timestamp: TimestampSource | None = None
    tolerance: float | None = None  #: seconds, into the past and into the future
    other_headers: tuple[str, ...] = ()  #: where a signature may stand as well

    def __post_init__(self) -> None:
        check_form(self)

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header that a signature may stand in."""
        return (self.header, *self.other_headers)


def check(
    request: InboundRequest, scheme: HmacScheme, secrets: Sequence[str], *, url: str, now: datetime
) -> None:
    """
    Check the signatures of *request* against every secret.

    Raises:
        SignatureMissing: The header is absent or empty.
        SignatureMismatch: Everything else.
    """
    found = carried(request, scheme, url)
    keys = [key for secret in secrets if (key := _key(secret, scheme))]
    if not keys:
        raise SignatureMismatch(
            f"header {found[0].header!r} cannot be checked: of the store's {len(secrets)} secrets"
            f" none is usable as {scheme.key}"
        )
    # All are tried, also after a match: the time taken does not tell which secret it was.
    proven = [one for one in found if any([*_matches(one, keys, scheme)])]
    if not proven:
        raise SignatureMismatch(_why(scheme, found[0], len(keys)))
    check_age(proven[0], scheme, now)


def wants(scheme: HmacScheme, secret: str) -> str:
    """Say what *secret* should be; "" when it is that."""
    return "" if _key(secret, scheme) else f"a key as {scheme.key}"


def sign(
    body: bytes,
    scheme: HmacScheme,
    secret: str,
    *,
    headers: Mapping[str, str],
    url: str,
    now: datetime,
) -> dict[str, str]:
    """
    Give the headers that the platform would add to *headers*.

    Raises:
        ValueError: The secret is not usable, or the content wants what is not given.
    """
    key = _key(secret, scheme)
    if not key:
        raise ValueError(f"the secret is not usable as {scheme.key}")
    prepared = prepare(body, scheme, headers=headers, url=url, now=now)
    digest = hmac.digest(key, prepared.content, scheme.hash)
    spelt = base64.b64encode(digest).decode() if scheme.encoding == "base64" else digest.hex()
    return carry(spelt, scheme, prepared)


def _key(secret: str, scheme: HmacScheme) -> bytes | None:
    """Give the key's bytes; None when the text is empty or not of its form."""
    try:
        match scheme.key:
            case "utf8":
                # What the environment could not decode goes back to the bytes it was.
                return secret.encode("utf-8", "surrogateescape")
            case "hex":
                return bytes.fromhex(secret)
            case "base64":
                text = secret.removeprefix(_KEY_MARK).rstrip("=")
                return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return None


def _matches(one: Carried, keys: Sequence[bytes], scheme: HmacScheme) -> Sequence[bool]:
    digests = [hmac.digest(key, one.content, scheme.hash) for key in keys]
    return [_equal(signature, digest, scheme) for digest in digests for signature in one.signatures]


def _equal(signature: str, digest: bytes, scheme: HmacScheme) -> bool:
    """Compare as texts: what is no signature at all is different, and needs no decoding."""
    sent = signature.encode("utf-8", "surrogatepass")
    as_hex = scheme.encoding != "base64" and hmac.compare_digest(
        sent.lower(), digest.hex().encode()
    )
    as_base64 = scheme.encoding != "hex" and hmac.compare_digest(sent, base64.b64encode(digest))
    return as_hex or as_base64


def _why(scheme: HmacScheme, one: Carried, keys: int) -> str:
    size = hashlib.new(scheme.hash).digest_size
    lengths = {"hex": {2 * size}, "base64": {(size + 2) // 3 * 4}}
    fit = lengths.get(scheme.encoding) or lengths["hex"] | lengths["base64"]
    if not any(len(signature) in fit for signature in one.signatures):
        wanted = " or ".join(str(length) for length in sorted(fit))
        spelt = "hex or base64" if scheme.encoding == "either" else scheme.encoding
        return f"header {one.header!r} is no {spelt} {scheme.hash} of {wanted} characters"
    return f"header {one.header!r} matches none of {keys} secrets"
