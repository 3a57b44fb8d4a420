"""What one stood-in API operation is: a record of values and functions of values."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.sandbox.check import Flaw
from bridge.sandbox.tokens import Tokens

#: What a caller proves itself with, by the names that connections.toml has for it.
Account = Mapping[str, str]
#: The accounts of one vendor that are accepted; None: any that is complete.
Accounts = Collection[Account] | None
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Came:
    """A request, read as far as it can be."""

    path: str
    query: str  #: as it was written
    headers: Headers  #: names in lower case; repeated ones joined by a comma
    text: str
    document: Any
    problem: str | None  #: why there is no document
    at: datetime
    #: Of the things that it is about, those that an earlier request is still working on.
    busy: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """What a vendor answers."""

    status: int
    document: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Shelf:
    """What one endpoint has accepted."""

    accepted: int = 0  #: bodies; more than there are objects when some came again
    objects: dict[str, Any] = field(default_factory=dict)  #: the last of each key
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _busy: set[Any] = field(default_factory=set)

    def put(self, key: str, body: Any) -> bool:
        """Keep *body* in the place of an earlier one; return whether the key is new."""
        new = key not in self.objects
        self.objects[key] = body
        self.accepted += 1
        return new

    def number(self, kind: str, key: str) -> int:
        """Give a thing the number that it keeps, as a vendor's database does."""
        return self._numbers.setdefault((kind, key), len(self._numbers) + 1)

    @contextmanager
    def working(self, things: frozenset[Any]) -> Iterator[frozenset[Any]]:
        """Work on *things*, but for those that another request works on: they are given."""
        busy = things & self._busy
        self._busy |= things
        try:
            yield busy
        finally:
            self._busy -= things - busy


def _nothing(_: Any) -> Any:
    return None


def _no_things(_: Any) -> frozenset[Any]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of one vendor, set up with the accounts that it accepts."""

    name: str  #: ``vendor.operation``
    method: str
    paths: tuple[str, ...]  #: every one of them is served
    schema: Mapping[str, Any]
    proves: Callable[[Headers], bool]  #: whether the caller is known
    challenge: Mapping[str, str]  #: headers of a 401
    accept: Callable[[Shelf, Came], Told]  #: store the body and answer it
    fail: Callable[[int, Sequence[Flaw]], Any]  #: the document of a status, and what is wrong
    #: Rules beyond the schema; None: there is no objection.
    refuse: Callable[[Came], Told | None] = _nothing
    #: What a body is about, where the vendor works on each one thing at a time.
    things: Callable[[Any], frozenset[Any]] = _no_things
    untyped: int = 400  #: the status for a body that is not declared as JSON
    secret: bool = False  #: whether the body is a credential, which is never shown


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor: whom it knows callers by, and what it offers them."""

    name: str
    #: Names of what an account holds; where there are several sets, one of them.
    credentials: tuple[tuple[str, ...], ...]
    endpoints: Callable[[Accounts, Tokens], tuple[Endpoint, ...]]


def knows(sent: Account | None, accounts: Accounts) -> bool:
    """
    Say whether one of the accounts is the caller's.

    Args:
        sent: What the caller has sent of an account; None when that is not enough.
        accounts: Those that are accepted.
    """
    if sent is None or accounts is None:
        return sent is not None
    # Every account is tried even after a match, so that the time taken tells nothing.
    matches = [_holds(account, sent) for account in accounts]
    return any(matches)


def _holds(account: Account, sent: Account) -> bool:
    matches = [_same(value, account.get(name, "")) for name, value in sent.items()]
    return all(matches)


def _same(one: str, other: str) -> bool:
    # JSON lets half a surrogate pair through, which UTF-8 does not.
    return hmac.compare_digest(*(text.encode(errors="surrogatepass") for text in (one, other)))


def basic(headers: Headers, user: str, password: str) -> Account | None:
    """
    Read an ``Authorization: Basic`` header; None unless both of its parts are there.

    Args:
        headers: Of the request.
        user: What the account calls the part before the colon.
        password: What it calls the part after it.

    Source: https://www.rfc-editor.org/rfc/rfc7617
    """
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        before, _, after = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return {user: before, password: after} if before and after else None
