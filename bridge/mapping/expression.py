"""
The parts of an expression, as plain values with the column where each stands.

`bridge.mapping.parser` makes them of a text, `bridge.mapping.compile` checks them and
`bridge.mapping.write` makes a function of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

#: A name behind a dot that needs no quotes.
STEP_NAME = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Named:
    """The field of an object: ``.name``."""

    name: str
    column: int


@dataclass(frozen=True, slots=True)
class Indexed:
    """One element of a list: ``[0]``."""

    index: int
    column: int


@dataclass(frozen=True, slots=True)
class Every:
    """Every element of a list: ``[*]``."""

    column: int


@dataclass(frozen=True, slots=True)
class Selected:
    """
    The elements whose field equals a value, or does not: ``[name='x']``, ``[name!='x']``.

    A star is any value: those whose field is something, ``[name=*]``, or nothing, ``[name!=*]``.
    """

    name: str
    value: Value | None  #: None: any
    equal: bool
    column: int


Step = Named | Indexed | Every | Selected


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value is found: a namespace and the steps into it."""

    root: str
    steps: tuple[Step, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the file."""

    value: str | int | Decimal | bool
    column: int


Value = Path | Literal


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to what stands before it."""

    name: str
    arguments: tuple[Value, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Chain:
    """An operand and the functions behind it."""

    operand: Path | Literal | Alternatives
    calls: tuple[Call, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Alternatives:
    """The first of several chains that is something."""

    chains: tuple[Chain, ...]
    column: int


def paths(part: Alternatives | Chain | Path | Literal) -> Iterator[Path]:
    """Give every path in *part*, those inside selectors and arguments included."""
    match part:
        case Alternatives():
            for chain in part.chains:
                yield from paths(chain)
        case Chain():
            yield from paths(part.operand)
            for call in part.calls:
                for argument in call.arguments:
                    yield from paths(argument)
        case Path():
            yield part
            for step in part.steps:
                if isinstance(step, Selected) and step.value is not None:
                    yield from paths(step.value)
        case Literal():
            return


def ways(tree: Alternatives) -> Iterator[tuple[Path, ...]]:
    """Give each way to a value of *tree*: the paths that one of its alternatives reads."""
    for chain in tree.chains:
        if not isinstance(chain.operand, Alternatives):
            yield tuple(paths(chain))
            continue
        arguments = [path for call in chain.calls for one in call.arguments for path in paths(one)]
        for way in ways(chain.operand):
            yield (*way, *arguments)


def spell(path: Path) -> str:
    """Write *path* as a mapping file does."""
    out = path.root
    for step in path.steps:
        match step:
            case Named():
                out += f".{_spell_name(step.name)}"
            case Indexed():
                out += f"[{step.index}]"
            case Every():
                out += "[*]"
            case Selected():
                sign = "=" if step.equal else "!="
                value = "*" if step.value is None else spell_value(step.value)
                out += f"[{_spell_name(step.name)}{sign}{value}]"
    return out


def _spell_name(name: str) -> str:
    return name if STEP_NAME.fullmatch(name) else f"'{name}'"


def spell_value(value: Value) -> str:
    """Write a path or a literal as a mapping file does."""
    if isinstance(value, Path):
        return spell(value)
    if isinstance(value.value, bool):
        return str(value.value).lower()
    return f"'{value.value}'" if isinstance(value.value, str) else str(value.value)
