"""
Cheqpay: the customers of a payment provider.

One call creates and updates.  Its good answer is the customer again; an error is an envelope
that names the fields.  The vendor's pages disagree about the host, about a prefix of the path and
about the header of the key, so an account says all three.

Reference: https://docs.cheqpay.mx/api-reference/customer/create-or-update-a-customer
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from bridge import exact
from bridge.destinations.endpoint import Account, Call, Choice, Endpoint, Option
from bridge.destinations.judge import (
    Rules,
    judge,
    listed,
    symbol,
    undocumented,
    unsure,
    vendor_code,
)
from bridge.destinations.model import Body, Key, Text
from bridge.redact import redact
from bridge.types import Cause, Reply, Verdict

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
#: What a `format: email` takes: no quotation, no address in brackets, a domain with a dot.
#: Source: https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
#: Source: https://www.itu.int/rec/T-REC-E.164 (at most 15 digits)
_PHONE = re.compile(r"\+[1-9][0-9]{1,14}")
#: Source: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

_MOST_CAUSES = 20

_HINTS: Mapping[int, str] = {
    401: "check api_key and merchant_id of the account, which are others in every environment, "
    "and its option key_header",
    404: "check base_url and the option path_prefix of the account",
}


#: Headers that no option may take: they say how the body is read.
_OURS = frozenset({"content-type", "accept", "content-length", "transfer-encoding", "host"})
#: Options that name a header.
_HEADERS = ("key_header", "merchant_header")


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise ValueError("found no e-mail address, wanted one such as ada@example.com")
    return text


def _phone(text: str) -> str:
    if not _PHONE.fullmatch(text):
        raise ValueError(
            "found no number with its country code, wanted + and at most 15 digits, such as "
            "+525512345678 (E.164)"
        )
    return text


Email = Annotated[Text, AfterValidator(_email)]
Phone = Annotated[Text, AfterValidator(_phone)]


class NotificationOptions(Body):
    """
    Which receipts Cheqpay itself sends.  What their absence means is not documented.

    Source: https://docs.cheqpay.mx/features/customers
    """

    notifyEmail: bool = Field(description="Whether by e-mail.")
    notifyPhone: bool = Field(description="Whether by telephone.")


class CustomerRequest(Body):
    """A person as the store knows them.  No field may be null: what is unknown is left out."""

    externalId: Key = Field(description="The customer's id at the store; the key of the call.")
    firstName: Key = Field(description="First name.")
    lastName: Key | None = Field(None, description="Last name.")
    email: Email | None = Field(None, description="E-mail address.")
    phoneNumber: Phone | None = Field(
        None, description="Telephone with + and the country code, digits only."
    )
    active: bool | None = Field(None, description="Whether the customer is active.")
    notificationOptions: NotificationOptions = Field(
        description="Which receipts Cheqpay sends; always said, because its default is unknown."
    )


class StoredOptions(Body):
    """Which receipts the stored customer gets."""

    notifyEmail: bool | None = None
    notifyPhone: bool | None = None


class CustomerAnswer(Body):
    """The customer as stored.  There is no id of Cheqpay's own in it."""

    externalId: str | None = None
    firstName: str | None = None
    lastName: str | None = None
    email: str | None = None
    phoneNumber: str | None = None
    active: bool | None = None
    notificationOptions: StoredOptions | None = None
    createdAt: datetime | None = None
    updatedAt: datetime | None = None


def _write(document: Mapping[str, Any], account: Account) -> Call:
    prefix, key_header, merchant_header = (
        str(account.options[name]) for name in ("path_prefix", "key_header", "merchant_header")
    )
    key = account.credentials["api_key"]
    # Source: https://docs.cheqpay.mx/api-reference/introduction
    bearer = key_header.lower() == "authorization"
    return Call(
        "POST",
        account.base_url.rstrip("/") + prefix.rstrip("/") + "/customers/add-update",
        {
            key_header.lower(): f"Bearer {key}" if bearer else key,
            merchant_header.lower(): account.credentials["merchant_id"],
            "content-type": "application/json",
            "accept": "application/json",
        },
        exact.write(document),
    )


