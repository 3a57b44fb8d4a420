"""
What the destinations answer, and what each answer means to the bridge.

A row is one thing that can happen; every vendor says in its own way that it did.  The statuses
of HTTP are the same for all, what stands inside an answer is the vendor's.  A vendor's function
gives all that its pages document, so that a status, a code or a form of the envelope is one line
here and is proven twice: by the judge alone, and through the whole bridge.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from bridge.destinations.judge import TOO_MANY_REST
from tests.destinations.test_bonifiq import RESULTS, envelope

SUCCESS = "success"
REMARK = "accepted with a remark"
FAILED = "failed inside a 2xx"
NO_JSON = "a 2xx that is not the documented JSON"
REFUSED = "400, 404, 405, 409, 415, 422"
UNAUTHORISED = "401"
FORBIDDEN = "403"
LATER = "408, 425, 429"
DOWN = "5xx, 461, 521"
ROWS = (SUCCESS, REMARK, FAILED, NO_JSON, REFUSED, UNAUTHORISED, FORBIDDEN, LATER, DOWN)
#: What a vendor has no way to say.
UNSAID = {("cheqpay", FAILED)}

Kind = Literal["delivered", "refused", "transient", "unsure"]


@dataclass(frozen=True)
class Said:
    """One answer, and what the bridge makes of it."""

    row: str
    kind: Kind
    status: int
    body: bytes
    reason: str = ""  #: what the reason holds; of a delivery without a remark: all of it
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None  #: seconds that the destination is left alone
    few: bool = False  #: given up after few attempts

    def __str__(self) -> str:
        return " ".join([str(self.status), *self.headers.values(), repr(self.body[:200])])


def said(row: str, kind: Kind, status: int, body: Any, reason: str = "", **more: Any) -> Said:
    """An answer with a JSON body, or with bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Said(row, kind, status, content, reason, **more)


def statuses(refusal: Any, told: str, *, at_once: Mapping[int, Kind]) -> Iterator[Said]:
    """
    Answers whose status says it all, with the vendor's error body and without one.

    Args:
        refusal: The vendor's error body.
        told: What the reason says of it.
        at_once: The vendor's own statuses in the last row, where they mean more than HTTP says.
    """
    hints = {401: "check ", 404: "check base_url"}
    for status in (400, 404, 405, 409, 415, 422):
        for body, words in ((refusal, told), (b"", hints.get(status, ""))):
            yield said(REFUSED, "refused", status, body, words)
    for body, words in ((refusal, told), (b"", hints[401])):
        yield said(UNAUTHORISED, "refused", 401, body, words)
    for body, words in ((refusal, told), (b"", "HTTP 403")):
        yield said(FORBIDDEN, "refused", 403, body, words)
    for status in (408, 425, 429):
        rest = TOO_MANY_REST if status == 429 else None
        yield said(LATER, "transient", status, refusal, told, retry_after=rest)
        yield said(
            LATER, "transient", status, b"", headers={"retry-after": "120"}, retry_after=120.0
        )
    kinds: dict[int, Kind] = {500: "unsure", 502: "unsure", 503: "transient", 504: "unsure"}
    kinds |= {461: "transient", 521: "unsure", **at_once}
    for status, kind in kinds.items():
        few = status == 503 and status in at_once
        yield said(DOWN, kind, status, refusal, told, few=few)
        waits = {"headers": {"retry-after": "7"}, "retry_after": 7.0}
        yield said(DOWN, kind, status, b"<html>", f"HTTP {status}", few=few, **waits)


def no_json() -> Iterator[Said]:
    """What a proxy, a log-in page or a broken server puts into a 200."""
    for body in (b"", b"<html>Welcome</html>", b"null", b'"ok"', b"[]", b'{"cut', b"\xff\xfe"):
        yield Said(NO_JSON, "unsure", 200, body, "may have been accepted")
    yield Said(NO_JSON, "unsure", 204, b"", "HTTP 204")
    yield said(NO_JSON, "unsure", 200, {}, "may have been accepted")
    yield said(NO_JSON, "unsure", 200, {"status": "ok"}, "may have been accepted")


