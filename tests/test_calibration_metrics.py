"""Calibration is scikit-learn's, a plain loop's, and a simulation's; degenerate cases undefined."""

import dataclasses
import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit  # type: ignore[import-untyped]
from scipy.stats import norm  # type: ignore[import-untyped]
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from test_metrics import CALIBRATION, drawn_weights, labelled, module, predictions, table

from harness import contracts
from harness.errors import HarnessError
from harness.metrics._logistic import NEAREST
from harness.predictions import Predictions
from harness.statistics.influence import jackknife

Array = NDArray[np.float64]
EXACT = partial(pytest.approx, rel=1e-9, abs=1e-12)
quickly = settings(max_examples=40, deadline=None, derandomize=True)

BINNED = [name for name in CALIBRATION if not name.startswith("calibration_")]
PARTS = ("brier_reliability", "brier_resolution", "brier_uncertainty", "brier_remainder")


def value(name: str, cases: Predictions, weights: Any = None, **args: Any) -> float:
    weights = np.ones(len(cases)) if weights is None else np.asarray(weights, dtype=np.float64)
    return float(module(name).measure(cases, weights[None, :], **args)[0])


def drawn(n: int, seed: int = 0, spread: float = 1.5, classes: int = 2) -> Predictions:
    """Cases whose probabilities are true."""
    rng = np.random.default_rng(seed)
    if classes == 2:
        p = expit(spread * rng.normal(size=n))
        return table(rng.random(n) < p, p)
    raw = np.exp(spread * rng.normal(size=(n, classes)))
    p = raw / raw.sum(axis=1, keepdims=True)
    return table((p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), p)


# Expected calibration error


def plain_gap(happened: Any, probability: Any, bins: int, weights: Any = None) -> float:
    """Bin by bin and case by case."""
    weights = np.ones(len(happened)) if weights is None else weights
    edges, total = np.linspace(0, 1, bins + 1), 0.0
    for index, (low, high) in enumerate(itertools.pairwise(edges)):
        said = was = 0.0
        for h, p, w in zip(happened, probability, weights, strict=True):
            if low < p <= high or (index == 0 and p == 0):
                said, was = said + w * p, was + w * h
        total += abs(said - was)
    return total / float(np.sum(weights))


def plain_ece(cases: Predictions, bins: int, weights: Any = None) -> float:
    taken = [1] if len(cases.classes) == 2 else range(len(cases.classes))
    p, truth = cases.probability, cases.truth
    return float(np.mean([plain_gap(truth[:, k], p[:, k], bins, weights) for k in taken]))


def plain_top(cases: Predictions, bins: int, weights: Any = None) -> float:
    right = cases.y_true == cases.probability.argmax(axis=1)
    return plain_gap(right, cases.probability.max(axis=1), bins, weights)


@quickly
@given(cases=predictions(least=2), bins=st.sampled_from([1, 2, 4, 10, 15, 100]), data=st.data())
def test_ece_is_that_of_a_plain_loop(cases: Predictions, bins: int, data: st.DataObject) -> None:
    weights = drawn_weights(data, len(cases))
    for name, plain in (("ece", plain_ece), ("ece_top_label", plain_top)):
        found = value(name, cases, weights, bins=bins)
        assert np.isnan(found) or found == EXACT(plain(cases, bins, weights))


@pytest.mark.parametrize("bins", [5, 10, 15])
@pytest.mark.parametrize("seed", range(5))
def test_ece_is_that_of_scikit_learns_calibration_curve(bins: int, seed: int) -> None:
    cases = drawn(400, seed)
    p = cases.probability[:, 1]
    rate, stated = calibration_curve(cases.y_true, p, n_bins=bins)
    held = np.histogram(p, np.linspace(0, 1, bins + 1))[0]
    theirs = np.abs(rate - stated) @ held[held > 0] / len(cases)
    assert value("ece", cases, bins=bins) == EXACT(theirs)


