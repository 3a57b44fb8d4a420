"""
Make functions of Python that the bridge writes itself, when it has read its files.

What is written is a shape known at load: names and literals of mapping files and of models, as
`repr` spells them.  Nothing that anybody sends is ever in it.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Source:
    """One function while it is written: its lines, and the values that they name."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        """
        Begin a function.

        Args:
            names: What its lines may call by name, beside Python's own.
        """
        self._names = dict(names)
        self._first: list[str] = []
        self._lines: list[str] = []
        self._depth = 1
        self._variables = 0
        self._values: dict[int, str] = {}

    def line(self, text: str) -> None:
        """Write one line at the present depth."""
        self._lines.append(f"{'    ' * self._depth}{text}")

    def begin(self, text: str) -> None:
        """Write one line before all others."""
        self._first.append(f"    {text}")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write the head of a block; what is written inside is its body."""
        self.line(f"{head}:")
        self._depth += 1
        yield
        self._depth -= 1

    def variable(self) -> str:
        """Give the name of a new variable."""
        self._variables += 1
        return f"v{self._variables}"

    def value(self, value: object) -> str:
        """Spell a value: text and truth as they are, anything else by a name of its own."""
        if value is None or type(value) in (str, bool):
            return repr(value)
        called = getattr(value, "__name__", "")
        called = called if called.isidentifier() else type(value).__name__
        name = self._values.setdefault(id(value), f"{called}_{len(self._values)}")
        self._names[name] = value
        return name

    def function(self, parameters: str, title: str) -> Callable[..., Any]:
        """
        Make the function.

        Args:
            parameters: Their names, with commas between.
            title: What tracebacks call its file; they show its lines.
        """
        name = f"<{title}>"
        lines = [f"def written({parameters}):", *self._first, *self._lines]
        text = "\n".join(lines) + "\n"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        made: dict[str, Any] = {}
        exec(compile(text, name, "exec"), self._names, made)  # noqa: S102 - written by us at load
        function: Callable[..., Any] = made["written"]
        return function