def bonifiq(name: str) -> Iterator[Said]:
    """
    The envelope of BonifiQ.

    Source: https://developers.bonifiq.com.br/api/private/order/add-an-order-or-purchase
    """
    good = RESULTS[name]
    newer = {"Code": ..., "CodeName": ..., "Severity": ..., "HasWarning": ...}

    def clean(**changes: Any) -> Any:
        return envelope(**{"Result": good, **changes})

    yield said(SUCCESS, "delivered", 200, clean())
    yield said(SUCCESS, "delivered", 200, clean(Severity=...))
    yield said(SUCCESS, "delivered", 200, clean(**newer))  # as older pages show it
    yield said(SUCCESS, "delivered", 200, clean(Code="03", CodeName="Updated"))
    yield said(SUCCESS, "delivered", 201, clean())
    warned = "accepted with a warning"
    yield said(REMARK, "delivered", 200, clean(HasWarning=True, Severity=1), warned)
    yield said(REMARK, "delivered", 200, clean(HasWarning=True, Severity=...), warned)
    yield said(REMARK, "delivered", 200, clean(Severity=1), warned)
    warning = clean(HasWarning=True, Severity=1, Code="07", CodeName="NotEligible")
    yield said(REMARK, "delivered", 200, warning, f"{warned}: Code 07, CodeName NotEligible")
    yield said(REMARK, "delivered", 200, clean(Novelty=1), "not documented: Novelty")
    if name == "bonifiq.affiliate":
        yield said(FAILED, "refused", 200, clean(Result=False), "nothing was stored")
    for sign in ({"HasError": True, "Severity": 2}, {"HasError": True, **newer}, {"Severity": 2}):
        yield said(FAILED, "refused", 200, clean(**sign), "with an error")
        yield said(FAILED, "refused", 200, clean(**sign, Result=None), "with an error")
    # Source: https://developers.bonifiq.com.br/api-reference/product/returns-a-estimated-value-of-points-give-from-a-list-of-products
    for number, error in {
        7: "General_FieldCannotBeNullOrBlank",
        8: "General_FieldCannotBeDefault",
        9: "General_BiggerThanZero",
        10: "Genaral_LengthLimitExceeded",
        11: "Order_OrderCompletedNeddCompletedDate",
        12: "Order_OrderCompletedDateMustBeAfterPlacementDate",
        13: "Order_CompletedOrderCannotBeCancelled",
        14: "Order_CancelledOrderRequiresCancellationDate",
        15: "Order_OrderCancellationDateBeforePlacementDate",
        16: "Points_PointsCannotBeZero",
    }.items():
        failed = clean(HasError=True, Severity=2, ErrorCode=number, Result=None)
        yield said(FAILED, "refused", 200, failed, f"ErrorCode {number} {error}")
    yield said(FAILED, "refused", 200, clean(Result=None), "nothing was stored")
    yield from no_json()
    yield said(NO_JSON, "unsure", 200, {"Result": good}, "neither HasError nor Severity")
    refusal = envelope(HasError=True, Severity=2, Result=None, ErrorCode=7)
    yield from statuses(refusal, "ErrorCode 7 General_FieldCannotBeNullOrBlank", at_once={})


def cheqpay(name: str) -> Iterator[Said]:
    """
    Cheqpay repeats the customer; an error is an envelope of its own.

    Source: https://docs.cheqpay.mx/api-reference/errors
    """
    good = {
        "externalId": "7100000000001",
        "firstName": "Ana",
        "lastName": "Exemplo",
        "email": "ana.exemplo@example.com",
        "phoneNumber": "+12025550142",
        "active": True,
        "createdAt": "2026-03-10T12:14:05Z",
        "updatedAt": "2026-03-10T12:14:05Z",
    }

    def error(code: str, **more: Any) -> Any:
        return {"error": {"code": code, "message": "It cannot be done", **more}}

    for status in (200, 201):
        yield said(SUCCESS, "delivered", status, good)
    choices = {"notifyEmail": False, "notifyPhone": False}
    yield said(SUCCESS, "delivered", 200, {**good, "notificationOptions": choices})
    unknown = {"lastName": None, "email": None, "phoneNumber": None, "notificationOptions": None}
    yield said(SUCCESS, "delivered", 200, {**good, **unknown})
    yield said(REMARK, "delivered", 200, {**good, "novelty": 1}, "not documented: novelty")
    yield from no_json()
    yield said(NO_JSON, "unsure", 200, error("INTERNAL_ERROR"), "INTERNAL_ERROR")
    fields = [{"field": "email", "message": "is no address"}]
    invalid = error("VALIDATION_ERROR", details=fields)
    yield said(REFUSED, "refused", 400, invalid, "code VALIDATION_ERROR, fields email")
    yield said(UNAUTHORISED, "refused", 401, error("UNAUTHORIZED"), "code UNAUTHORIZED")
    yield said(REFUSED, "refused", 404, error("NOT_FOUND"), "code NOT_FOUND")
    yield said(REFUSED, "refused", 409, error("DUPLICATE"), "code DUPLICATE")
    yield said(DOWN, "unsure", 500, error("INTERNAL_ERROR"), "code INTERNAL_ERROR")
    yield said(DOWN, "transient", 503, error("SERVICE_UNAVAILABLE"), "code SERVICE_UNAVAILABLE")
    yield from statuses(error("SOME_CODE"), "code SOME_CODE", at_once={})


