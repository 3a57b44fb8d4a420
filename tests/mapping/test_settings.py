"""What a store may set: its value, its default, or nothing; and texts of a command line."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from bridge.mapping.lines import read
from bridge.mapping.settings import Rules, check, filled, missing, read_rules, read_text
from bridge.types import Problem

SETTINGS = """
[settings]
key      = { default = "email", one_of = ["email", "id"], about = "Key." }
statuses = { default = ["paid"], about = "Statuses." }
known_by = { default = ["id"], one_of = ["id", "email", "phone"], about = "Known by." }
strict   = { default = false, about = "Strict." }
rate     = { default = 1.5, about = "Rate." }
days     = { default = 5, about = "Days." }
chosen   = { one_of = ["a", "b"], about = "Chosen." }
shop     = { about = "Shop." }
site     = { required = true, about = "Site." }
"""


@pytest.fixture
def rules() -> Rules:
    problems: list[Problem] = []
    found = read_rules(read(SETTINGS, "a.toml").entries["settings"], problems)
    assert problems == []
    return found


def test_what_is_not_set_has_its_default_or_is_nothing(rules):
    assert filled(rules, {"shop": "a.example", "days": 7}) == {
        "key": "email",
        "statuses": ["paid"],
        "known_by": ["id"],
        "strict": False,
        "rate": Decimal("1.5"),
        "days": 7,
        "chosen": None,
        "shop": "a.example",
        "site": None,
    }


def test_only_what_is_required_can_be_missing(rules):
    assert missing(rules, {}) == ["site"]
    assert missing(rules, {"site": "x"}) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("key", "id", ""),
        ("key", "document", "wanted one of email, id"),
        ("key", ["id"], "found a list, wanted text"),
        ("known_by", ["phone", "id"], ""),
        ("known_by", ["phone", "fax"], "wanted one of id, email, phone"),
        ("known_by", "id", "found text, wanted a list"),
        ("known_by", [], "found an empty list, wanted at least one of id, email, phone"),
        ("chosen", "a", ""),
        ("chosen", ["a"], "found a list, wanted text"),
        ("key", 5, "found a whole number, wanted text"),
        ("statuses", ["paid", "sent", 3], ""),
        ("statuses", [], ""),
        ("statuses", "paid", "found text, wanted a list"),
        ("statuses", [["paid"]], "found something else in the list, wanted texts or numbers"),
        ("strict", True, ""),
        ("strict", 1, "found a whole number, wanted true or false"),
        ("rate", 2, ""),  # a whole number is a number
        ("rate", Decimal("0.5"), ""),
        ("days", Decimal("0.5"), ""),
        ("days", Decimal("NaN"), "found no number, wanted one such as 1.5"),
        ("shop", {}, "found an object, wanted a number, text, true or false, or a list"),
        ("shop", "x", ""),
        ("shop", 12, "found a whole number, wanted text"),
        ("shop", True, "found true or false, wanted text"),
    ],
)
def test_a_value_is_of_the_kind_of_its_default(rules, name, value, message):
    assert message == check(rules[name], value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("key", "id", "id"),
        ("statuses", "paid, sent,,", ["paid", "sent"]),
        ("statuses", "", []),
        ("strict", "true", True),
        ("strict", "false", False),
        ("rate", "0.75", Decimal("0.75")),
        ("days", "7", 7),
        ("shop", "5", "5"),
    ],
)
def test_a_text_of_the_command_line_is_read_as_its_default_is(rules, name, text, value):
    found = read_text(rules, name, text)

    assert (type(value), value) == (type(found), found)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("kee", "id", "there is no setting 'kee'; did you mean 'key'?"),
        ("key", "document", "setting 'key': wanted one of email, id"),
        ("strict", "yes", "setting 'strict' wants true or false"),
        ("rate", "much", "setting 'rate' wants a number such as 1.5"),
        ("days", "1e3", "setting 'days' wants a number such as 1.5"),
    ],
)
def test_a_text_that_is_no_value_is_told(rules, name, text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read_text(rules, name, text)


def test_a_file_without_settings_has_none():
    assert read_rules(None, []) == {}
    with pytest.raises(ValueError, match="there is no setting 'a'; it has none"):
        read_text({}, "a", "b")
