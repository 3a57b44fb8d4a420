"""The command line keeps its contract: forms, words and exit codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from typer.testing import CliRunner

from bridge import exact
from bridge.app import configure
from bridge.cli import app
from bridge.errors import ConfigError, SettingsError
from bridge.fixtures import ARRIVED
from bridge.load import Loaded
from bridge.send import known_credentials, prepare
from bridge.settings import read_settings
from bridge.types import InboundRequest
from bridge.verify import Proofs, verify
from tests.conftest import ROOT
from tests.signatures import JWT, private_pem, public_pem

FIXTURES = ROOT / "tests" / "fixtures"
BODY = str(FIXTURES / "shopify" / "order_paid" / "request.body")
PAID = ["map", "--source", "shopify", "--topic", "orders/paid"]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def printed(*arguments: str) -> Any:
    return exact.read(run(*arguments).stdout)


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_map_prints_one_object_with_the_event_and_every_payload() -> None:
    told = printed(*PAID, BODY)

    assert run(*PAID, BODY).exit_code == 0
    assert told["status"] == "mapped"
    assert told["event"]["type"] == "order_paid"
    assert str(told["event"]["order"]["paid"]) == "196.20"
    assert set(told["payloads"]) >= {"bonifiq.order", "cheqpay.customer"}
    assert set(told["skipped"]) >= {"bonifiq.customer", "bonifiq.affiliate"}
    assert str(told["payloads"]["bonifiq.order"]["OrderTotal"]) == "196.20"


def test_map_tells_every_line_of_what_cannot_be_mapped(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"id": 1, "financial_status": "paid", "total_price": "12,50"}')

    result = run(*PAID, str(body))
    told = json.loads(result.stdout)

    assert result.exit_code == 3
    assert told["status"] == "unmappable"
    total = next(one for one in told["errors"] if one["field"] == "order.total")
    assert total["file"] == "mappings/sources/shopify.toml"
    assert total["line"] > 1
    assert "12,50" not in result.stdout


def test_map_tells_who_refuses_a_body_and_what_the_others_get() -> None:
    nameless = str(FIXTURES / "shopify" / "customer_without_name" / "request.body")

    result = run("map", "--source", "shopify", "--topic", "customers/create", nameless)
    told = json.loads(result.stdout)

    assert result.exit_code == 3
    assert told["status"] == "refused"
    [error] = told["errors"]
    assert (error["field"], error["file"]) == (
        "firstName",
        "mappings/destinations/cheqpay_customer.toml",
    )
    assert "bonifiq.customer" in told["payloads"]
    assert "cheqpay.customer" not in told["payloads"]


def test_map_says_why_a_body_is_ignored() -> None:
    pending = str(FIXTURES / "shopify" / "pending_not_paid" / "request.body")

    result = run(*PAID, pending)

    assert result.exit_code == 0
    assert json.loads(result.stdout)["status"] == "ignored"
    assert "financial_status" in json.loads(result.stdout)["reason"]


def test_map_says_whom_a_request_erases_and_what_is_left_to_a_person() -> None:
    folder = FIXTURES / "shopify"
    start = ["map", "--source", "shopify", "--topic"]

    erased = printed(*start, "customers/redact", str(folder / "customers_redact" / "request.body"))
    left = run(*start, "shop/redact", BODY)

    assert erased["status"] == "erased"
    assert erased["customer"] == ["alguem.inventado@example.com", "8100000000065"]
    assert erased["orders"] == ["6100000000001", "6100000000002"]
    assert left.exit_code == 0
    assert exact.read(left.stdout)["status"] == "person"
    assert "asks to erase what is kept of the store, and its body does not" in left.stdout


def test_explain_says_of_a_request_what_it_asks_for() -> None:
    assert run("explain", str(FIXTURES / "shopify" / "customers_redact")).stdout == (
        "topic customers/redact: asks to erase what is kept\n"
    )


def test_map_takes_settings_of_sources_and_endpoints() -> None:
    ids = printed(*PAID, "--setting", "customer_key=id", BODY)
    waiting = printed(*PAID, "--setting", "complete_on=completed_at", BODY)

    assert ids["payloads"]["bonifiq.order"]["Customer"]["OriginalId"] == "8100000000011"
    assert "bonifiq.order" not in waiting["payloads"]
    assert "complete_on" in waiting["skipped"]["bonifiq.order"]


def test_map_tells_what_was_left_out_and_takes_the_stores_country(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    order = json.loads(Path(BODY).read_text())
    order["customer"]["phone"] = "(202) 555-0142"
    order["billing_address"] = order["shipping_address"] = None
    body.write_text(json.dumps(order))

    left_out = printed(*PAID, str(body))
    wrong = printed(*PAID, "--setting", "country=BR", str(body))
    right = printed(*PAID, "--setting", "country=US", str(body))

    [remark] = left_out["remarks"]
    assert (remark["field"], remark["file"]) == ("customer.phone", "mappings/sources/shopify.toml")
    assert remark["line"] > 1
    assert remark["message"].startswith("left out: it has no + and the store no country")
    assert "phone" not in left_out["event"]["customer"]
    assert "Phone" not in left_out["payloads"]["bonifiq.order"]["Customer"]
    assert [one["message"] for one in wrong["remarks"]] == ["left out: no phone number of BR"]
    assert "remarks" not in right
    assert right["payloads"]["bonifiq.order"]["Customer"]["Phone"] == "+12025550142"


def test_map_says_which_settings_an_endpoint_waits_for_and_maps_for_the_others() -> None:
    body = str(FIXTURES / "shopify" / "customer_created" / "request.body")
    created = ["map", "--source", "shopify", "--topic", "customers/create"]
    given = ["--setting", "source=ECOMMERCE", "--setting", "account_id=main"]

    without = printed(*created, body)
    complete = printed(*created, *given, body)

    assert without["skipped"]["capillary.customer"] == (
        "it needs --setting source=..., --setting account_id=..."
    )
    assert "bonifiq.customer" in without["payloads"]
    assert "capillary.customer" not in complete["skipped"]
    assert complete["payloads"]["capillary.customer"]["profiles"][0]["accountId"] == "main"


def test_map_takes_what_a_fetch_would_answer(tmp_path: Path) -> None:
    sale = {
        "kind": "SALE",
        "status": "SUCCESS",
        "gateway": "gift_card",
        "amountSet": {"shopMoney": {"amount": "96.20"}},
    }
    file = tmp_path / "extra.json"
    file.write_text(json.dumps({"data": {"order": {"transactions": [sale]}}}))

    for option in (str(file), f"extra={file}"):
        told = printed(*PAID, "--resource", option, BODY)
        assert str(told["payloads"]["bonifiq.order"]["OrderTotal"]) == "100.00"


def test_map_takes_headers() -> None:
    told = printed(*PAID, "--header", "X-Shopify-Event-Id=abc", BODY)

    assert told["event"]["key"] == "abc"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--setting", "customer_kye=id"], "did you mean 'customer_key'"),
        (["--setting", "customer_key=phone"], "wanted one of email, id, document"),
        (["--setting", "country=br"], "did you mean 'BR'?"),
        (["--setting", "customer_key"], "wanted NAME=VALUE"),
        (["--resource", "other=pyproject.toml"], "fetches no 'other'"),
        (["--resource", "none.json"], "there is no file none.json"),
    ],
)
def test_a_wrong_argument_is_told_with_what_was_wanted(options: list[str], told: str) -> None:
    result = run(*PAID, *options, BODY)

    assert isinstance(result.exception, ConfigError)
    assert told in str(result.exception)


def test_check_finds_nothing_in_what_is_shipped() -> None:
    result = run("check", "--fixtures")

    assert result.exit_code == 0, result.stdout


def test_check_tells_every_mistake_of_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings = copied(tmp_path)
    source = mappings / "sources" / "shopify.toml"
    source.write_text(source.read_text().replace("body.total_price", "body.total_price | decimel"))
    target = mappings / "destinations" / "bonifiq_order.toml"
    target.write_text(target.read_text().replace("order.coupon", "order.cupon"))
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(mappings))

    result = run("check")

    assert result.exit_code == 2
    assert "did you mean 'decimal'?" in result.stdout
    assert "did you mean 'coupon'?" in result.stdout
    assert "2 problems" in result.stdout


def test_check_names_the_secrets_that_are_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(with_store(tmp_path)))

    result = run("check")

    assert result.exit_code == 2
    assert "SHOP_SECRET: " in result.stdout
    assert "SHOP_KEY: " in result.stdout


def test_check_tells_what_is_kept_too_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(with_store(tmp_path)))
    monkeypatch.setenv("BRIDGE_KEEP_BODIES", "2")

    result = run("check")

    assert result.exit_code == 2
    assert "BRIDGE_KEEP_BODIES: 2 days, and store 'shop' goes on trying for 3 (" in result.stdout


def test_check_names_the_secrets_that_their_platform_has_no_use_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(with_acme(tmp_path, "[verify.jwt]")))
    for name in ("SHOP_SECRET", "SHOP_TOKEN", "SHOP_KEY"):
        monkeypatch.setenv(name, "s3cret")

    result = run("check")

    assert result.exit_code == 2
    assert "SHOP_SECRET: store 'shop' has no use for it, wanted a public key" in result.stdout
    assert "1 problem" in result.stdout
    assert "s3cret" not in result.stdout
    with pytest.raises(SettingsError, match="SHOP_SECRET: store 'shop'"):
        configure(read_settings())


def test_check_finds_a_path_that_no_fixture_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings = copied(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "fixtures").symlink_to(FIXTURES)
    source = mappings / "sources" / "shopify.toml"
    source.write_text(source.read_text().replace("body.location_id", "body.locatoin_id"))
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(mappings))

    result = run("check", "--fixtures")

    assert result.exit_code == 2
    assert "no 'locatoin_id' under body" in result.stdout
    assert "did you mean 'location_id'?" in result.stdout


def test_check_finds_an_endpoint_that_no_fixture_feeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixtures = tmp_path / "tests" / "fixtures"
    fixtures.mkdir(parents=True)
    (fixtures / "shopify").symlink_to(FIXTURES / "shopify")
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(copied(tmp_path)))

    result = run("check", "--fixtures")

    assert result.exit_code == 2
    assert "capillary_customer.toml:1:1: no fixture gives its required settings" in result.stdout
    assert "bonifiq_customer.toml" not in result.stdout


def test_an_operators_own_function_is_checked_and_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings = copied(tmp_path)
    (mappings / "functions.py").write_text(
        "from bridge.mapping.functions import Example, function\n"
        "@function(Example('#1001', returns='1001'))\n"
        "def bare(number: str) -> str:\n"
        "    'Take the mark off a number.'\n"
        "    return number.removeprefix('#')\n"
    )
    source = mappings / "sources" / "shopify.toml"
    source.write_text(source.read_text().replace('"body.name"', '"body.name | bare"'))
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(mappings))

    assert run("check").exit_code == 0
    assert printed(*PAID, BODY)["event"]["order"]["number"] == "1001"

    functions = mappings / "functions.py"
    functions.write_text(functions.read_text().replace("returns='1001'", "returns='1002'"))

    wrong = run("check")
    assert wrong.exit_code == 2
    assert "function 'bare'" in wrong.stdout


def test_explain_follows_a_field_back_to_the_body() -> None:
    told = run("explain", str(FIXTURES / "shopify" / "order_paid")).stdout

    assert "OrderTotal = 196.20" in told
    assert "mappings/destinations/bonifiq_order.toml:" in told
    assert "Products[1].ProductPrice = 98.10" in told
    assert "body.customer.email  ->  'ana.exemplo@example.com'" in told


def test_send_signs_as_the_platform_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: Loaded
) -> None:
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(with_store(tmp_path)))
    monkeypatch.setenv("SHOP_SECRET", "s3cret")
    body = Path(BODY).read_bytes()

    first = prepare(read_settings(), "shop", "orders/paid", body, {}, None)
    again = prepare(read_settings(), "shop", "orders/paid", body, {}, None)
    other = prepare(read_settings(), "shop", "orders/updated", body, {}, None)

    assert first.url == "http://127.0.0.1:8080/webhooks/shop"
    assert first.headers["x-shopify-topic"] == "orders/paid"
    assert first.headers["x-shopify-shop-domain"] == "shop.example"
    assert first.headers["x-shopify-event-id"] == again.headers["x-shopify-event-id"]
    assert first.headers["x-shopify-event-id"] != other.headers["x-shopify-event-id"]
    scheme = loaded.checked.sources["shopify"].verify["hmac"].engine.scheme
    request = InboundRequest("shop", "POST", first.headers, {}, body, ARRIVED)
    assert verify(request, scheme, Proofs(secrets=("s3cret",)), now=ARRIVED)


ACME = """
platform = "acme"
{verify}
[webhook]
topic = "header.x-topic"
[answer]
within = 5.0
retries = false
[topics]
paid = []
"""


def with_acme(folder: Path, verify: str) -> Path:
    mappings = with_store(folder)
    (mappings / "sources" / "acme.toml").write_text(ACME.format(verify=verify))
    connections = mappings / "connections.toml"
    connections.write_text(connections.read_text().replace('"shopify"', '"acme"'))
    return mappings


def test_send_puts_a_secret_into_the_path_where_the_platform_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings = with_acme(tmp_path, "[verify.shared_secret]\npath = true")
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(mappings))
    monkeypatch.setenv("SHOP_SECRET", "s3cret")

    sent = prepare(read_settings(), "shop", "paid", b"{}", {}, "https://bridge.example/")

    assert sent.url == "https://bridge.example/webhooks/shop/s3cret"
    assert "s3cret" not in repr(sent)


def test_send_makes_the_token_that_the_platform_would_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(with_acme(tmp_path, "[verify.jwt]")))
    monkeypatch.setenv("SHOP_SECRET", private_pem())

    sent = prepare(read_settings(), "shop", "paid", b'{"data": 1}', {}, None)

    request = InboundRequest("shop", "POST", sent.headers, {}, sent.body, ARRIVED)
    verify(request, JWT, Proofs(secrets=(public_pem(),)), now=datetime.now(UTC))


def test_send_says_what_only_the_platform_can_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(with_acme(tmp_path, "[verify.jwt]")))
    monkeypatch.setenv("SHOP_SECRET", public_pem())

    with pytest.raises(ConfigError, match="only the platform can sign"):
        prepare(read_settings(), "shop", "paid", b"{}", {}, None)


def test_send_to_a_store_that_is_not_there_names_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(with_store(tmp_path)))

    with pytest.raises(ConfigError, match="did you mean 'shop'"):
        prepare(read_settings(), "shopp", "orders/paid", b"{}", {}, None)


def test_credentials_are_known_by_vendor_as_far_as_they_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings = with_store(tmp_path)
    connections = mappings / "connections.toml"
    connections.write_text(
        connections.read_text()
        + """
