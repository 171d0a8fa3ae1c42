"""Two files timed in turns: the order, what a process answers, and what becomes of its failure."""

import dataclasses
import itertools
import sys
from pathlib import Path

import onnx
import pytest
from line import no_warm_up, onnx_file
from onnx import TensorProto, helper

from harness import duel
from harness.backends import fake
from harness.backends import onnxruntime as onnx_backend
from harness.duel import Answer, Terms, fight, timed

TERMS = Terms(
    device="cpu",
    backend="onnxruntime",
    provider="CPUExecutionProvider",
    precision="fp32",
    batch=2,
    threads=1,
    samples=11,
    seconds=0.0,
)
BASE, HEAD = Path("base.onnx"), Path("head.onnx")


def scripted(answers):
    """An `ask` that takes the next answer of a file, and the list of what it was asked."""
    asked, left = [], {name: iter(each) for name, each in answers.items()}

    def ask(file, terms):
        assert terms is TERMS
        asked.append(file.stem)
        return next(left[file.stem])

    return ask, asked


def took(*times):
    return [Answer(values={"latency_p50": value}) for value in times]


@pytest.mark.parametrize("processes", [9, 10])
def test_the_sides_take_turns_in_alternating_order(processes):
    ask, asked = scripted({"base": took(*range(1, 11)), "head": took(*range(21, 31))})
    said = []
    found = fight(BASE, HEAD, TERMS, processes=processes, ask=ask, say=said.append)
    assert asked == [
        *itertools.islice(itertools.cycle(["base", "head", "head", "base"]), 2 * processes)
    ]
    assert [a.values["latency_p50"] for a in found.base] == [*range(1, processes + 1)]
    assert [a.values["latency_p50"] for a in found.head] == [*range(21, processes + 21)]
    assert said[2] == f"turn 3/{processes}  base 3 ms  head 23 ms"


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_fault_ends_the_duel_once_both_were_asked(side):
    answers = {"base": took(1, 1, 1), "head": took(2, 2, 2)}
    answers[side][1] = Answer(fault="it broke")
    ask, asked = scripted(answers)
    said = []
    found = fight(BASE, HEAD, TERMS, processes=3, ask=ask, say=said.append)
    assert asked == ["base", "head", "head", "base"]
    assert getattr(found, side)[-1].fault == "it broke"
    assert f"{side} failed" in said[-1]


def test_a_process_times_by_the_protocol_of_the_time_step(tmp_path):
    clock = fake.FakeClock()
    calls = tuple(milliseconds / 1000 for milliseconds in range(1, 101))
    terms = dataclasses.replace(TERMS, provider="fake", samples=700)
    opener = fake.script(clock, load=0.2, cold=7.0, calls=calls)
    file = onnx_file(tmp_path / "model.onnx")
    found = timed(file, terms, clock=clock.now, open=opener)
    assert found == Answer(
        values={
            "latency_load": 200,
            "latency_cold": 7000,
            "latency_p50": 50,
            "latency_p90": 90,
            "latency_p95": 95,
            "latency_p99": 99,
            "throughput": 40,
        }
    )
    few = dataclasses.replace(terms, samples=64)
    assert {"latency_p90"} == {
        name
        for name in timed(file, few, clock=clock.now, open=opener).values
        if name in ("latency_p90", "latency_p95", "latency_p99")
    }


def test_a_process_calls_for_as_many_seconds_as_the_terms_say(tmp_path):
    file = onnx_file(tmp_path / "model.onnx")
    for seconds in (2.0, 4.0):
        clock = fake.FakeClock()
        terms = dataclasses.replace(TERMS, provider="fake", seconds=seconds)
        opener = fake.script(clock, load=0.0, cold=0.0, calls=[0.125])
        assert timed(file, terms, clock=clock.now, open=opener).fault is None
        assert clock.time == 10 * 0.125 + seconds


def test_a_process_gives_the_file_what_the_terms_say(tmp_path):
    seen = []

    class Witness(fake.FakeSession):
        def run(self, batch):
            seen.append(batch.shape)
            return super().run(batch)

    def opener(servable, device, precision, threads):
        seen.append((device, precision, threads))
        return Witness(clock, itertools.repeat(1.0))

    clock = fake.FakeClock()
    file = onnx_file(tmp_path / "model.onnx", shape=(3, 8, 6))
    terms = dataclasses.replace(TERMS, provider="fake", batch=5, threads=2)
    assert timed(file, terms, clock=clock.now, open=opener).fault is None
    assert set(seen) == {("cpu", "fp32", 2), (5, 3, 8, 6)}


