"""What goes wrong, one function each; a module for each thing that can be harmed."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.scenarios import destinations, journals, loads, processes
from tests.chaos.world import Scenario

ALL: Sequence[Scenario] = (
    *processes.SCENARIOS,
    *destinations.SCENARIOS,
    *journals.SCENARIOS,
    *loads.SCENARIOS,
)
