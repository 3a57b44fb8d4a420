"""
Texts with ``{expression}`` holes: addresses, headers, bodies of requests and fixed answers.

A hole that is nothing makes the whole nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from bridge.fields import refuse_lone_surrogates
from bridge.kinds import BOOLEAN, LIST, NUMBER, OBJECT, TEXT, Refused, fits, name_of
from bridge.kinds import name as kind_name
from bridge.mapping.compile import Compiled, Compiler
from bridge.mapping.lines import Array, Node, Scalar, Table
from bridge.mapping.write import Run, Scope

_WRITABLE = TEXT | NUMBER | BOOLEAN | LIST | OBJECT
_LONE_BRACE = re.compile(r"[{}]")
_BEHIND_HOST = re.compile(r"[/?#]")
_HOLE = re.compile(r"\{((?:[^{}']|'[^']*')*)\}")


@dataclass(frozen=True, slots=True)
class Text:
    """A text with holes, ready to be filled."""

    parts: tuple[str | Compiled, ...]
    encoded_from: int  #: holes from this part on are percent-encoded
    ascii: bool = False  #: the value of a header, which holds nothing else

    def fill(self, scope: Scope) -> str | None:
        """Give the text, or None when a hole is nothing.  Raises `Refused`."""
        out = []
        for at, part in enumerate(self.parts):
            if isinstance(part, str):
                out.append(part)
                continue
            value = part.run(scope)
            if value is None:
                return None
            spelt = _spell(value)
            if self.ascii and not (spelt.isascii() and spelt.isprintable()):
                raise Refused("found characters that no header holds, wanted ASCII")
            out.append(_encoded(spelt) if at >= self.encoded_from else spelt)
        return "".join(out)

    @property
    def expressions(self) -> tuple[Compiled, ...]:
        """The expressions in the holes."""
        return tuple(part for part in self.parts if isinstance(part, Compiled))


def compile_header(node: Node, compiler: Compiler, field: str) -> Text | None:
    """Compile the value of a header, whose holes are put in as they are."""
    parts = _parts(node, compiler, field)
    return None if parts is None else Text(parts, len(parts), ascii=True)


def compile_answer(node: Node, compiler: Compiler, field: str) -> Text | None:
    """Compile a fixed answer; it may be JSON, with braces around its holes."""
    parts = _parts(node, compiler, field, braces=True)
    return None if parts is None else Text(parts, len(parts))


def compile_url(node: Node, compiler: Compiler, field: str) -> Text | None:
    """
    Compile an address: its host is written in the file or in a setting, never in a webhook, and
    from its path on holes are percent-encoded.
    """
    parts = _parts(node, compiler, field)
    if parts is None:
        return None
    host_ends = _end_of_host(parts)
    for part in parts[:host_ends]:
        roots = {path.root for path in part.paths} if isinstance(part, Compiled) else set()
        if roots - {"setting"}:
            compiler.problems.append(
                node.place.problem(
                    "the host stands in the file or in a setting, never in a webhook", field=field
                )
            )
    first = parts[0] if parts else ""
    if isinstance(first, str) and not first.startswith(("https://", "http://")):
        compiler.problems.append(
            node.place.problem("wanted an address that begins with https://", field=field)
        )
    return Text(parts, host_ends)


def compile_free(node: Node, compiler: Compiler, field: str) -> Run:
    """Compile a table of expressions that fills no model: the body of a request."""
    if isinstance(node, Table):
        named = {
            name: compile_free(entry, compiler, f"{field}.{name}")
            for name, entry in node.entries.items()
        }

        def table(scope: Scope) -> Any:
            filled = {name: run(scope) for name, run in named.items()}
            return {name: value for name, value in filled.items() if value is not None}

        return table
    if isinstance(node, Array):
        runs = [compile_free(item, compiler, field) for item in node.items]
        return lambda scope: [run(scope) for run in runs]
    if isinstance(node.value, str):
        compiled = compiler.expression(node.value, node.place, field=field)
        if compiled and not fits(compiled.kind, _WRITABLE):
            told = f"JSON and forms hold no such thing: this is {kind_name(compiled.kind)}"
            compiler.problems.append(node.place.problem(told, field=field))
        return compiled.run if compiled else _nothing
    constant = compiler.constant(node.value, node.place, field=field)
    return constant.run if constant else _nothing


def _nothing(scope: Scope) -> None:  # noqa: ARG001
    return None


def _parts(
    node: Node, compiler: Compiler, field: str, *, braces: bool = False
) -> tuple[str | Compiled, ...] | None:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        compiler.problems.append(node.place.problem("wanted text", field=field))
        return None
    text, at = node.value, 0
    parts: list[str | Compiled] = []
    whole = len(compiler.problems)
    for match in _HOLE.finditer(text):
        if match.start() > at:
            parts.append(text[at : match.start()])
        place = node.place.inside(text, match.start() + 1)
        if compiled := compiler.expression(match[1], place, field=field):
            parts.append(compiled)
        at = match.end()
    if at < len(text):
        parts.append(text[at:])
    lone = None if braces else _LONE_BRACE.search(_HOLE.sub(lambda hole: "-" * len(hole[0]), text))
    if lone:
        at_brace = node.place.inside(text, lone.start())
        told = f"'{lone[0]}' stands alone: a hole is an expression in {{...}}"
        compiler.problems.append(at_brace.problem(told, field=field))
    return tuple(parts) if len(compiler.problems) == whole else None


def _end_of_host(parts: tuple[str | Compiled, ...]) -> int:
    """The first part that stands behind the host."""
    for at, part in enumerate(parts):
        if isinstance(part, str):
            behind_scheme = part.partition("://")[2] if at == 0 else part
            if _BEHIND_HOST.search(behind_scheme):
                return at + 1
    return len(parts)


def _encoded(spelt: str) -> str:
    # No encoding hides a dot from whoever resolves the path.
    # Source: https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4
    if spelt in (".", ".."):
        raise Refused("found a step to another address, wanted an id")
    return quote(spelt, safe="")


def _spell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        refuse_lone_surrogates(value)
        return value
    if isinstance(value, int | Decimal):
        return str(value)
    raise Refused(f"found {name_of(value)} in a text, wanted text or a number", "wrong_kind")
