"""Duplicates: images that are there twice, bit by bit, or re-encoded, flipped, or moved by a pixel.

Images that show nothing are left out: of these `intensities` speaks. Of what is there bit by bit
more than once the first alone is held against the others.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.audit.aligned import correlation, likeness
from harness.audit.collected import Collected, Texts
from harness.audit.finding import Finding, count, some
from harness.audit.spectra import neighbours

ALIKE = 0.94
"""Two images are one from this likeness on, which leaves out what all of a set have in common."""
LOOK = 0.8
"""As it is first estimated, for large images."""
SAME = 0.94
"""And from this correlation of their pixels on."""
LEAST = 64
"""Images of fewer pixels are held to be one only bit by bit: by chance they are much alike."""

WORDS = {
    "duplicate": "one image bit by bit",
    "near-duplicate": "one image re-encoded, flipped or moved, it seems",
    "duplicate-mask": "one mask of two images",
}
"""What a pair is, by the code."""

Pairs = Sequence[tuple[int, int, float]]
"""Two rows, and how their images correlate."""


def duplicates(data: Collected) -> Iterator[Finding]:
    """Within a split and across splits, and labels that contradict each other on one image."""
    if data.images is None:
        return
    shown = np.flatnonzero(~data.images.blank & data.images.finite)
    twins, firsts = _twins(data.images.digest, shown)
    large = data.images.small[0].size >= LEAST
    alike = near(data, firsts) if large else []
    if not large:
        yield Finding(
            severity="note",
            code="few-pixels",
            message=f"images have {count(data.images.small[0].size, 'pixel')}, too few to tell one "
            f"that was re-encoded, flipped or moved: of {LEAST} or more that is looked for",
        )
    yield from _told(data, twins, "duplicate")
    yield from _told(data, alike, "near-duplicate")
    yield from _contradictions(data, twins, alike)
    if data.masks is not None:
        drawn = np.flatnonzero(data.masks.ml.sum(axis=1) > 0)
        same = _twins(data.masks.digest, drawn)[0]
        apart = [each for each in same if data.images.digest[each[0]] != _digest(data, each[1])]
        yield from _told(data, apart, "duplicate-mask")


def _digest(data: Collected, row: int) -> str:
    return "" if data.images is None else str(data.images.digest[row])


def _twins(digests: Texts, rows: NDArray[np.int64]) -> tuple[Pairs, NDArray[np.int64]]:
    """Of these rows, each that is there before, with the first one; and all that are first."""
    firsts: dict[str, int] = {}
    pairs = []
    for row in rows.tolist():
        first = firsts.setdefault(str(digests[row]), row)
        if first != row:
            pairs.append((first, row, 1.0))
    return pairs, np.array(list(firsts.values()), dtype=np.int64)


def near(data: Collected, rows: NDArray[np.int64]) -> Pairs:
    """Pairs of these rows, no two of them the same, whose images are one; the surest first."""
    images = data.images
    if images is None or len(rows) < 2:
        return []
    small = images.small[rows]
    axes = tuple(range(1, small.ndim))
    seen = small.max(axis=axes) > small.min(axis=axes)
    rows, small = rows[seen], small[seen]
    pairs, found = neighbours(small), np.empty(0)
    for least, exact in ((LOOK, False), (ALIKE, True)):
        if not len(pairs):
            return []
        asked = likeness(small, pairs, images.step, exact=exact)
        r = np.zeros(len(pairs))
        for k in np.flatnonzero(asked.value >= least):
            a, b = pairs[k]
            r[k] = correlation(small[a], small[b], asked.moves[int(asked.move[k])])
        order = np.argsort(-asked.value, kind="stable")
        order = order[r[order] >= SAME]
        pairs, found = pairs[order], r[order]
    first, second = rows[pairs].T.tolist()
    return list(zip(first, second, found.tolist(), strict=True))


def _told(data: Collected, pairs: Pairs, code: str) -> Iterator[Finding]:
    """Those of two splits as a leak, but for masks, and those of one as a warning."""
    what, leaks = WORDS[code], code != "duplicate-mask"
    across = [pair for pair in pairs if data.split[pair[0]] != data.split[pair[1]]]
    within = [pair for pair in pairs if data.split[pair[0]] == data.split[pair[1]]]
    if across:
        todo = "keep each in one split, or once" if leaks else "look at them"
        yield Finding(
            severity="leak" if leaks else "warning",
            code=f"leak-{code}" if leaks else code,
            message=f"{count(len(across), 'pair')} across splits, {what}: "
            f"{_listed(data, across)}; {todo}",
            **_cases(data, across),
        )
    if within:
        yield Finding(
            severity="warning",
            code=code,
            message=f"{count(len(within), 'pair')} within a split, {what}{_of_one(data, within)}: "
            f"{_listed(data, within)}; each counts twice",
            **_cases(data, within),
        )


def _listed(data: Collected, pairs: Pairs) -> str:
    return some([f"{data.ids[a]} = {data.ids[b]}" for a, b, _ in pairs])


def _of_one(data: Collected, pairs: Pairs) -> str:
    """How many pairs are of one subject each, where the data names any."""
    if data.subjects is None:
        return ""
    n = sum(data.subjects[a] == data.subjects[b] for a, b, _ in pairs)
    return f" ({n:,} of one subject)"


def _cases(data: Collected, pairs: Pairs) -> dict[str, Any]:
    rows = sorted({row for a, b, _ in pairs for row in (a, b)})
    told = tuple((str(data.ids[a]), str(data.ids[b]), r) for a, b, r in pairs)
    return {"cases": data.named(rows), "pairs": told}


def _contradictions(data: Collected, twins: Pairs, alike: Pairs) -> Iterator[Finding]:
    """One image, two answers."""
    if data.masks is not None:
        return
    for pairs, code, what in (
        (twins, "contradiction", "one image"),
        (alike, "near-contradiction", "what seems to be one image"),
    ):
        apart = [pair for pair in pairs if data.label(pair[0]) != data.label(pair[1])]
        if apart:
            told = [
                f"{data.ids[a]} {data.label(a)!r} = {data.ids[b]} {data.label(b)!r}"
                for a, b, _ in apart
            ]
            yield Finding(
                severity="fault" if pairs is twins else "warning",
                code=code,
                message=f"{count(len(apart), 'pair')} of {what} with two labels: "
                f"{some(told)}; no model can be right of both",
                **_cases(data, apart),
            )
