"""Keep the generated parts of the documentation equal to the code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from bridge.answer import PARK_FIRST, last_moment
from bridge.docs import (
    causes_table,
    choices_table,
    endpoints_table,
    event_table,
    functions_table,
    rewrite,
)
from bridge.load import load, strict
from bridge.mapping.source import EVENT_TYPES, Source
from bridge.schema import store_event_schema
from bridge.settings import env_example

#: What the example of connections.toml names, and what it is.
EXAMPLE_VARIABLES: Mapping[str, tuple[str, str]] = {
    "MY_SHOP_WEBHOOK_SECRET": ("The secret that the shop signs its webhooks with.", ""),
    "MY_SHOP_BONIFIQ_TOKEN": ("BonifiQ's admin panel, API Keys: the API Token.", ""),
    "MY_SHOP_BONIFIQ_KEY": ("BonifiQ's admin panel, API Keys: the API Key.", ""),
}


def support_matrix(sources: Mapping[str, Source]) -> str:
    """Write a row per platform: what its file maps, how it is proven, and what it rests on."""
    heads = [one.replace("_", " ") for one in EVENT_TYPES]
    rows = [
        f"| platform | {' | '.join(heads)} | privacy requests | proven by | repeats | answer within | rests on |",
        f"|---|{'---|' * (len(heads) + 5)}",
    ]
    for name in sorted(sources):
        source = sources[name]
        mapped = {one for types in source.topics.values() for one in types}
        marks = " | ".join("yes" if one in mapped else "-" for one in EVENT_TYPES)
        privacy = "yes" if source.privacy else "-"
        names = (one.engine.scheme.engine for one in source.verify.values())
        engines = ", ".join(dict.fromkeys(names))
        rows.append(
            f"| [{source.name}]({source.file}) | {marks} | {privacy} | {engines} | {_repeats(source)} "
            f"| {source.answer.within:g} s | {_evidence(source)} |"
        )
    return "\n".join(rows) + "\n"


def _repeats(source: Source) -> str:
    if not source.answer.retries:
        return "never"
    minutes = source.answer.retry_window / 60
    return f"for {minutes / 60:.0f} h" if minutes >= 120 else f"for {minutes:.0f} min"


def _evidence(source: Source) -> str:
    marks = [source.rests_on, "experimental" if source.experimental else ""]
    return ", ".join(filter(None, marks)) or "-"


def deadlines_table(sources: Mapping[str, Source]) -> str:
    """Write a row per platform: how long it waits, when it is answered, whether it repeats."""
    rows = [
        "| platform | waits for the answer | is answered within | repeats |",
        "|---|---|---|---|",
    ]
    for name in sorted(sources):
        source, within = sources[name], sources[name].answer.within
        at_once = "at once, when it is on disk" if within < PARK_FIRST else ""
        rows.append(
            f"| {source.name} | {within:g} s | {at_once or f'{last_moment(within):g} s'} "
            f"| {_repeats(source)} |"
        )
    return "\n".join(rows) + "\n"


def pages(root: Path) -> Iterator[tuple[Path, str]]:
    """
    Give every page that has generated parts, as it should be.

    Args:
        root: The repository.
    """
    loaded = strict(load(root / "mappings"))
    checked = loaded.checked
    readme = root / "README.md"
    yield readme, rewrite(readme.read_text(), "matrix", support_matrix(checked.sources))
    guide = root / "mappings" / "README.md"
    text = guide.read_text()
    for name, made in {
        "endpoints": endpoints_table(loaded.endpoints),
        "choices": choices_table(loaded.endpoints, checked.destinations),
        "event": event_table(),
        "functions": functions_table(),
    }.items():
        text = rewrite(text, name, made)
    yield guide, text
    operators = root / "deploy" / "README.md"
    text = rewrite(operators.read_text(), "deadlines", deadlines_table(checked.sources))
    yield operators, rewrite(text, "causes", causes_table())
    yield root / ".env.example", env_example(EXAMPLE_VARIABLES)
    schema = json.dumps(store_event_schema(), ensure_ascii=False, indent=2)
    yield root / "deploy" / "store-event.schema.json", f"{schema}\n"


def outdated(root: Path) -> list[Path]:
    """Name the pages that are not what the code says."""
    return [path for path, text in pages(root) if not path.exists() or path.read_text() != text]


def write_all(root: Path) -> list[Path]:
    """Write the pages that are outdated, and name them."""
    written = []
    for path, text in pages(root):
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            written.append(path)
    return written
