"""The vendors' contracts, which lie beside the repository: OpenAPI written from their pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import yaml
from jsonschema import Draft202012Validator

from bridge.destinations import ENDPOINTS
from tests.destinations.shop import account
from tests.house import FIXTURES
from tests.real import SHARED

CONTRACTS = SHARED / "destinations"


def contract(vendor: str) -> Any:
    """The contract of a vendor, read anew."""
    return yaml.safe_load((CONTRACTS / f"{vendor}.openapi.yaml").read_text(encoding="utf-8"))


def goldens(endpoint: str) -> Mapping[str, Any]:
    """Every payload of an endpoint that a person approved, by its fixture."""
    return {
        path.parent.relative_to(FIXTURES).as_posix(): json.loads(
            path.read_text(), parse_float=Decimal
        )
        for path in sorted(FIXTURES.glob(f"*/*/{endpoint}.json"))
    }


def operation(spec: Any, endpoint: str) -> Any:
    """The operation of a contract that an endpoint calls, found by the address it writes."""
    target = ENDPOINTS[endpoint]
    caller = account(target, "http://mock", target.credentials[0])
    call = target.write(next(iter(goldens(endpoint).values())), caller)
    return spec["paths"][urlsplit(call.url).path][call.method.lower()]


@cache
def request_body(endpoint: str) -> Draft202012Validator:
    """What an endpoint's address takes."""
    spec = contract(endpoint.partition(".")[0])
    body = operation(spec, endpoint)["requestBody"]["content"]["application/json"]
    return Draft202012Validator(
        {**body["schema"], "components": spec["components"]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
