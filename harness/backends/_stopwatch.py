"""Raw times of one session: opening, the first call, a warm-up that is thrown away, the samples.

A call takes a batch from the host's memory and brings the answer back to it.
"""

import contextlib
import dataclasses
import functools
import gc
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Session
from harness.statistics.quantiles import samples_needed
from harness.suite import Latency

Clock = Callable[[], float]

WARM_UP_CALLS, WARM_UP_SECONDS = 10, 1.0
FEWEST, MOST = samples_needed(50), 2_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Times in ms, to 6 significant digits; `samples` in the order of the calls.

    `samples` has at most `MOST` values: of more calls every k-th is kept, so that the record of a
    fast model stays small and still spans all the seconds.
    """

    provider: str
    load: float
    cold: float
    samples: tuple[float, ...]


def time_session(
    start: Callable[[], Session], images: NDArray[np.float32], latency: Latency, clock: Clock
) -> Calls:
    """Open by `start`, and call with `images`, float32 (batch, *shape), until there is enough.

    Enough are `latency.samples` calls and `latency.seconds`; or, after ten times that (a minute at
    the least), what there is, but never fewer calls than a median needs. `clock` gives seconds.
    """
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
    every_kth = samples[:: -(-len(samples) // MOST)]
    return Calls(
        provider=session.provider,
        load=_ms(load),
        cold=_ms(cold),
        samples=tuple(map(_ms, every_kth)),
    )


def _seconds(run: Callable[[], object], clock: Clock) -> float:
    began = clock()
    run()
    return clock() - began


def _ms(seconds: float) -> float:
    return float(f"{seconds * 1e3:.6g}")


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
