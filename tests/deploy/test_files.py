"""What the files under deploy/ say agrees with the settings, the mapping files and each other."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest
import typer.main
import yaml

from bridge.cli import app
from bridge.settings import Settings
from tests.deploy.proxy import ROOT

DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())
GUIDE = (DEPLOY / "README.md").read_text()
NGINX = (DEPLOY / "nginx.conf").read_text()
CADDY = (DEPLOY / "Caddyfile").read_text()
UNIT = (DEPLOY / "bridge.service").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
#: The settings as they are when nothing is set.
DEFAULT = Settings.model_construct()

SYSTEMD = shutil.which("systemd-analyze")
CADDY_PROGRAM = shutil.which("caddy")
UNITS = {"": 1, "k": 1024, "m": 1024**2, "KiB": 1024, "MiB": 1024**2}


def seconds(pattern: str, text: str) -> float:
    """The one time in seconds that *pattern* finds."""
    (found,) = set(re.findall(pattern, text))
    return float(found)


def size(pattern: str, text: str) -> int:
    """The one size in bytes that *pattern* finds."""
    ((number, unit),) = re.findall(pattern, text)
    return int(number) * UNITS[unit]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path):
    known = {f"BRIDGE_{name.upper()}" for name in Settings.model_fields}

    assert set(re.findall(r"\bBRIDGE_[A-Z][A-Z_]*", path.read_text())) - known == set()


def test_a_stop_is_given_the_time_that_it_takes():
    """What is under way, then what was given up, then the journal's last writes."""
    takes = DEFAULT.stop_after + 1.0 + 10.0

    assert seconds(r"TimeoutStopSec=(\d+)\n", UNIT) >= takes
    assert float(COMPOSE["services"]["bridge"]["stop_grace_period"].removesuffix("s")) >= takes


def test_locks_of_processes_outlive_the_service() -> None:
    """Else what a killed bridge left in PostgreSQL is taken up only after a minute."""
    (folder,) = re.findall(r"^Environment=TMPDIR=(.+)$", UNIT, re.MULTILINE)

    assert folder == f"/var/lib/{re.findall('^StateDirectory=(.+)$', UNIT, re.MULTILINE)[0]}"


def test_proxies_and_bridge_refuse_the_same_size():
    assert DEFAULT.body_limit == size(r"client_max_body_size (\d+)(\w*);", NGINX)
    assert DEFAULT.body_limit == size(r"max_size (\d+)(\w*)\n", CADDY)
    assert f"`BRIDGE_BODY_LIMIT` {DEFAULT.body_limit:,}" in GUIDE


def test_a_body_may_be_as_slow_at_the_proxy_as_at_the_bridge():
    assert seconds(r"client_body_timeout +(\d+)s;", NGINX) == DEFAULT.body_timeout


def test_caddy_gives_up_on_a_body_only_when_no_platform_waits_any_more(loaded):
    longest = max(source.answer.within for source in loaded.checked.sources.values())

    assert seconds(r"read_body (\d+)s\n", CADDY) > max(longest, DEFAULT.body_timeout)


def test_no_proxy_cuts_off_an_answer_that_a_platform_still_waits_for(loaded):
    longest = max(source.answer.within for source in loaded.checked.sources.values())

    nginx, caddy = NGINX.partition("/health")[0], CADDY.partition("/health")[0]

    assert seconds(r"proxy_read_timeout +(\d+)s;", nginx) > longest
    assert seconds(r"response_header_timeout (\d+)s\n", caddy) > longest
    assert seconds(r"\bwrite (\d+)s\n", caddy) > longest


def test_proxies_let_go_of_an_idle_connection_before_the_bridge_does():
    bridge = seconds(r"timeout_keep_alive=(\d+)", (ROOT / "bridge" / "cli.py").read_text())

    assert seconds(r"\bkeepalive_timeout (\d+)s;", NGINX) < bridge
    assert seconds(r"\bkeepalive (\d+)s\n", CADDY) < bridge


