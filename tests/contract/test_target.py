"""Every target passes the contract."""

from __future__ import annotations

import dataclasses

import pytest

from mlwright.core.environments import PlatformOptions
from mlwright.deploy.targets import Place
from mlwright.deploy.targets.docker import DockerTarget
from mlwright.deploy.targets.local import LocalTarget
from mlwright.testing.target import TargetContract


class TestLocalTarget(TargetContract):
    @pytest.fixture
    def target(self, place: Place) -> LocalTarget:
        return LocalTarget(place)


@pytest.mark.heavy
@pytest.mark.timeout(300)
class TestDockerTarget(TargetContract):
    @pytest.fixture
    def target(self, place: Place, containers: PlatformOptions) -> DockerTarget:
        return DockerTarget(dataclasses.replace(place, options=containers))
