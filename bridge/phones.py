"""
Read telephone numbers as people write them, and give them as E.164: `+` and digits.

One number joins one person at a destination, so what is not surely a number is refused.  The
numbers of the world change with every release of `phonenumbers`; nothing of them stands here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import phonenumbers
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneMetadata,
    PhoneNumberFormat,
)

from bridge.kinds import Refused

#: The countries whose numbers can be read, in two capital letters (ISO 3166-1).
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
_WRITTEN = re.compile(r"\+[1-9][0-9]{6,14}")
#: The types of numbers that the library knows, the commonest first.
_TYPES = (
    "mobile", "fixed_line", "toll_free", "premium_rate", "shared_cost", "voip",
    "personal_number", "pager", "uan", "voicemail",
)  # fmt: skip


def e164(text: str, country: str | None) -> str:
    """
    Give a phone number as `+` and digits; an extension is left out.

    Args:
        text: As a person wrote it.
        country: Where it was written, one of `COUNTRIES`; None understands only what begins
            with `+`.

    Raises:
        Refused: It is no number that anybody can have, or may be read in two ways.

    Source: https://www.itu.int/rec/T-REC-E.164
    """
    if _WRITTEN.fullmatch(text) and _is_e164(text):
        return text
    number, plus = _number(text, country), "+" in text
    if number is None and plus:
        raise Refused("no phone number")
    if number is None and country is None:
        raise Refused('it has no + and the store no country: country = "BR" in connections.toml')
    if number is None:
        raise Refused(f"no phone number of {country}")
    letters = text.upper() != text.lower()  # seldom, and seen faster than what they are
    if letters and phonenumbers.is_alpha_number(text):
        # Behind a number without its area code, letters of a note would count as digits.
        raise Refused("the letters in it may be digits or a note, wanted digits alone")
    if not plus:
        digits = phonenumbers.normalize_digits_only(text)
        if digits.startswith("00") and number != _number(f"+{digits[2:]}", None):
            # Two zeros begin what is dialled abroad, but in some countries a carrier's code
            # follows: in Brazil 0055 51 99999-0000 is a number of Peru, and who writes it means
            # Porto Alegre.
            raise Refused(f"what follows 00 is not sure in {country}, wanted + in its place")
    return number


def not_a_country(text: str) -> str:
    """Say what is wrong with a country that a person has set; "" when it is one."""
    if text in COUNTRIES:
        return ""
    if text.upper() in COUNTRIES:
        return f"no country '{text}'; did you mean '{text.upper()}'?"
    return (
        f"no country '{text}', wanted its two letters in ISO 3166-1, such as 'BR' for Brazil or "
        "'GB' for the United Kingdom"
    )


def _number(text: str, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The numbers of one country that shares its calling code, or has it for itself."""

    leading: re.Pattern[str] | None  #: they, and no other country's, begin so
    valid: re.Pattern[str]


def _is_e164(written: str) -> bool:
    """
    Whether ``+`` and digits are a valid number as they stand, as most platforms store it.

    It answers as the library does, of the same patterns, in a tenth of the time; what it denies
    may still be a number that the library understands.
    """
    for end in (2, 3, 4):
        if (code := int(written[1:end])) in COUNTRY_CODE_TO_REGION_CODE:
            prefix, plans = _plans(code)
            number = written[end:]
            if prefix is not None and prefix.match(number):
                return False
            for plan in plans:
                if plan.leading is None:
                    if plan.valid.fullmatch(number):
                        return True
                elif plan.leading.match(number):
                    return plan.valid.fullmatch(number) is not None
            return False
    return False


@cache
def _plans(code: int) -> tuple[re.Pattern[str] | None, tuple[_Plan, ...]]:
    """Give what the library would strip off a number of a calling code, and whose it can be."""
    regions = [PhoneMetadata.metadata_for_region(one) for one in COUNTRY_CODE_TO_REGION_CODE[code]]
    known = [one for one in regions if one is not None]
    prefix = known[0].national_prefix_for_parsing if known else None
    plans = [_Plan(_compiled(one.leading_digits), re.compile(_valid(one))) for one in known]
    return _compiled(prefix), tuple(plans)


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    return re.compile(pattern) if pattern else None


def _valid(region: PhoneMetadata) -> str:
    """Spell the numbers of a region: what holds for all, and what for those of any type."""
    types = "|".join(filter(None, (_described(getattr(region, name)) for name in _TYPES)))
    return f"(?={_described(region.general_desc)}$)(?:{types})"


def _described(numbers: phonenumbers.PhoneNumberDesc | None) -> str:
    if numbers is None or not numbers.national_number_pattern:
        return ""
    lengths = "|".join(f"[0-9]{{{one}}}" for one in numbers.possible_length)
    return f"(?=(?:{lengths})$)(?:{numbers.national_number_pattern})"
