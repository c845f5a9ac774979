"""The docker target without an engine: what it asks of one; tests/contract asks a real one."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mlwright.bundle.bundle import Bundle
from mlwright.core.environments import PlatformOptions
from mlwright.core.errors import ConfigError
from mlwright.deploy.processes import listen
from mlwright.deploy.targets import Place, Prepares
from mlwright.deploy.targets.docker import DockerTarget
from mlwright.deploy.targets.local import LocalTarget
from mlwright.testing.target import sample_bundle

# It has the images that were built, and writes down all that it is asked but whether it is there.
ENGINE = """#!/bin/sh
case $1 in
  ps) [ "$2" = --all ] && echo "$@" >> {asked} ; [ "$2" = --all ] && echo 0ab1 ; exit 0 ;;
  images) grep -qx "$3" {images} && echo 1 ; exit 0 ;;
  build) echo "$3" >> {images} ; cp -r "$4" {context} ;;
  run) echo "$@" >> {asked} ; exit 125 ;;
  *) echo "$@" >> {asked} ;;
esac
"""


@dataclasses.dataclass
class Made:
    folder: Path
    place: Place

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()

    @property
    def images(self) -> list[str]:
        return (self.folder / "images").read_text().split()


@pytest.fixture
def made(tmp_path: Path) -> Made:
    command = tmp_path / "engine"
    names = {name: tmp_path / name for name in ("asked", "images", "context")}
    for name in ("asked", "images"):
        names[name].touch()
    command.write_text(ENGINE.format(**names))
    command.chmod(0o755)
    options = PlatformOptions(engine=str(command), memory="512m", cpus=1.5)
    return Made(tmp_path, Place("staging", "tiny", tmp_path / "staging", options=options))


def run_once(target: DockerTarget, bundle: Path) -> str:
    """Let a version be started once, and return what is said of its end."""

    async def until_it_ended() -> str:
        while not target.status() or not target.status()[1].deaths:
            await target.apply({1: bundle})
            await asyncio.sleep(0.01)
        said = target.status()[1].last_death
        await target.delete()
        return said

    return asyncio.run(asyncio.wait_for(until_it_ended(), 20))


def test_looking_makes_nothing(made: Made) -> None:
    bundle = sample_bundle(made.folder / "bundles").path
    (line,) = DockerTarget(made.place).to_make(1, bundle)
    assert line.startswith("image mlwright/tiny:1-")
    assert line.endswith("-slim")
    assert (made.images, made.place.folder.exists()) == ([], False)


def test_an_image_is_built_once(made: Made) -> None:
    bundle = sample_bundle(made.folder / "bundles").path
    target = DockerTarget(made.place)
    for _ in range(2):
        target.make(1, bundle)
    assert len(made.images) == 1
    assert (made.folder / "context" / "Dockerfile").is_file()
    assert target.to_make(1, bundle) == ()


def test_a_container_is_given_three_folders_and_little_else(made: Made) -> None:
    bundle = sample_bundle(made.folder / "bundles").path
    with listen("127.0.0.1", 0) as listener:
        place = dataclasses.replace(made.place, listener=listener)
        assert run_once(DockerTarget(place), bundle) == "exit code 125"
    command = next(line for line in made.asked if line.startswith("run "))
    name = command.partition("--name ")[2].split()[0]
    assert name.startswith("mlwright-staging-v1-")
    for part in (
        "--rm --init --pull never",
        f"--hostname {name} --network none",
        "--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges",
        "--memory 512m --cpus 1.5",
        f"--label mlwright.environment={made.place.folder}",
        "--label mlwright.model=tiny:1 --label mlwright.version=1",
        f"--entrypoint python {made.images[0]} -m mlwright.serve.worker",
    ):
        assert part in command
    user = command.partition("--user ")[2].split()[0]
    assert user == (f"{os.getuid()}:{os.getgid()}" if os.getuid() else "65532:65532")
    shared = [part.partition(",")[0] for part in command.split("type=bind,source=")[1:]]
    containers, log = made.place.folder / "run/containers", made.place.folder / "log"
    assert shared[1:] == [str(containers), str(log)]
    assert Path(shared[0]).name == "c"  # the sockets, in a private folder with a short name


def test_what_is_left_by_no_file_is_swept_by_label(made: Made) -> None:
    bundle = sample_bundle(made.folder / "bundles").path
    run_once(DockerTarget(made.place), bundle)
    label = f"label=mlwright.environment={made.place.folder}"
    assert made.asked[-2:] == [f"ps --all --quiet --filter {label}", "rm --force 0ab1"]
    left = sorted(path.name for path in (made.place.folder / "run").iterdir())
    assert left == ["containers", "image-1.log", "workers.log"]


def test_the_engine_that_began_goes_on(made: Made) -> None:
    """Another one would not find its containers, whatever the settings say by now."""
    kept = made.place.folder / "run" / "engine"
    kept.parent.mkdir(parents=True)
    kept.write_text(str(made.folder / "engine"))
    other = dataclasses.replace(made.place, options=PlatformOptions(engine="no-such-engine"))
    bundle = sample_bundle(made.folder / "bundles").path
    assert len(DockerTarget(other).to_make(1, bundle)) == 1


def test_a_model_that_asks_elsewhere_needs_a_network(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = sample_bundle(made.folder / "bundles")
    asks = dataclasses.replace(bundle, facts={**bundle.facts, "runtime": "endpoint"})
    monkeypatch.setattr(Bundle, "open", lambda _path: asks)
    with pytest.raises(ConfigError) as caught:
        DockerTarget(made.place).to_make(1, bundle.path)
    assert (str(caught.value), caught.value.hint) == (
        "tiny:1 asks an endpoint elsewhere, and its container would have no network",
        "platform_options: {network: bridge} for the environment in mlwright.yaml",
    )


def test_a_folder_that_cannot_be_shared_is_said(made: Made) -> None:
    place = dataclasses.replace(made.place, folder=made.folder / "a,b")
    bundle = sample_bundle(made.folder / "bundles").path
    assert run_once(DockerTarget(place), bundle) == (
        f"a failure ({place.folder}/run/containers has a comma in its path, and cannot be shared "
        "with a container)"
    )


@pytest.mark.parametrize(("kind", "prepares"), [(DockerTarget, True), (LocalTarget, False)])
def test_what_has_to_be_made_first_is_asked_of_those_who_make(
    made: Made, kind: Callable[[Place], object], prepares: bool
) -> None:
    assert isinstance(kind(made.place), Prepares) == prepares


def test_a_spec_is_the_same_on_both_sides(made: Made) -> None:
    bundle = sample_bundle(made.folder / "bundles").path
    run_once(DockerTarget(made.place), bundle)
    target = DockerTarget(made.place)
    target._bundles[1] = bundle
    spec = target.spec(1, "1-0-7-0")
    assert (spec.bundle, spec.listen_fd, spec.parent_pid) == ("/bundle", None, None)
    assert Path(spec.listen_from).parent == Path(spec.socket).parent
    assert Path(spec.pid_file) == made.place.folder / "run/containers/worker-1-0-7-0.pid"
    assert spec.log_folder == str(made.place.folder / "log")
