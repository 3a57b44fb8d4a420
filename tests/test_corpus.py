"""
Whatever real shops have sent is mapped, ignored or refused with a line, and never a crash.

Nobody here wrote these payloads.  They lie beside the repository; where they are absent this
suite says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import simplejson
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from bridge.destinations.endpoint import encode
from bridge.fixtures import ARRIVED, Case, cases, plan_of, read_headers, route
from bridge.load import Loaded
from bridge.plan import Plan, plan
from bridge.types import InboundRequest
from bridge.verify import Proofs, restore, verify
from tests.real import CAPTURED, CORPUS, SHARED, needs

FIXTURES = Path(__file__).parent / "fixtures"
PLATFORMS = ("shopify", "woocommerce", "saleor")
TOPIC_HEADERS = {
    "shopify": "x-shopify-topic",
    "woocommerce": "x-wc-webhook-topic",
    "saleor": "saleor-event",
}
#: Every topic that carries the kind of a corpus file.
TOPICS = {
    ("shopify", "order"): ["orders/paid", "orders/updated", "orders/cancelled", "orders/fulfilled"],
    ("shopify", "customer"): ["customers/create", "customers/update"],
    ("woocommerce", "order"): ["order.created", "order.updated"],
    ("woocommerce", "customer"): ["customer.created", "customer.updated"],
    ("saleor", "order"): ["order_fully_paid", "order_cancelled", "order_refunded"],
    ("saleor", "customer"): ["customer_created", "customer_updated"],
}
#: Documents that are no webhooks of the platform, or were stripped of amounts by their author.
UNMAPPABLE = {
    "order-cad-discount-sparse.json": "without shipping lines and refunds",
    "order-notify-order-confirmation.json": "an e-mail notification",
    "order-notify-order-refunded.json": "an e-mail notification",
}

#: The schema of each endpoint's body in its vendor's contract.
BODIES = {
    "bonifiq.customer": "CustomerRequest",
    "bonifiq.order": "OrderRequest",
    "bonifiq.affiliate": "AffiliateRequest",
    "capillary.customer": "CustomerUpsertItem",
}


def corpus() -> Iterator[Any]:
    for platform in PLATFORMS:
        for path in sorted((CORPUS / platform).glob("*.json")):
            kind = path.name.partition("-")[0]
            for topic in TOPICS.get((platform, kind), []):
                yield pytest.param(path, topic, id=f"{path.stem}-{topic}")


def webhook_body(path: Path) -> bytes:
    """The resource as a webhook carries it: a wrapper of one name belongs to the REST answer."""
    document = json.loads(path.read_text(), parse_float=Decimal)
    if path.parent.name == "shopify" and isinstance(document, dict) and len(document) == 1:
        return simplejson.dumps(next(iter(document.values())), use_decimal=True).encode()
    return path.read_bytes()


def planned(platform: str, headers: Mapping[str, str], body: bytes, loaded: Loaded) -> Plan:
    request = InboundRequest("real", "POST", headers, {}, body, ARRIVED)
    everything = {
        "source": "ECOMMERCE",
        "account_id": "main",
        "from_orders": True,
        "subscriptions": True,
        "identifiers": ["externalId", "email", "mobile"],
    }
    endpoints = {"capillary.customer": {"settings": everything}}
    where = route(platform, loaded, {"test_orders": True, "endpoints": endpoints})
    return plan(restore(request, "real"), where, {})


@cache
def contract() -> Mapping[str, Draft202012Validator]:
    documents = {
        path.name.partition(".")[0]: yaml.safe_load(path.read_text())
        for path in (SHARED / "destinations").glob("*.openapi.yaml")
    }
    return {
        name: Draft202012Validator(
            {
                "$ref": f"#/components/schemas/{schema}",
                "components": documents[name.partition(".")[0]]["components"],
            },
            format_checker=FormatChecker(),
        )
        for name, schema in BODIES.items()
    }


def assert_sound(found: Plan) -> None:
    """Payloads keep the contract, and the lines of an order add up to its total."""
    validators = contract()
    for name, payload in found.payloads.items():
        sent = json.loads(encode(payload.document))
        assert list(validators[name].iter_errors(sent)) == []
        products = payload.document.get("Products")
        if products and payload.document["IsCompleted"]:
            prices = [one["ProductPrice"] for one in products]
            assert payload.document["OrderTotal"] == sum(prices)


@needs(CORPUS)
@pytest.mark.parametrize(("path", "topic"), list(corpus()) or [pytest.param(None, "", id="none")])
def test_a_real_payload_is_mapped_or_told(path: Path, topic: str, loaded: Loaded) -> None:
    platform = path.parent.name
    headers = {"content-type": "application/json", TOPIC_HEADERS[platform]: topic}

    found = planned(platform, headers, webhook_body(path), loaded)

    assert_sound(found)
    assert not any(one.state == "refused" for one in found.deliveries)
    if path.name in UNMAPPABLE:
        if found.dead:
            assert all(problem.line for problem in found.problems)
        else:
            assert found.event is None
    else:
        assert not found.dead, found.problem


@needs(CORPUS)
@pytest.mark.parametrize(
    ("name", "topic", "total"),
    [
        # Worked by hand from the amounts in the document.
        ("shopify/order-hk-coupon-shipping-phone.json", "orders/paid", "374.00"),
        ("shopify/order-official-2026-07-discount-phone.json", "orders/paid", "181.09"),
        ("woocommerce/order-docs-v3-727-processing.json", "order.updated", "19.35"),
        ("woocommerce/order-fees-multi.json", "order.updated", "40.00"),
    ],
)
def test_real_totals_are_right(name: str, topic: str, total: str, loaded: Loaded) -> None:
    path = CORPUS / name
    platform = path.parent.name
    headers = {"content-type": "application/json", TOPIC_HEADERS[platform]: topic}

    found = planned(platform, headers, webhook_body(path), loaded)

    assert Decimal(total) == found.payloads["bonifiq.order"].document["OrderTotal"]


@needs(SHARED)
@pytest.mark.parametrize("case", list(cases(FIXTURES)), ids=str)
def test_what_a_fixture_becomes_keeps_the_contract(case: Case, loaded: Loaded) -> None:
    assert_sound(plan_of(case, loaded))


def deliveries() -> list[Any]:
    return [
        pytest.param(path, id=f"{path.parent.name}-{path.stem}")
        for platform in PLATFORMS
        for path in sorted((CAPTURED / platform).glob("*.http"))
    ] or [pytest.param(None, id="none")]


def read_delivery(path: Path) -> tuple[str, InboundRequest]:
    head, _, body = path.read_bytes().replace(b"\r\n", b"\n", 0).partition(b"\r\n\r\n")
    if not _:
        head, _, body = path.read_bytes().partition(b"\n\n")
    line, _, rest = head.decode("latin-1").partition("\n")
    request = InboundRequest("real", "POST", read_headers(rest), {}, body, datetime.now(UTC))
    return line.split()[1], request


@needs(CAPTURED)
@pytest.mark.parametrize("path", deliveries())
def test_a_real_delivery_is_verified_and_mapped_or_ignored(path: Path, loaded: Loaded) -> None:
    platform = path.parent.name
    address, request = read_delivery(path)
    source = loaded.checked.sources[platform]
    if "signature" not in " ".join(request.headers):
        assert request.body.startswith(b"webhook_id=")
        return
    secrets = {"woocommerce": "woo-scratch-secret", "saleor": "saleor-scratch-secret"}
    engine = "hmac" if platform == "woocommerce" or "hmac" in address else "jws_detached"
    keys = json.loads((CAPTURED / "saleor" / "jwks.json").read_text())["keys"]

    verified = verify(
        request,
        source.verify[engine].engine.scheme,
        Proofs(secrets=(secrets[platform],), keys=tuple(keys)),
        now=ARRIVED,
    )
    found = plan(verified, route(platform, loaded, {}), {})

    assert not found.dead, found.problem
    assert_sound(found)
