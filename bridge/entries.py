"""Read the journal's entries for people: what `bridge journal` shows and explains."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from bridge.fields import read_document
from bridge.journal import open_journal
from bridge.journal.protocol import Count, EntrySummary, Filter, Journal, Letters
from bridge.settings import Settings


@contextlib.asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Journal]:
    """Open the journal to look at it, as no worker."""
    journal = await open_journal(settings.opening(register=False))
    try:
        yield journal
    finally:
        await journal.close()


async def list_entries(settings: Settings, wanted: Filter) -> tuple[EntrySummary, ...]:
    """Give the entries that are wanted, newest first."""
    async with reading(settings) as journal:
        return await journal.entries(wanted)


async def count_entries(settings: Settings, wanted: Filter) -> tuple[Count, ...]:
    """Count the entries that are wanted, by store and state."""
    async with reading(settings) as journal:
        return await journal.count(wanted)


async def list_letters(settings: Settings, wanted: Filter) -> tuple[Letters, ...]:
    """Give the dead letters that are wanted by their causes, those of which there are most first."""
    async with reading(settings) as journal:
        return await journal.letters(wanted)


async def show_entry(settings: Settings, entry: int) -> EntrySummary:
    """
    Give one entry; its body is for `bridge explain`.

    Raises:
        LookupError: There is none.
    """
    async with reading(settings) as journal:
        return await journal.show(entry)


def readings(customer: str) -> tuple[str, ...]:
    """
    Give all that a customer may be known by who is looked for as *customer*.

    Mapping writes e-mail addresses small and documents without points and dashes.
    """
    text = " ".join(customer.split())
    read = (text, text.lower() if "@" in text else "", read_document(text) or "")
    return tuple(one for one in dict.fromkeys(read) if one)
