"""The time step: statistics by a scripted clock, and the real backends by what they answer."""

import gc
import itertools
from fractions import Fraction
from math import comb
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from harness import environment
from harness.backends import _stopwatch, fake
from harness.backends import onnxruntime as onnx_backend
from harness.backends import torch as torch_backend
from harness.contracts import Servable
from harness.errors import HarnessError
from harness.latency import measure
from harness.record import Record
from harness.statistics.quantiles import percentile, percentile_interval, samples_needed
from harness.suite import Latency

SHAPE = (1, 3, 4)
NOTHING = Servable(onnx=Path("none.onnx"), shape=SHAPE)
WARM_UP = (0.125,) * _stopwatch.WARM_UP_CALLS
samples_ms = st.lists(st.floats(0.001, 1e4), min_size=1, max_size=200)


def timed(calls, *, samples=130, seconds=3.0, batch=1, **durations):
    """One cell, timed by a fake clock: rows by metric name, and the warnings."""
    clock = fake.FakeClock()
    latency = Latency(
        backends=("onnxruntime",),
        batch_sizes=(batch,),
        threads=(1,),
        seconds=seconds,
        samples=samples,
    )
    opener = fake.script(clock, calls=calls, **durations)
    timing = measure(NOTHING, latency, "cpu", clock=clock.now, open=opener)
    return {row.metric: row for row in timing.measurements}, timing.warnings


@given(samples_ms, st.integers(1, 100))
@settings(deadline=None)
def test_percentile_is_the_smallest_sample_that_reaches_it(samples, percent):
    def share(value):
        return Fraction(sum(sample <= value for sample in samples), len(samples))

    reaching = [value for value in samples if share(value) >= Fraction(percent, 100)]
    assert percentile(samples, percent) == min(reaching)


@given(samples_ms, st.sampled_from([25, 50, 75, 100]))
@settings(deadline=None)
def test_percentile_is_numpys_inverted_cdf(samples, percent):
    assert percentile(samples, percent) == np.percentile(samples, percent, method="inverted_cdf")


def below(n, percent, rank):
    """P(Bin(n, percent / 100) < rank), exactly."""
    p = Fraction(percent, 100)
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(rank))


@pytest.mark.parametrize("percent", [50, 90])
@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 11, 30, 36, 64])
def test_interval_is_the_narrowest_pair_of_ranks_with_its_tails(n, percent):
    tail = Fraction(1, 40)
    lower = [rank for rank in range(1, n + 1) if below(n, percent, rank) <= tail]
    upper = [rank for rank in range(1, n + 1) if 1 - below(n, percent, rank) <= tail]
    expected = (max(lower), min(upper)) if lower and upper else None
    assert percentile_interval(range(1, n + 1), percent, 0.95) == expected


def test_a_median_has_an_interval_from_six_samples_on():
    assert percentile_interval(range(5), 50, 0.95) is None
    assert percentile_interval(range(6), 50, 0.95) == (0, 5)


@pytest.mark.parametrize(("percent", "needed"), [(50, 11), (90, 64), (95, 130), (99, 662)])
def test_a_tail_needs_as_many_samples_as_mlperf_says(percent, needed):
    def at_most_one(n):
        return below(n, 100 - percent, 2)

    assert samples_needed(percent) == needed
    assert at_most_one(needed) <= Fraction(1, 100) < at_most_one(needed - 1)


def test_known_durations_give_known_rows():
    calls = tuple(milliseconds / 1000 for milliseconds in range(1, 101))
    rows, warnings = timed(calls, samples=1000, batch=8, load=0.2, cold=7.0)
    values = {metric: row.value for metric, row in rows.items()}
    assert values == {
        "latency_load": 200,
        "latency_cold": 7000,
        "latency_p50": 50,
        "latency_p90": 90,
        "latency_p95": 95,
        "latency_p99": 99,
        "throughput": 160,
    }
    p50 = rows["latency_p50"]
    assert sorted(p50.samples) == sorted([*range(1, 101)] * 10)
    assert p50.ci == percentile_interval(p50.samples, 50, 0.95)
    assert rows["throughput"].ci == (8000 / p50.ci[1], 8000 / p50.ci[0])
    assert rows["throughput"].better == "higher"
    assert {row.n for row in rows.values()} == {1, 1000}
    assert [warning["code"] for warning in warnings] == ["noisy-latency"]


