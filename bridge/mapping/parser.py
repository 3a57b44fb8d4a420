"""
Parse the expressions of mapping files.

    expression = chain { "??" chain }
    chain      = operand { "|" call }
    operand    = path | literal | "(" expression ")"
    path       = name { step }
    step       = "." name | "[" integer "]" | "[*]" | "[" name ("=" | "!=") ( value | "*" ) "]"
    call       = name [ "(" value { "," value } ")" ]
    value      = path | literal
    literal    = 'text' | number | true | false

Nothing is looked up and nothing is run here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NoReturn

from bridge.mapping.expression import (
    STEP_NAME,
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

_NAME = re.compile(r"[^\W\d][\w-]*")


_TEXT = re.compile(r"'([^']*)'")


_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?(?![\w.])")


_INDEX = re.compile(r"\s*([0-9]{1,9})\s*(?=\])")


_BLANK = re.compile(r"\s*")


_DEEPEST = 20


class NotAnExpression(Exception):
    """The text does not follow the grammar; `column` counts from 0."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


def parse(text: str) -> Alternatives:
    """
    Parse one expression.

    Raises:
        NotAnExpression: With what was found, what was wanted, and the column from 0.
    """
    expression = _Parser(text).whole()
    lone = expression.chains[0]
    if (
        len(expression.chains) == 1
        and not lone.calls
        and isinstance(lone.operand, Literal)
        and not isinstance(lone.operand.value, str)
    ):
        raise NotAnExpression("a single number, true or false is written without quotes", 0)
    return expression


class _Parser:
    """Recursive descent over one text; a method per rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Alternatives:
        expression = self._expression()
        if self._at < len(self._text):
            self._wrong("the end, '|' or '??'")
        return expression

    def _expression(self) -> Alternatives:
        self._skip()
        start = self._at
        chains = [self._chain()]
        while self._take("??"):
            chains.append(self._chain())
        self._refuse_trap(chains)
        return Alternatives(tuple(chains), start)

    def _refuse_trap(self, chains: list[Chain]) -> None:
        """Refuse ``a ?? b | f``: both readings look natural, and one of them is wrong."""
        bare: list[str] = []
        for chain in chains:
            end = self._end_of(chain, chains)
            if not chain.calls:
                inner = chain.operand
                if not (isinstance(inner, Alternatives) and any(c.calls for c in inner.chains)):
                    bare.append(self._text[chain.column : end].strip())
            elif bare:
                called = chain.calls[0].column
                bar = self._text.rindex("|", chain.column, called)
                operand, calls = self._text[chain.column : bar].strip(), self._text[called:end]
                before, calls = " ?? ".join(bare), calls.strip()
                raise NotAnExpression(
                    f"does '| {calls}' mean the last or all? Write ({before} ?? {operand}) | {calls}"
                    f" or {before} ?? ({operand} | {calls})",
                    chain.column,
                )

    def _end_of(self, chain: Chain, chains: list[Chain]) -> int:
        later = [other.column for other in chains if other.column > chain.column]
        return self._text.rindex("??", 0, min(later)) if later else self._at

    def _chain(self) -> Chain:
        self._skip()
        start = self._at
        operand = self._operand()
        calls = []
        while self._take("|"):
            calls.append(self._call())
        return Chain(operand, tuple(calls), start)

    def _operand(self) -> Path | Literal | Alternatives:
        if self._take("("):
            self._deeper()
            inner = self._expression()
            self._expect(")")
            self._depth -= 1
            return inner
        return self._value("a path, 'text', a number or '('")

    def _call(self) -> Call:
        self._skip()
        start = self._at
        match = _NAME.match(self._text, self._at)
        if not match:
            self._wrong("the name of a function")
        self._at = match.end()
        arguments: list[Value] = []
        if self._take("("):
            arguments.append(self._value("a path, 'text' or a number"))
            while self._take(","):
                arguments.append(self._value("a path, 'text' or a number"))
            self._expect(")")
        return Call(match[0], tuple(arguments), start)

    def _value(self, wanted: str) -> Value:
        self._skip()
        start = self._at
        if match := _TEXT.match(self._text, start):
            self._at = match.end()
            return Literal(match[1], start)
        if match := _NUMBER.match(self._text, start):
            self._at = match.end()
            return Literal(Decimal(match[0]) if match[1] else int(match[0]), start)
        match = _NAME.match(self._text, start)
        if not match:
            self._wrong(wanted)
        self._at = match.end()
        if match[0] in ("true", "false"):
            return Literal(match[0] == "true", start)
        return Path(match[0], tuple(self._steps()), start)

    def _steps(self) -> Iterator[Step]:
        while True:
            start = self._at
            if self._text.startswith(".", start):
                self._at += 1
                yield Named(self._step_name(), start + 1)
            elif self._text.startswith("[", start):
                self._at += 1
                yield self._bracket(start)
            else:
                return

    def _bracket(self, start: int) -> Step:
        step: Step
        if self._take("*"):
            step = Every(start)
        elif match := _INDEX.match(self._text, self._at):
            self._at = match.end()
            step = Indexed(int(match[1]), start)
        else:
            self._skip()
            name = self._step_name(wanted="a number, '*' or name='value'")
            step = self._selected(name, start)
        self._expect("]")
        return step

    def _selected(self, name: str, start: int) -> Selected:
        equal = not self._take("!=")
        if equal:
            self._expect("=", "'=' or '!='")
        if self._take("*"):
            return Selected(name, None, equal, start)
        self._deeper()
        value = self._value("a path, 'text', a number, true or false")
        self._depth -= 1
        return Selected(name, value, equal, start)

    def _step_name(self, wanted: str = "the name of a field") -> str:
        if match := _TEXT.match(self._text, self._at):
            self._at = match.end()
            return match[1]
        match = STEP_NAME.match(self._text, self._at)
        if not match:
            self._wrong(wanted)
        self._at = match.end()
        return match[0]

    def _take(self, mark: str) -> bool:
        self._skip()
        if self._text.startswith(mark, self._at):
            self._at += len(mark)
            return True
        return False

    def _expect(self, mark: str, wanted: str = "") -> None:
        if not self._take(mark):
            self._wrong(wanted or f"'{mark}'")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotAnExpression(f"more than {_DEEPEST} parentheses and selectors deep", self._at)

    def _skip(self) -> None:
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _wrong(self, wanted: str) -> NoReturn:
        rest = self._text[self._at :]
        word = STEP_NAME.match(rest)
        found = "the end" if not rest else f"'{word[0][:40] if word else rest[0]}'"
        if rest.startswith("'"):
            text = _TEXT.match(rest)
            found = text[0] if text else "text without its closing quote"
        raise NotAnExpression(f"expected {wanted}, found {found}", self._at)
