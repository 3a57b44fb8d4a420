"""
Read how long an answer asks to wait.

Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_SECONDS = re.compile("[0-9]{1,9}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """
    Read how many seconds to wait; None when the answer does not say.

    There is no clock here: a date is measured from the answer's own Date, and without one it
    tells nothing.

    Args:
        headers: Names in lower case.
    """
    asked = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(asked):
        return float(asked)
    try:
        until, now = parsedate_to_datetime(asked), parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    until, now = (at if at.tzinfo else at.replace(tzinfo=UTC) for at in (until, now))
    return max(0.0, (until - now).total_seconds())
