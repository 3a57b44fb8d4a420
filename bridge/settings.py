"""
Every setting of the bridge.  One field is one environment variable is one description.

This is the only module that reads the environment.  A file `.env` in the working folder is read
as well; the environment wins.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bridge.errors import SettingsError
from bridge.journal.cipher import is_key
from bridge.journal.protocol import Keep, Opening, Patience
from bridge.mapping.compile import nearest

PREFIX = "BRIDGE_"
DAY = 86_400.0  #: seconds


class Settings(BaseSettings):
    """The descriptions below are the documentation: `.env.example` is made of them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on; a proxy stands in front.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Processes that share the journal.")
    mappings: Path = Field(Path("mappings"), description="Folder of the mapping files.")
    journal: str = Field(
        "sqlite:///journal.db",
        repr=False,
        description="Where the journal is: sqlite:///relative/path or sqlite:////absolute/path "
        "for one machine, postgresql://user:password@host:port/database for several.",
    )
    journal_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that the journal's bodies are encrypted with, newest first, separated by "
        "spaces; `bridge journal key` prints one. Without a key they are kept as they are.",
    )
    keep_bodies: float = Field(
        7.0, gt=0, description="Days that the journal keeps the body of a webhook."
    )
    keep_dead_bodies: float = Field(
        30.0, gt=0, description="Days that it keeps the body of a dead letter."
    )
    keep_outcomes: float = Field(
        90.0, gt=0, description="Days that it remembers a webhook and how it ended."
    )
    body_limit: int = Field(
        2_097_152, ge=1024, description="Bytes of a webhook's body; a larger one is answered 413."
    )
    body_timeout: float = Field(
        10.0, gt=0, description="Seconds in which a body must arrive; a slower one is answered 408."
    )
    request_timeout: float = Field(
        30.0,
        gt=0,
        description="Seconds for one attempt at a destination, or one request to a store's API.",
    )
    quiet: float = Field(
        10.0, ge=0, description="Seconds that an order or customer rests after a lost answer."
    )
    gone_after: float = Field(
        60.0, gt=0, description="Seconds without a sign of life after which a process is gone."
    )
    stop_after: float = Field(
        25.0,
        gt=0,
        description="Seconds that a stop may take; the last BRIDGE_QUIET of them are for orders "
        "whose request was given up.",
    )
    token_secrets: SecretStr = Field(
        SecretStr(""),
        description="Secrets of the URL tokens for platforms that sign nothing, newest first, "
        "separated by spaces; 32 random characters each.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1",
        description="Addresses whose X-Forwarded-For is believed, separated by commas.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important lines that are logged."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="One JSON object per line, or lines for people."
    )

    @property
    def flights_end_after(self) -> float:
        """Seconds of a stop after which requests that are out are given up."""
        return self.stop_after - self.quiet

    def check_stop(self) -> None:
        """
        See that a stop leaves time for what it gives up to rest.

        Raises:
            SettingsError: It does not.
        """
        if self.flights_end_after <= 0:
            told = (
                f"{PREFIX}STOP_AFTER: found {self.stop_after:g} s, wanted more than "
                f"{PREFIX}QUIET, which is {self.quiet:g} s: an order whose request a stop gives "
                "up has to rest that long"
            )
            raise SettingsError([told])

    def patience(self) -> Patience:
        """
        Give the times that keep two workers apart.

        Raises:
            SettingsError: They contradict each other.
        """
        try:
            return Patience(
                gone_after=self.gone_after,
                quiet=self.quiet,
                request_timeout=self.request_timeout,
            )
        except ValueError as error:
            raise SettingsError([f"{PREFIX}GONE_AFTER: {error}"]) from None

    def keep(self) -> Keep:
        """
        Give how long things are kept.

        Raises:
            SettingsError: They contradict each other.
        """
        days = (self.keep_bodies, self.keep_dead_bodies, self.keep_outcomes)
        if list(days) != sorted(days):
            names = (f"{PREFIX}KEEP_{name}" for name in ("BODIES", "DEAD_BODIES", "OUTCOMES"))
            found = ", ".join(f"{one:g}" for one in days)
            told = f"found {found} days, and none may be shorter than the one before"
            raise SettingsError([f"{', '.join(names)}: {told}"])
        return Keep(*(one * DAY for one in days))

    def keys(self) -> tuple[str, ...]:
        """
        Give the keys of the journal's bodies.

        Raises:
            SettingsError: One of them is none.
        """
        keys = tuple(self.journal_keys.get_secret_value().split())
        wrong = [at for at, key in enumerate(keys, 1) if not is_key(key)]
        if wrong:
            raise SettingsError(
                [
                    f"{PREFIX}JOURNAL_KEYS: number {at} is no key of `bridge journal key`"
                    for at in wrong
                ]
            )
        return keys

    def opening(self, *, register: bool = True) -> Opening:
        """Give how the journal is opened; *register* as a worker, which sends."""
        return Opening(self.journal, self.patience(), register, self.keys())


