"""
Every mistake of every file is told at load, with its line and column, and what to do about it.

The files in `invalid/` are named after their mistake.  A message stands in a comment where it
belongs: ``#! COLUMN: message`` at the end of its line, ``#!! message`` at the top for the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel

from bridge.engines import ENGINES
from bridge.mapping.check import Checked, Files, World, check, told
from bridge.mapping.connections import EndpointNeeds
from bridge.mapping.library import BUILT_IN

HERE = Path(__file__).parent
VALID, INVALID = HERE / "valid", HERE / "invalid"
ON_A_LINE = re.compile(r"#! (\d+): (.*?)(?= *#! \d+: |$)")
OF_THE_FILE = re.compile(r"^#!! (.*)$")


class Line(BaseModel):
    Name: str | None = None


class Place(BaseModel):
    City: str


class Order(BaseModel):
    Id: str
    Total: Decimal
    Buyer: str | None = None
    PlacedAt: datetime | None = None
    Done: bool | None = None
    Address: Place | None = None
    Lines: list[Line] | None = None


class Customer(BaseModel):
    Id: str
    Programme: str


WORLD = World(
    models={"vendor.order": Order, "vendor.customer": Customer},
    needs={
        "vendor.order": EndpointNeeds(("token",), "https://api.vendor.example"),
        "vendor.customer": EndpointNeeds(("token",), None),
    },
    engines=ENGINES,
    functions=BUILT_IN,
)


def texts(folder: str) -> dict[str, str]:
    """The valid files of a folder, by the name that messages use."""
    return {f"{folder}/{file.name}": file.read_text() for file in sorted((VALID / folder).iterdir())}


def checked(
    source: str | None = None, destination: str | None = None, connections: str | None = None
) -> Checked:
    """Check the valid files, with one or more of them replaced."""
    sources, destinations = texts("sources"), texts("destinations")
    if source is not None:
        sources["sources/acme.toml"] = source
    if destination is not None:
        destinations["destinations/vendor_order.toml"] = destination
    if connections is None and source is destination is None:
        connections = (VALID / "connections.toml").read_text()
    files = Files(
        sources, destinations, connections and ("connections.toml", connections) or None
    )
    return check(files, WORLD)


def written_in(text: str) -> Iterator[tuple[int, int, str]]:
    """The problems that a wrong file announces."""
    for number, line in enumerate(text.splitlines(), 1):
        if whole := OF_THE_FILE.match(line):
            yield 1, 1, whole[1]
        else:
            for column, message in ON_A_LINE.findall(line):
                yield number, int(column), message


def found_in(checked: Checked, file: str) -> list[tuple[int, int, str]]:
    """The problems of a file, as they are told; there are none in other files."""
    assert {problem.file for problem in checked.problems} <= {file}
    return [
        (one.line, one.column, f"{one.field}: {one.message}" if one.field else one.message)
        for one in checked.problems
    ]


def wrong_files(folder: str) -> list[Path]:
    return sorted((INVALID / folder).glob("*.toml"))


@pytest.mark.parametrize("file", wrong_files("sources"), ids=lambda file: file.stem)
def test_a_wrong_source_file_is_told_as_it_says(file):
    text = file.read_text()

    assert sorted(written_in(text)) == found_in(checked(source=text), "sources/acme.toml")


@pytest.mark.parametrize("file", wrong_files("destinations"), ids=lambda file: file.stem)
def test_a_wrong_destination_file_is_told_as_it_says(file):
    text = file.read_text()

    found = found_in(checked(destination=text), "destinations/vendor_order.toml")
    assert sorted(written_in(text)) == found


@pytest.mark.parametrize("file", wrong_files("connections"), ids=lambda file: file.stem)
def test_a_wrong_connections_file_is_told_as_it_says(file):
    text = file.read_text()

    assert sorted(written_in(text)) == found_in(checked(connections=text), "connections.toml")
