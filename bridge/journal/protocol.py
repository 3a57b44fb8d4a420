"""
What the bridge asks of a durable journal.

An **entry** is one webhook, known by its key.  A **delivery** is one entry at one endpoint.  A
**lane** is one thing at one endpoint: this order there, this customer there.  To send, a worker
takes the lane and gets a `Flight` with a token; everything written about that attempt carries
the token and is refused when the lane has moved on.

Every method is one atomic transaction: after a crash the journal says that it happened or that
it did not.  Methods that write take `sync`: with it they return only when the commit is on
disk, and so is every commit before it.  Every method raises `JournalUnavailable` when the
journal cannot be read or written now; nothing was then promised.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from bridge.types import Cause, Outcome, State

#: The delivery that fetches what a webhook leaves out; it precedes the real endpoints.
FETCH = "~"
#: The delivery that erases what the journal holds of a customer, or of a store.
ERASE = "~erase"


@dataclass(frozen=True, slots=True)
class Planned:
    """A delivery to be, as the mapping decided it."""

    endpoint: str
    account: str  #: the store, or the destination account that several stores share
    identity: str  #: the id that the payload carries at the endpoint; names the lane
    target: str  #: account and endpoint: what has one rate limit
    stamp: int  #: when the fact was true, microseconds since 1970; 0: the journal's clock
    tie: int  #: orders what one stamp hides: phase and progress
    print: bytes | None  #: fingerprint of the payload
    personal: bool = False  #: the identity is an e-mail or document and is only kept as a hash
    state: Literal["queued", "ignored", "refused"] = "queued"
    reason: str = ""  #: why it is born `ignored` or `refused`, or is put off
    causes: tuple[Cause, ...] = ()  #: why it is born `refused`
    #: Seconds for which it is put off, because nothing may be sent to its target now: it is queued
    #: and its lane is not asked for.
    put_off: float | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One verified webhook, ready to be recorded."""

    store: str
    topic: str
    key: tuple[str, ...] | None  #: parts of the key beside store and topic; None: no two are equal
    resource: str  #: id of the order or customer, "" when unknown; gives the key its place
    headers: bytes  #: JSON of what the mapping reads of the headers and the query
    body: bytes
    received_at: datetime
    event_type: str | None = None
    subjects: tuple[str, ...] = ()  #: what identifies the customer; kept as keyed hashes
    deliveries: tuple[Planned, ...] = ()
    problem: str | None = None  #: why there are no deliveries: ignored, or a dead letter
    dead: bool = False  #: the problem needs a person
    causes: tuple[Cause, ...] = ()  #: of a dead one
    park: bool = True  #: unfinished deliveries are ours to finish; else the store's to repeat
    horizon: float = 259_200.0  #: seconds after which an unfinished delivery fails


@dataclass(frozen=True, slots=True)
class Flight:
    """The right to send one delivery, until it is settled or taken over."""

    entry: int
    endpoint: str
    token: int
    lane: bytes
    target: str
    stamp: int
    tie: int
    print: bytes | None
    attempts: int  #: this one included
    park: bool  #: unfinished business is ours


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one delivery stands, and the flight if the caller was given it."""

    outcome: Outcome
    flight: Flight | None = None
    held: bool = False  #: another delivery holds the lane: waiting may help
    due_in: float | None = None  #: seconds until the next attempt; None: not ours, or settled


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an arrival."""

    entry: int
    copy: bool  #: an equal webhook was recorded before
    standings: tuple[Standing, ...]
    problem: str | None = None
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """What is needed to map an entry again."""

    entry: int
    store: str
    topic: str
    headers: bytes
    body: bytes
    resource: bytes | None  #: JSON of what was fetched
    received_at: datetime


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """One delivery, for people."""

    endpoint: str
    state: State
    attempts: int
    reason: str
    unsure: bool  #: some attempt may have been accepted
    next_at: datetime | None
    until: datetime | None
    settled_at: datetime | None
    target: str = ""
    causes: tuple[Cause, ...] = ()  #: of a dead letter


