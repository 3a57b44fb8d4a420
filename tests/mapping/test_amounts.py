"""Numbers are read in plain form only, and stay exact."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kinds import Refused
from bridge.mapping.amounts import cents, decimal, minor_units, negative, sum_


@pytest.mark.parametrize(
    ("written", "value"),
    [("+7", "7"), ("007.10", "7.10"), ("-0.00", "0.00"), ("\t1\n", "1"), ("9" * 40, "9" * 40)],
)
def test_plain_numbers_are_read_as_written(written, value):
    assert value == str(decimal(written))


@pytest.mark.parametrize(
    "written",
    ["1,5", "1.", ".5", "--1", "1e5", "1_000", "0x1", "NaN", "Infinity", "٣", "1 000", "R$ 1", "½"],
)
def test_another_form_is_refused(written):
    with pytest.raises(Refused, match="no plain decimal number"):
        decimal(written)


@pytest.mark.parametrize(
    "number",
    [
        "9" * 41,
        f"0.{'1' * 40}",
        10**40,
        -(10**5000),
        Decimal(f"0.{'1' * 41}"),
        Decimal("1E-999999"),
    ],
    ids=range(6),
)
def test_an_absurdly_long_number_is_refused(number):
    with pytest.raises(Refused, match="more than 40 digits"):
        decimal(number)


@pytest.mark.parametrize("number", ["1E+5", "Infinity", "NaN", "sNaN"])
def test_a_number_with_an_exponent_or_without_a_value_is_refused(number):
    with pytest.raises(Refused, match="with an exponent"):
        decimal(Decimal(number))


def test_eight_decimals_are_plain_though_python_writes_them_with_an_exponent():
    assert Decimal("0.00000000") == decimal(Decimal("0.00000000"))
    assert Decimal("0.00000001") == decimal(Decimal("0.00000001"))


def test_blank_text_is_nothing():
    assert decimal("  ") is None
    assert negative("") is None


@given(
    st.lists(st.from_regex(r"-?[0-9]{40}|-?0\.[0-9]{39}|-?[0-9]{20}\.[0-9]{20}", fullmatch=True))
)
def test_a_sum_of_the_longest_numbers_is_exact(amounts):
    assert sum(map(Fraction, amounts)) == Fraction(sum_(amounts))


def test_a_sum_does_not_depend_on_the_precision_that_is_set_outside():
    with localcontext(prec=3):
        assert "12345.67" == str(sum_(["12345", Decimal("0.67")]))
        assert "-12345.67" == str(negative("12345.67"))
        assert "12345.67" == str(cents(1234567))
        assert "12345.67" == str(minor_units(1234567, "BRL"))


@pytest.mark.parametrize("hole", [None, "", True, ["1"], {}, 1.5, "x"], ids=repr)
def test_one_hole_refuses_the_whole_sum(hole):
    with pytest.raises(Refused):
        sum_(["10.00", hole])


def test_zero_has_no_sign():
    assert "0.00" == str(negative("0.00"))
    assert "0" == str(negative(0))


def test_a_sum_of_whole_numbers_can_be_hundredths():
    assert "195.00" == str(cents(sum_([10000, "9500"])))


@pytest.mark.parametrize("number", [Decimal("19500.0"), Decimal("0.5"), Decimal("0.00")])
def test_hundredths_with_decimals_are_refused(number):
    with pytest.raises(Refused, match="wanted a whole number"):
        cents(number)


@pytest.mark.parametrize(
    ("code", "major"), [("brl", "12.50"), (" KWD ", "1.250"), ("CLF", "0.1250")]
)
def test_the_currency_decides_how_many_decimals_a_unit_has(code, major):
    assert major == str(minor_units(1250, code))


def test_an_amount_of_no_currency_is_nothing():
    assert minor_units(1250, " ") is None


@pytest.mark.parametrize("code", ["R$", "BRLX", "ſſſ", "986"])
def test_what_is_no_currency_is_refused(code):
    with pytest.raises(Refused, match="no currency"):
        minor_units(1250, code)
