"""
BonifiQ gets orders that give the right points, and its answers are believed only when true.

An HTTP 200 can be a failure there, and a lost answer can be a success.  What the vendor's text
repeats of a customer never reaches a reason.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.destinations import ENDPOINTS
from bridge.destinations.bonifiq import AFFILIATE, CUSTOMER, ORDER
from bridge.destinations.bonifiq_models import Category, Metadata, NamedReference, Product
from bridge.destinations.endpoint import Account, Endpoint, document, fingerprint
from bridge.destinations.judge import TOO_MANY_REST
from bridge.types import Reply

PLACED = datetime(2026, 5, 2, 13, 0, tzinfo=UTC)
LATER = datetime(2026, 5, 2, 13, 1, 10, tzinfo=UTC)
EARLIER = datetime(2026, 5, 2, 12, 59, 59, tzinfo=UTC)

ALL = [CUSTOMER, ORDER, AFFILIATE]


def by_name(endpoint: Endpoint) -> str:
    return endpoint.name


def order(**changes: Any) -> dict[str, Any]:
    """A completed order of two lines, changed; a field changed to `...` is left out."""
    whole = {
        "OriginalId": "1001",
        "OrderPlacementDate": PLACED,
        "OrderCompletedDate": LATER,
        "IsCompleted": True,
        "IsCancelledOrReturned": False,
        "OrderTotal": Decimal("119.90"),
        "Customer": {"OriginalId": "ana@example.com", "IsEnrolled": True},
        "Products": [{"ProductPrice": Decimal("100.00")}, {"ProductPrice": Decimal("19.90")}],
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def cancelled(**changes: Any) -> dict[str, Any]:
    state = {
        "IsCompleted": False,
        "IsCancelledOrReturned": True,
        "OrderCompletedDate": ...,
        "OrderCancelledDate": LATER,
        "Products": ...,
    }
    return order(**{**state, **changes})


def refusal(endpoint: Endpoint, payload: dict[str, Any]) -> list[str]:
    """Every message with its place, of a payload that must be refused."""
    with pytest.raises(ValidationError) as caught:
        endpoint.model.model_validate(payload)
    return [
        ".".join(str(part) for part in problem["loc"]) + ": " + problem["msg"]
        for problem in caught.value.errors()
    ]


def envelope(**changes: Any) -> dict[str, Any]:
    """A clean answer, changed; a field changed to `...` is left out."""
    whole = {
        "ErrorMessage": None,
        "ErrorCode": None,
        "Result": {"OriginalId": "1001"},
        "Code": None,
        "CodeName": None,
        "Severity": 0,
        "HasWarning": False,
        "HasError": False,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def reply(body: Any = "", status: int = 200, **headers: str) -> Reply:
    """An answer; a header `retry_after` is named ``retry-after``."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): text for name, text in headers.items()}, content)


FULL_CUSTOMER = {
    "OriginalId": "ana@example.com",
    "Name": "Ana Souza",
    "Email": "ana@example.com",
    "Phone": "+55 11 99999-0000",
    "BirthdayDate": datetime(1990, 12, 31, tzinfo=UTC),
    "SignupDate": datetime(2026, 3, 4, 15, 20, tzinfo=UTC),
    "Document": "12345678909",
    "IsEnrolled": True,
    "EnrolledDate": datetime(2026, 3, 4, 15, 20, tzinfo=UTC),
}
FULL_ORDER = {
    "OriginalId": "1001",
    "OrderPlacementDate": PLACED,
    "OrderCompletedDate": LATER,
    "OrderCancelledDate": None,
    "OrderStatus": "paid",
    "IsCancelledOrReturned": False,
    "IsCompleted": True,
    "OrderTotal": Decimal("119.90"),
    "Customer": FULL_CUSTOMER,
    "Products": [
        {
            "OriginalId": "SKU-1",
            "Title": "Camiseta",
            "Url": "https://loja.example/camiseta",
            "ImageUrl": "https://loja.example/camiseta.jpg",
            "IsActive": True,
            "ProductPrice": Decimal("119.90"),
            "ProductBrand": {"OriginalId": "7", "Name": "Marca"},
            "ProductCategory": {
                "OriginalId": "20",
                "Name": "Camisetas",
                "Description": "De algodão",
                "ParentCategory": {
                    "OriginalId": "2",
                    "Name": "Roupas",
                    "ParentCategory": {"OriginalId": "1", "Name": "Tudo"},
                },
            },
        }
    ],
    "UpdatedDate": LATER,
    "Coupon": "BEMVINDA",
    "Metadatas": [{"Name": "channel", "Value": "web"}],
    "PaymentMethod": {"OriginalId": "visa", "Name": "Visa credit card"},
    "Branch": {"OriginalId": "3", "Name": "Centro"},
    "SalesPerson": {"OriginalId": "44", "Name": "Rui"},
    "ExternalCoupon": "X1",
}
FULL_AFFILIATE = {
    "Name": "Ana Souza",
    "Email": "ana@example.com",
    "Document": "12345678909",
    "Phone": "+5511999990000",
    "Coupon": "ANA10",
    "InviteToPortal": False,
    "CreateCustomer": True,
}

