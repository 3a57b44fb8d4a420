"""Make the payload of one endpoint of the event, and tell what its model refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from bridge.causes import of_model
from bridge.errors import PayloadInvalid
from bridge.event import Event
from bridge.mapping.accounts import Connection
from bridge.mapping.destination import Destination, PayloadRule
from bridge.mapping.settings import filled
from bridge.mapping.template import Leaf, failing, leaves
from bridge.mapping.write import Scope
from bridge.types import Problem, Skipped


def map_payload(
    destination: Destination,
    model: type[BaseModel],
    event: Event,
    namespaces: Mapping[str, Any],
    connection: Connection | None,
    settings: Mapping[str, Any],
) -> BaseModel | Skipped:
    """
    Make the payload of one endpoint.

    Args:
        model: The endpoint's payload model.
        namespaces: `event.namespaces()`, made once for all endpoints.
        connection: Its `when` must hold too.
        settings: What the store sets for this endpoint.

    Returns:
        The valid model, or why the event is not for this endpoint.

    Raises:
        PayloadInvalid: With every line that did not fit.
    """
    scope = {**namespaces, "setting": filled(destination.settings, settings)}
    problems: list[Problem] = []
    rule = choose_rule(destination, event, scope, connection, problems)
    if problems:
        raise PayloadInvalid(problems)
    if isinstance(rule, Skipped):
        return rule
    values = rule.branch.fill(scope, problems) or {}
    if problems:
        raise PayloadInvalid(problems)
    try:
        made: BaseModel = model.__pydantic_validator__.validate_python(values)
    except ValidationError as error:
        raise PayloadInvalid(_violations(destination, rule, error)) from None
    return made


def choose_rule(
    destination: Destination,
    event: Event,
    scope: Scope,
    connection: Connection | None,
    problems: list[Problem],
) -> PayloadRule | Skipped:
    name, event_type = destination.endpoint, event.type
    fitting = [rule for rule in destination.payloads if event_type in rule.on]
    if not fitting:
        return Skipped(name, f"not for {event_type}")
    if connection and (failed := failing(connection.when, scope, f"{name}.when", problems)):
        return Skipped(name, f"connections.toml: {failed}")
    reasons = []
    for rule in fitting:
        failed = failing(rule.when, scope, f"{name}.when", problems)
        if not failed:
            return rule
        reasons.append(failed)
    return Skipped(name, "; ".join(dict.fromkeys(reasons)))


def _violations(
    destination: Destination, rule: PayloadRule, error: ValidationError
) -> Sequence[Problem]:
    """Tell what a model refuses with the line that made it, and never with the value."""
    by_field: dict[str, Leaf] = {}
    for leaf in leaves(rule.branch):
        by_field.setdefault(leaf.field, leaf)
    out = []
    for one in error.errors(include_input=False, include_url=False, include_context=False):
        names = [part for part in one["loc"] if isinstance(part, str)]
        spelt = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in one["loc"]
        ).lstrip(".")
        message = (
            f"{destination.endpoint} needs it, and nothing was found"
            if one["type"] == "missing"
            else f"{destination.endpoint} refuses it: {one['msg'].removeprefix('Value error, ')}"
        )
        code = of_model(one["type"])
        closest = _closest(by_field, names)
        if closest is None:
            out.append(replace(rule.place.problem(message, field=spelt), code=code))
        else:
            out.append(replace(closest.problem(message, code), field=spelt))
    return out


def _closest(by_field: Mapping[str, Leaf], names: Sequence[str]) -> Leaf | None:
    """Give the line that fills a field, else one inside it, else one that it is inside of."""
    for length in range(len(names), 0, -1):
        wanted = ".".join(names[:length])
        inside = (leaf for field, leaf in by_field.items() if field.startswith(f"{wanted}."))
        if (leaf := by_field.get(wanted) or next(inside, None)) is not None:
            return leaf
    return None
