"""
Check the names and kinds in expressions, and gather what is known of them for `write`.

Nothing of the text is left at run: a compiled expression is a function of the namespaces.
What cannot be decided at load, because a webhook holds it, is looked at when it comes, and is
`Refused` with what was found and what was wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from bridge import kinds
from bridge.kinds import ANY, BOOLEAN, LIST, NUMBER, OBJECT, TEXT, Kind
from bridge.mapping.expression import (
    Alternatives,
    Call,
    Chain,
    Every,
    Indexed,
    Literal,
    Named,
    Path,
    Selected,
    Value,
    paths,
    spell,
)
from bridge.mapping.functions import Function, signature
from bridge.mapping.lines import Place
from bridge.mapping.parser import NotAnExpression, parse
from bridge.mapping.slots import Slot, slots
from bridge.mapping.write import Known, Run, runner
from bridge.types import Problem


@dataclass(frozen=True, slots=True)
class Namespace:
    """One of the names that a path can begin with, and what is known of it at load."""

    model: type[BaseModel] | None = None  #: its fields, where they are known
    names: Mapping[str, Kind] | None = None  #: its names, where they are closed
    kind: Kind = OBJECT
    about: str = ""  #: said when a name is not among `names`
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)  #: what a setting may name
    lower: bool = False  #: names are lower case


Namespaces = Mapping[str, Namespace]


@dataclass(frozen=True)
class Compiled:
    """One expression, checked."""

    text: str
    place: Place
    kind: Kind
    predicate: bool  #: it ends in a predicate
    paths: tuple[Path, ...]
    tree: Alternatives
    known: Known = field(repr=False, compare=False)

    @cached_property
    def run(self) -> Run:
        """Give its value, or nothing; raises `Refused`."""
        return runner(self.tree, self.known, str(self.place))

    @cached_property
    def alternatives(self) -> tuple[Run, ...]:
        """What is tried in turn, for `explain`."""
        each = (Alternatives((chain,), chain.column) for chain in self.tree.chains)
        return tuple(runner(one, self.known, str(self.place)) for one in each)


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles the expressions of one place in a file: the same namespaces and functions."""

    names: Namespaces
    functions: Mapping[str, Function]
    problems: list[Problem]
    seen: list[Compiled] = field(default_factory=list)  #: all that was compiled without a mistake

    def expression(self, text: str, place: Place, *, field: str = "") -> Compiled | None:
        """Compile one expression, or add to the problems all that is wrong with it."""
        before = len(self.problems)
        try:
            tree = parse(text)
        except NotAnExpression as error:
            at = place.inside(text, error.column)
            self.problems.append(at.problem(str(error), field=field))
            return None
        checker = _Checker(self, text, place, field, {})
        kind, predicate = checker.alternatives(tree)
        if len(self.problems) > before:
            return None
        models = {root: space.model for root, space in self.names.items() if space.model}
        known = Known(self.functions, models, checker.given)
        compiled = Compiled(text, place, kind, predicate, tuple(paths(tree)), tree, known)
        self.seen.append(compiled)
        return compiled

    def constant(self, value: Any, place: Place, *, field: str = "") -> Compiled | None:
        """Compile a number or boolean written bare; TOML's dates, inf and nan are neither."""
        if type(value) not in BOOLEAN | NUMBER or value != value or abs(value) == float("inf"):
            message = "wanted an expression in quotes, a number, true or false"
            self.problems.append(place.problem(message, field=field))
            return None
        return fixed(value, place)


def fixed(value: Any, place: Place) -> Compiled:
    """Give what an expression would be that is this value."""
    tree = Alternatives((Chain(Literal(value, 0), (), 0),), 0)
    kind = frozenset({type(value)})
    text = str(value).lower()
    return Compiled(text, place, kind, predicate=False, paths=(), tree=tree, known=Known())


def nearest(name: str, known: Sequence[str]) -> str:
    """Say which known name was probably meant, or nothing."""
    folded = {one.casefold(): one for one in known}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"; did you mean '{folded[close[0]]}'?" if close else ""


