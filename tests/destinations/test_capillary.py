"""
Capillary gets as little as finds a customer, and its answers are believed item by item.

A wrong identifier merges two people there for good, and a full result can be a failure.
"""

from __future__ import annotations

import base64
import json
import typing
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge import exact
from bridge.derive import build
from bridge.destinations import ENDPOINTS, capillary_models
from bridge.destinations.capillary import CUSTOMER
from bridge.destinations.capillary_models import CODES, MERGES, TRANSIENT, CustomerRequest
from bridge.destinations.endpoint import Account, Token, document
from bridge.destinations.judge import last_word
from bridge.destinations.model import Body
from bridge.engines import ENGINES
from bridge.errors import PayloadInvalid
from bridge.event import Event
from bridge.load import load
from bridge.mapping.accounts import EndpointNeeds
from bridge.mapping.check import Files, World, check
from bridge.mapping.library import BUILT_IN
from bridge.mapping.payload import map_payload
from bridge.types import Reply, Skipped, Verdict
from tests.conftest import ROOT
from tests.destinations.events import sent, shipped

TILL = Account("https://eu.api.example/", {"till": "store.server", "password": "123"})
KEYED = Account("https://eu.api.example", {"key": "the-key", "secret": "the-secret"})
WORLD = World(
    {CUSTOMER.name: CustomerRequest},
    {CUSTOMER.name: EndpointNeeds(CUSTOMER.credentials, None)},
    ENGINES,
    BUILT_IN,
)
HAPPENED = datetime(2026, 3, 10, 12, 14, 5, tzinfo=UTC)
HERE = {"source": "ECOMMERCE", "account_id": "shop-main"}


def profile(**changes: Any) -> dict[str, Any]:
    """A whole profile, changed; a field changed to `...` is left out."""
    whole = {
        "firstName": "Asha",
        "lastName": "Rao",
        "identifiers": [
            {"type": "externalId", "value": "shop-207"},
            {"type": "mobile", "value": "12025550142"},
            {"type": "email", "value": "asha@example.com"},
        ],
        "commChannels": [
            {
                "type": "mobile",
                "value": "12025550142",
                "primary": True,
                "verified": False,
                "subscribed": True,
                "meta": {"lastViewedDate": "", "residence": True, "office": False},
            },
            {"type": "email", "value": "asha@example.com", "primary": True, "verified": False},
        ],
        "source": "ECOMMERCE",
        "accountId": "shop-main",
        "fields": {"favourite": "tea"},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def customer(*profiles: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"profiles": list(profiles or [profile()]), **more}


SUBSCRIPTION = {
    "channel": "EMAIL",
    "accountId": "shop-main",
    "priority": "BULK",
    "type": "OPTIN",
    "sourceName": "ECOMMERCE",
    "orgUnitId": 7,
}
FULL = customer(
    extendedFields={"gender": "Female", "vip": True, "score": 7, "size": Decimal("38.5")},
    loyaltyInfo={"loyaltyType": "loyalty"},
    statusLabel="Active",
    subscriptionInfo={"subscriptions": [SUBSCRIPTION]},
    loyaltyProgramEnrollments=[{"programId": 3, "tierNumber": 1, "loyaltyPoints": Decimal(10)}],
    associatedWith="till.01",
    referralCode="ASHA10",
)


def refusal(payload: Any) -> list[str]:
    """Every message with its place, of a payload that must be refused."""
    with pytest.raises(ValidationError) as caught:
        CustomerRequest.model_validate(payload)
    return [
        ".".join(str(part) for part in problem["loc"]) + ": " + problem["msg"]
        for problem in caught.value.errors()
    ]


def told(*codes: Any, message: str = "said of it") -> list[dict[str, Any]]:
    return [{"status": False, "code": code, "message": message} for code in codes]


def item(**changes: Any) -> dict[str, Any]:
    """An answer with one item that went well, changed; `...` leaves a field out."""
    whole = {
        "entityId": 101,
        "result": {"id": 101, "profiles": []},
        "errors": [],
        "warnings": [],
        **changes,
    }
    one = {name: value for name, value in whole.items() if value is not ...}
    return {"response": [one], "totalCount": 1, "failureCount": 1 if one.get("errors") else 0}


def reply(body: Any = b"", status: int = 200, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): text for name, text in headers.items()}, content)


def judged(body: Any = b"", status: int = 200, **headers: str) -> Verdict:
    return CUSTOMER.judge(reply(body, status, **headers))


