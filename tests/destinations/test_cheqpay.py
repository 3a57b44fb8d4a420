"""
Cheqpay gets customers that it can take, and who it cannot take is refused by name of the field.

A good answer is the customer again.  What else may stand in a 2xx is not believed, and what the
vendor's text repeats of a customer never reaches a reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.derive import build
from bridge.destinations import ENDPOINTS
from bridge.destinations.cheqpay import CUSTOMER, NotificationOptions
from bridge.destinations.endpoint import Account, document
from bridge.destinations.judge import TOO_MANY_REST
from bridge.errors import PayloadInvalid
from bridge.event import Event
from bridge.load import Loaded, load, routes
from bridge.types import Reply, Skipped
from tests.conftest import ROOT
from tests.destinations.events import sent

OPTIONS = {"path_prefix": "", "key_header": "x-api-key", "merchant_header": "x-merchant-id"}
CREDENTIALS = {"api_key": "s3cret", "merchant_id": "m-7"}
SILENT = {"notifyEmail": False, "notifyPhone": False}
FULL = {
    "externalId": "31",
    "firstName": "Ana",
    "lastName": "Exemplo",
    "email": "ana.exemplo@example.com",
    "phoneNumber": "+12025550142",
    "active": True,
    "notificationOptions": SILENT,
}
STORED = {**FULL, "createdAt": "2026-03-20T10:00:00Z", "updatedAt": "2026-03-20T10:00:00.250Z"}


def customer(**changes: Any) -> dict[str, Any]:
    """The least that is sent, changed; a field changed to `...` is left out."""
    whole = {
        "externalId": "31",
        "firstName": "Ana",
        "notificationOptions": SILENT,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def refusal(payload: dict[str, Any]) -> list[str]:
    """Every message with its place, of a payload that must be refused."""
    with pytest.raises(ValidationError) as caught:
        CUSTOMER.model.model_validate(payload)
    return [
        ".".join(str(part) for part in problem["loc"]) + ": " + problem["msg"]
        for problem in caught.value.errors()
    ]


def account(base_url: str = "https://api.cheqpay.dev", **options: str) -> Account:
    return Account(base_url, CREDENTIALS, {**OPTIONS, **options})


def reply(body: Any = "", status: int = 200, **headers: str) -> Reply:
    """An answer; a header `retry_after` is named ``retry-after``."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): text for name, text in headers.items()}, content)


def failure(code: Any = "VALIDATION_ERROR", message: Any = None, details: Any = None) -> Any:
    """The documented envelope of an error."""
    parts = {"code": code, "message": message, "details": details}
    return {"error": {name: part for name, part in parts.items() if part is not None}}


class TestList:
    def test_it_is_listed_under_its_own_name_and_says_where_it_is_documented(self):
        assert ENDPOINTS["cheqpay.customer"] is CUSTOMER
        assert CUSTOMER.reference.startswith("https://docs.cheqpay.mx/")
        assert CUSTOMER.about.endswith(".")

    @pytest.mark.parametrize("model", [CUSTOMER.model, NotificationOptions])
    def test_every_field_of_a_request_is_described(self, model):
        assert [n for n, field in model.model_fields.items() if not field.description] == []


