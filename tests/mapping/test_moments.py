"""Times are read in every way that platforms write them, and none is guessed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bridge.kinds import Refused
from bridge.mapping.moments import (
    check_date_pattern,
    check_zone,
    date_,
    rfc2822,
    timestamp,
    unix,
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T05:56:05Z", utc(2026, 11, 21, 5, 56, 5)),
        ("2026-11-21 05:56:05+00", utc(2026, 11, 21, 5, 56, 5)),
        ("2026-11-21T05:56:05.9999999-0330", utc(2026, 11, 21, 9, 26, 5, 999999)),
        ("2026-11-21T05:56:05.5+05:30", utc(2026, 11, 21, 0, 26, 5, 500000)),
    ],
)
def test_iso_8601_is_read_with_any_offset_and_fraction(text, moment):
    assert moment == timestamp(text)


def test_an_offset_in_the_text_goes_before_the_zone():
    assert utc(2026, 11, 21, 5, 56, 5) == timestamp("2026-11-21T05:56:05Z", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-21 12:00:00", utc(2026, 1, 21, 17)),
        ("2026-07-21 12:00:00", utc(2026, 7, 21, 16)),
    ],
)
def test_a_zone_knows_summer_and_winter(text, moment):
    assert moment == timestamp(text, "America/New_York")


@pytest.mark.parametrize("text", ["", " ", "0000-00-00 00:00:00", "0000-00-00T00:00:00Z"])
def test_blank_text_and_the_zero_date_are_nothing(text):
    assert timestamp(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21",
        "21/11/2026 05:56:05",
        "1561479335",
        "2026-02-30T00:00:00",
        "2026-11-21T25:00:00",
    ],
)
def test_what_is_no_date_and_time_is_refused(text):
    with pytest.raises(Refused, match="date and time"):
        timestamp(text, "UTC")


@pytest.mark.parametrize(
    ("text", "zone"),
    [("0001-01-01 00:00:00", "Asia/Tokyo"), ("9999-12-31 23:59:59", "America/New_York")],
)
def test_a_time_that_leaves_the_calendar_in_utc_is_refused(text, zone):
    with pytest.raises(Refused, match="years 1 to 9999"):
        timestamp(text, zone)


@pytest.mark.parametrize(
    "zone", ["", "America", "Brasilia", "../UTC", "/etc/hosts", "a\0b", "x" * 5000, "\ud800"]
)
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(Refused, match="no time zone of that name"):
        timestamp("2026-11-21T05:56:05", zone)


def test_the_zone_of_the_machine_is_no_zone():
    with pytest.raises(Refused, match="no time zone of that name"):
        timestamp("2026-11-21T05:56:05", "localtime")


def test_a_zone_is_checked_with_the_nearest_name():
    assert check_zone("America/Sao_Paulo") is None
    assert check_zone("America/Sao_Paolo") == (
        "no time zone named 'America/Sao_Paolo'; did you mean 'America/Sao_Paulo'?"
    )
    assert check_zone("?") == "no time zone named '?', wanted one such as Europe/Lisbon"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Tue, 20 Nov 2018 00:00:00 +0000", utc(2018, 11, 20)),
        ("tue,20 nov 2018 23:59:59 -0130 (noted)", utc(2018, 11, 21, 1, 29, 59)),
        ("1 Jan 2019 00:00:00 GMT", utc(2019, 1, 1)),
        ("1 Jan 2019 00:00:00 -0000", utc(2019, 1, 1)),
        ("1 Jan 2019 00:00:00 EST", utc(2019, 1, 1, 5)),
    ],
)
def test_dates_of_e_mails_are_read_in_utc(text, moment):
    read = rfc2822(text)

    assert moment == read
    assert read is not None
    assert UTC is read.tzinfo


@pytest.fixture
def _in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine stand in another zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_in_tokyo")
def test_the_zone_of_the_machine_changes_nothing():
    assert utc(2019, 1, 1) == rfc2822("1 Jan 2019 00:00:00 -0000")
    assert utc(1970, 1, 1) == unix(0)
    assert utc(2019, 1, 1) == timestamp("2019-01-01 00:00:00", "UTC")


@pytest.mark.parametrize(
    "text",
    [
        "20 Nov 2018",
        "20 Nov 2018 00:00:00",  # no offset: whose midnight?
        "20 Nov 18 00:00:00 +0000",
        "20 Nov 0018 00:00:00 +0000",
        "20 Nov 2018 00:00:00 BRT",
        "November 20, 2018 00:00:00 GMT",
    ],
)
def test_what_an_e_mail_does_not_write_is_refused(text):
    with pytest.raises(Refused, match="no date of an e-mail"):
        rfc2822(text)


@pytest.mark.parametrize(
    "text",
    [
        "31 Feb 2018 00:00:00 +0000",
        "1 Foo 2018 00:00 GMT",
        "1 Jan 2018 24:01 GMT",
        "1 Jan 2018 00:00 +9999",
    ],
)
def test_a_date_of_an_e_mail_that_does_not_exist_is_refused(text):
    with pytest.raises(Refused, match="does not exist"):
        rfc2822(text)


def test_a_blank_date_is_nothing():
    assert rfc2822(" ") is None
    assert date_("", "DD/MM/YYYY") is None


@pytest.mark.parametrize(
    ("seconds", "moment"),
    [
        (0, utc(1970, 1, 1)),
        (-1, utc(1969, 12, 31, 23, 59, 59)),
        (Decimal("0.0000019"), utc(1970, 1, 1, 0, 0, 0, 1)),
        (253402300799, utc(9999, 12, 31, 23, 59, 59)),
    ],
)
def test_seconds_are_counted_from_1970(seconds, moment):
    assert moment == unix(seconds)


@pytest.mark.parametrize("seconds", [253402300800, -62135596801, 10**39])
def test_seconds_beyond_the_calendar_are_refused(seconds):
    with pytest.raises(Refused, match="not milliseconds"):
        unix(seconds)


@pytest.mark.parametrize(
    ("text", "pattern", "day"),
    [
        ("19901231", "YYYYMMDD", date(1990, 12, 31)),
        ("1990.12.31 00:00", "YYYY.MM.DD", date(1990, 12, 31)),
        (" 12/31/1990", "MM/DD/YYYY", date(1990, 12, 31)),
        ("0000-00-00 00:00:00", "YYYY-MM-DD", None),
    ],
)
def test_a_date_is_read_by_its_pattern(text, pattern, day):
    assert day == date_(text, pattern)


@pytest.mark.parametrize(
    "text", ["1/2/1990", "31/12/90", "31/12/19901", "31-12-1990", "٣١/12/1990"]
)
def test_a_date_that_does_not_follow_its_pattern_is_refused(text):
    with pytest.raises(Refused, match="follow the pattern"):
        date_(text, "DD/MM/YYYY")


def test_a_mark_in_a_pattern_stands_for_itself():
    with pytest.raises(Refused, match="follow the pattern"):
        date_("1990/12/31", "YYYY.MM.DD")


@pytest.mark.parametrize("text", ["31/02/1990", "00/12/1990", "01/01/0000"])
def test_a_date_that_does_not_exist_is_refused(text):
    with pytest.raises(Refused, match="does not exist"):
        date_(text, "DD/MM/YYYY")


@pytest.mark.parametrize(
    "pattern", ["", "DD/MM/YY", "DD/MM", "DD/DD/MM/YYYY", "DD/MM/YYYYTHH", "dd/mm/yyyy"]
)
def test_a_pattern_of_anything_else_is_told(pattern):
    assert "DD, MM and YYYY once each" in (check_date_pattern(pattern) or "")


def test_a_pattern_that_can_be_read_has_nothing_wrong():
    assert check_date_pattern("DD.MM.YYYY") is None
