"""
Explain a payload: for each field its value, the destination line, the event field, the source
line and the path in the body.

For the terminal of the person who runs the bridge: it shows customers' values and is never
logged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.app import configure
from bridge.entries import reading
from bridge.errors import ConfigError
from bridge.event import Event
from bridge.fixtures import read_case, route
from bridge.kinds import Refused
from bridge.load import load, strict
from bridge.mapping.compile import Compiled
from bridge.mapping.destination import Destination
from bridge.mapping.expression import Chain, Named, spell
from bridge.mapping.expression import Path as Steps
from bridge.mapping.payload import choose_rule
from bridge.mapping.settings import filled
from bridge.mapping.source import Source
from bridge.mapping.template import Branch, Each, Leaf, Part, Several, leaves
from bridge.plan import Plan, Route, plan
from bridge.record import read_resources, recall
from bridge.settings import Settings
from bridge.types import Problem, Skipped
from bridge.verify import restore

Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both hops of one event."""

    source: Source
    body: Scope  #: namespaces of the source file
    event: Scope  #: namespaces of the destination file
    order: bool
    remarks: tuple[Problem, ...]  #: what was left out of the event


def explain_fixture(settings: Settings, folder: Path, endpoint: str | None) -> list[str]:
    """
    Explain the payloads of a fixture.

    Raises:
        ConfigError: The folder holds none.
    """
    if not (folder / "request.body").is_file():
        raise ConfigError(f"{folder}: wanted a fixture's folder, or the number of an entry")
    loaded = strict(load(settings.mappings))
    case = read_case(folder)
    if case.platform not in loaded.checked.sources:
        raise ConfigError(f"{folder}: there is no source '{case.platform}'")
    where = route(case.platform, loaded, case.overrides)
    return _explain(plan(restore(case.request, "fixture"), where, case.resources), where, endpoint)


async def explain_entry(settings: Settings, entry: int, endpoint: str | None) -> list[str]:
    """
    Explain the payloads of an entry with today's mapping files.

    Raises:
        LookupError: There is no such entry, or its body is gone.
    """
    routes = configure(settings).routes
    async with reading(settings) as journal:
        stored = await journal.load(entry)
    where = routes.get(stored.store)
    if where is None:
        raise ConfigError(f"store '{stored.store}' is not in connections.toml")
    verified = restore(recall(stored), "journal")
    return _explain(plan(verified, where, read_resources(stored) or {}), where, endpoint)


def _explain(planned: Plan, where: Route, endpoint: str | None) -> list[str]:
    if planned.event is None:
        return [f"topic {planned.topic}: {planned.problem or 'asks to erase what is kept'}"]
    sides = _sides(planned, planned.event, where)
    lines = [f"{planned.event.type} from topic {planned.topic}"]
    for delivery in planned.deliveries:
        if endpoint not in (None, delivery.endpoint):
            continue
        if delivery.endpoint not in planned.payloads:
            lines += ["", f"{delivery.endpoint}: {delivery.state}: {delivery.reason}"]
            continue
        lines += ["", delivery.endpoint]
        lines += _payload(where, delivery.endpoint, planned.event, sides)
    return lines


def _sides(planned: Plan, event: Event, where: Route) -> _Sides:
    namespaces, is_order = event.namespaces(), event.order is not None
    return _Sides(where.source, planned.scope, namespaces, is_order, event.remarks)


def _payload(where: Route, name: str, event: Event, sides: _Sides) -> Iterator[str]:
    destination, _, _ = where.destinations[name]
    connection = next(one for one in where.store.endpoints if one.endpoint == name)
    scope = {**sides.event, "setting": filled(destination.settings, connection.settings)}
    rule = choose_rule(destination, event, scope, connection, [])
    if isinstance(rule, Skipped):
        return
    yield from _part(rule.branch, scope, sides, destination, None, "")


