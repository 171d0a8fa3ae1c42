"""Ranks by tests: against plain counting, in any order of models, and where nothing is known."""

import dataclasses
import itertools
import random
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.contest import LEVEL, Contest, Pair, Rank, letters, ranked

MODELS = ("a", "b", "c", "d", "e")
EFFECTS = st.floats(-0.2, 0.2).map(lambda value: round(value, 3))
CHANCES = st.sampled_from([0.0, 1e-6, 0.001, 0.004, 0.006, 0.01, 0.02, 0.05, 0.3, 1.0])


@st.composite
def contests(draw: st.DrawFn) -> Contest:
    """Pairs of up to five models, in any order and direction; some could not be tested."""
    models = MODELS[: draw(st.integers(1, 5))]
    pairs = []
    for a, b in draw(st.permutations(list(itertools.combinations(models, 2)))):
        if draw(st.integers(0, 9)) == 0:
            pairs.append(Pair(a=a, b=b, reason="undefined"))
            continue
        effect, p = draw(EFFECTS), draw(CHANCES)
        ci = (effect - 0.1, effect + 0.1)
        pairs.append(Pair(a=a, b=b, seeds=1, effect=effect, error=0.05, ci=ci, p=p))
    return Contest(metric="roc_auc", level=0.95, method="m", pairs=tuple(pairs))


def models_of(contest: Contest) -> list[str]:
    return sorted({name for pair in contest.pairs for name in (pair.a, pair.b)}) or ["a"]


def told(contest: Contest) -> set[tuple[str, str]]:
    """(better, worse), stepping down as Holm does: until the first that is not."""
    found: set[tuple[str, str]] = set()
    tested = [pair for pair in contest.pairs if pair.p is not None and pair.effect is not None]
    for left, pair in zip(
        range(len(tested), 0, -1), sorted(tested, key=lambda pair: pair.p or 0.0), strict=True
    ):
        assert pair.p is not None
        assert pair.effect is not None
        if pair.p * left > LEVEL:
            break
        if pair.effect:
            found.add((pair.a, pair.b) if pair.effect > 0 else (pair.b, pair.a))
    return found


def places(contest: Contest, models: Sequence[str]) -> Mapping[str, Rank]:
    found = ranked(contest, models)
    assert found is not None
    return found


@given(contests())
def test_a_rank_is_one_and_as_many_as_are_better(contest: Contest) -> None:
    models = models_of(contest)
    apart = told(contest)
    for model, rank in places(contest, models).items():
        assert rank.rank == 1 + sum(worse == model for _, worse in apart)
        others = [other for other in models if other != model]
        assert [rival.model for rival in rank.rivals] == others
        for rival in rank.rivals:
            better = ((model, rival.model) in apart, (rival.model, model) in apart)
            words = {(True, False): "better", (False, True): "worse"}
            assert rival.word == words.get(better, "not told apart")
        outcome = rank.outcome
        pairs = len(models) * (len(models) - 1) // 2
        assert (outcome.models, outcome.pairs, outcome.told) == (len(models), pairs, len(apart))


@given(contests(), st.randoms(use_true_random=False))
def test_the_order_of_models_and_the_sides_of_pairs_change_no_rank(
    contest: Contest, dice: random.Random
) -> None:
    models = models_of(contest)
    mirrored = [dice.choice([pair, mirror(pair)]) for pair in contest.pairs]
    shuffled = dataclasses.replace(contest, pairs=tuple(dice.sample(mirrored, len(mirrored))))
    again = places(shuffled, dice.sample(models, len(models)))
    for model, rank in places(contest, models).items():
        assert again[model].rank == rank.rank
        assert set(again[model].rivals) == set(rank.rivals)


def mirror(pair: Pair) -> Pair:
    effect = None if pair.effect is None else -pair.effect
    ci = pair.ci and (-pair.ci[1], -pair.ci[0])
    return dataclasses.replace(pair, a=pair.b, b=pair.a, effect=effect, ci=ci)


@given(contests(), st.permutations(MODELS))
def test_names_matter_to_nobody(contest: Contest, names: list[str]) -> None:
    other = dict(zip(MODELS, names, strict=True))
    renamed = [
        dataclasses.replace(pair, a=other[pair.a], b=other[pair.b]) for pair in contest.pairs
    ]
    models = models_of(contest)
    again = places(
        dataclasses.replace(contest, pairs=tuple(renamed)), [other[name] for name in models]
    )
    for model, rank in places(contest, models).items():
        assert (again[other[model]].rank, again[other[model]].groups) == (rank.rank, rank.groups)


