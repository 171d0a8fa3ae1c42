"""Labels: those that are no class, and those that contradict each other on identical images."""

from collections.abc import Iterator

import numpy as np

from harness.audit.collected import Collected
from harness.audit.finding import Finding, count, some


def labels(data: Collected) -> Iterator[Finding]:
    """Class indices that no class has, and cases of kind multilabel without any label."""
    if data.masks is not None:
        return
    several = data.targets.ndim == 2
    highest = 1 if several else len(data.classes) - 1
    off = (data.targets < 0) | (data.targets > highest)
    rows = np.flatnonzero(off.any(axis=1) if several else off)
    if len(rows):
        got = sorted(set(data.targets[off].tolist()))
        yield out_of_range(
            data.named(rows), f"0 to {highest}", [str(each) for each in got], len(rows)
        )
    if several and not len(rows):
        bare = np.flatnonzero(data.targets.sum(axis=1) == 0)
        if len(bare):
            yield Finding(
                severity="note",
                code="no-label",
                message=f"{count(len(bare), 'case has', 'cases have')} none of the "
                f"{len(data.classes)} labels",
                cases=data.named(bare),
            )


def out_of_range(cases: tuple[str, ...], known: str, got: list[str], n: int) -> Finding:
    """Of `n` cases whose labels are none of those known."""
    return Finding(
        severity="fault",
        code="label-out-of-range",
        message=f"{count(n, 'label is', 'labels are')} none of {known}: {some(got)}; mend or "
        "declare them",
        cases=cases,
    )
