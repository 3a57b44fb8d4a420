"""
A JWS without its payload in a header: the body itself is signed with a private key.

Source: https://www.rfc-editor.org/rfc/rfc7797 (unencoded payload), and RFC 7515, appendix F
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from bridge import compact
from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import InboundRequest
from bridge.verify.jose import check_algorithms, check_signature, json_object, make_signature
from bridge.verify.keys import Key

_DETACHED = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class JwsDetachedScheme:
    """Which header holds the JWS, and which algorithms are accepted."""

    engine: ClassVar[str] = "jws_detached"

    header: str  #: lower case
    algorithms: tuple[str, ...] = ("RS256",)

    def __post_init__(self) -> None:
        check_algorithms(self.algorithms)


def check(request: InboundRequest, scheme: JwsDetachedScheme, keys: Sequence[Key]) -> None:
    """
    Check the signature of *request* with the public *keys*.

    Raises:
        SignatureMissing: The header is absent or empty.
        KeyUnknown: The form is right and no key fits.
        SignatureMismatch: Everything else.
    """
    sent = request.headers.get(scheme.header, "").strip(" \t")
    if not sent:
        raise SignatureMissing(f"header {scheme.header!r} is missing or empty")
    place = f"header {scheme.header!r}"
    parts = _DETACHED.fullmatch(sent)
    signature = compact.decode(parts[2]) if parts else None
    if not parts or not signature:
        raise SignatureMismatch(f"{place} is not header..signature, both base64url")
    head = json_object(compact.decode(parts[1]))
    if head is None:
        raise SignatureMismatch(f"{place} does not begin with a JSON object in base64url")
    if head.get("b64") is not False or head.get("crit") != ["b64"]:
        raise SignatureMismatch(f'{place} wants "b64": false and "crit": ["b64"]')
    message = parts[1].encode() + b"." + request.body
    check_signature(head, message, signature, keys, scheme.algorithms, place)


def sign(body: bytes, scheme: JwsDetachedScheme, keys: Sequence[Key]) -> dict[str, str]:
    """
    Give the header that the platform would add.

    Raises:
        ValueError: There is no private key among *keys*.
    """
    algorithm = scheme.algorithms[0]
    head = {"alg": algorithm, "b64": False, "crit": ["b64"], "typ": "JWT"}
    named = next((key for key in keys if isinstance(key, Mapping) and "d" in key), {})
    if "kid" in named:
        head["kid"] = named["kid"]
    protected = compact.encode(json.dumps(head, separators=(",", ":")).encode())
    signature = make_signature(protected.encode() + b"." + body, algorithm, keys)
    return {scheme.header: f"{protected}..{compact.encode(signature)}"}
