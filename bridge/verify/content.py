"""
What a signature is made over, written as a template in a mapping file.

    {raw}  {raw | base64}  {url}  {query}  {header.NAME}  {signature.NAME}  {query.NAME}  {body.NAME.NAME}

A hole stands between braces, everything else is literal text.  `query` is the query string as it
arrived and ``query.NAME`` a decoded value in it, `signature` is a field of the signature header
itself, `body` a text, number or boolean in a JSON body.  A timestamp is found by the same words
without braces: ``header.x-timestamp``, ``body.sent | ms``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NoReturn


class Whole(Enum):
    """A part that needs no name."""

    RAW = "raw"  #: the body as it arrived
    RAW_BASE64 = "raw | base64"  #: the base64 text of the body
    URL = "url"  #: the store's configured address, never the request's
    QUERY = "query"  #: the query string as it arrived


@dataclass(frozen=True, slots=True)
class Header:
    """The value of a header, as it arrived."""

    name: str  #: lower case


@dataclass(frozen=True, slots=True)
class SigField:
    """A field of the signature header, such as ``t`` in ``t=1,v1=ab``."""

    name: str


@dataclass(frozen=True, slots=True)
class QueryValue:
    """A value in the query string, decoded."""

    name: str


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A text, a number as it is written there, or a boolean in a JSON body."""

    names: tuple[str, ...]


Named = Header | SigField | QueryValue | JsonPath
Part = bytes | Whole | Named
Content = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class TimestampSource:
    """Where the moment of signing is written: a whole number since 1970 in *unit*."""

    part: Named
    unit: Literal["s", "ms"] = "s"


@dataclass(frozen=True, slots=True)
class Given:
    """What the parts of a content are taken from."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    fields: Sequence[tuple[str, str]] = field(default=(), repr=False)  #: of the signature header
    url: str = field(default="", repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw_query: str = field(default="", repr=False)


class NotAContent(ValueError):
    """The text is no template of a signed content; `column` counts from 0."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


_TEXT_OR_HOLE = re.compile(r"([^{}]+)|\{([^{}]*)\}")
_HOLE = re.compile(
    r"\s*(header|signature|query|body)((?:\.(?:[\w-]+|'[^']+'))+)\s*(?:\|\s*(\w+)\s*)?"
)
_NAME = re.compile(r"\.(?:([\w-]+)|'([^']+)')")
_WHOLES = {tuple(whole.value.split(" | ")): whole for whole in Whole}
_NAMES = "header.NAME, signature.NAME, query.NAME or body.NAME"
_WANTED = f"raw, raw | base64, url, query, {_NAMES}"
_UNITS: dict[str | None, Literal["s", "ms"]] = {None: "s", "s": "s", "ms": "ms"}


def parse_content(text: str) -> Content:
    """
    Parse a template such as ``{header.x-ts}.{raw}``.

    Raises:
        NotAContent: What was found, what was wanted, and the column.
    """
    parts: list[Part] = []
    at = 0
    while at < len(text):
        found = _TEXT_OR_HOLE.match(text, at)
        if not found:
            raise NotAContent(f"a {text[at]!r} without its partner", at)
        literal, hole = found.groups()
        parts.append(literal.encode() if literal else _part(hole, at + 1))
        at = found.end()
    if all(isinstance(part, bytes) or part is Whole.URL for part in parts):
        raise NotAContent("nothing of the webhook is in it, so one signature would fit all", 0)
    return tuple(parts)


def parse_timestamp(text: str) -> TimestampSource:
    """
    Parse where a timestamp is: ``header.x-ts``, ``signature.t`` or ``body.sent``.

    Seconds are meant unless ``| ms`` stands behind it.

    Raises:
        NotAContent: What was found, what was wanted, and the column.
    """
    part, function = _named(text, 0, _NAMES)
    if function not in _UNITS:
        raise NotAContent(f"a timestamp is in s or ms, not in {function!r}", 0)
    return TimestampSource(part, _UNITS[function])


