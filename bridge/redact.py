"""
What may appear in logs and reasons.

Our own messages hold no values.  What comes from outside, such as a destination's message or
the text of an exception, goes through here first.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

_MARK = "…"
_PERSONAL = re.compile(
    r"[^\s@\"'<>]+@[^\s@\"'<>]+"  # an e-mail address
    r"|\"[^\"]*\"|'[^']*'"  # whatever is quoted is probably what somebody typed
    r"|\+?\d[\d\s().-]{3,}\d|\d{4,}"  # a telephone number, a document, an id
)
_LONGEST = 200


def redact(text: str) -> str:
    """
    Take out what may be a person's: addresses, quoted text, long runs of digits.

    Returns:
        At most 200 characters in one line.
    """
    plain = _PERSONAL.sub(_MARK, " ".join(text.split()))
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}{_MARK}"


def redact_line(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Drop an exception's text from a log line, and keep its type and where it was raised."""
    error = line.pop("exc_info", None)
    if isinstance(error, BaseException):
        line["error"] = type(error).__name__
        line["raised"] = _places(error)
    return line


def _places(error: BaseException) -> list[str]:
    places, traceback = [], error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = traceback.tb_frame.f_globals.get("__name__", "")
        places.append(f"{module}:{code.co_name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return places[-8:]
