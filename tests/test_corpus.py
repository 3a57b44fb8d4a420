"""
Whatever real shops have sent is mapped, ignored or refused with a line, and never a crash.

Nobody here wrote these payloads.  They lie beside the repository; where they are absent this
suite says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from bridge import exact
from bridge.fixtures import ARRIVED, Case, cases, plan_of, read_headers, route
from bridge.load import Loaded
from bridge.plan import Plan, plan
from bridge.types import InboundRequest
from bridge.verify import Proofs, verify
from tests.platforms import Real, corpus
from tests.real import CAPTURED, CORPUS, SHARED, needs

FIXTURES = Path(__file__).parent / "fixtures"
REAL = list(corpus())
#: What an endpoint asks for, and real customers are without: it refuses them by this field.
MAY_LACK = {"firstName"}
#: The schema of each endpoint's body in its vendor's contract.
BODIES = {
    "bonifiq.customer": "CustomerRequest",
    "bonifiq.order": "OrderRequest",
    "bonifiq.affiliate": "AffiliateRequest",
    "cheqpay.customer": "CustomerRequest",
    "capillary.customer": "CustomerUpsertItem",
}


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
        sent = json.loads(exact.write(payload.document))
        assert list(validators[name].iter_errors(sent)) == []
        products = payload.document.get("Products")
        if products and payload.document["IsCompleted"]:
            prices = [one["ProductPrice"] for one in products]
            assert payload.document["OrderTotal"] == sum(prices)


@needs(CORPUS)
@pytest.mark.parametrize("real", REAL or [pytest.param(None, id="none")], ids=str)
def test_a_real_payload_is_mapped_or_told(real: Real, loaded: Loaded) -> None:
    found = plan_of(real.case, loaded)

    assert_sound(found)
    if not found.dead:
        assert {problem.field for problem in found.problems} <= MAY_LACK
    if real.unmappable:
        if found.dead:
            assert all(problem.line for problem in found.problems)
        else:
            assert found.event is None
    else:
        assert not found.dead, found.problem


@needs(CORPUS)
@pytest.mark.parametrize(
    "real", [one for one in REAL if one.total] or [pytest.param(None, id="none")], ids=str
)
def test_real_totals_are_right(real: Real, loaded: Loaded) -> None:
    found = plan_of(real.case, loaded)

    assert Decimal(real.total or "") == found.payloads["bonifiq.order"].document["OrderTotal"]


@needs(SHARED)
@pytest.mark.parametrize("case", list(cases(FIXTURES)), ids=str)
def test_what_a_fixture_becomes_keeps_the_contract(case: Case, loaded: Loaded) -> None:
    assert_sound(plan_of(case, loaded))


def deliveries() -> list[Any]:
    return [
        pytest.param(path, id=f"{path.parent.name}-{path.stem}")
        for platform in ("saleor", "woocommerce")
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
