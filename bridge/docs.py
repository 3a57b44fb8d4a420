"""Write the tables of the documentation from the code, so that neither can go stale."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge.causes import CODES, STAGES
from bridge.destinations.endpoint import Endpoint, Option
from bridge.event import Customer, Derived, Facts, Item, Order
from bridge.fields import FieldType
from bridge.mapping.destination import Destination
from bridge.mapping.functions import table
from bridge.mapping.library import BUILT_IN
from bridge.mapping.settings import Rule
from bridge.mapping.slots import Slot, slots

_NAMESPACES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("event", Facts),
    ("order", Order),
    ("item", Item),
    ("customer", Customer),
)


def event_table() -> str:
    """Write the fields of the store event: name, type, and what each means."""
    rows = ["| field | type | meaning |", "|---|---|---|"]
    for namespace, model in _NAMESPACES:
        rows += _rows(namespace, model)
    return "\n".join(rows) + "\n"


def functions_table() -> str:
    """Write the functions that expressions may call, with their examples."""
    return table(BUILT_IN)


def endpoints_table(endpoints: Mapping[str, Endpoint]) -> str:
    """Write a row per endpoint: what it does, the vendor's page, host, credentials, limits."""
    rows = [
        "| endpoint | what it does | host | credentials | requests at most |",
        "|---|---|---|---|---|",
    ]
    for name, one in endpoints.items():
        host = f"`{one.base_url}`" if one.base_url else "none is right for all: say `base_url`"
        sets = " or ".join(" and ".join(f"`{part}`" for part in names) for names in one.credentials)
        pace = f", {one.limits.per_second:g} a second" if one.limits.per_second else ""
        rows.append(
            f"| [`{name}`]({one.reference}) | {one.about} | {host} | {sets or 'none'} "
            f"| {one.limits.at_once} at once{pace} |"
        )
    return "\n".join(rows) + "\n"


def choices_table(
    endpoints: Mapping[str, Endpoint], destinations: Mapping[str, Destination]
) -> str:
    """
    Write a row for whatever a store may or must say of an endpoint beside its credentials.

    Args:
        destinations: The mapping file of each endpoint, which declares the settings.
    """
    rows = ["| endpoint | | name | default | meaning |", "|---|---|---|---|---|"]
    for name, endpoint in endpoints.items():
        settings = destinations[name].settings if name in destinations else {}
        for kind, choices in (("option", endpoint.options), ("setting", settings)):
            rows += [
                f"| `{name}` | {kind} | `{choice}` | {_default(one)} | {_meaning(one)} |"
                for choice, one in choices.items()
            ]
    return "\n".join(rows) + "\n"


def _default(one: Option | Rule) -> str:
    if one.default is None:
        return "**required**" if one.required else "-"
    return f"`{json.dumps(one.default, ensure_ascii=False, default=str)}`"


def _meaning(one: Option | Rule) -> str:
    about = one.about.replace("|", "\\|")
    choices = ", ".join(f'`"{choice}"`' for choice in one.one_of)
    return f"{about} One of {choices}." if choices else about


def causes_table() -> str:
    """Write the words for why something is a dead letter: where it went wrong, and what was."""
    rows = ["| stage | where it went wrong |", "|---|---|"]
    rows += [f"| `{stage}` | {where} |" for stage, where in STAGES.items()]
    rows += ["", "| code | what was wrong |", "|---|---|"]
    rows += [f"| `{code}` | {what} |" for code, what in CODES.items()]
    rows += [
        "| `http_422` and the like | the status that was answered, where nothing better is known |",
        "| `bonifiq_9` and the like | the vendor's own code; `bridge journal show N` has its words |",
    ]
    return "\n".join(rows) + "\n"


def rewrite(text: str, name: str, made: str) -> str:
    """
    Put *made* between the marks ``<!-- name:begin -->`` and ``<!-- name:end -->``.

    Raises:
        ValueError: The marks are missing.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the marks {begin} and {end} are missing")
    return f"{before}{begin}\n{made}{end}{after}"


def _rows(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    for name, slot in slots(model).items():
        info = model.model_fields[name]
        inner = slot.model
        if inner is not None and inner is not model:
            parts = ", ".join(f"`.{one}`" for one in slots(inner))
            yield f"| `{prefix}.{name}` | object | {info.description} Has {parts}. |"
            continue
        mark = "**" if slot.required else ""
        yield f"| {mark}`{prefix}.{name}`{mark} | {_type(slot, info)} | {info.description} |"


def _type(slot: Slot, info: FieldInfo) -> str:
    named = next((one.name for one in info.metadata if isinstance(one, FieldType)), "")
    computed = any(isinstance(one, Derived) for one in info.metadata)
    kind = named or ("list" if slot.element else "text")
    return f"{kind}, computed" if computed else kind
