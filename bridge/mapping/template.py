"""
Tables of a mapping file that fill the fields of a model.

`compile_table` checks a table against a model at load; the tree that comes out fills plain
values at run, and tells all that is wrong with the line it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Context
from typing import Any

from pydantic import BaseModel

from bridge import kinds
from bridge.kinds import ANY, LIST, Refused
from bridge.mapping.compile import Compiled, Compiler, Namespace, Scope, nearest
from bridge.mapping.lines import Array, Node, Place, Scalar, Table
from bridge.mapping.slots import Slot, slots
from bridge.types import Origin, Problem

Problems = list[Problem]
_RESERVED = ("each", "when")
_EXACT = Context(prec=200)
_FEW = 5


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


def conditions(node: Node | None, compiler: Compiler, field: str) -> tuple[Compiled, ...]:
    """Compile `when`: one expression or several, each of which must end in a predicate."""
    if node is None:
        return ()
    nodes = node.items if isinstance(node, Array) else [node]
    out = []
    for one in nodes:
        if not isinstance(one, Scalar) or not isinstance(one.value, str):
            compiler.problems.append(
                one.place.problem("wanted an expression, or a list of them", field=field)
            )
            continue
        compiled = compiler.expression(one.value, one.place, field=field)
        if compiled is None:
            continue
        if not compiled.predicate:
            compiler.problems.append(
                one.place.problem(
                    "a condition ends in present, absent, is(...), is_not(...) or has(...)",
                    field=field,
                )
            )
            continue
        out.append(compiled)
    return tuple(out)


def compile_table(
    table: Table,
    model: type[BaseModel],
    compiler: Compiler,
    field: str = "",
    *,
    reserved: tuple[str, ...] = (),
) -> Branch:
    """
    Compile the lines of *table*, which fill the fields of *model*.

    Args:
        field: What the table fills, such as ``order``; begins every field's name in messages.
        reserved: Names in the table that are no fields.
    """
    known = slots(model)
    prefix = f"{field}." if field else ""
    fields: list[tuple[str, Part]] = []
    for name, node in table.entries.items():
        if name in reserved:
            continue
        slot = known.get(name)
        if slot is None or slot.derived:
            told = (
                f"the bridge computes '{prefix}{name}': it cannot be mapped"
                if slot
                else f"there is no field '{prefix}{name}'{_known_or_nearest(name, known)}"
            )
            compiler.problems.append(table.places[name].problem(told))
            continue
        part = _part(node, slot, compiler, f"{prefix}{name}")
        if part is not None:
            fields.append((name, part))
    for name, slot in known.items():
        if slot.required and not slot.derived and name not in table.entries:
            compiler.problems.append(
                table.place.problem(f"required field '{prefix}{name}' is not mapped")
            )
    return Branch(tuple(fields))


def _known_or_nearest(name: str, known: Mapping[str, Slot]) -> str:
    few = f"; there are {', '.join(known)}" if len(known) <= _FEW else ""
    return nearest(name, list(known)) or few


def _part(node: Node, slot: Slot, compiler: Compiler, field: str) -> Part | None:
    if slot.model is not None:
        if isinstance(node, Table):
            return compile_table(node, slot.model, compiler, field)
        return _wrong(node.place, compiler, field, "holds an object: give its fields by name")
    if slot.element is not None:
        return _list(node, slot.element, compiler, field)
    if isinstance(node, Table):
        return _wrong(node.place, compiler, field, f"holds {slot.wants} and has no fields")
    return _leaf(node, slot, compiler, field)


def _leaf(node: Scalar | Array, slot: Slot, compiler: Compiler, field: str) -> Leaf | None:
    if isinstance(node, Array) and not slot.adds:
        return _wrong(
            node.place, compiler, field, "a list is only added up for an amount of the order"
        )
    parts = []
    for one in node.items if isinstance(node, Array) else [node]:
        if not isinstance(one, Scalar):
            return _wrong(one.place, compiler, field, "wanted an expression")
        compiled = (
            compiler.expression(one.value, one.place, field=field)
            if isinstance(one.value, str)
            else compiler.constant(one.value, one.place, field=field)
        )
        if compiled is None:
            continue
        if not kinds.fits(compiled.kind, slot.takes):
            found = kinds.name(compiled.kind)
            _wrong(one.place, compiler, field, f"wants {slot.wants}, and this is {found}")
        parts.append(compiled)
    if isinstance(node, Array) and not node.items:
        _wrong(node.place, compiler, field, "the list is empty: nothing would be added up")
    return Leaf(field, slot, tuple(parts)) if parts else None


def _list(node: Node, model: type[BaseModel], compiler: Compiler, field: str) -> Part | None:
    if isinstance(node, Array):
        elements = []
        for one in node.items:
            if not isinstance(one, Table):
                return _wrong(one.place, compiler, field, "wanted an array of tables")
            when = conditions(one.entries.get("when"), compiler, field)
            branch = compile_table(one, model, compiler, field, reserved=("when",))
            elements.append((when, branch))
        return Several(field, tuple(elements))
    each = node.entries.get("each") if isinstance(node, Table) else None
    if (
        not isinstance(node, Table)
        or not isinstance(each, Scalar)
        or not isinstance(each.value, str)
    ):
        return _wrong(
            node.place,
            compiler,
            field,
            "holds a list: wanted `each`, the path of another list, or an array of tables",
        )
    if "[" in each.value and ("=" in each.value or "*" in each.value):
        return _wrong(each.place, compiler, field, "`each` is a plain path; filter with `when`")
    compiled = compiler.expression(each.value, each.place, field=field)
    if compiled and not kinds.fits(compiled.kind, LIST):
        found = kinds.name(compiled.kind)
        _wrong(each.place, compiler, field, f"`each` wants a list, and this is {found}")
    inner = replace(compiler, names={**compiler.names, "item": _item(compiled, compiler)})
    when = conditions(node.entries.get("when"), inner, field)
    branch = compile_table(node, model, inner, field, reserved=_RESERVED)
    return Each(field, compiled, when, branch) if compiled else None


def _item(each: Compiled | None, compiler: Compiler) -> Namespace:
    """What is known of an element: the fields of the event's list, or nothing."""
    if each is None or len(each.paths) != 1:
        return Namespace(kind=ANY)
    path = each.paths[0]
    model = compiler.names[path.root].model
    for step in path.steps:
        slot = slots(model).get(getattr(step, "name", "")) if model else None
        if slot is None:
            return Namespace(kind=ANY)
        if slot.element is not None:
            return Namespace(model=slot.element)
        model = slot.model
    return Namespace(kind=ANY)


def _wrong(place: Place, compiler: Compiler, field: str, message: str) -> Leaf | None:
    compiler.problems.append(place.problem(message, field=field))
    return None


def _problem(compiled: Compiled, field: str, message: str) -> Problem:
    place = compiled.place
    return Problem(place.file, place.line, place.column, message, field, compiled.text)


def merged(base: Table, own: Table) -> Table:
    """Lay *own* over *base*: its lines win, objects are merged name by name."""
    entries: dict[str, Node] = dict(base.entries)
    for name, node in own.entries.items():
        below = entries.get(name)
        if isinstance(below, Table) and isinstance(node, Table):
            entries[name] = merged(below, node)
        else:
            entries[name] = node
    return Table(own.place, entries, {**base.places, **own.places})
