"""Run the examples of functions as mapping files would call them."""

from __future__ import annotations

from bridge.kinds import Refused
from bridge.mapping.calls import apply
from bridge.mapping.compile import Run, Scope
from bridge.mapping.functions import Example, Function


def broken_examples(function: Function) -> list[str]:
    """Tell which examples of *function* are not true."""
    wrong = []
    for example in function.examples:
        told = _outcome(function, example)
        wanted = f"refused: …{example.refused}…" if example.refused else repr(example.returns)
        if told is not None:
            wrong.append(
                f"function '{function.name}': {example.given!r} gives {told}, not {wanted}"
            )
    return wrong


def _outcome(function: Function, example: Example) -> str | None:
    """What an example gives instead of what it says; None when it is true."""
    last = len(function.parameters) - 1
    arguments = tuple(
        (_always(argument), function.parameters[min(at, last)])
        for at, argument in enumerate(example.arguments)
    )
    try:
        value = apply(function, _always(example.given), arguments)({})
    except Refused as refused:
        true = example.refused is not None and example.refused in str(refused)
        return None if true else f"refused: {refused}"
    if (
        example.refused is None
        and value == example.returns
        and type(value) is type(example.returns)
    ):
        return None
    return repr(value)


def _always(value: object) -> Run:
    def run(scope: Scope) -> object:  # noqa: ARG001
        return value

    return run
