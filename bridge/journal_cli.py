"""The commands of `bridge journal`: each reads its options, asks a room, and prints."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import re
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer

from bridge.causes import STAGES
from bridge.errors import ConfigError
from bridge.journal.protocol import Filter

journal_app = typer.Typer(no_args_is_help=True, help="What was received, and how it ended.")

T = TypeVar("T")

#: Something that was asked for cannot be replayed.
NOT_CURED = 3
#: As the shell tells of Ctrl-C.
INTERRUPTED = 130

_STATES = ("open", "dead", "done", "queued", "flying", "delivered", "ignored", "stale", "refused",
           "failed")  # fmt: skip
_AGE = re.compile(r"([0-9]+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
#: Rows of a dry run on a terminal.
_MOST_ROWS = 60

Moment = Annotated[
    str | None, typer.Option(metavar="TIME", help="2026-11-21, 2026-11-21T10:30 (UTC), or 2h ago.")
]


def _filter(
    store: Annotated[str | None, typer.Option(help="Only of this store.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only of this topic.")] = None,
    state: Annotated[
        str | None, typer.Option(help=f"{', '.join(_STATES[:3])}; or that of a delivery.")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="Id of an order or customer.")] = None,  # noqa: A002
    customer: Annotated[
        str | None, typer.Option(help="E-mail address, id or document of a customer.")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Only deliveries to it.")] = None,
    target: Annotated[
        str | None, typer.Option(metavar="ACCOUNT[/ENDPOINT]", help="Only deliveries to it.")
    ] = None,
    since: Moment = None,
    until: Moment = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Received longer ago than 15m, 2h or 3d.")
    ] = None,
    stage: Annotated[str | None, typer.Option(help=f"Dead letters: {', '.join(STAGES)}.")] = None,
    code: Annotated[str | None, typer.Option(help="Dead letters: what was wrong.")] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE[:LINE]", help="Dead letters: of this mapping file.")
    ] = None,
    field: Annotated[str | None, typer.Option(help="Dead letters: what the line fills.")] = None,
    unsure: Annotated[
        bool, typer.Option("--unsure", help="Deliveries that may have been accepted.")
    ] = False,
) -> Filter:
    from bridge.entries import readings

    if state is not None and state not in _STATES:
        raise ConfigError(f"--state: wanted one of {', '.join(_STATES)}")
    if stage is not None and stage not in STAGES:
        raise ConfigError(f"--stage: wanted one of {', '.join(STAGES)}")
    if older_than is not None and until is not None:
        raise ConfigError("--older-than and --until say the same: give one of them")
    path, line = _place(file)
    return Filter(
        store=store,
        topic=topic,
        state=state,  # type: ignore[arg-type]
        resource=id,
        since=_moment("--since", since),
        until=_moment("--until", until) or _moment("--older-than", older_than),
        endpoint=endpoint,
        target=target,
        unsure=unsure,
        stage=stage,
        code=code,
        file=path,
        line=line,
        field=field,
        subjects=readings(customer) if customer is not None else (),
    )


def _asks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `_filter`; they come to it as one value, first."""
    asked = inspect.signature(_filter, eval_str=True).parameters
    own = [*inspect.signature(command, eval_str=True).parameters.values()][1:]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        command(_filter(**{name: given.pop(name) for name in asked}), **given)

    parameters = [*own, *asked.values()]
    told = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    run.__dict__["__signature__"] = inspect.Signature(told)
    run.__annotations__ = {one.name: one.annotation for one in told}
    return run


Json = Annotated[bool, typer.Option("--json", help="One JSON object per line, for scripts.")]


