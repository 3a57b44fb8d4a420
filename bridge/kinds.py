"""
The kinds of values that an expression can give, and how they are told to people.

At load a value's kind is a set of possibilities: what a webhook holds can be `ANY`, a field of
the event is known.  At run a value has one of the exact Python types below; there is no float.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bridge.causes import Code

Kind = frozenset[type]

TEXT: Kind = frozenset({str})
INTEGER: Kind = frozenset({int})
NUMBER: Kind = frozenset({int, Decimal})
BOOLEAN: Kind = frozenset({bool})
MOMENT: Kind = frozenset({datetime})
DATE: Kind = frozenset({date})
LIST: Kind = frozenset({list})
OBJECT: Kind = frozenset({dict})
BYTES: Kind = frozenset({bytes})
ANY: Kind = TEXT | NUMBER | BOOLEAN | MOMENT | DATE | LIST | OBJECT | BYTES

_NAMES: tuple[tuple[Kind, str], ...] = (
    (NUMBER, "a number"),
    (INTEGER, "a whole number"),
    (frozenset({Decimal}), "a decimal number"),
    (TEXT, "text"),
    (BOOLEAN, "true or false"),
    (MOMENT, "a moment"),
    (DATE, "a date"),
    (LIST, "a list"),
    (OBJECT, "an object"),
    (BYTES, "bytes"),
)

_OF_ANNOTATION: Mapping[Any, Kind] = {
    Any: ANY,
    str: TEXT,
    int: INTEGER,
    Decimal: NUMBER,
    bool: BOOLEAN,
    datetime: MOMENT,
    date: DATE,
    list: LIST,
    dict: OBJECT,
    bytes: BYTES,
    type(None): frozenset(),
}


class Refused(Exception):
    """
    A value is of the wrong type or form.

    The message says what was found and what was wanted, and never holds the value.
    """

    def __init__(self, message: str, code: Code = "wrong_form") -> None:
        super().__init__(message)
        self.code = code


def name(kind: Kind) -> str:
    """Say *kind* in words: ``text or a number``."""
    if kind >= ANY:
        return "anything"
    left = set(kind)
    words = []
    for one, word in _NAMES:
        if one <= left:
            words.append(word)
            left -= one
    *others, last = words or ["nothing"]
    comma = "," if len(others) > 1 else ""
    return f"{', '.join(others)}{comma} or {last}" if others else last


def name_of(value: object) -> str:
    """Say what *value* is, without telling the value."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, Decimal):
        return "a number"
    kind = frozenset({type(value)})
    return name(kind) if kind <= ANY else f"a Python {type(value).__name__}"


def of_annotation(annotation: Any) -> Kind:
    """
    Read the kind of a function's argument or result from its annotation.

    Raises:
        TypeError: It is none of the types that a mapping knows.
    """
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        parts = [of_annotation(part) for part in typing.get_args(annotation)]
        return frozenset().union(*parts)
    plain = typing.get_origin(annotation) or annotation
    try:
        return _OF_ANNOTATION[plain]
    except (KeyError, TypeError):
        raise TypeError(
            f"{annotation!r} is no type of the mapping language: use str, int, Decimal, bool, "
            "datetime, date, list, dict, bytes or Any"
        ) from None


def fits(given: Kind, wanted: Kind) -> bool:
    """Whether a value of kind *given* can be of kind *wanted*; what is unknown fits."""
    return bool(given & wanted)
