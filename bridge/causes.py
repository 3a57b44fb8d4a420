"""
The words for why something is a dead letter: where it went wrong, and what was wrong there.

They are written into the journal and into people's scripts, so none is renamed or used for
something else.  None of them is ever made of what a customer or a shop wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

#: Where it went wrong.
Stage = Literal["read", "map", "validate", "fetch", "send", "store"]

#: What was wrong, as far as the bridge itself says so.
Code = Literal[
    "missing",
    "wrong_kind",
    "wrong_form",
    "not_allowed",
    "not_known",
    "too_long",
    "too_short",
    "out_of_range",
    "ambiguous",
    "contradiction",
    "not_unicode",
    "not_json",
    "not_form",
    "too_deep",
    "function_failed",
    "no_address",
    "no_answer",
    "refused",
    "nothing_stored",
    "redirected",
    "out_of_time",
    "store_stopped",
    "body_gone",
    "not_connected",
]

STAGES: Mapping[Stage, str] = {
    "read": "the body of the webhook; what the shop sends is not what its platform documents",
    "map": "a line of the source file (`mappings/sources/`)",
    "validate": "a line of the destination file (`mappings/destinations/`), or what the endpoint's "
    "own rules want of it",
    "fetch": "the store's API, which was asked for what the webhook leaves out",
    "send": "the destination: it said no for good",
    "store": "the bridge gave it up",
}

CODES: Mapping[Code, str] = {
    "missing": "nothing was found where something is needed",
    "wrong_kind": "found one kind of value and wanted another, such as text for a number",
    "wrong_form": "the right kind of value, but not written as wanted",
    "not_allowed": "a value that is not in the list of those that are",
    "not_known": "a field that the endpoint does not have",
    "too_long": "a text, a list or an answer is longer than can be",
    "too_short": "a text or a list is shorter than may be",
    "out_of_range": "a number or date is too large, too small, or does not exist",
    "ambiguous": "it may be read in two ways, such as a time without an offset",
    "contradiction": "two things that cannot both be true",
    "not_unicode": "bytes or halves of characters that are no text",
    "not_json": "no JSON, where some was wanted",
    "not_form": "no form, where one was announced",
    "too_deep": "nested too deeply to read",
    "function_failed": "a function of your own has a mistake",
    "no_address": "the address that would be called is none",
    "no_answer": "no sensible answer, after all attempts",
    "refused": "refused, and nothing says why",
    "nothing_stored": "accepted, but the answer says that nothing was stored",
    "redirected": "the answer leads to another address, which is not followed",
    "out_of_time": "not delivered within the horizon",
    "store_stopped": "left to the store's repeats, and it has stopped repeating",
    "body_gone": "its body was deleted before it could be sent",
    "not_connected": "the store does not feed this endpoint any more",
}

assert set(CODES) == set(get_args(Code))  # noqa: S101 - mypy knows the words, people their meaning


def of_model(error_type: str) -> Code:
    """
    Say in our words what pydantic calls *error_type*.

    Source: https://docs.pydantic.dev/latest/errors/validation_errors/
    """
    if error_type in _OF_MODEL:
        return _OF_MODEL[error_type]
    if error_type.endswith(("_type", "_parsing", "_from_float")):
        return "wrong_kind"
    if error_type.endswith("too_long"):
        return "too_long"
    return "too_short" if error_type.endswith("too_short") else "wrong_form"


_OF_MODEL: Mapping[str, Code] = {
    "missing": "missing",
    "extra_forbidden": "not_known",
    "literal_error": "not_allowed",
    "enum": "not_allowed",
    "decimal_max_digits": "too_long",
    "decimal_whole_digits": "too_long",
    "decimal_max_places": "too_long",
    **dict.fromkeys(
        ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of"),
        "out_of_range",
    ),
}


def http(status: int) -> str:
    """Make the code of an HTTP status: ``http_422``."""
    return f"http_{status}"
