"""
What happened in one scenario, written down by those who saw it.

All times are seconds of the harness' own monotonic clock.  Nothing here comes from the bridge,
but for the numbers of entries that its answers and its command line tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Thing(NamedTuple):
    """One order or customer at one account of the destination."""

    account: str
    id: str


class Content(NamedTuple):
    """What a payload says of a thing, as far as two events of it can be told apart."""

    thing: Thing
    tag: str
    updated: str  #: the moment of the fact; "" where the endpoint has no field for it


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook, however often it is sent."""

    id: str
    store: str
    topic: str
    content: Content
    version: int  #: orders the events of one thing: the greater, the newer
    headers: Mapping[str, str]
    body: bytes
    poison: bool = False  #: it cannot be mapped and must end as a dead letter

    @property
    def thing(self) -> Thing:
        return self.content.thing


@dataclass(frozen=True, slots=True)
class Try:
    """One time that a store sent an event."""

    event: str  #: its id
    node: int
    began: float
    took: float
    status: int | None  #: None: there was no answer
    word: str = ""  #: what the answer says became of it
    entry: int | None = None
    trouble: str = ""  #: why there was no answer

    @property
    def good(self) -> bool:
        """Whether the store will not come again."""
        return self.status is not None and 200 <= self.status < 300


#: How an exchange with the destination ended, as the destination knows it.
#: told: the documented answer was written while the other side was listening;
#: untold: the fault kept the answer back, broke it or made it unreadable;
#: left: the other side closed the connection before it was answered.
Ending = Literal["told", "untold", "left"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """One time that the destination stored something."""

    content: Content
    asked: float  #: when the request was complete
    at: float
    ended: float  #: when the exchange was over
    ending: Ending
    port: int  #: of the process that sent it
    behaviour: str = ""


@dataclass(frozen=True, slots=True)
class Killed:
    """A process ended with what it held."""

    asked: float  #: when it got the signal
    at: float  #: when it was gone: at once with SIGKILL, later with SIGTERM
    ports: frozenset[int]  #: from which it had connections to the destination
    gives_up: float = math.inf  #: when one that is asked to end gives up what is still out


@dataclass(frozen=True, slots=True)
class Frozen:
    """A process stood still, with what it held, and then went on."""

    node: int
    since: float
    until: float
    ports: frozenset[int]  #: from which it had connections to the destination


@dataclass(frozen=True, slots=True)
class Away:
    """The journal could not be reached or written."""

    since: float
    until: float
    what: str


@dataclass(frozen=True, slots=True)
class Check:
    """What a scenario wants beyond the promises that are judged everywhere."""

    wanted: str
    held: bool
    found: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """All of it."""

    events: Sequence[Event] = ()
    tries: Sequence[Try] = ()
    accepted: Sequence[Accepted] = ()  #: in the order in which the destination stored it
    killed: Sequence[Killed] = ()
    away: Sequence[Away] = ()
    dead: frozenset[int] = frozenset()  #: entries that the journal shows as dead letters
    open: frozenset[int] = frozenset()  #: entries that were still unfinished when time was up
    checks: Sequence[Check] = ()
    lag: float = 0.0  #: seconds by which the harness itself was late, at most
    frozen: Sequence[Frozen] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a scenario's promises are measured by.  Seconds."""

    answer_within: float = 5.0  #: what the store's platform waits
    margin: float = 0.75  #: of it, the part that is left for the way back
    request_timeout: float = 5.0  #: what the bridge waits for the destination
    settles_within: float = 2.0  #: an answer of the destination is in the journal after this time
    dead_letters: bool = False  #: whether events that are no poison may end as dead letters


@dataclass(slots=True)
class Book:
    """A ledger while it is being written."""

    events: dict[str, Event] = field(default_factory=dict)
    tries: list[Try] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    killed: list[Killed] = field(default_factory=list)
    frozen: list[Frozen] = field(default_factory=list)
    away: list[Away] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    lag: float = 0.0

    def close(self, dead: frozenset[int], open_: frozenset[int]) -> Ledger:
        """Give what was written, with what the journal says at the end."""
        return Ledger(
            tuple(self.events.values()),
            tuple(self.tries),
            tuple(self.accepted),
            tuple(self.killed),
            tuple(self.away),
            dead,
            open_,
            tuple(self.checks),
            self.lag,
            tuple(self.frozen),
        )
