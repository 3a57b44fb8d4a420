"""A bridge with one store and its journal, as its operator has it before them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from bridge import tell
from bridge.entries import list_entries
from bridge.journal.protocol import Filter
from bridge.load import Loaded
from bridge.pipeline import process
from bridge.settings import Settings, read_settings
from bridge.types import InboundRequest
from tests.conftest import ROOT
from tests.house import Outside, opened, rooms_of, store_route

CONNECTIONS = """
[stores.shop]
source  = "shopify"
tenant  = "casa-inventada.myshopify.com"
secrets = ["SHOP_SECRET"]
[stores.shop.endpoints."bonifiq.order"]
credentials = { user = "SHOP_TOKEN", password = "SHOP_KEY" }
"""


def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a bridge with one store, as its environment says them."""
    mappings = tmp_path / "mappings"
    mappings.mkdir()
    for name in ("sources", "destinations"):
        (mappings / name).symlink_to(ROOT / "mappings" / name)
    (mappings / "connections.toml").write_text(CONNECTIONS)
    for name in ("SHOP_SECRET", "SHOP_TOKEN", "SHOP_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("BRIDGE_MAPPINGS", str(mappings))
    monkeypatch.setenv("BRIDGE_JOURNAL", f"sqlite:///{tmp_path}/journal.db")
    return read_settings()


async def posted(
    tmp_path: Path,
    loaded: Loaded,
    outside: Outside,
    *all_: InboundRequest,
    endpoints: tuple[str, ...] = ("bonifiq.order",),
) -> None:
    """Let webhooks come."""
    async with opened(tmp_path) as journal:
        rooms = rooms_of(journal, outside, store_route(loaded, endpoints=endpoints))
        for request in all_:
            await process(request, rooms, started=rooms.clock())


def corrected(tmp_path: Path, kind: str, name: str, old: str, new: str) -> None:
    """Correct a line of a mapping file."""
    folder = tmp_path / "mappings" / kind
    if folder.is_symlink():
        folder.unlink()
        folder.mkdir()
        for file in (ROOT / "mappings" / kind).glob("*.toml"):
            (folder / file.name).symlink_to(file)
    file = folder / name
    text = file.read_text()
    assert old in text
    file.unlink()
    file.write_text(text.replace(old, new))


async def listed(settings: Settings, wanted: Filter) -> list[str]:
    """What `bridge journal list` prints into a pipe."""
    return printed(tell.ENTRY_HEADS, [*tell.entry_rows(await list_entries(settings, wanted))])


def printed(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """What is printed into a pipe."""
    out = io.StringIO()
    tell.show(heads, rows, "no entry", Console(file=out, width=40))
    return out.getvalue().splitlines()