class TestRequest:
    def test_every_documented_field_is_accepted_and_sent_as_it_was_given(self):
        written = document(CUSTOMER.model.model_validate(FULL))

        assert written == FULL
        assert list(written) == list(FULL)

    def test_what_is_unknown_is_left_out_and_never_null(self):
        unknown = dict.fromkeys(["lastName", "email", "phoneNumber", "active"])

        assert document(CUSTOMER.model.model_validate(customer(**unknown))) == customer()

    @pytest.mark.parametrize(
        "changes",
        [
            {"active": False},
            {"notificationOptions": {"notifyEmail": True, "notifyPhone": True}},
            {"externalId": "ana@example.com"},
            {"firstName": "太郎"},
            {"email": "o'neil+tag_1@mail.example-shop.co.uk"},
            {"email": "1@2.3"},
            {"phoneNumber": "+525512345678"},
            {"phoneNumber": "+123456789012345"},  # the longest of E.164
        ],
        ids=str,
    )
    def test_what_the_vendor_allows_is_accepted(self, changes):
        CUSTOMER.model.model_validate(customer(**changes))

    @pytest.mark.parametrize(
        ("changes", "place"),
        [
            ({"externalId": ...}, "externalId"),
            ({"externalId": None}, "externalId"),
            ({"externalId": ""}, "externalId"),
            ({"externalId": " \t"}, "externalId"),
            ({"externalId": 31}, "externalId"),
            ({"externalId": "3\ud800"}, "externalId"),
            ({"firstName": ...}, "firstName"),
            ({"firstName": None}, "firstName"),
            ({"firstName": "\u00a0"}, "firstName"),
            ({"lastName": ""}, "lastName"),
            ({"email": ""}, "email"),
            ({"email": "ana"}, "email"),
            ({"email": "ana@localhost"}, "email"),
            ({"email": "ana@example..com"}, "email"),
            ({"email": "ana@-example.com"}, "email"),
            ({"email": "ana@example.com."}, "email"),
            ({"email": "ana.@example.com"}, "email"),
            ({"email": "ana exemplo@example.com"}, "email"),
            ({"email": "ana@example.com\n"}, "email"),
            ({"email": "Ana <ana@example.com>"}, "email"),
            ({"email": "josé@example.com"}, "email"),
            ({"phoneNumber": ""}, "phoneNumber"),
            ({"phoneNumber": "12025550142"}, "phoneNumber"),
            ({"phoneNumber": "+1 202 555 0142"}, "phoneNumber"),
            ({"phoneNumber": "+0123456789"}, "phoneNumber"),
            ({"phoneNumber": "+1234567890123456"}, "phoneNumber"),
            ({"phoneNumber": "+12025550142\n"}, "phoneNumber"),
            ({"phoneNumber": "+1٢٠٢٥٥٥٠١٤٢"}, "phoneNumber"),
            ({"phoneNumber": 12025550142}, "phoneNumber"),
            ({"active": "true"}, "active"),
            ({"active": 1}, "active"),
            ({"notificationOptions": ...}, "notificationOptions"),
            ({"notificationOptions": None}, "notificationOptions"),
            ({"notificationOptions": {"notifyEmail": True}}, "notificationOptions.notifyPhone"),
            ({"notificationOptions": {"notifyPhone": True}}, "notificationOptions.notifyEmail"),
            ({"notificationOptions": {**SILENT, "sms": True}}, "notificationOptions.sms"),
            ({"notificationOptions": {**SILENT, "notifyPhone": 0}}, "notificationOptions.notifyPhone"),
            ({"ExternalId": "31"}, "ExternalId"),
            ({"createdAt": "2026-03-20T10:00:00Z"}, "createdAt"),
        ],
        ids=str,
    )  # fmt: skip
    def test_a_wrong_field_is_refused_by_its_name_and_nothing_is_converted(self, changes, place):
        assert [place] == [line.split(": ")[0] for line in refusal(customer(**changes))]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"firstName": " "}, "found blank text, wanted at least one character"),
            ({"email": "ana"}, "found no e-mail address, wanted one such as ada@example.com"),
            ({"phoneNumber": "55"}, "found no number with its country code, wanted + and at most"),
        ],
    )
    def test_what_was_found_and_what_was_wanted_is_told(self, changes, words):
        [message] = refusal(customer(**changes))

        assert words in message

    def test_neither_a_message_nor_a_repr_holds_what_a_customer_is_called(self):
        values = ("Ana", "Exemplo", "ana.exemplo", "202555")
        wrong = {**FULL, "email": "ana.exemplo at example", "phoneNumber": "202555", "lastName": 7}
        with pytest.raises(ValidationError) as caught:
            CUSTOMER.model.model_validate(wrong)
        whole = CUSTOMER.model.model_validate(FULL)
        shown = str(caught.value) + repr(caught.value) + repr(whole) + str(whole)

        assert "phoneNumber" in shown
        assert [value for value in values if value in shown] == []

    def test_a_payload_is_about_the_customer_whose_id_may_be_an_e_mail(self):
        assert (CUSTOMER.identity(FULL), CUSTOMER.personal) == ("31", True)


