"""
The bodies that the vendors document, as JSON schemas.

Objects are closed: what a vendor does with a name that it does not know is documented nowhere,
and here a misspelt one must be found.  Lists of required fields are ours wherever the page has
none; a field is in them when the operation makes no sense without it and it may not be null.
Rules about more than one field, and about blank text, are not here: vendors answer those in
their own way (`bridge.sandbox.bonifiq`).
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_MOMENT_OR_NULL: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_FLAG: Final[Schema] = {"type": "boolean"}
_AMOUNT: Final[Schema] = {"type": "number"}


def _closed(properties: Schema, *required: str, nullable: bool = False) -> Schema:
    return {
        "type": ["object", "null"] if nullable else "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


#: Source: https://developers.bonifiq.com.br/api/private/customer/creates-or-updates-a-customer-using-the-originalid-provided-in-the-request-body
BONIFIQ_CUSTOMER: Final[Schema] = _closed(
    {
        "OriginalId": _TEXT,
        "Name": _TEXT,
        "Email": _TEXT_OR_NULL,
        "Phone": _TEXT_OR_NULL,
        "BirthdayDate": _MOMENT_OR_NULL,
        "SignupDate": _MOMENT_OR_NULL,
        "Document": _TEXT_OR_NULL,
        "IsEnrolled": _FLAG,
        "EnrolledDate": _MOMENT_OR_NULL,
    },
    "OriginalId",
)

_NAMED: Final[Schema] = {"OriginalId": _TEXT, "Name": _TEXT}

# The page shows the fields of a product in its example only.  That links, brand and category
# may be null is what the vendor's own client does:
# https://github.com/bonifiq/pdv-bonifiqintegration-example (src/bonifiq/types.ts)
_PRODUCT: Final[Schema] = _closed(
    {
        "OriginalId": _TEXT,
        "Title": _TEXT,
        "Url": _TEXT_OR_NULL,
        "ImageUrl": _TEXT_OR_NULL,
        "IsActive": _FLAG,
        "ProductPrice": _AMOUNT,
        "ProductBrand": _closed(_NAMED, nullable=True),
        "ProductCategory": {"$ref": "#/$defs/category"},
    }
)

#: Source: https://developers.bonifiq.com.br/api/private/order/add-an-order-or-purchase
BONIFIQ_ORDER: Final[Schema] = _closed(
    {
        "OriginalId": _TEXT,
        "OrderPlacementDate": _MOMENT,
        "OrderCompletedDate": _MOMENT_OR_NULL,
        "OrderCancelledDate": _MOMENT_OR_NULL,
        "OrderStatus": _TEXT,
        "IsCancelledOrReturned": _FLAG,
        "IsCompleted": _FLAG,
        "OrderTotal": _AMOUNT,
        "Customer": BONIFIQ_CUSTOMER,
        "Products": {"type": ["array", "null"], "items": _PRODUCT},
        "UpdatedDate": _MOMENT,
        "Coupon": _TEXT_OR_NULL,
        "Metadatas": {
            "type": ["array", "null"],
            "items": _closed({"Name": _TEXT, "Value": _TEXT}),
        },
        "PaymentMethod": _closed(_NAMED),
        "Branch": _closed(_NAMED),
        "SalesPerson": _closed(_NAMED),
        "ExternalCoupon": _TEXT_OR_NULL,
    },
    "OriginalId",
    "OrderPlacementDate",
    "OrderTotal",
    "Customer",
) | {
    "$defs": {
        "category": _closed(
            {
                "OriginalId": _TEXT,
                "Name": _TEXT,
                "Description": _TEXT_OR_NULL,
                "ParentCategory": {"$ref": "#/$defs/category"},
            },
            nullable=True,
        )
    }
}

#: Source: https://developers.bonifiq.com.br/api/private/affiliate/to-create-and-update-an-affiliate-its-possible-to-create-a-customer-for-the-same
BONIFIQ_AFFILIATE: Final[Schema] = _closed(
    {
        "Name": _TEXT,
        "Email": _TEXT_OR_NULL,
        "Document": _TEXT_OR_NULL,
        "Phone": _TEXT_OR_NULL,
        "Coupon": _TEXT_OR_NULL,
        "InviteToPortal": _FLAG,
        "CreateCustomer": _FLAG,
    },
    "Name",
)