def test_the_two_definitions_differ_for_two_classes() -> None:
    """As measured for reference/pitfalls: the same predictions, two numbers."""
    cases = drawn(300, 3, spread=3)
    sure = table(cases.y_true, expit(2.5 * logit(cases.probability[:, 1])))
    assert abs(value("ece", sure) - value("ece_top_label", sure)) > 1e-3


def test_several_labels_are_a_mean_over_them_and_have_no_top_label() -> None:
    rng = np.random.default_rng(4)
    p = rng.random((200, 3))
    cases = labelled(rng.random((200, 3)) < p, p)
    for name in ("ece", "ece_floor", "calibration_slope", *PARTS):
        each = [value(name, table(cases.y_true[:, k], p[:, k])) for k in range(3)]
        assert value(name, cases) == EXACT(np.mean(each))
    for name in ("ece_top_label", "ece_top_label_floor"):
        assert "multilabel" not in contracts.kinds(module(name))


@pytest.mark.parametrize("bins", [0, -1, 101])
@pytest.mark.parametrize("name", BINNED)
def test_a_number_of_bins_that_cannot_be_is_one_sentence(name: str, bins: int) -> None:
    with pytest.raises(HarnessError, match=f"bins must be 1 to 100, got {bins}; 10 and 15 are"):
        value(name, drawn(50), bins=bins)


# Floors

MEASURED = {100: 0.084, 156: 0.069, 298: 0.049, 382: 0.044, 1000: 0.027, 7180: 0.010}
"""Of a perfectly calibrated model, 10 bins, by simulation of others."""


def spread_out(n: int) -> Array:
    """Probabilities from 0 to 1, rather more at the ends: even steps of a normal log odds."""
    p: Array = expit(3 * norm.ppf((np.arange(n) + 0.5) / n))
    return p


@pytest.mark.parametrize(("n", "measured"), MEASURED.items())
def test_the_floor_of_ten_bins_is_what_was_measured(n: int, measured: float) -> None:
    cases = table(np.arange(n) % 2, spread_out(n))
    assert value("ece_floor", cases, bins=10) == pytest.approx(measured, rel=0.035)


def test_the_floor_of_fifteen_bins_is_what_was_measured() -> None:
    cases = table(np.arange(298) % 2, spread_out(298))
    assert value("ece_floor", cases, bins=15) == pytest.approx(0.060, rel=0.035)


@pytest.mark.parametrize("spread", ["even", "rare", "squeezed", "sure"])
@pytest.mark.parametrize("n", [20, 200])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_floor_is_the_mean_of_simulated_truths(n: int, spread: str, classes: int) -> None:
    rng = np.random.default_rng(n)
    raw = {
        "even": lambda: rng.random((n, classes)),
        "rare": lambda: rng.random((n, classes)) ** 12,
        "squeezed": lambda: rng.random((n, classes)) * [1, *[0.02] * (classes - 1)] + 1e-9,
        "sure": lambda: np.exp(4 * rng.normal(size=(n, classes))),
    }[spread]()
    p = raw / raw.sum(axis=1, keepdims=True)
    cases = table(np.arange(n) % classes, p)
    found = {"ece": [], "ece_top_label": []}
    for _ in range(1000):
        truth = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=classes - 1)
        taken = [1] if classes == 2 else range(classes)
        gaps = [binned_gap(truth == k, p[:, k], 15) for k in taken]
        found["ece"].append(np.mean(gaps))
        found["ece_top_label"].append(binned_gap(truth == p.argmax(1), p.max(1), 15))
    for name, values in found.items():
        error = np.std(values) / np.sqrt(len(values))
        assert value(f"{name}_floor", cases) == pytest.approx(np.mean(values), abs=4 * error)


def binned_gap(happened: Any, probability: Any, bins: int) -> float:
    codes = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probability)
    return float(np.abs(np.bincount(codes, happened - probability)).sum() / len(happened))


def test_a_floor_is_exact_where_a_bin_has_one_probability() -> None:
    """A binomial's mean absolute deviation, summed over its outcomes."""
    from scipy.stats import binom  # type: ignore[import-untyped]

    n, low, high = 7, 0.3, 0.9
    cases = table([0, 1] * n, [low] * n + [high] * n)
    outcomes = np.arange(n + 1)
    apart = [np.abs(outcomes - n * p) @ binom.pmf(outcomes, n, p) for p in (low, high)]
    assert value("ece_floor", cases, bins=10) == EXACT(sum(apart) / (2 * n))