class TestList:
    def test_it_is_listed_under_the_name_that_mapping_files_write(self):
        assert ENDPOINTS["capillary.customer"] is CUSTOMER
        assert CUSTOMER.personal
        assert CUSTOMER.base_url is None  # every brand has a host of its own

    @pytest.mark.parametrize(
        "model",
        [
            one
            for one in vars(capillary_models).values()
            if isinstance(one, type)
            and issubclass(one, Body)
            and one.__name__ not in ("Body", "Message", "Answer", "LoginAnswer")
        ],
    )
    def test_every_field_is_described(self, model):
        assert [n for n, field in model.model_fields.items() if not field.description] == []

    def test_the_mapping_file_offers_the_sources_that_the_model_knows(self):
        rules = shipped().checked.destinations["capillary.customer"].settings

        assert rules["source"].one_of == typing.get_args(capillary_models.Source)


class TestModel:
    def test_every_documented_field_is_accepted_and_sent_as_it_was_given(self):
        written = document(CustomerRequest.model_validate(FULL))

        assert written == FULL
        assert list(written) == list(FULL)

    @pytest.mark.parametrize(
        "payload",
        [
            customer(profile(source="INSTORE", accountId=...)),  # in store there are no accounts
            customer(profile(firstName="é" * 100)),
            customer(profile(firstName=..., lastName=..., commChannels=..., fields=...)),
            customer(profile(identifiers=[{"type": "email", "value": "a" * 243 + "@example.com"}])),
            customer(profile(identifiers=[{"type": "mobile", "value": "12345678"}])),
            customer(profile(identifiers=[{"type": "mobile", "value": "123456789012345"}])),
            customer(profile(identifiers=[{"type": "externalId", "value": "x" * 300}])),
            customer(
                profile(source=..., accountId=...),  # as the page's second example
                subscriptionInfo={"subscriptions": [SUBSCRIPTION]},
            ),
            customer(profile(), profile(source="LINE", accountId="7")),
        ],
    )
    def test_what_the_vendor_allows_is_accepted(self, payload):
        CustomerRequest.model_validate(payload)

    @pytest.mark.parametrize(
        ("payload", "wanted"),
        [
            (
                customer(profile(source=...)),
                ["profiles[0].source is missing, wanted the channel that the data comes from"],
            ),
            (
                customer(profile(accountId=...)),
                ["profiles[0].accountId is missing, wanted the account inside the source"],
            ),
            (
                customer(profile(), profile(source=...), profile(accountId=...)),
                ["profiles[1].source is missing", "profiles[2].accountId is missing"],
            ),
            (customer(profile(source="SHOP")), ["profiles.0.source: "]),
            (customer(profile(identifiers=...)), ["profiles.0.identifiers: "]),
            (customer(profile(identifiers=[])), ["profiles.0.identifiers: "]),
            ({"profiles": []}, ["profiles: "]),
            ({}, ["profiles: "]),
            (
                customer(profile(firstName="n" * 101)),
                [
                    "profiles.0.firstName: ",
                    "found text of 101 characters, wanted at most 100: Capillary would cut it with",
                ],
            ),
            (customer(profile(lastName="é" * 101)), ["profiles.0.lastName: ", "101 characters"]),
            (
                customer(
                    profile(identifiers=[{"type": "email", "value": "a" * 244 + "@example.com"}])
                ),
                ["profiles.0.identifiers.0.value: ", "256 characters, wanted at most 255"],
            ),
            (
                customer(
                    profile(commChannels=[{"type": "email", "value": "a" * 244 + "@example.com"}])
                ),
                ["profiles.0.commChannels.0.value: ", "256 characters, wanted at most 255"],
            ),
            (
                customer(profile(commChannels=[{"type": "mobile", "value": "+12025550142"}])),
                [
                    "profiles.0.commChannels.0.value: ",
                    "country code and number, 8 to 15 digits, no plus sign",
                ],
            ),
            (customer(profile(loyaltyInfo={})), ["profiles.0.loyaltyInfo: "]),
            (customer(gender="Female"), ["gender: "]),
            (customer(extendedFields={"gender": ["Female"]}), ["extendedFields.gender"]),
            (customer(extendedFields={" ": "x"}), ["extendedFields. ", "blank"]),
            (customer(extendedFields={"gender": "\ud800"}), ["extendedFields.gender: ", "half a"]),
            (customer(loyaltyInfo={"loyaltyType": "gold"}), ["loyaltyInfo.loyaltyType: "]),
            (customer(subscriptionInfo={"subscriptions": []}), ["subscriptionInfo.subscriptions"]),
            (customer(statusLabel=" "), ["statusLabel: ", "blank"]),
        ],
    )
    def test_what_it_does_not_take_is_refused_by_name_and_without_the_value(self, payload, wanted):
        problems = "\n".join(refusal(payload))

        assert [one for one in wanted if one not in problems] == []
        assert not [one for one in ("Asha", "asha@", "2025550142") if one in problems]

    @pytest.mark.parametrize(
        "value",
        [
            "+12025550142",
            "1202 555 0142",
            "1234567",
            "1234567890123456",
            "02025550142",
            "١٢٣٤٥٦٧٨٩",
        ],
    )
    @pytest.mark.parametrize("where", ["identifiers", "commChannels"])
    def test_a_mobile_number_is_digits_with_the_country_code(self, where, value):
        (problem,) = refusal(customer(profile(**{where: [{"type": "mobile", "value": value}]})))

        assert problem.startswith(f"profiles.0.{where}.0.value: ")
        assert value not in problem

    def test_a_repr_holds_no_value(self):
        shown = repr(CustomerRequest.model_validate(FULL))

        assert "profiles" in shown
        assert not [one for one in ("Asha", "asha@", "2025550142", "Female") if one in shown]


