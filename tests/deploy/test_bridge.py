"""
Behind the nginx example runs the bridge itself, as a process that is started and stopped.

No destination answers here, so what the bridge accepts is "parked": durable, and to be finished.
Signatures are made with the standard library.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from bridge.journal import open_journal
from bridge.journal.protocol import Filter, Opening
from tests.deploy.proxy import (
    ROOT,
    Proxy,
    await_listener,
    free_port,
    needs_nginx,
    nginx,
    stopped_at_the_end,
)

pytestmark = needs_nginx

SECRET = "shpss_0123456789abcdef"
TENANT = "casa-inventada.myshopify.com"
CONNECTIONS = """
[stores.shop]
source  = "shopify"
tenant  = "{tenant}"
secrets = ["SHOP_SECRET"]

[stores.shop.endpoints."bonifiq.order"]
base_url    = "http://127.0.0.1:{port}"
credentials = {{ user = "SHOP_USER", password = "SHOP_PASSWORD" }}
"""
ORDER = (ROOT / "tests" / "fixtures" / "shopify" / "order_paid" / "request.body").read_bytes()


@dataclass(frozen=True, slots=True)
class Home:
    """Where a bridge lives: its mapping files, its journal, its port."""

    folder: Path
    port: int

    @property
    def journal(self) -> str:
        return f"sqlite:///{self.folder}/journal.db"

    @contextmanager
    def bridge(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run `bridge serve` as it is started in earnest, and stop it at the end."""
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "BRIDGE_PORT": str(self.port),
            "BRIDGE_MAPPINGS": str(self.folder / "mappings"),
            "BRIDGE_JOURNAL": self.journal,
            "SHOP_SECRET": SECRET,
            "SHOP_USER": "user",
            "SHOP_PASSWORD": "password",
        }
        with (self.folder / "bridge.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bridge.cli", "serve"],
                env=environment,
                cwd=self.folder,
                stderr=log,
            )
        with stopped_at_the_end(process):
            await_listener(process, self.port)
            yield process

    def bodies(self) -> dict[int, bytes]:
        """Every entry of the journal with the body that it keeps."""

        async def read() -> dict[int, bytes]:
            journal = await open_journal(Opening(self.journal, register=False))
            try:
                entries = await journal.entries(Filter(limit=100_000))
                return {one.entry: (await journal.load(one.entry)).body for one in entries}
            finally:
                await journal.close()

        return asyncio.run(read())


def make_home(folder: Path) -> Home:
    shutil.copytree(ROOT / "mappings", folder / "mappings")
    connections = CONNECTIONS.format(tenant=TENANT, port=free_port())
    (folder / "mappings" / "connections.toml").write_text(connections)
    return Home(folder, free_port())


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[tuple[Home, Proxy]]:
    home = make_home(tmp_path_factory.mktemp("bridge"))
    with home.bridge(), nginx(home.folder / "nginx", home.port) as proxy:
        yield home, proxy


def order(number: int) -> bytes:
    """A paid order of its own."""
    return ORDER.replace(b"6100000000001", str(6_100_000_000_001 + number).encode())


def signed(body: bytes) -> dict[str, str]:
    """The headers that the platform would send."""
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "x-shopify-topic": "orders/paid",
        "x-shopify-shop-domain": TENANT,
        "x-shopify-event-id": hashlib.sha256(body).hexdigest(),
        "x-shopify-hmac-sha256": base64.b64encode(digest).decode(),
    }


def post(client: httpx.Client, body: bytes, *, chunked: bool = False) -> httpx.Response:
    content = iter([body[:5000], body[5000:]]) if chunked else body
    return client.post("/webhooks/shop", content=content, headers=signed(body))


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
@pytest.mark.parametrize(
    "body",
    [
        order(1),
        b"\r\n{\r\n\t" + order(2)[1:-1] + b"\r\n} \t \r\n\r\n",
        order(3).replace(b"{", b'{"text":"\xff\xfe\xc3\x28",', 1),
        order(4).replace(b"{", b'{"text":"' + b"x" * 1024 * 1024 + b'",', 1),
    ],
    ids=["an order", "line ends and trailing spaces", "bytes that are no text", "one MiB"],
)
def test_a_signature_still_verifies_and_the_body_is_kept_byte_for_byte(running, body, chunked):
    home, proxy = running
    # Each way is an event of its own.
    body = body + b" " if chunked else body
    with proxy.client() as client:
        response = post(client, body, chunked=chunked)

    assert (200, "parked") == (response.status_code, response.json()["status"])
    assert home.bodies()[response.json()["entry"]] == body


