"""
The ready-made senders are run as they are shipped, against a bridge and a sandbox on loopback.

Around each stands what its platform would do, with entities of the documented shape
(`tests/deploy/snippets/`).  Every order is two lines of 117.00 and 63.00 after discounts, and
shipping of 18.90: what was paid for goods is 180.00, and 121.50 is kept when 58.50 goes back.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from standardwebhooks import Webhook

from tests.conftest import ROOT
from tests.e2e.servers import CONNECTIONS, PATIENCE, World, new_world

SNIPPETS = ROOT / "deploy" / "snippets"
DRIVERS = Path(__file__).parent / "snippets"
SECRET = "whsec_" + base64.b64encode(b"a secret of the shop, 32 bytes!!").decode()
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "webhook-bridge"
SCHEMA = json.loads((ROOT / "deploy" / "store-event.schema.json").read_text())


def found(*names: str | Path) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)


NODE, PHP = found("node"), found("php")
ESBUILD = found("esbuild", CACHE / "esbuild-0" / "node_modules" / ".bin" / "esbuild")
NEEDED: Mapping[str, Mapping[str, str | None]] = {
    "medusa.ts": {"node": NODE, "esbuild": ESBUILD},
    "vendure.ts": {"node": NODE, "esbuild": ESBUILD},
    "sylius.php": {"php": PHP},
    "prestashop.php": {"php": PHP},
    "shop.py": {"python": sys.executable},
    "shop.sh": {"openssl": found("openssl"), "curl": found("curl")},
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent for something that happened in a shop."""

    snippet: str
    happened: str
    total: str | None  #: `OrderTotal` worked by hand; None: it is about a customer
    cancelled: bool = False

    def __str__(self) -> str:
        return f"{self.snippet}-{self.happened}"


SENT = [
    Sent("medusa.ts", "payment.captured", "180.00"),
    Sent("medusa.ts", "order.completed", "180.00"),
    Sent("medusa.ts", "order.canceled", "180.00", cancelled=True),
    Sent("medusa.ts", "payment.refunded", "121.50"),
    Sent("medusa.ts", "customer.created", None),
    Sent("vendure.ts", "PaymentSettled", "180.00"),
    Sent("vendure.ts", "PaymentSettledInYen", "5000"),  # 3000 + 2000, shipping 500
    Sent("vendure.ts", "Delivered", "180.00"),
    Sent("vendure.ts", "Cancelled", "180.00", cancelled=True),
    Sent("vendure.ts", "Settled", "121.50"),  # 68.50 went back, of it shipping 10.00
    Sent("vendure.ts", "created", None),
    Sent("sylius.php", "workflow.sylius_order_payment.completed.pay", "180.00"),
    Sent("sylius.php", "workflow.sylius_order.completed.fulfill", "180.00"),
    Sent("sylius.php", "workflow.sylius_order.completed.cancel", "180.00", cancelled=True),
    Sent("sylius.php", "workflow.sylius_order_payment.completed.refund", "180.00", cancelled=True),
    Sent("sylius.php", "sylius.customer.post_register", None),
    Sent("prestashop.php", "paid", "180.00"),
    Sent("prestashop.php", "shipped", "180.00"),
    Sent("prestashop.php", "cancelled", "180.00", cancelled=True),
    Sent("prestashop.php", "slip", "121.50"),
    Sent("prestashop.php", "customer", None),
    Sent("shop.py", "order.paid", "180.00"),
    Sent("shop.sh", "order.paid", "180.00"),
]
PAID = {one.snippet: one for one in reversed(SENT) if one.total == "180.00" and not one.cancelled}


def own_order(identity: str) -> str:
    """An order in our own words, as a shop of one's own has it."""
    body = (ROOT / "tests/fixtures/standard-webhooks/order_paid/request.body").read_text()
    return json.dumps({**json.loads(body)["data"], "id": identity})


def command(one: Sent, identity: str, folder: Path) -> tuple[Sequence[str | Path], str]:
    """What to run for it, and what to write to its input."""
    path = SNIPPETS / one.snippet
    match path.suffix:
        case ".ts":
            return [NODE or "", compiled(path, folder), one.happened, identity], ""
        case ".php":
            return [PHP or "", DRIVERS / one.snippet, path, one.happened, identity], ""
        case ".py":
            code = "import json, shop, sys; shop.send(sys.argv[1], json.load(sys.stdin), (0, 0))"
            return [sys.executable, "-c", code, one.happened], own_order(identity)
    return ["sh", path, one.happened], own_order(identity)


def compiled(path: Path, folder: Path) -> Path:
    """Take the types off a snippet, beside what its platform gives it; gives the driver."""
    options = ["--format=esm", '--tsconfig-raw={"compilerOptions":{"experimentalDecorators":true}}']
    subprocess.run(
        [ESBUILD or "", path, *options, f"--outfile={folder / 'snippet.mjs'}"],
        check=True, capture_output=True, timeout=PATIENCE,
    )  # fmt: skip
    core = folder / "node_modules" / "@vendure" / "core"
    core.mkdir(parents=True, exist_ok=True)
    shutil.copy(DRIVERS / "vendure-core.mjs", core / "index.mjs")
    (core / "package.json").write_text('{"exports": "./index.mjs"}')
    return Path(shutil.copy(DRIVERS / f"{path.stem}.mjs", folder))


