"""
Silence and cut connections are real ones, whatever uvicorn is made of.

Only these need a server: they are about sockets.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from bridge.sandbox import create_app
from tests.sandbox.bodies import ORDER, ORDER_PATH, basic

KINDS = [(loop, http) for loop in ("asyncio", "uvloop") for http in ("h11", "httptools")]


@pytest.fixture(params=KINDS, ids="-".join)
def address(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    loop, http = request.param
    config = uvicorn.Config(
        create_app(), loop=loop, http=http, log_config=None, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    # Connections wait in the backlog until the server is ready, so nobody has to wait for it.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive(), "the server still waits for something"


@pytest.fixture
def client(address: tuple[str, int]) -> Iterator[httpx.Client]:
    url = "http://{}:{}".format(*address)
    with httpx.Client(base_url=url, headers=basic(), trust_env=False, timeout=20) as client:
        yield client


def send(address: tuple[str, int]) -> socket.socket:
    """Post an order by hand, and give the connection to look at."""
    body = json.dumps(ORDER).encode()
    head = [
        f"POST {ORDER_PATH} HTTP/1.1",
        "Host: sandbox",
        f"Authorization: {basic()['Authorization']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    connection = socket.create_connection(address, timeout=20)
    connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
    return connection


def stored(client: httpx.Client) -> int:
    count: int = client.get("/_state").json()["bonifiq.order"]["count"]
    return count


def answered(client: httpx.Client) -> list[object]:
    return [one["answered"] for one in client.get("/_received").json()]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_reset_is_a_reset_and_no_orderly_end(address, client, after, caplog):
    client.post("/_behave", json={"endpoint": "*", "reset": True, "after": after, "times": 1})

    with send(address) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)

    assert stored(client) == int(after)
    assert answered(client) == ["reset"]
    with send(address) as connection:
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_hanging_request_is_never_answered(address, client, after, caplog):
    client.post("/_behave", json={"endpoint": "*", "hang": True, "after": after, "times": 1})

    with send(address) as connection:
        arrived = any(answered(client) == ["hang"] for _ in range(1000))
        assert arrived
        assert stored(client) == int(after)

        # Others are served meanwhile, and changing the behaviour does not bring it back.
        client.delete("/_behave")
        assert client.post(ORDER_PATH, json=ORDER).status_code == 200
        connection.settimeout(0)
        with pytest.raises(BlockingIOError):
            connection.recv(1)

    # That the fixture can stop the server shows that the request ended when its client left.
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_no_trace(address, client, caplog):
    with socket.create_connection(address, timeout=20) as connection:
        head = f"POST {ORDER_PATH} HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 99\r\n\r\n{{"
        connection.sendall(head.encode())

    assert client.post(ORDER_PATH, json=ORDER).status_code == 200
    assert answered(client) == [200]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
