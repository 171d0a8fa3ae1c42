"""Latency gates from two folders: what is timed, what cannot be, and real files in turns."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from line import no_warm_up, onnx_file
from onnx import TensorProto, helper, numpy_helper

from harness import duel, strict
from harness.duel import Answer
from harness.errors import HarnessError
from harness.record import Measurement, Record, Verdict, as_json
from harness.slowdown import LEVEL
from harness.speed import trials
from harness.statistics.shift import mann_whitney, ratio
from harness.suite import Suite
from harness.trial import Trial, settled

ROW = {
    "backend": "onnxruntime",
    "provider": "CPUExecutionProvider",
    "precision": "fp32",
    "batch": "1",
    "threads": "1",
}
MACHINE = {"cpu": "A CPU", "cores": 2, "memory_gb": 8, "gpus": None, "python": "3.11"}
GATE = {"metric": "latency_p50", "where": {"backend": "onnxruntime"}, "ratio": 1.1}
NAME = "latency_p50[{}]".format(",".join(f"{key}={value}" for key, value in sorted(ROW.items())))
SUBJECT = "s/d/a/cpu"


def suite(*gates):
    table = {
        "name": "s",
        "title": "t",
        "task": "classify",
        "metrics": [{"name": "roc_auc"}],
        "datasets": {"d": {"load": "phantom"}},
        "models": {"a": {"build": "slice_cnn"}},
        "gates": [{"metric": "roc_auc", "margin": 0.05}, *(gates or [GATE])],
    }
    return strict.build(Suite, table, "suite")


def run(folder, *rows, metrics=("latency_p50",), status="ok", device="cpu", **environment):
    """The folder of a run with a record of these rows, or the usual one."""
    measurements = [
        Measurement(metric=metric, value=1.0, where=where, unit="ms", better="lower")
        for metric in metrics
        for where in rows or [ROW]
    ]
    record = Record(
        run={"device": device},
        status=status,
        error=None if status == "ok" else "out of memory",
        measurements=() if status == "failed" else tuple(measurements),
        environment={**MACHINE, **environment},
    )
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(as_json(record)), encoding="utf-8")
    return folder


@pytest.fixture
def sides(tmp_path):
    """Seed 0 of either side."""
    return {0: run(tmp_path / "base")}, {0: run(tmp_path / "head")}


class Script:
    """An `ask` whose files take the times of their folder in turn, or fail with its sentence."""

    def __init__(self, **times):
        self.times, self.asked, self.terms = times, [], []

    def __call__(self, file, terms):
        side = file.parent.name
        turn = self.asked.count(file)
        self.asked.append(file)
        self.terms.append(terms)
        told = self.times[side]
        if isinstance(told, str):
            return Answer(fault=told)
        value = float(told[turn % len(told)])
        return told_all(value)


def told_all(value):
    """As a process would say it, whose every call took so many ms."""
    names = ("latency_load", "latency_cold", *(f"latency_p{n}" for n in (50, 90, 95, 99)))
    return Answer(values={**dict.fromkeys(names, value), "throughput": 1000 / value})


def judged(base, head, ask, *gates, **changes):
    """Verdicts as a check would have them, and what was said meanwhile."""
    said = []
    found = trials(suite(*gates), SUBJECT, base, head, say=said.append, ask=ask, **changes)
    return settled(found), said


STEADY = [10.0, 10.1, 9.9, 10.2, 9.8, 10.05, 9.95, 10.15, 9.85]


@pytest.mark.parametrize(
    ("factor", "status"),
    [(1.0, "ok"), (1.3, "regressed"), (0.7, "improved"), (1.1, "inconclusive")],
)
def test_a_row_becomes_a_trial_of_nine_processes_a_side(sides, factor, status):
    head = [factor * value for value in STEADY]
    ask = Script(base=STEADY, head=head)
    [found], said = judged(*sides, ask)
    assert (found.status, found.gate, found.subject, found.n) == (status, NAME, SUBJECT, 9)
    assert found.effect == pytest.approx(ratio(np.array(head), np.array(STEADY)))
    assert found.p == mann_whitney(np.array(head), np.array(STEADY))
    folders = [side[0] / "model.onnx" for side in sides]
    turns = [[*folders], [*reversed(folders)]]
    assert ask.asked == [file for turn in range(9) for file in turns[turn % 2]]
    assert len(said) == 9
    assert said[0].startswith(f"{SUBJECT}  backend onnxruntime, provider CPU")
    assert "turn 1/9  base 10 ms  head " in said[0]


def test_more_processes_may_be_asked_for(sides):
    [found], said = judged(*sides, Script(base=STEADY, head=STEADY), processes=14)
    assert found.n == len(said) == 14


def test_fewer_than_nine_processes_are_refused(sides):
    with pytest.raises(HarnessError, match="must be 9 or more, got 8"):
        judged(*sides, Script(), processes=8)


def test_the_first_seed_that_both_have_is_timed(tmp_path):
    base, head = ({n: tmp_path / f"{n}" / side for n in (1, 2, 3, 4)} for side in ("base", "head"))
    del base[1], head[4]
    for folder in (*base.values(), *head.values()):
        run(folder)
    ask = Script(base=STEADY, head=STEADY)
    judged(base, head, ask)
    assert {file.parent.parent.name for file in ask.asked} == {"2"}


def test_gates_on_the_same_row_share_their_processes(tmp_path):
    metrics = ("latency_p50", "latency_p95", "throughput", "latency_load")
    other = {**ROW, "batch": "8"}
    base, head = ({0: run(tmp_path / n, ROW, other, metrics=metrics)} for n in ("base", "head"))
    ask = Script(base=STEADY, head=[2 * value for value in STEADY])
    gates = [{"metric": metric, "where": {"batch": "1"}, "ratio": 1.1} for metric in metrics]
    gates.append({"metric": "latency_p50", "where": {"batch": "8"}, "ratio": 1.5})
    found, _ = judged(base, head, ask, *gates)
    assert [verdict.status for verdict in found] == ["regressed"] * 5
    assert [verdict.unit for verdict in found] == ["ms", "ms", "images/s", "ms", "ms"]
    assert [verdict.ratio for verdict in found] == [1.1] * 4 + [1.5]
    assert found[0].p == pytest.approx(5 / 48620)
    assert len(ask.asked) == 2 * 18
    assert [terms.batch for terms in ask.terms] == [1] * 18 + [8] * 18
    assert [terms.samples for terms in ask.terms] == [130] * 18 + [11] * 18


def test_the_terms_are_those_of_the_row(tmp_path):
    row = {**ROW, "provider": "CUDAExecutionProvider", "batch": "64", "threads": "2"}
    base, head = ({0: run(tmp_path / n, row, device="cuda")} for n in ("base", "head"))
    ask = Script(base=STEADY, head=STEADY)
    judged(base, head, ask, {"metric": "latency_p50", "ratio": 1.2})
    [terms] = set(ask.terms)
    assert (terms.device, terms.provider) == ("cuda", "CUDAExecutionProvider")
    assert (terms.backend, terms.precision, terms.batch, terms.threads) == (
        "onnxruntime",
        "fp32",
        64,
        2,
    )


@pytest.mark.parametrize(
    ("answers", "status", "reason"),
    [
        (
            {"base": STEADY, "head": "no."},
            "regressed",
            "the head fails where the base answers: no.",
        ),
        ({"base": "no.", "head": STEADY}, "not-comparable", "the base cannot be timed: no."),
        ({"base": "no.", "head": "nor I"}, "not-comparable", "neither file can be timed: no."),
    ],
)
def test_who_fails_decides(sides, answers, status, reason):
    ask = Script(**answers)
    [found], said = judged(*sides, ask)
    assert (found.status, found.reason) == (status, reason)
    assert (found.kind, found.ratio, found.effect) == ("ratio", 1.1, None)
    assert len(ask.asked) == 2
    assert "failed" in said[0]


def test_a_process_that_fails_late_fails_all_the_same(sides):
    def ask(file, terms):
        asked.append(file.parent.name)
        broken = asked.count("head") == 7 and asked[-1] == "head"
        return Answer(fault="it broke") if broken else told_all(10.0)

    asked = []
    [found], _ = judged(*sides, ask)
    assert (found.status, found.reason[-8:]) == ("regressed", "it broke")
    assert len(asked) == 14


@pytest.mark.parametrize(("without", "status"), [("head", "regressed"), ("base", "not-comparable")])
def test_a_tail_that_one_side_is_too_slow_for(tmp_path, without, status):
    base, head = ({0: run(tmp_path / n, metrics=["latency_p99"])} for n in ("base", "head"))

    def ask(file, terms):
        values = dict(told_all(10.0).values)
        if file.parent.name == without:
            del values["latency_p99"]
        return Answer(values=values)

    [found], _ = judged(base, head, ask, {"metric": "latency_p99", "ratio": 1.1})
    assert found.status == status
    assert "too few calls in a minute for latency_p99" in found.reason


@pytest.mark.parametrize(
    ("key", "other"),
    [("provider", "CUDAExecutionProvider"), ("precision", "fp16"), ("threads", "2")],
)
def test_other_conditions_are_not_comparable(tmp_path, key, other):
    base, head = {0: run(tmp_path / "base")}, {0: run(tmp_path / "head", {**ROW, key: other})}
    ask = Script()
    [found], _ = judged(base, head, ask)
    assert found.status == "not-comparable"
    assert found.reason == f"{key} differs: base {ROW[key]}, head {other}"
    assert ask.asked == []


@pytest.mark.parametrize(
    ("change", "provider", "status"),
    [
        ({"cpu": "B CPU"}, "CPUExecutionProvider", "not-comparable"),
        ({"cores": 4}, "CPUExecutionProvider", "not-comparable"),
        ({"memory_gb": 16}, "CPUExecutionProvider", "not-comparable"),
        ({"gpus": ["A GPU"]}, "CUDAExecutionProvider", "not-comparable"),
        ({"gpus": ["A GPU"]}, "CPUExecutionProvider", "ok"),
        ({"python": "3.12"}, "CPUExecutionProvider", "ok"),
    ],
)
def test_another_machine_is_not_comparable_where_it_matters(tmp_path, change, provider, status):
    row = {**ROW, "provider": provider}
    base, head = {0: run(tmp_path / "base", row)}, {0: run(tmp_path / "head", row, **change)}
    [found], _ = judged(base, head, Script(base=STEADY, head=STEADY))
    assert found.status == status
    [key] = change
    assert (f"another machine: {key} of the base is" in found.reason) == (status != "ok")


def test_rows_that_one_side_has_alone(tmp_path):
    rows = [{**ROW, "batch": batch} for batch in ("1", "4", "8")]
    base, head = {0: run(tmp_path / "base", *rows[:2])}, {0: run(tmp_path / "head", *rows[1:])}
    found, _ = judged(base, head, Script(base=STEADY, head=STEADY))
    statuses = {verdict.gate.partition("batch=")[2][0]: verdict.status for verdict in found}
    assert statuses == {"4": "ok", "8": "new", "1": "missing"}


def test_a_gate_whose_only_row_is_gone_is_missing(tmp_path):
    base, head = {0: run(tmp_path / "base")}, {0: run(tmp_path / "head", metrics=["latency_p90"])}
    [found], _ = judged(base, head, Script())
    assert (found.status, found.gate) == ("missing", NAME)
    assert found.reason == "the base has this row, the head has not"


def test_a_thread_count_more_is_new_and_not_incomparable(tmp_path):
    both = [ROW, {**ROW, "threads": "2"}]
    base, head = {0: run(tmp_path / "base")}, {0: run(tmp_path / "head", *both)}
    found, _ = judged(base, head, Script(base=STEADY, head=STEADY))
    assert [verdict.status for verdict in found] == ["ok", "new"]


def test_torch_needs_more_than_a_file(tmp_path):
    torch = {**ROW, "backend": "torch", "provider": "CPU"}
    base, head = ({0: run(tmp_path / n, torch, ROW)} for n in ("base", "head"))
    ask = Script(base=STEADY, head=STEADY)
    found, _ = judged(base, head, ask, {"metric": "latency_p50", "ratio": 1.1})
    assert [verdict.status for verdict in found] == ["not-run", "ok"]
    assert found[0].reason == "torch needs more than a file: gates time the onnxruntime backend"
    assert len(ask.asked) == 18


@pytest.mark.parametrize(
    ("seeds", "status", "reason"),
    [
        (([], [0]), "new", "the base has no record of it"),
        (([1], [0, 2]), "missing", "no seed in common: base [1], head [0, 2]"),
        (([1], []), "missing", "no seed in common: base [1], head []"),
    ],
)
def test_without_a_common_seed_nothing_is_timed(seeds, status, reason):
    base, head = (dict.fromkeys(each, Path("nowhere")) for each in seeds)
    [found], _ = judged(base, head, Script())
    assert (found.status, found.reason) == (status, reason)
    assert found.gate == "latency_p50[backend=onnxruntime]"


def test_a_base_that_failed_is_no_measure(tmp_path):
    base, head = {0: run(tmp_path / "base", status="failed")}, {0: run(tmp_path / "head")}
    [found], _ = judged(base, head, Script())
    assert (found.status, found.reason) == ("not-comparable", "the base failed: out of memory")


def test_a_gate_that_selects_nothing_is_an_error(sides):
    with pytest.raises(HarnessError, match=r"gate latency_p50\[batch=3\] must select a row of s/d"):
        judged(*sides, Script(), {"metric": "latency_p50", "where": {"batch": "3"}, "ratio": 1.1})


def test_a_row_of_something_else_is_not_selected(tmp_path):
    base, head = ({0: run(tmp_path / n, {**ROW, "dataset": "other"})} for n in ("base", "head"))
    with pytest.raises(HarnessError, match="must select a row"):
        judged(base, head, Script(base=STEADY, head=STEADY))


def test_a_gate_without_ratio_is_an_error(sides):
    with pytest.raises(HarnessError, match=r"must have a ratio to be timed, got margin 0\.5"):
        judged(*sides, Script(), {"metric": "latency_p50", "margin": 0.5})


def test_a_suite_without_latency_gates_times_nothing(sides):
    assert judged(*sides, Script(), {"metric": "size_bytes", "ratio": 1.1}) == ([], [])


def test_what_is_timed_waits_for_the_family(sides):
    found = trials(suite(), SUBJECT, *sides, say=print, ask=Script(base=STEADY, head=STEADY))
    assert [type(one) for one in found] == [Trial]
    found[0].verdict(LEVEL, 1)
    found = trials(suite(), SUBJECT, *sides, say=print, ask=Script(base="no", head="no"))
    assert [type(one) for one in found] == [Verdict]


def heavy(path, size=1500):
    """A file of the same input and output that multiplies by large matrices on the way."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3, 4], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["column"]),
        helper.make_node("MatMul", ["column", "wide"], ["x0"]),
        *(helper.make_node("MatMul", [f"x{k}", "square"], [f"x{k + 1}"]) for k in range(4)),
        helper.make_node("MatMul", ["x4", "narrow"], ["logits"]),
    ]
    constants = {
        "shape": np.array([-1, 1], np.int64),
        "wide": np.ones((1, size), np.float32),
        "square": np.full((size, size), 1 / size, np.float32),
        "narrow": np.full((size, 1), 1 / size, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "heavy",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 12, 12, 12])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))


