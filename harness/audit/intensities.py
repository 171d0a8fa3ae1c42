"""Intensities and spacings: images that show nothing, and those that are far out."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.audit.collected import Array, Collected
from harness.audit.finding import Finding, count, some

FENCE = 3.0
"""Interquartile ranges beyond the quartiles: Tukey's outer fence, "far out" (1977, section 2D)."""
FEWEST = 20
"""Of fewer images no quartiles are taken."""
MANY = 0.1
"""Share of the cases that are far out, from which on they are no outliers: scales differ."""
EQUAL = 0.01
"""Spacings that differ by a smaller share are one."""


def intensities(data: Collected) -> Iterator[Finding]:
    """Of a whole image; of volumes, which may be of any scale, on that of asinh."""
    if data.images is None:
        return
    images = data.images
    broken = np.flatnonzero(~images.finite)
    if len(broken):
        yield Finding(
            severity="fault",
            code="not-finite",
            message=f"{count(len(broken), 'image has', 'images have')} values that are no number: "
            f"{some(data.named(broken))}; mend or leave them out",
            cases=data.named(broken),
        )
    blank = np.flatnonzero(images.finite & images.blank)
    if len(blank):
        yield Finding(
            severity="fault",
            code="constant-image",
            message=f"{count(len(blank), 'image shows', 'images show')} nothing, one value in "
            f"every pixel: {some(data.named(blank))}; mend or leave them out",
            cases=data.named(blank),
        )
    scale = np.asarray if data.masks is None else np.arcsinh
    fine = images.finite & ~images.blank
    for what, values in (("mean", images.mean), ("standard deviation", images.spread)):
        rows = _far_out(scale(values), fine)
        if len(rows) > MANY * len(data):
            yield _scales(what, data, rows, values)
        elif len(rows):
            yield _outliers("intensity-outlier", f"a {what} of intensities", data, rows, values)


def spacings(data: Collected) -> Iterator[Finding]:
    """Of volumes, the mm of a voxel."""
    if data.spacing is None:
        return
    known = np.unique(data.spacing.round(3), axis=0)
    if len(known) > 1:
        ends = [f"{a:g} to {b:g}" for a, b in zip(*_ends(data.spacing), strict=True)]
        yield Finding(
            severity="note",
            code="spacings",
            message=f"{len(known):,} spacings of voxels, in mm: {' x '.join(ends)}",
        )
    for axis, name in enumerate("xyz"):
        values = data.spacing[:, axis]
        rows = _far_out(values, np.ones(len(data), dtype=bool), EQUAL * float(np.median(values)))
        if len(rows):
            yield _outliers("spacing-outlier", f"a spacing along {name} in mm", data, rows, values)


def _ends(spacing: Array) -> tuple[Array, Array]:
    return spacing.min(axis=0), spacing.max(axis=0)


def _far_out(values: Array, among: NDArray[np.bool_], slack: float = 0.0) -> NDArray[np.int64]:
    """Rows beyond the outer fences of those `among`."""
    if np.count_nonzero(among) < FEWEST:
        return np.empty(0, dtype=np.int64)
    low, high = np.quantile(values[among], [0.25, 0.75])
    reach = FENCE * (high - low) + slack
    return np.flatnonzero(among & ((values < low - reach) | (values > high + reach)))


def _scales(what: str, data: Collected, rows: NDArray[np.int64], values: Array) -> Finding:
    """Of images that were stored in several ways."""
    return Finding(
        severity="warning",
        code="intensity-scale",
        message=f"{len(rows):,} of {len(data):,} cases have a {what} of intensities on another "
        f"scale (median {np.median(values):.4g}, all {values.min():.4g} to {values.max():.4g}): "
        'no window fits all; input.intensity "zscore", or bring them to one scale',
        cases=data.named(rows),
    )


def _outliers(
    code: str, what: str, data: Collected, rows: NDArray[np.int64], values: Array
) -> Finding:
    far = rows[np.argsort(-np.abs(values[rows] - np.median(values)), kind="stable")]
    told = [f"{data.ids[row]} {values[row]:.4g}" for row in far.tolist()]
    by = [(name, int(np.count_nonzero(data.split[rows] == name))) for name in data.splits]
    places = ", ".join(f"{n:,} in {name}" for name, n in by if n)
    return Finding(
        severity="warning",
        code=code,
        message=f"{count(len(rows), 'case has', 'cases have')} {what} far from all others' "
        f"(median {np.median(values):.4g}; {places}): {some(told)}; look at them",
        cases=data.named(far),
    )
