"""Columns of metadata: what is not known, and what is no number where bands ask for one."""

from collections.abc import Iterator

import numpy as np

from harness.audit.collected import Collected
from harness.audit.finding import Finding
from harness.audit.words import is_unknown, quoted, tally


def columns(data: Collected) -> Iterator[Finding]:
    """Of each column that the suite names."""
    for name, column in data.columns.items():
        texts = column.tolist()
        empty = [row for row, text in enumerate(texts) if is_unknown(text)]
        worded = np.array([row for row in empty if texts[row].strip()], dtype=np.int64)
        if empty:
            yield Finding(
                severity="note",
                code="missing-value",
                message=f"{tally(len(empty), name, 'is not known', 'are not known')}, of "
                f"{len(data):,}",
                cases=data.named(empty),
            )
        if len(worded):
            kinds = sorted({texts[row] for row in worded.tolist()})
            yield Finding(
                severity="warning",
                code="word-for-unknown",
                message=f"{tally(len(worded), name, 'is', 'are')} {' or '.join(map(repr, kinds))}: "
                "it would count as a group; leave it empty",
                cases=data.named(worded),
            )
        if name in data.bands:
            yield from _no_numbers(data, name)


def _no_numbers(data: Collected, name: str) -> Iterator[Finding]:
    rows = np.array(
        [row for row, text in enumerate(data.columns[name].tolist()) if not _is_number(text)],
        dtype=np.int64,
    )
    if len(rows):
        yield Finding(
            severity="fault",
            code="no-number",
            message=f"{tally(len(rows), name, 'is no number', 'are no numbers')}, which its bands "
            f"in the suite ask for: {quoted(data, name, rows)}; no Run can read them",
            cases=data.named(rows),
        )


def _is_number(text: str) -> bool:
    """As the bands of a suite see it: empty is unknown."""
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True
