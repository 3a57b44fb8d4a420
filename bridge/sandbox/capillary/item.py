"""
One customer of a request to Capillary: what is wrong with it, what is kept, what is answered.

* What breaks the schema is an error under the published number that fits best.
* An unknown status label is an error beside a full result, as in the published example, and the
  rest is stored.
* A refused customer has no result and no id, as on sibling calls.

Sources: https://docs.capillarytech.com/reference/customer-upsert-api and
https://docs.capillarytech.com/reference/status-codes-customer
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.sandbox.capillary.customers import (
    Customer,
    Customers,
    Identifier,
    Message,
    Profile,
    message,
)
from bridge.sandbox.check import Flaw, checker, is_calling_number, is_email
from bridge.sandbox.contracts.capillary import CUSTOMER
from bridge.sandbox.endpoint import Came, Shelf

Body = Mapping[str, Any]

#: A brand names its own; this one stands in the published example.
STATUS_LABELS = ("Active",)
#: Characters beyond are dropped without a word.
#: Source: https://docs.capillarytech.com/reference/v2-add-customer
LONGEST_NAME, LONGEST_EMAIL = 100, 255

_TILL = {"id": 1, "code": "sandbox.till", "description": "", "name": "Sandbox", "type": "TILL"}

#: Number -> which broken rules have it: place, keyword and name.  All others are 400.
_CODES: Mapping[int, re.Pattern[str]] = {
    8084: re.compile(r"\$ required profiles|\$\.profiles minItems "),
    8005: re.compile(r"\S+ required identifiers|\S+\.identifiers minItems "),
    8013: re.compile(r"\S+\.identifiers\[\d+\]\S* (required|enum|minLength) .*"),
    8106: re.compile(r"\S+\.commChannels\[\d+\] required type"),
    8010: re.compile(r"\S+\.commChannels\[\d+\]\S* (required|enum|minLength) .*"),
    8003: re.compile(r"\S+\]\.source enum "),
}
_check = checker(CUSTOMER)


def _code(flaw: Flaw) -> int:
    text = f"{flaw.place} {flaw.rule} {flaw.name}"
    return next((code for code, pattern in _CODES.items() if pattern.fullmatch(text)), 400)


def things(document: Any) -> frozenset[Any]:
    """Give the identifiers of all customers in a body that has the documented shape."""
    try:
        return frozenset(one for item in document for one in _identifiers(item))
    except (KeyError, TypeError):
        return frozenset()


def _identifiers(item: Body) -> list[Identifier]:
    return [
        (one["type"], one["value"])
        for profile in item["profiles"]
        for one in profile["identifiers"]
    ]


def judge(customers: Customers, shelf: Shelf, item: Any, came: Came, *, change: bool) -> Body:
    """
    Judge one customer of a request, and store what is accepted.

    Args:
        customers: Where they are kept.
        shelf: Where they are shown.
        item: What was sent of this one.
        came: The request.
        change: Whether identifiers change.

    Returns:
        The entry of the answer.
    """
    warnings: list[Message] = []
    errors = [message(_code(flaw), str(flaw)) for flaw in _check(item)] or _rules(item)
    if not errors and came.busy.intersection(_identifiers(item)):
        errors = [message(521, "another request works on this customer: try again later")]
    profiles = [] if errors else [_profile(one, warnings) for one in item["profiles"]]
    if not all(profile.identifiers for profile in profiles):
        errors = [message(8005, "a profile has no valid identifier")]
    if errors:
        return {"errors": errors, "warnings": warnings}
    loyalty = item.get("loyaltyInfo", {}).get("loyaltyType")
    at = came.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = customers.upsert(profiles, loyalty, change=change, at=at, warnings=warnings)
    if not isinstance(kept, Customer):
        return {"errors": [kept], "warnings": warnings}
    errors = _keep(kept, item)
    result = _result(kept)
    for number in kept.merged:
        shelf.objects.pop(str(number), None)
    shelf.put(str(kept.number), {**result, **kept.said})
    return {"entityId": kept.number, "result": result, "errors": errors, "warnings": warnings}


def _rules(item: Body) -> list[Message]:
    """Give the errors that are beyond the schema; a subscription update needs no source."""
    errors = []
    for profile in item["profiles"]:
        if "subscriptionInfo" not in item:
            if "source" not in profile:
                errors.append(message(8004, "source is missing"))
            elif "accountId" not in profile and profile["source"] != "INSTORE":
                errors.append(message(8045, "accountId is missing"))
        errors += [
            message(8014, "a mobile number is digits from the country code on, nothing else")
            for one in profile["identifiers"]
            if one["type"] == "mobile" and not is_calling_number(one["value"])
        ]
    return errors


def _profile(sent: Body, warnings: list[Message]) -> Profile:
    """Read a profile as the brand does, which drops and cuts what it does not take."""
    identifiers = [
        (one["type"], _cut(one))
        for one in sent["identifiers"]
        if _taken(one, warnings, {"email": (8055, "invalid email id")})
    ]
    invalid = {
        "email": (8057, "invalid email id in comm channel"),
        "mobile": (8058, "invalid mobile in comm channel"),
    }
    said = {name: sent[name][:LONGEST_NAME] for name in ("firstName", "lastName") if name in sent}
    if "commChannels" in sent:
        said["commChannels"] = [
            {**one, "value": _cut(one)}
            for one in sent["commChannels"]
            if _taken(one, warnings, invalid)
        ]
    if "fields" in sent:
        said["fields"] = sent["fields"]
    place = (sent["source"], sent.get("accountId", "")) if "source" in sent else None
    return Profile(place, tuple(dict.fromkeys(identifiers)), said)


def _cut(one: Body) -> str:
    value: str = one["value"]
    return value[:LONGEST_EMAIL] if one["type"] == "email" else value


def _taken(one: Body, warnings: list[Message], invalid: Mapping[str, tuple[int, str]]) -> bool:
    """Say whether an address or number is one, where *invalid* has a warning for those not."""
    good = {"email": is_email, "mobile": is_calling_number}
    kind, value = one["type"], one["value"]
    if kind not in invalid or good[kind](value):
        return True
    warnings.append(message(*invalid[kind]))
    return False


def _keep(customer: Customer, item: Body) -> list[Message]:
    """Keep what stands beside the profiles; give the errors that leave the rest as it is."""
    said = {name: value for name, value in item.items() if name not in ("profiles", "loyaltyInfo")}
    known = said.get("statusLabel", STATUS_LABELS[0]) in STATUS_LABELS
    if not known:
        del said["statusLabel"]
    if "extendedFields" in said:
        said["extendedFields"] = {
            **customer.said.get("extendedFields", {}),
            **said["extendedFields"],
        }
    customer.said |= said
    return [] if known else [message(3017, "status label invalid")]


def _result(customer: Customer) -> Body:
    """Describe a customer as the published answer does; it is on no card."""
    attribution = {
        "createDate": customer.created,
        "createdBy": _TILL,
        "modifiedBy": _TILL,
        "modifiedDate": customer.modified,
    }
    source = next(iter(customer.profiles))[0]
    return {
        "id": customer.number,
        "profiles": [
            {
                **held.said,
                "attribution": attribution,
                "allFields": held.said["fields"],
                "identifiers": (identifiers := _pairs(held.identifiers)),
                "commChannels": [
                    {**one, "attributes": {}} for one in held.said.get("commChannels", ())
                ],
                "source": place[0],
                "userId": customer.number,
                "accountId": place[1],
                "conflictingProfileList": [],
                "autoUpdateTime": customer.modified,
                "identifiersAll": identifiers,
            }
            for place, held in customer.profiles.items()
        ],
        "loyaltyInfo": {
            "loyaltyType": customer.loyalty,
            "attributionV2": {**attribution, "createdFromSource": source},
            "lifetimePurchases": 0,
        },
        "segments": {},
        "associatedWith": customer.said.get("associatedWith", _TILL["code"]),
        "extendedFields": customer.said.get("extendedFields", {}),
        "cardDetails": [],
    }


def _pairs(identifiers: Sequence[Identifier]) -> list[Body]:
    return [{"type": kind, "value": value} for kind, value in identifiers]
