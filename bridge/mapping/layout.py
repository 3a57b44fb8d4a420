"""Check the tables of a mapping file against a model, and lay out the tree that fills it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import BaseModel

from bridge import kinds
from bridge.kinds import ANY, LIST
from bridge.mapping.compile import Compiled, Compiler, Namespace, nearest
from bridge.mapping.lines import Array, Node, Place, Scalar, Table
from bridge.mapping.slots import Slot, slots
from bridge.mapping.template import Branch, Each, Leaf, Part, Several

#: So many names can be told when none is near.
_FEW = 5
_RESERVED = ("each", "when")


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
    inner = slot.model or slot.values
    if inner is not None:
        if not isinstance(node, Table):
            return _wrong(node.place, compiler, field, "holds an object: give its fields by name")
        if isinstance(inner, Slot):
            return _open(node, inner, compiler, field)
        return compile_table(node, inner, compiler, field)
    if slot.element is not None:
        return _list(node, slot.element, compiler, field)
    if isinstance(node, Table):
        return _wrong(node.place, compiler, field, f"holds {slot.wants} and has no fields")
    return _leaf(node, slot, compiler, field)


def _open(table: Table, values: Slot, compiler: Compiler, field: str) -> Branch:
    """Compile the lines of an object whose names the brand chooses."""
    parts = (
        (name, _part(node, values, compiler, f"{field}.{name}"))
        for name, node in table.entries.items()
    )
    return Branch(tuple((name, part) for name, part in parts if part is not None))


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
