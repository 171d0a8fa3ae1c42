"""The time step: how long a model takes, on each backend, batch size and number of threads."""

import contextlib
import dataclasses
import functools
import itertools
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from harness import shelf
from harness.backends._stopwatch import Calls, Clock, time_session
from harness.contracts import Backend, Servable, Session
from harness.errors import HarnessError
from harness.record import Measurement
from harness.statistics.quantiles import METHOD, percentile, percentile_interval, samples_needed
from harness.suite import Latency

Open = Callable[[Servable, str, str, int], Session]

LEVEL = 0.95
UNSTEADY, NOISY = 0.02, 0.25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The rows, and what makes one doubt them: a `code` and a `message` each."""

    measurements: tuple[Measurement, ...]
    warnings: tuple[dict[str, str], ...]


def measure(
    servable: Servable,
    latency: Latency,
    device: str,
    precision: str = "fp32",
    *,
    clock: Clock = time.perf_counter,
    open: Open | None = None,
) -> Timing:
    """Time each backend x batch size x number of threads, on the same random images in [0, 1).

    `clock` gives seconds; `open` stands in for that of every backend. Raises HarnessError where a
    backend is unavailable or fails: a batch that does not fit is never replaced by a smaller one.
    """
    measurements: list[Measurement] = []
    warnings: list[dict[str, str]] = []
    openers = {backend: open or _opener(backend) for backend in latency.backends}
    grid = itertools.product(latency.backends, latency.batch_sizes, latency.threads)
    for backend, batch, threads in grid:
        start = functools.partial(openers[backend], servable, device, precision, threads)
        what = f"{backend} at batch {batch}, threads {threads}"
        with _naming(what):
            images = np.random.default_rng(0).random((batch, *servable.shape), np.float32)
            calls = time_session(start, images, latency, clock)
        where = {
            "backend": backend,
            "provider": calls.provider,
            "precision": precision,
            "batch": str(batch),
            "threads": str(threads),
        }
        measurements += _rows(calls, where)
        warnings += _doubts(calls.samples, what)
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
            f"{what} must answer, got {found}; change backends or batch_sizes in [latency]"
        ) from error


def _rows(calls: Calls, where: dict[str, str]) -> Iterator[Measurement]:
    row = functools.partial(Measurement, where=where, over="call", unit="ms", better="lower")
    yield row(metric="latency_load", value=calls.load, n=1)
    yield row(metric="latency_cold", value=calls.cold, n=1)
    p50, *tails = (_percentile(row, calls.samples, percent) for percent in (50, 90, 95, 99))
    yield dataclasses.replace(p50, samples=calls.samples)
    yield from tails
    yield _throughput(row, calls.samples, int(where["batch"]))


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


def _throughput(
    row: Callable[..., Measurement], samples: Sequence[float], batch: int
) -> Measurement:
    """Images a second, one median call after the other; the interval is that of the median."""
    interval = percentile_interval(samples, 50, LEVEL)
    return row(
        metric="throughput",
        value=batch * 1e3 / percentile(samples, 50),
        ci=interval and tuple(batch * 1e3 / bound for bound in reversed(interval)),
        level=LEVEL,
        method=METHOD,
        n=len(samples),
        unit="images/s",
        better="higher",
    )


def _doubts(samples: Sequence[float], what: str) -> Iterator[dict[str, str]]:
    """Whether the calls drift, or scatter more than torch.utils.benchmark believes in."""
    half = len(samples) // 2
    first, last, median = (
        percentile(part, 50) for part in (samples[:half], samples[half:], samples)
    )
    spread = (percentile(samples, 75) - percentile(samples, 25)) / median
    if abs(last - first) > UNSTEADY * first:
        yield {
            "code": "unsteady-latency",
            "message": f"{what}: the median of the last half of the calls must be within "
            f"{UNSTEADY:.0%} of the first half's {first:.4g} ms, got {last:.4g} ms; "
            "let the machine settle, or raise seconds in [latency]",
        }
    if spread > NOISY:
        yield {
            "code": "noisy-latency",
            "message": f"{what}: the interquartile range of the calls must be at most {NOISY:.0%} "
            f"of their median {median:.4g} ms, got {spread:.0%}; close other programs, "
            "or ask for fewer threads in [latency]",
        }