class TestWrite:
    @pytest.mark.parametrize(
        ("base_url", "prefix", "url"),
        [
            ("https://prod.cheqpay.mx", "", "https://prod.cheqpay.mx/customers/add-update"),
            ("https://prod.cheqpay.mx/", "/", "https://prod.cheqpay.mx/customers/add-update"),
            ("https://api.cheqpay.dev", "/pos", "https://api.cheqpay.dev/pos/customers/add-update"),
            (
                "https://api.cheqpay.dev/",
                "/pos/v2/",
                "https://api.cheqpay.dev/pos/v2/customers/add-update",
            ),
        ],
    )
    def test_the_account_says_host_and_prefix(self, base_url, prefix, url):
        call = CUSTOMER.write({}, account(base_url, path_prefix=prefix))

        assert (call.method, call.url) == ("POST", url)

    def test_a_payload_is_sent_as_json(self):
        call = CUSTOMER.write({"firstName": "João", "active": True}, account())

        assert call.content == '{"firstName":"João","active":true}'.encode()
        assert call.headers["content-type"] == "application/json"
        assert call.headers["accept"] == "application/json"

    def test_key_and_merchant_are_sent_in_headers_of_their_own(self):
        headers = CUSTOMER.write({}, account()).headers

        assert (headers["x-api-key"], headers["x-merchant-id"]) == ("s3cret", "m-7")
        assert "authorization" not in headers

    @pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
    def test_in_authorization_the_key_is_a_bearers(self, name):
        headers = CUSTOMER.write({}, account(key_header=name)).headers

        assert headers["authorization"] == "Bearer s3cret"
        assert "x-api-key" not in headers

    def test_the_names_of_the_headers_are_the_accounts(self):
        headers = CUSTOMER.write({}, account(key_header="X-Key", merchant_header="X-Shop")).headers

        assert (headers["x-key"], headers["x-shop"]) == ("s3cret", "m-7")
        assert headers.keys() & {"x-api-key", "x-merchant-id"} == set()


