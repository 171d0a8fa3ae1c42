"""How often the latency gate is wrong: its own rule on simulated processes.

    OMP_NUM_THREADS=1 python benchmarks/latency_gate.py [REPETITIONS]

Prints the table of docs/latency-gate.md, a line a scenario: the shares of 4,000 checks (or of as
many as asked for) in which the first gate got each verdict, and in which any gate of the check
regressed. Each process gives one value, log-normal around the truth; of several gates all but the
first compare a file with itself. The last column is what the same rule would call regressed if it
took the quotient of the two medians instead of Hodges and Lehmann's ratio.
"""

import dataclasses
import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.slowdown import Times, trial
from harness.statistics.shift import noise
from harness.trial import LEVEL, settled

REPETITIONS = 4_000
STATUSES = ("regressed", "improved", "ok", "inconclusive")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The head takes `slower` times as long; `spread` is the deviation of the logarithms."""

    slower: float
    ratio: float = 1.10
    processes: int = 9
    gates: int = 1
    spread: float = 0.05


SCENARIOS = (
    Scenario(slower=1.0),
    Scenario(slower=1.0, ratio=1.0),
    Scenario(slower=1.0, ratio=1.0, gates=20),
    Scenario(slower=1.15),
    Scenario(slower=1.15, gates=20),
    Scenario(slower=1.15, processes=15),
    Scenario(slower=1.10),
    Scenario(slower=1.05),
    Scenario(slower=0.85),
    Scenario(slower=2.0, processes=5),
    Scenario(slower=2.0, gates=20),
    Scenario(slower=1.0, spread=0.15),
    Scenario(slower=1.15, spread=0.15),
)


def shares(scenario: Scenario, repetitions: int, seed: int = 0) -> dict[str, float]:
    """Of each status of the first gate, of `any` gate regressed, and by `medians`; in 0 to 1."""
    counts = dict.fromkeys((*STATUSES, "any", "medians"), 0)
    for times in _checks(scenario, repetitions, seed):
        found = settled([trial("p50", "model", each, scenario.ratio) for each in times])
        counts[found[0].status] += 1
        counts["any"] += any(verdict.status == "regressed" for verdict in found)
        plain = float(np.median(times[0].head) / np.median(times[0].base))
        above = plain > max(scenario.ratio, noise(times[0].base))
        counts["medians"] += above and (found[0].p or 0.0) <= LEVEL
    return {name: count / repetitions for name, count in counts.items()}


def _checks(scenario: Scenario, repetitions: int, seed: int) -> Iterator[list[Times]]:
    rng = np.random.default_rng(seed)

    def values(slower: float) -> NDArray[np.float64]:
        scatter = rng.normal(0.0, scenario.spread, scenario.processes)
        return np.asarray(10 * slower * np.exp(scatter))

    for _ in range(repetitions):
        factors = [scenario.slower] + [1.0] * (scenario.gates - 1)
        yield [Times(base=values(1.0), head=values(factor)) for factor in factors]


def main() -> None:
    """The table, in Markdown."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else REPETITIONS
    print(
        "| Head takes | Ratio | Noise | Processes | Gates | Regressed | Improved | OK |"
        " Inconclusive | Any regressed | By medians |"
    )
    print("|---:" * 11 + "|")
    for one in SCENARIOS:
        found = shares(one, repetitions)
        shown = " | ".join(f"{share:.1%}" for share in found.values())
        print(
            f"| {one.slower:.2f} | {one.ratio:.2f} | {one.spread:.0%} | {one.processes} |"
            f" {one.gates} | {shown} |"
        )


if __name__ == "__main__":
    main()