def run(
    one: Sent, url: str, folder: Path, identity: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Let it happen in a shop that knows the address and the secret."""
    for name, program in NEEDED[one.snippet].items():
        if program is None:
            pytest.skip(f"there is no {name} on this machine")
    arguments, given = command(one, identity or number(), folder)
    return subprocess.run(
        arguments,
        input=given,
        env={
            **os.environ,
            "WEBHOOK_URL": url,
            "WEBHOOK_SECRET": SECRET,
            "WEBHOOK_WAITS": "0 0",
            "PYTHONPATH": str(SNIPPETS),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def number() -> str:
    """An id of an order that no other has."""
    return str(uuid.uuid4().int % 10**15)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A bridge with a store of the generic source, and the sandbox that it feeds."""
    made = new_world(tmp_path_factory.mktemp("world"))
    lines = CONNECTIONS.replace('"shopify"', '"standard-webhooks"').splitlines()
    text = "\n".join(line for line in lines if not line.startswith("tenant"))
    (made.folder / "mappings" / "connections.toml").write_text(
        text.format(sandbox=made.sandbox_port, on_outage="park")
    )
    made = replace(made, environment={**made.environment, "SHOP_SECRET": SECRET})
    with made.sandbox_server(), made.bridge_server():
        yield made


@pytest.mark.parametrize("one", SENT, ids=str)
def test_what_happens_in_a_shop_arrives_at_the_destination(
    one: Sent, world: World, tmp_path: Path
) -> None:
    identity = number()

    done = run(one, f"{world.bridge}/webhooks/shop", tmp_path, identity)

    assert (done.returncode, done.stderr) == (0, "")
    if one.total is None:
        assert [
            body["Name"] for body in arrived(world, "bonifiq.customer", f"{identity}@example.com")
        ] == ["Ana Exemplo"]
        return
    [body] = arrived(world, "bonifiq.order", identity)
    assert Decimal(str(body["OrderTotal"])) == Decimal(one.total)
    assert body["IsCancelledOrReturned"] is one.cancelled
    assert body["OrderPlacementDate"] == "2026-03-10T12:14:02Z"
    assert body["Customer"]["Phone"] == "+12025550142"


def arrived(world: World, endpoint: str, identity: str) -> list[Mapping[str, Any]]:
    return [
        one["body"]
        for one in world.received()
        if one["endpoint"] == endpoint and one["body"]["OriginalId"] == identity
    ]


@dataclass
class Receiver:
    """A server that remembers what it got, and answers as it is told."""

    statuses: list[int]  #: in turn; the last one again and again
    url: str = ""
    got: list[tuple[dict[str, str], bytes]] | None = None


@contextmanager
def receiver(*statuses: int) -> Iterator[Receiver]:
    told = Receiver(list(statuses), got=[])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert told.got is not None
            told.got.append(({name.lower(): text for name, text in self.headers.items()}, body))
            status = told.statuses.pop(0) if len(told.statuses) > 1 else told.statuses[0]
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/shop"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("one", PAID.values(), ids=str)
def test_what_failed_is_sent_again_with_the_same_id(one: Sent, tmp_path: Path) -> None:
    with receiver(503, 200) as told:
        done = run(one, told.url, tmp_path)

    assert done.returncode == 0, done.stderr
    assert told.got is not None
    first, second = told.got
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]
    for headers, body in (first, second):
        document = Webhook(SECRET).verify(body, headers)
        checker = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
        assert [error.message for error in checker.iter_errors(document)] == []
        assert all(isinstance(document["data"][name], str) for name in ("total", "shipping"))


@pytest.mark.parametrize("one", PAID.values(), ids=str)
def test_what_is_never_accepted_is_told(one: Sent, tmp_path: Path) -> None:
    with receiver(503) as told:
        done = run(one, told.url, tmp_path)

    assert told.got is not None
    assert len(told.got) == (4 if one.snippet == "medusa.ts" else 3)
    assert "was not accepted: 503" in done.stderr


@pytest.mark.parametrize(
    "one", [one for one in PAID.values() if one.snippet != "vendure.ts"], ids=str
)
def test_a_refusal_is_not_repeated(one: Sent, tmp_path: Path) -> None:
    """Vendure's queue repeats whatever failed."""
    with receiver(401) as told:
        done = run(one, told.url, tmp_path)

    assert told.got is not None
    assert len(told.got) == 1
    assert "was not accepted: 401" in done.stderr


@pytest.mark.parametrize(
    "one",
    [Sent("medusa.ts", "order.placed", None), Sent("prestashop.php", "waiting", None)],
    ids=str,
)
def test_an_order_that_is_not_paid_is_not_told(one: Sent, tmp_path: Path) -> None:
    with receiver(200) as told:
        done = run(one, told.url, tmp_path)

    assert (done.returncode, done.stderr, told.got) == (0, "", [])


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (Sent("medusa.ts", "order.completed", None), "order.completed"),
        (Sent("vendure.ts", "Delivered", None), "order.completed"),
        (Sent("sylius.php", "workflow.sylius_order.completed.fulfill", None), "order.completed"),
        (Sent("prestashop.php", "paid", None), "order.paid"),
        (Sent("prestashop.php", "shipped", None), "order.completed"),
        (Sent("prestashop.php", "cancelled", None), "order.cancelled"),
        (Sent("prestashop.php", "paid no more", None), "order.cancelled"),
        (Sent("prestashop.php", "slip", None), "order.refunded"),
    ],
    ids=str,
)
def test_the_type_says_what_happened(one: Sent, kind: str, tmp_path: Path) -> None:
    with receiver(200) as told:
        run(one, told.url, tmp_path)

    assert told.got is not None
    assert [json.loads(body)["type"] for _, body in told.got] == [kind]


def test_every_snippet_is_run() -> None:
    assert {path.name for path in SNIPPETS.iterdir() if path.is_file()} == {
        one.snippet for one in SENT
    }
