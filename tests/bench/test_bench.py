"""The benchmarks run: small, and with no word about times."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from bridge.docs import rewrite
from tests.bench.__main__ import main
from tests.bench.contenders import CONTENDERS, PATH, Place
from tests.bench.journal import main as measure_journals
from tests.bench.processes import free_port, running
from tests.bench.promises import main as measure_promises
from tests.bench.sheet import ROOT, Sheet
from tests.bench.storefront import is_complete, sample


def test_the_bridge_is_measured_beside_a_relay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = tmp_path / "bench.json"
    names = ["relay", "least", "bridge-sqlite"]
    only = [word for name in names for word in ("--only", name)]

    code = main([*only, "--rounds", "1", "--seconds", "0.2", "--json", str(told)])

    assert code == 0
    found = json.loads(told.read_text())
    assert [one["name"] for one in found] == names
    assert set(found[0]) == {
        "name",
        "requests_per_second",
        "p50_ms",
        "p99_ms",
        "cpu_us_per_request",
        "ratio_to_relay",
    }
    assert found[0]["ratio_to_relay"] == 1
    assert all(one["requests_per_second"] > 0 for one in found)
    assert "bridge-sqlite" in capsys.readouterr().out


def test_the_least_that_is_safe_tells_no_store_that_all_is_well_when_it_is_not(
    tmp_path: Path,
) -> None:
    order = sample()
    least = next(one for one in CONTENDERS if one.name == "least")
    place = Place(free_port(), f"http://127.0.0.1:{free_port()}", tmp_path, order.shop.decode())
    head, _, body = next(order.requests(PATH)).partition(b"\r\n\r\n")
    fields = (line.partition(b": ") for line in head.split(b"\r\n")[1:])
    headers = {name: value for name, _, value in fields}

    with running(least.start(place), place.port, tmp_path):
        url = f"http://127.0.0.1:{place.port}{PATH}"
        first, again = (httpx.post(url, headers=headers, content=body) for _ in range(2))

    assert (first.status_code, again.status_code) == (502, 503)


def test_promises_are_measured(tmp_path: Path) -> None:
    told = tmp_path / "promises.json"

    only = [word for name in ("start", "latency") for word in ("--only", name)]
    measure_promises(["--scale", "0.01", *only, "--json", str(told)])

    found = {one["name"]: one for one in json.loads(told.read_text())}
    assert [*found] == ["start to first answer", "added latency, median", "added latency, p99"]
    assert found["start to first answer"]["measured"] > 0
    assert "the bare relay adds" in found["added latency, median"]["about"]


def test_an_old_journal_is_measured_beside_an_empty_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measure_journals(["--entries", "500", "--seconds", "0.1", "--rounds", "1"])

    told = capsys.readouterr().out
    assert all(name in told for name in ("sqlite, full", "postgres, full"))


def test_what_was_found_is_shown_in_the_readme(tmp_path: Path) -> None:
    (tmp_path / "tests" / "bench").mkdir(parents=True)
    readme = tmp_path / "README.md"
    readme.write_text("# A\n\n<!-- bench-speed:begin -->\n<!-- bench-speed:end -->\n\nB\n")

    Sheet(("who", "how", "much"), [("a", "b", "1")], ["C."], frozenset({"how"})).publish(
        "speed", tmp_path
    )

    told = (tmp_path / "tests" / "bench" / "results" / "speed.md").read_text()
    assert told.startswith("| who | how | much |\n| --- | --- | ---: |\n| a | b | 1 |\n\n")
    assert "Python" in told
    assert "starlette" in told
    assert told.endswith(" C.\n")
    shown = f"<!-- bench-speed:begin -->\n{told}<!-- bench-speed:end -->"
    assert readme.read_text() == f"# A\n\n{shown}\n\nB\n"


@pytest.mark.parametrize("name", ["contenders", "promises", "journal"])
def test_the_readme_shows_what_the_files_say(name: str) -> None:
    made = (ROOT / "tests" / "bench" / "results" / f"{name}.md").read_text()
    readme = (ROOT / "README.md").read_text()
    assert rewrite(readme, f"bench-{name}", made) == readme


def test_the_order_is_of_the_size_that_is_told_and_signed_anew_each_time() -> None:
    order = sample()
    requests = order.requests("/webhooks/shop")

    first, second = next(requests), next(requests)

    assert 5_500 < len(order.body) < 7_500
    assert len(first) == len(second)
    assert first != second


@pytest.mark.parametrize(
    ("message", "complete"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nO", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK", True),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nOK\r\n", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n", False),
    ],
)
def test_an_answer_is_waited_for_to_its_end(message: bytes, complete: bool) -> None:
    assert is_complete(message) == complete
