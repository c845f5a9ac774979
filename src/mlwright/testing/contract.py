"""What all contract suites share: a back-end's known gaps."""

from __future__ import annotations

from typing import ClassVar

import pytest


class Contract:
    """A suite that every back-end of a kind passes, but for the gaps that it names."""

    known_gaps: ClassVar[dict[str, str]] = {}
    """Test name to the reason why this back-end cannot pass it; fails when it does pass."""

    @pytest.fixture(autouse=True)
    def _expect_known_gaps(self, request: pytest.FixtureRequest) -> None:
        reason = self.known_gaps.get(request.node.originalname)
        if reason:
            request.node.add_marker(pytest.mark.xfail(reason=reason, strict=True))
