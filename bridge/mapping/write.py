"""
Write the Python of expressions: the only way in which they run.

Line by line it gives a variable the expression's value, or None where that is nothing, and raises
`Refused` with what was found and what was wanted.  What is known of a value at load is not asked
at run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import BaseModel

from bridge import kinds
from bridge.kinds import ANY, LIST, TEXT, Kind, Refused
from bridge.mapping import walk
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
    Step,
    Value,
)
from bridge.mapping.functions import Function
from bridge.mapping.slots import slots
from bridge.python import Source

Scope = Mapping[str, Any]
Run = Callable[[Scope], Any]
#: A few classes are compared faster one by one.
_FEW = 3
_CLASSES = {
    "str": str,
    "int": int,
    "Decimal": Decimal,
    "bool": bool,
    "list": list,
    "dict": dict,
    "datetime": datetime,
    "date": date,
    "bytes": bytes,
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the compiler knows of an expression."""

    functions: Mapping[str, Function] = field(default_factory=dict)
    models: Mapping[str, type[BaseModel]] = field(default_factory=dict)  #: of namespaces
    kinds: Mapping[Path, Kind] = field(default_factory=dict)  #: what comes of each path


def runner(tree: Alternatives, known: Known, title: str) -> Run:
    """Make the function of one expression."""
    writer = Writer()
    value = writer.source.variable()
    writer.expression(tree, known, value)
    writer.source.line(f"return {value}")
    return writer.source.function("scope", title)


