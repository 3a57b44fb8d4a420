"""
A phone number is E.164 or it is none: no reading of it may be another person's.

What the numbering plans say of a number is the library's word; the rows hold what the bridge
makes of it, and would tell if a release of the library changed its mind.
"""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberType

from bridge.kinds import Refused
from bridge.phones import COUNTRIES, e164, not_a_country


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("+55 11 99999-0000", None, "+5511999990000"),
        ("+55 11 99999-0000", "US", "+5511999990000"),  # + is stronger than any country
        ("(+55) 11 99999-0000", None, "+5511999990000"),
        ("+44 (0)20 7946 0958", None, "+442079460958"),
        ("+55 (0xx11) 99999-0000", None, "+5511999990000"),
        ("tel:+1-202-555-0142", None, "+12025550142"),
        ("+1 202 555 0142 ext. 89", None, "+12025550142"),
        ("(11) 99999-0000", "BR", "+5511999990000"),
        ("11 99999‑0000", "BR", "+5511999990000"),
        ("011 99999-0000", "BR", "+5511999990000"),  # the trunk's 0
        ("0 21 11 99999-0000", "BR", "+5511999990000"),  # and a carrier's code
        ("11 3333-4444", "BR", "+551133334444"),
        ("(202) 555-0142", "US", "+12025550142"),
        ("1 (202) 555-0142", "US", "+12025550142"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("06 1234 5678", "IT", "+390612345678"),  # Italy keeps its 0
        ("١١ ٩٩٩٩٩-٠٠٠٠", "BR", "+5511999990000"),
        # The country's code without +: read as such only where it is no number otherwise.
        ("5511999990000", "BR", "+5511999990000"),
        ("55 11 99999-0000", "BR", "+5511999990000"),
        ("55 99999-0000", "BR", "+5555999990000"),  # 55 is an area of Brazil too
        ("351 912 345 678", "PT", "+351912345678"),
        # 00, where it means + and nothing else.
        ("00351 912 345 678", "PT", "+351912345678"),
        ("00 55 11 99999-0000", "PT", "+5511999990000"),
        ("011 55 11 99999-0000", "US", "+5511999990000"),
    ],
)
def test_what_is_surely_a_number_is_written_as_e164(written, country, number):
    assert number == e164(written, country)


@pytest.mark.parametrize(
    ("written", "country", "why"),
    [
        ("+11 99999-0000", None, "no phone number"),  # + before an area: not of the United States
        ("+11 99999-0000", "BR", "no phone number"),
        ("+1 555 123 4567", "US", "no phone number"),  # the length is right, there is no area 555
        ("+055 11 99999-0000", "BR", "no phone number"),
        ("+123456789012345678", None, "no phone number"),
        ("+", "BR", "no phone number"),
        ("99999-0000", "BR", "no phone number of BR"),  # of which area?
        ("(202) 555-0142", "BR", "no phone number of BR"),
        ("351 912 345 678", "BR", "no phone number of BR"),  # another country's code without +
        ("190", "BR", "no phone number of BR"),
        ("11 99999-0000 / 11 98888-1111", "BR", "no phone number of BR"),
        ("n/a", "BR", "no phone number of BR"),
        ("", "BR", "no phone number of BR"),
        ("9" * 300, "BR", "no phone number of BR"),
        ("0055 11 99999-0000", "BR", "no phone number of BR"),
        ("00 51 99999-0000", "BR", "no phone number of BR"),
        ("11 99999-0000", None, "it has no + and the store no country"),
        ("0055 11 99999-0000", None, "it has no + and the store no country"),
        ("226-4142 mom", "US", "the letters in it may be digits or a note"),  # mom is 666
        ("1-800-FLOWERS", "US", "the letters in it may be digits or a note"),
    ],
)
def test_what_is_not_surely_a_number_is_refused_and_not_told(written, country, why):
    with pytest.raises(Refused) as caught:
        e164(written, country)

    assert str(caught.value).startswith(why)
    assert written not in str(caught.value) or not written


