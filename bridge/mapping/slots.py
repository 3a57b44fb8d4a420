"""
What the fields of a model can hold, read from the model itself.

The event's models say with each field how a value is read; a payload's models say only the
Python type.  Either way a mapping line that fills a field is checked against its slot at load.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge import kinds
from bridge.event import Derived, Order
from bridge.fields import FieldType
from bridge.kinds import Kind


@dataclass(frozen=True, slots=True)
class Slot:
    """What one field can hold."""

    takes: Kind  #: what a line may give it
    gives: Kind  #: what it is when it is read
    wants: str  #: in words
    required: bool
    read: Callable[[Any], Any] | None = None
    model: type[BaseModel] | None = None  #: of the object it holds
    element: type[BaseModel] | None = None  #: of the objects in the list it holds
    values: Slot | None = None  #: of every field of the object it holds, where any name may stand
    adds: bool = False  #: a list of expressions is added up, and nothing is refused
    derived: bool = False


@cache
def slots(model: type[BaseModel]) -> Mapping[str, Slot]:
    """Give the slots of *model* by the name of their field."""
    return {name: _slot(model, info) for name, info in model.model_fields.items()}


def _slot(model: type[BaseModel], info: FieldInfo) -> Slot:
    required = info.is_required()
    derived = any(isinstance(one, Derived) for one in info.metadata)
    for one in info.metadata:
        if isinstance(one, FieldType):
            adds = model is Order and one.name == "money"
            return Slot(
                one.takes, one.gives, one.wants, required, one.read, adds=adds, derived=derived
            )
    return _plain(info.annotation, required)


def _plain(annotation: Any, required: bool) -> Slot:
    annotation = _without_none(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Slot(kinds.OBJECT, kinds.OBJECT, "an object", required, model=annotation)
    if origin is dict:
        values = _plain(arguments[1], required=False)
        return Slot(kinds.OBJECT, kinds.OBJECT, "an object", required, values=values)
    if origin in (list, tuple):
        inner = _without_none(arguments[0])
        element = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
        return Slot(kinds.LIST, kinds.LIST, "a list", required, element=element)
    if origin is Literal:
        kind = frozenset(type(one) for one in arguments)
        return Slot(kind, kind, kinds.name(kind), required)
    kind = kinds.of_annotation(annotation)
    # A whole number is written as it is, and a strict model wants a Decimal all the same.
    read = Decimal if annotation is Decimal else None
    return Slot(kind, kind, kinds.name(kind), required, read)


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        left = [one for one in typing.get_args(annotation) if one is not type(None)]
        if len(left) == 1:
            return _without_none(left[0])
    return annotation
