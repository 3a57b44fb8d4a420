"""What all vendors share: paths, methods, and the credentials that are accepted."""

from __future__ import annotations

import pytest

from bridge.destinations import ENDPOINTS as DESTINATIONS
from bridge.sandbox import VENDORS, create_app
from tests.sandbox.bodies import (
    CAPILLARY_PATH,
    CHEQPAY_PATH,
    ENDPOINTS,
    ORDER,
    ORDER_PATH,
    PATHS,
    TOKEN_PATH,
)

pytestmark = pytest.mark.anyio

CONTROLS = ["/_behave", "/_received", "/_state", "/_tokens", "/_health"]


async def test_every_endpoint_has_a_shelf_under_its_name(client):
    assert list((await client.get("/_state")).json()) == list(ENDPOINTS)


async def test_an_unknown_path_names_the_known_ones(client):
    answer = await client.post("/v1/pvt/order", json=ORDER)

    assert answer.status_code == 404
    assert "HasError" not in answer.json()
    others = [CHEQPAY_PATH, f"/pos{CHEQPAY_PATH}", CAPILLARY_PATH, TOKEN_PATH]
    assert answer.json()["known"] == [*PATHS.values(), *others, *CONTROLS]


@pytest.mark.parametrize("path", [ORDER_PATH, CHEQPAY_PATH, CAPILLARY_PATH, TOKEN_PATH])
async def test_a_slash_too_many_is_an_unknown_path_and_no_redirect(client, path):
    assert (await client.post(f"{path}/", json={})).status_code == 404
    assert (await client.post(f"/{path}", json={})).status_code == 404


@pytest.mark.parametrize("path", [ORDER_PATH, CHEQPAY_PATH, CAPILLARY_PATH, TOKEN_PATH])
async def test_a_wrong_method_is_told_the_right_one(client, path):
    answer = await client.put(path, json=ORDER)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json() == {"error": "wanted POST"}
    assert (await client.get("/_received")).json() == []


async def test_it_says_that_it_is_there(client):
    assert (await client.get("/_health")).status_code == 200


WRONG = {
    "an unknown vendor": (
        {"bonifik": [{"user": "a", "password": "b"}]},
        "credentials for bonifik: wanted only bonifiq, capillary, cheqpay",
    ),
    "another vendor's names": (
        {"cheqpay": [{"user": "a", "password": "b"}]},
        "credentials for cheqpay: wanted api_key and merchant_id",
    ),
    "half of two sets": (
        {"capillary": [{"till": "a", "password": "b"}, {"till": "a", "secret": "b"}]},
        "credentials for capillary: wanted till and password or key and secret",
    ),
}


@pytest.mark.parametrize(("credentials", "told"), WRONG.values(), ids=WRONG.keys())
def test_credentials_that_nobody_could_use_are_an_error(credentials, told):
    with pytest.raises(ValueError, match=f"^{told}$"):
        create_app(credentials)


def test_accounts_have_the_names_that_connections_toml_has_for_them():
    """`bridge sandbox` hands over what connections.toml says, which the endpoints check."""
    for endpoint in DESTINATIONS.values():
        vendor = VENDORS[endpoint.name.partition(".")[0]]
        ours, theirs = ({frozenset(one) for one in sets} for sets in
                        (vendor.credentials, endpoint.credentials))  # fmt: skip
        assert ours == theirs, endpoint.name
