"""
What the bridge asks of a destination's API operation.

An endpoint is a record of values and pure functions: which model its payload has, how the
request is written, and what an answer means.  Nothing here does I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from bridge import exact
from bridge.python import Source
from bridge.types import Reply, Verdict

Choice = str | int | bool
_JSON = frozenset({str, int, bool, Decimal})  #: what a document holds as it is
_NONE = type(None)


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
    written: dict[str, Any] | None = _writer(model.__class__)(model)
    return written or {}


@cache
def _writer(kind: type) -> Callable[[Any], Any]:
    """Give what makes a JSON-ready value of one of a class; None of what is left out."""
    if issubclass(kind, BaseModel):
        return _model_writer(kind)
    if issubclass(kind, datetime):
        return _moment
    if issubclass(kind, date):
        return kind.isoformat
    if issubclass(kind, list | tuple):
        return _listed
    return _named if issubclass(kind, dict) else _as_it_is


def _model_writer(model: type[BaseModel]) -> Callable[[Any], dict[str, Any] | None]:
    """Write the function of one model: what its fields can hold is known."""
    source = Source({"writer": _writer})
    source.line("named, out = model.__dict__, {}")
    for name, info in model.model_fields.items():
        conditions = [f"(value := named[{name!r}]) is not None"]
        if info.default is not None and not info.is_required():
            conditions.append(f"{name!r} in model.model_fields_set")
        if not _holds_json(info.annotation):
            write = "writer(value.__class__)"
            if (inner := _flat_model(info.annotation)) is not None:
                write = source.value(_writer(inner))
            conditions.append(f"(value := {write}(value)) is not None")
        source.line(f"if {' and '.join(conditions)}: out[{name!r}] = value")
    source.line("return out or None")
    return source.function("model", f"document of {model.__name__}")


def _holds_json(annotation: Any) -> bool:
    """Whether a field holds nothing but what a document holds as it is."""
    if get_origin(annotation) is Literal:
        return all(type(one) in _JSON for one in get_args(annotation))
    if get_origin(annotation) is Annotated:
        return _holds_json(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return all(_holds_json(one) for one in get_args(annotation))
    return annotation in _JSON or annotation is _NONE


def _flat_model(annotation: Any) -> type[BaseModel] | None:
    """Give the model that is all a field holds, if there is none in it again."""
    united = get_origin(annotation) in (Union, UnionType)
    kinds = [one for one in (get_args(annotation) if united else (annotation,)) if one is not _NONE]
    if len(kinds) != 1 or not isinstance(kinds[0], type) or not issubclass(kinds[0], BaseModel):
        return None
    fields = kinds[0].model_fields.values()
    return kinds[0] if all(_holds_json(one.annotation) for one in fields) else None


def _as_it_is(value: Any) -> Any:
    return value


def _moment(moment: datetime) -> str:
    if moment.tzinfo is not UTC:
        if moment.utcoffset() is None:
            raise ValueError("found a moment without a zone, wanted one in UTC")
        moment = moment.astimezone(UTC)
    return f"{moment.replace(tzinfo=None).isoformat()}Z"


def _listed(values: Iterable[Any]) -> list[Any]:
    return [out for one in values if (out := _writer(one.__class__)(one)) is not None]


def _named(values: Mapping[str, Any]) -> dict[str, Any] | None:
    written = {name: _writer(one.__class__)(one) for name, one in values.items()}
    return {name: one for name, one in written.items() if one is not None} or None


def fingerprint(endpoint: Endpoint, document: Mapping[str, Any]) -> bytes:
    """SHA-256 of the payload without what the endpoint declares volatile."""
    lasting = {name: value for name, value in document.items() if name not in endpoint.volatile}
    return hashlib.sha256(exact.canonical(lasting)).digest()
