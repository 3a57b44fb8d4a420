"""
Capillary: the customers of a brand's loyalty programme.

The call takes a list and answers item by item.  `errors` of an item alone say whether it failed:
the published example has a full result, an error and a failure count of 1 together.

Reference: https://docs.capillarytech.com/reference/customer-upsert-api
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from bridge import exact
from bridge.destinations.capillary_models import (
    CODES,
    MERGES,
    TRANSIENT,
    Answer,
    CustomerRequest,
    LoginAnswer,
)
from bridge.destinations.endpoint import (
    Account,
    Call,
    Choice,
    Endpoint,
    Limits,
    Login,
    Option,
    Token,
)
from bridge.destinations.judge import (
    Rules,
    integer,
    judge,
    read_object,
    told_by,
    undocumented,
    unsure,
    vendor_code,
)
from bridge.redact import redact
from bridge.types import Cause, Reply, Verdict

_HINTS: Mapping[int, str] = {
    401: "check till and password, or key and secret, of the account, and that Capillary has this "
    "way of authentication switched on",
    403: "ask Capillary whether v2 is enabled and the account may write customers",
    404: "check base_url of the account: every cluster has its own",
    503: "Capillary says so of missing rights too: the account must be allowed to write customers",
}
_LOGIN_HINTS: Mapping[int, str] = {
    **dict.fromkeys((400, 401, 403), "check key and secret of the account"),
    404: _HINTS[404],
}
_JSON = {"content-type": "application/json", "accept": "application/json"}
#: Attempts at what is told of missing rights, and of a short disturbance, with one number.
_FEW = 5
_MOST_MESSAGES = 5
#: Which identifier tells people apart best, of those that a shop has.
_PREFERRED = ("externalId", "email", "mobile")
#: Source: https://docs.capillarytech.com/reference/apioverview (X-Cap-Requestid)
_REQUEST_ID = re.compile("[A-Za-z0-9-]{1,64}")
_CODE = re.compile("[0-9]{1,5}")
_VISIBLE = re.compile("[!-~]([ -~]*[!-~])?")


def _write(document: Mapping[str, Any], account: Account) -> Call:
    skip = "true" if account.options.get("skip_change_identifier", True) else "false"
    path = f"/v2/integrations/customer/upsert/bulk?skipChangeIdentifier={skip}"
    headers = {**_JSON, **(_oauth(account) if account.token else _basic(account))}
    return Call("POST", _base(account) + path, headers, b"[" + exact.write(document) + b"]")


def _base(account: Account) -> str:
    return account.base_url.rstrip("/")


def _basic(account: Account) -> dict[str, str]:
    """Source: https://docs.capillarytech.com/reference/basic-authentication"""
    password = account.credentials["password"].encode()
    # Asked for by the vendor; it is the password itself to whoever sees it.
    hashed = hashlib.md5(password, usedforsecurity=False).hexdigest()
    pair = f"{account.credentials['till']}:{hashed}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _oauth(account: Account) -> dict[str, str]:
    """Source: https://docs.capillarytech.com/reference/oauth"""
    said = {
        "x-cap-api-attribution-entity-type": account.options.get("attribution_type"),
        "x-cap-api-attribution-entity-code": account.options.get("attribution_code"),
    }
    named = {name: str(value) for name, value in said.items() if value is not None}
    return {"x-cap-api-oauth-token": account.token, **named}


def _success(reply: Reply, body: Mapping[str, Any]) -> Verdict:
    """Say what became of the one customer that was sent."""
    response = body.get("response")
    item = response[0] if isinstance(response, list) and len(response) == 1 else None
    if not isinstance(item, dict):
        told = f": {_tell(body)}" if _tell(body) else ""
        return unsure(f"HTTP {reply.status} with JSON whose response is not one customer{told}")
    if errors := item.get("errors"):
        return _failed(reply, errors)
    if "errors" not in item and not item.get("result") and not item.get("entityId"):
        return unsure(f"HTTP {reply.status} with a customer without errors, result and entityId")
    remarks = list(undocumented(reply.body, Answer))
    if warnings := item.get("warnings"):
        merged = "" if MERGES.isdisjoint(_codes(warnings)) else ", LOOK AT THIS CUSTOMER"
        remarks.insert(0, f"accepted with a warning{merged}: {_messages(warnings)}")
    return Verdict("delivered", "; ".join(remarks))


def _failed(reply: Reply, errors: object) -> Verdict:
    """Say what errors come to: they pass only when each of them may."""
    codes = _codes(errors)
    passes = bool(codes) and all(code in TRANSIENT for code in codes)
    reason = f"HTTP {reply.status} with an error: {_messages(errors)}"
    causes = told_by(reply, _causes(codes))
    return Verdict("transient" if passes else "refused", reason, causes=causes)


def _causes(codes: Iterable[int | None]) -> Iterator[Cause]:
    for code in codes:
        if code is not None and (word := vendor_code("capillary", code)):
            yield Cause("send", word)


def _causes_of(body: Mapping[str, Any]) -> Iterator[Cause]:
    return _causes(_codes(body.get("errors")))


def _codes(messages: object) -> Sequence[int | None]:
    """Give the code of every message; None where there is none."""
    if not isinstance(messages, list):
        return ()
    return [integer(one.get("code")) if isinstance(one, dict) else None for one in messages]


