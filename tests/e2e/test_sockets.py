"""The whole way over real sockets: bridge and sandbox are processes, webhooks are signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from bridge.fixtures import read_case
from tests.e2e.servers import ROOT, World, answers, eventually, new_world

PAID = ("order_paid", "orders/paid")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = new_world(tmp_path)
    with made.sandbox_server():
        yield made


def states(world: World, entry: int = 1) -> str:
    return world.run("journal", "show", str(entry)).stdout


def test_a_signed_order_arrives_and_the_store_hears_the_truth(world: World) -> None:
    with world.bridge_server():
        status, text = world.send(*PAID)
        again, repeated = world.send(*PAID)
        assert (status, json.loads(text)["status"]) == (200, "delivered")
        assert (again, json.loads(repeated)["status"]) == (200, "duplicate")

    received = world.received()
    assert [one["endpoint"] for one in received] == ["bonifiq.order"]
    assert received[0]["body"]["OrderTotal"] == 196.2
    assert "token" not in json.dumps(received[0]["headers"])


def test_what_is_parked_survives_kill_9_and_is_finished_after_a_restart(world: World) -> None:
    world.behave(endpoint="*", status=503)
    with world.bridge_server() as bridge:
        status, text = world.send(*PAID)
        assert (status, json.loads(text)["status"]) == (200, "parked")
        os.killpg(bridge.pid, signal.SIGKILL)
        bridge.wait()
    world.behave(endpoint="*")

    with world.bridge_server():
        eventually(lambda: "delivered" in states(world))

    accepted = [one for one in world.received() if one["answered"] == 200]
    assert len(accepted) == 1


def test_a_flight_that_is_out_at_kill_9_is_repeated_with_the_same_id(world: World) -> None:
    world.behave(endpoint="*", hang=True, times=1)
    with world.bridge_server() as bridge:
        # The destination hangs, so the bridge holds the request until the kill.
        with pytest.raises(httpx.HTTPError):
            send_and_kill(world, bridge.pid)
        bridge.wait()

    with world.bridge_server():
        eventually(lambda: "delivered" in states(world))

    ids = [one["body"]["OriginalId"] for one in world.received()]
    assert ids == ["6100000000001", "6100000000001"]
    assert "may have accepted" in states(world)


def send_and_kill(world: World, group: int) -> None:
    """Post an order, and kill the bridge as soon as the destination has it."""

    def kill() -> None:
        eventually(lambda: len(world.received()) == 1)
        os.killpg(group, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        url, headers, body = prepared(world)
        httpx.post(url, headers=headers, content=body, timeout=30.0)
    finally:
        thread.join()


def prepared(world: World) -> tuple[str, dict[str, str], bytes]:
    """A signed order, as the shop would post it."""
    case = read_case(ROOT / "tests" / "fixtures" / "shopify" / "order_paid")
    digest = hmac.digest(b"s3cret", case.request.body, hashlib.sha256)
    headers = {**case.request.headers, "x-shopify-hmac-sha256": base64.b64encode(digest).decode()}
    return f"{world.bridge}/webhooks/shop", headers, case.request.body


def posted_while(world: World, then: Callable[[], None]) -> httpx.Response:
    """Post an order, and do something as soon as the destination has it."""

    def when_it_is_out() -> None:
        eventually(lambda: len(world.received()) == 1)
        then()

    thread = threading.Thread(target=when_it_is_out)
    thread.start()
    url, headers, body = prepared(world)
    try:
        return httpx.post(url, headers=headers, content=body, timeout=30.0)
    finally:
        thread.join()


def test_a_stop_waits_for_what_is_under_way(world: World) -> None:
    world.behave(endpoint="*", delay_s=0.5, times=1)
    with world.bridge_server() as bridge:
        response = posted_while(world, lambda: bridge.send_signal(signal.SIGTERM))
        bridge.wait(30)

    assert (response.status_code, response.json()["status"]) == (200, "delivered")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_gives_up_what_hangs_and_tells_its_store_the_truth(
    world: World, workers: str
) -> None:
    world.environment = {**world.environment, "BRIDGE_STOP_AFTER": "1.5"}
    world.behave(endpoint="*", hang=True, times=1)
    with world.bridge_server("--workers", workers) as bridge:
        response = posted_while(world, lambda: bridge.send_signal(signal.SIGTERM))
        bridge.wait(30)

    assert (response.status_code, response.json()["status"]) == (200, "parked")
    assert response.headers["connection"] == "close"
    shown = states(world)
    assert "queued" in shown
    assert "given up: the bridge stops" in shown
    assert "may have accepted" in shown
    assert "Traceback" not in (world.folder / "serve.log").read_text()

    with world.bridge_server():
        eventually(lambda: "delivered" in states(world))


@pytest.mark.parametrize(("workers", "number"), [("1", signal.SIGINT), ("2", signal.SIGTERM)])
def test_asked_twice_the_bridge_ends_at_once_and_cleanly(
    world: World, workers: str, number: signal.Signals
) -> None:
    world.behave(endpoint="*", hang=True, times=1)

    def insist(bridge: subprocess.Popen[bytes]) -> bool:
        bridge.send_signal(number)
        return bridge.poll() is not None

    with world.bridge_server("--workers", workers) as bridge:
        response = posted_while(world, lambda: eventually(lambda: insist(bridge)))
        assert bridge.poll() is not None

    assert (response.status_code, response.json()["status"]) == (200, "parked")
    assert "Traceback" not in (world.folder / "serve.log").read_text()
    assert "flying" in states(world), "others take it over"


def test_several_workers_share_one_journal(world: World) -> None:
    with world.bridge_server("--workers", "2"):
        url, headers, body = prepared(world)
        for _ in range(10):
            assert httpx.post(url, headers=headers, content=body).status_code == 200

    assert len(world.received()) == 1


def test_the_old_secret_is_accepted_and_a_wrong_one_is_not(world: World) -> None:
    with world.bridge_server():
        url, headers, body = prepared(world)
        wrong = {**headers, "x-shopify-hmac-sha256": "AAAA"}
        refused = httpx.post(url, headers=wrong, content=body)
        missing = {k: v for k, v in headers.items() if "hmac" not in k}
        unsigned = httpx.post(url, headers=missing, content=body)
        nowhere = httpx.post(f"{world.bridge}/webhooks/nobody", content=body)
        wrong_method = httpx.get(url)
        huge = httpx.post(url, headers=headers, content=b"x" * 2_097_153)

    assert [refused.status_code, unsigned.status_code, nowhere.status_code] == [401, 401, 404]
    assert [wrong_method.status_code, huge.status_code] == [405, 413]
    assert world.received() == []
    assert world.run("journal", "list").stdout.strip() == "no entry"


def test_a_dead_letter_is_replayed_when_its_cause_is_gone(world: World) -> None:
    world.behave(endpoint="bonifiq.order", status=400, times=1)
    with world.bridge_server():
        status, text = world.send(*PAID)
        assert (status, json.loads(text)["status"]) == (200, "parked")
        assert "refused" in states(world)

        told = world.run("journal", "replay", "1", "--yes")
        assert "replayed 1 entry" in told.stderr, told.stdout
        eventually(lambda: "delivered" in states(world))

    assert [one["answered"] for one in world.received()] == [400, 200]


def test_refuse_mode_is_told_503_until_the_destination_is_back(tmp_path: Path) -> None:
    world = new_world(tmp_path, on_outage="refuse")
    with world.sandbox_server(), world.bridge_server():
        world.behave(endpoint="*", status=503, times=1)
        url, headers, body = prepared(world)
        first = httpx.post(url, headers=headers, content=body)
        second = httpx.post(url, headers=headers, content=body)
        answered = [one["answered"] for one in world.received()]

    assert first.status_code == 503
    assert int(first.headers["retry-after"]) > 0
    assert second.status_code == 200
    assert answered == [503, 200]


def test_nothing_personal_is_logged(world: World) -> None:
    with world.bridge_server():
        world.send(*PAID)
        world.behave(endpoint="*", status=500, times=1)
        world.send("customer_created", "customers/create")

    log = (world.folder / "serve.log").read_text()
    assert '"event": "webhook"' in log
    for secret in ("ana.exemplo", "Exemplo", "s3cret", "token", "+1202"):
        assert secret not in log


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"SHOP_SECRET": ""}, "SHOP_SECRET"),
        ({"BRIDGE_PORTS": "1"}, "BRIDGE_PORTS"),
        ({"BRIDGE_JOURNAL": "sqlite:////proc/none/journal.db"}, "journal"),
        ({"BRIDGE_MAPPINGS": "nowhere"}, "BRIDGE_MAPPINGS"),
    ],
)
def test_a_wrong_configuration_is_told_and_nothing_starts(
    world: World, change: dict[str, str], told: str
) -> None:
    world.environment = {**world.environment, **change}

    done = world.run("serve")

    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not answers(f"{world.bridge}/health")


def test_the_demonstration_shows_the_payload_and_the_answer(world: World) -> None:
    done = world.run("demo")

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"OrderTotal": 196.20' in done.stdout
    assert '200 {"status":"delivered"' in done.stdout
    assert '200 {"status":"duplicate"' in done.stdout
    assert "received by bonifiq.order: 1" in done.stdout
