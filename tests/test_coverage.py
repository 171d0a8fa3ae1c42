"""Intervals hold the truth as often as they say: a smaller number of docs/intervals.md."""

import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import coverage_of_intervals as simulation
from populations import METRICS

NUMBER = 300
LOW, HIGH = 0.915, 0.99  # three standard errors of 300 around the 92.5 to 98 % that must hold


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("subjects", "images"), [(50, 1), (50, 10), (150, 2)])
def test_a_95_percent_interval_holds_the_truth(metric: str, subjects: int, images: int) -> None:
    drawn = simulation.samples(NUMBER, subjects, images, seed=1)
    truth = METRICS[metric][0]
    assert LOW <= simulation.covered(partial(simulation.ours, metric), truth, drawn) <= HIGH


def test_images_taken_for_independent_do_not() -> None:
    """That the simulation can tell."""
    drawn = simulation.samples(100, 50, 10, seed=1)
    assert simulation.covered(partial(simulation.wald, "accuracy"), 0.8, drawn) < 0.8
