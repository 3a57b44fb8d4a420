"""The benchmark runs, and measures what it says; how long anything takes is no test's business."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.load import Loaded
from bridge.plan import Plan
from tests.bench import mapping
from tests.house import ORDER


@pytest.mark.parametrize("lines", [1, 3])
def test_an_order_has_as_many_lines_as_are_wanted_and_they_add_up(lines: int, loaded: Loaded):
    planned = mapping.stages(loaded, lines)["plan"]()

    assert isinstance(planned, Plan)
    document = planned.payloads[ORDER].document
    assert [Decimal("98.10")] * lines == [one["ProductPrice"] for one in document["Products"]]


def test_a_short_run_tells_every_room_for_every_length(tmp_path: Path, capsys):
    file = tmp_path / "found.json"

    mapping.main(["--lines", "1,2", "--seconds", "0", "--json", str(file)])

    found = json.loads(file.read_text())
    printed = capsys.readouterr().out
    for lines in (1, 2):
        measured = {one["stage"]: one for one in found if one["lines"] == lines}
        assert {mapping.BY_HAND, mapping.BOTH_HOPS, "parse", "plan"} <= set(measured)
        assert measured[mapping.BY_HAND]["to_hand"] == 1
        assert all(0 < one["best"] <= one["median"] for one in measured.values())
        assert all(stage in printed for stage in measured)
