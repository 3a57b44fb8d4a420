"""Read the `[[handshake]]` tables of a source file: requests that are no webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bridge.kinds import TEXT
from bridge.mapping.compile import Namespace
from bridge.mapping.layout import conditions
from bridge.mapping.lines import Scalar, Table, plain
from bridge.mapping.reading import Engines, Reading, Spaces
from bridge.mapping.source import Engine, Handshake, Signed
from bridge.mapping.tables import flag, known_keys, several, tables
from bridge.mapping.text import compile_answer, compile_free

KEYS = ("when", "answer", "json", "method", "tenant", "signed")
#: Of a `[[handshake.signed]]`, beside those of the engine hmac.
SIGNED_KEYS = ("secret", "optional")
_METHODS = ("GET", "HEAD", "OPTIONS", "POST")


def read_handshakes(file: Reading, engines: Engines) -> Iterator[Handshake]:
    """Check and compile the handshakes; those with mistakes are left out."""
    for table in tables(file.table, "handshake", file.problems):
        handshake = _handshake(file, table, engines)
        if handshake is not None:
            yield handshake


def _handshake(file: Reading, table: Table, engines: Engines) -> Handshake | None:
    problems = file.problems
    before = len(problems)
    known_keys(table, KEYS, "[[handshake]]", problems)
    method = file.method(table, "POST", _METHODS)
    when = conditions(table.entries.get("when"), file.compiler(file.spaces), "handshake.when")
    if not several(table.entries.get("when")):
        file.wrong(table, "when", "a handshake wants at least one condition")
    signed = tuple(_signed(file, table, engines))
    if "signed" in table.entries and len(problems) == before and all(s.optional for s in signed):
        file.wrong(table, "signed", "wanted a signature that is always there")
    if "signed" in table.entries and "tenant" not in table.entries and len(problems) == before:
        told = "one app signs for many shops: wanted where the handshake names its own"
        file.wrong(table, "tenant", told)
    if "signed" not in table.entries and "tenant" in table.entries:
        file.wrong(table, "tenant", "whoever signs nothing may call himself anything: add `signed`")
    spaces = _told(file) if "signed" in table.entries else file.spaces
    if "answer" in table.entries and "json" in table.entries:
        file.wrong(table, "json", "a handshake is answered with `answer` or `json`, not both")
    node = table.entries.get("answer") or Scalar("", table.place)
    answer = compile_answer(node, file.compiler(spaces), "handshake.answer")
    json = table.entries.get("json")
    document = None
    if isinstance(json, Table):
        document = compile_free(json, file.compiler(spaces), "handshake.json")
    elif json is not None:
        file.wrong(table, "json", "wanted a table of expressions")
    tenant = file.expression(table, "tenant", file.spaces)
    if answer is None or len(problems) > before:
        return None
    return Handshake(when, answer, document, method, signed, tenant)


def _told(file: Reading) -> Spaces:
    """What a sender who has proven himself may be told."""
    return {
        **file.spaces,
        "secret": Namespace(),
        "own_secret": Namespace(kind=TEXT),
        "url": Namespace(kind=TEXT),
    }


def _signed(file: Reading, table: Table, engines: Engines) -> Iterator[Signed]:
    for node in tables(table, "signed", file.problems):
        secret = file.expression(node, "secret", {"secret": Namespace()}, TEXT)
        optional = flag(node, "optional", file.problems, default=False)
        schemes = tuple(_schemes(file, node, engines))
        if schemes:
            yield Signed(schemes, secret, optional)


def _schemes(file: Reading, node: Table, engines: Engines) -> Iterator[Any]:
    """Read the table as one of `[verify.hmac]`, once for each content that may be signed."""
    fields = {name: one for name, one in plain(node).items() if name not in SIGNED_KEYS}
    contents = fields.get("content")
    for content in contents if isinstance(contents, list) and contents else [contents]:
        read = engines["hmac"]({**fields, "content": content} if content is not None else fields)
        if isinstance(read, Engine):
            yield read.scheme
            continue
        _tell(file, node, read)
        return


def _tell(file: Reading, node: Table, wrongs: Sequence[tuple[str, str]]) -> None:
    for key, message in wrongs:
        place = node.places.get(key, node.place)
        file.problems.append(place.problem(message, field=f"handshake.signed.{key}"))
