"""Bodies as the vendors' pages show them, and the way they are sent."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.applications import Starlette

CUSTOMER_PATH = "/v1/pvt/Customer/upsert"
ORDER_PATH = "/v1/pvt/Order"
AFFILIATE_PATH = "/v1/pvt/Affiliate"
PATHS = {
    "bonifiq.customer": CUSTOMER_PATH,
    "bonifiq.order": ORDER_PATH,
    "bonifiq.affiliate": AFFILIATE_PATH,
}

CHEQPAY_PATH = "/customers/add-update"
CAPILLARY_PATH = "/v2/integrations/customer/upsert/bulk"
TOKEN_PATH = "/v3/oauth/token/generate"
ENDPOINTS = (*PATHS, "cheqpay.customer", "capillary.customer", "capillary.token")

CUSTOMER: Mapping[str, Any] = {
    "OriginalId": "bia@shop.example",
    "Name": "Bia Lima",
    "Email": "bia@shop.example",
    "Phone": "+5521988887777",
    "BirthdayDate": "1990-02-03T00:00:00Z",
    "SignupDate": "2026-01-05T10:00:00-03:00",
    "Document": "11144477735",
    "IsEnrolled": True,
    "EnrolledDate": None,
}
ORDER: Mapping[str, Any] = {
    "OriginalId": "5001",
    "OrderPlacementDate": "2026-06-01T12:00:00Z",
    "OrderTotal": 196.2,
    "Customer": CUSTOMER,
}
COMPLETED: Mapping[str, Any] = {
    **ORDER,
    "IsCompleted": True,
    "OrderCompletedDate": "2026-06-01T12:05:00Z",
}
CANCELLED: Mapping[str, Any] = {
    **ORDER,
    "IsCancelledOrReturned": True,
    "OrderCancelledDate": "2026-06-02T08:00:00Z",
}
FULL_ORDER: Mapping[str, Any] = {
    **COMPLETED,
    "OrderCancelledDate": None,
    "OrderStatus": "paid",
    "IsCancelledOrReturned": False,
    "Products": [
        {
            "OriginalId": "P-1",
            "Title": "Caneca",
            "Url": None,
            "ImageUrl": "https://shop.example/p-1.png",
            "IsActive": True,
            "ProductPrice": 196.2,
            "ProductBrand": {"OriginalId": "7", "Name": "Barro"},
            "ProductCategory": {
                "OriginalId": "31",
                "Name": "Canecas",
                "Description": None,
                "ParentCategory": {"OriginalId": "3", "Name": "Casa", "ParentCategory": None},
            },
        },
        {"OriginalId": "P-2", "ProductBrand": None, "ProductCategory": None},
    ],
    "UpdatedDate": "2026-06-01T12:05:00.250Z",
    "Coupon": None,
    "Metadatas": [{"Name": "channel", "Value": "web"}],
    "PaymentMethod": {"OriginalId": "visa", "Name": "Visa credit card"},
    "Branch": {"OriginalId": "1", "Name": "Centro"},
    "SalesPerson": {"OriginalId": "9", "Name": "Rui"},
    "ExternalCoupon": None,
}
AFFILIATE: Mapping[str, Any] = {"Name": "Bia Lima", "Email": "bia@shop.example", "Coupon": "BIA10"}


CHEQPAY: Mapping[str, Any] = {
    "externalId": "shop-7",
    "firstName": "Mariana",
    "lastName": "Ruiz",
    "email": "mariana@shop.example",
    "phoneNumber": "+525512345678",
    "active": True,
    "notificationOptions": {"notifyEmail": False, "notifyPhone": True},
}
PROFILE: Mapping[str, Any] = {
    "firstName": "Asha",
    "lastName": "Rao",
    "identifiers": [
        {"type": "externalId", "value": "shop-9"},
        {"type": "mobile", "value": "919876543210"},
        {"type": "email", "value": "asha@shop.example"},
    ],
    "commChannels": [
        {
            "type": "mobile",
            "value": "919876543210",
            "primary": True,
            "verified": False,
            "meta": {"lastViewedDate": "", "residence": True, "office": False},
        },
        {"type": "email", "value": "asha@shop.example", "primary": True, "verified": False},
    ],
    "source": "ECOMMERCE",
    "accountId": "shop-main",
}
CAPILLARY: Mapping[str, Any] = {
    "profiles": [PROFILE],
    "loyaltyInfo": {"loyaltyType": "loyalty"},
    "extendedFields": {"gender": "Female"},
}
SUBSCRIPTION: Mapping[str, Any] = {
    "profiles": [{"identifiers": [{"type": "mobile", "value": "919876543210"}]}],
    "loyaltyInfo": {"loyaltyType": "loyalty"},
    "statusLabel": "Active",
    "subscriptionInfo": {
        "subscriptions": [
            {
                "channel": "ios",
                "accountId": "shop-main",
                "priority": "BULK",
                "type": "OPTIN",
                "sourceName": "ECOMMERCE",
            }
        ]
    },
}
KEY: Mapping[str, str] = {"x-api-key": "a key", "x-merchant-id": "a merchant"}


def basic(user: str = "token", password: str = "key") -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def till(name: str = "a till", password: str = "its password") -> dict[str, str]:
    return basic(name, hashlib.md5(password.encode()).hexdigest())


def client_of(app: Starlette, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """Talk to the application as a client with credentials that nobody knows."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://sandbox",
        headers=basic() if headers is None else headers,
    )
