from __future__ import annotations

from pathlib import Path

from mlwright.deploy.shadow import Shadow
from mlwright.predictions.lines import Prediction, Route, line
from mlwright.predictions.segment import Segment


def write(folder: Path, stem: str, rows: list[tuple[str, object, str]], version: int) -> None:
    segment = Segment(folder, stem)
    route: Route = "mirror" if stem == "mirrors" else "champion"
    for request, prediction, plan in rows:
        features = {"plan": plan, "x": 1.0}
        segment.append(
            [
                line(
                    Prediction(
                        5.0, request, None, "m", version, features, prediction, 0.5, 2.0, route
                    )
                )
            ]  # type: ignore[arg-type]
        )
    segment.close()


def test_pairs_are_compared_by_request(tmp_path: Path) -> None:
    old = [(f"r{i}", "No", "gold" if i < 40 else "basic") for i in range(100)]
    new = [(f"r{i}", "Yes" if i < 30 else "No", "gold") for i in range(95)]
    write(tmp_path, "predictions", old, 1)
    write(tmp_path, "predictions", [("other", "No", "gold")], 7)
    shadow = Shadow(tmp_path, champion=1, since=4.0)
    assert shadow.look()
    write(tmp_path, "mirrors", new, 2)
    assert shadow.look()
    assert not shadow.look()
    found = shadow.to_json()
    assert (found["requests"], found["compared"], found["missing"]) == (100, 95, 5)
    assert found["agreement"]["value"] == 65 / 95
    assert found["flips"] == [{"champion": "No", "candidate": "Yes", "rows": 30}]
    assert found["slices"] == [{"column": "plan", "value": "gold", "rows": 40, "flipped": 0.75}]
    assert found["latency_ms"]["candidate"] == {"p50": 2.0, "p95": 2.0, "p99": 2.0}


def test_numbers_agree_within_a_thousandth(tmp_path: Path) -> None:
    write(tmp_path, "predictions", [("a", 1000.0, ""), ("b", 1000.0, "")], 1)
    write(tmp_path, "mirrors", [("a", 1000.5, ""), ("b", 1002.0, "")], 2)
    shadow = Shadow(tmp_path, champion=1, since=0.0)
    shadow.look()
    assert shadow.to_json()["agreement"]["value"] == 0.5


def test_nothing_yet_is_no_agreement(tmp_path: Path) -> None:
    shadow = Shadow(tmp_path / "none", champion=1, since=0.0)
    assert not shadow.look()
    assert shadow.to_json()["agreement"] is None
