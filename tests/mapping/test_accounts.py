"""What connections.toml says of an endpoint: addresses that can be called."""

from __future__ import annotations

import pytest

from bridge.mapping.accounts import in_the_open, not_an_address


@pytest.mark.parametrize(
    "address",
    [
        "https://api.vendor.example",
        "https://api.vendor.example/pos/",
        "http://127.0.0.1:8090",
        "http://[::1]:8090/x",
        "https://bridge.example/webhooks/shop?token=a",
    ],
)
def test_an_address_that_can_be_called_is_taken(address: str) -> None:
    assert not_an_address(address) == ""


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("api.vendor.example", "begins with https://"),
        ("ftp://api.vendor.example", "begins with https://"),
        ("https://", "host"),
        ("https:///pos", "host"),
        ("https://api.vendor.example:abc", "port"),
        ("https://api.vendor.example:99999", "port"),
        ("https://user:s3cret@api.vendor.example", "credentials"),
        ("https://api vendor.example", "white space"),
        ("https://api.vendor.example/a\tb", "white space"),
    ],
)
def test_one_that_cannot_is_told_and_not_repeated(address: str, told: str) -> None:
    message = not_an_address(address)

    assert told in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    "address",
    [
        "http://api.vendor.example",
        "http://api.vendor.example:8080/pos",
        "http://[2001:4860:4860::8888]/x",
        "http://8.8.8.8",
    ],
)
def test_plain_http_to_a_public_host_is_in_the_open(address: str) -> None:
    assert in_the_open(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://api.vendor.example",
        "http://127.0.0.1:8090",
        "http://[::1]:8090",
        "http://10.1.2.3",
        "http://192.168.0.9/pos",
        "http://localhost:8090",
        "http://sandbox:8090",
        "http://sandbox.localhost",
        "http://vendor.internal",
        "http://printer.local.",
        "http://[bad",
        "",
    ],
)
def test_what_stays_at_home_or_is_encrypted_is_not(address: str) -> None:
    assert not in_the_open(address)