CUSTOMER_RESULT = {
    "OriginalId": "ana@example.com",
    "PublicId": "pub-1",
    "Name": "Ana Souza",
    "Email": "ana@example.com",
    "Phone": None,
    "BirthdayDate": "1990-12-31T00:00:00Z",
    "SignupDate": "2026-03-04T15:20:00Z",
    "Document": "12345678909",
    "IsEnrolled": True,
    "ReferralURL": "https://loja.example/r/1",
    "WhatsappReferralUrl": "https://wa.example/1",
    "CurrentTier": {"Name": "Ouro", "Color": "#ffd700", "IconUrl": None},
    "BalanceOfPoints": 120,
    "BalanceCashback": 3.5,
    "Operation": "updated",
}
ORDER_RESULT = {
    "Id": 5,
    "OriginalId": "1001",
    "OrderPlacementDate": "2026-05-02T13:00:00Z",
    "OrderCompletedDate": "2026-05-02T13:01:10Z",
    "OrderCancelledDate": None,
    "OrderStatus": "paid",
    "IsCancelledOrReturned": False,
    "IsCompleted": True,
    "OrderTotal": 119.9,
    "Customer": {
        "Id": 9,
        "OriginalId": "ana@example.com",
        "Name": "Ana Souza",
        "Email": "ana@example.com",
        "Phone": "+5511999990000",
        "BirthdayDate": "1990-12-31T00:00:00Z",
        "SignupDate": "2026-03-04T15:20:00Z",
        "Document": "12345678909",
        "IsEnrolled": True,
        "PointsBalance": 120,
        "BalanceOfPoints": 120,
        "Cashback": 3.5,
        "BirthdayUpdateDate": None,
        "FirstName": "Ana",
        "PublicId": "pub-1",
        "SecondaryId": None,
        "OrderCount": 4,
        "ReasonEnrolled": None,
        "AdminId": None,
        "EmailAdmin": None,
        "EnrolledDate": "2026-03-04T15:20:00Z",
        "TierName": "Ouro",
        "RfmGroupName": None,
        "Affiliate": {
            "Id": 2,
            "CustomerId": 9,
            "IsActive": True,
            "AffiliateCoupon": "ANA10",
            "LastUpdated": "2026-03-05T00:00:00Z",
            "CouponHistories": [
                {
                    "Id": 1,
                    "AffiliateId": 2,
                    "Coupon": "ANA10",
                    "AssociatedDate": "2026-03-05T00:00:00Z",
                }
            ],
        },
        "AffiliateCode": "ANA10",
        "AffiliateCodeAssignedAt": "2026-03-05T00:00:00Z",
    },
    "Products": [
        {
            "OriginalId": "SKU-1",
            "Title": "Camiseta",
            "Url": None,
            "ImageUrl": None,
            "IsActive": True,
            "ProductPrice": 119.9,
        }
    ],
    "UpdatedDate": "2026-05-02T13:01:10Z",
    "Coupon": "BEMVINDA",
    "State": 2,
    "Origin": 1,
    "Metadatas": [{"Id": 1, "OrderId": 5, "Name": "channel", "Value": "web"}],
    "EstimatedBonus": {
        "GenerateBonus": True,
        "EstimatedPoints": 119,
        "EstimatedCashback": 1.19,
        "EstimatedCashbackFormatted": "R$ 1,19",
    },
}
RESULTS = {
    "bonifiq.customer": CUSTOMER_RESULT,
    "bonifiq.order": ORDER_RESULT,
    "bonifiq.affiliate": True,
}


class TestList:
    def test_the_three_endpoints_are_listed_under_the_names_that_mapping_files_write(self):
        assert {"bonifiq.customer", "bonifiq.order", "bonifiq.affiliate"} <= set(ENDPOINTS)

    @pytest.mark.parametrize("endpoint", ALL, ids=by_name)
    def test_each_is_listed_under_its_own_name_and_says_where_it_is_documented(self, endpoint):
        assert ENDPOINTS[endpoint.name] is endpoint
        assert endpoint.reference.startswith("https://developers.bonifiq.com.br/")
        assert endpoint.about.endswith(".")

    @pytest.mark.parametrize(
        "model", [*(one.model for one in ALL), Product, Category, NamedReference, Metadata]
    )
    def test_every_field_of_a_request_is_described(self, model):
        assert [n for n, field in model.model_fields.items() if not field.description] == []


