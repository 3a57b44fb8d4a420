"""
Run compiled mappings: a proven webhook becomes an event, an event becomes payloads.

Pure: whatever a webhook holds, the result is a value or an `EventError` that tells every line
that did not fit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from bridge.derive import NotDerivable, build
from bridge.errors import BodyUnreadable, EventUnmappable, PayloadInvalid
from bridge.event import Event
from bridge.fields import read_moment
from bridge.kinds import Refused, name_of
from bridge.mapping.compile import Compiled, Scope
from bridge.mapping.connections import Connection
from bridge.mapping.destination import Destination, PayloadRule
from bridge.mapping.expression import Every, Indexed, Named, Path
from bridge.mapping.settings import filled
from bridge.mapping.source import Source
from bridge.mapping.template import Branch, Leaf, evaluate, failing, leaves
from bridge.types import Ignored, InboundRequest, Problem, Skipped, VerifiedRequest

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a webhook before it is mapped."""

    topic: str
    key: tuple[str, ...] | None  #: None: it could not be read, or is read after the fetches
    candidates: tuple[str, ...] | None  #: event types; None: the topic is not in the file


def read_body(request: InboundRequest) -> Any:
    """
    Read a body: JSON with exact numbers, or a form as texts, by its content type.

    Raises:
        BodyUnreadable: It is neither; with the place where reading stopped.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = request.body.decode("utf-8-sig")  # RFC 8259 lets a reader ignore the mark
        if kind == _FORM:
            return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        problem = f"found a body that is no UTF-8 from byte {error.start}, wanted JSON"
    except json.JSONDecodeError as error:
        problem = f"found no JSON at line {error.lineno}, column {error.colno}: {error.msg}"
    except RecursionError:
        problem = "found JSON nested too deeply to read"
    except Refused as refused:
        problem = str(refused)
    except (ValueError, ArithmeticError):  # what they say can hold a part of the body
        form = "found a form with a field that has no '='"
        problem = form if kind == _FORM else "found a number that is too long to read"
    raise BodyUnreadable([Problem("", 0, 0, problem, "body")])


def _refuse_constant(name: str) -> Any:
    raise Refused(f"found {name}, which is no JSON number")


def scope_of(
    source: Source,
    request: InboundRequest,
    body: Any,
    settings: Mapping[str, Any],
    resources: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """
    Make the namespaces that the expressions of a source file see.

    Args:
        settings: What the store sets.
        resources: What was fetched, by the name of the fetch.
        secrets: The store's tokens; only for the fetches themselves.
    """
    return {
        "header": request.headers,
        "query": request.query,
        "body": body,
        "setting": filled(source.settings, settings),
        "resource": resources or {},
        "secret": secrets or {},
    }


def parsed(source: Source, body: Any) -> Any:
    """
    Replace the texts that `parse` names by the JSON in them.

    Raises:
        BodyUnreadable: One of them is no JSON.
    """
    for path in source.parse:
        body = _replace(body, path, 0)
    return body


def _replace(value: Any, path: Path, at: int) -> Any:
    if at == len(path.steps):
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value, parse_float=Decimal, parse_constant=_refuse_constant)
        except (ValueError, ArithmeticError, RecursionError, Refused):
            problem = "found text that is no JSON, where `parse` wants some"
            raise BodyUnreadable([Problem("", 0, 0, problem, "body")]) from None
    step = path.steps[at]
    if isinstance(step, Named) and isinstance(value, dict) and step.name in value:
        return {**value, step.name: _replace(value[step.name], path, at + 1)}
    if isinstance(step, Indexed | Every) and isinstance(value, list):
        return [
            _replace(one, path, at + 1) if isinstance(step, Every) or step.index == n else one
            for n, one in enumerate(value)
        ]
    return value


def read_head(source: Source, scope: Scope, topic: str | None = None) -> Head:
    """
    Read topic and key.

    Args:
        topic: Instead of what the webhook says.

    Raises:
        EventUnmappable: The topic cannot be read.
    """
    problems: list[Problem] = []
    topic = topic or _text(evaluate(source.topic, scope, "topic", problems))
    if topic is None:
        place = source.topic.place
        problem = Problem(
            place.file, place.line, place.column, "nothing was found, wanted the topic", "topic",
            source.topic.text,
        )  # fmt: skip
        raise EventUnmappable(problems or [problem])
    return Head(topic, _key(source, scope), source.topics.get(topic))


def key_reads_resource(source: Source) -> bool:
    """Whether the key is only known after the fetches."""
    return any(path.root == "resource" for one in source.key for path in one.paths)


def _key(source: Source, scope: Scope) -> tuple[str, ...] | None:
    parts = []
    for one in source.key:
        part = _text(evaluate(one, scope, "key", []))
        if part is None:
            return None
        parts.append(part)
    return tuple(parts) or None


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    text = str(value).strip()
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can hold
        return None
    return text or None


def body_key(topic: str, body: bytes) -> tuple[str, ...]:
    """The key of a webhook without one: the topic and the bytes."""
    return (topic, hashlib.sha256(body).hexdigest())


def tenant_of(source: Source, scope: Scope) -> str | None:
    """What shop the webhook says it is from."""
    return _text(evaluate(source.tenant, scope, "tenant", [])) if source.tenant else None


def map_event(
    source: Source,
    request: VerifiedRequest,
    scope: Scope,
    head: Head,
    *,
    test_orders: bool = False,
) -> Event | Ignored:
    """
    Make the store event of a webhook.

    Args:
        request: Only a proven webhook is mapped.
        scope: Its namespaces, resources included.
        test_orders: Whether test orders count.

    Returns:
        The event, or why this webhook is none.

    Raises:
        EventUnmappable: With every line that did not fit.
    """
    if head.candidates is None:
        return Ignored(f"topic '{head.topic}' is not in {source.file}")
    problems: list[Problem] = []
    chosen = _choose(source, scope, head, problems)
    if problems:
        raise EventUnmappable(problems)
    if isinstance(chosen, Ignored):
        return chosen
    is_order = chosen.startswith("order_")
    order = _fill(source.order, scope, problems) if is_order else None
    customer = _fill(source.order_customer if is_order else source.customer, scope, problems)
    occurred = _occurred_at(source, scope, problems)
    if problems:
        raise EventUnmappable(problems)
    arrived = request.request.received_at
    facts = {
        "type": chosen,
        "platform": source.platform,
        "store": request.request.store,
        "topic": head.topic,
        "key": ":".join(head.key or body_key(head.topic, request.request.body)),
        "occurred_at": occurred or (order or {}).get("updated_at") or arrived,
    }
    if order is not None and order.get("test") and not test_orders:
        return Ignored("a test order; `test_orders = true` in connections.toml lets them count")
    try:
        return build(facts, order, customer)
    except NotDerivable as error:
        raise EventUnmappable([_derived_problem(source, error)]) from None


def _choose(source: Source, scope: Scope, head: Head, problems: list[Problem]) -> str | Ignored:
    if not head.candidates:
        return Ignored(f"topic '{head.topic}' is known and not wanted")
    reasons = []
    for candidate in head.candidates:
        failed = failing(source.when.get(candidate, ()), scope, f"when.{candidate}", problems)
        if not failed:
            return candidate
        reasons.append(f"{candidate}: {failed}")
    return Ignored(f"no condition of topic '{head.topic}' holds ({'; '.join(reasons)})")


def _fill(branch: Branch | None, scope: Scope, problems: list[Problem]) -> dict[str, Any]:
    return (branch.fill(scope, problems) or {}) if branch else {}


def _occurred_at(source: Source, scope: Scope, problems: list[Problem]) -> datetime | None:
    if source.occurred_at is None:
        return None
    value = evaluate(source.occurred_at, scope, "event.occurred_at", problems)
    if value is None:
        return None
    try:
        if not isinstance(value, str | datetime):
            raise Refused(f"found {name_of(value)}, wanted a moment")
        return read_moment(value)
    except Refused as refused:
        problems.append(_at(source.occurred_at, "event.occurred_at", str(refused)))
        return None


def _derived_problem(source: Source, error: NotDerivable) -> Problem:
    for leaf in leaves(source.order) if source.order else ():
        if leaf.field == error.field:
            return leaf.problem(str(error))
    return Problem(source.file, 1, 1, str(error), error.field)


def _at(compiled: Compiled, field: str, message: str) -> Problem:
    place = compiled.place
    return Problem(place.file, place.line, place.column, message, field, compiled.text)


def map_payload(
    destination: Destination,
    model: type[BaseModel],
    event: Event,
    namespaces: Mapping[str, Any],
    connection: Connection | None,
    settings: Mapping[str, Any],
) -> BaseModel | Skipped:
    """
    Make the payload of one endpoint.

    Args:
        model: The endpoint's payload model.
        namespaces: `event.namespaces()`, made once for all endpoints.
        connection: Its `when` must hold too.
        settings: What the store sets for this endpoint.

    Returns:
        The valid model, or why the event is not for this endpoint.

    Raises:
        PayloadInvalid: With every line that did not fit.
    """
    scope = {**namespaces, "setting": filled(destination.settings, settings)}
    problems: list[Problem] = []
    rule = choose_rule(destination, event, scope, connection, problems)
    if problems:
        raise PayloadInvalid(problems)
    if isinstance(rule, Skipped):
        return rule
    values = rule.branch.fill(scope, problems) or {}
    if problems:
        raise PayloadInvalid(problems)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise PayloadInvalid(_violations(destination, rule, error)) from None


def choose_rule(
    destination: Destination,
    event: Event,
    scope: Scope,
    connection: Connection | None,
    problems: list[Problem],
) -> PayloadRule | Skipped:
    name, event_type = destination.endpoint, event.event.type
    fitting = [rule for rule in destination.payloads if event_type in rule.on]
    if not fitting:
        return Skipped(name, f"not for {event_type}")
    if connection and (failed := failing(connection.when, scope, f"{name}.when", problems)):
        return Skipped(name, f"connections.toml: {failed}")
    reasons = []
    for rule in fitting:
        failed = failing(rule.when, scope, f"{name}.when", problems)
        if not failed:
            return rule
        reasons.append(failed)
    return Skipped(name, "; ".join(reasons))


def _violations(
    destination: Destination, rule: PayloadRule, error: ValidationError
) -> Sequence[Problem]:
    """Tell what a model refuses with the line that made it, and never with the value."""
    by_field: dict[str, Leaf] = {}
    for leaf in leaves(rule.branch):
        by_field.setdefault(leaf.field, leaf)
    out = []
    for one in error.errors(include_input=False, include_url=False, include_context=False):
        names = [part for part in one["loc"] if isinstance(part, str)]
        spelt = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in one["loc"]
        ).lstrip(".")
        message = f"{destination.endpoint} refuses it: {one['msg'].removeprefix('Value error, ')}"
        closest = _closest(by_field, names)
        if closest is None:
            out.append(rule.place.problem(message, field=spelt))
        else:
            at = closest.origin
            out.append(Problem(at.file, at.line, at.column, message, spelt, at.expression))
    return out


def _closest(by_field: Mapping[str, Leaf], names: Sequence[str]) -> Leaf | None:
    """Give the line that fills a field, else one inside it, else one that it is inside of."""
    for length in range(len(names), 0, -1):
        wanted = ".".join(names[:length])
        inside = (leaf for field, leaf in by_field.items() if field.startswith(f"{wanted}."))
        if (leaf := by_field.get(wanted) or next(inside, None)) is not None:
            return leaf
    return None