@dataclass(frozen=True, slots=True)
class EntrySummary:
    """One entry, for people."""

    entry: int
    store: str
    topic: str
    event_type: str | None
    resource: str  #: the order's or customer's id where it is no personal data
    received_at: datetime
    copies: int
    state: Literal["open", "dead", "done"]
    problem: str | None
    deliveries: tuple[DeliverySummary, ...] = ()
    dead: bool = False  #: the problem needs a person
    causes: tuple[Cause, ...] = ()  #: of the problem, where it does


@dataclass(frozen=True, slots=True)
class Filter:
    """
    Which entries are asked for.  Every field that is set must hold.

    What is said of a delivery must hold for one and the same delivery, what is said of a cause
    for one and the same cause.
    """

    store: str | None = None
    topic: str | None = None
    state: Literal["open", "dead", "done"] | State | None = None  #: of the entry, or a delivery
    resource: str | None = None
    before: int | None = None  #: entries older than this one: the next page
    limit: int = 50
    since: datetime | None = None  #: received then or later
    until: datetime | None = None  #: received before
    endpoint: str | None = None
    target: str | None = None  #: account and endpoint, or an account
    unsure: bool = False  #: an attempt may have been accepted
    stage: str | None = None
    code: str | None = None
    file: str | None = None  #: a whole path, or its end
    line: int | None = None
    field: str | None = None
    subjects: tuple[str, ...] = ()  #: what identifies a customer: any of it
    letters: bool = False  #: with a dead letter, also while something else of it is open


@dataclass(frozen=True, slots=True)
class Count:
    """How many entries of a store are in a state."""

    store: str
    state: Literal["open", "dead", "done"]
    entries: int


@dataclass(frozen=True, slots=True)
class Letters:
    """The dead letters that one cause has made."""

    cause: Cause
    endpoint: str  #: "" where nothing was mapped
    letters: int
    newest: int  #: entry


@dataclass(frozen=True, slots=True)
class Keep:
    """How long things are kept after their webhook came.  Seconds."""

    bodies: float = 7 * 86_400.0  #: and as long as a delivery is open
    dead_bodies: float = 30 * 86_400.0  #: of dead letters, so that they can be replayed
    outcomes: float = 90 * 86_400.0  #: entries, deliveries, and what lanes know


@dataclass(frozen=True, slots=True)
class Whose:
    """
    Whose entries are meant.  `store` and `before` must hold; of the others any is enough, and
    without any of them all entries are meant.
    """

    store: str | None = None
    subjects: tuple[str, ...] = field(default=(), repr=False)  #: e-mails, ids, documents
    orders: tuple[str, ...] = ()  #: ids of orders
    before: datetime | None = None  #: received before
    but: int | None = None  #: not this entry


@dataclass(frozen=True, slots=True)
class Holding:
    """Some of the entries that are meant."""

    entries: tuple[int, ...]
    after: int | None  #: where to look on; None: that was all


@dataclass(frozen=True, slots=True)
class Patience:
    """The times that keep two workers apart.  Seconds."""

    beat: float = 5.0  #: between two signs of life
    gone_after: float = 60.0  #: without a sign of life
    self_fence: float = 15.0  #: without a successful beat a worker sends nothing
    quiet: float = 10.0  #: a request that was given up may still be acting
    request_timeout: float = 30.0

    def __post_init__(self) -> None:
        least = self.self_fence + self.request_timeout + self.quiet + 5.0
        if self.gone_after < least:
            raise ValueError(
                f"gone_after is {self.gone_after:g} s and must be at least {least:g} s: "
                "self_fence + request_timeout + quiet + 5"
            )