class TestRequest:
    @pytest.mark.parametrize(
        ("endpoint", "payload"),
        [(CUSTOMER, FULL_CUSTOMER), (ORDER, FULL_ORDER), (AFFILIATE, FULL_AFFILIATE)],
        ids=["customer", "order", "affiliate"],
    )
    def test_every_documented_field_is_accepted_and_sent_as_it_was_given(self, endpoint, payload):
        def sent(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: sent(one) for name, one in value.items() if one is not None}
            if isinstance(value, list):
                return [sent(one) for one in value]
            return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value

        written = document(endpoint.model.model_validate(payload))

        assert written == sent(payload)
        assert list(written) == list(sent(payload))

    @pytest.mark.parametrize(
        ("endpoint", "payload"),
        [
            (CUSTOMER, {"OriginalId": "c-1"}),
            (AFFILIATE, {"Name": "Ana", "Email": "ana@example.com"}),
            (AFFILIATE, {"Name": "Ana", "Document": "12345678909"}),
            (ORDER, order()),
            (ORDER, order(Products=...)),
            (ORDER, order(Products=[])),  # an order without lines still gives points
            (ORDER, order(OrderCompletedDate=PLACED)),  # the vendor's sample sends equal dates
            (ORDER, order(OrderTotal=0, Products=[{"ProductPrice": 0}])),
            (ORDER, order(IsCompleted=False, OrderCompletedDate=...)),
            (ORDER, order(IsCompleted=..., IsCancelledOrReturned=..., OrderCompletedDate=...)),
            (ORDER, cancelled()),
            (ORDER, cancelled(OrderCompletedDate=LATER)),  # it was completed before
            (ORDER, cancelled(Products=[{"ProductPrice": Decimal(1)}])),
            (ORDER, order(IsCompleted=False, Products=[{"Title": "x"}])),
        ],
    )
    def test_what_the_vendor_allows_is_accepted(self, endpoint, payload):
        endpoint.model.model_validate(payload)

    def test_whole_numbers_are_amounts_and_stay_exact(self):
        model = ORDER.model.model_validate(order(OrderTotal=120, Products=[{"ProductPrice": 120}]))

        assert document(model)["OrderTotal"] == Decimal(120)

    def test_another_zone_is_the_same_moment_in_utc(self):
        there = LATER.astimezone(timezone(timedelta(hours=-3)))

        model = ORDER.model.model_validate(order(OrderCompletedDate=there))

        assert document(model)["OrderCompletedDate"] == "2026-05-02T13:01:10Z"

    @pytest.mark.parametrize(
        ("endpoint", "payload", "place"),
        [
            (ORDER, order(OrderTotal="119.90"), "OrderTotal"),
            (ORDER, order(OrderTotal=119.9), "OrderTotal"),
            (ORDER, order(OrderTotal=True, Products=...), "OrderTotal"),
            (ORDER, order(OrderTotal=Decimal("NaN")), "OrderTotal"),
            (ORDER, order(OrderTotal=Decimal("1E+30"), Products=...), "OrderTotal"),
            (ORDER, order(OrderTotal=...), "OrderTotal"),
            (ORDER, order(IsCompleted="true"), "IsCompleted"),
            (ORDER, order(IsCompleted=1), "IsCompleted"),
            (ORDER, order(OriginalId=1001), "OriginalId"),
            (ORDER, order(OrderPlacementDate="2026-05-02T13:00:00Z"), "OrderPlacementDate"),
            (ORDER, order(OrderPlacementDate=PLACED.replace(tzinfo=None)), "OrderPlacementDate"),
            (
                ORDER,
                order(OrderPlacementDate=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))),
                "OrderPlacementDate",
            ),
            (ORDER, order(Customer={"Name": "Ana"}), "Customer.OriginalId"),
            (ORDER, order(Customer=...), "Customer"),
            (ORDER, order(Quantity=1), "Quantity"),
            (ORDER, order(Products=[{"Quantity": 1}]), "Products.0.Quantity"),
            (ORDER, order(Customer={"OriginalId": "1", "Id": 4}), "Customer.Id"),
            (ORDER, order(PaymentMethods=[]), "PaymentMethods"),
            (ORDER, order(PaymentMethod={"PaidAmount": 1}), "PaymentMethod.PaidAmount"),
            (ORDER, order(Metadatas=[{"Key": "a"}]), "Metadatas.0.Key"),
            (
                ORDER,
                order(Products=[{"ProductCategory": {"ParentCategory": {"Parent": {}}}}]),
                "Products.0.ProductCategory.ParentCategory.Parent",
            ),
            (CUSTOMER, {"Name": "Ana"}, "OriginalId"),
            (CUSTOMER, {"OriginalId": ""}, "OriginalId"),
            (CUSTOMER, {"OriginalId": " \t"}, "OriginalId"),
            (CUSTOMER, {"OriginalId": None}, "OriginalId"),
            (CUSTOMER, {"OriginalId": "1", "Name": "\ud800"}, "Name"),
            (CUSTOMER, {"OriginalId": "1", "originalId": "1"}, "originalId"),
            (CUSTOMER, {"OriginalId": "1", "CurrentTier": {}}, "CurrentTier"),
            (AFFILIATE, {"Email": "ana@example.com"}, "Name"),
            (AFFILIATE, {"Name": " ", "Email": "ana@example.com"}, "Name"),
            (AFFILIATE, {"Name": "Ana", "Email": ""}, "Email"),
        ],
    )
    def test_a_wrong_field_is_refused_by_its_name_and_nothing_is_converted(
        self, endpoint, payload, place
    ):
        assert [place] == [line.split(": ")[0] for line in refusal(endpoint, payload)]

    @pytest.mark.parametrize(
        ("payload", "words"),
        [
            (
                order(OrderCompletedDate=...),
                ["IsCompleted", "OrderCompletedDate", "error 11", "completed without its date"],
            ),
            (
                cancelled(OrderCancelledDate=...),
                [
                    "IsCancelledOrReturned",
                    "OrderCancelledDate",
                    "error 14",
                    "cancelled without its date",
                ],
            ),
            (
                order(IsCancelledOrReturned=True, OrderCancelledDate=LATER),
                ["IsCompleted", "IsCancelledOrReturned", "error 13", "both"],
            ),
            (
                order(OrderCompletedDate=EARLIER),
                ["OrderCompletedDate", "before OrderPlacementDate", "error 12"],
            ),
            (
                cancelled(OrderCancelledDate=EARLIER),
                ["OrderCancelledDate", "before OrderPlacementDate", "error 15"],
            ),
            (cancelled(OrderTotal=Decimal("-0.01")), ["OrderTotal", "negative", "error 9"]),
            (
                order(Products=[{"ProductPrice": Decimal("119.89")}]),
                ["ProductPrice", "less than OrderTotal"],
            ),
            (
                order(Products=[{"ProductPrice": Decimal("119.90")}, {"ProductPrice": 1}]),
                ["ProductPrice", "more than OrderTotal"],
            ),
            (
                order(Products=[{"ProductPrice": Decimal("119.90")}, {"Title": "x"}]),
                ["Products[1].ProductPrice", "missing"],
            ),
            (
                # Added to 28 digits these would be equal.
                order(
                    OrderTotal=Decimal(1000000000000000000000000000),
                    Products=[
                        {"ProductPrice": Decimal(1000000000000000000000000000)},
                        {"ProductPrice": Decimal("0.1")},
                    ],
                ),
                ["ProductPrice", "more than OrderTotal"],
            ),
        ],
    )
    def test_a_broken_rule_is_told_with_its_fields_and_the_vendors_error(self, payload, words):
        [message] = refusal(ORDER, payload)

        assert [word for word in words if word not in message] == []

    def test_every_broken_rule_is_told_at_once(self):
        [message] = refusal(
            ORDER,
            order(OrderCompletedDate=..., IsCancelledOrReturned=True, OrderTotal=-1, Products=...),
        )

        assert [number for number in (9, 11, 13, 14) if f"error {number}:" not in message] == []

    def test_an_affiliate_needs_an_e_mail_or_a_document(self):
        [message] = refusal(AFFILIATE, {"Name": "Ana", "Phone": "1"})

        assert "Email and Document are missing" in message

    @pytest.mark.parametrize(
        ("endpoint", "payload", "words"),
        [
            (CUSTOMER, {"OriginalId": " "}, "found blank text, wanted at least one character"),
            (CUSTOMER, {"OriginalId": "1\ud800"}, "found half a surrogate pair, wanted Unicode"),
            (
                ORDER,
                order(OrderPlacementDate=PLACED.replace(tzinfo=None)),
                "found a moment without a zone, wanted one in UTC",
            ),
        ],
    )
    def test_what_was_found_and_what_was_wanted_is_told(self, endpoint, payload, words):
        [message] = refusal(endpoint, payload)

        assert words in message

    def test_cents_of_many_lines_add_up_exactly(self):
        """Ten times 0.10 is 1.00, which it is not in floats."""
        ORDER.model.model_validate(
            order(OrderTotal=Decimal("1.00"), Products=[{"ProductPrice": Decimal("0.10")}] * 10)
        )

    def test_neither_a_message_nor_a_repr_holds_what_a_customer_is_called_or_pays(self):
        values = ("Ana", "ana@example.com", "12345678909", "119.9", "555.55")
        whole = order(Customer=FULL_CUSTOMER)
        wrong = {**whole, "OrderTotal": Decimal("555.55"), "Customer": {"OriginalId": "Ana"}}
        wronger = {**whole, "Coupon": 119.9, "Customer": {**FULL_CUSTOMER, "Name": 12345678909}}
        shown = repr(ORDER.model.model_validate(whole)) + str(ORDER.model.model_validate(whole))
        for payload in (wrong, wronger):
            with pytest.raises(ValidationError) as caught:
                ORDER.model.model_validate(payload)
            shown += str(caught.value) + repr(caught.value)

        assert "OrderTotal" in shown
        assert [value for value in values if value in shown] == []

    def test_a_payload_cannot_be_changed_after_it_was_checked(self):
        model: Any = ORDER.model.model_validate(order())

        with pytest.raises(ValidationError, match="frozen"):
            model.OrderTotal = Decimal(1)


