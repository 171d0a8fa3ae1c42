"""Volumes and their masks, read one at a time: what an audit keeps of each."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.audit.collected import Array, Collected, Images, Masks
from harness.audit.finding import Finding, count, some
from harness.audit.images import digest
from harness.volumes import Case

SIDE = 28
"""Voxels along an edge of a small copy."""
LEVELS = 16
"""Heights at which it is asked which classes a slice shows."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Of one volume, as `Images` and `Masks` hold it of all."""

    id: str
    small: NDArray[np.float32]
    digest: str
    facts: tuple[float, float, float, float]
    spacing: tuple[float, ...]
    mask: str
    lesions: NDArray[np.int64]
    ml: Array
    slices: Array


def look(case: Case, classes: Sequence[str], *, flat: bool = False) -> Seen:
    """Everything that is kept of a case; its channels as one, and of a flat set its slices too."""
    mask = case.mask if case.mask is not None else np.zeros(case.image.shape[1:], dtype=np.uint8)
    values = case.image.astype(np.float64)
    return Seen(
        id=case.id,
        small=_small(values.mean(axis=(0, -1)) if flat else values.mean(axis=0)),
        digest=digest(case.image),
        facts=(float(values.mean()), float(values.std()), float(values.min()), float(values.max())),
        spacing=tuple(case.spacing),
        mask=digest(mask),
        lesions=np.array([_pieces(mask == k) for k in range(1, len(classes) + 1)], dtype=np.int64),
        ml=np.array([np.count_nonzero(mask == k) for k in range(1, len(classes) + 1)])
        * float(np.prod(case.spacing))
        / 1000,
        slices=_slices(mask, len(classes)),
    )


def _small(image: Array) -> NDArray[np.float32]:
    """(X, Y, Z) -> (28, 28, 28), (X, Y) -> (64, 64), whatever its size: linear between voxels.

    Blocks of whole voxels are averaged first, where there are more than two to one.
    """
    from scipy.ndimage import zoom  # type: ignore[import-untyped]

    from harness.audit.images import FLAT, small

    side = FLAT if image.ndim == 2 else SIDE
    blocks = small(image[None])[0][0] if max(image.shape) > 2 * side else image
    if blocks.ndim != image.ndim:  # one voxel deep
        blocks = image
    sides = [side / n for n in blocks.shape]
    found = zoom(blocks.astype(np.float32), sides, order=1, grid_mode=True, mode="nearest")
    return np.asarray(found, dtype=np.float32)


def _pieces(mask: NDArray[np.bool_]) -> int:
    """How many there are, by 26 neighbours."""
    from scipy.ndimage import label

    return int(label(mask, np.ones((3, 3, 3)))[1])


def _slices(mask: NDArray[np.uint8], classes: int) -> Array:
    """(levels, classes): the share of slices at a height that show a class."""
    depth = mask.shape[-1]
    found = np.full((LEVELS, classes), np.nan)
    if depth < 2:
        return found
    level = np.arange(depth) * LEVELS // depth
    for k in range(classes):
        there = (mask == k + 1).any(axis=(0, 1))
        many = np.bincount(level, minlength=LEVELS)
        with np.errstate(invalid="ignore"):
            found[:, k] = np.bincount(level, weights=there, minlength=LEVELS) / many
    return found


def together(seen: Sequence[Seen], **about: Any) -> Collected:
    """All of them as one table; `about` is the rest of it."""
    facts = np.array([each.facts for each in seen])
    small = np.stack([each.small for each in seen])
    ml = np.stack([each.ml for each in seen])
    return Collected(
        **about,
        targets=(ml > 0).astype(np.int64),
        kind="multilabel",
        images=Images(
            small=small,
            step=(1.0,) * (small.ndim - 1),
            digest=np.array([each.digest for each in seen]),
            mean=facts[:, 0],
            spread=facts[:, 1],
            low=facts[:, 2],
            high=facts[:, 3],
            finite=np.isfinite(facts).all(axis=1),
        ),
        masks=Masks(
            lesions=np.stack([each.lesions for each in seen]),
            ml=ml,
            digest=np.array([each.mask for each in seen]),
            slices=np.stack([each.slices for each in seen]),
        ),
        spacing=np.array([each.spacing for each in seen]),
    )


def masks(data: Collected) -> Iterator[Finding]:
    """Lesions and volumes by split, and cases without any."""
    if data.masks is None:
        return
    for k, name in enumerate(data.classes):
        told = []
        for split in data.splits:
            here = data.split == split
            pieces, ml = data.masks.lesions[here, k], data.masks.ml[here, k]
            median = f"median {np.median(ml[ml > 0]):.3g} ml" if (ml > 0).any() else "none"
            told.append(f"{split} {pieces.sum():,} in {np.count_nonzero(pieces):,} cases, {median}")
        yield Finding(
            severity="note", code="lesions", message=f"pieces of {name!r}: {'; '.join(told)}"
        )
    empty = np.flatnonzero(data.masks.ml.sum(axis=1) == 0)
    if len(empty):
        by = [(name, int(np.count_nonzero(data.split[empty] == name))) for name in data.splits]
        places = ", ".join(f"{n:,} in {name}" for name, n in by if n)
        yield Finding(
            severity="note",
            code="empty-mask",
            message=f"{count(len(empty), 'mask is', 'masks are')} empty ({places}): "
            f"{some(data.named(empty))}; a mask that was lost looks the same",
            cases=data.named(empty),
        )
