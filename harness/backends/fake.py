"""A backend that answers 0.5 at once, and a clock that says it took as long as scripted.

For exact tests of what is made of durations, and for dry runs:

    clock = FakeClock()
    measure(servable, latency, "cpu", clock=clock.now, open=script(clock, load=0.2, calls=(0.001,)))

Its rows say provider "fake", and `available` refuses it to suites, so no record holds it unawares.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Servable


@dataclasses.dataclass
class FakeClock:
    """Time in seconds that passes only when told to."""

    time: float = 0.0

    def now(self) -> float:
        """The time, as `time.perf_counter` would give it."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds


@dataclasses.dataclass
class FakeSession:
    """Each run takes the next of `durations`, in seconds."""

    clock: FakeClock
    durations: Iterator[float]
    provider: str = "fake"

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, *shape) -> (n, 1), all 0.5."""
        self.clock.advance(next(self.durations))
        return np.full((len(batch), 1), 0.5, np.float32)

    def close(self) -> None:
        """Nothing is held."""


def script(
    clock: FakeClock, *, load: float = 0.1, cold: float = 0.01, calls: Sequence[float] = (0.001,)
) -> Callable[[Servable, str, str, int], FakeSession]:
    """An `open` whose sessions take `load`, for the first run `cold`, then `calls` in a circle.

    All in seconds; each session starts anew.
    """

    def opener(servable: Servable, device: str, precision: str, threads: int) -> FakeSession:
        clock.advance(load)
        return FakeSession(clock, itertools.chain((cold,), itertools.cycle(calls)))

    return opener


CLOCK = FakeClock()
"""What the sessions of `open` advance."""


def available() -> str | None:
    """Never: it measures no model."""
    return "fake is for tests and dry runs; it measures no model"


def open(servable: Servable, device: str, precision: str, threads: int) -> FakeSession:
    """A session on `CLOCK` with the durations that `script` has by default."""
    return script(CLOCK)(servable, device, precision, threads)
