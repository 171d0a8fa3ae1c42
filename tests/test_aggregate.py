"""Means over seeds: against plain loops, single seeds, and seeds that must not be averaged."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness import disk
from harness.aggregate import agree, mean_rows, of_runs, seed_means
from harness.baselines import Entry
from harness.cases import SHIPPED
from harness.errors import HarnessError
from harness.plan import Run
from harness.predictions import Predictions
from harness.record import Measurement, Record
from harness.rows import measured
from harness.score import ALWAYS, BY_CLASS
from harness.standings import standings
from harness.statistics.influence import Influence
from harness.statistics.intervals import interval
from harness.suite import Interval, MetricSpec, Policy

NAMES = ("roc_auc", "accuracy", "sensitivity", "f1", "brier")
METRICS = tuple(MetricSpec(name=name) for name in NAMES)
POLICY = Policy(groups_min_n=10)
SHARED = "score interval over images, linearised, t with 59 df"


def table(seed: int = 0, many: int = 2, n: int = 60, **changes: Any) -> Predictions:
    """Test cases whose truth and groups are the same for every seed, and whose outputs are not.

    Groups: sex F or M or "" by turns; site A but for 4 cases of B.
    """
    y_true = np.random.default_rng(99).integers(many, size=n)
    raw = np.random.default_rng(seed).integers(1, 20, size=(n, many)) + 6 * np.eye(many)[y_true]
    probability = raw / raw.sum(axis=1, keepdims=True)
    cases = Predictions(
        classes=("benign", "malignant", "other")[:many],
        id=np.arange(n).astype(str),
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        y_true=y_true,
        probability=probability,
        decision=probability.argmax(axis=1),
        groups={
            "sex": np.resize(["F", "M", ""], n),
            "site": np.where(np.arange(n) < n - 4, "A", "B"),
        },
    )
    return dataclasses.replace(cases, **changes)


def find(rows: Sequence[Measurement], metric: str, where: Mapping[str, str]) -> Measurement:
    [row] = [row for row in rows if row.metric == metric and row.where == where]
    return row


def auc(truth: NDArray[Any], scores: NDArray[Any]) -> float:
    """The share of pairs that are in order, ties half (Mann and Whitney, 1947)."""
    apart = scores[truth == 1][:, None] - scores[truth == 0]
    return float(((apart > 0) + 0.5 * (apart == 0)).mean())


def right(cases: Predictions, index: NDArray[Any]) -> float:
    return float((cases.decision == cases.y_true)[index].mean())


def area(cases: Predictions, index: NDArray[Any]) -> float:
    return auc(cases.y_true[index], cases.probability[index, 1])


def left_out(
    tables: Sequence[Predictions], loop: Any, units: NDArray[Any], level: float = 0.95
) -> tuple[float, float]:
    """The interval of the mean by leaving out one unit of all seeds at a time."""
    value = np.mean([loop(each, np.arange(60)) for each in tables])
    every = np.unique(units)
    without = np.array(
        [np.mean([loop(t, np.flatnonzero(units != unit)) for t in tables]) for unit in every]
    )
    moved = (value - without) * np.sqrt((len(every) - 1) / len(every))
    influence = Influence(by_unit=moved, df=len(every) - 1, fewest=len(every), method="")
    found = interval(float(value), influence, (0.0, 1.0), level=level, over="").ci
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("metric", "loop", "close"), [("accuracy", right, 1e-9), ("roc_auc", area, 5e-3)]
)
def test_the_interval_is_that_of_leaving_out_a_case_of_all_seeds(
    metric: str, loop: Any, close: float
) -> None:
    tables = [table(seed) for seed in range(3)]
    row = find(seed_means(tables, METRICS, POLICY), metric, {})
    assert row.value == pytest.approx(np.mean([loop(each, np.arange(60)) for each in tables]))
    assert row.ci == pytest.approx(left_out(tables, loop, np.arange(60)), abs=close)
    assert (row.n, row.over, row.level) == (60, "image", 0.95)
    if metric == "accuracy":
        assert row.method == f"mean of 3 seeds, {SHARED}"


def test_images_of_one_subject_are_left_out_together() -> None:
    subject = np.array([f"p{i // 4}" for i in range(60)])
    tables = [table(seed, subject=subject) for seed in (3, 4)]
    row = find(seed_means(tables, METRICS, POLICY), "accuracy", {})
    assert row.ci == pytest.approx(left_out(tables, right, subject), abs=1e-9)
    assert (row.n, row.over) == (15, "subject")
    images = Policy(interval=Interval(level=0.8, over="image"))
    other = find(seed_means(tables, METRICS, images), "accuracy", {})
    assert (other.value, other.n, other.level) == (row.value, 60, 0.8)


def test_what_one_seed_gains_in_a_resample_another_may_lose() -> None:
    """Right exactly where the other is wrong: the mean is 1/2 whatever is drawn."""
    one = table(0)
    other = dataclasses.replace(one, decision=1 - one.decision)
    accuracy = (MetricSpec(name="accuracy"),)
    row = find(seed_means([one, other], accuracy, POLICY), "accuracy", {})
    assert row.value == pytest.approx(0.5)
    assert row.ci is not None
    assert row.ci[0] == pytest.approx(1 - row.ci[1])
    single = find(seed_means([one], accuracy, POLICY), "accuracy", {})
    assert single.ci is not None
    assert single.ci[1] - single.ci[0] > 0.1


def bare(row: Measurement) -> Measurement:
    """Without the words that tell a mean of two from a single seed, nor a binomial's interval."""
    reason = row.reason and row.reason.removeprefix("undefined for 2 of 2 seeds: ")
    plain = row.metric in ("accuracy", "sensitivity", "majority_rate")
    plain = plain or bool(row.where.keys() & {"against", "gap"})
    ci = None if plain else row.ci
    return dataclasses.replace(row, method=None, reason=reason, ci=ci, p=None)


