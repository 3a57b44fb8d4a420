"""
The nginx example does what its comments say, with a real nginx and real TLS.

Behind it stands a server that tells what reached it.  Times and rates are shortened where a test
waits for them; everything else is the shipped file.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.deploy.proxy import Proxy, echo_server, free_port, needs_nginx, nginx

pytestmark = needs_nginx

LIMIT = 2 * 1024 * 1024
#: Seconds that a client may be silent, in the trial.
SHORT = {
    "client_header_timeout 10s;": "client_header_timeout 1s;",
    "client_body_timeout   10s;": "client_body_timeout   1s;",
}
BODIES = {
    "json": b'{"id":820982911946154508,"total_price":"199.90"}',
    "line ends and trailing spaces": b'{\r\n  "id": 1,\t\r\n\n  "note": "x"  \r\n}  \r\n\r\n',
    "bytes that are no text": bytes(range(256)) * 3 + b"\xff\xfe\x00\xc3\x28",
    "nothing": b"",
    "compressed": gzip.compress(b'{"id": 1}', mtime=0),
    "one MiB": os.urandom(1024 * 1024),
    "exactly the limit": os.urandom(LIMIT),
}


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    with echo_server() as port:
        yield port


@pytest.fixture(scope="module")
def proxy(echo, tmp_path_factory) -> Iterator[Proxy]:
    with nginx(tmp_path_factory.mktemp("nginx"), echo, SHORT) as running:
        yield running


def pieces(body: bytes, size: int = 7001) -> Iterator[bytes]:
    """Without a known length the client sends the body in chunks."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def seen(proxy: Proxy) -> int:
    """How many requests have reached the server, this one included."""
    with proxy.client() as client:
        count: int = client.get("/health").json()["seen"]
        return count


