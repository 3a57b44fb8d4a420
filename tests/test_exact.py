"""
JSON is read as `json` reads it, with exact numbers, and written the same in every release.

What a journal keeps of a payload is a digest of the canonical form: if that changed, an equal
order would be sent once more.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import exact
from bridge.kinds import Refused

TEXTS = st.text() | st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)
#: Text that may be cut in the middle of a character, alone and as a name.
CUT = st.recursive(
    st.none() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)
#: What JSON is made of, and what comes near.
PIECES = (
    *'{}[]:,"01-+.eEa/é \n\t\0\x1f\u2028\ufeff', '"a":', "\\", "\\u", "d800", "\\ud83d", "\\ude00",
    "\\n", "99", "1.0", "1" * 25, "true", "nul", "NaN", "Infinity",
)  # fmt: skip
ALMOST = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def by_json(text: bytes) -> Any:
    """Read as it was always read."""

    def refuse(constant: str) -> None:
        raise Refused(f"found {constant}, which is no JSON number", "not_json")

    plain = text.decode("utf-8-sig")
    return json.loads(plain, parse_float=Decimal, parse_constant=refuse)


def found(read: Any, text: bytes) -> str:
    """Give the value, its types, digits and order included, or the error."""
    try:
        return repr(read(text))
    except (ValueError, ArithmeticError, RecursionError, Refused) as error:
        return repr(error)


def by_json_written(value: Any, **form: Any) -> bytes:
    """Write with `json`, a Decimal by a mark that its digits are put in the place of."""
    digits: list[str] = []

    def mark(number: Decimal) -> str:
        digits.append(str(number))
        return f"\ue000{len(digits) - 1}\ue000"

    text = json.dumps(value, default=mark, ensure_ascii=False, separators=(",", ":"), **form)
    for at, one in enumerate(digits):
        text = text.replace(f'"\ue000{at}\ue000"', one)
    return text.encode()


class TestRead:
    @given(text=ALMOST.map(str.encode) | ALMOST.map(lambda one: f'"{one}"'.encode()) | st.binary())
    def test_it_gives_or_refuses_what_json_does(self, text):
        assert found(exact.read, text) == found(by_json, text)

    @given(value=VALUES, flips=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=3))
    def test_that_holds_for_mutated_json_too(self, value, flips):
        text = bytearray(by_json_written(value))
        for at, byte in flips:
            text[at % len(text)] = byte

        assert found(exact.read, bytes(text)) == found(by_json, bytes(text))

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            (b"100.00", Decimal("100.00")),
            (b"1E+2", Decimal("1E+2")),
            (b"-0.0", Decimal("-0.0")),
            (b"18446744073709551616", 2**64),
            (b"-" + b"9" * 4300, 1 - 10**4300),
            (b"1." + b"3" * 5000, Decimal("1." + "3" * 5000)),
            (b'\xef\xbb\xbf{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
            (rb'["\ud83d", "\ud83d\ude00"]', ["\ud83d", "😀"]),
        ],
        ids=lambda one: str(one)[:20],
    )
    def test_numbers_keep_every_digit_and_halves_of_characters_are_taken(self, text, value):
        assert repr(exact.read(text)) == repr(value)

    @pytest.mark.parametrize(
        ("text", "error", "told"),
        [
            (b'{\n "a": 1,}', json.JSONDecodeError, r"line 2 column 9"),
            (b"[NaN]", Refused, "found NaN, which is no JSON number"),
            (b"[-Infinity]", Refused, "found -Infinity"),
            (b'"\xff"', UnicodeDecodeError, "position 1"),
            (b'"\n"', json.JSONDecodeError, "control character"),
            (b"\xef\xbb\xbf\xef\xbb\xbf1", json.JSONDecodeError, "BOM"),
            (b"1" * 4301, ValueError, "4300 digits"),
            (b"1E99999999999999999999", ArithmeticError, "InvalidOperation"),
            (b"[" * sys.getrecursionlimit(), RecursionError, "depth"),
        ],
        ids=lambda one: str(one)[:20],
    )
    def test_what_is_no_json_is_told_as_json_tells_it(self, text, error, told):
        with pytest.raises(error, match=told):
            exact.read(text)

    def test_text_is_read_as_its_bytes_are(self):
        assert exact.read('["ã", 1.50]') == exact.read('["ã", 1.50]'.encode())
        assert exact.read('"\ud800"') == "\ud800"


class TestWrite:
    @given(value=VALUES)
    def test_canonical_json_is_what_it_always_was(self, value):
        assert exact.canonical(value) == by_json_written(value, sort_keys=True)

    @given(value=VALUES)
    def test_names_stay_in_their_order_where_nothing_asks_for_another(self, value):
        assert exact.write(value) == by_json_written(value)

    @pytest.mark.parametrize(
        "amount", ["119.90", "0.10", "0", "-0", "1E+2", "1E-7", "0E-10", "12345678901234567.89"]
    )
    def test_a_decimal_is_written_as_the_number_it_is_and_never_as_text(self, amount):
        assert exact.write({"a": Decimal(amount)}) == b'{"a":' + amount.encode() + b"}"

    def test_letters_are_written_as_they_are(self):
        assert exact.write({"Name": "João\u2028"}) == '{"Name":"João\u2028"}'.encode()

    @pytest.mark.parametrize("number", ["NaN", "sNaN", "-NaN", "Infinity", "-Infinity"])
    @pytest.mark.parametrize("write", [exact.write, exact.canonical])
    def test_a_number_that_json_does_not_have_is_refused(self, write, number):
        with pytest.raises(ValueError, match="no finite number"):
            write({"a": Decimal(number)})

    def test_a_text_may_hold_the_names_of_such_numbers(self):
        assert exact.write(["NaN", 1]) == b'["NaN",1]'

    def test_canonical_json_sorts_the_names_at_every_depth_and_has_no_spaces(self):
        assert exact.canonical({"b": {"d": 1, "c": [2, 3]}, "a": 1}) == (
            b'{"a":1,"b":{"c":[2,3],"d":1}}'
        )

    @given(value=CUT)
    def test_half_a_surrogate_pair_is_written_as_its_escape(self, value):
        value = {"cut \ud83d": [value, Decimal("1.50"), "\ude00"]}
        text = exact.write(value)

        assert b"\\ud83d" in text
        assert repr(by_json(text)) == repr(value)

    def test_a_fingerprint_is_of_unicode_alone(self):
        with pytest.raises(UnicodeEncodeError):
            exact.canonical("\ud800")