class TestIdentity:
    @pytest.mark.parametrize(
        ("endpoint", "payload", "identity", "personal"),
        [
            (CUSTOMER, {"OriginalId": "ana@example.com"}, "ana@example.com", True),
            (ORDER, {"OriginalId": "1001", "Customer": {"OriginalId": "x"}}, "1001", False),
            (AFFILIATE, {"Name": "Ana", "Email": "a@b.c", "Document": "1"}, "a@b.c", True),
            (AFFILIATE, {"Name": "Ana", "Document": "123"}, "123", True),
        ],
    )
    def test_a_payload_is_about_one_thing(self, endpoint, payload, identity, personal):
        assert (endpoint.identity(payload), endpoint.personal) == (identity, personal)

    def test_an_order_that_was_only_touched_is_the_same_order(self):
        one = {"OriginalId": "1", "OrderTotal": Decimal(5), "UpdatedDate": "2026-05-02T13:00:00Z"}
        touched = {**one, "UpdatedDate": "2026-05-09T13:00:00Z"}

        assert fingerprint(ORDER, one) == fingerprint(ORDER, touched)
        assert fingerprint(ORDER, one) != fingerprint(ORDER, {**one, "OrderTotal": Decimal(6)})


class TestWrite:
    ACCOUNT = Account("https://api.bonifiq.com.br", {"user": "Aladdin", "password": "open sesame"})

    @pytest.mark.parametrize(
        ("endpoint", "url"),
        [
            (CUSTOMER, "https://api.bonifiq.com.br/v1/pvt/Customer/upsert"),
            (ORDER, "https://api.bonifiq.com.br/v1/pvt/Order"),
            (AFFILIATE, "https://api.bonifiq.com.br/v1/pvt/Affiliate"),
        ],
        ids=["customer", "order", "affiliate"],
    )
    def test_a_payload_is_posted_as_json_to_the_documented_address(self, endpoint, url):
        call = endpoint.write({"OrderTotal": Decimal("119.90"), "Name": "João"}, self.ACCOUNT)

        assert (call.method, call.url) == ("POST", url)
        assert call.content == '{"OrderTotal":119.90,"Name":"João"}'.encode()
        assert call.headers["content-type"] == "application/json"
        assert call.headers["accept"] == "application/json"

    def test_token_and_key_are_sent_as_basic_credentials(self):
        """The pair and its code are the example of RFC 7617, section 2."""
        call = ORDER.write({}, self.ACCOUNT)

        assert call.headers["authorization"] == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="

    @pytest.mark.parametrize(
        ("base_url", "url"),
        [
            ("https://api.example/", "https://api.example/v1/pvt/Order"),
            ("https://api.example/bonifiq", "https://api.example/bonifiq/v1/pvt/Order"),
            ("", "https://api.bonifiq.com.br/v1/pvt/Order"),
        ],
    )
    def test_the_account_says_where_and_the_vendors_host_is_the_default(self, base_url, url):
        account = Account(base_url, {"user": "a", "password": "b"})

        assert ORDER.write({}, account).url == url
        assert ORDER.base_url == "https://api.bonifiq.com.br"


