"""
Every mistake of every file is told at load, with its line and column, and what to do about it.

The files in `invalid/` are named after their mistake.  A message stands in a comment where it
belongs: ``#! COLUMN: message`` at the end of its line, ``#!! message`` at the top for the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.mapping.check import Checked, Files, check, told
from tests.mapping.world import VALID, WORLD, checked, texts

INVALID = Path(__file__).parent / "invalid"
ON_A_LINE = re.compile(r"#! (\d+): (.*?)(?= *#! \d+: |$)")
OF_THE_FILE = re.compile(r"^#!! (.*)$")


def written_in(text: str) -> Iterator[tuple[int, int, str]]:
    """The problems that a wrong file announces."""
    for number, line in enumerate(text.splitlines(), 1):
        if whole := OF_THE_FILE.match(line):
            yield 1, 1, whole[1]
        else:
            for column, message in ON_A_LINE.findall(line):
                yield number, int(column), message


def found_in(checked: Checked, file: str) -> list[tuple[int, int, str]]:
    """The problems of a file, as they are told; there are none in other files."""
    assert {problem.file for problem in checked.problems} <= {file}
    return sorted(
        (one.line, one.column, f"{one.field}: {one.message}" if one.field else one.message)
        for one in checked.problems
    )


def wrong_files(folder: str) -> list[Path]:
    return sorted((INVALID / folder).glob("*.toml"))


@pytest.mark.parametrize("file", wrong_files("sources"), ids=lambda file: file.stem)
def test_a_wrong_source_file_is_told_as_it_says(file):
    text = file.read_text()

    assert sorted(written_in(text)) == found_in(checked(source=text), "sources/acme.toml")


@pytest.mark.parametrize("file", wrong_files("destinations"), ids=lambda file: file.stem)
def test_a_wrong_destination_file_is_told_as_it_says(file):
    text = file.read_text()

    found = found_in(checked(destination=text), "destinations/vendor_order.toml")
    assert sorted(written_in(text)) == found


@pytest.mark.parametrize("file", wrong_files("connections"), ids=lambda file: file.stem)
def test_a_wrong_connections_file_is_told_as_it_says(file):
    text = file.read_text()

    assert sorted(written_in(text)) == found_in(checked(connections=text), "connections.toml")


def test_a_folder_of_wrong_files_is_there():
    """An empty folder would prove nothing."""
    assert [len(wrong_files(folder)) > 10 for folder in ("sources", "destinations", "connections")]
    for folder in ("sources", "destinations", "connections"):
        for file in wrong_files(folder):
            assert list(written_in(file.read_text())), file


def test_valid_files_have_no_mistake():
    found = checked()

    assert found.problems == ()
    (warning,) = found.warnings
    assert str(warning).startswith("connections.toml:20:1: 'bolt' repeats for 10 minutes only: ")
    assert set(found.sources) == {"acme", "bolt"}
    assert set(found.destinations) == {"vendor.order", "vendor.customer"}


def test_stores_are_read_with_what_they_leave_out():
    shop, other = checked().stores["shop"], checked().stores["other"]

    assert (shop.source, shop.tenant, shop.verify) == ("acme", "shop.example", "hmac")
    assert (shop.country, other.country) == ("BR", None)
    assert shop.secrets == ("SHOP_SECRET", "SHOP_NEXT_SECRET")
    assert shop.variables == ("SHOP_SECRET", "SHOP_NEXT_SECRET", "SHOP_KEY", "SHOP_VENDOR_TOKEN")
    assert (shop.park, shop.test_orders, shop.horizon) == (True, False, 72 * 3600.0)
    assert shop.settings == {"site": "shop.example"}
    (order,) = shop.endpoints
    assert (order.endpoint, order.base_url) == ("vendor.order", "https://api.vendor.example")
    assert (order.account, order.settings) == ("shop", {"key": "id"})
    assert order.options == {"region": "eu"}
    assert (order.target, order.per_second, order.at_once) == ("shop/vendor.order", None, None)
    assert (other.verify, other.park, other.secrets) == ("url_token", False, ())
    (customer,) = other.endpoints
    assert (customer.base_url, customer.account) == ("https://eu.vendor.example", "both")
    assert (customer.target, customer.per_second, customer.at_once) == (
        "both/vendor.customer",
        1.5,
        2,
    )


UNPROVEN = """
platform = "acme"
[settings]
site = { required = true, about = "Host of the shop." }
[verify.none]
because = "Acme signs nothing."
[verify.strict]
engine   = "hmac"
header   = ["x-new", "x-old"]
[verify.loose]
engine   = "hmac"
header   = "x-old"
content  = "{header.x-id}.{body.at}"
[webhook]
topic       = "body.topic"
key         = ["body.id", "resource.order.changed"]
occurred_at = "resource.order.changed"
[answer]
within  = 5
retries = false
[[fetch]]
name = "order"
url  = "https://{setting.site}/orders/{body.id}"
[topics]
paid = "order_paid"
[order]
id        = "resource.order.id"
status    = "resource.order.status"
currency  = "resource.order.currency"
placed_at = "resource.order.created"
total     = "resource.order.total"
shipping  = 0
[order.customer]
email = "resource.order.email"
"""
STORE = """
[stores.shop]
source = "acme"
settings.site = "shop.example"
{more}
[stores.shop.endpoints."vendor.order"]
credentials = {{ token = "TOKEN" }}
settings    = {{ key = "id" }}
"""


def test_a_store_that_nothing_proves_is_warned_of_with_the_reason():
    found = checked(UNPROVEN, connections=STORE.format(more='verify = "none"'))

    assert found.problems == ()
    (warning,) = found.warnings
    assert str(warning) == (
        "connections.toml:5:1: nothing proves who sends the webhooks of 'shop', so only what is "
        "fetched is believed: Acme signs nothing."
    )


def test_an_endpoint_that_is_called_in_the_open_is_warned_of():
    said = STORE.format(more='verify = "loose"\nsecrets = ["KEY"]')

    found = checked(UNPROVEN, connections=f'{said}base_url = "http://api.vendor.example/s3cret"\n')

    assert found.problems == ()
    (warning,) = found.warnings
    assert str(warning) == (
        "connections.toml:10:1: base_url: without https, credentials and customers can be read on "
        "the way to it"
    )


def test_a_store_says_which_way_of_proving_counts_and_gives_what_that_needs():
    strict = checked(UNPROVEN, connections=STORE.format(more='verify = "strict"'))
    given = checked(UNPROVEN, connections=STORE.format(more='verify = "loose"\nsecrets = ["KEY"]'))

    assert ["secrets"] == [problem.field for problem in strict.problems]
    assert (given.problems, given.warnings) == ((), ())
    engines = {name: one.engine for name, one in given.sources["acme"].verify.items()}
    assert ["none", "hmac", "hmac"] == [one.scheme.engine for one in engines.values()]
    assert engines["strict"].scheme.headers == ("x-new", "x-old")
    assert engines["loose"].signs == {("header", "x-id"), ("body", "at")}


def test_a_store_whose_address_a_handshake_tells_must_say_it():
    handshake = """
