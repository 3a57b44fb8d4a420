"""
Decide what a proven webhook asks for: its event, a payload per endpoint, and the deliveries.

Pure.  The pipeline plans when a webhook comes, and whoever finishes a delivery later plans again
from what the journal kept, so that a corrected mapping file cures what it broke.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bridge.currency import exponent
from bridge.destinations.endpoint import Account, Endpoint, document, fingerprint
from bridge.errors import BodyUnreadable, EventError, PayloadInvalid
from bridge.event import Event
from bridge.journal.protocol import Planned, Whose
from bridge.mapping.accounts import Connection
from bridge.mapping.body import parsed, read_body
from bridge.mapping.compile import Compiled
from bridge.mapping.connections import Store
from bridge.mapping.destination import Destination
from bridge.mapping.payload import map_payload
from bridge.mapping.run import (
    Head,
    body_key,
    is_fit,
    key_reads_resource,
    map_event,
    named_in,
    orders_of,
    people_in,
    privacy_of,
    read_head,
    scope_of,
    tenant_of,
)
from bridge.mapping.source import Engine, Fetch, Privacy, Source
from bridge.mapping.template import failing
from bridge.mapping.write import Scope
from bridge.types import Cause, Ignored, InboundRequest, Payload, Problem, Skipped, VerifiedRequest
from bridge.verify import Proofs

#: Which of two states of one moment is the later one.
_PHASES = {
    "customer_created": 10,
    "customer_updated": 20,
    "order_paid": 30,
    "order_completed": 40,
    "order_refunded": 50,
    "order_cancelled": 70,
}
_REFUNDED_IN_FULL = 60
_LONGEST_REASON = 2000
#: What a customer is known by, in the order in which the journal keeps it.
_PERSON = ("email", "id", "document")
_ASKED = {
    "erase_customer": "erase what is kept of a customer",
    "erase_store": "erase what is kept of the store",
    "report_customer": "tell what is kept of a customer",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One store with all that its webhooks meet."""

    store: Store
    source: Source
    tokens: Mapping[str, str] = field(repr=False, default_factory=dict)
    destinations: Mapping[str, tuple[Destination, Endpoint, Account]] = field(default_factory=dict)
    proofs: Proofs = field(
        default_factory=Proofs
    )  #: what proves its webhooks, keys that are fetched apart

    @property
    def engine(self) -> Engine:
        """How the store's webhooks are proven."""
        return self.source.verify[self.store.verify].engine

    def target(self, endpoint: str) -> str:
        """Name what has one rate and one rest: *endpoint* at the store's account."""
        return next(one.target for one in self.store.endpoints if one.endpoint == endpoint)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one webhook asks for."""

    topic: str
    key: tuple[str, ...] | None
    event: Event | None = None
    deliveries: tuple[Planned, ...] = ()
    payloads: Mapping[str, Payload] = field(default_factory=dict)
    fetches: tuple[Fetch, ...] = ()  #: to be done before anything else is known
    scope: Scope = field(repr=False, default_factory=dict)
    problem: str | None = None
    problems: tuple[Problem, ...] = ()
    dead: bool = False
    causes: tuple[Cause, ...] = ()  #: of a dead one
    erase: Whose | None = None  #: it is a request to erase what is kept of them
    #: What identifies the customer of a webhook that is not mapped, or not yet.
    named: tuple[str, ...] = field(repr=False, default=())
    tenant_fits: bool = True  #: the webhook speaks of the shop that the store is

    @property
    def resource(self) -> str:
        """The id of the order, or of the customer; "" where there is none."""
        if self.event is None:
            return ""
        of = self.event.values["order"] or self.event.values["customer"]
        return of.get("id") or ""

    @property
    def subjects(self) -> tuple[str, ...]:
        """What a purge would look for: the customer's e-mail, id and document, as far as known."""
        if self.event is None:
            return self.named
        customer = self.event.values["customer"]
        said = (customer.get(name) for name in _PERSON)
        return tuple(one for one in said if one)


