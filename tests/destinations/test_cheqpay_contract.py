"""
The model takes what Cheqpay's contract takes, and nothing else; so does what any event becomes.

The contract is an OpenAPI 3.1 file that was written from the vendor's pages, kept outside the
repository.  It says nothing of a telephone's form, allows blank texts, and leaves
notificationOptions to the caller: there the model is stricter.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from email.headerregistry import Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel, ValidationError

from bridge import exact
from bridge.destinations.cheqpay import (
    CUSTOMER,
    CustomerAnswer,
    CustomerRequest,
    NotificationOptions,
    StoredOptions,
)
from bridge.destinations.endpoint import Account, document
from bridge.errors import PayloadInvalid
from bridge.types import Reply, Skipped
from tests.destinations.events import EMAILS, events, sent, settings_of
from tests.destinations.test_cheqpay import CREDENTIALS, OPTIONS, STORED, customer, failure

SHARED = Path(__file__).resolve().parents[3] / "shared"
CONTRACT = SHARED / "destinations" / "cheqpay.openapi.yaml"

if not CONTRACT.exists():
    pytest.skip(
        "the contract is kept beside the repository, and is not here", allow_module_level=True
    )

SPEC: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = SPEC["components"]["schemas"]
CALL: dict[str, Any] = SPEC["paths"]["/customers/add-update"]["post"]


def is_email(value: object) -> bool:
    """Ask the standard library: the validator's own check is content with an @."""
    return not isinstance(value, str) or bool(Address(addr_spec=value).domain)


FORMATS = copy.deepcopy(Draft202012Validator.FORMAT_CHECKER)
FORMATS.checks("email", raises=Exception)(is_email)  # its parser fails in many ways


def validator(schema: str, formats: FormatChecker = FORMATS) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]},
        format_checker=formats,
    )


REQUEST, ANSWER, ERROR = (
    validator(name) for name in ("CustomerRequest", "CustomerResponse", "ErrorResponse")
)


def violations(sent: object) -> list[str]:
    return [error.message for error in REQUEST.iter_errors(sent)]


def sent_of(payload: Mapping[str, Any]) -> Any:
    """What Cheqpay reads of a payload, from the bytes."""
    return json.loads(exact.write(document(CUSTOMER.model.model_validate(payload))))


TEXTS = st.text(max_size=20)
FLAGS = st.booleans()
OPTIONS_OF = st.fixed_dictionaries({"notifyEmail": FLAGS, "notifyPhone": FLAGS})
ANY_PHONES = TEXTS | st.from_regex(r"\+[0-9]{0,17}", fullmatch=True)
ANYTHING = st.none() | TEXTS | FLAGS | st.integers() | st.lists(TEXTS, max_size=2)
GOOD = st.fixed_dictionaries(
    {"externalId": TEXTS, "firstName": TEXTS, "notificationOptions": OPTIONS_OF},
    optional={
        "lastName": st.none() | TEXTS,
        "email": st.none() | EMAILS | TEXTS,
        "phoneNumber": st.none() | ANY_PHONES,
        "active": st.none() | FLAGS,
    },
)
WRONG_SOMEWHERE = st.builds(
    lambda payload, name, value: {**payload, name: value},
    GOOD,
    st.sampled_from([*CustomerRequest.model_fields, "createdAt", "Email"]),
    ANYTHING,
)


class TestFields:
    @pytest.mark.parametrize(
        ("properties", "model"),
        [
            (SCHEMAS["CustomerRequest"]["properties"], CustomerRequest),
            (SCHEMAS["NotificationOptions"]["properties"], NotificationOptions),
            (SCHEMAS["CustomerResponse"]["properties"], CustomerAnswer),
            (
                SCHEMAS["CustomerResponse"]["properties"]["notificationOptions"]["oneOf"][0][
                    "properties"
                ],
                StoredOptions,
            ),
        ],
    )
    def test_a_model_has_the_fields_of_the_contract_in_its_order(
        self, properties: dict[str, Any], model: type[BaseModel]
    ):
        assert list(properties) == list(model.model_fields)

    def test_the_model_requires_what_the_contract_does_and_the_receipts(self):
        required = [n for n, one in CustomerRequest.model_fields.items() if one.is_required()]

        assert [*SCHEMAS["CustomerRequest"]["required"], "notificationOptions"] == required

    @pytest.mark.parametrize("server", SPEC["servers"], ids=lambda one: one["url"])
    def test_every_published_host_can_be_said(self, server):
        address = urlsplit(server["url"])
        host = f"{address.scheme}://{address.netloc}"
        account = Account(host, CREDENTIALS, {**OPTIONS, "path_prefix": address.path})

        call = CUSTOMER.write({}, account)

        assert (call.method, call.url) == ("POST", server["url"] + "/customers/add-update")
        assert CUSTOMER.base_url is None

    def test_the_headers_are_the_contracts(self):
        names = {one["name"] for one in SPEC["components"]["securitySchemes"].values()}

        standard = {name: one.default for name, one in CUSTOMER.options.items() if one.default}

        account = Account("https://api.cheqpay.dev", CREDENTIALS, {**standard, "path_prefix": ""})

        assert names == {standard["key_header"], standard["merchant_header"]}
        assert names <= CUSTOMER.write({}, account).headers.keys()


