"""
Walk a path into values.

A name on a list and an index on an object give nothing, so that one file can read two shapes.
A step into text, a number or a boolean is refused.  ``[*]`` and selectors give one flat list:
``[]`` when there are no elements, nothing when there are elements and none has the field, a
list with holes (None) when some have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bridge.kinds import Refused, name_of
from bridge.mapping.expression import Every, Indexed, Named, Path, Selected, Step, Value

Scope = Mapping[str, Any]
Run = Callable[[Scope], Any]
One = Callable[[Any], Any]
Many = Callable[[list[Any], Scope], list[Any]]

_NUMBERS = (int, Decimal)


def walker(path: Path, values: Mapping[Value, Run]) -> Run:
    """
    Make the function that walks *path*.

    Args:
        path: Its root is a name of the scope.
        values: The compiled value of every selector in it.
    """
    first_many = next(
        (at for at, step in enumerate(path.steps) if isinstance(step, Every | Selected)), None
    )
    if first_many is None:
        return _single(path.root, path.steps)
    single = _single(path.root, path.steps[:first_many])
    ops = _opening(path.steps[first_many], values)
    # What is compared may be of the wrong type, which is told even where there is nothing.
    compared = [value for part, value in values.items() if isinstance(part, Path)]
    spread = True
    for step in path.steps[first_many + 1 :]:
        ops.extend(_further(step, values, spread=spread))
        spread = isinstance(step, Every | Selected)

    def run(scope: Scope) -> Any:
        value = single(scope)
        if value is None:
            return None
        elements = value if value.__class__ is list else _list_of(value)
        for op in ops:
            if not elements:
                for wanted in compared:
                    wanted(scope)
                break
            elements = op(elements, scope)
        return _filled(elements) if elements else elements

    return run


def _filled(elements: list[Any]) -> list[Any] | None:
    """Make holes of blanks; where all are holes is nothing."""
    found: list[Any] = []
    nothing = True
    for one in elements:
        if one is None or (one.__class__ is str and (not one or one.isspace())):
            found.append(None)
        else:
            found.append(one)
            nothing = False
    return None if nothing else found


def blank(value: Any) -> bool:
    """Whether *value* is text of nothing but white space."""
    return value.__class__ is str and (not value or value.isspace())


def same(left: Any, right: Any) -> bool:
    """Equality by type: text with text, number with number, boolean with boolean."""
    if left.__class__ is right.__class__:
        return bool(left == right)
    return left.__class__ in _NUMBERS and right.__class__ in _NUMBERS and bool(left == right)


def _single(root: str, steps: tuple[Step, ...]) -> Run:
    """Walk names and indexes only: the hot case."""
    names = [step.name for step in steps if isinstance(step, Named)]
    if len(names) == len(steps):
        return _name(root, names[0]) if len(names) == 1 else _names(root, names)
    moves = tuple(_move(step) for step in steps)

    def run(scope: Scope) -> Any:
        value = scope[root]
        for move in moves:
            if value is None:
                return None
            value = move(value)
        return None if blank(value) else value

    return run


def _name(root: str, name: str) -> Run:
    def run(scope: Scope) -> Any:
        value = scope[root]
        value = value.get(name) if value.__class__ is dict else _field(value, name)
        if value.__class__ is str and (not value or value.isspace()):
            return None
        return value

    return run


def _names(root: str, names: Sequence[str]) -> Run:
    def run(scope: Scope) -> Any:
        value = scope[root]
        for name in names:
            if value is None:
                return None
            value = value.get(name) if value.__class__ is dict else _field(value, name)
        if value.__class__ is str and (not value or value.isspace()):
            return None
        return value

    return run


def _move(step: Step) -> One:
    if isinstance(step, Named):
        name = step.name
        return lambda value: _field(value, name)
    if isinstance(step, Indexed):
        index = step.index
        return lambda value: _element(value, index)
    raise AssertionError(step)


def _field(value: Any, name: str) -> Any:
    if value is None or isinstance(value, list):
        return None
    if isinstance(value, Mapping):
        return value.get(name)
    raise Refused(f"found {name_of(value)} where an object with '{name}' was wanted", "wrong_kind")


def _element(value: Any, index: int) -> Any:
    if isinstance(value, list):
        return value[index] if index < len(value) else None
    if value is None or isinstance(value, Mapping):
        return None
    raise Refused(f"found {name_of(value)} where a list was wanted", "wrong_kind")


def _list_of(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping) and not value:  # some languages write [] and {} alike
        return []
    raise Refused(f"found {name_of(value)} where a list was wanted", "wrong_kind")


def _opening(step: Step, values: Mapping[Value, Run]) -> list[Many]:
    return [_select(step, values, holes=False)] if isinstance(step, Selected) else []


def _further(step: Step, values: Mapping[Value, Run], *, spread: bool) -> list[Many]:
    """
    Walk on from many values.

    A selector right behind another or behind ``[*]`` filters the same elements; behind a name
    it opens the list in each of them first.
    """
    if isinstance(step, Selected):
        select = _select(step, values, holes=True)
        return [select] if spread else [_open_each, select]
    if isinstance(step, Every):
        return [_open_each]
    if isinstance(step, Named):
        return [_name_of_each(step.name)]
    move = _move(step)
    return [lambda elements, _: [move(one) for one in elements]]


def _name_of_each(name: str) -> Many:
    def names(elements: list[Any], scope: Scope) -> list[Any]:  # noqa: ARG001
        return [one.get(name) if one.__class__ is dict else _field(one, name) for one in elements]

    return names


def _open_each(elements: list[Any], scope: Scope) -> list[Any]:  # noqa: ARG001
    """Flatten one level; where a list is missing stays a hole, because nobody knows."""
    out: list[Any] = []
    for one in elements:
        if one is None:
            out.append(None)
        else:
            out.extend(_list_of(one))
    return out


def _select(step: Selected, values: Mapping[Value, Run], *, holes: bool) -> Many:
    name, equal = step.name, step.equal
    if step.value is None:
        return _select_any(name, equal=equal, holes=holes)
    value = values[step.value]

    def select(elements: list[Any], scope: Scope) -> list[Any]:
        wanted = value(scope)
        alike = _NUMBERS if wanted.__class__ in _NUMBERS else (wanted.__class__,)
        out: list[Any] = []
        for one in elements:
            if one is None:
                if holes or not equal:
                    out.append(None)
                continue
            found = one.get(name) if one.__class__ is dict else _field(one, name)
            # Nothing equals nothing.
            if (found is not None and found.__class__ in alike and found == wanted) is equal:
                out.append(one)
        return out

    return select


def _select_any(name: str, *, equal: bool, holes: bool) -> Many:
    """Filter by whether a field is something; who is nothing has no such field, or is a hole."""

    def select(elements: list[Any], scope: Scope) -> list[Any]:  # noqa: ARG001
        out: list[Any] = []
        for one in elements:
            if one is None:
                if holes or not equal:
                    out.append(None)
            elif ((found := _field(one, name)) is not None and not blank(found)) is equal:
                out.append(one)
        return out

    return select
