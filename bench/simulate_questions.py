"""What the comparison of questions finds, and how often it speaks when nothing changed.

Questions of five words, drawn by Zipf's law from 300 words; of the new ones a share is of another
subject with words of its own. It is found when p <= .0002 (what one of five comparisons needs at
q = .001) and a word moved by more than .05.
"""

from __future__ import annotations

import argparse

import numpy as np

from mlwright.stats.word_shift import word_shift

WORDS = [f"{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(300)]
SUBJECT = ["drone", "battery", "pilot", "licence", "propeller", "range"]


def questions(rng: np.random.Generator, count: int, *, other: float = 0.0) -> list[list[str]]:
    """Draw questions, each of a caller of its own."""
    shares = 1 / np.arange(1, len(WORDS) + 1) ** 0.8
    shares /= shares.sum()
    made = []
    for _ in range(count):
        new = rng.random() < other
        words = rng.choice(WORDS, 3 if new else 5, p=shares).tolist()
        made.append([" ".join([*words, *(rng.choice(SUBJECT, 2).tolist() if new else [])])])
    return made


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--seed", type=int, default=10_000)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    print("reference  asked  other subject  found   p <= .05")
    for reference in (20, 50, 150, 500):
        for other in (0.0, 0.15, 0.3, 0.5):
            found = [
                word_shift(questions(rng, reference), questions(rng, 300, other=other))
                for _ in range(asked.repeats)
            ]
            sure = np.mean([each.p_value <= 0.0002 and each.effect > 0.05 for each in found])
            some = np.mean([each.p_value <= 0.05 for each in found])
            print(f"{reference:9}  {300:5}  {other:13.0%}  {sure:5.0%}  {some:9.1%}")


if __name__ == "__main__":
    main()
