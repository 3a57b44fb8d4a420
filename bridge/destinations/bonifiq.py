"""
BonifiQ: customers, orders and affiliates of a loyalty programme.

One envelope answers every call, and an HTTP 200 can be a failure: `HasError`, `Severity` and a
`Result` of null decide, in that order.

Reference: the URL in each endpoint below.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from bridge.destinations.bonifiq_models import (
    ERRORS,
    AffiliateRequest,
    Answer,
    CustomerRequest,
    CustomerResult,
    OrderRequest,
    OrderResult,
)
from bridge.destinations.endpoint import Account, Call, Endpoint, encode
from bridge.redact import redact
from bridge.types import Reply, Verdict

BASE_URL = "https://api.bonifiq.com.br"

#: Statuses that come before the request is acted upon; any other 5xx may come after it.
_NOT_ACTED_UPON = frozenset({408, 425, 429, 461, 503})

_HINTS: Mapping[int, str] = {
    401: "check user (API Token) and password (API Key) of the account",
    404: "check base_url of the account",
}

_SYMBOL = re.compile(r"[A-Za-z_.]{1,80}[0-9]{0,3}")
_MOST_NAMES = 5
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
        encode(document),
    )


def _judge(
    reply: Reply, *, answer: type[Answer[Any]], nothing_done: tuple[bool | None, ...] = (None,)
) -> Verdict:
    """
    Say what *reply* means.

    Args:
        answer: The documented answer.  One that does not fit it is remarked upon only.
        nothing_done: Values of Result that say that nothing was stored.
    """
    body = _read(reply.body)
    if not 200 <= reply.status < 300:
        return _judge_status(reply, body)
    if body is None:
        # Whatever stands between us and BonifiQ may have written it, after BonifiQ accepted.
        return Verdict(
            "unsure", f"HTTP {reply.status} without a JSON object; it may have been accepted"
        )
    error, severity = body.get("HasError"), _integer(body.get("Severity"))
    if error is True or severity == 2:
        return Verdict("refused", f"HTTP {reply.status} with an error: {_tell(body)}")
    if error is not False and not (error is None and severity in (0, 1)):
        return Verdict(
            "unsure",
            f"HTTP {reply.status} with JSON in which neither HasError nor Severity says how it "
            "ended; it may have been accepted",
        )
    if "Result" in body and body["Result"] in nothing_done:
        result = json.dumps(body["Result"])
        return Verdict(
            "refused",
            f"HTTP {reply.status} with Result {result}: nothing was stored; {_tell(body)}",
        )
    remarks = list(_undocumented(reply.body, answer))
    if body.get("HasWarning") is True or severity == 1:
        remarks.insert(0, f"accepted with a warning: {_tell(body)}")
    return Verdict("delivered", "; ".join(remarks))


def _judge_status(reply: Reply, body: Mapping[str, Any] | None) -> Verdict:
    status = reply.status
    said = f"HTTP {status}" + (f": {_tell(body)}" if body else "")
    if status in _NOT_ACTED_UPON:
        return Verdict("transient", said, _retry_after(reply.headers))
    if 300 <= status < 400:
        return Verdict(
            "refused", f"HTTP {status}: redirect not followed; check base_url of the account"
        )
    if 400 <= status < 500:
        return Verdict("refused", f"{said}; {_HINTS[status]}" if status in _HINTS else said)
    # A server or gateway that fails or gives up may do so after the order was stored.
    return Verdict("unsure", f"{said}; it may have been accepted", _retry_after(reply.headers))


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _integer(value: object) -> int | None:
    return value if type(value) is int else None


def _tell(body: Mapping[str, Any]) -> str:
    """Say what an envelope says of its outcome, without what may be a customer's."""
    parts = []
    if (number := _integer(body.get("ErrorCode"))) is not None:
        name, meaning = ERRORS.get(number, ("", ""))
        known = f"{number} {name} ({meaning})" if name else redact(str(number))
        parts.append(f"ErrorCode {known}")
    parts += [
        f"{field} {_symbol(value)}"
        for field in ("Code", "CodeName")
        if isinstance(value := body.get(field), str) and value
    ]
    if isinstance(message := body.get("ErrorMessage"), str) and message.strip():
        parts.append(f"ErrorMessage: {redact(message)}")
    return ", ".join(parts) or "no reason is given"


def _symbol(text: str) -> str:
    return text if _SYMBOL.fullmatch(text) or re.fullmatch("[0-9]{1,3}", text) else "…"


def _undocumented(body: bytes, answer: type[Answer[Any]]) -> Iterator[str]:
    """Say where a good answer differs from the documented one: names of fields, no values."""
    try:
        answer.model_validate_json(body.decode("utf-8-sig"))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        for about, wanted in (
            ("answer has fields that are not documented", True),
            ("fields of the answer are not as documented", False),
        ):
            places = dict.fromkeys(
                ".".join(_symbol(part) for part in problem["loc"] if isinstance(part, str))
                or "all of it"
                for problem in problems
                if (problem["type"] == "extra_forbidden") is wanted
            )
            if places:
                more = len(places) - _MOST_NAMES
                names = ", ".join([*places][:_MOST_NAMES])
                yield f"{about}: {names}" + (f" and {more} more" if more > 0 else "")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """
    Read how many seconds to wait.

    There is no clock here: a date is measured from the answer's own Date, and without one it
    tells nothing.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    asked = headers.get("retry-after", "").strip()
    if re.fullmatch("[0-9]{1,9}", asked):
        return float(asked)
    try:
        until, now = parsedate_to_datetime(asked), parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    until, now = (at if at.tzinfo else at.replace(tzinfo=UTC) for at in (until, now))
    return max(0.0, (until - now).total_seconds())


def _cancel_instead(document: Mapping[str, Any], account: Account, reply: Reply) -> Call | None:
    """
    Cancel by the call of its own an order that cannot be cancelled by sending it again.

    That error 13 means this is our reading of its name: points of a completed order would stay
    otherwise.
    Source: https://developers.bonifiq.com.br/api-reference/order/request-for-cancelling-a-purchase-order
    """
    error = _integer((_read(reply.body) or {}).get("ErrorCode"))
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
    credentials=("user", "password"),
    identity=_original_id,
    personal=True,
    write=partial(_write, "/v1/pvt/Customer/upsert"),
    judge=partial(_judge, answer=Answer[CustomerResult]),
)

ORDER = Endpoint(
    name="bonifiq.order",
    about="Gives the points of a completed order, or takes back those of a cancelled one.",
    reference="https://developers.bonifiq.com.br/api/private/order/add-an-order-or-purchase",
    model=OrderRequest,
    base_url=BASE_URL,
    credentials=("user", "password"),
    identity=_original_id,
    personal=False,
    write=partial(_write, "/v1/pvt/Order"),
    judge=partial(_judge, answer=Answer[OrderResult]),
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
    credentials=("user", "password"),
    identity=_affiliate_id,
    personal=True,
    write=partial(_write, "/v1/pvt/Affiliate"),
    # What false without an error means is not documented; nothing suggests success.
    judge=partial(_judge, answer=Answer[bool], nothing_done=(None, False)),
)
