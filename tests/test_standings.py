"""Spread, cautions, place and rank of a line, against plain arithmetic."""

from collections.abc import Sequence
from statistics import stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standings import record, run, score, undefined

from harness.baselines import Entry
from harness.contest import Contest, Pair
from harness.record import Measurement
from harness.standings import Standing, standings

NOTHING_YET = ("undefined for 1 of 2 seeds", "standard deviation (n - 1) between seeds")
SHARES = st.lists(st.integers(0, 310), min_size=1, max_size=5)


def entry(*rows: Measurement, model: str = "net", seed: int = 0, **about: Any) -> Entry:
    place = run("liquid3d", about.pop("dataset", "adrenal"), model, seed)
    place |= about.pop("run", {})
    return Entry(record=record(place, rows, **about), scores=None, history=())


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


PLACE = ("liquid3d", "adrenal", "cpu")


def against(a: str, b: str, effect: float, p: float, metric: str = "roc_auc") -> Contest:
    """Of two models."""
    pair = Pair(a=a, b=b, seeds=1, effect=effect, error=0.01, ci=(effect - 1, effect + 1), p=p)
    return Contest(metric=metric, level=0.95, method="m", pairs=(pair,))


def two(**about: Any) -> list[Entry]:
    """Two models with a value, one whose value is undefined, and one that failed."""
    return [
        entry(score("roc_auc", 0.8, 9), model="a", **about),
        entry(score("roc_auc", 0.7, 9), model="b", **about),
        entry(undefined("roc_auc", "needs cases"), model="c", **about),
        entry(model="d", status="failed", error="loss", **about),
    ]


@pytest.mark.parametrize(("p", "second"), [(0.001, 2), (0.2, 1)])
def test_lines_are_in_order_of_value_and_ranked_by_tests(p: float, second: int) -> None:
    """Those without a value are neither ranked nor anybody's rival."""
    found = standings(two(), {PLACE: against("b", "a", -0.1, p)})
    assert [(line.model, line.rank, line.among) for line in found] == [
        ("a", 1, 2),
        ("b", second, 2),
        ("c", None, 2),
        ("d", None, 2),
    ]
    first = found[0].contested
    assert first is not None
    [rival] = first.rivals
    assert (rival.model, rival.effect, rival.p) == ("b", 0.1, p)
    assert found[2].contested is found[3].contested is None


def test_a_better_value_with_a_worse_rank_keeps_its_line() -> None:
    """The seeds that both have may say another thing than the means over all."""
    found = standings(two(), {PLACE: against("b", "a", 0.1, 0.001)})
    assert [(line.model, line.rank) for line in found[:2]] == [("a", 2), ("b", 1)]


@pytest.mark.parametrize(
    "contests",
    [
        None,
        {},
        {("liquid3d", "adrenal", "cuda"): against("a", "b", 0.1, 0.001)},
        {PLACE: against("a", "x", 0.1, 0.001)},
        {PLACE: against("a", "b", 0.1, 0.001, metric="f1")},
    ],
    ids=["none", "of no dataset", "of another device", "of other models", "by another metric"],
)
def test_models_that_were_not_compared_have_no_rank(contests: Any) -> None:
    found = standings(two(), contests)
    assert [(line.model, line.rank, line.among) for line in found] == [
        (model, None, 2) for model in "abcd"
    ]
    assert all(line.contested is None for line in found)


def test_one_model_alone_is_the_first() -> None:
    [line] = standings([entry(score("roc_auc", 0.8, 9))])
    assert (line.rank, line.among) == (1, 1)
    [failed] = standings([entry(status="failed", error="loss")])
    assert (failed.rank, failed.among) == (None, 0)


def test_merit_is_signed_so_that_more_is_better() -> None:
    rows = [score("brier", value, 9, better="lower") for value in (0.3, 0.1)]
    entries = [
        entry(row, model=model, run={"metrics": ["brier"]})
        for row, model in zip(rows, "ab", strict=True)
    ]
    assert [(line.model, line.merit) for line in standings(entries)] == [("b", -0.1), ("a", -0.3)]


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