class TestRequest:
    def test_one_customer_is_sent_as_a_list_of_one(self):
        call = CUSTOMER.write(document(CustomerRequest.model_validate(FULL)), TILL)

        assert call.method == "POST"
        assert call.content == b"[" + exact.write(FULL) + b"]"
        assert json.loads(call.content, parse_float=Decimal) == [FULL]

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({}, "true"),
            ({"skip_change_identifier": True}, "true"),
            ({"skip_change_identifier": False}, "false"),
        ],
    )
    def test_whether_identifiers_may_change_is_always_said(self, options, said):
        call = CUSTOMER.write(FULL, replace(TILL, options=options))

        url = urlsplit(call.url)
        assert f"{url.scheme}://{url.netloc}{url.path}" == (
            "https://eu.api.example/v2/integrations/customer/upsert/bulk"
        )
        assert parse_qs(url.query) == {"skipChangeIdentifier": [said]}

    def test_identifiers_do_not_change_unless_the_operator_says_so(self):
        assert CUSTOMER.options["skip_change_identifier"].default is True

    def test_a_till_is_proven_by_the_md5_of_its_password(self):
        """
        The numbers are those of the page's second example; in the first one the hash is not that
        of its password.

        Source: https://docs.capillarytech.com/reference/basic-authentication
        """
        headers = CUSTOMER.write(FULL, TILL).headers

        hashed = "202cb962ac59075b964b07152d234b70"
        assert base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == (
            f"store.server:{hashed}"
        )
        assert headers == {
            "authorization": headers["authorization"],
            "content-type": "application/json",
            "accept": "application/json",
        }

    def test_what_a_till_has_no_use_for_is_not_sent_with_it(self):
        options = {"attribution_type": "STORE_CODE", "attribution_code": "s1"}

        assert len(CUSTOMER.write(FULL, replace(TILL, options=options)).headers) == 3

    def test_a_key_is_proven_by_its_token(self):
        headers = CUSTOMER.write(FULL, replace(KEYED, token="the-token")).headers

        assert headers == {
            "x-cap-api-oauth-token": "the-token",
            "content-type": "application/json",
            "accept": "application/json",
        }

    def test_the_data_may_be_booked_under_a_store(self):
        options = {"attribution_type": "STORE_CODE", "attribution_code": "s1"}

        headers = CUSTOMER.write(FULL, replace(KEYED, token="t", options=options)).headers

        assert headers["x-cap-api-attribution-entity-type"] == "STORE_CODE"
        assert headers["x-cap-api-attribution-entity-code"] == "s1"

    @pytest.mark.parametrize(
        ("code", "right"),
        [("s1", True), ("Main store 1", True), ("7", True)]
        + [(odd, False) for odd in ("", " ", "São Paulo", "s1\n", "a\r\nb", " s1", "s1 ")],
    )
    def test_the_code_of_a_store_is_what_a_header_can_hold(self, code, right):
        wrong = CUSTOMER.options["attribution_code"].wrong

        assert wrong is not None
        assert (wrong(code) == "") is right


