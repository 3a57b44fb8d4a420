"""
Signatures made with a secret that store and bridge share.

Source: https://www.rfc-editor.org/rfc/rfc2104 (HMAC)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import InboundRequest
from bridge.verify.content import (
    Content,
    Given,
    Header,
    JsonPath,
    SigField,
    TimestampSource,
    covers_body,
    render,
    take,
)

#: What some platforms write before a key in base64, and what is no part of it.
_KEY_MARK = "whsec_"
_WHOLE_NUMBER = re.compile(rb"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class ListForm:
    """Several signatures in one header, such as ``t=1,v1=ab,v1=cd``; one must match."""

    item: str = ","  #: between two items
    field: str = "="  #: between an item's name and its value
    name: str = "v1"  #: the items that are signatures; others are skipped

    def __post_init__(self) -> None:
        if not (self.item and self.field and self.name) or self.item == self.field:
            raise ValueError("a list wants an item, another field and a name, none of them empty")


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

    def __post_init__(self) -> None:
        if (self.timestamp is None) != (self.tolerance is None):
            raise ValueError("a timestamp and a tolerance stand together: one of them is missing")
        if self.tolerance is not None and not 0 < self.tolerance < float("inf"):
            raise ValueError(f"the tolerance is {self.tolerance:g} s and must be more than 0")
        part = self.timestamp.part if self.timestamp else None
        signed = self.content or ()
        in_body = isinstance(part, JsonPath) and covers_body(self.content)
        if part and part not in signed and not in_body:
            raise ValueError("the timestamp is not in the content: anyone could renew it")
        if self.list is None and any(isinstance(one, SigField) for one in (part, *signed)):
            raise ValueError("signature.NAME wants a list: without it the header has no fields")


def check(
    request: InboundRequest, scheme: HmacScheme, secrets: Sequence[str], *, url: str, now: datetime
) -> None:
    """
    Check the signature of *request* against every secret.

    Raises:
        SignatureMissing: The header is absent or empty.
        SignatureMismatch: Everything else.
    """
    sent = request.headers.get(scheme.header, "").strip(" \t")
    if not sent:
        raise SignatureMissing(f"header {scheme.header!r} is missing or empty")
    fields, signatures = _read(sent, scheme)
    given = Given(request.body, request.headers, fields, url)
    try:
        content = render(scheme.content, given)
        stamp = take(scheme.timestamp.part, given) if scheme.timestamp else b""
    except LookupError as error:
        raise SignatureMismatch(f"header {scheme.header!r} cannot be checked: {error}") from None
    keys = [key for secret in secrets if (key := _key(secret, scheme))]
    if not keys:
        raise SignatureMismatch(
            f"header {scheme.header!r} cannot be checked: of the store's {len(secrets)} secrets"
            f" none is usable as {scheme.key}"
        )
    # All are tried, also after a match: the time taken does not tell which secret it was.
    matches = [
        _equal(signature, hmac.digest(key, content, scheme.hash), scheme)
        for key in keys
        for signature in signatures
    ]
    if not any(matches):
        raise SignatureMismatch(_why(scheme, signatures, len(keys)))
    if scheme.timestamp and scheme.tolerance:
        _check_age(stamp, scheme.timestamp, scheme.tolerance, now)


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
    added: dict[str, str] = {}
    fields: list[tuple[str, str]] = []
    if scheme.timestamp:
        stamp = str(int(now.timestamp() * (1000 if scheme.timestamp.unit == "ms" else 1)))
        match scheme.timestamp.part:
            case Header(name) if name not in headers:
                added[name] = stamp
            case SigField(name):
                fields.append((name, stamp))
    try:
        content = render(scheme.content, Given(body, {**headers, **added}, fields, url))
    except LookupError as error:
        raise ValueError(f"cannot sign for {scheme.header!r}: {error}") from None
    digest = hmac.digest(key, content, scheme.hash)
    spelt = base64.b64encode(digest).decode() if scheme.encoding == "base64" else digest.hex()
    value = scheme.prefix + spelt
    if form := scheme.list:
        value = form.item.join(f"{n}{form.field}{v}" for n, v in [*fields, (form.name, value)])
    return {**added, scheme.header: value}


def _read(sent: str, scheme: HmacScheme) -> tuple[list[tuple[str, str]], list[str]]:
    """Take the header apart into its fields and those of them that are signatures."""
    form = scheme.list
    if form:
        split = [item.strip(" \t").partition(form.field) for item in sent.split(form.item)]
        fields = [(name, value) for name, mark, value in split if mark]
        wanted = [value for name, value in fields if name == form.name]
    else:
        fields, wanted = [], [sent]
    found = [one.removeprefix(scheme.prefix) for one in wanted if one.startswith(scheme.prefix)]
    if not any(found):
        before = f"{form.name}{form.field}{scheme.prefix}" if form else scheme.prefix
        raise SignatureMismatch(f"header {scheme.header!r} holds no signature behind {before!r}")
    # No signature has a comma: it is where the server joined two headers of that name.
    if any("," in value for value in [*found, *(value for _, value in fields)]):
        raise SignatureMismatch(f"header {scheme.header!r} was sent more than once")
    return fields, found


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


def _equal(signature: str, digest: bytes, scheme: HmacScheme) -> bool:
    """Compare as texts: what is no signature at all is different, and needs no decoding."""
    sent = signature.encode("utf-8", "surrogatepass")
    as_hex = hmac.compare_digest(sent.lower(), digest.hex().encode())
    as_base64 = hmac.compare_digest(sent, base64.b64encode(digest))
    return (as_hex and scheme.encoding != "base64") or (as_base64 and scheme.encoding != "hex")


def _why(scheme: HmacScheme, signatures: Sequence[str], keys: int) -> str:
    size = hashlib.new(scheme.hash).digest_size
    lengths = {"hex": {2 * size}, "base64": {(size + 2) // 3 * 4}}
    fit = lengths.get(scheme.encoding) or lengths["hex"] | lengths["base64"]
    if not any(len(signature) in fit for signature in signatures):
        wanted = " or ".join(str(length) for length in sorted(fit))
        spelt = "hex or base64" if scheme.encoding == "either" else scheme.encoding
        return f"header {scheme.header!r} is no {spelt} {scheme.hash} of {wanted} characters"
    return f"header {scheme.header!r} matches none of {keys} secrets"


def _check_age(stamp: bytes, source: TimestampSource, tolerance: float, now: datetime) -> None:
    where = source.part.names[-1] if isinstance(source.part, JsonPath) else source.part.name
    if not _WHOLE_NUMBER.fullmatch(stamp):
        raise SignatureMismatch(
            f"the timestamp in {where!r} is not a whole number of {source.unit}"
        )
    age = now.timestamp() - int(stamp) / (1000 if source.unit == "ms" else 1)
    if abs(age) > tolerance:
        place = "in the past" if age > 0 else "in the future"
        raise SignatureMismatch(
            f"the timestamp in {where!r} is {abs(age):.0f} s {place}; {tolerance:g} s are allowed."
            " Is a clock wrong?"
        )
