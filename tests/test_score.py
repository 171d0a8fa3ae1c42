"""The score step: which rows there are, what each of them carries, and what is refused."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk

from harness import digests, shelf
from harness.cases import SHIPPED
from harness.contracts import kinds
from harness.errors import HarnessError
from harness.predictions import Predictions
from harness.record import Measurement, Record, as_json, measurement_from_json
from harness.score import ALWAYS, BY_CLASS, FALSE_ALARM, MISSED, score
from harness.suite import Interval, MetricSpec, Policy

ASKED = [name for name in shelf.names("metrics") if name != "majority_rate"]
METRICS = tuple(
    MetricSpec(name=name) for name in ASKED if "nominal" in kinds(shelf.load("metrics", name))
)
CALIBRATION = {name for name in ASKED if name.startswith(("calibration_", "ece"))}
PARTS = {name for name in ASKED if name.startswith("brier_")}
ONE_CLASS = {
    *("roc_auc", "average_precision", "f1", "sensitivity", "specificity", "ppv"),
    *CALIBRATION - {"ece_top_label", "ece_top_label_floor"},
}
POLICY = Policy()


def table(classes: int = 2, **changes: Any) -> Predictions:
    """60 cases of test and 30 of val, shipped and torch, the torch outputs all but the same.

    Groups: sex F or M or "", by turns; site A but for 4 cases of B and 1 of C in test.
    """
    rng = np.random.default_rng(classes)
    n = 90
    y_true = rng.integers(classes, size=n)
    raw = rng.integers(1, 20, size=(n, classes)) + 6 * (y_true[:, None] == np.arange(classes))
    probability = raw / raw.sum(axis=1, keepdims=True)
    site = np.array(["A"] * 55 + ["B"] * 4 + ["C"] + ["A"] * 30)
    cases = Predictions(
        classes=("benign", "malignant", "other")[:classes],
        id=np.concatenate([np.arange(60), np.arange(30)]),
        split=np.repeat(["test", "val"], [60, 30]),
        variant=np.full(n, SHIPPED),
        y_true=y_true,
        probability=probability,
        decision=probability.argmax(axis=1),
        groups={"sex": np.resize(["F", "M", ""], n), "site": site},
    )
    return dataclasses.replace(cases, **changes)


def twin(cases: Predictions) -> Predictions:
    """The torch variant of the same cases, in another order."""
    backwards = cases.where(np.arange(len(cases))[::-1])
    return dataclasses.replace(backwards, variant=np.full(len(cases), "torch"))


def joined(first: Predictions, second: Predictions) -> Predictions:
    columns = ("id", "split", "variant", "y_true", "probability", "decision")
    return dataclasses.replace(
        first,
        **{of: np.concatenate([getattr(first, of), getattr(second, of)]) for of in columns},
        groups={of: np.concatenate([first.groups[of], second.groups[of]]) for of in first.groups},
    )


def find(rows: Sequence[Measurement], metric: str, where: Mapping[str, str]) -> Measurement:
    [row] = [row for row in rows if row.metric == metric and row.where == where]
    return row


@pytest.fixture(scope="module")
def rows() -> tuple[Measurement, ...]:
    return score(joined(table(), twin(table())), METRICS, POLICY)


def test_a_row_of_each_metric_where_it_belongs(rows: tuple[Measurement, ...]) -> None:
    declared = {metric.name for metric in METRICS}
    expected = {(name, ()) for name in declared | {"majority_rate"}}
    expected |= {(name, ("class", k)) for name in ONE_CLASS for k in ("benign", "malignant")}
    expected |= {(name, ("group.sex", k)) for name in declared for k in ("F", "M", "unknown")}
    expected |= {(name, ("group.site", k)) for name in declared for k in "ABC"}
    expected |= {(name, ("split", "val")) for name in declared}
    expected |= {(name, ("variant", "torch")) for name in declared}
    expected |= {("parity_max_abs", ()), ("parity_flips", ())}
    got = [(row.metric, tuple(item for pair in row.where.items() for item in pair)) for row in rows]
    assert len(got) == len(set(got))
    assert set(got) == expected


def test_rows_make_a_record_and_survive_json(rows: tuple[Measurement, ...]) -> None:
    Record(run={}, status="ok", measurements=rows)
    assert tuple(map(measurement_from_json, as_json(rows))) == rows


def test_the_headline_is_the_shipped_model_on_test(rows: tuple[Measurement, ...]) -> None:
    test = table().select("test")
    row = find(rows, "roc_auc", {})
    assert row.value == pytest.approx(sk.roc_auc_score(test.y_true, test.probability[:, 1]))
    assert row.ci is not None
    assert row.ci[0] < row.value < row.ci[1]
    about = (row.n, row.over, row.level, row.unit, row.better, row.kind)
    assert about == (60, "image", 0.95, "1", "higher", "value")
    assert row.method == "score interval over images, DeLong, t with 28 df"
    assert find(rows, "accuracy", {}).method == "Wilson over images"
    assert find(rows, "brier", {}).better == "lower"
    assert find(rows, "majority_rate", {}).better is None


def test_val_has_its_own_rows(rows: tuple[Measurement, ...]) -> None:
    val = table().select("val")
    row = find(rows, "accuracy", {"split": "val"})
    assert row.value == pytest.approx(sk.accuracy_score(val.y_true, val.decision))
    assert row.n == 30
    assert row.ci is not None


def test_without_val_and_torch_there_are_no_such_rows() -> None:
    rows = score(table().select("test"), METRICS, POLICY)
    assert not {key for row in rows for key in row.where} & {"split", "variant"}
    assert not any(row.metric.startswith("parity") for row in rows)


def test_a_declared_majority_rate_is_not_said_twice() -> None:
    rows = score(table(), [MetricSpec(name="majority_rate")], POLICY)
    assert find(rows, "majority_rate", {}).value is not None


@pytest.mark.parametrize("classes", [2, 3])
def test_what_no_suite_names_is_there_of_all_cases_and_by_class(classes: int) -> None:
    """Not by group, on val or against torch, where the suite alone is answered."""
    cases = table(classes)
    everything = joined(joined(cases, further(cases, "far", 40, 0)), twin(cases))
    rows = score(everything, [MetricSpec(name="brier")], POLICY)
    always = {"majority_rate", "balanced_accuracy", "mcc"}
    plain = {row.metric for row in rows if not row.where}
    assert plain == {"brier", *always, "parity_max_abs", "parity_flips"}
    assert {row.metric for row in rows if "dataset" in row.where} == {"brier", *always}
    by_class = [(row.metric, row.where["class"]) for row in rows if "class" in row.where]
    assert by_class == [("sensitivity", name) for name in cases.classes]
    others = {row.metric for row in rows if row.where.keys() - {"class", "dataset"}}
    assert others == {"brier"}
    test = cases.select("test")
    for name, theirs in (
        ("balanced_accuracy", sk.balanced_accuracy_score),
        ("mcc", sk.matthews_corrcoef),
    ):
        row = find(rows, name, {})
        assert row.value == pytest.approx(theirs(test.y_true, test.decision))
        assert row.ci is not None


def test_of_labels_what_is_always_there_is_that_which_is_for_them() -> None:
    rows = score(labelled().select("test"), [MetricSpec(name="brier")], POLICY)
    assert {row.metric for row in rows if not row.where} == {
        *("brier", "majority_rate", "balanced_accuracy"),
    }
    assert [row.metric for row in rows if "class" in row.where] == ["sensitivity"] * 3


def test_what_is_always_there_is_in_the_digest() -> None:
    """So that a score is stale where the formula of one of them changed."""
    assert {spec.name for spec in (*ALWAYS, BY_CLASS)} <= set(digests.ALWAYS["classify"])
    assert {MISSED.name, FALSE_ALARM.name} <= set(digests.ALWAYS["segment"])


def test_one_class_against_the_rest() -> None:
    cases = table(classes=3)
    test = cases.select("test")
    rows = score(cases, METRICS, POLICY)
    for k, name in enumerate(cases.classes):
        area = sk.roc_auc_score(test.y_true == k, test.probability[:, k])
        recall = sk.recall_score(test.y_true == k, test.decision == k)
        assert find(rows, "roc_auc", {"class": name}).value == pytest.approx(area)
        assert find(rows, "sensitivity", {"class": name}).value == pytest.approx(recall)
        assert find(rows, "f1", {"class": name}).ci is not None


def test_groups_and_the_unknown(rows: tuple[Measurement, ...]) -> None:
    test = table().select("test")
    for name, column in (("F", "F"), ("M", "M"), ("unknown", "")):
        of = test.groups["sex"] == column
        row = find(rows, "accuracy", {"group.sex": name})
        assert row.value == pytest.approx(sk.accuracy_score(test.y_true[of], test.decision[of]))
        assert row.n == 20
        assert row.ci is not None


def test_unknown_and_empty_are_one_group() -> None:
    cases = table(groups={"sex": np.resize(np.array(["", "unknown"], dtype=object), 90)})
    rows = score(cases, METRICS, POLICY)
    assert find(rows, "accuracy", {"group.sex": "unknown"}).n == 60


def test_a_small_group_is_undefined(rows: tuple[Measurement, ...]) -> None:
    few = find(rows, "accuracy", {"group.site": "B"})
    assert (few.value, few.status, few.n) == (None, "undefined", 4)
    assert few.reason == "only 4 cases; groups_min_n is 10"
    assert find(rows, "f1", {"group.site": "C"}).reason == "only 1 case; groups_min_n is 10"
    for least, status in ((4, "ok"), (5, "undefined")):
        again = score(table(), METRICS[:1], Policy(groups_min_n=least))
        assert find(again, METRICS[0].name, {"group.site": "B"}).status == status


def test_a_group_of_one_class_is_undefined_and_counted() -> None:
    cases = table()
    cases = dataclasses.replace(cases, groups={"truth": cases.y_true.astype(str)})
    benign = int((cases.select("test").y_true == 0).sum())
    rows = score(cases, METRICS, POLICY)
    row = find(rows, "roc_auc", {"group.truth": "0"})
    assert (row.value, row.ci, row.n) == (None, None, benign)
    assert row.reason == f"needs cases of every class; got {benign} benign, 0 malignant"
    assert find(rows, "sensitivity", {"group.truth": "0"}).status == "undefined"
    assert find(rows, "specificity", {"group.truth": "0"}).status == "ok"


def test_undefined_is_never_a_number() -> None:
    """No positive case: what needs one has no value, whatever the split, group or class."""
    rows = score(table(y_true=np.zeros(90, dtype=np.int64)), METRICS, POLICY)
    undefined = {row.metric for row in rows if not row.where and row.status == "undefined"}
    both = {"roc_auc", "average_precision", "sensitivity", "balanced_accuracy", "mcc"}
    top = {"ece_top_label", "ece_top_label_floor"}
    assert undefined - top == both | PARTS | CALIBRATION - top
    for row in rows:
        if row.metric in ("roc_auc", "average_precision", "mcc"):
            assert row.value is None
            assert row.reason
            assert row.ci is None


def test_without_test_cases_all_is_undefined() -> None:
    rows = score(table().select("val"), METRICS, POLICY)
    assert {row.status for row in rows if not row.where} == {"undefined"}
    assert find(rows, "accuracy", {}).reason == (
        "needs at least one case; got 0 benign, 0 malignant"
    )


def test_an_identical_twin_differs_in_nothing(rows: tuple[Measurement, ...]) -> None:
    for metric in METRICS:
        row = find(rows, metric.name, {"variant": "torch"})
        assert (row.kind, row.value, row.n) == ("difference", 0, 60)
    for metric, unit in (("parity_max_abs", "1"), ("parity_flips", "cases")):
        row = find(rows, metric, {})
        assert (row.value, row.n, row.unit, row.better) == (0, 90, unit, "lower")


def test_a_twin_that_differs_is_measured() -> None:
    """Three test cases and one of val lose their decision; one output of val is 0.25 away."""
    cases = table()
    decision, probability = cases.decision.copy(), cases.probability.copy()
    right = np.flatnonzero((decision == cases.y_true) & (cases.split == "test"))[:3]
    decision[[*right, 70]] = 1 - decision[[*right, 70]]
    probability[80] = [0.5, 0.5]
    probability[80] += np.array([-1, 1]) * (cases.probability[80, 1] - 0.5 + 0.25)
    changed = dataclasses.replace(cases, decision=decision, probability=probability)
    rows = score(joined(cases, twin(changed)), METRICS, POLICY)
    assert find(rows, "accuracy", {"variant": "torch"}).value == pytest.approx(3 / 60)
    assert find(rows, "parity_flips", {}).value == 4
    assert find(rows, "parity_max_abs", {}).value == pytest.approx(0.25)


def test_a_difference_of_the_undefined_is_undefined() -> None:
    cases = table(y_true=np.zeros(90, dtype=np.int64))
    rows = score(joined(cases, twin(cases)), METRICS, POLICY)
    row = find(rows, "roc_auc", {"variant": "torch"})
    assert (row.value, row.kind) == (None, "difference")
    assert row.reason == "needs cases of every class; got 60 benign, 0 malignant"


@pytest.mark.parametrize(
    "changes",
    [{"id": np.arange(1, 91)}, {"split": np.repeat(["test", "val"], [50, 40])}],
    ids=["id", "split"],
)
def test_a_twin_of_other_cases_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(HarnessError, match="must be of the same cases of test and val"):
        score(joined(table(), twin(table(**changes))), METRICS, POLICY)


def test_a_twin_of_fewer_cases_is_refused() -> None:
    with pytest.raises(HarnessError, match="got 89 against 90 cases"):
        score(joined(table(), twin(table()).where(np.arange(89))), METRICS, POLICY)


def test_subjects_are_resampled_and_counted_where_known() -> None:
    subject = np.char.add("s", (np.arange(90) // 2).astype(str))
    row = find(score(table(subject=subject), METRICS, POLICY), "accuracy", {})
    assert (row.n, row.over) == (30, "subject")
    assert row.method == "score interval over subjects, linearised, t with 29 df"
    images = Policy(interval=Interval(level=0.8, over="image"))
    other = find(score(table(subject=subject), METRICS, images), "accuracy", {})
    assert (other.n, other.over, other.level) == (60, "image", 0.8)
    assert other.value == row.value
    assert other.ci != row.ci


def test_two_subjects_have_no_interval_and_the_row_says_so() -> None:
    subject = np.resize(["p", "q"], 90)
    row = find(score(table(subject=subject), METRICS, POLICY), "accuracy", {})
    assert (row.ci, row.level, row.n) == (None, None, 2)
    assert row.method == "no interval from fewer than 3 subjects"


# Other datasets


def further(cases: Predictions, name: str, n: int, seed: int) -> Predictions:
    """`n` cases of another dataset, drawn of these, decided by chance."""
    rng = np.random.default_rng(seed)
    drawn = cases.where(rng.integers(len(cases), size=n))
    ids, split = np.char.add(name, np.arange(n).astype(str)), np.full(n, f"test@{name}")
    decision = rng.integers(len(cases.classes), size=n)
    groups = {of: np.full(n, "") for of in cases.groups}
    return dataclasses.replace(drawn, id=ids, split=split, decision=decision, groups=groups)


@pytest.mark.parametrize("classes", [2, 3])
def test_of_another_dataset_each_metric_has_a_row(classes: int) -> None:
    cases = table(classes)
    near, far = further(cases, "near", 50, 0), further(cases, "a far one", 40, 1)
    everything = joined(joined(joined(cases, far), near), twin(cases))
    rows = score(everything, METRICS, POLICY)
    for name, other in (("near", near), ("a far one", far)):
        where = {"dataset": name}
        found = {row.metric for row in rows if row.where == where}
        assert found == {metric.name for metric in METRICS} | {"majority_rate"}
        accuracy = find(rows, "accuracy", where)
        assert accuracy.value == pytest.approx(sk.accuracy_score(other.y_true, other.decision))
        p = other.probability[:, 1] if classes == 2 else other.probability
        area = sk.roc_auc_score(other.y_true, p, multi_class="ovr")
        assert find(rows, "roc_auc", where).value == pytest.approx(area)
        assert (accuracy.n, accuracy.over) == (len(other), "image")
        assert accuracy.ci is not None
    order = [row.where["dataset"] for row in rows if "dataset" in row.where]
    assert order == sorted(order)
    alone = score(joined(cases, twin(cases)), METRICS, POLICY)
    assert tuple(row for row in rows if "dataset" not in row.where) == alone


def test_a_case_that_several_looked_at_is_one_case() -> None:
    """The value is over all of their answers, the interval over cases."""
    far = further(table(), "far", 40, 0)
    other = dataclasses.replace(far, decision=1 - far.decision)
    once = find(score(joined(table(), far), METRICS, POLICY), "accuracy", {"dataset": "far"})
    rows = score(joined(joined(table(), far), far), METRICS, POLICY)
    twice = find(rows, "accuracy", {"dataset": "far"})
    assert (twice.n, twice.over, twice.value) == (once.n, "image", once.value)
    assert twice.ci == pytest.approx(once.ci, abs=0.02)
    both = find(
        score(joined(joined(table(), far), other), METRICS, POLICY), "accuracy", {"dataset": "far"}
    )
    assert both.value == 0.5
    assert both.ci is not None
    assert both.ci[0] == pytest.approx(1 - both.ci[1])


# Several labels


def labelled(**changes: Any) -> Predictions:
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, (90, 3))
    probability = np.clip(0.5 * rng.random((90, 3)) + 0.4 * y_true, 0, 1)
    several: dict[str, Any] = {
        "kind": "multilabel",
        "y_true": y_true,
        "probability": probability,
        "decision": (probability > 0.5).astype(np.int64),
    }
    return table(3, **{**several, **changes})


def test_labels_have_the_metrics_that_are_for_them() -> None:
    cases = labelled()
    test, everything = cases.select("test"), [MetricSpec(name=name) for name in ASKED]
    rows = score(joined(cases, twin(cases)), everything, POLICY)
    declared = {name for name in ASKED if "multilabel" in kinds(shelf.load("metrics", name))}
    overall = {row.metric for row in rows if not row.where}
    assert overall == declared | {"majority_rate", "parity_max_abs", "parity_flips"}
    assert find(rows, "accuracy", {}).value == pytest.approx((test.decision == test.y_true).mean())
    exact = sk.accuracy_score(test.y_true, test.decision)
    assert find(rows, "exact_match", {}).value == pytest.approx(exact)
    area = sk.roc_auc_score(test.y_true, test.probability)
    assert find(rows, "roc_auc", {}).value == pytest.approx(area)
    for k, name in enumerate(cases.classes):
        found = find(rows, "sensitivity", {"class": name}).value
        assert found == pytest.approx(sk.recall_score(test.y_true[:, k], test.decision[:, k]))
    assert find(rows, "parity_flips", {}).value == 0


def test_of_labels_no_sum_is_asked() -> None:
    assert score(labelled(probability=np.full((90, 3), 0.9)), METRICS, POLICY)
    for wrong in (math.nan, -0.1, 1.1):
        probability = np.full((90, 3), 0.9)
        probability[5, 2] = wrong
        with pytest.raises(HarnessError, match=r"within \[0, 1\], got 1 of 90 cases that are not"):
            score(labelled(probability=probability), METRICS, POLICY)


def test_scoring_repeats_itself(rows: tuple[Measurement, ...]) -> None:
    assert score(joined(table(), twin(table())), METRICS, POLICY) == rows


@pytest.mark.parametrize(
    "improbable",
    [[math.nan, 0.5], [math.inf, -math.inf], [-0.1, 1.1], [0.4, 0.4], [2.0, 3.0], [0.5, 0.5002]],
)
def test_what_is_no_probability_is_refused(improbable: list[float]) -> None:
    probability = table().probability
    probability[[3, 50, 80]] = improbable
    with pytest.raises(HarnessError, match="got 3 of 90 cases that are not"):
        score(table(probability=probability), METRICS, POLICY)


def test_rounded_probabilities_pass() -> None:
    probability = table().probability.astype(np.float32).astype(np.float64)
    probability[7] = [0.5, 0.50005]
    assert score(table(probability=probability), METRICS, POLICY)
