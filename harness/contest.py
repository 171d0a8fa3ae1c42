"""Ranks by tests: who is better than whom, Holm over all pairs of the models of one dataset."""

import dataclasses
import itertools
import math
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from harness.statistics.maximum import inflation
from harness.statistics.multiplicity import holm

LEVEL = 0.05
"""The chance that models of one dataset, all equally good, are told apart anywhere."""

Place = tuple[str, str, str]
"""Suite, dataset and device: whose models are ranked among themselves."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Model `a` minus model `b` in the better direction, the mean over the seeds of both.

    `ci` and the two-sided `p` are of this pair alone. Without `p`, `reason` says why.
    """

    a: str
    b: str
    seeds: int = 0
    effect: float | None = None
    error: float | None = None
    ci: tuple[float, float] | None = None
    p: float | None = None
    reason: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Every pair of the models of one dataset and device by one metric, on the same cases.

    `level` is that of the intervals; `method` how the differences were judged.
    """

    metric: str
    level: float
    method: str
    pairs: tuple[Pair, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Another model beside one's own: with `effect` above 0 one's own is better.

    `p` is adjusted for all pairs by Holm, and decides the word; `ci` is of this pair alone.
    """

    model: str
    word: Literal["better", "worse", "not told apart"]
    effect: float | None = None
    ci: tuple[float, float] | None = None
    p: float | None = None
    reason: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many pairs of how many models were told apart at the family-wise `level`, and how.

    `inflation` is how much better than it is the best would look on average, were all equally good.
    """

    models: int
    pairs: int
    told: int
    level: float
    method: str
    inflation: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """1 and as many more as models are significantly better: a rank that several may share.

    `groups` are letters; two models are not told apart exactly where they share one. None are
    given where all would share one, or where the alphabet is too short. `rivals` are all others,
    in order; `outcome` is that of the whole contest.
    """

    rank: int
    groups: str
    rivals: tuple[Rival, ...]
    outcome: Outcome


def ranked(contest: Contest, models: Sequence[str]) -> dict[str, Rank] | None:
    """The rank of each of `models`, given in order; None where a pair of them is not known.

    The family of Holm's are the pairs of these models that could be tested.
    """
    known = {frozenset((pair.a, pair.b)): pair for pair in contest.pairs}
    wanted = [frozenset(two) for two in itertools.combinations(models, 2)]
    if any(two not in known for two in wanted):
        return None
    pairs = [known[two] for two in wanted]
    tested = [pair for pair in pairs if pair.p is not None]
    adjusted = dict(zip(tested, holm([pair.p or 0.0 for pair in tested]).tolist(), strict=True))
    rivals = {model: _rivals(model, models, pairs, adjusted) for model in models}
    told = [(m, rival.model) for m in models for rival in rivals[m] if rival.word == "better"]
    groups = letters(models, told)
    worse = {model: sum(r.word == "worse" for r in beside) for model, beside in rivals.items()}
    outcome = Outcome(
        models=len(models),
        pairs=len(pairs),
        told=len(told),
        level=LEVEL,
        method=contest.method,
        inflation=_inflation(len(models), [pair.error for pair in tested if pair.error]),
    )
    return {
        model: Rank(
            rank=1 + worse[model],
            groups=groups[model],
            rivals=tuple(rivals[model]),
            outcome=outcome,
        )
        for model in models
    }


def _inflation(models: int, errors: Sequence[float]) -> float:
    """From the errors of differences, which hold those of two models and their correlation."""
    if not errors:
        return 0.0
    return inflation(models, math.sqrt(np.mean(np.square(errors)) / 2), correlation=0.0)


def _rivals(
    model: str, models: Sequence[str], pairs: Iterable[Pair], adjusted: Mapping[Pair, float]
) -> list[Rival]:
    mine = {
        pair.b if pair.a == model else pair.a: pair for pair in pairs if model in (pair.a, pair.b)
    }
    return [
        _rival(name, mine[name], mine[name].a == model, adjusted.get(mine[name]))
        for name in models
        if name != model
    ]


def _rival(model: str, pair: Pair, forwards: bool, p: float | None) -> Rival:
    if pair.effect is None or p is None:
        return Rival(model=model, word="not told apart", reason=pair.reason)
    effect, ci = pair.effect, pair.ci
    if not forwards:
        effect, ci = -effect, ci and (-ci[1], -ci[0])
    word: Literal["better", "worse", "not told apart"] = "not told apart"
    if p <= LEVEL and effect != 0:
        word = "better" if effect > 0 else "worse"
    return Rival(model=model, word=word, effect=effect, ci=ci, p=p)


def letters(models: Sequence[str], told: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A letter for each largest set of models of which no two are `told` apart (Piepho, 2004).

    Every such pair splits the sets that hold both; a set within another goes. Empty where all would
    share one letter, or where the alphabet is too short.
    """
    sets = [frozenset(models)]
    for a, b in told:
        split = [each - {one} for each in sets if {a, b} <= each for one in (a, b)]
        kept = [each for each in sets if not {a, b} <= each]
        sets = _largest([*kept, *split])
        if len(sets) > len(string.ascii_lowercase):
            return dict.fromkeys(models, "")
    if len(sets) < 2:
        return dict.fromkeys(models, "")
    order = {model: index for index, model in enumerate(models)}
    sets.sort(key=lambda each: sorted(order[model] for model in each))
    named = list(zip(string.ascii_lowercase, sets, strict=False))
    return {model: "".join(name for name, each in named if model in each) for model in models}


def _largest(sets: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    distinct = list(dict.fromkeys(sets))
    return [each for each in distinct if not any(each < other for other in distinct)]
