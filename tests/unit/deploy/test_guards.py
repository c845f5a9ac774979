from __future__ import annotations

import pytest

from mlwright.core.errors import ConfigError
from mlwright.deploy.guards import parse
from mlwright.predictions.lines import Outcome


def outcome(*, ok: bool = True, latency_ms: float = 1.0) -> Outcome:
    return Outcome(0.0, 1, None, True, ok, latency_ms, 0.1)


@pytest.mark.parametrize(
    ("name", "text", "margin", "slower_than"),
    [
        ("error_rate", "1%", 0.01, None),
        ("error_rate", "0.02", 0.02, None),
        ("p95", "500ms", 0.05, 500.0),
        ("p99", "0.5s", 0.01, 500.0),
        ("p50", " 2s ", 0.5, 2000.0),
    ],
)
def test_a_guard_is_read(name: str, text: str, margin: float, slower_than: float | None) -> None:
    (guard,) = parse({name: text})
    assert (guard.margin, guard.slower_than) == (pytest.approx(margin), slower_than)


def test_what_is_bad() -> None:
    errors, slow = parse({"error_rate": "1%", "p95": "500ms"})
    failed, late = outcome(ok=False), outcome(latency_ms=500.5)
    assert (errors.bad(failed), errors.bad(late), errors.bad(outcome())) == (True, False, False)
    assert (slow.bad(failed), slow.bad(late), slow.bad(outcome())) == (False, True, False)


@pytest.mark.parametrize(
    ("guards", "message"),
    [
        ({"eror_rate": "1%"}, "no guard is named 'eror_rate'; did you mean 'error_rate'?"),
        ({"p00": "1s"}, "no guard is named 'p00'; did you mean 'p50'?"),
        ({"error_rate": "0%"}, "error_rate=0%: the limit must be a share, over 0% and under 100%"),
        ({"error_rate": "x"}, "error_rate=x: the limit must be a share, over 0% and under 100%"),
        ({"p95": "soon"}, "p95=soon: the limit must be a time"),
        ({"p95": "0ms"}, "p95=0ms: the limit must be a time"),
        ({"p95": "nanms"}, "p95=nanms: the limit must be a time"),
    ],
)
def test_what_cannot_be_read(guards: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(guards)
    assert str(caught.value) == message