HURRIED = (
    "from harness.backends import _stopwatch\n_stopwatch.WARM_UP_SECONDS = 0.0\n"
    "from harness.duel import main\nmain()"
)


@pytest.fixture
def hurried(monkeypatch):
    """Fresh processes that call no longer than the least number of calls takes."""
    monkeypatch.setattr(duel, "COMMAND", [sys.executable, "-c", HURRIED])
    monkeypatch.setattr(duel, "SECONDS", 0.0)


def test_a_really_slower_file_is_regressed_in_fresh_processes(sides, hurried):
    onnx_file(sides[0][0] / "model.onnx")
    heavy(sides[1][0] / "model.onnx")
    [found], said = judged(*sides, duel.ask)
    assert found.status == "regressed", (found, said)
    assert (found.n, len(said)) == (9, 9)
    assert found.effect > 2


def test_the_same_file_is_not_regressed(sides, hurried):
    """Real calls by the real clock, all in this process; what is far beyond noise is excluded."""
    for side in sides:
        heavy(side[0] / "model.onnx", size=200)
    gate = {**GATE, "ratio": 3.0}
    with no_warm_up():
        [found], _ = judged(*sides, duel.timed, gate)
    assert found.status in ("ok", "improved", "inconclusive"), found


def test_a_head_that_does_not_load_fails(sides, hurried):
    onnx_file(sides[0][0] / "model.onnx")
    (sides[1][0] / "model.onnx").write_bytes(b"not a model")
    [found], _ = judged(*sides, duel.ask)
    assert found.status == "regressed"
    assert found.reason.startswith(
        "the head fails where the base answers: model.onnx must be an ONNX file"
    )


def test_a_base_without_its_file_is_no_measure(sides):
    onnx_file(sides[1][0] / "model.onnx")
    with no_warm_up():
        [found], _ = judged(*sides, duel.timed)
    assert found.status == "not-comparable"
    assert "the base cannot be timed: model.onnx must be an ONNX file" in found.reason
    assert "No such file" in found.reason
