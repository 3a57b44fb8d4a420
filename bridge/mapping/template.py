"""
The tree that fills the fields of a model from a webhook or an event.

`bridge.mapping.layout` makes it of the tables of a file.  It writes one function a table, with
`bridge.mapping.write`; at run that gives plain values, and tells all that is wrong with the line
that it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from functools import cached_property, partial
from itertools import chain, repeat
from typing import Any

from bridge import kinds
from bridge.causes import Code
from bridge.fields import LONGEST_NUMBER, PLAIN_NUMBER, TOO_LONG, read_flag, read_number, read_text
from bridge.kinds import ANY, TEXT, Kind, Refused
from bridge.mapping.compile import Compiled
from bridge.mapping.slots import Slot
from bridge.mapping.write import Run, Scope, Writer
from bridge.python import Source
from bridge.types import Origin, Problem

Problems = list[Problem]
_EXACT = Context(prec=200)


@dataclass(frozen=True)
class Leaf:
    """One line: an expression, or several that are added up."""

    field: str
    slot: Slot
    parts: tuple[Compiled, ...]

    @cached_property
    def run(self) -> Run:
        """Give the field's value, or nothing; raises `Refused`."""
        writer = Writer()
        value = writer.source.variable()
        self.write(writer, value)
        writer.source.line(f"return {value}")
        return writer.source.function("scope", str(self.origin))

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

    def write(self, writer: Writer, into: str) -> None:
        """Write what gives a variable the field's value."""
        if len(self.parts) == 1:
            kind = _expression(writer, self.parts[0], into, self.slot)
        else:
            self._sum(writer, into)
            kind = ANY
        _read(writer, self.slot, into, kind)
        if self.slot.required or self.slot.adds:
            told = f"nothing was found, wanted {self.slot.wants}"
            writer.source.line(f"if {into} is None: raise Refused({told!r}, 'missing')")

    def _sum(self, writer: Writer, into: str) -> None:
        """A part that is nothing makes nothing of the whole."""
        first, *others = self.parts
        add, one = writer.source.value(_EXACT.add), writer.source.variable()
        _read(writer, self.slot, into, _expression(writer, first, into, self.slot))
        for part in others:
            with writer.source.block(f"if {into} is not None"):
                _read(writer, self.slot, one, _expression(writer, part, one, self.slot))
                writer.source.line(f"{into} = None if {one} is None else {add}({into}, {one})")


def _expression(writer: Writer, part: Compiled, into: str, slot: Slot) -> Kind:
    # Whatever reads text in a field takes blank text for nothing.
    reads_text = slot.read is not None and TEXT <= slot.takes
    return writer.expression(part.tree, part.known, into, blank=reads_text)


def _read(writer: Writer, slot: Slot, into: str, kind: Kind) -> None:
    """Write what looks at the kind of a value that is something, and reads it."""
    source = writer.source
    cases = list(_usual(slot, into, source))
    if not kind <= slot.takes or kind >= ANY:
        unlike = writer.unlike(into, slot.takes)
        cases.append((unlike, f"raise {source.value(_unread)}({into}, {slot.wants!r})"))
    if slot.read is not None:
        cases.append(("True", f"{into} = {source.value(slot.read)}({into})"))
    if cases:
        with source.block(f"if {into} is not None"):
            for word, (condition, told) in zip(chain(["if"], repeat("elif")), cases, strict=False):
                source.line(f"{word} {condition}: {told}")


def _usual(slot: Slot, value: str, source: Source) -> Iterator[tuple[str, str]]:
    """Spell what a reader makes of most values, so that it need not be called for them."""
    if slot.read is read_text:
        yield (
            f"{value}.__class__ is str and {value}.isascii()",
            f"{value} = ' '.join({value}.split()) or None",
        )
        yield f"{value}.__class__ is int", f"{value} = str({value})"
    elif slot.read is read_number:
        plain = source.value(PLAIN_NUMBER.fullmatch)
        yield f"{value}.__class__ is str and {plain}({value})", f"{value} = Decimal({value})"
        short = f"len(text := str({value})) <= {LONGEST_NUMBER} and 'E' not in text"
        yield f"{value}.__class__ is Decimal and {short} and {value}.is_finite()", "pass"
        yield (
            f"{value}.__class__ is int and -{TOO_LONG} < {value} < {TOO_LONG}",
            f"{value} = Decimal({value})",
        )
    elif slot.read is read_flag:
        yield f"{value}.__class__ is bool", "pass"
    elif slot.read is Decimal:
        yield f"{value}.__class__ is Decimal", "pass"


def _unread(value: Any, wants: str) -> Refused:
    return Refused(f"found {kinds.name_of(value)}, wanted {wants}", "wrong_kind")


