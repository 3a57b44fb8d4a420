"""
BonifiQ's bodies: what the three calls take, and what they answer.

Requests are strict and closed: optional means absent, and null is never sent.  Answers are closed
too, as documentation; one that does not fit is remarked upon by the judge, never failed for it.

Reference: https://developers.bonifiq.com.br/api/private/order/add-an-order-or-purchase and the
pages beside it, named in `bridge.destinations.bonifiq`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Context, Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field, PlainValidator, TypeAdapter, model_validator

from bridge.destinations.model import Body, Key, Moment, Text

#: The numbers in `ErrorCode`: the name as published, and what it says.
#: Source: https://developers.bonifiq.com.br/api-reference/product/returns-a-estimated-value-of-points-give-from-a-list-of-products
ERRORS: Mapping[int, tuple[str, str]] = {
    7: ("General_FieldCannotBeNullOrBlank", "a mandatory field is empty"),
    8: ("General_FieldCannotBeDefault", "a date or number was left out"),
    9: ("General_BiggerThanZero", "an amount must be above zero"),
    10: ("Genaral_LengthLimitExceeded", "a text is too long"),
    11: ("Order_OrderCompletedNeddCompletedDate", "completed without its date"),
    12: ("Order_OrderCompletedDateMustBeAfterPlacementDate", "completed before it was placed"),
    13: ("Order_CompletedOrderCannotBeCancelled", "completed and cancelled at once"),
    14: ("Order_CancelledOrderRequiresCancellationDate", "cancelled without its date"),
    15: ("Order_OrderCancellationDateBeforePlacementDate", "cancelled before it was placed"),
    16: ("Points_PointsCannotBeZero", "points must not be zero"),
}


def _error(number: int) -> str:
    return f"(BonifiQ's error {number}: {ERRORS[number][1]})"


#: 28 digits are what a .NET decimal, the documented type, surely holds.
_DIGITS = 28
_counted = TypeAdapter(
    Annotated[Decimal, Field(max_digits=_DIGITS)], config=ConfigDict(strict=True)
).validate_python


def _money(number: Any) -> Decimal:
    """Take a number as it is; its digits are only counted where it is not plainly short enough."""
    if number.__class__ is Decimal:
        text = str(number)
        if len(text) <= _DIGITS and "E" not in text and number.is_finite():
            return number
    return _counted(Decimal(number) if type(number) is int else number)


Money = Annotated[Decimal, PlainValidator(_money)]
_ADDED = Context(prec=80)  #: exact for sums of them


class CustomerRequest(Body):
    """A person as the store knows them: alone in the upsert, and inside an order."""

    OriginalId: Key = Field(description="The customer's id at the store; the key of the upsert.")
    Name: Text | None = Field(None, description="Full name.")
    Email: Text | None = Field(None, description="E-mail address; no format is documented.")
    Phone: Text | None = Field(None, description="Telephone; no format is documented.")
    BirthdayDate: Moment | None = Field(None, description="Day of birth, as midnight UTC.")
    SignupDate: Moment | None = Field(None, description="When the store's account was made.")
    Document: Text | None = Field(None, description="CPF or another document, as any text.")
    IsEnrolled: bool | None = Field(
        None, description="Whether the person takes part in the programme; its default is unknown."
    )
    EnrolledDate: Moment | None = Field(
        None, description="When they joined; BonifiQ falls back on the order's placement."
    )


class NamedReference(Body):
    """Something with an id and a name: a brand, a payment method, a branch, a salesperson."""

    OriginalId: Text | None = Field(None, description="Its id at the store.")
    Name: Text | None = Field(None, description="As people call it.")


class Category(Body):
    """Where a product stands in the shop, and what is above it."""

    OriginalId: Text | None = Field(None, description="Its id at the store.")
    Name: Text | None = Field(None, description="As people call it.")
    Description: Text | None = Field(None, description="What it is about.")
    ParentCategory: Category | None = Field(None, description="The category above.")


class Product(Body):
    """One line of an order.  There is no quantity: a line counts as one product."""

    OriginalId: Text | None = Field(None, description="The product's id at the store.")
    Title: Text | None = Field(None, description="Title as sold.")
    Url: Text | None = Field(None, description="Public page.")
    ImageUrl: Text | None = Field(None, description="Picture.")
    IsActive: bool | None = Field(None, description="Whether the shop still sells it.")
    ProductPrice: Money | None = Field(
        None, description="Net total of the whole line; all lines add up to OrderTotal."
    )
    ProductBrand: NamedReference | None = Field(None, description="Brand.")
    ProductCategory: Category | None = Field(None, description="Most specific category.")


class Metadata(Body):
    """A pair of name and value that BonifiQ keeps with the order."""

    Name: Text | None = Field(None, description="What the value is.")
    Value: Text | None = Field(None, description="The value, always as text.")


class OrderRequest(Body):
    """
    A purchase: completed (gives points), cancelled (takes them back) or pending (neither).

    Source: https://developers.bonifiq.com.br/api/private/pos/this-is-shortcut-for-the-original-orders-endpoint-to-add-orders-into-bonifiq
    """

    OriginalId: Key = Field(description="The order's id at the store; the key of the order.")
    OrderPlacementDate: Moment = Field(description="When the customer bought.")
    OrderCompletedDate: Moment | None = Field(
        None, description="When the order became final; needed with IsCompleted."
    )
    OrderCancelledDate: Moment | None = Field(
        None, description="When it was cancelled; needed with IsCancelledOrReturned."
    )
    OrderStatus: Text | None = Field(None, description="The store's own word; has no effect.")
    IsCancelledOrReturned: bool | None = Field(
        None, description="Whether it was cancelled or returned: points are taken back."
    )
    IsCompleted: bool | None = Field(None, description="Whether it is final: points are given.")
    OrderTotal: Money = Field(
        description="What the customer really paid for goods, without shipping: after discounts "
        "and gift cards."
    )
    Customer: CustomerRequest = Field(description="Who bought.")
    Products: list[Product] | None = Field(None, description="Lines of the order.")
    UpdatedDate: Moment | None = Field(None, description="Last change in the store.")
    Coupon: Text | None = Field(
        None, description="ExternalCode of a redeemed reward, else the coupon that was typed."
    )
    Metadatas: list[Metadata] | None = Field(
        None, description="Pairs that inform people, or that a rule of the programme reads."
    )
    PaymentMethod: NamedReference | None = Field(
        None, description="How it was paid, as specific as known: the card's brand too."
    )
    Branch: NamedReference | None = Field(None, description="Physical shop of the sale.")
    SalesPerson: NamedReference | None = Field(None, description="Who sold it.")
    ExternalCoupon: Text | None = Field(None, description="Documented by its name only.")

    @model_validator(mode="after")
    def _check(self) -> OrderRequest:
        if broken := [*_broken_state(self), *_broken_amounts(self)]:
            raise ValueError("; ".join(broken))
        return self


def _broken_state(order: OrderRequest) -> Iterator[str]:
    """
    Say which rules about flags and dates *order* breaks.

    Source: https://developers.bonifiq.com.br/api/private/pos/this-is-shortcut-for-the-original-orders-endpoint-to-add-orders-into-bonifiq
    """
    if order.IsCompleted and order.IsCancelledOrReturned:
        yield (
            "IsCompleted and IsCancelledOrReturned are both true, wanted one of them at most "
            + _error(13)
        )
    if order.IsCompleted and order.OrderCompletedDate is None:
        yield f"IsCompleted is true, wanted OrderCompletedDate with it {_error(11)}"
    if order.IsCancelledOrReturned and order.OrderCancelledDate is None:
        yield f"IsCancelledOrReturned is true, wanted OrderCancelledDate with it {_error(14)}"
    for name, moment, number in (
        ("OrderCompletedDate", order.OrderCompletedDate, 12),
        ("OrderCancelledDate", order.OrderCancelledDate, 15),
    ):
        if moment is not None and moment < order.OrderPlacementDate:
            yield (
                f"{name} is before OrderPlacementDate, wanted the same moment or later "
                + _error(number)
            )


def _broken_amounts(order: OrderRequest) -> Iterator[str]:
    """Say which rules about amounts *order* breaks.  Amounts themselves are not told."""
    if order.OrderTotal < 0:
        yield f"OrderTotal is negative, wanted what the customer paid {_error(9)}"
    if not (order.IsCompleted and order.Products):
        return
    lines = Decimal(0)
    for at, product in enumerate(order.Products):
        if product.ProductPrice is None:
            yield (
                f"Products[{at}].ProductPrice is missing, wanted the net total of every line, or "
                "no Products"
            )
            return
        lines = _ADDED.add(lines, product.ProductPrice)
    if lines != order.OrderTotal:
        less_or_more = "less" if lines < order.OrderTotal else "more"
        yield (
            f"ProductPrice of all Products adds up to {less_or_more} than OrderTotal, wanted "
            "exactly OrderTotal: net line totals, with the order's discounts spread over them"
        )


class AffiliateRequest(Body):
    """A person who brings others in, and their coupon."""

    Name: Key = Field(description="Full name.")
    Email: Key | None = Field(None, description="E-mail address; makes the affiliate's id.")
    Document: Key | None = Field(None, description="CPF or another document, as any text.")
    Phone: Text | None = Field(None, description="Telephone.")
    Coupon: Text | None = Field(None, description="Code that others type to be counted for them.")
    InviteToPortal: bool | None = Field(
        None, description="Whether to invite to the affiliates' portal, where it is switched on."
    )
    CreateCustomer: bool | None = Field(
        None, description="Whether to make the loyalty customer too when there is none."
    )

    @model_validator(mode="after")
    def _check(self) -> AffiliateRequest:
        if self.Email is None and self.Document is None:
            raise ValueError(f"Email and Document are missing, wanted one of them {_error(7)}")
        return self


class Tier(Body):
    """The level of the programme that a customer has reached."""

    Name: str | None = None
    Color: str | None = None
    IconUrl: str | None = None


class CustomerResult(Body):
    """The customer as stored."""

    OriginalId: str | None = None
    PublicId: str | None = None
    Name: str | None = None
    Email: str | None = None
    Phone: str | None = None
    BirthdayDate: datetime | None = None
    SignupDate: datetime | None = None
    Document: str | None = None
    IsEnrolled: bool | None = None
    ReferralURL: str | None = None
    WhatsappReferralUrl: str | None = None
    CurrentTier: Tier | None = None
    BalanceOfPoints: Decimal | None = None
    BalanceCashback: Decimal | None = None
    Operation: str | None = Field(None, description="``created`` or ``updated``.")


class CouponHistory(Body):
    """A coupon that an affiliate has, or had."""

    Id: int | None = None
    AffiliateId: int | None = None
    Coupon: str | None = None
    AssociatedDate: datetime | None = None


class StoredAffiliate(Body):
    """The affiliate that an order's customer is."""

    Id: int | None = None
    CustomerId: int | None = None
    IsActive: bool | None = None
    AffiliateCoupon: str | None = None
    LastUpdated: datetime | None = None
    CouponHistories: list[CouponHistory] | None = None


