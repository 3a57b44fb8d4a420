"""Read the `[verify.ENGINE]` tables of source files into schemes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_type_hints

from bridge.mapping.compile import nearest
from bridge.mapping.source import Engine, EngineReader
from bridge.verify import (
    HmacScheme,
    JwsDetachedScheme,
    ListForm,
    NotAContent,
    SharedSecretScheme,
    UrlTokenScheme,
    covers_body,
    parse_content,
    parse_timestamp,
)
from bridge.verify.content import Whole

Wrongs = list[tuple[str, str]]


def _hmac(table: Mapping[str, Any], wrongs: Wrongs) -> Engine:
    known = {"header", "encoding", "hash", "key", "prefix", "list", "content", "timestamp",
             "tolerance"}  # fmt: skip
    _known(table, known, wrongs)
    values: dict[str, Any] = {"header": _header(table, wrongs)}
    hints = get_type_hints(HmacScheme)
    for name in ("encoding", "hash", "key"):
        choices = get_args(hints[name])
        if name in table and table[name] not in choices:
            wrongs.append((name, f"wanted one of {', '.join(choices)}"))
        elif name in table:
            values[name] = table[name]
    if "prefix" in table:
        values["prefix"] = _text("prefix", table, wrongs)
    if "list" in table:
        values["list"] = _list_form(table["list"], wrongs)
    for name, parse in (("content", parse_content), ("timestamp", parse_timestamp)):
        if name in table:
            values[name] = _parsed(name, table, parse, wrongs)
    if "tolerance" in table:
        values["tolerance"] = _seconds(table["tolerance"], wrongs)
    if wrongs:
        return Engine(None, covers_body=True)
    try:
        scheme = HmacScheme(**values)
    except ValueError as error:
        wrongs.append(("content", str(error)))
        return Engine(None, covers_body=True)
    signs_url = Whole.URL in (scheme.content or ())
    return Engine(scheme, covers_body(scheme.content), signs_url=signs_url)


def _parsed(
    name: str, table: Mapping[str, Any], parse: Callable[[str], Any], wrongs: Wrongs
) -> Any:
    text = _text(name, table, wrongs)
    try:
        return parse(text) if text else None
    except NotAContent as error:
        wrongs.append((name, str(error)))
        return None


def _list_form(table: Any, wrongs: Wrongs) -> ListForm | None:
    wanted = "wanted { item = ',', field = '=', name = 'v1' }"
    if (
        not isinstance(table, dict)
        or set(table) - {"item", "field", "name"}
        or not all(isinstance(value, str) for value in table.values())
    ):
        wrongs.append(("list", wanted))
        return None
    try:
        return ListForm(**table)
    except ValueError as error:
        wrongs.append(("list", f"{error}: {wanted}"))
        return None


def _shared_secret(table: Mapping[str, Any], wrongs: Wrongs) -> Engine:
    _known(table, {"header", "query", "bearer", "basic"}, wrongs)
    header = _header(table, wrongs) if "header" in table else None
    query = _text("query", table, wrongs) if "query" in table else None
    for name in ("bearer", "basic"):
        if not isinstance(table.get(name, False), bool):
            wrongs.append((name, "wanted true or false"))
    if wrongs:
        return Engine(None, covers_body=True)
    try:
        scheme = SharedSecretScheme(
            header=header,
            query=query,
            bearer=table.get("bearer", False),
            basic=table.get("basic", False),
        )
    except ValueError as error:
        wrongs.append(("header", str(error)))
        scheme = None
    return Engine(scheme, covers_body=True)


def _jws_detached(table: Mapping[str, Any], wrongs: Wrongs) -> Engine:
    _known(table, {"header", "algorithms", "keys"}, wrongs)
    header = _header(table, wrongs)
    if "keys" not in table:
        wrongs.append(("keys", "wanted the address of the platform's public keys"))
    algorithms = table.get("algorithms", ["RS256"])
    known = ("RS256", "RS384", "RS512")
    listed = isinstance(algorithms, list) and algorithms
    if not listed or not all(one in known for one in algorithms):
        wrongs.append(("algorithms", "wanted RS256, RS384 or RS512"))
        algorithms = ["RS256"]
    return Engine(JwsDetachedScheme(header, tuple(algorithms)), covers_body=True)


def _url_token(table: Mapping[str, Any], wrongs: Wrongs) -> Engine:
    _known(table, {"query"}, wrongs)
    query = _text("query", table, wrongs) if "query" in table else "token"
    return Engine(UrlTokenScheme(query), covers_body=True)


def _text(name: str, table: Mapping[str, Any], wrongs: Wrongs) -> str:
    text = table[name]
    if not isinstance(text, str) or not text.strip():
        wrongs.append((name, "wanted text"))
        return ""
    return text


def _known(table: Mapping[str, Any], known: set[str], wrongs: Wrongs) -> None:
    for name in table:
        if name not in known:
            close = nearest(name, sorted(known)) or f"; there are {', '.join(sorted(known))}"
            wrongs.append((name, f"there is no '{name}' here{close}"))


def _header(table: Mapping[str, Any], wrongs: Wrongs) -> str:
    header = table.get("header")
    if not isinstance(header, str) or not header.strip() or header != header.lower():
        wrongs.append(("header", "wanted the name of the header, in lower case"))
        return "-"
    return header


def _seconds(value: Any, wrongs: Wrongs) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if isinstance(value, bool) or seconds <= 0:
        wrongs.append(("tolerance", "wanted seconds, more than 0"))
    return seconds


def _reader(read: Callable[[Mapping[str, Any], Wrongs], Engine]) -> EngineReader:
    def reader(table: Mapping[str, Any]) -> Engine | Sequence[tuple[str, str]]:
        wrongs: Wrongs = []
        engine = read(table, wrongs)
        return wrongs or engine

    return reader


#: Every engine that a source file may name.
ENGINES: Mapping[str, EngineReader] = {
    "hmac": _reader(_hmac),
    "shared_secret": _reader(_shared_secret),
    "jws_detached": _reader(_jws_detached),
    "url_token": _reader(_url_token),
}
