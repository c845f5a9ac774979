from __future__ import annotations

from pathlib import Path

import pytest

from mlwright.core.errors import ConfigError, MissingExtra, RemoteError
from mlwright.deploy.engine import Engine, find

NO_DAEMON = (
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon "
    "running?"
)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is searched for commands."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def command(folder: Path, name: str, body: str = "") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def refuses(text: str) -> str:
    return f"echo '{text}' >&2; exit 1"


def told(error: Exception) -> tuple[str, str]:
    return str(error), getattr(error, "hint", "")


def test_docker_comes_before_podman(commands: Path) -> None:
    command(commands, "podman")
    command(commands, "docker")
    assert (find().command, find("podman").command) == ("docker", "podman")


def test_one_that_does_not_answer_is_passed_over(commands: Path) -> None:
    command(commands, "docker", refuses(NO_DAEMON))
    command(commands, "podman")
    assert find().command == "podman"


def test_none_is_installed(commands: Path) -> None:
    with pytest.raises(MissingExtra) as caught:
        find()
    assert told(caught.value) == (
        "the platform docker needs docker or podman, which is not installed",
        "install Docker or Podman, or name another command in mlwright.yaml: "
        "platform_options: {engine: COMMAND}",
    )


def test_the_daemon_does_not_run(commands: Path) -> None:
    command(commands, "docker", refuses(NO_DAEMON))
    with pytest.raises(RemoteError) as caught:
        find()
    assert told(caught.value) == (
        f"docker does not answer: {NO_DAEMON}",
        "start it, as with systemctl start docker, or set platform_options: {engine: podman} for "
        "the environment in mlwright.yaml",
    )


def test_what_was_asked_for_is_no_command(commands: Path) -> None:
    (commands / "engine").write_bytes(b"\x7fELF")
    (commands / "engine").chmod(0o755)
    with pytest.raises(ConfigError) as caught:
        find("engine")
    assert told(caught.value) == (
        "engine cannot be run: Exec format error",
        "platform_options: {engine: podman} names another in mlwright.yaml",
    )


def test_one_that_hangs_is_not_waited_for(commands: Path) -> None:
    engine = Engine(command(commands, "docker", "exec /bin/sleep 60"))
    with pytest.raises(RemoteError, match=r"^no list: docker did not answer within 0.1 s$"):
        engine.ask("ps", what="no list", seconds=0.1)


def test_an_image_is_there_or_not(commands: Path) -> None:
    engine = Engine(command(commands, "docker", '[ "$3" = here:1 ] && echo 0ab1; exit 0'))
    assert (engine.has_image("here:1"), engine.has_image("gone:1")) == (True, False)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (
            "write /var/lib: no space left on device",
            "docker image prune --all --filter label=mlwright.model removes the images of versions "
            "that run nowhere",
        ),
        (
            "pull access denied for nothing",
            "platform_options: {base: IMAGE} names an image that is within reach",
        ),
        (
            "ERROR: No matching distribution found for numpy==2.4.6",
            "the base image needs this machine's version of Python, and pip in it a way to its "
            "index",
        ),
    ],
)
def test_a_build_that_fails_says_how_it_ended(
    commands: Path, tmp_path: Path, said: str, hint: str
) -> None:
    body = f"echo first; echo second; echo 'a level=warning'; echo third; {refuses(said)}"
    engine, log = Engine(command(commands, "docker", body)), tmp_path / "log" / "image.log"
    with pytest.raises(RemoteError) as caught:
        engine.build("churn:1", tmp_path, log)
    reason = said if said.startswith("ERROR") else f"second | third | {said}"
    assert told(caught.value) == (
        f"the image churn:1 cannot be built: {reason}",
        f"{hint}; {log} has all",
    )
    assert log.read_text().startswith("first\n")


def test_podman_is_asked_for_the_form_that_knows_health_checks(
    commands: Path, tmp_path: Path
) -> None:
    for name in ("docker", "podman"):
        Engine(command(commands, name, 'echo "$@"')).build("t:1", tmp_path, tmp_path / name)
    assert (tmp_path / "docker").read_text() == f"build --tag t:1 {tmp_path}\n"
    assert (tmp_path / "podman").read_text() == f"build --format docker --tag t:1 {tmp_path}\n"
