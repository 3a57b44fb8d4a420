"""
Check a source file that was read: its sections against each other.

What a line reads must be fetched wherever it is needed, and what anyone can write is not
believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bridge.mapping.compile import Compiled
from bridge.mapping.expression import Named, Path, spell, ways
from bridge.mapping.lines import Table
from bridge.mapping.source import EVENT_TYPES, Source
from bridge.mapping.tables import section
from bridge.mapping.template import expressions
from bridge.types import Problem

#: The namespaces that whoever sends a webhook fills.
_SENT = ("header", "query", "body")

Problems = list[Problem]


def check_source(source: Source, table: Table, problems: Problems) -> None:
    """
    Check the sections of *source* against each other.

    Args:
        table: The file, for the places of what is missing.
        problems: All that is wrong is added here.
    """
    _check_types(source, table, problems)
    _check_fetched(source, problems)
    if any(not one.engine.covers_body for one in source.verify.values()):
        _check_believed(source, table, problems)


def _check_types(source: Source, table: Table, problems: Problems) -> None:
    """Every event type has its table."""
    topics = section(table, "topics", [])
    for topic, types in source.topics.items():
        for wanted in sorted({one.partition("_")[0] for one in types if one in EVENT_TYPES}):
            if wanted not in table.entries:
                told = f"[{wanted}] is missing, and the topic leads to it"
                problems.append(topics.places[topic].problem(told))


def _check_fetched(source: Source, problems: Problems) -> None:
    """What a line reads is fetched for every topic that leads to it."""
    told: set[Problem] = set()
    for event_type in EVENT_TYPES:
        leading = {topic for topic, types in source.topics.items() if event_type in types}
        for one in _read_for(source, event_type) if leading else ():
            # Something else instead of what is not fetched would be wrong without a word.
            told.update(_unfetched(source, one, leading, instead=_reads_resource))
    wanted = {topic for topic, types in source.topics.items() if types}
    for one in (*source.key, *((source.occurred_at,) if source.occurred_at else ())):
        told.update(_unfetched(source, one, wanted))
    for fetch in source.fetches:
        filled = (fetch.url, *(header for _, header in fetch.headers))
        for one in (*fetch.when, *(inner for part in filled for inner in part.expressions)):
            told.update(_unfetched(source, one, fetch.topics or wanted))
    problems.extend(sorted(told))


def _reads_resource(way: Sequence[Path]) -> bool:
    return any(path.root == "resource" for path in way)


def _any(way: Sequence[Path]) -> bool:  # noqa: ARG001
    return True


def _check_believed(source: Source, table: Table, problems: Problems) -> None:
    """
    Where no signature covers the body, anyone could have written it.

    What happened is then read from what is fetched.  So is the time, which would make later news
    look old; and a key that anyone can send before the platform does would make the platform's
    own webhook a repeat.
    """
    weak = [one.engine for one in source.verify.values() if not one.engine.covers_body]
    signed = frozenset.intersection(*(engine.signs for engine in weak))
    told: set[Problem] = set()
    for event_type in EVENT_TYPES:
        for one in _read_for(source, event_type):
            if any(path.root in _SENT for path in one.paths):
                message = "the signature does not cover the body: read what is fetched instead"
                told.add(one.place.problem(message))
    if source.occurred_at and not _believed(source.occurred_at, signed):
        message = "the signature does not cover this: read what is fetched, or what is signed"
        told.add(source.occurred_at.place.problem(message, field="occurred_at"))
    fetched = any(path.root == "resource" for one in source.key for path in one.paths)
    if not fetched and not (source.key and all(_believed(one, signed) for one in source.key)):
        place = source.key[0].place if source.key else section(table, "webhook", []).place
        message = (
            "the signature does not cover the key, so anyone can send it before the platform "
            "does: add something that is fetched, such as when it was last changed"
        )
        told.add(place.problem(message, field="key"))
    problems.extend(sorted(told))


def _believed(one: Compiled, signed: frozenset[tuple[str, ...]]) -> bool:
    """Whether all that an expression reads of a webhook is signed."""
    for path in one.paths:
        names = tuple(step.name for step in path.steps if isinstance(step, Named))
        whole = len(names) == len(path.steps)
        if path.root in _SENT and not (whole and (path.root, *names) in signed):
            return False
    return True


def _unfetched(
    source: Source,
    one: Compiled,
    topics: Iterable[str],
    *,
    instead: Callable[[Sequence[Path]], bool] = _any,
) -> Iterator[Problem]:
    """
    Tell for which of *topics* what an expression reads is not fetched.

    Args:
        instead: Which of its alternatives are as good, where another one is not fetched.
    """
    possible = [*ways(one.tree)]
    for topic in topics:
        missing = {
            fetch.name
            for fetch in source.fetches
            if fetch.topics is not None and topic not in fetch.topics
        }
        lacking = [[path for path in way if _of(path) in missing] for way in possible]
        if any(not lacks and instead(way) for way, lacks in zip(possible, lacking, strict=True)):
            continue
        for path in (path for lacks in lacking for path in lacks):
            yield one.place.problem(
                f"{spell(path)} is not fetched for topic '{topic}': add it to `topics` of "
                f"the fetch '{_of(path)}'"
            )


def _of(path: Path) -> str:
    """The fetch whose answer a path reads; "" when it reads none."""
    step = path.steps[0] if path.root == "resource" and path.steps else None
    return step.name if isinstance(step, Named) else ""


def _read_for(source: Source, event_type: str) -> Iterator[Compiled]:
    """Every expression that is run for an event of that type."""
    is_order = event_type.startswith("order_")
    branches = (source.order, source.order_customer) if is_order else (source.customer,)
    yield from source.when.get(event_type, ())
    for branch in branches:
        yield from expressions(branch) if branch else ()
