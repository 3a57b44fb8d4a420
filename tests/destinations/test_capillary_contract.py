"""
The models take what Capillary's contract takes, and its own page's examples.

The contract is an OpenAPI 3.1 file that was written from the vendor's pages, kept outside the
repository.  It has no rule about lengths and mobile numbers: there the models are stricter.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from bridge.destinations import capillary_models
from bridge.destinations.capillary import CUSTOMER
from bridge.destinations.capillary_models import CODES, TRANSIENT, CustomerRequest
from bridge.destinations.endpoint import Account, document
from bridge.errors import PayloadInvalid
from bridge.types import Reply, Skipped
from tests.destinations.events import events, sent
from tests.destinations.test_capillary import FULL, SUBSCRIPTION, customer, item, profile
from tests.real import SHARED

CONTRACT = SHARED / "destinations" / "capillary.openapi.yaml"
PAGES = SHARED / "reference"

if not CONTRACT.exists():
    pytest.skip(
        "the contract is kept beside the repository, and is not here", allow_module_level=True
    )

SPEC: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = SPEC["components"]["schemas"]
((PATH, OPERATION),) = SPEC["paths"].items()
KEYED = Account("https://eu.api.example", {"key": "k", "secret": "s"}, token="t")
#: A schema of the contract, and the model that is to have the same fields.
SAME_FIELDS = {
    "CustomerUpsertItem": "CustomerRequest",
    "Profile": "Profile",
    "Identifier": "Identifier",
    "CommChannel": "CommChannel",
    "CommChannelMeta": "ChannelMeta",
    "LoyaltyInfoRequest": "LoyaltyInfo",
    "SubscriptionInfo": "SubscriptionInfo",
    "Subscription": "Subscription",
    "LoyaltyProgramEnrollment": "Enrolment",
    "ItemMessage": "Message",
    "CustomerUpsertResponse": "Answer",
    "CustomerUpsertResponseItem": "AnswerItem",
}
CLOSED = [name for name in SAME_FIELDS if SCHEMAS[name].get("additionalProperties") is False]


def validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


REQUEST, ANSWER = validator("CustomerUpsertRequest"), validator("CustomerUpsertResponse")


def model(schema: str) -> type[BaseModel]:
    found: type[BaseModel] = getattr(capillary_models, SAME_FIELDS[schema])
    return found


def violations(*sent: Any) -> list[str]:
    return [error.message for error in REQUEST.iter_errors(list(sent))]


def wire(payload: Mapping[str, Any]) -> Any:
    """What the destination reads of a payload, from the bytes of the call."""
    made = document(CustomerRequest.model_validate(payload))
    return json.loads(CUSTOMER.write(made, KEYED).content, parse_float=Decimal)


def as_json(value: Any) -> Any:
    """Make Python values JSON's, as a careless writer would: nothing is left out or refused."""
    if isinstance(value, dict):
        return {name: as_json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value


class TestFields:
    @pytest.mark.parametrize("schema", SAME_FIELDS)
    def test_a_model_has_the_fields_of_the_contract_in_its_order(self, schema):
        assert list(SCHEMAS[schema]["properties"]) == list(model(schema).model_fields)

    @pytest.mark.parametrize("schema", SAME_FIELDS)
    def test_a_model_requires_what_the_contract_requires(self, schema):
        required = [name for name, one in model(schema).model_fields.items() if one.is_required()]

        assert sorted(SCHEMAS[schema].get("required", [])) == sorted(required)

    @pytest.mark.parametrize("schema", CLOSED)
    def test_a_choice_offers_what_the_contract_offers(self, schema):
        for name, said in SCHEMAS[schema]["properties"].items():
            offered = SCHEMAS["Source"] if str(said.get("$ref")).endswith("/Source") else said
            annotation = model(schema).model_fields[name].annotation
            ours = [one for one in (annotation, *typing.get_args(annotation)) if literal(one)]

            assert [list(typing.get_args(one)) for one in ours] == (
                [offered["enum"]] if "enum" in offered else []
            )

    def test_the_options_offer_what_the_contract_offers(self):
        by_name = {one["name"]: one["schema"] for one in OPERATION["post"]["parameters"]}

        offered = by_name["X-CAP-API-ATTRIBUTION-ENTITY-TYPE"]["enum"]
        assert list(CUSTOMER.options["attribution_type"].one_of) == offered

    def test_the_call_is_the_contract_s(self):
        options = {"attribution_type": "TILL", "attribution_code": "till.01"}
        account = Account("https://eu.api.example", {"key": "k"}, options, token="t")
        call = CUSTOMER.write(FULL, account)
        token = SPEC["components"]["securitySchemes"]["oauthToken"]

        address = urlsplit(call.url)
        sent_in = {
            "query": {address.query.partition("=")[0]},
            "header": {name.upper() for name in call.headers},
        }
        assert (address.path, call.method) == (PATH, "POST")
        assert token["name"] in sent_in["header"]
        for one in OPERATION["post"]["parameters"]:
            assert one["name"] in sent_in[one["in"]]

    def test_codes_are_classed_as_in_the_contract(self):
        codes = SCHEMAS["ItemMessage"]["x-codes"]
        permanent = {one["code"] for one in codes["permanent"]}

        assert set(codes["transient"]) == TRANSIENT
        assert permanent & TRANSIENT == set()
        assert (permanent | set(codes["warning"])) - set(CODES) == set()

    def test_the_numbers_of_whole_requests_have_a_meaning(self):
        numbers = OPERATION["post"]["x-request-level-codes"]

        assert [n for n in numbers if n.isdecimal() and int(n) not in CODES] == []


def literal(annotation: Any) -> bool:
    return typing.get_origin(annotation) is Literal


TEXTS = st.text(max_size=20)
KEYS = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
FLAGS = st.booleans()
WHOLE = st.integers(-(2**31), 2**31)
MOBILES = st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True)
VALUES = TEXTS | FLAGS | WHOLE | st.decimals(-(10**6), 10**6, places=2)
MAPS = st.dictionaries(KEYS, VALUES, max_size=3)
MOMENTS = st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1))  # noqa: DTZ001


