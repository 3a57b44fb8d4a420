"""
Run a compiled source file: a proven webhook becomes the store event.

Pure: whatever a webhook holds, the result is a value or an `EventError` that tells every line
that did not fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.derive import NotDerivable, build
from bridge.errors import EventUnmappable
from bridge.event import Event
from bridge.fields import read_moment
from bridge.kinds import Refused, name_of
from bridge.mapping.compile import Compiled
from bridge.mapping.settings import filled
from bridge.mapping.source import Privacy, Source
from bridge.mapping.template import Branch, evaluate, failing, leaves, problem_at
from bridge.mapping.write import Scope
from bridge.phones import e164
from bridge.types import Ignored, InboundRequest, Problem, VerifiedRequest


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a webhook before it is mapped."""

    topic: str
    key: tuple[str, ...] | None  #: None: it could not be read, or is read after the fetches
    candidates: tuple[str, ...] | None  #: event types; None: the topic is not in the file


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
        message = "nothing was found, wanted the topic"
        problem = problem_at(source.topic, "topic", message, "missing")
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


def tenant_of(says: Compiled | None, scope: Scope) -> str | None:
    """What shop a webhook says it is from, where the file has it say so."""
    return _text(evaluate(says, scope, "tenant", [])) if says else None


def people_in(source: Source, scope: Scope, head: Head) -> tuple[str, ...]:
    """
    Give what identifies the customer of a webhook, mapped or not, as far as it can be read.

    What is kept of a webhook that is ignored, or that cannot be mapped, is somebody's all the same.
    """
    wanted: tuple[str, ...] = ("email", "id", "document")
    kinds = {one.partition("_")[0] for one in head.candidates or ()}
    if not kinds:
        # What an `id` is the id of, nobody knows.
        kinds, wanted = {"order", "customer"}, ("email", "document")
    branches = {"order": source.order_customer, "customer": source.customer}
    people = [branch for kind, branch in branches.items() if branch and kind in kinds]
    found = [value for one in people if (value := named_in(one, scope, wanted))]
    return found[0] if found else ()


def named_in(person: Branch, scope: Scope, wanted: Sequence[str]) -> tuple[str, ...]:
    """Give those of the fields *wanted* that can be read."""
    fields = tuple((name, part) for name, part in person.fields if name in wanted)
    filled = Branch(fields).fill(scope, []) or {}
    return tuple(filled[name] for name in wanted if name in filled)


def privacy_of(source: Source, head: Head) -> Privacy | None:
    """Give what a webhook's topic asks for, where it is a request about somebody's data."""
    return next((one for one in source.privacy if head.topic in one.topics), None)


def is_fit(request: Privacy, scope: Scope) -> bool:
    """Whether the webhook is such a request, whatever its topic is called."""
    return not failing(request.when, scope, "privacy.when", [])


def orders_of(request: Privacy, scope: Scope) -> tuple[str, ...]:
    """Give the ids of the orders that a request names."""
    found = evaluate(request.orders, scope, "privacy.orders", []) if request.orders else None
    ids = (_text(one) for one in found) if isinstance(found, list) else ()
    return tuple(one for one in ids if one)


def map_event(
    source: Source,
    request: VerifiedRequest,
    scope: Scope,
    head: Head,
    *,
    test_orders: bool = False,
    country: str | None = None,
) -> Event | Ignored:
    """
    Make the store event of a webhook.

    Args:
        request: Only a proven webhook is mapped.
        scope: Its namespaces, resources included.
        test_orders: Whether test orders count.
        country: Where a phone number was written whose address does not say; the store's.

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
    person = source.order_customer if is_order else source.customer
    customer = _fill(person, scope, problems)
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
    remarks = _read_phone(person, customer, country)
    try:
        return build(facts, order, customer, remarks)
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


def _read_phone(
    person: Branch | None, customer: dict[str, Any], country: str | None
) -> tuple[Problem, ...]:
    """
    Write the phone number in *customer* as E.164, for all destinations alike.

    One that cannot be read is taken out and remarked upon, not refused: what the order gives is
    worth more than a phone, and a wrong one would join two people.
    """
    if person is None or "phone" not in customer:
        return ()
    try:
        customer["phone"] = e164(customer["phone"], customer.get("country") or country)
    except Refused as refused:
        del customer["phone"]
        return tuple(
            leaf.problem(f"left out: {refused}", refused.code)
            for leaf in leaves(person)
            if leaf.field == "customer.phone"
        )
    return ()


def _occurred_at(source: Source, scope: Scope, problems: list[Problem]) -> datetime | None:
    if source.occurred_at is None:
        return None
    value = evaluate(source.occurred_at, scope, "event.occurred_at", problems)
    if value is None:
        return None
    try:
        if not isinstance(value, str | datetime):
            raise Refused(f"found {name_of(value)}, wanted a moment", "wrong_kind")
        return read_moment(value)
    except Refused as refused:
        problems.append(
            problem_at(source.occurred_at, "event.occurred_at", str(refused), refused.code)
        )
        return None


def _derived_problem(source: Source, error: NotDerivable) -> Problem:
    for leaf in leaves(source.order) if source.order else ():
        if leaf.field == error.field:
            return leaf.problem(str(error), error.code)
    return Problem(source.file, 1, 1, str(error), error.field, code=error.code)
