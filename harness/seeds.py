"""One question to all seeds of a model: the mean of their answers."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.question import Question
from harness.statistics.influence import Codes, Influence, mean


@dataclasses.dataclass(frozen=True, slots=True)
class OfSeeds(Question):
    """The mean over seeds, undefined where one of them is."""

    seeds: tuple[Question, ...]

    @property
    def value(self) -> float:
        """NaN where it is for a seed."""
        return float(np.mean([seed.value for seed in self.seeds]))

    def influence(self, units: Codes) -> Influence:
        """Of the mean: what the seeds share is not averaged away."""
        return mean([seed.influence(units) for seed in self.seeds])

    @property
    def need(self) -> str:
        """Of the first seed that is undefined, and how many are."""
        needs = [seed.need for seed in self.seeds if math.isnan(seed.value)]
        return f"undefined for {len(needs)} of {len(self.seeds)} seeds: {needs[0]}"


def joined(questions: Sequence[Sequence[Question]]) -> Sequence[Question]:
    """Questions seed by seed -> one of each to all seeds."""
    if len(questions) == 1:
        return questions[0]
    return [
        OfSeeds(first.spec, first.metric, first.cohort, first.where, (first, *others))
        for first, *others in zip(*questions, strict=True)
    ]


def measured(question: Question, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights of the cases that are asked about -> (resamples,) values."""
    seeds = question.seeds if isinstance(question, OfSeeds) else (question,)
    found = [each.metric.measure(each.cohort, weights, **each.spec.args) for each in seeds]
    mean_of: NDArray[np.float64] = np.mean(found, axis=0)
    return mean_of
