"""
What the models of all destinations share: a strict, closed body, and the types of its fields.

Nothing is converted, a name that is not documented is refused, and None stands for a field that
is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class Body(BaseModel):
    """A JSON object that is sent to a destination, or that it answers."""

    # What a customer is called, or pays, must not reach a log through a message or a repr.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[None, str]]:
        """Show which fields are set, never what they hold."""
        return ((None, name) for name in type(self).model_fields if name in self.model_fields_set)


def unicode_text(text: str) -> str:
    """Give *text* back if it can be written as UTF-8."""
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        raise ValueError("found half a surrogate pair, wanted Unicode text") from None
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("found blank text, wanted at least one character")
    return text


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("found a moment without a zone, wanted one in UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("found a moment outside the years 1 to 9999 in UTC") from None


Text = Annotated[str, AfterValidator(unicode_text)]
#: Text that says something.
Key = Annotated[Text, AfterValidator(_not_blank)]
Moment = Annotated[datetime, AfterValidator(_utc)]
