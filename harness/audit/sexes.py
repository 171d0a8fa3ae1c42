"""Codes of sex that nobody knows, that mean the same, or that change within a subject."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from harness.audit.collected import Collected
from harness.audit.finding import Finding, count, some
from harness.audit.words import is_unknown, quoted, tally, words

CODES = {
    **dict.fromkeys(("f", "female", "w", "woman", "women"), "female"),
    **dict.fromkeys(("m", "male", "man", "men"), "male"),
    **dict.fromkeys(("o", "other", "x", "diverse", "intersex"), "other"),
}
"""In small letters; F, M and O are DICOM's (PS3.3, Patient's Sex)."""


def sexes(data: Collected) -> Iterator[Finding]:
    """Of each column whose name has the word sex or gender."""
    for name, column in data.columns.items():
        if not {"sex", "gender"} & set(words(name)):
            continue
        meant = np.array(
            [
                "" if is_unknown(text) else CODES.get(text.strip().lower(), "?")
                for text in column.tolist()
            ]
        )
        strange = np.flatnonzero(meant == "?")
        if len(strange):
            yield Finding(
                severity="fault",
                code="unknown-sex",
                message=f"{tally(len(strange), name, 'is no known code', 'are no known codes')}: "
                f"{quoted(data, name, strange)}; write F, M or O, or leave it empty",
                cases=data.named(strange),
            )
        for sex in ("female", "male", "other"):
            written = Counter(column[meant == sex].tolist())
            if len(written) > 1:
                several = [f"{text!r} {n:,}" for text, n in written.most_common()]
                yield Finding(
                    severity="warning",
                    code="several-codes",
                    message=f"{name!r} writes {sex} in {len(written)} ways: {some(several)}; they "
                    "are that many groups: write one",
                )
        yield from _changing(data, name, meant)


def _changing(data: Collected, name: str, meant: np.ndarray) -> Iterator[Finding]:
    """Subjects of two sexes."""
    if data.subjects is None:
        return
    told = meant != ""
    pairs = np.unique(np.stack([data.subjects[told], meant[told]]), axis=1)
    who, times = np.unique(pairs[0], return_counts=True)
    several = who[times > 1]
    if len(several):
        rows = np.flatnonzero(np.isin(data.subjects, several))
        yield Finding(
            severity="fault",
            code="changing-sex",
            message=f"{count(len(several), 'subject has', 'subjects have')} several values of "
            f"{name!r}: {some(several.tolist())}; mend them, or whom their cases are of",
            cases=data.named(rows),
        )
