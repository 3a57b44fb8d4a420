"""
Read a source file: everything that can be known before a webhook comes is checked here.

The sections are read in the order of the file; what they share is in `Reading`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import BaseModel

from bridge.event import Customer, Order
from bridge.kinds import ANY, MOMENT, TEXT
from bridge.mapping.compile import Compiled, Namespace, fixed, nearest
from bridge.mapping.expression import Path, Selected
from bridge.mapping.fetches import fetched_names, read_fetches, read_fetching
from bridge.mapping.handshakes import read_handshakes
from bridge.mapping.layout import compile_table, conditions
from bridge.mapping.lines import Scalar, Table, plain
from bridge.mapping.privacy import read_privacy
from bridge.mapping.reading import Engines, Functions, Reading, Spaces
from bridge.mapping.settings import namespace, read_rules
from bridge.mapping.source import (
    EVENT_TYPES,
    AnswerPolicy,
    Engine,
    EngineReader,
    Source,
    Verification,
)
from bridge.mapping.source_checks import check_source
from bridge.mapping.tables import flag, known_keys, seconds, section, text, texts
from bridge.mapping.tables import wrong as wrong_at
from bridge.mapping.template import Branch
from bridge.mapping.text import Text, compile_url
from bridge.types import Problem

_TOP = (
    "platform", "name", "rests_on", "experimental", "settings", "verify", "handshake", "webhook",
    "answer", "fetches", "fetch",
    "topics", "when", "order", "customer", "privacy",
)  # fmt: skip
_WEBHOOK = ("topic", "key", "tenant", "occurred_at", "parse", "methods")
_METHODS = ("POST", "PUT")
_ANSWER = ("within", "retries", "retry_window", "body")
#: What a file may rest on, best first; the support matrix says it.
EVIDENCE = ("real deliveries", "real payloads", "vendor's documents", "third-party code")


def read_source(
    table: Table, functions: Functions, engines: Engines, problems: list[Problem]
) -> Source | None:
    """
    Check and compile one source file.

    Args:
        table: The file as `lines.read` gives it.
        functions: What expressions may call.
        engines: How `[verify.NAME]` tables are read, by engine.
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
    file = Reading(table, functions, problems, rules, spaces)
    known_keys(table, _TOP, "a source file", problems)
    platform = text(table, "platform", problems, required=True)
    rests_on = text(table, "rests_on", problems) or ""
    if rests_on and rests_on not in EVIDENCE:
        wrong_at(table, "rests_on", f"wanted one of {', '.join(EVIDENCE)}", problems)
    webhook = file.section("webhook", wanted="it says where a webhook has its `topic`")
    known_keys(webhook, _WEBHOOK, "[webhook]", problems)
    fetches, fetched = read_fetches(file)
    late = {**spaces, "resource": fetched_names(fetched)}
    if table.entries.get("webhook") is webhook and "topic" not in webhook.entries:
        file.wrong(webhook, "topic", "wanted an expression: where a webhook says what happened")
    topic = file.expression(webhook, "topic", spaces)
    order, order_customer = _order(file, late)
    verify = _verify(file, engines)
    source = Source(
        platform=platform or "",
        file=table.place.file,
        settings=rules,
        verify=verify,
        handshakes=tuple(read_handshakes(file, engines)),
        topic=topic or fixed("", webhook.place),  # so that the rest is checked all the same
        key=file.expressions(webhook, "key", late),
        tenant=file.expression(webhook, "tenant", spaces),
        occurred_at=file.expression(webhook, "occurred_at", late, TEXT | MOMENT),
        parse=_parse(file, webhook),
        methods=_methods(file, webhook),
        answer=_answer(file),
        fetches=fetches,
        fetching=read_fetching(file),
        topics=_topics(file),
        when=_when(file, late),
        order=order,
        order_customer=order_customer,
        customer=_branch(file, "customer", Customer, late),
        privacy=tuple(read_privacy(file, verify)),
        reads=tuple((path, one.place) for one in file.seen for path in one.paths),
        name=text(table, "name", problems) or platform or "",
        rests_on=rests_on,
        experimental=flag(table, "experimental", problems, default=False),
    )
    check_source(source, table, problems)
    return source if len(problems) == before else None


