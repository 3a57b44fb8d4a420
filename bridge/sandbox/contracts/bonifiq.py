"""
BonifiQ's customer, order and affiliate.

Source: https://developers.bonifiq.com.br
"""

from __future__ import annotations

from typing import Final

from bridge.sandbox.contracts import AMOUNT, FLAG, MOMENT, TEXT, Schema, closed

_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_MOMENT_OR_NULL: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}

#: Source: https://developers.bonifiq.com.br/api/private/customer/creates-or-updates-a-customer-using-the-originalid-provided-in-the-request-body
CUSTOMER: Final[Schema] = closed(
    {
        "OriginalId": TEXT,
        "Name": TEXT,
        "Email": _TEXT_OR_NULL,
        "Phone": _TEXT_OR_NULL,
        "BirthdayDate": _MOMENT_OR_NULL,
        "SignupDate": _MOMENT_OR_NULL,
        "Document": _TEXT_OR_NULL,
        "IsEnrolled": FLAG,
        "EnrolledDate": _MOMENT_OR_NULL,
    },
    "OriginalId",
)

_NAMED: Final[Schema] = {"OriginalId": TEXT, "Name": TEXT}

# The page shows the fields of a product in its example only.  That links, brand and category
# may be null is what the vendor's own client does:
# https://github.com/bonifiq/pdv-bonifiqintegration-example (src/bonifiq/types.ts)
_PRODUCT: Final[Schema] = closed(
    {
        "OriginalId": TEXT,
        "Title": TEXT,
        "Url": _TEXT_OR_NULL,
        "ImageUrl": _TEXT_OR_NULL,
        "IsActive": FLAG,
        "ProductPrice": AMOUNT,
        "ProductBrand": closed(_NAMED, nullable=True),
        "ProductCategory": {"$ref": "#/$defs/category"},
    }
)

#: Source: https://developers.bonifiq.com.br/api/private/order/add-an-order-or-purchase
ORDER: Final[Schema] = closed(
    {
        "OriginalId": TEXT,
        "OrderPlacementDate": MOMENT,
        "OrderCompletedDate": _MOMENT_OR_NULL,
        "OrderCancelledDate": _MOMENT_OR_NULL,
        "OrderStatus": TEXT,
        "IsCancelledOrReturned": FLAG,
        "IsCompleted": FLAG,
        "OrderTotal": AMOUNT,
        "Customer": CUSTOMER,
        "Products": {"type": ["array", "null"], "items": _PRODUCT},
        "UpdatedDate": MOMENT,
        "Coupon": _TEXT_OR_NULL,
        "Metadatas": {
            "type": ["array", "null"],
            "items": closed({"Name": TEXT, "Value": TEXT}),
        },
        "PaymentMethod": closed(_NAMED),
        "Branch": closed(_NAMED),
        "SalesPerson": closed(_NAMED),
        "ExternalCoupon": _TEXT_OR_NULL,
    },
    "OriginalId",
    "OrderPlacementDate",
    "OrderTotal",
    "Customer",
) | {
    "$defs": {
        "category": closed(
            {
                "OriginalId": TEXT,
                "Name": TEXT,
                "Description": _TEXT_OR_NULL,
                "ParentCategory": {"$ref": "#/$defs/category"},
            },
            nullable=True,
        )
    }
}

#: Source: https://developers.bonifiq.com.br/api/private/affiliate/to-create-and-update-an-affiliate-its-possible-to-create-a-customer-for-the-same
AFFILIATE: Final[Schema] = closed(
    {
        "Name": TEXT,
        "Email": _TEXT_OR_NULL,
        "Document": _TEXT_OR_NULL,
        "Phone": _TEXT_OR_NULL,
        "Coupon": _TEXT_OR_NULL,
        "InviteToPortal": FLAG,
        "CreateCustomer": FLAG,
    },
    "Name",
)
