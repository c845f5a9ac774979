"""Every target passes the contract."""

from __future__ import annotations

import pytest

from mlwright.deploy.targets import Place
from mlwright.deploy.targets.local import LocalTarget
from mlwright.testing.target import TargetContract


class TestLocalTarget(TargetContract):
    @pytest.fixture
    def target(self, place: Place) -> LocalTarget:
        return LocalTarget(place)
