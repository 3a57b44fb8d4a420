"""Hold a body against a schema, and say what is wrong with it without repeating its values."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import simplejson
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

# Named one by one: a format whose library is not installed is an error here, where a checker of
# all formats would let every text pass.
_FORMATS = FormatChecker(["date-time"])

_KINDS: Mapping[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    Decimal: "a number",
    type(None): "null",
}

#: Keywords whose message in the library holds field names and nothing else.
_NAMES_ONLY = {"required", "additionalProperties"}


def parse(raw: bytes) -> Any:
    """
    Read JSON; numbers with a point stay exact as Decimal.

    Raises:
        ValueError: It is not JSON in UTF-8; the message says where, and repeats nothing.
    """
    if raw.startswith(codecs.BOM_UTF8):
        raise ValueError("the body starts with a byte order mark, which JSON has not")
    try:
        return simplejson.loads(raw.decode(), use_decimal=True)
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is not UTF-8 at byte {error.start}") from None
    except simplejson.JSONDecodeError as error:
        raise ValueError(
            f"the body is not JSON at line {error.lineno} column {error.colno}"
        ) from None
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    except (ValueError, ArithmeticError):
        # Python reads no integer of more than 4300 digits, and no exponent of 20.
        raise ValueError("the body holds a number that is too long") from None


def checker(schema: Mapping[str, Any]) -> Callable[[Any], list[str]]:
    """Make the function that names everything in a body that breaks *schema*."""
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=_FORMATS)

    def check(body: Any) -> list[str]:
        try:
            return sorted(
                f"{error.json_path}: {_say(error)}" for error in validator.iter_errors(body)
            )
        except RecursionError:
            return ["the body is nested too deeply"]

    return check


def _say(error: ValidationError) -> str:
    keyword, wanted = str(error.validator), error.validator_value
    if keyword == "type":
        names = " or ".join(map(str, wanted if isinstance(wanted, list) else [wanted]))
        return f"found {_KINDS[type(error.instance)]}, wanted {names}"
    if keyword == "format":
        return f"found a string, wanted a {wanted}"
    return error.message if keyword in _NAMES_ONLY else f"breaks the rule {keyword!r}"
