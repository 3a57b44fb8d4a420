"""Read the `[[fetch]]` tables of a source file: the calls for what a webhook leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.mapping.compile import Compiled, Compiler, Namespace, nearest
from bridge.mapping.expression import Named
from bridge.mapping.layout import conditions
from bridge.mapping.lines import Table
from bridge.mapping.reading import Reading
from bridge.mapping.source import Fetch, Fetching, Pages
from bridge.mapping.tables import flag, known_keys, positive, seconds, section, tables, text, texts
from bridge.mapping.text import compile_free, compile_header, compile_url

KEYS = (
    "name", "url", "method", "headers", "json", "form", "topics", "when", "optional", "keep",
    "pages",
)  # fmt: skip
PAGES_KEYS = ("query", "size", "most")
FETCHING_KEYS = ("per_second", "at_once")
#: Pages of one list.  A list of thousands is no part of an order.
_MOST_PAGES = 20
_METHODS = ("GET", "POST")
_FETCHED = frozenset({dict, list})


def fetched_names(names: Sequence[str], about: str = "the name of a [[fetch]]") -> Namespace:
    """Give the namespace `resource` of what was fetched under *names*."""
    return Namespace(names=dict.fromkeys(names, _FETCHED), about=about)


def read_fetching(file: Reading) -> Fetching:
    """Read what `[fetches]` says of the store's API."""
    table = file.section("fetches")
    known_keys(table, FETCHING_KEYS, "[fetches]", file.problems)
    at_once = positive(table, "at_once", file.problems, whole=True)
    return Fetching(
        per_second=positive(table, "per_second", file.problems),
        at_once=None if at_once is None else int(at_once),
    )


def read_fetches(file: Reading) -> tuple[tuple[Fetch, ...], Sequence[str]]:
    """Give the fetches, and the names of all, wrong ones included."""
    names: list[str] = []
    out: list[Fetch] = []
    for table in tables(file.table, "fetch", file.problems):
        known_keys(table, KEYS, "[[fetch]]", file.problems)
        name = text(table, "name", file.problems, required=True) or ""
        if name and name in names:
            file.wrong(table, "name", f"there is a fetch named '{name}' already")
        earlier = fetched_names(tuple(names), "the name of a [[fetch]] above")
        spaces = {**file.spaces, "secret": Namespace(), "resource": earlier}
        names.append(name)
        before = len(file.seen)
        if fetch := _fetch(file, name, table, file.compiler(spaces)):
            sent = [one for one in file.seen[before:] if one not in fetch.when]
            out.append(replace(fetch, secrets=_secrets(sent, out)))
    return tuple(out), names


def _secrets(compiled: Sequence[Compiled], earlier: Sequence[Fetch]) -> tuple[str, ...]:
    """Name the tokens that a call sends; without any, those that what it sends was fetched with."""
    own: dict[str, None] = {}
    lent: dict[str, None] = {}
    for path in (path for one in compiled for path in one.paths):
        step = path.steps[0] if path.steps else None
        if isinstance(step, Named) and path.root == "secret":
            own[step.name] = None
        elif isinstance(step, Named) and path.root == "resource":
            of = next((fetch for fetch in earlier if fetch.name == step.name), None)
            lent |= dict.fromkeys(of.secrets if of else ())
    return tuple(own or lent)


def _pages(file: Reading, table: Table) -> Pages | None:
    pages = section(table, "pages", file.problems)
    if pages is not table.entries.get("pages"):
        return None
    known_keys(pages, PAGES_KEYS, "`pages`", file.problems)
    query = text(pages, "query", file.problems, required=True)
    size = positive(pages, "size", file.problems, whole=True)
    most = positive(pages, "most", file.problems, whole=True) or _MOST_PAGES
    if "size" not in pages.entries:
        file.wrong(pages, "size", "it is missing, wanted how many elements a full page has")
    return Pages(query or "", int(size or 1), int(most))


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
        pages=_pages(file, table),
        secrets=(),
    )