def capillary(name: str) -> Iterator[Said]:
    """
    Capillary answers item by item, and `errors` alone decides.

    Source: https://docs.capillarytech.com/reference/customer-upsert-api,
    https://docs.capillarytech.com/reference/status-codes-customer
    """

    def told(*codes: int) -> Any:
        return [{"status": False, "code": one, "message": "said of it"} for one in codes]

    def item(**changes: Any) -> Any:
        done = {"entityId": 101, "result": {"id": 101}, "errors": [], "warnings": [], **changes}
        return {"response": [done], "totalCount": 1, "failureCount": 1 if done["errors"] else 0}

    for status in (200, 201):
        yield said(SUCCESS, "delivered", status, item())
    yield said(SUCCESS, "delivered", 200, item(errors=None, warnings=None))
    yield said(SUCCESS, "delivered", 200, item(result=None))
    for code in CAPILLARY_WARNINGS:
        yield said(REMARK, "delivered", 200, item(warnings=told(code)), str(code))
    for status in (200, 201):
        # As published: the result is filled in, and it failed.
        yield said(FAILED, "refused", status, item(errors=told(3017)), "3017")
    for code in CAPILLARY_REFUSALS:
        yield said(FAILED, "refused", 200, item(errors=told(code), result=None), str(code))
        yield said(FAILED, "refused", 200, item(errors=told(code)), str(code))
    for code in (500, 521):
        yield said(FAILED, "transient", 200, item(errors=told(code), result=None), str(code))
    yield from no_json()
    yield said(NO_JSON, "unsure", 200, {"response": [], "totalCount": 0, "failureCount": 0})
    yield said(NO_JSON, "unsure", 200, {"response": "done"})
    refusal = {"errors": told(400), "warnings": []}
    at_once: dict[int, Kind] = {521: "transient", 503: "transient"}
    yield from statuses(refusal, "400", at_once=at_once)
    for code in (1060, 1064):  # of the whole request
        yield said(REFUSED, "refused", 400, {"errors": told(code), "warnings": []}, str(code))


#: Codes that need another payload, another configuration, or a person.
CAPILLARY_REFUSALS = (
    *(400, 618, 1060, 3017, 3217, 8003, 8004, 8005, 8006, 8007, 8008, 8010, 8011, 8013, 8014),
    *(8015, 8017, 8018, 8026, 8045, 8065, 8084, 8086, 8090, 8106, 8127),
)
#: Codes that are said of what was done all the same.
CAPILLARY_WARNINGS = (
    *(1053, 8050, 8051, 8052, 8053, 8054, 8055, 8056, 8057, 8058, 8059, 8060, 8061, 8062, 8063),
    *(8064, 8066, 8068, 8069, 8070, 8071, 8072, 8073, 8074, 8075, 8077, 8107, 91005, 91006),
    *(91007, 91015),
)
VENDORS: Mapping[str, Callable[[str], Iterator[Said]]] = {
    "bonifiq": bonifiq,
    "cheqpay": cheqpay,
    "capillary": capillary,
}


@cache
def answers(endpoint: str) -> tuple[Said, ...]:
    """Every answer that an endpoint's vendor documents."""
    vendor = endpoint.partition(".")[0]
    assert vendor in VENDORS, f"say in VENDORS what '{vendor}' answers, and what it means"
    return tuple(VENDORS[vendor](endpoint))