@pytest.mark.parametrize("n", [12, 60, 300])
@pytest.mark.parametrize("bins", [1, 2, 15])
def test_a_floor_of_wide_bins_is_near_the_exact_one(n: int, bins: int) -> None:
    """The sum of unequal events, by convolution."""
    p = (np.arange(n) + 0.5) / n
    exact = 0.0
    for low in range(bins):
        inside = p[(p > low / bins) & (p <= (low + 1) / bins)]
        chances = np.ones(1)
        for one in inside:
            chances = np.convolve(chances, [1 - one, one])
        exact += np.abs(np.arange(len(chances)) - inside.sum()) @ chances / n
    assert value("ece_floor", table(np.arange(n) % 2, p), bins=bins) == pytest.approx(
        exact, rel=0.04
    )


def test_a_floor_falls_with_more_cases_and_rises_with_bins() -> None:
    cases = drawn(300)
    floors = [value("ece_floor", cases, np.full(300, times)) for times in (1, 4, 100)]
    assert floors == [pytest.approx(floors[0] / root, rel=0.02) for root in (1, 2, 10)]
    by_bins = [value("ece_floor", cases, bins=bins) for bins in (2, 5, 10, 20)]
    assert by_bins == sorted(by_bins)


def test_labels_play_no_part_in_a_floor() -> None:
    cases = drawn(100)
    turned = dataclasses.replace(cases, y_true=1 - cases.y_true)
    assert value("ece_floor", turned) == value("ece_floor", cases)


@pytest.mark.parametrize("name", ["ece", "ece_top_label"])
def test_an_ece_is_never_measured_without_its_floor(name: str) -> None:
    from harness.question import ask
    from harness.suite import MetricSpec

    cases = drawn(60)
    asked = ask([MetricSpec(name=name, args={"bins": 5})], cases, {})
    assert [one.spec.name for one in asked] == [name, f"{name}_floor"]
    assert asked[1].value == value(f"{name}_floor", cases, bins=5)
    both = [MetricSpec(name=f"{name}_floor"), MetricSpec(name=name)]
    assert [one.spec.name for one in ask(both, cases, {})] == [f"{name}_floor", name]


