"""
BonifiQ: customers, orders and affiliates of a loyalty programme.

One envelope answers every call, and an HTTP 200 can be a failure: `HasError`, `Severity` and a
`Result` of null decide, in that order.

Reference: the URL in each endpoint below.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from bridge import exact
from bridge.destinations.bonifiq_models import (
    ERRORS,
    AffiliateRequest,
    Answer,
    CustomerRequest,
    CustomerResult,
    OrderRequest,
    OrderResult,
)
from bridge.destinations.endpoint import Account, Call, Endpoint
from bridge.destinations.judge import (
    Rules,
    integer,
    judge,
    read_object,
    symbol,
    told_by,
    undocumented,
    unsure,
    vendor_code,
)
from bridge.redact import redact
from bridge.types import Cause, Reply, Verdict

BASE_URL = "https://api.bonifiq.com.br"

_HINTS: Mapping[int, str] = {
    401: "check user (API Token) and password (API Key) of the account",
    404: "check base_url of the account",
}

_COMPLETED_CANNOT_BE_CANCELLED = 13


def _write(path: str, document: Mapping[str, Any], account: Account) -> Call:
    credentials = f"{account.credentials['user']}:{account.credentials['password']}"
    return Call(
        "POST",
        (account.base_url or BASE_URL).rstrip("/") + path,
        {
            "authorization": "Basic " + base64.b64encode(credentials.encode()).decode(),
            "content-type": "application/json",
            "accept": "application/json",
        },
        exact.write(document),
    )


def _success(
    reply: Reply,
    body: Mapping[str, Any],
    *,
    answer: type[Answer[Any]],
    nothing_done: tuple[bool | None, ...],
) -> Verdict:
    """
    Say what the envelope of a 2xx means.

    Args:
        answer: The documented answer.  One that does not fit it is remarked upon only.
        nothing_done: Values of Result that say that nothing was stored.
    """
    error, severity = body.get("HasError"), integer(body.get("Severity"))
    if error is True or severity == 2:
        reason = f"HTTP {reply.status} with an error: {_tell(body)}"
        return Verdict("refused", reason, causes=told_by(reply, _causes(body)))
    if error is not False and not (error is None and severity in (0, 1)):
        return unsure(
            f"HTTP {reply.status} with JSON in which neither HasError nor Severity says how it "
            "ended"
        )
    if "Result" in body and body["Result"] in nothing_done:
        result = json.dumps(body["Result"])
        return Verdict(
            "refused",
            f"HTTP {reply.status} with Result {result}: nothing was stored; {_tell(body)}",
            causes=tuple(_causes(body)) or (Cause("send", "nothing_stored"),),
        )
    remarks = list(undocumented(reply.body, answer))
    if body.get("HasWarning") is True or severity == 1:
        remarks.insert(0, f"accepted with a warning: {_tell(body)}")
    return Verdict("delivered", "; ".join(remarks))


def _rules(answer: type[Answer[Any]], nothing_done: tuple[bool | None, ...] = (None,)) -> Rules:
    success = partial(_success, answer=answer, nothing_done=nothing_done)
    return Rules(success, _tell, _HINTS, causes=_causes)


def _causes(body: Mapping[str, Any]) -> Iterator[Cause]:
    number = integer(body.get("ErrorCode"))
    if number is not None and (code := vendor_code("bonifiq", number)):
        yield Cause("send", code)


def _tell(body: Mapping[str, Any]) -> str:
    """Say what an envelope says of its outcome, without what may be a customer's."""
    parts = []
    if (number := integer(body.get("ErrorCode"))) is not None:
        name, meaning = ERRORS.get(number, ("", ""))
        known = f"{number} {name} ({meaning})" if name else redact(str(number))
        parts.append(f"ErrorCode {known}")
    parts += [
        f"{field} {symbol(value)}"
        for field in ("Code", "CodeName")
        if isinstance(value := body.get(field), str) and value
    ]
    if isinstance(message := body.get("ErrorMessage"), str) and message.strip():
        parts.append(f"ErrorMessage: {redact(message)}")
    return ", ".join(parts) or "no reason is given"


def _cancel_instead(document: Mapping[str, Any], account: Account, reply: Reply) -> Call | None:
    """
    Cancel by the call of its own an order that cannot be cancelled by sending it again.

    That error 13 means this is our reading of its name: points of a completed order would stay
    otherwise.
    Source: https://developers.bonifiq.com.br/api-reference/order/request-for-cancelling-a-purchase-order
    """
    error = integer((read_object(reply.body) or {}).get("ErrorCode"))
    if document.get("IsCancelledOrReturned") is not True or error != _COMPLETED_CANNOT_BE_CANCELLED:
        return None
    fields = ("OrderCancelledDate", "OrderStatus")
    path = f"/v1/pvt/Order/{quote(document['OriginalId'], safe='')}/cancel"
    return _write(path, {name: document[name] for name in fields if name in document}, account)


def _original_id(document: Mapping[str, Any]) -> str:
    return str(document["OriginalId"])


def _affiliate_id(document: Mapping[str, Any]) -> str:
    return str(document.get("Email") or document["Document"])


CUSTOMER = Endpoint(
    name="bonifiq.customer",
    about="Creates a customer of the programme, or updates the one with the same OriginalId.",
    reference="https://developers.bonifiq.com.br/api/private/customer/creates-or-updates-a-customer-using-the-originalid-provided-in-the-request-body",
    model=CustomerRequest,
    base_url=BASE_URL,
    credentials=(("user", "password"),),
    identity=_original_id,
    personal=True,
    write=partial(_write, "/v1/pvt/Customer/upsert"),
    judge=partial(judge, rules=_rules(Answer[CustomerResult])),
)

ORDER = Endpoint(
    name="bonifiq.order",
    about="Gives the points of a completed order, or takes back those of a cancelled one.",
    reference="https://developers.bonifiq.com.br/api/private/order/add-an-order-or-purchase",
    model=OrderRequest,
    base_url=BASE_URL,
    credentials=(("user", "password"),),
    identity=_original_id,
    personal=False,
    write=partial(_write, "/v1/pvt/Order"),
    judge=partial(judge, rules=_rules(Answer[OrderResult])),
    # Dates move with every update where a platform has no payment date; alone they say nothing new.
    volatile=frozenset({"UpdatedDate", "OrderCompletedDate", "OrderCancelledDate"}),
    instead=_cancel_instead,
)

AFFILIATE = Endpoint(
    name="bonifiq.affiliate",
    about="Creates or updates an affiliate with their coupon, and their customer if wanted.",
    reference="https://developers.bonifiq.com.br/api/private/affiliate/to-create-and-update-an-affiliate-its-possible-to-create-a-customer-for-the-same",
    model=AffiliateRequest,
    base_url=BASE_URL,
    credentials=(("user", "password"),),
    identity=_affiliate_id,
    personal=True,
    write=partial(_write, "/v1/pvt/Affiliate"),
    # What false without an error means is not documented; nothing suggests success.
    judge=partial(judge, rules=_rules(Answer[bool], (None, False))),
)
