"""How often the quality gate is wrong: its own rule on fresh test sets of two models.

    OMP_NUM_THREADS=1 python benchmarks/gate_rule.py [SIMULATIONS]

Prints the tables of docs/quality-gate.md from 1,000 checks of one gate each. The minimum detectable
effect and the resolution are computed from the population: the standard error at a drop is that of
a test set of 100,000 cases, brought to the size of the test.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from populations import METRICS, PREVALENCE, Sample, draw

from harness.cases import Units
from harness.compare import Estimate, between
from harness.differences import Difference
from harness.judgement import status
from harness.statistics.influence import minus
from harness.statistics.power import minimum_detectable_effect
from harness.suite import MetricSpec
from harness.trial import LEVEL

SIZES, GATED = (150, 300, 1_000), ("roc_auc", "accuracy", "mean Dice")
POPULATION = 100_000
AS = {"mean Dice": "accuracy"}
"""A mean of numbers between 0 and 1 is judged as any other."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A metric on n cases, one a subject."""

    metric: str
    n: int

    @property
    def df(self) -> float:
        """Degrees of freedom, of the expected number of positives for an area."""
        return (self.n * PREVALENCE if self.metric == "roc_auc" else self.n) - 1

    def error(self, drop: float) -> float:
        """The true standard error of the difference at a true drop."""
        level, measure = METRICS[self.metric]
        sample = _population()
        a = measure(sample, sample.latent[0], level - drop)[1]
        b = measure(sample, sample.latent[1], level)[1]
        return minus(a, b).error * float(np.sqrt(POPULATION / self.n))

    def detectable(self, margin: float) -> float:
        """The minimum detectable effect of the population."""
        level = METRICS[self.metric][0]
        found = minimum_detectable_effect(self.error, self.df, margin, LEVEL, level - 0.01)
        assert found is not None
        return found


@cache
def _population() -> Sample:
    return draw(np.random.default_rng(0), POPULATION, models=2)


def differences(setting: Setting, drop: float, number: int, seed: int = 0) -> Iterator[Difference]:
    """Of fresh test sets, the current model being worse by `drop` in the population."""
    level, measure = METRICS[setting.metric]
    rng = np.random.default_rng([seed, setting.n, int(1e6 * drop)])
    for _ in range(number):
        sample = draw(rng, setting.n, models=2)
        units = Units("subject", sample.units)
        sides = [
            Estimate(value=value, influence=moved, units=units)
            for value, moved in (
                measure(sample, sample.latent[0], level - drop),
                measure(sample, sample.latent[1], level),
            )
        ]
        spec = MetricSpec(name=AS.get(setting.metric, setting.metric))
        yield between(spec, *sides, level=0.95)


def rate(found: list[Difference], margin: float, wanted: str) -> float:
    """How often the only gate of a check is called that."""
    statuses = [status(each, margin, each.below, 1) for each in found]
    return float(np.mean([each == wanted for each in statuses]))


def equal(setting: Setting, number: int) -> tuple[float, float]:
    """Of two equal models: `regressed` without a margin, `ok` with one of 4.5 standard errors."""
    found = list(differences(setting, 0.0, number))
    return rate(found, 0.0, "regressed"), rate(found, 4.5 * setting.error(0.0), "ok")


def power(setting: Setting, margin: float, number: int) -> tuple[float, float, float]:
    """The minimum detectable effect; how often it, and half as much again, is `regressed`."""
    drop = setting.detectable(margin)
    rates = [
        rate(list(differences(setting, times * drop, number)), margin, "regressed")
        for times in (1.0, 1.5)
    ]
    return drop, rates[0], rates[1]


def _lines(number: int, of: Callable[[Setting], str]) -> None:
    for metric in GATED:
        for n in SIZES:
            print(f"| {metric} | {n:,} | {of(Setting(metric=metric, n=n))} |", flush=True)


def main() -> None:
    """Equal models, then true drops."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000

    def alike(setting: Setting) -> str:
        regressed, ok = equal(setting, number)
        return f"{100 * regressed:.1f} | {100 * ok:.1f}"

    def worse(setting: Setting) -> str:
        resolution = setting.detectable(0.0)
        cells = [power(setting, margin, number) for margin in (0.0, resolution)]
        return " | ".join(f"{a:.3f} | {100 * b:.1f} | {100 * c:.1f}" for a, b, c in cells)

    print("| metric | n | regressed, margin 0 | ok, margin 4.5 s |\n|---|---:|---:|---:|")
    _lines(number, alike)
    print("\n| metric | n | resolution | of it | of 1.5 | at that margin | of it | of 1.5 |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    _lines(number, worse)


if __name__ == "__main__":
    main()