class StoredCustomer(Body):
    """The customer of a stored order; not the same fields as the upsert's result."""

    Id: int | None = None
    OriginalId: str | None = None
    Name: str | None = None
    Email: str | None = None
    Phone: str | None = None
    BirthdayDate: datetime | None = None
    SignupDate: datetime | None = None
    Document: str | None = None
    IsEnrolled: bool | None = None
    PointsBalance: Decimal | None = None
    BalanceOfPoints: Decimal | None = None
    Cashback: Decimal | None = None
    BirthdayUpdateDate: datetime | None = None
    FirstName: str | None = None
    PublicId: str | None = None
    SecondaryId: str | None = None
    OrderCount: int | None = None
    ReasonEnrolled: str | None = None
    AdminId: int | None = None
    EmailAdmin: str | None = None
    EnrolledDate: datetime | None = None
    TierName: str | None = None
    RfmGroupName: str | None = None
    Affiliate: StoredAffiliate | None = None
    AffiliateCode: str | None = None
    AffiliateCodeAssignedAt: datetime | None = None


class StoredProduct(Body):
    """One line of a stored order."""

    OriginalId: str | None = None
    Title: str | None = None
    Url: str | None = None
    ImageUrl: str | None = None
    IsActive: bool | None = None
    ProductPrice: Decimal | None = None


