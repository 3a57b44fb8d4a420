"""
Derive from the mapped facts what the customer paid and kept.

    S     = shipping + (shipping_tax unless taxes_included)
    G     = sum of the lines that are gift cards
    goods = total - S - tip - fees - G
    paid  = goods - gift_cards, but at most all of goods  half up to the smallest unit
    R     = refunded + (refunded_tax unless taxes_included)
    kept  = 0 if fully_refunded, or R > 0 and R >= paid; else paid - R

Lines share `paid` and `kept` in proportion to their weights, by largest remainder, so that they
add up to the unit.  Everything here is exact; nothing is a float.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

from bridge.causes import Code
from bridge.currency import exponent
from bridge.event import Event
from bridge.types import Problem

_EXACT = Context(prec=80)
_ZERO = Decimal(0)
_UNITS = tuple(Decimal(1).scaleb(-places) for places in range(5))  #: by `exponent`
_NEVER_NEGATIVE = (
    "total",
    "shipping",
    "shipping_tax",
    "tip",
    "fees",
    "gift_cards",
    "refunded",
    "refunded_tax",
)
_BELOW_ZERO = "found an amount below zero; `| negative` changes the sign"
_IMPLIES_PAID = frozenset({"order_paid", "order_completed", "order_refunded"})


class NotDerivable(Exception):
    """The facts contradict each other; `field` is the one to look at first."""

    def __init__(self, field: str, message: str, code: Code) -> None:
        super().__init__(message)
        self.field = field
        self.code = code


def build(
    facts: dict[str, Any],
    order: Mapping[str, Any] | None,
    customer: Mapping[str, Any] | None,
    remarks: tuple[Problem, ...] = (),
) -> Event:
    """
    Make the event of converted facts, with all that is derived.

    Args:
        facts: The fields of `Facts`.
        order: The mapped fields of `Order`, nested as in the model; None in a customer event.
        customer: The mapped fields of `Customer`.
        remarks: What was left out of them.

    Raises:
        NotDerivable: An amount is negative or missing, or `paid` would be below zero.
    """
    return Event(
        {
            "event": facts,
            "order": _order(facts, order) if order is not None else {},
            "customer": _customer(customer or {}),
        },
        remarks,
    )


def split(amount: Decimal, weights: Sequence[Decimal], unit: Decimal) -> list[Decimal]:
    """
    Share *amount* out in proportion to *weights*, adding up exactly.

    Args:
        amount: A whole number of units, not negative.
        weights: Not negative; all zero means equal shares.
        unit: The smallest amount, such as 0.01.

    Returns:
        One share per weight.  Each is rounded down to the unit, and the units that are left go
        to the largest remainders, the earlier line first.
    """
    if not weights:
        return []
    with localcontext(_EXACT):
        return _split(amount, weights, unit)


def _split(amount: Decimal, weights: Sequence[Decimal], unit: Decimal) -> list[Decimal]:
    whole = sum(weights)
    if whole == amount:  # each line keeps its own amount, as in most orders
        if all(map(unit.same_quantum, weights)):
            return [*weights]
        shares = [weight.quantize(unit) for weight in weights]
        if shares == weights:
            return shares
    if not whole:
        weights, whole = [Decimal(1)] * len(weights), Decimal(len(weights))
    units = amount / unit
    parts = [divmod(units * weight, whole) for weight in weights]
    left = int(units - sum(down for down, _ in parts))
    by_remainder = sorted(range(len(parts)), key=lambda line: (-parts[line][1], line))
    more = set(by_remainder[:left])
    return [(down + (line in more)) * unit for line, (down, _) in enumerate(parts)]


def _order(event: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    for name in _NEVER_NEGATIVE:
        if (amount := facts.get(name)) is not None and amount.is_signed() and amount:
            raise NotDerivable(f"order.{name}", _BELOW_ZERO, "out_of_range")
    items = facts.get("items") or []
    _require_tax_mode(facts, items)
    unit = _UNITS[exponent(facts["currency"])]
    with localcontext(_EXACT):
        money, all_back = _money(facts, items, unit)
        derived: dict[str, Any] = {**facts, **money}
        # Where all goods went back but no shipping, stores speak of a part, or of nothing.
        derived["is_cancelled"] = event["type"] == "order_cancelled" or all_back
        if facts.get("items") is not None:
            derived["items"] = _items(facts, items, money, unit)
    derived.update(_dates(event, derived))
    return derived


def _require_tax_mode(facts: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> None:
    if facts.get("taxes_included") is not None:
        return
    taxes = [facts.get("shipping_tax"), facts.get("refunded_tax"), *(i.get("tax") for i in items)]
    if any(taxes):
        raise NotDerivable(
            "order.taxes_included",
            "nothing was found, wanted true or false because there is a tax",
            "missing",
        )


def _tax(facts: Mapping[str, Any], amount: Decimal | None) -> Decimal:
    """A tax counts beside its amount only where the amount does not contain it."""
    return _ZERO if facts.get("taxes_included") or amount is None else amount


def _money(
    facts: Mapping[str, Any], items: Sequence[Mapping[str, Any]], unit: Decimal
) -> tuple[dict[str, Decimal], bool]:
    """Give `paid` and `kept`, and whether everything went back."""
    shipping = facts["shipping"] + _tax(facts, facts.get("shipping_tax"))
    bought = _ZERO
    for at, item in enumerate(items):
        if item.get("gift_card"):
            bought += _weight(item, at, taxed=not facts.get("taxes_included"))
    surplus = (facts.get("tip") or _ZERO) + (facts.get("fees") or _ZERO)
    goods = facts["total"] - shipping - surplus - bought
    # A gift card may pay the shipping too; what it paid of the goods is at most all of them.
    by_card = min(facts.get("gift_cards") or _ZERO, max(goods, _ZERO))
    paid = (goods - by_card).quantize(unit, ROUND_HALF_UP)
    if paid < 0:
        raise NotDerivable(
            "order.total",
            f"the customer would have paid {paid} for goods: below zero",
            "contradiction",
        )
    refunded = (facts.get("refunded") or _ZERO) + _tax(facts, facts.get("refunded_tax"))
    all_back = bool(facts.get("fully_refunded")) or (refunded > 0 and refunded >= paid)
    kept = _ZERO if all_back else paid - refunded
    return {"paid": paid, "kept": kept.quantize(unit, ROUND_HALF_UP)}, all_back


def _base(item: Mapping[str, Any], at: int) -> Decimal:
    """What the line costs, before tax that is not included."""
    total: Decimal | None = item.get("total")
    if total is not None:
        return total
    price, quantity = item.get("price"), item.get("quantity")
    if price is None or quantity is None:
        missing = "price" if price is None else "quantity"
        raise NotDerivable(
            f"order.items.{missing}",
            f"line {at + 1}: nothing was found, wanted `total`, or `price` and `quantity`",
            "missing",
        )
    whole: Decimal = price * quantity
    discount = item.get("discount")
    return whole - discount if discount else whole


def _weight(item: Mapping[str, Any], at: int, *, taxed: bool) -> Decimal:
    weight = _base(item, at)
    if taxed and (tax := item.get("tax")):
        weight += tax
    return max(_ZERO, weight)


def _items(
    facts: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]],
    money: Mapping[str, Decimal],
    unit: Decimal,
) -> list[dict[str, Any]]:
    taxed = not facts.get("taxes_included")
    paid_weights, kept_weights = [], []
    for at, item in enumerate(items):
        weight = _ZERO if item.get("gift_card") else _weight(item, at, taxed=taxed)
        paid_weights.append(weight)
        kept_weights.append(weight * _kept_part(item, at) if item.get("refunded") else weight)
    paid = kept = _split(money["paid"], paid_weights, unit)
    if kept_weights != paid_weights or money["kept"] != money["paid"]:
        kept = _split(money["kept"], kept_weights, unit)
    return [{**item, "paid": paid[at], "kept": kept[at]} for at, item in enumerate(items)]


def _kept_part(item: Mapping[str, Any], at: int) -> Decimal:
    """Give the part of a line that did not go back."""
    refunded: Decimal = item["refunded"]
    if refunded < 0:
        raise NotDerivable("order.items.refunded", f"line {at + 1}: {_BELOW_ZERO}", "out_of_range")
    base = _base(item, at)
    return max(_ZERO, (base - refunded) / base) if base > 0 else _ZERO


def _dates(event: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, datetime]:
    """Fill in the dates that the event's type implies, none before the order was placed."""
    implied = (
        ("paid_at", event["type"] in _IMPLIES_PAID),
        ("completed_at", event["type"] == "order_completed"),
        ("cancelled_at", order["is_cancelled"]),
    )
    dates = {}
    for name, happened in implied:
        at = order.get(name) or (event["occurred_at"] if happened else None)
        if at is not None:
            dates[name] = max(at, order["placed_at"])
    return dates


def _customer(facts: Mapping[str, Any]) -> dict[str, Any]:
    known = dict(facts)
    first, last = known.get("first_name"), known.get("last_name")
    if not known.get("name"):
        if first or last:
            known["name"] = " ".join(part for part in (first, last) if part)
    elif not first and not last:
        first, _, rest = known["name"].partition(" ")
        known["first_name"] = first
        if rest:
            known["last_name"] = rest
    return known