def _verify(file: Reading, engines: Engines) -> Mapping[str, Verification]:
    table, out = file.section("verify", wanted="it says how a webhook is proven"), {}
    if "verify" in file.table.entries and not table.entries:
        file.wrong(table, "verify", f"wanted an engine: {', '.join(engines)}")
    for name, node in table.entries.items():
        if not isinstance(node, Table):
            file.problems.append(table.places[name].problem(f"wanted a table: [verify.{name}]"))
        elif (reader := _engine(file, table, name, node, engines)) is not None:
            fields = plain(node)
            fields.pop("engine", None)
            engine = reader(fields)
            keys = _verify_keys(file, name, node)
            if isinstance(engine, Engine):
                out[name] = Verification(engine, keys)
                continue
            for key, message in engine:
                place = node.places.get(key, node.place)
                file.problems.append(place.problem(message, field=f"verify.{name}.{key}"))
    return out


def _engine(
    file: Reading, table: Table, name: str, node: Table, engines: Engines
) -> EngineReader | None:
    """Find the engine of one `[verify.NAME]`: the one that it names, or else its own name."""
    named = text(node, "engine", file.problems) if "engine" in node.entries else name
    if named is None or named in engines:
        return engines.get(named or "")
    close = nearest(named, list(engines)) or f"; there are {', '.join(engines)}"
    place = node.places.get("engine", table.places[name])
    file.problems.append(place.problem(f"no engine named '{named}'{close}"))
    return None


def _verify_keys(file: Reading, name: str, table: Table) -> Text | None:
    keys = table.entries.get("keys")
    if keys is None:
        return None
    compiler = file.compiler({"setting": file.spaces["setting"]})
    address = compile_url(keys, compiler, f"verify.{name}.keys")
    if address and not address.expressions and "tenant" not in file.section("webhook").entries:
        told = "wanted `tenant` in [webhook], which says for whom"
        file.wrong(table, "keys", f"these keys sign for all shops of the platform: {told}")
    return address


def _answer(file: Reading) -> AnswerPolicy:
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
    return AnswerPolicy(within, retries, window, literal, _media_type(literal))


def _media_type(body: str | None) -> str:
    try:
        json.loads(body or "")
    except ValueError:
        return "text/plain"
    return "application/json"


def _topics(file: Reading) -> Mapping[str, tuple[str, ...]]:
    table, out = file.section("topics", wanted="it says which event types a topic can be"), {}
    for name in table.entries:
        out[name] = texts(table, name, file.problems)
        for one in out[name]:
            if one not in EVENT_TYPES:
                close = nearest(one, EVENT_TYPES) or f"; there are {', '.join(EVENT_TYPES)}"
                file.problems.append(table.places[name].problem(f"no event type '{one}'{close}"))
    return out


def _when(file: Reading, spaces: Spaces) -> Mapping[str, tuple[Compiled, ...]]:
    table, out = file.section("when"), {}
    for name, node in table.entries.items():
        if name not in EVENT_TYPES:
            close = nearest(name, EVENT_TYPES) or f"; there are {', '.join(EVENT_TYPES)}"
            file.problems.append(table.places[name].problem(f"no event type '{name}'{close}"))
        out[name] = conditions(node, file.compiler(spaces), f"when.{name}")
    return out


def _order(file: Reading, spaces: Spaces) -> tuple[Branch | None, Branch | None]:
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


def _branch(file: Reading, name: str, model: type[BaseModel], spaces: Spaces) -> Branch | None:
    if name not in file.table.entries:
        return None
    return compile_table(file.section(name), model, file.compiler(spaces), name)


def _methods(file: Reading, webhook: Table) -> tuple[str, ...]:
    methods = texts(webhook, "methods", file.problems) or _METHODS[:1]
    if not set(methods) <= set(_METHODS):
        file.wrong(webhook, "methods", f"wanted {' or '.join(_METHODS)}")
    return methods


def _parse(file: Reading, webhook: Table) -> tuple[Path, ...]:
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
