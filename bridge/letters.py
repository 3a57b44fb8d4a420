"""
Say which deliveries of an entry a request means; the journal has found the entry.

An entry may have several dead letters with different causes, and one correction is to replay
what it cures and nothing beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.journal.protocol import FETCH, DeliverySummary, EntrySummary, Filter
from bridge.types import Cause

_DEAD = frozenset({"refused", "failed"})
_DONE = frozenset({"delivered", "ignored"})
_OURS = frozenset({"read", "map", "validate"})  #: stages that a mapping file can cure


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be replayed."""

    entries: tuple[int, ...] = ()  #: these; none: those that the filter means
    wanted: Filter = field(default_factory=Filter)
    everything: bool = False  #: also what no mapping file can cure
    again: bool = False  #: what was delivered


def is_named(request: Request) -> bool:
    """Whether what no mapping file can cure is asked for by name."""
    wanted = request.wanted
    named = bool(request.entries or wanted.stage or wanted.code) or wanted.state == "failed"
    return named or request.everything


def is_cured_by_files(one: DeliverySummary) -> bool:
    """Whether all that is wrong with a dead letter is a matter of mapping files."""
    return bool(one.causes) and all(cause.stage in _OURS for cause in one.causes)


def is_meant(one: DeliverySummary, request: Request) -> bool:
    """Whether a delivery is to be replayed, as far as its past tells."""
    if request.again:
        return one.state in _DONE and one.endpoint != FETCH and fits(one, request.wanted)
    if request.entries:
        return one.state in {*_DEAD, "stale"} and fits(one, request.wanted)
    states = {"stale"} if request.wanted.state == "stale" else _DEAD
    return one.state in states and fits(one, request.wanted)


def fits(one: DeliverySummary, wanted: Filter) -> bool:
    """Whether a filter means this very delivery of an entry that it means."""
    if wanted.endpoint not in (None, one.endpoint) or (wanted.unsure and not one.unsure):
        return False
    if wanted.target not in (None, one.target, one.target.partition("/")[0]):
        return False
    if wanted.state not in (None, "open", "dead", "done", one.state):
        return False
    return not _asks_causes(wanted) or any(_is_cause(cause, wanted) for cause in one.causes)


def entry_is_meant(found: EntrySummary, request: Request) -> bool:
    """Whether an entry of which nothing could be mapped is to be replayed."""
    wanted = request.wanted
    if not found.dead or request.again:
        return False
    return not _asks_causes(wanted) or any(_is_cause(cause, wanted) for cause in found.causes)


def _asks_causes(wanted: Filter) -> bool:
    asked = (wanted.stage, wanted.code, wanted.file, wanted.line, wanted.field)
    return any(one is not None for one in asked)


def _is_cause(cause: Cause, wanted: Filter) -> bool:
    return (
        wanted.stage in (None, cause.stage)
        and wanted.code in (None, cause.code)
        and wanted.line in (None, cause.line)
        and wanted.field in (None, cause.field)
        and (wanted.file is None or f"/{cause.file}".endswith(f"/{wanted.file}"))
    )