class TestConnection:
    STORE = """
[stores.shop]
source  = "woocommerce"
tenant  = "https://shop.example/"
secrets = ["SECRET"]
[stores.shop.endpoints."cheqpay.customer"]
credentials = { api_key = "KEY", merchant_id = "MERCHANT" }
"""

    def read(self, folder: Path, *lines: str) -> Loaded:
        """Load the shipped files with a store of these lines."""
        for name in ("sources", "destinations"):
            (folder / name).symlink_to(ROOT / "mappings" / name)
        (folder / "connections.toml").write_text(self.STORE + "\n".join(lines))
        return load(folder)

    def told(self, folder: Path, *lines: str) -> list[str]:
        return [str(one).partition(": ")[2] for one in self.read(folder, *lines).checked.problems]

    def account(self, folder: Path, *lines: str) -> Account:
        found = self.read(folder, *lines)
        assert found.checked.problems == ()
        values = {"SECRET": "x", "KEY": "s3cret", "MERCHANT": "m-7"}
        return routes(found, values, ())["shop"].destinations["cheqpay.customer"][2]

    @pytest.mark.parametrize("prefix", ["", "/", "/pos", "/pos/v2/"])
    def test_host_and_prefix_are_said_and_the_headers_are_the_pages(self, tmp_path, prefix):
        host = 'base_url = "https://api.cheqpay.dev"'

        found = self.account(tmp_path, host, f'options = {{ path_prefix = "{prefix}" }}')

        assert found == Account("https://api.cheqpay.dev", CREDENTIALS, {**OPTIONS, "path_prefix": prefix})  # fmt: skip

    def test_without_host_and_prefix_it_is_told_what_to_say(self, tmp_path):
        prefix = CUSTOMER.options["path_prefix"].about

        assert self.told(tmp_path) == [
            "base_url: 'cheqpay.customer' has no host that is right for all: say it",
            f"options: required option 'path_prefix' is missing: {prefix}",
        ]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                'path_prefix = "pos"',
                'path_prefix: wanted "" for none, or a path that begins with /, such as /pos',
            ),
            (
                'path_prefix = "/pos?a=1"',
                'path_prefix: wanted "" for none, or a path that begins with /, such as /pos',
            ),
            (
                'path_prefix = "", key_header = "Content-Type"',
                "key_header: the bridge writes this header itself, wanted another, such as x-api-key",
            ),
            (
                'path_prefix = "/p\\u0007os"',
                'path_prefix: wanted "" for none, or a path that begins with /, such as /pos',
            ),
            ("path_prefix = 5", "path_prefix: found a whole number, wanted text"),
            (
                'path_prefix = "", key_header = "x api key"',
                "key_header: wanted the name of a header, such as x-api-key",
            ),
            (
                'path_prefix = "", merchant_header = "X-API-Key"',
                "merchant_header: it is key_header too, and one header holds one of the two",
            ),
            (
                'path_prefix = "", key_header = "x-merchant-id"',
                "key_header: it is merchant_header too, and one header holds one of the two",
            ),
            (
                'path_prefix = "", merchant_header = ""',
                "merchant_header: wanted the name of a header, such as x-api-key",
            ),
        ],
    )
    def test_an_option_that_cannot_be_sent_is_told(self, tmp_path, options, message):
        told = self.told(
            tmp_path, 'base_url = "https://api.cheqpay.dev"', f"options = {{ {options} }}"
        )

        assert told == [message]


class TestAccepted:
    @pytest.mark.parametrize("status", [200, 201, 202])
    def test_the_customer_with_every_documented_field_is_delivered(self, status):
        verdict = CUSTOMER.judge(reply(STORED, status))

        assert (verdict.kind, verdict.reason, verdict.retry_after) == ("delivered", "", None)

    @pytest.mark.parametrize(
        "changes",
        [
            {"notificationOptions": None, "lastName": None, "email": None, "phoneNumber": None},
            {"notificationOptions": {"notifyEmail": True}},
            {"error": None},
        ],
        ids=str,
    )
    def test_nothing_in_its_place_is_no_failure(self, changes):
        assert CUSTOMER.judge(reply({**STORED, **changes})).kind == "delivered"

    @pytest.mark.parametrize(
        ("changes", "remark"),
        [
            ({"id": "cus_1"}, "answer has fields that are not documented: id"),
            (
                {"notificationOptions": {"sms": "Ana"}},
                "answer has fields that are not documented: notificationOptions.sms",
            ),
            ({"externalId": 31}, "fields of the answer are not as documented: externalId"),
            ({"createdAt": "Ana"}, "fields of the answer are not as documented: createdAt"),
            ({"active": "yes"}, "fields of the answer are not as documented: active"),
            (
                {"active": 1, "Ana Exemplo": 2},
                (
                    "answer has fields that are not documented: …; "
                    "fields of the answer are not as documented: active"
                ),
            ),
        ],
        ids=str,
    )
    def test_a_surprise_in_the_customer_is_a_remark_and_never_a_failure(self, changes, remark):
        verdict = CUSTOMER.judge(reply({**STORED, **changes}))

        assert (verdict.kind, verdict.reason) == ("delivered", remark)


