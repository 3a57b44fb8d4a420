"""
Check that every path of a source file occurs in a fixture of its platform.

A typo in a path gives nothing and harms nobody until a shop needs the field; this check finds
it while the file is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.mapping.compile import nearest
from bridge.mapping.expression import Every, Indexed, Named, Path, Selected, Step, spell
from bridge.mapping.lines import Place
from bridge.mapping.source import Source
from bridge.mapping.template import Branch, Each, Part, expressions
from bridge.types import Problem

_SHOWN_BY_FIXTURES = ("header", "query", "body", "resource")


def unseen(source: Source, scopes: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """
    Find the paths that no fixture has.

    Args:
        scopes: The namespaces `header`, `query`, `body` and `resource` of every fixture.
    """
    found: list[Problem] = []
    for path, place in dict.fromkeys((path, place) for path, place in source.reads):
        if path.root in _SHOWN_BY_FIXTURES:
            roots = [scope.get(path.root) for scope in scopes]
            found += _missing(path, place, roots, len(scopes))
    for branch in (source.order, source.order_customer, source.customer):
        for each in _lists(branch) if branch else ():
            elements = list(_elements(each, scopes))
            for one in (*each.when, *expressions(each.branch)):
                for path in one.paths:
                    if path.root == "item":
                        found += _missing(path, one.place, elements, len(scopes))
    return found


def _missing(path: Path, place: Place, values: Sequence[Any], fixtures: int) -> Iterator[Problem]:
    at = _deepest(values, path.steps)
    if at is None:
        return
    parent = spell(Path(path.root, path.steps[:at], 0))
    step = path.steps[at]
    name = step.name if isinstance(step, Named | Selected) else spell(Path("", (step,), 0))
    close = nearest(name, sorted(_names(values, path.steps[:at])))
    message = f"no '{name}' under {parent} in {fixtures} fixtures{close}"
    yield place.problem(message, field=spell(path), offset=step.column)


def _elements(each: Each, scopes: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """Give the elements of a list in all fixtures, wherever the file looks for it."""
    for path in each.each.paths:
        values = [scope.get(path.root) for scope in scopes]
        for step in (*path.steps, Every(path.column)):
            values = [inner for value in values for inner in _inside(value, step)]
        yield from values


def _lists(part: Part) -> Iterator[Each]:
    if isinstance(part, Each):
        yield part
    if isinstance(part, Branch):
        for _, inner in part.fields:
            yield from _lists(inner)


def _deepest(values: Sequence[Any], steps: Sequence[Step]) -> int | None:
    """Give the number of the first step that no value has, or None when all are there."""
    for at, step in enumerate(steps):
        values = [inner for value in values for inner in _inside(value, step)]
        if not values:
            return at
    return None


def _inside(value: Any, step: Step) -> Iterator[Any]:
    match step:
        case Named(name=name):
            if isinstance(value, Mapping) and name in value:
                yield value[name]
        case Indexed(index=index):
            if isinstance(value, list) and index < len(value):
                yield value[index]
        case Every():
            if isinstance(value, list):
                yield from value
        case Selected(name=name):
            elements = value if isinstance(value, list) else [value]
            yield from (one for one in elements if isinstance(one, Mapping) and name in one)


def _names(values: Sequence[Any], steps: Sequence[Step]) -> set[str]:
    for step in steps:
        values = [inner for value in values for inner in _inside(value, step)]
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return {name for value in flat if isinstance(value, Mapping) for name in value}