def _part(
    part: Part, scope: Scope, sides: _Sides, to: Destination, at: int | None, shown: str
) -> Iterator[str]:
    match part:
        case Leaf():
            yield from _leaf(part, scope, sides, at, shown)
        case Branch():
            for name, field in part.fields:
                yield from _part(field, scope, sides, to, at, f"{shown}.{name}".lstrip("."))
        case Each():
            elements = _run(part.each, scope)
            for number, element in enumerate(elements if isinstance(elements, list) else ()):
                within = {**scope, "item": element}
                yield from _part(part.branch, within, sides, to, number, f"{shown}[{number}]")
        case Several():
            number = 0
            for when, branch in part.elements:
                if all(_run(one, scope) is True for one in when):
                    yield from _part(branch, scope, sides, to, at, f"{shown}[{number}]")
                    number += 1


def _leaf(leaf: Leaf, scope: Scope, sides: _Sides, at: int | None, shown: str) -> Iterator[str]:
    value = _run(leaf, scope)
    if value is None:
        yield from _left_out(leaf, scope, sides, shown)
        return
    origin = leaf.origin
    yield f"  {shown} = {value}"
    yield f"      {origin}  {origin.expression}"
    for part in leaf.parts:
        for field in _fields(part, scope):
            yield from _source_line(field, sides, at)


def _left_out(leaf: Leaf, scope: Scope, sides: _Sides, shown: str) -> Iterator[str]:
    chains = (chain for part in leaf.parts for chain in part.tree.chains)
    read = {field for chain in chains for field in _chain_fields(chain, scope)}
    for remark in sides.remarks:
        if remark.field in read:
            yield f"  {shown}"
            yield f"      {remark}"


def _fields(compiled: Compiled, scope: Scope) -> Iterator[str]:
    """The event fields that the alternative which won has read."""
    for chain, run in zip(compiled.tree.chains, compiled.alternatives, strict=False):
        try:
            won = run(scope) is not None
        except Refused:
            won = True
        if won:
            yield from _chain_fields(chain, scope)
            return


def _chain_fields(chain: Chain, scope: Scope) -> Iterator[str]:
    operand = chain.operand
    if not isinstance(operand, Steps) or operand.root == "setting":
        return
    names = [step.name for step in operand.steps if isinstance(step, Named)]
    for call in chain.calls:
        if call.name == "field" and isinstance(call.arguments[0], Steps):
            setting = call.arguments[0].steps[0]
            names.append(str(scope["setting"].get(getattr(setting, "name", ""))))
    root = "order.items" if operand.root == "item" else operand.root
    yield ".".join([root, *names])


def _source_line(field: str, sides: _Sides, at: int | None) -> Iterator[str]:
    source = sides.source
    branches = (source.order, source.order_customer) if sides.order else (source.customer,)
    found = [
        leaf for branch in branches if branch for leaf in leaves(branch) if leaf.field == field
    ]
    if not found:
        yield f"      {field}  made by the bridge"
        return
    leaf = found[0]
    scope = dict(sides.body)
    if field.startswith("order.items.") and at is not None:
        scope["item"] = _element(source, sides, at)
    yield f"      {field}  {leaf.origin}"
    for part in leaf.parts:
        yield from _body_line(part, scope)


def _element(source: Source, sides: _Sides, at: int) -> Any:
    for _, part in source.order.fields if source.order else ():
        if isinstance(part, Each):
            elements = _run(part.each, sides.body) or []
            return elements[at] if at < len(elements) else None
    return None


def _body_line(compiled: Compiled, scope: Scope) -> Iterator[str]:
    chains = compiled.tree.chains
    for number, (chain, run) in enumerate(zip(chains, compiled.alternatives, strict=False)):
        try:
            value = run(scope)
        except Refused as refused:
            yield f"          refused: {refused}"
            return
        if value is not None:
            end = chains[number + 1].column if number + 1 < len(chains) else len(compiled.text)
            text = compiled.text[chain.column : end].strip().removesuffix("??").strip()
            path = spell(chain.operand) if isinstance(chain.operand, Steps) else text
            yield f"          {text if path in text else path}  ->  {value!r}"
            return


def _run(compiled: Compiled | Leaf, scope: Scope) -> Any:
    try:
        return compiled.run(scope)
    except Refused:
        return None
