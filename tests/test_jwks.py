"""
Keys are fetched from the configured address only, seldom, and kept when a fetch fails.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from bridge.errors import FetchFailed
from bridge.jwks import MOST_FLIGHTS, MOST_HELD, KeySource

pytestmark = pytest.mark.anyio

URL = "https://shop.example/.well-known/jwks.json"
OLD = {"kty": "RSA", "kid": "old"}
NEW = {"kty": "RSA", "kid": "new"}


class Platform:
    """Answers with what it is told to, and counts."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.asked: list[httpx.Request] = []
        self.answer: Callable[[], httpx.Response] = lambda: self.keys(OLD)
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    def keys(self, *keys: Any) -> httpx.Response:
        return httpx.Response(200, json={"keys": keys})

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.reached.set()
        await self.gate.wait()
        return self.answer()


def fails_with(error: Exception) -> Callable[[], httpx.Response]:
    def fail() -> httpx.Response:
        raise error

    return fail


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(platform.handle), follow_redirects=True
    ) as client:
        yield client


@pytest.fixture
def source(platform: Platform, client: httpx.AsyncClient) -> KeySource:
    return KeySource(client, clock=lambda: platform.now)


async def test_keys_are_fetched_once_and_then_known(platform, source):
    first = await source.keys(URL)
    platform.now += 3_600
    second = await source.keys(URL)

    assert (OLD,) == first == second
    assert [("GET", URL)] == [(sent.method, str(sent.url)) for sent in platform.asked]


async def test_the_keys_of_two_addresses_are_kept_apart(platform, source):
    await source.keys(URL)
    platform.answer = lambda: platform.keys(NEW)

    assert (NEW,) == await source.keys("https://other.example/jwks.json")
    assert (OLD,) == await source.keys(URL)


async def test_keys_are_fetched_again_when_asked_but_only_after_a_minute(platform, source):
    await source.keys(URL)
    platform.answer = lambda: platform.keys(NEW)

    platform.now += 59.9
    assert (OLD,) == await source.refresh(URL)
    platform.now += 0.1
    assert (NEW,) == await source.refresh(URL)
    assert (NEW,) == await source.refresh(URL)
    assert 2 == len(platform.asked)


async def test_keys_are_fetched_again_after_a_day_so_that_a_withdrawn_one_ends(platform, source):
    await source.keys(URL)
    platform.answer = lambda: platform.keys(NEW)

    platform.now += 86_399
    assert (OLD,) == await source.keys(URL)
    platform.now += 1
    assert (NEW,) == await source.keys(URL)


async def test_callers_at_the_same_time_share_one_fetch(platform, source):
    platform.gate.clear()
    callers = [asyncio.create_task(source.refresh(URL)) for _ in range(5)]
    callers += [asyncio.create_task(source.keys(URL)) for _ in range(5)]
    await platform.reached.wait()
    platform.gate.set()

    assert [(OLD,)] * 10 == await asyncio.gather(*callers)
    assert 1 == len(platform.asked)


async def test_a_caller_who_gives_up_does_not_end_the_fetch_for_the_others(platform, source):
    platform.gate.clear()
    hasty = asyncio.create_task(source.keys(URL))
    await platform.reached.wait()
    patient = asyncio.create_task(source.keys(URL))
    hasty.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hasty
    platform.gate.set()

    assert (OLD,) == await patient
    assert 1 == len(platform.asked)


def answers(platform: Platform) -> dict[str, Callable[[], httpx.Response]]:
    def chunks() -> httpx.Response:
        async def endless() -> AsyncIterator[bytes]:
            for _ in range(1_000):
                yield b" " * 1_000
            raise AssertionError("read far beyond the limit")

        return httpx.Response(200, content=endless())

    zipped = {"content-encoding": "gzip"}
    return {
        "status 500": lambda: httpx.Response(500, json={"keys": [NEW]}),
        "status 404": lambda: httpx.Response(404),
        "status 302": lambda: httpx.Response(302, headers={"location": URL + "2"}),
        "is not JSON": lambda: httpx.Response(200, content=b"<html>"),
        "not JSON, too deep": lambda: httpx.Response(200, content=b"[" * 60_000),
        "holds no keys": lambda: platform.keys(),
        "holds no keys, a list": lambda: httpx.Response(200, json=[NEW]),
        "holds no keys, an object": lambda: httpx.Response(200, json={"keys": {"a": NEW}}),
        "holds no keys, a number": lambda: httpx.Response(200, json={"keys": 5}),
        "holds no keys, only texts": lambda: platform.keys("a", "b"),
        "longer than 65536 bytes": chunks,
        "compressed": lambda: httpx.Response(
            200, headers=zipped, stream=httpx.ByteStream(b"never unpacked")
        ),
        "ConnectError": fails_with(httpx.ConnectError("no route")),
        "ReadTimeout": fails_with(httpx.ReadTimeout("slow")),
    }


FAILURES = sorted(answers(Platform()))


@pytest.mark.parametrize("failure", FAILURES)
async def test_without_keys_a_failed_fetch_is_told_as_one_that_may_succeed_later(
    platform, source, failure
):
    platform.answer = answers(platform)[failure]

    with pytest.raises(FetchFailed, match=failure.split(",")[0]) as failed:
        await source.keys(URL)

    assert failed.value.transient is True
    assert 5.0 == failed.value.retry_after
    assert "https://shop.example/.well-known/jwks.json" in str(failed.value)


