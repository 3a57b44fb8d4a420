"""Read the `[verify.NAME]` tables of source files into schemes, one reader per engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_type_hints

from bridge.mapping.compile import nearest
from bridge.mapping.source import Engine, EngineReader
from bridge.verify import (
    ALGORITHMS,
    AsymmetricScheme,
    Content,
    HmacScheme,
    JwsDetachedScheme,
    JwtScheme,
    ListForm,
    NotAContent,
    NothingScheme,
    SharedSecretScheme,
    UrlTokenScheme,
    covers_body,
    parse_content,
    parse_timestamp,
    signed_paths,
)
from bridge.verify.content import Whole

Wrongs = list[tuple[str, str]]
Values = dict[str, Any]

#: What says where signatures are and what they are made over; `bridge.verify.carried`.
_CARRIED = ("header", "list", "content", "timestamp", "tolerance")
_HMAC = (*_CARRIED, "encoding", "hash", "key", "prefix")
_ASYMMETRIC = (*_CARRIED, "algorithm", "keys", "key_header", "key_path")
_JWS_DETACHED = ("header", "algorithms", "keys")
_JWT = ("algorithms", "keys", "expires", "leeway", "issuer", "audience")
_SHARED_SECRET = ("header", "query", "path", "bearer", "basic")
_URL_TOKEN = ("query",)
_NONE = ("because",)
#: Every key of every engine.
KEYS = frozenset(
    (*_HMAC, *_ASYMMETRIC, *_JWS_DETACHED, *_JWT, *_SHARED_SECRET, *_URL_TOKEN, *_NONE)
)


def _hmac(table: Mapping[str, Any], wrongs: Wrongs) -> Engine | None:
    _known(table, _HMAC, wrongs)
    values = _carried(table, wrongs)
    values |= _choices(table, ("encoding", "hash", "key"), HmacScheme, wrongs)
    if "prefix" in table:
        values["prefix"] = _text("prefix", table, wrongs)
    scheme = _made(HmacScheme, values, "content", wrongs)
    return scheme and _signed(scheme, scheme.content)


def _asymmetric(table: Mapping[str, Any], wrongs: Wrongs) -> Engine | None:
    _known(table, _ASYMMETRIC, wrongs)
    values = _carried(table, wrongs)
    values |= _choices(table, ("algorithm",), AsymmetricScheme, wrongs)
    remote = [name for name in ("keys", "key_header", "key_path") if name in table]
    if remote and len(remote) < 3:
        told = "keys, key_header and key_path stand together: a host, and paths that it may have"
        wrongs.append((remote[0], told))
    if "key_header" in table:
        values["key_headers"] = _headers("key_header", table, wrongs)
    if "key_path" in table:
        values["key_path"] = _text("key_path", table, wrongs)
    scheme = _made(AsymmetricScheme, values, "key_path", wrongs)
    return scheme and _signed(scheme, scheme.content, needs_secrets=not remote)


def _signed(
    scheme: HmacScheme | AsymmetricScheme, content: Content | None, *, needs_secrets: bool = True
) -> Engine:
    return Engine(
        scheme,
        covers_body=covers_body(content),
        signs_url=Whole.URL in (content or ()),
        signs=signed_paths(content),
        needs_secrets=needs_secrets,
    )


def _jws_detached(table: Mapping[str, Any], wrongs: Wrongs) -> Engine | None:
    _known(table, _JWS_DETACHED, wrongs)
    header = _header(table, wrongs)
    if "keys" not in table:
        wrongs.append(("keys", "wanted the address of the platform's public keys"))
    values = {"header": header, "algorithms": _algorithms(table, wrongs)}
    scheme = _made(JwsDetachedScheme, values, "algorithms", wrongs)
    return scheme and Engine(scheme, covers_body=True, needs_secrets=False)


def _jwt(table: Mapping[str, Any], wrongs: Wrongs) -> Engine | None:
    _known(table, _JWT, wrongs)
    values: Values = {"algorithms": _algorithms(table, wrongs)}
    if "expires" in table:
        values["expires"] = _flag("expires", table, wrongs)
    if "leeway" in table:
        values["leeway"] = _seconds("leeway", table, wrongs)
    for name in ("issuer", "audience"):
        if name in table:
            values[name] = _text(name, table, wrongs)
    scheme = _made(JwtScheme, values, "algorithms", wrongs)
    return scheme and Engine(
        scheme, covers_body=True, needs_secrets="keys" not in table, body_is_token=True
    )


def _shared_secret(table: Mapping[str, Any], wrongs: Wrongs) -> Engine | None:
    _known(table, _SHARED_SECRET, wrongs)
    values: Values = {}
    if "header" in table:
        values["header"] = _header(table, wrongs)
    if "query" in table:
        values["query"] = _text("query", table, wrongs)
    for name in ("path", "basic"):
        values[name] = _flag(name, table, wrongs) if name in table else False
    bearer = table.get("bearer", False)
    if not isinstance(bearer, bool) and bearer != "optional":
        wrongs.append(("bearer", "wanted true, false or 'optional', where the word may be missing"))
    values |= {"bearer": bool(bearer), "bare": bearer == "optional"}
    scheme = _made(SharedSecretScheme, values, "header", wrongs)
    return scheme and Engine(scheme, covers_body=True, in_path=scheme.path)


def _url_token(table: Mapping[str, Any], wrongs: Wrongs) -> Engine | None:
    _known(table, _URL_TOKEN, wrongs)
    query = _text("query", table, wrongs) if "query" in table else "token"
    return Engine(UrlTokenScheme(query), covers_body=True, needs_secrets=False, needs_token=True)


def _none(table: Mapping[str, Any], wrongs: Wrongs) -> Engine | None:
    _known(table, _NONE, wrongs)
    because = table.get("because")
    if not isinstance(because, str) or not because.strip():
        wrongs.append(("because", "wanted the reason why the platform's webhooks prove nothing"))
        return None
    return Engine(NothingScheme(because), covers_body=False, needs_secrets=False, unproven=because)


def _carried(table: Mapping[str, Any], wrongs: Wrongs) -> Values:
    first, *others = _headers("header", table, wrongs)
    values: Values = {"header": first, "other_headers": tuple(others)}
    if "list" in table:
        values["list"] = _list_form(table["list"], wrongs)
    for name, parse in (("content", parse_content), ("timestamp", parse_timestamp)):
        if name in table:
            values[name] = _parsed(name, table, parse, wrongs)
    if "tolerance" in table:
        values["tolerance"] = _seconds("tolerance", table, wrongs)
    return values


def _made(scheme: Callable[..., Any], values: Values, at: str, wrongs: Wrongs) -> Any:
    """Make a scheme of what was read; None when something is wrong, which is told."""
    if wrongs:
        return None
    try:
        return scheme(**values)
    except ValueError as error:
        wrongs.append((at, str(error)))
        return None


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


def _choices(
    table: Mapping[str, Any], names: Sequence[str], scheme: type, wrongs: Wrongs
) -> Values:
    values, hints = {}, get_type_hints(scheme)
    for name in names:
        choices = get_args(hints[name])
        if name in table and table[name] not in choices:
            wrongs.append((name, f"wanted one of {', '.join(choices)}"))
        elif name in table:
            values[name] = table[name]
    return values


def _algorithms(table: Mapping[str, Any], wrongs: Wrongs) -> tuple[str, ...]:
    names = table.get("algorithms", ["RS256"])
    if not isinstance(names, list) or not names or not all(one in ALGORITHMS for one in names):
        *others, last = ALGORITHMS
        wrongs.append(("algorithms", f"wanted a list of {', '.join(others)} or {last}"))
        return ()
    return tuple(names)


def _text(name: str, table: Mapping[str, Any], wrongs: Wrongs) -> str:
    text = table[name]
    if not isinstance(text, str) or not text.strip():
        wrongs.append((name, "wanted text"))
        return ""
    return text


def _flag(name: str, table: Mapping[str, Any], wrongs: Wrongs) -> bool:
    if not isinstance(table[name], bool):
        wrongs.append((name, "wanted true or false"))
    return bool(table[name])


def _known(table: Mapping[str, Any], known: Sequence[str], wrongs: Wrongs) -> None:
    names = sorted((*known, "engine"))
    for name in table:
        if name not in known:
            close = nearest(name, names) or f"; there are {', '.join(names)}"
            wrongs.append((name, f"there is no '{name}' here{close}"))


def _header(table: Mapping[str, Any], wrongs: Wrongs) -> str:
    header = table.get("header")
    if not _is_header(header):
        wrongs.append(("header", "wanted the name of the header, in lower case"))
    return str(header)


def _headers(name: str, table: Mapping[str, Any], wrongs: Wrongs) -> tuple[str, ...]:
    """Read one name of a header, or several; gives at least one."""
    names = table.get(name)
    listed = names if isinstance(names, list) else [names]
    if not listed or not all(_is_header(one) for one in listed):
        wrongs.append((name, "wanted the name of the header, or several, in lower case"))
        return ("",)
    return tuple(listed)


def _is_header(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip()) and name == name.lower()


def _seconds(name: str, table: Mapping[str, Any], wrongs: Wrongs) -> float:
    try:
        seconds = float(table[name])
    except (TypeError, ValueError):
        seconds = 0.0
    if isinstance(table[name], bool) or seconds <= 0:
        wrongs.append((name, "wanted seconds, more than 0"))
    return seconds


def _reader(read: Callable[[Mapping[str, Any], Wrongs], Engine | None]) -> EngineReader:
    def reader(table: Mapping[str, Any]) -> Engine | Sequence[tuple[str, str]]:
        wrongs: Wrongs = []
        engine = read(table, wrongs)
        return engine if engine is not None and not wrongs else wrongs

    return reader


#: Every engine that a source file may name.
ENGINES: Mapping[str, EngineReader] = {
    "hmac": _reader(_hmac),
    "asymmetric": _reader(_asymmetric),
    "jws_detached": _reader(_jws_detached),
    "jwt": _reader(_jwt),
    "shared_secret": _reader(_shared_secret),
    "url_token": _reader(_url_token),
    "none": _reader(_none),
}
