"""
What a source file says, checked and compiled: how a platform's webhook is proven and read.

`bridge.mapping.source_file` makes these values of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from bridge.event import EventType
from bridge.mapping.compile import Compiled, Run
from bridge.mapping.expression import Named, Path
from bridge.mapping.lines import Place
from bridge.mapping.settings import Rules
from bridge.mapping.template import Branch
from bridge.mapping.text import Text

EVENT_TYPES: tuple[str, ...] = get_args(EventType)


@dataclass(frozen=True, slots=True)
class Engine:
    """How a signature is checked, as the verifying room reads it from a table."""

    scheme: Any
    covers_body: bool  #: else only what is fetched may be believed
    signs_url: bool = False  #: a store must say its public address


#: Reads the table of one engine: the engine, or what is wrong as (key, message).
EngineReader = Callable[[Mapping[str, Any]], Engine | Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Verification:
    """One `[verify.ENGINE]`."""

    engine: Engine
    keys: Text | None


@dataclass(frozen=True, slots=True)
class Handshake:
    """A request that is no webhook and is answered at once."""

    when: tuple[Compiled, ...]
    answer: Text
    method: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """One call to the store for what the webhook leaves out."""

    name: str
    method: str
    url: Text
    headers: tuple[tuple[str, Text], ...]
    body: Run | None
    form: bool
    topics: frozenset[str] | None  #: None: all
    when: tuple[Compiled, ...]
    optional: bool
    keep: float  #: seconds that an answer may be used again


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What the platform wants of an answer."""

    within: float = 5.0  #: seconds until it gives up
    retries: bool = False
    retry_window: float = 0.0  #: seconds over which it repeats
    body: str | None = None  #: literal body of a success


@dataclass(frozen=True, slots=True)
class Source:
    """A checked and compiled source file."""

    platform: str
    file: str
    settings: Rules
    verify: Mapping[str, Verification]
    handshakes: tuple[Handshake, ...]
    topic: Compiled
    key: tuple[Compiled, ...]
    tenant: Compiled | None
    occurred_at: Compiled | None
    parse: tuple[Path, ...]
    answer: AnswerPolicy
    fetches: tuple[Fetch, ...]
    topics: Mapping[str, tuple[str, ...]]
    when: Mapping[str, tuple[Compiled, ...]]
    order: Branch | None
    order_customer: Branch | None
    customer: Branch | None
    reads: tuple[tuple[Path, Place], ...]  #: every path in the file
    name: str = ""  #: as people write it
    rests_on: str = ""  #: what the file was tried on
    experimental: bool = False  #: too little is known of the platform to rely on the file

    @property
    def headers(self) -> frozenset[str]:
        """The headers that the file reads; the journal keeps no others."""
        return self._names("header") | {"content-type"}

    @property
    def secrets(self) -> frozenset[str]:
        """The tokens that its fetches use, as a store names them."""
        return self._names("secret")

    def _names(self, root: str) -> frozenset[str]:
        return frozenset(
            path.steps[0].name
            for path, _ in self.reads
            if path.root == root and path.steps and isinstance(path.steps[0], Named)
        )