class TestIdentity:
    @pytest.mark.parametrize(
        ("identifiers", "wanted"),
        [
            (["mobile", "email", "externalId"], "ECOMMERCE/shop-main/externalId/the externalId"),
            (["mobile", "email"], "ECOMMERCE/shop-main/email/the email"),
            (["mobile", "wechat"], "ECOMMERCE/shop-main/mobile/the mobile"),
            (["wechat", "line"], "ECOMMERCE/shop-main/line/the line"),
        ],
    )
    def test_it_is_the_identifier_that_tells_people_apart_best(self, identifiers, wanted):
        known = [{"type": one, "value": f"the {one}"} for one in identifiers]

        assert CUSTOMER.identity(customer(profile(identifiers=known))) == wanted

    def test_it_is_the_same_whatever_else_is_known(self):
        shorter = customer(profile(firstName=..., commChannels=...), loyaltyInfo={})

        assert CUSTOMER.identity(customer()) == CUSTOMER.identity(shorter)

    @pytest.mark.parametrize(
        "other",
        [
            profile(source="LINE"),
            profile(accountId="another"),
            profile(accountId=...),
            profile(identifiers=[{"type": "externalId", "value": "shop-208"}]),
        ],
    )
    def test_others_are_others(self, other):
        assert CUSTOMER.identity(customer()) != CUSTOMER.identity(customer(other))


class TestLogin:
    @pytest.fixture
    def login(self):
        assert CUSTOMER.login is not None
        return CUSTOMER.login

    def test_only_a_key_needs_one(self, login):
        assert login.needed(KEYED)
        assert not login.needed(TILL)
        assert CUSTOMER.credentials == (("till", "password"), ("key", "secret"))

    def test_key_and_secret_are_posted(self, login):
        call = login.write(KEYED)

        assert (call.method, call.url) == (
            "POST",
            "https://eu.api.example/v3/oauth/token/generate",
        )
        assert json.loads(call.content) == {"key": "the-key", "secret": "the-secret"}
        assert call.headers == {
            "content-type": "application/json",
            "accept": "application/json",
        }

    @pytest.mark.parametrize("seconds", [300, 0.5])
    def test_a_token_is_read_with_its_life(self, login, seconds):
        body = {"data": {"accessToken": "eyJ.a-b_c", "ttlSeconds": seconds}, "errors": None}

        assert login.read(reply(body)) == Token("eyJ.a-b_c", seconds)

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b""),
            (200, b"<html>"),
            (200, b"[]"),
            (200, {}),
            (200, {"data": None, "errors": None}),
            (200, {"data": {"accessToken": "t"}}),
            (200, {"data": {"accessToken": "", "ttlSeconds": 300}}),
            (200, {"data": {"accessToken": "two words", "ttlSeconds": 300}}),
            (200, {"data": {"accessToken": "line\nbreak", "ttlSeconds": 300}}),
            (200, {"data": {"accessToken": "t", "ttlSeconds": 0}}),
            (200, {"data": {"accessToken": "t", "ttlSeconds": "300"}}),
            (200, {"data": {"accessToken": "t", "ttlSeconds": True}}),
            (200, b'{"data": {"accessToken": "t", "ttlSeconds": Infinity}}'),
            (200, {"errors": told(500)}),
            (204, b""),
            *((status, b"") for status in (408, 425, 429, 461, 500, 502, 503, 504, 521)),
        ],
    )
    def test_without_a_token_it_is_tried_again_and_nothing_was_accepted(self, login, status, body):
        verdict = login.read(reply(body, status))

        assert verdict.kind == "transient"
        assert "accepted" not in verdict.reason
        assert "HTTP" in verdict.reason

    @pytest.mark.parametrize(
        ("status", "body", "words"),
        [
            (401, b"", "check key and secret of the account"),
            (400, {"errors": told(400)}, "code 400 (invalid input): said of it; check key"),
            (403, b"", "check key and secret"),
            (404, b"", "check base_url"),
            (405, b"", "HTTP 405"),
            (302, b"", "redirect not followed"),
            (200, {"data": None, "errors": told(1064)}, "code 1064 (the organisation is unknown)"),
        ],
    )
    def test_what_another_try_does_not_cure_is_refused(self, login, status, body, words):
        verdict = login.read(reply(body, status, x_cap_requestid="5670FF17B7D58"))

        assert verdict.kind == "refused"
        assert words in verdict.reason
        assert verdict.reason.endswith("X-Cap-Requestid 5670FF17B7D58")

    @pytest.mark.parametrize(
        ("status", "kind"), [(302, "refused"), (401, "refused"), (500, "transient")]
    )
    def test_a_token_in_an_error_is_none(self, login, status, kind):
        body = {"data": {"accessToken": "t", "ttlSeconds": 300}}

        assert login.read(reply(body, status)).kind == kind

    def test_a_token_is_in_no_repr_and_no_message(self, login):
        body = {"data": {"accessToken": "s3cret", "ttlSeconds": 0}}

        assert "s3cret" not in repr(login.read(reply(body)))
        assert "s3cret" not in repr(capillary_models.Grant(accessToken="s3cret", ttlSeconds=1.0))