def _success(reply: Reply, body: Mapping[str, Any]) -> Verdict:
    """Say whether a 2xx holds the customer; what else may stand there no page says."""
    if body.get("error") is not None:
        said = _tell(body) or "no reason is given"
        return unsure(f"HTTP {reply.status} with an error: {said}")
    if not body.get("externalId"):
        return unsure(f"HTTP {reply.status} with JSON that is no customer: externalId is missing")
    return Verdict("delivered", "; ".join(undocumented(reply.body, CustomerAnswer)))


def _tell(body: Mapping[str, Any]) -> str:
    """
    Say what an error says, without what may be a customer's.

    Source: https://docs.cheqpay.mx/api-reference/errors
    """
    error = body.get("error")
    if not isinstance(error, dict):
        return ""
    parts = []
    if isinstance(code := error.get("code"), str) and code:
        parts.append(f"code {symbol(code)}")
    if fields := listed(_fields(error.get("details"))):
        parts.append(f"fields {fields}")
    if isinstance(message := error.get("message"), str) and message.strip():
        parts.append(f"message: {redact(message)}")
    return ", ".join(parts)


def _causes(body: Mapping[str, Any]) -> Iterator[Cause]:
    """Give the code, once for each field that it is about."""
    error = body.get("error")
    if not isinstance(error, dict) or not isinstance(code := error.get("code"), str):
        return
    if word := vendor_code("cheqpay", code):
        named = [name for name in _fields(error.get("details")) if name != "…"]
        for name in named[:_MOST_CAUSES] or [""]:
            yield Cause("send", word, field=name)


def _fields(details: object) -> Iterator[str]:
    for one in details if isinstance(details, list) else ():
        if isinstance(one, dict) and isinstance(name := one.get("field"), str):
            yield symbol(name)


def _wrong_prefix(text: str) -> str:
    fits = text == "" or (re.fullmatch(r"/[!-~]*", text) and not set(text) & set("?#"))
    return "" if fits else 'wanted "" for none, or a path that begins with /, such as /pos'


def _wrong_header(text: str) -> str:
    if text.lower() in _OURS:
        return "the bridge writes this header itself, wanted another, such as x-api-key"
    return "" if _TOKEN.fullmatch(text) else "wanted the name of a header, such as x-api-key"


def _one_header(credentials: Container[str], options: Mapping[str, Choice]) -> Mapping[str, str]:  # noqa: ARG001
    names = {name: str(options[name]).lower() for name in _HEADERS}
    return {
        name: f"it is {other} too, and one header holds one of the two"
        for name, other in zip(_HEADERS, reversed(_HEADERS), strict=True)
        if names[name] == names[other]
    }


def _external_id(document: Mapping[str, Any]) -> str:
    return str(document["externalId"])


CUSTOMER = Endpoint(
    name="cheqpay.customer",
    about="Creates a customer, or updates the one with the same externalId.",
    reference="https://docs.cheqpay.mx/api-reference/customer/create-or-update-a-customer",
    model=CustomerRequest,
    base_url=None,
    credentials=(("api_key", "merchant_id"),),
    identity=_external_id,
    personal=True,
    write=_write,
    judge=partial(judge, rules=Rules(_success, _tell, _HINTS, causes=_causes)),
    options={
        "path_prefix": Option(
            'What stands between host and /customers: "" or a path such as /pos, as the account '
            "was told.",
            required=True,
            wrong=_wrong_prefix,
        ),
        "key_header": Option(
            "Header of the API key; in authorization it is sent as Bearer.",
            default="x-api-key",
            wrong=_wrong_header,
        ),
        "merchant_header": Option(
            "Header of the merchant id.", default="x-merchant-id", wrong=_wrong_header
        ),
    },
    together=_one_header,
)
