"""
Whatever is sent, verification ends in a refusal or in proof; what the platform signs is proven,
and what differs from it in one bit is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bridge.errors import RequestError, SignatureMismatch
from bridge.types import VerifiedRequest
from bridge.verify import (
    HmacScheme,
    NotAContent,
    Proofs,
    Scheme,
    SharedSecretScheme,
    UrlTokenScheme,
    parse_content,
    parse_timestamp,
    sign,
    verify,
)
from bridge.verify.content import Header, JsonPath, QueryValue, SigField, Whole
from tests.signatures import (
    ADDRESSED,
    ED25519,
    GOOD_HEAD,
    JWS,
    JWT,
    LISTED,
    NOW,
    PLAIN,
    RSA,
    STAMPED,
    STANDARD,
    base64url,
    edwards_key,
    handmade,
    jwk,
    private_jwk,
    private_pem,
    public_pem,
    webhook,
)

PROOFS = Proofs(
    secrets=("s3cret:x", "00ff10a0b1c2d3e4"),
    keys=(private_jwk(), public_pem(edwards_key(1))),
    url="https://bridge.example/webhooks/shop",
    token_secrets=("t0ken", "older"),
)


@dataclass(frozen=True)
class Case:
    scheme: Scheme
    headers: Mapping[str, str] = field(default_factory=dict)  #: what is sent beside the signature
    secret: str = "s3cret:x"
    body: bytes | None = None  #: None: any
    covers_body: bool = True
    capitals_count: bool = True  #: False where hexadecimal or a word may be in either

    @property
    def proofs(self) -> Proofs:
        return replace(PROOFS, secrets=(self.secret, "old"))


CASES = {
    "hex": Case(PLAIN, capitals_count=False),
    "base64": Case(replace(PLAIN, encoding="base64")),
    "either": Case(replace(PLAIN, encoding="either"), capitals_count=False),
    "sha1 with a prefix": Case(replace(PLAIN, hash="sha1", prefix="sha1="), capitals_count=False),
    "sha512": Case(replace(PLAIN, hash="sha512", encoding="base64")),
    "a key in hex": Case(replace(PLAIN, key="hex", encoding="base64"), secret="00ff10a0b1c2d3e4"),
    "timestamp": Case(STAMPED, capitals_count=False),
    "list": Case(LISTED, capitals_count=False),
    "standard": Case(STANDARD, {"webhook-id": "msg_1"}, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZI"),
    "address": Case(ADDRESSED),
    "base64 of the body": Case(
        replace(PLAIN, encoding="base64", content=parse_content("{raw | base64}"))
    ),
    "fields of the body": Case(
        HmacScheme(
            header="x-signature",
            encoding="base64",
            content=parse_content("{body.at}.{body.id}"),
            timestamp=parse_timestamp("body.at | ms"),
            tolerance=60.0,
        ),
        body=b'{"at": %d, "id": "x"}' % (NOW.timestamp() * 1000),
        covers_body=False,
    ),
    "one of two headers": Case(replace(PLAIN, other_headers=("x-other",)), capitals_count=False),
    "rsa": Case(RSA),
    "rsa over the base64 of the body": Case(replace(RSA, content=parse_content("{raw | base64}"))),
    "ed25519": Case(ED25519, {"webhook-id": "msg_1"}, secret=private_pem(edwards_key(1))),
    "jws": Case(JWS),
    "header": Case(SharedSecretScheme(header="x-key"), covers_body=False),
    "query": Case(SharedSecretScheme(query="key"), covers_body=False),
    "bearer": Case(SharedSecretScheme(bearer=True), covers_body=False, capitals_count=False),
    "basic": Case(SharedSecretScheme(basic=True), covers_body=False, capitals_count=False),
    "perhaps a bearer": Case(
        SharedSecretScheme(bearer=True, bare=True), covers_body=False, capitals_count=False
    ),
    "path": Case(SharedSecretScheme(path=True), secret="s3cret-._~", covers_body=False),
    "token": Case(UrlTokenScheme(), covers_body=False),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
signing_case = pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.covers_body],
    ids=[name for name, case in CASES.items() if case.covers_body],
)  # fmt: skip

anything = st.characters(exclude_categories=())  # halves of surrogate pairs as well
fragments = st.lists(
    st.sampled_from(
        [
            *"=,. \t\né\N{SNOWMAN}\udc80",
            "v1",
            "t",
            "sha1=",
            "Bearer ",
            "Basic ",
            "ab",
            "0",
            "..",
            "AAAA",
        ]
    )
).map("".join)
values = st.text(anything) | st.text(st.characters(max_codepoint=255)) | fragments
bodies = st.binary(max_size=200)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["RS256", "b64"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


def ends(
    case: Case,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    body: bytes,
    segment: str = "",
) -> bool:
    """Verify; True for proof, False for a refusal, and everything else comes through."""
    request = webhook(headers, body=body, query=query, segment=segment)
    try:
        verified = verify(request, case.scheme, case.proofs, now=NOW)
    except RequestError:
        return False
    assert VerifiedRequest(request, case.scheme.engine) == verified
    return True


def place(case: Case) -> tuple[str, str]:
    """Where the scheme's signature stands."""
    scheme = case.scheme
    if isinstance(scheme, UrlTokenScheme):
        return "query", scheme.query
    if isinstance(scheme, SharedSecretScheme) and scheme.path:
        return "segment", ""
    if isinstance(scheme, SharedSecretScheme) and scheme.query:
        return "query", scheme.query
    return "headers", getattr(scheme, "header", None) or "authorization"