def _messages(messages: object) -> str:
    """Say what errors or warnings say, without what may be a customer's."""
    told = []
    for one in messages if isinstance(messages, list) else ():
        if not isinstance(one, dict):
            continue
        code, message = integer(one.get("code")), one.get("message")
        parts = [] if code is None else [_code(code)]
        if isinstance(message, str) and message.strip():
            parts.append(redact(message))
        told.append(": ".join(parts))
    once = [one for one in dict.fromkeys(told) if one]
    more = len(once) - _MOST_MESSAGES
    shown = "; ".join(once[:_MOST_MESSAGES]) + (f" and {more} more" if more > 0 else "")
    return shown or "no reason is given"


def _code(code: int) -> str:
    shown = str(code) if _CODE.fullmatch(str(code)) else "…"
    meaning = CODES.get(code)
    return f"code {shown} ({meaning})" if meaning else f"code {shown}"


def _tell(body: Mapping[str, Any]) -> str:
    """Say what the body of a request that failed as a whole says."""
    return _messages(body["errors"]) if body.get("errors") else ""


def _judge(reply: Reply) -> Verdict:
    return _traced(reply, judge(reply, _RULES))


def _traced(reply: Reply, verdict: Verdict) -> Verdict:
    """Add to bad news the id by which Capillary finds the call."""
    request_id = reply.headers.get("x-cap-requestid", "")
    if verdict.kind == "delivered" or not _REQUEST_ID.fullmatch(request_id):
        return verdict
    return replace(verdict, reason=f"{verdict.reason}; X-Cap-Requestid {request_id}")


_RULES = Rules(
    _success,
    _tell,
    _HINTS,
    not_acted_upon=frozenset({521}),
    few_attempts={503: _FEW},
    causes=_causes_of,
)


def _identity(document: Mapping[str, Any]) -> str:
    profile = document["profiles"][0]
    known = {one["type"]: one["value"] for one in reversed(profile["identifiers"])}
    kind = next(name for name in (*_PREFERRED, *known) if name in known)
    return f"{profile.get('source', '')}/{profile.get('accountId', '')}/{kind}/{known[kind]}"


def _wrong_code(text: str) -> str:
    return "" if _VISIBLE.fullmatch(text) else "wanted visible characters of ASCII: it is a header"


def _only_with_key(credentials: Container[str], options: Mapping[str, Choice]) -> Mapping[str, str]:
    """Source: https://docs.capillarytech.com/reference/oauth"""
    if "till" not in credentials:
        return {}
    told = "goes with key and secret alone: the till of till and password is the only one"
    return {name: told for name in options if name.startswith("attribution_")}


def _wants_token(account: Account) -> bool:
    return "key" in account.credentials


def _write_login(account: Account) -> Call:
    named = {name: account.credentials[name] for name in ("key", "secret")}
    return Call("POST", f"{_base(account)}/v3/oauth/token/generate", _JSON, exact.write(named))


def _read_login(reply: Reply) -> Token | Verdict:
    """Source: https://docs.capillarytech.com/reference/oauth"""
    if 200 <= reply.status < 300:
        with contextlib.suppress(ValidationError):
            grant = LoginAnswer.model_validate(read_object(reply.body)).data
            return Token(grant.accessToken, grant.ttlSeconds)
    return _traced(reply, judge(reply, _LOGIN_RULES))


def _without_token(reply: Reply, body: Mapping[str, Any]) -> Verdict:
    if errors := body.get("errors"):
        return _failed(reply, errors)
    return Verdict("transient", f"HTTP {reply.status} without data.accessToken and data.ttlSeconds")


_LOGIN_RULES = Rules(_without_token, _tell, _LOGIN_HINTS, asks_only=True, causes=_causes_of)

CUSTOMER = Endpoint(
    name="capillary.customer",
    about="Registers a customer, or updates the one that an identifier finds.",
    reference="https://docs.capillarytech.com/reference/customer-upsert-api",
    model=CustomerRequest,
    # 100 a minute on demonstration and test clusters; elsewhere it is the brand's own figure.
    # Source: https://docs.capillarytech.com/reference/rate-limits
    limits=Limits(per_second=1.6),
    base_url=None,
    credentials=(("till", "password"), ("key", "secret")),
    identity=_identity,
    personal=True,
    write=_write,
    judge=_judge,
    options={
        "skip_change_identifier": Option(
            "Whether the identifiers of a customer who is found stay as they are. With false a "
            "changed e-mail address in the shop rewrites them, and may merge two customers.",
            default=True,
        ),
        "attribution_type": Option(
            "What attribution_code names; only with key and secret.",
            one_of=(
                "TILL",
                "STORE_CODE",
                "STORE_NAME",
                "STORE_EXTERNAL_ID",
                "STORE_EXTERNAL_ID_1",
                "STORE_EXTERNAL_ID_2",
            ),
        ),
        "attribution_code": Option(
            "Till or store that the data is booked under, instead of the till of key and secret.",
            wrong=_wrong_code,
        ),
    },
    together=_only_with_key,
    login=Login(_wants_token, _write_login, _read_login),
)
