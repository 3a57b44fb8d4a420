"""Run the examples of functions as mapping files would call them."""

from __future__ import annotations

from bridge.kinds import Refused
from bridge.mapping.expression import Alternatives, Call, Chain, Literal
from bridge.mapping.functions import Example, Function
from bridge.mapping.write import Known, runner


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
    call = Call(function.name, tuple(Literal(one, 0) for one in example.arguments), 0)
    tree = Alternatives((Chain(Literal(example.given, 0), (call,), 0),), 0)
    try:
        value = runner(tree, Known({function.name: function}), f"example of {function.name}")({})
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
