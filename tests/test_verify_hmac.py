"""A keyed hash is compared over exactly the bytes that the platform signed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import VerifiedRequest
from bridge.verify import (
    HmacScheme,
    ListForm,
    Proofs,
    parse_content,
    parse_timestamp,
    verify,
)
from tests.signatures import (
    ADDRESSED,
    ADDRESSED_PROOFS,
    ADDRESSED_SIGNATURE,
    BASE64,
    BODY,
    HEX,
    LISTED,
    LISTED_PROOFS,
    LISTED_SIGNATURE,
    NOW,
    PLAIN,
    SECRET,
    STAMPED,
    STAMPED_HEADERS,
    STANDARD,
    STANDARD_BODY,
    STANDARD_HEADERS,
    STANDARD_PROOFS,
    STANDARD_SIGNATURE,
    at,
    signed_as,
    webhook,
)


def test_a_webhook_signed_with_the_secret_is_accepted():
    request = signed_as(HEX)

    assert VerifiedRequest(request, "hmac") == verify(request, PLAIN, SECRET, now=NOW)


#: The key in hexadecimal, the data, SHA-256 and SHA-512 in hexadecimal.
RFC_4231 = {
    "test case 1": (
        "0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        (
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
            "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
        ),
    ),
    "test case 2": (
        "4a656665",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        (
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        ),
    ),
    "test case 6": (
        "aa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        (
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
            "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
        ),
    ),
}


@pytest.mark.parametrize(("key", "data", "sha256", "sha512"), RFC_4231.values(), ids=RFC_4231)
def test_the_vectors_of_rfc_4231_are_accepted(key, data, sha256, sha512):
    proofs = Proofs(secrets=(key,))
    short = HmacScheme(header="x-signature", key="hex", hash="sha256")
    long = HmacScheme(header="x-signature", key="hex", hash="sha512")

    verify(signed_as(sha256, body=data), short, proofs, now=NOW)
    verify(signed_as(sha512, body=data), long, proofs, now=NOW)


def test_the_second_vector_of_rfc_2202_is_accepted_as_sha1():
    scheme = HmacScheme(header="x-signature", hash="sha1")
    signature = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    request = signed_as(signature, body=b"what do ya want for nothing?")

    verify(request, scheme, Proofs(secrets=("Jefe",)), now=NOW)


FIELDS_BODY = (
    b'{"eventId":"80aece08-40e8-4145-8764-6c2f0d38678","eventCreated":1234567,"storeId":1003,'
    b'"entityId":103878161,"eventType":"order.created","data":{"orderId":"XJ12H"}}'
)
ADDRESS_BODY = (
    b'{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification",'
    b'"event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f",'
    b'"created_at":"2022-07-13T20:30:59.037339943Z",'
    b'"data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}'
)
SHAPES = {
    "hexadecimal over the body": (PLAIN, SECRET, signed_as(HEX), NOW),
    "base64 over the body": (
        replace(PLAIN, encoding="base64"),
        SECRET,
        signed_as(BASE64),
        NOW,
    ),
    "either, written in hexadecimal": (
        replace(PLAIN, encoding="either"),
        SECRET,
        signed_as(HEX),
        NOW,
    ),
    "either, written in base64": (
        replace(PLAIN, encoding="either"),
        SECRET,
        signed_as(BASE64),
        NOW,
    ),
    "a prefix": (
        replace(PLAIN, prefix="sha256="),
        SECRET,
        signed_as(f"sha256={HEX}"),
        NOW,
    ),
    "a key in hexadecimal": (
        replace(PLAIN, key="hex"),
        Proofs(secrets=("00ff10a0b1c2d3e4",)),
        signed_as("37221786c3303810de6ddb9e92e61a12e88563b2fa6038cdcc471165f37d8e5a"),
        NOW,
    ),
    "a timestamp header before the body": (
        STAMPED,
        SECRET,
        webhook(STAMPED_HEADERS),
        at(1700000000),
    ),
    "a list with its timestamp in it": (
        LISTED,
        LISTED_PROOFS,
        signed_as(f"t=1700000000,v1={LISTED_SIGNATURE}"),
        at(1700000000),
    ),
    "the configured address before the body": (
        ADDRESSED,
        ADDRESSED_PROOFS,
        signed_as(ADDRESSED_SIGNATURE),
        NOW,
    ),
    "the address and body of a vendor's own test": (
        ADDRESSED,
        Proofs(
            secrets=("Ibxx_5AKakO-3qeNVR61Dw",),
            url="https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9",
        ),
        signed_as("GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=", body=ADDRESS_BODY),
        NOW,
    ),
    "two fields of the body": (
        replace(
            PLAIN,
            encoding="base64",
            content=parse_content("{body.eventCreated}.{body.eventId}"),
            timestamp=parse_timestamp("body.eventCreated"),
            tolerance=90_000.0,
        ),
        Proofs(secrets=("client_secret",)),
        signed_as("U0baajmZbvmlgiauSUaxLzk62KWTQRbk5qLSe3DSQh8=", body=FIELDS_BODY),
        at(1234567),
    ),
    "standard webhooks": (
        STANDARD,
        STANDARD_PROOFS,
        webhook(STANDARD_HEADERS, body=STANDARD_BODY),
        at(1614265330),
    ),
    # printf %s 'eyJpZCI6MX0=' | openssl dgst -sha256 -hmac s3cret
    "the base64 text of the body": (
        replace(PLAIN, content=parse_content("{raw | base64}")),
        SECRET,
        signed_as(
            "346d37235bbc4af03481daafa924c9b220d0fe80cf3745339aeaf3f31de9ab38", body=b'{"id":1}'
        ),
        NOW,
    ),
}


@pytest.mark.parametrize(("scheme", "proofs", "request_", "now"), SHAPES.values(), ids=SHAPES)
def test_every_shape_of_signature_in_use_is_accepted(scheme, proofs, request_, now):
    assert verify(request_, scheme, proofs, now=now).request is request_


@pytest.mark.parametrize(("scheme", "proofs", "request_", "now"), SHAPES.values(), ids=SHAPES)
def test_every_shape_is_refused_with_another_secret(scheme, proofs, request_, now):
    other = replace(proofs, secrets=("ffff" * 6,))

    with pytest.raises(SignatureMismatch, match="matches none of 1 secrets"):
        verify(request_, scheme, other, now=now)


def test_hexadecimal_may_be_in_capitals():
    verify(signed_as(HEX.upper()), PLAIN, SECRET, now=NOW)


def test_blanks_around_a_signature_are_no_part_of_it():
    verify(signed_as(f" {HEX}\t"), PLAIN, SECRET, now=NOW)


@pytest.mark.parametrize(
    ("encoding", "signature"), [("hex", BASE64), ("base64", HEX)], ids=["hex", "base64"]
)
def test_a_signature_in_the_other_encoding_is_refused(encoding, signature):
    scheme = HmacScheme(header="x-signature", encoding=encoding)

    with pytest.raises(SignatureMismatch, match=f"no {encoding} sha256"):
        verify(signed_as(signature), scheme, SECRET, now=NOW)


def test_a_body_that_differs_by_one_space_is_refused():
    """JSON that means the same is not the same bytes."""
    with pytest.raises(SignatureMismatch):
        verify(signed_as(HEX, body=BODY.replace(b",", b", ")), PLAIN, SECRET, now=NOW)


def test_the_signature_of_another_address_is_refused():
    proofs = replace(ADDRESSED_PROOFS, url="https://bridge.example/hooks/")

    with pytest.raises(SignatureMismatch, match="matches none"):
        verify(signed_as(ADDRESSED_SIGNATURE), ADDRESSED, proofs, now=NOW)


def test_without_a_configured_address_a_signed_address_is_refused():
    proofs = replace(ADDRESSED_PROOFS, url="")

    with pytest.raises(SignatureMismatch, match="public address is signed and is not configured"):
        verify(signed_as(ADDRESSED_SIGNATURE), ADDRESSED, proofs, now=NOW)


def test_the_old_secret_is_accepted_while_it_is_rotated_out():
    verify(signed_as(HEX), PLAIN, Proofs(secrets=("new", "s3cret")), now=NOW)
    verify(signed_as(HEX), PLAIN, Proofs(secrets=("s3cret", "new")), now=NOW)


#: HMAC-SHA256 of BODY with an empty key, by openssl.
EMPTY_KEY = "7a1b0a3c833103a5a98a58282ab2c809bdb6edebd30aba3b56b5f22d06c97b13"


@pytest.mark.parametrize("secrets", [(), ("",), ("", "")], ids=repr)
@pytest.mark.parametrize("key", ["utf8", "hex", "base64"])
def test_nothing_is_accepted_when_no_secret_is_configured(key, secrets):
    scheme = HmacScheme(header="x-signature", key=key)

    with pytest.raises(SignatureMismatch, match="none is usable"):
        verify(signed_as(EMPTY_KEY), scheme, Proofs(secrets=secrets), now=NOW)


@pytest.mark.parametrize(
    ("key", "secret"), [("hex", "zz"), ("hex", " "), ("base64", "%%"), ("base64", "whsec_")]
)
def test_a_secret_that_is_not_of_its_form_accepts_nothing(key, secret):
    scheme = HmacScheme(header="x-signature", key=key)

    with pytest.raises(SignatureMismatch, match=f"none is usable as {key}"):
        verify(signed_as(EMPTY_KEY), scheme, Proofs(secrets=(secret,)), now=NOW)


def test_a_secret_that_is_not_of_its_form_does_not_hide_one_that_is():
    secrets = ("%%", *STANDARD_PROOFS.secrets)
    request = webhook(STANDARD_HEADERS, body=STANDARD_BODY)

    verify(request, STANDARD, Proofs(secrets=secrets), now=at(1614265330))


def test_a_secret_may_hold_bytes_that_are_no_utf_8():
    """The environment gives them as surrogates.  Made with openssl, key 0xff 0x41."""
    signature = "d612a3678a9ddc61d6ce96818101c5b9fdfaf785d887733dec47c485b9c555fa"

    verify(signed_as(signature), PLAIN, Proofs(secrets=("\udcffA",)), now=NOW)


def test_one_of_several_signatures_is_enough():
    header = f"t=1700000000,v1={'0' * 64},v1={LISTED_SIGNATURE},v0=zzz"

    verify(signed_as(header), LISTED, LISTED_PROOFS, now=at(1700000000))


def test_a_signature_under_another_name_is_not_looked_at():
    """Else a weaker scheme beside the good one would do."""
    header = f"t=1700000000,v0={LISTED_SIGNATURE}"

    with pytest.raises(SignatureMismatch, match="no signature behind 'v1='"):
        verify(signed_as(header), LISTED, LISTED_PROOFS, now=at(1700000000))


def test_unknown_versions_in_a_list_are_skipped():
    headers = STANDARD_HEADERS | {"webhook-signature": f"v1a,AAAA v9 {STANDARD_SIGNATURE}"}

    verify(webhook(headers, body=STANDARD_BODY), STANDARD, STANDARD_PROOFS, now=at(1614265330))


SENT_TWICE = {
    "plain": (PLAIN, f"{HEX}, {HEX}"),
    "in a list with commas": (
        LISTED,
        f"t=1700000000,v1={LISTED_SIGNATURE}, t=1700000000,v1={LISTED_SIGNATURE}",
    ),
    "in a list with blanks": (STANDARD, f"{STANDARD_SIGNATURE}, {STANDARD_SIGNATURE}"),
}


@pytest.mark.parametrize(("scheme", "value"), SENT_TWICE.values(), ids=SENT_TWICE)
def test_a_signature_header_that_was_sent_twice_is_refused(scheme, value):
    headers = STANDARD_HEADERS | {scheme.header: value}
    proofs = Proofs(secrets=("s3cret", "whsec_test", *STANDARD_PROOFS.secrets))
    now = at(1614265330 if scheme is STANDARD else 1700000000)
    body = STANDARD_BODY if scheme is STANDARD else BODY

    with pytest.raises(SignatureMismatch):
        verify(webhook(headers, body=body), scheme, proofs, now=now)


def test_a_webhook_without_a_signature_is_refused_as_missing():
    with pytest.raises(SignatureMissing, match="'x-signature' is missing"):
        verify(webhook(), PLAIN, SECRET, now=NOW)


@pytest.mark.parametrize("blank", ["", " ", "\t"], ids=repr)
def test_an_empty_signature_is_missing(blank):
    with pytest.raises(SignatureMissing):
        verify(signed_as(blank), PLAIN, SECRET, now=NOW)


NONSENSE = [
    "%%%",
    "sha256=",
    "A",
    "=",
    "\N{SNOWMAN}",
    "\udc80",
    "é" * 64,
    f"%{HEX}",
    HEX[:-1],
    f"{HEX}0",
    f"{HEX[:32]} {HEX[32:]}",
    f"{BASE64[:-1]}",
    f"{BASE64}=",
    f"{BASE64}\n{BASE64}",
    BASE64[:-2] + "N=",  # the same bytes, with a bit set that holds none
    "0" * 1_000_000,
    "v1=" * 10_000,
    "v1=," * 10_000,
    "v1,",
    "v1, v1,A",
    "t=,v1=",
    f"t=1614265330,t=1614265330,v1={HEX}",
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda text: ascii(text[:20]))
@pytest.mark.parametrize("scheme", [PLAIN, replace(PLAIN, encoding="base64"), LISTED, STANDARD])
def test_what_is_not_a_signature_is_a_mismatch_and_never_a_crash(scheme, nonsense):
    headers = STANDARD_HEADERS | {scheme.header: nonsense}
    proofs = Proofs(secrets=("s3cret", *STANDARD_PROOFS.secrets))

    with pytest.raises(SignatureMismatch):
        verify(webhook(headers), scheme, proofs, now=at(1614265330))


@pytest.mark.parametrize("value", [HEX, "sha256=", f"sha1={HEX}"])
def test_a_signature_without_its_prefix_or_with_nothing_behind_it_is_refused(value):
    scheme = HmacScheme(header="x-signature", prefix="sha256=")

    with pytest.raises(SignatureMismatch, match="no signature behind 'sha256='"):
        verify(signed_as(value), scheme, SECRET, now=NOW)


def test_a_signed_header_that_was_not_sent_is_a_mismatch():
    with pytest.raises(SignatureMismatch, match="'x-ts' is signed and was not sent"):
        verify(signed_as(HEX), STAMPED, SECRET, now=NOW)


BODIES = {
    "no JSON": (b"\xff{", "is not JSON"),
    "JSON that is too deep": (b"[" * 200_000, "is not JSON"),
    "a number that is none": (b'{"id": NaN}', "is not JSON"),
    "no object": (b"[1]", "body.id is signed"),
    "a field less": (b"{}", "body.id is signed"),
    "null": (b'{"id": null}', "body.id is signed"),
    "an object": (b'{"id": {}}', "body.id is signed"),
    "half a character": (b'{"id": "\\ud800"}', "body.id is signed"),
}


@pytest.mark.parametrize(("body", "message"), BODIES.values(), ids=BODIES)
def test_a_signed_field_that_the_body_lacks_is_a_mismatch(body, message):
    scheme = HmacScheme(header="x-signature", content=parse_content("{body.id}"))

    with pytest.raises(SignatureMismatch, match=message):
        verify(signed_as(HEX, body=body), scheme, SECRET, now=NOW)


#: What is written in a body, and the signature of its text: printf %s 1.50 | openssl dgst ...
SCALARS = {
    "12345678901234567890123": "1fd9f1c88fa6fd5411bea20ffe0c83b046d5bf315a2bb0f608e00baea311e0e9",
    "1.50": "9840f4fc70c4c6bbb86cd5550f46c803ab6d2eef355c13ad182c1306873bf5b5",
    "true": "be7dba7ea4d56a76bae45c105a8f1a24e2decf9082764e465b678dd5d78f5a62",
    '"ž"': "54358c8f414d1990e1c928c8990a2c0f408a45133492737e3029572c22d36204",
}


@pytest.mark.parametrize(("written", "signature"), SCALARS.items())
def test_a_signed_value_is_its_text_in_the_body(written, signature):
    scheme = HmacScheme(header="x-signature", content=parse_content("{body.a.b}"))
    body = b'{"a": {"b": %s}}' % written.encode()

    verify(signed_as(signature, body=body), scheme, SECRET, now=NOW)


@pytest.mark.parametrize("age", [-300, -1, 0, 300], ids=str)
def test_a_timestamp_within_the_tolerance_is_accepted(age):
    scheme, proofs, request, signed = SHAPES["a timestamp header before the body"]

    verify(request, scheme, proofs, now=signed + timedelta(seconds=age))


@pytest.mark.parametrize(
    ("age", "told"), [(301, "301 s in the past"), (-301, "301 s in the future")], ids=str
)
@pytest.mark.parametrize(
    "shape", ["a timestamp header before the body", "a list with its timestamp in it"]
)
def test_a_timestamp_outside_the_tolerance_is_refused(shape, age, told):
    scheme, proofs, request, signed = SHAPES[shape]

    with pytest.raises(SignatureMismatch, match=told):
        verify(request, scheme, proofs, now=signed + timedelta(seconds=age))


@pytest.mark.parametrize(
    ("stamp", "signature"),
    [
        # printf %s "$stamp.$body" | openssl dgst -sha256 -hmac s3cret
        ("17e8", "abe949516a683df5b4a128c2b2919d80886382a7ffcf541e8b985095d9b89b3e"),
        ("1700000000.0", "7d9694171e0a239298e3cb12e0171d2eb9fcbec57816cb68465d6887a10613ca"),
        ("-1700000000", "5f7f92b2d5ac06c68c39fb73b31870a77b3c53b3f4b84b8fb32664672de719e0"),
        ("1" * 400, "7fe014a8550e4320da26b936eaf9838887cebd1bbb69c0cb3697c2a2310e049c"),
    ],
    ids=["exponent", "fraction", "sign", "endless"],
)
def test_a_timestamp_that_is_no_whole_number_is_refused_even_when_signed(stamp, signature):
    request = webhook({"x-ts": stamp, "x-signature": signature})

    with pytest.raises(SignatureMismatch, match="is not a whole number of s"):
        verify(request, STAMPED, SECRET, now=NOW)


def test_a_timestamp_in_milliseconds_is_read_as_such():
    """Made with openssl over ``1700000000500.`` and the body."""
    scheme = replace(STAMPED, timestamp=parse_timestamp("header.x-ts | ms"), tolerance=1.0)
    request = webhook(
        {
            "x-ts": "1700000000500",
            "x-signature": "461e80c6d8ff8985ce2e082eba419826035d9d51588e048755b3fa0b00024c82",
        }
    )

    verify(request, scheme, SECRET, now=at(1700000001))
    with pytest.raises(SignatureMismatch, match="2 s in the past"):
        verify(request, scheme, SECRET, now=at(1700000002))


def test_a_timestamp_in_a_body_that_is_signed_as_a_whole_is_enough():
    scheme = replace(PLAIN, timestamp=parse_timestamp("body.total"), tolerance=10.0)

    with pytest.raises(SignatureMismatch, match="'total' is not a whole number"):
        verify(signed_as(HEX), scheme, SECRET, now=NOW)
    with pytest.raises(SignatureMismatch, match=r"body\.total is signed"):
        verify(signed_as(HEX, body=b"{}"), scheme, SECRET, now=NOW)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tolerance": 300.0}, "stand together"),
        ({"timestamp": parse_timestamp("body.at")}, "stand together"),
        ({"timestamp": parse_timestamp("body.at"), "tolerance": 0.0}, "more than 0"),
        ({"timestamp": parse_timestamp("body.at"), "tolerance": float("nan")}, "more than 0"),
        ({"timestamp": parse_timestamp("header.x-ts"), "tolerance": 9.0}, "anyone could renew"),
        (
            {
                "timestamp": parse_timestamp("body.at"),
                "tolerance": 9.0,
                "content": parse_content("{body.id}"),
            },
            "anyone could renew",
        ),
        ({"content": parse_content("{signature.t}.{raw}")}, "wants a list"),
    ],
)
def test_a_scheme_that_would_promise_more_than_it_keeps_cannot_be_made(wrong, message):
    with pytest.raises(ValueError, match=message):
        HmacScheme(header="x-signature", **wrong)


def test_a_signature_may_stand_in_any_of_several_headers():
    scheme = HmacScheme(header="x-new", other_headers=("x-signature",))

    for headers in ({"x-new": HEX}, {"x-signature": HEX}, {"x-new": "ab", "x-signature": HEX}):
        verify(webhook(headers), scheme, SECRET, now=NOW)
    with pytest.raises(SignatureMissing, match="'x-new' or 'x-signature' is missing"):
        verify(webhook({"x-new": " ", "x-other": HEX}), scheme, SECRET, now=NOW)
    with pytest.raises(SignatureMismatch, match="'x-signature' matches none of 1 secrets"):
        verify(webhook({"x-signature": "0" * 64}), scheme, SECRET, now=NOW)


def test_of_two_headers_one_that_is_no_signature_does_not_hide_the_other():
    scheme = replace(LISTED, other_headers=("x-old",))
    good = f"t=1700000000,v1={LISTED_SIGNATURE}"

    for wrong in ("nonsense", f"v1={LISTED_SIGNATURE}", f"t=1,t=2,v1={LISTED_SIGNATURE}"):
        request = webhook({"x-signature": wrong, "x-old": good})
        verify(request, scheme, LISTED_PROOFS, now=at(1700000000))
        with pytest.raises(SignatureMismatch, match="header 'x-signature'"):
            verify(webhook({"x-signature": wrong}), scheme, LISTED_PROOFS, now=at(1700000000))


def test_a_header_of_endless_signatures_is_not_worked_through():
    several = ",".join(["t=1700000000", *["v1=ab"] * 15, f"v1={LISTED_SIGNATURE}"])
    verify(signed_as(several), LISTED, LISTED_PROOFS, now=at(1700000000))

    with pytest.raises(SignatureMismatch, match="more than 16 signatures"):
        verify(signed_as(f"{several},v1=ab"), LISTED, LISTED_PROOFS, now=at(1700000000))


def test_a_query_is_signed_as_it_arrived_or_by_its_decoded_values():
    """Made with openssl over ``shop=a%20b&at=1700000000`` and ``a b.1700000000``."""
    raw = webhook(
        {"x-signature": "47bbaa38f3d72b345915e005de89f7d99500ccf1a9caa6526b39929180849d97"},
        query={"shop": "a b"},
        raw_query="shop=a%20b&at=1700000000",
    )
    decoded = webhook(
        {"x-signature": "6447ec2c55e36b2389eb87590c2d34112812d018afb37d389d37354dd40d6d9b"},
        query={"shop": "a b", "at": "1700000000"},
    )
    over_values = replace(
        PLAIN,
        content=parse_content("{query.shop}.{query.at}"),
        timestamp=parse_timestamp("query.at"),
        tolerance=300.0,
    )

    verify(raw, replace(PLAIN, content=parse_content("{query}")), SECRET, now=NOW)
    verify(decoded, over_values, SECRET, now=at(1700000300))
    with pytest.raises(SignatureMismatch, match="the timestamp in 'at' is 301 s in the past"):
        verify(decoded, over_values, SECRET, now=at(1700000301))
    with pytest.raises(SignatureMismatch, match="query parameter 'at' is signed and was not sent"):
        verify(replace(decoded, query={"shop": "a b"}), over_values, SECRET, now=NOW)


@pytest.mark.parametrize("wrong", [{"item": ""}, {"field": ""}, {"name": ""}, {"item": "="}])
def test_a_list_wants_its_separators(wrong):
    with pytest.raises(ValueError, match="a list wants"):
        ListForm(**wrong)
