"""
Capillary's customers, and the key that a token is made for.

The page shows identifiers, sources and channels in examples only; the lists are those of the
calls that it wraps.  Where the parts of those calls would stand in this body is not shown, so
only the parts that have a clear place are here.

Source: https://docs.capillarytech.com/reference/customer-upsert-api
"""

from __future__ import annotations

from typing import Final

from bridge.sandbox.contracts import (
    AMOUNT,
    FILLED,
    FLAG,
    MOMENT,
    TEXT,
    WHOLE,
    Schema,
    choice,
    closed,
    several,
)

#: Source: https://docs.capillarytech.com/reference/v2-add-customer
_SOURCE: Final[Schema] = choice(
    "FACEBOOK", "WEB_ENGAGE", "WECHAT", "INSTORE", "MARTJACK", "TMALL", "TAOBAO", "JD",
    "ECOMMERCE", "WEBSITE", "LINE", "MOBILE_APP",
)  # fmt: skip

#: Names are each brand's own, so that this object has to stay open.
_FIELDS: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}

#: Source: https://docs.capillarytech.com/reference/update-identifiersissue-card
_IDENTIFIER: Final[Schema] = closed(
    {
        "type": choice(
            "externalId", "mobile", "email", "cardnumber", "cardExternalId", "wechat", "unionId",
            "cuid", "martjackId", "fbId", "facebook", "tmall_uname", "ali_uname", "jd_uname",
            "vip_uname", "line",
        ),
        "value": FILLED,
        "seriesId": WHOLE,
        "statusLabel": TEXT,
    },
    "type",
    "value",
)  # fmt: skip

#: Source: https://docs.capillarytech.com/reference/update-customer-details
_CHANNEL: Final[Schema] = closed(
    {
        "type": choice("mobile", "email", "wechat", "ios", "android", "line", "mobilePush"),
        "value": FILLED,
        "primary": FLAG,
        "verified": FLAG,
        "subscribed": FLAG,
        "meta": closed({"lastViewedDate": TEXT, "residence": FLAG, "office": FLAG}),
    },
    "type",
    "value",
)

_PROFILE: Final[Schema] = closed(
    {
        "firstName": TEXT,
        "lastName": TEXT,
        "identifiers": several(_IDENTIFIER),
        "commChannels": {"type": "array", "items": _CHANNEL},
        "source": _SOURCE,
        "accountId": TEXT,
        "fields": _FIELDS,
    },
    "identifiers",
)

_SUBSCRIPTION: Final[Schema] = closed(
    {
        "channel": choice(
            "MOBILE", "EMAIL", "mobile", "email", "wechat", "whatsapp", "ios", "android", "line"
        ),
        "accountId": TEXT,
        "priority": choice("BULK", "TRANS"),
        "type": choice("OPTIN", "OPTOUT"),
        "sourceName": _SOURCE,
        "orgUnitId": WHOLE,
    },
    "channel",
    "priority",
    "type",
)

#: Source: https://docs.capillarytech.com/reference/update-customer-details
_ENROLLMENT: Final[Schema] = closed(
    {
        "programId": WHOLE,
        "tierNumber": WHOLE,
        "loyaltyPoints": AMOUNT,
        "tierExpiryDate": MOMENT,
        "pointsExpiryDate": MOMENT,
    }
)

#: One customer.
CUSTOMER: Final[Schema] = closed(
    {
        "profiles": several(_PROFILE),
        "extendedFields": _FIELDS,
        "loyaltyInfo": closed({"loyaltyType": choice("loyalty", "non_loyalty")}),
        "statusLabel": TEXT,
        "subscriptionInfo": closed({"subscriptions": several(_SUBSCRIPTION)}, "subscriptions"),
        "loyaltyProgramEnrollments": {"type": "array", "items": _ENROLLMENT},
        "associatedWith": TEXT,
        "referralCode": TEXT,
    },
    "profiles",
)

#: The body of the upsert, as far as it is not judged customer by customer.
CUSTOMERS: Final[Schema] = several({})

#: Source: https://docs.capillarytech.com/reference/oauth
CLIENT: Final[Schema] = closed({"key": FILLED, "secret": FILLED}, "key", "secret")
