"""The files that make a container: what they name exists in the program. `.ci/image` takes their steps."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from urllib.parse import urlsplit

import pytest
import yaml

from budgetctl.cli.app import root_command
from budgetctl.server.running import _GRACE_S
from budgetctl.stores.location import is_database
from support.containers import ROOT, copied, environment, is_sent, stages

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IMAGE = {each.word: each for each in stages()[-1]}
SOURCES = "\n".join(path.read_text() for path in sorted((ROOT / "budgetctl").rglob("*.py")))
PORT = "8484"


def check_command_line(arguments):
    """Fail where the program does not take these arguments. Nothing is run."""
    name, *rest = arguments
    command = root_command().get_command(None, name)
    if hasattr(command, "commands"):
        name, *rest = rest
        command = command.commands[name]
    command.make_context(name, rest)


@pytest.mark.parametrize("stage", stages())
def test_the_base_is_slim_and_pinned_by_version(stage):
    base = re.fullmatch(r"python:(\d+\.\d+)-slim-\w+(?: AS \w+)?", stage[0].text)
    assert base
    assert f"Programming Language :: Python :: {base[1]}" in PROJECT["project"]["classifiers"]


def test_it_does_not_run_as_root():
    words = [each.word for each in stages()[-1]]
    assert re.fullmatch(r"[1-9]\d+", IMAGE["USER"].text)
    assert f"--uid {IMAGE['USER'].text} " in IMAGE["RUN"].text
    assert words.index("USER") > max(place for place, word in enumerate(words) if word in ("RUN", "COPY"))


def test_it_begins_with_a_command_that_there_is():
    assert IMAGE["ENTRYPOINT"].command == list(PROJECT["project"]["scripts"])
    check_command_line(IMAGE["CMD"].command)


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml"])
def test_the_commands_in_its_comments_are_right(file):
    told = re.findall(r"^#   .*?\bbudgetctl (token .*)$", (ROOT / file).read_text(), re.MULTILINE)
    assert told
    for each in told:
        check_command_line(shlex.split(each))


def test_it_listens_on_the_port_that_is_exposed_looked_at_and_published():
    serve = root_command().get_command(None, "serve")
    assert str(next(each.default for each in serve.params if each.name == "port")) == PORT
    assert IMAGE["EXPOSE"].text == PORT
    assert f"'127.0.0.1', {PORT}," in IMAGE["HEALTHCHECK"].text
    assert COMPOSE["services"]["server"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]


def health(port):
    """The exit code of the health check, for a server on that port."""
    python, *rest = IMAGE["HEALTHCHECK"].command
    assert python == "python"
    proxied = {**os.environ, "http_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, *(each.replace(PORT, str(port)) for each in rest)]
    return subprocess.run(command, check=False, capture_output=True, timeout=30, env=proxied).returncode


def test_the_health_check_tells_a_server_that_can_answer_from_one_that_cannot(guarded, serve, open_file, home):
    assert health(guarded.port) == 0
    assert health(9) != 0
    broken = home / "broken.db"
    broken.write_bytes(b"no database" * 1000)
    assert health(serve(open_file, str(broken)).port) != 0


def test_what_is_kept_is_in_the_volume_and_what_can_be_made_again_is_not():
    asked = "from budgetctl.directories import *; print(data_directory(), config_directory(), cache_directory())"
    env = {**environment(), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    del env["PYTHONPYCACHEPREFIX"]
    told = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True, env=env)
    data, config, cache = told.stdout.split()
    volume = IMAGE["VOLUME"].text
    assert data.startswith(f"{volume}/")
    assert config.startswith(f"{volume}/")
    assert cache.startswith("/tmp/")
    assert environment()["PYTHONPYCACHEPREFIX"].startswith("/tmp/")
    assert f"0700 {volume}" in IMAGE["RUN"].text


def test_all_that_is_built_from_is_copied_and_sent_and_nothing_else_is_sent():
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {
        "pyproject.toml",
        PROJECT["project"]["readme"],
        *PROJECT["project"]["license-files"],
        *wheel["packages"],
        *(path.split("/")[0] for path in wheel["shared-data"]),
        "tests/locks/test.txt",
    }
    sources = {source for source, _ in copied()}
    assert sources == needed
    for source in sources:
        assert (ROOT / source).exists()
        assert is_sent(source)
        assert is_sent(f"{source}/inside") == (ROOT / source).is_dir() or not (ROOT / source).is_dir()
    left = (
        "default.db",
        "tokens.json",
        ".env",
        ".git/config",
        "tests/conftest.py",
        "tests/locks/proxy.txt",
        ".venv/bin/x",
    )
    assert not any(map(is_sent, left))
    assert not is_sent("budgetctl/cli/__pycache__/app.pyc")


def test_the_extras_that_are_installed_exist():
    (named,) = re.findall(r'"\.\[(.*?)\]"', stages()[0][-1].text)
    assert set(named.split(",")) <= set(PROJECT["project"]["optional-dependencies"])


def test_docker_waits_for_longer_than_the_server_takes_to_end():
    assert IMAGE["STOPSIGNAL"].text == "SIGTERM"
    assert COMPOSE["services"]["server"]["stop_grace_period"] == f"{_GRACE_S + 10}s"
    assert f"--stop-timeout {_GRACE_S + 10} " in (ROOT / "Dockerfile").read_text()


def test_the_services_fit_each_other():
    server, postgres = COMPOSE["services"]["server"], COMPOSE["services"]["postgres"]
    store = server["environment"]["BUDGETCTL_STORE"]
    address = urlsplit(store)
    assert is_database(store)
    assert address.hostname in COMPOSE["services"]
    assert (address.username, address.path[1:]) == (
        postgres["environment"]["POSTGRES_USER"], postgres["environment"]["POSTGRES_DB"]
    )  # fmt: skip
    assert address.password is None
    assert server["environment"]["PGPASSWORD"] == postgres["environment"]["POSTGRES_PASSWORD"]
    assert server["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert postgres["healthcheck"]["test"] == [
        "CMD",
        "pg_isready",
        f"--username={address.username}",
        "--dbname=budgets",
    ]
    mounted = {volume.split(":")[0] for service in COMPOSE["services"].values() for volume in service["volumes"]}
    assert mounted == set(COMPOSE["volumes"])
    assert f"server:{IMAGE['VOLUME'].text}" in server["volumes"]


def test_the_server_of_the_services_can_write_what_it_has_to_and_nothing_else():
    server = COMPOSE["services"]["server"]
    assert (server["read_only"], server["cap_drop"], server["tmpfs"]) == (True, ["ALL"], ["/tmp"])
    assert server["build"] == "."


def test_commands_and_variables_of_the_services_exist_in_the_program():
    server = COMPOSE["services"]["server"]
    check_command_line([re.sub(r"\$\{\w+:-(\w+)\}", r"\1", word) for word in server["command"]])
    own = [name for name in server["environment"] if name.startswith("BUDGETCTL_")]
    assert own
    assert all(f'"{name}"' in SOURCES for name in own)
