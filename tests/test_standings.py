"""Spread and cautions of a line, and the overview of a suite, against plain arithmetic."""

import dataclasses
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standings import record, run, score, undefined

from harness.baselines import Entry
from harness.overview import overviews
from harness.record import Measurement
from harness.standings import Standing, standings

NOTHING_YET = ("undefined for 1 of 2 seeds", "standard deviation (n - 1) between seeds")
SHARES = st.lists(st.integers(0, 310), min_size=1, max_size=5)


def entry(*rows: Measurement, model: str = "net", seed: int = 0, **about: Any) -> Entry:
    place = run("liquid3d", about.pop("dataset", "adrenal"), model, seed)
    place |= about.pop("run", {})
    return Entry(record=record(place, rows, **about), probability=None, history=())


def of_seeds(values: Sequence[float | None]) -> Standing:
    rows = [
        undefined("roc_auc", "needs cases") if value is None else score("roc_auc", value, 9)
        for value in values
    ]
    [line] = standings([entry(row, seed=seed) for seed, row in enumerate(rows)])
    return line


def cautions(hits: Sequence[int], rate: int = 246, n: int = 310, told: int = 0) -> tuple[str, ...]:
    """Of seeds that decided so many of `n` cases rightly; the first `told` were warned of."""
    warned = ({"code": "constant-predictor", "message": "every case is decided 'normal'"},)
    [line] = standings(
        [
            entry(
                score("roc_auc", 0.7, n),
                score("accuracy", hit / n, n),
                score("majority_rate", rate / n, n, better=None),
                seed=seed,
                warnings=warned if seed < told else (),
            )
            for seed, hit in enumerate(hits)
        ]
    )
    return line.cautions


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_the_spread_is_the_standard_deviation_between_seeds(values: list[float]) -> None:
    row = of_seeds(values).spread
    assert row is not None
    assert row.value == pytest.approx(stdev(values), abs=1e-12)
    assert (row.n, row.over, row.ci) == (len(values), "seed", None)


def test_one_seed_has_no_spread_and_an_undefined_one_makes_it_undefined() -> None:
    assert of_seeds([0.8]).spread is None
    row = of_seeds([0.8, None]).spread
    assert row is not None
    assert row.value is None
    assert (row.reason, row.method) == NOTHING_YET


def test_a_failed_seed_is_none_of_the_spread() -> None:
    good = [entry(score("roc_auc", value, 9), seed=seed) for seed, value in enumerate((0.7, 0.9))]
    failed = entry(seed=2, status="failed", error="loss")
    [line] = standings([*good, failed])
    assert line.spread is not None
    assert line.spread.value == pytest.approx(stdev((0.7, 0.9)))
    assert standings([good[0], failed])[0].spread is None
    assert standings([failed])[0].spread is None


def test_a_line_knows_how_many_it_was_ranked_among() -> None:
    found = standings(
        [
            entry(score("roc_auc", 0.8, 9), model="a"),
            entry(score("roc_auc", 0.7, 9), model="b"),
            entry(undefined("roc_auc", "needs cases"), model="c"),
            entry(model="d", status="failed", error="loss"),
        ]
    )
    assert [(line.model, line.rank, line.among) for line in found] == [
        ("a", 1, 2),
        ("b", 2, 2),
        ("c", None, 2),
        ("d", None, 2),
    ]


@pytest.mark.parametrize(
    ("hits", "words"),
    [
        ([247], ()),
        ([246], ("not above the majority rate",)),
        ([245], ("not above the majority rate",)),
        ([246, 246, 246], ("not above the majority rate",)),
        ([250, 260], ()),
        ([246, 260, 260], ("not above the majority rate in 1 of 3 seeds",)),
        ([200, 250, 250], ("not above the majority rate",)),
    ],
)
def test_an_accuracy_that_is_not_above_the_majority_rate_is_told(
    hits: list[int], words: tuple[str, ...]
) -> None:
    assert cautions(hits) == words


@given(SHARES, st.integers(0, 310))
def test_the_mean_is_judged_by_whole_numbers_of_cases(hits: list[int], rate: int) -> None:
    """The same by integers: no rounding of shares decides."""
    [word] = cautions(hits, rate) or ("",)
    low = sum(hit <= rate for hit in hits)
    if sum(hits) <= rate * len(hits) or low == len(hits):
        assert word == "not above the majority rate"
    else:
        assert word == (f"not above the majority rate in {low} of {len(hits)} seeds" if low else "")


def test_constant_predictors_are_told_by_their_warning() -> None:
    low = "not above the majority rate"
    assert cautions([246], told=1) == (low, "constant predictor")
    assert cautions([300, 300], told=1) == ("constant predictor in 1 of 2 seeds",)
    assert cautions([300, 300], told=2) == ("constant predictor",)


def test_without_accuracy_or_majority_rate_nothing_is_told() -> None:
    rows = (score("accuracy", 0.1, 9), score("majority_rate", 0.5, 9))
    for some in ([rows[0]], [rows[1]], [undefined("accuracy", "no cases"), rows[1]], []):
        [line] = standings([entry(score("roc_auc", 0.7, 9), *some)])
        assert line.cautions == ()
    [line] = standings([entry(status="failed", error="loss")])
    assert line.cautions == ()


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
    found = overviews(
        standings(
            [
                entry(score("roc_auc", value, 9), model=model, dataset=dataset)
                for (model, dataset), value in values.items()
            ]
        )
    )
    if len(datasets) == 1:
        assert found == []
        return
    [overview] = found
    assert overview.datasets == tuple(datasets)
    assert {line.model for line in overview.lines} == {model for model, _ in values}
    for line in overview.lines:
        own = {dataset: values.get((line.model, dataset)) for dataset in datasets}
        assert [row and row.value for row in line.rows] == list(own.values())
        known = [value for value in own.values() if value is not None]
        better = [
            1 + sum(other > mine for (_, where), other in values.items() if where == dataset)
            for dataset, mine in own.items()
            if mine is not None
        ]
        whole = len(known) == len(datasets)
        assert line.mean.value == (pytest.approx(fmean(known)) if whole else None)
        assert line.rank.value == (pytest.approx(fmean(better)) if whole else None)
        assert whole or line.mean.reason == f"known of {len(known)} of {len(datasets)} datasets"
    ranks = [line.rank.value for line in overview.lines]
    known_ranks = [rank for rank in ranks if rank is not None]
    assert ranks == sorted(known_ranks) + [None] * (len(ranks) - len(known_ranks))


def test_suites_and_devices_are_apart() -> None:
    entries = [
        entry(score("roc_auc", 0.8, 9), dataset=dataset, run={"suite": suite, "device": device})
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
    by_auc = standings([entry(score("roc_auc", 0.8, 9), score("f1", 0.5, 9), dataset="x")])
    by_f1 = [dataclasses.replace(line, dataset="y", metric="f1") for line in by_auc]
    [overview] = overviews([*by_auc, *by_f1])
    [line] = overview.lines
    assert line.rows[1] is None
    assert line.mean.value is line.rank.value is None
