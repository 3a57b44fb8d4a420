"""
What the customer paid and kept, to the smallest unit, and the lines that add up to it.

The worked orders were reckoned by hand from the platforms' own pages.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.currency import exponent
from bridge.derive import NotDerivable, build, split
from bridge.event import Event, Order
from bridge.plan import version

PLACED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HAPPENED = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)
CENT = Decimal("0.01")


def amounts(**given: str | int | bool) -> dict[str, Any]:
    """Facts of an order or a line: what is text or a whole number becomes an amount."""
    return {
        name: value if isinstance(value, bool) else Decimal(value) for name, value in given.items()
    }


def event(*, customer: dict[str, Any] | None = None, **facts: Any) -> Event:
    """Build the event of these facts of an order."""
    happened = {"type": facts.pop("type", "order_paid"), "platform": "acme", "store": "demo",
                "topic": "t", "key": "k", "occurred_at": HAPPENED}  # fmt: skip
    order = {
        "id": "1042",
        "status": "paid",
        "currency": "BRL",
        "placed_at": PLACED,
        "shipping": Decimal(0),
        **facts,
    }
    return build(happened, order, customer)


def order(**facts: Any) -> Order:
    found = event(**facts).order
    assert found is not None
    return found


def refusal(**facts: Any) -> tuple[str, str]:
    """Which field is to be looked at, and what is told."""
    with pytest.raises(NotDerivable) as caught:
        event(**facts)
    return caught.value.field, str(caught.value)


def shares(found: Order) -> tuple[list[Decimal | None], list[Decimal | None]]:
    """What every line paid and kept."""
    items = found.items or []
    return [item.paid for item in items], [item.kept for item in items]


WORKED = {
    "shopify": (amounts(total="212.10", shipping="10.00", shipping_tax="0.90", tip="5.00", taxes_included=False), "196.20"),
    "woocommerce": (amounts(total="121.00", shipping="20.00", shipping_tax="2.00", taxes_included=False), "99.00"),
    "vtex": (amounts(total="195.00", shipping="15.00"), "180.00"),
    "nuvemshop": (amounts(total="305.00", shipping="35.00"), "270.00"),
    "bigcommerce": (amounts(total="69.84", shipping="12.00"), "57.84"),
    "tray": (amounts(total="62935.86", shipping="38.91", fees="2996.95"), "59900.00"),
    "yen": (amounts(total="14319") | {"currency": "JPY"}, "14319"),
    "taxes are in the shipping": (amounts(total="121.00", shipping="20.00", shipping_tax="2.00", taxes_included=True), "101.00"),
    "gift card as payment": (amounts(total="100.00", shipping="10.00", gift_cards="30.00"), "60.00"),
    "gift card that pays the shipping too": (amounts(total="100.00", shipping="10.00", gift_cards="100.00"), "0.00"),
    "free": (amounts(total="0.00"), "0.00"),
    "only shipping": (amounts(total="10.00", shipping="10.00"), "0.00"),
    "half a cent goes up": (amounts(total="10.005"), "10.01"),
    "just below half a cent": (amounts(total="10.0049"), "10.00"),
    "dinar has three decimals": (amounts(total="10.0005") | {"currency": "KWD"}, "10.001"),
    "yen has none": (amounts(total="10.5") | {"currency": "JPY"}, "11"),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "paid"), WORKED.values(), ids=WORKED)
def test_paid_is_what_the_customer_paid_for_goods(facts, paid):
    found = order(**facts)

    assert str(found.paid) == paid
    assert str(found.kept) == paid


# Refunds


@pytest.mark.parametrize(
    ("facts", "kept", "all_back"),
    [
        # One of two units of the order above: 90.00 and its tax 8.10.
        (WORKED["shopify"][0] | amounts(refunded="90.00", refunded_tax="8.10"), "98.10", False),
        (WORKED["woocommerce"][0] | amounts(refunded="45.00", refunded_tax="4.50"), "49.50", False),
        (WORKED["woocommerce"][0] | amounts(refunded="90.00", refunded_tax="9.00"), "0.00", True),
        # The tax is in the amount already.
        (
            amounts(total="110.00", refunded="11.00", refunded_tax="1.00", taxes_included=True),
            "99.00",
            False,
        ),
        (amounts(total="100.00", refunded="0"), "100.00", False),
        (amounts(total="100.00", refunded="99.99"), "0.01", False),
        (amounts(total="100.00", refunded="100.00"), "0.00", True),
        (amounts(total="100.00", refunded="120.00"), "0.00", True),  # shipping went back too
        (amounts(total="100.00", fully_refunded=True), "0.00", True),
        (amounts(total="100.00", fully_refunded=False), "100.00", False),
        (amounts(total="100.00", fully_refunded=True, refunded="10.00"), "0.00", True),
        (amounts(total="0.00"), "0.00", False),  # nothing was paid and nothing went back
        (amounts(total="0.00", refunded="0.00"), "0.00", False),
        (amounts(total="10.00", gift_cards="10.00", refunded="10.00"), "0.00", True),
    ],
)
def test_kept_is_paid_less_what_went_back_and_never_below_zero(facts, kept, all_back):
    found = order(type="order_refunded", **facts)

    assert str(found.kept) == kept
    assert found.is_cancelled is all_back


def test_a_cancellation_and_a_refund_of_everything_are_cancelled():
    whole = amounts(total="100.00", refunded="100.00")

    for status in ("order_refunded", "order_paid", "order_completed"):  # whatever a store calls it
        found = order(type=status, **whole)
        assert found.is_cancelled
        assert HAPPENED == found.cancelled_at
        assert found.kept == 0
    assert not order(type="order_completed", **amounts(total="100.00")).is_cancelled
    assert order(type="order_cancelled", **amounts(total="100.00")).is_cancelled
    assert order(type="order_cancelled", **amounts(total="100.00")).kept == Decimal("100.00")


def test_of_two_states_of_one_moment_the_one_with_everything_back_is_the_later():
    part, whole = (amounts(total="100.00", refunded=back) for back in ("99.00", "100.00"))
    in_order = [
        event(type="order_completed", **amounts(total="100.00")),
        event(type="order_refunded", **part),
        event(type="order_completed", **whole),
        event(type="order_cancelled", **whole),
    ]

    versions = [version(one) for one in in_order]
    assert sorted(set(versions)) == versions


# Lines


def line(**given: Any) -> dict[str, Any]:
    return amounts(**given)


@pytest.mark.parametrize(
    ("facts", "items", "paid", "kept"),
    [
        pytest.param(
            WORKED["shopify"][0] | amounts(refunded="90.00", refunded_tax="8.10"),
            [line(price="100.00", quantity=2, discount="20.00", tax="16.20", refunded="90.00")],
            ["196.20"],
            ["98.10"],
            id="one of two units went back",
        ),
        pytest.param(
            amounts(total="99.00", taxes_included=False),
            [line(total="30.00", tax="3.00"), line(total="60.00", tax="6.00")],
            ["33.00", "66.00"],
            ["33.00", "66.00"],
            id="tax weighs when it is not included",
        ),
        pytest.param(
            amounts(total="90.00", taxes_included=True),
            [line(total="30.00", tax="20.00"), line(total="60.00", tax="0.00")],
            ["30.00", "60.00"],
            ["30.00", "60.00"],
            id="tax weighs nothing when it is included",
        ),
        pytest.param(
            amounts(total="100.00"),
            [line(total="10"), line(total="10"), line(total="10")],
            ["33.34", "33.33", "33.33"],
            ["33.34", "33.33", "33.33"],
            id="the cent that is left goes to the earlier line",
        ),
        pytest.param(
            amounts(total="100.00"),
            [line(total="1"), line(total="1"), line(total="4")],
            ["16.67", "16.67", "66.66"],
            ["16.67", "16.67", "66.66"],
            id="cents go to the largest remainders",
        ),
        pytest.param(
            amounts(total="70.00"),
            [line(total="50"), line(total="30", gift_card=True), line(total="10", gift_card=False)],
            ["33.33", "0.00", "6.67"],
            ["33.33", "0.00", "6.67"],
            id="a gift card that was bought earns nothing",
        ),
        pytest.param(
            amounts(total="15.00"),
            [line(price="10.00", quantity="1.5")],
            ["15.00"],
            ["15.00"],
            id="one and a half",
        ),
        pytest.param(
            amounts(total="13.00"),
            [line(price="10.00", quantity="1.5", discount="5.00"), line(total="3.00")],
            ["10.00", "3.00"],
            ["10.00", "3.00"],
            id="a discount is taken off the whole line",
        ),
        pytest.param(
            amounts(total="10.00"),
            [line(total="0.00"), line(total="0.00"), line(total="0.00")],
            ["3.34", "3.33", "3.33"],
            ["3.34", "3.33", "3.33"],
            id="lines that weigh nothing share equally",
        ),
        pytest.param(
            amounts(total="10.00"),
            [line(total="10.00"), line(total="-2.00")],
            ["10.00", "0.00"],
            ["10.00", "0.00"],
            id="a line below zero weighs nothing",
        ),
        pytest.param(
            amounts(total="30.00", refunded="10.00"),
            [line(total="10.00", refunded="10.00"), line(total="20.00", refunded="0.00")],
            ["10.00", "20.00"],
            ["0.00", "20.00"],
            id="a line that went back keeps nothing",
        ),
        pytest.param(
            amounts(total="30.00", refunded="15.00"),
            [line(total="10.00", refunded="50.00"), line(total="20.00")],
            ["10.00", "20.00"],
            ["0.00", "15.00"],
            id="more than the line went back",
        ),
        pytest.param(
            amounts(total="30.00", refunded="30.00"),
            [line(total="10.00", refunded="10.00"), line(total="20.00", refunded="20.00")],
            ["10.00", "20.00"],
            ["0.00", "0.00"],
            id="all went back",
        ),
        pytest.param(
            amounts(total="30.00", refunded="0.00"),
            [line(total="10.00", refunded="10.00"), line(total="20.00")],
            ["10.00", "20.00"],
            ["0.00", "30.00"],
            id="a line went back and no money did",
        ),
        pytest.param(
            amounts(total="100") | {"currency": "JPY"},
            [line(total="1"), line(total="1"), line(total="1")],
            ["34", "33", "33"],
            ["34", "33", "33"],
            id="yen",
        ),
        pytest.param(amounts(total="10.00"), [], [], [], id="no lines"),
    ],
)
def test_lines_share_what_was_paid_and_kept(facts, items, paid, kept):
    found = order(items=items, **facts)

    assert shares(found) == ([Decimal(one) for one in paid], [Decimal(one) for one in kept])


def test_an_order_without_lines_has_none():
    assert order(**amounts(total="10.00")).items is None


def test_all_lines_gift_cards_leave_nothing_paid():
    found = order(items=[line(total="50.00", gift_card=True)], **amounts(total="50.00"))

    assert found.paid == 0
    assert shares(found) == ([Decimal(0)], [Decimal(0)])


def test_what_is_nested_in_a_line_is_kept():
    category = {"id": "2", "parent": {"id": "1", "name": "All"}}
    found = order(
        items=[line(total=1) | {"brand": {"name": "Acme"}, "category": category}],
        payment={"id": "pix"},
        **amounts(total=1),
    )

    plain = event(items=None, **amounts(total=1)).namespaces()
    assert plain["order"]["items"] is None
    (item,) = found.model_dump()["items"]
    assert item["brand"] == {"id": None, "name": "Acme"}
    assert item["category"] == {
        "id": "2",
        "name": None,
        "parent": {"id": "1", "name": "All", "parent": None},
    }
    assert found.payment is not None
    assert found.payment.id == "pix"


# What contradicts itself


def test_an_order_of_which_less_than_nothing_was_paid_is_refused_with_the_figure():
    """One vendor's sample order does it: value 11.60, shipping 30.00."""
    assert refusal(**amounts(total="11.60", shipping="30.00")) == (
        "order.total",
        "the customer would have paid -18.40 for goods: below zero",
    )


