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
    where: dict[str, set[str]] = {}
    for who, split in zip(data.subjects.tolist(), data.split.tolist(), strict=True):
        where.setdefault(who, set()).add(split)
    both = sorted(who for who, held in where.items() if len(held) > 1)
    if both:
        rows = np.flatnonzero(np.isin(data.subjects, both))
        told = [f"{who} in {' and '.join(_ordered(data, where[who]))}" for who in both]
        yield Finding(
            severity="leak",
            code="leak-subject",
            message=f"{count(len(both), 'subject is', 'subjects are')} in more than one split, "
            f"with {count(len(rows), 'case')}: {some(told)}; keep each in one",
            cases=data.named(rows),
        )


def _ordered(data: Collected, held: set[str]) -> list[str]:
    return [name for name in data.splits if name in held]