class Writer:
    """Writes expressions into one function, whose `scope` holds the namespaces."""

    def __init__(self) -> None:
        self.source = Source(
            {
                "Decimal": Decimal,
                "Refused": Refused,
                "blank": walk.blank,
                "date": date,
                "datetime": datetime,
                "element": walk.element,
                "failed": failed,
                "field": walk.field,
                "filled": walk.filled,
                "list_of": walk.list_of,
                "opened": walk.opened,
                "partial": partial,
                "selected": walk.selected,
                "selected_any": walk.selected_any,
                "unfit": unfit,
            }
        )
        #: Of each namespace the variable, and the one of the function that takes its fields.
        self._roots: dict[str, tuple[str, str]] = {}
        self._known = Known()

    def expression(
        self, tree: Alternatives, known: Known, into: str, *, blank: bool = False
    ) -> Kind:
        """
        Give the variable *into* the value of an expression.

        Args:
            blank: Whether blank text may stay, because whoever reads it takes it for nothing.

        Returns:
            What the value surely is, if it is not nothing.
        """
        self._known = known
        return self._alternatives(tree, into, blank=blank)

    @contextmanager
    def naming(self, root: str, variable: str) -> Iterator[None]:
        """Let a namespace be a variable in what is written inside."""
        before, get = dict(self._roots), self.source.variable()
        self.source.line(f"{get} = {_getter(variable)}")
        self._roots[root] = variable, get
        yield
        if root in before:
            self._roots[root] = before[root]
        else:
            del self._roots[root]

    def unlike(self, value: str, kind: Kind) -> str:
        """Spell the question whether a variable that is not None is of another kind."""
        if len(kind) > _FEW:
            return f"{value}.__class__ not in {self.source.value(kind)}"
        classes = (name for name, one in _CLASSES.items() if one in kind)
        return " and ".join(f"{value}.__class__ is not {one}" for one in classes)

    def _alternatives(self, part: Alternatives, into: str, *, blank: bool) -> Kind:
        first, *others = part.chains
        kind = self._chain(first, into, blank=blank and not others)
        for one in others:
            with self.source.block(f"if {into} is None"):
                kind |= self._chain(one, into, blank=blank and one is others[-1])
        return kind

    def _chain(self, part: Chain, into: str, *, blank: bool) -> Kind:
        blank = blank and not part.calls
        if isinstance(part.operand, Alternatives):
            kind = self._alternatives(part.operand, into, blank=blank)
        elif isinstance(part.operand, Path):
            kind = self._path(part.operand, into, blank=blank)
        else:
            self.source.line(f"{into} = {self.source.value(part.operand.value)}")
            kind = frozenset({type(part.operand.value)})
        for call in part.calls:
            self._call(call, into, kind)
            kind = ANY  # an operator's function may give anything
        return kind

    def _call(self, part: Call, into: str, given: Kind) -> None:
        function, source = self._known.functions[part.name], self.source
        if function.predicate:
            self._check(function.name, function.given, into, given)
            self._invoke(function, into, [self._value(one)[0] for one in part.arguments])
            return
        last = len(function.parameters) - 1
        arguments = []
        with ExitStack() as something:
            something.enter_context(source.block(f"if {into} is not None"))
            self._check(function.name, function.given, into, given)
            for at, argument in enumerate(part.arguments):
                parameter = function.parameters[min(at, last)]
                value, kind = self._value(argument)
                arguments.append(value)
                if parameter.required and not _something(argument):
                    source.line(f"if {value} is None: {into} = None")
                    something.close()
                    something.enter_context(source.block(f"if {into} is not None"))
                self._check(f"{function.name}: {parameter.name}", parameter.kind, value, kind)
            self._invoke(function, into, arguments)
            self._no_blank(into)

    def _check(self, name: str, wanted: Kind, value: str, kind: Kind) -> None:
        """Refuse a value that is something and of the wrong kind, unless it is known to fit."""
        if not _surely(kind, wanted):
            with self.source.block(f"if {value} is not None and {self.unlike(value, wanted)}"):
                self.source.line(f"raise unfit({name!r}, {self.source.value(wanted)}, {value})")

    def _invoke(self, function: Function, into: str, arguments: Sequence[str]) -> None:
        call, name, source = self.source.value(function.call), function.name, self.source
        with source.block("try"):
            source.line(f"{into} = {call}({', '.join((into, *arguments))})")
        with source.block("except Refused as refused"):
            source.line(f"raise Refused({f'{name}: '!r} + str(refused), refused.code) from None")
        with source.block("except Exception as error"):
            source.line(f"raise failed({name!r}, error) from error")

    def _no_blank(self, into: str) -> None:
        with self.source.block(f"if {into}.__class__ is str and (not {into} or {into}.isspace())"):
            self.source.line(f"{into} = None")

    def _value(self, part: Value) -> tuple[str, Kind]:
        """Spell a literal, or the variable that a path is given to."""
        if isinstance(part, Literal):
            return self.source.value(part.value), frozenset({type(part.value)})
        into = self.source.variable()
        return into, self._path(part, into, blank=False)

    def _path(self, part: Path, into: str, *, blank: bool) -> Kind:
        steps = part.steps
        many = (at for at, step in enumerate(steps) if isinstance(step, Every | Selected))
        if (first := next(many, None)) is not None:
            self._single(part.root, steps[:first], into)
            self._many(steps[first:], into)
            return LIST
        self._single(part.root, steps, into)
        kind = self._known.kinds.get(part, ANY)
        # What the bridge has read itself is never blank.
        if kind & TEXT and not blank and part.root not in self._known.models:
            self._no_blank(into)
        return kind

    def _single(self, root: str, steps: Sequence[Step], into: str) -> None:
        """Walk names and indexes only."""
        model = self._known.models.get(root)
        value, get = self._root(root)
        first = steps[0] if steps else None
        if isinstance(first, Named):
            self.source.line(f"{into} = {get}({first.name!r})")
            value, model = into, _model(model, first)
            steps = steps[1:]
        elif first is None:
            self.source.line(f"{into} = {value}")
        for step in steps:
            walked = _step(step, value, sure=model is not None)
            guard = "" if value != into else f"if {into} is not None: "
            self.source.line(f"{guard}{into} = {walked}")
            value, model = into, _model(model, step)

    def _root(self, root: str) -> tuple[str, str]:
        if root not in self._roots:
            value, get = self.source.variable(), self.source.variable()
            self.source.begin(f"{value} = scope[{root!r}]")
            self.source.begin(f"{get} = {_getter(value)}")
            self._roots[root] = value, get
        return self._roots[root]

    def _many(self, steps: Sequence[Step], into: str) -> None:
        """Walk on from a list; what comes of it is one flat list with holes."""
        source = self.source
        with source.block(f"if {into} is not None and {into}.__class__ is not list"):
            source.line(f"{into} = None if blank({into}) else list_of({into})")
        with source.block(f"if {into} is not None"):
            # What is compared may be of the wrong type, which is told even where there is nothing.
            compared = [one.value for one in steps if isinstance(one, Selected) and one.value]
            values = {one: self._value(one)[0] for one in compared}
            with source.block(f"if {into}"):
                spread = None
                for step in steps[:-1]:
                    self._further(step, into, values, spread=spread)
                    spread = isinstance(step, Every | Selected)
                self._last(steps[-1], into, values, spread=spread)

    def _last(
        self, step: Step, into: str, values: Mapping[Value, str], *, spread: bool | None
    ) -> None:
        """Walk the last step: blanks are holes, and where there are holes alone is nothing."""
        if not isinstance(step, Named):
            self._further(step, into, values, spread=spread)
            self.source.line(f"{into} = filled({into})")
            return
        found, something, source = self.source.variable(), self.source.variable(), self.source
        source.line(f"{found}, {something} = [], not {into}")
        with source.block(f"for one in {into}"):
            source.line(f"one = {_step(step, 'one', sure=False)}")
            with source.block(
                "if one is None or one.__class__ is str and (not one or one.isspace())"
            ):
                source.line(f"{found}.append(None)")
            with source.block("else"):
                source.line(f"{found}.append(one)")
                source.line(f"{something} = True")
        source.line(f"{into} = {found} if {something} else None")

    def _further(
        self, step: Step, into: str, values: Mapping[Value, str], *, spread: bool | None
    ) -> None:
        """
        Walk on from many values.

        A selector right behind another or behind ``[*]`` filters the same elements; behind a name
        it opens the list in each of them first.

        Args:
            spread: Whether the step before was one of these; None: this one begins.
        """
        opens = isinstance(step, Every) and spread is not None
        if opens or (isinstance(step, Selected) and spread is False):
            self.source.line(f"{into} = opened({into})")
        if isinstance(step, Selected):
            told = f"{step.name!r}, equal={step.equal}, holes={spread is not None}"
            if step.value is None:
                self.source.line(f"{into} = selected_any({into}, {told})")
            else:
                self.source.line(f"{into} = selected({into}, {values[step.value]}, {told})")
        elif not isinstance(step, Every):
            found = self.source.variable()
            self.source.line(f"{found} = []")
            with self.source.block(f"for one in {into}"):
                self.source.line(f"{found}.append({_step(step, 'one', sure=False)})")
            self.source.line(f"{into} = {found}")


