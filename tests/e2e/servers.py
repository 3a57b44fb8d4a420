"""Real processes on loopback: the bridge and the sandbox, started, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0

CONNECTIONS = """
[stores.shop]
source    = "shopify"
tenant    = "casa-inventada.myshopify.com"
secrets   = ["SHOP_SECRET", "SHOP_OLD_SECRET"]
on_outage = "{on_outage}"

[stores.shop.endpoints."bonifiq.order"]
base_url    = "http://127.0.0.1:{sandbox}"
credentials = {{ user = "BONIFIQ_TOKEN", password = "BONIFIQ_KEY" }}

[stores.shop.endpoints."bonifiq.customer"]
base_url    = "http://127.0.0.1:{sandbox}"
credentials = {{ user = "BONIFIQ_TOKEN", password = "BONIFIQ_KEY" }}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(true: Callable[[], bool]) -> None:
    """Wait for something that other processes bring about."""
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


@dataclass
class World:
    """A folder with mappings and a journal, a sandbox, and a bridge."""

    folder: Path
    sandbox_port: int
    bridge_port: int
    environment: Mapping[str, str]

    @property
    def bridge(self) -> str:
        return f"http://127.0.0.1:{self.bridge_port}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the bridge to its end."""
        return subprocess.run(
            [sys.executable, "-m", "bridge.cli", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def send(self, case: str, topic: str, *options: str) -> tuple[int, str]:
        body = ROOT / "tests" / "fixtures" / "shopify" / case / "request.body"
        done = self.run("send", "--store", "shop", "--topic", topic, *options, str(body))
        status, _, text = done.stdout.strip().partition(" ")
        return int(status or 0), text or done.stderr

    def received(self) -> list[Any]:
        found: list[Any] = httpx.get(f"{self.sandbox}/_received").json()
        return found

    def behave(self, **rule: Any) -> None:
        assert httpx.post(f"{self.sandbox}/_behave", json=rule).status_code == 200

    @contextmanager
    def server(self, name: str, *arguments: str, health: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a server until the block ends; it is killed if it does not stop by itself."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bridge.cli", name, *arguments],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                eventually(lambda: answers(health) or process.poll() is not None)
                assert process.poll() is None, (self.folder / f"{name}.log").read_text()
                yield process
            finally:
                stop(process)

    def sandbox_server(self) -> Any:
        return self.server(
            "sandbox", "--port", str(self.sandbox_port), health=f"{self.sandbox}/_health"
        )

    def bridge_server(self, *arguments: str) -> Any:
        return self.server("serve", *arguments, health=f"{self.bridge}/health")


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server, and whatever it started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def new_world(folder: Path, on_outage: str = "park") -> World:
    mappings = folder / "mappings"
    mappings.mkdir()
    for name in ("sources", "destinations"):
        (mappings / name).symlink_to(ROOT / "mappings" / name)
    sandbox, bridge = free_port(), free_port()
    connections = CONNECTIONS.format(sandbox=sandbox, on_outage=on_outage)
    (mappings / "connections.toml").write_text(connections)
    inherited = {name: value for name, value in os.environ.items() if "BRIDGE_" not in name}
    environment = {
        **inherited,
        "BRIDGE_PORT": str(bridge),
        "BRIDGE_JOURNAL": "sqlite:///journal.db",
        "BRIDGE_QUIET": "0.2",
        "SHOP_SECRET": "s3cret",
        "SHOP_OLD_SECRET": "0ld",
        "BONIFIQ_TOKEN": "token",
        "BONIFIQ_KEY": "key",
    }
    return World(folder, sandbox, bridge, environment)