def test_what_no_suite_names_and_is_measured_bears_on_the_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another floor, or another sensitivity of the odds of groups, scores again."""
    from harness import digests, reading
    from harness.suite import MetricSpec

    asked: list[str] = []
    monkeypatch.setattr(digests, "_source", lambda *modules: str(asked.extend(modules)))
    suite = dataclasses.replace(reading.load("quickstart"), metrics=(MetricSpec(name="ece"),))
    digests.scoring(suite, "")
    wanted = ("ece", "ece_floor", "sensitivity", "specificity")
    assert {f"metrics.{name}" for name in wanted} <= set(asked)
    assert {"versus", "seeds", "sides", "question"} <= set(asked)


def test_a_floor_of_what_is_all_but_certain_is_a_number() -> None:
    """A hundred cases of 1 and one that is 1 but for rounding add up to 101."""
    p = np.array([1.0] * 100 + [1 - 2**-53, 0.3, 0.4])
    cases = table([1] * 101 + [0, 1], p)
    known = value("ece_floor", table([1] * 101 + [0, 1], np.where(p > 0.9, 1.0, p)))
    assert value("ece_floor", cases) == EXACT(known)


# Slope and intercept


def unpenalised(x: Array, y: Any, weights: Any) -> LogisticRegression:
    return LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(
        x[:, None], y, sample_weight=weights
    )


@quickly
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(8, 200),
    stretch=st.sampled_from([0.2, 1.0, 2.5, 6.0]),
    shift=st.sampled_from([-4.0, 0.0, 1.0]),
)
def test_the_slope_is_scikit_learns(seed: int, n: int, stretch: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y, weights = (rng.random(n) < expit(x)).astype(int), rng.integers(0, 4, size=n)
    cases = table(y, expit(stretch * x + shift))
    found = value("calibration_slope", cases, weights)
    if not np.isnan(found):
        held = weights > 0
        given_ = logit(np.clip(cases.probability[:, 1], NEAREST, 1 - NEAREST))[held]
        theirs = unpenalised(given_, y[held], weights[held]).coef_[0, 0]
        assert found == pytest.approx(theirs, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_intercept_sets_the_mean_of_what_is_said_right(seed: int) -> None:
    """The likelihood is largest where the shifted probabilities add up to the events."""
    cases = drawn(150, seed)
    shifted = table(cases.y_true, expit(1.7 * logit(cases.probability[:, 1]) - 1.2))
    a = value("calibration_intercept", shifted)
    mended = expit(logit(shifted.probability[:, 1]) + a)
    assert mended.mean() == EXACT(shifted.y_true.mean())


def test_slope_and_intercept_undo_a_known_fault() -> None:
    cases = drawn(40_000, spread=1.5)
    x = logit(cases.probability[:, 1])
    assert value("calibration_slope", table(cases.y_true, expit(2.5 * x))) == pytest.approx(
        0.4, abs=0.02
    )
    assert value("calibration_intercept", table(cases.y_true, expit(x - 1))) == pytest.approx(
        1.0, abs=0.05
    )
    assert value("calibration_slope", cases) == pytest.approx(1, abs=0.05)
    assert value("calibration_intercept", cases) == pytest.approx(0, abs=0.05)


def test_more_classes_are_the_mean_over_each_against_the_rest() -> None:
    cases = drawn(500, classes=4)
    for name in ("ece", "ece_floor", "calibration_slope", "calibration_intercept"):
        each = [value(name, cases.one_against_rest(k)) for k in range(4)]
        assert value(name, cases) == EXACT(np.mean(each))
        assert module(name).PER_CLASS


def test_a_score_that_parts_the_classes_has_no_slope_however_it_is_weighed() -> None:
    parted = table([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9])
    touching = table([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9])
    crossing = table([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9])
    assert np.isnan(value("calibration_slope", parted))
    assert np.isnan(value("calibration_slope", touching))
    assert np.isfinite(value("calibration_slope", crossing))
    assert np.isnan(value("calibration_slope", crossing, [1, 0, 1, 1]))
    assert np.isfinite(value("calibration_intercept", parted))


# Murphy's parts


@quickly
@given(cases=predictions(least=2), data=st.data(), bins=st.sampled_from([1, 3, 15]))
def test_the_parts_are_the_brier_score(cases: Predictions, data: st.DataObject, bins: int) -> None:
    weights = drawn_weights(data, len(cases))
    reliability, resolution, uncertainty, rest = (
        value(name, cases, weights, bins=bins) for name in PARTS
    )
    if not np.isnan(rest):
        whole = reliability - resolution + uncertainty + rest
        assert whole == EXACT(value("brier", cases, weights))
        assert reliability >= 0
        assert resolution >= 0


def test_the_remainder_is_variance_less_twice_the_covariance_within_bins() -> None:
    """Stephenson, Coelho and Jolliffe (2008), bin by bin."""
    cases = drawn(300, 5)
    p, y = cases.probability[:, 1], cases.y_true
    codes = np.searchsorted(np.linspace(0, 1, 16)[1:-1], p)
    left = 0.0
    for index in np.unique(codes):
        said, was = p[codes == index], y[codes == index]
        left += ((said - said.mean()) ** 2).sum()
        left -= 2 * ((said - said.mean()) * (was - was.mean())).sum()
    assert value("brier_remainder", cases) == EXACT(left / 300)


def test_a_score_of_few_values_leaves_no_remainder_and_has_murphys_parts() -> None:
    cases = table([0, 0, 0, 1, 1, 1, 0, 1], [0.25] * 4 + [0.75] * 4)
    parts = [value(name, cases, bins=10) for name in PARTS]
    assert parts == EXACT([0.0, 0.0625, 0.25, 0.0])


# What a unit does to it


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", CALIBRATION)
def test_the_error_is_about_that_of_the_jackknife(name: str, classes: int) -> None:
    cases = drawn(600, 8, classes=classes)
    sure = dataclasses.replace(cases, probability=sharpened(cases.probability, 2.0))
    units = np.arange(600) // 2
    ours = contracts.influence(module(name), sure, units, {})
    measure = partial(module(name).measure, sure)
    left_out = jackknife(measure, units, sure.strata)
    if name.endswith("_floor"):  # the jackknife sees n fall, too
        assert 0 < ours.error < 0.1 * value(name, sure)
        return
    assert ours.error == pytest.approx(left_out.error, rel=0.15)


def sharpened(probability: Array, times: float) -> Array:
    raw = probability**times
    found: Array = raw / raw.sum(axis=1, keepdims=True)
    return found


@pytest.mark.parametrize("name", ["calibration_slope", "calibration_intercept"])
def test_intervals_hold_the_truth(name: str) -> None:
    from harness.statistics.intervals import interval

    target, held = float(module(name).BETTER), 0
    for seed in range(300):
        cases = drawn(200, seed)
        moved = contracts.influence(module(name), cases, np.arange(200), {})
        bounds = module(name).RANGE
        found = interval(value(name, cases), moved, bounds, level=0.95, over="image").ci
        held += found is not None and found[0] <= target <= found[1]
    assert 0.92 <= held / 300 <= 0.98


# Degenerate cases

UP = [0.1, 0.2, 0.8, 0.9]
DEGENERATE = {
    "only positives": ([1, 1, 1, 1], UP),
    "only negatives": ([0, 0, 0, 0], UP),
    "sure and right": ([0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0]),
    "sure and wrong": ([0, 0, 1, 1], [1.0, 1.0, 0.0, 0.0]),
    "one case": ([1], [0.7]),
    "constant at the base rate": ([0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]),
    "no case": ([], []),
}


@pytest.mark.parametrize("name", CALIBRATION)
@pytest.mark.parametrize("case", DEGENERATE)
def test_what_cannot_be_judged_is_undefined_and_never_perfect(name: str, case: str) -> None:
    from harness.question import answers, ask
    from harness.suite import MetricSpec, Policy

    y_true, score = DEGENERATE[case]
    cases = table(y_true, np.array(score, dtype=np.float64))
    assert np.isnan(value(name, cases))
    if len(cases):
        row = next(answers(ask([MetricSpec(name=name)], cases, {}), Policy()))
        assert row.status == "undefined"
        assert str(row.reason).startswith("needs cases of ")
        assert str(row.reason).endswith(f"; got {cases.tally()}")


@pytest.mark.parametrize("name", CALIBRATION)
def test_what_cannot_be_judged_of_a_resample_is_undefined_in_it(name: str) -> None:
    cases = table([0, 1, 0, 1, 1, 0], [0.2, 0.6, 0.7, 0.3, 1.0, 0.0])
    weights = np.array(
        [[1, 1, 1, 1, 1, 1], [1, 0, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1]]
    )
    found = module(name).measure(cases, weights.astype(np.float64))
    assert np.isfinite(found).tolist() == [True, False, False, False]


def test_an_absent_class_of_several_leaves_what_is_a_mean_over_them_undefined() -> None:
    cases = drawn(60, classes=3)
    cases = cases.where(cases.y_true < 2)
    undefined = {name for name in CALIBRATION if np.isnan(value(name, cases))}
    assert undefined == set(CALIBRATION) - {"ece_top_label", "ece_top_label_floor"}


def test_probabilities_at_the_ends_count_as_the_nearest_that_float32_knows() -> None:
    y, p = [0, 1, 0, 1, 1, 0], np.array([0.0, 0.6, 0.7, 0.3, 1.0, 1.0])
    near = np.clip(p, NEAREST, 1 - NEAREST)
    for name in ("calibration_slope", "calibration_intercept"):
        assert value(name, table(y, p)) == EXACT(value(name, table(y, near)))
