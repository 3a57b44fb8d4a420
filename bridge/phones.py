"""
Read telephone numbers as people write them, and give them as E.164: `+` and digits.

One number joins one person at a destination, so what is not surely a number is refused.  The
numbers of the world change with every release of `phonenumbers`; nothing of them stands here.
"""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from bridge.kinds import Refused

#: The countries whose numbers can be read, in two capital letters (ISO 3166-1).
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)


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