def test_without_a_country_it_is_told_what_to_write():
    with pytest.raises(Refused, match=r'country = "BR" in connections.toml'):
        e164("(11) 99999-0000", None)


@pytest.mark.parametrize(
    "written",
    [
        "0055 51 99999-0000",  # dialled in Brazil, a number of Peru; meant, Porto Alegre
        "0055 81 99999-0000",  # Japan; Recife
        "0055 47 3333-4444",  # Norway; Joinville
        "(00 55) 33 99999 0000",  # France; Governador Valadares
    ],
)
def test_two_zeros_that_lead_elsewhere_when_they_mean_plus_are_no_number(written):
    """Brazil dials 00, then a carrier's code such as 55, then the country."""
    with pytest.raises(Refused, match="what follows 00 is not sure in BR"):
        e164(written, "BR")


@given(st.text(), st.sampled_from([None, "BR", "US", "DE"]))
def test_whatever_is_written_becomes_a_number_or_is_refused(written, country):
    try:
        number = e164(written, country)
    except Refused:
        return
    assert number[0] == "+"
    assert number[1:].isascii()
    assert number[1:].isdigit()
    assert len(number) <= 16
    assert number == e164(number, None)


def alone(written: str) -> str | None:
    """What the library says of a number with +, asked for all that it knows."""
    try:
        number = phonenumbers.parse(written, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


#: A number of every type of every country, and of the services that are of none.
EXAMPLES = sorted(
    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for number in (
        *(
            phonenumbers.example_number_for_type(region, kind)
            for region in COUNTRIES
            for kind in PhoneNumberType.values()
        ),
        *map(
            phonenumbers.example_number_for_non_geo_entity,
            phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS,
        ),
    )
    if number is not None
)


@st.composite
def changed(draw: st.DrawFn) -> str:
    """An example with other digits, fewer or more of them, or another country's code."""
    digits = list(draw(st.sampled_from(EXAMPLES))[1:])
    for at in draw(st.lists(st.integers(0, 3) | st.integers(0, 30), max_size=4)):
        digits[at % len(digits)] = draw(st.sampled_from("0123456789"))
    code = draw(st.sampled_from(["", *map(str, COUNTRY_CODE_TO_REGION_CODE)]))
    end = draw(st.sampled_from([None, None, None, -1, -2]))
    more = draw(st.sampled_from(["", "", "0", "12"]))
    return f"+{code}{''.join(digits)[:end]}{more}"


@pytest.mark.parametrize("region", sorted(COUNTRIES))
def test_a_number_of_a_country_is_what_the_library_says(region):
    code = phonenumbers.country_code_for_region(region)
    for written in (one for one in EXAMPLES if one.startswith(f"+{code}")):
        assert alone(written) == written == e164(written, region)


@given(changed(), st.sampled_from([None, "BR", "US"]))
@example("+390612345678", None)  # the 0 is part of the number
@example("+54915112345678", None)  # the library moves Argentina's 15
@example("+5201155512345", None)  # and takes Mexico's 01 away
@example("+77012345678", "BR")  # one code, two countries
@example("+448001111", None)
@example("+3758102450911", "BR")  # valid, if the library did not take 8 away
@example("+49497991234567", None)  # fits a type of number, and not the country
@example("+80012345678", None)  # of no country
def test_what_is_e164_already_is_what_the_library_says_of_it(written, country):
    expected = alone(written)
    if expected is not None:
        assert expected == e164(written, country)
    else:
        with pytest.raises(Refused):
            e164(written, country)


def test_a_country_is_two_capital_letters():
    assert {"BR", "US", "GB", "PL"} <= COUNTRIES
    assert not_a_country("BR") == ""
    assert not_a_country("br") == "no country 'br'; did you mean 'BR'?"
    for wrong in ("UK", "Brazil", "BRA", "55", "ZZ"):
        assert not_a_country(wrong).startswith(f"no country '{wrong}', wanted its two letters")
