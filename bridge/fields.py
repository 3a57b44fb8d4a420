"""
The types of the event's fields: what each takes, and how it reads it.

A value is converted by the field that receives it, and only there.  What does not fit is
refused; it never becomes nothing.  Blank text is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from bridge.kinds import (
    BOOLEAN,
    DATE,
    INTEGER,
    LIST,
    MOMENT,
    NUMBER,
    TEXT,
    Kind,
    Refused,
    name_of,
)
from bridge.phones import COUNTRIES

LONGEST_NUMBER = 30  #: digits before the point, and behind it
#: No exponent, no thousands separator.
PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")
TOO_LONG = 10**LONGEST_NUMBER
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))?\s?(Z|z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
#: As most platforms write it; whether there are digits Python asks when it reads it.
_USUAL_MOMENT = re.compile(r"....-..-..T..:..:..(?:\....)?(?:Z|[+-]..:..)")
_ENDS = (1, 9999)  #: the years in which a time may exist at its offset and not in UTC
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_NOT_IN_DOCUMENT = re.compile(r"[^0-9A-Z]")


def read_text(value: Any) -> str | None:
    """Trim text and make runs of white space one space; whole numbers become text."""
    if value.__class__ is str:
        if not value.isascii():
            refuse_lone_surrogates(value)
        return " ".join(value.split()) or None
    return str(value)


def read_email(value: Any) -> str | None:
    """Read an e-mail address: exactly one @, lower case."""
    text = read_text(value)
    if text is None:
        return None
    if not _EMAIL.fullmatch(text):
        raise Refused("found text that is no e-mail address, wanted one with exactly one @")
    return text.lower()


def read_document(value: Any) -> str | None:
    """
    Keep the letters and digits of a document, upper case.

    A CNPJ may contain letters since July 2026, so digits alone are not enough.
    Source: https://www.gov.br/receitafederal/pt-br/assuntos/noticias/2024/outubro/cnpj-tera-letras-e-numeros-a-partir-de-julho-de-2026
    """
    text = read_text(value)
    return (_NOT_IN_DOCUMENT.sub("", text.upper()) or None) if text else None


def read_currency(value: Any) -> str | None:
    """Read an ISO 4217 code: three letters, upper case."""
    text = read_text(value)
    if text is None:
        return None
    if len(text) != 3 or not (text.isascii() and text.isalpha()):
        raise Refused("found text that is no currency, wanted three letters (ISO 4217)")
    return text.upper()


def read_country(value: Any) -> str | None:
    """
    Read a country: two letters (ISO 3166-1), upper case.

    It is only asked for to read a phone number, so one that is not known, such as a name, is
    nothing and not refused: an order without a phone still counts.
    """
    country = value.strip().upper()
    return country if country in COUNTRIES else None


def read_number(value: Any) -> Decimal | None:
    """Read an exact decimal number in plain form: no exponent, no thousands separator."""
    if value.__class__ is str:
        if PLAIN_NUMBER.fullmatch(value):
            return Decimal(value)
        text = value.strip()
        if not text:
            return None
        if PLAIN_NUMBER.fullmatch(text):
            return Decimal(text)
    elif value.__class__ is Decimal:
        if _is_plain(value):
            return value
    elif abs(value) < TOO_LONG:
        return Decimal(value)
    raise Refused(f"found {name_of(value)} that is no plain decimal number, wanted 1234.56")


def _is_plain(number: Decimal) -> bool:
    text = str(number)
    if len(text) <= LONGEST_NUMBER and "E" not in text:
        return number.is_finite()
    if "E" in text:
        # What was written with an exponent that enlarges keeps it; 0E-8 was 0.00000000.
        _, figures, power = number.as_tuple()
        small = isinstance(power, int) and power <= 0 and len(figures) - power < 100
        text = format(number, "f") if small else ""
    return bool(PLAIN_NUMBER.fullmatch(text))


def read_flag(value: Any) -> bool:
    """Take true or false as they are."""
    return bool(value)


def read_moment(value: Any) -> datetime | None:
    """Read ISO 8601 with an offset, as UTC; without an offset it is refused."""
    if value.__class__ is str:
        if _USUAL_MOMENT.fullmatch(value):
            try:
                return datetime.fromisoformat(value).astimezone(UTC)
            except (ValueError, OverflowError):
                pass  # below it is told why
        value = moment_of(value)
    moment: datetime | None = value
    if moment is not None and moment.tzinfo is None:
        raise Refused(
            "found a time without an offset, wanted one; `timestamp(zone)` names a zone",
            "ambiguous",
        )
    return moment.astimezone(UTC) if moment else None


def moment_of(text: str) -> datetime | None:
    """
    Read ISO 8601 date and time in any of the ways that platforms write it.

    Args:
        text: ``T`` or a space between, any number of fraction digits (cut to microseconds),
            ``Z``, ``+00:00``, ``+0000``, ``+00`` or no offset.

    Returns:
        The moment, without a zone where the text has none; None for a zero date.

    Raises:
        Refused: It is neither.
    """
    text = text.strip()
    if not text or text.startswith("0000-00-00"):
        return None
    match = _MOMENT.fullmatch(text)
    if not match:
        raise Refused("found text that is no date and time, wanted 2026-11-21T05:56:05Z")
    try:
        moment = _written(text, match)
        if moment.tzinfo is not None and moment.year in _ENDS:
            moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused("found a date and time that does not exist", "out_of_range") from None
    return moment


def _written(text: str, match: re.Match[str]) -> datetime:
    """Read what fits the pattern; raises `ValueError` when it does not exist."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # it does not exist, or is written in a way that Python does not know
        day, clock, fraction, offset = match.groups()
    if len(clock) == 5:
        clock += ":00"
    read = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}")
    return read if offset is None else read.replace(tzinfo=_zone(offset))


