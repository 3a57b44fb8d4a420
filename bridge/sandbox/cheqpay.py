"""
Cheqpay's customer call: its rules and its answers.

What the pages leave open, or tell in two ways, is read so:

* The path is served as it is and below ``/pos``, which are the two that the pages print.
* A caller proves itself with the two headers of the endpoint's page, or with the key as a bearer
  token, as the introduction has it; only the former needs the merchant.
* A customer that is sent again takes the place of the stored one, but for the day it was made.
* 201 answers a creation and 200 an update: the endpoint's page has no number, the introduction
  has both.

Source: https://docs.cheqpay.mx/api-reference/customer/create-or-update-a-customer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.sandbox.check import Flaw
from bridge.sandbox.contracts.cheqpay import CUSTOMER
from bridge.sandbox.endpoint import (
    Account,
    Accounts,
    Came,
    Endpoint,
    Headers,
    Shelf,
    Told,
    Vendor,
    knows,
)
from bridge.sandbox.tokens import Tokens

PATH = "/customers/add-update"
#: Source: https://docs.cheqpay.mx/guides/testing
PREFIX = "/pos"

#: Sources: https://docs.cheqpay.mx/api-reference/errors and
#: https://docs.cheqpay.mx/guides/error-handling; other statuses have no published code.
_CODES: Mapping[int, str] = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    404: "NOT_FOUND",
    409: "DUPLICATE",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


def _account(headers: Headers) -> Account | None:
    """Read key and merchant; a bearer token is a key that may come without one."""
    key, merchant = headers.get("x-api-key", ""), headers.get("x-merchant-id", "")
    if key:
        return {"api_key": key, "merchant_id": merchant} if merchant else None
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer.strip():
        return None
    return {"api_key": bearer.strip()} | ({"merchant_id": merchant} if merchant else {})


def _fail(status: int, flaws: Sequence[Flaw]) -> Mapping[str, Any]:
    if status < 400:
        return {}  # told to succeed without storing anything, it has nothing to repeat
    code = {"code": _CODES[status]} if status in _CODES else {}
    details = [{"field": flaw.field, "message": flaw.told} for flaw in flaws if flaw.field]
    general = [flaw.told for flaw in flaws if not flaw.field]
    message = "; ".join(general) or "the request is not valid"
    return {"error": {**code, "message": message, "details": details}}


def _accept(shelf: Shelf, came: Came) -> Told:
    key, now = came.document["externalId"], came.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    created = shelf.objects[key]["createdAt"] if key in shelf.objects else now
    customer = {**came.document, "createdAt": created, "updatedAt": now}
    return Told(201 if shelf.put(key, customer) else 200, customer)


def _endpoints(accounts: Accounts, _: Tokens) -> tuple[Endpoint, ...]:
    customer = Endpoint(
        name="cheqpay.customer",
        method="POST",
        paths=(PATH, PREFIX + PATH),
        schema=CUSTOMER,
        proves=lambda headers: knows(_account(headers), accounts),
        challenge={"WWW-Authenticate": 'Bearer realm="cheqpay"'},
        accept=_accept,
        fail=_fail,
    )
    return (customer,)


VENDOR = Vendor("cheqpay", (("api_key", "merchant_id"),), _endpoints)