def choices(schema: str, field: str) -> st.SearchStrategy[str]:
    return st.sampled_from(SCHEMAS[schema]["properties"][field]["enum"])


def objects(required: Mapping[str, Any], optional: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Objects in which an optional field is there, or None, or absent."""
    maybe = {name: st.none() | one for name, one in optional.items()}
    return st.fixed_dictionaries(dict(required), optional=maybe)


def addresses(schema: str, optional: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Identifiers or channels: a mobile number is one."""
    kinds = choices(schema, "type").filter(lambda kind: kind != "mobile")
    return objects({"type": kinds, "value": KEYS}, optional) | objects(
        {"type": st.just("mobile"), "value": MOBILES}, optional
    )


SOURCES = st.sampled_from(SCHEMAS["Source"]["enum"])
IDENTIFIERS = addresses("Identifier", {"seriesId": WHOLE, "statusLabel": TEXTS})
METAS = objects({}, {"lastViewedDate": TEXTS, "residence": FLAGS, "office": FLAGS})
CHANNELS = addresses(
    "CommChannel", {"primary": FLAGS, "verified": FLAGS, "subscribed": FLAGS, "meta": METAS}
)
PROFILES = objects(
    {"identifiers": st.lists(IDENTIFIERS, min_size=1, max_size=3)},
    {
        "firstName": TEXTS,
        "lastName": TEXTS,
        "commChannels": st.lists(CHANNELS, max_size=2),
        "source": SOURCES,
        "accountId": KEYS,
        "fields": MAPS,
    },
)
SUBSCRIPTIONS = objects(
    {name: choices("Subscription", name) for name in ("channel", "priority", "type")},
    {"accountId": KEYS, "sourceName": SOURCES, "orgUnitId": WHOLE},
)
ENROLMENTS = objects(
    {},
    {
        "programId": WHOLE,
        "tierNumber": WHOLE,
        "loyaltyPoints": st.decimals(0, 10**6, places=2),
        "tierExpiryDate": MOMENTS,
        "pointsExpiryDate": MOMENTS,
    },
)
CUSTOMERS = objects(
    {"profiles": st.lists(PROFILES, min_size=1, max_size=2)},
    {
        "extendedFields": MAPS,
        "loyaltyInfo": objects({}, {"loyaltyType": choices("LoyaltyInfoRequest", "loyaltyType")}),
        "statusLabel": KEYS,
        "subscriptionInfo": st.fixed_dictionaries(
            {"subscriptions": st.lists(SUBSCRIPTIONS, min_size=1, max_size=2)}
        ),
        "loyaltyProgramEnrollments": st.lists(ENROLMENTS, max_size=2),
        "associatedWith": KEYS,
        "referralCode": KEYS,
    },
)


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_none(one) for name, one in value.items() if one is not None}
    return [without_none(one) for one in value] if isinstance(value, list) else value


