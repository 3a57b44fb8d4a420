"""Texts with holes: what a hole becomes, and what makes the whole nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bridge.kinds import Refused
from bridge.mapping.lines import Scalar, read
from bridge.mapping.text import Text, compile_answer, compile_free, compile_header, compile_url
from bridge.types import Problem
from tests.mapping.running import SETTINGS, compiler


def text(written: str, *, url: bool = False, json: bool = False) -> Text:
    """Compile a text that is right."""
    problems: list[Problem] = []
    node = read(f"x = '''{written}'''", "a.toml").entries["x"]
    made = (
        compile_url(node, compiler(problems), "url")
        if url
        else compile_answer(node, compiler(problems), "text")
        if json
        else compile_header(node, compiler(problems), "text")
    )
    assert problems == []
    assert made is not None
    return made


def filled(written: str, body: Any, *, url: bool = False, json: bool = False) -> str | None:
    return text(written, url=url, json=json).fill({"body": body, "setting": SETTINGS})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("plain", "plain"),
        ("{body.a}", "a b"),
        ("Bearer {body.a}!", "Bearer a b!"),
        ("{body.n}-{body.d}-{body.yes}", "7-1.50-true"),
        ("{body.a | append('}{')}", "a b}{"),  # a brace in quotes is text
        ("{body.missing ?? 'none'}", "none"),
        ("{body.missing}", None),
        ("before {body.empty} after", None),
        ("", ""),
    ],
)
def test_holes_are_filled_as_they_are_and_nothing_makes_the_whole_nothing(written, expected):
    body = {"a": "a b", "n": 7, "d": Decimal("1.50"), "yes": True, "empty": ""}

    assert expected == filled(written, body)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://a.example/{body.id}", "https://a.example/a%2Fb%3F%26%20%C3%A9"),
        ("https://a.example/x?q={body.id}", "https://a.example/x?q=a%2Fb%3F%26%20%C3%A9"),
        ("https://a.example?q={body.id}", "https://a.example?q=a%2Fb%3F%26%20%C3%A9"),
        ("https://a.example/{body.up}/x", "https://a.example/..%2F..%2Fadmin/x"),
        ("https://{setting.word}.example/{body.n}", "https://x.example/7"),
        ("{setting.word}/orders/{body.n}", "x/orders/7"),
        ("https://a.example/{body.missing}", None),
        ("https://{setting.unset}/x", None),
    ],
)
def test_holes_of_an_address_are_percent_encoded_behind_the_host(written, expected):
    body = {"id": "a/b?& é", "n": 7, "up": "../../admin"}

    assert expected == filled(written, body, url=True)


@pytest.mark.parametrize("value", [[], {}, ["a"], "half \ud83d pair"], ids=repr)
def test_what_is_no_text_is_refused_without_the_value(value):
    with pytest.raises(Refused) as caught:
        filled("https://a.example/{body.x}", {"x": value}, url=True)

    assert str(value) not in str(caught.value)


@pytest.mark.parametrize("value", ["a\r\nx-admin: 1", "a\n", "é", "a\0"], ids=repr)
def test_a_header_takes_no_character_that_would_end_it_or_that_it_cannot_hold(value):
    with pytest.raises(Refused, match=r"^found characters that no header holds, wanted ASCII$"):
        filled("Bearer {body.x}", {"x": value})

    assert filled("{body.x}", {"x": value}, json=True) == value


def test_an_answer_may_be_json_around_its_holes():
    assert filled('{"challenge": "{body.c}"}', {"c": "x"}, json=True) == '{"challenge": "x"}'


def test_a_body_to_send_is_a_table_of_expressions():
    problems: list[Problem] = []
    node = read('x = { a = "body.a", b = "body.b", c = { d = 5, e = true }, f = ["body.a", "\'g\'"] }',
                "a.toml").entries["x"]  # fmt: skip

    run = compile_free(node, compiler(problems), "json")

    assert problems == []
    assert run({"body": {"a": 1}}) == {"a": 1, "c": {"d": 5, "e": True}, "f": [1, "g"]}


def test_a_hole_in_a_text_of_several_lines_is_told_on_its_own():
    problems: list[Problem] = []
    node = read('x = """\nfirst\n {bodi.a}"""', "a.toml").entries["x"]
    assert isinstance(node, Scalar)

    assert compile_header(node, compiler(problems), "text") is None
    assert [str(one) for one in problems] == [
        "a.toml:3:3: text: there is no 'bodi' here; did you mean 'body'?"
    ]