@pytest.mark.parametrize(
    "field",
    ["total", "shipping", "shipping_tax", "tip", "fees", "gift_cards", "refunded", "refunded_tax"],
)
def test_an_amount_below_zero_is_refused(field):
    facts = amounts(total="100.00", taxes_included=False) | amounts(**{field: "-0.01"})

    assert refusal(**facts) == (
        f"order.{field}",
        "found an amount below zero; `| negative` changes the sign",
    )


def test_a_line_of_which_less_than_nothing_went_back_is_refused():
    items = [line(total="10.00"), line(total="10.00", refunded="-10.00")]

    assert refusal(items=items, **amounts(total="20.00")) == (
        "order.items.refunded",
        "line 2: found an amount below zero; `| negative` changes the sign",
    )


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (line(quantity=2), "order.items.price"),
        (line(price="5.00"), "order.items.quantity"),
        (line(discount="1.00"), "order.items.price"),
    ],
)
def test_a_line_without_an_amount_is_refused(item, field):
    assert refusal(items=[line(total=1), item], **amounts(total="10.00")) == (
        field,
        "line 2: nothing was found, wanted `total`, or `price` and `quantity`",
    )


@pytest.mark.parametrize(
    "facts",
    [
        amounts(total="10.00", shipping_tax="0.50"),
        amounts(total="10.00", refunded="1.00", refunded_tax="0.10"),
        amounts(total="10.00") | {"items": [line(total="9.00", tax="1.00")]},
    ],
)
def test_a_tax_without_a_word_on_what_contains_it_is_refused(facts):
    field, message = refusal(**facts)

    assert field == "order.taxes_included"
    assert message == "nothing was found, wanted true or false because there is a tax"


