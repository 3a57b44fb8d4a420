"""
Find out what a replay would come to with today's mapping files, and carry it out.

The two are apart: what is told first is told without writing anything, and what is carried out
afterwards is what was told.  The running bridge does the sending; here things are only queued.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bridge.deliver import NOT_CONNECTED
from bridge.journal.protocol import (
    FETCH,
    DeliverySummary,
    EntrySummary,
    Journal,
    Planned,
    Stored,
)
from bridge.letters import Request, entry_is_meant, fits, is_cured_by_files, is_meant, is_named
from bridge.plan import Plan, Route, plan
from bridge.record import deliveries_of, own_delivery, read_resources, recall
from bridge.types import Cause
from bridge.verify import restore

#: What a replay of one delivery would come to, and what that means.
Fate = Literal[
    "cured",
    "again",
    "fetch",
    "ignored",
    "stale",
    "broken",
    "no body",
    "no store",
    "delivered",
    "open",
]
FATES: Mapping[Fate, str] = {
    "cured": "it can be mapped today, and would be sent",
    "again": "it would be sent again; whether it is taken now, only the other side can say",
    "fetch": "it would be fetched from the store again, and then mapped",
    "ignored": "today's files are not interested in it: it would be put away",
    "stale": "something newer was delivered meanwhile: it would be put away",
    "broken": "it still cannot be mapped",
    "no body": "its body was deleted: it cannot be sent any more",
    "no store": "its store is not in connections.toml",
    "delivered": "it is done; `--again` would send it once more",
    "open": "the bridge is still at it",
}
_MOVES: frozenset[Fate] = frozenset({"cured", "again", "fetch", "ignored", "stale"})
_LOST: frozenset[Fate] = frozenset({"broken", "no body", "no store"})
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a replay of one delivery would come to."""

    entry: int
    endpoint: str
    fate: Fate
    reason: str = ""
    causes: tuple[Cause, ...] = ()  #: today's, where it is still broken
    held: bool = False  #: left alone, because nothing says that its cause is gone


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a replay, and what it would come to."""

    entry: int
    prospects: tuple[Prospect, ...]
    endpoint: str | None = None  #: None: all of the entry
    planned: tuple[Planned, ...] = field(default=(), repr=False)
    problem: str | None = None  #: why the entry is of no interest today
    anew: bool = False  #: as a new entry

    @property
    def made(self) -> bool:
        """Whether it would be made; else it is only told."""
        return any(one.fate in _MOVES and not one.held for one in self.prospects)


async def look(
    journal: Journal,
    routes: Mapping[str, Route],
    request: Request,
    seen: Callable[[], None] = lambda: None,
) -> tuple[Move, ...]:
    """
    Say what a replay would come to; nothing is written.

    Args:
        seen: Called for each entry that was looked at.

    Raises:
        LookupError: There is no entry of a number that was asked for.
    """
    moves: list[Move] = []
    async for found in _entries(journal, request):
        moves += await _moves(journal, routes, request, found)
        seen()
    return tuple(moves)


async def carry_out(
    journal: Journal,
    moves: Iterable[Move],
    *,
    rate: float,
    stop: asyncio.Event,
    done: Callable[[], None] = lambda: None,
) -> int:
    """
    Make the moves that are to be made, entry by entry.

    Args:
        rate: Entries in a second.
        stop: Set: stop before the next entry.
        done: Called for each entry.

    Returns:
        How many entries were replayed.
    """
    entries = 0
    ready = (one for one in moves if one.made)
    for _, of_entry in itertools.groupby(ready, key=lambda one: one.entry):
        if entries:
            await _pause(stop, 1 / rate)
        if stop.is_set():
            break
        for move in of_entry:
            await _make(journal, move)
        entries += 1
        done()
    return entries


def fates(moves: Iterable[Move]) -> Mapping[Fate, int]:
    """Count what the moves would come to, in the order of `FATES`."""
    counted = Counter(one.fate for move in moves for one in move.prospects)
    return {fate: counted[fate] for fate in FATES if counted[fate]}


def lost(moves: Iterable[Move]) -> bool:
    """Whether something that was asked for would not be cured."""
    return any(one.fate in _LOST for move in moves for one in move.prospects)


def replan(stored: Stored, route: Route) -> Plan:
    """Plan a stored webhook with today's mapping files."""
    return plan(restore(recall(stored), "journal"), route, read_resources(stored))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def _make(journal: Journal, move: Move) -> None:
    try:
        if move.anew:
            await journal.send_again(move.entry, move.planned)
        else:
            await journal.replay(move.entry, move.planned, move.endpoint, move.problem)
    except LookupError:
        return  # it was deleted since it was looked at


