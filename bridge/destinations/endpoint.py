"""
What the bridge asks of a destination's API operation.

An endpoint is a record of values and pure functions: which model its payload has, how the
request is written, and what an answer means.  Nothing here does I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import simplejson
from pydantic import BaseModel

from bridge.types import Reply, Verdict


@dataclass(frozen=True, slots=True)
class Account:
    """The customer of a destination that a store sends to, and how to reach it."""

    base_url: str
    credentials: Mapping[str, str] = field(repr=False)
    options: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a destination, ready to be sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One API operation of one destination."""

    name: str  #: ``destination.operation``, as mapping files write it
    about: str  #: one sentence for the tables in the documentation
    reference: str  #: URL of the vendor's page
    model: type[BaseModel]  #: the body; its fields are the vendor's, none else is allowed
    base_url: str | None  #: the vendor's documented host; None: the operator must say
    credentials: tuple[str, ...]  #: names of what an account must hold
    identity: Callable[[Mapping[str, Any]], str]  #: the payload's own id: which thing it is about
    personal: bool  #: whether that id may be an e-mail or a document
    write: Callable[[Mapping[str, Any], Account], Call]
    judge: Callable[[Reply], Verdict]  #: what an answer means; never raises
    volatile: frozenset[str] = frozenset()  #: top-level fields that make no two payloads differ


def encode(document: Mapping[str, Any], *, canonical: bool = False) -> bytes:
    """
    Write a payload as JSON: Decimals as exact numbers, nothing escaped that need not be.

    Args:
        document: Text, numbers, booleans, lists and objects; the caller has made dates to text.
        canonical: Sort the names, for a fingerprint.
    """
    separators = (",", ":") if canonical else None
    text: str = simplejson.dumps(
        document,
        use_decimal=True,
        ensure_ascii=False,
        allow_nan=False,
        sort_keys=canonical,
        separators=separators,
    )
    return text.encode()


def fingerprint(endpoint: Endpoint, document: Mapping[str, Any]) -> bytes:
    """SHA-256 of the payload without what the endpoint declares volatile."""
    lasting = {name: value for name, value in document.items() if name not in endpoint.volatile}
    return hashlib.sha256(encode(lasting, canonical=True)).digest()
