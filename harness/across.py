"""Models over several datasets: mean ranks, and who can be told apart by signed ranks and Holm."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from harness.contest import LEVEL, letters
from harness.statistics.multiplicity import holm
from harness.statistics.ranks import Array, fewest_datasets, friedman, midranks, signed_rank


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """The `models` that have a value on every dataset, by their mean `ranks`, and the `left_out`.

    `friedman` is the p that all rank alike. `told` are the pairs that are told apart at `level`,
    the better first, with their p by Wilcoxon's signed ranks, adjusted for all pairs by Holm. Two
    models are not told apart exactly where their `groups` share a letter. `bars` are the longest
    runs of models of which no two are told apart, `unbarred` how many other pairs are not. On fewer
    than `fewest` datasets no pair can be told apart, whatever the values.
    """

    models: tuple[str, ...]
    ranks: tuple[float, ...]
    left_out: tuple[str, ...]
    datasets: int
    fewest: int
    level: float
    friedman: float
    told: tuple[tuple[str, str, float], ...]
    bars: tuple[tuple[str, ...], ...]
    groups: tuple[str, ...]
    unbarred: int

    @property
    def possible(self) -> bool:
        """Whether there are datasets enough for any two models to be told apart."""
        return len(self.models) > 1 and self.datasets >= self.fewest


def across(merits: Mapping[str, Sequence[float | None]]) -> Across | None:
    """Of models by their values, more being better, on the same datasets in the same order.

    None where no model has a value on each.
    """
    known = {model: [m for m in own if m is not None] for model, own in merits.items()}
    whole = {model: own for model, own in known.items() if len(own) == len(merits[model])}
    if not whole:
        return None
    values = np.array(list(whole.values())).T
    each = midranks(values)
    mean = dict(zip(whole, each.mean(axis=0).tolist(), strict=True))
    models = tuple(sorted(whole, key=lambda model: (mean[model], model)))
    told = _told(models, {model: np.asarray(own) for model, own in whole.items()})
    bars = _bars(models, told)
    groups = letters(models, [(a, b) for a, b, _ in told])
    return Across(
        models=models,
        ranks=tuple(mean[model] for model in models),
        left_out=tuple(model for model in merits if model not in whole),
        datasets=len(values),
        fewest=fewest_datasets(len(models), LEVEL),
        level=LEVEL,
        friedman=friedman(each)[1],
        told=tuple(told),
        bars=tuple(bars),
        groups=tuple(groups[model] for model in models),
        unbarred=math.comb(len(models), 2) - len(told) - _joined(bars),
    )


def _told(models: Sequence[str], values: Mapping[str, Array]) -> list[tuple[str, str, float]]:
    pairs = list(itertools.combinations(models, 2))
    found = [signed_rank(values[a] - values[b]) for a, b in pairs]
    adjusted = holm([each.p for each in found])
    return [
        (a, b, float(p)) if each.balance > 0 else (b, a, float(p))
        for (a, b), each, p in zip(pairs, found, adjusted, strict=True)
        if p <= LEVEL
    ]


def _bars(models: Sequence[str], told: Iterable[tuple[str, str, float]]) -> list[tuple[str, ...]]:
    """In the order of `models`; one within another is not drawn."""
    apart = {frozenset((a, b)) for a, b, _ in told}
    found: list[tuple[str, ...]] = []
    stop = 0
    for start in range(len(models)):
        end = start + 1
        while end < len(models) and not any(
            frozenset((models[end], other)) in apart for other in models[start:end]
        ):
            end += 1
        if end - start > 1 and end > stop:
            found.append(tuple(models[start:end]))
        stop = max(stop, end)
    return found


def _joined(bars: Iterable[tuple[str, ...]]) -> int:
    return len({two for bar in bars for two in itertools.combinations(bar, 2)})
