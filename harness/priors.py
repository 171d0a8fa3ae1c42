"""Priors: shares of the classes as a model was trained on, and as they come; what is between."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.calibrate import FEWEST, Array, Link, Unfit


def shares(targets: NDArray[np.int64], classes: int) -> tuple[float, ...]:
    """Of the cases, the share of each class, or of those with each label."""
    one = targets if targets.ndim == 2 else targets[:, None] == np.arange(classes)
    found: list[float] = np.mean(one == 1, axis=0).tolist()
    return tuple(found)


def offset(
    trained: Sequence[float], natural: Sequence[float], link: Link, outputs: int
) -> tuple[float, ...]:
    """What is added to logits of a model `trained` on other shares than the `natural` ones.

    Probabilities of classes are multiplied by natural / trained and divided by their sum (Saerens,
    Latinne and Decaestecker, Neural Computation 2002; Elkan, IJCAI 2001); of a sigmoid the odds
    are, by the ratio of the odds. Raises Unfit where a class has no share, or all.
    """
    for name, known in (("val", natural), ("training", trained)):
        if not all(0 < share < 1 for share in known):
            raise Unfit(f"{name} must have cases of every class, got shares {_listed(known)}")
    now, then = (_logs(np.array(known), link) for known in (natural, trained))
    found: list[float] = (now - then)[-outputs:].astype(np.float32).tolist()
    return tuple(found)


def enough(n: int) -> None:
    """Raises Unfit where `n` cases of val are too few for their shares."""
    fewest = FEWEST["temperature"]
    if n < fewest:
        raise Unfit(f"val must have {fewest} cases or more for it, got {n}")


def _logs(known: Array, link: Link) -> Array:
    """Logarithms of shares, or of their odds."""
    logs: Array = np.log(known) - (np.log1p(-known) if link == "sigmoid" else 0.0)
    return logs


def _listed(known: Sequence[float]) -> str:
    return ", ".join(f"{share:.3g}" for share in known)
