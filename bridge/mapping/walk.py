"""
Walk a path into values.

A name on a list and an index on an object give nothing, so that one file can read two shapes.
A step into text, a number or a boolean is refused.  ``[*]`` and selectors give one flat list:
``[]`` when there are no elements, nothing when there are elements and none has the field, a
list with holes (None) when some have.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bridge.kinds import Refused, name_of

_NUMBERS = (int, Decimal)


def blank(value: Any) -> bool:
    """Whether *value* is text of nothing but white space."""
    return value.__class__ is str and (not value or value.isspace())


def same(left: Any, right: Any) -> bool:
    """Equality by type: text with text, number with number, boolean with boolean."""
    if left.__class__ is right.__class__:
        return bool(left == right)
    return left.__class__ in _NUMBERS and right.__class__ in _NUMBERS and bool(left == right)


def field(value: Any, name: str) -> Any:
    """Take a field of an object; a list and nothing have none."""
    if value is None or isinstance(value, list):
        return None
    if isinstance(value, Mapping):
        return value.get(name)
    raise Refused(f"found {name_of(value)} where an object with '{name}' was wanted", "wrong_kind")


def element(value: Any, index: int) -> Any:
    """Take an element of a list; an object and nothing have none."""
    if isinstance(value, list):
        return value[index] if index < len(value) else None
    if value is None or isinstance(value, Mapping):
        return None
    raise Refused(f"found {name_of(value)} where a list was wanted", "wrong_kind")


def list_of(value: Any) -> list[Any]:
    """Take a value as the list that a path spreads."""
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping) and not value:  # some languages write [] and {} alike
        return []
    raise Refused(f"found {name_of(value)} where a list was wanted", "wrong_kind")


def opened(elements: list[Any]) -> list[Any]:
    """Flatten one level; where a list is missing stays a hole, because nobody knows."""
    out: list[Any] = []
    for one in elements:
        if one is None:
            out.append(None)
        else:
            out.extend(list_of(one))
    return out


def selected(elements: list[Any], wanted: Any, name: str, *, equal: bool, holes: bool) -> list[Any]:
    """Filter by a field that equals a value, or does not; nothing equals nothing."""
    alike = _NUMBERS if wanted.__class__ in _NUMBERS else (wanted.__class__,)
    out: list[Any] = []
    for one in elements:
        if one is None:
            if holes or not equal:
                out.append(None)
            continue
        found = one.get(name) if one.__class__ is dict else field(one, name)
        if (found is not None and found.__class__ in alike and found == wanted) is equal:
            out.append(one)
    return out


def selected_any(elements: list[Any], name: str, *, equal: bool, holes: bool) -> list[Any]:
    """Filter by whether a field is something; who is nothing has no such field, or is a hole."""
    out: list[Any] = []
    for one in elements:
        if one is None:
            if holes or not equal:
                out.append(None)
        elif ((found := field(one, name)) is not None and not blank(found)) is equal:
            out.append(one)
    return out


def filled(elements: list[Any]) -> list[Any] | None:
    """Make holes of blanks; where there are elements and all are holes is nothing."""
    for one in elements:
        if one is None or (one.__class__ is str and (not one or one.isspace())):
            break
    else:  # as in most lists
        return elements
    out = [None if blank(one) else one for one in elements]
    return None if out.count(None) == len(out) else out
