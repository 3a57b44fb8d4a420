"""What the documentation says is true: its tables are generated, its examples are checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge import engines
from bridge.cli import app
from bridge.destinations import ENDPOINTS
from bridge.docs import rewrite
from bridge.engines import ENGINES
from bridge.event import Customer, Facts, Item, Order
from bridge.load import Loaded
from bridge.mapping import (
    accounts,
    connections,
    destination,
    fetches,
    handshakes,
    privacy,
    settings,
    source_file,
)
from bridge.mapping.accounts import EndpointNeeds
from bridge.mapping.check import Files, World, check
from bridge.mapping.functions import read_functions
from bridge.mapping.library import BUILT_IN
from bridge.pages import outdated
from bridge.settings import Settings
from tests.conftest import ROOT

GUIDE = ROOT / "mappings" / "README.md"
NEEDS = {name: EndpointNeeds(one.credentials, one.base_url) for name, one in ENDPOINTS.items()}
WORLD = World({name: one.model for name, one in ENDPOINTS.items()}, NEEDS, ENGINES, BUILT_IN)


def blocks(text: str, info: str) -> Iterator[str]:
    """The fenced blocks of a page that are marked with *info*."""
    yield from re.findall(rf"^ *```{info}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def shipped(folder: str) -> dict[str, str]:
    paths = sorted((ROOT / "mappings" / folder).glob("*.toml"))
    return {f"{folder}/{path.name}": path.read_text() for path in paths}


def only(info: str) -> str:
    found = list(blocks(GUIDE.read_text(), info))
    assert len(found) == 1
    return found[0]


def test_the_generated_pages_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    assert outdated(ROOT) == [], "run: bridge docs --write"


def test_the_example_of_a_source_file_is_right() -> None:
    found = check(Files({"sources/acme.toml": only("toml source")}, {}, None), WORLD)

    assert found.problems == ()
    assert list(found.sources) == ["acme"]


def test_the_example_of_a_handshake_is_right() -> None:
    text = only("toml source") + only("toml handshake")

    assert check(Files({"sources/acme.toml": text}, {}, None), WORLD).problems == ()


def test_the_example_of_a_destination_file_is_right() -> None:
    found = check(Files({}, {"destinations/one.toml": only("toml destination")}, None), WORLD)

    assert found.problems == ()


@pytest.mark.parametrize("page", ["mappings/README.md", "README.md"])
def test_the_examples_of_connections_are_right(page: str) -> None:
    text = (ROOT / page).read_text()
    info = "toml connections" if page.startswith("mappings") else "toml"
    for example in blocks(text, info):
        files = Files(shipped("sources"), shipped("destinations"), ("connections.toml", example))
        found = check(files, WORLD)

        assert found.problems == ()
        assert found.stores


def test_the_commented_example_in_connections_is_right() -> None:
    text = (ROOT / "mappings" / "connections.toml").read_text()
    lines = [line.removeprefix("#").removeprefix(" ") for line in text.splitlines()]
    example = "\n".join(lines[lines.index(next(one for one in lines if one.startswith("["))) :])
    files = Files(shipped("sources"), shipped("destinations"), ("connections.toml", example))

    assert check(files, WORLD).problems == ()


def test_the_example_of_a_function_is_right() -> None:
    namespace: dict[str, Any] = {"__name__": "example"}
    exec(only("python"), namespace)

    assert list(read_functions(namespace)) == ["without_prefix"]


def test_every_field_of_the_event_is_in_the_table() -> None:
    text = GUIDE.read_text()
    for namespace, model in (
        ("event", Facts),
        ("order", Order),
        ("item", Item),
        ("customer", Customer),
    ):
        for name in model.model_fields:
            assert f"`{namespace}.{name}`" in text


def test_every_key_of_every_file_is_in_the_guide() -> None:
    text = GUIDE.read_text()
    known = {
        *(source_file._TOP + source_file._WEBHOOK + source_file._ANSWER),
        *(
            handshakes.KEYS
            + handshakes.SIGNED_KEYS
            + fetches.KEYS
            + fetches.PAGES_KEYS
            + fetches.FETCHING_KEYS
            + privacy.KEYS
            + privacy.DOES
            + tuple(privacy.Person.model_fields)
            + settings._KEYS
        ),
        *engines.KEYS,
        *(destination._TOP + destination._PAYLOAD),
        *(connections._STORE + accounts._ENDPOINT),
    }

    spans = " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
    assert known - set(re.findall(r"\w+", spans)) == set()
    assert all(f"| `{engine}` |" in text for engine in ENGINES)


def test_every_platform_and_function_is_in_the_tables(loaded: Loaded) -> None:
    readme, guide = (ROOT / "README.md").read_text(), GUIDE.read_text()
    for source in loaded.checked.sources.values():
        assert f"[{source.name}]({source.file})" in readme
    for name in BUILT_IN:
        assert f"| `{name}" in guide


def test_the_readme_names_every_destination_with_its_calls() -> None:
    text = (ROOT / "README.md").read_text().replace("\n", " ")
    sentence = text.partition("Destinations: ")[2].partition(". ")[0]
    named = {
        f"{vendor.lower()}.{call}"
        for vendor, calls in re.findall(r"(\w+) \(([^)]+)\)", sentence)
        for call in calls.split(", ")
    }

    assert named == set(ENDPOINTS)


def test_every_endpoint_and_what_a_store_may_say_of_it_is_in_the_tables(loaded: Loaded) -> None:
    text = GUIDE.read_text()
    for name, endpoint in ENDPOINTS.items():
        assert f"| [`{name}`]({endpoint.reference}) | {endpoint.about} |" in text
        for option in endpoint.options:
            assert f"| `{name}` | option | `{option}` |" in text
        for setting in loaded.checked.destinations[name].settings:
            assert f"| `{name}` | setting | `{setting}` |" in text


def test_every_setting_is_in_the_example_of_the_environment() -> None:
    text = (ROOT / ".env.example").read_text()
    for name in Settings.model_fields:
        assert f"BRIDGE_{name.upper()}=" in text


def test_the_secrets_that_the_readme_names_are_in_the_example() -> None:
    text = (ROOT / ".env.example").read_text()
    for name in set(re.findall(r"\bMY_SHOP_[A-Z_]+\b", (ROOT / "README.md").read_text())):
        assert f"{name}=" in text


def test_marks_that_are_missing_are_told() -> None:
    with pytest.raises(ValueError, match="event:begin"):
        rewrite("text", "event", "table")


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    for command in app.registered_commands:
        callback = command.callback
        name = command.name or (callback.__name__.replace("_", "-") if callback else "")
        assert f"`bridge {name}" in text


def test_the_two_commands_stand_alone_in_their_blocks() -> None:
    text = (ROOT / "README.md").read_text()
    for heading in ("## Run it", "## Test it"):
        section = text.partition(heading)[2].partition("\n## ")[0]
        found = list(blocks(section, "sh"))
        assert len(found) == 1
        assert len(found[0].strip().splitlines()) == 1


def test_every_sender_is_in_the_readme_and_in_the_operators_guide() -> None:
    readme = (ROOT / "README.md").read_text().partition("<!-- matrix:end -->")[2]
    guide = (ROOT / "deploy" / "README.md").read_text()
    section = guide.partition("\n## A shop without webhooks of its own")[2].partition("\n## ")[0]
    files = {path.name for path in (ROOT / "deploy" / "snippets").iterdir() if path.is_file()}
    platforms = {Path(name).stem for name in files} - {"shop"}
    sentence = readme.partition("through *Standard Webhooks*: ")[2].partition(" each")[0]

    assert set(re.findall(r"\]\(snippets/([^)]+)\)", section)) == files
    assert {one.lower() for one in re.findall(r"[A-Z]\w+", sentence)} == platforms


def test_the_operators_guide_names_every_type_of_the_generic_source(loaded: Loaded) -> None:
    guide = (ROOT / "deploy" / "README.md").read_text()
    for topic in loaded.checked.sources["standard-webhooks"].topics:
        assert f"`{topic}`" in guide


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", GUIDE, ROOT / "deploy" / "README.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
