"""Seismometer's numbers and the harness's on simulated scores, from wide to squeezed near 0.

`python benchmarks/seismometer_agreement.py [CASES]`, with the extra `seismometer`.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from harness.cases import SHIPPED
from harness.predictions import Predictions, decide
from harness.seismometry import drawing
from harness.seismometry.page import apart
from harness.seismometry.project import EVERYBODY, Project, project, write
from harness.suite import Policy

SQUEEZES = (1.0, 0.2, 0.02, 0.002)
"""The largest score, about."""


def simulated(n: int, squeeze: float, folder: Path) -> Project:
    """Two classes and two groups; decided in the middle of the scores."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=n)
    score = squeeze / (1 + np.exp(-(2 * y - 1 + rng.normal(0, 1.4, n))))
    probability = np.stack([1 - score, score], axis=1)
    threshold = 0.5 * squeeze
    table = Predictions(
        classes=("healthy", "ill"),
        id=np.arange(n).astype(str),
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        groups={"sex": np.where(rng.random(n) < 0.5, "F", "M")},
        y_true=y,
        probability=probability,
        decision=decide(probability, "nominal", threshold),
    )
    name = f"squeezed-{squeeze:g}"
    made = project(table, folder / name, name, Policy(threshold=threshold))
    write(made)
    return made


def main() -> None:
    """A line a squeeze: both AUROCs of all cases, and the largest difference of any number."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with tempfile.TemporaryDirectory() as place:
        projects = [simulated(n, squeeze, Path(place)) for squeeze in SQUEEZES]
        answers = drawing.ask(projects, lambda made: None)
        print(f"{'scores up to':>12}  {'harness':>8}  {'seismometer':>11}  numbers  largest apart")
        for squeeze, made, answer in zip(SQUEEZES, projects, answers, strict=True):
            [target] = made.targets
            ours = made.ours(target, EVERYBODY)["AUROC"]
            theirs = answer["targets"][0]["numbers"][0]["AUROC"]
            largest, count = apart(made, answer)
            print(f"{squeeze:>12g}  {ours:>8.5f}  {theirs:>11.5f}  {count:>7}  {largest:.2g}")


if __name__ == "__main__":
    main()
