"""Two ONNX files timed in turns: base and head in one job, each time in a fresh process.

`python -m harness.duel` is such a process: it reads what to time as JSON, and prints what it found.
"""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.backends._stopwatch import Clock
from harness.contracts import Servable
from harness.errors import HarnessError
from harness.latency import Open, measure
from harness.suite import Latency

COMMAND: Sequence[str] = (sys.executable, "-m", "harness.duel")
SECONDS = 1.0
"""Of calls in one process: as many processes tell more than as much longer ones would."""
PATIENCE = 3600
"""Seconds after which a process that has not answered never will."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What both files are asked, and how long each process calls: the protocol of the time step."""

    device: str
    backend: str
    provider: str
    precision: str
    batch: int
    threads: int
    samples: int
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Of one process: a value for each latency metric that has one; or the fault, a sentence."""

    values: Mapping[str, float] = dataclasses.field(default_factory=dict)
    fault: str | None = None


Ask = Callable[[Path, Terms], Answer]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """The answers of each side in the order of time, as many of the one as of the other."""

    base: tuple[Answer, ...]
    head: tuple[Answer, ...]


def fight(
    base: Path, head: Path, terms: Terms, *, processes: int, ask: Ask, say: Callable[[str], None]
) -> Duel:
    """Time both files `processes` times: base head, head base, base head, ...

    So neither side is always the first, and a drift of the machine meets both alike. After a fault
    nothing more is asked.
    """
    found: list[tuple[Answer, Answer]] = []
    for turn in range(processes):
        if turn % 2 == 0:
            then, now = ask(base, terms), ask(head, terms)
        else:
            now, then = ask(head, terms), ask(base, terms)
        found.append((then, now))
        say(f"turn {turn + 1}/{processes}  base {_told(then)}  head {_told(now)}")
        if then.fault or now.fault:
            break
    return Duel(base=tuple(then for then, _ in found), head=tuple(now for _, now in found))


def _told(answer: Answer) -> str:
    return "failed" if answer.fault else f"{answer.values['latency_p50']:.4g} ms"


def ask(file: Path, terms: Terms) -> Answer:
    """Time `file` in a fresh process. A process that ends otherwise than with an answer failed."""
    asked = json.dumps({"file": str(file), "terms": dataclasses.asdict(terms)})
    try:
        done = subprocess.run(
            COMMAND, input=asked, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Answer(fault=f"no answer within {PATIENCE} seconds")
    try:
        return Answer(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, TypeError, ValueError):
        last = (done.stderr.strip().splitlines() or ["silent"])[-1]
        return Answer(fault=f"the process ended with code {done.returncode}: {last}")


def timed(
    file: Path, terms: Terms, *, clock: Clock = time.perf_counter, open: Open | None = None
) -> Answer:
    """Time `file` in this process, with `clock` and `open` as `latency.measure` takes them."""
    asked = Latency(
        backends=(terms.backend,),
        batch_sizes=(terms.batch,),
        threads=(terms.threads,),
        seconds=terms.seconds,
        samples=terms.samples,
    )
    try:
        servable = Servable(onnx=file, shape=_shape(file))
        timing = measure(servable, asked, terms.device, terms.precision, clock=clock, open=open)
    except HarnessError as error:
        return Answer(fault=str(error))
    [provider] = {row.where["provider"] for row in timing.measurements}
    if provider != terms.provider:
        return Answer(fault=f"{file.name} must run on {terms.provider}, got {provider}")
    rows = timing.measurements
    return Answer(values={row.metric: row.value for row in rows if row.value is not None})


def _shape(file: Path) -> tuple[int, ...]:
    """Of one image, as the file declares its input. Raises HarnessError where it does not."""
    import onnx

    try:
        graph = onnx.load(str(file), load_external_data=False).graph
        stored = {tensor.name for tensor in graph.initializer}
        [image] = [value for value in graph.input if value.name not in stored]
    except Exception as error:  # protobuf raises its own undocumented types
        found = str(error).replace(str(file), file.name).partition("\n")[0]
        raise HarnessError(
            f"{file.name} must be an ONNX file with one input, got: {found}; run it again"
        ) from None
    shape = tuple(dim.dim_value for dim in image.type.tensor_type.shape.dim[1:])
    if not shape or 0 in shape:
        raise HarnessError(f"{file.name} must have an input of fixed shape, got {shape}")
    return shape


def main() -> None:
    """One question on stdin, one answer as the last line of stdout."""
    asked: dict[str, Any] = json.load(sys.stdin)
    print(json.dumps(dataclasses.asdict(timed(Path(asked["file"]), Terms(**asked["terms"])))))


if __name__ == "__main__":
    main()