@every_case
@given(value=values, other=values, body=bodies)
@settings(deadline=None)
def test_any_signature_over_any_body_is_refused_and_nothing_breaks(case, value, other, body):
    where, name = place(case)
    sent = {**dict.fromkeys(("x-ts", "webhook-id", "webhook-timestamp"), other), name: value}
    headers, query = (sent, {}) if where == "headers" else ({}, sent)
    segment = value if where == "segment" else ""

    assert ends(case, headers, query, body, segment) is False


@every_case
@given(body=bodies)
@settings(deadline=None, max_examples=50)
def test_what_the_platform_signs_is_accepted(case, body):
    body = body if case.body is None else case.body
    signed = sign(body, case.scheme, case.proofs, headers=case.headers, now=NOW, store="shop")

    headers = {**case.headers, **signed.headers}
    assert ends(case, headers, signed.query, body, signed.segment) is True


@signing_case
@given(body=st.binary(min_size=1, max_size=200), data=st.data())
@settings(deadline=None, max_examples=50)
def test_one_bit_of_the_body_makes_it_another(case, body, data):
    at = data.draw(st.integers(0, len(body) - 1))
    flipped = body[at] ^ (1 << data.draw(st.integers(0, 7)))
    other = body[:at] + bytes([flipped]) + body[at + 1 :]
    signed = sign(body, case.scheme, case.proofs, headers=case.headers, now=NOW, store="shop")

    assert ends(case, {**case.headers, **signed.headers}, signed.query, other) is False


@every_case
@given(body=bodies, data=st.data())
@settings(deadline=None, max_examples=50)
def test_one_bit_of_the_signature_makes_it_another(case, body, data):
    body = body if case.body is None else case.body
    signed = sign(body, case.scheme, case.proofs, headers=case.headers, now=NOW, store="shop")
    where, name = place(case)
    value = signed.segment if where == "segment" else getattr(signed, where)[name]
    at = data.draw(st.integers(0, len(value) - 1))
    flipped = chr(ord(value[at]) ^ (1 << data.draw(st.integers(0, 7))))
    other = value[:at] + flipped + value[at + 1 :]
    assume(case.capitals_count or other.lower() != value.lower())
    sent = {"headers": {**case.headers, **signed.headers}, "query": dict(signed.query)}
    segment = other if where == "segment" else ""
    if where != "segment":
        sent[where][name] = other

    assert ends(case, sent["headers"], sent["query"], body, segment) is False


@given(secret=st.text(min_size=1), other=st.text(), body=bodies)
def test_the_signature_of_one_secret_is_none_of_another(secret, other, body):
    assume(secret.rstrip("\0") != other.rstrip("\0"))  # RFC 2104 fills a short key with zeros
    signed = sign(body, PLAIN, Proofs(secrets=(secret,)), headers={}, now=NOW)
    request = webhook(signed.headers, body=body)

    verify(request, PLAIN, Proofs(secrets=(other, secret)), now=NOW)
    with pytest.raises(SignatureMismatch):
        verify(request, PLAIN, Proofs(secrets=(other,)), now=NOW)


@given(
    head=st.dictionaries(st.sampled_from(["alg", "b64", "crit", "kid", "typ"]), json_values),
    kept=st.sets(st.sampled_from(sorted(GOOD_HEAD))),
)
@settings(deadline=None)
def test_any_jws_header_that_differs_is_refused_although_rightly_signed(head, kept):
    head = {**GOOD_HEAD, **{name: value for name, value in head.items() if name not in kept}}
    # These are as good: the key is found, or none is asked for.
    assume({**head, "typ": None} != {**GOOD_HEAD, "typ": None})

    with pytest.raises(SignatureMismatch):
        verify(webhook({"x-jws": handmade(head)}), JWS, Proofs(keys=(jwk(),)), now=NOW)