class TestSuccess:
    @pytest.mark.parametrize("status", [200, 201, 202])
    @pytest.mark.parametrize(
        "body",
        [
            item(),
            item(errors=None, warnings=None),
            item(warnings=...),
            item(errors=...),
            item(errors=..., result=...),
            item(result=None, entityId=None),
            item(result=..., entityId=...),
        ],
    )
    def test_a_customer_without_errors_is_delivered(self, status, body):
        assert judged(body, status) == Verdict("delivered")

    def test_status_false_is_not_asked(self):
        assert judged(item(warnings=told(8059))).kind == "delivered"

    @pytest.mark.parametrize("code", [1053, *range(8054, 8061), 8064, 8070, 8077, 8107, 91015])
    def test_warnings_alone_are_a_remark(self, code):
        verdict = judged(item(warnings=told(code)))

        assert verdict.kind == "delivered"
        assert verdict.reason == f"accepted with a warning: code {code} ({CODES[code]}): said of it"

    @pytest.mark.parametrize("code", [8050, 8051, 8052, 8053, 8066, 8069])
    def test_a_merge_is_told_loudly(self, code):
        verdict = judged(item(warnings=told(8059, code)))

        assert verdict.kind == "delivered"
        assert verdict.reason.startswith(
            "accepted with a warning, LOOK AT THIS CUSTOMER: code 8059 "
        )
        assert f"code {code} ({CODES[code]})" in verdict.reason

    def test_what_is_not_documented_in_an_answer_is_a_remark(self):
        verdict = judged({**item(novelty=1), "took": 5})

        assert verdict.kind == "delivered"
        assert verdict.reason == (
            "answer has fields that are not documented: response.novelty, took"
        )

    def test_whatever_is_in_the_result_is_no_remark(self):
        assert judged(item(result={"novelty": [{"a": 1.5}]})).reason == ""


class TestFailure:
    @pytest.mark.parametrize("status", [200, 201])
    @pytest.mark.parametrize("result", [{"id": 101, "profiles": []}, None, ...])
    @pytest.mark.parametrize("code", sorted(set(CODES) - TRANSIENT))
    def test_an_error_is_refused_whatever_the_result_holds(self, status, result, code):
        verdict = judged(item(errors=told(code), result=result), status)

        assert verdict.kind == "refused"
        assert verdict.reason == (
            f"HTTP {status} with an error: code {code} ({CODES[code]}): said of it"
        )

    @pytest.mark.parametrize("code", [500, 521])
    def test_a_disturbance_is_tried_again(self, code):
        assert judged(item(errors=told(code))).kind == "transient"
        assert judged(item(errors=told(code, code), warnings=told(8059))).kind == "transient"
        assert judged(item(errors=told(500, 521))).kind == "transient"

    @pytest.mark.parametrize(
        "errors",
        [
            told(521, 8015),
            told(8015, 521),
            told(521, 8999),  # no page names it
            told(521, None),
            [*told(521), "text"],
            [*told(521), {}],
            told(8999),
            told("521"),
            [{"status": False, "code": True, "message": "said of it"}],
            ["text"],
            "text",
            {"code": 521},
        ],
    )
    def test_a_person_is_needed_unless_every_error_may_pass(self, errors):
        assert judged(item(errors=errors)).kind == "refused"

    def test_a_code_that_no_page_names_is_told_and_a_long_number_is_not(self):
        verdict = judged(item(errors=told(8999, 12025550142)))

        assert "code 8999: said of it" in verdict.reason
        assert "code …: said of it" in verdict.reason

    def test_an_error_without_words_is_told_as_one(self):
        assert judged(item(errors=["text"])).reason == (
            "HTTP 200 with an error: no reason is given"
        )

    def test_the_same_error_is_told_once_and_many_are_counted(self):
        assert judged(item(errors=told(8015, 8015))).reason.count("8015") == 1
        assert judged(item(errors=told(*range(8003, 8015)))).reason.endswith("and 7 more")

    @given(message=st.text())
    @example(message="Customer asha@example.com with 12025550142 found")
    def test_what_the_vendor_says_of_a_customer_is_not_repeated(self, message):
        said = message + " asha@example.com, mobile 12025550142 and 'Asha Rao'"

        for body in (item(errors=told(8015, message=said)), {"errors": told(400, message=said)}):
            for status in (200, 400):
                reason = judged(body, status).reason

                assert not [one for one in ("asha@", "2025550142", "Asha R") if one in reason]


