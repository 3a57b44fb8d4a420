"""
What happens in a made-up shop: stories of orders and customers, told as webhooks.

An order is paid, changed, cancelled, refunded, paid again; every telling carries the whole
order, a mark that the destination gets to see, and a growing version.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tests.chaos.ledger import Content, Event, Thing

FIXTURES = Path(__file__).parents[1] / "fixtures" / "shopify"
SECRET = "chaos-secret"
_EPOCH = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)

#: What happens to an order, one step a word.  ``=`` says the same once more under a new id, and
#: ``+`` after a word that it happened in the same second as the one before.
STORIES: Sequence[Sequence[str]] = (
    ("paid",),
    ("paid",),
    ("paid", "updated", "updated"),
    ("paid", "refunded"),
    ("paid", "cancelled+"),
    ("paid", "="),
    ("paid", "cancelled", "updated"),
    ("paid", "updated", "refunded+", "cancelled"),
)
_TOPICS = {
    "paid": "orders/paid",
    "updated": "orders/updated",
    "refunded": "orders/updated",
    "cancelled": "orders/cancelled",
    "customer": "customers/update",
}


@dataclass(frozen=True, slots=True)
class Shop:
    """A store of the bridge."""

    name: str
    account: str  #: at the destination
    number: int  #: begins the ids of its orders, so that no two shops share one

    @property
    def tenant(self) -> str:
        """What it calls itself."""
        return f"{self.name}.myshopify.com"


def order(shop: Shop, number: int, story: Sequence[str]) -> Iterator[Event]:
    """Tell the story of an order, oldest first."""
    second, tag, body = 0, "", b""
    for version, word in enumerate(story, 1):
        step, tied = word.rstrip("+"), word.endswith("+")
        second += 0 if tied else 1
        again = step == "="
        if not again:
            tag = f"v{version}"
        updated = _EPOCH + timedelta(minutes=number % 600, seconds=second)
        kind = story[version - 2].rstrip("+") if again else step
        topic = "orders/updated" if again else _TOPICS[step]
        order_id = shop.number * 1_000_000_000 + number
        fields = _order_fields(order_id, tag, updated, kind)
        body = json.dumps({**_sample("order_paid"), **fields}).encode()
        thing = Thing(shop.account, str(order_id))
        content = Content(thing, tag, _moment(updated))
        yield _event(shop, topic, content, version, body)


def customer(shop: Shop, number: int, versions: int) -> Iterator[Event]:
    """Tell how a customer changes, oldest first."""
    for version in range(1, versions + 1):
        updated = _EPOCH + timedelta(minutes=number % 600, seconds=version)
        email = f"{shop.name}-{number}@example.com"
        fields = {
            "id": shop.number * 1_000_000_000 + number,
            "email": email,
            "first_name": f"Ana v{version}",
            "updated_at": _moment(updated),
        }
        body = json.dumps({**_sample("customer_updated"), **fields}).encode()
        content = Content(Thing(shop.account, email), f"Ana v{version}", "")
        yield _event(shop, _TOPICS["customer"], content, version, body)


def poison(shop: Shop, number: int) -> Event:
    """A webhook that is signed well and cannot be mapped: broken JSON, or an order of no price."""
    broken = json.dumps({**_sample("order_paid"), "id": number, "total_price": f"much {number}"})
    body = (broken[:200] if number % 2 else broken).encode()
    content = Content(Thing(shop.account, f"poison-{number}"), "", "")
    return replace(_event(shop, "orders/paid", content, 1, body), poison=True)


def bustle(shop: Shop, orders: int, chance: random.Random, *, first: int = 1) -> list[list[Event]]:
    """Make the stories of a number of orders, and of a customer for every sixth of them."""
    told = []
    for number in range(first, first + orders):
        told.append(list(order(shop, number, chance.choice(STORIES))))
        if number % 6 == 0:
            told.append(list(customer(shop, number, chance.randint(1, 3))))
    return told


def _event(shop: Shop, topic: str, content: Content, version: int, body: bytes) -> Event:
    digest = hmac.digest(SECRET.encode(), body, hashlib.sha256)
    identity = hashlib.sha256(f"{shop.name}{topic}{version}".encode() + body).hexdigest()[:32]
    headers = {
        "content-type": "application/json",
        "user-agent": "chaos",
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": shop.tenant,
        "x-shopify-event-id": identity,
        "x-shopify-webhook-id": identity,
        "x-shopify-hmac-sha256": base64.b64encode(digest).decode(),
    }
    return Event(identity, shop.name, topic, content, version, headers, body)


def _order_fields(order_id: int, tag: str, updated: datetime, kind: str) -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        "id": order_id,
        "name": f"#{order_id}",
        "updated_at": _moment(updated),
        "discount_codes": [{"code": tag, "amount": "20.00", "type": "percentage"}],
    }
    if kind == "cancelled":
        fields |= {"financial_status": "refunded", "cancelled_at": _moment(updated)}
    if kind == "refunded":
        fields |= {"financial_status": "partially_refunded", "refunds": _refunds()}
    return fields


def _moment(when: datetime) -> str:
    return when.isoformat().removesuffix("+00:00") + "Z"


@cache
def _sample(case: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((FIXTURES / case / "request.body").read_bytes())
    return found


@cache
def _refunds() -> Sequence[Any]:
    line = _sample("order_paid")["line_items"][0]
    back = {"line_item_id": line["id"], "quantity": 1, "subtotal": 10.0, "total_tax": 0.9}
    return [{"id": 1, "refund_line_items": [back], "order_adjustments": [], "transactions": []}]
