"""Models over datasets: scipy's tests, planted and equal models, and what few datasets can say."""

import dataclasses
import itertools
import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from standings import record, run, score

from harness.across import Across, across
from harness.baselines import Entry
from harness.overview import overviews
from harness.standings import standings
from harness.statistics.ranks import fewest_datasets, friedman, midranks, signed_rank

Array = NDArray[np.float64]


# Wilcoxon and Friedman against scipy


@given(st.lists(st.integers(-400, 400), min_size=1, max_size=20, unique_by=abs).map(np.array))
def test_signed_ranks_without_ties_are_scipys_exact_ones(thousandths: NDArray[np.int64]) -> None:
    differences = thousandths[thousandths != 0] / 1000
    if not len(differences):
        return
    expected = stats.wilcoxon(differences, method="exact").pvalue
    assert signed_rank(differences).p == pytest.approx(expected, rel=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_with_ties_and_zeros_they_are_the_share_of_all_patterns_of_signs(tenths: list[int]) -> None:
    moved = [value for value in tenths if value]
    ranks = stats.rankdata(np.abs(moved))
    sums = [float(ranks @ signs) for signs in itertools.product((0, 1), repeat=len(moved))]
    up = float(ranks @ (np.array(moved) > 0)) if moved else 0.0
    tail = min(fmean(one <= up for one in sums), fmean(one >= up for one in sums))
    found = signed_rank(np.array(tenths) / 10)
    assert found.p == pytest.approx(min(1.0, 2 * tail), rel=1e-12)
    assert found.balance == pytest.approx(float(ranks @ np.sign(moved)) if moved else 0.0)


def test_equal_differences_are_equal_whatever_their_last_bit() -> None:
    assert 0.85 - 0.80 != 0.90 - 0.85
    assert signed_rank(np.array([0.85 - 0.80, 0.85 - 0.90])) == (1.0, 0.0)


def test_hundreds_of_datasets_are_no_harder() -> None:
    differences = np.random.default_rng(0).normal(0.15, 1, size=300)
    expected = stats.wilcoxon(differences, method="asymptotic").pvalue
    assert signed_rank(differences).p == pytest.approx(expected, rel=0.02)


@given(st.integers(0, 1000), st.integers(2, 15), st.integers(3, 8), st.sampled_from([3, 10, 10**6]))
def test_friedman_is_scipys(seed: int, datasets: int, models: int, steps: int) -> None:
    values = np.random.default_rng(seed).integers(steps, size=(datasets, models)) / steps
    ranks = midranks(values)
    assert ranks == pytest.approx(stats.rankdata(-values, axis=1))
    if np.ptp(values, axis=1).max() == 0:
        assert friedman(ranks) == (0.0, 1.0)
        return
    expected = stats.friedmanchisquare(*values.T)
    found = friedman(ranks)
    assert found[0] == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found[1] == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize(("models", "datasets"), [(2, 6), (3, 7), (5, 9), (6, 10), (31, 15)])
def test_so_many_datasets_are_needed_before_anybody_can_be_told_apart(
    models: int, datasets: int
) -> None:
    """One that always wins, by another margin each time: the least p that there is."""
    assert fewest_datasets(models, 0.05) == datasets
    for n in (datasets - 1, datasets):
        least = stats.wilcoxon(np.arange(1, n + 1), method="exact").pvalue
        assert bool(least * math.comb(models, 2) <= 0.05) == (n == datasets)


# Boards of ten datasets and five models


def board(shift: float, seed: int = 0, datasets: int = 10, models: int = 5) -> Array:
    """(datasets, models): hard and easy sets, equal models, the first better by `shift`."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.6, 0.8, size=(datasets, 1)) + rng.normal(0, 0.01, (datasets, models))
    values[:, 0] += shift
    return np.asarray(values)


def found_of(values: Array) -> Across:
    found = across({f"m{index}": column.tolist() for index, column in enumerate(values.T)})
    assert found is not None
    return found


def test_a_planted_better_model_is_found_and_equal_ones_are_joined() -> None:
    found = found_of(board(0.1))
    assert {pair[:2] for pair in found.told} == {
        ("m0", other) for other in ("m1", "m2", "m3", "m4")
    }
    assert found.models[0] == "m0"
    assert found.ranks[0] == 1.0
    assert found.bars == (found.models[1:],)
    assert (found.groups, found.unbarred) == (("a", "b", "b", "b", "b"), 0)
    assert found.friedman < 0.001
    assert all(p == pytest.approx(10 * 2 / 2**10) for *_, p in found.told)


def test_equal_models_are_hardly_ever_told_apart() -> None:
    """At most 5 % of families, and so at most 16 of 200 but for one chance in fifty."""
    families = [found_of(board(0.0, seed)) for seed in range(200)]
    assert sum(bool(found.told) for found in families) <= 16
    assert 2 <= sum(found.friedman <= 0.05 for found in families) <= 20


@given(st.integers(0, 500), st.sampled_from([0.0, 0.01, 0.03]), st.permutations(range(5)))
def test_the_order_of_models_changes_no_test(seed: int, shift: float, order: list[int]) -> None:
    values = board(shift, seed)
    names = [f"m{index}" for index in order]
    again = across(dict(zip(names, values[:, order].T.tolist(), strict=True)))
    assert again == found_of(values)


@given(st.integers(0, 300), st.sampled_from([0.0, 0.01, 0.02, 0.1]), st.integers(9, 13))
def test_tests_bars_and_letters_say_the_same(seed: int, shift: float, datasets: int) -> None:
    values = board(shift, seed, datasets)
    values[:, 1] += 0.02
    found = found_of(values)
    assert list(found.ranks) == sorted(found.ranks)
    assert found.ranks == pytest.approx(
        [midranks(values).mean(axis=0)[int(model[1])] for model in found.models]
    )
    apart = {frozenset(pair[:2]) for pair in found.told}
    for better, worse, p in found.told:
        gain = values[:, int(better[1])] - values[:, int(worse[1])]
        raw = stats.wilcoxon(gain, method="exact")
        assert raw.pvalue <= p <= found.level
        assert raw.statistic < len(gain) * (len(gain) + 1) / 4
        assert np.median(gain) > 0
    pairs = {frozenset(pair) for pair in itertools.combinations(found.models, 2)}
    joined = {frozenset(two) for bar in found.bars for two in itertools.combinations(bar, 2)}
    assert not joined & apart
    assert found.unbarred == len(pairs - joined - apart)
    assert all(
        found.models.index(a) + len(bar) - 1 == found.models.index(b)
        for bar in found.bars
        for a, b in [(bar[0], bar[-1])]
    )
    letters = dict(zip(found.models, found.groups, strict=True))
    if apart:
        shared = {pair for pair in pairs if set.intersection(*(set(letters[m]) for m in pair))}
        assert shared == pairs - apart


def test_of_equal_values_each_has_the_mean_of_their_places() -> None:
    found = across({"a": [0.8, 0.8], "b": [0.8, 0.9], "c": [0.7, 0.7]})
    assert found is not None
    assert dict(zip(found.models, found.ranks, strict=True)) == {"b": 1.25, "a": 1.75, "c": 3.0}
    same = across({"a": [0.8] * 9, "b": [0.8] * 9})
    assert same is not None
    assert (same.ranks, same.told, same.friedman) == ((1.5, 1.5), (), 1.0)


def test_few_datasets_can_tell_nobody_apart() -> None:
    found = found_of(board(0.3, datasets=3))
    assert (found.possible, found.fewest, found.told) == (False, 9, ())
    assert found_of(board(0.3, datasets=9)).possible
    alone = across({"a": [0.8] * 9})
    assert alone is not None
    assert (alone.possible, alone.bars, alone.ranks) == (False, (), (1.0,))


def test_who_has_no_value_on_every_dataset_is_left_out_and_takes_no_place() -> None:
    found = across({"a": [0.8, 0.8], "b": [0.9, None], "c": [0.7, 0.7]})
    assert found is not None
    assert (found.models, found.ranks, found.left_out) == (("a", "c"), (1.0, 2.0), ("b",))
    assert across({"a": [None, 0.8], "b": [0.9, None]}) is None


# Overviews


def entry(value: float, model: str, dataset: str, **about: str) -> Entry:
    place = run("liquid3d", dataset, model, 0) | about
    row = score("roc_auc", value, 9)
    return Entry(record=record(place, [row]), scores=None, history=())


VALUES = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y", "z"])),
    st.integers(0, 5).map(lambda tenth: tenth / 10),
    min_size=1,
)


@given(VALUES)
def test_an_overview_is_the_mean_and_the_mean_rank_over_all_datasets(
    values: dict[tuple[str, str], float],
) -> None:
    datasets = sorted({dataset for _, dataset in values})
    models = sorted({model for model, _ in values})
    found = overviews(standings([entry(value, *where) for where, value in values.items()]))
    if len(datasets) == 1:
        assert found == []
        return
    [overview] = found
    whole = [m for m in models if all((m, dataset) in values for dataset in datasets)]
    assert overview.datasets == tuple(datasets)
    assert {line.model for line in overview.lines} == set(models)
    for line in overview.lines:
        own = [values.get((line.model, dataset)) for dataset in datasets]
        assert [row and row.value for row in line.rows] == own
        if line.model not in whole:
            reason = f"known of {sum(v is not None for v in own)} of {len(datasets)} datasets"
            assert line.mean.value is line.rank.value is None
            assert line.mean.reason == line.rank.reason == reason
            continue
        places = []
        for dataset in datasets:
            rivals = [values[other, dataset] for other in whole]
            mine = values[line.model, dataset]
            places.append(sum(r > mine for r in rivals) + (1 + rivals.count(mine)) / 2)
        assert line.mean.value == pytest.approx(fmean(v for v in own if v is not None))
        assert line.rank.value == pytest.approx(fmean(places))
    ranks = [line.rank.value for line in overview.lines]
    known = [rank for rank in ranks if rank is not None]
    assert ranks == sorted(known) + [None] * (len(ranks) - len(known))
    tested = overview.across
    assert (tested is None) is (not whole)
    if tested is not None:
        assert list(tested.models) == [line.model for line in overview.lines if line.model in whole]
        assert set(tested.left_out) == set(models) - set(whole)


def test_less_is_better_where_the_metric_says_so() -> None:
    entries = []
    for dataset, values in (("x", (0.3, 0.1)), ("y", (0.2, 0.1))):
        for model, value in zip("ab", values, strict=True):
            place = run("liquid3d", dataset, model, 0, metric="brier")
            row = score("brier", value, 9, better="lower")
            entries.append(Entry(record=record(place, [row]), scores=None, history=()))
    [overview] = overviews(standings(entries))
    assert [(line.model, line.rank.value) for line in overview.lines] == [("b", 1.0), ("a", 2.0)]


def test_suites_and_devices_are_apart() -> None:
    entries = [
        entry(0.8, "net", dataset, suite=suite, device=device)
        for suite in ("one", "two")
        for dataset in ("x", "y")
        for device in ("cpu", "cuda")
    ]
    found = overviews(standings(entries))
    assert [(each.suite, each.device) for each in found] == [
        ("one", "cpu"),
        ("one", "cuda"),
        ("two", "cpu"),
        ("two", "cuda"),
    ]


def test_values_of_two_metrics_have_no_mean() -> None:
    by_auc = standings([entry(0.8, "net", "x")])
    by_f1 = [dataclasses.replace(line, dataset="y", metric="f1") for line in by_auc]
    [overview] = overviews([*by_auc, *by_f1])
    [line] = overview.lines
    assert line.rows[1] is None
    assert line.mean.value is line.rank.value is None
