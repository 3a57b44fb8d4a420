"""What comes from outside loses a person's data before it reaches a log or a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.redact import redact, redact_line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("customer ana@example.com is blocked", "customer … is blocked"),
        ("document 123.456.789-09 is taken", "document … is taken"),
        ("phone +55 11 99999-0000 unknown", "phone … unknown"),
        ("name 'Ana Exemplo' is too long", "name … is too long"),
        ('field "Ana" is wrong', "field … is wrong"),
        ("error 12 in field OrderTotal", "error 12 in field OrderTotal"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_persons_data_is_taken_out(text: str, told: str) -> None:
    assert told == redact(text)


def test_a_long_text_is_cut() -> None:
    assert len(redact("word " * 200)) == 200


@given(st.emails(), st.text(alphabet="abc ", max_size=20))
def test_no_address_survives(address: str, around: str) -> None:
    assert address not in redact(f"{around} {address} {around}")


def test_a_log_line_tells_where_an_error_was_raised_and_not_its_text() -> None:
    try:
        raise ValueError("ana@example.com")
    except ValueError as error:
        line = redact_line(None, "error", {"event": "x", "exc_info": error})

    assert line["error"] == "ValueError"
    assert "test_a_log_line_tells" in line["raised"][-1]
    assert "ana@example.com" not in str(line)