async def _entries(journal: Journal, request: Request) -> AsyncIterator[EntrySummary]:
    for number in dict.fromkeys(request.entries):
        yield await journal.show(number)
    if request.entries:
        return
    done = request.again or request.wanted.state == "stale"
    wanted = replace(request.wanted, limit=_PAGE, letters=not done)
    while page := await journal.entries(wanted):
        for found in page:
            yield found
        wanted = replace(wanted, before=page[-1].entry)


async def _moves(
    journal: Journal, routes: Mapping[str, Route], request: Request, found: EntrySummary
) -> Sequence[Move]:
    chosen = [one for one in found.deliveries if is_meant(one, request)]
    whole = entry_is_meant(found, request)
    if not request.entries:
        return await _mapped(journal, routes, request, found, chosen, whole=whole)
    # Whoever names an entry is told about all of it, and gets what was connected since.
    others = [one for one in found.deliveries if one not in chosen]
    idle = [_idle(found, one) for one in others if fits(one, request.wanted)]
    whole = whole or not (found.deliveries or request.again)
    return [*idle, *await _mapped(journal, routes, request, found, chosen, whole=whole)]


def _idle(found: EntrySummary, one: DeliverySummary) -> Move:
    fate: Fate = "open" if one.state in ("queued", "flying") else "delivered"
    return Move(found.entry, (Prospect(found.entry, one.endpoint, fate, one.reason),))


async def _mapped(
    journal: Journal,
    routes: Mapping[str, Route],
    request: Request,
    found: EntrySummary,
    chosen: Sequence[DeliverySummary],
    *,
    whole: bool,
) -> Sequence[Move]:
    named = bool(request.entries) and not request.again
    if not (chosen or whole or named):
        return ()
    names = [one.endpoint for one in chosen] or ([""] if whole else [])
    try:
        stored = await journal.load(found.entry)
    except LookupError:
        return [_lost(found, names, "no body")]
    route = routes.get(stored.store)
    if route is None:
        return [_lost(found, names, "no store", f"store '{stored.store}'")]
    today = replan(stored, route)
    if not today.tenant_fits:
        return [_lost(found, names, "broken", "the webhook speaks of another shop")]
    if today.dead:
        return [_lost(found, names, "broken", today.problem or "", today.causes)]
    if request.again:
        return [await _again(journal, found, chosen, today)]
    came = recall(stored)
    fetch = own_delivery(FETCH, route, today, came)
    if today.erase is not None:
        today = replace(today, deliveries=deliveries_of(route, today, came))
    if whole:
        return [await _of_entry(journal, request, found, today, fetch)]
    moves = [await _of_delivery(journal, request, found, one, today, fetch) for one in chosen]
    return [*moves, *(await _new(journal, request, found, today) if named else ())]


async def _new(
    journal: Journal, request: Request, found: EntrySummary, today: Plan
) -> Sequence[Move]:
    """What the store feeds today and did not when the entry came."""
    known, only = {one.endpoint for one in found.deliveries}, request.wanted.endpoint
    if known == {FETCH}:
        return ()
    fed = [one for one in today.deliveries if one.endpoint not in known and one.state == "queued"]
    planned = [one for one in fed if only in (None, one.endpoint)]
    told = await _foreseen(journal, found.entry, planned, "cured")
    return [
        Move(found.entry, (one,), one.endpoint, (each,))
        for one, each in zip(told, planned, strict=True)
    ]


def _lost(
    found: EntrySummary,
    names: Iterable[str],
    fate: Fate,
    reason: str = "",
    causes: tuple[Cause, ...] = (),
) -> Move:
    told = (Prospect(found.entry, name, fate, reason, causes) for name in names)
    return Move(found.entry, tuple(told))


