"""
The values that pass from room to room.

Every type is frozen: a room receives one value and returns another.  Times are UTC-aware
datetimes, durations are seconds as float, money is Decimal in major units beside its ISO 4217
currency, header names are lower case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bridge.causes import Stage

#: The last word on a delivery.  `refused` and `failed` are dead letters.
Final = Literal["delivered", "ignored", "stale", "refused", "failed"]
#: Where a delivery stands: not yet settled, or its last word.
State = Literal["queued", "flying", "delivered", "ignored", "stale", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class InboundRequest:
    """A webhook exactly as it arrived.  Nobody has vouched for it yet."""

    store: str  #: the name in the address
    method: str
    #: Names in lower case; repeated ones are joined by a comma.
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)  #: never decoded or re-encoded: signatures are made over bytes
    received_at: datetime
    raw_query: str = field(default="", repr=False)  #: as it arrived, for signatures over it
    segment: str = field(default="", repr=False)  #: what stands behind the store in the address


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """
    A webhook whose sender is proven.

    Only `bridge.verify` makes one, and every later room asks for this type.
    """

    request: InboundRequest
    scheme: str  #: the engine that proved it, such as ``hmac``


@dataclass(frozen=True, slots=True)
class Origin:
    """The line of a mapping file that a value comes from."""

    file: str
    line: int
    column: int
    field: str  #: what the line fills, such as ``order.total`` or ``Customer.Email``
    expression: str  #: the line's own text

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """
    One thing that is wrong, and where.

    Printed as ``file:line:column: message`` so that editors can jump to it.  The message tells
    what was found and what was wanted, and never holds a secret or a customer's value.
    """

    file: str
    line: int
    column: int
    message: str
    field: str = ""
    expression: str = ""
    code: str = ""  #: a word of `bridge.causes` where the problem makes a dead letter

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        return f"{place}{self.field}: {self.message}" if self.field else f"{place}{self.message}"


@dataclass(frozen=True, slots=True)
class Cause:
    """
    One reason why something is a dead letter.

    Dead letters with one cause are cured by one correction, so nothing in it is of one webhook
    alone: no value, and no place in a list.
    """

    stage: Stage
    code: str  #: a word of `bridge.causes`, ``http_422``, or the vendor's own, as ``bonifiq_13``
    file: str = ""
    line: int = 0
    field: str = ""

    def __str__(self) -> str:
        place = f" {self.file}{f':{self.line}' if self.line else ''}" if self.file else ""
        return f"{self.stage} {self.code}{place}{f' {self.field}' if self.field else ''}"


@dataclass(frozen=True, slots=True)
class Payload:
    """The JSON document for one endpoint: built, valid, not yet sent."""

    endpoint: str
    document: Mapping[str, Any] = field(repr=False)
    remarks: tuple[str, ...] = ()  #: what was left out of it and why, for the journal


@dataclass(frozen=True, slots=True)
class Skipped:
    """An endpoint that this event is not for, and why."""

    endpoint: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A webhook that is known, proven and of no interest, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a destination answered to one HTTP request."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  #: names in lower case
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What one attempt came to.

    `delivered` and `refused` are last words.  `transient` may succeed later and was surely not
    accepted.  `unsure` may succeed later, and may have been accepted already.
    """

    kind: Literal["delivered", "refused", "transient", "unsure"]
    reason: str = ""  #: a remark when delivered; never a customer's value
    retry_after: float | None = None  #: seconds the destination asked for
    few: int | None = None  #: attempts after which what is transient counts as refused
    well: bool = False  #: transient, and nothing is wrong with the other side
    causes: tuple[Cause, ...] = ()  #: what a dead letter of it would be told by


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where one delivery stands when its webhook is answered."""

    endpoint: str
    state: State
    reason: str = ""
    retry_after: float | None = None  #: seconds until it may be tried again, where that is known

    @property
    def settled(self) -> bool:
        """Whether sending the event again could change nothing."""
        return self.state not in ("queued", "flying")

    @property
    def dead(self) -> bool:
        """Whether a person must act."""
        return self.state in ("refused", "failed")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store is told."""

    status_code: int
    status: str  #: one word for the JSON body: delivered, duplicate, parked, ...
    entry: int | None = None
    reason: str = ""
    retry_after: float | None = None  #: seconds
    outcomes: Sequence[Outcome] = ()  #: where its deliveries stand
    #: Literal text instead of the JSON, where a platform wants one; it can hold a secret.
    body: str | None = field(default=None, repr=False)
    media_type: str = "text/plain"  #: of that text
