"""How often a check is wrong: false alerts in months of hourly checks, and what it finds.

Run: python bench/simulate_drift.py [--repeats 100] [--months 3]
Seeds begin at 10,000: none of them was looked at while the policy was chosen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import polars as pl

from mlwright.core.settings import Monitor
from mlwright.monitor.compare import compare
from mlwright.monitor.reference import Reference, of_sample
from mlwright.monitor.sources import Sample

FEATURES = 30
DRIFTED = 5
NUMERIC = 20
SEED = 10_000
SHARES = np.arange(1, 9) / 36

Change = Callable[[np.random.Generator, np.ndarray, int], np.ndarray]


def shift(by: float) -> Change:
    return lambda _rng, values, _rows: values + by


def scale(by: float) -> Change:
    return lambda _rng, values, _rows: values * by


def shape(rng: np.random.Generator, _values: np.ndarray, rows: int) -> np.ndarray:
    """Two humps with the mean and the deviation of before."""
    return rng.choice((-0.9, 0.9), rows) + rng.normal(0, np.sqrt(1 - 0.81), rows)


def rows_of(rng: np.random.Generator, rows: int, *, change: Change | None = None) -> dict:
    table = {f"n{i}": rng.normal(0, 1, rows) for i in range(NUMERIC)}
    table |= {f"c{i}": rng.choice(8, rows, p=SHARES) for i in range(FEATURES - NUMERIC)}
    if change:
        for name in list(table)[:DRIFTED]:
            table[name] = change(rng, table[name], rows)
    return table


def sample_of(columns: dict, time: np.ndarray | None = None) -> Sample:
    table = pl.DataFrame(
        {n: [f"k{v}" for v in x] if n[0] == "c" else x for n, x in columns.items()}
    )
    facts = pl.DataFrame({"time": time}) if time is not None else pl.DataFrame()
    return Sample(table.height, tuple(table.columns), table.get_column, facts)


def drifted(sample: Sample, reference: Reference) -> set[str]:
    found = compare(sample, reference, {}, Monitor())
    return {finding.feature for finding in found.findings if finding.drifted}


def detection(reference: Reference, rows: int, change: Change, repeats: int) -> tuple[float, float]:
    """Return the share of drifted features that were found, and of the others that were."""
    right = wrong = 0
    for repeat in range(repeats):
        rng = np.random.default_rng(SEED + repeat)
        found = drifted(sample_of(rows_of(rng, rows, change=change)), reference)
        truly = {f"n{i}" for i in range(DRIFTED)}
        right += len(found & truly)
        wrong += len(found - truly)
    return right / (repeats * DRIFTED), wrong / (repeats * (FEATURES - DRIFTED))


def categories(reference: Reference, rows: int, moved: float, repeats: int) -> float:
    """Return how often a share of mass that moved to the rarest category was found."""
    hits = 0
    for repeat in range(repeats):
        rng = np.random.default_rng(SEED + repeat)
        columns = rows_of(rng, rows)
        columns["c0"] = np.where(rng.random(rows) < moved, 0, columns["c0"])
        hits += "c0" in drifted(sample_of(columns), reference)
    return hits / repeats


def month(reference: Reference, *, seed: int, cycle: float, rows: int = 1000) -> int:
    """Return the false alerts of 30 days of hourly checks."""
    rng = np.random.default_rng(seed)
    alerts = 0
    for hour in range(24 * 30):
        columns = cycled(rows_of(rng, rows), np.full(rows, hour), cycle)
        time = hour * 3600.0 + np.sort(rng.random(rows)) * 3600
        alerts += bool(drifted(sample_of(columns, time), reference))
    return alerts


def cycled(columns: dict, hours: np.ndarray, cycle: float) -> dict:
    wave = cycle * np.sin(2 * np.pi * (hours % 24) / 24)
    return {n: x + wave if n[0] == "n" else x for n, x in columns.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--months", type=int, default=3)
    asked = parser.parse_args()
    rng = np.random.default_rng(SEED - 1)
    plain = of_sample(sample_of(rows_of(rng, 100_000)), "reference")
    print(
        f"{FEATURES} features, {DRIFTED} drifted, reference 100,000 rows, {asked.repeats} repeats"
    )
    print(f"{'change':<28}{'rows':>9}{'found':>9}{'false':>10}")
    table: list[tuple[str, int, Change, int]] = [
        ("mean + .2 sd", 1000, shift(0.2), asked.repeats),
        ("mean + .3 sd", 1000, shift(0.3), asked.repeats),
        ("mean + .2 sd", 5000, shift(0.2), asked.repeats),
        ("scale x 1.3", 1000, scale(1.3), asked.repeats),
        ("scale x 1.5", 1000, scale(1.5), asked.repeats),
        ("scale x 1.3", 5000, scale(1.3), asked.repeats),
        ("two humps, same mean and sd", 1000, shape, asked.repeats),
        ("mean + .01 sd (no alarm)", 1_000_000, shift(0.01), 2),
    ]
    for name, rows, change, repeats in table:
        right, wrong = detection(plain, rows, change, repeats)
        print(f"{name:<28}{rows:>9,}{right:>9.1%}{wrong:>10.3%}", flush=True)
    for moved, rows in ((0.1, 1000), (0.15, 1000), (0.1, 5000)):
        found = categories(plain, rows, moved, asked.repeats)
        print(f"{f'{moved:.0%} to the rarest category':<28}{rows:>9,}{found:>9.1%}", flush=True)
    hours = rng.integers(0, 24, 100_000)
    by_hour = sample_of(cycled(rows_of(rng, 100_000), hours, 0.5), hours * 3600.0)
    dated = of_sample(by_hour, "reference")
    for name, reference, cycle in (
        ("no cycle", plain, 0.0),
        ("a daily cycle of .5 sd", dated, 0.5),
    ):
        found_in = [month(reference, seed=SEED + n, cycle=cycle) for n in range(asked.months)]
        print(f"30 days of hourly checks, {name}: false alerts {found_in}", flush=True)


if __name__ == "__main__":
    main()
