"""
connections.toml: which store is of which source, and which endpoints it feeds.

Secrets are names of environment variables, never values; the values are looked up by whoever
reads the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.mapping.accounts import (
    NO_VARIABLE,
    VARIABLE,
    AccountReading,
    Connection,
    EndpointNeeds,
    read_address,
    read_connection,
    read_variables,
)
from bridge.mapping.compile import nearest
from bridge.mapping.destination import Destination
from bridge.mapping.functions import Function
from bridge.mapping.lines import Scalar, Table
from bridge.mapping.settings import missing, read_values, said
from bridge.mapping.source import Source
from bridge.mapping.tables import flag, known_keys, seconds, section, several, text, wrong
from bridge.phones import not_a_country
from bridge.types import Problem

_STORE = (
    "source", "tenant", "country", "secrets", "tokens", "verify", "url", "on_outage",
    "test_orders", "horizon", "settings", "endpoints",
)  # fmt: skip
_OUTAGE = ("park", "refuse")
#: Shorter windows end before an outage usually does.
_SHORT_WINDOW = 3600.0
_HORIZON = 72 * 3600.0


@dataclass(frozen=True, slots=True)
class Store:
    """One shop at a source."""

    name: str
    source: str
    tenant: str | None
    country: str | None  #: where its customers' phone numbers are from
    secrets: tuple[str, ...]  #: environment variables
    tokens: Mapping[str, str]  #: name -> environment variable
    verify: str  #: which `[verify.NAME]` of the source
    url: str
    park: bool
    test_orders: bool
    horizon: float  #: seconds
    settings: Mapping[str, Any]
    endpoints: tuple[Connection, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Every environment variable that the store names."""
        credentials = (name for one in self.endpoints for name in one.credentials.values())
        return (*self.secrets, *self.tokens.values(), *credentials)


@dataclass(frozen=True, slots=True)
class _Reading:
    sources: Mapping[str, Source | None]
    destinations: Mapping[str, Destination | None]
    needs: Mapping[str, EndpointNeeds]
    functions: Mapping[str, Function]
    problems: list[Problem]
    warnings: list[Problem]
    limits: dict[tuple[str, str, str], tuple[str, float]] = field(default_factory=dict)


def read_connections(
    table: Table,
    sources: Mapping[str, Source | None],
    destinations: Mapping[str, Destination | None],
    needs: Mapping[str, EndpointNeeds],
    functions: Mapping[str, Function],
    problems: list[Problem],
    warnings: list[Problem],
) -> Mapping[str, Store]:
    """
    Check connections.toml against the sources and destinations that it joins.

    Args:
        sources: By platform; None stands for a file whose own mistakes are told already.
        destinations: By endpoint, in the same way.
        problems: All that is wrong is added here.
        warnings: What works and may surprise is added here.

    Returns:
        The stores by name; those with mistakes are left out.
    """
    reading = _Reading(sources, destinations, needs, functions, problems, warnings)
    known_keys(table, ("stores",), "connections.toml", problems)
    stores = section(table, "stores", problems)
    out = {}
    for name, node in stores.entries.items():
        before = len(problems)
        if not isinstance(node, Table):
            problems.append(node.place.problem(f"wanted a table: [stores.{name}]"))
            continue
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            message = "a store's name is letters, digits, '-' and '_': it stands in an address"
            problems.append(stores.places[name].problem(message))
        store = _store(name, node, reading)
        if store is not None and len(problems) == before:
            out[name] = store
    return out


def _store(name: str, table: Table, reading: _Reading) -> Store | None:
    problems = reading.problems
    known_keys(table, _STORE, "a store", problems)
    source = _source(table, reading)
    secrets = _secrets(table, problems)
    url = read_address(table, "url", problems)
    tenant = text(table, "tenant", problems)
    country = _country(table, problems)
    test_orders = flag(table, "test_orders", problems, default=False)
    horizon = seconds(table, "horizon", problems, default=_HORIZON)
    endpoints = _endpoints(name, table, reading)
    if source is None:
        return None
    verify = _verify(table, source, problems)
    engine = source.verify[verify].engine if verify in source.verify else None
    tokens = read_variables(
        table, "tokens", source.secrets, f"source '{source.platform}'", problems
    )
    if not several(table.entries.get("secrets")) and (engine is None or engine.needs_secrets):
        wrong(table, "secrets", "wanted names of environment variables; without a secret nothing "
              "is accepted", problems)  # fmt: skip
    if engine is not None and engine.signs_url and not url:
        wrong(table, "url", "wanted the address that the platform calls: it is signed", problems)
    if source.tells_url and not url:
        wrong(table, "url", "wanted the address that the platform calls: it is told", problems)
    if engine is not None and engine.unproven:
        message = (
            f"nothing proves who sends the webhooks of '{name}', so only what is fetched is "
            f"believed: {engine.unproven}"
        )
        reading.warnings.append(table.places.get("verify", table.place).problem(message))
    named = [source.tenant, *(one.tenant for one in source.handshakes)]
    says = next((one.text for one in named if one is not None), None)
    if tenant is None and says is not None:
        wrong(table, "tenant", f"wanted what the shop calls itself in {says}", problems)
    values = read_values(
        source.settings, table.entries.get("settings"), f"source '{source.platform}'", problems
    )
    for setting in missing(source.settings, said(table.entries.get("settings"))):
        about = source.settings[setting].about
        wrong(table, "settings", f"required setting '{setting}' is missing: {about}", problems)
    return Store(
        name=name,
        source=source.platform,
        tenant=tenant,
        country=country,
        secrets=secrets,
        tokens=tokens,
        verify=verify,
        url=url,
        park=_park(table, source, reading),
        test_orders=test_orders,
        horizon=horizon,
        settings=values,
        endpoints=endpoints,
    )