@journal_app.command("list")
@_asks
def journal_list(
    wanted: Filter,
    count: Annotated[bool, typer.Option("--count", help="How many, by store and state.")] = False,
    causes: Annotated[
        bool, typer.Option("--causes", help="Dead letters by what is to be corrected.")
    ] = False,
    json: Json = False,
    before: Annotated[int | None, typer.Option(help="Entries older than this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """List entries, newest first."""
    from rich.console import Console

    from bridge import tell
    from bridge.entries import count_entries, list_entries, list_letters
    from bridge.settings import read_settings

    if count and causes:
        raise ConfigError("--count and --causes are two lists: ask for one of them")
    settings = read_settings()
    found: Sequence[object]
    rows: Iterable[tuple[str, ...]]
    heads: tuple[str, ...]
    if count:
        found = counts = _run(count_entries(settings, wanted))
        heads, rows, empty = tell.COUNT_HEADS, tell.count_rows(counts), "no entry"
    elif causes:
        found = letters = _run(list_letters(settings, wanted))
        heads, rows, empty = tell.LETTER_HEADS, tell.letter_rows(letters), "no dead letter"
    else:
        wanted = replace(wanted, before=before, limit=limit)
        found = entries = _run(list_entries(settings, wanted))
        heads, rows, empty = tell.ENTRY_HEADS, tell.entry_rows(entries), "no entry"
    if json:
        for one in found:
            typer.echo(tell.as_json(one))
        return
    tell.show(heads, rows, empty, Console())


@journal_app.command("show")
def journal_show(entry: int, json: Json = False) -> None:
    """Show one entry with its deliveries, and why one is a dead letter."""
    from bridge import tell
    from bridge.entries import show_entry
    from bridge.settings import read_settings

    found = _run(show_entry(read_settings(), entry))
    typer.echo(tell.as_json(found) if json else "\n".join(tell.entry_lines(found)))


@journal_app.command("replay")
@_asks
def journal_replay(
    wanted: Filter,
    entries: Annotated[
        list[int] | None, typer.Argument(metavar="[ENTRY]...", help="Numbers; or give filters.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was refused elsewhere or given up.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="What was delivered, once more, as a new entry.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, and do not ask.")] = False,
    rate: Annotated[float, typer.Option(min=0.01, help="Entries in a second.")] = 10.0,
    json: Json = False,
) -> None:
    """
    Say what today's files make of dead letters, and queue again what they cure.

    Nothing is written before that was told and agreed to.  Without numbers and filters, all dead
    letters are meant.  The running bridge sends what was queued.

    Exit 0 when all that was asked for is cured, 3 when something is not, 130 after Ctrl-C.
    """
    from bridge import tell
    from bridge.letters import Request
    from bridge.replay import lost

    _agree(wanted, entries, again=again)
    request = Request(tuple(entries or ()), wanted, everything, again)
    moves = _run(_look(request))
    made = len({one.entry for one in moves if one.made})
    if json:
        for move in moves:
            for prospect in move.prospects:
                typer.echo(tell.as_json(prospect))
    else:
        _tell(moves)
    if made and (yes or _is_agreed(made)):
        _finish(_run(_carry_out(moves, rate)), made)
    elif made:
        _say(f"nothing was written; --yes replays {_entries(made)}")
    if lost(moves):
        raise typer.Exit(NOT_CURED)


def _agree(wanted: Filter, entries: Sequence[int] | None, *, again: bool) -> None:
    if entries and wanted != Filter(endpoint=wanted.endpoint):
        raise ConfigError("give numbers of entries or filters; only --endpoint goes with both")
    if again and not entries and wanted == Filter():
        raise ConfigError("--again: say which entries, by number or by filters")


async def _look(request: Any) -> Any:
    from bridge.app import configure
    from bridge.entries import reading
    from bridge.replay import look
    from bridge.settings import read_settings

    settings = read_settings()
    routes = configure(settings).routes
    with _progress("looking", len(request.entries) or None) as seen:
        async with reading(settings) as journal:
            return await look(journal, routes, request, seen)


async def _carry_out(moves: Sequence[Any], rate: float) -> int:
    from bridge.entries import reading
    from bridge.replay import carry_out
    from bridge.settings import read_settings

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    try:
        with _progress("queued", len({one.entry for one in moves if one.made})) as done:
            async with reading(read_settings()) as journal:
                return await carry_out(journal, moves, rate=rate, stop=stop, done=done)
    finally:
        loop.remove_signal_handler(signal.SIGINT)


@contextlib.contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Show on a terminal how far it has got; give what is called for each step."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _tell(moves: Sequence[Any]) -> None:
    from rich.console import Console

    from bridge import tell

    console, rows = Console(), [*tell.prospect_rows(moves)]
    shown = rows[:_MOST_ROWS] if console.is_terminal else rows
    tell.show(tell.PROSPECT_HEADS, shown, "nothing to replay", console)
    if len(rows) > len(shown):
        typer.echo(f"... and {len(rows) - len(shown)} more; --json lists all")
    for line in tell.summary_lines(moves):
        typer.echo(line)


def _is_agreed(made: int) -> bool:
    return _can_be_asked() and typer.confirm(f"replay {_entries(made)}?", default=False, err=True)


def _can_be_asked() -> bool:
    return sys.stdin.isatty()


def _finish(done: int, made: int) -> None:
    _say(f"replayed {_entries(done)}")
    if done < made:
        _say(f"{_entries(made - done)} left: the same command goes on")
        raise typer.Exit(INTERRUPTED)


def _entries(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _place(file: str | None) -> tuple[str | None, int | None]:
    if file is None:
        return None, None
    path, mark, line = file.rpartition(":")
    return (path, int(line)) if mark and line.isdigit() else (file, None)


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    if age := _AGE.fullmatch(text.strip().removesuffix("ago").strip()):
        return datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option}: wanted 2026-11-21, 2026-11-21T10:30, or 15m, 2h, 3d"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def _say(text: str) -> None:
    typer.echo(text, err=True)


@journal_app.command("purge")
def journal_purge(
    customer: Annotated[
        list[str], typer.Option(metavar="EMAIL|ID|DOCUMENT", help="Of whom; may be repeated.")
    ] = [],  # noqa: B006
    store: Annotated[str | None, typer.Option(help="Of this store; alone: all of it.")] = None,
    entry: Annotated[list[int], typer.Option(help="Only this entry; may be repeated.")] = [],  # noqa: B006
    before: Annotated[
        datetime | None, typer.Option(help="Received before, UTC.", formats=["%Y-%m-%d"])
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what is meant.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """
    Erase what the journal holds of a customer or a store; destinations are not told.

    What is still to be sent of them is not sent.  Exit 1 when something is under way: it is
    erased when the command is given again.
    """
    from bridge.purges import list_meant, meant, purge
    from bridge.settings import read_settings

    settings = read_settings()
    whose = meant(customer, store, entry, before)
    found, lines = _run(list_meant(settings, whose, entry, every=dry_run))
    typer.echo("\n".join(lines))
    if dry_run or not found:
        return
    if not yes:
        typer.confirm("Erase what they hold, for good?", abort=True)
    told, flying = _run(purge(settings, whose, entry))
    typer.echo(told)
    if flying:
        raise typer.Exit(1)


@journal_app.command("key")
def journal_key() -> None:
    """Print a new key for BRIDGE_JOURNAL_KEYS."""
    from bridge.journal.cipher import new_key

    typer.echo(new_key())
