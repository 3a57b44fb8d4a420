"""
BonifiQ's customer, order and affiliate calls: their rules and their answers.

Every answer is one envelope, and a failed call is told inside an HTTP 200.  What the pages
leave open is read so:

* An object that is sent again takes the place of the stored one, orders included.
* An order registers no customer and an affiliate none: under which id is not documented.
* Points are an invention: one for each whole unit of a completed order.

Source: https://developers.bonifiq.com.br
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from bridge.sandbox.check import Flaw
from bridge.sandbox.contracts import Schema
from bridge.sandbox.contracts.bonifiq import AFFILIATE, CUSTOMER, ORDER
from bridge.sandbox.endpoint import (
    Accounts,
    Endpoint,
    Shelf,
    Told,
    Vendor,
    basic,
    knows,
)
from bridge.sandbox.tokens import Tokens

Body = Mapping[str, Any]

PENDING, COMPLETE, CANCELLED = 1, 2, 3

#: API Token and API Key.
CREDENTIALS = ("user", "password")

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="bonifiq", charset="UTF-8"'}

_PRODUCT_FIELDS = ("OriginalId", "Title", "Url", "ImageUrl", "IsActive", "ProductPrice")
_CUSTOMER_FIELDS = tuple(CUSTOMER["properties"])
_ORDER_FIELDS = (
    "OriginalId",
    "OrderPlacementDate",
    "OrderCompletedDate",
    "OrderCancelledDate",
    "OrderStatus",
    "OrderTotal",
    "UpdatedDate",
    "Coupon",
)


def _envelope(result: Any, message: str | None = None, code: int | None = None) -> Body:
    failed = message is not None
    return {
        "ErrorMessage": message,
        "ErrorCode": code,
        "Result": result,
        "Code": None,
        "CodeName": None,
        "Severity": 2 if failed else 0,
        "HasWarning": False,
        "HasError": failed,
    }


def _fail(status: int, flaws: Sequence[Flaw]) -> Body:
    # Told to succeed without storing anything, it says so: clean, and nothing was done.
    return _envelope(None, "; ".join(map(str, flaws)) if status >= 400 else None)


def _error(code: int, message: str) -> Told:
    return Told(200, _envelope(None, message, code))


def _blank(body: Body, field: str) -> bool:
    value = body.get(field)
    return value is None or not value.strip()


def _refuse_customer(body: Body) -> Told | None:
    return _error(7, "OriginalId cannot be blank") if _blank(body, "OriginalId") else None


def _refuse_affiliate(body: Body) -> Told | None:
    # No field is marked as required, but one of these two must say who it is.
    if _blank(body, "Email") and _blank(body, "Document"):
        return _error(7, "Email and Document cannot both be blank")
    return None


def _refuse_order(body: Body) -> Told | None:
    """
    Apply the rules of an order's state; the first that is broken gives the number.

    That the numbers, published for another call, are those of this one is our reading.  So is
    13: the same pages let a completed order be cancelled later, which takes points back, so it
    can only mean both flags in one request.

    Source: https://developers.bonifiq.com.br/api/private/pos/this-is-shortcut-for-the-original-orders-endpoint-to-add-orders-into-bonifiq
        and https://developers.bonifiq.com.br/api-reference/product/returns-a-estimated-value-of-points-give-from-a-list-of-products
    """
    placed = _moment(body, "OrderPlacementDate")
    completed = _moment(body, "OrderCompletedDate")
    cancelled = _moment(body, "OrderCancelledDate")
    complete, cancel = body.get("IsCompleted", False), body.get("IsCancelledOrReturned", False)
    broken = {
        (7, "OriginalId cannot be blank"): _blank(body, "OriginalId"),
        (7, "Customer.OriginalId cannot be blank"): _blank(body["Customer"], "OriginalId"),
        (11, "IsCompleted needs OrderCompletedDate"): complete and completed is None,
        (12, "OrderCompletedDate is before OrderPlacementDate"): _before(completed, placed),
        (13, "IsCompleted and IsCancelledOrReturned are both true"): complete and cancel,
        (14, "IsCancelledOrReturned needs OrderCancelledDate"): cancel and cancelled is None,
        (15, "OrderCancelledDate is before OrderPlacementDate"): _before(cancelled, placed),
    }
    return next((_error(*error) for error, found in broken.items() if found), None)


def _moment(body: Body, field: str) -> datetime | None:
    text = body.get(field)
    # The format check lets a newline at the end pass, and this does not.
    return None if text is None else datetime.fromisoformat(text.rstrip("\n"))


def _before(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other


def _accept_customer(shelf: Shelf, body: Body) -> Told:
    new = shelf.put(body["OriginalId"], body)
    result = {field: body.get(field) for field in _CUSTOMER_FIELDS if field != "EnrolledDate"} | {
        "PublicId": _public_id(body),
        "ReferralURL": None,
        "WhatsappReferralUrl": None,
        "CurrentTier": None,
        "BalanceOfPoints": 0,
        "BalanceCashback": 0,
        "Operation": "created" if new else "updated",
    }
    return Told(200, _envelope(result))


def _accept_affiliate(shelf: Shelf, body: Body) -> Told:
    shelf.put(body["Document" if _blank(body, "Email") else "Email"], body)
    return Told(200, _envelope(result=True))


def _accept_order(shelf: Shelf, body: Body) -> Told:
    shelf.put(body["OriginalId"], body)
    number = shelf.number("order", body["OriginalId"])
    complete, cancelled = body.get("IsCompleted", False), body.get("IsCancelledOrReturned", False)
    result = {field: body.get(field) for field in _ORDER_FIELDS} | {
        "Id": number,
        "IsCancelledOrReturned": cancelled,
        "IsCompleted": complete,
        "State": CANCELLED if cancelled else COMPLETE if complete else PENDING,
        "Origin": 1,  # an external API
        "Customer": _buyer(shelf, body["Customer"]),
        "Products": [
            {field: product.get(field) for field in _PRODUCT_FIELDS}
            for product in body.get("Products") or ()
        ],
        "Metadatas": [
            {"Id": place, "OrderId": number, "Name": one.get("Name"), "Value": one.get("Value")}
            for place, one in enumerate(body.get("Metadatas") or (), 1)
        ],
        "EstimatedBonus": {
            "GenerateBonus": complete,
            "EstimatedPoints": _whole(body["OrderTotal"]) if complete else 0,
            "EstimatedCashback": 0,
            "EstimatedCashbackFormatted": "R$ 0,00",
        },
    }
    return Told(200, _envelope(result))


def _buyer(shelf: Shelf, customer: Body) -> Body:
    return {field: customer.get(field) for field in _CUSTOMER_FIELDS} | {
        "Id": shelf.number("customer", customer["OriginalId"]),
        "PointsBalance": 0,
        "BalanceOfPoints": 0,
        "Cashback": 0,
        "BirthdayUpdateDate": None,
        "FirstName": (customer.get("Name") or "").partition(" ")[0] or None,
        "PublicId": _public_id(customer),
        "SecondaryId": None,
        "OrderCount": None,
        "ReasonEnrolled": None,
        "AdminId": None,
        "EmailAdmin": None,
        "TierName": None,
        "RfmGroupName": None,
        "Affiliate": None,
        "AffiliateCode": None,
        "AffiliateCodeAssignedAt": None,
    }


def _public_id(customer: Body) -> str:
    # JSON lets half a surrogate pair through, which UTF-8 does not.
    name: str = customer["OriginalId"]
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:16]


def _whole(amount: Decimal | int) -> Decimal:
    # Not int(): that writes out all the zeros of 1e999999999.
    return Decimal(amount).to_integral_value(ROUND_DOWN)


def _endpoints(accounts: Accounts, _: Tokens) -> tuple[Endpoint, ...]:
    def endpoint(
        name: str,
        path: str,
        schema: Schema,
        refuse: Callable[[Body], Told | None],
        accept: Callable[[Shelf, Body], Told],
    ) -> Endpoint:
        return Endpoint(
            name=f"bonifiq.{name}",
            method="POST",
            paths=(f"/v1/pvt/{path}",),
            schema=schema,
            proves=lambda headers: knows(basic(headers, *CREDENTIALS), accounts),
            challenge=_CHALLENGE,
            refuse=lambda came: refuse(came.document),
            accept=lambda shelf, came: accept(shelf, came.document),
            fail=_fail,
        )

    return (
        endpoint("customer", "Customer/upsert", CUSTOMER, _refuse_customer, _accept_customer),
        endpoint("order", "Order", ORDER, _refuse_order, _accept_order),
        endpoint("affiliate", "Affiliate", AFFILIATE, _refuse_affiliate, _accept_affiliate),
    )


VENDOR = Vendor("bonifiq", (CREDENTIALS,), _endpoints)
