"""One tiny scenario from end to end, so that the harness itself cannot rot unseen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.settings import read_settings
from tests.chaos.__main__ import main
from tests.chaos.journals import Hosts
from tests.chaos.scenarios import ALL
from tests.chaos.scenarios.destinations import SCENARIOS
from tests.chaos.world import FULL, QUICK, Scenario, Setup, Size, environment_of, play


async def test_a_destination_that_keeps_answers_back_doubles_nothing_unexplained(
    tmp_path: Path,
) -> None:
    scenario = next(one for one in SCENARIOS if one.name == "half-an-answer")
    small = replace(scenario, setup=Setup(nodes=1))
    size = replace(QUICK, orders=8, seconds=0.5, fault=0.2, quiet=0.1)

    async with Hosts() as hosts:
        report = await play(small, "sqlite", size, 1, hosts, tmp_path)

    assert report.trouble == ""
    found = report.judgement
    assert found is not None
    assert found.events > 8
    assert (found.lost, found.doubled, found.backward, found.unfinished) == ([], [], [], 0)


def test_scenarios_are_listed_with_a_sentence_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0

    printed = capsys.readouterr().out
    assert len({one.name for one in ALL}) == len(ALL)
    assert all(f"{one.name}  {one.about}" in printed for one in ALL)
    assert all(one.about.endswith(".") for one in ALL)


@pytest.mark.parametrize("size", [QUICK, FULL], ids=lambda size: size.name)
@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_the_bridge_takes_the_times_of_a_scenario(
    scenario: Scenario, size: Size, tmp_path: Path
) -> None:
    environment = environment_of(tmp_path, "sqlite:///journal.db", size, scenario.setup)

    settings = read_settings(environment)

    assert settings.flights_end_after == scenario.setup.flights_end_after