@dataclass(frozen=True, slots=True)
class _Checker:
    compiler: Compiler
    text: str
    place: Place
    field: str
    given: dict[Path, Kind]  #: what each path gives

    def wrong(self, message: str, column: int) -> None:
        at = self.place.inside(self.text, column)
        self.compiler.problems.append(at.problem(message, field=self.field))

    def alternatives(self, part: Alternatives) -> tuple[Kind, bool]:
        compiled = [self.chain(chain) for chain in part.chains]
        kind = frozenset[type]().union(*(kind for kind, _ in compiled))
        return kind, all(predicate for _, predicate in compiled)

    def chain(self, part: Chain) -> tuple[Kind, bool]:
        predicate = False
        if isinstance(part.operand, Alternatives):
            kind, predicate = self.alternatives(part.operand)
        else:
            kind = self.value(part.operand)
            if _blank(part.operand):
                self.wrong("blank text is nothing; there is no literal for nothing", part.column)
        for call in part.calls:
            kind, predicate = self.call(kind, call)
            if call.name == "field":
                kind = self.chosen(part.operand, call)
        return kind, predicate

    def value(self, part: Value) -> Kind:
        return self.path(part) if isinstance(part, Path) else frozenset({type(part.value)})

    def call(self, given: Kind, call: Call) -> tuple[Kind, bool]:
        function = self.compiler.functions.get(call.name)
        if function is None:
            close = nearest(call.name, list(self.compiler.functions))
            close = close or "; mappings/README.md lists them all"
            self.wrong(f"no function named '{call.name}'{close}", call.column)
            return ANY, False
        if not kinds.fits(given, function.given):
            self.wrong(
                f"{call.name} takes {kinds.name(function.given)}, and before it stands "
                f"{kinds.name(given)}",
                call.column,
            )
        self.arguments(function, call)
        if function.predicate:
            self.compared(given, call)
        return function.returns, function.predicate

    def compared(self, given: Kind, call: Call) -> None:
        """Refuse comparisons whose answer never depends on the webhook."""
        for argument in call.arguments:
            if _blank(argument):
                self.wrong("blank text is nothing: ask `present` or `absent`", argument.column)
            kind = self.quiet().value(argument)
            if call.name not in ("is", "is_not") or kinds.fits(kind, LIST):
                continue
            if not kinds.fits(kind | NUMBER if kind & NUMBER else kind, given):
                self.wrong(
                    f"{call.name}(...) compares {kinds.name(given)} with {kinds.name(kind)}: they are "
                    "never equal",
                    argument.column,
                )

    def arguments(self, function: Function, call: Call) -> None:
        parameters = list(function.parameters)
        least = sum(one.required or one.repeated for one in parameters)
        repeated = bool(parameters) and parameters[-1].repeated
        most = None if repeated else len(parameters)
        count = len(call.arguments)
        if count < least or (most is not None and count > most):
            wanted = signature(function) if parameters else f"{call.name} without arguments"
            found = f"{count or 'no'} argument{'s' if count > 1 else ''}"
            self.wrong(f"expected {wanted}, found {found}", call.column)
            return
        for at, argument in enumerate(call.arguments):
            parameter = parameters[min(at, len(parameters) - 1)]
            kind = self.value(argument)
            if not kinds.fits(kind, parameter.kind):
                self.wrong(
                    f"{call.name} takes {kinds.name(parameter.kind)} as '{parameter.name}', not "
                    f"{kinds.name(kind)}",
                    argument.column,
                )

    def chosen(self, operand: Path | Literal | Alternatives, call: Call) -> Kind:
        """
        Check ``thing | field(setting.x)``: every choice of the setting is a field of the thing.

        Such a setting is the only way for a name in the event to come from outside the file.
        """
        argument = call.arguments[0] if call.arguments else None
        if argument is None:
            return ANY
        if not isinstance(argument, Path) or argument.root != "setting":
            self.wrong("field takes a setting; a name known here is a path with a dot", call.column)
            return ANY
        step = argument.steps[0] if argument.steps else None
        setting = step.name if isinstance(step, Named) else ""
        namespace = self.compiler.names.get("setting", Namespace())
        if setting not in (namespace.names or ()):
            return ANY
        choices = namespace.choices.get(setting)
        if choices is None:
            self.wrong(f"setting '{setting}' needs `one_of` to name a field", argument.column)
            return ANY
        space = self.compiler.names.get(operand.root) if isinstance(operand, Path) else None
        if space is None or space.model is None or not isinstance(operand, Path):
            return ANY
        slot = self.quiet().reached(operand, space.model)
        if slot is None or slot.model is None:
            return ANY
        fields = slots(slot.model)
        for choice in choices:
            if choice not in fields:
                close = nearest(choice, list(fields))
                self.wrong(f"`one_of` of '{setting}' has '{choice}', no field{close}", call.column)
        return frozenset[type]().union(*(fields[one].gives for one in choices if one in fields))

    def path(self, part: Path) -> Kind:
        for step in part.steps:
            if isinstance(step, Selected) and step.value is not None:
                self.value(step.value)
                if _blank(step.value):
                    self.wrong("blank text is nothing, which equals nothing", step.value.column)
        space = self.compiler.names.get(part.root)
        if space is None:
            known = sorted(self.compiler.names)
            hint = nearest(part.root, known) or f"; here stand {', '.join(known)}"
            self.wrong(f"there is no '{part.root}' here{hint}", part.column)
            return ANY
        self.given[part] = kind = self.known(part, space)
        return kind

    def quiet(self) -> _Checker:
        """Give a checker for what was checked before: its mistakes are told already."""
        compiler = Compiler(self.compiler.names, self.compiler.functions, [])
        return _Checker(compiler, self.text, self.place, self.field, {})

    def known(self, part: Path, space: Namespace) -> Kind:
        """Check the steps as far as anything is known at load, and say what comes out."""
        if space.names is not None or space.lower:
            return self._named(part, space)
        many = any(isinstance(step, Every | Selected) for step in part.steps)
        if space.model is None:
            return space.kind if not part.steps else LIST if many else ANY
        slot = self.reached(part, space.model)
        return ANY if slot is None else LIST if many else slot.gives

    def reached(self, part: Path, model: type[BaseModel]) -> Slot | None:
        """Give the slot that the steps lead to, or None where nothing more is known."""
        slot = Slot(OBJECT, OBJECT, "an object", required=True, model=model)
        for at, step in enumerate(part.steps):
            parent = spell(Path(part.root, part.steps[:at], 0))
            fields = slots(slot.model) if slot.model else {}
            if isinstance(step, Named):
                if step.name not in fields:
                    close = nearest(step.name, list(fields)) if fields else ""
                    if slot.gives == LIST and not fields:
                        close = f"; it is a list: '{parent}[*]' is every element"
                    self.wrong(f"'{parent}' has no field '{step.name}'{close}", step.column)
                    return None
                slot = fields[step.name]
                continue
            if slot.gives != LIST:
                self.wrong(f"'{parent}' is no list", step.column)
                return None
            if slot.element is None:
                return None
            fields = slots(slot.element)
            if isinstance(step, Selected) and step.name not in fields:
                close = nearest(step.name, list(fields))
                self.wrong(f"'{parent}' has no field '{step.name}'{close}", step.column)
                return None
            # Selectors in a row filter the same elements, and a name behind them is theirs.
            element = None if isinstance(step, Indexed) else slot.element
            gives = OBJECT if element is None else LIST
            slot = replace(slot, gives=gives, model=slot.element, element=element)
        return slot

    def _named(self, part: Path, space: Namespace) -> Kind:
        if not part.steps or not isinstance(part.steps[0], Named):
            self.wrong(f"'{part.root}' wants a name behind a dot", part.column)
            return ANY
        step = part.steps[0]
        if space.lower and step.name != step.name.lower():
            self.wrong(
                f"names in '{part.root}' are lower case: write '{step.name.lower()}'", step.column
            )
        if space.names is None:
            return TEXT
        if step.name not in space.names:
            close = nearest(step.name, list(space.names))
            self.wrong(f"'{step.name}' is not {space.about}{close}", step.column)
            return ANY
        return space.names[step.name] if len(part.steps) == 1 else ANY


def _blank(value: Value) -> bool:
    """Whether it is a text of nothing but white space, written in the file."""
    return isinstance(value, Literal) and isinstance(value.value, str) and not value.value.strip()
