"""
What the journal keeps of a webhook, and how it is read back.

Of headers and query only what the source file reads is kept: no signature, no cookie, nothing
that a later mapping could not use.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from bridge import exact
from bridge.journal.protocol import ERASE, FETCH, Arrival, Planned, Stored
from bridge.mapping.run import body_key
from bridge.mapping.source import Source
from bridge.plan import Plan, Route
from bridge.types import InboundRequest

#: Seconds that the last repeat of a store may come late.
_LATE_REPEAT = 3600.0


def deliveries_of(route: Route, planned: Plan, request: InboundRequest) -> tuple[Planned, ...]:
    """Give what a webhook begins with: the fetch, the erasure, or the deliveries themselves."""
    if planned.erase is not None:
        return (own_delivery(ERASE, route, planned, request),)
    if planned.fetches:
        return (own_delivery(FETCH, route, planned, request),)
    return planned.deliveries


def own_delivery(endpoint: str, route: Route, planned: Plan, request: InboundRequest) -> Planned:
    """Plan a delivery to ourselves, in a lane of its own: what is fetched is always the newest."""
    identity = ":".join(planned.key or body_key(planned.topic, request.body))
    return Planned(
        endpoint=endpoint,
        account=route.store.name,
        identity=f"{identity}:{request.received_at.isoformat()}",
        target=f"{route.store.name}/{endpoint}",
        stamp=int(request.received_at.timestamp() * 1_000_000),
        tie=0,
        print=None,
    )


def arrival(planned: Plan, route: Route, request: InboundRequest) -> Arrival:
    """Make what the journal records of a webhook."""
    return Arrival(
        store=route.store.name,
        topic=planned.topic,
        key=planned.key,
        resource=planned.resource,
        headers=keep_headers(route.source, request),
        body=request.body,
        received_at=request.received_at,
        event_type=planned.event.type if planned.event else None,
        subjects=planned.subjects,
        deliveries=deliveries_of(route, planned, request),
        problem=planned.problem,
        dead=planned.dead,
        causes=planned.causes,
        park=is_ours(route, planned),
        horizon=horizon(route),
    )


def is_ours(route: Route, planned: Plan) -> bool:
    """Whether what is unfinished is ours to finish; an erasure, which needs no destination, is."""
    return route.store.park or planned.erase is not None


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
    return exact.write({"headers": headers, "query": query})


def keep_resources(source: Source, fetched: Mapping[str, Any]) -> bytes:
    """Write what was fetched and is read afterwards; nothing else is kept."""
    kept = {name: one for name, one in fetched.items() if name in source.resources}
    return exact.write(kept)


def recall(stored: Stored) -> InboundRequest:
    """Make the request that the journal kept."""
    kept = exact.read(stored.headers)
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
    resources: Mapping[str, Any] = exact.read(stored.resource)
    return resources