def test_another_provider_is_a_fault(tmp_path):
    clock = fake.FakeClock()
    file = onnx_file(tmp_path / "model.onnx")
    found = timed(file, TERMS, clock=clock.now, open=fake.script(clock))
    assert found == Answer(fault="model.onnx must run on CPUExecutionProvider, got fake")


def dynamic(path):
    """A file whose images may be of any size."""
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "h", "w"])
        for name in ("x", "y")
    ]
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph), str(path))


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda path: None, "model.onnx must be an ONNX file with one input, got: "),
        (lambda path: path.write_bytes(b"not a model"), "model.onnx must be an ONNX file"),
        (lambda path: onnx_file(path, domain="beyond"), "model.onnx must run on CPUExec"),
        (dynamic, "model.onnx must have an input of fixed shape"),
    ],
    ids=["absent", "broken", "unknown operator", "dynamic"],
)
def test_a_file_that_cannot_be_timed_is_named_without_its_folder(tmp_path, make, fault):
    file = tmp_path / "model.onnx"
    make(file)
    found = timed(file, TERMS)
    assert found.fault.startswith(fault)
    assert found.values == {}
    assert str(tmp_path) not in found.fault
    assert "\n" not in found.fault


def test_a_failing_call_is_a_fault(tmp_path):
    file = onnx_file(tmp_path / "model.onnx")

    def opener(*_):
        return fake.FakeSession(fake.FakeClock(), iter(()))  # StopIteration on the first run

    found = timed(file, TERMS, open=opener)
    assert "onnxruntime at batch 2, threads 1 must answer, got StopIteration" in found.fault


HURRIED = (
    "from harness.backends import _stopwatch\n_stopwatch.WARM_UP_SECONDS = 0.0\n"
    "from harness.duel import main\nmain()"
)


@pytest.fixture
def hurried(monkeypatch):
    """Fresh processes that warm up for ten calls alone."""
    monkeypatch.setattr(duel, "COMMAND", [sys.executable, "-c", HURRIED])


def test_a_fresh_process_answers_what_this_one_would(tmp_path, hurried):
    file = onnx_file(tmp_path / "model.onnx")
    with no_warm_up():
        here = timed(file, TERMS)
    there = duel.ask(file, TERMS)
    assert there.fault is None
    assert there.values.keys() == here.values.keys()
    assert min(there.values.values()) > 0


def test_a_fresh_process_says_its_fault(tmp_path, hurried):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"not a model")
    assert duel.ask(file, TERMS).fault == timed(file, TERMS).fault


def test_the_module_is_such_a_process():
    found = duel.ask(Path("none.onnx"), TERMS)
    assert found.fault.startswith("none.onnx must be an ONNX file")


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import os; os.kill(os.getpid(), 9)", "the process ended with code -9: silent"),
        ("raise MemoryError('all of it')", "the process ended with code 1: MemoryError: all of it"),
        ("print('hello')", "the process ended with code 0: silent"),
        ("print('[1]')", "the process ended with code 0: silent"),
    ],
    ids=["killed", "raised", "chatter", "no answer"],
)
def test_a_process_that_ends_otherwise_failed(monkeypatch, code, fault):
    monkeypatch.setattr(duel, "COMMAND", [sys.executable, "-c", code])
    assert duel.ask(BASE, TERMS).fault == fault


def test_what_a_library_prints_is_no_answer(monkeypatch):
    code = """print('a warning of some library'); print('{"values": {"latency_p50": 1.5}}')"""
    monkeypatch.setattr(duel, "COMMAND", [sys.executable, "-c", code])
    assert duel.ask(BASE, TERMS) == Answer(values={"latency_p50": 1.5})


def test_a_process_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(duel, "COMMAND", [sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(duel, "PATIENCE", 0.1)
    assert duel.ask(BASE, TERMS).fault == "no answer within 0.1 seconds"


def test_a_provider_that_is_not_there_is_a_fault_of_a_real_session(tmp_path, monkeypatch):
    file = onnx_file(tmp_path / "model.onnx")
    monkeypatch.setitem(onnx_backend.PROVIDERS, "cpu", "AbsentExecutionProvider")
    found = timed(file, dataclasses.replace(TERMS, provider="AbsentExecutionProvider"))
    assert "must run on AbsentExecutionProvider alone, got " in found.fault
