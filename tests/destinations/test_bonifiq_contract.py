"""
The models take what BonifiQ's contract takes, and nothing else.

The contract is an OpenAPI 3.1 file that was written from the vendor's pages, kept outside the
repository.  It has no rule about amounts or about which date comes first: there the models are
stricter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from bridge import exact
from bridge.destinations import ENDPOINTS, bonifiq_models
from bridge.destinations.bonifiq import AFFILIATE, CUSTOMER, ORDER
from bridge.destinations.bonifiq_models import Answer
from bridge.destinations.endpoint import Account, Endpoint, document
from bridge.types import Reply
from tests.destinations.test_bonifiq import RESULTS, envelope

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "destinations" / "bonifiq.openapi.yaml"

if not CONTRACT.exists():
    pytest.skip(
        "the contract is kept beside the repository, and is not here", allow_module_level=True
    )

SPEC: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = SPEC["components"]["schemas"]
REQUESTS = {
    "bonifiq.customer": ("CustomerRequest", "/v1/pvt/Customer/upsert"),
    "bonifiq.order": ("OrderRequest", "/v1/pvt/Order"),
    "bonifiq.affiliate": ("AffiliateRequest", "/v1/pvt/Affiliate"),
}
#: A schema of the contract, and the model that is to have the same fields.
SAME_FIELDS = {
    "CustomerRequest": "CustomerRequest",
    "OrderRequest": "OrderRequest",
    "ProductRequest": "Product",
    "ProductCategory": "Category",
    "NamedReference": "NamedReference",
    "MetadataRequest": "Metadata",
    "AffiliateRequest": "AffiliateRequest",
    "CustomerUpsertResult": "CustomerResult",
    "Tier": "Tier",
    "OrderResult": "OrderResult",
    "OrderResultCustomer": "StoredCustomer",
    "OrderResultAffiliate": "StoredAffiliate",
    "OrderResultProduct": "StoredProduct",
    "OrderResultMetadata": "StoredMetadata",
    "EstimatedBonus": "Bonus",
}


ACCOUNT = Account("https://api.bonifiq.com.br", {"user": "token", "password": "key"})


def validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


VALIDATORS = {name: validator(schema) for name, (schema, _) in REQUESTS.items()}


def wire(value: Any) -> Any:
    """Make Python values JSON's, as a careless writer would: nothing is left out or refused."""
    if isinstance(value, dict):
        return {name: wire(one) for name, one in value.items()}
    if isinstance(value, list):
        return [wire(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value


def violations(endpoint: Endpoint, sent: object) -> list[str]:
    return [error.message for error in VALIDATORS[endpoint.name].iter_errors(sent)]


def sent_by(endpoint: Endpoint, payload: Mapping[str, Any]) -> Any:
    """What the destination reads of a payload, from the bytes."""
    model = endpoint.model.model_validate(payload)
    return json.loads(exact.write(document(model)), parse_float=Decimal)


MOMENTS = st.datetimes(
    min_value=datetime(1000, 1, 3),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9990, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda east: timezone(timedelta(minutes=east))),
)
TEXTS = st.text(max_size=20)
KEYS = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
AMOUNTS = st.decimals(0, 10**9, allow_nan=False, places=2) | st.integers(0, 10**9)
FLAGS = st.booleans()


def objects(required: Mapping[str, Any], optional: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Objects in which an optional field is there, or None, or absent."""
    maybe = {name: st.none() | one for name, one in optional.items()}
    return st.fixed_dictionaries(dict(required), optional=maybe)


NAMED = objects({}, {"OriginalId": TEXTS, "Name": TEXTS})
CATEGORY_FIELDS = {"OriginalId": TEXTS, "Name": TEXTS, "Description": TEXTS}
CATEGORIES = st.recursive(
    objects({}, CATEGORY_FIELDS),
    lambda inner: objects({}, {**CATEGORY_FIELDS, "ParentCategory": inner}),
    max_leaves=4,
)
CUSTOMER_FIELDS = {
    "Name": TEXTS,
    "Email": TEXTS,
    "Phone": TEXTS,
    "BirthdayDate": MOMENTS,
    "SignupDate": MOMENTS,
    "Document": TEXTS,
    "IsEnrolled": FLAGS,
    "EnrolledDate": MOMENTS,
}
CUSTOMERS = objects({"OriginalId": KEYS}, CUSTOMER_FIELDS)
PRODUCT_FIELDS = {
    "OriginalId": TEXTS,
    "Title": TEXTS,
    "Url": TEXTS,
    "ImageUrl": TEXTS,
    "IsActive": FLAGS,
    "ProductBrand": NAMED,
    "ProductCategory": CATEGORIES,
}
PRODUCTS = st.lists(objects({"ProductPrice": AMOUNTS}, PRODUCT_FIELDS), max_size=3)
ORDER_FIELDS = {
    "OrderStatus": TEXTS,
    "UpdatedDate": MOMENTS,
    "Coupon": TEXTS,
    "Metadatas": st.lists(objects({}, {"Name": TEXTS, "Value": TEXTS}), max_size=2),
    "PaymentMethod": NAMED,
    "Branch": NAMED,
    "SalesPerson": NAMED,
    "ExternalCoupon": TEXTS,
}
STATE_FIELDS = {
    "OrderCompletedDate": MOMENTS,
    "OrderCancelledDate": MOMENTS,
    "IsCompleted": FLAGS,
    "IsCancelledOrReturned": FLAGS,
    "Products": PRODUCTS,
}
ORDER_KEYS = {"OriginalId": KEYS, "OrderPlacementDate": MOMENTS, "Customer": CUSTOMERS}
ANY_ORDERS = objects({**ORDER_KEYS, "OrderTotal": AMOUNTS}, {**ORDER_FIELDS, **STATE_FIELDS})


@st.composite
def true_orders(draw: st.DrawFn) -> dict[str, Any]:
    """Orders that tell one story: dates follow one another, lines add up."""
    order = draw(objects(ORDER_KEYS, ORDER_FIELDS))
    products = draw(PRODUCTS)
    order["OrderTotal"] = sum((Decimal(one["ProductPrice"]) for one in products), Decimal(0))
    if draw(FLAGS):
        order["Products"] = products
    later = order["OrderPlacementDate"] + timedelta(seconds=draw(st.integers(0, 10**7)))
    state = draw(st.sampled_from(["pending", "completed", "cancelled"]))
    if state == "completed":
        order |= {"IsCompleted": True, "OrderCompletedDate": later}
    if state == "cancelled":
        order |= {"IsCancelledOrReturned": True, "OrderCancelledDate": later}
    return dict(order)


AFFILIATE_FIELDS = {
    "Phone": TEXTS,
    "Coupon": TEXTS,
    "InviteToPortal": FLAGS,
    "CreateCustomer": FLAGS,
}
AFFILIATES = objects(
    {"Name": KEYS, "Email": KEYS}, {"Document": KEYS, **AFFILIATE_FIELDS}
) | objects({"Name": KEYS, "Document": KEYS}, {"Email": KEYS, **AFFILIATE_FIELDS})


class TestFields:
    @pytest.mark.parametrize(("schema", "model"), SAME_FIELDS.items(), ids=SAME_FIELDS)
    def test_a_model_has_the_fields_of_the_contract_in_its_order(self, schema, model):
        fields: type[BaseModel] = getattr(bonifiq_models, model)

        assert list(SCHEMAS[schema]["properties"]) == list(fields.model_fields)

    @pytest.mark.parametrize(("schema", "model"), SAME_FIELDS.items(), ids=SAME_FIELDS)
    def test_a_model_requires_what_the_contract_requires(self, schema, model):
        fields: type[BaseModel] = getattr(bonifiq_models, model)
        required = [n for n, field in fields.model_fields.items() if field.is_required()]

        assert SCHEMAS[schema].get("required", []) == required

    def test_an_entry_of_the_coupons_history_has_the_contracts_fields(self):
        histories = SCHEMAS["OrderResultAffiliate"]["properties"]["CouponHistories"]

        assert list(histories["items"]["properties"]) == list(
            bonifiq_models.CouponHistory.model_fields
        )

    def test_the_envelope_has_the_contracts_fields_and_a_result(self):
        assert {*SCHEMAS["Envelope"]["properties"], "Result"} == set(Answer.model_fields)

    def test_the_numbers_of_errors_have_the_published_names(self):
        published = SCHEMAS["Envelope"]["properties"]["ErrorCode"]["x-error-codes"]

        assert {int(number): name for number, name in published.items() if number.isdigit()} == {
            number: name for number, (name, _) in bonifiq_models.ERRORS.items()
        }

    @pytest.mark.parametrize(("name", "request_"), REQUESTS.items(), ids=REQUESTS)
    def test_the_address_is_the_contracts(self, name, request_):
        schema, path = request_
        body = SPEC["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]

        assert body == {"$ref": f"#/components/schemas/{schema}"}
        assert ENDPOINTS[name].base_url == SPEC["servers"][0]["url"]
        assert ENDPOINTS[name].write({}, ACCOUNT).url == SPEC["servers"][0]["url"] + path


class TestAcceptedByBoth:
    @given(payload=CUSTOMERS)
    @settings(deadline=None)
    def test_a_customer_that_the_model_accepts(self, payload):
        assert violations(CUSTOMER, sent_by(CUSTOMER, payload)) == []

    @given(payload=AFFILIATES)
    @settings(deadline=None)
    def test_an_affiliate_that_the_model_accepts(self, payload):
        assert violations(AFFILIATE, sent_by(AFFILIATE, payload)) == []

    @given(payload=true_orders())
    @settings(deadline=None)
    def test_an_order_that_tells_one_story(self, payload):
        assert violations(ORDER, sent_by(ORDER, payload)) == []

    @given(payload=ANY_ORDERS)
    @settings(deadline=None, max_examples=300)
    def test_any_order_unless_the_model_refuses_it(self, payload):
        try:
            sent = sent_by(ORDER, payload)
        except ValidationError:
            event("refused by the model")
            return
        event("accepted by the model")
        assert violations(ORDER, sent) == []

    @given(payload=true_orders())
    @settings(deadline=None)
    def test_amounts_and_dates_arrive_as_what_they_were(self, payload):
        sent = sent_by(ORDER, payload)

        assert sent["OrderTotal"] == payload["OrderTotal"]
        assert datetime.fromisoformat(sent["OrderPlacementDate"]) == payload["OrderPlacementDate"]
        assert [one["ProductPrice"] for one in sent.get("Products", [])] == [
            one["ProductPrice"] for one in payload.get("Products", [])
        ]


PLACED = datetime(2026, 5, 2, 13, 0, tzinfo=UTC)
BUYER: dict[str, Any] = {"OriginalId": "ana@example.com"}
GOOD: dict[str, dict[str, Any]] = {
    "bonifiq.customer": BUYER,
    "bonifiq.order": {
        "OriginalId": "1001",
        "OrderPlacementDate": PLACED,
        "OrderCompletedDate": PLACED,
        "IsCompleted": True,
        "OrderTotal": 120,
        "Customer": BUYER,
    },
    "bonifiq.affiliate": {"Name": "Ana", "Email": "ana@example.com"},
}
WRONG: list[tuple[Endpoint, dict[str, Any]]] = [
    (CUSTOMER, {"OriginalId": ...}),
    (CUSTOMER, {"OriginalId": None}),
    (CUSTOMER, {"OriginalId": ""}),
    (CUSTOMER, {"OriginalId": 7}),
    (CUSTOMER, {"Name": 7}),
    (CUSTOMER, {"name": "Ana"}),
    (CUSTOMER, {"Email": ["ana@example.com"]}),
    (CUSTOMER, {"IsEnrolled": "true"}),
    (CUSTOMER, {"IsEnrolled": 1}),
    (CUSTOMER, {"BirthdayDate": "1990-12-31"}),
    (CUSTOMER, {"SignupDate": PLACED.replace(tzinfo=None)}),
    (CUSTOMER, {"CurrentTier": {"Name": "Ouro"}}),
    (CUSTOMER, {"Id": 7}),
    (ORDER, {"OriginalId": ...}),
    (ORDER, {"OriginalId": ""}),
    (ORDER, {"OriginalId": 1001}),
    (ORDER, {"OrderPlacementDate": ...}),
    (ORDER, {"OrderPlacementDate": None}),
    (ORDER, {"OrderPlacementDate": "yesterday"}),
    (ORDER, {"OrderTotal": ...}),
    (ORDER, {"OrderTotal": None}),
    (ORDER, {"OrderTotal": "120.00"}),
    (ORDER, {"OrderTotal": True}),
    (ORDER, {"Customer": ...}),
    (ORDER, {"Customer": None}),
    (ORDER, {"Customer": {"Name": "Ana"}}),
    (ORDER, {"Customer": {**BUYER, "PointsBalance": 5}}),
    (ORDER, {"OrderCompletedDate": ...}),
    (ORDER, {"OrderCompletedDate": None}),
    (ORDER, {"IsCompleted": False, "IsCancelledOrReturned": True}),
    (ORDER, {"IsCancelledOrReturned": True, "OrderCancelledDate": PLACED}),
    (ORDER, {"IsCompleted": "yes"}),
    (ORDER, {"Products": {}}),
    (ORDER, {"Products": [{"ProductPrice": 120, "Quantity": 1}]}),
    (ORDER, {"Products": [{"ProductPrice": "120.00"}]}),
    (ORDER, {"Products": [{"ProductPrice": 120, "ProductBrand": {"Id": "7"}}]}),
    (ORDER, {"Products": [{"ProductPrice": 120, "ProductBrand": "Marca"}]}),
    (ORDER, {"Products": [{"ProductPrice": 120, "ProductBrand": {"Description": "x"}}]}),
    (ORDER, {"Products": [{"ProductPrice": 120, "ProductCategory": {"ParentCategory": {"x": 1}}}]}),
    (ORDER, {"Metadatas": [{"Name": "line", "Value": 1}]}),
    (ORDER, {"Metadatas": {"channel": "web"}}),
    (ORDER, {"PaymentMethods": [{"Name": "Pix"}]}),
    (ORDER, {"PaymentMethod": {"Name": "Pix", "PaidAmount": 120}}),
    (ORDER, {"Branch": "Centro"}),
    (ORDER, {"SalesPerson": {"OriginalId": 44}}),
    (ORDER, {"EstimatedBonus": {}}),
    (ORDER, {"Currency": "BRL"}),
    (AFFILIATE, {"Name": ...}),
    (AFFILIATE, {"Name": None}),
    (AFFILIATE, {"Email": ...}),
    (AFFILIATE, {"Email": None}),
    (AFFILIATE, {"Email": ""}),
    (AFFILIATE, {"Email": ..., "Document": ""}),
    (AFFILIATE, {"CreateCustomer": "true"}),
    (AFFILIATE, {"OriginalId": "ana@example.com"}),
]


def changed(endpoint: Endpoint, changes: Mapping[str, Any]) -> dict[str, Any]:
    whole = {**GOOD[endpoint.name], **changes}
    return {name: value for name, value in whole.items() if value is not ...}


class TestRefusedByBoth:
    @pytest.mark.parametrize("name", GOOD)
    def test_what_is_changed_below_is_good_before(self, name):
        ENDPOINTS[name].model.model_validate(GOOD[name])

        assert violations(ENDPOINTS[name], wire(GOOD[name])) == []

    @pytest.mark.parametrize(
        ("endpoint", "changes"), WRONG, ids=[f"{one.name} {change}" for one, change in WRONG]
    )
    def test_a_wrong_request(self, endpoint, changes):
        payload = changed(endpoint, changes)

        assert violations(endpoint, wire(payload)) != []
        with pytest.raises(ValidationError):
            endpoint.model.model_validate(payload)


PUBLISHED = [
    (endpoint, example["value"])
    for endpoint, path in [(ENDPOINTS[name], path) for name, (_, path) in REQUESTS.items()]
    for example in SPEC["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]
    .get("examples", {})
    .values()
]


class TestAnswers:
    @pytest.mark.parametrize(("endpoint", "body"), PUBLISHED)
    def test_a_published_one_is_judged_by_its_error_and_not_by_its_status(self, endpoint, body):
        verdict = endpoint.judge(Reply(200, {}, json.dumps(body).encode()))

        assert verdict.kind == ("refused" if body["HasError"] else "delivered")
        assert "as documented" not in verdict.reason
        assert "not documented" not in verdict.reason

    @pytest.mark.parametrize(
        ("name", "schema"),
        [
            ("bonifiq.customer", "CustomerUpsertResponse"),
            ("bonifiq.order", "OrderResponse"),
            ("bonifiq.affiliate", "AffiliateResponse"),
        ],
    )
    def test_those_that_other_tests_call_documented_are(self, name, schema):
        body = envelope(Result=RESULTS[name], Code="03")

        assert [error.message for error in validator(schema).iter_errors(body)] == []
