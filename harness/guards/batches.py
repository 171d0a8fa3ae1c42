"""Answers that depend on what else is in the batch, so that one case alone gets another."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.guards.evidence import Array, Doubt, doubt
from harness.predict import Model, widen
from harness.predictions import decide
from harness.samples import Samples

CASES = 16
TOLERANCE = 1e-5
"""Of a probability: what the order of additions in float32 may change."""


def batch_dependence(model: Model, samples: Samples, threshold: float) -> Iterator[Doubt]:
    """The same cases in one batch, in a batch the other way round, and one by one.

    Recurrence over the batch axis does that, and batch norm that was left in training.
    """
    index = np.unique(np.linspace(0, len(samples) - 1, min(CASES, len(samples))).astype(np.int64))
    if len(index) < 2:
        return
    images = samples.batch(index)
    answers = [
        np.concatenate([model(image[None]) for image in images]),
        model(images),
        model(images[::-1].copy())[::-1],
    ]
    alone, *together = [_wide(answer, samples) for answer in answers]
    apart = max(float(np.abs(batch - alone).max()) for batch in together)
    if apart <= TOLERANCE:
        return
    decided = decide(alone, samples.kind, threshold)
    flips = max(_flips(decide(batch, samples.kind, threshold), decided) for batch in together)
    yield doubt(
        "batch-dependence",
        f"the answer to a case depends on the others in its batch: of {len(index)} cases, in one"
        f" batch or one by one, a probability differs by up to {apart:.2g} and {flips} decisions"
        " flip; look for recurrence or a mean over the batch axis, or export in eval mode",
    )


def _wide(answer: NDArray[np.float32], samples: Samples) -> Array:
    return widen(answer.astype(np.float64), len(samples.classes), samples.kind)


def _flips(batch: NDArray[np.int64], alone: NDArray[np.int64]) -> int:
    return int((batch != alone).reshape(len(batch), -1).any(axis=1).sum())