def test_a_row_says_its_conditions():
    rows, _ = timed((0.25,), batch=4)
    where = {
        "backend": "onnxruntime",
        "provider": "fake",
        "precision": "fp32",
        "batch": "4",
        "threads": "1",
    }
    assert all(row.where == where and row.over == "call" for row in rows.values())


@given(st.lists(st.floats(1e-2, 0.25), min_size=1, max_size=50), st.integers(11, 200))
@settings(max_examples=15, deadline=None)
def test_every_statistic_is_a_view_of_the_samples(calls, samples):
    rows, _ = timed(tuple(calls), samples=samples, seconds=0.0, cold=100.0)
    kept = rows["latency_p50"].samples
    assert len(kept) == rows["latency_p50"].n == samples
    assert 100_000 not in kept
    for percent in (50, 90, 95, 99):
        row = rows[f"latency_p{percent}"]
        if row.status == "ok":
            assert row.value == percentile(kept, percent)
            assert row.ci[0] <= row.value <= row.ci[1]
        else:
            assert row.reason == f"needs at least {samples_needed(percent)} samples, got {samples}"


def test_warm_up_is_ten_calls_at_least():
    rows, _ = timed((*WARM_UP, *range(1, 12)), samples=11)
    assert rows["latency_p50"].samples == tuple(range(1000, 12_000, 1000))


def test_warm_up_is_a_second_at_least():
    rows, _ = timed((*[1 / 16] * 16, *range(1, 12)), samples=11)
    assert rows["latency_p50"].samples == tuple(range(1000, 12_000, 1000))


@pytest.mark.parametrize(
    ("duration", "samples", "seconds", "n"),
    [
        (0.25, 130, 3.0, 130),  # the samples decide
        (0.25, 130, 50.0, 200),  # the seconds decide
        (4.0, 130, 3.0, 15),  # a minute at most
        (4.0, 130, 10.0, 25),  # ten times the seconds at most
        (40.0, 130, 3.0, 11),  # but never fewer than a median needs
        (2.0**-10, 130, 4.0, 1366),  # 4096 calls, every third kept
    ],
)
def test_when_sampling_stops(duration, samples, seconds, n):
    rows, _ = timed((duration,), samples=samples, seconds=seconds)
    assert len(rows["latency_p50"].samples) == rows["latency_p50"].n == n


def test_a_tail_of_too_few_samples_is_refused():
    rows, _ = timed((0.25,), samples=129)
    assert rows["latency_p90"].value == 250
    assert rows["latency_p95"].reason == "needs at least 130 samples, got 129"
    assert rows["latency_p99"].status == "undefined"


def test_a_drift_is_a_warning():
    _, warnings = timed((*WARM_UP, *[0.1] * 65, *[0.103] * 65))
    assert [warning["code"] for warning in warnings] == ["unsteady-latency"]
    message = warnings[0]["message"]
    assert "100 ms" in message
    assert "103 ms" in message
    assert "onnxruntime at batch 1, threads 1" in message


def test_scatter_is_a_warning():
    _, warnings = timed((0.1, 0.3), samples=132)
    assert [warning["code"] for warning in warnings] == ["noisy-latency"]


def test_two_percent_of_drift_is_steady():
    assert timed((*WARM_UP, *[0.1] * 65, *[0.102] * 65))[1] == ()


def test_the_grid_fits_one_record():
    latency = Latency(backends=("torch", "onnxruntime"), batch_sizes=(1, 8), threads=(1, 2))
    timing = measure(NOTHING, latency, "cpu", clock=fake.CLOCK.now, open=fake.open)
    record = Record(run={}, status="ok", measurements=timing.measurements)
    assert len(record.measurements) == 8 * 7


def test_the_fake_is_not_for_suites():
    with pytest.raises(HarnessError, match="dry runs"):
        measure(NOTHING, Latency(backends=("fake",)), "cpu")