@settings(deadline=None, max_examples=10)
@given(
    seed=st.integers(0, 50),
    classes=st.sampled_from([2, 3]),
    n=st.sampled_from([5, 31, 60]),
    subjects=st.sampled_from([None, 2, 7]),
    one_class=st.booleans(),
)
def test_one_seed_is_what_score_says_and_twice_the_same_is_no_wider(
    seed: int, classes: int, n: int, subjects: int | None, one_class: bool
) -> None:
    subject = None if subjects is None else (np.arange(n) % subjects).astype(str)
    cases = table(seed, classes, n, subject=subject)
    if one_class:
        cases = dataclasses.replace(cases, y_true=np.zeros_like(cases.y_true))
    rows = measured(cases, METRICS, POLICY)
    assert seed_means([cases], METRICS, POLICY) == rows
    twice = seed_means([cases, cases], METRICS, POLICY)
    assert [bare(row) for row in twice] == [bare(row) for row in rows]


def test_each_label_of_a_case_has_a_mean() -> None:
    y_true = np.random.default_rng(0).integers(2, size=(60, 3))
    about: dict[str, Any] = {"many": 3, "kind": "multilabel", "y_true": y_true}
    tables = [table(seed, **about) for seed in (0, 1)]
    tables = [dataclasses.replace(t, decision=(t.probability > 0.3).astype(int)) for t in tables]
    rows = seed_means(tables, METRICS, POLICY)
    assert [(row.metric, row.where) for row in rows] == [
        (row.metric, row.where) for row in measured(tables[0], METRICS, POLICY)
    ]
    for k, name in enumerate(tables[0].classes):
        areas = [auc(y_true[:, k], each.probability[:, k]) for each in tables]
        assert find(rows, "roc_auc", {"class": name}).value == pytest.approx(np.mean(areas))


# What is undefined


def test_undefined_for_one_seed_is_undefined() -> None:
    """No positive case: F1 is undefined only where none is decided positive either."""
    nothing = np.zeros(60, dtype=np.int64)
    some = table(0, y_true=nothing, decision=(np.arange(60) == 3).astype(np.int64))
    none = dataclasses.replace(some, decision=nothing)
    for tables in ([some, none], [none, some]):
        row = find(seed_means(tables, METRICS, POLICY), "f1", {})
        assert (row.value, row.ci, row.status, row.n) == (None, None, "undefined", 60)
        assert row.reason == (
            "undefined for 1 of 2 seeds: needs positive cases or decisions (of every class, if "
            "more than two); got 60 benign, 0 malignant"
        )
    assert find(seed_means([some, some], METRICS, POLICY), "f1", {}).value == 0


def test_a_small_group_is_undefined_for_the_reason_that_score_gives() -> None:
    rows = seed_means([table(0), table(1)], METRICS, POLICY)
    row = find(rows, "accuracy", {"group.site": "B"})
    assert (row.value, row.n, row.reason) == (None, 4, "only 4 cases; groups_min_n is 10")
    assert find(rows, "accuracy", {"group.sex": "unknown"}).method is not None


def test_two_subjects_have_no_interval() -> None:
    subject = np.resize(["p", "q"], 60)
    row = find(
        seed_means([table(s, subject=subject) for s in (0, 1)], METRICS, POLICY), "accuracy", {}
    )
    assert row.value is not None
    assert (row.ci, row.level) == (None, None)
    assert row.method == "mean of 2 seeds, no interval from fewer than 3 subjects"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": np.arange(1, 61).astype(str)},
        {"y_true": np.zeros(60, dtype=np.int64)},
        {"classes": ("benign", "malign")},
        {"subject": np.arange(60).astype(str)},
        {"groups": {}},
        {"groups": {"sex": np.full(60, "F"), "site": np.full(60, "A")}},
    ],
    ids=["ids", "labels", "classes", "subjects", "no groups", "groups"],
)
def test_seeds_of_other_cases_have_no_mean(changes: dict[str, Any]) -> None:
    for tables in ([table(0), table(1, **changes)], [table(0, **changes), table(1)]):
        with pytest.raises(HarnessError, match="must be predicted on the same cases, got diff"):
            seed_means(tables, METRICS, POLICY)


def test_seeds_of_fewer_cases_have_no_mean() -> None:
    with pytest.raises(HarnessError, match="must be predicted on the same cases"):
        seed_means([table(0), table(1).where(np.arange(59))], METRICS, POLICY)


