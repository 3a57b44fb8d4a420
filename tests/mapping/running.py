"""Compile and run single expressions and tables, as mapping files would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from bridge.event import Customer, Facts, Order
from bridge.kinds import ANY, LIST, TEXT, Refused
from bridge.mapping.compile import Compiled, Compiler, Namespace
from bridge.mapping.functions import Function
from bridge.mapping.layout import compile_table
from bridge.mapping.library import BUILT_IN
from bridge.mapping.lines import Place, read
from bridge.mapping.template import Branch
from bridge.types import Problem

NAMES: Mapping[str, Namespace] = {
    "header": Namespace(lower=True),
    "body": Namespace(kind=ANY),
    "item": Namespace(kind=ANY),
    "setting": Namespace(
        names={"word": TEXT, "words": LIST, "unset": TEXT, "which": TEXT, "odd": TEXT},
        choices={"which": ("id", "email"), "odd": ("id", "emial")},
        about="declared in [settings]",
    ),
    "event": Namespace(model=Facts),
    "order": Namespace(model=Order),
    "customer": Namespace(model=Customer),
}
SETTINGS = {"word": "x", "words": ["x", "y"], "unset": None, "which": "email", "odd": "id"}


def compiler(problems: list[Problem], functions: Mapping[str, Function] = BUILT_IN) -> Compiler:
    """A compiler that knows the namespaces above."""
    return Compiler(NAMES, functions, problems)


def compiled(text: str, functions: Mapping[str, Function] = BUILT_IN) -> Compiled:
    """Compile an expression that is right."""
    problems: list[Problem] = []
    found = compiler(problems, functions).expression(text, Place("a.toml", 1, 1))
    assert found is not None, problems
    return found


def wrong(text: str) -> list[tuple[int, str]]:
    """Columns, from 1, and messages of all that is wrong with an expression."""
    problems: list[Problem] = []
    assert compiler(problems).expression(text, Place("a.toml", 1, 1)) is None
    return [(problem.column, problem.message) for problem in problems]


def run(text: str, body: Any = None, **spaces: Any) -> Any:
    """Run an expression over a body."""
    return compiled(text).run({"body": body, "setting": SETTINGS, **spaces})


def refused(text: str, body: Any = None, **spaces: Any) -> str:
    """The message with which an expression is refused."""
    with pytest.raises(Refused) as caught:
        run(text, body, **spaces)
    return str(caught.value)


def table(text: str, model: type[BaseModel], field: str = "") -> tuple[Branch, list[str]]:
    """Compile the lines of a table; problems as texts."""
    problems: list[Problem] = []
    branch = compile_table(read(text, "a.toml"), model, compiler(problems), field)
    return branch, [str(problem) for problem in problems]


def fill(
    text: str, model: type[BaseModel], body: Any, field: str = "", **spaces: Any
) -> tuple[dict[str, Any] | None, list[str]]:
    """Fill a table that is right; problems as texts."""
    branch, wrongs = table(text, model, field)
    assert wrongs == []
    problems: list[Problem] = []
    filled = branch.fill({"body": body, "setting": SETTINGS, **spaces}, problems)
    return filled, [str(problem) for problem in problems]