class TestAccepted:
    @pytest.mark.parametrize("endpoint", ALL, ids=by_name)
    @pytest.mark.parametrize("status", [200, 201, 202])
    def test_a_clean_answer_with_every_documented_field_is_delivered(self, endpoint, status):
        verdict = endpoint.judge(reply(envelope(Result=RESULTS[endpoint.name]), status))

        assert (verdict.kind, verdict.reason, verdict.retry_after) == ("delivered", "", None)

    @pytest.mark.parametrize("endpoint", ALL, ids=by_name)
    def test_an_answer_of_the_older_generation_is_delivered(self, endpoint):
        older = {
            "ErrorMessage": None,
            "ErrorCode": None,
            "Result": RESULTS[endpoint.name],
            "HasError": False,
        }

        verdict = endpoint.judge(reply(older))

        assert (verdict.kind, verdict.reason) == ("delivered", "")

    def test_severity_decides_where_has_error_is_missing(self):
        assert ORDER.judge(reply(envelope(HasError=...))).kind == "delivered"
        assert ORDER.judge(reply(envelope(HasError=..., Severity=2))).kind == "refused"

    def test_a_byte_order_mark_does_no_harm(self):
        verdict = ORDER.judge(reply(b"\xef\xbb\xbf" + json.dumps(envelope()).encode()))

        assert (verdict.kind, verdict.reason) == ("delivered", "")

    @pytest.mark.parametrize("sign", [{"HasWarning": True}, {"Severity": 1}], ids=str)
    def test_a_warning_is_delivered_with_a_remark(self, sign):
        body = envelope(**sign, Code="03", CodeName="OrderIgnored", ErrorMessage="Too old")

        verdict = ORDER.judge(reply(body))

        assert verdict.kind == "delivered"
        assert verdict.reason == (
            "accepted with a warning: Code 03, CodeName OrderIgnored, ErrorMessage: Too old"
        )

    def test_fields_that_are_not_documented_are_a_remark_and_never_a_failure(self):
        body = envelope(
            TraceId="ana@example.com", Result={"OriginalId": "1", "Products": [{"Sku": "Ana"}]}
        )

        verdict = ORDER.judge(reply(body))

        assert verdict.kind == "delivered"
        assert verdict.reason == (
            "answer has fields that are not documented: Result.Products.Sku, TraceId"
        )

    @pytest.mark.parametrize(
        "result", [{"OrderTotal": "Ana"}, {"Customer": {"Id": "Ana"}}, [], "Ana", 5, False], ids=str
    )
    def test_a_surprising_result_is_a_remark_and_never_a_failure(self, result):
        verdict = ORDER.judge(reply(envelope(Result=result)))

        assert verdict.kind == "delivered"
        assert verdict.reason.startswith("fields of the answer are not as documented: Result")
        assert "Ana" not in verdict.reason

    @pytest.mark.parametrize(
        "odd", [{"Severity": 7}, {"HasWarning": "yes"}, {"Code": 3}, {"ErrorCode": "none"}], ids=str
    )
    def test_other_fields_of_a_wrong_type_are_a_remark_and_never_a_failure(self, odd):
        verdict = ORDER.judge(reply(envelope(**odd)))

        assert verdict.kind == "delivered"
        assert verdict.reason == f"fields of the answer are not as documented: {next(iter(odd))}"

    def test_a_date_without_an_offset_is_no_remark(self):
        """The vendor leaves it out in some dates of its own webhooks."""
        verdict = ORDER.judge(reply(envelope(Result={"UpdatedDate": "2026-05-02T13:01:10"})))

        assert (verdict.kind, verdict.reason) == ("delivered", "")

    def test_an_answer_that_only_one_reader_takes_for_json_is_a_remark(self):
        """Half a surrogate pair is JSON to Python, and none to the models."""
        verdict = ORDER.judge(reply(envelope(Result={"OriginalId": "\ud800"})))

        assert verdict.kind == "delivered"
        assert verdict.reason == "fields of the answer are not as documented: all of it"

    def test_an_answer_with_a_number_that_json_does_not_know_is_no_doubt(self):
        verdict = ORDER.judge(reply(envelope(Result={"OrderTotal": float("nan")})))

        assert verdict.kind == "delivered"

    def test_an_answer_without_a_result_is_delivered(self):
        """The vendor's own client fails a Result of null, not a missing one."""
        assert ORDER.judge(reply(envelope(Result=...))).kind == "delivered"

    def test_a_name_that_may_be_a_customers_is_not_told_and_many_are_counted(self):
        unknown = {f"New{'abcdefgh'[at]}": at for at in range(7)}

        verdict = ORDER.judge(reply(envelope(Result={"ana@example.com": 1}, **unknown)))

        assert verdict.reason == (
            "answer has fields that are not documented: Result.…, Newa, Newb, Newc, Newd and 3 more"
        )