# Records


def run(seed: int, model: str = "net") -> Run:
    return Run(suite="s", dataset="d", model=model, device="cpu", seed=seed)


def record(seed: int, cases: Predictions, model: str = "net", **about: Any) -> Record:
    """As `execute` would write it, and a row that no prediction tells."""
    told = {
        **dataclasses.asdict(run(seed, model)),
        "id": run(seed, model).id,
        "title": "t",
        "task": "classify",
        "metrics": list(NAMES),
        "data": "abc",
        "classes": list(cases.classes),
        "policy": POLICY.measured,
        **about,
    }
    size = Measurement(metric="size_bytes", value=100.0 + seed, unit="bytes")
    return Record(run=told, status="ok", measurements=(size, *measured(cases, METRICS, POLICY)))


def is_mean(row: Measurement) -> bool:
    """Neither undefined nor a largest gap or a ratio, which are made of means."""
    return row.value is not None and row.kind != "ratio" and "gap" not in row.where


def test_a_line_has_the_interval_of_the_mean_and_plain_means_of_the_rest() -> None:
    tables = [table(seed) for seed in (0, 1)]
    records = [record(seed, cases) for seed, cases in enumerate(tables)]
    rows = mean_rows(records, tables, METRICS)
    assert rows == seed_means(tables, METRICS, POLICY)
    entries = [Entry(record=one, scores=None, history=(), means=rows) for one in records]
    [line] = standings(entries)
    assert line.rows[1:] == rows
    assert (line.rows[0].value, line.rows[0].method) == (100.5, "mean of 2 seeds")
    [plain] = standings([dataclasses.replace(entry, means=()) for entry in entries])
    assert [row.ci for row in plain.rows] == [None] * len(plain.rows)
    assert [row.p for row in plain.rows] == [None] * len(plain.rows)
    values = [(row.metric, row.where, row.value) for row in plain.rows if is_mean(row)]
    assert values == [
        (row.metric, row.where, pytest.approx(row.value)) for row in line.rows if is_mean(row)
    ]
    [single] = standings(entries[:1])
    assert single.rows == records[0].measurements


def test_a_metric_that_a_record_has_not_is_left_out() -> None:
    tables = [table(seed) for seed in (0, 1)]
    records = [record(0, tables[0]), record(1, tables[1], metrics=["accuracy"])]
    rows = [row for row in mean_rows(records, tables, METRICS) if row.where.keys() <= {"class"}]
    always = {spec.name for spec in (*ALWAYS, BY_CLASS)}
    assert {row.metric for row in rows} == {"accuracy", *always}


@pytest.mark.parametrize("value", [0.5, None])
def test_records_of_another_formula_are_refused(value: float | None) -> None:
    tables = [table(seed) for seed in (0, 1)]
    first = record(0, tables[0])
    lost: dict[str, Any] = {"status": "undefined", "reason": "r", "ci": None}
    changed = tuple(
        dataclasses.replace(row, value=value, **(lost if value is None else {}))
        if (row.metric, row.where) == ("brier", {})
        else row
        for row in first.measurements
    )
    records = [dataclasses.replace(first, measurements=changed), record(1, tables[1])]
    with pytest.raises(HarnessError) as caught:
        mean_rows(records, tables, METRICS)
    assert str(caught.value) == (
        "brier of s/d/net must be what the suite now says it is, got records of another; "
        "run all seeds again"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data", "def"),
        ("classes", ["a", "b"]),
        ("policy", {**POLICY.measured, "threshold": 0.4}),
    ],
)
def test_records_of_two_kinds_have_no_mean(key: str, value: Any) -> None:
    cases = table()
    for records in (
        [record(0, cases), record(1, cases, **{key: value})],
        [record(0, cases), record(1, cases), record(2, cases, **{key: value})],
    ):
        with pytest.raises(HarnessError, match=f"seeds of s/d/net must agree in {key} to have a"):
            agree(records)


def test_what_changes_no_number_may_differ() -> None:
    policy = {**POLICY.measured, "inconclusive": "fail"}
    agree([record(0, table()), record(1, table(), policy=policy)])
    agree([record(0, table())])


def test_means_of_run_folders_are_of_all_seeds_that_did_not_fail(tmp_path: Path) -> None:
    found: dict[Run, tuple[Record, Path]] = {}
    for model, seed in (("net", 0), ("net", 1), ("net", 2), ("one", 0), ("one", 1)):
        cases, folder = table(seed), tmp_path / f"{model}{seed}"
        disk.write(folder / "predictions.parquet", cases.to_parquet())
        found[run(seed, model)] = (record(seed, cases, model), folder)
    for lost in (run(1), run(1, "one")):
        failed = dataclasses.replace(found[lost][0], status="failed", measurements=())
        found[lost] = (failed, tmp_path / "nowhere")
    means = of_runs(found, METRICS)
    assert means.keys() == {run(0), run(2)}
    assert means[run(0)] == means[run(2)] == seed_means([table(0), table(2)], METRICS, POLICY)