class TestNotTheExpectedJson:
    @pytest.mark.parametrize("status", [200, 201, 204])
    @pytest.mark.parametrize(
        "body", [b"", b"<html>Welcome</html>", b"[]", b"null", b'"ok"', b"{", b"\xff\xfe"]
    )
    def test_a_2xx_that_is_no_json_object_may_have_been_accepted(self, body, status):
        verdict = CUSTOMER.judge(reply(body, status))

        assert (verdict.kind, verdict.reason) == (
            "unsure",
            f"HTTP {status} without a JSON object; it may have been accepted",
        )

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"status": "ok"},
            {"data": STORED},
            {**STORED, "externalId": None},
            {**STORED, "externalId": ""},
        ],
        ids=str,
    )
    def test_json_that_is_no_customer_may_have_been_accepted(self, body):
        verdict = CUSTOMER.judge(reply(body))

        assert verdict.kind == "unsure"
        assert verdict.reason == (
            "HTTP 200 with JSON that is no customer: externalId is missing; "
            "it may have been accepted"
        )

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (failure("DUPLICATE"), "code DUPLICATE"),
            ({**STORED, **failure("DUPLICATE")}, "code DUPLICATE"),
            ({"error": "Ana"}, "no reason is given"),
            ({"error": {}}, "no reason is given"),
        ],
        ids=str,
    )
    def test_an_error_in_a_2xx_is_no_success(self, body, said):
        verdict = CUSTOMER.judge(reply(body))

        assert (verdict.kind, verdict.reason) == (
            "unsure",
            f"HTTP 200 with an error: {said}; it may have been accepted",
        )


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (400, "VALIDATION_ERROR", "refused"),
            (401, "UNAUTHORIZED", "refused"),
            (403, None, "refused"),
            (404, "NOT_FOUND", "refused"),
            (405, None, "refused"),
            (409, "DUPLICATE", "refused"),
            (415, None, "refused"),
            (422, "BUSINESS_RULE", "refused"),
            (408, None, "transient"),
            (425, None, "transient"),
            (429, "RATE_LIMITED", "transient"),
            (461, None, "transient"),
            (503, "SERVICE_UNAVAILABLE", "transient"),
            (500, "INTERNAL_ERROR", "unsure"),
            (502, None, "unsure"),
            (504, None, "unsure"),
            (521, None, "unsure"),
        ],
    )
    def test_a_documented_status_and_its_code(self, status, code, kind):
        body = failure(code) if code else b"<html>"

        verdict = CUSTOMER.judge(reply(body, status))

        said = f"HTTP {status}: code {code}" if code else f"HTTP {status}"
        assert verdict.kind == kind
        assert verdict.reason.partition(";")[0] == said

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_is_refused_and_not_followed(self, status):
        verdict = CUSTOMER.judge(reply(STORED, status, location="https://elsewhere.example"))

        assert verdict.kind == "refused"
        assert "check base_url" in verdict.reason

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (401, ["api_key", "merchant_id", "environment", "key_header"]),
            (404, ["base_url", "path_prefix"]),
        ],
    )
    def test_what_the_account_may_have_wrong_is_told(self, status, words):
        reason = CUSTOMER.judge(reply(failure("X"), status)).reason

        assert [word for word in words if word not in reason] == []

    def test_too_many_requests_rest_as_long_as_is_asked_or_a_while(self):
        assert CUSTOMER.judge(reply(failure(), 429, retry_after="7")).retry_after == 7.0
        assert CUSTOMER.judge(reply(failure(), 429)).retry_after == TOO_MANY_REST


