"""
Keys and lanes lie beside their neighbours in time, and tell nothing about people.

The forms are those of the operator's guide: two bytes, one byte, then eight bytes big-endian
for a plain number, or 0xff and fifteen bytes of a keyed hash.  Hashes below were made with
``openssl dgst -sha256 -hmac secret`` and ``sha256sum``.
"""

from __future__ import annotations

import pytest

from bridge.journal.keys import key_of, lane_of, place, subject_of

SECRET = b"secret"


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("0", "0000000000000000"),
        ("1042", "0000000000000412"),
        ("9223372036854775807", "7fffffffffffffff"),
    ],
)
def test_a_plain_number_is_eight_bytes(identity, expected):
    assert place(SECRET, identity).hex() == expected


@pytest.mark.parametrize(
    "identity",
    [
        "",
        "007",
        "9223372036854775808",
        "1" * 5000,
        "-1",
        "+1",
        "1_0",
        " 1",
        "١٠",
        "²",
        "abc",
        "\ud83d",
    ],
)
def test_everything_else_is_a_hash(identity):
    written = place(SECRET, identity)

    assert len(written) == 16
    assert written[0] == 0xFF


def test_the_hash_is_keyed():
    assert place(SECRET, "ana@example.com").hex() == "ff150e5a8ec8aeaa51750a159c271c3e"
    assert place(b"another", "ana@example.com") != place(SECRET, "ana@example.com")


def test_a_personal_number_is_a_hash():
    assert place(SECRET, "12345678909", personal=True)[0] == 0xFF


def test_a_lane_begins_with_account_and_endpoint():
    lane = lane_of(SECRET, 258, 3, "1042", personal=False)

    assert lane.hex() == "0102" + "03" + "0000000000000412"


def test_lanes_of_growing_numbers_grow():
    lanes = [lane_of(SECRET, 1, 1, str(n), personal=False) for n in (9, 10, 255, 256, 10**12)]

    assert lanes == sorted(lanes)


def test_a_key_lies_beside_those_of_its_resource():
    key = key_of(SECRET, 1, "shop", "order/paid", ("e1",), "1042")

    # printf '["shop", "order/paid", "e1"]' | sha256sum
    assert key.hex() == "0001" + "0000000000000412" + "a3a1db00ab13bfd88eb3"


def test_without_parts_no_two_keys_are_equal():
    keys = {key_of(SECRET, 1, "shop", "order/paid", None, "1042") for _ in range(100)}

    assert len(keys) == 100


def test_a_subject_is_hashed_otherwise_than_a_lane():
    assert subject_of(SECRET, "ana@example.com")[:15] != place(SECRET, "ana@example.com")[1:]
