"""How often groups that are drawn alike are told apart, and how often a planted gap is found.

    OMP_NUM_THREADS=1 python benchmarks/fairness_null.py [SEEDS [FIRST]]

Each seed draws a test set, gives every subject a sex (2) and an age band (4, of 30, 40, 20 and
10 %), or a site, that have nothing to do with it, and asks for the fairness rows of a record: of
the groups and of their pairs. A claim is any p below 5 % after Holm; at most 6.5 % of seeds may
have one. The last table moves the scores of the positive cases of one sex.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from populations import Sample, dice, draw, table
from scipy.stats import norm

from harness.cases import SHIPPED, Cases
from harness.fairness import fairness
from harness.record import Measurement
from harness.segmented import Segmented
from harness.suite import MetricSpec, Policy

LEVEL = 0.05
Drawn = Callable[[np.random.Generator, int], Cases]


def grouped(cases: Cases, rng: np.random.Generator, sample: Sample) -> Cases:
    """Sex and age by subject."""
    subjects = int(sample.units.max()) + 1
    sex = rng.choice(["F", "M"], subjects)[sample.units]
    bands = ["0-40", "40-65", "65-80", "80-120"]
    age = rng.choice(bands, subjects, p=[0.3, 0.4, 0.2, 0.1])[sample.units]
    subject = np.array([f"s{unit}" for unit in sample.units])
    return dataclasses.replace(cases, groups={"sex": sex, "age": age}, subject=subject)


def classified(images: int, gap: float = 0.0) -> Drawn:
    """Scores with an area of 0.85, decided where half of the positives are found or more.

    Of sex F the scores of positives are lower by `gap` standard deviations.
    """

    def drawn(rng: np.random.Generator, subjects: int) -> Cases:
        sample = draw(rng, subjects, images)
        apart = np.sqrt(2) * norm.ppf(0.85)
        cases = grouped(table(sample.truth, sample.latent[0], sample.truth), rng, sample)
        score = sample.latent[0] + sample.truth * (apart - gap * (cases.groups["sex"] == "F"))
        odds = apart * (score - apart / 2) + np.log(1 / 3)
        chance = 1 / (1 + np.exp(-odds))
        return dataclasses.replace(
            cases,
            probability=np.stack([1 - chance, chance], axis=1),
            decision=(chance > 0.25).astype(np.int64),
        )

    return drawn


def outlined(rng: np.random.Generator, subjects: int) -> Cases:
    """Masks of one class: Dice of 0.8 in the mean, a case in twenty missed."""
    sample = draw(rng, subjects)
    missed = rng.random(subjects) < 0.05
    overlap = np.where(missed, 0.0, dice(sample.latent[0], 0.8))
    cases = Segmented(
        classes=("lesion",),
        id=np.arange(subjects),
        split=np.full(subjects, "test"),
        variant=np.full(subjects, SHIPPED),
        columns={"dice": overlap[:, None], "missed": missed.astype(np.float64)[:, None]},
    )
    return grouped(cases, rng, sample)


def scattered(rng: np.random.Generator, subjects: int) -> Cases:
    """Twelve sites of 20 subjects each, and one of all others."""
    cases = classified(1)(rng, subjects)
    site = np.array([f"site {k // 20}" if k < 240 else "other" for k in range(subjects)])
    return dataclasses.replace(cases, groups={"site": rng.permutation(site)})


SETTINGS: tuple[tuple[str, Drawn, int, tuple[str, ...]], ...] = (
    ("classes", classified(1), 300, ("roc_auc", "sensitivity", "accuracy")),
    ("classes", classified(1), 2_000, ("roc_auc", "sensitivity", "accuracy")),
    ("classes, 2 images a subject", classified(2), 150, ("roc_auc", "specificity", "accuracy")),
    ("probabilities", classified(1), 300, ("brier", "log_loss", "ece")),
    ("probabilities, 12 small sites", scattered, 3_000, ("brier", "log_loss", "accuracy")),
    ("masks", outlined, 150, ("dice", "missed_cases")),
)
PLANTED = tuple((n, gap) for n in (300, 1_000) for gap in (0.5, 1.0))


def rows(drawn: Drawn, subjects: int, metrics: Sequence[str], seed: int) -> list[Measurement]:
    """The differences of one record that were tested."""
    cases = drawn(np.random.default_rng([seed, subjects]), subjects)
    asked = [MetricSpec(name=name) for name in metrics]
    return [row for row in fairness([cases], asked, Policy()) if row.p is not None]


def claims(found: Sequence[Measurement]) -> bool:
    """Whether a reader is told of any gap."""
    return any(row.p is not None and row.p < LEVEL for row in found)


def null(seeds: Sequence[int]) -> Iterator[str]:
    """A line a setting."""
    for name, drawn, subjects, metrics in SETTINGS:
        found = [rows(drawn, subjects, metrics, seed) for seed in seeds]
        without = [any(r.ci and not r.ci[0] <= 0 <= r.ci[1] for r in each) for each in found]
        claimed, tests = np.mean(list(map(claims, found))), np.mean(list(map(len, found)))
        asked = ", ".join(f"`{metric}`" for metric in metrics)
        cells = (name, subjects, asked, f"{tests:.0f}", f"{100 * claimed:.1f}")
        yield " | ".join(map(str, (*cells, f"{100 * np.mean(without):.0f}")))


def planted(seeds: Sequence[int]) -> Iterator[str]:
    """A line a gap: how often sex F is told from the rest by its sensitivity."""
    where = {"group.sex": "F", "against": "rest"}
    for subjects, gap in PLANTED:
        found = [
            row
            for seed in seeds
            for row in rows(classified(1, gap), subjects, SETTINGS[0][3], seed)
            if row.metric == "sensitivity" and row.where == where
        ]
        effect = np.mean([row.value for row in found])
        excluded = np.mean([row.ci is not None and row.ci[1] < 0 for row in found])
        told = np.mean([claims([row]) for row in found])
        cells = (subjects, f"{effect:.2f}", f"{100 * excluded:.0f}", f"{100 * told:.0f}")
        yield " | ".join(map(str, cells))


def main() -> None:
    """Both tables."""
    number, first = (*map(int, sys.argv[1:]), *(1_000, 0)[len(sys.argv) - 1 :])
    seeds = range(first, first + number)
    print("| test cases | subjects | metrics | rows with p | a gap is claimed, % of seeds ", end="")
    print("| an interval without 0, % |\n|---|---:|---|---:|---:|---:|")
    for line in null(seeds):
        print(f"| {line} |", flush=True)
    print("\n| subjects | sensitivity of F minus the rest | interval below 0, % | claimed, % |")
    print("|---:|---:|---:|---:|")
    for line in planted(seeds[: max(number // 10, 1)]):
        print(f"| {line} |", flush=True)


if __name__ == "__main__":
    main()
