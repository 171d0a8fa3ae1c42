"""Pitfalls of evaluation and degenerate cases: docs/pitfalls.md is true, and each case planted."""

import ast
import dataclasses
import functools
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from fairlearn.metrics import MetricFrame
from monai.metrics.hausdorff_distance import HausdorffDistanceMetric
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import expit
from torch import nn

from harness import segment
from harness.cases import SHIPPED
from harness.guards.every import warn
from harness.guards.evidence import Evidence
from harness.predictions import Predictions, decide
from harness.record import Measurement
from harness.rows import measured
from harness.samples import Kind
from harness.score import FALSE_ALARM, MISSED
from harness.segmented import Segmented
from harness.size import parameters
from harness.suite import Empty, MetricSpec, Policy
from harness.volumes import Case, Source, Volumes

HOME = Path(__file__).parent.parent
DOCUMENT = (HOME / "docs/pitfalls.md").read_text(encoding="utf-8")
CITED = sorted(set(re.findall(r"`(tests/\w+\.py)::(\w+)`", DOCUMENT)))

Array = NDArray[Any]
Rows = tuple[Measurement, ...]


# The document


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    part = DOCUMENT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_pitfall_has_one_row_and_a_test_or_a_reason() -> None:
    rows = rows_of("Pitfalls")
    assert [row[0] for row in rows] == [str(k) for k in range(1, 28)]
    for number, pitfall, done, shown in rows:
        assert min(len(pitfall), len(done)) > 20, number
        assert "`tests/" in shown or "cannot be seen" in shown, number


def test_every_degenerate_case_has_a_test() -> None:
    rows = rows_of("Degenerate cases")
    assert len(rows) >= 12
    assert all(len(row) == 4 and "`tests/" in row[3] for row in rows)


@pytest.mark.parametrize("cited", CITED, ids="::".join)
def test_what_the_document_cites_is_there(cited: tuple[str, str]) -> None:
    file, name = cited
    assert name in functions(HOME / file)


