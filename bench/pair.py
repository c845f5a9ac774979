"""Runs A against B in turn, several rounds, and prints the ratio and its spread.

Machines drift while one measures, so each round measures both, in alternating order, and the
ratio of a round is what counts. `python bench/pair.py "COMMAND A" "COMMAND B"` times two commands;
other benchmarks import `compare`.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """The measurements of both, round by round, and the ratios A / B."""

    a: list[float]
    b: list[float]

    @property
    def rounds(self) -> list[float]:
        return sorted(one / other for one, other in zip(self.a, self.b, strict=True))

    def text(self, unit: str = "s") -> str:
        ratios = self.rounds
        return (
            f"A {statistics.median(self.a):.4g} {unit}, B {statistics.median(self.b):.4g} {unit}, "
            f"A/B {statistics.median(ratios):.3f} "
            f"(from {ratios[0]:.3f} to {ratios[-1]:.3f} in {len(ratios)} rounds)"
        )


def compare(a: Callable[[], float], b: Callable[[], float], *, rounds: int = 7) -> Ratio:
    """Measure both in each round, after a first round that does not count."""
    a(), b()
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = ((0, a), (1, b)) if number % 2 else ((1, b), (0, a))
        for place, measure in order:
            found[place].append(measure())
    return Ratio(*found)


def seconds(command: list[str]) -> float:
    """Return how long a command takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("a", help="a command, as one argument")
    parser.add_argument("b", help="the command it is compared with")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    a, b = shlex.split(given.a), shlex.split(given.b)
    print(compare(lambda: seconds(a), lambda: seconds(b), rounds=given.rounds).text())


if __name__ == "__main__":
    main()
