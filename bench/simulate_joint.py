"""How often joint drift is said where there is none, and what is found of a changed dependence.

Run: OPENBLAS_NUM_THREADS=1 python bench/simulate_joint.py [--nulls 200] [--repeats 20]
Seeds begin at 50,000: none of them was looked at while the test was made. Under a minute of CPU.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import polars as pl

from mlwright.core.settings import Monitor
from mlwright.core.signature import Column
from mlwright.monitor.compare import compare
from mlwright.monitor.joint import SHARE, Joint, of_columns
from mlwright.monitor.joint_rows import drawn, encoded
from mlwright.monitor.joint_tests import joint
from mlwright.monitor.reference import of_sample
from mlwright.monitor.sources import Sample
from mlwright.stats.apart import Apart, apart

SEED = 50_000
POLICY = Monitor(joint=True)

Draw = Callable[[np.random.Generator, int], dict[str, np.ndarray]]


def numbers(features: int, *, rho: float = 0.0, pairs: int = 1, common: float = 0.0) -> Draw:
    """Normal numbers; `pairs` of them correlated by rho, or all of them by `common`."""

    def draw(random: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
        x = random.normal(size=(rows, features))
        for i in range(0, 2 * pairs, 2):
            x[:, i + 1] = rho * x[:, i] + math.sqrt(1 - rho**2) * x[:, i + 1]
        x = math.sqrt(1 - common) * x + math.sqrt(common) * random.normal(size=(rows, 1))
        return {f"x{i}": x[:, i] for i in range(features)}

    return draw


def bent(by: float) -> Draw:
    """Thirty numbers, of which the second follows the square of the first: no correlation."""

    def draw(random: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
        table = numbers(30)(random, rows)
        bend = np.sign(np.abs(table["x0"]) - 0.6745)  # -1 and 1, half of the rows each
        table["x1"] = np.where(random.random(rows) < by, bend, -bend) * np.abs(table["x1"])
        return table

    return draw


def mixed(swap: float) -> Draw:
    """Numbers and categories with ties and gaps; a category that goes with a number, or less so."""

    def draw(random: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
        table = {f"c{i}": random.choice(list("abcdef"), rows) for i in range(5)}
        table |= {f"n{i}": random.poisson(2, rows).astype(float) for i in range(5)}
        table["n0"][random.random(rows) < 0.1] = np.nan
        level = random.normal(size=rows)
        table["n1"] = level
        follows = np.where(level + random.normal(size=rows) > 0, "up", "down")
        table["c0"] = np.where(random.random(rows) < swap, random.permutation(follows), follows)
        return table

    return draw


def sample_of(columns: dict[str, np.ndarray]) -> Sample:
    table = pl.DataFrame(columns, nan_to_null=True)
    return Sample(table.height, tuple(table.columns), table.get_column, pl.DataFrame())


def tested(before: Draw, now: Draw, rows: tuple[int, int], seed: int) -> tuple[Joint, bool]:
    """Return the joint test, and whether a single column was said to have drifted."""
    random = np.random.default_rng(seed)
    reference = of_sample(sample_of(before(random, rows[0])), "reference")
    sample = sample_of(now(random, rows[1]))
    found = joint(sample, reference, {}, POLICY)
    alone = compare(sample, reference, {}, of_columns(POLICY))
    return found, any(finding.drifted for finding in alone.findings)


def size(name: str, draw: Draw, rows: tuple[int, int], repeats: int) -> None:
    found = [_halves(draw, rows, SEED + repeat) for repeat in range(repeats)]
    p_values = np.array([one.p_value for one in found])
    normal = NormalDist()
    naive = np.array(
        [
            normal.cdf(sum(normal.inv_cdf(r.found.p_value) for r in one.rules) / math.sqrt(2))
            for one in found
        ]
    )  # what p would be, were the halves independent
    below = [np.mean(values <= level) for values in (p_values, naive) for level in (0.05, 0.01)]
    shown = "".join(f"{share:>9.1%}" for share in below)
    print(f"{name:<34}{rows[0]:>7,} + {rows[1]:<7,}{repeats:>6}{shown}", flush=True)


def _halves(draw: Draw, rows: tuple[int, int], seed: int) -> Apart:
    random = np.random.default_rng(seed)
    reference, sample = (sample_of(draw(random, count)) for count in rows)
    columns = [Column(n, "category" if n[0] == "c" else "number") for n in sample.features]
    both = drawn(reference, sample, hours=())
    return apart(encoded(both, columns).pairs, *rows)


def power(name: str, change: tuple[Draw, Draw], rows: tuple[int, int], repeats: int) -> None:
    found = [tested(*change, rows, SEED + repeat) for repeat in range(repeats)]
    together = np.mean([bool(one.drifted) for one, _ in found])
    alone = np.mean([marginal for _, marginal in found])
    area = np.mean([one.tests[0].auc.value for one, _ in found])
    print(
        f"{name:<34}{rows[0]:>7,} + {rows[1]:<7,}{repeats:>6}{together:>9.0%}{alone:>9.0%}"
        f"{area:>9.3f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nulls", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=20)
    asked = parser.parse_args()
    began = time.process_time()
    print(f"{'no drift: p below':<57}{'.05':>9}{'.01':>9}{'naive .05':>10}{'.01':>8}")
    size("10 numbers", numbers(10), (2_000, 1_000), asked.nulls)
    size("10 numbers, correlated by .5", numbers(10, common=0.5), (2_000, 1_000), asked.nulls)
    size("numbers and categories", mixed(0.2), (2_000, 1_000), asked.nulls)
    size("10 numbers, uneven", numbers(10), (8_000, 500), asked.nulls // 2)
    level = POLICY.drift_threshold * SHARE
    print(f"{f'drift: found at {level:g}':<57}{'together':>9}{'alone':>9}{'AUC':>9}")
    plain = numbers(30)
    for by, rows in ((0.2, 1_000), (0.3, 1_000), (0.4, 1_000), (0.2, 5_000)):
        change = plain, numbers(30, rho=by)
        power(f"one correlation of 0 to {by}", change, (10_000, rows), asked.repeats)
    change = plain, numbers(30, rho=0.2, pairs=5)
    power("five correlations of 0 to .2", change, (10_000, 1_000), asked.repeats)
    power(
        "all correlations of 0 to .05",
        (plain, numbers(30, common=0.05)),
        (10_000, 1_000),
        asked.repeats,
    )
    power("bent, no correlation", (bent(0.5), bent(0.7)), (10_000, 1_000), asked.repeats)
    power("category that followed a number", (mixed(0), mixed(0.5)), (10_000, 1_000), asked.repeats)
    print(f"{time.process_time() - began:.0f} s of CPU")


if __name__ == "__main__":
    main()