def covers_body(content: Content | None) -> bool:
    """Tell whether the whole body is signed; without that, a webhook is only a hint."""
    return content is None or Whole.RAW in content or Whole.RAW_BASE64 in content


def signed_paths(content: Content | None) -> frozenset[tuple[str, ...]]:
    """Give the single values that are signed, as their paths in an expression."""
    found: set[tuple[str, ...]] = set()
    for part in content or ():
        match part:
            case Header(name):
                found.add(("header", name))
            case QueryValue(name):
                found.add(("query", name))
            case JsonPath(names):
                found.add(("body", *names))
    return frozenset(found)


def render(content: Content | None, given: Given) -> bytes:
    """
    Put together the bytes that are signed; None stands for the body alone.

    Raises:
        LookupError: A part is not there.  The message names it, without a value.
    """
    return given.body if content is None else b"".join(take(part, given) for part in content)


def take(part: Part, given: Given) -> bytes:
    """
    Give the bytes of one part.

    Raises:
        LookupError: It is not there.
    """
    match part:
        case bytes():
            return part
        case Whole.RAW:
            return given.body
        case Whole.RAW_BASE64:
            return base64.b64encode(given.body)
        case Whole.URL:
            if not given.url:
                raise LookupError("the store's public address is signed and is not configured")
            return _encode(given.url, "utf-8", "the store's public address")
        case Whole.QUERY:
            return _encode(given.raw_query, "latin-1", "the query string")
        case QueryValue(name):
            if name not in given.query:
                raise LookupError(f"query parameter {name!r} is signed and was not sent")
            return _encode(given.query[name], "utf-8", f"query parameter {name!r}")
        case Header(name):
            if name not in given.headers:
                raise LookupError(f"header {name!r} is signed and was not sent")
            return _encode(given.headers[name], "latin-1", f"header {name!r}")
        case SigField(name):
            values = [value for found, value in given.fields if found == name]
            if len(values) != 1:
                raise LookupError(f"field {name!r} is there {len(values)} times, not once")
            return _encode(values[0], "latin-1", f"field {name!r}")
        case JsonPath(names):
            place = "body." + ".".join(names)
            return _encode(_scalar(given.body, names, place), "utf-8", place)


def _part(hole: str, column: int) -> Part:
    whole = _WHOLES.get(tuple(word.strip() for word in hole.split("|")))
    if whole:
        return whole
    part, function = _named(hole, column, _WANTED)
    if function:
        raise NotAContent(f"no function may stand in {{{hole}}}, only in {{raw | base64}}", column)
    return part


def _named(text: str, column: int, wanted: str) -> tuple[Named, str | None]:
    found = _HOLE.fullmatch(text)
    if not found:
        raise NotAContent(f"wanted {wanted}, found {text!r}", column)
    root, steps, function = found.groups()
    names = tuple(plain or quoted for plain, quoted in _NAME.findall(steps))
    if root == "body":
        return JsonPath(names), function
    if len(names) > 1:
        raise NotAContent(f"{root} takes one name, found {len(names)} in {text!r}", column)
    if root == "signature":
        return SigField(names[0]), function
    if root == "query":
        return QueryValue(names[0]), function
    if names[0] != names[0].lower():
        raise NotAContent(f"header names are lower case, found {names[0]!r}", column)
    return Header(names[0]), function


def _scalar(body: bytes, names: Sequence[str], place: str) -> str:
    # Numbers stay the text they are: no digit is lost, and 1E+999999999 stays short.
    try:
        value = json.loads(body, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise LookupError("the body is not JSON, and a value in it is signed") from None
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    raise LookupError(f"{place} is signed and is no text, number or boolean")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _encode(text: str, encoding: str, place: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        # Not chained: that error holds the text.
        raise LookupError(f"{place} is signed and holds characters that no sender sends") from None