def test_no_tax_needs_no_word_on_what_contains_it():
    found = order(items=[line(total=10, tax=0)], **amounts(total=10, shipping_tax=0))

    assert found.paid == 10


# Dates


def dates(**facts: Any) -> tuple[datetime | None, datetime | None, datetime | None]:
    found = order(**amounts(total=10), **facts)
    return found.paid_at, found.completed_at, found.cancelled_at


LATER = HAPPENED - timedelta(hours=2)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"type": "order_paid"}, (HAPPENED, None, None)),
        ({"type": "order_completed"}, (HAPPENED, HAPPENED, None)),
        ({"type": "order_refunded"}, (HAPPENED, None, None)),
        ({"type": "order_refunded", "fully_refunded": True}, (HAPPENED, None, HAPPENED)),
        ({"type": "order_cancelled"}, (None, None, HAPPENED)),
        ({"type": "order_paid", "paid_at": LATER}, (LATER, None, None)),
        ({"type": "order_paid", "completed_at": LATER}, (HAPPENED, LATER, None)),
        ({"type": "order_cancelled", "paid_at": LATER, "cancelled_at": HAPPENED}, (LATER, None, HAPPENED)),
        # A date before the placement happens with imported orders, and is moved up to it.
        ({"type": "order_paid", "paid_at": PLACED - timedelta(days=1)}, (PLACED, None, None)),
        ({"type": "order_completed", "completed_at": PLACED - timedelta(days=1)}, (HAPPENED, PLACED, None)),
        ({"type": "order_cancelled", "cancelled_at": PLACED - timedelta(days=9)}, (None, None, PLACED)),
        ({"type": "order_paid", "placed_at": HAPPENED + timedelta(days=1)}, (HAPPENED + timedelta(days=1), None, None)),
    ],
)  # fmt: skip
def test_dates_that_the_event_implies_are_filled_in_and_none_is_before_the_order(facts, expected):
    assert dates(**facts) == expected


