"""Every metric is scikit-learn's, for any weights, and undefined where scikit-learn's is."""

import dataclasses
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import UndefinedMetricWarning

from harness import shelf
from harness.cases import SHIPPED
from harness.contracts import kinds
from harness.errors import HarnessError
from harness.predictions import Predictions, decide
from harness.samples import Kind
from harness.statistics.resampling import replicates, resample_weights

CALIBRATION = [
    *("ece", "ece_floor", "ece_top_label", "ece_top_label_floor"),
    *("calibration_slope", "calibration_intercept"),
    *("brier_reliability", "brier_resolution", "brier_uncertainty", "brier_remainder"),
]
"""Those that scikit-learn has no single function for: tests/test_calibration_metrics.py."""
EVERY = [n for n in shelf.names("metrics") if "classify" in shelf.load("metrics", n).TASKS]
METRICS = [name for name in EVERY if name not in CALIBRATION]
EXACT = partial(pytest.approx, rel=1e-12, abs=1e-12)

quickly = settings(max_examples=40, deadline=None, derandomize=True)


def table(y_true: Any, probability: Any, decision: Any = None) -> Predictions:
    """Test cases of the shipped model. `probability` is (n, classes), or (n,) of the positive."""
    probability = np.asarray(probability, dtype=np.float64)
    if probability.ndim == 1:
        probability = np.stack([1 - probability, probability], axis=1)
    n, classes = probability.shape
    return Predictions(
        classes=tuple("abcdefghij"[:classes]),
        id=np.arange(n),
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        y_true=np.asarray(y_true, dtype=np.int64),
        probability=probability,
        decision=np.asarray(probability.argmax(1) if decision is None else decision),
    )


def value(name: str, cases: Predictions, weights: Any = None) -> float:
    weights = np.ones(len(cases)) if weights is None else np.asarray(weights, dtype=np.float64)
    [result] = shelf.load("metrics", name).measure(cases, weights[None, :])
    return float(result)


NEED_EVERY_CLASS = {"roc_auc", "average_precision", "sensitivity", "f1", "ppv"}


def module(name: str) -> Any:
    return shelf.load("metrics", name)


