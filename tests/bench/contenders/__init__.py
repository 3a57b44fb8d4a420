"""
Who is compared, and how each is started.

Every contender gets the same webhooks and the same destination, in one process where it can be
told so.  What a machine lacks is left out with a word.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.house import ORDER, SECRET

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
STORE = "shop"
#: The path that every contender answers.
PATH = f"/webhooks/{STORE}"
NODE_PACKAGES = ("express@5", "undici@7", "@shopify/shopify-api@15", "node-red@4")


class Missing(Exception):
    """A contender cannot be had on this machine, and why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contender runs."""

    port: int
    destination: str  #: address of the destination's server
    folder: Path  #: its own, empty
    shop: str  #: the shop's own name, which the bridge compares
    postgres: str = ""  #: address of an empty database

    @property
    def orders(self) -> str:
        """Where orders are posted to."""
        return f"{self.destination}/v1/pvt/Order"


@dataclass(frozen=True, slots=True)
class Start:
    """A process to be started."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contender:
    """One that takes part."""

    name: str
    about: str
    start: Callable[[Place], Start]


def _python(module: str, *arguments: str) -> Start:
    return Start([sys.executable, "-m", f"tests.bench.contenders.{module}", *arguments])


def relay(carrier: str = "bare") -> Callable[[Place], Start]:
    """Say how the relay is started; see there for its carriers."""
    return lambda place: _python("relay", str(place.port), place.orders, carrier)


def _afternoon(place: Place) -> Start:
    try:
        import fastapi  # noqa: F401
    except ImportError:
        raise Missing("FastAPI is not installed: pip install -e '.[dev]'") from None
    return _python("afternoon", str(place.port), place.orders, SECRET)


def least(place: Place) -> Start:
    """Say how the least that is safe is started."""
    file = str(place.folder / "journal.db")
    return _python("least", str(place.port), place.orders, SECRET, file)


def bridge(*, postgres: bool = False, workers: int = 1) -> Callable[[Place], Start]:
    """Say how a bridge with one store and one endpoint is started, everything on."""

    def start(place: Place) -> Start:
        if postgres and not place.postgres:
            raise Missing("no PostgreSQL server can be started here")
        mappings = place.folder / "mappings"
        shutil.copytree(ROOT / "mappings", mappings)
        (mappings / "connections.toml").write_text(
            f'[stores.{STORE}]\nsource = "shopify"\ntenant = "{place.shop}"\n'
            f'secrets = ["BENCH_SECRET"]\n\n[stores.{STORE}.endpoints."{ORDER}"]\n'
            f'base_url = "{place.destination}"\nat_once = 64\n'
            'credentials = { user = "BENCH_USER", password = "BENCH_PASSWORD" }\n',
            encoding="utf-8",
        )
        journal = place.postgres if postgres else f"sqlite:///{place.folder / 'journal.db'}"
        environment = {
            "BRIDGE_PORT": str(place.port),
            "BRIDGE_MAPPINGS": str(mappings),
            "BRIDGE_JOURNAL": journal,
            "BRIDGE_WORKERS": str(workers),
            "BRIDGE_LOG_LEVEL": "warning",
            "BENCH_SECRET": SECRET,
            "BENCH_USER": "user",
            "BENCH_PASSWORD": "password",
        }
        return Start([sys.executable, "-m", "bridge.cli", "serve"], environment)

    return start


def _express(place: Place) -> Start:
    modules = node_modules()
    # Where a module's imports are looked for depends on where its file lies.
    script = modules.parent / "express.mjs"
    shutil.copyfile(HERE / "express.mjs", script)
    return Start(["node", str(script), str(place.port), place.orders, SECRET])


def _node_red(place: Place) -> Start:
    modules = node_modules()
    flow = json.loads((HERE / "node_red.json").read_text(encoding="utf-8"))
    for node in flow:
        if node["type"] == "http request":
            node["url"] = place.orders
    (place.folder / "flows.json").write_text(json.dumps(flow), encoding="utf-8")
    (place.folder / "settings.js").write_text(
        "module.exports = { flowFile: 'flows.json', uiHost: '127.0.0.1', "
        f"uiPort: {place.port}, httpAdminRoot: false, diagnostics: {{ enabled: false }}, "
        f"functionGlobalContext: {{ crypto: require('crypto'), secret: {json.dumps(SECRET)} }}, "
        "logging: { console: { level: 'error' } } };",
        encoding="utf-8",
    )
    script = modules / "node-red" / "red.js"
    return Start(["node", str(script), "--userDir", str(place.folder)])


def _nginx(place: Place) -> Start:
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise Missing("nginx is not installed")
    upstream = place.destination.removeprefix("http://")
    (place.folder / "nginx.conf").write_text(
        f"""
        daemon off; worker_processes 1; pid {place.folder}/pid; error_log stderr crit;
        events {{ worker_connections 256; }}
        http {{
          access_log off; client_body_buffer_size 64k;
          client_body_temp_path {place.folder}/body; proxy_temp_path {place.folder}/proxy;
          fastcgi_temp_path {place.folder}/f; uwsgi_temp_path {place.folder}/u;
          scgi_temp_path {place.folder}/s;
          upstream destination {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}
          server {{
            listen 127.0.0.1:{place.port}; keepalive_requests 1000000;
            location / {{
              proxy_pass http://destination/v1/pvt/Order;
              proxy_http_version 1.1; proxy_set_header Connection "";
            }}
          }}
        }}
        """,
        encoding="utf-8",
    )
    return Start([program, "-p", str(place.folder), "-c", "nginx.conf"])


def node_modules() -> Path:
    """
    Give the folder of what Node needs, installed on first use, outside the repository.

    Raises:
        Missing: There is no Node, or npm cannot reach its registry.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("Node.js and npm are not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "webhook-bridge" / "bench-node"
    marker = folder / "node_modules" / "node-red" / "red.js"
    if not marker.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
        command = ["npm", "install", "--prefix", str(folder), *options, *NODE_PACKAGES]
        done = subprocess.run(command, capture_output=True, check=False, timeout=600)
        if done.returncode or not marker.is_file():
            raise Missing("npm could not install them")
    return folder / "node_modules"


RELAY = "relay"
CONTENDERS: Sequence[Contender] = (
    Contender("nginx", "a reverse proxy: the physical limit", _nginx),
    Contender(RELAY, "Starlette and the bridge's transport, bare: our ceiling", relay()),
    Contender("relay-client", "Starlette and the bridge's client", relay("ours")),
    Contender("relay-httpx", "Starlette and httpx as it comes", relay("httpx")),
    Contender("least", "the least that is safe, by hand, for this one order", least),
    Contender("bridge-sqlite", "the bridge, everything on, one worker", bridge()),
    Contender("bridge-postgres", "the same on PostgreSQL", bridge(postgres=True)),
    Contender("express", "Express, Shopify's SDK, undici", _express),
    Contender("node-red", "Node-RED, signature and mapping in a function", _node_red),
    Contender("fastapi", "FastAPI and httpx, an afternoon's work", _afternoon),
)
