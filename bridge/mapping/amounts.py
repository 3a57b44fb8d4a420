"""
Functions of numbers and money.  Everything is exact: there is no float, and nothing is rounded.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Any

from bridge.currency import exponent
from bridge.fields import read_currency
from bridge.kinds import NUMBER, TEXT, Refused, name_of
from bridge.mapping.functions import Example, function
from bridge.mapping.walk import blank

LONGEST = 40  #: digits of a number
_EXACT = Context(prec=200)  # sums of the longest numbers stay exact
_ZERO = Decimal(0)
_ADDABLE = TEXT | NUMBER
_SHORT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")  #: and no minus zero
_PLAIN = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


@function(
    Example("0.0000", returns=Decimal("0.0000")),
    Example(" -12.50 ", returns=Decimal("-12.50")),
    Example(5, returns=Decimal(5)),
    Example("1.299,00", refused="no plain decimal number"),
    Example("1e3", refused="no plain decimal number"),
)
def decimal(value: str | int | Decimal) -> Decimal | None:
    """Read text as an exact number, for a predicate behind it; money fields do so themselves."""
    return None if blank(value) else exact(value)


@function(
    Example(["10.00", 5], returns=Decimal("15.00")),
    Example([], returns=Decimal(0)),
    Example(["1", None], refused="found nothing as element 2"),
)
def sum_(values: list[Any]) -> Decimal:
    """Add up a list of amounts: none at all make 0, and a missing one refuses the whole."""
    total: Decimal | None = None
    for place, one in enumerate(values, 1):
        if isinstance(one, str) and _SHORT.fullmatch(one):
            number = Decimal(one)
        elif type(one) in _ADDABLE and not blank(one):
            number = exact(one)
        else:
            raise Refused(f"found {name_of(one)} as element {place}, wanted a number", "wrong_kind")
        total = number if total is None else _EXACT.add(total, number)
    return _ZERO if total is None else total


@function(
    Example("-10.00", returns=Decimal("10.00")),
    Example(0, returns=Decimal(0)),
    Example(Decimal("2.5"), returns=Decimal("-2.5")),
)
def negative(value: str | int | Decimal) -> Decimal | None:
    """Change the sign of an amount: one to take off, or a refund that is written below zero."""
    return None if blank(value) else _EXACT.minus(exact(value))


@function(
    Example("155.0000", (155,), Decimal("0.0000")),
    Example(10, ("2.50",), Decimal("7.50")),
    Example(10, (None,), None),
)
def minus(value: str | int | Decimal, amount: str | int | Decimal) -> Decimal | None:
    """Take an amount off, for a predicate behind it: what is left to pay."""
    if blank(value) or blank(amount):
        return None
    return _EXACT.subtract(exact(value), exact(amount))


@function(
    Example(19500, returns=Decimal("195.00")),
    Example("195.5", refused="wanted a number"),
    Example(Decimal("195.5"), refused="wanted a whole number"),
)
def cents(value: int | Decimal) -> Decimal:
    """Turn hundredths into major units, for platforms that count so in every currency."""
    return _EXACT.scaleb(_whole(value), -2)


@function(
    Example(1250, ("USD",), Decimal("12.50")),
    Example(1250, ("JPY",), Decimal(1250)),
    Example(1250, ("KWD",), Decimal("1.250")),
    Example(1250, ("US Dollar",), refused="no currency"),
)
def minor_units(value: int | Decimal, currency: str) -> Decimal | None:
    """Turn smallest units of a currency into major ones: hundredths of BRL, JPY as they are."""
    code = read_currency(currency)
    return None if code is None else _EXACT.scaleb(_whole(value), -exponent(code))


def exact(value: str | int | Decimal) -> Decimal:
    """
    Read an exact number in plain form; minus zero is zero.

    Raises:
        Refused: The text is no such number or blank, the number was written with an exponent that
            makes it larger, or it has more than 40 digits.
    """
    if isinstance(value, str):
        text = value.strip()
        if not _PLAIN.fullmatch(text):
            raise Refused(f"found {name_of(value)} that is no plain decimal number, wanted 1234.56")
        if len(text) > LONGEST and sum(one.isdigit() for one in text) > LONGEST:
            raise Refused(f"found a number of more than {LONGEST} digits", "too_long")
        number = Decimal(text)
        return number or _EXACT.plus(number)
    if isinstance(value, int):
        if abs(value) >= 10**LONGEST:
            raise Refused(f"found a number of more than {LONGEST} digits", "too_long")
        return Decimal(value)
    _, figures, power = value.as_tuple()
    if not isinstance(power, int) or power > 0:
        raise Refused("found a number with an exponent, wanted a plain one such as 1234.56")
    if max(len(figures), -power) > LONGEST:
        raise Refused(f"found a number of more than {LONGEST} digits", "too_long")
    return _EXACT.plus(value)


def _whole(value: int | Decimal) -> Decimal:
    number = exact(value)
    # 195.00 is refused too: written so it is a major unit already, and would lose its hundredths.
    if number.as_tuple().exponent != 0:
        raise Refused("found a number with decimals, wanted a whole number of the smallest unit")
    return number