async def _again(
    journal: Journal, found: EntrySummary, chosen: Sequence[DeliverySummary], today: Plan
) -> Move:
    names = {one.endpoint for one in chosen}
    planned = [one for one in today.deliveries if one.endpoint in names]
    told = await _foreseen(journal, found.entry, planned, "again", anew=True)
    missing = names - {one.endpoint for one in planned} - {FETCH}
    told += [_unfed(found.entry, name) for name in sorted(missing)]
    sent = {one.endpoint for one in told if one.fate == "again"}
    # What would only be put away is no reason for a new entry.
    told = [replace(one, held=one.fate != "again") for one in told]
    ready = tuple(one for one in planned if one.endpoint in sent)
    return Move(found.entry, tuple(told), planned=ready, anew=True)


async def _of_entry(
    journal: Journal, request: Request, found: EntrySummary, today: Plan, fetch: Planned
) -> Move:
    """What could not be mapped has no deliveries: it gets those that it maps to today."""
    entry, only = found.entry, request.wanted.endpoint
    if today.problem is not None:
        ignored = Prospect(entry, "", "ignored", today.problem)
        return Move(entry, (ignored,), problem=today.problem)
    if today.fetches:
        return Move(entry, (Prospect(entry, FETCH, "fetch"),), planned=(fetch,))
    planned = [one for one in today.deliveries if only in (None, one.endpoint)]
    told = await _foreseen(journal, entry, planned, "cured") or [_unfed(entry, only or "")]
    if all(one.fate == "broken" for one in told):
        return Move(entry, tuple(told))
    return Move(entry, tuple(told), only, tuple(planned))


async def _of_delivery(
    journal: Journal,
    request: Request,
    found: EntrySummary,
    one: DeliverySummary,
    today: Plan,
    fetch: Planned,
) -> Move:
    entry, name = found.entry, one.endpoint
    ours = is_cured_by_files(one)
    held = not (ours or one.state == "stale" or is_named(request))
    if today.problem is not None:
        told = Prospect(entry, name, "ignored", today.problem, held=held)
        planned = replace(fetch, endpoint=name, state="ignored", reason=today.problem)
        return Move(entry, (told,), name, (planned,))
    if today.fetches:
        reason = "" if name == FETCH else "replay it once more when it has been fetched"
        return Move(entry, (Prospect(entry, FETCH, "fetch", reason, held=held),), FETCH, (fetch,))
    if name == FETCH:
        # Nothing is fetched any more: what it would have led to is known.
        nothing = replace(fetch, state="ignored", reason="nothing is fetched any more")
        known = {each.endpoint for each in found.deliveries}
        new = [each for each in today.deliveries if each.endpoint not in known]
        foreseen = tuple(await _foreseen(journal, entry, new, "cured"))
        return Move(entry, foreseen, planned=(nothing, *new))
    planned_today = [each for each in today.deliveries if each.endpoint == name]
    if not planned_today:
        return Move(entry, (_unfed(entry, name),))
    [foreseen_one] = await _foreseen(journal, entry, planned_today, "cured" if ours else "again")
    put_away = one.state == "stale" and foreseen_one.fate == "stale"
    told = replace(foreseen_one, held=held or put_away)
    return Move(entry, (told,), name, tuple(planned_today))


async def _foreseen(
    journal: Journal, entry: int, planned: Sequence[Planned], sent: Fate, *, anew: bool = False
) -> list[Prospect]:
    """Say of each delivery what it would come to; *sent* is what is said of those to be sent."""
    states: Mapping[str, Fate] = {"stale": "stale", "ignored": "ignored", "refused": "broken"}
    outcomes = await journal.foresee(entry, planned, anew=anew)
    return [
        Prospect(entry, one.endpoint, states.get(one.state, sent), one.reason, each.causes)
        for one, each in zip(outcomes, planned, strict=True)
    ]


def _unfed(entry: int, endpoint: str) -> Prospect:
    reason = f"the store does not feed '{endpoint}' any more" if endpoint else "it feeds nothing"
    return Prospect(entry, endpoint, "broken", reason, NOT_CONNECTED)