class TestFailedInsideTwoHundred:
    @pytest.mark.parametrize("endpoint", ALL, ids=by_name)
    @pytest.mark.parametrize(
        "sign",
        [{"HasError": True, "Severity": 2}, {"HasError": True, "Severity": ...}, {"Severity": 2}],
        ids=str,
    )
    def test_an_error_is_refused_whatever_the_result_is(self, endpoint, sign):
        verdict = endpoint.judge(reply(envelope(Result=RESULTS[endpoint.name], **sign)))

        assert (verdict.kind, verdict.reason) == (
            "refused",
            "HTTP 200 with an error: no reason is given",
        )

    def test_the_reason_names_the_vendors_numbers_and_what_they_say(self):
        body = envelope(
            HasError=True,
            Severity=2,
            Result=None,
            ErrorCode=11,
            Code="07",
            CodeName="OrderInvalid",
            ErrorMessage="The completed date is needed",
        )

        assert ORDER.judge(reply(body)).reason == (
            "HTTP 200 with an error: ErrorCode 11 Order_OrderCompletedNeddCompletedDate "
            "(completed without its date), Code 07, CodeName OrderInvalid, "
            "ErrorMessage: The completed date is needed"
        )

    @pytest.mark.parametrize(
        ("number", "name"),
        [
            (7, "General_FieldCannotBeNullOrBlank"),
            (8, "General_FieldCannotBeDefault"),
            (9, "General_BiggerThanZero"),
            (10, "Genaral_LengthLimitExceeded"),
            (11, "Order_OrderCompletedNeddCompletedDate"),
            (12, "Order_OrderCompletedDateMustBeAfterPlacementDate"),
            (13, "Order_CompletedOrderCannotBeCancelled"),
            (14, "Order_CancelledOrderRequiresCancellationDate"),
            (15, "Order_OrderCancellationDateBeforePlacementDate"),
            (16, "Points_PointsCannotBeZero"),
            (22, ""),
        ],
    )
    def test_a_published_number_is_told_with_its_name(self, number, name):
        reason = ORDER.judge(reply(envelope(HasError=True, ErrorCode=number))).reason

        assert f"ErrorCode {number} {name}".strip() in reason

    @pytest.mark.parametrize("endpoint", ALL, ids=by_name)
    @pytest.mark.parametrize("sign", [{}, {"HasWarning": True, "Severity": 1}], ids=str)
    def test_a_result_of_null_is_refused_because_nothing_was_stored(self, endpoint, sign):
        verdict = endpoint.judge(reply(envelope(Result=None, **sign)))

        assert verdict.kind == "refused"
        assert verdict.reason.startswith("HTTP 200 with Result null: nothing was stored")

    @pytest.mark.parametrize("result", [False, 0])
    def test_an_affiliates_result_of_false_is_refused(self, result):
        verdict = AFFILIATE.judge(reply(envelope(Result=result, CodeName="CouponTaken")))

        assert (verdict.kind, verdict.reason) == (
            "refused",
            f"HTTP 200 with Result {json.dumps(result)}: nothing was stored; CodeName CouponTaken",
        )

    @pytest.mark.parametrize("result", [None, False])
    def test_an_error_without_a_result_is_told_as_the_error(self, result):
        verdict = AFFILIATE.judge(reply(envelope(Result=result, HasError=True, ErrorCode=10)))

        assert "with an error: ErrorCode 10" in verdict.reason


