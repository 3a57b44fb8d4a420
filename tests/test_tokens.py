"""
A token opens the store that it was made for, and no other, as long as its secret is configured.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge import tokens

#: printf %s 1/shop | openssl dgst -sha256 -mac HMAC -macopt hexkey:$KEY -binary | base64url,
#: where KEY is the HMAC-SHA256 of ``bridge.tokens`` with the secret ``t0ken``.
TOKEN = "1.QwDNHEYnaj11aYA1TdX-cQ8y_fS-0sI2gpOi31MviSA"

texts = st.text(min_size=1)


def test_a_token_is_what_itsdangerous_documents():
    assert TOKEN == tokens.make("shop", "t0ken")


def test_a_token_can_stand_in_an_address_as_it_is():
    assert re.fullmatch(r"[A-Za-z0-9._-]+", tokens.make("a shop / ž", "s e c r e t"))


def test_a_token_does_not_show_whose_it_is():
    assert "shop" not in tokens.make("shop", "t0ken")


def test_a_token_belongs_to_its_store():
    assert tokens.belongs(TOKEN, "shop", ["t0ken"]) is True


@pytest.mark.parametrize("store", ["shop2", "sho", "Shop", "", "1/shop"])
def test_a_token_belongs_to_no_other_store(store):
    assert tokens.belongs(TOKEN, store, ["t0ken"]) is False


def test_the_tokens_of_the_old_secret_work_while_it_is_rotated_out():
    assert tokens.belongs(TOKEN, "shop", ["new", "t0ken"]) is True
    assert tokens.belongs(TOKEN, "shop", ["t0ken", "new"]) is True
    assert tokens.belongs(TOKEN, "shop", ["new"]) is False


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]], ids=repr)
def test_without_a_secret_no_token_belongs_to_anybody(secrets):
    unsigned = [TOKEN, "", ".", "1.", f"1.{'A' * 43}"]

    assert [False] * 5 == [tokens.belongs(token, "shop", secrets) for token in unsigned]


def test_a_token_cannot_be_made_with_an_empty_secret():
    with pytest.raises(ValueError, match="wants a secret"):
        tokens.make("shop", "")


def test_another_version_is_another_token_of_the_same_store():
    second = tokens.make("shop", "t0ken", version=2)

    assert second != TOKEN
    assert second.startswith("2.")
    assert tokens.belongs(second, "shop", ["t0ken"]) is True


def test_the_version_of_a_token_is_signed():
    assert tokens.belongs(TOKEN.replace("1.", "2.", 1), "shop", ["t0ken"]) is False


@pytest.mark.parametrize("version", [0, -1, 1_000_000_000])
def test_a_version_out_of_range_is_refused(version):
    with pytest.raises(ValueError, match="1 to 999999999"):
        tokens.make("shop", "t0ken", version=version)


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        ".",
        "1",
        TOKEN[2:],
        f"0{TOKEN}",
        f" {TOKEN}",
        f"{TOKEN}\n",
        f"{TOKEN}=",
        f"{TOKEN}é",
        f"{TOKEN}.1",
        f"{'9' * 5000}.{TOKEN[2:]}",
        f"١.{TOKEN[2:]}",
        "é\udc80",
        TOKEN * 1000,
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_what_is_no_token_belongs_to_nobody(nonsense):
    assert tokens.belongs(nonsense, "shop", ["t0ken"]) is False


@given(store=texts, other=texts, secret=texts)
def test_any_store_has_its_own_token(store, other, secret):
    assume(store != other)
    token = tokens.make(store, secret)

    assert tokens.belongs(token, store, ["else", secret]) is True
    assert tokens.belongs(token, other, ["else", secret]) is False


@given(at=st.integers(0, 44), bit=st.integers(0, 7))
def test_one_bit_makes_it_another_token(at, bit):
    token = TOKEN[:at] + chr(ord(TOKEN[at]) ^ (1 << bit)) + TOKEN[at + 1 :]

    assert tokens.belongs(token, "shop", ["t0ken"]) is False
