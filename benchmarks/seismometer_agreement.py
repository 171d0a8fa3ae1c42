"""Seismometer's numbers and the harness's on simulated scores: squeezed near 0, or too sure.

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

SCORES = ((1.0, 1), (0.2, 1), (0.02, 1), (0.002, 1), (1.0, 2.5), (1.0, 6), (1.0, 12))
"""The largest score, about, and what the logits are multiplied by before."""


def simulated(n: int, squeeze: float, steep: float, folder: Path) -> Project:
    """Two classes and two groups; decided in the middle of the scores."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=n)
    score = squeeze / (1 + np.exp(-steep * (2 * y - 1 + rng.normal(0, 1.4, n))))
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
    name = f"to-{squeeze:g}-by-{steep:g}"
    made = project(table, folder / name, name, Policy(threshold=threshold))
    write(made)
    return made


def main() -> None:
    """A line each: both AUROCs of all cases, and the largest difference of any number."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with tempfile.TemporaryDirectory() as place:
        projects = [simulated(n, *scores, Path(place)) for scores in SCORES]
        answers = drawing.ask(projects, lambda made: None)
        print("scores up to  logits by  within 1e-5 of ends  harness  seismometer  numbers  apart")
        for (squeeze, steep), made, answer in zip(SCORES, projects, answers, strict=True):
            [target] = made.targets
            p = made.table.probability[:, target.k]
            ends = np.mean((p < 1e-5) | (p > 1 - 1e-5))
            ours = made.ours(target, EVERYBODY)["AUROC"]
            theirs = answer["targets"][0]["numbers"][0]["AUROC"]
            largest, count = apart(made, answer)
            print(
                f"{squeeze:>12g}  {steep:>9g}  {ends:>19.1%}  {ours:>7.5f}  {theirs:>11.5f}  "
                f"{count:>7}  {largest:.2g}"
            )


if __name__ == "__main__":
    main()
