"""
Load the mapping files of a folder: the edge between files on a disk and the mapping room.

    sources/*.toml   destinations/*.toml   connections.toml   functions.py
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bridge.destinations import ENDPOINTS
from bridge.destinations.endpoint import Account, Endpoint
from bridge.engines import ENGINES
from bridge.errors import MappingFilesError
from bridge.journal.protocol import Keep
from bridge.mapping.accounts import EndpointNeeds
from bridge.mapping.check import Checked, Files, World, check
from bridge.mapping.connections import Store
from bridge.mapping.functions import Function, read_functions
from bridge.mapping.library import BUILT_IN
from bridge.mapping.settings import Rule
from bridge.plan import Route
from bridge.settings import DAY
from bridge.types import Problem
from bridge.verify import Proofs, wants


@dataclass(frozen=True, slots=True)
class Loaded:
    """Checked mapping files, and the functions they call."""

    checked: Checked
    functions: Mapping[str, Function]
    endpoints: Mapping[str, Endpoint] = field(default_factory=lambda: ENDPOINTS)


def load(folder: Path, endpoints: Mapping[str, Endpoint] = ENDPOINTS) -> Loaded:
    """
    Read, check and compile the mapping files of *folder*.

    Args:
        endpoints: What destination files may feed.

    Returns:
        What could be read; its `checked.problems` hold all that is wrong.
    """
    if not (folder / "sources").is_dir():
        problem = Problem(
            _shown(folder), 1, 1, "found no folder 'sources' in it, wanted the mapping files; "
            "BRIDGE_MAPPINGS says where they are",
        )  # fmt: skip
        return Loaded(Checked({}, {}, {}, (problem,), ()), BUILT_IN, endpoints)
    own, problems = _own_functions(folder / "functions.py")
    functions = {**own, **BUILT_IN}
    world = World(
        models={name: endpoint.model for name, endpoint in endpoints.items()},
        needs={name: _needs(endpoint) for name, endpoint in endpoints.items()},
        engines=ENGINES,
        functions=functions,
    )
    connections = folder / "connections.toml"
    files = Files(
        sources=_texts(folder / "sources"),
        destinations=_texts(folder / "destinations"),
        connections=(_shown(connections), _text(connections)) if connections.exists() else None,
    )
    checked = check(files, world)
    if problems:
        checked = Checked(
            checked.sources,
            checked.destinations,
            checked.stores,
            (*problems, *checked.problems),
            checked.warnings,
        )
    return Loaded(checked, functions, endpoints)


def _needs(endpoint: Endpoint) -> EndpointNeeds:
    options = {
        name: Rule(name, one.about, one.default, one.one_of, one.required, one.wrong)
        for name, one in endpoint.options.items()
    }
    return EndpointNeeds(endpoint.credentials, endpoint.base_url, options, endpoint.together)


def strict(loaded: Loaded) -> Loaded:
    """
    Give *loaded* back if nothing is wrong with it.

    Raises:
        MappingFilesError: With every problem of every file.
    """
    if loaded.checked.problems:
        raise MappingFilesError(loaded.checked.problems)
    return loaded


def routes(
    loaded: Loaded, variables: Mapping[str, str], token_secrets: tuple[str, ...]
) -> Mapping[str, Route]:
    """
    Join every store with its source, destinations, accounts and secrets.

    Args:
        variables: The values of the environment variables that the stores name.
        token_secrets: Of the tokens of `bridge.tokens`.
    """
    return {
        name: _route(store, loaded, variables, token_secrets)
        for name, store in loaded.checked.stores.items()
    }


def proofs(store: Store, variables: Mapping[str, str], token_secrets: tuple[str, ...]) -> Proofs:
    """What proves the webhooks of *store*, public keys apart."""
    secrets = tuple(variables[name] for name in store.secrets)
    return Proofs(secrets=secrets, url=store.url, token_secrets=token_secrets)


def unusable(loaded: Loaded, variables: Mapping[str, str]) -> list[str]:
    """Name the variables whose values are not what their store's platform proves itself with."""
    checked, told = loaded.checked, []
    for store in checked.stores.values():
        scheme = checked.sources[store.source].verify[store.verify].engine.scheme
        told += [
            f"{name}: store '{store.name}' has no use for it, wanted {wanted}"
            for name in store.secrets
            if (wanted := wants(scheme, variables[name]))
        ]
    return told


def forgotten_too_early(loaded: Loaded, keep: Keep) -> list[str]:
    """
    Tell for which stores things are kept too short: what is being delivered wants its body, and
    what a platform still repeats must be known as a repeat, and lanes with it.
    """
    told, checked = [], loaded.checked
    for name, store in checked.stores.items():
        window = checked.sources[store.source].answer.retry_window + DAY
        if keep.bodies <= store.horizon:
            told.append(
                f"BRIDGE_KEEP_BODIES: {keep.bodies / DAY:g} days, and store '{name}' goes on trying "
                f"for {store.horizon / DAY:g} (`horizon`): wanted more"
            )
        if keep.outcomes < window:
            told.append(
                f"BRIDGE_KEEP_OUTCOMES: {keep.outcomes / DAY:g} days, and the platform of store "
                f"'{name}' repeats so long that {window / DAY:.3g} are needed"
            )
    return told


def _route(
    store: Store, loaded: Loaded, variables: Mapping[str, str], token_secrets: tuple[str, ...]
) -> Route:
    checked, destinations = loaded.checked, {}
    for connection in store.endpoints:
        account = Account(
            connection.base_url,
            {name: variables[variable] for name, variable in connection.credentials.items()},
            connection.options,
        )
        name = connection.endpoint
        destinations[name] = (checked.destinations[name], loaded.endpoints[name], account)
    tokens = {name: variables[variable] for name, variable in store.tokens.items()}
    known = proofs(store, variables, token_secrets)
    return Route(store, checked.sources[store.source], tokens, destinations, known)


def _texts(folder: Path) -> dict[str, str]:
    return {_shown(path): _text(path) for path in sorted(folder.glob("*.toml"))}


def _text(path: Path) -> str:
    """Read UTF-8; bytes that are none become a character that the check refuses with its place."""
    return path.read_bytes().decode("utf-8-sig", "surrogateescape")


def _shown(path: Path) -> str:
    """Name a file as the person who started the bridge would."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def _line_of(error: Exception, path: Path) -> int:
    """The line of the file that an error came from."""
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_code.co_filename == str(path)]
    return lines[-1] if lines else 1


def _own_functions(path: Path) -> tuple[Mapping[str, Function], tuple[Problem, ...]]:
    if not path.exists():
        return {}, ()
    shown = _shown(path)
    spec = importlib.util.spec_from_file_location("mappings.functions", path)
    if spec is None or spec.loader is None:
        return {}, (Problem(shown, 1, 1, "cannot be imported"),)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        own = read_functions(vars(module))
    except Exception as error:  # noqa: BLE001 - an operator's file may fail in any way
        return {}, (Problem(shown, _line_of(error, path), 1, f"{type(error).__name__}: {error}"),)
    problems = tuple(
        Problem(shown, 1, 1, f"'{name}' is a function of the bridge: choose another name")
        for name in own
        if name in BUILT_IN
    )
    return own, problems