@pytest.mark.parametrize("failure", FAILURES)
async def test_known_keys_outlive_a_failed_fetch(platform, source, failure):
    await source.keys(URL)
    platform.answer = answers(platform)[failure]
    platform.now += 60

    assert (OLD,) == await source.refresh(URL)
    assert (OLD,) == await source.keys(URL)
    assert 2 == len(platform.asked)


async def test_a_failed_fetch_is_not_repeated_for_a_minute_while_there_are_keys(platform, source):
    await source.keys(URL)
    platform.answer = answers(platform)["status 500"]
    platform.now += 60
    await source.refresh(URL)
    platform.answer = lambda: platform.keys(NEW)

    platform.now += 59
    assert (OLD,) == await source.refresh(URL)
    platform.now += 1
    assert (NEW,) == await source.refresh(URL)


async def test_without_keys_the_next_try_comes_after_five_seconds(platform, source):
    platform.answer = answers(platform)["status 500"]
    with pytest.raises(FetchFailed):
        await source.keys(URL)
    platform.answer = lambda: platform.keys(NEW)

    platform.now += 4
    with pytest.raises(FetchFailed, match="status 500") as failed:
        await source.keys(URL)
    assert 1.0 == failed.value.retry_after
    platform.now += 1
    assert (NEW,) == await source.keys(URL)
    assert 2 == len(platform.asked)


async def test_an_answer_may_be_one_key_in_pem(platform, source):
    pem = "\n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    platform.answer = lambda: httpx.Response(200, text=pem)

    assert (pem,) == await source.keys(URL)


def addresses(count: int, host: str = "static.keys.example") -> list[str]:
    return [f"https://{host}/keys/{number}.pem" for number in range(count)]


async def test_whoever_invents_addresses_pushes_out_no_key_and_fills_no_memory(platform, source):
    await source.keys(URL)
    await source.keys("https://static.keys.example/true.pem")
    platform.answer = lambda: httpx.Response(404)
    for url in addresses(200):
        with pytest.raises(FetchFailed, match="status 404"):
            await source.keys(url)

    platform.answer = answers(platform)["status 500"]
    assert (OLD,) == await source.keys("https://static.keys.example/true.pem")
    assert (OLD,) == await source.keys(URL)
    assert MOST_HELD + 1 == len(source._held)


async def test_keys_give_way_to_newer_ones_when_nothing_else_can(platform, source):
    for url in addresses(MOST_HELD + 1):
        await source.keys(url)
    asked = len(platform.asked)

    await source.keys(addresses(2)[1])
    assert asked == len(platform.asked)
    await source.keys(addresses(1)[0])
    assert asked + 1 == len(platform.asked)


async def test_a_flood_of_addresses_is_no_flood_at_the_platform(platform, source):
    await source.keys("https://static.keys.example/true.pem")
    platform.gate.clear()
    platform.now += 86_400
    flights = [asyncio.create_task(source.keys(url)) for url in addresses(MOST_FLIGHTS)]
    await asyncio.sleep(0)

    with pytest.raises(FetchFailed, match="too many fetches are out") as failed:
        await source.keys("https://static.keys.example/another.pem")
    assert (OLD,) == await source.keys("https://static.keys.example/true.pem")
    elsewhere = asyncio.create_task(source.keys(URL))
    await asyncio.sleep(0)
    platform.gate.set()

    assert failed.value.transient is True
    assert [(OLD,)] * (MOST_FLIGHTS + 1) == await asyncio.gather(*flights, elsewhere)


async def test_an_answer_of_exactly_the_limit_is_read(platform, source):
    document = json.dumps({"keys": [NEW]}).encode()
    platform.answer = lambda: httpx.Response(200, content=document.ljust(65_536))

    assert (NEW,) == await source.keys(URL)


async def test_a_fetch_that_never_ends_is_given_up(platform, client):
    platform.gate.clear()
    source = KeySource(client, clock=lambda: platform.now, timeout=0.0)

    with pytest.raises(FetchFailed, match="TimeoutError"):
        await source.keys(URL)


async def test_what_is_no_key_is_left_out(platform, source):
    platform.answer = lambda: platform.keys("a", NEW, None, [OLD])

    assert (NEW,) == await source.keys(URL)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/jwks.json",
        "http://127.9.9.9/jwks.json",
        "http://[::1]:8000/jwks.json",
        "http://localhost/jwks.json",
        "https://10.0.0.1/jwks.json",
    ],
)
async def test_plain_http_is_enough_on_this_machine(source, url):
    assert (OLD,) == await source.keys(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/jwks.json",
        "http://10.0.0.1/jwks.json",
        "http://localhost.example/jwks.json",
        "http://127.0.0.1.example/jwks.json",
        "http://127.0.0.1@shop.example/jwks.json",
        "ftp://shop.example/jwks.json",
        "file:///jwks.json",
        "https://",
        "/jwks.json",
        "",
        "https://shop.example:port/",
        "https://shop\0.example/",
    ],
)
@pytest.mark.parametrize("ask", [KeySource.keys, KeySource.refresh])
async def test_keys_are_fetched_over_nothing_that_others_can_change(platform, source, ask, url):
    with pytest.raises(FetchFailed, match="fetched over https") as failed:
        await ask(source, url)

    assert failed.value.transient is False
    assert [] == platform.asked


async def test_no_message_tells_what_is_secret_in_an_address(platform, source):
    platform.answer = answers(platform)["status 500"]

    for url in ("https://user:TOP@shop.example/keys?token=TOP", "http://user:TOP@shop.example/"):
        with pytest.raises(FetchFailed) as failed:
            await source.keys(url)
        assert "TOP" not in str(failed.value)
        assert "shop.example" in str(failed.value)