# Customers


@pytest.mark.parametrize(
    ("facts", "name", "first", "last"),
    [
        ({}, None, None, None),
        ({"first_name": "Ada", "last_name": "Lovelace"}, "Ada Lovelace", "Ada", "Lovelace"),
        ({"first_name": "Ada"}, "Ada", "Ada", None),
        ({"last_name": "Lovelace"}, "Lovelace", None, "Lovelace"),
        ({"name": "Ada King Lovelace"}, "Ada King Lovelace", "Ada", "King Lovelace"),
        ({"name": "Ada"}, "Ada", "Ada", None),
        ({"name": "A. L.", "first_name": "Ada"}, "A. L.", "Ada", None),
    ],
)
def test_names_are_made_of_each_other(facts, name, first, last):
    customer = event(customer=facts, **amounts(total=1)).customer

    assert (name, first, last) == (customer.name, customer.first_name, customer.last_name)


# Properties

CURRENCIES = st.sampled_from(["BRL", "JPY", "KWD", "CLF"])
AMOUNT = st.decimals(min_value=0, max_value=10**6, places=2)
PRECISE = st.one_of(AMOUNT, st.decimals(min_value=0, max_value=100, places=9), st.just(Decimal(0)))
ITEM = st.fixed_dictionaries(
    {"price": PRECISE, "quantity": st.sampled_from(["0", "1", "1.5", "3", "7.25"]).map(Decimal)},
    optional={"total": PRECISE, "tax": AMOUNT, "discount": AMOUNT, "refunded": AMOUNT, "gift_card": st.booleans()},
)  # fmt: skip


