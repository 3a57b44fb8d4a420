"""
A mock that nobody here wrote accepts what the bridge sends.

Prism (https://github.com/stoplightio/prism) is made from the contracts beside the repository and
validates every request; real HTTP goes to it on loopback.  `.ci/run` installs it; where it, node
or the contracts are absent this says so.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.destinations import ENDPOINTS
from bridge.destinations.endpoint import Account, Call, Endpoint
from bridge.types import Reply
from tests.destinations.answers import SUCCESS, answers
from tests.destinations.contracts import CONTRACTS, contract, goldens, operation
from tests.destinations.shop import account
from tests.e2e.servers import eventually, free_port, stop
from tests.real import needs

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
PRISM = Path(
    os.environ.get("PRISM") or CACHE / "webhook-bridge" / "prism-5" / "node_modules/.bin/prism"
)
VENDORS = sorted({name.partition(".")[0] for name in ENDPOINTS})


def accounts(endpoint: Endpoint, base_url: str) -> list[Account]:
    """An account for each way to prove who calls."""
    return [account(endpoint, base_url, names) for names in endpoint.credentials]


def with_our_answers(vendor: str, endpoints: list[Endpoint]) -> Any:
    """
    The vendor's contract as it is for requests, with one answer for each operation.

    Made-up answers break the contract's own patterns, and an error that is documented without
    an example hides which violation it stands for.
    """
    spec = contract(vendor)
    for endpoint in endpoints:
        good = next(one for one in answers(endpoint.name) if one.row == SUCCESS)
        found = operation(spec, endpoint.name)
        documented = found["responses"]["200"]
        documented["content"]["application/json"]["examples"] = {
            "delivered": {"value": json.loads(good.body)}
        }
        found["responses"] = {"200": documented}
    return spec


@contextmanager
def prism(spec: Any, folder: Path) -> Iterator[str]:
    """Run Prism on a free port until the block ends; violations are errors to it."""
    file, port = folder / "contract.json", free_port()
    file.write_text(json.dumps(spec, default=str))
    command = [str(PRISM), "mock", "--errors", "-h", "127.0.0.1", "-p", str(port), str(file)]
    with (folder / "prism.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            eventually(lambda: listens(port) or process.poll() is not None)
            assert process.poll() is None, (folder / "prism.log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def send(client: httpx.Client, call: Call, **headers: str) -> Reply:
    answer = client.request(
        call.method, call.url, headers=headers or dict(call.headers), content=call.content
    )
    return Reply(answer.status_code, dict(answer.headers), answer.content)


def broken(payload: Any) -> Any:
    """A payload with a field that no page knows."""
    if isinstance(payload, list):
        return [broken(payload[0]), *payload[1:]]
    return {**payload, "undocumented": True}


@needs(CONTRACTS)
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not here: it runs Prism")
@pytest.mark.skipif(not PRISM.is_file(), reason="Prism is not here: .ci/run installs it")
@pytest.mark.parametrize("vendor", VENDORS)
def test_prism_accepts_every_golden_and_refuses_what_is_broken(vendor: str, tmp_path: Path) -> None:
    endpoints = [one for name, one in ENDPOINTS.items() if name.startswith(f"{vendor}.")]
    with prism(with_our_answers(vendor, endpoints), tmp_path) as url, httpx.Client() as client:
        for endpoint in endpoints:
            for caller in accounts(endpoint, url):
                payloads = goldens(endpoint.name)
                refused = {}
                for case, payload in payloads.items():
                    reply = send(client, endpoint.write(payload, caller))
                    if reply.status != 200 or endpoint.judge(reply).kind != "delivered":
                        refused[case] = (reply.status, reply.body)
                assert payloads
                assert refused == {}

                call = endpoint.write(broken(next(iter(payloads.values()))), caller)
                assert send(client, call).status == 422
                assert endpoint.judge(send(client, call)).kind == "refused"
                unproven = {"content-type": call.headers["content-type"]}
                assert send(client, call, **unproven).status == 401
