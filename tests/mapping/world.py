"""A small valid world of two sources and two endpoints, and how its files are checked."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel

from bridge.engines import ENGINES
from bridge.mapping.accounts import EndpointNeeds
from bridge.mapping.check import Checked, Files, World, check
from bridge.mapping.library import BUILT_IN
from bridge.mapping.settings import Rule

VALID = Path(__file__).parent / "valid"


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


def _wrong_prefix(text: str) -> str:
    return "" if text in ("", "/v2") else "wanted /v2 or nothing"


WORLD = World(
    models={"vendor.order": Order, "vendor.customer": Customer},
    needs={
        "vendor.order": EndpointNeeds(
            (("token",),),
            "https://api.vendor.example",
            {
                "region": Rule("region", "Region of the account.", "eu", one_of=("eu", "us")),
                "prefix": Rule("prefix", "Prefix of the path.", wrong=_wrong_prefix),
            },
        ),
        "vendor.customer": EndpointNeeds((("token",),), None),
    },
    engines=ENGINES,
    functions=BUILT_IN,
)


def texts(folder: str) -> dict[str, str]:
    """The valid files of a folder, by the name that messages use."""
    return {
        f"{folder}/{file.name}": file.read_text() for file in sorted((VALID / folder).iterdir())
    }


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
    last = None if connections is None else ("connections.toml", connections)
    files = Files(sources, destinations, last)
    return check(files, WORLD)