class TestEnvelope:
    def told(self, body: Any) -> str:
        return CUSTOMER.judge(reply(body, 400)).reason

    def test_code_fields_and_message_are_told(self):
        details = [
            {"field": "firstName", "message": "firstName should not be empty"},
            {"field": "notificationOptions.notifyEmail", "message": "must be a boolean"},
            {"field": "firstName", "message": "firstName must be a string"},
        ]

        assert self.told(failure("VALIDATION_ERROR", "Invalid request data", details)) == (
            "HTTP 400: code VALIDATION_ERROR, fields firstName, "
            "notificationOptions.notifyEmail, message: Invalid request data"
        )

    def test_what_may_be_a_customers_is_not_told(self):
        details = [{"field": "Ana Exemplo", "message": "Ana"}, {"field": "ana@example.com"}]
        body = failure("Ana Exemplo", "no 'Ana' with ana@example.com, +1 202 555 0142", details)

        assert self.told(body) == "HTTP 400: code …, fields …, message: no … with … …"

    @pytest.mark.parametrize(
        ("letters", "more"), [("ABCDE", ""), ("ABCDEF", " and 1 more"), ("ABCDEFG", " and 2 more")]
    )
    def test_many_fields_are_counted(self, letters, more):
        details = [{"field": f"field{letter}"} for letter in letters]

        assert self.told(failure(details=details)) == (
            f"HTTP 400: code VALIDATION_ERROR, fields fieldA, fieldB, fieldC, fieldD, fieldE{more}"
        )

    @pytest.mark.parametrize(
        "body",
        [
            {"error": "Bad Request", "message": "Ana"},
            {"error": ["Ana"]},
            {"error": None},
            {"error": {"code": 7, "message": 8, "details": "Ana"}},
            {"error": {"details": 9}},
            {"error": {"code": "", "message": " ", "details": [{"field": 5}, "Ana", None]}},
            {"statusCode": 400, "message": ["Ana"]},
            [],
        ],
        ids=str,
    )
    def test_an_error_of_another_form_is_told_by_its_status(self, body):
        assert self.told(body) == "HTTP 400"

    @given(
        status=st.integers(0, 999),
        body=st.binary() | st.sampled_from([b'{"error": {"details": [[]]}}']),
    )
    @example(status=400, body=b'{"error": ' * 100_000)
    @settings(deadline=None)
    def test_no_answer_is_too_strange_to_be_judged(self, status, body):
        verdict = CUSTOMER.judge(reply(body, status))

        assert verdict.kind in ("delivered", "refused", "transient", "unsure")
        assert verdict.reason or verdict.kind == "delivered"


HAPPENED = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)
ANA = {
    "id": "31",
    "email": "ana.exemplo@example.com",
    "first_name": "Ana",
    "last_name": "Exemplo",
    "phone": "+12025550142",
}
NAMELESS = {"id": "32", "email": "ana.nova+shop@example.com"}
GUEST = {"email": "bruno.ficticio@example.org", "name": "Bruno Fictício"}


def event(kind: str, customer: Mapping[str, Any] | None) -> Event:
    happened = {"type": kind, "platform": "acme", "store": "demo", "topic": "t", "key": "k",
                "occurred_at": HAPPENED}  # fmt: skip
    order = {
        "id": "1042",
        "status": "paid",
        "currency": "MXN",
        "placed_at": HAPPENED,
        "total": Decimal(10),
        "shipping": Decimal(0),
    }
    return build(happened, order if kind.startswith("order_") else None, customer)


OF_CUSTOMERS = ["customer_created", "customer_updated"]
OF_ORDERS = ["order_paid", "order_completed"]


