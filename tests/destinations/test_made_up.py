"""
A destination costs what the guide says it does: its blocks, run as they stand there, are enough.

The page's Python file becomes a module, its line stands in the list, its TOML files lie among the
shipped ones, and a signed webhook goes through the whole bridge to a function that plays the vendor.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import textwrap
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from bridge.cli import app as command_line
from bridge.destinations import ENDPOINTS
from bridge.destinations.endpoint import Endpoint
from bridge.docs import choices_table, endpoints_table
from bridge.fixtures import goldens, plan_of, read_case
from bridge.load import Loaded, load, strict
from bridge.types import InboundRequest
from tests.conftest import ROOT
from tests.destinations.shop import Shop, Told, Vendor
from tests.house import FIXTURES, SECRET, webhook
from tests.test_architecture import OUTSIDE, imports

GUIDE = ROOT / "mappings" / "README.md"
NAME = "stampbook.purchase"
ORDER = {
    "reference": "6100000000001",
    "amount": 196.20,
    "member": {"email": "ana.exemplo@example.com", "name": "Ana Exemplo"},
}


def block(path: str) -> str:
    """What the guide shows as the content of a file."""
    found = re.findall(
        rf"^ *```\w+ {re.escape(path)}\n(.*?)^ *```", GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert len(found) == 1, path
    return textwrap.dedent(found[0])


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Endpoint]:
    """The endpoints of the list, with the line of the guide in it."""
    name = "bridge.destinations.stampbook"
    file = tmp_path / "stampbook.py"
    file.write_text(block("bridge/destinations/stampbook.py"))
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    line = block("bridge/destinations/__init__.py")
    added: tuple[Endpoint, ...] = eval(f"({line})", {"stampbook": module})
    return {**ENDPOINTS, **{one.name: one for one in added}}


@pytest.fixture
def mappings(tmp_path: Path) -> Path:
    """The shipped mapping files, and those of the guide."""
    folder = tmp_path / "mappings"
    shutil.copytree(ROOT / "mappings", folder)
    for path in (
        "mappings/destinations/stampbook_purchase.toml",
        "mappings/connections.toml",
    ):
        (tmp_path / path).write_text(block(path))
    return folder


@pytest.fixture
def stamped(listed: Mapping[str, Endpoint], mappings: Path) -> Loaded:
    """The mapping files, checked against the endpoints."""
    return strict(load(mappings, listed))


@pytest.fixture
def in_the_list(listed: Mapping[str, Endpoint], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every command find the endpoint where it finds the others."""
    for name, endpoint in listed.items():
        monkeypatch.setitem(ENDPOINTS, name, endpoint)


def order() -> InboundRequest:
    request = webhook("shopify/order_paid", x_shopify_shop_domain="my-shop.myshopify.com")
    return replace(request, store="my-shop")


@pytest.fixture
def post(
    in_the_list: None, mappings: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Vendor], Awaitable[Told]]:
    """Post a paid order to a bridge whose vendor is a function."""
    monkeypatch.setenv("MY_SHOP_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("MY_SHOP_STAMPBOOK_KEY", "stamp-key")

    async def posted(vendor: Vendor) -> Told:
        (told,) = await Shop(mappings, vendor, monkeypatch).post(order())
        return told

    return posted


async def test_a_purchase_is_delivered_as_the_vendor_documents_it(post) -> None:
    calls: list[httpx.Request] = []

    def vendor(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200, json={"status": "stamped"})

    told = await post(vendor)

    assert (told.status_code, told.body["status"]) == (200, "delivered")
    assert told.delivery(NAME).state == "delivered"
    assert [str(one.url) for one in calls] == [
        "https://api.stampbook.example/v1/purchases?programme=house"
    ]
    assert calls[0].headers["x-stampbook-key"] == "stamp-key"
    assert httpx.Response(200, content=calls[0].content).json() == ORDER


@pytest.mark.parametrize(
    ("answered", "body", "status", "state", "reason"),
    [
        (
            200,
            {"status": "waiting"},
            "delivered",
            "delivered",
            "stamped once the member has confirmed the address",
        ),
        (
            200,
            {"status": "rejected", "code": "CARD_BLOCKED"},
            "parked",
            "refused",
            "HTTP 200: code CARD_BLOCKED",
        ),
        (401, {}, "parked", "refused", "HTTP 401; check key of the account"),
        (503, {}, "parked", "queued", "HTTP 503"),
        (
            200,
            {"status": "a new word"},
            "parked",
            "queued",
            "HTTP 200 without a documented status; it may have been accepted",
        ),
    ],
)
async def test_what_the_vendor_answers_is_told_and_kept(
    post, answered: int, body: Any, status: str, state: str, reason: str
) -> None:
    told = await post(lambda _: httpx.Response(answered, json=body))

    assert (told.status_code, told.body["status"]) == (200, status)
    kept = told.delivery(NAME)
    assert (kept.state, kept.reason) == (state, reason)


async def test_a_vendor_that_is_not_there_is_tried_again(post) -> None:
    def vendor(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("boom", request=request)

    told = await post(vendor)

    assert told.body["status"] == "parked"
    kept = told.delivery(NAME)
    assert (kept.state, kept.unsure) == ("queued", False)
    assert kept.next_at is not None


def test_fixtures_are_planned_for_it(stamped: Loaded) -> None:
    made = goldens(plan_of(read_case(FIXTURES / "shopify" / "order_paid"), stamped))

    assert '"amount": 196.20' in made[f"{NAME}.json"]


def test_the_tables_of_the_guide_would_have_its_rows(
    stamped: Loaded, listed: Mapping[str, Endpoint]
) -> None:
    rows = endpoints_table(listed)
    choices = choices_table(listed, stamped.checked.destinations)

    assert "| [`stampbook.purchase`](https://stampbook.example/docs/purchases) | Stamps" in rows
    assert "| `https://api.stampbook.example` | `key` |" in rows
    assert "| `stampbook.purchase` | option | `programme` | **required** |" in choices
    assert '| `stampbook.purchase` | setting | `stamp_on` | `"paid_at"` |' in choices


def test_the_command_line_maps_and_explains_it(
    in_the_list: None, mappings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(mappings))
    folder = FIXTURES / "shopify" / "order_paid"
    run = CliRunner().invoke

    mapped = run(
        command_line,
        ["map", "--source", "shopify", "--topic", "orders/paid", str(folder / "request.body")],
    )
    explained = run(command_line, ["explain", str(folder), "--endpoint", NAME])

    assert '"stampbook.purchase": {\n      "reference": "6100000000001"' in mapped.output
    assert "amount = 196.20" in explained.output
    assert "stampbook_purchase.toml:" in explained.output


def test_it_is_as_pure_as_the_other_destinations(listed: Mapping[str, Endpoint]) -> None:
    file = Path(str(sys.modules[listed[NAME].model.__module__].__file__))

    assert not {one for one in imports(file) if one.split(".")[0] in OUTSIDE}
