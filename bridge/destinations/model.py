"""
What the models of all destinations share: a strict, closed body, and the types of its fields.

Nothing is converted, a name that is not documented is refused, and None stands for a field that
is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Body(BaseModel):
    """A JSON object that is sent to a destination, or that it answers."""

    # What a customer is called, or pays, must not reach a log through a message or a repr.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[None, str]]:
        """Show which fields are set, never what they hold."""
        return ((None, name) for name in type(self).model_fields if name in self.model_fields_set)


class _Unicode:
    """Text that can be written as UTF-8, which pydantic's core asks where a length is limited."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        writable = core_schema.custom_error_schema(
            core_schema.str_schema(min_length=0),
            custom_error_type="unicode_text",
            custom_error_message="found half a surrogate pair, wanted Unicode text",
        )
        return core_schema.chain_schema([handler(source), writable])


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("found blank text, wanted at least one character")
    return text


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:  # as every moment that a mapping gives
        return moment
    if moment.utcoffset() is None:
        raise ValueError("found a moment without a zone, wanted one in UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("found a moment outside the years 1 to 9999 in UTC") from None


Text = Annotated[str, _Unicode()]
#: Text that says something.
Key = Annotated[Text, AfterValidator(_not_blank)]
Moment = Annotated[datetime, AfterValidator(_utc)]
