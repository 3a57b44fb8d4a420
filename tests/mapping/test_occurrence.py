"""A path that no fixture of the platform has is probably a typo, and is told with its place."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.mapping.check import Files, check
from bridge.mapping.occurrence import unseen
from tests.mapping.world import WORLD

SOURCE = """
platform = "acme"
[verify.shared_secret]
header = "x-secret"
[webhook]
topic = "header.x-topic"
[answer]
within = 5
retries = false
[[fetch]]
name = "more"
url = "https://acme.example/{body.id}"
headers = { x-key = "{secret.key}" }
[topics]
created = "customer_created"
paid = "order_paid"
[customer]
id = "body.id"
[order]
id = "body.id"
status = "'paid'"
currency = "'BRL'"
placed_at = "body.at"
total = "resource.more.total"
shipping = 0
coupon = "LINE"
[order.customer]
email = "body.email"
[order.items]
each = "body.lines ?? body.items"
when = "item.kind | is_not('gift')"
name = "item.name"
total = "item.total"
"""
BODY: dict[str, Any] = {
    "id": 1, "at": "", "email": None, "meta": [{"key": "a", "value": 1}], "tags": [],
    "lines": [{"kind": "sale", "name": "Tea", "total": 1}], "items": [],
}  # fmt: skip


def told(line: str, *bodies: Any, **more: Any) -> list[str]:
    """What is told of a file with this line, over these fixtures."""
    found = check(Files({"sources/acme.toml": SOURCE.replace("LINE", line)}, {}, None), WORLD)
    assert found.problems == ()
    scopes = [
        {
            "header": {"x-topic": "paid"},
            "query": {},
            "body": body,
            "resource": {"more": {"total": 5}},
            **more,
        }
        for body in bodies or (BODY,)
    ]
    return [str(problem) for problem in unseen(found.sources["acme"], scopes)]


@pytest.mark.parametrize(
    "line",
    [
        "body.meta[key='x'].value | first",  # the names, not the value that is looked for
        "body.meta[key!='a'][value=2].key | first",
        "body.meta[0].key",
        "body.email",  # null is there
        "'text'",
    ],
)
def test_a_path_that_a_fixture_has_is_seen(line):
    assert told(line) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("body.emial", "26:16: body.emial: no 'emial' under body in 1 fixtures; did you mean 'email'?"),
        ("body.x ?? body.email", "26:16: body.x: no 'x' under body in 1 fixtures"),
        ("body.meta[kye='a'].value | first", "26:20: body.meta[kye='a'].value: no 'kye' under body.meta in 1 fixtures; did you mean 'key'?"),
        ("body.meta[key='a'].valeu | first", "26:30: body.meta[key='a'].valeu: no 'valeu' under body.meta[key='a'] in 1 fixtures; did you mean 'value'?"),
        ("body.meta[1].key", "26:20: body.meta[1].key: no '[1]' under body.meta in 1 fixtures"),
        ("body.tags[*].name | first", "26:20: body.tags[*].name: no '[*]' under body.tags in 1 fixtures"),
        ("header.x-tipic", "26:18: header.x-tipic: no 'x-tipic' under header in 1 fixtures; did you mean 'x-topic'?"),
        ("query.a", "26:17: query.a: no 'a' under query in 1 fixtures"),
        ("resource.more.totl | append('')", "26:25: resource.more.totl: no 'totl' under resource.more in 1 fixtures; did you mean 'total'?"),
    ],
)  # fmt: skip
def test_a_path_that_no_fixture_has_is_told_with_the_nearest_name(line, message):
    assert told(line) == [f"sources/acme.toml:{message}"]


def test_one_fixture_is_enough():
    assert told("body.rare", BODY, BODY | {"rare": 1}) == []


def test_names_of_elements_are_looked_for_wherever_the_list_may_be():
    other = {**BODY, "items": BODY["lines"]}
    del other["lines"]

    assert told("'text'", BODY, other) == []
    assert told("'text'", {**BODY, "lines": [{"kind": "sale", "nmae": "Tea", "total": 1}]}, {**other, "items": []}) == [
        "sources/acme.toml:32:14: item.name: no 'name' under item in 2 fixtures; did you mean 'nmae'?"
    ]  # fmt: skip
