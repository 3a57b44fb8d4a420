"""
What a developer would write in an afternoon: FastAPI and httpx, a signature and a dictionary.

    python -m tests.bench.contenders.afternoon PORT DESTINATION SECRET

It sends an order again whenever it comes again, and forgets it when anything goes wrong.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import sys
from decimal import Decimal
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response


def order_of(body: dict[str, Any]) -> dict[str, Any]:
    """Map the order as a first version would."""
    customer = body["customer"]
    return {
        "OriginalId": str(body["id"]),
        "OrderTotal": float(Decimal(body["total_price"])),
        "OrderDate": body["created_at"],
        "IsPaid": body["financial_status"] == "paid",
        "Customer": {
            "OriginalId": str(customer["id"]),
            "Email": customer["email"],
            "Name": f"{customer['first_name']} {customer['last_name']}",
        },
        "Items": [
            {
                "OriginalId": str(line["id"]),
                "Name": line["title"],
                "Quantity": line["quantity"],
                "Price": float(line["price"]),
            }
            for line in body["line_items"]
        ],
    }


def app(destination: str, secret: str) -> FastAPI:
    """Make the application."""
    made, client = FastAPI(), httpx.AsyncClient()

    @made.post("/webhooks/{store}")
    async def receive(store: str, request: Request) -> Response:
        raw = await request.body()
        digest = hmac.new(secret.encode(), raw, hashlib.sha256).digest()
        given = request.headers.get("x-shopify-hmac-sha256", "")
        if not hmac.compare_digest(base64.b64encode(digest).decode(), given):
            raise HTTPException(401)
        answer = await client.post(destination, json=order_of(await request.json()))
        return Response(status_code=200 if answer.is_success else 502)

    return made


if __name__ == "__main__":
    port, destination, secret = sys.argv[1:]
    uvicorn.run(
        app(destination, secret),
        host="127.0.0.1",
        port=int(port),
        access_log=False,
        log_level="warning",
    )
