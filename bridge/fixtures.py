"""
Fixtures: webhooks as a platform sends them, and what must come of them.

`bridge check --fixtures` and the tests read them alike: ``tests/fixtures/<platform>/<case>/``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from bridge import exact
from bridge.destinations.endpoint import Account, document
from bridge.errors import EventError
from bridge.event import Event
from bridge.load import Loaded
from bridge.mapping.accounts import Connection
from bridge.mapping.body import parsed, read_body
from bridge.mapping.connections import Store
from bridge.mapping.occurrence import unseen
from bridge.mapping.settings import missing
from bridge.mapping.source import Source
from bridge.plan import Plan, Route, plan
from bridge.types import InboundRequest, Problem
from bridge.verify import Proofs, restore

#: When every fixture arrived.
ARRIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: Every secret and token of the store that fixtures are for; a handshake is signed with it.
SIGNED_WITH = "fixture-secret"
_NOWHERE = "https://destination.example"


@dataclass(frozen=True, slots=True)
class Case:
    """One fixture."""

    folder: Path
    platform: str
    name: str
    request: InboundRequest
    resources: Mapping[str, Any]
    overrides: Mapping[str, Any]  #: of its store: those of all fixtures, and its own

    def __str__(self) -> str:
        return f"{self.platform}/{self.name}"


def cases(root: Path) -> Iterator[Case]:
    """Read the fixtures below *root*, sorted by platform and name."""
    for folder in sorted(path.parent for path in root.glob("*/*/request.body")):
        yield read_case(folder)


def read_case(folder: Path) -> Case:
    """Read one fixture."""
    resource, line = folder / "resource.json", folder / "request.line"
    method, query = read_line(line.read_text()) if line.exists() else ("POST", "")
    return Case(
        folder,
        folder.parent.name,
        folder.name,
        InboundRequest(
            store="fixture",
            method=method,
            headers=read_headers((folder / "request.headers").read_text()),
            query=dict(parse_qsl(query, keep_blank_values=True)),
            body=(folder / "request.body").read_bytes(),
            received_at=ARRIVED,
            raw_query=query,
        ),
        json.loads(resource.read_text(), parse_float=Decimal) if resource.exists() else {},
        _merged(_read_store(folder.parents[1]), _read_store(folder)),
    )


def read_line(text: str) -> tuple[str, str]:
    """Read ``METHOD ?QUERY``: gives the method, and the query as it arrives."""
    method, _, query = text.strip().partition(" ")
    return method, query.strip().removeprefix("?")


def _read_store(folder: Path) -> Mapping[str, Any]:
    file = folder / "store.toml"
    return tomllib.loads(file.read_text()) if file.exists() else {}


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Lay *own* over *base*: its values win, tables are merged name by name."""
    inner = {
        name: _merged(base[name], value)
        for name, value in own.items()
        if isinstance(value, Mapping) and name in base
    }
    return {**base, **own, **inner}


