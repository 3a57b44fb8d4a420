"""The smallest unit of a currency is that of ISO 4217."""

from __future__ import annotations

import pytest

from bridge.currency import exponent


@pytest.mark.parametrize(
    ("decimals", "codes"),
    [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (2, "ARS BRL CAD COP EUR GBP HUF IDR MXN TWD USD UYU"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    ],
)
def test_decimals_are_those_of_the_standard(decimals, codes):
    assert {decimals} == {exponent(code) for code in codes.split()}


def test_a_code_that_is_not_in_the_list_counts_as_usual():
    assert 2 == exponent("ZZZ")
