"""How long a model takes: to open, to answer first, and to answer ever after.

A call takes a batch from the host's memory and brings the answer back to it. Each is a sample, in
the order of the calls, and every row but opening and first call is a view of the samples.
"""

import contextlib
import dataclasses
import functools
import gc
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from harness import shelf
from harness.errors import HarnessError
from harness.record import Measurement, Where
from harness.shelf import Backend, Servable, Session
from harness.statistics.quantiles import METHOD, percentile, percentile_interval, samples_needed
from harness.suite import Latency

Clock = Callable[[], float]
Open = Callable[[Servable, str, str, int], Session]

WARM_UP_CALLS, WARM_UP_SECONDS = 10, 1.0
FEWEST, MOST = samples_needed(50), 2_000
LEVEL = 0.95
UNSTEADY, NOISY = 0.02, 0.25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The rows, and what makes one doubt them: a `code` and a `message` each."""

    measurements: tuple[Measurement, ...]
    warnings: tuple[dict[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Raw times of one session, in ms to 6 significant digits."""

    provider: str
    load: float
    cold: float
    samples: tuple[float, ...]


def measure(
    servable: Servable,
    latency: Latency,
    device: str,
    precision: str = "fp32",
    *,
    clock: Clock = time.perf_counter,
    open: Open | None = None,
) -> Timing:
    """Time each backend x batch size x number of threads; rows are in ms, one call a sample.

    `clock` gives seconds; `open` stands in for that of every backend. Raises HarnessError where a
    backend is unavailable or fails: a batch that does not fit is never replaced by a smaller one.
    """
    measurements: list[Measurement] = []
    warnings: list[dict[str, str]] = []
    openers = {backend: open or _opener(backend) for backend in latency.backends}
    grid = itertools.product(latency.backends, latency.batch_sizes, latency.threads)
    for backend, batch, threads in grid:
        start = functools.partial(openers[backend], servable, device, precision, threads)
        images = np.random.default_rng(0).random((batch, *servable.shape), np.float32)
        with _naming(f"{backend} at batch {batch} on {device}"):
            calls = _time(start, images, latency, clock)
        where = {
            "backend": backend,
            "provider": calls.provider,
            "precision": precision,
            "batch": str(batch),
            "threads": str(threads),
        }
        measurements += _rows(calls, where, batch)
        warnings += _doubts(calls, f"{backend} at batch {batch} with threads {threads}")
    return Timing(measurements=tuple(measurements), warnings=tuple(warnings))


def _opener(name: str) -> Open:
    backend: Backend = shelf.load("backends", name)
    reason = backend.available()
    if reason is not None:
        raise HarnessError(f"[latency] backends must be available, got {name!r}: {reason}")
    return backend.open


@contextlib.contextmanager
def _naming(what: str) -> Iterator[None]:
    try:
        yield
    except HarnessError:
        raise
    except Exception as error:
        found = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise HarnessError(
            f"{what} must answer, got {found}; change [latency] batch_sizes or backends"
        ) from error


def _time(start: Callable[[], Session], images: Any, latency: Latency, clock: Clock) -> Calls:
    start().close()  # the library's import and the disk's cache are no part of `load`
    began = clock()
    session = start()
    load = clock() - began
    call = functools.partial(_seconds, functools.partial(session.run, images), clock)
    with contextlib.closing(session):
        cold = call()
        _repeat(call, clock, _warm)
        with _no_garbage_collection():
            samples = _repeat(call, clock, functools.partial(_enough, latency))
    return Calls(
        provider=session.provider,
        load=_ms(load),
        cold=_ms(cold),
        samples=tuple(map(_ms, _thinned(samples))),
    )


def _seconds(run: Callable[[], object], clock: Clock) -> float:
    began = clock()
    run()
    return clock() - began


def _repeat(
    call: Callable[[], float], clock: Clock, done: Callable[[int, float], bool]
) -> list[float]:
    times: list[float] = []
    began = clock()
    while not done(len(times), clock() - began):
        times.append(call())
    return times


def _warm(calls: int, seconds: float) -> bool:
    return calls >= WARM_UP_CALLS and seconds >= WARM_UP_SECONDS


def _enough(latency: Latency, calls: int, seconds: float) -> bool:
    if seconds >= max(10 * latency.seconds, 60.0):
        return calls >= FEWEST
    return seconds >= latency.seconds and calls >= max(latency.samples, FEWEST)


def _thinned(times: list[float]) -> list[float]:
    """Every k-th call: a record of a small model stays small, and still spans all the seconds."""
    return times[:: -(-len(times) // MOST)]


def _ms(seconds: float) -> float:
    return float(f"{seconds * 1e3:.6g}")


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _rows(calls: Calls, where: Where, batch: int) -> Iterator[Measurement]:
    row = functools.partial(Measurement, where=where, over="call", unit="ms", better="lower")
    yield row(metric="latency_load", value=calls.load, n=1)
    yield row(metric="latency_cold", value=calls.cold, n=1)
    p50, *tails = (_percentile(row, calls.samples, percent) for percent in (50, 90, 95, 99))
    yield dataclasses.replace(p50, samples=calls.samples)
    yield from tails
    yield _throughput(p50, batch)


def _percentile(
    row: Callable[..., Measurement], samples: Sequence[float], percent: int
) -> Measurement:
    n, fewest = len(samples), samples_needed(percent)
    row = functools.partial(row, metric=f"latency_p{percent}", n=n)
    if n < fewest:
        reason = f"needs at least {fewest} samples, got {n}"
        return row(value=None, status="undefined", reason=reason)
    ci = percentile_interval(samples, percent, LEVEL)
    return row(value=percentile(samples, percent), ci=ci, level=LEVEL, method=METHOD)


def _throughput(p50: Measurement, batch: int) -> Measurement:
    """Images a second at the median call, one call after the other; the interval is p50's."""
    fastest, median, slowest = (
        batch * 1e3 / milliseconds for milliseconds in (p50.ci[0], p50.value, p50.ci[1])
    )
    return dataclasses.replace(
        p50,
        metric="throughput",
        value=median,
        ci=(slowest, fastest),
        unit="images/s",
        better="higher",
    )


def _doubts(samples: Sequence[float], what: str) -> Iterator[dict[str, str]]:
    """Whether the calls drift (after hyperfine) or scatter (after torch.utils.benchmark)."""
    median = percentile(samples, 50)
    half = len(samples) // 2
    first, last = percentile(samples[:half], 50), percentile(samples[half:], 50)
    spread = (percentile(samples, 75) - percentile(samples, 25)) / median
    if abs(last / first - 1) > UNSTEADY:
        yield {
            "code": "unsteady-latency",
            "message": f"{what}: the median of the last half of the calls must be within "
            f"{UNSTEADY:.0%} of the first half's {first:.4g} ms, got {last:.4g} ms; "
            "let the machine settle, or raise [latency] seconds",
        }
    if spread > NOISY:
        yield {
            "code": "noisy-latency",
            "message": f"{what}: the interquartile range must be at most {NOISY:.0%} of the median "
            f"{median:.4g} ms, got {spread:.0%}; close other programs, or use fewer threads",
        }
