"""
Check all mapping files together: every mistake of every file, at once.

Files come as texts, so that whoever calls this decides where they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from bridge.errors import MappingFilesError
from bridge.mapping.accounts import EndpointNeeds
from bridge.mapping.connections import Store, read_connections
from bridge.mapping.destination import Destination, read_destination
from bridge.mapping.functions import Function
from bridge.mapping.lines import Table, read
from bridge.mapping.source import EngineReader, Source
from bridge.mapping.source_file import read_source
from bridge.types import Problem


@dataclass(frozen=True, slots=True)
class Files:
    """The texts of the mapping files, by the name that messages use."""

    sources: Mapping[str, str]
    destinations: Mapping[str, str]
    connections: tuple[str, str] | None  #: name and text


@dataclass(frozen=True, slots=True)
class World:
    """What the files are checked against."""

    models: Mapping[str, type[BaseModel]]  #: payload model by endpoint
    needs: Mapping[str, EndpointNeeds]
    engines: Mapping[str, EngineReader]
    functions: Mapping[str, Function]


@dataclass(frozen=True, slots=True)
class Checked:
    """What the files say, and all that is wrong with them."""

    sources: Mapping[str, Source]
    destinations: Mapping[str, Destination]
    stores: Mapping[str, Store]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def check(files: Files, world: World) -> Checked:
    """
    Check and compile all files.

    Returns:
        What could be read, and the problems sorted by place; nothing is raised.
    """
    problems: list[Problem] = []
    warnings: list[Problem] = []
    sources: dict[str, Source] = {}
    destinations: dict[str, Destination] = {}
    # What connections.toml may name.  None is a file whose own mistakes are told: a store that
    # names it is checked as far as that goes.
    platforms: dict[str, Source | None] = {}
    endpoints: dict[str, Destination | None] = {}
    for name, text in files.sources.items():
        table = _read(text, name, problems)
        source = read_source(table, world.functions, world.engines, problems) if table else None
        if source is not None:
            _unique(source.platform, source.file, sources, problems)
            _named_after(source, problems)
            sources[source.platform] = source
        platforms[source.platform if source else _stem(name)] = source
    for name, text in files.destinations.items():
        table = _read(text, name, problems)
        found = read_destination(table, world.functions, world.models, problems) if table else None
        if found is not None:
            _unique(found.endpoint, found.file, destinations, problems)
            destinations[found.endpoint] = found
    if len(destinations) < len(files.destinations):
        endpoints = dict.fromkeys(world.needs)
    endpoints.update(destinations)
    stores: Mapping[str, Store] = {}
    if files.connections is not None:
        name, text = files.connections
        if table := _read(text, name, problems):
            stores = read_connections(
                table, platforms, endpoints, world.needs, world.functions, problems, warnings
            )
    return Checked(
        sources, destinations, stores, tuple(sorted(set(problems))), tuple(sorted(set(warnings)))
    )


def _read(text: str, name: str, problems: list[Problem]) -> Table | None:
    try:
        return read(text, name)
    except MappingFilesError as error:
        problems.extend(error.problems)
        return None


def _unique(
    name: str,
    file: str,
    known: Mapping[str, Source] | Mapping[str, Destination],
    problems: list[Problem],
) -> None:
    if name in known:
        problems.append(Problem(file, 1, 1, f"'{name}' is in {known[name].file} already"))


def _named_after(source: Source, problems: list[Problem]) -> None:
    stem = _stem(source.file)
    if stem != source.platform:
        problems.append(
            Problem(
                source.file, 1, 1, f"the file is named '{stem}', platform = '{source.platform}'"
            )
        )


def _stem(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".toml")


def told(problems: Sequence[Problem]) -> str:
    """Spell problems a line each."""
    return "\n".join(str(problem) for problem in problems)