class Journal(Protocol):
    """
    Remembers every accepted webhook and how it ended; decides who may send.

    Several processes may share one journal.  The states, the statements and the reasons are in
    the operator's guide, chapter "How deliveries are kept apart".
    """

    async def receive(self, arrival: Arrival, *, sync: bool) -> Receipt:
        """
        Record *arrival* unless it is a copy, and take the lanes that are free.

        For a new entry every standing says what became of its delivery: flying with a flight,
        settled as ``stale`` or ``ignored`` (the payload equals what was last delivered), or
        queued because the lane is `held` or something newer comes first.

        For a copy the standings are those of the first arrival.  When the deliveries are not
        ours to finish (``park`` false), a copy takes the lanes of those that are queued: it is
        the store's retry.

        A delivery that is planned as ``ignored`` or ``refused`` is recorded so and takes no lane.
        """
        ...

    async def take(self, entry: int, endpoint: str) -> Standing:
        """
        Try again to take the lane of a queued delivery.

        Fails it when its horizon has passed; settles it as ``stale`` or ``ignored`` as
        `receive` does.  A delivery that is not queued is only reported.
        """
        ...

    async def settle(
        self,
        flight: Flight,
        state: Literal["delivered", "ignored", "refused"],
        reason: str = "",
        causes: Sequence[Cause] = (),
        *,
        sync: bool = True,
        unname: bool = False,
    ) -> bool:
        """
        Write the last word of a flight and free its lane.

        ``delivered`` and ``ignored`` make older deliveries that wait in the lane ``stale``.

        Args:
            causes: Why it is ``refused``.
            unname: Erase in the same transaction what the entry holds of anybody.

        Returns:
            False when the flight was taken over meanwhile.  The fact is recorded all the same;
            the caller must stop sending and register anew.
        """
        ...

    async def back(
        self,
        flight: Flight,
        *,
        delay: float | None,
        unsure: bool,
        reason: str,
        attempted: bool = True,
    ) -> bool:
        """
        Give up a flight for now.

        Args:
            delay: Seconds until the next attempt, which is not put off beyond the horizon; None
                leaves it to the store's repeat.
            unsure: The destination may have accepted.  Nothing older is sent in this lane
                any more.  The caller has waited `Patience.quiet` before.
            attempted: Whether anything was sent; if not, it does not count as an attempt.
        """
        ...

    async def expand(
        self,
        flight: Flight,
        resource: bytes,
        deliveries: Sequence[Planned],
        *,
        event_type: str | None = None,
        resource_id: str = "",
        subjects: Sequence[str] = (),
        problem: str | None = None,
        dead: bool = False,
        causes: Sequence[Cause] = (),
        horizon: float = 259_200.0,
        sync: bool = False,
    ) -> Receipt:
        """
        Settle the flight of a `FETCH` delivery as delivered, keep what was fetched, and record
        and take the deliveries to the real endpoints, all in one transaction.
        """
        ...

    async def unmappable(self, flight: Flight, problem: str, causes: Sequence[Cause] = ()) -> bool:
        """Settle as ``refused`` a flight whose stored body no longer maps; False when fenced."""
        ...

    async def standings(self, entry: int) -> tuple[Standing, ...]:
        """Where the deliveries of *entry* stand.  Gives no flights."""
        ...

    async def sync(self) -> None:
        """Return when everything committed so far is on disk."""
        ...

    async def due(self, limit: int = 64, room: Mapping[str, int] = {}) -> tuple[Standing, ...]:
        """
        Take deliveries whose time has come, fairly over targets and stores.

        Each returned standing has a flight.  Those whose horizon has passed are failed on the
        way, those that became stale are settled so.

        Args:
            limit: Flights at most.
            room: Flights at most for a target.  Nothing is taken or written for one without
                room, however much waits for it.
        """
        ...

    async def next_due(self, without: Collection[str] = ()) -> float | None:
        """
        Seconds until the earliest queued delivery of ours is due; None when there is none.

        Args:
            without: Targets that do not count.
        """
        ...

    async def hasten(self, target: str, within: float) -> int:
        """
        Make due within so many seconds, spread over them, what waits longer for *target*.

        For a target that answers again: what failed while it did not may wait for long.

        Returns:
            How many were hastened; a call takes some hundreds at most, so that nobody waits long
            for it, and 0 says that none is left.
        """
        ...

    async def beat(self) -> bool:
        """Give a sign of life.  False: this worker was declared gone and must stop sending."""
        ...

    async def sweep(self) -> int:
        """
        Find workers that are gone, take over their flights, repair lanes that were written over.

        To be called about every second.  Returns how many deliveries became ours.
        """
        ...

    @property
    def fenced(self) -> bool:
        """Whether the last successful beat is too old to send anything."""
        ...

    @property
    def behind(self) -> float:
        """Seconds for which the oldest of what is to be written has waited."""
        ...

    async def load(self, entry: int) -> Stored:
        """
        What is needed to map *entry* again.

        Raises `LookupError` when it or its body is gone, `BodySealed` when it is encrypted with
        a key that the journal was not opened with.
        """
        ...

    async def entries(self, wanted: Filter) -> tuple[EntrySummary, ...]:
        """Entries, newest first, with their deliveries."""
        ...

    async def count(self, wanted: Filter) -> tuple[Count, ...]:
        """How many entries are wanted, by store and state; pages do not matter."""
        ...

    async def letters(self, wanted: Filter) -> tuple[Letters, ...]:
        """The dead letters of the entries that are wanted, by cause, most first."""
        ...

    async def foresee(
        self, entry: int, deliveries: Sequence[Planned], *, anew: bool = False
    ) -> tuple[Outcome, ...]:
        """
        Where *deliveries* of *entry* would stand if they were queued now; writes nothing.

        ``stale`` behind what is newer; else ``queued``, or what they are planned as.

        Args:
            anew: They would be those of a new entry (`send_again`).
        """
        ...

    async def show(self, entry: int) -> EntrySummary:
        """One entry with its deliveries.  Raises `LookupError` when there is none."""
        ...

    async def replay(
        self,
        entry: int,
        deliveries: Sequence[Planned],
        endpoint: str | None = None,
        problem: str | None = None,
    ) -> tuple[Standing, ...]:
        """
        Queue the dead and stale deliveries of *entry* again (only that of *endpoint*, if given).

        *problem* says why the entry is of no interest today, should it be so.
        *deliveries* are what the entry maps to today: those that did not exist yet are added,
        because an entry that could not be mapped has none.  Nothing is sent here; a replay goes
        through `take` like everything else, so an old one may end as ``stale``.
        """
        ...

    async def send_again(self, entry: int, deliveries: Sequence[Planned]) -> int:
        """
        Record *entry* once more and queue *deliveries* for the new entry; gives its number.

        For what was delivered and is to be sent again.  It has a key of its own and the old
        versions, so it is sent only where nothing newer was, and also when the destination is
        thought to show that very payload.

        Raises:
            LookupError: There is no such entry, or its body is gone.
        """
        ...

    async def holding(self, whose: Whose, after: int = 0) -> Holding:
        """
        Look for entries of somebody, some at a time, oldest first.

        Args:
            after: `Holding.after` of the call before.
        """
        ...

    async def purge(self, entries: Sequence[int]) -> tuple[int, ...]:
        """
        Erase what *entries* hold of anybody: bodies, hashes of the customer, ids, reasons.

        What is queued or dead of them is settled as ``ignored``, with the reason ``purged``.  A
        repeat of them is still known as one, and nothing older than them is sent.

        Args:
            entries: 500 at most.

        Returns:
            Those of which something is flying: of them nothing is erased yet.
        """
        ...

    async def forget(self, keep: Keep) -> bool:
        """
        Forget some of what was kept long enough.

        To be called about every minute.  Returns whether there is more to be forgotten now.
        """
        ...

    async def close(self) -> None:
        """Write what is queued, sync, declare this worker gone, let go of its lock."""
        ...


@dataclass(frozen=True, slots=True)
class Opening:
    """How a journal is opened."""

    #: ``sqlite:///path`` relative, ``sqlite:////path`` absolute, or
    #: ``postgresql://user:password@host:port/database``
    url: str = field(repr=False)
    patience: Patience = field(default_factory=Patience)
    register: bool = True  #: False for the command line, which sends nothing
    #: What bodies are encrypted with, newest first; none: they are kept as they are.
    keys: tuple[str, ...] = field(default=(), repr=False)
