"""
What the bridge asks of a destination's API operation.

An endpoint is a record of values and pure functions: which model its payload has, how the
request is written, and what an answer means.  Nothing here does I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import simplejson
from pydantic import BaseModel

from bridge.types import Reply, Verdict

Choice = str | int | bool
_encoder = partial(simplejson.JSONEncoder, use_decimal=True, ensure_ascii=False, allow_nan=False)
_READABLE = _encoder()
_CANONICAL = _encoder(sort_keys=True, separators=(",", ":"))
_JSON = frozenset({str, int, bool, Decimal})  #: what a document holds as it is


@dataclass(frozen=True, slots=True)
class Option:
    """What an account may be told beside its credentials, such as the name of a header."""

    about: str  #: one sentence for the documentation
    default: Choice | None = None
    one_of: tuple[str, ...] = ()  #: the only texts it may be
    required: bool = False  #: every account must say it: no default would be right for all
    #: Where it may not be any text: what was wanted of this one, or "" when it is right.
    wrong: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """
    How much one account may ask of an endpoint; the operator may say otherwise.

    Without a figure of the vendor's the number at once alone holds a burst back.  Four is an
    assumption of ours: little enough for a small service, and a few orders a second.
    """

    per_second: float | None = None  #: requests, evenly spread; None: no page gives a figure
    at_once: int = 4  #: requests that wait for an answer at the same moment


@dataclass(frozen=True, slots=True)
class Account:
    """The customer of a destination that a store sends to, and how to reach it."""

    base_url: str
    credentials: Mapping[str, str] = field(repr=False)
    options: Mapping[str, Choice] = field(default_factory=dict)  #: every one that has a value
    token: str = field(default="", repr=False)  #: what its login gave; "" where it needs none


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a destination, ready to be sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """What a login gave: the right to call for some time."""

    text: str = field(repr=False)
    seconds: float  #: how long it is valid from now on


@dataclass(frozen=True, slots=True)
class Login:
    """
    How an account gets the token that its calls carry.

    One token serves all calls of an account until shortly before it expires; an answer of 401
    makes one new one.  The I/O is `bridge.logins`.
    """

    needed: Callable[[Account], bool]
    write: Callable[[Account], Call]
    read: Callable[[Reply], Token | Verdict]  #: the token, or why there is none; never raises


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One API operation of one destination."""

    name: str  #: ``destination.operation``, as mapping files write it
    about: str  #: one sentence for the tables in the documentation
    reference: str  #: URL of the vendor's page
    model: type[BaseModel]  #: the body; its fields are the vendor's, none else is allowed
    base_url: str | None  #: the vendor's documented host; None: the operator must say
    #: Names of what an account must hold; where there are several sets, one of them.
    credentials: tuple[tuple[str, ...], ...]
    identity: Callable[[Mapping[str, Any]], str]  #: the payload's own id: which thing it is about
    personal: bool  #: whether that id may be an e-mail or a document
    write: Callable[[Mapping[str, Any], Account], Call]
    judge: Callable[[Reply], Verdict]  #: what an answer means; never raises
    options: Mapping[str, Option] = field(default_factory=dict)
    #: What is wrong with options that are right one by one: of the names of the account's
    #: credentials and the options with their values, a message by the name of an option.
    together: Callable[[Container[str], Mapping[str, Choice]], Mapping[str, str]] | None = None
    login: Login | None = None  #: where calls carry a token that has to be fetched
    limits: Limits = Limits()
    volatile: frozenset[str] = frozenset()  #: top-level fields that make no two payloads differ
    #: Another call for what the answer refused, where the vendor documents one; else None.
    instead: Callable[[Mapping[str, Any], Account, Reply], Call | None] | None = None


def document(model: BaseModel) -> dict[str, Any]:
    """
    Turn a valid payload into JSON-ready values, fields in the order of the model.

    What nobody set is left out, and so are None and objects without any field: the bridge never
    sends null.  Moments become RFC 3339 text in UTC, dates ISO 8601 text; a Decimal stays one.

    Raises:
        ValueError: A moment has no zone.
    """
    return _filled(model.__dict__, model.model_fields_set)


def _filled(named: Mapping[str, Any], given: Container[str]) -> dict[str, Any]:
    out = {}
    for name, value in named.items():
        if name not in given:
            continue
        if value.__class__ not in _JSON:
            value = _plain(value)
            if value is None or value == {}:
                continue
        out[name] = value
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return document(value)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError("found a moment without a zone, wanted one in UTC")
        return value.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
    if isinstance(value, list | tuple):
        return [one for one in map(_plain, value) if one is not None and one != {}]
    if isinstance(value, dict):
        return _filled(value, value)
    return value.isoformat() if isinstance(value, date) else value


def encode(document: Mapping[str, Any], *, canonical: bool = False) -> bytes:
    """
    Write a payload as JSON: Decimals as exact numbers, nothing escaped that need not be.

    Args:
        document: Text, numbers, booleans, lists and objects; the caller has made dates to text.
        canonical: Sort the names, for a fingerprint.
    """
    encoder = _CANONICAL if canonical else _READABLE
    text: str = encoder.encode(document)
    return text.encode()


def fingerprint(endpoint: Endpoint, document: Mapping[str, Any]) -> bytes:
    """SHA-256 of the payload without what the endpoint declares volatile."""
    lasting = {name: value for name, value in document.items() if name not in endpoint.volatile}
    return hashlib.sha256(encode(lasting, canonical=True)).digest()