def plan(
    verified: VerifiedRequest,
    route: Route,
    resources: Mapping[str, Any] | None = None,
    *,
    topic: str | None = None,
) -> Plan:
    """
    Plan the deliveries of a webhook.

    Args:
        verified: The webhook.
        route: Its store.
        resources: What was fetched for it; None when nothing was fetched yet.  A plan that has
            `fetches` is complete only with them.
        topic: Instead of the one that the webhook names, for a dry run.

    Returns:
        A plan; what cannot be mapped is told in it and not raised.
    """
    source, request = route.source, verified.request
    try:
        body = parsed(source, read_body(request, token=route.engine.body_is_token))
    except BodyUnreadable as error:
        return _unreadable(source, route, request, error)
    scope = scope_of(source, request, body, route.store.settings, resources, route.tokens)
    if not _tenant_fits(route, scope):
        return Plan("", None, tenant_fits=False)
    try:
        head = read_head(source, scope, topic)
    except EventError as error:
        return _dead("", request, error)
    request_about = privacy_of(source, head)
    if request_about is not None:
        return _about_somebody(request_about, route, request, scope, head)
    fetches = wanted_fetches(source, head, scope) if resources is None else ()
    if fetches:
        key = None if key_reads_resource(source) else head.key or body_key(head.topic, request.body)
        people = people_in(source, scope, head)
        return Plan(head.topic, key, fetches=fetches, scope=scope, named=people)
    return _mapped(verified, route, scope, head)


def _tenant_fits(route: Route, scope: Scope) -> bool:
    return is_tenant(route, route.source.tenant, scope)


def is_tenant(route: Route, says: Compiled | None, scope: Scope) -> bool:
    """Whether *says* names the store's shop; addresses may end with a slash or not."""
    if route.store.tenant is None or says is None:
        return True
    said = tenant_of(says, scope) or ""
    return said.rstrip("/").lower() == route.store.tenant.rstrip("/").lower()


def wanted_fetches(source: Source, head: Head, scope: Scope) -> tuple[Fetch, ...]:
    """Give the fetches whose topic and conditions fit; those of earlier fetches count as fitting."""
    if not head.candidates:
        return ()
    return tuple(
        fetch
        for fetch in source.fetches
        if (fetch.topics is None or head.topic in fetch.topics)
        and not any(
            failing((one,), scope, fetch.name, [])
            for one in fetch.when
            if all(path.root != "resource" for path in one.paths)
        )
    )


def _unreadable(
    source: Source, route: Route, request: InboundRequest, error: BodyUnreadable
) -> Plan:
    scope = scope_of(source, request, None, route.store.settings)
    try:
        topic = read_head(source, scope).topic
    except EventError:
        topic = ""
    in_body = source.tenant is not None and any(one.root == "body" for one in source.tenant.paths)
    fits = in_body or _tenant_fits(route, scope)
    return replace(_dead(topic, request, error), tenant_fits=fits)


def _dead(topic: str, request: InboundRequest, error: EventError) -> Plan:
    return Plan(
        topic,
        body_key(topic, request.body),
        problem=_cut(str(error)),
        problems=error.problems,
        dead=True,
        causes=error.causes,
    )


def _about_somebody(
    wanted: Privacy, route: Route, request: InboundRequest, scope: Scope, head: Head
) -> Plan:
    """Plan a request about somebody's data.  What is not clear enough is left to a person."""
    key = head.key or body_key(head.topic, request.body)
    people = named_in(wanted.customer, scope, _PERSON) if wanted.customer else ()
    orders = orders_of(wanted, scope)
    whose = Whose(route.store.name, people, orders)
    if not is_fit(wanted, scope):
        told = f"topic '{head.topic}' asks to {_ASKED[wanted.does]}, and its body does not"
    elif wanted.does != "erase_store" and not people and not orders:
        told = f"asks to {_ASKED[wanted.does]}, and names nobody"
    elif wanted.does == "report_customer":
        told = f"asks to {_ASKED[wanted.does]}: a person must do that, within the time of the law"
    else:
        # Erasing once more harms nobody, and an equal request may come after a new order.
        return Plan(head.topic, head.key, scope=scope, named=people, erase=whose)
    return Plan(head.topic, key, scope=scope, named=people, problem=told, dead=True)


