"""The margins of shipped suites are no smaller than what their data can show."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from harness import reading, truth
from harness.baselines import accepted
from harness.cases import SHIPPED
from harness.compare import difference, with_scores
from harness.plan import Run
from harness.predictions import Predictions
from harness.samples import Samples
from harness.trial import LEVEL

BASELINES = Path(__file__).parent.parent / "baselines"
DATA = os.environ.get("HARNESS_DATA")


def unscored(samples: Samples) -> Predictions:
    """The test cases, with a model's scores to come."""
    n, classes = len(samples), len(samples.classes)
    return Predictions(
        classes=samples.classes,
        id=samples.ids,
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        y_true=samples.targets,
        probability=np.full((n, classes), 1 / classes),
        decision=np.zeros(n, np.int64),
        subject=samples.subjects,
    )


@pytest.mark.skipif(DATA is None, reason="needs HARNESS_DATA")
def test_liquid3d_asks_for_no_more_than_two_seeds_of_a_network_can_show() -> None:
    suite = reading.load("liquid3d")
    [gate] = [gate for gate in suite.gates if gate.margin is not None]
    family = len(suite.datasets) * len(suite.models)
    table = unscored(truth.cases(suite.datasets["adrenal"], "test", Path(str(DATA))))
    spec = next(metric for metric in suite.metrics if metric.name == gate.metric)
    found = []
    for model in suite.models:
        run = Run(suite="liquid3d", dataset="adrenal", model=model, device="cpu", seed=0)
        sides = [with_scores(table, one, 0.5) for one in accepted(BASELINES, run).values()]
        for a, b in itertools.combinations(sides, 2):
            apart = difference(spec, [a], [b], suite.policy.interval)
            assert not isinstance(apart, str)
            found.append(apart.detectable(0.0, LEVEL / family))
    resolutions = [each for each in found if each is not None]
    assert len(resolutions) == len(found) >= 6
    assert max(resolutions) <= gate.margin
    assert round(max(resolutions), 3) == 0.081
