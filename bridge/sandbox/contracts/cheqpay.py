"""
Cheqpay's customer.

Source: https://docs.cheqpay.mx/api-reference/customer/create-or-update-a-customer
"""

from __future__ import annotations

from typing import Final

from bridge.sandbox.contracts import FILLED, FLAG, TEXT, Schema, closed

CUSTOMER: Final[Schema] = closed(
    {
        "externalId": FILLED,
        "firstName": FILLED,
        "lastName": TEXT,
        "email": {"type": "string", "format": "email"},
        # With the country code: https://docs.cheqpay.mx/features/customers
        "phoneNumber": {"type": "string", "format": "phone"},
        "active": FLAG,
        # The page shows what is in it in its example only.
        "notificationOptions": closed({"notifyEmail": FLAG, "notifyPhone": FLAG}),
    },
    "externalId",
    "firstName",
)