@functools.cache
def functions(file: Path) -> set[str]:
    """Of a module and of its classes."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


# Tables


def cases(
    y_true: Any, probability: Any, kind: Kind = "nominal", decision: Any = None, **changes: Any
) -> Predictions:
    """Test cases of the shipped model; `probability` is (n, classes), or (n,) of the positive."""
    probability = np.asarray(probability, dtype=np.float64)
    if probability.ndim == 1:
        probability = np.stack([1 - probability, probability], axis=1)
    n, classes = probability.shape
    decided = decide(probability, kind, 0.5) if decision is None else np.asarray(decision)
    made = Predictions(
        classes=tuple("abcdefghijklmn"[:classes]),
        kind=kind,
        id=np.arange(n),
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        y_true=np.asarray(y_true, dtype=np.int64),
        probability=probability,
        decision=decided,
    )
    return dataclasses.replace(made, **changes)


def asked(*names: str) -> list[MetricSpec]:
    args: dict[str, dict[str, Any]] = {"nsd": {"tolerance": 1.0}, "ece": {"bins": 10}}
    return [MetricSpec(name=name, args=args.get(name, {})) for name in names]


def find(rows: Rows, metric: str, where: Mapping[str, str] | None = None) -> Measurement:
    [row] = [row for row in rows if row.metric == metric and row.where == (where or {})]
    return row


def value(rows: Rows, metric: str, where: Mapping[str, str] | None = None) -> float:
    found = find(rows, metric, where).value
    assert found is not None, metric
    return found


def codes(table: Predictions | Segmented) -> list[str]:
    return [each["code"] for each in warn(Evidence.of(table))]


# Pitfalls that no other test plants


def test_a_metric_is_of_all_cases_and_not_the_mean_over_batches() -> None:
    """1: of 64, 64 and 4 cases, the four count as four."""
    y_true = np.arange(132) % 2
    right = np.where(np.arange(132) < 128, np.arange(132) % 4 < 2, False)
    table = cases(y_true, np.where(right == (y_true == 1), 0.9, 0.1))
    batches = [table.where(slice(k, k + 64)) for k in (0, 64, 128)]
    by_batch = [value(measured(part, asked("accuracy"), Policy()), "accuracy") for part in batches]
    found = value(
        measured(Predictions.concatenated(batches), asked("accuracy"), Policy()), "accuracy"
    )
    assert found == sk.accuracy_score(y_true, table.decision) == 64 / 132
    assert np.mean(by_batch) == pytest.approx(1 / 3)


def test_what_prevalence_moves_has_the_majority_rate_beside_it() -> None:
    """17: the same model of the same two kinds of cases, one in two positive and one in ten."""
    rng = np.random.default_rng(0)
    y_true = np.repeat([1, 0], 100)
    even = cases(y_true, expit(1.5 * rng.normal(size=200) + np.where(y_true, 0.3, -1.7)))
    tenth = even.where(np.r_[np.arange(100), np.tile(np.arange(100, 200), 9)])
    tenth = dataclasses.replace(
        tenth, id=1000 + np.arange(1000), split=np.full(1000, "test@elsewhere")
    )
    metrics = ("roc_auc", "sensitivity", "specificity", "balanced_accuracy")
    moved = ("ppv", "accuracy", "f1", "mcc", "average_precision")
    rows = measured(Predictions.concatenated([even, tenth]), asked(*metrics, *moved), Policy())
    elsewhere = {"dataset": "elsewhere"}
    for name in metrics:
        assert value(rows, name) == pytest.approx(value(rows, name, elsewhere))
    for name in moved:
        assert abs(value(rows, name) - value(rows, name, elsewhere)) > 0.02
    assert (value(rows, "majority_rate"), value(rows, "majority_rate", elsewhere)) == (0.5, 0.9)


def rare() -> Predictions:
    """Three classes; the third is ranked well, decided for 2 of its 23 cases, and one in a 100."""
    y_true = np.repeat([0, 1, 2], [1340, 642, 23])
    rng = np.random.default_rng(0)
    raw = rng.uniform(0.05, 0.3, (2005, 3)) + 0.6 * np.eye(3)[y_true] * (y_true != 2)[:, None]
    raw[y_true != 2, 2] = rng.uniform(0.0, 0.03, 1982)
    raw[y_true == 2] = rng.uniform([0.5, 0.2, 0.1], [0.6, 0.3, 0.2], (23, 3))
    raw[-2:, 2] = 0.9
    return cases(y_true, raw / raw.sum(axis=1, keepdims=True))


def test_a_rare_class_that_is_hardly_found_has_its_own_row() -> None:
    """19: an area that is a mean over classes says nothing of it, and nobody has to ask."""
    rows = measured(rare(), asked("roc_auc", "accuracy"), Policy())
    assert value(rows, "roc_auc") > 0.95
    assert value(rows, "accuracy") > 0.95
    row = find(rows, "sensitivity", {"class": "c"})
    assert row.value == 2 / 23
    assert row.ci is not None
    assert row.ci[0] < 0.03
    assert row.ci[1] > 0.25
    assert value(rows, "balanced_accuracy") == pytest.approx((1 + 1 + 2 / 23) / 3)
    assert not [row for row in rows if row.metric == "sensitivity" and not row.where]


def labelled(probability: Array, y_true: Array) -> Predictions:
    return cases(y_true, probability, kind="multilabel")


def test_nearly_no_label_is_not_worth_its_accuracy() -> None:
    """20: of 14 labels, each of one case in twenty, hardly any is said, and by chance."""
    rng = np.random.default_rng(0)
    y_true = (rng.random((600, 14)) < 0.05).astype(np.int64)
    said = rng.random((600, 14)) < 0.01
    table = labelled(np.where(said, 0.6, 0.05 * rng.uniform(0.5, 1.5, said.shape)), y_true)
    rows = measured(table, asked("accuracy"), Policy())
    assert 0.93 < value(rows, "accuracy") < value(rows, "majority_rate")
    assert codes(table) == ["not-above-majority"]


def test_a_softmax_over_labels_is_told() -> None:
    """20: by its sums alone; each case has one label on average, so no mean probability is off."""
    rng = np.random.default_rng(0)
    one = np.eye(5, dtype=np.int64)[rng.integers(5, size=400)]
    several = one.copy()
    several[::10], several[5::10, 0] = 0, 1
    raw = np.exp(rng.normal(size=(400, 5)) + 2 * several)
    shared = raw / raw.sum(axis=1, keepdims=True)
    assert codes(labelled(shared, several)) == ["not-probabilities"]
    assert codes(labelled(shared, one)) == []
    each = np.where(np.arange(400)[:, None] == 7, 0.99 * shared, shared)
    assert codes(labelled(each, several)) == []


def test_an_error_of_grades_stands_beside_that_of_the_median() -> None:
    """25: as an accuracy stands beside the majority rate, in every cohort that it is of."""
    y_true = np.resize([0, 1, 2, 3, 4], 200)
    far = np.where(np.arange(200) % 9 < 4, y_true, np.where(y_true > 2, 0, 4))
    raw = (np.eye(5)[far] + 0.2) * np.random.default_rng(0).uniform(0.9, 1.1, (200, 5))
    site = {"site": np.where(np.arange(200) < 120, "A", "B")}
    table = cases(y_true, raw / raw.sum(axis=1, keepdims=True), kind="ordinal", groups=site)
    rows = measured(table, asked("mean_absolute_error"), Policy())
    constant = np.abs(y_true - np.median(y_true)).mean()
    assert value(rows, "mean_absolute_error") > value(rows, "median_grade_error") == constant
    for where in ({}, {"group.site": "A"}, {"group.site": "B"}):
        row = find(rows, "median_grade_error", where)
        assert (row.unit, row.better) == ("grades", None)
        assert row.ci is not None


def test_a_parameter_counts_once_and_statistics_are_none() -> None:
    """22: a layer that is used twice, one that is frozen, and the running means of a norm."""
    shared, frozen = nn.Linear(5, 5), nn.Linear(5, 2)
    frozen.requires_grad_(False)
    module = nn.Sequential(shared, nn.BatchNorm1d(5), shared, frozen)
    found = {row.metric: row.value for row in parameters(module)}
    assert found["parameters_total"] == 30 + 10 + 12
    assert found["parameters_trainable"] == found["parameters_effective"] == 30 + 10
    held = sum(tensor.numel() for tensor in module.state_dict().values())
    assert held == 30 + 10 + 30 + 12 + 11


def coarse(decimals: int) -> Predictions:
    """A rare finding, decided at its share; small probabilities, rounded to so many decimals."""
    rng = np.random.default_rng(0)
    y_true = (rng.random(2000) < 0.03).astype(np.int64)
    positive = (0.06 * expit(rng.normal(size=2000) + 1.5 * y_true)).round(decimals)
    return cases(y_true, positive, decision=(positive > 0.03).astype(np.int64))


def test_a_tie_is_half_wherever_it_stands() -> None:
    """27: whole percents tie many pairs; no order of cases makes more of them, or less."""
    fine, whole = coarse(12), coarse(2)
    area = value(measured(fine, asked("roc_auc"), Policy()), "roc_auc")
    scores = whole.probability[:, 1]
    tied = (scores[whole.y_true == 1][:, None] == scores[whole.y_true == 0]).mean()
    assert tied > 0.1
    for order in (np.argsort(whole.y_true), np.argsort(-whole.y_true)):
        rows = measured(whole.where(order), asked("roc_auc"), Policy())
        found = value(rows, "roc_auc")
        assert found == pytest.approx(sk.roc_auc_score(whole.y_true, scores), abs=1e-12)
        assert abs(found - area) <= tied / 2


def test_rounding_that_an_area_suffers_from_is_told() -> None:
    """27: by how many pairs it ties; not where all digits are there, or where few are lost."""
    assert codes(coarse(12)) == codes(coarse(4)) == []
    [warning] = warn(Evidence.of(coarse(2)))
    assert warning["code"] == "tied-scores"
    scores, true = coarse(2).probability[:, 1], coarse(2).y_true == 1
    tied = (scores[true][:, None] == scores[~true]).mean()
    assert warning["message"].startswith(f"{100 * tied:.3g} % of the pairs")
    assert f"may be {tied / 2:.3f} higher or lower" in warning["message"]


# Degenerate cases of masks

SPACING = (2.5, 0.7, 0.7)
SHAPE = (8, 30, 40)
DIAGONAL = math.dist((0, 0, 0), np.multiply(SHAPE, SPACING))
OVERLAP = ("dice", "iou", "nsd")
EVERY = asked(*OVERLAP, "hd95")
NOTHING = np.zeros(SHAPE, np.uint8)
LESION = NOTHING.copy()
LESION[2:5, 10:18, 10:18] = 1
ASIDE = np.roll(LESION, 4, axis=2)
FOUND = (LESION, LESION)
DEGENERATE = {
    "both": (NOTHING, NOTHING),
    "missed": (LESION, NOTHING),
    "false_alarm": (NOTHING, LESION),
}


def segmented(
    pairs: Sequence[tuple[Array, Array]],
    empty: Empty | None = None,
    spacing: tuple[float, ...] = SPACING,
) -> Segmented:
    """The table that a model of one class makes whose masks are given: truth, prediction."""

    def read(name: str) -> Case:
        truth = pairs[int(name)][0]
        affine = np.diag([*spacing, 1.0])
        source = Source(shape=truth.shape, affine=affine)
        about: dict[str, Any] = {"spacing": spacing, "affine": affine, "source": source}
        return Case(id=name, image=truth[None], mask=truth, **about)

    ids = np.array([str(k) for k in range(len(pairs))])
    volumes = Volumes(split="test", ids=ids, classes=("lesion",), read=read, subjects=ids)
    ask = segment.Asked(metrics=[*EVERY, MISSED, FALSE_ALARM], empty=empty or Empty())
    cells = [ask.of(read(name), pairs[int(name)][1], 1) for name in ids.tolist()]
    return segment.table(volumes, SHIPPED, cells, [segment.NOTHING] * len(pairs), ask)


def of_masks(pairs: Sequence[tuple[Array, Array]], **empty: Any) -> Rows:
    policy = Policy(empty=Empty(**empty))
    return measured(segmented(pairs, policy.empty), EVERY, policy)


def undefined(row: Measurement, n: int) -> None:
    """No value and no interval, a reason with counts, and how many cases were left out."""
    assert (row.value, row.ci, row.status) == (None, None, "undefined"), row.metric
    assert row.reason == f"needs a case of every class that the policy counts; got {n} cases"
    assert (row.n, row.excluded) == (n, n)


def test_where_every_mask_is_empty_nothing_is_perfect() -> None:
    rows = of_masks([DEGENERATE["both"]] * 3)
    for name in (*OVERLAP, "hd95"):
        undefined(find(rows, name), 3)
    assert find(rows, "missed_cases").status == "undefined"
    assert value(rows, "false_alarm_cases") == 0
    declared = of_masks([DEGENERATE["both"]] * 3, both="perfect")
    assert [value(declared, name) for name in (*OVERLAP, "hd95")] == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("which", "counted"), [("missed", "missed_cases"), ("false_alarm", "false_alarm_cases")]
)
def test_one_empty_mask_is_the_worst_or_left_out_and_always_counted(
    which: str, counted: str
) -> None:
    """Truth without a prediction, and a prediction without a truth."""
    rows = of_masks([DEGENERATE[which]] * 3)
    assert [value(rows, name) for name in OVERLAP] == [0, 0, 0]
    assert value(rows, "hd95") == pytest.approx(DIAGONAL)
    assert value(rows, counted) == 1
    lenient = of_masks([DEGENERATE[which]] * 3, **{which: "exclude"})
    for name in (*OVERLAP, "hd95"):
        undefined(find(lenient, name), 3)
    assert value(lenient, counted) == 1


@pytest.mark.parametrize("policy", ["default", "exclude"])
@pytest.mark.parametrize("which", DEGENERATE)
def test_among_others_an_empty_mask_lowers_the_mean_or_is_counted_as_left_out(
    which: str, policy: str
) -> None:
    """Two cases that are found, and it: never a better mean, never in silence."""
    empty = {which: "exclude"} if policy == "exclude" else {}
    rows = of_masks([FOUND, (LESION, ASIDE), DEGENERATE[which]], **empty)
    before = of_masks([FOUND, (LESION, ASIDE)])
    left_out = policy == "exclude" or which == "both"
    for name in (*OVERLAP, "hd95"):
        row = find(rows, name)
        worse = (value(before, name) - value(rows, name)) * (-1 if name == "hd95" else 1)
        assert (row.n, row.excluded) == (3, int(left_out))
        assert worse == pytest.approx(0) if left_out else worse > 0.1
    assert value(rows, "missed_cases") == (1 / 3 if which == "missed" else 0)
    ill = [pair for pair in (FOUND, FOUND, DEGENERATE[which]) if pair[0].any()]
    alarm = find(rows, "false_alarm_cases")
    assert (alarm.value, alarm.excluded) == (
        {"both": 0, "missed": None, "false_alarm": 1}[which],
        len(ill),
    )


PLATE = np.zeros((40, 30, 1), np.uint8)
PLATE[10] = 1
OFF, LOST = (PLATE, np.roll(PLATE, 4, axis=0)), (PLATE, np.zeros_like(PLATE))


def by_monai(pairs: Sequence[tuple[Array, Array]]) -> float:
    metric = HausdorffDistanceMetric(percentile=95, include_background=True)
    truth, guess = (
        torch.tensor(np.stack(each))[:, None, ..., 0] for each in zip(*pairs, strict=True)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric(y_pred=guess, y=truth)
    return float(metric.aggregate())  # type: ignore[arg-type]


@pytest.mark.parametrize(("k", "strict"), [(0, 4), (25, 15.5), (50, 27), (90, 45.4), (100, 50)])
def test_the_more_is_missed_the_worse_is_the_mean_distance(k: int, strict: float) -> None:
    """100 cases, k of them missed and the rest 4 mm off. MONAI leaves the missed out in silence."""
    pairs = [*[LOST] * k, *[OFF] * (100 - k)]
    by_policy = {
        missed: measured(
            segmented(pairs, Empty(missed=missed), (1.0, 1.0, 1.0)),
            EVERY,
            Policy(empty=Empty(missed=missed)),
        )
        for missed in ("worst", "exclude")
    }
    assert value(by_policy["worst"], "hd95") == pytest.approx(strict)
    assert find(by_policy["worst"], "hd95").excluded == 0
    assert find(by_policy["exclude"], "hd95").excluded == k
    for rows in by_policy.values():
        assert value(rows, "missed_cases") == k / 100
    if k == 100:
        undefined(find(by_policy["exclude"], "hd95"), 100)
        assert by_monai(pairs) == 0
    else:
        assert value(by_policy["exclude"], "hd95") == 4
        assert by_monai(pairs) == pytest.approx(4, abs=1e-5)


def test_a_distance_is_in_mm_of_the_cases_own_voxels() -> None:
    """Slices of 2.5 mm: by hand, and what forgetting it makes of the same masks."""
    guess = np.roll(LESION, 2, axis=0)
    guess[1, 12, 9] = 1
    found = {}
    for spacing in (SPACING, (1.0, 1.0, 1.0)):
        table = segmented([(LESION, guess)], spacing=spacing)
        found[spacing] = value(measured(table, EVERY, Policy()), "hd95")
        assert found[spacing] == pytest.approx(by_hand(LESION, guess, spacing))
    assert found[SPACING] == pytest.approx(5)
    assert found[1.0, 1.0, 1.0] == pytest.approx(2)


def by_hand(truth: Array, guess: Array, spacing: Sequence[float]) -> float:
    """Borders voxel by voxel, and all pairs of them."""
    borders = [np.argwhere(border(mask)) * spacing for mask in (truth, guess)]
    apart = cdist(*borders)
    return float(max(np.percentile(apart.min(axis=axis), 95) for axis in (0, 1)))


def border(mask: Array) -> Array:
    held = np.pad(mask.astype(bool), 1)
    inner = held.copy()
    for axis in range(3):
        inner &= np.roll(held, 1, axis) & np.roll(held, -1, axis)
    found: Array = (held & ~inner)[1:-1, 1:-1, 1:-1]
    return found


# Degenerate cases of classes


def test_the_area_of_one_class_is_undefined_with_its_counts() -> None:
    for y_true, tally in ((np.zeros(30), "30 a, 0 b"), (np.ones(30), "0 a, 30 b")):
        row = find(
            measured(cases(y_true, np.linspace(0, 1, 30)), asked("roc_auc"), Policy()), "roc_auc"
        )
        assert (row.value, row.ci) == (None, None)
        assert row.reason == f"needs cases of every class; got {tally}"


def test_the_mean_area_without_a_class_is_undefined_and_those_of_the_others_are_there() -> None:
    """It is no mean over the classes that there are, and the absent one is no 0 in it."""
    rng = np.random.default_rng(0)
    y_true = np.arange(60) % 2
    raw = rng.random((60, 3)) + 2 * np.eye(3)[y_true]
    table = cases(y_true, raw / raw.sum(axis=1, keepdims=True))
    rows = measured(table, asked("roc_auc"), Policy())
    reason = "needs cases of every class; got 30 a, 30 b, 0 c"
    assert (find(rows, "roc_auc").value, find(rows, "roc_auc").reason) == (None, reason)
    for k, name in enumerate("ab"):
        area = sk.roc_auc_score(y_true == k, table.probability[:, k])
        assert value(rows, "roc_auc", {"class": name}) == pytest.approx(area)
    absent = find(rows, "roc_auc", {"class": "c"})
    assert (absent.value, absent.reason) == (
        None,
        "needs cases of every class; got 60 not c, 0 c",
    )


@pytest.mark.parametrize(
    ("least", "reason"),
    [
        (1, "needs cases of every class; got 3 a, 0 b"),
        (10, "only 3 cases; groups_min_n is 10"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_a_group_of_one_class_has_no_difference_where_fairlearn_says_0(
    least: int, reason: str
) -> None:
    rng = np.random.default_rng(0)
    y_true = np.where(np.arange(63) < 60, np.arange(63) % 2, 0)
    site = np.where(np.arange(63) < 60, "A", "B")
    table = cases(y_true, expit(rng.normal(size=63) + 2 * y_true), groups={"site": site})
    theirs = MetricFrame(
        metrics=sk.roc_auc_score,
        y_true=y_true,
        y_pred=table.probability[:, 1],
        sensitive_features=site,
    )
    assert math.isnan(theirs.by_group["B"])
    assert theirs.difference() == 0.0
    rows = measured(table, asked("roc_auc"), Policy(groups_min_n=least))
    for where in ({"group.site": "B"}, {"group.site": "B", "against": "rest"}):
        row = find(rows, "roc_auc", where)
        assert (row.value, row.p, row.ci, row.n, row.reason) == (None, None, None, 3, reason)
    gap = find(rows, "roc_auc", {"gap": "site"})
    assert (gap.value, gap.status) == (None, "undefined")
    assert value(rows, "roc_auc", {"group.site": "A"}) == pytest.approx(theirs.by_group["A"])


def test_a_constant_predictor_is_told_and_nowhere_good() -> None:
    """One case in ten is positive, all are given 0.1: accuracy 0.9, and no error of calibration."""
    table = cases(np.arange(200) % 10 == 0, np.full(200, 0.1))
    names = ("accuracy", "roc_auc", "ece", "ppv")
    rows = measured(table, asked(*names, "calibration_slope"), Policy())
    assert value(rows, "accuracy") == value(rows, "majority_rate") == 0.9
    assert value(rows, "balanced_accuracy") == value(rows, "roc_auc") == 0.5
    assert value(rows, "mcc") == value(rows, "sensitivity", {"class": "b"}) == 0
    for name in ("ece", "ppv", "calibration_slope"):
        assert find(rows, name).status == "undefined"
        assert str(find(rows, name).reason).endswith("; got 180 a, 20 b")
    assert codes(table) == ["constant-predictor"]


@pytest.mark.parametrize(("n", "usual"), [(100, 0.084), (298, 0.049), (1000, 0.027)])
def test_the_ece_of_a_calibrated_model_stands_beside_its_floor(n: int, usual: float) -> None:
    """It is not 0 though every probability is true: about what `ece_floor` beside it says."""
    errors, floors, above = [], [], 0
    for drawn in range(40):
        rng = np.random.default_rng(drawn)
        p = expit(3 * rng.normal(size=n))
        rows = measured(cases(rng.random(n) < p, p), asked("ece"), Policy())
        row, floor = find(rows, "ece"), value(rows, "ece_floor")
        assert row.ci is not None
        errors.append(row.value or 0.0)
        floors.append(floor)
        above += row.ci[0] > floor
    assert np.mean(floors) == pytest.approx(usual, rel=0.06)
    assert np.mean(errors) == pytest.approx(np.mean(floors), rel=0.1)
    assert min(errors) > 0
    assert above <= 4
