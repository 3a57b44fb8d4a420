"""
What a source file says, checked and compiled: how a platform's webhook is proven and read.

`bridge.mapping.source_file` makes these values of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from bridge.event import EventType
from bridge.mapping.compile import Compiled
from bridge.mapping.expression import Named, Path
from bridge.mapping.lines import Place
from bridge.mapping.settings import Rules
from bridge.mapping.template import Branch, expressions
from bridge.mapping.text import Text
from bridge.mapping.write import Run

EVENT_TYPES: tuple[str, ...] = get_args(EventType)


@dataclass(frozen=True, slots=True)
class Engine:
    """How a sender is proven, as the verifying room reads it from a table."""

    scheme: Any
    covers_body: bool  #: else only what is fetched may be believed
    signs_url: bool = False  #: a store must say its public address
    signs: frozenset[tuple[str, ...]] = frozenset()  #: single values that are signed, by path
    needs_secrets: bool = True  #: a store must name some
    needs_token: bool = False  #: the bridge must be able to make tokens
    in_path: bool = False  #: the secret stands behind the store in the address
    body_is_token: bool = False  #: what the platform says are the claims in it
    unproven: str = ""  #: why nothing is proven at all


#: Reads the table of one engine: the engine, or what is wrong as (key, message).
EngineReader = Callable[[Mapping[str, Any]], Engine | Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Verification:
    """One `[verify.NAME]`."""

    engine: Engine
    keys: Text | None


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that a handshake must carry."""

    schemes: tuple[Any, ...]  #: any of them, by what was signed
    secret: Compiled | None  #: its key; None: the store's own secrets
    optional: bool  #: checked only where there is one


@dataclass(frozen=True, slots=True)
class Handshake:
    """A request that is no webhook and is answered at once."""

    when: tuple[Compiled, ...]
    answer: Text
    json: Run | None  #: instead of the text
    method: str
    signed: tuple[Signed, ...]  #: all of them; none: anyone may ask, and is told what he sent
    tenant: Compiled | None  #: must be the store's


@dataclass(frozen=True, slots=True)
class Pages:
    """How a list goes on: the same call with a number of the page in its query, from 2."""

    query: str
    size: int  #: elements of a page; one with fewer is the last
    most: int  #: pages


@dataclass(frozen=True, slots=True)
class Fetching:
    """What the API of one store bears."""

    per_second: float | None = None  #: requests, evenly spread
    at_once: int | None = None  #: webhooks that fetch at the same moment


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
    pages: Pages | None
    secrets: tuple[str, ...]  #: the tokens to look at when it is denied


#: What a request of a platform about somebody's data wants.
Does = Literal["erase_customer", "erase_store", "report_customer"]


@dataclass(frozen=True, slots=True)
class Privacy:
    """A request to erase, or to tell, what is kept of a customer or of the whole store."""

    topics: tuple[str, ...]
    does: Does
    when: tuple[Compiled, ...]  #: all must hold: the name of a topic proves nothing
    customer: Branch | None  #: id, email, document
    orders: Compiled | None  #: ids of orders that are his


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What the platform wants of an answer."""

    within: float = 5.0  #: seconds until it gives up
    retries: bool = False
    retry_window: float = 0.0  #: seconds over which it repeats
    body: str | None = None  #: literal body of a success
    media_type: str = "text/plain"  #: of that body


@dataclass(frozen=True)
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
    methods: tuple[str, ...]  #: of requests that are webhooks
    answer: AnswerPolicy
    fetches: tuple[Fetch, ...]
    fetching: Fetching
    topics: Mapping[str, tuple[str, ...]]
    when: Mapping[str, tuple[Compiled, ...]]
    order: Branch | None
    order_customer: Branch | None
    customer: Branch | None
    privacy: tuple[Privacy, ...]
    reads: tuple[tuple[Path, Place], ...]  #: every path in the file
    name: str = ""  #: as people write it
    rests_on: str = ""  #: what the file was tried on
    experimental: bool = False  #: too little is known of the platform to rely on the file

    @cached_property
    def headers(self) -> frozenset[str]:
        """The headers that the file reads; the journal keeps no others."""
        return self._names("header") | {"content-type"}

    @cached_property
    def queries(self) -> frozenset[str]:
        """The query parameters that the file reads; a secret in the query is none of them."""
        return self._names("query")

    @cached_property
    def tells_url(self) -> bool:
        """Whether a handshake tells the store's public address."""
        return any(path.root == "url" for path, _ in self.reads)

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The tokens that its fetches use, as a store names them."""
        return self._names("secret")

    @cached_property
    def resources(self) -> frozenset[str]:
        """
        What is read after the fetches; the journal keeps no others.

        A token that one fetch gets for the next is none of them.
        """
        branches = (self.order, self.order_customer, self.customer)
        mapped = (
            *self.key,
            *((self.occurred_at,) if self.occurred_at else ()),
            *(one for conditions in self.when.values() for one in conditions),
            *(one for branch in branches if branch for one in expressions(branch)),
        )
        return _first_names("resource", (path for one in mapped for path in one.paths))

    def _names(self, root: str) -> frozenset[str]:
        return _first_names(root, (path for path, _ in self.reads))


def _first_names(root: str, paths: Iterable[Path]) -> frozenset[str]:
    return frozenset(
        path.steps[0].name
        for path in paths
        if path.root == root and path.steps and isinstance(path.steps[0], Named)
    )
