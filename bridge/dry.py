"""Map one webhook without sending anything: what `bridge map` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bridge.errors import ConfigError
from bridge.fixtures import event_document, route
from bridge.load import Loaded
from bridge.mapping.check import Checked
from bridge.mapping.compile import nearest
from bridge.mapping.settings import Rules, missing, read_text
from bridge.mapping.source import Source
from bridge.phones import not_a_country
from bridge.plan import plan
from bridge.send import topic_headers
from bridge.types import InboundRequest, Problem
from bridge.verify import restore


def dry_run(
    loaded: Loaded,
    platform: str,
    topic: str,
    body: bytes,
    *,
    headers: Mapping[str, str],
    resources: Sequence[tuple[str | None, bytes]],
    settings: Mapping[str, str],
) -> tuple[Mapping[str, Any], bool]:
    """
    Map a body for every endpoint that has a mapping for its event.

    Args:
        resources: What fetches would answer, by name; a name may be left out when there is one.
        settings: Of the source or of endpoints, as texts; also `test_orders` and `country`.

    Returns:
        What to print, and whether the body could be mapped and no endpoint refuses it.

    Raises:
        ConfigError: An argument is none that the source knows.
    """
    checked = loaded.checked
    source = checked.sources.get(platform)
    if source is None:
        known = sorted(checked.sources)
        close = nearest(platform, known) or f"; there are {', '.join(known)}"
        raise ConfigError(f"--source: no source named '{platform}'{close}")
    given = {"content-type": "application/json", **topic_headers(source, topic)}
    given |= {name.lower(): value for name, value in headers.items()}
    request = InboundRequest("map", "POST", given, {}, body, datetime.now(UTC))
    overrides = _overrides(checked, source, settings)
    where = route(platform, loaded, overrides)
    planned = plan(restore(request, "map"), where, _resources(source, resources), topic=topic)
    errors = [_error(one) for one in planned.problems]
    if planned.event is None and errors:
        return {"status": "unmappable", "errors": errors}, False
    if planned.erase is not None:
        orders = planned.erase.orders
        return {"status": "erased", "customer": planned.erase.subjects, "orders": orders}, True
    if planned.event is None and planned.dead:
        return {"status": "person", "reason": planned.problem}, True
    if planned.event is None:
        return {"status": "ignored", "reason": planned.problem}, True
    told: dict[str, Any] = {
        "status": "refused" if errors else "mapped",
        "event": event_document(planned.event),
        "payloads": {name: dict(one.document) for name, one in planned.payloads.items()},
        "skipped": {
            **{one.endpoint: one.reason for one in planned.deliveries if one.state == "ignored"},
            **dict(_unfed(checked, overrides)),
        },
    }
    if planned.event.remarks:
        told["remarks"] = [_error(one) for one in planned.event.remarks]
    if errors:
        told["errors"] = errors
    return told, not errors


def _unfed(checked: Checked, overrides: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name the endpoints whose required settings are not given, and those settings."""
    for name, destination in checked.destinations.items():
        absent = missing(destination.settings, overrides["endpoints"][name]["settings"])
        if absent:
            yield name, "it needs " + ", ".join(f"--setting {one}=..." for one in absent)


def _error(problem: Problem) -> Mapping[str, Any]:
    told: dict[str, Any] = {"message": problem.message}
    if problem.field:
        told["field"] = problem.field
    if problem.file:
        told |= {"file": problem.file, "line": problem.line, "column": problem.column}
    if problem.expression:
        told["expression"] = problem.expression
    return told


def _overrides(checked: Checked, source: Source, settings: Mapping[str, str]) -> Mapping[str, Any]:
    """Give every setting to whoever declares it: the source, endpoints, or both."""
    own: dict[str, Any] = {}
    endpoints: dict[str, Any] = {name: {"settings": {}} for name in checked.destinations}
    store: dict[str, Any] = {"settings": own, "endpoints": endpoints}
    for name, text in settings.items():
        if name == "test_orders":
            store[name] = text == "true"
            continue
        if name == "country":
            if message := not_a_country(text):
                raise ConfigError(f"--setting: {message}")
            store[name] = text
            continue
        takers: list[tuple[Rules, dict[str, Any]]] = [(source.settings, own)]
        takers += [
            (destination.settings, endpoints[destination.endpoint]["settings"])
            for destination in checked.destinations.values()
        ]
        declared = [(rules, into) for rules, into in takers if name in rules]
        if not declared:
            known = sorted({one for rules, _ in takers for one in rules})
            close = nearest(name, known) or f"; there are {', '.join(known)}"
            raise ConfigError(f"--setting: no setting named '{name}'{close}")
        for rules, into in declared:
            try:
                into[name] = read_text(rules, name, text)
            except ValueError as error:
                raise ConfigError(f"--setting: {error}") from None
    return store


def _resources(source: Source, given: Sequence[tuple[str | None, bytes]]) -> Mapping[str, Any]:
    names = [fetch.name for fetch in source.fetches]
    resources = {}
    for name, content in given:
        if name is None and len(names) != 1:
            raise ConfigError(f"--resource: say which: NAME=FILE with {', '.join(names) or 'none'}")
        name = names[0] if name is None else name
        if name not in names:
            close = nearest(name, names) or f"; there are {', '.join(names) or 'none'}"
            raise ConfigError(f"--resource: the source fetches no '{name}'{close}")
        try:
            resources[name] = json.loads(content, parse_float=Decimal)
        except ValueError as error:
            raise ConfigError(f"--resource {name}: no JSON: {error}") from None
    return resources
