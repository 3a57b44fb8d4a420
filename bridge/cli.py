"""The command line.  Every command is thin: it reads arguments, calls a room, and prints."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from bridge.errors import BridgeError, ConfigError, JournalError, SettingsError
from bridge.journal_cli import journal_app

if TYPE_CHECKING:
    from bridge.journal.protocol import Opening

app = typer.Typer(
    name="bridge",
    help="Webhooks of e-commerce platforms to loyalty and customer APIs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(journal_app, name="journal")

T = TypeVar("T")

#: Nothing works as configured.
WRONG_CONFIGURATION = 2
#: The body cannot be mapped, or an endpoint refuses what it becomes.
UNMAPPABLE = 3

Pairs = Annotated[list[str], typer.Option(metavar="NAME=VALUE", help="As the platform sends it.")]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Instead of BRIDGE_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Instead of BRIDGE_PORT.")] = None,
    workers: Annotated[int | None, typer.Option(help="Instead of BRIDGE_WORKERS.")] = None,
) -> None:
    """Run the server."""
    import uvicorn

    from bridge import server
    from bridge.app import configure
    from bridge.settings import hand_on, read_settings

    if workers is not None:
        # Each of them has to know with how many it shares what a destination bears.
        hand_on("workers", workers)
    settings = read_settings()
    configured = configure(settings)
    if not configured.routes:
        _say("no store in connections.toml yet: every webhook will be answered 404")
    _run(_try_journal(settings.opening(register=False)))
    config = uvicorn.Config(
        "bridge.app:create_app",
        factory=True,
        host=host or settings.host,
        port=settings.port if port is None else port,
        workers=settings.workers,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        log_level="warning",
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        # By then every webhook was answered, and its answer sent.
        timeout_graceful_shutdown=math.ceil(settings.flights_end_after) + 1,
        timeout_keep_alive=75,
    )
    raise typer.Exit(server.run(config))


async def _try_journal(opening: Opening) -> None:
    from bridge.journal import open_journal

    journal = await open_journal(opening)
    await journal.close()


@app.command()
def check(
    fixtures: Annotated[
        bool, typer.Option("--fixtures", help="Also hold the files against their fixtures.")
    ] = False,
) -> None:
    """Check all configuration: settings, mapping files, secrets.  Exit 0 or 2."""
    from bridge.fixtures import check_fixtures
    from bridge.load import forgotten_too_early, load, unusable
    from bridge.settings import read_settings, read_variables

    found: list[str] = []
    settings = read_settings()
    loaded = load(settings.mappings)
    checked = loaded.checked
    found += [str(problem) for problem in checked.problems]
    found += _examples(loaded.functions)
    found += forgotten_too_early(loaded, settings.keep())
    try:
        names = (name for store in checked.stores.values() for name in store.variables)
        found += unusable(loaded, read_variables(names))
    except SettingsError as error:
        found += error.problems
    if fixtures and not checked.problems:
        root = settings.mappings.parent / "tests" / "fixtures"
        found += [str(problem) for problem in check_fixtures(root, loaded)]
    for warning in checked.warnings:
        typer.echo(f"warning: {warning}")
    for line in found:
        typer.echo(line)
    if found:
        typer.echo(f"{len(found)} problem{'s' if len(found) > 1 else ''}")
        raise typer.Exit(WRONG_CONFIGURATION)
    typer.echo(
        f"{len(checked.sources)} sources, {len(checked.destinations)} destinations, "
        f"{len(checked.stores)} stores: nothing is wrong"
    )


def _examples(functions: Any) -> list[str]:
    from bridge.mapping.examples import broken_examples

    return [line for one in functions.values() for line in broken_examples(one)]


@app.command("map")
def map_(
    body: Annotated[Path, typer.Argument(metavar="BODYFILE", exists=True, dir_okay=False)],
    source: Annotated[str, typer.Option(help="Platform, as its file is named.")],
    topic: Annotated[str, typer.Option(help="The platform's name of what happened.")],
    header: Pairs = [],  # noqa: B006 - typer copies it
    resource: Annotated[
        list[str],
        typer.Option(metavar="[NAME=]FILE", help="What a fetch of the source would answer."),
    ] = [],  # noqa: B006
    setting: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUE",
            help="Of the source or an endpoint; test_orders=true and country=BR are the store's own.",
        ),
    ] = [],  # noqa: B006
) -> None:
    """
    Print what a webhook becomes, without sending anything.

    Exit 0 when it is mapped or ignored, 3 when it cannot be mapped or an endpoint refuses it.
    """
    from bridge.dry import dry_run
    from bridge.fixtures import spell
    from bridge.load import load, strict
    from bridge.settings import read_settings

    loaded = strict(load(read_settings().mappings))
    told, mappable = dry_run(
        loaded,
        source,
        topic,
        body.read_bytes(),
        headers=_pairs(header, "--header"),
        resources=[_resource(one) for one in resource],
        settings=_pairs(setting, "--setting"),
    )
    typer.echo(spell(told), nl=False)
    if not mappable:
        raise typer.Exit(UNMAPPABLE)


def _resource(text: str) -> tuple[str | None, bytes]:
    name, mark, file = text.partition("=")
    path = Path(file if mark else name)
    if not path.is_file():
        raise ConfigError(f"--resource: there is no file {path}")
    return (name if mark else None), path.read_bytes()


def _pairs(texts: list[str], option: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not mark or not name.strip():
            raise ConfigError(f"{option}: wanted NAME=VALUE")
        pairs[name.strip()] = value
    return pairs


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 8090,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """
    Run stand-ins of the documented destination APIs on loopback.

    A destination that connections.toml has credentials for accepts these and no others; any
    other accepts whatever is not empty.
    """
    import uvicorn

    from bridge.sandbox import VENDORS, create_app
    from bridge.send import known_credentials
    from bridge.settings import read_settings

    credentials = {
        vendor: accounts
        for vendor, accounts in known_credentials(read_settings()).items()
        if vendor in VENDORS
    }
    free = [vendor for vendor in VENDORS if vendor not in credentials]
    told = "; ".join(
        f"{', '.join(vendors)}: credentials {which}"
        for vendors, which in (
            (credentials, "of connections.toml"),
            (free, "that are not empty"),
        )
        if vendors
    )
    _say(f"sandbox on http://{host}:{port}; {told}; see /_received, /_state, /_behave")
    uvicorn.run(
        create_app(credentials),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,  # what it was told to let hang ends with it
    )


@app.command()
def send(
    body: Annotated[Path, typer.Argument(metavar="BODYFILE", exists=True, dir_okay=False)],
    store: Annotated[str, typer.Option(help="Name of the store in connections.toml.")],
    topic: Annotated[str, typer.Option(help="The platform's name of what happened.")],
    header: Pairs = [],  # noqa: B006
    url: Annotated[str | None, typer.Option(help="Of the bridge; default from settings.")] = None,
) -> None:
    """
    Sign a body with a store's secret and post it, as the platform would.

    The same body sent again counts as the platform's repeat.  Exit 0 when the answer is 2xx.
    """
    from bridge.send import post, prepare
    from bridge.settings import read_settings

    settings = read_settings()
    headers = _pairs(header, "--header")
    request = prepare(settings, store, topic, body.read_bytes(), headers, url)
    status, text = post(request, timeout=90.0)
    typer.echo(f"{status} {text}")
    if not 200 <= status < 300:
        raise typer.Exit(1)


@app.command()
def explain(
    what: Annotated[str, typer.Argument(metavar="FIXTURE|ENTRY")],
    endpoint: Annotated[str | None, typer.Option(help="Only this one.")] = None,
) -> None:
    """Print for each payload field its value, the lines it comes from, and the path in the body."""
    from bridge.explain import explain_entry, explain_fixture
    from bridge.settings import read_settings

    settings = read_settings()
    lines = (
        _run(explain_entry(settings, int(what), endpoint))
        if what.isdigit()
        else explain_fixture(settings, Path(what), endpoint)
    )
    typer.echo("\n".join(lines))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option(help="Stay until Ctrl-C instead of stopping.")] = False,
) -> None:
    """Run the whole way once: sandbox, bridge, a signed sample order, and what came of it."""
    from bridge.demo import run

    raise typer.Exit(run(keep=keep))


@app.command()
def token(store: Annotated[str, typer.Argument(help="Name of the store.")]) -> None:
    """Print the URL token of a store whose platform signs nothing."""
    from bridge.settings import read_settings
    from bridge.tokens import make

    secrets = read_settings().token_secrets.get_secret_value().split()
    if not secrets:
        raise SettingsError(["BRIDGE_TOKEN_SECRETS: it is not set"])
    typer.echo(make(store, secrets[0]))


@app.command()
def docs(
    write: Annotated[bool, typer.Option("--write", help="Write the files anew.")] = False,
) -> None:
    """Compare the generated parts of the documentation with the code.  Exit 0 or 2."""
    from bridge.pages import outdated, write_all

    if write:
        for path in write_all(Path.cwd()):
            typer.echo(f"written: {path}")
        return
    stale = outdated(Path.cwd())
    for path in stale:
        typer.echo(f"{path}: is not what the code says; `bridge docs --write`")
    if stale:
        raise typer.Exit(WRONG_CONFIGURATION)


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def main() -> NoReturn:
    """Run the command line; an error that is told on purpose has no traceback."""
    try:
        app(standalone_mode=True)
    except ConfigError as error:
        _say(str(error))
        sys.exit(WRONG_CONFIGURATION)
    except JournalError as error:
        _say(f"journal: {error}")
        sys.exit(WRONG_CONFIGURATION)
    except (BridgeError, LookupError) as error:
        _say(str(error))
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