def test_the_proxies_stand_in_front_of_the_default_address():
    address = f"{DEFAULT.host}:{DEFAULT.port}"

    assert f"server {address};" in NGINX
    proxies = re.findall(r"^\s*reverse_proxy (\S+)", CADDY, re.MULTILINE)
    assert set(proxies) == {f"{{$UPSTREAM:{address}}}"}


def test_the_compose_file_names_files_that_exist():
    bridge, caddy = COMPOSE["services"]["bridge"], COMPOSE["services"]["caddy"]
    mounted = [one.split(":")[0] for one in (*bridge["volumes"], *caddy["volumes"])]
    files = [one for one in mounted if one.startswith(".")]

    assert (DEPLOY / bridge["build"]["context"] / bridge["build"]["dockerfile"]).is_file()
    assert [one for one in files if not (DEPLOY / one).exists()] == []
    assert {one for one in mounted if not one.startswith(".")} == set(COMPOSE["volumes"])
    assert caddy["environment"]["UPSTREAM"] == f"bridge:{DEFAULT.port}"
    assert "ports" not in bridge


def test_the_image_copies_what_exists_and_what_its_builder_is_given():
    copied = {name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
              for name in line.split()[:-1]}  # fmt: skip
    given = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)

    assert copied == set(given)
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_runs_the_bridge_without_a_shell_and_not_as_root():
    """The signal of a stop would end at the shell."""
    (command,) = re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)
    (check,) = re.findall(r"^ +CMD (.+)$", DOCKERFILE, re.MULTILINE)

    assert json.loads(command) == ["bridge", "serve", "--host", "0.0.0.0"]
    assert parsed(json.loads(command)[1:]) == ["serve"]
    compile(json.loads(check)[2], "HEALTHCHECK", "exec")
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]


def test_every_command_of_the_guide_exists_with_its_options():
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL))
    inline = re.findall(r"`bridge ([^`]+)`", GUIDE)
    lines = [*re.findall(r"^bridge (.+)$", blocks, re.MULTILINE), *inline]
    commands = [shlex.split(line, comments=True) for line in lines]

    assert len(commands) > 15
    for words in commands:
        words = [{"N": "1", "...": "check"}.get(word, word) for word in words]
        parsed(words[: words.index("&&")] if "&&" in words else words)


def parsed(words: list[str]) -> list[str]:
    """Read a command line as the program would; give the path of the command."""
    command: Any = typer.main.get_command(app)
    path = []
    while hasattr(command, "commands"):
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        path.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    command.make_context(path[-1], list(words))
    return path


def test_links_inside_the_guide_lead_somewhere():
    headings = [re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-")
                for line in re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)]  # fmt: skip
    if "<!-- deliveries -->" in GUIDE:
        headings.append("how-deliveries-are-kept-apart")

    assert set(re.findall(r"\]\(#([^)]+)\)", GUIDE)) - set(headings) == set()


@pytest.mark.skipif(SYSTEMD is None, reason="there is no systemd-analyze on this machine")
def test_systemd_understands_the_unit(tmp_path):
    """Only the program and the guide are not where the unit expects them."""
    unit = UNIT.replace("/opt/bridge/venv/bin/bridge", "/bin/true")
    (tmp_path / "bridge.service").write_text(unit)
    told = subprocess.run(
        [str(SYSTEMD), "verify", "--man=no", str(tmp_path / "bridge.service")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (told.returncode, told.stderr)


@pytest.mark.skipif(CADDY_PROGRAM is None, reason="there is no caddy on this machine")
def test_caddy_understands_its_file(tmp_path):
    told = subprocess.run(
        [str(CADDY_PROGRAM), "validate", "--adapter", "caddyfile", "--config", "Caddyfile"],
        cwd=DEPLOY,
        env={"HOME": str(tmp_path), "SITE": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 0, told.stderr


def test_the_changelog_has_a_place_for_what_comes_next():
    headings = re.findall(r"^##+ (.+)$", (DEPLOY / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] == "Unreleased"
    assert set(headings[1:]) <= {
        "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security",
        *(one for one in headings if re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", one)),
    }  # fmt: skip