class Witness(fake.FakeSession):
    """Notes whether garbage may be collected in each run, and fails in the last one."""

    closed = False

    def run(self, batch):
        self.collecting.append(gc.isenabled())
        if len(self.collecting) == 1 + _stopwatch.WARM_UP_CALLS + 5:
            raise MemoryError("out of memory\nmore of the same")
        return super().run(batch)

    def close(self):
        self.closed = True


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_waits_while_sampling_and_a_failure_is_named(enabled):
    clock = fake.FakeClock()
    session = Witness(clock, itertools.repeat(1.0))
    session.collecting = []
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(HarnessError, match="torch at batch 64, threads 1 must answer") as error:
            measure(
                NOTHING,
                Latency(backends=("torch",), batch_sizes=(64,)),
                "cpu",
                clock=clock.now,
                open=lambda *_: session,
            )
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
    assert "MemoryError: out of memory;" in str(error.value)
    assert session.closed
    assert session.collecting == [enabled] * 11 + [False] * 5


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """sigmoid(W x + b) as an ONNX file, and the same as a torch module."""
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(12, 2)
    weight, bias = (value.detach().numpy() for value in (layer.weight, layer.bias))
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"], transB=1),
        helper.make_node("Sigmoid", ["logits"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *SHAPE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    file = tmp_path_factory.mktemp("model") / "linear.onnx"
    onnx.save(
        helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)]), file
    )
    module = torch.nn.Sequential(torch.nn.Flatten(), layer, torch.nn.Sigmoid())
    return Servable(onnx=file, shape=SHAPE, module=lambda: module)


def test_backends_agree(linear):
    batch = np.random.default_rng(1).random((5, *SHAPE), np.float32)
    answers = []
    for backend in (onnx_backend, torch_backend):
        session = backend.open(linear, "cpu", "fp32", 1)
        answers.append(session.run(batch))
        session.close()
    assert answers[0].dtype == answers[1].dtype == np.float32
    np.testing.assert_allclose(*answers, atol=1e-6)


def test_real_backends_name_their_provider(linear):
    latency = Latency(seconds=0.0, samples=11)
    timing = measure(linear, latency, "cpu")
    providers = {row.where["backend"]: row.where["provider"] for row in timing.measurements}
    assert providers == {"onnxruntime": "CPUExecutionProvider", "torch": "CPU"}
    assert all(row.value > 0 for row in timing.measurements if row.status == "ok")


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_gives_the_thread_count_back(linear, threads):
    import torch

    before = torch.get_num_threads()
    session = torch_backend.open(linear, "cpu", "fp32", threads)
    assert torch.get_num_threads() == threads
    session.close()
    assert torch.get_num_threads() == before


@pytest.mark.skipif(bool(environment.gpus()), reason="asks for a GPU that is not there")
@pytest.mark.parametrize(
    ("backend", "message"),
    [(onnx_backend, "linear.onnx must run on CUDAExecutionProvider"), (torch_backend, "device")],
)
def test_a_missing_gpu_is_an_error_and_not_the_cpu(linear, backend, message):
    with pytest.raises(HarnessError, match=message):
        backend.open(linear, "cuda", "fp32", 1)


def test_another_provider_is_an_error(linear, monkeypatch):
    elsewhere = SimpleNamespace(
        get_providers=lambda: ["CPUExecutionProvider"],
        get_inputs=lambda: [SimpleNamespace(name="x")],
    )
    monkeypatch.setattr(onnx_backend, "_load", lambda *_: elsewhere)
    with pytest.raises(HarnessError, match="CUDAExecutionProvider alone, got CPUExecutionProvider"):
        onnx_backend.open(linear, "cuda", "fp32", 1)


@pytest.mark.parametrize("backend", [onnx_backend, torch_backend])
@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [("cpu", "int8", "must be fp32, got 'int8'"), ("tpu", "fp32", "one of cpu, cuda, got 'tpu'")],
)
def test_what_a_backend_cannot_is_a_sentence(linear, backend, device, precision, message):
    with pytest.raises(HarnessError, match=message):
        backend.open(linear, device, precision, 1)


def test_a_file_alone_is_not_for_torch():
    with pytest.raises(HarnessError, match=r"none\.onnx alone"):
        torch_backend.open(NOTHING, "cpu", "fp32", 1)


def test_a_broken_file_is_named_without_its_folder(tmp_path):
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"not a model")
    with pytest.raises(HarnessError, match=r"^broken\.onnx must run") as error:
        onnx_backend.open(Servable(onnx=file, shape=SHAPE), "cpu", "fp32", 1)
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("backend", [onnx_backend, torch_backend])
def test_a_backend_without_its_library_says_so(backend, monkeypatch):
    assert backend.available() is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "not installed" in backend.available()


def test_two_onnxruntimes_are_noted(monkeypatch):
    monkeypatch.setattr(onnx_backend, "_installed", lambda name: name == "onnxruntime-gpu")
    assert onnx_backend.note() is None
    monkeypatch.setattr(onnx_backend, "_installed", lambda name: True)
    assert "uninstall both" in onnx_backend.note()
