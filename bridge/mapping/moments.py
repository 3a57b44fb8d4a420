"""Functions of dates and times.  What they give is in UTC; nothing here reads a clock."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from bridge.fields import moment_of
from bridge.kinds import Refused
from bridge.mapping.amounts import exact
from bridge.mapping.functions import Example, function

_MAIL_DATE = re.compile(
    r"([a-z]{3},\s*)?[0-9]{1,2}\s+[a-z]{3}\s+[1-9][0-9]{3}\s+[0-9]{2}:[0-9]{2}(:[0-9]{2})?"
    r"\s+([+-][0-9]{4}|gmt|utc?|[ecmp][sd]t)(\s+\([^()]*\))?",
    re.ASCII | re.IGNORECASE,
)
_DATE_PART = re.compile("DD|MM|YYYY")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: So many milliseconds end in January 1970, and so many seconds in the lifetime of online shops.
_SURELY_SECONDS = 2_500_000_000


@function(
    Example(
        "2024-08-26T12:15:08.3594140+00:00",
        returns=datetime(2024, 8, 26, 12, 15, 8, 359414, UTC),
    ),
    Example("2026-11-21T05:56:05", ("UTC",), datetime(2026, 11, 21, 5, 56, 5, tzinfo=UTC)),
    Example("2026-11-21 05:56:05-0300", returns=datetime(2026, 11, 21, 8, 56, 5, tzinfo=UTC)),
    Example(
        "2026-01-21 05:56:05",
        ("America/New_York",),
        datetime(2026, 1, 21, 10, 56, 5, tzinfo=UTC),
    ),
    Example("0000-00-00 00:00:00", ("UTC",)),
    Example("2026-11-21T05:56:05", refused="without an offset"),
    Example("2026-11-21", ("UTC",), refused="no date and time"),
    Example("2026-11-21T05:56:05", ("Sao Paulo",), refused="no time zone of that name"),
)
def timestamp(value: str, zone: str | None = None) -> datetime | None:
    """Read an ISO 8601 date and time; the zone is for one that is written without an offset."""
    moment = moment_of(value)
    if moment is not None and moment.tzinfo is None:
        if zone is None:
            raise Refused(
                "found a time without an offset, wanted one, or a zone: timestamp('UTC')",
                "ambiguous",
            )
        moment = moment.replace(tzinfo=_zone(zone))
    return None if moment is None else _utc(moment)


@function(
    Example("Tue, 20 Nov 2018 00:00:00 +0000", returns=datetime(2018, 11, 20, tzinfo=UTC)),
    Example("20 Nov 2018 00:00 -0300", returns=datetime(2018, 11, 20, 3, tzinfo=UTC)),
    Example("2018-11-20", refused="no date of an e-mail"),
)
def rfc2822(value: str) -> datetime | None:
    """
    Read a date and time as e-mail headers write it.

    Source: https://www.rfc-editor.org/rfc/rfc2822#section-3.3
    """
    text = value.strip()
    if not text:
        return None
    if not _MAIL_DATE.fullmatch(text):
        raise Refused(
            "found text that is no date of an e-mail, wanted Tue, 20 Nov 2018 00:00:00 +0000"
        )
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        raise Refused("found a date and time that does not exist", "out_of_range") from None
    # -0000 says UTC at an unknown place, and comes without a zone.
    return _utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@function(
    Example(1561479335, returns=datetime(2019, 6, 25, 16, 15, 35, tzinfo=UTC)),
    Example(
        Decimal("1561479335.25"), returns=datetime(2019, 6, 25, 16, 15, 35, 250000, tzinfo=UTC)
    ),
    Example("x", refused="wanted a number"),
    Example(1561479335000, refused="milliseconds"),
)
def unix(value: int | Decimal) -> datetime:
    """Read seconds since the beginning of 1970."""
    try:
        return _since_1970(exact(value), 1_000_000)
    except OverflowError:
        raise Refused(
            "found a number of seconds outside the years 1 to 9999, wanted seconds since 1970, "
            "not milliseconds",
            "out_of_range",
        ) from None


@function(
    Example(1561479335250, returns=datetime(2019, 6, 25, 16, 15, 35, 250000, tzinfo=UTC)),
    Example(0, returns=_EPOCH),
    Example(1561479335, refused="not seconds"),
    Example(10**18, refused="outside the years"),
    Example("x", refused="wanted a number"),
)
def unix_ms(value: int | Decimal) -> datetime:
    """Read milliseconds since the beginning of 1970."""
    number = exact(value)
    if number and abs(number) < _SURELY_SECONDS:
        raise Refused(
            "found a moment in January 1970, wanted milliseconds since then, not seconds",
            "out_of_range",
        )
    try:
        return _since_1970(number, 1_000)
    except OverflowError:
        raise Refused(
            "found a number of milliseconds outside the years 1 to 9999", "out_of_range"
        ) from None


@function(
    Example("31/12/1990", ("DD/MM/YYYY",), date(1990, 12, 31)),
    Example("12-31-1990T00:00:00", ("MM-DD-YYYY",), date(1990, 12, 31)),
    Example("00/00/0000", ("DD/MM/YYYY",)),
    Example("12/31/1990", ("DD/MM/YYYY",), refused="does not exist"),
    Example("31.12.1990", ("DD/MM/YYYY",), refused="does not follow the pattern"),
    Example("31/12/90", ("DD/MM/YY",), refused="once each"),
)
def date_(value: str, pattern: str) -> date | None:
    """Read a date by a pattern of DD, MM and YYYY; what follows it is left alone."""
    wanted = _date_pattern(pattern)
    text = value.strip()
    if not text:
        return None
    match = wanted.match(text)
    if not match:
        raise Refused("found text that does not follow the pattern, wanted one that does")
    year, month, day = (int(match[part]) for part in ("YYYY", "MM", "DD"))
    if year == month == day == 0:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        raise Refused(
            "found a date that does not exist; are day and month in order?", "out_of_range"
        ) from None


@function(
    Example(date(1990, 12, 31), returns=datetime(1990, 12, 31, tzinfo=UTC)),
    Example("1990-12-31", refused="wanted a date"),
)
def midnight(value: date) -> datetime:
    """Give the moment at which a day begins in UTC, for fields that want a time too."""
    return datetime(value.year, value.month, value.day, tzinfo=UTC)


def check_zone(name: str) -> str | None:
    """Say what is wrong with the name of a time zone that a file or a store holds."""
    try:
        _zone(name)
    except Refused:
        close = get_close_matches(name, available_timezones(), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ", wanted one such as Europe/Lisbon"
        return f"no time zone named '{name}'{hint}"
    return None


def check_date_pattern(pattern: str) -> str | None:
    """Say what is wrong with a date's pattern that a file or a store holds."""
    try:
        _date_pattern(pattern)
    except Refused as refused:
        return str(refused)
    return None


def _zone(name: str) -> ZoneInfo:
    try:
        if name != "localtime":  # the machine's own, which a mapping must not depend on
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    raise Refused(
        "found no time zone of that name, wanted one such as America/Sao_Paulo", "not_allowed"
    )


def _since_1970(number: Decimal, microseconds: int) -> datetime:
    above, below = number.as_integer_ratio()
    return _EPOCH + timedelta(microseconds=above * microseconds // below)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Refused("found a time outside the years 1 to 9999", "out_of_range") from None


@lru_cache(maxsize=64)
def _date_pattern(pattern: str) -> re.Pattern[str]:
    marks = "".join(_DATE_PART.split(pattern))
    if sorted(_DATE_PART.findall(pattern)) != ["DD", "MM", "YYYY"] or any(map(str.isalnum, marks)):
        raise Refused("found another pattern, wanted DD, MM and YYYY once each, as in DD/MM/YYYY")
    parts = _DATE_PART.sub(
        lambda part: f"(?P<{part[0]}>[0-9]{{{len(part[0])}}})", re.escape(pattern)
    )
    return re.compile(f"{parts}(?![0-9])")
