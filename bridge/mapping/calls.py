"""Call functions: nothing stays nothing, kinds are looked at, and then the function runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bridge import kinds
from bridge.kinds import Kind, Refused
from bridge.mapping.functions import Function, Parameter
from bridge.mapping.walk import Run, Scope


def apply(function: Function, inner: Run, arguments: tuple[tuple[Run, Parameter], ...]) -> Run:
    """Make the closure of one call: nothing stays nothing, kinds are looked at, then it runs."""
    call, takes, name = function.call, function.given, function.name
    if function.predicate:
        return _apply_predicate(function, inner, arguments)
    if not arguments:

        def plain(scope: Scope) -> Any:
            value = inner(scope)
            if value is None:
                return None
            if value.__class__ not in takes:
                raise _unfit(name, takes, value)
            return _something(name, call, value, ())

        return plain

    def run(scope: Scope) -> Any:
        value = inner(scope)
        if value is None:
            return None
        if value.__class__ not in takes:
            raise _unfit(name, takes, value)
        given = []
        for argument, parameter in arguments:
            one = argument(scope)
            if one is None:
                if parameter.required:
                    return None
            elif one.__class__ not in parameter.kind:
                raise _unfit(f"{name}: {parameter.name}", parameter.kind, one)
            given.append(one)
        return _something(name, call, value, given)

    return run


def _apply_predicate(
    function: Function, inner: Run, arguments: tuple[tuple[Run, Parameter], ...]
) -> Run:
    call, takes, name = function.call, function.given, function.name
    runs = tuple(run for run, _ in arguments)

    def run(scope: Scope) -> Any:
        value = inner(scope)
        if value is not None and value.__class__ not in takes:
            raise _unfit(name, takes, value)
        return _called(name, call, value, [one(scope) for one in runs])

    return run


def _called(name: str, call: Callable[..., Any], value: Any, given: Sequence[Any]) -> Any:
    try:
        return call(value, *given)
    except Refused as refused:
        raise Refused(f"{name}: {refused}") from None
    except Exception as error:  # an operator's function may fail in any way
        told = f"{name}: failed with {type(error).__name__}: a mistake in the function"
        raise Refused(told) from error


def _something(name: str, call: Callable[..., Any], value: Any, given: Sequence[Any]) -> Any:
    result = _called(name, call, value, given)
    if result.__class__ is str and (not result or result.isspace()):
        return None
    return result


def _unfit(name: str, wanted: Kind, value: Any) -> Refused:
    return Refused(f"{name}: found {kinds.name_of(value)}, wanted {kinds.name(wanted)}")
