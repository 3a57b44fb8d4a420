"""
What connections.toml says of one endpoint of a store: host, credentials, options, condition.

Secrets are names of environment variables, never values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from bridge.mapping.compile import Compiled, Compiler, Namespace, nearest
from bridge.mapping.destination import EVENT_SPACES, Destination
from bridge.mapping.functions import Function
from bridge.mapping.layout import conditions
from bridge.mapping.lines import Scalar, Table
from bridge.mapping.settings import Rules, filled, missing, namespace, read_values, said
from bridge.mapping.tables import known_keys, positive, section, text, wrong
from bridge.types import Problem

_ENDPOINT = (
    "base_url", "credentials", "account", "per_second", "at_once", "when", "options", "settings",
)  # fmt: skip
#: Only capitals, so that a secret in the file is not taken for a name.
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
#: Top-level names that no public host has.
#: Source: https://www.iana.org/assignments/special-use-domain-names, and .internal of ICANN
_AT_HOME = frozenset({"localhost", "local", "internal", "test"})
NO_VARIABLE = (
    "wanted the name of an environment variable in capital letters, never the secret itself"
)


@dataclass(frozen=True, slots=True)
class EndpointNeeds:
    """What connections.toml must give for an endpoint, and may."""

    #: Names of what an account must hold; where there are several sets, one of them.
    credentials: tuple[tuple[str, ...], ...]
    base_url: str | None  #: the documented host; None: the operator must say
    options: Rules = field(default_factory=dict)
    #: What is wrong with options that are right one by one: of the names of the credentials and
    #: the options with their values, a message by the name of an option.
    together: Callable[[Container[str], Mapping[str, Any]], Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """One store at one endpoint."""

    endpoint: str
    base_url: str
    credentials: Mapping[str, str]  #: name -> environment variable
    account: str  #: what shares one set of ids and one rate limit
    options: Mapping[str, Any]  #: those with a value
    settings: Mapping[str, Any]  #: as the store sets them
    when: tuple[Compiled, ...]
    per_second: float | None = None  #: requests; None: as the endpoint has it
    at_once: int | None = None  #: requests at the same moment; None: as the endpoint has it

    @property
    def target(self) -> str:
        """What has one rate, one number at once and one rest: an endpoint of an account."""
        return f"{self.account}/{self.endpoint}"


@dataclass(frozen=True, slots=True)
class AccountReading:
    """What the table of one endpoint is read with."""

    endpoint: str
    needs: EndpointNeeds
    destination: Destination | None  #: None: its file's own mistakes are told already
    functions: Mapping[str, Function]
    #: The limits that were said so far, by account, endpoint and key: the store and its figure.
    said: dict[tuple[str, str, str], tuple[str, float]]
    problems: list[Problem]
    warnings: list[Problem]


def read_connection(store: str, table: Table, reading: AccountReading) -> Connection:
    """Read ``[stores.NAME.endpoints."vendor.operation"]``; what is wrong is added to the problems."""
    problems, destination, name = reading.problems, reading.destination, reading.endpoint
    known_keys(table, _ENDPOINT, f"endpoint '{name}'", problems)
    base_url = read_address(table, "base_url", problems) or reading.needs.base_url or ""
    if not base_url and "base_url" not in table.entries:
        wrong(table, "base_url", f"'{name}' has no host that is right for all: say it", problems)
    if in_the_open(base_url):
        told = "without https, credentials and customers can be read on the way to it"
        wrong(table, "base_url", told, reading.warnings)
    rules = destination.settings if destination else {}
    values = (
        _values(table, "settings", "setting", rules, name, problems)
        if destination is not None
        else {}
    )
    spaces = {**EVENT_SPACES, "setting": namespace(rules) if destination else Namespace()}
    compiler = Compiler(spaces, reading.functions, problems)
    credentials = _credentials(table, reading)
    options = _options(table, credentials, reading)
    account = text(table, "account", problems) or store
    at_once = _limit(store, account, table, "at_once", reading, whole=True)
    return Connection(
        endpoint=name,
        base_url=base_url,
        credentials=credentials,
        account=account,
        options=options,
        settings=values,
        when=conditions(table.entries.get("when"), compiler, f"{name}.when"),
        per_second=_limit(store, account, table, "per_second", reading),
        at_once=None if at_once is None else int(at_once),
    )


def _options(
    table: Table, credentials: Container[str], reading: AccountReading
) -> Mapping[str, Any]:
    """Read the options that have a value, and tell which of them do not go together."""
    needs, problems = reading.needs, reading.problems
    given = _values(table, "options", "option", needs.options, reading.endpoint, problems)
    options = {name: one for name, one in filled(needs.options, given).items() if one is not None}
    told = needs.together(credentials, options) if needs.together else {}
    for name in told.keys() & given.keys():  # where a default is part of it, the other is told
        wrong(section(table, "options", []), name, told[name], problems)
    return options


def _values(
    table: Table, key: str, one: str, rules: Rules, endpoint: str, problems: list[Problem]
) -> Mapping[str, Any]:
    values = read_values(rules, table.entries.get(key), f"'{endpoint}'", problems, what=key)
    for name in missing(rules, said(table.entries.get(key))):
        wrong(table, key, f"required {one} '{name}' is missing: {rules[name].about}", problems)
    return values


def _limit(
    store: str,
    account: str,
    table: Table,
    key: str,
    reading: AccountReading,
    *,
    whole: bool = False,
) -> float | None:
    """Read a limit; of the stores that share an account, those that say one say the same."""
    figure = positive(table, key, reading.problems, whole=whole)
    if figure is not None:
        place = (account, reading.endpoint, key)
        first, said = reading.said.setdefault(place, (store, figure))
        if said != figure:
            message = (
                f"found {figure:g}, and store '{first}' says {said:g} for the same account: "
                "say the same, or leave one out"
            )
            wrong(table, key, message, reading.problems)
    return figure


def _credentials(table: Table, reading: AccountReading) -> Mapping[str, str]:
    """Read the credentials: all names of exactly one of the sets that the endpoint takes."""
    endpoint, problems, sets = reading.endpoint, reading.problems, reading.needs.credentials
    known = frozenset(name for one in sets for name in one)
    credentials = read_variables(table, "credentials", known, f"'{endpoint}'", problems)
    named = table.entries.get("credentials", Table(table.place))
    if not isinstance(named, Table):
        return credentials
    given = set(named.entries) & known
    if any(set(one) == given for one in sets):
        return credentials
    begun = [one for one in sets if given <= set(one)]
    if len(begun) == 1 or len(sets) == 1:
        for name in (begun or sets)[0]:
            if name not in given:
                message = f"'{name}' is missing: the name of an environment variable"
                wrong(table, "credentials", message, problems)
        return credentials
    wanted = " or ".join(" and ".join(f"'{name}'" for name in one) for one in sets)
    wrong(table, "credentials", f"wanted {wanted}: names of environment variables", problems)
    return credentials


def read_variables(
    table: Table, key: str, known: frozenset[str], of: str, problems: list[Problem]
) -> Mapping[str, str]:
    """Read a table of name = environment variable; names that are not *known* are told."""
    inner, out = section(table, key, problems), {}
    for name, node in inner.entries.items():
        value = node.value if isinstance(node, Scalar) else None
        if name not in known:
            close = (
                nearest(name, sorted(known)) or f"; it takes {', '.join(sorted(known)) or 'none'}"
            )
            message = f"{of} takes no '{name}' among its {key}{close}"
            problems.append(inner.places[name].problem(message))
        elif not isinstance(value, str) or not VARIABLE.fullmatch(value):
            problems.append(node.place.problem(NO_VARIABLE, field=name))
        else:
            out[name] = value
    return out


def read_address(table: Table, name: str, problems: list[Problem]) -> str:
    """Read an address; "" where there is none."""
    address = text(table, name, problems) or ""
    if address and (message := not_an_address(address)):
        wrong(table, name, message, problems)
    return address


def in_the_open(address: str) -> bool:
    """Whether what is sent to *address* crosses the public network as plain text."""
    if not address.startswith("http://") or not_an_address(address):
        return False
    host = (urlsplit(address).hostname or "").rstrip(".")
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and host.rpartition(".")[2] not in _AT_HOME


def not_an_address(address: str) -> str:
    """Say why *address* cannot be called; "" when it can.  What stands in it is not repeated."""
    if not address.startswith(("https://", "http://")):
        return "wanted an address that begins with https://"
    if any(one.isspace() or not one.isprintable() for one in address):
        return "found white space or a control character in it, wanted an address"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "found no port behind the host, wanted a number such as :8443, or none"
    if "@" in parts.netloc:
        return "found credentials in it, wanted them under `credentials`"
    if not parts.hostname or port == 0:
        return "found no host in it, wanted an address such as https://api.example.com"
    return ""
