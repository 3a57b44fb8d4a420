"""
The store event: what every source file produces and every destination file reads.

Nothing of a platform or a vendor is in it.  A source file maps the facts; `bridge.derive` adds
what the customer paid and kept, so that no file holds a formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bridge.fields import (
    Country,
    Currency,
    Date,
    Document,
    Email,
    Flag,
    Moment,
    Money,
    Number,
    RequiredMoment,
    RequiredText,
    Text,
    Texts,
)
from bridge.types import Problem

EventType = Literal[
    "order_paid",
    "order_completed",
    "order_cancelled",
    "order_refunded",
    "customer_created",
    "customer_updated",
]


class Derived:
    """Marks a field that the bridge computes and no file may map."""


DERIVED = Derived()


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(_Fact):
    """Something with an id and a name: payment, branch, salesperson, brand."""

    id: Text = Field(None, description="The store's id of it.")
    name: Text = Field(None, description="As people call it.")


class Category(_Fact):
    """Where a product stands in the shop, and what is above it."""

    id: Text = Field(None, description="The store's id of the category.")
    name: Text = Field(None, description="As people call it.")
    parent: Category | None = Field(None, description="The category above.")


class Item(_Fact):
    """One line of an order."""

    id: Text = Field(None, description="The product; none for a custom line or a deleted one.")
    variant_id: Text = Field(None, description="The variant that was bought.")
    sku: Text = Field(None, description="Stock keeping unit.")
    name: Text = Field(None, description="Title as sold.")
    url: Text = Field(None, description="Public page.")
    image_url: Text = Field(None, description="Picture.")
    brand: Named | None = Field(None, description="Brand.")
    category: Category | None = Field(None, description="Most specific category.")
    quantity: Number = Field(None, description="How many; may be 1.5.")
    price: Money = Field(None, description="For one, before discounts; needed without `total`.")
    discount: Money = Field(None, description="Taken off the whole line.")
    total: Money = Field(None, description="The whole line after discounts.")
    tax: Money = Field(None, description="Tax of the line; added unless `taxes_included`.")
    refunded: Money = Field(None, description="What went back for this line.")
    gift_card: Flag = Field(None, description="A gift card was bought; it earns nothing.")
    paid: Annotated[Money, DERIVED] = Field(None, description="Share of the order's `paid`.")
    kept: Annotated[Money, DERIVED] = Field(None, description="Share of the order's `kept`.")


class Order(_Fact):
    """A purchase as the store knows it now."""

    id: RequiredText = Field(description="The store's id; the key at every destination.")
    number: Text = Field(None, description="What the shop prints on the invoice.")
    status: RequiredText = Field(description="The store's own word, for people only.")
    currency: Currency = Field(description="ISO 4217 code of every amount.")
    placed_at: RequiredMoment = Field(description="When the customer bought.")
    updated_at: Moment = Field(None, description="Last change in the store.")
    paid_at: Moment = Field(None, description="When it was paid; the event's time if unknown.")
    completed_at: Moment = Field(None, description="When it was fulfilled.")
    cancelled_at: Moment = Field(None, description="When it was cancelled or refunded in full.")
    test: Flag = Field(None, description="A test order; ignored unless the store wants them.")
    coupon: Text = Field(None, description="First coupon code that was typed.")
    payment: Named | None = Field(None, description="How it was paid, as specific as known.")
    channel: Text = Field(None, description="Sales channel: web, pos, a marketplace.")
    branch: Named | None = Field(None, description="Physical shop.")
    salesperson: Named | None = Field(None, description="Who sold it.")
    total: Money = Field(
        description="All that the order cost: goods, tax, shipping, tip, fees; after discounts, "
        "before gift cards as payment and before refunds."
    )
    shipping: Money = Field(
        description="Shipping and handling that the customer paid, after discounts on it; with "
        "its tax when `taxes_included`, else without."
    )
    shipping_tax: Money = Field(
        None, description="Tax on shipping inside `total` and not inside `shipping`."
    )
    taxes_included: Flag = Field(
        None, description="Whether `shipping`, `refunded` and lines contain their tax."
    )
    tip: Money = Field(None, description="Tip.")
    fees: Money = Field(None, description="Surcharges that earn no points; never a discount.")
    gift_cards: Money = Field(None, description="Part of `total` paid with gift cards or credit.")
    refunded: Money = Field(
        None, description="Money for goods that went back, without shipping; positive."
    )
    refunded_tax: Money = Field(None, description="Tax that went back, unless `taxes_included`.")
    fully_refunded: Flag = Field(None, description="Everything went back, amount unknown.")
    items: list[Item] | None = Field(None, description="Lines of the order.")
    paid: Annotated[Money, DERIVED] = Field(
        None,
        description="What the customer paid for goods with their tax: without shipping, tip, "
        "fees, gift cards used and gift cards bought.",
    )
    kept: Annotated[Money, DERIVED] = Field(
        None, description="`paid` less what was refunded, never below zero."
    )
    is_cancelled: Annotated[Flag, DERIVED] = Field(
        None, description="Cancelled, or refunded in full."
    )


class Customer(_Fact):
    """A person as the store knows them."""

    id: Text = Field(None, description="The store's id; none for a guest.")
    email: Email = Field(None, description="Real address, lower case.")
    name: Text = Field(None, description="Full name; made of the two below when missing.")
    first_name: Text = Field(None, description="First word of `name` when missing.")
    last_name: Text = Field(None, description="Rest of `name` when missing.")
    phone: Text = Field(
        None, description="`+` and digits (E.164); left out with a remark if it cannot be read."
    )
    country: Country = Field(
        None, description="Of the address that `phone` is from: two letters (ISO 3166-1)."
    )
    document: Document = Field(None, description="CPF, CNPJ or tax number.")
    birthday: Date = Field(None, description="Day of birth.")
    registered_at: Moment = Field(None, description="When the account was made.")
    tags: Texts = Field(None, description="The shop's labels.")
    affiliate_coupon: Text = Field(None, description="Coupon of a customer who is an affiliate.")
    accepts_marketing: Flag = Field(
        None, description="Whether the customer agreed to marketing by e-mail; none if unknown."
    )


class Facts(_Fact):
    """What happened, where and when."""

    type: EventType = Field(description="What happened, about the whole state.")
    platform: RequiredText = Field(description="Name of the source.")
    store: RequiredText = Field(description="Name of the store.")
    topic: RequiredText = Field(description="The platform's name of what happened.")
    key: RequiredText = Field(description="The same for a repeat of the same webhook.")
    occurred_at: RequiredMoment = Field(description="When the fact was true at the platform.")


@dataclass(frozen=True)
class Event:
    """
    What a webhook said: plain values for mapping files, and models for whoever asks by name.

    The plain values are what is mapped and derived; a model is made of them when it is first
    asked for.
    """

    #: By namespace of a destination file: `event`, `order` (empty without one) and `customer`.
    #: What is not known is not there.
    values: Mapping[str, dict[str, Any]] = field(repr=False)
    #: What was left out of it, where, and why; for people, and no destination reads it.
    remarks: tuple[Problem, ...] = ()

    def namespaces(self) -> dict[str, dict[str, Any]]:
        """Give the namespaces of a destination file; `item` is an element of `order.items`."""
        return {**self.values}

    @property
    def type(self) -> EventType:
        """What happened, without a model made for one word."""
        told: EventType = self.values["event"]["type"]
        return told

    @cached_property
    def event(self) -> Facts:
        """What happened, where and when."""
        return Facts.model_validate(self.values["event"])

    @cached_property
    def order(self) -> Order | None:
        """The purchase; None in an event about a customer."""
        order = self.values["order"]
        return Order.model_validate(order) if order else None

    @cached_property
    def customer(self) -> Customer:
        """Who bought, or whom the event is about."""
        return Customer.model_validate(self.values["customer"])