def _source(table: Table, reading: _Reading) -> Source | None:
    name = text(table, "source", reading.problems, required=True)
    source = reading.sources.get(name or "")
    if name and name not in reading.sources:
        known = list(reading.sources)
        close = nearest(name, known) or f"; there are {', '.join(known)}"
        wrong(table, "source", f"no source named '{name}'{close}", reading.problems)
    return source


def _country(table: Table, problems: list[Problem]) -> str | None:
    country = text(table, "country", problems)
    if country is not None and (message := not_a_country(country)):
        wrong(table, "country", message, problems)
    return country


def _verify(table: Table, source: Source, problems: list[Problem]) -> str:
    name = text(table, "verify", problems)
    known = list(source.verify)
    if name is None:
        return known[0] if known else ""
    if name not in known:
        wrong(table, "verify", f"the source offers {', '.join(known)}", problems)
    return name


def _park(table: Table, source: Source, reading: _Reading) -> bool:
    choice = text(table, "on_outage", reading.problems) or "park"
    if choice not in _OUTAGE:
        wrong(table, "on_outage", "wanted 'park' or 'refuse'", reading.problems)
    if choice == "refuse" and not source.answer.retries:
        message = f"'{source.platform}' never repeats a webhook: only 'park' loses nothing"
        wrong(table, "on_outage", message, reading.problems)
    elif choice == "refuse" and source.answer.retry_window < _SHORT_WINDOW:
        place = table.places["on_outage"]
        reading.warnings.append(
            place.problem(
                f"'{source.platform}' repeats for {source.answer.retry_window / 60:.0f} minutes "
                "only: a longer outage loses events that 'park' would keep"
            )
        )
    return choice != "refuse"


def _endpoints(store: str, table: Table, reading: _Reading) -> tuple[Connection, ...]:
    endpoints = section(table, "endpoints", reading.problems)
    if not endpoints.entries and isinstance(table.entries.get("endpoints"), Table | None):
        told = f'the store feeds no endpoint: add [stores.{store}.endpoints."vendor.operation"]'
        wrong(table, "endpoints", told, reading.problems)
    out = []
    for name, node in endpoints.entries.items():
        place = endpoints.places[name]
        if name not in reading.destinations:
            known = list(reading.destinations)
            close = nearest(name, known) or f"; there are {', '.join(known)}"
            inner = node.entries if isinstance(node, Table) else {}
            unquoted = next((one for one in inner if f"{name}.{one}" in known), None)
            if unquoted:
                close = f'; quote the whole name: endpoints."{name}.{unquoted}"'
            reading.problems.append(place.problem(f"no endpoint named '{name}'{close}"))
        elif not isinstance(node, Table):
            message = f'wanted a table: [stores.{store}.endpoints."{name}"]'
            reading.problems.append(node.place.problem(message))
        else:
            account = AccountReading(
                name,
                reading.needs[name],
                reading.destinations[name],
                reading.functions,
                reading.limits,
                problems=reading.problems,
                warnings=reading.warnings,
            )
            out.append(read_connection(store, node, account))
    return tuple(out)


def _secrets(table: Table, problems: list[Problem]) -> tuple[str, ...]:
    names = [
        (node.place, node.value if isinstance(node, Scalar) else None)
        for node in several(table.entries.get("secrets"))
    ]
    for place, value in names:
        if not isinstance(value, str) or not VARIABLE.fullmatch(value):
            problems.append(place.problem(NO_VARIABLE, field="secrets"))
    return tuple(value for _, value in names if isinstance(value, str))
