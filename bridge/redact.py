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
_QUOTED = re.compile(
    r'".*?(?:"|$)|“.*?(?:”|$)|«.*?(?:»|$)|`.*?(?:`|$)'
    # An apostrophe inside a word neither opens nor closes a quotation.
    r"|(?<!\w)['‘].*?(?:['’](?!\w)|$)"
)
#: Four digits or more, also when written in groups: documents, telephones, postal codes.
_DIGITS = re.compile(r"\+?\d(?:[\s.,()/+-]{0,2}\d){3,}")
_LONGEST = 200


def redact(text: str) -> str:
    """
    Keep the words of *text*: no e-mail address, quotation, long number or control character.

    Returns:
        At most 200 characters in one line.
    """
    words = "".join(one if one.isprintable() else " " for one in text).split()
    words = _QUOTED.sub(_MARK, " ".join(words)).split(" ")
    plain = _DIGITS.sub(_MARK, " ".join(_MARK if "@" in word else word for word in words))
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + _MARK


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