@given(head=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_for_a_jws_header_are_refused(head):
    value = f"{base64url(head)}..AAAA"

    with pytest.raises(SignatureMismatch):
        verify(webhook({"x-jws": value}), JWS, Proofs(keys=(jwk(),)), now=NOW)


@given(
    key=st.fixed_dictionaries(
        {},
        optional={
            "kty": st.just("RSA") | json_values,
            "n": st.text(st.sampled_from("AQab-_%")) | json_values,
            "e": st.sampled_from(["AQAB", "Aw", "AQ", ""]) | json_values,
            "kid": st.just("one") | json_values,
            "alg": st.just("RS256") | json_values,
            "use": st.just("sig") | json_values,
            "d": json_values,
        },
    )
)
@settings(deadline=None)
def test_no_malformed_key_accepts_or_breaks_anything(key: dict[str, Any]):
    request = webhook({"x-jws": handmade(GOOD_HEAD)})

    with pytest.raises(SignatureMismatch):
        verify(request, JWS, Proofs(keys=(key,)), now=NOW)
    verify(request, JWS, Proofs(keys=(key, jwk())), now=NOW)


TOKEN = Case(JWT, secret="no key")
claims = st.dictionaries(st.sampled_from(["exp", "iat", "nbf", "aud", "data"]), json_values)


@given(body=bodies | st.lists(bodies, min_size=3, max_size=3).map(
    lambda parts: b".".join(base64url(part).encode() for part in parts)
))  # fmt: skip
@settings(deadline=None)
def test_any_body_that_is_no_token_of_the_platform_is_refused(body):
    assert ends(TOKEN, {}, {}, body) is False


@given(claims=claims)
@settings(deadline=None)
def test_any_claims_that_the_platform_signs_end_in_proof_or_a_refusal(claims):
    signed = sign(json.dumps(claims).encode(), JWT, TOKEN.proofs, headers={}, now=NOW)

    assert ends(TOKEN, {}, {}, signed.body or b"") or {"exp", "iat", "nbf"} & set(claims)


@given(data=st.data())
@settings(deadline=None)
def test_one_bit_of_a_token_makes_it_another(data):
    signed = sign(b'{"data": "x"}', JWT, TOKEN.proofs, headers={}, now=NOW)
    body = signed.body or b""
    assert ends(TOKEN, {}, {}, body) is True
    at = data.draw(st.integers(0, len(body) - 1))
    flipped = bytes([body[at] ^ (1 << data.draw(st.integers(0, 7)))])

    assert ends(TOKEN, {}, {}, body[:at] + flipped + body[at + 1 :]) is False


@given(key=st.text() | st.sampled_from(["-----BEGIN PUBLIC KEY-----", "whpk_", "\\n"]).flatmap(
    lambda mark: st.text().map(lambda text: f"{mark}{text}-----END PUBLIC KEY-----")
))  # fmt: skip
@settings(deadline=None)
def test_no_text_that_is_no_key_accepts_or_breaks_anything(key):
    for scheme, made in ((RSA, sign(b"", RSA, TOKEN.proofs, headers={}, now=NOW)),
                         (JWT, sign(b"{}", JWT, TOKEN.proofs, headers={}, now=NOW))):  # fmt: skip
        request = webhook(made.headers, body=made.body or b"")
        with pytest.raises(SignatureMismatch):
            verify(request, scheme, Proofs(secrets=(key,)), now=NOW)


pieces = st.lists(
    st.sampled_from(
        [*"{}.|'", "raw", "base64", "url", "query", "header", "body", "signature", "x", " "]
    )
).map("".join)


def column(parse: Callable[[str], object], text: str) -> int:
    """Where *text* is refused; 0 where it is read."""
    try:
        parse(text)
    except NotAContent as refused:
        return refused.column
    return 0


@given(text=pieces | st.text())
def test_any_template_is_read_or_refused_at_a_place_in_it(text):
    assert 0 <= column(parse_content, text) <= len(text)
    assert 0 <= column(parse_timestamp, text) <= len(text)


names = st.from_regex(r"[a-z0-9_-]+", fullmatch=True)
holes = st.one_of(
    st.sampled_from(
        [("raw", Whole.RAW), ("raw | base64", Whole.RAW_BASE64), ("query", Whole.QUERY)]
    ),
    names.map(lambda name: (f"query.{name}", QueryValue(name))),
    names.map(lambda name: (f"header.{name}", Header(name))),
    names.map(lambda name: (f"signature.{name}", SigField(name))),
    st.lists(names, min_size=1).map(lambda path: (f"body.{'.'.join(path)}", JsonPath(tuple(path)))),
)


@given(
    found=st.lists(holes, min_size=1),
    literal=st.text(st.characters(codec="utf-8", exclude_characters="{}")),
)
def test_a_template_is_read_as_it_was_written(found, literal):
    text = "".join(f"{literal}{{{hole}}}" for hole, _ in found)
    wanted = [part for _, hole in found for part in (literal.encode(), hole) if part]

    assert tuple(wanted) == parse_content(text)
