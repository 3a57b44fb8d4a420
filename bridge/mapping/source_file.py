"""
Read a source file: everything that can be known before a webhook comes is checked here.

The sections are read in the order of the file; what they share is in `_File`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from bridge.event import Customer, Order
from bridge.kinds import ANY, MOMENT, NUMBER, TEXT, Kind, fits
from bridge.kinds import name as kind_name
from bridge.mapping.compile import Compiled, Compiler, Namespace, fixed, nearest
from bridge.mapping.expression import Named, Path, Selected, spell
from bridge.mapping.functions import Function
from bridge.mapping.layout import compile_table, conditions
from bridge.mapping.lines import Array, Scalar, Table, plain
from bridge.mapping.settings import Rules, namespace, read_rules
from bridge.mapping.source import (
    EVENT_TYPES,
    AnswerPolicy,
    Engine,
    EngineReader,
    Fetch,
    Handshake,
    Source,
    Verification,
)
from bridge.mapping.tables import flag, known_keys, seconds, section, several, tables, text, texts
from bridge.mapping.tables import wrong as wrong_at
from bridge.mapping.template import Branch, expressions
from bridge.mapping.text import Text, compile_answer, compile_free, compile_header, compile_url
from bridge.types import Problem

_TOP = (
    "platform", "name", "rests_on", "experimental", "settings", "verify", "handshake", "webhook", "answer", "fetch",
    "topics", "when", "order", "customer",
)  # fmt: skip
_WEBHOOK = ("topic", "key", "tenant", "occurred_at", "parse")
_ANSWER = ("within", "retries", "retry_window", "body")
_HANDSHAKE = ("when", "answer", "method")
_FETCH = (
    "name", "url", "method", "headers", "json", "form", "topics", "when", "optional", "keep",
)  # fmt: skip
#: What a file may rest on, best first; the support matrix says it.
EVIDENCE = ("real deliveries", "real payloads", "vendor's documents", "third-party code")
_FETCH_METHODS = ("GET", "POST")
_HANDSHAKE_METHODS = ("GET", "HEAD", "OPTIONS", "POST")
_FETCHED = frozenset({dict, list})

Engines = Mapping[str, EngineReader]
Functions = Mapping[str, Function]
Spaces = Mapping[str, Namespace]


@dataclass(frozen=True, slots=True)
class _File:
    """One file while it is read."""

    table: Table
    functions: Functions
    problems: list[Problem]
    rules: Rules
    spaces: Spaces  #: what every section sees
    seen: list[Compiled] = field(default_factory=list)

    def compiler(self, spaces: Spaces) -> Compiler:
        return Compiler(spaces, self.functions, self.problems, self.seen)

    def section(self, name: str, *, wanted: str = "") -> Table:
        return section(self.table, name, self.problems, wanted=wanted)

    def expressions(
        self, table: Table, name: str, spaces: Spaces, takes: Kind = TEXT | NUMBER
    ) -> tuple[Compiled, ...]:
        compiler, out = self.compiler(spaces), []
        for one in several(table.entries.get(name)):
            if not isinstance(one, Scalar) or not isinstance(one.value, str):
                self.problems.append(one.place.problem("wanted an expression", field=name))
            elif compiled := compiler.expression(one.value, one.place, field=name):
                out.append(compiled)
                if not fits(compiled.kind, takes):
                    told = f"wants {kind_name(takes)}, and this is {kind_name(compiled.kind)}"
                    self.problems.append(one.place.problem(told, field=name))
        return tuple(out)

    def expression(
        self, table: Table, name: str, spaces: Spaces, takes: Kind = TEXT | NUMBER
    ) -> Compiled | None:
        if isinstance(table.entries.get(name), Array):
            self.wrong(table, name, "wanted one expression, not a list")
            return None
        return next(iter(self.expressions(table, name, spaces, takes)), None)

    def wrong(self, table: Table, name: str, message: str) -> None:
        wrong_at(table, name, message, self.problems)


def read_source(
    table: Table, functions: Functions, engines: Engines, problems: list[Problem]
) -> Source | None:
    """
    Check and compile one source file.

    Args:
        table: The file as `lines.read` gives it.
        functions: What expressions may call.
        engines: How `[verify.ENGINE]` tables are read, by engine.
        problems: All that is wrong is added here.

    Returns:
        None when anything is wrong.
    """
    before = len(problems)
    rules = read_rules(table.entries.get("settings"), problems)
    spaces = {
        "header": Namespace(lower=True),
        "query": Namespace(),
        "body": Namespace(kind=ANY),
        "setting": namespace(rules),
    }
    file = _File(table, functions, problems, rules, spaces)
    known_keys(table, _TOP, "a source file", problems)
    platform = text(table, "platform", problems, required=True)
    rests_on = text(table, "rests_on", problems) or ""
    if rests_on and rests_on not in EVIDENCE:
        wrong_at(table, "rests_on", f"wanted one of {', '.join(EVIDENCE)}", problems)
    webhook = file.section("webhook", wanted="it says where a webhook has its `topic`")
    known_keys(webhook, _WEBHOOK, "[webhook]", problems)
    fetches, fetched = _fetches(file)
    late = {**spaces, "resource": _fetched(fetched)}
    if table.entries.get("webhook") is webhook and "topic" not in webhook.entries:
        file.wrong(webhook, "topic", "wanted an expression: where a webhook says what happened")
    topic = file.expression(webhook, "topic", spaces)
    order, order_customer = _order(file, late)
    source = Source(
        platform=platform or "",
        file=table.place.file,
        settings=rules,
        verify=_verify(file, engines),
        handshakes=tuple(_handshakes(file)),
        topic=topic or fixed("", webhook.place),  # so that the rest is checked all the same
        key=file.expressions(webhook, "key", late),
        tenant=file.expression(webhook, "tenant", spaces),
        occurred_at=file.expression(webhook, "occurred_at", late, TEXT | MOMENT),
        parse=_parse(file, webhook),
        answer=_answer(file),
        fetches=fetches,
        topics=_topics(file),
        when=_when(file, late),
        order=order,
        order_customer=order_customer,
        customer=_branch(file, "customer", Customer, late),
        reads=tuple((path, one.place) for one in file.seen for path in one.paths),
        name=text(table, "name", problems) or platform or "",
        rests_on=rests_on,
        experimental=flag(table, "experimental", problems, default=False),
    )
    _check_types(file, source)
    _check_fetched(file, source)
    return source if len(problems) == before else None


def _fetched(names: Sequence[str], about: str = "the name of a [[fetch]]") -> Namespace:
    return Namespace(names=dict.fromkeys(names, _FETCHED), about=about)


def _verify(file: _File, engines: Engines) -> Mapping[str, Verification]:
    table, out = file.section("verify", wanted="it says how a webhook is proven"), {}
    if "verify" in file.table.entries and not table.entries:
        file.wrong(table, "verify", f"wanted an engine: {', '.join(engines)}")
    for name, node in table.entries.items():
        reader = engines.get(name)
        if reader is None or not isinstance(node, Table):
            close = nearest(name, list(engines)) or f"; there are {', '.join(engines)}"
            table_wanted = f"wanted a table: [verify.{name}]"
            message = table_wanted if reader else f"no engine named '{name}'{close}"
            file.problems.append(table.places[name].problem(message))
            continue
        engine = reader(plain(node))
        keys = _verify_keys(file, name, node)
        if isinstance(engine, Engine):
            out[name] = Verification(engine, keys)
            continue
        for key, message in engine:
            place = node.places.get(key, node.place)
            file.problems.append(place.problem(message, field=f"verify.{name}.{key}"))
    return out


def _verify_keys(file: _File, name: str, table: Table) -> Text | None:
    keys = table.entries.get("keys")
    if keys is None:
        return None
    compiler = file.compiler({"setting": file.spaces["setting"]})
    return compile_url(keys, compiler, f"verify.{name}.keys")


def _handshakes(file: _File) -> Iterator[Handshake]:
    compiler = file.compiler(file.spaces)
    for table in tables(file.table, "handshake", file.problems):
        known_keys(table, _HANDSHAKE, "[[handshake]]", file.problems)
        when = conditions(table.entries.get("when"), compiler, "handshake.when")
        if not several(table.entries.get("when")):
            file.wrong(table, "when", "a handshake wants at least one condition")
        node = table.entries.get("answer") or Scalar("", table.place)
        answer = compile_answer(node, compiler, "handshake.answer")
        method = _method(table, "POST", _HANDSHAKE_METHODS, file.problems)
        if answer is not None:
            yield Handshake(when, answer, method)


def _method(table: Table, default: str, known: Sequence[str], problems: list[Problem]) -> str:
    method = (text(table, "method", problems) or default).upper()
    if method not in known:
        wrong_at(table, "method", f"wanted {' or '.join(known)}", problems)
    return method


def _answer(file: _File) -> AnswerPolicy:
    wanted = "it says how many seconds the platform waits, `within`, and whether it `retries`"
    table, problems = file.section("answer", wanted=wanted), file.problems
    known_keys(table, _ANSWER, "[answer]", problems)
    if "answer" not in file.table.entries:
        return AnswerPolicy()
    within = seconds(table, "within", problems, above_zero=True)
    retries = flag(table, "retries", problems)
    window = seconds(table, "retry_window", problems, default=None if retries else 0.0)
    body = table.entries.get("body")
    literal = body.value if isinstance(body, Scalar) and isinstance(body.value, str) else None
    if body is not None and literal is None:
        file.wrong(table, "body", "wanted text")
    return AnswerPolicy(within, retries, window, literal)


def _fetches(file: _File) -> tuple[tuple[Fetch, ...], Sequence[str]]:
    """Give the fetches, and the names of all, wrong ones included."""
    names: list[str] = []
    out = []
    for table in tables(file.table, "fetch", file.problems):
        known_keys(table, _FETCH, "[[fetch]]", file.problems)
        name = text(table, "name", file.problems, required=True) or ""
        if name and name in names:
            file.wrong(table, "name", f"there is a fetch named '{name}' already")
        earlier = _fetched(tuple(names), "the name of a [[fetch]] above")
        spaces = {**file.spaces, "secret": Namespace(), "resource": earlier}
        names.append(name)
        if fetch := _fetch(file, name, table, file.compiler(spaces)):
            out.append(fetch)
    return tuple(out), names


def _fetch(file: _File, name: str, table: Table, compiler: Compiler) -> Fetch | None:
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
        method=_method(table, "GET", _FETCH_METHODS, problems),
        url=compiled_url,
        headers=tuple(headers),
        body=compile_free(body, compiler, f"fetch.{name}.{sent}") if body is not None else None,
        form=sent == "form",
        topics=frozenset(topics) if topics else None,
        when=conditions(table.entries.get("when"), compiler, f"fetch.{name}.when"),
        optional=flag(table, "optional", problems, default=False),
        keep=seconds(table, "keep", problems, default=0.0),
    )


def _topics(file: _File) -> Mapping[str, tuple[str, ...]]:
    table, out = file.section("topics", wanted="it says which event types a topic can be"), {}
    for name in table.entries:
        out[name] = texts(table, name, file.problems)
        for one in out[name]:
            if one not in EVENT_TYPES:
                close = nearest(one, EVENT_TYPES) or f"; there are {', '.join(EVENT_TYPES)}"
                file.problems.append(table.places[name].problem(f"no event type '{one}'{close}"))
    return out


def _when(file: _File, spaces: Spaces) -> Mapping[str, tuple[Compiled, ...]]:
    table, out = file.section("when"), {}
    for name, node in table.entries.items():
        if name not in EVENT_TYPES:
            close = nearest(name, EVENT_TYPES) or f"; there are {', '.join(EVENT_TYPES)}"
            file.problems.append(table.places[name].problem(f"no event type '{name}'{close}"))
        out[name] = conditions(node, file.compiler(spaces), f"when.{name}")
    return out


def _order(file: _File, spaces: Spaces) -> tuple[Branch | None, Branch | None]:
    if "order" not in file.table.entries:
        return None, None
    table = file.section("order")
    if not isinstance(file.table.entries["order"], Table):
        return None, None
    compiler = file.compiler(spaces)
    order = compile_table(table, Order, compiler, "order", reserved=("customer",))
    if "customer" not in table.entries:
        told = "[order.customer] is missing: it says who bought"
        file.problems.append(table.place.problem(told))
        return order, None
    inner = section(table, "customer", file.problems)
    return order, compile_table(inner, Customer, compiler, "customer")


def _branch(file: _File, name: str, model: type[BaseModel], spaces: Spaces) -> Branch | None:
    if name not in file.table.entries:
        return None
    return compile_table(file.section(name), model, file.compiler(spaces), name)


def _parse(file: _File, webhook: Table) -> tuple[Path, ...]:
    out = []
    for one in file.expressions(webhook, "parse", {"body": file.spaces["body"]}, ANY):
        chain, path = one.tree.chains[0], one.tree.chains[0].operand
        plain_path = isinstance(path, Path) and not any(isinstance(s, Selected) for s in path.steps)
        if len(one.tree.chains) > 1 or chain.calls or not plain_path:
            told = "wanted a path without a selector, a function or an alternative"
            file.problems.append(one.place.problem(told, field="parse"))
        elif isinstance(path, Path):
            out.append(path)
    return tuple(out)


def _check_types(file: _File, source: Source) -> None:
    """Every event type has its table."""
    topics = file.section("topics")
    for topic, types in source.topics.items():
        for wanted in sorted({one.partition("_")[0] for one in types if one in EVENT_TYPES}):
            if wanted not in file.table.entries:
                told = f"[{wanted}] is missing, and the topic leads to it"
                file.problems.append(topics.places[topic].problem(told))


def _check_fetched(file: _File, source: Source) -> None:
    """What a line reads is fetched for every topic that leads to it, and may be believed."""
    uncovered = any(not one.engine.covers_body for one in source.verify.values())
    told: set[Problem] = set()
    for event_type in EVENT_TYPES:
        leading = {topic for topic, types in source.topics.items() if event_type in types}
        for one, path in _read_for(source, event_type) if leading else ():
            told.update(_unfetched(source, one, path, leading))
            if uncovered and path.root in ("header", "query", "body"):
                message = "the signature does not cover the body: read what is fetched instead"
                told.add(one.place.problem(message))
    wanted = {topic for topic, types in source.topics.items() if types}
    for one in (*source.key, *((source.occurred_at,) if source.occurred_at else ())):
        for path in one.paths:
            told.update(_unfetched(source, one, path, wanted))
    for fetch in source.fetches:
        filled = (fetch.url, *(header for _, header in fetch.headers))
        for one in (*fetch.when, *(inner for part in filled for inner in part.expressions)):
            for path in one.paths:
                told.update(_unfetched(source, one, path, fetch.topics or wanted))
    file.problems.extend(sorted(told))


def _unfetched(
    source: Source, one: Compiled, path: Path, topics: Iterable[str]
) -> Iterator[Problem]:
    """Tell for which of *topics* the resource that a path reads is not fetched."""
    step = path.steps[0] if path.root == "resource" and path.steps else None
    for fetch in source.fetches:
        if isinstance(step, Named) and step.name == fetch.name and fetch.topics is not None:
            for topic in set(topics) - fetch.topics:
                yield one.place.problem(
                    f"{spell(path)} is not fetched for topic '{topic}': add it to `topics` of "
                    f"the fetch '{fetch.name}'"
                )


def _read_for(source: Source, event_type: str) -> Iterator[tuple[Compiled, Path]]:
    """Every path that is read for an event of that type."""
    is_order = event_type.startswith("order_")
    branches = (source.order, source.order_customer) if is_order else (source.customer,)
    compiled = list(source.when.get(event_type, ()))
    for branch in branches:
        compiled.extend(expressions(branch) if branch else ())
    for one in compiled:
        for path in one.paths:
            yield one, path
