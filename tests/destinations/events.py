"""
Events as any shop might have them, and what the shipped mapping files send of them.

Facts are read as the event's own fields read them and go through `bridge.derive`, so that every
event is one that a source file can give.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st

from bridge import exact
from bridge.derive import build
from bridge.destinations import ENDPOINTS
from bridge.destinations.endpoint import document
from bridge.errors import PayloadInvalid
from bridge.event import Event, EventType
from bridge.fields import read_document, read_email, read_text
from bridge.load import Loaded, load, strict
from bridge.mapping.payload import map_payload
from bridge.mapping.settings import Rule
from bridge.types import Skipped
from tests.conftest import ROOT

EVENT_TYPES: tuple[str, ...] = typing.get_args(EventType)

TEXTS = st.text(max_size=20).map(read_text)
KEYS = st.text(min_size=1, max_size=20).map(read_text).filter(bool)
#: Those of people, those of the standard, and those that shops let through.
EMAILS = (
    st.from_regex(r"[a-z]{1,8}@example\.(com|org)", fullmatch=True)
    | st.emails().map(read_email)
    | st.sampled_from(["ana@localhost", "josé@exämple.com", "a..b@example.com"])
)
#: As the event holds them: E.164, of ranges kept for fiction.
PHONES = st.sampled_from(["+12025550142", "+442079460123"])
MOMENTS = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
CENTS = st.decimals(0, 10**6, places=2)
FLAGS = st.booleans()


def facts(
    required: Mapping[str, st.SearchStrategy[Any]], optional: Mapping[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    """Mapped fields: what a source finds nothing for is not there."""
    every = st.fixed_dictionaries(dict(required), optional=dict(optional))
    return every.map(
        lambda found: {name: one for name, one in found.items() if one is not None and one != {}}
    )


_NAMES = {"first_name": KEYS, "last_name": KEYS}
_REST = {
    "document": st.text(max_size=20).map(read_document),
    "birthday": st.dates(),
    "registered_at": MOMENTS,
    "tags": st.lists(KEYS, max_size=2),
    "affiliate_coupon": TEXTS,
}
#: Anybody: a guest of whom little is known, and somebody with an account.
CUSTOMERS = facts(
    {}, {"id": TEXTS, "email": EMAILS, "name": TEXTS, **_NAMES, "phone": PHONES, **_REST}
) | facts({"id": KEYS, "email": EMAILS, **_NAMES, "phone": PHONES}, _REST)
NAMED = facts({}, {"id": TEXTS, "name": TEXTS})
CATEGORIES = facts({}, {"id": TEXTS, "name": TEXTS, "parent": NAMED})
ITEMS = facts(
    {"total": CENTS},
    {
        "id": TEXTS,
        "variant_id": TEXTS,
        "sku": TEXTS,
        "name": TEXTS,
        "url": TEXTS,
        "image_url": TEXTS,
        "brand": NAMED,
        "category": CATEGORIES,
        "tax": CENTS,
        "refunded": CENTS,
        "gift_card": FLAGS,
    },
)
ORDERS = facts(
    {
        "id": KEYS,
        "status": KEYS,
        "currency": st.sampled_from(["BRL", "MXN", "USD", "JPY", "KWD"]),
        "placed_at": MOMENTS,
        "shipping": CENTS,
        "taxes_included": FLAGS,
    },
    {
        "number": TEXTS,
        "updated_at": MOMENTS,
        "paid_at": MOMENTS,
        "completed_at": MOMENTS,
        "cancelled_at": MOMENTS,
        "coupon": TEXTS,
        "payment": NAMED,
        "channel": TEXTS,
        "branch": NAMED,
        "salesperson": NAMED,
        "shipping_tax": CENTS,
        "tip": CENTS,
        "fees": CENTS,
        "gift_cards": CENTS,
        "refunded": CENTS,
        "refunded_tax": CENTS,
        "fully_refunded": FLAGS,
        "items": st.lists(ITEMS, max_size=3),
    },
)


@st.composite
def events(draw: st.DrawFn, types: Sequence[str] = EVENT_TYPES) -> Event:
    """Events of these types; an order costs at least what its parts do."""
    kind = draw(st.sampled_from(types))
    order = draw(ORDERS) if kind.startswith("order_") else None
    if order is not None:
        lines = sum((one["total"] + one.get("tax", 0) for one in order.get("items", [])), Decimal())
        beside = ("shipping", "shipping_tax", "tip", "fees")
        parts = sum((order.get(name, Decimal()) for name in beside), lines)
        order["total"] = parts + draw(CENTS)
    happened = order["placed_at"] if order is not None else datetime(2026, 11, 20, tzinfo=UTC)
    return build(
        {
            "type": kind,
            "platform": "acme",
            "store": "demo",
            "topic": "t",
            "key": "k",
            "occurred_at": happened + timedelta(seconds=draw(st.integers(0, 10**6))),
        },
        order,
        draw(CUSTOMERS),
    )


@cache
def shipped() -> Loaded:
    """
    The mapping files of the repository.

    No argument of a test that hypothesis runs: it would print all of them beside a failure.
    """
    return strict(load(ROOT / "mappings"))


def settings_of(endpoint: str) -> st.SearchStrategy[dict[str, Any]]:
    """Everything that a store may set for an endpoint among flags and choices."""
    rules = shipped().checked.destinations[endpoint].settings
    drawn = {
        name: _values(rule)
        for name, rule in rules.items()
        if rule.one_of or isinstance(rule.default, bool)
    }
    required = {name: one for name, one in drawn.items() if rules[name].required}
    optional = {name: one for name, one in drawn.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


def _values(rule: Rule) -> st.SearchStrategy[Any]:
    if not rule.one_of:
        return FLAGS
    one = st.sampled_from(rule.one_of)
    return st.lists(one, unique=True) if isinstance(rule.default, list) else one


def sent(endpoint: str, event: Event, settings: Mapping[str, Any] | None = None) -> Any:
    """
    Map *event* by the shipped file, and read what is sent as the destination does.

    Returns:
        The JSON; or `Skipped`; or `PayloadInvalid` with what was refused before the call.
    """
    try:
        model = map_payload(
            shipped().checked.destinations[endpoint],
            ENDPOINTS[endpoint].model,
            event,
            event.namespaces(),
            None,
            settings or {},
        )
    except PayloadInvalid as error:
        return error
    if isinstance(model, Skipped):
        return model
    return json.loads(exact.write(document(model)), parse_float=Decimal)