class TestNotTheExpectedJson:
    @pytest.mark.parametrize("endpoint", ALL, ids=by_name)
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>Welcome</html>",
            b"[]",
            b"null",
            b"true",
            b'"ok"',
            b"{",
            b'{"HasError": false, "Result": {}',
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"HasError": false, "Result": ' + b"9" * 5000 + b"}",
        ],
        ids=lambda body: repr(body[:20]),
    )
    def test_a_200_that_is_no_json_object_may_have_been_accepted(self, endpoint, body):
        verdict = endpoint.judge(reply(body))

        assert verdict.kind == "unsure"
        assert "may have been accepted" in verdict.reason

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"status": "ok"},
            {"Result": {"OriginalId": "1"}},
            envelope(HasError=..., Severity=...),
            envelope(HasError=None, Severity=None),
            envelope(HasError="true"),
            envelope(HasError=1),
            envelope(HasError=..., Severity="0"),
            envelope(HasError=..., Severity=True),
            envelope(HasError=..., Severity=3),
        ],
        ids=str,
    )
    def test_json_that_does_not_say_how_it_ended_may_have_been_accepted(self, body):
        assert ORDER.judge(reply(body)).kind == "unsure"


class TestStatus:
    @pytest.mark.parametrize("endpoint", ALL, ids=by_name)
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            *((status, "refused") for status in (300, 301, 302, 303, 304, 307, 308)),
            *((status, "refused") for status in (400, 401, 402, 403, 404, 405, 406, 409, 410)),
            *((status, "refused") for status in (411, 413, 414, 415, 422, 431, 451, 499)),
            *((status, "transient") for status in (408, 425, 429, 461, 503)),
            *((status, "unsure") for status in (500, 501, 502, 504, 520, 521, 524, 599)),
            *((status, "unsure") for status in (100, 199, 600, 999, 0)),
        ],
    )
    @pytest.mark.parametrize("body", [b"", b"<html>", json.dumps(envelope()).encode()])
    def test_a_status_that_is_no_success_is_judged_whatever_the_body_says(
        self, endpoint, status, kind, body
    ):
        verdict = endpoint.judge(reply(body, status))

        assert verdict.kind == kind
        assert f"HTTP {status}" in verdict.reason

    def test_an_envelope_in_a_refusal_is_told(self):
        body = envelope(HasError=True, Severity=2, Result=None, ErrorCode=7)

        assert ORDER.judge(reply(body, 400)).reason == (
            "HTTP 400: ErrorCode 7 General_FieldCannotBeNullOrBlank (a mandatory field is empty)"
        )

    @pytest.mark.parametrize(
        ("status", "hint"),
        [
            (401, "check user (API Token) and password (API Key)"),
            (404, "check base_url"),
            (302, "redirect not followed"),
            (500, "may have been accepted"),
        ],
    )
    def test_the_reason_says_what_to_look_at(self, status, hint):
        assert hint in ORDER.judge(reply(b"", status)).reason

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"retry_after": "30"}, 30.0),
            ({"retry_after": " 0 "}, 0.0),
            (
                {
                    "retry_after": "Sat, 21 Nov 2026 08:02:05 GMT",
                    "date": "Sat, 21 Nov 2026 08:00:00 GMT",
                },
                125.0,
            ),
            (
                {
                    "retry_after": "Saturday, 21-Nov-26 08:02:05 GMT",
                    "date": "Sat Nov 21 08:02:00 2026",
                },
                5.0,
            ),
            (
                {
                    "retry_after": "Sat, 21 Nov 2026 07:00:00 GMT",
                    "date": "Sat, 21 Nov 2026 08:00:00 GMT",
                },
                0.0,
            ),
            ({"retry_after": "Sat, 21 Nov 2026 08:02:05 GMT"}, None),
            ({"retry_after": "Sat, 21 Nov 2026 08:02:05 GMT", "date": "now"}, None),
            ({"retry_after": "soon", "date": "Sat, 21 Nov 2026 08:00:00 GMT"}, None),
            ({"retry_after": "-5"}, None),
            ({"retry_after": "1.5"}, None),
            ({"retry_after": "9" * 400}, None),
            ({"retry_after": "٣٠"}, None),
            ({"retry_after": ""}, None),
            ({}, None),
        ],
    )
    def test_what_may_succeed_later_waits_as_long_as_was_asked(self, status, headers, seconds):
        told = TOO_MANY_REST if status == 429 and seconds is None else seconds
        assert ORDER.judge(reply(b"", status, **headers)).retry_after == told

    def test_what_is_refused_waits_for_nothing(self):
        assert ORDER.judge(reply(b"", 400, retry_after="30")).retry_after is None