def read_settings(environ: Mapping[str, str] | None = None, env_file: str = ".env") -> Settings:
    """
    Read the settings.

    Args:
        environ: Instead of the process's own environment.

    Raises:
        SettingsError: Naming every variable that is missing, wrong or unknown.
    """
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in _environment(environ, env_file).items()
        if name.startswith(PREFIX)
    }
    known = list(Settings.model_fields)
    variables = [f"{PREFIX}{name.upper()}" for name in known]
    problems = [
        f"{variable}: there is no such setting{nearest(variable, variables)}"
        for variable in sorted(f"{PREFIX}{name.upper()}" for name in set(given) - set(known))
    ]
    values: dict[str, Any] = {name: value for name, value in given.items() if name in known}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [
            f"{PREFIX}{str(one['loc'][0]).upper()}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        ]
    if problems:
        raise SettingsError(problems)
    for contradicts in (settings.patience, settings.keep, settings.keys, settings.check_stop):
        try:
            contradicts()
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return settings


def hand_on(name: str, value: object) -> None:
    """Set a setting for this process and for those that it starts."""
    os.environ[f"{PREFIX}{name.upper()}"] = str(value)


def read_variables(
    names: Iterable[str], environ: Mapping[str, str] | None = None, env_file: str = ".env"
) -> Mapping[str, str]:
    """
    Read the variables that connections.toml names.

    Raises:
        SettingsError: Naming every one that is missing or empty.
    """
    environment = _environment(environ, env_file)
    wanted = dict.fromkeys(names)
    missing = [name for name in wanted if not environment.get(name, "").strip()]
    if missing:
        raise SettingsError(
            [f"{name}: connections.toml names it, and it is not set" for name in missing]
        )
    return {name: environment[name] for name in wanted}


def env_example(variables: Mapping[str, tuple[str, str]]) -> str:
    """
    Write `.env.example`: every setting with its default, and the variables of connections.toml.

    Args:
        variables: Name -> what it is, and an example value.
    """
    blocks = []
    for name, field in Settings.model_fields.items():
        default = field.default
        value = default.get_secret_value() if isinstance(default, SecretStr) else default
        blocks.append(f"# {field.description}\n#{PREFIX}{name.upper()}={value}\n")
    head = (
        "# Copy this file to .env and fill it in.  The environment wins over the file.\n"
        "# Made by `bridge docs --write`; what is commented out shows the default.\n"
    )
    named = [f"# {about}\n{name}={value}\n" for name, (about, value) in variables.items()]
    return "\n".join([head, *blocks, "# Secrets that mappings/connections.toml names.\n", *named])


def _environment(environ: Mapping[str, str] | None, env_file: str) -> dict[str, str]:
    if environ is not None:
        return dict(environ)
    path = Path(env_file)
    from_file = dotenv_values(path, interpolate=False) if path.is_file() else {}
    return {**{name: value or "" for name, value in from_file.items()}, **os.environ}
