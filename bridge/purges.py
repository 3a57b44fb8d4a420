"""Purge the journal by hand: what `bridge journal purge` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from bridge.entries import reading, readings
from bridge.erase import erase, find
from bridge.errors import ConfigError
from bridge.journal.protocol import Journal, Whose
from bridge.settings import Settings

_AT_ONCE = 500


def meant(
    customers: Sequence[str], store: str | None, entries: Sequence[int], before: datetime | None
) -> Whose:
    """
    Say whose entries are meant.

    Raises:
        ConfigError: Nobody's, or both somebody's and certain ones.
    """
    if entries and (customers or store or before):
        raise ConfigError("--entry: wanted alone, without --customer, --store and --before")
    if not (entries or customers or store):
        raise ConfigError("wanted --customer, --store or --entry: it says what to erase")
    moment = None if before is None else before.replace(tzinfo=UTC)
    subjects = dict.fromkeys(spelt for one in customers for spelt in readings(one))
    return Whose(store, tuple(subjects), before=moment)


async def list_meant(
    settings: Settings, whose: Whose, entries: Sequence[int], *, every: bool
) -> tuple[int, list[str]]:
    """
    Tell what is meant.

    Args:
        every: A line for each entry, beside one for each store.

    Returns:
        How many entries there are, and the lines.

    Raises:
        LookupError: There is no such entry.
    """
    stores: Counter[str] = Counter()
    lines = []
    async with reading(settings) as journal:
        async for some in _meant(journal, whose, entries):
            if whose.store is not None and not every:
                stores[whose.store] += len(some)
                continue
            for number in some:
                one = await journal.show(number)
                stores[one.store] += 1
                if every:
                    when = one.received_at.strftime("%Y-%m-%d %H:%M:%SZ")
                    lines.append(f"{number:>6}  {when}  {one.state:<4}  {one.store}  {one.topic}")
    told = [f"{name}: {number} entries" for name, number in sorted(stores.items())]
    return stores.total(), [*lines, *told] or ["no entry"]


async def purge(settings: Settings, whose: Whose, entries: Sequence[int]) -> tuple[str, int]:
    """Erase what is meant; gives what came of it, and how many entries are under way."""
    async with reading(settings) as journal:
        erased, flying = await erase(journal, _meant(journal, whose, entries))
    told = f"erased: {erased} entries"
    return f"{told}; under way: {flying}, again in a minute" if flying else told, flying


async def _meant(
    journal: Journal, whose: Whose, entries: Sequence[int]
) -> AsyncIterator[Sequence[int]]:
    if not entries:
        async for some in find(journal, whose):
            yield some
    for at in range(0, len(entries), _AT_ONCE):
        yield entries[at : at + _AT_ONCE]