def test_a_body_that_was_changed_by_one_space_is_refused(running):
    """Whoever rewrites bodies in front of the bridge breaks every signature."""
    _, proxy = running
    body = order(5)
    with proxy.client() as client:
        response = client.post("/webhooks/shop", content=body + b" ", headers=signed(body))

    assert (401, "refused") == (response.status_code, response.json()["status"])


def test_an_unknown_store_is_told_by_the_bridge(running):
    _, proxy = running
    with proxy.client() as client:
        response = client.post("/webhooks/nobody", content=b"{}")

    assert (404, "refused") == (response.status_code, response.json()["status"])


def test_a_repeat_is_told_as_such(running):
    _, proxy = running
    with proxy.client() as client:
        told = [post(client, order(6)).json() for _ in range(2)]

    assert told[0]["entry"] == told[1]["entry"]


def test_a_restart_under_load_loses_nothing_that_was_answered(tmp_path):
    """In between stores hear 502, repeat, and each order is in the journal once."""
    home = make_home(tmp_path)
    with nginx(home.folder / "nginx", home.port) as proxy:
        with home.bridge() as bridge, ThreadPoolExecutor(4) as stores:
            begun = [stores.submit(send_until_refused, proxy, 1000 * shop) for shop in range(4)]
            with proxy.client() as client:
                accepted = {post(client, order(n)).json()["entry"]: order(n) for n in (1, 2, 3)}
            bridge.send_signal(signal.SIGTERM)
            ends = [one.result() for one in begun]
            bridge.wait(15.0)
            with proxy.client() as client:
                meanwhile = post(client, order(9)).status_code
        for sent, _, _ in ends:
            accepted |= sent
        refused = [order(9), *(body for _, body, _ in ends)]

        assert meanwhile == 502
        assert {status for _, _, status in ends} <= {502, 503}
        with home.bridge(), proxy.client() as client:
            for body in refused:
                repeated = post(client, body)
                assert repeated.status_code == 200
                accepted[repeated.json()["entry"]] = body

    assert home.bodies() == accepted


def test_the_bridge_is_replaced_without_a_store_noticing(tmp_path):
    """As the guide says: the new one beside the old one, one journal, then the proxy changes."""
    old = make_home(tmp_path)
    new = replace(old, port=free_port())
    replaced = threading.Event()
    with (
        ThreadPoolExecutor(2) as stores,
        old.bridge() as leaving,
        nginx(old.folder / "nginx", old.port) as proxy,
        new.bridge(),
    ):
        begun = [stores.submit(send_until, replaced, proxy, 1000 * shop) for shop in range(2)]
        try:
            proxy.switch(old.port, new.port)
            leaving.send_signal(signal.SIGTERM)
            leaving.wait(15.0)
            with proxy.client() as client:
                assert post(client, order(9)).status_code == 200
        finally:
            replaced.set()
        answers = [one for each in begun for one in each.result()]

    assert {status for _, status in answers} == {200}
    assert set(old.bodies().values()) == {order(9), *(body for body, _ in answers)}


def send_until(replaced: threading.Event, proxy: Proxy, first: int) -> list[tuple[bytes, int]]:
    """Send order after order, each through a connection of its own, as platforms do."""
    answers: list[tuple[bytes, int]] = []
    while not replaced.is_set() or len(answers) < 10:
        body = order(first + 10 + len(answers))
        with proxy.client() as client:
            answers.append((body, post(client, body).status_code))
    return answers


def send_until_refused(proxy: Proxy, first: int) -> tuple[dict[int, bytes], bytes, int]:
    """Send order after order; give what was accepted, the one that was not, and its answer."""
    accepted: dict[int, bytes] = {}
    with proxy.client() as client:
        for number in range(first + 10, first + 1000):
            body = order(number)
            response = post(client, body)
            if response.status_code != 200:
                return accepted, body, response.status_code
            accepted[response.json()["entry"]] = body
    pytest.fail("the bridge was never stopped")