class TestNoAnswer:
    @pytest.mark.parametrize("status", [200, 201])
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"[]",
            b"null",
            b'{"response": [',
            b"\xff\xfe",
            {},
            {"response": None},
            {"response": {}},
            {"response": "done"},
            {"response": []},
            {"response": [None]},
            {"response": ["done"]},
            {"response": [{}]},
            {"response": [{"warnings": []}]},
            {"response": item()["response"] * 2},
            {"totalCount": 1, "failureCount": 0},
            {"errors": told(400)},
            {"errors": told(521)},
        ],
    )
    def test_a_2xx_that_is_no_documented_answer_may_be_an_acceptance(self, status, body):
        verdict = judged(body, status, x_cap_requestid="5670FF17B7D58")

        assert verdict.kind == "unsure"
        assert f"HTTP {status}" in verdict.reason
        assert "; it may have been accepted; X-Cap-Requestid 5670FF17B7D58" in verdict.reason

    def test_what_such_an_answer_says_is_told(self):
        assert "code 1064 (the organisation is unknown): said of it" in (
            judged({"errors": told(1064)}).reason
        )


class TestStatus:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 415, 422])
    def test_a_refusal_is_one_and_told_by_its_code(self, status):
        verdict = judged({"errors": told(1060), "warnings": []}, status)

        assert verdict.kind == "refused"
        assert verdict.reason.startswith(
            f"HTTP {status}: code 1060 (too many customers in one call): said of it"
        )

    @pytest.mark.parametrize(
        ("status", "hint"),
        [
            (401, "check till and password, or key and secret, of the account"),
            (403, "may write customers"),
            (404, "check base_url of the account"),
            (503, "the account must be allowed to write customers"),
        ],
    )
    def test_what_to_look_into_is_told(self, status, hint):
        assert hint in judged(b"", status).reason

    @pytest.mark.parametrize("status", [408, 425, 429, 461, 521])
    def test_what_was_not_acted_upon_is_tried_again(self, status):
        verdict = judged(b"", status, retry_after="7")

        assert (verdict.kind, verdict.retry_after, verdict.few) == ("transient", 7.0, None)

    def test_missing_rights_look_like_a_disturbance_and_are_given_up_after_five_tries(self):
        verdict = judged({"errors": told(503)}, 503)

        assert (verdict.kind, verdict.few) == ("transient", 5)
        assert last_word(verdict, 4).kind == "transient"
        assert last_word(verdict, 5).kind == "refused"

    @pytest.mark.parametrize("status", [500, 501, 502, 504, 599])
    def test_any_other_failure_of_a_server_may_come_after_it_was_stored(self, status):
        assert judged({"errors": told(500)}, status).kind == "unsure"

    def test_a_redirect_is_refused(self):
        assert judged(b"", 301).kind == "refused"

    @pytest.mark.parametrize("status", [200, 400, 500, 503, 521])
    def test_the_vendor_s_own_id_of_the_call_is_told_with_bad_news(self, status):
        verdict = judged(b"", status, x_cap_requestid="b7131d8f40441dbefd65d24a0c56fe93")

        assert verdict.reason.endswith("; X-Cap-Requestid b7131d8f40441dbefd65d24a0c56fe93")

    @pytest.mark.parametrize("odd", ["", "a b", "asha@example.com", "x" * 65])
    def test_an_id_that_is_none_is_not_told(self, odd):
        assert "Requestid" not in judged(b"", 400, x_cap_requestid=odd).reason

    def test_good_news_need_no_id(self):
        assert judged(item(), x_cap_requestid="5670FF17B7D58").reason == ""


def event(kind: str = "customer_created", **facts: Any) -> Event:
    order = {
        "id": "1001",
        "status": "paid",
        "currency": "BRL",
        "placed_at": HAPPENED,
        "total": Decimal(10),
        "shipping": Decimal(0),
        "taxes_included": True,
    }
    happened = {
        "type": kind,
        "platform": "acme",
        "store": "loja",
        "topic": "t",
        "key": "k",
        "occurred_at": HAPPENED,
    }
    known = {name: one for name, one in facts.items() if one is not None}
    return build(happened, order if kind.startswith("order_") else None, known)


