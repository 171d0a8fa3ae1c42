"""Differences and standings: against plain loops, and where something is undefined or failed."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_rel
from sklearn.metrics import roc_auc_score

from harness.baselines import Entry
from harness.cases import SHIPPED
from harness.compare import cohort, difference, with_scores
from harness.differences import Difference
from harness.errors import HarnessError
from harness.predictions import Predictions
from harness.record import Measurement, Record
from harness.standings import standings
from harness.suite import Interval, MetricSpec

AUC = MetricSpec(name="roc_auc")


def predictions(seed: int, n: int = 120, shift: float = 1.0, subjects: bool = False) -> Predictions:
    """Two classes of shared truth; `shift` sets how far the classes are apart."""
    truth = np.arange(n) % 3 == 0
    noise = np.random.default_rng(seed).normal(size=n)
    score = 1 / (1 + np.exp(-(shift * truth + noise)))
    return Predictions(
        classes=("benign", "malignant"),
        id=np.arange(n).astype(str),
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        y_true=truth.astype(np.int64),
        probability=np.stack([1 - score, score], axis=1),
        decision=(score > 0.5).astype(np.int64),
        subject=(np.arange(n) // 3).astype(str) if subjects else None,
        groups={"sex": np.where(np.arange(n) % 2 == 0, "F", "M")},
    )


def test_a_difference_is_as_wide_as_the_paired_bootstrap_says() -> None:
    """Of areas: DeLong against resampling the cases of both models together."""
    a, b = predictions(1, n=400, shift=2.0), predictions(2, n=400)
    found = difference(AUC, [a], [b], Interval())
    assert isinstance(found, Difference)
    loop = []
    for index in np.random.default_rng(0).integers(400, size=(1_000, 400)):
        truth = a.y_true[index]
        one = roc_auc_score(truth, a.probability[index, 1])
        loop.append(one - roc_auc_score(truth, b.probability[index, 1]))
    assert found.effect == pytest.approx(
        roc_auc_score(a.y_true, a.probability[:, 1]) - roc_auc_score(b.y_true, b.probability[:, 1])
    )
    assert found.error == pytest.approx(np.std(loop, ddof=1), rel=0.07)
    assert found.ci == pytest.approx(tuple(np.quantile(loop, [0.025, 0.975])), abs=0.01)


def test_a_difference_of_means_is_the_paired_t_test() -> None:
    a, b = predictions(1, shift=2.0), predictions(2)
    found = difference(MetricSpec(name="accuracy"), [a], [b], Interval(level=0.9))
    assert isinstance(found, Difference)
    right = [(table.decision == table.y_true).astype(float) for table in (a, b)]
    expected = ttest_rel(*right)
    assert (found.p, found.df) == (pytest.approx(expected.pvalue), 119)
    assert found.ci == pytest.approx(expected.confidence_interval(0.9))


@pytest.mark.parametrize("metric", ["roc_auc", "f1", "balanced_accuracy", "sensitivity"])
def test_two_cases_of_a_rare_class_are_no_evidence(metric: str) -> None:
    """Nothing scatters, and still the models differ by what two cases say alone."""
    truth = np.arange(1_000) < 2
    score = np.where(truth, 0.9, np.random.default_rng(0).uniform(0.01, 0.4, 1_000))
    good = dataclasses.replace(
        predictions(0, n=1_000),
        y_true=truth.astype(np.int64),
        probability=np.stack([1 - score, score], axis=1),
        decision=(score > 0.5).astype(np.int64),
    )
    score = np.where(truth, 0.001, score)
    bad = dataclasses.replace(
        good,
        probability=np.stack([1 - score, score], axis=1),
        decision=(score > 0.5).astype(np.int64),
    )
    found = difference(MetricSpec(name=metric), [bad], [good], Interval())
    assert isinstance(found, Difference)
    assert found.effect < -0.4
    assert 0.2 < found.below <= 0.3


def test_a_collapse_of_all_is_evidence_though_nothing_scatters() -> None:
    truth = np.arange(12) % 3 == 0
    score = np.where(truth, 0.9, 0.1)
    good = dataclasses.replace(
        predictions(0, n=12), probability=np.stack([1 - score, score], axis=1)
    )
    bad = dataclasses.replace(good, probability=good.probability[:, ::-1].copy())
    found = difference(AUC, [bad], [good], Interval())
    assert isinstance(found, Difference)
    assert (found.effect, found.error) == (-1.0, 0.0)
    assert found.below == pytest.approx(2.0**-12)


def test_a_collapse_of_many_is_as_sure_as_they_are_many() -> None:
    """Random choices tell no p below 1 in 10,000, too little for the gates of a large check."""
    score = np.where(np.arange(300) % 3 == 0, 0.9, 0.1)
    good = dataclasses.replace(
        predictions(0, n=300), probability=np.stack([1 - score, score], axis=1)
    )
    bad = dataclasses.replace(good, probability=good.probability[:, ::-1].copy())
    found = difference(AUC, [bad], [good], Interval())
    assert isinstance(found, Difference)
    assert found.error == 0.0
    assert found.below == pytest.approx(2.0**-100)


def test_sides_that_know_other_subjects_are_refused() -> None:
    alone, whole = predictions(1), predictions(2, subjects=True)
    with pytest.raises(HarnessError, match="must know the same"):
        difference(AUC, [alone], [whole], Interval())


def test_a_model_against_itself_has_no_effect() -> None:
    a = predictions(1)
    found = difference(AUC, [a], [a], Interval())
    assert isinstance(found, Difference)
    assert (found.effect, found.ci, found.error) == (0.0, (0.0, 0.0), 0.0)


def test_swapping_sides_mirrors_the_effect_and_lower_is_better_for_a_loss() -> None:
    good, bad = predictions(1, shift=3.0), predictions(2, shift=0.1)
    for name in ("roc_auc", "log_loss"):
        one = difference(MetricSpec(name=name), [good], [bad], Interval())
        other = difference(MetricSpec(name=name), [bad], [good], Interval())
        assert isinstance(one, Difference)
        assert isinstance(other, Difference)
        assert one.effect > 0
        assert other.effect == pytest.approx(-one.effect)


def test_subjects_are_drawn_whole() -> None:
    alone = predictions(1), predictions(2, shift=2.0)
    whole = predictions(1, subjects=True), predictions(2, shift=2.0, subjects=True)
    by_image = difference(AUC, [alone[0]], [alone[1]], Interval())
    by_subject = difference(AUC, [whole[0]], [whole[1]], Interval())
    assert isinstance(by_image, Difference)
    assert isinstance(by_subject, Difference)
    assert "by image" in by_image.method
    assert "by subject" in by_subject.method
    assert by_image.ci != by_subject.ci


def test_images_are_drawn_where_the_suite_says_so() -> None:
    whole = predictions(1, subjects=True), predictions(2, shift=2.0, subjects=True)
    alone = predictions(1), predictions(2, shift=2.0)
    found = difference(AUC, [whole[0]], [whole[1]], Interval(over="image"))
    assert found == difference(AUC, [alone[0]], [alone[1]], Interval())


def test_too_few_subjects_give_no_interval() -> None:
    table = dataclasses.replace(predictions(1), subject=np.full(120, "the one"))
    assert "fewer than 3 subjects" in str(difference(AUC, [table], [table], Interval()))


def test_seeds_are_averaged_before_they_are_compared() -> None:
    seeds = [predictions(seed) for seed in (1, 2)]
    other = predictions(3)
    found = difference(AUC, seeds, [other], Interval())
    assert isinstance(found, Difference)
    aucs = [roc_auc_score(each.y_true, each.probability[:, 1]) for each in seeds]
    assert found.a == pytest.approx(np.mean(aucs))


def test_an_undefined_side_is_a_sentence() -> None:
    benign = predictions(1).where(predictions(1).y_true == 0)
    assert "undefined" in str(difference(AUC, [benign], [benign], Interval()))


def test_a_metric_whose_best_is_a_target_is_not_compared_and_that_is_a_sentence() -> None:
    """A slope of 1.6 is no gain over one of 0.9."""
    for name in ("calibration_slope", "calibration_intercept", "ece_floor"):
        found = difference(MetricSpec(name=name), [predictions(1)], [predictions(2)], Interval())
        assert found == f"{name} is not better where it is higher, nor where it is lower"


def test_cohort_selects_groups_and_classes() -> None:
    table = predictions(1)
    women = cohort(table, {"group.sex": "F"})
    assert set(women.groups["sex"]) == {"F"}
    benign = cohort(table, {"class": "benign"})
    np.testing.assert_array_equal(benign.y_true, 1 - table.y_true)
    unnamed = dataclasses.replace(table, groups={"sex": np.where(table.y_true == 1, "", "F")})
    assert len(cohort(unnamed, {"group.sex": "unknown"})) == table.y_true.sum()
    for where in ({"group.sex": "X"}, {"class": "unheard"}, {"group.site": "A"}):
        with pytest.raises(HarnessError, match="class or group of the data"):
            cohort(table, where)
    known = "class=benign, class=.*, group.sex=F, group.sex=unknown$"
    for where in ({"sex": "F"}, {"class": "benign", "group.sex": "M"}):
        with pytest.raises(HarnessError, match=f"got .*sex = '[FM]'; there are {known}"):
            cohort(unnamed, where)


def entry(model: str, seed: int, auc: float | None, **changes: Any) -> Entry:
    """An invented record of one row."""
    run = {"suite": "s", "title": "t", "task": "classify", "dataset": "d", "device": "cpu"}
    reason = None if auc is not None else "needs cases of every class"
    row = Measurement(
        metric="roc_auc",
        value=auc,
        status="ok" if auc is not None else "undefined",
        reason=reason,
        better="higher",
    )
    record = Record(
        run={**run, "model": model, "seed": seed, "metrics": ["roc_auc"]},
        status="ok",
        measurements=(row,),
    )
    return Entry(record=dataclasses.replace(record, **changes), scores=None, history=())


def test_standings_are_in_order_of_the_means_of_seeds() -> None:
    lines = standings(
        [entry("b", 0, 0.8), entry("a", 1, 0.7), entry("a", 0, 0.9), entry("c", 0, 0.6)]
    )
    assert [(line.model, line.seeds, line.among) for line in lines] == [
        ("a", (0, 1), 3),
        ("b", (0,), 3),
        ("c", (0,), 3),
    ]
    [row] = lines[0].rows
    assert row.value == pytest.approx(0.8)
    assert row.method == "mean of 2 seeds"


OTHER = {
    "data": "another",
    "classes": ["another"],
    "policy": {"threshold": 0.25},
    "split": {"by": "subject", "folds": 5},
}


@pytest.mark.parametrize("key", OTHER)
def test_records_of_two_kinds_are_not_ranked(key: str) -> None:
    one, other = entry("a", 0, 0.8), entry("b", 0, 0.7)
    run = {**other.record.run, key: OTHER[key]}
    other = dataclasses.replace(other, record=dataclasses.replace(other.record, run=run))
    with pytest.raises(HarnessError, match=f"must agree in {key} to be ranked"):
        standings([one, other])


def test_an_undefined_seed_makes_the_mean_undefined_not_absent() -> None:
    [line] = standings([entry("a", 0, 0.9), entry("a", 1, None)])
    [row] = line.rows
    assert row.value is None
    assert row.reason == "undefined for 1 of 2 seeds: needs cases of every class"
    assert line.rank is None


def test_a_failed_record_is_listed_last_without_a_rank() -> None:
    failed = entry("a", 0, 0.9, status="failed", error="loss must be finite", measurements=())
    lines = standings([failed, entry("b", 0, 0.5)])
    assert [(line.model, line.rank) for line in lines] == [("b", 1), ("a", None)]
    assert lines[1].records[0].error == "loss must be finite"


def test_lower_is_better_where_the_metric_says_so() -> None:
    lines = standings([entry("a", 0, 0.9), entry("b", 0, 0.1)])
    lower = [dataclasses.replace(row, better="lower") for line in lines for row in line.rows]
    entries = [
        entry(line.model, 0, 0.0, measurements=(row,))
        for line, row in zip(lines, lower, strict=True)
    ]
    assert [line.model for line in standings(entries)] == ["b", "a"]


def test_accepted_scores_join_the_current_labels() -> None:
    table = predictions(1)
    other = dataclasses.replace(entry("a", 0, 0.5), scores=predictions(9).scores())
    joined = with_scores(table, other, 0.5)
    np.testing.assert_array_equal(joined.y_true, table.y_true)
    np.testing.assert_array_equal(joined.probability, predictions(9).probability)
    with pytest.raises(HarnessError, match="accepted scores"):
        with_scores(table.where(np.arange(10)), other, 0.5)
