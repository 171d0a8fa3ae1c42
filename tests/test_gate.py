"""Verdicts: every status once, for the reason that it names."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from test_compare import entry, predictions

from harness import gate, strict
from harness.baselines import Entry
from harness.errors import HarnessError
from harness.gate import Side, exit_code
from harness.predictions import Predictions
from harness.record import Measurement, Verdict
from harness.score import score
from harness.suite import Gate, Policy, Suite
from harness.trial import settled


def suite(*gates: Mapping[str, Any], **policy: Any) -> Suite:
    """One dataset, one model and the gates under test."""
    table = {
        "name": "s",
        "title": "t",
        "task": "classify",
        "metrics": [{"name": "roc_auc"}],
        "datasets": {"d": {"load": "phantom"}},
        "models": {"a": {"build": "slice_cnn"}},
        "gates": list(gates) or [{"metric": "roc_auc", "margin": 0.05}],
        "policy": policy,
    }
    return strict.build(Suite, table, "suite")


def measured(table: Predictions, seed: int = 0, extra: tuple[Measurement, ...] = ()) -> Entry:
    """The entry that such predictions would be accepted as."""
    rows = score(table, suite().metrics, Policy())
    found = entry("a", seed, 0.5, measurements=(*rows, *extra))
    run = {**found.record.run, "data": "md5", "classes": ["benign", "malignant"]}
    record = dataclasses.replace(found.record, run=run)
    return dataclasses.replace(found, record=record, scores=table.scores())


def side(table: Predictions, extra: tuple[Measurement, ...] = ()) -> Side:
    """What was measured now, of seed 0."""
    return Side(
        subject="s/d/a/cpu", entries={0: measured(table, extra=extra)}, predictions={0: table}
    )


def verdicts(asked: Suite, now: Side, accepted: Mapping[int, Entry]) -> list[Verdict]:
    """Of a check of this one model."""
    return settled(gate.verdicts(asked, now, accepted))


GOOD, BAD = predictions(1, n=600, shift=3.0), predictions(2, n=600, shift=0.5)


@pytest.mark.parametrize(
    ("now", "then", "status"),
    [(GOOD, GOOD, "ok"), (BAD, GOOD, "regressed"), (GOOD, BAD, "improved")],
)
def test_a_paired_difference_decides(now: Predictions, then: Predictions, status: str) -> None:
    [verdict] = verdicts(suite(), side(now), {0: measured(then)})
    assert verdict.status == status
    assert verdict.gate == "roc_auc"
    current = side(now).entries[0].record.find("roc_auc")
    assert current is not None
    assert verdict.current == pytest.approx(current.value)
    assert verdict.effect == pytest.approx((verdict.current or 0) - (verdict.baseline or 0))


def test_what_else_changed_stands_beside_the_verdict() -> None:
    def on(entry: Entry, torch: str) -> Entry:
        about = {"packages": {"torch": torch, "numpy": "2.3.5"}, "cpu": "EPYC", "commit": torch}
        return dataclasses.replace(
            entry, record=dataclasses.replace(entry.record, environment=about)
        )

    now = side(GOOD)
    entries = {0: on(now.entries[0], "2.13.0")}
    [found] = verdicts(
        suite(), dataclasses.replace(now, entries=entries), {0: on(measured(GOOD), "2.12.0")}
    )
    assert (found.status, found.changed) == ("ok", ("torch 2.12.0 -> 2.13.0",))
    [same] = verdicts(suite(), now, {0: measured(GOOD)})
    assert same.changed == ()


def test_too_few_cases_are_inconclusive() -> None:
    few = np.arange(40)
    now, then = predictions(1, shift=1.0).where(few), predictions(5, shift=1.2).where(few)
    one = {"metric": "roc_auc", "margin": 0.01}
    [verdict] = verdicts(suite(one), side(now), {0: measured(then)})
    assert verdict.status == "inconclusive"
    assert verdict.minimum_detectable_effect is not None
    assert verdict.minimum_detectable_effect > 0.05
    assert exit_code([verdict], Policy()) == 0
    assert exit_code([verdict], Policy(inconclusive="fail")) == 3


def test_nothing_accepted_is_new_and_passes() -> None:
    [verdict] = verdicts(suite(), side(GOOD), {})
    assert verdict.status == "new"
    assert exit_code([verdict], Policy()) == 0


def test_what_was_not_measured_is_missing() -> None:
    unmeasured = Side(subject="x", entries={}, predictions={})
    for accepted in ({}, {0: measured(GOOD)}):
        [verdict] = verdicts(suite(), unmeasured, accepted)
        assert verdict.status == "missing"


def test_no_seed_in_common_is_missing() -> None:
    [verdict] = verdicts(suite(), side(GOOD), {7: measured(GOOD, seed=7)})
    assert verdict.status == "missing"
    assert "accepted [7], measured [0]" in verdict.reason
    assert exit_code([verdict], Policy()) == 1


OTHER = {
    "data": "another",
    "classes": ["another"],
    "policy": {"threshold": 0.25},
    "split": {"by": "subject", "folds": 5},
}


@pytest.mark.parametrize("key", OTHER)
def test_other_data_classes_policy_or_split_cannot_be_compared(key: str) -> None:
    accepted = measured(GOOD)
    run = {**accepted.record.run, key: OTHER[key]}
    other = dataclasses.replace(accepted, record=dataclasses.replace(accepted.record, run=run))
    [verdict] = verdicts(suite(), side(GOOD), {0: other})
    assert verdict.status == "not-comparable"
    assert verdict.reason.startswith(f"{key} differs")
    assert exit_code([verdict], Policy()) == 4


def test_a_metric_of_other_data_is_not_run() -> None:
    both = suite({"metric": "roc_auc", "margin": 0.05}, {"metric": "exact_match", "margin": 0.1})
    judged, idle = verdicts(both, side(GOOD), {0: measured(GOOD)})
    assert (judged.status, idle.status) == ("ok", "not-run")
    assert idle.reason == "exact_match is for data of kind multilabel, not nominal"
    assert exit_code([judged, idle], Policy()) == 0
    with pytest.raises(HarnessError, match="must judge at least one gate"):
        exit_code([idle], Policy())


def test_inconclusive_is_no_reason_not_to_compare() -> None:
    accepted = measured(GOOD)
    run = {**accepted.record.run, "policy": {"threshold": 0.5, "inconclusive": "fail"}}
    then = dataclasses.replace(accepted, record=dataclasses.replace(accepted.record, run=run))
    now = side(GOOD)
    run = {**run, "policy": {"threshold": 0.5}}
    record = dataclasses.replace(now.entries[0].record, run=run)
    now = dataclasses.replace(now, entries={0: dataclasses.replace(now.entries[0], record=record)})
    [verdict] = verdicts(suite(), now, {0: then})
    assert verdict.status == "ok"


def test_an_undefined_value_is_never_new() -> None:
    benign = GOOD.where(GOOD.y_true == 0)
    for accepted in ({}, {0: measured(benign)}):
        [verdict] = verdicts(suite(), side(benign), accepted)
        assert verdict.status == "not-run"
        assert "needs cases of every class" in verdict.reason
        with pytest.raises(HarnessError, match="must judge at least one gate"):
            exit_code([verdict], Policy())


@pytest.mark.parametrize(("now", "status"), [(0.9, "ok"), (0.2, "inconclusive")])
def test_a_value_whose_error_cannot_be_known_is_judged_where_nothing_changed(
    now: float, status: str
) -> None:
    """One malignant case: its score alone moves the sensitivity from 1 to 0."""
    truth = np.arange(60) == 3

    def one_case(score: float) -> Predictions:
        positive = np.where(truth, score, 0.1)
        return dataclasses.replace(
            predictions(1, n=60),
            y_true=truth.astype(np.int64),
            probability=np.stack([1 - positive, positive], axis=1),
            decision=(positive > 0.5).astype(np.int64),
        )

    [verdict] = verdicts(suite(), side(one_case(now)), {0: measured(one_case(0.9))})
    assert verdict.status == status
    assert verdict.baseline == 1.0


def test_defined_then_undefined_now_is_missing() -> None:
    benign = GOOD.where(GOOD.y_true == 0)
    now = Side(
        subject="x",
        entries={0: measured(benign)},
        predictions={0: benign},
    )
    [verdict] = verdicts(suite(), now, {0: measured(GOOD)})
    assert verdict.status == "missing"


def test_a_gate_on_a_group_judges_that_group_alone() -> None:
    women_worse = dataclasses.replace(
        GOOD,
        probability=np.where(
            (GOOD.groups["sex"] == "F")[:, None], BAD.probability, GOOD.probability
        ),
    )
    gates = [
        {"metric": "roc_auc", "margin": 0.05, "where": {"group.sex": sex}} for sex in ("F", "M")
    ]
    found = verdicts(suite(*gates), side(women_worse), {0: measured(GOOD)})
    assert [(v.gate, v.status) for v in found] == [
        ("roc_auc[group.sex=F]", "regressed"),
        ("roc_auc[group.sex=M]", "ok"),
    ]


def size(value: float) -> tuple[Measurement, ...]:
    return (Measurement(metric="size_bytes", value=value, unit="bytes", better="lower"),)


@pytest.mark.parametrize(("now", "status"), [(90, "improved"), (105, "ok"), (111, "regressed")])
def test_sizes_are_judged_exactly(now: float, status: str) -> None:
    one = {"metric": "size_bytes", "ratio": 1.1}
    accepted = {0: measured(GOOD, extra=size(100))}
    [verdict] = verdicts(suite(one), side(GOOD, extra=size(now)), accepted)
    assert verdict.status == status


def latency(batch: str) -> Measurement:
    where = {"backend": "onnxruntime", "provider": "CPUExecutionProvider", "precision": "fp32"}
    return Measurement(
        metric="latency_p50", value=1.0, where={**where, "batch": batch, "threads": "1"}
    )


def test_latency_is_listed_as_not_run_once_for_each_condition() -> None:
    rows = (latency("1"), latency("64"))
    gates = [{"metric": "roc_auc", "margin": 0.05}, {"metric": "latency_p50", "ratio": 1.1}]
    found = verdicts(suite(*gates), side(GOOD, extra=rows), {0: measured(GOOD, extra=rows)})
    assert [v.status for v in found] == ["ok", "not-run", "not-run"]
    assert exit_code(found, Policy()) == 0
    with pytest.raises(HarnessError, match="judge at least one"):
        exit_code(found[1:], Policy())


def test_a_gate_that_selects_nothing_is_an_error() -> None:
    one = {"metric": "roc_auc", "margin": 0.05, "where": {"group.sex": "X"}}
    with pytest.raises(HarnessError, match="must select a row"):
        verdicts(suite(one), side(GOOD), {0: measured(GOOD)})


def test_a_gate_selects_no_cohort_or_split_that_it_does_not_name() -> None:
    found = verdicts(suite(), side(GOOD), {0: measured(GOOD)})
    assert [verdict.gate for verdict in found] == ["roc_auc"]


def test_the_worst_status_decides() -> None:
    def of(*statuses: Any) -> list[Verdict]:
        return [Verdict(gate="g", subject="s", status=each, reason="") for each in statuses]

    assert exit_code(of("ok", "new", "improved"), Policy()) == 0
    assert exit_code(of("not-comparable", "regressed"), Policy()) == 1
    assert exit_code(of("not-comparable", "inconclusive"), Policy(inconclusive="fail")) == 4


def test_a_gate_names_what_it_is_about() -> None:
    assert Gate(metric="f1", where={"class": "x"}, margin=0.1).name == "f1[class=x]"