class TestAcceptedByBoth:
    @given(payload=CUSTOMERS)
    @settings(deadline=None, max_examples=300)
    def test_model_and_contract_agree_on_any_customer(self, payload):
        try:
            made = wire(payload)
        except ValidationError:
            event("refused by both")
            assert violations(without_none(as_json(payload))) != []
            return
        event("accepted by both")
        assert violations(*made) == []
        assert len(made) == 1

    @given(payload=CUSTOMERS)
    @settings(deadline=None)
    def test_a_subscription_needs_no_source(self, payload):
        payload["subscriptionInfo"] = {"subscriptions": [SUBSCRIPTION]}

        assert violations(*wire(payload)) == []

    @given(data=st.data())
    @settings(deadline=None, max_examples=200)
    def test_no_event_becomes_a_payload_that_the_contract_refuses(self, data):
        said = data.draw(
            st.fixed_dictionaries(
                {"source": SOURCES},
                optional={
                    "account_id": KEYS,
                    "identifiers": st.lists(st.sampled_from(["externalId", "mobile", "email"])),
                    "external_id": st.sampled_from(["store_and_id", "id"]),
                    "loyalty_type": st.sampled_from(["loyalty", "non_loyalty"]),
                    "status_label": KEYS,
                    "subscriptions": FLAGS,
                    "from_orders": FLAGS,
                },
            )
        )

        made = sent("capillary.customer", data.draw(events()), said)

        event(type(made).__name__)
        if not isinstance(made, Skipped | PayloadInvalid):
            assert violations(made) == []

    def test_our_own_example_is_the_contract_s(self):
        assert violations(*wire(FULL)) == []


WRONG: list[dict[str, Any]] = [
    {"profiles": ...},
    {"profiles": None},
    {"profiles": []},
    {"profiles": {}},
    {"profiles": [profile(source=...)]},
    {"profiles": [profile(source=None)]},
    {"profiles": [profile(source="SHOP")]},
    {"profiles": [profile(accountId=...)]},
    {"profiles": [profile(accountId=7)]},
    {"profiles": [profile(identifiers=...)]},
    {"profiles": [profile(identifiers=[])]},
    {"profiles": [profile(identifiers=[{"type": "externalId"}])]},
    {"profiles": [profile(identifiers=[{"value": "x"}])]},
    {"profiles": [profile(identifiers=[{"type": "externalId", "value": ""}])]},
    {"profiles": [profile(identifiers=[{"type": "externalId", "value": 7}])]},
    {"profiles": [profile(identifiers=[{"type": "phone", "value": "12025550142"}])]},
    {"profiles": [profile(identifiers=[{"type": "email", "value": "a@b.c", "primary": True}])]},
    {"profiles": [profile(commChannels=[{"type": "email", "value": "a@b.c", "primary": "true"}])]},
    {"profiles": [profile(commChannels=[{"type": "email", "value": "a@b.c", "primary": 1}])]},
    {"profiles": [profile(commChannels=[{"type": "fax", "value": "1"}])]},
    {"profiles": [profile(commChannels={"type": "email", "value": "a@b.c"})]},
    {"profiles": [profile(extendedFields={"gender": "Female"})]},
    {"profiles": [profile(firstName=7)]},
    {"profiles": [profile(name="Asha")]},
    {"extendedFields": {"gender": ["Female"]}},
    {"extendedFields": {"gender": None}},
    {"extendedFields": []},
    {"loyaltyInfo": {"loyaltyType": "gold"}},
    {"loyaltyInfo": {"points": 1}},
    {"statusLabel": 7},
    {"subscriptionInfo": {}},
    {"subscriptionInfo": {"subscriptions": []}},
    {"subscriptionInfo": {"subscriptions": [{**SUBSCRIPTION, "type": "IN"}]}},
    {"subscriptionInfo": {"subscriptions": [{**SUBSCRIPTION, "priority": "bulk"}]}},
    {"subscriptionInfo": {"subscriptions": [{**SUBSCRIPTION, "sourceName": "SHOP"}]}},
    {"loyaltyProgramEnrollments": {"programId": 3}},
    {"loyaltyProgramEnrollments": [{"programId": "3"}]},
    {"gender": "Female"},
]


