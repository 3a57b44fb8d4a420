"""
How long one webhook takes from its bytes to a payload's document and fingerprint, room by room.

    python -m tests.bench.mapping [--json FILE] [--lines 1,5,50,500] [--seconds 2]

An order of a fixture gets as many lines as are wanted.  All rooms are measured in turn, a few calls
each, so that whatever else the machine does meets each of them alike; the best call says what the
code costs, the median what a busy machine makes of it.  The yardstick is the same
order mapped by hand, in `tests.bench.by_hand`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from bridge import exact
from bridge.destinations import ENDPOINTS
from bridge.destinations.endpoint import document, fingerprint
from bridge.event import Event
from bridge.load import Loaded, load, strict
from bridge.mapping.body import read_body
from bridge.mapping.payload import map_payload
from bridge.mapping.run import map_event, read_head, scope_of
from bridge.plan import plan
from bridge.types import InboundRequest, Skipped
from bridge.verify import Proofs, restore, verify
from tests.bench.by_hand import order_document
from tests.house import ORDER, SECRET, store_route, webhook

LINES = (1, 5, 50, 500)
MAPPINGS = Path(__file__).parents[2] / "mappings"
#: Measured together, and what the issue asks for: parsed body -> event -> payload -> document.
BOTH_HOPS = "both hops"
BY_HAND = "by hand"
#: Calls of one room in a row, before the next one's turn.
BURST = 10

Stage = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one room took for one call, in microseconds."""

    stage: str
    lines: int
    best: float
    median: float
    to_hand: float  #: times the best of the mapping by hand


def order_of(lines: int) -> InboundRequest:
    """Make a webhook of the fixture ``order_paid`` with so many lines, and a total that fits."""
    body = json.loads(webhook().body, parse_float=Decimal)
    pattern = body["line_items"]
    body["line_items"] = [
        {**pattern[at % len(pattern)], "id": 15100000000001 + at, "product_id": 9700000000001 + at}
        for at in range(lines)
    ]
    body["total_price"] = str(Decimal("98.10") * lines + Decimal("15.90"))
    return webhook(body=exact.write(body))


def stages(loaded: Loaded, lines: int) -> Mapping[str, Stage]:
    """Give the rooms that an order of so many lines goes through, each with what it is given."""
    request = order_of(lines)
    route = store_route(loaded)
    source, (connection,) = route.source, route.store.endpoints
    destination, endpoint, _ = route.destinations[ORDER]
    model = ENDPOINTS[ORDER].model
    verified = restore(request, "bench")
    body = read_body(request)
    scheme, proofs = source.verify["hmac"].engine.scheme, Proofs(secrets=(SECRET,))
    now = datetime.now(UTC)

    def head() -> Any:
        scope = scope_of(source, request, body, route.store.settings, {}, route.tokens)
        return scope, read_head(source, scope)

    scope, known = head()

    def event() -> Event:
        found = map_event(source, verified, scope, known)
        assert isinstance(found, Event)
        return found

    def payload(event: Event) -> Any:
        made = map_payload(
            destination, model, event, event.namespaces(), connection, connection.settings
        )
        assert not isinstance(made, Skipped)
        return made

    mapped = event()
    made = payload(mapped)
    values = made.model_dump(exclude_unset=True)
    filled = document(made)
    assert filled == order_document(body)
    return {
        BY_HAND: lambda: order_document(body),
        "verify": lambda: verify(request, scheme, proofs, now=now),
        "parse": lambda: read_body(request),
        "head": head,
        "event": event,
        "payload": lambda: payload(mapped),
        "its validation": lambda: model.model_validate(values),
        "document": lambda: document(made),
        BOTH_HOPS: lambda: document(payload(event())),
        "fingerprint": lambda: fingerprint(endpoint, filled),
        "encode": lambda: exact.write(filled),
        "plan": lambda: plan(verified, route, {}),
    }


def measure(loaded: Loaded, lines: int, seconds: float) -> list[Measured]:
    """
    Measure every room for an order of so many lines.

    Args:
        seconds: How long to go on; every room has one turn at least.
    """
    rooms = stages(loaded, lines)
    taken: dict[str, list[int]] = {name: [] for name in rooms}
    clock = time.perf_counter_ns
    end = time.monotonic() + seconds
    while time.monotonic() < end or not taken[BY_HAND]:
        for name, room in rooms.items():
            for _ in range(BURST):
                began = clock()
                room()
                taken[name].append(clock() - began)
    hand = min(taken[BY_HAND])
    return [
        Measured(
            name,
            lines,
            round(min(times) / 1000, 1),
            round(median(times) / 1000, 1),
            round(min(times) / hand, 2),
        )
        for name, times in taken.items()
    ]


def table(found: Sequence[Measured]) -> str:
    """Write what was measured: a row a room, and best, median and ratio for each length."""
    lengths = list(dict.fromkeys(one.lines for one in found))
    rows = [
        f"{'µs: best, median, times by hand':34}"
        + "".join(f"{n:>9} lines          " for n in lengths)
    ]
    for stage in dict.fromkeys(one.stage for one in found):
        cells = [
            f"{one.best:9.1f} {one.median:8.1f} {one.to_hand:5.1f}"
            for one in found
            if one.stage == stage
        ]
        rows.append(f"{stage:34}" + "".join(cells))
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write it as JSON where that is wanted."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mapping")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    parser.add_argument("--lines", default=",".join(map(str, LINES)), help="lengths of orders")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each length")
    chosen = parser.parse_args(arguments)
    loaded = strict(load(MAPPINGS))
    found = [
        one
        for lines in chosen.lines.split(",")
        for one in measure(loaded, int(lines), chosen.seconds)
    ]
    print(table(found))
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
