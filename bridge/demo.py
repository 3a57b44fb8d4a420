"""
Run the whole way once, for a person who has just cloned the repository.

Sandbox and bridge run as processes of their own on loopback, with a journal and a connection in
a temporary folder; a signed sample order goes in, and what arrived and what the store was told
is printed.  The commands are those that anybody would type.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console

from bridge import exact
from bridge.errors import ConfigError
from bridge.fixtures import Case, cases, spell
from bridge.load import load, strict
from bridge.mapping.run import scope_of, tenant_of
from bridge.mapping.source import Source
from bridge.send import topic_headers

_CONNECTIONS = """\
[stores.demo]
source  = "{source}"
tenant  = "{tenant}"
secrets = ["DEMO_WEBHOOK_SECRET"]

[stores.demo.endpoints."{endpoint}"]
base_url    = "http://127.0.0.1:{port}"
credentials = {{ user = "DEMO_DESTINATION_USER", password = "DEMO_DESTINATION_PASSWORD" }}
"""
_ENDPOINT = "bonifiq.order"
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class _Demo:
    console: Console
    folder: Path
    environment: Mapping[str, str]
    case: Case
    topic: str
    destination: str  #: address of the sandbox
    bridge: str  #: address of the bridge


def run(*, keep: bool) -> int:
    """
    Run the demonstration.

    Args:
        keep: Leave both servers running until Ctrl-C.

    Returns:
        The exit code: 0 when the order arrived and the store was told so.

    Raises:
        ConfigError: There is no sample order beside the code, or a server does not start.
    """
    root = Path(__file__).parents[1]
    source, case = _sample(root)
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="bridge-demo-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(made))
        sandbox_port, bridge_port = _free_port(), _free_port()
        _write_mappings(root / "mappings", folder / "mappings", source, case, sandbox_port)
        demo = _Demo(
            Console(highlight=False, soft_wrap=True),
            folder,
            _environment(folder, bridge_port),
            case,
            next(case.request.headers[name] for name in topic_headers(source, "")),
            f"http://127.0.0.1:{sandbox_port}",
            f"http://127.0.0.1:{bridge_port}",
        )
        stack.enter_context(_server(demo, ["sandbox", "--port", str(sandbox_port)]))
        _await_server(f"{demo.destination}/_health")
        stack.enter_context(_server(demo, ["serve"]))
        _await_server(f"{demo.bridge}/health")
        code = _show(demo)
        if keep:
            _wait_for_a_person(demo)
        return code


def _sample(root: Path) -> tuple[Source, Case]:
    """The first platform that can be shown without a shop of it, and its paid order."""
    sources = strict(load(root / "mappings")).checked.sources
    for case in cases(root / "tests" / "fixtures"):
        source = sources.get(case.platform)
        if case.name == "order_paid" and source and _can_be_shown(source):
            return source, case
    raise ConfigError("no sample order beside the code: run this in a clone of the repository")


def _can_be_shown(source: Source) -> bool:
    """Whether we can sign its webhooks, headers say what happened where, and no shop is asked."""
    in_headers = (source.topic, *((source.tenant,) if source.tenant else ()))
    return (
        next(iter(source.verify)) == "hmac"
        and all(path.root == "header" for one in in_headers for path in one.paths)
        and all(fetch.when for fetch in source.fetches)
        and not any(rule.required for rule in source.settings.values())
    )


def _write_mappings(
    shipped: Path, folder: Path, source: Source, case: Case, sandbox_port: int
) -> None:
    shutil.copytree(shipped, folder)
    scope = scope_of(source, case.request, None, {})
    text = _CONNECTIONS.format(
        source=case.platform,
        tenant=tenant_of(source.tenant, scope) or "",
        endpoint=_ENDPOINT,
        port=sandbox_port,
    )
    (folder / "connections.toml").write_text(text)


def _environment(folder: Path, port: int) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if "BRIDGE_" not in name}
    return {
        **inherited,
        "BRIDGE_MAPPINGS": str(folder / "mappings"),
        "BRIDGE_JOURNAL": f"sqlite:///{folder}/journal.db",
        "BRIDGE_PORT": str(port),
        "DEMO_WEBHOOK_SECRET": secrets.token_urlsafe(24),
        "DEMO_DESTINATION_USER": "demo",
        "DEMO_DESTINATION_PASSWORD": secrets.token_urlsafe(12),
    }


def _show(demo: _Demo) -> int:
    say, case = demo.console.print, demo.case
    say(f"[bold]1. A store sends a paid order[/] ({case}, {len(case.request.body)} bytes, signed)")
    body = str(case.folder / "request.body")
    told = _command(demo, ["send", "--store", "demo", "--topic", demo.topic, body])
    received = exact.read(httpx.get(f"{demo.destination}/_received").content)
    say(f"\n[bold]2. What arrived at {_ENDPOINT}[/]")
    say(spell(received[-1]["body"]) if received else "nothing", markup=False)
    say("[bold]3. What the store was told[/]")
    say(told, markup=False)
    say("\n[bold]4. The store repeats the webhook: it is told the same and nothing is sent[/]")
    again = _command(demo, ["send", "--store", "demo", "--topic", demo.topic, body])
    count = len(json.loads(httpx.get(f"{demo.destination}/_received").text))
    say(again, markup=False)
    say(f"received by {_ENDPOINT}: {count}")
    say("\n[bold]5. What the journal says[/]")
    say(_command(demo, ["journal", "list"]), markup=False)
    return 0 if told.startswith("200") and count == 1 else 1


def _command(demo: _Demo, arguments: list[str]) -> str:
    shown = " ".join(Path(one).name if one.startswith(os.sep) else one for one in arguments)
    demo.console.print(f"   $ bridge {shown}", style="dim", markup=False)
    done = subprocess.run(  # noqa: S603 - our own program and our own arguments
        _bridge(arguments),
        env=demo.environment,
        cwd=demo.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).strip()


def _wait_for_a_person(demo: _Demo) -> None:
    demo.console.print(f"\nbridge {demo.bridge}   sandbox {demo.destination}   Ctrl-C stops both")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return


@contextmanager
def _server(demo: _Demo, arguments: list[str]) -> Iterator[None]:
    with (demo.folder / f"{arguments[0]}.log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program and our own arguments
            _bridge(arguments), env=demo.environment, cwd=demo.folder, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _bridge(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "bridge.cli", *arguments]


def _await_server(url: str) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise ConfigError(f"nothing answered at {url} within {_PATIENCE:g} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
