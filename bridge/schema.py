"""
The body that a shop of one's own sends, as a JSON Schema made from the store event.

`deploy/store-event.schema.json` is this, and `mappings/sources/standard-webhooks.toml` reads it.
What fits the schema is mapped, unless its amounts contradict each other (`bridge.derive`).

Source: https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from bridge.event import Category, Customer, Item, Named, Order
from bridge.fields import FieldType
from bridge.mapping.slots import Slot, slots
from bridge.mapping.source import EVENT_TYPES

_ABOUT = (
    "What a shop of one's own posts, signed as Standard Webhooks. Amounts are major units "
    "(12.50, and 1250 for JPY), all in the order's one currency, best as text: a number is read as "
    "it is written. What is null or left out is none."
)
_AMOUNT = {
    "type": ["string", "number"],
    "pattern": r"^[0-9]{1,15}(\.[0-9]{1,20})?$",
    "minimum": 0,
    "maximum": 10**15,
}
#: By the name of the field's type.  Ids may be numbers; a moment has its offset.
_KINDS: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": ["string", "integer"]},
    "e-mail": {"type": ["string"], "pattern": r"^[^@\s]+@[^@\s]+$"},
    "document": {"type": ["string", "integer"]},
    "currency": {"type": ["string"], "pattern": "^[A-Za-z]{3}$"},
    "country": {"type": ["string"], "pattern": "^[A-Za-z]{2}$"},
    "number": _AMOUNT,
    "money": _AMOUNT,
    "flag": {"type": ["boolean"]},
    "moment": {
        "type": ["string"],
        "format": "date-time",
        "pattern": "^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-5][0-9]",
    },
    "date": {"type": ["string"], "format": "date", "pattern": "^(19|20)"},
    "texts": {"type": ["array"], "items": {"type": "string"}},
}
_NAMES: Mapping[type[BaseModel], str] = {
    Order: "order",
    Item: "item",
    Customer: "customer",
    Named: "named",
    Category: "category",
}


def store_event_schema() -> dict[str, Any]:
    """Give the schema of the body: ``type``, ``timestamp`` and the order or customer in ``data``."""
    topics = [one.replace("_", ".") for one in EVENT_TYPES]
    refunds = [one for one in topics if one == "order.refunded"]
    orders = [one for one in topics if one.startswith("order.") and one not in refunds]
    customers = [one for one in topics if one.startswith("customer.")]
    refund = {"allOf": [_reference(Order), _given("refunded")]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Store event",
        "description": _ABOUT,
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"enum": topics, "description": "What happened."},
            "timestamp": _told("moment", "When it happened; the newest wins."),
            "data": {"type": "object", "description": "The order or customer as it is now."},
        },
        "additionalProperties": False,
        "allOf": [
            _about(orders, _reference(Order)),
            _about(refunds, refund),
            _about(customers, _reference(Customer)),
        ],
        "$defs": {name: _definition(model) for model, name in _NAMES.items()},
    }


def _about(topics: list[str], data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "if": {"required": ["type"], "properties": {"type": {"enum": topics}}},
        "then": {"properties": {"data": data}},
    }


def _definition(model: type[BaseModel]) -> dict[str, Any]:
    made = _object(model)
    if model is Order:
        # Only a tax needs it, but whoever writes a sender knows, and a later tax finds it said.
        made["required"].append("taxes_included")
        made["properties"]["taxes_included"]["type"] = "boolean"
        told = "Whose order it is; none for a sale to nobody in particular."
        made["properties"]["customer"] = _or_null(_reference(Customer), told)
    if model is Item:
        made["anyOf"] = [_given("total"), _given("price", "quantity")]
    return made


def _object(model: type[BaseModel], *, without: str = "") -> dict[str, Any]:
    known = {
        name: slot for name, slot in slots(model).items() if not slot.derived and name != without
    }
    return {
        "type": "object",
        "description": (model.__doc__ or "").strip(),
        "required": [name for name, slot in known.items() if slot.required],
        "properties": {name: _property(model, name, slot) for name, slot in known.items()},
        "additionalProperties": False,
    }


def _property(model: type[BaseModel], name: str, slot: Slot) -> dict[str, Any]:
    info = model.model_fields[name]
    about = info.description or ""
    if slot.element is not None:
        return {
            "type": ["array", "null"],
            "items": _reference(slot.element),
            "description": about,
        }
    if slot.model is model:  # what is above it; nothing reads further up
        return _or_null(_object(model, without=name), about)
    if slot.model is not None:
        return _or_null(_reference(slot.model), about)
    kind = next(one.name for one in info.metadata if isinstance(one, FieldType))
    return _told(kind, about, null=not slot.required)


def _told(name: str, about: str, *, null: bool = False) -> dict[str, Any]:
    kind = _KINDS[name]
    types = [*kind["type"], *(["null"] if null else [])]
    filled = {} if null or "pattern" in kind else {"pattern": r"\S"}
    return {
        **kind,
        **filled,
        "type": types if len(types) > 1 else types[0],
        "description": about,
    }


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{_NAMES[model]}"}


def _or_null(schema: Mapping[str, Any], about: str) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "description": about}


def _given(*names: str) -> dict[str, Any]:
    """Amounts that are there and not null."""
    return {
        "required": list(names),
        "properties": {name: {"type": _AMOUNT["type"]} for name in names},
    }
