"""How often a check is wrong: false alerts in months of hourly checks, and what it finds.

Run: python bench/simulate_drift.py [--repeats 100] [--worlds 10] [--months 3]
Seeds begin at 10,000: none of them was looked at while the policy was chosen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from mlwright.core.settings import Monitor
from mlwright.monitor.compare import compare
from mlwright.monitor.reference import Reference, of_sample
from mlwright.monitor.sources import Sample
from mlwright.stats.discovery import discoveries
from mlwright.stats.two_sample import TwoSample, chi_squared, ks_counts, ks_result

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


class Fast:
    """The decision of a check on rows of these features alone, without tables: 30 times faster.

    The same functions of `stats` decide; `agrees` holds some checks against the whole path.
    """

    def __init__(self, reference: Reference, *, by_hour: bool) -> None:
        numbers = [f"n{i}" for i in range(NUMERIC)]
        self.raw = [reference.raw[name].ordered for name in numbers]
        self.edges = [reference.profile.columns[name].edges for name in numbers]
        self.profiles = reference.hours if by_hour else {0: reference.profile}

    def drifted(self, columns: dict, hour: int) -> set[str]:
        profile = self.profiles[hour if len(self.profiles) > 1 else 0]
        tests = {}
        for i in range(NUMERIC):
            values = np.sort(columns[f"n{i}"])
            if len(self.profiles) > 1:
                upto = np.searchsorted(values, self.edges[i], "right")
                counts = np.diff(upto, prepend=0, append=len(values))
                tests[f"n{i}"] = ks_counts(profile.columns[f"n{i}"].counts, counts)
            else:
                tests[f"n{i}"] = self.exact(i, values)
        for name in list(columns)[NUMERIC:]:
            known = profile.columns[name].counts
            found = np.bincount(columns[name], minlength=len(SHARES))
            counts = [found[int(category[1:])] for category in known]
            tests[name] = chi_squared(list(known.values()), counts)
        results = list(tests.values())
        policy = Monitor()
        marked = discoveries(
            [one.p_value for one in results],
            [one.effect for one in results],
            q=policy.drift_threshold,
            floor=policy.effect_floor,
        )
        return {name for name, found in zip(tests, marked, strict=True) if found}

    def exact(self, feature: int, values: np.ndarray) -> TwoSample:
        share = np.searchsorted(self.raw[feature], values) / len(self.raw[feature])
        steps = np.arange(len(values) + 1) / len(values)
        distance = max((steps[1:] - share).max(), (share - steps[:-1]).max())
        return ks_result(float(distance), len(self.raw[feature]), len(values))


def hours_of(
    *, seed: int, cycle: float, checks: int, rows: int
) -> Iterator[tuple[int, dict, np.ndarray]]:
    """Give an hour of the day, the rows answered in it, and when, for each check."""
    rng = np.random.default_rng(seed)
    for hour in range(checks):
        columns = cycled(rows_of(rng, rows), np.full(rows, hour), cycle)
        yield hour % 24, columns, hour * 3600.0 + np.sort(rng.random(rows)) * 3600


def agrees(reference: Reference, fast: Fast, *, seed: int, cycle: float) -> bool:
    """Hold the fast decision against that of `compare`, on shifted rows too."""
    for hour, columns, time in hours_of(seed=seed, cycle=cycle, checks=24, rows=1000):
        for by in (0.0, 0.12, 0.15):
            moved = {n: x + by if n in ("n0", "n1") else x for n, x in columns.items()}
            if drifted(sample_of(moved, time), reference) != fast.drifted(moved, hour):
                return False
    return True


def month(fast: Fast, *, seed: int, cycle: float, rows: int = 1000) -> int:
    """Return the false alerts of 30 days of hourly checks."""
    checks = hours_of(seed=seed, cycle=cycle, checks=24 * 30, rows=rows)
    return sum(bool(fast.drifted(columns, hour)) for hour, columns, _ in checks)


def cycled(columns: dict, hours: np.ndarray, cycle: float) -> dict:
    wave = cycle * np.sin(2 * np.pi * (hours % 24) / 24)
    return {n: x + wave if n[0] == "n" else x for n, x in columns.items()}


def months(worlds: int, per_world: int, cycle: float) -> list[int]:
    """Return the false alerts of each month; a new reference is drawn for each world."""
    found = []
    for world in range(worlds):
        rng = np.random.default_rng(SEED - 1 - world)
        hours = rng.integers(0, 24, 100_000)
        rows = sample_of(cycled(rows_of(rng, 100_000), hours, cycle), hours * 3600.0)
        reference = of_sample(rows, "reference")
        if not cycle:
            reference = replace(reference, hours={})
        fast = Fast(reference, by_hour=bool(cycle))
        if not agrees(reference, fast, seed=SEED + 900_000 + world, cycle=cycle):
            raise SystemExit("the fast decision is not that of a check")
        for number in range(per_world):
            seed = SEED + 1000 * world + number
            found.append(month(fast, seed=seed, cycle=cycle))
    return found


def power(repeats: int) -> None:
    """Print what is found of which change."""
    rng = np.random.default_rng(SEED - 1)
    plain = of_sample(sample_of(rows_of(rng, 100_000)), "reference")
    print(f"{FEATURES} features, {DRIFTED} drifted, reference 100,000 rows, {repeats} repeats")
    print(f"{'change':<28}{'rows':>9}{'found':>9}{'false':>10}")
    table: list[tuple[str, int, Change, int]] = [
        ("mean + .2 sd", 1000, shift(0.2), repeats),
        ("mean + .3 sd", 1000, shift(0.3), repeats),
        ("mean + .2 sd", 5000, shift(0.2), repeats),
        ("scale x 1.3", 1000, scale(1.3), repeats),
        ("scale x 1.5", 1000, scale(1.5), repeats),
        ("scale x 1.3", 5000, scale(1.3), repeats),
        ("two humps, same mean and sd", 1000, shape, repeats),
        ("mean + .01 sd (no alarm)", 1_000_000, shift(0.01), 2),
    ]
    for name, rows, change, times in table:
        right, wrong = detection(plain, rows, change, times)
        print(f"{name:<28}{rows:>9,}{right:>9.1%}{wrong:>10.3%}", flush=True)
    for moved, rows in ((0.1, 1000), (0.15, 1000), (0.1, 5000)):
        found = categories(plain, rows, moved, repeats)
        print(f"{f'{moved:.0%} to the rarest category':<28}{rows:>9,}{found:>9.1%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--months", type=int, default=3, help="of each reference")
    parser.add_argument("--worlds", type=int, default=10, help="references that are drawn")
    asked = parser.parse_args()
    if asked.repeats:
        power(asked.repeats)
    for name, cycle in (("no cycle", 0.0), ("a daily cycle of .5 sd", 0.5)):
        found_in = months(asked.worlds, asked.months, cycle)
        mean, spread = np.mean(found_in), 1.96 * np.sqrt(np.sum(found_in)) / len(found_in)
        print(
            f"30 days of hourly checks, {name}, {asked.worlds} references x {asked.months} months: "
            f"{mean:.2f} +- {spread:.2f} false alerts a month {found_in}",
            flush=True,
        )


if __name__ == "__main__":
    main()
