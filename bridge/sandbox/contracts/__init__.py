"""
The bodies that the vendors document, as JSON schemas: one module per vendor.

Objects are closed: what a vendor does with a name that it does not know is documented nowhere,
and here a misspelt one must be found.  Lists of required fields are ours wherever the page has
none; a field is in them when the operation makes no sense without it and it may not be null.
Rules about more than one field, and about blank text, are not here: vendors answer those in
their own way (`bridge.sandbox.bonifiq` and its neighbours).
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
FILLED: Final[Schema] = {"type": "string", "minLength": 1}
FLAG: Final[Schema] = {"type": "boolean"}
WHOLE: Final[Schema] = {"type": "integer"}
AMOUNT: Final[Schema] = {"type": "number"}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}


def closed(properties: Schema, *required: str, nullable: bool = False) -> Schema:
    """Make the schema of an object that has these fields and no others."""
    return {
        "type": ["object", "null"] if nullable else "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def several(items: Schema) -> Schema:
    """Make the schema of a list that is not empty."""
    return {"type": "array", "minItems": 1, "items": items}


def choice(*values: str) -> Schema:
    """Make the schema of a text that is one of *values*."""
    return {"type": "string", "enum": list(values)}