class TestRefusedByBoth:
    def test_what_is_changed_below_is_good_before(self):
        assert violations(*wire(customer())) == []

    @pytest.mark.parametrize("changes", WRONG, ids=str)
    def test_a_wrong_request(self, changes):
        whole = {**customer(), **changes}
        payload = {name: value for name, value in whole.items() if value is not ...}

        assert violations(as_json(payload)) != []
        with pytest.raises(ValidationError):
            CustomerRequest.model_validate(payload)


class TestAnswers:
    def test_those_that_other_tests_call_documented_are(self):
        for body in (item(), item(errors=None, warnings=None), item(result=...)):
            assert [error.message for error in ANSWER.iter_errors(body)] == []

    def test_the_contract_s_own_batch_holds_a_good_and_a_bad_customer(self):
        answers = OPERATION["post"]["responses"]["200"]["content"]["application/json"]
        batch = answers["examples"]["partial"]["value"]

        kinds = [
            CUSTOMER.judge(Reply(200, {}, json.dumps({**batch, "response": [one]}).encode())).kind
            for one in batch["response"]
        ]

        assert kinds == ["delivered", "refused"]

    @pytest.mark.parametrize("status", OPERATION["post"]["responses"])
    def test_every_documented_status_is_judged_without_a_body(self, status):
        kinds = {"4": "refused", "5": "unsure", "2": "unsure"}
        expected = {"429": "transient", "461": "transient", "503": "transient", "521": "transient"}

        verdict = CUSTOMER.judge(Reply(int(status), {}, b""))

        assert verdict.kind == expected.get(status, kinds[status[0]])


def published() -> list[Any]:
    """The JSON that the vendor's page prints: two requests and an answer."""
    (page,) = PAGES.glob("004_*.txt")
    text, at = page.read_text(), 0
    found: list[Any] = []
    while True:
        starts = [one for one in (text.find("\n[", at), text.find("\n{", at)) if one >= 0]
        if not starts:
            return found
        at = min(starts) + 1
        try:
            value, at = json.JSONDecoder(parse_float=Decimal).raw_decode(text, at)
        except ValueError:
            continue
        found.append(value)


@pytest.mark.skipif(not PAGES.is_dir(), reason="the vendor's page is not here: ../shared/reference")
class TestPublished:
    @pytest.mark.parametrize("number", [0, 1])
    def test_a_request_is_sent_as_it_is_printed(self, number):
        request = published()[number]

        assert wire(request[0]) == request
        assert violations(*request) == []

    def test_extended_fields_and_subscriptions_stand_beside_profiles(self):
        (first,), (second,) = published()[:2]

        assert list(first) == ["profiles", "extendedFields"]
        assert "subscriptionInfo" in second

    def test_the_answer_has_a_full_result_and_is_a_failure_all_the_same(self):
        answer = published()[2]
        assert answer["response"][0]["result"]["id"] == answer["response"][0]["entityId"]
        assert [error.message for error in ANSWER.iter_errors(answer)] == []

        verdict = CUSTOMER.judge(Reply(200, {}, json.dumps(answer, default=float).encode()))

        assert verdict.kind == "refused"
        assert verdict.reason == (
            "HTTP 200 with an error: code 3017 (the status label is not valid): status label "
            "invalid"
        )

    def test_the_answer_without_its_error_is_a_success_in_which_nothing_is_unknown(self):
        answer = published()[2]
        answer["response"][0]["errors"] = []

        verdict = CUSTOMER.judge(Reply(200, {}, json.dumps(answer, default=float).encode()))

        assert (verdict.kind, verdict.reason) == ("delivered", "")

    def test_nothing_else_is_printed(self):
        assert len(published()) == 3
