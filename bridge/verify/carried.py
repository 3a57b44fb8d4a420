"""
What a header carries: signatures, alone or in a list, and what each of them is made over.

Which key made them is for the engines to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import InboundRequest
from bridge.verify.content import (
    Content,
    Given,
    Header,
    JsonPath,
    QueryValue,
    SigField,
    TimestampSource,
    Whole,
    covers_body,
    render,
    take,
)

#: Signatures in one header.  A platform that changes its key sends two; each costs a comparison.
_MOST = 16
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


class Carrying(Protocol):
    """The part of a scheme that says where its signatures are and what they are made over."""

    @property
    def headers(self) -> tuple[str, ...]:
        """Names in lower case; a signature in any of them may prove the webhook."""

    @property
    def prefix(self) -> str:
        """Text before each signature, such as ``sha256=``."""

    @property
    def list(self) -> ListForm | None:
        """How several signatures stand in one header; None: there is one."""

    @property
    def content(self) -> Content | None:
        """What is signed; None: the raw body."""

    @property
    def timestamp(self) -> TimestampSource | None:
        """Where the moment of signing is."""

    @property
    def tolerance(self) -> float | None:
        """Seconds, into the past and into the future."""


@dataclass(frozen=True, slots=True)
class Carried:
    """The signatures in one header, and the bytes that they should be made over."""

    header: str
    signatures: Sequence[str] = field(repr=False)
    content: bytes = field(repr=False)
    stamp: bytes = field(repr=False)


def check_form(scheme: Carrying) -> None:
    """
    Refuse a scheme that contradicts itself.

    Raises:
        ValueError: In what.
    """
    if not scheme.headers:
        raise ValueError("a signature wants a header to stand in")
    if (scheme.timestamp is None) != (scheme.tolerance is None):
        raise ValueError("a timestamp and a tolerance stand together: one of them is missing")
    if scheme.tolerance is not None and not 0 < scheme.tolerance < float("inf"):
        raise ValueError(f"the tolerance is {scheme.tolerance:g} s and must be more than 0")
    part = scheme.timestamp.part if scheme.timestamp else None
    signed = scheme.content or ()
    in_body = isinstance(part, JsonPath) and covers_body(scheme.content)
    in_query = isinstance(part, QueryValue) and Whole.QUERY in signed
    if part and part not in signed and not in_body and not in_query:
        raise ValueError("the timestamp is not in the content: anyone could renew it")
    if scheme.list is None and any(isinstance(one, SigField) for one in (part, *signed)):
        raise ValueError("signature.NAME wants a list: without it the header has no fields")


def carried(request: InboundRequest, scheme: Carrying, url: str) -> list[Carried]:
    """
    Take the signatures of *request* from every header that has some.

    Raises:
        SignatureMissing: None of the headers is there.
        SignatureMismatch: No header holds a signature that could be checked.
    """
    found: list[Carried] = []
    unreadable: SignatureMismatch | None = None
    for name, sent in _sent(request, scheme.headers):
        try:
            found.append(_carried(request, scheme, name, sent, url))
        except SignatureMismatch as error:
            unreadable = unreadable or error
    if not found and unreadable is not None:
        raise unreadable
    if not found:
        places = " or ".join(repr(name) for name in scheme.headers)
        raise SignatureMissing(f"header {places} is missing or empty")
    return found


def check_age(one: Carried, scheme: Carrying, now: datetime) -> None:
    """
    Refuse a signature that was made too long ago, or in the future.

    Raises:
        SignatureMismatch: By how much, or that the timestamp is none.
    """
    source, tolerance = scheme.timestamp, scheme.tolerance
    if source is None or tolerance is None:
        return
    where = source.part.names[-1] if isinstance(source.part, JsonPath) else source.part.name
    if not _WHOLE_NUMBER.fullmatch(one.stamp):
        raise SignatureMismatch(
            f"the timestamp in {where!r} is not a whole number of {source.unit}"
        )
    age = now.timestamp() - int(one.stamp) / (1000 if source.unit == "ms" else 1)
    if abs(age) > tolerance:
        place = "in the past" if age > 0 else "in the future"
        raise SignatureMismatch(
            f"the timestamp in {where!r} is {abs(age):.0f} s {place}; {tolerance:g} s are allowed."
            " Is a clock wrong?"
        )


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What a platform prepares before it signs."""

    content: bytes = field(repr=False)
    added: Mapping[str, str] = field(repr=False)  #: headers that are signed and were not given
    fields: Sequence[tuple[str, str]] = field(repr=False)  #: of the signature header


def prepare(
    body: bytes, scheme: Carrying, *, headers: Mapping[str, str], url: str, now: datetime
) -> Unsigned:
    """
    Put together what is signed, with the timestamp that a platform would add.

    Raises:
        ValueError: The content wants what is not given.
    """
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
        raise ValueError(f"cannot sign for {scheme.headers[0]!r}: {error}") from None
    return Unsigned(content, added, fields)


def carry(signature: str, scheme: Carrying, prepared: Unsigned) -> dict[str, str]:
    """Give the headers that a platform would add, with *signature* in its place."""
    value = scheme.prefix + signature
    if form := scheme.list:
        items = [*prepared.fields, (form.name, value)]
        value = form.item.join(f"{name}{form.field}{one}" for name, one in items)
    return {**prepared.added, scheme.headers[0]: value}


def _sent(request: InboundRequest, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if sent := request.headers.get(name, "").strip(" \t"):
            yield name, sent


def _carried(request: InboundRequest, scheme: Carrying, name: str, sent: str, url: str) -> Carried:
    fields, signatures = _read(sent, name, scheme)
    given = Given(request.body, request.headers, fields, url, request.query, request.raw_query)
    try:
        content = render(scheme.content, given)
        stamp = take(scheme.timestamp.part, given) if scheme.timestamp else b""
    except LookupError as error:
        raise SignatureMismatch(f"header {name!r} cannot be checked: {error}") from None
    return Carried(name, signatures, content, stamp)


def _read(sent: str, header: str, scheme: Carrying) -> tuple[list[tuple[str, str]], list[str]]:
    """Take a header apart into its fields and those of them that are signatures."""
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
        raise SignatureMismatch(f"header {header!r} holds no signature behind {before!r}")
    if len(found) > _MOST:
        raise SignatureMismatch(f"header {header!r} holds more than {_MOST} signatures")
    # No signature has a comma: it is where the server joined two headers of that name.
    if any("," in value for value in [*found, *(value for _, value in fields)]):
        raise SignatureMismatch(f"header {header!r} was sent more than once")
    return fields, found
