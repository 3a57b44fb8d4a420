"""
The tree that fills the fields of a model from a webhook or an event.

`bridge.mapping.layout` makes it of the tables of a file.  At run it gives plain values, and
tells all that is wrong with the line that it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Context
from typing import Any

from bridge import kinds
from bridge.causes import Code
from bridge.kinds import Refused
from bridge.mapping.compile import Compiled, Run, Scope
from bridge.mapping.slots import Slot
from bridge.types import Origin, Problem

Problems = list[Problem]
_EXACT = Context(prec=200)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One line: an expression, or several that are added up."""

    field: str
    slot: Slot
    parts: tuple[Compiled, ...]
    run: Run  #: gives the field's value, or nothing; raises `Refused`

    @property
    def origin(self) -> Origin:
        """The line in its file."""
        first = self.parts[0]
        text = " + ".join(part.text for part in self.parts)
        return Origin(first.place.file, first.place.line, first.place.column, self.field, text)

    def problem(self, message: str, code: Code) -> Problem:
        """Say what is wrong on this line."""
        at = self.origin
        return Problem(at.file, at.line, at.column, message, self.field, at.expression, code)


def leaf(field: str, slot: Slot, parts: tuple[Compiled, ...]) -> Leaf:
    """Make the line that fills a field of *slot* with an expression, or the sum of several."""
    value = parts[0].run if len(parts) == 1 else _sum(slot, [part.run for part in parts])
    return Leaf(field, slot, parts, value if _is_read(slot, parts) else _reading(slot, value))


def _is_read(slot: Slot, parts: tuple[Compiled, ...]) -> bool:
    """Whether it is known at load that what comes out is what the field holds, or nothing."""
    free = not (slot.required or slot.adds or slot.read)
    return free and all(
        part.kind <= slot.takes and not any(chain.calls for chain in part.tree.chains)
        for part in parts
    )


def _reading(slot: Slot, value: Run) -> Run:
    takes, read, needed = slot.takes, slot.read, slot.required or slot.adds

    def run(scope: Scope) -> Any:
        found = value(scope)
        if found is not None:
            if found.__class__ not in takes:
                raise Refused(f"found {kinds.name_of(found)}, wanted {slot.wants}", "wrong_kind")
            if read is not None:
                found = read(found)
        if found is None and needed:
            raise Refused(f"nothing was found, wanted {slot.wants}", "missing")
        return found

    return run


def _sum(slot: Slot, values: Sequence[Run]) -> Run:
    runs = [_reading(replace(slot, required=False, adds=False), value) for value in values]

    def run(scope: Scope) -> Any:
        total: Any = None
        for one in runs:
            amount = one(scope)
            if amount is None:
                return None
            total = amount if total is None else _EXACT.add(total, amount)
        return total

    return run


@dataclass(frozen=True, slots=True)
class Branch:
    """An object: its fields in the order of the file."""

    fields: tuple[tuple[str, Part], ...]
    #: The same, with the closures of the lines among them, which are most.
    _rows: tuple[tuple[str, Run | None, Any], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Take the closures out of the lines."""
        runs = [part.run if isinstance(part, Leaf) else None for _, part in self.fields]
        rows = tuple((name, run, part) for (name, part), run in zip(self.fields, runs, strict=True))
        object.__setattr__(self, "_rows", rows)

    def fill(self, scope: Scope, problems: Problems) -> dict[str, Any] | None:
        """Give the object, or None when no field has a value."""
        out = {}
        for name, run, part in self._rows:
            if run is None:
                value = part.fill(scope, problems)
            else:
                try:
                    value = run(scope)
                except Refused as refused:
                    problems.append(part.problem(str(refused), refused.code))
                    continue
            if value is not None:
                out[name] = value
        return out or None


@dataclass(frozen=True, slots=True)
class Each:
    """A list: one object per element of another list."""

    field: str
    each: Compiled
    when: tuple[Compiled, ...]
    branch: Branch

    def fill(self, scope: Scope, problems: Problems) -> list[Any] | None:
        """Give the list, or None when there is no other list."""
        elements = evaluate(self.each, scope, self.field, problems)
        if elements is None:
            return None
        if not isinstance(elements, list):
            message = f"found {kinds.name_of(elements)}, wanted a list"
            problems.append(problem_at(self.each, self.field, message, "wrong_kind"))
            return None
        out, inner = [], {**scope}
        for at, element in enumerate(elements):
            inner["item"] = element
            before = len(problems)
            if not failing(self.when, inner, self.field, problems):
                out.append(self.branch.fill(inner, problems) or {})
            if len(problems) > before:
                problems[before:] = [self._numbered(one, at) for one in problems[before:]]
        return out

    def _numbered(self, problem: Problem, at: int) -> Problem:
        """Say which element of the list the problem is in."""
        field = problem.field.replace(self.field, f"{self.field}[{at}]", 1)
        return replace(problem, field=field)


@dataclass(frozen=True, slots=True)
class Several:
    """A list: one object per table, those with a false `when` left out."""

    field: str
    elements: tuple[tuple[tuple[Compiled, ...], Branch], ...]

    def fill(self, scope: Scope, problems: Problems) -> list[Any] | None:
        """Give the list, or None when every element is left out."""
        out = []
        for when, branch in self.elements:
            if not failing(when, scope, self.field, problems):
                value = branch.fill(scope, problems)
                if value is not None:
                    out.append(value)
        return out or None


Part = Leaf | Branch | Each | Several


def evaluate(compiled: Compiled, scope: Scope, field: str, problems: Problems) -> Any:
    """Run one expression; a refusal becomes a problem and nothing."""
    try:
        return compiled.run(scope)
    except Refused as refused:
        problems.append(problem_at(compiled, field, str(refused), refused.code))
        return None


def failing(when: tuple[Compiled, ...], scope: Scope, field: str, problems: Problems) -> str:
    """Give the text of the first condition that does not hold, or nothing."""
    for one in when:
        if evaluate(one, scope, field, problems) is not True:
            return one.text
    return ""


def leaves(part: Part) -> Iterator[Leaf]:
    """Give every line below *part*."""
    match part:
        case Leaf():
            yield part
        case Branch():
            for _, inner in part.fields:
                yield from leaves(inner)
        case Each():
            yield from leaves(part.branch)
        case Several():
            for _, branch in part.elements:
                yield from leaves(branch)


def expressions(part: Part) -> Iterator[Compiled]:
    """Give every expression below *part*, conditions and lists included."""
    match part:
        case Leaf():
            yield from part.parts
        case Branch():
            for _, inner in part.fields:
                yield from expressions(inner)
        case Each():
            yield part.each
            yield from part.when
            yield from expressions(part.branch)
        case Several():
            for when, branch in part.elements:
                yield from when
                yield from expressions(branch)


def problem_at(compiled: Compiled, field: str, message: str, code: Code) -> Problem:
    """Say what is wrong with one expression."""
    place = compiled.place
    return Problem(place.file, place.line, place.column, message, field, compiled.text, code)
