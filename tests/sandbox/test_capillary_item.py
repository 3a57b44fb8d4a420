"""One customer at Capillary: the number of each mistake, and what becomes of identifiers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from bridge.sandbox import create_app
from bridge.sandbox.capillary.customers import Customers, Profile
from tests.sandbox.bodies import CAPILLARY, CAPILLARY_PATH, PROFILE, SUBSCRIPTION, client_of, till

pytestmark = pytest.mark.anyio

SECRET = "someone at private example"
MOBILE, MAIL = "919876543210", "asha@shop.example"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(), till()) as client:
        yield client


async def upsert(client: httpx.AsyncClient, item: Any, *, change: bool = False) -> dict[str, Any]:
    query = {"skipChangeIdentifier": "false" if change else "true"}
    answer = await client.post(CAPILLARY_PATH, params=query, json=[item])
    assert answer.status_code == 200
    assert answer.json()["totalCount"] == 1
    (told,) = answer.json()["response"]
    assert answer.json()["failureCount"] == (1 if told["errors"] else 0)
    assert {one["status"] for one in told["errors"] + told["warnings"]} <= {False}
    assert SECRET not in answer.text
    found: dict[str, Any] = told
    return found


def codes(told: Mapping[str, Any], kind: str = "errors") -> list[int]:
    return [one["code"] for one in told[kind]]


def without(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def profiled(**changes: Any) -> dict[str, Any]:
    profile = {name: value for name, value in {**PROFILE, **changes}.items() if value is not ...}
    return {**CAPILLARY, "profiles": [profile]}


def person(source: str, account: str, **identifiers: str) -> dict[str, Any]:
    """A customer of one place, whose name tells which request it came by."""
    pairs = [{"type": kind, "value": value} for kind, value in identifiers.items()]
    profile = {"source": source, "accountId": account, "identifiers": pairs}
    return {"profiles": [{**profile, "firstName": f"{source} {pairs[0]['value']}"}]}


async def customers(client: httpx.AsyncClient) -> dict[str, dict[str, dict[str, str]]]:
    """Number -> source -> identifiers, of all that are stored."""
    kept = (await client.get("/_state")).json()["capillary.customer"]["objects"]
    return {
        number: {
            profile["source"]: {one["type"]: one["value"] for one in profile["identifiers"]}
            for profile in customer["profiles"]
        }
        for number, customer in kept.items()
    }


def identified(*pairs: dict[str, Any]) -> dict[str, Any]:
    return profiled(identifiers=list(pairs))


def channelled(**channel: Any) -> dict[str, Any]:
    return profiled(commChannels=[channel])


WRONG: Mapping[str, tuple[Any, int, str]] = {
    "no object": (7, 400, "$: found a number, wanted object"),
    "no profiles": (without(CAPILLARY, "profiles"), 8084, "'profiles' is missing"),
    "empty profiles": ({**CAPILLARY, "profiles": []}, 8084, "$.profiles"),
    "no source": (profiled(source=...), 8004, "source"),
    "an unknown source": (profiled(source=SECRET), 8003, "$.profiles[0].source: wanted one of"),
    "no account": (profiled(accountId=...), 8045, "accountId"),
    "no identifiers": (profiled(identifiers=...), 8005, "'identifiers' is missing"),
    "empty identifiers": (identified(), 8005, "$.profiles[0].identifiers"),
    "only an invalid e-mail": (identified({"type": "email", "value": SECRET}), 8005, "valid"),
    "an unknown identifier": (identified({"type": SECRET, "value": "1"}), 8013, "[0].type"),
    "an empty identifier": (identified({"type": "email", "value": ""}), 8013, "[0].value"),
    "an identifier without value": (identified({"type": "email"}), 8013, "'value' is missing"),
    "a mobile with plus": (identified({"type": "mobile", "value": f"+{MOBILE}"}), 8014, "digits"),
    "a mobile with zero": (identified({"type": "mobile", "value": f"0{MOBILE}"}), 8014, "digits"),
    "an unknown channel": (channelled(type=SECRET, value="1"), 8010, "[0].type"),
    "an empty channel": (channelled(type="email", value=""), 8010, "[0].value"),
    "a channel without type": (channelled(value=SECRET), 8106, "'type' is missing"),
    "a channel without value": (channelled(type="email"), 8010, "'value' is missing"),
    "a flag as text": (
        channelled(type="email", value=MAIL, primary=SECRET),
        400,
        "commChannels[0].primary: found a string, wanted boolean",
    ),
    "an unknown field": ({**CAPILLARY, "customFields": {}}, 400, "no field 'customFields'"),
    "a field in the wrong place": (profiled(extendedFields={}), 400, "no field 'extendedFields'"),
    "null": (profiled(lastName=None), 400, "$.profiles[0].lastName: found null, wanted string"),
    "an extended field that is a list": (
        {**CAPILLARY, "extendedFields": {"likes": [SECRET]}},
        400,
        "$.extendedFields.likes: found an array",
    ),
    "an unknown loyalty": (
        {**CAPILLARY, "loyaltyInfo": {"loyaltyType": SECRET}},
        400,
        "loyaltyType",
    ),
    "no subscriptions": ({**CAPILLARY, "subscriptionInfo": {"subscriptions": []}}, 400, "subscr"),
}


@pytest.mark.parametrize(("item", "code", "reason"), WRONG.values(), ids=WRONG.keys())
async def test_a_mistake_has_its_published_number_and_nothing_is_stored(client, item, code, reason):
    told = await upsert(client, item)

    assert codes(told) == [code]
    assert reason in told["errors"][0]["message"]
    assert "result" not in told
    assert "entityId" not in told
    assert await customers(client) == {}


async def test_every_mistake_is_told_at_once(client):
    told = await upsert(client, {**profiled(source="SHOP", identifiers=...), "x": 1})

    assert sorted(codes(told)) == [400, 8003, 8005]


async def test_a_shop_of_bricks_needs_no_account(client):
    assert codes(await upsert(client, profiled(source="INSTORE", accountId=...))) == []


@pytest.mark.parametrize("fields", [{"source": "ECOMMERCE"}, {}], ids=["source", "nothing"])
async def test_a_subscription_update_needs_neither_source_nor_account(client, fields):
    await upsert(client, profiled(accountId=""))
    (profile,) = SUBSCRIPTION["profiles"]
    told = await upsert(client, {**SUBSCRIPTION, "profiles": [{**profile, **fields}]})

    assert (codes(told), told["entityId"]) == ([], 1)


async def test_a_profile_that_nobody_has_belongs_to_whom_another_finds(client):
    await upsert(client, person("ECOMMERCE", "a", externalId="1"))
    (found,) = person("ECOMMERCE", "a", externalId="1")["profiles"]
    unknown = {"identifiers": [{"type": "email", "value": MAIL}], "lastName": "Rao"}
    told = await upsert(client, {**SUBSCRIPTION, "profiles": [found, unknown]})

    assert (told["entityId"], codes(told)) == (1, [])
    assert [one["lastName"] for one in told["result"]["profiles"]] == ["Rao"]


async def test_an_unknown_status_label_is_an_error_beside_a_full_result(client):
    """As in the published example: an error, a result, and a failure that is counted."""
    told = await upsert(client, {**CAPILLARY, "statusLabel": "Gone"})

    assert codes(told) == [3017]
    assert (told["entityId"], told["result"]["id"]) == (1, 1)
    assert told["result"]["profiles"][0]["firstName"] == "Asha"
    kept = (await client.get("/_state")).json()["capillary.customer"]["objects"]["1"]
    assert "statusLabel" not in kept


async def test_what_is_too_long_is_cut_without_a_word(client):
    long = "a" * 300 + "@shop.example"
    told = await upsert(
        client,
        profiled(
            firstName="x" * 101,
            lastName="y" * 100,
            identifiers=[
                {"type": "externalId", "value": "i" * 300},
                {"type": "email", "value": long},
            ],
            commChannels=[{"type": "email", "value": long}],
        ),
    )
    (profile,) = told["result"]["profiles"]

    assert (told["errors"], told["warnings"]) == ([], [])
    assert (profile["firstName"], profile["lastName"]) == ("x" * 100, "y" * 100)
    assert [one["value"] for one in profile["identifiers"]] == ["i" * 300, "a" * 255]
    assert profile["commChannels"][0]["value"] == "a" * 255


async def test_invalid_addresses_are_left_out_with_a_warning(client):
    told = await upsert(
        client,
        profiled(
            identifiers=[{"type": "email", "value": SECRET}, {"type": "externalId", "value": "7"}],
            commChannels=[
                {"type": "email", "value": SECRET},
                {"type": "mobile", "value": f"+{MOBILE}"},
                {"type": "ios", "value": "any"},
            ],
        ),
    )
    (profile,) = told["result"]["profiles"]

    assert (codes(told), codes(told, "warnings")) == ([], [8055, 8057, 8058])
    assert [one["type"] for one in profile["identifiers"]] == ["externalId"]
    assert [one["type"] for one in profile["commChannels"]] == ["ios"]


async def test_an_update_keeps_what_it_leaves_out(client):
    await upsert(client, {**profiled(fields={"size": "M"}), "extendedFields": {"a": 1, "b": "x"}})
    sent = {
        "profiles": [
            {
                **without(PROFILE, "lastName", "commChannels"),
                "firstName": "A.",
                "fields": {"likes": "tea"},
            }
        ],
        "extendedFields": {"b": "y"},
    }
    told = await upsert(client, sent)
    (profile,) = told["result"]["profiles"]

    assert (told["entityId"], told["result"]["extendedFields"]) == (1, {"a": 1, "b": "y"})
    assert (profile["firstName"], profile["lastName"]) == ("A.", "Rao")
    assert profile["fields"] == profile["allFields"] == {"size": "M", "likes": "tea"}
    assert len(profile["commChannels"]) == 2


async def test_one_of_the_identifiers_is_enough_to_be_found(client):
    await upsert(client, person("ECOMMERCE", "a", externalId="1", mobile=MOBILE))
    told = await upsert(client, person("ECOMMERCE", "a", mobile=MOBILE, email=MAIL))

    assert told["entityId"] == 1
    assert await customers(client) == {"1": {"ECOMMERCE": {"externalId": "1", "mobile": MOBILE}}}


async def test_an_identifier_that_is_sent_twice_counts_once(client):
    one = {"type": "externalId", "value": "1"}
    told = await upsert(client, identified(one, one))

    assert told["result"]["profiles"][0]["identifiers"] == [one]


async def test_identifiers_change_where_that_is_asked_for(client):
    await upsert(client, person("ECOMMERCE", "a", externalId="1", mobile=MOBILE))
    told = await upsert(
        client, person("ECOMMERCE", "a", externalId="1", mobile="5511987654321"), change=True
    )
    assert (told["entityId"], codes(told, "warnings")) == (1, [])
    assert await customers(client) == {
        "1": {"ECOMMERCE": {"externalId": "1", "mobile": "5511987654321"}}
    }

    # Nobody holds the old number any more.
    assert (await upsert(client, person("ECOMMERCE", "a", mobile=MOBILE)))["entityId"] == 2


async def test_identifiers_of_two_customers_of_one_source_are_an_error(client):
    await upsert(client, person("ECOMMERCE", "a", externalId="1"))
    await upsert(client, person("ECOMMERCE", "a", externalId="2", mobile=MOBILE))
    before = await customers(client)
    told = await upsert(
        client, person("ECOMMERCE", "a", externalId="1", mobile=MOBILE), change=True
    )

    assert codes(told) == [8008]
    assert await customers(client) == before


async def test_accounts_of_one_source_are_places_of_their_own(client):
    await upsert(client, person("LINE", "a", externalId="1"))
    told = await upsert(client, person("LINE", "b", externalId="1"))

    assert (told["entityId"], codes(told, "warnings")) == (1, [8050])
    assert len(told["result"]["profiles"]) == 2


async def test_somebody_known_at_another_source_is_combined(client):
    await upsert(client, person("INSTORE", "", externalId="1", mobile=MOBILE))
    told = await upsert(client, person("ECOMMERCE", "a", externalId="9", mobile=MOBILE))

    assert (told["entityId"], codes(told), codes(told, "warnings")) == (1, [], [8050])
    assert await customers(client) == {
        "1": {
            "INSTORE": {"externalId": "1", "mobile": MOBILE},
            "ECOMMERCE": {"externalId": "9", "mobile": MOBILE},
        }
    }
    again = await upsert(client, person("ECOMMERCE", "a", externalId="9"))
    assert (again["entityId"], codes(again, "warnings")) == (1, [])


async def test_somebody_known_as_two_at_other_sources_is_in_conflict(client):
    await upsert(client, person("INSTORE", "", mobile=MOBILE))
    await upsert(client, person("WEBSITE", "w", email=MAIL))
    told = await upsert(client, person("ECOMMERCE", "a", mobile=MOBILE, email=MAIL))

    assert (told["entityId"], codes(told, "warnings")) == (1, [8052, 8050])
    assert set(await customers(client)) == {"1", "2"}


async def test_somebody_whose_other_self_is_here_already_stays_another(client):
    await upsert(client, person("ECOMMERCE", "a", externalId="1"))
    both = person("INSTORE", "", mobile=MOBILE)["profiles"]
    await upsert(client, {"profiles": person("ECOMMERCE", "a", externalId="1")["profiles"] + both})
    told = await upsert(client, person("ECOMMERCE", "a", externalId="2", mobile=MOBILE))

    assert (told["entityId"], codes(told), codes(told, "warnings")) == (2, [], [8066])


async def test_a_changed_identifier_of_somebody_at_another_source_merges_the_two(client):
    await upsert(client, person("INSTORE", "", externalId="1", mobile=MOBILE))
    await upsert(client, person("ECOMMERCE", "a", externalId="9"))
    assert set(await customers(client)) == {"1", "2"}

    changed = person("ECOMMERCE", "a", externalId="9", mobile=MOBILE)
    kept = await upsert(client, changed)
    assert (kept["entityId"], codes(kept, "warnings")) == (2, [])

    told = await upsert(client, changed, change=True)
    assert (told["entityId"], codes(told), codes(told, "warnings")) == (1, [], [8051])
    assert await customers(client) == {
        "1": {
            "INSTORE": {"externalId": "1", "mobile": MOBILE},
            "ECOMMERCE": {"externalId": "9", "mobile": MOBILE},
        }
    }
    assert (await upsert(client, changed))["entityId"] == 1


async def test_a_merged_customer_gives_what_the_other_has_not(client):
    old = {**person("INSTORE", "", mobile=MOBILE), "extendedFields": {"gender": "Female"}}
    new = person("ECOMMERCE", "a", externalId="9")
    await upsert(client, old)
    await upsert(client, {**new, "extendedFields": {"gender": "x"}, "referralCode": "R"})
    changed = person("ECOMMERCE", "a", externalId="9", mobile=MOBILE)
    told = await upsert(client, changed, change=True)

    kept = (await client.get("/_state")).json()["capillary.customer"]["objects"]
    assert (told["entityId"], set(kept)) == (1, {"1"})
    assert kept["1"]["referralCode"] == "R"
    assert kept["1"]["extendedFields"] == {"gender": "Female"}


async def test_an_identifier_may_move_to_another_profile_of_the_same_customer(client):
    await upsert(client, person("INSTORE", "", externalId="1", mobile=MOBILE))
    await upsert(client, person("ECOMMERCE", "a", externalId="9", mobile=MOBILE))
    told = await upsert(
        client, person("ECOMMERCE", "a", externalId="1", mobile=MOBILE), change=True
    )

    assert (told["entityId"], codes(told), codes(told, "warnings")) == (1, [], [])


async def test_customers_with_profiles_at_one_place_are_not_merged(client):
    await upsert(client, person("ECOMMERCE", "a", externalId="1"))
    two = [*person("ECOMMERCE", "a", externalId="2")["profiles"]]
    two += person("INSTORE", "", mobile=MOBILE)["profiles"]
    await upsert(client, {"profiles": two})
    told = await upsert(
        client, person("ECOMMERCE", "a", externalId="1", mobile=MOBILE), change=True
    )

    assert (told["entityId"], codes(told, "warnings")) == (1, [8053])
    assert set(await customers(client)) == {"1", "2"}


async def test_a_customer_can_be_raised_to_loyalty_and_never_lowered(client):
    plain = {**CAPILLARY, "loyaltyInfo": {"loyaltyType": "non_loyalty"}}

    assert (await upsert(client, plain))["result"]["loyaltyInfo"]["loyaltyType"] == "non_loyalty"
    assert (await upsert(client, CAPILLARY))["result"]["loyaltyInfo"]["loyaltyType"] == "loyalty"
    assert codes(await upsert(client, plain)) == [8018]
    unsaid = await upsert(client, without(CAPILLARY, "loyaltyInfo"))
    assert unsaid["result"]["loyaltyInfo"]["loyaltyType"] == "loyalty"


def test_the_time_of_adding_stays_and_that_of_the_change_moves():
    customers, profile = Customers(), Profile(("INSTORE", ""), (("email", MAIL),), {})
    for at in ("2026-06-01T12:00:00Z", "2026-06-02T12:00:00Z"):
        customers.upsert([profile], None, change=False, at=at, warnings=[])

    (kept,) = customers.all.values()
    assert (kept.created, kept.modified) == ("2026-06-01T12:00:00Z", "2026-06-02T12:00:00Z")