def rest(connection: socket.socket) -> bytes:
    """Everything until the other side closes the connection."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_body_arrives_byte_for_byte(proxy, body, chunked):
    with proxy.client() as client:
        told = client.post(
            "/webhooks/demo",
            content=pieces(body) if chunked else body,
            headers={"content-encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {},
        ).json()

    assert (len(body), hashlib.sha256(body).hexdigest()) == (told["size"], told["sha256"])


def test_an_old_client_without_kept_connections_is_served(proxy):
    """Shops that run on PHP speak HTTP/1.0."""
    body = b'{"id": 13}\r\n'
    with proxy.connection() as connection:
        connection.sendall(b"POST /webhooks/demo HTTP/1.0\r\nContent-Length: 12\r\n\r\n" + body)
        answer = rest(connection)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert hashlib.sha256(body).hexdigest().encode() in answer


def test_the_address_arrives_as_it_was_called(proxy):
    with proxy.client() as client:
        told = client.post("/webhooks/my_shop-2?token=1.a%2Bb&token=%C3%A7&x=").json()

    assert (told["path"], told["query"]) == ("/webhooks/my_shop-2", "token=1.a%2Bb&token=%C3%A7&x=")


def test_a_secret_behind_the_name_arrives_with_it(proxy):
    with proxy.client() as client:
        told = client.post("/webhooks/my-shop/s3cret.-_~").json()

    assert told["path"] == "/webhooks/my-shop/s3cret.-_~"


def test_headers_go_on_as_they_came(proxy):
    sent = [
        ("X-Shopify-Hmac-Sha256", "U2XaY54FQ6+zagnBJ7nhqdD+Jn6YmlQl1OXuvJewqkU="),
        ("X_Under_Score", "kept"),
        ("X-Twice", "first"),
        ("X-Twice", "second"),
        ("Authorization", "Bearer of-the-store"),
        ("Content-Type", "application/json; charset=latin-1"),
        ("X-Raw", "caf\xe9 ;  two  spaces"),
    ]
    with proxy.client() as client:
        told = client.post(
            "/webhooks/demo", content=b"{}", headers=[(a, b.encode("latin-1")) for a, b in sent]
        ).json()

    arrived = [(name, value) for name, value in told["headers"]]
    assert [one for one in [(a.lower(), b) for a, b in sent] if one not in arrived] == []
    assert [value for name, value in arrived if name == "x-twice"] == ["first", "second"]
    # Or else the bridge would close every connection that the proxy wants to keep.
    assert "connection" not in dict(arrived)


def test_a_client_is_not_believed_where_it_comes_from(proxy):
    claimed = {"X-Forwarded-For": "203.0.113.9, 127.0.0.1", "X-Forwarded-Proto": "http"}
    with proxy.client(address="127.0.0.2") as client:
        told = client.post("/webhooks/demo", headers=claimed).json()

    headers = dict(told["headers"])
    assert ("127.0.0.2", "https") == (headers["x-forwarded-for"], headers["x-forwarded-proto"])
    assert told["client"] == "127.0.0.2"


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_a_huge_body_is_refused_before_it_reaches_the_bridge(proxy, chunked):
    body = b"x" * (LIMIT + 1)
    before = seen(proxy)
    with proxy.client() as client:
        response = client.post("/webhooks/demo", content=pieces(body) if chunked else body)

    assert response.status_code == 413
    assert seen(proxy) == before + 1


def test_a_body_that_stops_half_way_never_reaches_the_bridge(proxy):
    before = seen(proxy)
    with proxy.connection() as connection:
        head = b"POST /webhooks/demo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head + b'{"half": ')

        assert rest(connection) == b""
    assert seen(proxy) == before + 1


def test_headers_that_never_end_are_cut_off(proxy):
    before = seen(proxy)
    with proxy.connection() as connection:
        connection.sendall(b"POST /webhooks/demo HTTP/1.1\r\nHost: x\r\nX-Slow: ")

        assert rest(connection) == b""
    assert seen(proxy) == before + 1


@pytest.mark.parametrize(
    "path",
    ["/", "/webhooks", "/webhooks/", "/webhooks/demo/", "/webhooks/demo/x/y", "/webhooks/a.b", "/webhooks/a.b/x",
     "/webhooks/%2e%2e/health", "/docs", "/health/", "/console"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_but_webhooks_is_reachable(proxy, method, path):
    with proxy.client(address="127.0.0.2") as client:
        response = client.request(method, path)

    # The path that climbs out of /webhooks is that of the health check, which is not for everyone.
    assert response.status_code == (403 if "%2e" in path else 404)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_webhook_is_a_post_and_nothing_else(proxy, method):
    before = seen(proxy)
    with proxy.client() as client:
        response = client.request(method, "/webhooks/demo")

    assert (405, "POST") == (response.status_code, response.headers["allow"])
    assert seen(proxy) == before + 1


def test_only_this_machine_may_ask_for_health(proxy):
    with proxy.client() as here, proxy.client(address="127.0.0.2") as elsewhere:
        assert (200, 403) == (
            here.get("/health").status_code,
            elsewhere.get("/health").status_code,
        )


def test_a_bridge_that_is_stopped_is_told_at_once(tmp_path):
    with nginx(tmp_path, free_port()) as alone, alone.client() as client:
        assert client.post("/webhooks/demo", content=b"{}").status_code == 502


def test_what_is_over_the_rate_is_asked_to_come_again(echo, tmp_path):
    """503, because some platforms take any 4xx as the last word."""
    slower = {"rate=100r/s": "rate=1r/m", "burst=300 nodelay": "burst=2 nodelay"}
    with nginx(tmp_path, echo, slower) as slow, slow.client() as client:
        statuses = [client.post("/webhooks/demo").status_code for _ in range(5)]

    assert statuses == [200, 200, 200, 503, 503]


def test_no_token_of_an_address_is_ever_logged(echo, tmp_path):
    """Whether it was accepted, refused for its size, its path or its rate, or nobody answered."""
    addresses = ("/webhooks/demo?token=1.s3cretT0ken", "/webhooks/demo/1.s3cretT0ken")
    with nginx(tmp_path / "one", echo) as one, one.client() as client:
        for address in addresses:
            client.post(address, content=b"{}")
            client.post(address, content=b"x" * (LIMIT + 1))
            client.get(address)
        client.post("/nothing?token=1.s3cretT0ken")
        client.post("/webhooks/demo/1.s3cretT0ken/x")
    with nginx(tmp_path / "two", free_port()) as two, two.client() as client:
        for address in addresses:
            client.post(address, content=b"{}")
    written = {path: path.read_text() for path in tmp_path.rglob("*.log")}

    statuses = re.findall(r'" (\d+) in=', "".join(written.values()))
    assert sorted(statuses) == sorted(2 * ["200", "404", "405", "413", "502"])
    assert [path for path, text in written.items() if "s3cretT0ken" in text] == []


def test_the_proxy_never_sends_a_webhook_twice(tmp_path):
    """
    Not even when a kept connection breaks after the request was written into it.

    The second webhook goes through the connection of the first: that they are kept is seen here
    as well.
    """
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10.0)
        server = threading.Thread(target=break_off_after_one, args=(listening, received))
        server.start()
        with nginx(tmp_path, listening.getsockname()[1]) as breaking, breaking.client() as client:
            statuses = [client.post(f"/webhooks/shop-{n}").status_code for n in (1, 2, 3)]
        server.join()

    assert statuses == [200, 502, 200]
    assert [b"shop-1", b"shop-2", b"shop-3"] == received


def break_off_after_one(listening: socket.socket, received: list[bytes]) -> None:
    """Answer the first request of each connection, and close it in the middle of the second."""
    while b"shop-3" not in received:
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(10.0)
            for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""):
                request = connection.recv(65536)
                if request:
                    received.append(request.split(b"/webhooks/")[1].split(b" ")[0])
                connection.sendall(answer)
                if b"shop-3" in received:
                    break
