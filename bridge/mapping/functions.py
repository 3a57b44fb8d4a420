"""
The registry of the functions that mapping files call behind ``|``.

A function is ordinary Python: its first argument is the value on the left, its annotations are
its types, the first line of its docstring is its documentation, and its examples are both its
documentation and its tests.  The bridge's own are in `bridge.mapping.library`; an operator's
``mappings/functions.py`` registers more in the same way.

How they are called: a function never with nothing on its left, nor with nothing for a required
argument; a predicate with whatever there is.  Values have the annotated types, exactly.  To give
None or blank text is to give nothing; a value of the wrong form is `Refused`.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import PurePath
from types import FunctionType
from typing import Any, TypeVar

from bridge import kinds
from bridge.kinds import BOOLEAN, Kind

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Example:
    """What a function makes of one value."""

    given: Any  #: the value on the left; None is nothing
    arguments: tuple[Any, ...] = ()
    returns: Any = None
    refused: str | None = None  #: a part of the message, where the value is refused


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a function, without the value on its left."""

    name: str
    kind: Kind
    required: bool  #: the result is nothing when it is nothing
    repeated: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A function that mapping files may call."""

    name: str
    call: Callable[..., Any]
    about: str  #: one line
    given: Kind  #: of the value on the left
    parameters: tuple[Parameter, ...]
    returns: Kind
    predicate: bool
    examples: tuple[Example, ...]


_REGISTERED: dict[Callable[..., Any], Function] = {}


def function(*examples: Example) -> Callable[[F], F]:
    """
    Let mapping files call the decorated function, under its own name.

    Where that name is Python's own, an underscore may stand behind it: ``sum_`` is ``sum``.  An
    argument is optional when its default is None; a repeated one, when its annotation says
    ``| None``.

    Raises:
        TypeError: The docstring, an annotation or the examples are missing, or a type is none of
            the mapping language.
    """
    return _registering(examples, predicate=False)


def predicate(*examples: Example) -> Callable[[F], F]:
    """Let conditions end in the decorated function; it gives true or false, of nothing too."""
    return _registering(examples, predicate=True)


def read_functions(namespace: Mapping[str, Any]) -> Mapping[str, Function]:
    """
    Collect the functions that a module registered, by name and in their order.

    Args:
        namespace: The module's globals.  What it only imported is left out.

    Raises:
        TypeError: Two functions have one name.
    """
    found: dict[str, Function] = {}
    for value in namespace.values():
        if not isinstance(value, FunctionType) or value.__module__ != namespace.get("__name__"):
            continue
        known = _REGISTERED.get(value)
        if known is None:
            continue
        if found.setdefault(known.name, known) is not known:
            raise TypeError(f"{_place(value)}: another function is called '{known.name}' already")
    return found


def signature(function: Function) -> str:
    """Spell a function with its arguments: ``timestamp(zone?)``."""
    arguments = ", ".join(
        f"{one.name}..." if one.repeated else one.name if one.required else f"{one.name}?"
        for one in function.parameters
    )
    return f"{function.name}({arguments})" if arguments else function.name


def table(functions: Mapping[str, Function]) -> str:
    """Write the functions as a Markdown table, with their examples as mapping files spell them."""
    rows = ["| function | takes | meaning | examples |", "|---|---|---|---|"]
    for one in functions.values():
        examples = "<br>".join(_spell_example(one, example) for example in one.examples)
        about = one.about.replace("|", "\\|")
        rows.append(f"| `{signature(one)}` | {kinds.name(one.given)} | {about} | {examples} |")
    return "\n".join(rows) + "\n"


def _registering(examples: tuple[Example, ...], *, predicate: bool) -> Callable[[F], F]:
    def register(call: F) -> F:
        try:
            _REGISTERED[call] = _read(call, examples, predicate=predicate)
        except (TypeError, NameError) as error:
            raise TypeError(f"{_place(call)}: function '{call.__name__}': {error}") from None
        return call

    if not all(isinstance(one, Example) for one in examples):
        raise TypeError("write the examples behind the decorator: @function(Example('a', ...))")
    return register


def _read(call: Callable[..., Any], examples: tuple[Example, ...], *, predicate: bool) -> Function:
    about = (inspect.getdoc(call) or "").partition("\n")[0].strip()
    if not about:
        raise TypeError("write a docstring; its first line is the documentation")
    if not examples:
        raise TypeError("give at least one Example; they are its documentation and its tests")
    if inspect.iscoroutinefunction(call):
        raise TypeError("define it with a plain 'def': a mapping waits for nothing")
    hints = typing.get_type_hints(call)
    parameters = [_parameter(one, hints) for one in inspect.signature(call).parameters.values()]
    if not parameters or parameters[0].repeated:
        raise TypeError("give it a first argument: the value on its left")
    if "return" not in hints:
        raise TypeError("annotate what it returns")
    returns = kinds.of_annotation(hints["return"])
    if not returns or (predicate and returns != BOOLEAN):
        wanted = "bool: it is a predicate" if predicate else "a value"
        raise TypeError(f"annotate it as returning {wanted}")
    name = call.__name__.removesuffix("_")
    given, *rest = parameters
    return Function(name, call, about, given.kind, tuple(rest), returns, predicate, tuple(examples))


def _parameter(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Parameter:
    name = parameter.name
    if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
        raise TypeError(f"'{name}' is given by name, and mapping files give arguments by position")
    if name not in hints:
        raise TypeError(f"annotate '{name}' with its type")
    if parameter.default not in (None, parameter.empty):
        raise TypeError(f"'{name}' has a default, and an argument that is not given is None")
    repeated = parameter.kind is parameter.VAR_POSITIONAL
    admits_nothing = type(None) in typing.get_args(hints[name])
    optional = admits_nothing if repeated else parameter.default is None
    return Parameter(name, kinds.of_annotation(hints[name]), not optional, repeated)


def _place(call: Callable[..., Any]) -> str:
    code = inspect.unwrap(call).__code__
    return f"{PurePath(code.co_filename).name}:{code.co_firstlineno}"


def _spell_example(function: Function, example: Example) -> str:
    arguments = ", ".join(_spell(one) for one in example.arguments)
    call = f"{function.name}({arguments})" if example.arguments else function.name
    expression = f"{_spell(example.given)} | {call}".replace("|", "\\|")
    if example.refused is not None:
        return f"`{expression}` → **refused**"
    if example.returns is None:
        return f"`{expression}` → nothing"
    result = _spell(example.returns).replace("|", "\\|")
    return f"`{expression}` → `{result}`"


def _spell(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"'{value}'"
        case bytes():
            return f"bytes '{value.decode(errors='replace')}'"
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case list():
            return f"[{', '.join(_spell(one) for one in value)}]"
        case dict():
            fields = ", ".join(f"{name}: {_spell(one)}" for name, one in value.items())
            return f"{{{fields}}}"
        case _:
            return str(value)