@given(
    currency=CURRENCIES,
    goods=PRECISE,
    shipping=AMOUNT,
    refunded=PRECISE,
    included=st.booleans(),
    items=st.lists(ITEM, max_size=6),
)
def test_shares_add_up_to_the_smallest_unit_and_none_is_negative(
    currency, goods, shipping, refunded, included, items
):
    bought = sum(
        (
            max(
                Decimal(0),
                item.get("total", item["price"] * item["quantity"] - item.get("discount", 0))
                + (0 if included else item.get("tax", 0)),
            )
            for item in items
            if item.get("gift_card")
        ),
        Decimal(0),
    )
    found = order(
        type="order_refunded",
        currency=currency,
        total=goods + shipping + bought,
        shipping=shipping,
        refunded=refunded,
        taxes_included=included,
        items=items,
    )

    assert found.paid is not None
    assert found.kept is not None
    assert 0 <= found.kept <= found.paid
    assert abs(found.paid - goods) <= Decimal(1).scaleb(-exponent(currency)) / 2
    for whole, lines in zip((found.paid, found.kept), shares(found), strict=True):
        units = [Fraction(one or 0) * 10 ** exponent(currency) for one in lines]
        assert all(unit.denominator == 1 and unit >= 0 for unit in units)
        if items:
            assert sum(units) == Fraction(whole) * 10 ** exponent(currency)


@given(
    units=st.integers(0, 10**9),
    places=st.integers(0, 4),
    weights=st.lists(PRECISE | st.just(Decimal(1) / 3), min_size=1, max_size=8),
)
def test_split_is_by_largest_remainder_with_fractions_as_the_judge(units, places, weights):
    unit = Decimal(1).scaleb(-places)

    found = split(units * unit, weights, unit)

    even = (
        [Fraction(weight) for weight in weights] if any(weights) else [Fraction(1)] * len(weights)
    )
    exact = [units * weight / sum(even) for weight in even]
    down = [int(one) for one in exact]
    ranks = sorted(range(len(exact)), key=lambda at: (down[at] - exact[at], at))
    for at in ranks[: units - sum(down)]:
        down[at] += 1
    assert [one * unit for one in down] == found


@pytest.mark.parametrize(
    ("amount", "weights", "expected"),
    [
        ("3.30", ["1.1", "2.2"], ["1.10", "2.20"]),
        ("0.01", ["0.005", "0.005"], ["0.01", "0.00"]),
        ("1.00", ["0.004", "0.996"], ["0.00", "1.00"]),
    ],
)
def test_weights_that_are_the_amount_are_the_shares_as_far_as_the_unit_allows(
    amount, weights, expected
):
    found = split(Decimal(amount), [Decimal(one) for one in weights], CENT)

    assert expected == [str(one) for one in found]


def test_split_does_not_depend_on_the_precision_around_it():
    weights = [Decimal(1) / 3, Decimal("1e-30"), Decimal("9" * 30)]
    with localcontext(prec=3):
        rough = split(Decimal("9" * 30 + ".99"), weights, CENT)

    assert rough == split(Decimal("9" * 30 + ".99"), weights, CENT)
    assert sum(Fraction(one) for one in rough) == Fraction("9" * 30 + ".99")


def test_split_of_nothing_among_nobody_is_nothing():
    assert split(Decimal(0), [], CENT) == []
    assert split(Decimal("0.00"), [Decimal(1), Decimal(0)], CENT) == [0, 0]
