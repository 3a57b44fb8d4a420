"""
Run the nginx example for real.

The file is the shipped one.  Replaced are ports, the paths of certificate and logs, and the
times and limits that a test names: nothing else.  TLS is real, with a certificate of our own.
"""

from __future__ import annotations

import datetime
import functools
import getpass
import ipaddress
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "nginx.conf"

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")

#: What nginx's main file says around a site.  The worker runs as whoever runs the tests.
_MAIN = """\
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/bridge.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running nginx."""

    folder: Path
    port: int
    trust: ssl.SSLContext
    process: subprocess.Popen[str]

    def switch(self, old: int, new: int) -> None:
        """Put another bridge behind the proxy, and return when nobody is sent to the old one."""
        site = self.folder / "bridge.conf"
        site.write_text(replace(site.read_text(), {f"127.0.0.1:{old};": f"127.0.0.1:{new};"}))
        self.process.send_signal(signal.SIGHUP)
        _await_word(self.process, "exited with code 0")

    def client(self, *, address: str = "127.0.0.1") -> httpx.Client:
        """Make a client that calls from *address*, one of loopback's."""
        transport = httpx.HTTPTransport(verify=self.trust, local_address=address)
        base = f"https://127.0.0.1:{self.port}"
        return httpx.Client(base_url=base, transport=transport, timeout=30.0)

    def connection(self) -> ssl.SSLSocket:
        """Open a bare connection, for what no client would do."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10.0)
        return self.trust.wrap_socket(plain, server_hostname="127.0.0.1")


@contextmanager
def nginx(
    folder: Path, upstream: int, replaced: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """
    Run nginx with the shipped file in front of a port of loopback.

    Args:
        upstream: The port.
        replaced: Text of the shipped file -> text of the trial.
    """
    assert NGINX is not None
    folder.mkdir(exist_ok=True)
    certificate, key = write_certificate(folder)
    port = free_port()
    site = replace(
        SHIPPED.read_text(),
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "server 127.0.0.1:8080;": f"server 127.0.0.1:{upstream};",
            "/etc/ssl/bridge/fullchain.pem": str(certificate),
            "/etc/ssl/bridge/privkey.pem": str(key),
            "/var/log/nginx/bridge.log": str(folder / "access.log"),
            "/var/log/nginx/bridge-error.log": str(folder / "error.log"),
            **(replaced or {}),
        },
    )
    (folder / "bridge.conf").write_text(site)
    (folder / "nginx.conf").write_text(_MAIN.format(user=getpass.getuser(), folder=folder))
    command = [NGINX, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen([*command, "-g", "daemon off;"], stderr=subprocess.PIPE, text=True)
    with stopped_at_the_end(process):
        _await_word(process, "start worker process ")
        trust = ssl.create_default_context(cafile=certificate)
        yield Proxy(folder, port, trust, process)


def replace(text: str, replaced: Mapping[str, str]) -> str:
    """Replace texts that stand in *text* exactly once."""
    for old, new in replaced.items():
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the shipped file"
        text = text.replace(old, new)
    return text


@contextmanager
def echo_server() -> Iterator[int]:
    """Run `tests.deploy.echo` and give its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.deploy.echo", str(number)], pass_fds=[number], cwd=ROOT
        )
        with stopped_at_the_end(process):
            yield listening.getsockname()[1]


@contextmanager
def stopped_at_the_end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> Iterator[None]:
    """Ask the process to end, and end it if it does not."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(15.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def await_listener(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when the process listens; fail when it has ended instead."""
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        with suppress(subprocess.TimeoutExpired):
            pytest.fail(f"the server ended with {process.wait(0.05)} instead of listening")
    pytest.fail("the server did not listen within 30 s")


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _await_word(process: subprocess.Popen[str], word: str) -> None:
    """Return when nginx says *word*; fail with what it said instead when it ends before."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if word in line:
            return
        said.append(line)
    pytest.fail(f"nginx ended: {''.join(said)}")


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 and its key."""
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    made = _certificate()
    certificate.write_bytes(made[0])
    key.write_bytes(made[1])
    return certificate, key


@functools.cache
def _certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bridge.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