class StoredMetadata(Body):
    """A pair of name and value of a stored order."""

    Id: int | None = None
    OrderId: int | None = None
    Name: str | None = None
    Value: str | None = None


class Bonus(Body):
    """What the order will bring its customer."""

    GenerateBonus: bool | None = None
    EstimatedPoints: Decimal | None = None
    EstimatedCashback: Decimal | None = None
    EstimatedCashbackFormatted: str | None = None


class OrderResult(Body):
    """The order as stored."""

    Id: int | None = None
    OriginalId: str | None = None
    OrderPlacementDate: datetime | None = None
    OrderCompletedDate: datetime | None = None
    OrderCancelledDate: datetime | None = None
    OrderStatus: str | None = None
    IsCancelledOrReturned: bool | None = None
    IsCompleted: bool | None = None
    OrderTotal: Decimal | None = None
    Customer: StoredCustomer | None = None
    Products: list[StoredProduct] | None = None
    UpdatedDate: datetime | None = None
    Coupon: str | None = None
    State: int | None = Field(
        None,
        description="0 initial, 1 pending, 2 complete, 3 cancelled, 4 ignored; documented for "
        "reading an order, as is Origin.",
    )
    Origin: int | None = Field(None, description="0 platform, 1 this API, 2 file.")
    Metadatas: list[StoredMetadata] | None = None
    EstimatedBonus: Bonus | None = None


ResultT = TypeVar("ResultT")


class Answer(Body, Generic[ResultT]):
    """
    The envelope of every answer.  Older ones lack Code, CodeName, Severity and HasWarning.

    Source: https://developers.bonifiq.com.br/api/private/order/add-an-order-or-purchase
    """

    ErrorMessage: str | None = Field(None, description="What went wrong, for people.")
    ErrorCode: int | None = Field(None, description="A number of `ERRORS`, in some failures.")
    Result: ResultT | None = Field(None, description="What was stored; null when nothing was.")
    Code: str | None = Field(None, description="What became of it: two digits, per endpoint.")
    CodeName: str | None = Field(None, description="The name that goes with Code.")
    Severity: Literal[0, 1, 2] | None = Field(None, description="0 success, 1 warning, 2 error.")
    HasWarning: bool | None = Field(None, description="Accepted, with an unusual outcome.")
    HasError: bool | None = Field(None, description="Failed, whatever the HTTP status says.")
