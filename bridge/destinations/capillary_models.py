"""
Capillary's bodies: what the customer upsert takes, and what it answers.

The call wraps four others, so its page and theirs are read together.  Where the page's table and
its examples differ, the examples count: extendedFields stands beside profiles.

Reference: https://docs.capillarytech.com/reference/customer-upsert-api,
https://docs.capillarytech.com/reference/v2-add-customer,
https://docs.capillarytech.com/reference/update-customer-details
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationInfo, model_validator

from bridge.destinations.model import Body, Key, Moment, Text

#: What a code says: in an item's errors that it failed, in its warnings that it was done all the
#: same.  Some stand in both lists; the array that a code comes in decides.
#: Source: https://docs.capillarytech.com/reference/status-codes-customer,
#: https://docs.capillarytech.com/reference/errors-and-warnings
CODES: Mapping[int, str] = {
    400: "invalid input",
    401: "authentication failed",
    403: "not allowed, or a mandatory field is missing",
    500: "the requests failed",
    503: "authorization status unavailable",
    521: "several actions run for this customer",
    618: "the customer is marked as fraud",
    1053: "the preferred store is unknown",
    1060: "too many customers in one call",
    1064: "the organisation is unknown",
    3017: "the status label is not valid",
    3217: "source or account is not valid",
    8003: "the source is not valid",
    8004: "the source is missing",
    8005: "no valid identifier",
    8006: "the customer exists in this source already",
    8007: "another customer of this source has it already",
    8008: "the identifiers belong to another profile of this source",
    8010: "a communication channel is not valid",
    8011: "source or account is not valid",
    8013: "an identifier is not valid",
    8014: "the primary identifier is not valid",
    8015: "no customer has these identifiers",
    8017: "the registration date is not valid",
    8018: "loyalty cannot become non-loyalty",
    8026: "the customer was erased for privacy",
    8045: "the account id is missing",
    8050: "found in other sources and combined",
    8051: "found in other sources and merged",
    8052: "added, and other customers are in conflict with it",
    8053: "updated, and other customers are in conflict with it",
    8054: "the account id is missing",
    8055: "the e-mail address is not valid",
    8056: "the mobile number is not valid",
    8057: "the e-mail address of a channel is not valid",
    8058: "the mobile number of a channel is not valid",
    8059: "not yet in the search index",
    8060: "not yet in the queue of subscriptions",
    8061: "NPS details were not found",
    8062: "details of points were not found",
    8063: "details of segments were not found",
    8064: "the external id did not pass validation",
    8065: "the customer is not in this source",
    8066: "found in other sources and merged before",
    8068: "a customer of campaigns only",
    8069: "a customer that was merged",
    8070: "no identifier to change",
    8071: "the customer has this mobile number already",
    8072: "the customer has this e-mail address already",
    8073: "the customer has this external id already",
    8074: "not changed: the identifier is in several sources",
    8075: "the primary identifier does not go with the others",
    8077: "associatedWith is not valid, the till stays as it was",
    8084: "details of the customer are missing",
    8086: "the status label is not valid",
    8088: "the customer's status was not found",
    8090: "a profile in store is needed first",
    8106: "the type of a communication channel is missing",
    8107: "no default status label is set",
    8127: "source or account is not valid",
    91005: "the primary identifier cannot be updated",
    91006: "an update is not allowed",
    91007: "somebody else has an identifier of this customer",
    91015: "extended fields were not updated",
}
#: Codes that another try may not meet.  One that no page names needs a person.
TRANSIENT = frozenset({500, 521})
#: Warnings that two people may have become one, which no repetition undoes.
#: Source: https://docs.capillarytech.com/reference/update-identifiersissue-card
MERGES = frozenset({8050, 8051, 8052, 8053, 8066, 8069})

#: Channels that data comes from.  A wrong one corrupts data, says the page.
Source = Literal[
    "FACEBOOK",
    "WEB_ENGAGE",
    "WECHAT",
    "INSTORE",
    "MARTJACK",
    "TMALL",
    "TAOBAO",
    "JD",
    "ECOMMERCE",
    "WEBSITE",
    "LINE",
    "MOBILE_APP",
]

#: Capillary cuts what is longer, without a word.
#: Source: https://docs.capillarytech.com/reference/v2-add-customer
_LONGEST_NAME = 100
_LONGEST_EMAIL = 255
#: Country code and number; no number is longer (E.164) and none with its country code is shorter.
#: Source: https://docs.capillarytech.com/reference/v2-add-customer, https://www.itu.int/rec/T-REC-E.164
_MOBILE = re.compile("[1-9][0-9]{7,14}")


def _whole(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ValueError(
            f"found text of {len(text)} characters, wanted at most {longest}: Capillary would cut "
            "it without a word"
        )
    return text


def _name(text: str) -> str:
    return _whole(text, _LONGEST_NAME)


def _address(text: str, info: ValidationInfo) -> str:
    """Check an identifier or channel by its type, which stands before it."""
    kind = info.data.get("type")
    if kind == "email":
        return _whole(text, _LONGEST_EMAIL)
    if kind == "mobile" and not _MOBILE.fullmatch(text):
        raise ValueError(
            "found no mobile number as Capillary wants it: country code and number, 8 to 15 "
            "digits, no plus sign"
        )
    return text


def _value(value: Any) -> Any:
    return _text(value) if isinstance(value, str) else value


_text = TypeAdapter(Text).validate_python
Name = Annotated[Text, AfterValidator(_name)]
Address = Annotated[Key, AfterValidator(_address)]
#: Fields that each brand defines.
FieldMap = dict[Key, Annotated[str | bool | int | Decimal, AfterValidator(_value)]]


class Identifier(Body):
    """What Capillary knows a person by: unique in its source, or in an account of the source."""

    type: Literal[
        "externalId",
        "mobile",
        "email",
        "cardnumber",
        "cardExternalId",
        "wechat",
        "unionId",
        "cuid",
        "martjackId",
        "fbId",
        "facebook",
        "tmall_uname",
        "ali_uname",
        "jd_uname",
        "vip_uname",
        "line",
    ] = Field(description="What kind of identifier it is.")
    value: Address = Field(
        description="The identifier; of a mobile number its digits with the country code."
    )
    seriesId: int | None = Field(None, description="Of cards only.")
    statusLabel: Text | None = Field(None, description="Of cards only.")


class ChannelMeta(Body):
    """What else is known of a channel."""

    lastViewedDate: Text | None = Field(None, description="Its format is not documented.")
    residence: bool | None = Field(None, description="Whether it is private.")
    office: bool | None = Field(None, description="Whether it is at work.")


class CommChannel(Body):
    """A way to write to a person."""

    type: Literal["mobile", "email", "wechat", "ios", "android", "line", "mobilePush"] = Field(
        description="What kind of channel it is."
    )
    value: Address = Field(
        description="Where it leads; of a mobile number its digits with the country code."
    )
    primary: bool | None = Field(None, description="Whether it is the first of its kind.")
    verified: bool | None = Field(None, description="Whether the store has checked it.")
    subscribed: bool | None = Field(None, description="Documented by its name only.")
    meta: ChannelMeta | None = Field(None, description="What else is known of it.")


class Profile(Body):
    """A person as one account of one source knows them."""

    firstName: Name | None = Field(None, description="First name.")
    lastName: Name | None = Field(None, description="Last name.")
    identifiers: list[Identifier] = Field(
        min_length=1, description="What the person is found by, else registered with."
    )
    commChannels: list[CommChannel] | None = Field(None, description="Where to write to them.")
    source: Source | None = Field(None, description="Channel that the data is booked under.")
    accountId: Key | None = Field(None, description="Account inside the source.")
    fields: FieldMap | None = Field(None, description="Custom fields of the brand.")


class LoyaltyInfo(Body):
    """Whether the person takes part in the programme."""

    loyaltyType: Literal["loyalty", "non_loyalty"] | None = Field(
        None, description="A customer can be raised to loyalty, never lowered."
    )


class Subscription(Body):
    """Whether the person wants messages of one kind on one channel."""

    channel: Literal[
        "MOBILE", "EMAIL", "mobile", "email", "wechat", "whatsapp", "ios", "android", "line"
    ] = Field(description="The channel.")
    accountId: Key | None = Field(None, description="Account inside the source.")
    priority: Literal["BULK", "TRANS"] = Field(
        description="Marketing messages, or those about purchases."
    )
    type: Literal["OPTIN", "OPTOUT"] = Field(description="Wanted or not.")
    sourceName: Source | None = Field(None, description="Channel that the data is booked under.")
    orgUnitId: int | None = Field(None, description="Unit of the organisation.")


class SubscriptionInfo(Body):
    """What messages the person wants."""

    subscriptions: list[Subscription] = Field(min_length=1, description="One for each choice.")


class Enrolment(Body):
    """A place in one of several programmes."""

    programId: int | None = Field(None, description="The programme.")
    tierNumber: int | None = Field(None, description="The tier in it.")
    loyaltyPoints: Decimal | None = Field(None, description="Points in it.")
    tierExpiryDate: Moment | None = Field(None, description="When the tier ends.")
    pointsExpiryDate: Moment | None = Field(None, description="When the points end.")


class CustomerRequest(Body):
    """One customer.  The call takes a list of them; the bridge sends one at a time."""

    profiles: list[Profile] = Field(min_length=1, description="The person, once per source.")
    extendedFields: FieldMap | None = Field(
        None, description="Extended fields that are enabled for the brand, such as gender."
    )
    loyaltyInfo: LoyaltyInfo | None = Field(None, description="Part in the programme.")
    statusLabel: Key | None = Field(
        None, description="One of the brand's labels; an unknown one is refused (3017)."
    )
    subscriptionInfo: SubscriptionInfo | None = Field(None, description="Which messages.")
    loyaltyProgramEnrollments: list[Enrolment] | None = Field(
        None, description="Places in several programmes."
    )
    associatedWith: Key | None = Field(None, description="Till to tie the customer to.")
    referralCode: Key | None = Field(None, description="Code of whoever brought the customer in.")

    @model_validator(mode="after")
    def _check(self) -> CustomerRequest:
        # The page's second example, an update of subscriptions, names neither.
        missing = () if self.subscriptionInfo else _unbooked(self.profiles)
        if broken := list(missing):
            raise ValueError("; ".join(broken))
        return self


def _unbooked(profiles: list[Profile]) -> Iterator[str]:
    """
    Say which profiles do not tell what they are booked under.

    The page wants source and account; in store there are no accounts.
    Source: https://docs.capillarytech.com/reference/v2-add-customer
    """
    for at, profile in enumerate(profiles):
        if profile.source is None:
            yield f"profiles[{at}].source is missing, wanted the channel that the data comes from"
        elif profile.accountId is None and profile.source != "INSTORE":
            yield (
                f"profiles[{at}].accountId is missing, wanted the account inside the source; only "
                "INSTORE has none"
            )


class Message(Body):
    """An error or a warning.  `status` is false in both."""

    status: bool | None = None
    code: int | None = Field(None, description="A number of `CODES`.")
    message: str | None = Field(None, description="What it says, for people.")


class AnswerItem(Body):
    """What became of one customer."""

    entityId: int | None = Field(None, description="Capillary's id of the customer.")
    result: dict[str, Any] | None = Field(
        None, description="The customer as stored; it may be there although it failed."
    )
    errors: list[Message] | None = Field(None, description="It failed, when there is any.")
    warnings: list[Message] | None = Field(None, description="What beside it failed.")


class Answer(Body):
    """The answer: an item for each customer of the request."""

    response: list[AnswerItem]
    totalCount: int | None = Field(None, description="How many customers.")
    failureCount: int | None = Field(None, description="How many of them have errors.")


class Grant(Body):
    """The right to call for some time."""

    model_config = ConfigDict(extra="ignore")

    accessToken: str = Field(pattern=r"^[!-~]+$", description="What the calls carry.")
    ttlSeconds: float = Field(gt=0, allow_inf_nan=False, description="How long it is valid.")


class LoginAnswer(Body):
    """
    What key and secret get.

    Source: https://docs.capillarytech.com/reference/oauth
    """

    model_config = ConfigDict(extra="ignore")

    data: Grant