def _mapped(verified: VerifiedRequest, route: Route, scope: Scope, head: Head) -> Plan:
    request, store = verified.request, route.store
    key = head.key or body_key(head.topic, request.body)
    try:
        event = map_event(
            route.source,
            verified,
            scope,
            head,
            test_orders=store.test_orders,
            country=store.country,
        )
    except EventError as error:
        people = people_in(route.source, scope, head)
        return replace(_dead(head.topic, request, error), named=people)
    if isinstance(event, Ignored):
        people = people_in(route.source, scope, head)
        return Plan(head.topic, key, problem=event.reason, named=people)
    namespaces = event.namespaces()
    deliveries: list[Planned] = []
    payloads: dict[str, Payload] = {}
    problems: list[Problem] = []
    for connection in store.endpoints:
        planned, payload = _delivery(route, connection, event, namespaces, problems)
        deliveries.append(planned)
        if payload is not None:
            payloads[connection.endpoint] = payload
    return Plan(
        head.topic, key, event, tuple(deliveries), payloads, problems=tuple(problems), scope=scope
    )


def _delivery(
    route: Route,
    connection: Connection,
    event: Event,
    namespaces: Mapping[str, Any],
    problems: list[Problem],
) -> tuple[Planned, Payload | None]:
    destination, endpoint, _ = route.destinations[connection.endpoint]
    remarks = tuple(str(one) for one in event.remarks)
    stamp, tie = version(event)
    payload = printed = None
    state: Literal["queued", "ignored", "refused"] = "queued"
    identity = reason = ""
    causes: tuple[Cause, ...] = ()
    try:
        model = map_payload(
            destination, endpoint.model, event, namespaces, connection, connection.settings
        )
    except PayloadInvalid as error:
        problems.extend(error.problems)
        state, reason, causes = "refused", remarked(remarks, str(error)), error.causes
    else:
        if isinstance(model, Skipped):
            state, reason = "ignored", remarked(remarks, model.reason)
        else:
            filled = document(model)
            payload = Payload(endpoint.name, filled, remarks)
            identity, printed = endpoint.identity(filled), fingerprint(endpoint, filled)
    planned = Planned(
        endpoint=endpoint.name,
        account=connection.account,
        identity=identity,
        target=connection.target,
        stamp=stamp,
        tie=tie,
        print=printed,
        personal=payload is not None and endpoint.personal,
        state=state,
        reason=reason,
        causes=causes,
    )
    return planned, payload


def remarked(remarks: Sequence[str], reason: str) -> str:
    """Put what was left out of a payload in front of what came of it."""
    return _cut("; ".join(filter(None, [*remarks, reason])))


def _cut(reason: str) -> str:
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…"


def version(event: Event) -> tuple[int, int]:
    """
    Give what orders the events of one thing: the moment of the fact, then how far it has got.

    Returns:
        Microseconds since 1970, and phase times 2**32 plus a count that only grows.
    """
    order = event.values["order"]
    stamp = int(event.values["event"]["occurred_at"].timestamp() * 1_000_000)
    phase, progress = _PHASES[event.type], 0
    if order:
        if event.type != "order_cancelled" and order["is_cancelled"]:
            phase = _REFUNDED_IN_FULL
        back = order["paid"] - order["kept"]
        progress = min(int(back.scaleb(exponent(order["currency"]))), 2**31 - 1)
    return stamp, phase * 2**32 + progress