class TestMapping:
    def made(self, kind: str, of: Mapping[str, Any] | None, **store: Any) -> Any:
        return sent("cheqpay.customer", event(kind, of), store)

    def refused(self, found: Any) -> list[tuple[str, str]]:
        """Field and message of all that was refused, which names the line too."""
        assert isinstance(found, PayloadInvalid)
        file = "mappings/destinations/cheqpay_customer.toml"
        assert all(one.file.endswith(file) and one.line for one in found.problems)
        return [(one.field, one.message) for one in found.problems]

    @pytest.mark.parametrize("kind", OF_CUSTOMERS + OF_ORDERS)
    def test_whoever_has_an_account_is_sent_with_all_that_is_known(self, kind):
        assert self.made(kind, ANA) == FULL

    @pytest.mark.parametrize("kind", OF_ORDERS)
    def test_a_guest_is_known_by_the_e_mail_and_nothing_unknown_is_sent(self, kind):
        assert self.made(kind, GUEST) == {
            "externalId": "bruno.ficticio@example.org",
            "firstName": "Bruno",
            "lastName": "Fictício",
            "email": "bruno.ficticio@example.org",
            "active": True,
            "notificationOptions": SILENT,
        }

    def test_the_store_says_which_receipts_are_sent_and_who_is_active(self):
        found = self.made("order_paid", ANA, notify_email=True, notify_phone=True, active=False)

        assert found["notificationOptions"] == {"notifyEmail": True, "notifyPhone": True}
        assert found["active"] is False

    def test_the_store_may_know_everybody_by_the_e_mail(self):
        for of in (ANA, GUEST):
            found = self.made("order_paid", of, customer_key="email")
            assert found["externalId"] == of["email"]

    @pytest.mark.parametrize("kind", OF_CUSTOMERS + OF_ORDERS)
    def test_without_a_first_name_a_customer_is_refused_by_the_field(self, kind):
        found = self.made(kind, NAMELESS)

        assert self.refused(found) == [("firstName", "nothing was found, wanted text")]

    @pytest.mark.parametrize("kind", OF_CUSTOMERS + OF_ORDERS)
    def test_or_is_called_by_the_part_of_the_e_mail_before_the_at_sign(self, kind):
        found = self.made(kind, NAMELESS, without_first_name="email")

        assert (found["firstName"], found["externalId"]) == ("ana.nova+shop", "32")
        assert "lastName" not in found

    @pytest.mark.parametrize("way", ["refuse", "email"])
    def test_the_first_name_of_who_has_one_is_never_taken_from_the_e_mail(self, way):
        assert self.made("order_paid", ANA, without_first_name=way) == FULL

    @pytest.mark.parametrize("kind", OF_CUSTOMERS)
    @pytest.mark.parametrize(
        ("of", "store", "fields"),
        [
            ({"first_name": "Carla", "phone": "+12025550177"}, {}, ["externalId"]),
            ({}, {}, ["externalId", "firstName"]),
            ({"id": "33"}, {"without_first_name": "email"}, ["firstName"]),
            ({"id": "33", "first_name": "Carla"}, {"customer_key": "email"}, ["externalId"]),
            ({**ANA, "email": "ana@localhost"}, {}, ["email"]),
        ],
    )
    def test_an_account_that_cannot_be_sent_is_refused_and_never_passed_over(
        self, kind, of, store, fields
    ):
        found = self.made(kind, of, **store)

        assert [field for field, _ in self.refused(found)] == fields
        assert not any(str(value) in str(found) for value in of.values())

    @pytest.mark.parametrize("kind", OF_ORDERS)
    @pytest.mark.parametrize("of", [None, {}, {"name": "Carla Suposta", "phone": "+12025550177"}])
    def test_a_sale_to_nobody_known_is_passed_over_with_the_reason(self, kind, of):
        assert self.made(kind, of) == Skipped(
            "cheqpay.customer", "(customer.id ?? customer.email) | present"
        )

    @pytest.mark.parametrize("kind", OF_ORDERS)
    def test_the_store_may_leave_buyers_out(self, kind):
        assert self.made(kind, ANA, from_orders=False) == Skipped(
            "cheqpay.customer", "setting.from_orders | is(true)"
        )

    @pytest.mark.parametrize("kind", OF_CUSTOMERS)
    def test_which_does_not_touch_accounts(self, kind):
        assert self.made(kind, ANA, from_orders=False) == FULL

    @pytest.mark.parametrize("kind", ["order_cancelled", "order_refunded"])
    def test_what_takes_money_back_says_nothing_new_of_the_customer(self, kind):
        assert self.made(kind, ANA) == Skipped("cheqpay.customer", f"not for {kind}")
