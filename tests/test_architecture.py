"""The rules of the house that matter are executed: who may import whom, and who knows what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "bridge"
MODULES = sorted(HOUSE.rglob("*.py"))

#: From the outside in.  A module imports rooms of its own row and of rows below it.
ROWS = [
    {
        "app",
        "cli",
        "demo",
        "docs",
        "dry",
        "entries",
        "explain",
        "journal_cli",
        "letters",
        "replay",
        "tell",
        "pages",
        "purges",
        "schema",
        "send",
        "sandbox",
    },
    {
        "receive",
        "handshake",
        "pipeline",
        "park",
        "deliver",
        "plan",
        "record",
        "fixtures",
        "load",
        "engines",
        "logs",
    },
    {
        "breaker",
        "client",
        "erase",
        "flights",
        "forward",
        "hydrate",
        "journal",
        "jwks",
        "lag",
        "limits",
        "logins",
        "server",
        "settings",
        "slots",
    },
    {"verify", "mapping", "destinations", "answer", "redact", "tokens", "derive"},
    {
        "causes",
        "types",
        "event",
        "errors",
        "fields",
        "kinds",
        "currency",
        "phones",
        "compact",
        "exact",
        "python",
        "retry_after",
    },
]
#: Rooms that are functions of values: they read no clock and touch nothing outside.
PURE = {"verify", "mapping", "destinations", "answer", "redact", "derive", "event", "fields"} | {
    "types", "errors", "kinds", "currency", "plan", "record", "tokens", "engines", "phones",
    "compact", "exact", "python", "retry_after", "causes", "breaker",
}  # fmt: skip
OUTSIDE = {"starlette", "sqlite3", "os", "time", "asyncio", "httpx", "socket", "subprocess"}
#: Sources that are a specification which anyone may follow, and no platform.
STANDARDS = {"standard-webhooks"}
#: Side by side, and none of their business.
STRANGERS = [("mapping", "destinations"), ("mapping", "verify"), ("destinations", "verify")]


def room(module: str) -> str:
    """``bridge.mapping.run`` -> ``mapping``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and not parts[1].startswith("__") else ""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module that *path* imports, those inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import absolutely"
            module = node.module or ""
            found |= {f"{module}.{alias.name}" if module == "bridge" else module
                      for alias in node.names}  # fmt: skip
    return found


def row(name: str) -> int:
    for number, rooms in enumerate(ROWS):
        if name in rooms:
            return number
    raise AssertionError(f"room '{name}' is in no row of the house: say in ROWS where it belongs")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_inwards(path: Path) -> None:
    own = room(name_of(path))
    if not own:
        return
    for imported in imports(path):
        other = room(imported)
        if imported.startswith("bridge.") and other and other != own:
            assert row(own) <= row(other), f"{own} must not import {imported}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_pure_rooms_touch_nothing_outside(path: Path) -> None:
    if room(name_of(path)) in PURE:
        crossed = {one for one in imports(path) if one.split(".")[0] in OUTSIDE}
        assert not crossed, f"{name_of(path)} must not import {sorted(crossed)}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
@pytest.mark.parametrize(("left", "right"), STRANGERS)
def test_neighbours_do_not_know_each_other(path: Path, left: str, right: str) -> None:
    pair = {left: right, right: left}
    stranger = pair.get(room(name_of(path)))
    if stranger:
        assert not [one for one in imports(path) if room(one) == stranger]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_sandbox_stands_on_the_contracts_and_not_on_our_models(path: Path) -> None:
    if room(name_of(path)) == "sandbox":
        assert not [one for one in imports(path) if room(one) == "destinations"]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_verifying_room_vouches_for_a_sender(path: Path) -> None:
    if room(name_of(path)) not in ("verify", "types"):
        assert "VerifiedRequest(" not in path.read_text()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_settings_read_the_environment(path: Path) -> None:
    # The demonstration hands an environment to the processes that it starts.
    if room(name_of(path)) not in ("settings", "demo"):
        text = path.read_text()
        assert "os.environ" not in text
        assert "getenv" not in text


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_bridge_knows_no_platform(path: Path) -> None:
    """A platform is one mapping file; a line in the code would be the second place."""
    sources = {file.stem for file in (ROOT / "mappings" / "sources").glob("*.toml")}
    platforms = sorted(sources - STANDARDS)
    text = path.read_text().lower()

    assert platforms
    assert [name for name in platforms if name in text] == []


def test_the_top_level_is_what_the_owner_named() -> None:
    allowed = {"bridge", "mappings", "tests", "deploy", "pyproject.toml", "README.md"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}

    assert found <= allowed