[stores.shop.endpoints."bonifiq.customer"]
credentials = { user = "SHOP_TOKEN", password = "SHOP_KEY" }
[stores.shop.endpoints."bonifiq.affiliate"]
credentials = { user = "OTHER_TOKEN", password = "SHOP_KEY" }
"""
    )
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(mappings))
    monkeypatch.setenv("SHOP_TOKEN", "a token")
    monkeypatch.delenv("SHOP_KEY", raising=False)
    assert known_credentials(read_settings()) == {}

    monkeypatch.setenv("SHOP_KEY", "a key")
    account = {"user": "a token", "password": "a key"}
    assert known_credentials(read_settings()) == {"bonifiq": [account]}

    monkeypatch.setenv("OTHER_TOKEN", "another")
    accounts = [account, {"user": "another", "password": "a key"}]
    assert known_credentials(read_settings()) == {"bonifiq": accounts}


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({}, "bonifiq, cheqpay, capillary: credentials that are not empty"),
        (
            {"bonifiq": [{"user": "a", "password": "b"}]},
            (
                "bonifiq: credentials of connections.toml; "
                "cheqpay, capillary: credentials that are not empty"
            ),
        ),
        # A destination that an operator has added has no stand-in.
        (
            {"adnet": [{"key": "a"}]},
            "bonifiq, cheqpay, capillary: credentials that are not empty",
        ),
    ],
)
def test_the_sandbox_says_whom_it_lets_in(known, told, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr("bridge.send.known_credentials", lambda _: known)
    monkeypatch.setattr("uvicorn.run", lambda app, **_: served.append(app))
    result = run("sandbox", "--port", "8123")

    assert result.exit_code == 0
    assert len(served) == 1
    assert f"http://127.0.0.1:8123; {told}; see " in result.stderr


def copied(folder: Path) -> Path:
    mappings = folder / "mappings"
    for name in ("sources", "destinations"):
        (mappings / name).mkdir(parents=True)
        for file in (ROOT / "mappings" / name).glob("*.toml"):
            (mappings / name / file.name).write_text(file.read_text())
    return mappings


def with_store(folder: Path) -> Path:
    mappings = copied(folder)
    (mappings / "connections.toml").write_text("""
[stores.shop]
source  = "shopify"
tenant  = "shop.example"
secrets = ["SHOP_SECRET"]
[stores.shop.endpoints."bonifiq.order"]
credentials = { user = "SHOP_TOKEN", password = "SHOP_KEY" }
""")
    return mappings


def test_serve_tells_every_process_with_how_many_it_shares_the_limits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    served: list[int] = []

    def serve(config: uvicorn.Config) -> int:
        served.append(config.workers)
        return 0

    monkeypatch.setattr("bridge.server.run", serve)
    monkeypatch.setenv("BRIDGE_JOURNAL", f"sqlite:///{tmp_path}/journal.db")
    monkeypatch.setenv("BRIDGE_WORKERS", "1")

    assert run("serve").exit_code == 0
    assert run("serve", "--workers", "3").exit_code == 0

    assert served == [1, 3]
    assert read_settings().workers == 3
    assert isinstance(run("serve", "--workers", "0").exception, ConfigError)
