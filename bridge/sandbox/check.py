"""Hold a body against a schema, and say what is wrong with it without repeating its values."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from bridge import exact
from bridge.kinds import Refused

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
_FORMAT_NAMES: Mapping[str, str] = {
    "date-time": "a date-time",
    "email": "an e-mail address",
    "phone": "a telephone number with plus sign and country code",
}

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(\.{_LABEL})*")
_CALLING_NUMBER = re.compile("[1-9][0-9]{1,14}")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong with a request."""

    told: str  #: what was found and what was wanted, never a value
    place: str = ""  #: path in the body, such as ``$.Products[0]``; "" when it is in no field
    rule: str = ""  #: the keyword of the schema that is broken
    name: str = ""  #: the field that is missing at the place, or unknown there

    def __str__(self) -> str:
        return f"{self.place}: {self.told}" if self.place else self.told

    @property
    def field(self) -> str:
        """The field that it is about, such as ``address.city``; "" when it is all of the body."""
        place = self.place.removeprefix("$").removeprefix(".")
        return ".".join(filter(None, (place, self.name)))


def parse(raw: bytes) -> Any:
    """
    Read JSON; numbers with a point stay exact as Decimal.

    Raises:
        ValueError: It is not JSON in UTF-8; the message says where, and repeats nothing.
    """
    if raw.startswith(codecs.BOM_UTF8):
        raise ValueError("the body starts with a byte order mark, which JSON has not")
    try:
        return exact.read(raw)
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"the body is not JSON at line {error.lineno} column {error.colno}"
        ) from None
    except Refused as refused:
        raise ValueError(f"the body is not JSON: {refused}") from None
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    except (ValueError, ArithmeticError):
        # Python reads no integer of more than 4300 digits, and no exponent of 20.
        raise ValueError("the body holds a number that is too long") from None


def checker(schema: Mapping[str, Any]) -> Callable[[Any], list[Flaw]]:
    """Make the function that names everything in a body that breaks *schema*."""
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=_FORMATS)

    def check(body: Any) -> list[Flaw]:
        try:
            found = {flaw for error in validator.iter_errors(body) for flaw in _flaws(error)}
        except RecursionError:
            return [Flaw("the body is nested too deeply")]
        return sorted(found, key=str)

    return check


@_FORMATS.checks("email")
def is_email(text: object) -> bool:
    """
    Say whether a browser's form would take *text* for an e-mail address.

    Source: https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
    """
    return not isinstance(text, str) or _EMAIL.fullmatch(text) is not None


def is_calling_number(text: str) -> bool:
    """
    Say whether *text* is a telephone number from the country code on: digits and nothing else.

    At most 15 of them, and no country code begins with 0; how few there may be is not said.
    Source: https://www.itu.int/rec/T-REC-E.164
    """
    return _CALLING_NUMBER.fullmatch(text) is not None


@_FORMATS.checks("phone")
def _is_phone(text: object) -> bool:
    return not isinstance(text, str) or (text[:1] == "+" and is_calling_number(text[1:]))


def _flaws(error: ValidationError) -> Iterator[Flaw]:
    place, keyword = error.json_path, str(error.validator)
    wanted: Any = error.validator_value
    body: Any = error.instance
    schema: Any = error.schema
    if keyword == "required":
        # The library makes an error of each, and does not say of which.
        for name in (one for one in wanted if one not in body):
            yield Flaw(f"'{name}' is missing", place, keyword, name)
    elif keyword == "additionalProperties":
        for name in body.keys() - schema["properties"].keys():
            yield Flaw(f"there is no field '{name}'", place, keyword, name)
    else:
        yield Flaw(_say(body, keyword, wanted), place, keyword)


def _say(body: object, keyword: str, wanted: Any) -> str:
    if keyword == "type":
        names = " or ".join(map(str, wanted if isinstance(wanted, list) else [wanted]))
        return f"found {_KINDS[type(body)]}, wanted {names}"
    if keyword == "format":
        return f"found a string, wanted {_FORMAT_NAMES[wanted]}"
    if keyword == "enum":
        return f"wanted one of {', '.join(wanted)}"
    return "found nothing in it" if keyword in ("minLength", "minItems") else f"breaks {keyword!r}"
