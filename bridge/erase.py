"""Look for entries of somebody, and erase what they hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from bridge.journal.protocol import Journal, Whose


async def find(journal: Journal, whose: Whose) -> AsyncIterator[Sequence[int]]:
    """Give all entries that are meant, some at a time."""
    after: int | None = 0
    while after is not None:
        holding = await journal.holding(whose, after)
        if holding.entries:
            yield holding.entries
        after = holding.after


async def erase(journal: Journal, meant: AsyncIterator[Sequence[int]]) -> tuple[int, int]:
    """
    Erase what entries hold.

    Args:
        meant: Entries, 500 at most at a time.

    Returns:
        How many entries were erased, and how many hold on to it because they are under way: the
        caller comes again for those.
    """
    erased, flying = 0, 0
    async for entries in meant:
        busy = len(await journal.purge(entries))
        erased, flying = erased + len(entries) - busy, flying + busy
    return erased, flying
