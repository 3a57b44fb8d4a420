"""
The compact form of a signed token: three texts in base64url, joined by dots.

Source: https://www.rfc-editor.org/rfc/rfc7515#section-3.1
"""

from __future__ import annotations

import base64
import re

_PARTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
#: What may stand around a token that is a whole body.
_AROUND = " \t\r\n\"'"


def parts(text: str) -> tuple[str, str, str] | None:
    """Give header, payload and signature as they are written; None when *text* is no token."""
    found = _PARTS.fullmatch(text.strip(_AROUND))
    return (found[1], found[2], found[3]) if found else None


def encode(data: bytes) -> str:
    """Write base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes | None:
    """Read base64url; None unless *text* is the one spelling of what it holds."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return data if encode(data) == text else None
