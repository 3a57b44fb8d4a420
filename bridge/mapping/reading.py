"""What the sections of a source file share while they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.kinds import NUMBER, TEXT, Kind, fits
from bridge.kinds import name as kind_name
from bridge.mapping.compile import Compiled, Compiler, Namespace
from bridge.mapping.functions import Function
from bridge.mapping.lines import Array, Scalar, Table
from bridge.mapping.settings import Rules
from bridge.mapping.source import EngineReader
from bridge.mapping.tables import section, several, text
from bridge.mapping.tables import wrong as wrong_at
from bridge.types import Problem

Engines = Mapping[str, EngineReader]
Functions = Mapping[str, Function]
Spaces = Mapping[str, Namespace]


@dataclass(frozen=True, slots=True)
class Reading:
    """One file while it is read."""

    table: Table
    functions: Functions
    problems: list[Problem]
    rules: Rules
    spaces: Spaces  #: what every section sees
    seen: list[Compiled] = field(default_factory=list)

    def compiler(self, spaces: Spaces) -> Compiler:
        """Give a compiler that sees *spaces*."""
        return Compiler(spaces, self.functions, self.problems, self.seen)

    def section(self, name: str, *, wanted: str = "") -> Table:
        """Give the table *name* of the file, or an empty one."""
        return section(self.table, name, self.problems, wanted=wanted)

    def expressions(
        self, table: Table, name: str, spaces: Spaces, takes: Kind = TEXT | NUMBER
    ) -> tuple[Compiled, ...]:
        """Compile the expressions that stand at *name*."""
        compiler, out = self.compiler(spaces), []
        for one in several(table.entries.get(name)):
            if not isinstance(one, Scalar) or not isinstance(one.value, str):
                self.problems.append(one.place.problem("wanted an expression", field=name))
            elif compiled := compiler.expression(one.value, one.place, field=name):
                out.append(compiled)
                if not fits(compiled.kind, takes):
                    told = f"wants {kind_name(takes)}, and this is {kind_name(compiled.kind)}"
                    self.problems.append(one.place.problem(told, field=name))
        return tuple(out)

    def expression(
        self, table: Table, name: str, spaces: Spaces, takes: Kind = TEXT | NUMBER
    ) -> Compiled | None:
        """Compile the one expression that stands at *name*."""
        if isinstance(table.entries.get(name), Array):
            self.wrong(table, name, "wanted one expression, not a list")
            return None
        return next(iter(self.expressions(table, name, spaces, takes)), None)

    def method(self, table: Table, default: str, known: Sequence[str]) -> str:
        """Read the `method` of a request."""
        method = (text(table, "method", self.problems) or default).upper()
        if method not in known:
            self.wrong(table, "method", f"wanted {' or '.join(known)}")
        return method

    def wrong(self, table: Table, name: str, message: str) -> None:
        """Say what is wrong with the key *name* of a table."""
        wrong_at(table, name, message, self.problems)
