"""How many decimals the smallest unit of a currency has."""

from __future__ import annotations

from collections.abc import Mapping

_USUAL = 2
_UNUSUAL: Mapping[str, int] = {
    "BIF": 0,
    "CLP": 0,
    "DJF": 0,
    "GNF": 0,
    "ISK": 0,
    "JPY": 0,
    "KMF": 0,
    "KRW": 0,
    "PYG": 0,
    "RWF": 0,
    "UGX": 0,
    "UYI": 0,
    "VND": 0,
    "VUV": 0,
    "XAF": 0,
    "XOF": 0,
    "XPF": 0,
    "BHD": 3,
    "IQD": 3,
    "JOD": 3,
    "KWD": 3,
    "LYD": 3,
    "OMR": 3,
    "TND": 3,
    "CLF": 4,
    "UYW": 4,
}


def exponent(code: str) -> int:
    """
    Say how many decimals the smallest unit of *code* has: 2 for BRL, 0 for JPY.

    Args:
        code: Three capital letters.  One that the list does not have counts as usual, 2.

    Source: ISO 4217, list one, published 2026-01-01,
    https://www.six-group.com/en/products-services/financial-information/data-standards.html
    """
    return _UNUSUAL.get(code, _USUAL)
