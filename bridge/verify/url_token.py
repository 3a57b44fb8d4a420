"""A token of ours in the address, for platforms that sign nothing: see `bridge.tokens`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from bridge import tokens
from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import InboundRequest


@dataclass(frozen=True, slots=True)
class UrlTokenScheme:
    """Which query parameter of the address holds the token."""

    engine: ClassVar[str] = "url_token"

    query: str = "token"


def check(request: InboundRequest, scheme: UrlTokenScheme, secrets: Sequence[str]) -> None:
    """
    Check that the token in the address was made for this store.

    Raises:
        SignatureMissing: The query parameter is absent or empty.
        SignatureMismatch: It is no token of this store and these secrets.
    """
    token = request.query.get(scheme.query, "")
    if not token:
        raise SignatureMissing(f"query parameter {scheme.query!r} is missing or empty")
    if not tokens.belongs(token, request.store, secrets):
        raise SignatureMismatch(f"query parameter {scheme.query!r} is no token of this store")
