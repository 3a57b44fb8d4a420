"""
The tree that fills the fields of a model from a webhook or an event.

`bridge.mapping.layout` makes it of the tables of a file.  At run it gives plain values, and
tells all that is wrong with the line that it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Context
from typing import Any

from bridge import kinds
from bridge.kinds import Refused
from bridge.mapping.compile import Compiled, Scope
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

    @property
    def origin(self) -> Origin:
        """The line in its file."""
        first = self.parts[0]
        text = " + ".join(part.text for part in self.parts)
        return Origin(first.place.file, first.place.line, first.place.column, self.field, text)

    def fill(self, scope: Scope, problems: Problems) -> Any:
        """Give the field's value, or None and what is wrong."""
        slot = self.slot
        try:
            value = self._value(scope)
            if value is not None:
                if value.__class__ not in slot.takes:
                    raise Refused(f"found {kinds.name_of(value)}, wanted {slot.wants}")
                if slot.read is not None:
                    value = slot.read(value)
            if value is None and (slot.required or slot.adds):
                raise Refused(f"nothing was found, wanted {slot.wants}")
        except Refused as refused:
            problems.append(self.problem(str(refused)))
            return None
        return value

    def problem(self, message: str) -> Problem:
        """Say what is wrong on this line."""
        at = self.origin
        return Problem(at.file, at.line, at.column, message, self.field, at.expression)

    def _value(self, scope: Scope) -> Any:
        if len(self.parts) == 1:
            return self.parts[0].run(scope)
        total: Any = None
        for part in self.parts:
            value = part.run(scope)
            if value is None:
                return None
            if value.__class__ not in self.slot.takes:
                raise Refused(f"found {kinds.name_of(value)}, wanted {self.slot.wants}")
            read: Any = self.slot.read(value) if self.slot.read else value
            if read is None:
                return None
            total = read if total is None else _EXACT.add(total, read)
        return total


@dataclass(frozen=True, slots=True)
class Branch:
    """An object: its fields in the order of the file."""

    fields: tuple[tuple[str, Part], ...]

    def fill(self, scope: Scope, problems: Problems) -> dict[str, Any] | None:
        """Give the object, or None when no field has a value."""
        out = {}
        for name, part in self.fields:
            if (value := part.fill(scope, problems)) is not None:
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
            found = kinds.name_of(elements)
            problems.append(_problem(self.each, self.field, f"found {found}, wanted a list"))
            return None
        out = []
        for at, element in enumerate(elements):
            inner = {**scope, "item": element}
            before = len(problems)
            if all(evaluate(one, inner, self.field, problems) is True for one in self.when):
                out.append(self.branch.fill(inner, problems) or {})
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
            if all(evaluate(one, scope, self.field, problems) is True for one in when):
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
        problems.append(_problem(compiled, field, str(refused)))
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


def _problem(compiled: Compiled, field: str, message: str) -> Problem:
    place = compiled.place
    return Problem(place.file, place.line, place.column, message, field, compiled.text)
