"""A secret that is sent along is looked for in one place and compared as bytes."""

from __future__ import annotations

import pytest

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import VerifiedRequest
from bridge.verify import (
    Proofs,
    SharedSecretScheme,
    sign,
    verify,
)
from tests.signatures import (
    NOW,
    webhook,
)

BASIC = "Basic dXNlcjpwYTpzcw=="  # user:pa:ss
PLACES = {
    "a header": (SharedSecretScheme(header="x-key"), "s3cret", webhook({"x-key": "s3cret"})),
    "the query": (SharedSecretScheme(query="key"), "s3cret", webhook(query={"key": "s3cret"})),
    "bearer": (
        SharedSecretScheme(bearer=True),
        "s3cret",
        webhook({"authorization": "Bearer s3cret"}),
    ),
    "bearer in another header": (
        SharedSecretScheme(header="x-auth", bearer=True),
        "s3cret",
        webhook({"x-auth": "bearer s3cret"}),
    ),
    "basic": (SharedSecretScheme(basic=True), "user:pa:ss", webhook({"authorization": BASIC})),
    "the path": (SharedSecretScheme(path=True), "s3cret", webhook(segment="s3cret")),
    "perhaps a bearer, with the word": (
        SharedSecretScheme(bearer=True, bare=True),
        "s3cret",
        webhook({"authorization": "Bearer s3cret"}),
    ),
    "perhaps a bearer, without it": (
        SharedSecretScheme(bearer=True, bare=True),
        "s3cret",
        webhook({"authorization": "s3cret"}),
    ),
    # UTF-8 on the wire, which the server reads as Latin-1
    "a header, beyond ASCII": (
        SharedSecretScheme(header="x-key"),
        "voilà",
        webhook({"x-key": "voil\xc3\xa0"}),
    ),
    "the query, beyond ASCII": (
        SharedSecretScheme(query="key"),
        "voilà",
        webhook(query={"key": "voilà"}),
    ),
}


@pytest.mark.parametrize(("scheme", "secret", "request_"), PLACES.values(), ids=PLACES)
def test_a_shared_secret_is_accepted_where_it_belongs(scheme, secret, request_):
    verified = verify(request_, scheme, Proofs(secrets=("other", secret)), now=NOW)

    assert VerifiedRequest(request_, "shared_secret") == verified


@pytest.mark.parametrize(("scheme", "secret", "request_"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("secrets", [(), ("",), ("other",)], ids=repr)
def test_a_secret_that_is_not_configured_is_refused(scheme, secret, request_, secrets):
    with pytest.raises(SignatureMismatch, match="none of the store's"):
        verify(request_, scheme, Proofs(secrets=secrets), now=NOW)


@pytest.mark.parametrize(("scheme", "secret", "request_"), PLACES.values(), ids=PLACES)
def test_a_secret_that_was_not_sent_is_missing(scheme, secret, request_):
    with pytest.raises(SignatureMissing, match="is missing or empty"):
        verify(webhook(), scheme, Proofs(secrets=(secret,)), now=NOW)


@pytest.mark.parametrize(
    "nonsense",
    ["Bearer", "Bearer ", "Basic", "s3cret", "Token s3cret", "Bearers3cret", "Basic user:pa:ss"],
)
@pytest.mark.parametrize(
    "scheme", [SharedSecretScheme(bearer=True), SharedSecretScheme(basic=True)]
)
def test_an_authorization_of_another_form_is_refused(scheme, nonsense):
    proofs = Proofs(secrets=("s3cret", "user:pa:ss"))

    with pytest.raises(SignatureMismatch):
        verify(webhook({"authorization": nonsense}), scheme, proofs, now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"header": "x-key", "query": "key"},
        {"query": "key", "bearer": True},
        {"bearer": True, "basic": True},
        {"path": True, "query": "key"},
        {"path": True, "basic": True},
        {"path": True, "query": "key", "header": "x-key"},
    ],
)
def test_a_shared_secret_stands_in_one_place(wrong):
    with pytest.raises(ValueError, match="stands in one place"):
        SharedSecretScheme(**wrong)


def test_only_a_bearer_s_word_may_be_missing():
    with pytest.raises(ValueError, match="only a bearer's word"):
        SharedSecretScheme(basic=True, bare=True)


def test_a_secret_in_the_path_is_sent_as_it_is():
    scheme = SharedSecretScheme(path=True)

    assert sign(b"", scheme, Proofs(secrets=("s3cret",)), headers={}, now=NOW).segment == "s3cret"
    for secret in ("a/b", "a b", "a%2F", "voilà"):
        with pytest.raises(ValueError, match="letters, digits and"):
            sign(b"", scheme, Proofs(secrets=(secret,)), headers={}, now=NOW)