ASHA = {
    "id": "207",
    "email": "asha@example.com",
    "first_name": "Asha",
    "last_name": "Rao",
    "phone": "+12025550142",
}


def mapped(one: Event, **settings: Any) -> Any:
    return sent("capillary.customer", one, {**HERE, **settings})


def identifiers(one: Event, **settings: Any) -> dict[str, str]:
    made = mapped(one, **settings)
    return {each["type"]: each["value"] for each in made["profiles"][0]["identifiers"]}


class TestMapping:
    """What the shipped mapping file makes of a customer."""

    def test_one_identifier_finds_a_customer_and_channels_lead_to_them(self):
        assert mapped(event(**ASHA)) == {
            "profiles": [
                {
                    "firstName": "Asha",
                    "lastName": "Rao",
                    "identifiers": [{"type": "externalId", "value": "loja-207"}],
                    "commChannels": [
                        {
                            "type": "mobile",
                            "value": "12025550142",
                            "primary": True,
                            "verified": False,
                        },
                        {
                            "type": "email",
                            "value": "asha@example.com",
                            "primary": True,
                            "verified": False,
                        },
                    ],
                    "source": "ECOMMERCE",
                    "accountId": "shop-main",
                }
            ]
        }

    def test_the_operator_chooses_more_identifiers_and_the_bare_id(self):
        chosen = {"identifiers": ["email", "mobile", "externalId"], "external_id": "id"}

        assert identifiers(event(**ASHA), **chosen) == {
            "externalId": "207",
            "mobile": "12025550142",
            "email": "asha@example.com",
        }

    @pytest.mark.parametrize(
        ("facts", "settings"),
        [
            ({**ASHA, "id": None}, {}),
            ({**ASHA, "phone": None}, {"identifiers": ["mobile"]}),
            ({**ASHA, "email": None}, {"identifiers": ["email"]}),
            (ASHA, {"identifiers": []}),
            ({}, {"identifiers": ["externalId", "mobile", "email"]}),
        ],
    )
    def test_a_customer_whom_nothing_finds_is_refused_by_the_vendor_s_name(self, facts, settings):
        made = mapped(event(**facts), **settings)

        assert isinstance(made, PayloadInvalid)
        (problem,) = made.problems
        assert str(problem).startswith("mappings/destinations/capillary_customer.toml:")
        assert problem.field == "profiles[0].identifiers"
        assert problem.message == "capillary.customer needs it, and nothing was found"

    def test_a_name_that_would_be_cut_is_refused_with_its_line(self):
        made = mapped(event(**{**ASHA, "first_name": "n" * 101}))

        assert isinstance(made, PayloadInvalid)
        assert [one.field for one in made.problems] == ["profiles[0].firstName"]
        assert "nnn" not in str(made)

    def test_an_account_that_is_missing_is_named(self):
        said = {"source": "ECOMMERCE", "account_id": ""}

        made = sent("capillary.customer", event(**ASHA), said)

        assert isinstance(made, PayloadInvalid)
        assert "profiles[0].accountId is missing" in str(made)

    def test_in_store_there_is_no_account(self):
        said = {"source": "INSTORE", "account_id": ""}

        made = sent("capillary.customer", event(**ASHA), said)

        assert "accountId" not in made["profiles"][0]

    def test_what_is_set_for_all_customers_is_sent(self):
        made = mapped(event(**ASHA), loyalty_type="loyalty", status_label="Active")

        assert made["loyaltyInfo"] == {"loyaltyType": "loyalty"}
        assert made["statusLabel"] == "Active"

    @pytest.mark.parametrize(
        ("accepts", "wanted"), [(True, "OPTIN"), (False, "OPTOUT"), (None, None)]
    )
    def test_consent_is_sent_where_it_is_known_and_wanted(self, accepts, wanted):
        one = event(**ASHA, accepts_marketing=accepts)

        assert "subscriptionInfo" not in mapped(one)
        made = mapped(one, subscriptions=True)
        if wanted is None:
            assert "subscriptionInfo" not in made
        else:
            assert made["subscriptionInfo"] == {
                "subscriptions": [
                    {
                        "channel": "EMAIL",
                        "accountId": "shop-main",
                        "priority": "BULK",
                        "type": wanted,
                        "sourceName": "ECOMMERCE",
                    }
                ]
            }

    def test_the_file_shows_how_a_brand_s_own_field_is_filled(self):
        file = ROOT / "mappings" / "destinations" / "capillary_customer.toml"
        text = file.read_text()
        for line in ("[fields.extendedFields]", 'tax_number = "customer.document"'):
            assert f"# {line}" in text
            text = text.replace(f"# {line}", line)
        found = check(Files({}, {"capillary.toml": text}, None), WORLD)
        assert found.problems == ()

        one = event(**ASHA, document="12345678909")
        destination = found.destinations["capillary.customer"]
        made = map_payload(destination, CustomerRequest, one, one.namespaces(), None, HERE)

        assert isinstance(made, CustomerRequest)
        assert made.extendedFields == {"tax_number": "12345678909"}

    @pytest.mark.parametrize("kind", ["order_paid", "order_completed"])
    def test_buyers_are_sent_only_where_the_operator_wants_it(self, kind):
        one = event(kind, **ASHA)

        assert isinstance(mapped(one), Skipped)
        assert mapped(one, from_orders=True) == mapped(event(**ASHA))

    @pytest.mark.parametrize(
        ("known", "chosen", "found"),
        [
            ("id", ["externalId"], True),
            ("email", ["email"], True),
            ("phone", ["mobile"], True),
            ("email", ["externalId", "mobile", "email"], True),
            ("email", ["externalId"], False),
            ("phone", ["email"], False),
            ("id", ["email", "mobile"], False),
        ],
    )
    def test_a_buyer_whom_nothing_finds_is_skipped(self, known, chosen, found):
        one = event("order_paid", **{known: ASHA[known]})

        made = mapped(one, from_orders=True, identifiers=chosen)

        assert isinstance(made, Skipped) is not found
        if found:
            assert len(made["profiles"][0]["identifiers"]) == 1

    @pytest.mark.parametrize("kind", ["order_cancelled", "order_refunded"])
    def test_money_that_goes_back_is_no_news_of_a_customer(self, kind):
        assert isinstance(mapped(event(kind, **ASHA), from_orders=True), Skipped)

    def test_a_merge_needs_the_operator_s_word(self):
        assert MERGES <= set(CODES)
        assert identifiers(event(**ASHA)) == {"externalId": "loja-207"}


