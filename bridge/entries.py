"""Read and replay the journal's entries for people: what `bridge journal` prints."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

from bridge.app import configure
from bridge.journal import open_journal
from bridge.journal.protocol import (
    ERASE,
    FETCH,
    DeliverySummary,
    EntrySummary,
    Filter,
    Journal,
    Stored,
)
from bridge.plan import Plan, Route, plan
from bridge.record import deliveries_of, read_resources, recall
from bridge.settings import Settings
from bridge.verify import restore


@contextlib.asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Journal]:
    """Open the journal to look at it, as no worker."""
    journal = await open_journal(settings.opening(register=False))
    try:
        yield journal
    finally:
        await journal.close()


async def list_entries(settings: Settings, wanted: Filter) -> list[str]:
    """Give a line for each entry, newest first."""
    async with reading(settings) as journal:
        entries = await journal.entries(wanted)
    if not entries:
        return ["no entry"]
    return [_line(one) for one in entries]


async def show_entry(settings: Settings, entry: int) -> list[str]:
    """
    Tell all that is known of one entry; its body is for `bridge explain`.

    Raises:
        LookupError: There is none.
    """
    async with reading(settings) as journal:
        found = await journal.show(entry)
    lines = [_line(found), f"  copies received  {found.copies}"]
    if found.problem:
        lines.append(f"  {found.problem}")
    for one in found.deliveries:
        lines.extend(_delivery(one))
    return lines


async def replay_entry(settings: Settings, entry: int, endpoint: str | None) -> list[str]:
    """
    Queue what is dead or stale in an entry again, planned with today's mapping files.

    Raises:
        LookupError: There is no such entry, or its body is gone.
    """
    routes = configure(settings).routes
    async with reading(settings) as journal:
        stored = await journal.load(entry)
        route = routes.get(stored.store)
        if route is None:
            return [f"store '{stored.store}' is not in connections.toml"]
        planned = replan(stored, route)
        if planned.problem is not None:
            return [f"entry {entry} still cannot be sent: {planned.problem}"]
        deliveries = deliveries_of(route, planned, recall(stored))
        standings = await journal.replay(entry, deliveries, endpoint)
    if not standings:
        return [f"entry {entry} has no delivery{f' to {endpoint}' if endpoint else ''}"]
    return [
        f"{one.outcome.endpoint}: {one.outcome.state}"
        f"{f' ({one.outcome.reason})' if one.outcome.reason else ''}"
        for one in standings
    ]


def replan(stored: Stored, route: Route) -> Plan:
    """Plan a stored webhook with today's mapping files."""
    return plan(restore(recall(stored), "journal"), route, read_resources(stored))


def _line(one: EntrySummary) -> str:
    endpoints = " ".join(f"{_name(each)}={each.state}" for each in one.deliveries)
    what = one.event_type or (one.problem or "")[:60]
    return (
        f"{one.entry:>6}  {_time(one.received_at)}  {one.state:<4}  {one.store}  {one.topic}  "
        f"{one.resource or '-'}  {what}  {endpoints}".rstrip()
    )


def _delivery(one: DeliverySummary) -> Iterator[str]:
    yield f"  {_name(one)}  {one.state}  attempts {one.attempts}"
    if one.reason:
        yield f"    {one.reason}"
    if one.unsure:
        yield "    an attempt got no answer: the destination may have accepted it"
    if one.next_at:
        yield f"    next attempt {_time(one.next_at)}, given up {_time(one.until)}"
    if one.settled_at:
        yield f"    settled {_time(one.settled_at)}"


def _name(one: DeliverySummary) -> str:
    return {FETCH: "(fetch)", ERASE: "(erase)"}.get(one.endpoint, one.endpoint)


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ") if moment else "-"