class TestRequests:
    @given(payload=GOOD | WRONG_SOMEWHERE)
    @settings(deadline=None, max_examples=300)
    def test_what_the_model_accepts_the_contract_accepts(self, payload):
        try:
            found = sent_of(payload)
        except ValidationError:
            event("refused by the model")
            return
        event("accepted by the model")
        assert violations(found) == []

    @given(payload=GOOD)
    @settings(deadline=None, max_examples=300)
    def test_what_the_contract_accepts_the_model_refuses_only_where_it_is_stricter(self, payload):
        known = {name: one for name, one in payload.items() if one is not None}
        if violations(known):
            return
        try:
            sent_of(known)
        except ValidationError as error:
            places = {one["loc"][0]: one["msg"] for one in error.errors()}
        else:
            places = {}
        blank = {name for name, one in known.items() if isinstance(one, str) and not one.strip()}
        # The contract's e-mail may have a domain without a dot, which no formatter's check takes.
        stricter = blank | {"phoneNumber", "email"}
        assert places.keys() <= stricter

    @given(email=st.emails())
    @settings(deadline=None)
    def test_every_e_mail_of_the_standard_is_accepted(self, email):
        assert sent_of(customer(email=email))["email"] == email

    @pytest.mark.parametrize(
        "changes",
        [
            {"externalId": ...},
            {"externalId": None},
            {"externalId": ""},
            {"externalId": 31},
            {"firstName": ...},
            {"firstName": None},
            {"firstName": ""},
            {"lastName": 7},
            {"email": "ana"},
            {"email": "a..b@example.com"},
            {"email": "josé@example.com"},
            {"email": 7},
            {"phoneNumber": 12025550142},
            {"active": "true"},
            {"active": 1},
            {"notificationOptions": "none"},
            {"notificationOptions": {"notifyEmail": "no", "notifyPhone": False}},
            {"notificationOptions": {"notifyEmail": True, "notifyPhone": True, "sms": True}},
            {"ExternalId": "31"},
            {"createdAt": "2026-03-20T10:00:00Z"},
        ],
        ids=str,
    )
    def test_a_wrong_request_is_refused_by_both(self, changes):
        payload = customer(**changes)

        assert violations(payload) != []
        with pytest.raises(ValidationError):
            CUSTOMER.model.model_validate(payload)


class TestEvents:
    @given(happened=events(), store=settings_of(CUSTOMER.name))
    @settings(deadline=None, max_examples=200)
    def test_what_any_event_becomes_is_accepted(self, happened, store):
        found = sent(CUSTOMER.name, happened, store)

        if isinstance(found, PayloadInvalid):
            fields = {one.field for one in found.problems}
            event(f"refused for {sorted(fields)}")
            assert fields <= {"externalId", "firstName", "email"}
            return
        if isinstance(found, Skipped):
            event(f"skipped: {found.reason.partition(' ')[0]}")
            assert not happened.event.type.startswith("customer_")
            return
        event("sent")
        assert violations(found) == []
        assert "" not in found.values()

    @given(happened=events(["customer_created", "customer_updated", "order_paid"]))
    @settings(deadline=None)
    def test_whoever_has_an_id_a_first_name_and_a_plain_e_mail_is_sent(self, happened):
        known = happened.customer
        plain = re.fullmatch("[a-z]+@example.(com|org)", known.email or "a@example.com")
        assume(known.id and known.first_name and plain)

        found = sent(CUSTOMER.name, happened)

        assert (found["externalId"], found["firstName"]) == (known.id, known.first_name)
        assert (found.get("email"), found.get("phoneNumber")) == (known.email, known.phone)


def published() -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Request and answer as the vendor's page shows them.

    The site hides every e-mail address behind a text that is none; the real one is not known.
    """
    page = next((SHARED / "reference").glob("003*.txt")).read_text(encoding="utf-8")
    shown = re.sub(r"\[email\sprotected\]", "john.doe@example.com", page)
    bodies = re.findall(r"^\{$.*?^\}$", shown, re.MULTILINE | re.DOTALL)
    request, answer = (json.loads(body) for body in bodies)
    return request, answer


class TestPublished:
    def test_the_request_is_what_the_bridge_sends(self):
        request, _ = published()

        assert request["externalId"] == "CUST-123"
        assert violations(request) == []
        assert sent_of(request) == request

    def test_the_answer_is_delivered_without_a_remark(self):
        _, answer = published()

        verdict = CUSTOMER.judge(Reply(200, {}, json.dumps(answer).encode()))

        assert (verdict.kind, verdict.reason) == ("delivered", "")

    @pytest.mark.parametrize("example", CALL["requestBody"]["content"]["application/json"]["examples"].values())  # fmt: skip
    def test_the_contracts_own_example_is_sent_as_it_is(self, example):
        assert sent_of(example["value"]) == example["value"]

    @pytest.mark.parametrize("status", CALL["responses"])
    def test_every_status_of_the_contract_is_judged_as_it_says(self, status):
        said = CALL["responses"][status]["description"]
        body = STORED if status.startswith("2") else failure("SOME_CODE")

        verdict = CUSTOMER.judge(Reply(int(status), {}, json.dumps(body).encode()))

        if "Transient" in said:
            assert verdict.kind == ("unsure" if status == "500" else "transient")
        else:
            assert verdict.kind == ("delivered" if status.startswith("2") else "refused")

    def test_the_answers_that_other_tests_call_documented_are(self):
        assert [error.message for error in ANSWER.iter_errors(STORED)] == []
        body = failure("VALIDATION_ERROR", "Invalid", [{"field": "email", "message": "wrong"}])
        assert [error.message for error in ERROR.iter_errors(body)] == []

    @pytest.mark.parametrize("code", SCHEMAS["ErrorResponse"]["properties"]["error"]["properties"]["code"]["examples"])  # fmt: skip
    def test_every_documented_code_is_told(self, code):
        verdict = CUSTOMER.judge(Reply(422, {}, json.dumps(failure(code)).encode()))

        assert (verdict.kind, verdict.reason) == ("refused", f"HTTP 422: code {code}")
