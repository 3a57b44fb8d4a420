"""
A destination file: which event types become a payload, and what stands in its fields.

It reads the event and never a webhook, so that no destination knows a platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from bridge.event import Customer, Facts, Order
from bridge.mapping.compile import Compiled, Compiler, Namespace, nearest
from bridge.mapping.functions import Function
from bridge.mapping.layout import compile_table, conditions, merged
from bridge.mapping.lines import Place, Table
from bridge.mapping.settings import Rules, namespace, read_rules
from bridge.mapping.source import EVENT_TYPES
from bridge.mapping.tables import known_keys, section, tables, text, texts, wrong
from bridge.mapping.template import Branch
from bridge.types import Problem

_TOP = ("endpoint", "settings", "fields", "payload")
_PAYLOAD = ("on", "when", "fields")

#: What an expression over the event sees.
EVENT_SPACES: Mapping[str, Namespace] = {
    "event": Namespace(model=Facts),
    "order": Namespace(model=Order),
    "customer": Namespace(model=Customer),
}


@dataclass(frozen=True, slots=True)
class PayloadRule:
    """One `[[payload]]`: when it is sent, and its lines."""

    on: frozenset[str]
    when: tuple[Compiled, ...]
    branch: Branch
    place: Place


@dataclass(frozen=True, slots=True)
class Destination:
    """A checked and compiled destination file."""

    endpoint: str
    file: str
    settings: Rules
    payloads: tuple[PayloadRule, ...]
    seen: tuple[Compiled, ...] = field(repr=False, default=())


def read_destination(
    table: Table,
    functions: Mapping[str, Function],
    models: Mapping[str, type[BaseModel]],
    problems: list[Problem],
) -> Destination | None:
    """
    Check and compile one destination file.

    Args:
        table: The file as `lines.read` gives it.
        functions: What expressions may call.
        models: The payload model of every endpoint.
        problems: All that is wrong is added here.

    Returns:
        None when anything is wrong.
    """
    before = len(problems)
    known_keys(table, _TOP, "a destination file", problems)
    endpoint = text(table, "endpoint", problems, required=True) or ""
    if endpoint and endpoint not in models:
        close = nearest(endpoint, list(models)) or f"; there are {', '.join(models)}"
        wrong(table, "endpoint", f"no endpoint named '{endpoint}'{close}", problems)
    rules = read_rules(table.entries.get("settings"), problems)
    spaces = {**EVENT_SPACES, "setting": namespace(rules)}
    compiler = Compiler(spaces, functions, problems)
    shared = section(table, "fields", problems)
    payloads = []
    for one in tables(table, "payload", problems):
        known_keys(one, _PAYLOAD, "[[payload]]", problems)
        payloads.append(_payload(one, shared, models.get(endpoint), compiler))
    if not payloads:
        problems.append(table.place.problem("[[payload]] is missing: nothing would ever be sent"))
    if len(problems) > before:
        once = dict.fromkeys(problems[before:])  # shared lines are compiled for every payload
        problems[before:] = once
        return None
    seen = tuple(compiler.seen)
    return Destination(endpoint, table.place.file, rules, tuple(payloads), seen)


def _payload(
    table: Table, shared: Table, model: type[BaseModel] | None, compiler: Compiler
) -> PayloadRule:
    problems = compiler.problems
    on = texts(table, "on", problems)
    for one in on:
        if one not in EVENT_TYPES:
            close = nearest(one, EVENT_TYPES) or f"; there are {', '.join(EVENT_TYPES)}"
            wrong(table, "on", f"no event type '{one}'{close}", problems)
    if not on:
        wrong(table, "on", f"wanted event types: {', '.join(EVENT_TYPES)}", problems)
    when = conditions(table.entries.get("when"), compiler, "when")
    own = section(table, "fields", problems)
    branch = compile_table(merged(shared, own), model, compiler) if model else Branch(())
    return PayloadRule(frozenset(on), when, branch, table.place)