def _getter(value: str) -> str:
    """Spell the function that takes the fields of a value, which is asked what it is only once."""
    return f"{value}.get if {value}.__class__ is dict else partial(field, {value})"


def _model(model: type[BaseModel] | None, step: Step) -> type[BaseModel] | None:
    """Give the model of the object behind a step, where it is known."""
    slot = slots(model).get(step.name) if model and isinstance(step, Named) else None
    return slot.model if slot else None


def _something(part: Value) -> bool:
    """Whether it is surely not nothing: a literal, but for those of examples."""
    return isinstance(part, Literal) and part.value is not None


def _surely(kind: Kind, wanted: Kind) -> bool:
    """Whether a value of *kind* is known to be of *wanted*; of what can be anything nothing is."""
    return kind <= wanted and not kind >= ANY


def _step(step: Step, value: str, *, sure: bool) -> str:
    """
    Spell one step into a value.

    Args:
        sure: Whether it is known to be an object.
    """
    if isinstance(step, Indexed):
        return f"element({value}, {step.index})"
    assert isinstance(step, Named)  # noqa: S101 - the others are walked as many
    get = f"{value}.get({step.name!r})"
    return get if sure else f"{get} if {value}.__class__ is dict else field({value}, {step.name!r})"


def unfit(name: str, wanted: Kind, value: Any) -> Refused:
    """Tell that a function, or an argument of it, wants another kind of value."""
    return Refused(
        f"{name}: found {kinds.name_of(value)}, wanted {kinds.name(wanted)}", "wrong_kind"
    )


def failed(name: str, error: Exception) -> Refused:
    """Tell that a function has failed, as an operator's may in any way."""
    return Refused(
        f"{name}: failed with {type(error).__name__}: a mistake in the function", "function_failed"
    )
