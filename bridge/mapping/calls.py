"""Call functions: nothing stays nothing, kinds are looked at, and then the function runs."""

from __future__ import annotations

from typing import Any

from bridge import kinds
from bridge.kinds import Kind, Refused
from bridge.mapping.functions import Function, Parameter
from bridge.mapping.walk import Run, Scope


def apply(function: Function, inner: Run, arguments: tuple[tuple[Run, Parameter], ...]) -> Run:
    """Make the closure of one call: nothing stays nothing, kinds are looked at, then it runs."""
    if function.predicate:
        return _predicate(function, inner, tuple(run for run, _ in arguments))
    if arguments:
        return _with_arguments(function, inner, arguments)
    call, takes, name = function.call, function.given, function.name

    def run(scope: Scope) -> Any:
        value = inner(scope)
        if value is None:
            return None
        if value.__class__ not in takes:
            raise _unfit(name, takes, value)
        try:
            result = call(value)
        except Refused as refused:
            raise Refused(f"{name}: {refused}", refused.code) from None
        except Exception as error:
            raise _failed(name, error) from error
        if result.__class__ is str and (not result or result.isspace()):
            return None
        return result

    return run


def _with_arguments(
    function: Function, inner: Run, arguments: tuple[tuple[Run, Parameter], ...]
) -> Run:
    call, takes, name = function.call, function.given, function.name

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
        try:
            result = call(value, *given)
        except Refused as refused:
            raise Refused(f"{name}: {refused}", refused.code) from None
        except Exception as error:
            raise _failed(name, error) from error
        if result.__class__ is str and (not result or result.isspace()):
            return None
        return result

    return run


def _predicate(function: Function, inner: Run, arguments: tuple[Run, ...]) -> Run:
    call, takes, name = function.call, function.given, function.name

    def run(scope: Scope) -> Any:
        value = inner(scope)
        if value is not None and value.__class__ not in takes:
            raise _unfit(name, takes, value)
        given = [argument(scope) for argument in arguments]
        try:
            return call(value, *given)
        except Refused as refused:
            raise Refused(f"{name}: {refused}", refused.code) from None
        except Exception as error:
            raise _failed(name, error) from error

    return run


def _failed(name: str, error: Exception) -> Refused:
    """Tell that a function has failed, as an operator's may in any way."""
    told = f"{name}: failed with {type(error).__name__}: a mistake in the function"
    return Refused(told, "function_failed")


def _unfit(name: str, wanted: Kind, value: Any) -> Refused:
    told = f"{name}: found {kinds.name_of(value)}, wanted {kinds.name(wanted)}"
    return Refused(told, "wrong_kind")