[[handshake]]
when = "query.shop | present"
tenant = "query.shop"
json = { url = "url" }
[[handshake.signed]]
header = "x-sig"
secret = "secret.app"
"""
    more = 'verify = "none"\ntenant = "a.example"\ntokens = { app = "APP" }'
    address = 'url = "https://bridge.example/webhooks/shop"'

    found = checked(UNPROVEN + handshake, connections=STORE.format(more=more))
    given = checked(UNPROVEN + handshake, connections=STORE.format(more=f"{more}\n{address}"))

    assert [(one.field, one.message) for one in found.problems] == [
        ("url", "wanted the address that the platform calls: it is told")
    ]
    assert given.problems == ()
    assert given.stores["shop"].tokens == {"app": "APP"}


def test_a_store_that_a_handshake_tells_secrets_must_say_which_shop_it_is():
    """One app signs for all the shops that have it."""
    handshake = """
[[handshake]]
when = "query.shop | present"
tenant = "query.shop"
json = { secret = "own_secret" }
[[handshake.signed]]
header = "x-sig"
secret = "secret.app"
"""
    more = 'verify = "none"\ntokens = { app = "APP" }'

    found = checked(UNPROVEN + handshake, connections=STORE.format(more=more))

    assert [(one.field, one.message) for one in found.problems] == [
        ("tenant", "wanted what the shop calls itself in query.shop")
    ]


def test_what_a_key_reads_beside_the_body_must_be_signed_by_every_way_of_proving():
    """One of them signs both, and the other nothing at all."""
    signed = UNPROVEN.replace('["body.id", "resource.order.changed"]', '["header.x-id", "body.at"]')
    only_loose = signed.replace('[verify.none]\nbecause = "Acme signs nothing."', "")

    assert ["key"] == [problem.field for problem in checked(signed).problems]
    assert checked(only_loose).problems == ()
    inside = only_loose.replace('"body.at"]', '"body.at[0]"]')
    assert ["key"] == [problem.field for problem in checked(inside).problems]


def test_every_mistake_of_every_file_is_told_at_once():
    """Two in a source, two in a destination, two in connections.toml."""
    source = (VALID / "sources/acme.toml").read_text()
    source = source.replace('"body.created"', '"body.created | timestmp"')
    source = source.replace('"body.email"', '"bodi.email"')
    destination = (VALID / "destinations/vendor_order.toml").read_text()
    destination = destination.replace('"order.kept"', '"order.kpet"').replace("Name ", "Nmae ")
    connections = (VALID / "connections.toml").read_text()
    connections = connections.replace('"SHOP_VENDOR_TOKEN"', '"5f4dcc3b"')
    connections = connections.replace("account ", "acount  ")

    found = checked(source, destination, connections)

    assert [str(problem) for problem in found.problems] == [
        "connections.toml:13:26: token: wanted the name of an environment variable in capital letters, never the secret itself",
        "connections.toml:25:1: endpoint 'vendor.customer' has no 'acount'; did you mean 'account'?",
        "destinations/vendor_order.toml:14:16: Total: 'order' has no field 'kpet'; did you mean 'kept'?",
        "destinations/vendor_order.toml:18:1: there is no field 'Lines.Nmae'; did you mean 'Name'?",
        "sources/acme.toml:38:29: order.placed_at: no function named 'timestmp'; did you mean 'timestamp'?",
        "sources/acme.toml:43:10: customer.email: there is no 'bodi' here; did you mean 'body'?",
    ]  # fmt: skip


def test_a_store_of_a_wrong_source_is_not_called_wrong_for_it():
    source = (VALID / "sources/acme.toml").read_text().replace("within", "wthin")
    connections = (VALID / "connections.toml").read_text()

    found = checked(source=source, connections=connections)

    assert {problem.file for problem in found.problems} == {"sources/acme.toml"}
    assert set(found.stores) == {"other"}


def test_an_endpoint_of_a_wrong_destination_is_not_called_wrong_for_it():
    connections = (VALID / "connections.toml").read_text()

    found = checked(destination="endpoint =", connections=connections)

    assert {problem.file for problem in found.problems} == {"destinations/vendor_order.toml"}


def test_a_source_is_named_after_its_file():
    source = (VALID / "sources/acme.toml").read_text()
    files = Files({"sources/akme.toml": source}, texts("destinations"), None)

    assert [str(problem) for problem in check(files, WORLD).problems] == [
        "sources/akme.toml:1:1: the file is named 'akme', platform = 'acme'"
    ]


def test_two_files_for_one_endpoint_are_one_too_many():
    twice = (VALID / "destinations/vendor_order.toml").read_text()
    files = Files({}, {"a.toml": twice, "b.toml": twice}, None)

    assert [str(problem) for problem in check(files, WORLD).problems] == [
        "b.toml:1:1: 'vendor.order' is in a.toml already"
    ]


def test_problems_are_told_a_line_each():
    found = checked(source="platform = 5\n")

    assert told(found.problems).count("\n") == len(found.problems) - 1


VALUES = [
    "5", "-1", "true", "nan", "inf", "2026-11-21", "05:00:00", '""', '"x"', '"body"', '"body[*]"',
    '"order"', '"order.items[*].id"', '"setting"', '"body | field"', '"body | field(setting)"',
    '"https://{setting}/x"', '"{body.id"', "[]", "[1]", "[[]]", "{}", "{ a = 1 }", "[{ a = 'body' }]",
    '{ each = "body.x" }', '"secret.x"', '"resource"', '"a ?? b | c"', '"item"', "broken",
]  # fmt: skip


@settings(max_examples=60)
@given(
    kind=st.sampled_from(["source", "destination", "connections"]),
    line=st.integers(0, 60),
    value=st.sampled_from(VALUES),
)
def test_whatever_a_line_says_the_files_are_checked_and_told_with_a_place(kind, line, value):
    """Nobody who edits a file ever sees a stack trace."""
    names = {
        "source": "sources/acme.toml",
        "destination": "destinations/vendor_order.toml",
        "connections": "connections.toml",
    }
    lines = (VALID / names[kind]).read_text().splitlines()
    at = line % len(lines)
    name, equals, _ = lines[at].partition("=")
    lines[at] = f"{name}= {value}" if equals else value

    found = checked(**{kind: "\n".join(lines)})

    for problem in found.problems:
        assert problem.file in names.values()
        assert 1 <= problem.line <= len(lines) + 1
        assert problem.column >= 1
        assert problem.message