def read_headers(text: str) -> dict[str, str]:
    """Read ``name: value`` lines."""
    pairs = (line.partition(":") for line in text.splitlines() if line.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def route(platform: str, loaded: Loaded, overrides: Mapping[str, Any]) -> Route:
    """
    Make a store of *platform* that is no real one.  It feeds every endpoint whose required
    settings it has.

    Args:
        overrides: `settings`, `test_orders`, `country`, and `endpoints` with their `settings`.
    """
    checked = loaded.checked
    source = checked.sources[platform]
    own = overrides.get("endpoints", {})
    settings = {name: own.get(name, {}).get("settings", {}) for name in checked.destinations}
    connections = tuple(
        Connection(
            endpoint=name,
            base_url=_NOWHERE,
            credentials={},
            account="fixture",
            options={},
            settings=settings[name],
            when=(),
        )
        for name, destination in checked.destinations.items()
        if not missing(destination.settings, settings[name])
    )
    store = Store(
        name="fixture",
        source=platform,
        tenant=None,
        country=overrides.get("country"),
        secrets=(),
        tokens={},
        verify=next(iter(source.verify)),
        url=f"{_NOWHERE}/webhooks/fixture",
        park=True,
        test_orders=overrides.get("test_orders", False),
        horizon=1.0,
        settings=overrides.get("settings", {}),
        endpoints=connections,
    )
    account = Account(_NOWHERE, {})
    destinations = {
        name: (destination, loaded.endpoints[name], account)
        for name, destination in checked.destinations.items()
    }
    tokens = dict.fromkeys(source.secrets, SIGNED_WITH)
    return Route(store, source, tokens, destinations, Proofs(secrets=(SIGNED_WITH,), url=store.url))


def plan_of(case: Case, loaded: Loaded) -> Plan:
    """Plan a fixture as the pipeline would."""
    where = route(case.platform, loaded, case.overrides)
    return plan(restore(case.request, "fixture"), where, case.resources)


def goldens(planned: Plan) -> Mapping[str, str]:
    """Spell what a fixture became, by the name of its golden file."""
    if planned.erase is not None:
        erased = {"customer": planned.erase.subjects, "orders": planned.erase.orders}
        return {"erase.json": spell(erased)}
    if planned.event is None:
        return {}
    event = event_document(planned.event)
    if planned.event.remarks:
        event["remarks"] = [f"{one.field}: {one.message}" for one in planned.event.remarks]
    documents = {"event.json": event}
    for name, payload in planned.payloads.items():
        documents[f"{name}.json"] = dict(payload.document)
    return {name: spell(one) for name, one in documents.items()}


def event_document(event: Event) -> dict[str, Any]:
    """Give an event as JSON-ready values: what happened, and the order and customer in it."""
    named = {"order": event.order, "customer": event.customer}
    documents = {name: document(one) for name, one in named.items() if one is not None}
    return {**document(event.event), **{name: one for name, one in documents.items() if one}}


def spell(value: Any) -> str:
    """Write JSON for people: exact numbers, a field a line."""
    text = msgspec.json.format(exact.write(value), indent=2).decode()
    return f"{text}\n"


def different(case: Case, made: Mapping[str, str]) -> list[str]:
    """Name the goldens of a fixture that are missing, stale, or not made any more."""
    wrong = [
        name
        for name, text in made.items()
        if not (case.folder / name).exists()
        or (case.folder / name).read_text(encoding="utf-8") != text
    ]
    left = {path.name for path in case.folder.glob("*.json")} - set(made) - {"resource.json"}
    return sorted([*wrong, *left])


def check_fixtures(root: Path, loaded: Loaded) -> list[Problem]:
    """
    Check that every path of every source occurs in a fixture, and that goldens are equal.

    Args:
        root: The folder of the fixtures, one folder per platform.
    """
    sources = loaded.checked.sources
    by_platform: dict[str, list[Case]] = {name: [] for name in sources}
    unfed = set(loaded.checked.destinations)
    problems = []
    for case in cases(root):
        if case.platform not in by_platform:
            problems.append(Problem(str(case.folder), 1, 1, "no source of that name"))
            continue
        by_platform[case.platform].append(case)
        where = route(case.platform, loaded, case.overrides)
        unfed -= {connection.endpoint for connection in where.store.endpoints}
        made = goldens(plan_of(case, loaded))
        for name in different(case, made):
            message = "is not what the mapping gives; `pytest --accept` writes it for review"
            problems.append(Problem((case.folder / name).as_posix(), 1, 1, message))
    for name in sorted(unfed):
        message = f"no fixture gives its required settings, as {root.as_posix()}/store.toml can"
        problems.append(Problem(loaded.checked.destinations[name].file, 1, 1, message))
    for name, source in sources.items():
        if not by_platform[name]:
            problems.append(Problem(source.file, 1, 1, f"no fixture in {root.as_posix()}/{name}"))
            continue
        problems += unseen(source, [_scope(case, source) for case in by_platform[name]])
    return problems


def _scope(case: Case, source: Source) -> Mapping[str, Any]:
    try:
        engine = next(iter(source.verify.values())).engine
        body = parsed(source, read_body(case.request, token=engine.body_is_token))
    except EventError:
        body = None
    # Tests sign fixtures themselves, so the headers of signatures are known without one.
    signed = {one.engine.scheme.header: "" for one in source.verify.values()
              if getattr(one.engine.scheme, "header", None)}  # fmt: skip
    return {
        "header": {**signed, **case.request.headers},
        "query": case.request.query,
        "body": body,
        "resource": case.resources,
    }
