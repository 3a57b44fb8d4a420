"""
The yardstick: one platform's paid orders for one endpoint, as somebody would write it by hand.

It maps what the benchmark's order holds and nothing else: no other topic, nothing that is refused,
no rounding, no line that a message could name.  Its document equals the one of the mapping files.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def order_document(body: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the body of ``orders/paid`` into the body of ``POST /v1/pvt/Order``."""
    shipping = sum(
        (
            Decimal(line["discounted_price"]) + _taxes(line)
            for line in body["shipping_lines"]
            if not line["is_removed"]
        ),
        Decimal(0),
    )
    tip = Decimal(body["total_tip_received"] or 0)
    customer, updated = body["customer"], _utc(body["updated_at"])
    email = (customer["email"] or body["email"]).lower()
    return {
        "OriginalId": str(body["id"]),
        "OrderPlacementDate": _utc(body["processed_at"] or body["created_at"]),
        "OrderCompletedDate": updated,
        "OrderStatus": body["financial_status"],
        "IsCancelledOrReturned": False,
        "IsCompleted": True,
        "OrderTotal": Decimal(body["total_price"]) - shipping - tip,
        "Customer": {
            "OriginalId": email,
            "Name": f"{customer['first_name']} {customer['last_name']}",
            "Email": email,
            "Phone": customer["phone"],
            "SignupDate": _utc(customer["created_at"]),
            "IsEnrolled": True,
        },
        "Products": [_product(line) for line in body["line_items"]],
        "UpdatedDate": updated,
        "Coupon": body["discount_codes"][0]["code"],
        "Metadatas": [
            {"Name": "store_platform", "Value": "shopify"},
            {"Name": "currency", "Value": body["currency"]},
            {"Name": "order_number", "Value": body["name"]},
            {"Name": "channel", "Value": body["source_name"]},
        ],
        "PaymentMethod": {"Name": ", ".join(body["payment_gateway_names"])},
    }


def _product(line: Mapping[str, Any]) -> dict[str, Any]:
    discount = sum((Decimal(one["amount"]) for one in line["discount_allocations"]), Decimal(0))
    return {
        "OriginalId": str(line["product_id"]),
        "Title": line["title"],
        "IsActive": True,
        "ProductPrice": Decimal(line["price"]) * line["quantity"] - discount + _taxes(line),
        "ProductBrand": {"OriginalId": line["vendor"], "Name": line["vendor"]},
    }


def _taxes(line: Mapping[str, Any]) -> Decimal:
    return sum((Decimal(tax["price"]) for tax in line["tax_lines"]), Decimal(0))


def _utc(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