@lru_cache(maxsize=256)
def _zone(offset: str) -> timezone:
    """Read ``Z``, ``+00:00``, ``+0000`` or ``+00``; raises `ValueError` beyond a day."""
    if offset in "Zz":
        return UTC
    digits = offset[1:].replace(":", "").ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-ahead if offset[0] == "-" else ahead)


def read_date(value: Any) -> date | None:
    """Read the day of an ISO 8601 date or date-time; 0000-00-00 is nothing."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = value.strip()
    if not text or text.startswith("0000-00-00"):
        return None
    if len(text) > 10:
        moment = moment_of(text)
        return moment.date() if moment else None
    if not _DATE.fullmatch(text):
        raise Refused("found text that is no date, wanted 1990-12-31")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused("found a date that does not exist", "out_of_range") from None


def read_texts(value: Any) -> list[str] | None:
    """Read every element as text and leave blanks out."""
    texts = []
    for one in value:
        if one is None:
            continue
        if type(one) not in TEXT | INTEGER:
            raise Refused(f"found {name_of(one)} in the list, wanted texts", "wrong_kind")
        if (text := read_text(one)) is not None:
            texts.append(text)
    return texts


def refuse_lone_surrogates(text: str) -> None:
    """Refuse text that JSON can hold and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(
            "found text with half a surrogate pair, which is no Unicode", "not_unicode"
        ) from None


@dataclass(frozen=True, slots=True)
class FieldType:
    """What a field of the event takes, and how it reads it."""

    name: str
    wants: str  #: in words, for messages
    takes: Kind
    gives: Kind
    read: Callable[[Any], Any]


_TEXT = FieldType("text", "text", TEXT | INTEGER, TEXT, read_text)
_NUMBER = FieldType("number", "a number", TEXT | NUMBER, NUMBER, read_number)
_MONEY = FieldType("money", "an amount", TEXT | NUMBER, NUMBER, read_number)
_FLAG = FieldType("flag", "true or false", BOOLEAN, BOOLEAN, read_flag)

Text = Annotated[str | None, _TEXT]
RequiredText = Annotated[str, _TEXT]
Email = Annotated[str | None, FieldType("e-mail", "an e-mail address", TEXT, TEXT, read_email)]
Document = Annotated[
    str | None, FieldType("document", "a document", TEXT | INTEGER, TEXT, read_document)
]
Currency = Annotated[str, FieldType("currency", "a currency", TEXT, TEXT, read_currency)]
Country = Annotated[str | None, FieldType("country", "a country", TEXT, TEXT, read_country)]
Number = Annotated[Decimal | None, _NUMBER]
Money = Annotated[Decimal | None, _MONEY]
Flag = Annotated[bool | None, _FLAG]
MomentType = FieldType("moment", "a moment", TEXT | MOMENT, MOMENT, read_moment)
Moment = Annotated[datetime | None, MomentType]
RequiredMoment = Annotated[datetime, MomentType]
Date = Annotated[date | None, FieldType("date", "a date", TEXT | MOMENT | DATE, DATE, read_date)]
Texts = Annotated[list[str] | None, FieldType("texts", "a list of texts", LIST, LIST, read_texts)]
