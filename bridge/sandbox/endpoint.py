"""What one stood-in API operation is: a record of values and functions of values."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: What names a caller: user and password, or a key and a merchant.
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What a vendor answers."""

    status: int
    document: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Shelf:
    """What one endpoint has accepted."""

    accepted: int = 0  #: requests; more than there are objects when some came again
    objects: dict[str, Any] = field(default_factory=dict)  #: the last accepted body of each key
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def put(self, key: str, body: Any) -> bool:
        """Keep *body* in the place of an earlier one; return whether the key is new."""
        new = key not in self.objects
        self.objects[key] = body
        return new

    def number(self, kind: str, key: str) -> int:
        """Give a thing the number that it keeps, as a vendor's database does."""
        return self._numbers.setdefault((kind, key), len(self._numbers) + 1)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of one vendor."""

    name: str  #: ``vendor.operation``
    method: str
    path: str
    schema: Mapping[str, Any]
    authenticate: Callable[[Mapping[str, str]], Pair | None]  #: None: nothing usable was sent
    challenge: Mapping[str, str]  #: headers of a 401
    refuse: Callable[[Any], Told | None]  #: rules beyond the schema; None: there is no objection
    accept: Callable[[Shelf, Any], Told]  #: store the body and answer it
    fail: Callable[[int, str], Any]  #: the document that goes with a status code

    @property
    def vendor(self) -> str:
        """The name that credentials are configured by."""
        return self.name.partition(".")[0]


def basic(headers: Mapping[str, str]) -> Pair | None:
    """
    Read the pair of an ``Authorization: Basic`` header; None unless both parts are there.

    Source: https://www.rfc-editor.org/rfc/rfc7617
    """
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if user and password else None
