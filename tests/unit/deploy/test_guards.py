from __future__ import annotations

import pytest

from mlwright.core.errors import ConfigError
from mlwright.deploy.guards import alphas, parse
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


@pytest.mark.parametrize(
    ("name", "text", "kind", "margin", "source"),
    [
        ("p95", "+10%", "slower", 0.0, "prediction"),
        ("predictions", "10%", "predictions", 0.1, "prediction"),
        ("accuracy", "-1%", "accuracy", 0.01, "label"),
        ("accuracy", "-.01", "accuracy", 0.01, "label"),
        ("conversion", "-2%", "measure", 0.02, "measure"),
    ],
)
def test_what_is_read_elsewhere(
    name: str, text: str, kind: str, margin: float, source: str
) -> None:
    (guard,) = parse({name: text})
    assert (guard.kind, guard.margin, guard.source) == (kind, margin, source)


def test_alpha_goes_to_errors_first() -> None:
    assert sum(alphas(parse({"error_rate": "1%", "p95": "1s", "p99": "2s"}))) < 0.01
    assert alphas(parse({"error_rate": "1%"})) == (0.0098,)
    first, second = alphas(parse({"p95": "1s", "p99": "2s"}))
    assert first == second == pytest.approx(0.0049)


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
        ({"acuracy": "-1%"}, "no guard is named 'acuracy'; did you mean 'accuracy'?"),
        ({"accuracy": "1%"}, "accuracy=1%: the limit is a loss"),
        ({"conversion": "1%"}, "no guard is named 'conversion'"),
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
