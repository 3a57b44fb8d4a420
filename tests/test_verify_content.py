"""A wrong template of what is signed is refused when it is read, with its place."""

from __future__ import annotations

import pytest

from bridge.verify import (
    NotAContent,
    covers_body,
    parse_content,
    parse_timestamp,
    signed_paths,
)
from bridge.verify.content import JsonPath, Whole


@pytest.mark.parametrize(
    ("text", "covers"),
    [
        ("{raw}", True),
        ("{header.x-ts}.{raw}", True),
        ("{url}{raw}", True),
        ("{raw|base64}", True),
        ("{ raw | base64 }", True),
        ("{body.eventCreated}.{body.eventId}", False),
        ("{header.webhook-id}", False),
        ("{body.'odd name'.id}", False),
        ("{query}", False),
        ("{query.shop}{raw}", True),
    ],
)
def test_a_template_tells_whether_the_body_is_signed(text, covers):
    assert covers is covers_body(parse_content(text))


def test_a_name_with_other_characters_stands_in_quotes():
    assert (JsonPath(("odd name", "id")),) == parse_content("{body.'odd name'.id}")


def test_the_single_values_that_are_signed_are_known_by_their_paths():
    content = parse_content("{query}{raw | base64}.{header.x-id}.{query.at}.{body.a.b}.{body.c}")

    assert signed_paths(content) == {
        ("header", "x-id"),
        ("query", "at"),
        ("body", "a", "b"),
        ("body", "c"),
    }
    assert signed_paths(None) == frozenset()


def test_what_stands_between_the_holes_is_kept_with_its_blanks():
    assert (b" v0: ", Whole.RAW, b"\n") == parse_content(" v0: {raw}\n")


def test_without_a_template_the_body_is_signed():
    assert covers_body(None) is True


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("{raw", 0, "'{' without its partner"),
        ("a}{raw}", 1, "'}' without its partner"),
        ("{raw}.{bdoy.id}", 7, "wanted raw, .* found 'bdoy.id'"),
        ("{raw}{}", 6, "found ''"),
        ("{r aw}", 1, "found 'r aw'"),
        ("{body}", 1, "found 'body'"),
        ("{header.x-ts y}{raw}", 1, "found 'header.x-ts y'"),
        ("{body.id | base64}", 1, "no function may stand"),
        ("{header.a.b}{raw}", 1, "header takes one name, found 2"),
        ("{header.X-Ts}{raw}", 1, "lower case, found 'X-Ts'"),
        ("", 0, "nothing of the webhook"),
        ("v0:{url}", 0, "nothing of the webhook"),
    ],
)
def test_a_wrong_template_is_refused_with_its_column(text, column, message):
    with pytest.raises(NotAContent, match=message) as refused:
        parse_content(text)

    assert column == refused.value.column


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{header.x-ts}", "wanted header.NAME"),
        ("raw", "wanted header.NAME"),
        ("header.x-ts y", "wanted header.NAME"),
        ("header.x-ts | us", "in s or ms, not in 'us'"),
        ("", "wanted header.NAME"),
    ],
)
def test_a_wrong_place_of_a_timestamp_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_timestamp(text)
