"""Influence by unit: against DeLong written out, the jackknife, and textbook variances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from harness.statistics import delong, influence
from harness.statistics.influence import Influence, jackknife, mean, minus, pooled, share

Array = NDArray[np.float64]


def delong_by_definition(truth: NDArray[np.bool_], scores: Array) -> tuple[Array, Array]:
    """Areas and covariance with the kernel written out over all pairs (DeLong et al., 1988)."""
    x, y = scores[:, truth], scores[:, ~truth]
    kernel = (x[:, :, None] > y[:, None, :]) + 0.5 * (x[:, :, None] == y[:, None, :])
    s10, s01 = np.cov(kernel.mean(axis=2)), np.cov(kernel.mean(axis=1))
    return kernel.mean(axis=(1, 2)), s10 / x.shape[1] + s01 / y.shape[1]


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(2, 40), st.booleans())
def test_delong_is_the_definition(seed: int, m: int, n: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat([True, False], [m, n]))
    scores = rng.normal(size=(3, m + n)) + truth
    scores = np.round(scores) if ties else scores
    areas, covariance = delong.covariance(truth, scores, np.arange(m + n))
    expected_areas, expected = delong_by_definition(truth, scores)
    assert areas == pytest.approx(expected_areas, abs=1e-12)
    assert covariance == pytest.approx(expected, abs=1e-10)


def obuchowski_by_definition(truth: NDArray[np.bool_], score: Array, units: Array) -> float:
    """The clustered variance of Obuchowski (1997), subject by subject."""
    x, y = score[truth], score[~truth]
    kernel = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    area, v10, v01 = kernel.mean(), kernel.mean(axis=1), kernel.mean(axis=0)
    ill, well = units[truth], units[~truth]
    every = np.unique(units)
    sum10 = np.array([(v10[ill == unit] - area).sum() for unit in every])
    sum01 = np.array([(v01[well == unit] - area).sum() for unit in every])
    i10, i01, i = len(np.unique(ill)), len(np.unique(well)), len(every)
    s10 = i10 / (i10 - 1) / len(x) * (sum10**2).sum()
    s01 = i01 / (i01 - 1) / len(y) * (sum01**2).sum()
    s11 = i / (i - 1) * (sum10 * sum01).sum()
    return float(s10 / len(x) + s01 / len(y) + 2 * s11 / len(x) / len(y))


@pytest.mark.parametrize("mixed", [False, True])
def test_clustered_delong_is_obuchowskis(mixed: bool) -> None:
    """To the last digit where a subject has one class; within 1 % where subjects have both."""
    rng = np.random.default_rng(3)
    units = np.repeat(np.arange(150), 3)
    truth = rng.random(450) < 0.4 if mixed else np.repeat(rng.random(150) < 0.4, 3)
    score = rng.normal(size=450) + truth + np.repeat(rng.normal(size=150), 3)
    found = delong.area(truth, score, units)
    expected = obuchowski_by_definition(truth, score, units)
    assert found.influence.error**2 == pytest.approx(expected, rel=0.01 if mixed else 1e-12)
    assert found.value == pytest.approx(roc_auc_score(truth, score))
    images = delong.area(truth, score, np.arange(450)).influence
    assert mixed or images.error < 0.8 * found.influence.error


def test_an_area_without_a_class_is_undefined_and_with_one_unit_has_no_error() -> None:
    score, units = np.arange(6.0), np.arange(6)
    nobody = delong.area(np.zeros(6, bool), score, units)
    assert np.isnan(nobody.value)
    assert np.isnan(nobody.influence.error)
    truth = np.array([True, True, False, False, False, False])
    one = delong.area(truth, score, np.array([0, 0, 1, 2, 3, 4]))
    assert one.value == 0.0
    assert np.isnan(one.influence.error)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 60))
def test_a_mean_has_the_textbook_error(seed: int, n: int) -> None:
    cases = np.random.default_rng(seed).normal(size=n)
    found = share(cases, np.ones(n), np.arange(n))
    assert found.error == pytest.approx(cases.std(ddof=1) / np.sqrt(n), rel=1e-9)
    assert (found.df, found.binomial) == (n - 1, False)


def test_a_mean_by_subject_is_the_mean_of_subject_means() -> None:
    rng = np.random.default_rng(0)
    units, cases = np.repeat(np.arange(40), 5), rng.normal(size=200)
    found = share(cases, np.ones(200), units)
    means = cases.reshape(40, 5).mean(axis=1)
    assert found.error == pytest.approx(means.std(ddof=1) / np.sqrt(40))


def test_a_share_of_units_that_count_once_is_binomial() -> None:
    right, counts = np.array([1, 0, 1, 1, 0]), np.array([1, 1, 1, 0, 1])
    found = share(right * counts, counts, np.arange(5))
    assert found.binomial
    assert found.df == 3
    assert not share(right * counts, counts, np.array([0, 0, 1, 2, 3])).binomial
    assert np.isnan(share(np.array([1, 0]), np.array([1, 0]), np.arange(2)).error)


def mean_of(cases: Array) -> influence.Callable[[Array], Array]:
    return lambda weights: np.asarray(weights @ cases / weights.sum(axis=1))


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 60))
def test_the_jackknife_of_a_mean_is_its_formula(seed: int, n: int) -> None:
    cases, units = np.random.default_rng(seed).normal(size=n), np.arange(n)
    left_out = jackknife(mean_of(cases), units, np.zeros(n, np.int64))
    assert left_out.by_unit == pytest.approx(share(cases, np.ones(n), units).by_unit, abs=1e-12)


def test_the_jackknife_of_many_units_leaves_out_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influence, "MOST_GROUPS", 200)
    rng = np.random.default_rng(0)
    units, cases = np.repeat(np.arange(2_000), 2), rng.normal(size=(2, 4_000))
    cases[1] += 2 * cases[0]
    found = [jackknife(mean_of(each), units, np.zeros(4_000, np.int64)) for each in cases]
    exact = [share(each, np.ones(4_000), units) for each in cases]
    assert [len(each.by_unit) for each in found] == [2_000, 2_000]
    for grouped, whole in (*zip(found, exact, strict=True), (minus(*found), minus(*exact))):
        assert grouped.error == pytest.approx(whole.error, rel=0.12)


def test_means_and_differences_share_their_units() -> None:
    rng = np.random.default_rng(1)
    cases, units = rng.normal(size=(2, 50)) + rng.normal(size=50), np.arange(50)
    a, b = (share(each, np.ones(50), units) for each in cases)
    apart = cases[0] - cases[1]
    assert minus(a, b).error == pytest.approx(apart.std(ddof=1) / np.sqrt(50))
    assert mean([a, b]).error == pytest.approx(cases.mean(axis=0).std(ddof=1) / np.sqrt(50))
    assert minus(a, a).error == 0
    assert mean([a]) is a
    assert pooled([a]) is a


def test_a_part_that_is_known_badly_takes_freedom_as_far_as_it_matters() -> None:
    def part(error: float, df: float) -> Influence:
        return Influence(by_unit=np.array([error, 0.0]), df=df, fewest=2, method="test")

    assert pooled([part(1.0, 10), part(1.0, 10)]).df == pytest.approx(20)
    assert pooled([part(1.0, 100), part(0.01, 1)]).df == pytest.approx(100, rel=0.01)
    assert pooled([part(0.01, 100), part(1.0, 1)]).df == pytest.approx(1, rel=0.01)
    assert pooled([part(0.0, 5), part(0.0, 2)]).df == 2


def test_a_rare_class_takes_freedom_as_far_as_it_matters() -> None:
    """500, 500 and 2 cases: of their mean the two say little, of the mean of classes a third."""
    classes = np.repeat([0, 1, 2], [500, 500, 2])
    cases = np.random.default_rng(0).normal(size=1_002)

    def of_classes(weights: Array) -> Array:
        parts = [weights[:, classes == k] @ cases[classes == k] for k in range(3)]
        held = [weights[:, classes == k].sum(axis=1) for k in range(3)]
        return np.asarray(np.mean([a / b for a, b in zip(parts, held, strict=True)], axis=0))

    units = np.arange(1_002)
    assert jackknife(mean_of(cases), units, classes).df > 900
    of_all = jackknife(of_classes, units, classes)
    assert 1 <= of_all.df < 2
    assert of_all.fewest == 2
    shuffled = np.random.default_rng(1).permutation(1_002)
    other = jackknife(lambda w: of_classes(w[:, shuffled.argsort()]), units, classes[shuffled])
    assert other.df == pytest.approx(of_all.df)


def test_groups_part_the_units_of_a_rare_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influence, "MOST_GROUPS", 50)
    for seed in range(20):
        classes = np.zeros(500, np.int64)
        classes[np.random.default_rng(seed).choice(500, 2, replace=False)] = 1
        found = jackknife(
            lambda w, rare=classes == 1: np.where(w[:, rare].sum(axis=1) > 0, 0.5, np.nan),
            np.arange(500),
            classes,
        )
        assert np.isfinite(found.error)
