"""The share of requests that failed since the last look, from what the workers counted.

The prediction log holds answers alone, so that failures are read from the counts that workers
leave beside it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlwright.core.files import write_json
from mlwright.stats.intervals import Interval, wilson

_SEEN = "failures-seen.json"


def failures(log: Path) -> Interval | None:
    """Return the share of requests answered with 5xx since the last call; None without any."""
    requests, failed = _counted(log)
    seen = log.parent / _SEEN
    before = _read(seen).get("counts", [0, 0])
    if requests < before[0] or failed < before[1]:
        before = [0, 0]  # the counts began anew
    write_json(seen, {"counts": [requests, failed]})
    new, bad = requests - before[0], failed - before[1]
    return wilson(bad, new) if new else None


def _counted(log: Path) -> tuple[int, int]:
    requests = failed = 0
    for path in log.parent.rglob("metrics-*.json"):
        counts = _read(path).get("counters", {}).get("requests_total", {})
        requests += sum(counts.values())
        failed += sum(count for label, count in counts.items() if label.startswith('status="5'))
    return requests, failed


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):  # just replaced, or never there
        return {}
    return found if isinstance(found, dict) else {}
