"""A signature of a private key is believed with the store's public keys, or with the platform's."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import VerifiedRequest
from bridge.verify import (
    AsymmetricScheme,
    KeyUnknown,
    Proofs,
    key_addresses,
    parse_content,
    parse_timestamp,
    sign,
    verify,
)
from tests.signatures import (
    BODY,
    ED25519,
    NOW,
    RSA,
    curve_key,
    edwards_key,
    private_key,
    private_pem,
    public_pem,
    rsa_signature,
    signed_as,
    webhook,
)

#: As its documentation prints it: the signed text is the base64 of the body, not the body.
OVER_BASE64 = replace(RSA, content=parse_content("{raw | base64}"))
ROTATING = AsymmetricScheme(
    header="x-signature-1",
    other_headers=("x-signature-2",),
    key_headers=("x-key1-path", "x-key2-path"),
    key_path=r"/[a-z]+/keys/pub-key-[0-9a-f-]+\.pem",
)
#: RFC 8032, section 7.1, test 3.
RFC_PUBLIC = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
RFC_SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)


def pem_shapes(pem: str) -> dict[str, str]:
    lines = pem.strip().splitlines()
    pkcs1 = private_key(1, 2048).public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    return {
        "lines": pem,
        "lines of Windows": pem.replace("\n", "\r\n"),
        "line ends as letters": pem.replace("\n", "\\n"),
        "line ends of Windows as letters": pem.replace("\n", "\\r\\n"),
        "one line": " ".join(lines),
        "no line ends at all": "".join(lines),
        "text around it": f"key of the shop:\n{pem}\n",
        "PKCS 1": pkcs1.decode(),
    }


@pytest.mark.parametrize("shape", pem_shapes("a\nb"))
def test_a_public_key_is_read_in_whatever_shape_the_environment_left_it(shape):
    key = pem_shapes(public_pem())[shape]
    request = signed_as(rsa_signature())

    verified = verify(request, RSA, Proofs(secrets=(key,)), now=NOW)

    assert VerifiedRequest(request, "asymmetric") == verified


def test_every_key_of_a_store_is_tried():
    keys = ("no key", public_pem(edwards_key(1)), public_pem(private_key(2, 2048)), public_pem())

    verify(signed_as(rsa_signature()), RSA, Proofs(secrets=keys), now=NOW)


def test_what_is_signed_is_what_the_template_says():
    proofs = Proofs(secrets=(public_pem(),))
    over_text = signed_as(rsa_signature(base64.b64encode(BODY)))

    verify(over_text, OVER_BASE64, proofs, now=NOW)
    with pytest.raises(KeyUnknown):
        verify(over_text, RSA, proofs, now=NOW)
    with pytest.raises(KeyUnknown):
        verify(signed_as(rsa_signature()), OVER_BASE64, proofs, now=NOW)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "s3cret",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n%%\n-----END PUBLIC KEY-----",
        private_pem(),
        public_pem(edwards_key(1)),
        public_pem(curve_key(1)),
        public_pem(private_key(1, 1024)),
        "whpk_AAAA",
        "whpk_é",
        "\udc80",
    ],
    ids=range(11),
)
def test_what_is_no_strong_public_rsa_key_proves_nothing(key):
    request = signed_as(rsa_signature(bits=1024))

    with pytest.raises(KeyUnknown, match="of the 1 known keys none is RSA of 2048 bits or more"):
        verify(request, RSA, Proofs(secrets=(key,)), now=NOW)


@pytest.mark.parametrize(
    "signature",
    ["", " ", "AAAA", "%", rsa_signature() + "=", rsa_signature().rstrip("="), "é", "\udc80",
     rsa_signature(BODY + b"\n"), rsa_signature(number=2), rsa_signature() + ", AAAA"],
    ids=range(11),
)  # fmt: skip
def test_what_is_no_signature_over_this_body_is_refused(signature):
    with pytest.raises((SignatureMismatch, SignatureMissing)):
        verify(signed_as(signature), RSA, Proofs(secrets=(public_pem(),)), now=NOW)


def test_another_padding_is_refused():
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    signature = private_key(1, 2048).sign(BODY, pss, hashes.SHA256())
    request = signed_as(base64.b64encode(signature).decode())

    with pytest.raises(KeyUnknown):
        verify(request, RSA, Proofs(secrets=(public_pem(),)), now=NOW)


def test_the_vector_of_the_rfc_is_accepted_with_a_raw_key():
    scheme = replace(RSA, algorithm="ed25519")
    request = signed_as(base64.b64encode(RFC_SIGNATURE).decode(), body=bytes.fromhex("af82"))
    raw = base64.b64encode(RFC_PUBLIC).decode()

    for key in (f"whpk_{raw}", f"whpk_{raw.rstrip('=')}", f" whpk_{raw}\n"):
        verify(request, scheme, Proofs(secrets=(key,)), now=NOW)
    with pytest.raises(KeyUnknown):
        verify(replace(request, body=b"\xaf\x83"), scheme, Proofs(secrets=(key,)), now=NOW)


def test_an_ed25519_key_may_come_in_pem():
    signed = sign(BODY, ED25519, Proofs(secrets=(private_pem(edwards_key(1)),)),
                  headers={"webhook-id": "msg_1"}, now=NOW)  # fmt: skip
    request = webhook({"webhook-id": "msg_1", **signed.headers})

    verify(request, ED25519, Proofs(secrets=(public_pem(edwards_key(1)),)), now=NOW)


def standard(now=NOW, *, version: str = "v1a", number: int = 1) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    made = edwards_key(number).sign(f"msg_1.{stamp}.".encode() + BODY)
    signature = f"{version},{base64.b64encode(made).decode()}"
    return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}


def test_of_a_list_only_the_items_of_its_name_are_signatures_and_one_must_fit():
    proofs = Proofs(secrets=(public_pem(edwards_key(1)),))
    headers = standard()
    other = standard(number=2)["webhook-signature"]

    several = {**headers, "webhook-signature": f"v1,AAAA {other} {headers['webhook-signature']}"}
    verify(webhook(several), ED25519, proofs, now=NOW)
    with pytest.raises(SignatureMismatch, match="no signature behind 'v1a,'"):
        verify(webhook(standard(version="v1")), ED25519, proofs, now=NOW)


@pytest.mark.parametrize(("age", "told"), [(301, "301 s in the past"), (-301, "in the future")])
def test_a_signature_that_is_too_old_is_refused(age, told):
    proofs = Proofs(secrets=(public_pem(edwards_key(1)),))

    verify(webhook(standard()), ED25519, proofs, now=NOW + timedelta(seconds=age - age // 301))
    with pytest.raises(SignatureMismatch, match=told):
        verify(webhook(standard()), ED25519, proofs, now=NOW + timedelta(seconds=age))


def test_without_a_signature_it_is_missing():
    with pytest.raises(SignatureMissing, match="'x-signature-1' or 'x-signature-2' is missing"):
        verify(webhook(), ROTATING, Proofs(secrets=(public_pem(),)), now=NOW)


@pytest.mark.parametrize("header", ["x-signature-1", "x-signature-2"])
def test_a_signature_in_any_of_the_headers_by_any_of_the_keys_is_enough(header):
    wrong = {"x-signature-1": "AAAA", "x-signature-2": "%"}
    proofs = Proofs(keys=(public_pem(private_key(2, 2048)), public_pem()))

    verify(webhook({**wrong, header: rsa_signature()}), ROTATING, proofs, now=NOW)
    verify(webhook({header: rsa_signature()}), ROTATING, proofs, now=NOW)
    with pytest.raises(KeyUnknown, match="'x-signature-1' was not made with any of 2 keys"):
        verify(webhook(wrong), ROTATING, proofs, now=NOW)


PATHS = {"x-key1-path": "/prod/keys/pub-key-1a-2b.pem", "x-key2-path": "/prod/keys/pub-key-3c.pem"}


def test_the_keys_lie_on_the_host_of_the_file_under_the_paths_that_a_webhook_names():
    for host in ("https://static.keys.example", "https://static.keys.example/"):
        assert key_addresses(webhook(PATHS), ROTATING, host) == (
            "https://static.keys.example/prod/keys/pub-key-1a-2b.pem",
            "https://static.keys.example/prod/keys/pub-key-3c.pem",
        )
    twice = dict.fromkeys(PATHS, PATHS["x-key1-path"])
    assert len(key_addresses(webhook(twice), ROTATING, "https://static.keys.example")) == 1


def test_a_webhook_that_names_no_key_is_refused_as_missing():
    with pytest.raises(SignatureMissing, match="'x-key1-path' or 'x-key2-path'"):
        key_addresses(webhook(), ROTATING, "https://static.keys.example")


EVASIONS = [
    "prod/keys/pub-key-1.pem",
    "//evil.example/keys/pub-key-1.pem",
    "@evil.example/keys/pub-key-1.pem",
    ".evil.example/keys/pub-key-1.pem",
    ":8443/keys/pub-key-1.pem",
    "https://evil.example/keys/pub-key-1.pem",
    "/prod/../keys/pub-key-1.pem",
    "/prod/keys/pub-key-1.pem?x=1",
    "/prod/keys/pub-key-1.pem#x",
    "/prod/keys/pub-key-1.pem/",
    "/prod/keys/pub-key-1.pem, /prod/keys/pub-key-2.pem",
    "/prod/keys/pub-key-%2e%2e.pem",
    "/prod/keys/pub-key-1.pem\\",
    "/prod\\keys/pub-key-1.pem",
    f"/{'p' * 200}/keys/pub-key-1.pem",
    "\udc80",
]


@pytest.mark.parametrize(
    "path",
    [
        *EVASIONS,
        "/PROD/keys/pub-key-1.pem",
        "/prod/keys/pub-key-1.pemx",
        "/x/prod/keys/pub-key-1.pem",
    ],
)
def test_a_path_that_is_not_as_the_platform_writes_it_is_refused(path):
    with pytest.raises(SignatureMismatch, match="is not the path of a key"):
        key_addresses(webhook({"x-key1-path": path}), ROTATING, "https://static.keys.example")


@pytest.mark.parametrize("path", EVASIONS)
def test_no_path_leaves_the_host_whatever_the_pattern_allows(path):
    careless = replace(ROTATING, key_path=r"[\s\S]*")

    with pytest.raises(SignatureMismatch, match="is not the path of a key"):
        key_addresses(webhook({"x-key1-path": path}), careless, "https://static.keys.example")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"key_path": "/x"}, "stand together"),
        ({"key_headers": ("x-key",)}, "stand together"),
        ({"key_headers": ("x-key",), "key_path": "["}, "no regular expression"),
        ({"tolerance": 300.0}, "stand together"),
        ({"timestamp": parse_timestamp("header.x-ts"), "tolerance": 9.0}, "anyone could renew"),
    ],
)
def test_a_scheme_that_contradicts_itself_cannot_be_made(wrong, message):
    with pytest.raises(ValueError, match=message):
        AsymmetricScheme(header="x-signature", **wrong)


def test_only_a_private_key_signs():
    for scheme, key in ((RSA, private_pem()), (ED25519, private_pem(edwards_key(1)))):
        public = public_pem() if scheme is RSA else public_pem(edwards_key(1))
        headers = {"webhook-id": "msg_1"}
        signed = sign(BODY, scheme, Proofs(secrets=(public, key)), headers=headers, now=NOW)

        verify(webhook({**headers, **signed.headers}), scheme, Proofs(secrets=(public,)), now=NOW)
        with pytest.raises(ValueError, match=f"no private key for {scheme.algorithm} is given"):
            sign(BODY, scheme, Proofs(secrets=(public,)), headers=headers, now=NOW)