class TestRedaction:
    @pytest.mark.parametrize(
        ("message", "told"),
        [
            ("Field cannot be empty", "Field cannot be empty"),
            ("Customer ana.souza+x@example.com.br exists", "Customer … exists"),
            ("Customer <ana@example.com>, exists", "Customer … exists"),
            ("Document 12345678909 is invalid", "Document … is invalid"),
            ("Document 123.456.789-09 is invalid", "Document … is invalid"),
            ("CNPJ 12.345.678/0001-95 is invalid", "CNPJ … is invalid"),
            ("Phone +55 (11) 99999-0000 is invalid", "Phone … is invalid"),
            ("Order 123 has 2 lines", "Order 123 has 2 lines"),
            ("Order 1001 exists", "Order … exists"),
            ('Name "Ana Souza" is too long', "Name … is too long"),
            ("Name 'Ana Souza' is too long", "Name … is too long"),
            ("Name “Ana Souza” is too long", "Name … is too long"),
            ("Name ‘Ana Souza’ is too long", "Name … is too long"),
            ("Name «Ana Souza» is too long", "Name … is too long"),
            ("Name `Ana Souza` is too long", "Name … is too long"),
            ("Name 'Ana d'Ávila' is too long", "Name … is too long"),
            ('Name "Ana Souza', "Name …"),
            ("It can't be empty and mustn't be zero", "It can't be empty and mustn't be zero"),
            ("one\r\ntwo\tthree\x00four\x1b[31m", "one two three four [31m"),
            ("half \ud800 pair", "half pair"),
            ("12\u200b34\u200b5678909 is invalid", "… is invalid"),
        ],
    )
    def test_words_are_kept_and_what_may_be_a_customers_is_not(self, message, told):
        reason = ORDER.judge(reply(envelope(HasError=True, ErrorMessage=message))).reason

        assert reason == f"HTTP 200 with an error: ErrorMessage: {told}"

    def test_a_long_message_is_cut_at_200_characters(self):
        reason = ORDER.judge(reply(envelope(HasError=True, ErrorMessage="word " * 100))).reason

        told = reason.removeprefix("HTTP 200 with an error: ErrorMessage: ")
        assert (len(told), told[-6:]) == (200, " word…")

    def test_a_value_across_the_cut_is_not_told_in_part(self):
        message = "x" * 190 + " ana.souza@example.com"

        assert "ana" not in ORDER.judge(reply(envelope(HasError=True, ErrorMessage=message))).reason

    @pytest.mark.parametrize(
        "field",
        [{"Code": "12345678909"}, {"CodeName": "ana@example.com"}, {"CodeName": "Ana 12345"}],
        ids=str,
    )
    def test_a_code_that_is_no_code_is_not_told(self, field):
        name = next(iter(field))

        assert ORDER.judge(reply(envelope(HasError=True, **field))).reason == (
            f"HTTP 200 with an error: {name} …"
        )

    def test_a_number_too_big_for_a_code_is_not_told(self):
        reason = ORDER.judge(reply(envelope(HasError=True, ErrorCode=12345678909))).reason

        assert reason == "HTTP 200 with an error: ErrorCode …"

    @pytest.mark.parametrize("status", [200, 400, 429, 500])
    def test_it_holds_for_every_status(self, status):
        body = envelope(HasError=True, ErrorMessage="Customer ana@example.com exists")

        assert "Customer … exists" in ORDER.judge(reply(body, status)).reason

    def test_a_message_of_a_million_characters_is_read_in_linear_time(self):
        """Quadratic time would be hours, and the test would not end."""
        for piece in ("a", "'a ", '"', "1 ", "1", "@", "«", "a.b"):
            body = envelope(HasError=True, ErrorMessage=piece * 1_000_000)

            assert ORDER.judge(reply(body)).kind == "refused"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={name: JSON | st.sampled_from([0, 1, 2, True, False]) for name in envelope()}
    | {"Surprise": JSON},
)
STATUSES = st.sampled_from([200, 200, 200, 201, 302, 400, 429, 500, 503]) | st.integers()
DATES = st.sampled_from(["Sat, 21 Nov 2026 08:00:00 GMT", "30"]) | st.text(
    "SatNov 0123456789:,+-GMT", max_size=40
)


class TestNothingMakesItRaise:
    @pytest.mark.parametrize("endpoint", ALL, ids=by_name)
    @given(status=STATUSES, body=st.binary(), retry_after=DATES, date=DATES)
    @settings(deadline=None)
    def test_any_bytes_are_judged(self, endpoint, status, body, retry_after, date):
        verdict = endpoint.judge(reply(body, status, retry_after=retry_after, date=date))

        verdict.reason.encode()
        assert verdict.kind != "delivered"
        assert verdict.retry_after is None or verdict.retry_after >= 0

    @pytest.mark.parametrize("endpoint", ALL, ids=by_name)
    @given(status=STATUSES, body=ENVELOPES)
    @example(status=200, body={"HasError": True, "ErrorMessage": "\ud800", "CodeName": "\ud800"})
    @example(status=200, body={"HasError": False, "\ud800": 1})
    @settings(deadline=None)
    def test_any_envelope_is_judged_and_none_that_failed_is_delivered(self, endpoint, status, body):
        verdict = endpoint.judge(reply(body, status))

        verdict.reason.encode()
        assert len(verdict.reason) < 2000
        if verdict.kind == "delivered":
            assert 200 <= status < 300
            assert body.get("HasError") is not True
            assert body.get("Severity") != 2 or isinstance(body["Severity"], float)
            assert body.get("Result", "absent") is not None