class TestConnection:
    """What a store says of Capillary, read with the shipped files."""

    STORE = """
[stores.shop]
source  = "woocommerce"
tenant  = "https://shop.example/"
secrets = ["SECRET"]
[stores.shop.endpoints."capillary.customer"]
base_url    = "https://eu.api.capillarytech.com"
"""
    BASIC = 'credentials = { till = "TILL", password = "PASSWORD" }'

    def told(self, folder: Path, *lines: str) -> list[str]:
        folder.mkdir(exist_ok=True)
        for name in ("sources", "destinations"):
            (folder / name).symlink_to(ROOT / "mappings" / name)
        (folder / "connections.toml").write_text(self.STORE + "\n".join(lines))
        return [str(one).partition(": ")[2] for one in load(folder).checked.problems]

    def test_source_and_account_are_required_and_have_no_default(self, tmp_path):
        account, source = self.told(tmp_path, self.BASIC)

        assert source.startswith("settings: required setting 'source' is missing: ")
        assert account.startswith("settings: required setting 'account_id' is missing: ")

    def test_in_store_the_account_is_said_to_be_none(self, tmp_path):
        assert self.told(tmp_path, self.BASIC, 'settings = { source = "INSTORE", account_id = "" }') == []  # fmt: skip

    def test_a_number_is_no_account(self, tmp_path):
        told = self.told(tmp_path, self.BASIC, 'settings = { source = "LINE", account_id = 12 }')

        assert told == ["account_id: found a whole number, wanted text"]

    def test_customers_are_found_by_something(self, tmp_path):
        settings = 'settings = { source = "LINE", account_id = "12", identifiers = [] }'

        told = self.told(tmp_path, self.BASIC, settings)

        assert told == [
            "identifiers: found an empty list, wanted at least one of externalId, mobile, email"
        ]

    @pytest.mark.parametrize("name", ['attribution_type = "TILL"', 'attribution_code = "shop.1"'])
    def test_an_attribution_is_of_key_and_secret_alone(self, tmp_path, name):
        """Source: https://docs.capillarytech.com/reference/oauth"""
        lines = ('settings = { source = "LINE", account_id = "12" }', f"options = {{ {name} }}")
        oauth = 'credentials = { key = "KEY", secret = "SECRET" }'

        (told,) = self.told(tmp_path, self.BASIC, *lines)

        assert told == f"{name.partition(' ')[0]}: goes with key and secret alone: the till of till and password is the only one"  # fmt: skip
        assert self.told(tmp_path / "oauth", oauth, *lines) == []
