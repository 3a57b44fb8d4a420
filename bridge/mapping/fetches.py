"""Read the `[[fetch]]` tables of a source file: the calls for what a webhook leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.mapping.compile import Compiler, Namespace, nearest
from bridge.mapping.layout import conditions
from bridge.mapping.lines import Table
from bridge.mapping.reading import Reading
from bridge.mapping.source import Fetch
from bridge.mapping.tables import flag, known_keys, seconds, section, tables, text, texts
from bridge.mapping.text import compile_free, compile_header, compile_url

KEYS = (
    "name", "url", "method", "headers", "json", "form", "topics", "when", "optional", "keep",
)  # fmt: skip
_METHODS = ("GET", "POST")
_FETCHED = frozenset({dict, list})


def fetched_names(names: Sequence[str], about: str = "the name of a [[fetch]]") -> Namespace:
    """Give the namespace `resource` of what was fetched under *names*."""
    return Namespace(names=dict.fromkeys(names, _FETCHED), about=about)


def read_fetches(file: Reading) -> tuple[tuple[Fetch, ...], Sequence[str]]:
    """Give the fetches, and the names of all, wrong ones included."""
    names: list[str] = []
    out = []
    for table in tables(file.table, "fetch", file.problems):
        known_keys(table, KEYS, "[[fetch]]", file.problems)
        name = text(table, "name", file.problems, required=True) or ""
        if name and name in names:
            file.wrong(table, "name", f"there is a fetch named '{name}' already")
        earlier = fetched_names(tuple(names), "the name of a [[fetch]] above")
        spaces = {**file.spaces, "secret": Namespace(), "resource": earlier}
        names.append(name)
        if fetch := _fetch(file, name, table, file.compiler(spaces)):
            out.append(fetch)
    return tuple(out), names


def _fetch(file: Reading, name: str, table: Table, compiler: Compiler) -> Fetch | None:
    problems = file.problems
    url = table.entries.get("url")
    if url is None:
        file.wrong(table, "url", "wanted the address to call")
        return None
    compiled_url = compile_url(url, compiler, f"fetch.{name}.url")
    headers = []
    for header, node in section(table, "headers", problems).entries.items():
        if compiled := compile_header(node, compiler, f"fetch.{name}.headers.{header}"):
            headers.append((header.lower(), compiled))
    sent = "json" if "json" in table.entries else "form"
    body = table.entries.get(sent)
    if "json" in table.entries and "form" in table.entries:
        file.wrong(table, "form", "a fetch sends `json` or `form`, not both")
    topics = texts(table, "topics", problems)
    known = list(file.section("topics").entries)
    for topic in topics:
        if topic not in known:
            file.wrong(table, "topics", f"no topic '{topic}'{nearest(topic, known)}")
    if compiled_url is None:
        return None
    return Fetch(
        name=name,
        method=file.method(table, "GET", _METHODS),
        url=compiled_url,
        headers=tuple(headers),
        body=compile_free(body, compiler, f"fetch.{name}.{sent}") if body is not None else None,
        form=sent == "form",
        topics=frozenset(topics) if topics else None,
        when=conditions(table.entries.get("when"), compiler, f"fetch.{name}.when"),
        optional=flag(table, "optional", problems, default=False),
        keep=seconds(table, "keep", problems, default=0.0),
    )
