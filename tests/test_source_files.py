"""The shipped source files: their examples of a connection, and signatures that vendors publish."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from bridge.errors import SignatureMismatch
from bridge.load import Loaded
from bridge.mapping.check import Files, check
from bridge.types import InboundRequest
from bridge.verify import Proofs, verify
from tests.signatures import BODY
from tests.test_docs import WORLD, shipped

ENDPOINT = """
[stores.my-shop.endpoints."bonifiq.order"]
credentials = { user = "MY_SHOP_TOKEN", password = "MY_SHOP_KEY" }
"""


def examples() -> Mapping[str, str]:
    """The connections that comments at the top of source files show, one to a file."""
    found = {}
    for name, text in shipped("sources").items():
        head = text.partition("\nplatform")[0].splitlines()
        lines = [re.sub("^# *", "", line) for line in head]
        first = next((at for at, line in enumerate(lines) if line.startswith("[stores.")), None)
        if first is not None:
            found[name] = _toml(lines[first:])
    return found


def _toml(lines: list[str]) -> str:
    """Take the lines that are TOML; prose may follow."""
    while lines:
        with contextlib.suppress(tomllib.TOMLDecodeError):
            tomllib.loads("\n".join(lines))
            break
        lines = lines[:-1]
    return "\n".join(lines)


@pytest.mark.parametrize("name", examples())
def test_the_connection_in_the_head_of_a_source_is_right(name: str) -> None:
    written = ("connections.toml", examples()[name] + ENDPOINT)
    found = check(Files(shipped("sources"), shipped("destinations"), written), WORLD)

    assert found.problems == ()
    assert [f"sources/{store.source}.toml" for store in found.stores.values()] == [name]


#: From square-python-sdk, tests of `verify_signature`.
SQUARE_BODY = (
    b'{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification",'
    b'"event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f",'
    b'"created_at":"2022-07-13T20:30:59.037339943Z",'
    b'"data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}'
)
SQUARE_URL = "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9"
#: Made with openssl, as the vendor says: the client secret's bytes, and id, time and body.
BIGCOMMERCE_BODY = '{"id":820982911946154508,"name":"#9999","note":"ação"}'.encode()

VECTORS = [
    pytest.param(
        "square",
        {"x-square-hmacsha256-signature": "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4="},
        SQUARE_BODY,
        Proofs(secrets=("Ibxx_5AKakO-3qeNVR61Dw",), url=SQUARE_URL),
        id="square",
    ),
    pytest.param(
        "squarespace",
        {
            "squarespace-signature": "37221786c3303810de6ddb9e92e61a12"
            "e88563b2fa6038cdcc471165f37d8e5a"
        },
        BODY,
        Proofs(secrets=("00ff10a0b1c2d3e4",)),
        id="squarespace",
    ),
    pytest.param(
        "bigcommerce",
        {
            "webhook-id": "msg_1",
            "webhook-timestamp": "1700000000",
            "webhook-signature": "v1,We6GVT76wOArudc3lROr4TeQT0Bj6uJyvdQP63OctDU=",
        },
        BIGCOMMERCE_BODY,
        Proofs(secrets=("test-secret",)),
        id="bigcommerce",
    ),
]


@pytest.mark.parametrize(("platform", "headers", "body", "proofs"), VECTORS)
def test_a_known_signature_is_accepted_by_the_shipped_file_and_no_other_body_is(
    platform: str, headers: Mapping[str, str], body: bytes, proofs: Proofs, loaded: Loaded
) -> None:
    scheme = loaded.checked.sources[platform].verify["hmac"].engine.scheme
    now = datetime.fromtimestamp(1700000000, UTC)

    def webhook(sent: bytes) -> InboundRequest:
        return InboundRequest("shop", "POST", headers, {}, sent, now)

    assert verify(webhook(body), scheme, proofs, now=now).request.body == body
    with pytest.raises(SignatureMismatch):
        verify(webhook(body + b" "), scheme, proofs, now=now)
