"""The best of several models looks better than it is: a sentence that says by how much."""

from harness.guards.evidence import Doubt, doubt


def best_of(k: int, gain: float, metric: str) -> Doubt | None:
    """Of the best of `k` models by a metric; None for one model.

    `gain` is how much too good it looks on average, were all equally good: see
    `statistics.maximum.inflation`.
    """
    if k < 2:
        return None
    return doubt(
        "best-of-k",
        f"the best of {k} models is ranked by the test cases that it is measured on: were all"
        f" equally good, its {metric} would still look {gain:.3f} better than it is; name a model"
        " by val, or measure the best on new cases",
    )