def onehot(column: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    return (column[:, None] == np.arange(classes)).astype(np.int64)


def scikit(name: str, cases: Predictions, weights: NDArray[np.float64]) -> float:
    """The same metric by scikit-learn."""
    y, p, d, k = cases.y_true, cases.probability, cases.decision, len(cases.classes)
    binary, labels, weigh = k == 2, list(range(k)), {"sample_weight": weights}
    chosen: dict[str, Any] = {"labels": labels} | ({} if binary else {"average": "macro"})
    not_y, not_d = 1 - onehot(y, k), 1 - onehot(d, k)
    dummy = DummyClassifier(strategy="most_frequent")
    median = DummyRegressor(strategy="median")
    oracles: dict[str, Callable[[], float]] = {
        "accuracy": lambda: sk.accuracy_score(y, d, **weigh),
        "balanced_accuracy": lambda: sk.balanced_accuracy_score(y, d, **weigh),
        "mcc": lambda: sk.matthews_corrcoef(y, d, **weigh),
        "log_loss": lambda: sk.log_loss(y, p, labels=labels, **weigh),
        "majority_rate": lambda: dummy.fit(p, y, **weigh).score(p, y, **weigh),
        "cohen_kappa": lambda: sk.cohen_kappa_score(y, d, labels=labels, **weigh),
        "mean_absolute_error": lambda: sk.mean_absolute_error(y, d, **weigh),
        "median_grade_error": lambda: sk.mean_absolute_error(
            y, median.fit(p, y, **weigh).predict(p), **weigh
        ),
        "exact_match": lambda: sk.accuracy_score(onehot(y, k), onehot(d, k), **weigh),
        "f1": lambda: sk.f1_score(y, d, **chosen, **weigh),
        "sensitivity": lambda: sk.recall_score(y, d, **chosen, **weigh),
        "ppv": lambda: sk.precision_score(y, d, **chosen, **weigh),
        "specificity": lambda: (
            sk.recall_score(y, d, pos_label=0, **weigh)
            if binary
            else sk.recall_score(not_y, not_d, average="macro", **weigh)
        ),
        "brier": lambda: (
            sk.brier_score_loss(y, p[:, 1], pos_label=1, **weigh)
            if binary
            else sk.brier_score_loss(y, p, labels=labels, **weigh)
        ),
        "roc_auc": lambda: (
            sk.roc_auc_score(y, p[:, 1], **weigh)
            if binary
            else sk.roc_auc_score(y, p, multi_class="ovr", labels=labels, **weigh)
        ),
        "average_precision": lambda: (
            sk.average_precision_score(y, p[:, 1], **weigh)
            if binary
            else sk.average_precision_score(onehot(y, k), p, **weigh)
        ),
    }
    return float(oracles[name]())


def answer(
    name: str, cases: Predictions, weights: NDArray[np.float64]
) -> tuple[float, list[type[Warning]]]:
    """What scikit-learn says, NaN where it raises, and the kinds of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = scikit(name, cases, weights)
        except (ValueError, ZeroDivisionError):
            result = float("nan")
    return result, [warning.category for warning in caught]


def fallback(name: str, cases: Predictions, weights: NDArray[np.float64]) -> float | None:
    """What scikit-learn answers, without UndefinedMetricWarning, where we have no answer.

    mcc of a truth of one class is 0, balanced_accuracy the mean recall of the classes there are.
    average_precision of a class without positives is 0, of one without negatives 1, and the macro
    mean takes that in.
    """
    present = np.unique(cases.y_true[weights > 0])
    if name == "mcc" and len(present) == 1:
        return 0.0
    if name == "balanced_accuracy" and len(present) < len(cases.classes):
        return float(np.mean([recall(cases, weights, k) for k in present]))
    if name == "average_precision" and len(present) < len(cases.classes):
        taken = [1] if len(cases.classes) == 2 else range(len(cases.classes))
        return float(np.mean([area_or_fallback(cases, weights, k) for k in taken]))
    return None


def recall(cases: Predictions, weights: NDArray[np.float64], k: int) -> float:
    return float(np.average(cases.decision == k, weights=weights * (cases.y_true == k)))


def area_or_fallback(cases: Predictions, weights: NDArray[np.float64], k: int) -> float:
    area = value("average_precision", cases.one_against_rest(k), weights)
    return float(k in cases.y_true[weights > 0]) if np.isnan(area) else area


def agree(name: str, cases: Predictions, weights: NDArray[np.float64]) -> None:
    """Equal, or both undefined."""
    ours = value(name, cases, weights)
    theirs, kinds = answer(name, cases, weights)
    if not np.isnan(ours):
        assert ours == EXACT(theirs)
    elif not (np.isnan(theirs) or UndefinedMetricWarning in kinds):
        assert theirs == EXACT(fallback(name, cases, weights))


@st.composite
def predictions(draw: st.DrawFn, least: int = 1) -> Predictions:
    """Any small table: scores on a coarse grid, so tied, or all distinct; decisions of any kind."""
    n, classes = draw(st.integers(least, 25)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    grid = draw(st.sampled_from([1, 2, 4, 1_000_000]))
    raw = rng.integers(0, grid + 1, size=(n, classes)) + 1e-3 * rng.integers(0, 2)
    raw[raw.sum(axis=1) == 0] = 1
    decided = draw(st.sampled_from(["argmax", "any", "constant"]))
    probability = raw / raw.sum(axis=1, keepdims=True)
    decision = {
        "argmax": probability.argmax(axis=1),
        "any": rng.integers(classes, size=n),
        "constant": np.full(n, rng.integers(classes)),
    }[decided]
    return table(rng.integers(draw(st.integers(1, classes)), size=n), probability, decision)


def drawn_weights(data: st.DataObject, n: int) -> NDArray[np.float64]:
    """Quarters, some of them zero, not all: sums of them are exact."""
    quarters = data.draw(st.lists(st.integers(0, 8), min_size=n, max_size=n).filter(any))
    return np.array(quarters) / 4


@pytest.mark.parametrize("name", METRICS)
@quickly
@given(cases=predictions(), data=st.data())
def test_equals_scikit_learn(name: str, cases: Predictions, data: st.DataObject) -> None:
    agree(name, cases, np.ones(len(cases)))
    agree(name, cases, drawn_weights(data, len(cases)))


@pytest.mark.parametrize("name", EVERY)
@quickly
@given(cases=predictions(least=2), data=st.data())
def test_whole_weights_are_repetitions_and_order_is_nothing(
    name: str, cases: Predictions, data: st.DataObject
) -> None:
    weights = 4 * drawn_weights(data, len(cases))
    rows = np.repeat(np.arange(len(cases)), weights.astype(np.int64))
    shuffled = np.random.default_rng(len(cases)).permutation(rows)
    weighted = value(name, cases, weights)
    assert value(name, cases.where(rows)) == EXACT(weighted, nan_ok=True)
    assert value(name, cases.where(shuffled)) == EXACT(weighted, nan_ok=True)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", METRICS)
def test_replicates_are_a_plain_loop_over_scikit_learn(name: str, classes: int) -> None:
    rng = np.random.default_rng(classes)
    raw = rng.integers(1, 12, size=(40, classes))
    cases = table(rng.integers(classes, size=40), raw / raw.sum(axis=1, keepdims=True))
    subjects = rng.integers(25, size=40)
    codes = np.unique(subjects, return_inverse=True)[1]
    [ours] = replicates(
        [lambda weights: shelf.load("metrics", name).measure(cases, weights)], codes, 30, 7
    )
    drawn = resample_weights(codes, 30, np.random.default_rng(7)).astype(np.int64)
    resampled = [cases.where(np.repeat(np.arange(40), times)) for times in drawn]
    assert ours == EXACT([scikit(name, again, np.ones(len(again))) for again in resampled])


NAN = float("nan")
ERRORS = {"brier", "log_loss", "mean_absolute_error", "median_grade_error"}
RIGHT = set(METRICS) - ERRORS - {"majority_rate"}
BOTH, ONES, ZEROS = [0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]
UP, DOWN, FLAT = [0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1], [0.3, 0.3, 0.3, 0.3]

GOLDEN: list[tuple[str, list[int], list[float], dict[str, float]]] = [
    ("perfect", BOTH, UP, {"brier": 0.025, "majority_rate": 0.5} | dict.fromkeys(RIGHT, 1)),
    ("a median between", BOTH, UP, {"mean_absolute_error": 0, "median_grade_error": 0.5}),
    ("all wrong", BOTH, DOWN, {"accuracy": 0, "roc_auc": 0, "f1": 0, "mcc": -1, "brier": 0.725}),
    (
        "constant",
        BOTH,
        FLAT,
        {"accuracy": 0.5, "roc_auc": 0.5, "average_precision": 0.5, "f1": 0, "mcc": 0}
        | {"sensitivity": 0, "specificity": 1, "balanced_accuracy": 0.5, "majority_rate": 0.5},
    ),
    (
        "only positives",
        ONES,
        UP,
        {"accuracy": 0.5, "sensitivity": 0.5, "f1": 2 / 3, "majority_rate": 1}
        | {"median_grade_error": 0}
        | {name: NAN for name in ("roc_auc", "average_precision", "specificity", "mcc")},
    ),
    (
        "only negatives",
        ZEROS,
        FLAT,
        {"accuracy": 1, "specificity": 1, "brier": 0.09, "log_loss": -np.log(0.7)}
        | {name: NAN for name in ("roc_auc", "average_precision", "sensitivity", "mcc", "f1")}
        | {"cohen_kappa": NAN},
    ),
    ("one case", [1], [0.75], {"accuracy": 1, "sensitivity": 1, "brier": 1 / 16, "roc_auc": NAN}),
    ("sure and wrong", [0], [1.0], {"log_loss": -np.log(np.finfo(np.float64).eps), "brier": 1}),
    ("no case", [], [], dict.fromkeys(METRICS, NAN)),
]


@pytest.mark.parametrize(
    ("y_true", "score", "expected"),
    [row[1:] for row in GOLDEN],
    ids=[row[0] for row in GOLDEN],
)
def test_golden_values(y_true: list[int], score: list[float], expected: dict[str, float]) -> None:
    cases = table(y_true, np.array(score, dtype=np.float64))
    got = {name: value(name, cases) for name in expected}
    assert got == EXACT(expected, nan_ok=True)
    for name in expected if y_true else ():
        agree(name, cases, np.ones(len(cases)))


def test_an_absent_class_leaves_the_macro_mean_undefined() -> None:
    cases = table([0, 1, 0, 1], np.tile([0.5, 0.3, 0.2], (4, 1)), [0, 1, 1, 0])
    undefined = {name for name in METRICS if np.isnan(value(name, cases))}
    assert undefined == {"balanced_accuracy", *NEED_EVERY_CLASS}


def test_a_weightless_class_is_an_absent_class() -> None:
    """Fractions that do not sum exactly: undefined is decided by presence, not by rounding."""
    rng = np.random.default_rng(0)
    y_true = rng.integers(2, size=99)
    cases, weights = table(y_true, rng.random(99)), rng.random(99) * y_true
    assert weights.sum() != weights[y_true == 1].sum()
    undefined = {name for name in METRICS if np.isnan(value(name, cases, weights))}
    one_class = {"roc_auc", "average_precision", "specificity", "mcc", "balanced_accuracy"}
    assert undefined == one_class


# Several labels a case


def labelled(y_true: Any, probability: Any, decision: Any = None) -> Predictions:
    """(n, labels) each; decided at 0.5 unless a decision is given."""
    probability = np.asarray(probability, dtype=np.float64)
    made = table(np.zeros(len(probability)), probability)
    return dataclasses.replace(
        made,
        kind="multilabel",
        y_true=np.asarray(y_true, dtype=np.int64),
        decision=decide(probability, "multilabel", 0.5) if decision is None else decision,
    )


def of_labels(name: str, cases: Predictions, weights: NDArray[np.float64]) -> float:
    """Scikit-learn's: of all labels at once for exact_match, else the mean of each label's own."""
    if name == "exact_match":
        return float(sk.accuracy_score(cases.y_true, cases.decision, sample_weight=weights))
    binary = [
        table(cases.y_true[:, k], cases.probability[:, k], cases.decision[:, k])
        for k in range(len(cases.classes))
    ]
    return float(np.mean([scikit(name, each, weights) for each in binary]))


@pytest.mark.parametrize("name", [m for m in METRICS if "multilabel" in kinds(module(m))])
@quickly
@given(data=st.data())
def test_a_metric_of_labels_is_the_mean_of_scikit_learns(name: str, data: st.DataObject) -> None:
    n, labels = data.draw(st.integers(2, 20)), data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    y_true = rng.integers(2, size=(n, labels))
    y_true[0], y_true[1] = 0, 1  # every label has a case with it and one without
    probability = rng.integers(0, 5, size=(n, labels)) / 4
    decision = rng.integers(2, size=(n, labels)) if data.draw(st.booleans()) else None
    weights = drawn_weights(data, n) + 0.25
    cases = labelled(y_true, probability, decision)
    if name == "ppv" and not cases.decided.any(axis=0).all():
        assert np.isnan(value(name, cases, weights))
        return
    assert value(name, cases, weights) == EXACT(of_labels(name, cases, weights))


def test_a_label_that_no_case_has_is_undefined_where_scikit_learn_has_no_answer() -> None:
    cases = labelled([[0, 1], [0, 0], [0, 1]], [[0.2, 0.7], [0.1, 0.6], [0.4, 0.1]])
    asked = [name for name in METRICS if "multilabel" in kinds(module(name))]
    undefined = {name for name in asked if np.isnan(value(name, cases))}
    assert undefined == {"balanced_accuracy", *NEED_EVERY_CLASS}


# Grades


@quickly
@given(cases=predictions(), data=st.data(), weighting=st.sampled_from(["linear", "quadratic"]))
def test_kappa_of_grades_is_scikit_learns(
    cases: Predictions, data: st.DataObject, weighting: str
) -> None:
    weights, labels = drawn_weights(data, len(cases)), list(range(len(cases.classes)))
    graded = dataclasses.replace(cases, kind="ordinal")
    [ours] = module("cohen_kappa").measure(graded, weights[None], weighting=weighting)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sk.cohen_kappa_score(
            cases.y_true, cases.decision, labels=labels, weights=weighting, sample_weight=weights
        )
    assert ours == EXACT(theirs, nan_ok=True)
    if weighting == "quadratic":
        assert value("cohen_kappa", graded, weights) == EXACT(ours, nan_ok=True)


@quickly
@given(cases=predictions(least=2), data=st.data())
def test_no_one_grade_for_all_has_a_smaller_error_than_the_median(
    cases: Predictions, data: st.DataObject
) -> None:
    """Nor is a case moved by anything but its own distance from it."""
    weights, y = drawn_weights(data, len(cases)), cases.y_true
    constant = [
        np.average(np.abs(y - grade), weights=weights) for grade in range(len(cases.classes))
    ]
    assert value("median_grade_error", cases, weights) == EXACT(min(constant))
    assert value("median_grade_error", cases) == EXACT(np.abs(y - np.median(y)).mean())
    found = module("median_grade_error").influence(cases, np.arange(len(cases)))
    grade = np.quantile(y, 0.5, method="inverted_cdf")
    assert found.error**2 == EXACT(np.var(np.abs(y - grade), ddof=1) / len(y))


@pytest.mark.parametrize(
    ("weighting", "sentence"),
    [("cubic", "must be one of auto, none"), ("linear", "must be none for classes without order")],
)
def test_a_kappa_that_cannot_be_is_one_sentence(weighting: str, sentence: str) -> None:
    cases = table([0, 1, 2], np.eye(3))
    with pytest.raises(HarnessError, match=sentence):
        module("cohen_kappa").measure(cases, np.ones((1, 3)), weighting=weighting)


# MedMNIST's own


@pytest.mark.parametrize(
    ("task", "classes", "kind"),
    [
        ("binary-class", 2, "nominal"),
        ("multi-class", 4, "nominal"),
        ("ordinal-regression", 5, "ordinal"),
        ("multi-label, binary-class", 3, "multilabel"),
    ],
)
def test_accuracy_and_roc_auc_are_medmnists(task: str, classes: int, kind: Kind) -> None:
    from medmnist.evaluator import getACC, getAUC

    rng = np.random.default_rng(3)
    if kind == "multilabel":
        labels = rng.integers(2, size=(200, classes))
        probability = (rng.integers(1, 9, size=labels.shape) + 3 * labels) / 13
        cases = labelled(labels, probability)
    else:
        labels = rng.integers(classes, size=(200, 1))
        raw = rng.integers(1, 9, size=(200, classes)) + 3 * onehot(labels[:, 0], classes)
        probability = raw / raw.sum(axis=1, keepdims=True)
        cases = dataclasses.replace(table(labels[:, 0], probability), kind=kind)
    assert value("accuracy", cases) == EXACT(getACC(labels, probability, task))
    assert value("roc_auc", cases) == EXACT(getAUC(labels, probability, task))
