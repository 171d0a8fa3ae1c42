"""Subjects on both sides: what is known of a person in training is asked again in test."""

from collections.abc import Iterator

import numpy as np

from harness.audit.collected import Collected
from harness.audit.finding import Finding, count, some


def subjects(data: Collected) -> Iterator[Finding]:
    """Those with cases in several splits; a note where the data names nobody."""
    if data.subjects is None:
        yield Finding(
            severity="note",
            code="no-subjects",
            message="the data names no subjects, so whether one is in two splits cannot be seen, "
            "and intervals are over images",
        )
        return
    pairs = np.unique(np.stack([data.subjects, data.split]), axis=1)
    names, times = np.unique(pairs[0], return_counts=True)
    both = names[times > 1]
    if len(both):
        rows = np.flatnonzero(np.isin(data.subjects, both))
        where = [f"{who} in {' and '.join(_splits(data, who))}" for who in both.tolist()]
        yield Finding(
            severity="leak",
            code="leak-subject",
            message=f"{count(len(both), 'subject is', 'subjects are')} in more than one split, "
            f"with {count(len(rows), 'case')}: {some(where)}; keep each in one",
            cases=data.named(rows),
        )


def _splits(data: Collected, who: str) -> list[str]:
    held = set(data.split[data.subjects == who].tolist())
    return [name for name in data.splits if name in held]