@given(contests())
def test_two_models_share_a_letter_exactly_where_they_are_not_told_apart(contest: Contest) -> None:
    found = places(contest, models_of(contest))
    apart = told(contest)
    for a, b in itertools.combinations(found, 2):
        shared = set(found[a].groups) & set(found[b].groups)
        assert bool(shared) is bool(apart and not {(a, b), (b, a)} & apart)


def even(*models: str, p: float = 1.0, effect: float = 0.0) -> Contest:
    """A contest in which every pair has the same numbers, the first by name being better."""
    pairs = [
        Pair(a=a, b=b, seeds=1, effect=effect, error=0.01, ci=(effect - 1, effect + 1), p=p)
        for a, b in itertools.combinations(models, 2)
    ]
    return Contest(metric="roc_auc", level=0.95, method="m", pairs=tuple(pairs))


def test_models_that_are_equal_share_the_first_rank_and_no_letter_is_needed() -> None:
    found = places(even(*MODELS), MODELS)
    assert {(rank.rank, rank.groups) for rank in found.values()} == {(1, "")}
    ladder = places(even(*MODELS, p=1e-9, effect=0.1), MODELS)
    assert [(rank.rank, rank.groups) for rank in ladder.values()] == list(
        zip(range(1, 6), MODELS, strict=True)
    )


def test_one_that_is_told_from_neither_neighbour_shares_a_letter_with_both() -> None:
    pairs = [
        dataclasses.replace(pair, p=1e-6, effect=0.1) if (pair.a, pair.b) == ("a", "c") else pair
        for pair in even("a", "b", "c").pairs
    ]
    found = places(dataclasses.replace(even(), pairs=tuple(pairs)), ("a", "b", "c"))
    assert [(rank.rank, rank.groups) for rank in found.values()] == [(1, "a"), (1, "ab"), (2, "b")]


def test_the_best_of_equal_models_looks_so_much_better() -> None:
    """A simulation: five estimates of error 0.03, correlated by 0.64."""
    rng = np.random.default_rng(0)
    values = 0.03 * (0.8 * rng.normal(size=(40_000, 1)) + 0.6 * rng.normal(size=(40_000, 5)))
    error = float((values[:, 0] - values[:, 1]).std())
    pairs = [dataclasses.replace(pair, error=error) for pair in even(*MODELS).pairs]
    found = places(dataclasses.replace(even(), pairs=tuple(pairs)), MODELS)
    best = float(values.max(axis=1).mean())
    assert found["a"].outcome.inflation == pytest.approx(best, rel=0.03)
    assert places(even(), ("a",))["a"].outcome.inflation == 0.0


def test_holm_counts_the_pairs_that_are_shown() -> None:
    """0.02 alone is enough; among three pairs it is not."""
    contest = even("a", "b", "c", p=0.02, effect=0.1)
    assert [rank.rank for rank in places(contest, ("a", "b")).values()] == [1, 2]
    assert [rank.rank for rank in places(contest, ("a", "b", "c")).values()] == [1, 1, 1]


def test_where_a_pair_is_not_known_nobody_has_a_rank() -> None:
    assert ranked(even("a", "b"), ("a", "b", "x")) is None
    assert ranked(even(), ("a", "b")) is None
    [alone] = places(even(), ("a",)).values()
    assert (alone.rank, alone.groups, alone.rivals) == (1, "", ())


def test_a_pair_that_could_not_be_tested_is_not_told_apart_and_says_why() -> None:
    contest = dataclasses.replace(even(), pairs=(Pair(a="a", b="b", reason="no seed"),))
    for rank in places(contest, ("a", "b")).values():
        [rival] = rank.rivals
        assert (rank.rank, rival.word, rival.reason, rival.p) == (
            1,
            "not told apart",
            "no seed",
            None,
        )


def test_letters_end_with_the_alphabet() -> None:
    models = [str(number) for number in range(27)]
    apart = list(itertools.combinations(models, 2))
    assert set(letters(models, apart).values()) == {""}
    assert len(set(letters(models[:26], apart).values())) == 26


@pytest.mark.parametrize("size", [8, 31])
def test_letters_of_models_in_a_row(size: int) -> None:
    """Told apart where three or more places lie between: each window of three is a letter."""
    models = [str(number) for number in range(size)]
    apart = [(a, b) for a, b in itertools.combinations(models, 2) if int(b) - int(a) > 2]
    found = letters(models, apart)
    if size - 2 > 26:
        assert set(found.values()) == {""}
    else:
        assert found["0"] == "a"
        assert found["2"] == "abc"