@dataclass(frozen=True)
class Branch:
    """An object: its fields in the order of the file."""

    fields: tuple[tuple[str, Part], ...]

    def fill(self, scope: Scope, problems: Problems) -> dict[str, Any] | None:
        """Give the object, or None when no field has a value."""
        return self._written(scope, problems)

    @cached_property
    def _written(self) -> Callable[[Scope, Problems], dict[str, Any] | None]:
        writer = Writer()
        out = writer.source.variable()
        self.write(writer, out)
        writer.source.line(f"return {out} or None")
        first = next(leaves(self), None)
        return writer.source.function("scope, problems", str(first.origin) if first else "empty")

    def write(self, writer: Writer, out: str) -> None:
        """Write what gives a variable the object, empty when no field has a value."""
        source = writer.source
        source.line(f"{out} = {{}}")
        for name, part in self.fields:
            value = source.variable()
            if isinstance(part, Leaf):
                with _refusing(writer, part.problem):
                    part.write(writer, value)
                    source.line(f"if {value} is not None: {out}[{name!r}] = {value}")
                continue
            part.write(writer, value)
            something = f"{value} is not None" if isinstance(part, Each) else value
            source.line(f"if {something}: {out}[{name!r}] = {value}")


@dataclass(frozen=True, slots=True)
class Each:
    """A list: one object per element of another list."""

    field: str
    each: Compiled
    when: tuple[Compiled, ...]
    branch: Branch

    def write(self, writer: Writer, out: str) -> None:
        """Write what gives a variable the list, or None when there is no other list."""
        source, me = writer.source, writer.source.value(self)
        elements, element, at, before, one = (source.variable() for _ in range(5))
        _evaluation(writer, self.each, elements, self.field)
        with source.block(f"if {elements} is not None and {elements}.__class__ is not list"):
            source.line(f"problems.append({me}.no_list({elements}))")
            source.line(f"{elements} = None")
        source.line(f"{out} = None")
        with source.block(f"if {elements} is not None"):
            source.line(f"{out}, {before} = [], len(problems)")
            with source.block(f"for {at}, {element} in enumerate({elements})"):
                with writer.naming("item", element), _holding(writer, self.when, self.field):
                    self.branch.write(writer, one)
                    source.line(f"{out}.append({one})")
                with source.block(f"if len(problems) > {before}"):
                    source.line(f"{before} = {me}.number(problems, {before}, {at})")

    def no_list(self, value: Any) -> Problem:
        """Say that the other list is none."""
        message = f"found {kinds.name_of(value)}, wanted a list"
        return problem_at(self.each, self.field, message, "wrong_kind")

    def number(self, problems: Problems, before: int, at: int) -> int:
        """Say of the problems from *before* on which element they are in; gives their number."""
        for place in range(before, len(problems)):
            field = problems[place].field.replace(self.field, f"{self.field}[{at}]", 1)
            problems[place] = replace(problems[place], field=field)
        return len(problems)


@dataclass(frozen=True, slots=True)
class Several:
    """A list: one object per table, those with a false `when` left out."""

    field: str
    elements: tuple[tuple[tuple[Compiled, ...], Branch], ...]

    def write(self, writer: Writer, out: str) -> None:
        """Write what gives a variable the list, empty when every element is left out."""
        one = writer.source.variable()
        writer.source.line(f"{out} = []")
        for when, branch in self.elements:
            with _holding(writer, when, self.field):
                branch.write(writer, one)
                writer.source.line(f"if {one}: {out}.append({one})")


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
        try:
            if one.run(scope) is True:
                continue
        except Refused as refused:
            problems.append(problem_at(one, field, str(refused), refused.code))
        return one.text
    return ""


def _evaluation(writer: Writer, compiled: Compiled, into: str, field: str) -> None:
    """Write what runs one expression; a refusal becomes a problem and nothing."""
    writer.source.line(f"{into} = None")
    with _refusing(writer, partial(problem_at, compiled, field)):
        writer.expression(compiled.tree, compiled.known, into)


@contextmanager
def _holding(writer: Writer, when: tuple[Compiled, ...], field: str) -> Iterator[None]:
    """Write what is only done when all conditions hold, of which the first that does not ends it."""
    with ExitStack() as held:
        for one in when:
            holds = writer.source.variable()
            _evaluation(writer, one, holds, field)
            held.enter_context(writer.source.block(f"if {holds} is True"))
        yield


@contextmanager
def _refusing(writer: Writer, problem: Callable[[str, Code], Problem]) -> Iterator[None]:
    """Write what makes a problem of a refusal."""
    with writer.source.block("try"):
        yield
    with writer.source.block("except Refused as refused"):
        told = writer.source.value(problem)
        writer.source.line(f"problems.append({told}(str(refused), refused.code))")


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
