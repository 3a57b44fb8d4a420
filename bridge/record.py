"""
What the journal keeps of a webhook, and how it is read back.

Of headers and query only what the source file reads is kept: no signature, no cookie, nothing
that a later mapping could not use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any

import simplejson

from bridge.journal.protocol import FETCH, Arrival, Planned, Stored
from bridge.mapping.run import body_key
from bridge.mapping.source import Source
from bridge.plan import Plan, Route
from bridge.types import InboundRequest

#: Seconds that the last repeat of a store may come late.
_LATE_REPEAT = 3600.0


def fetch_delivery(route: Route, planned: Plan, request: InboundRequest) -> Planned:
    """The delivery that fetches; its lane is its own, since the fetched state is the newest."""
    identity = ":".join(planned.key or body_key(planned.topic, request.body))
    return Planned(
        endpoint=FETCH,
        account=route.store.name,
        identity=f"{identity}:{request.received_at.isoformat()}",
        target=f"{route.store.name}/{FETCH}",
        stamp=int(request.received_at.timestamp() * 1_000_000),
        tie=0,
        print=None,
    )


def arrival(planned: Plan, route: Route, request: InboundRequest) -> Arrival:
    """Make what the journal records of a webhook."""
    deliveries: Sequence[Planned] = planned.deliveries
    if planned.fetches:
        deliveries = (fetch_delivery(route, planned, request),)
    return Arrival(
        store=route.store.name,
        topic=planned.topic,
        key=planned.key,
        resource=planned.resource,
        headers=keep_headers(route.source, request),
        body=request.body,
        received_at=request.received_at,
        event_type=planned.event.event.type if planned.event else None,
        subjects=planned.subjects,
        deliveries=tuple(deliveries),
        problem=planned.problem,
        dead=planned.dead,
        park=route.store.park,
        horizon=horizon(route),
    )


def horizon(route: Route) -> float:
    """
    Say after how many seconds an unfinished delivery fails.

    What is left to the store is its own to finish: it fails when the store has stopped repeating
    it, however long the bridge itself would try.
    """
    store, policy = route.store, route.source.answer
    return store.horizon if store.park else policy.retry_window + _LATE_REPEAT


def keep_headers(source: Source, request: InboundRequest) -> bytes:
    """Write the headers and query that the source file reads; nothing else is kept."""
    headers = {name: value for name, value in request.headers.items() if name in source.headers}
    query = {name: value for name, value in request.query.items() if name in source.queries}
    return json.dumps({"headers": headers, "query": query}).encode()


def keep_resources(source: Source, fetched: Mapping[str, Any]) -> bytes:
    """Write what was fetched and is read afterwards; nothing else is kept."""
    kept = {name: one for name, one in fetched.items() if name in source.resources}
    return simplejson.dumps(kept, use_decimal=True).encode()


def recall(stored: Stored) -> InboundRequest:
    """Make the request that the journal kept."""
    kept = json.loads(stored.headers)
    return InboundRequest(
        store=stored.store,
        method="POST",
        headers=kept["headers"],
        query=kept["query"],
        body=stored.body,
        received_at=stored.received_at.astimezone(UTC),
    )


def read_resources(stored: Stored) -> Mapping[str, Any] | None:
    """What was fetched, with exact numbers; None when nothing was."""
    if stored.resource is None:
        return None
    resources: Mapping[str, Any] = json.loads(stored.resource, parse_float=Decimal)
    return resources
