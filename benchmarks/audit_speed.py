"""An audit of 10,000 images of 28x28: seconds, and how many planted duplicates are found.

    OMP_NUM_THREADS=1 python benchmarks/audit_speed.py

The images are those of the phantom, two of each of 5,000 people, here taken for images of 10,000.
2 % of them are put in again bit by bit, 2 % as JPEG of quality 75, 2 % flipped, and 2 % moved by a
pixel, each in the place of another one. Prints the seconds of each check and of all, the share of
each kind that was found, and how many pairs were found that nobody planted.
"""

import io
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.audit.collected import Collected
from harness.audit.duplicates import duplicates
from harness.audit.every import CHECKS
from harness.audit.images import looked_at
from harness.datasets import phantom

PEOPLE, SHARE = 5_000, 0.02
KINDS = ("same", "jpeg", "flipped", "moved")


def main() -> None:
    """Fixed seeds."""
    parts = [phantom.load(split, None, dim=2, size=28, subjects=PEOPLE) for split in phantom.SPLITS]
    pixels = np.concatenate([part.pixels for part in parts])
    n, rng = len(pixels), np.random.default_rng(0)
    again = rng.choice(n, round(n * SHARE) * len(KINDS), replace=False)
    at = rng.choice(np.setdiff1d(np.arange(n), again), len(again), replace=False)
    kind = np.array(KINDS)[np.arange(len(again)) % len(KINDS)]
    for row, source, how in zip(at, again, kind, strict=True):
        pixels[row, 0] = changed(pixels[source, 0], how, rng)
    start = time.perf_counter()
    data = Collected(
        splits=tuple(phantom.SPLITS),
        ids=np.arange(n).astype(str),
        split=np.concatenate([np.full(len(part), part.split) for part in parts]),
        targets=np.concatenate([part.targets for part in parts]),
        classes=parts[0].classes,
        kind="nominal",
        columns={
            name: np.concatenate([part.groups[name] for part in parts]) for name in parts[0].groups
        },
        images=looked_at(pixels),
    )
    print(f"{n:,} images of {pixels.shape[2]}x{pixels.shape[3]}")
    print(f"  {'read':12} {time.perf_counter() - start:6.1f} s")
    for name, check in CHECKS.items():
        began = time.perf_counter()
        list(check(data))
        print(f"  {name:12} {time.perf_counter() - began:6.1f} s")
    print(f"  {'all':12} {time.perf_counter() - start:6.1f} s")
    found = {frozenset(pair[:2]) for each in duplicates(data) for pair in each.pairs}
    planted = [frozenset((str(a), str(b))) for a, b in zip(at, again, strict=True)]
    for how in KINDS:
        hits = [pair in found for pair, each in zip(planted, kind, strict=True) if each == how]
        print(f"{how:8} {np.mean(hits):7.2%} of {len(hits)} found")
    print(f"not planted: {len(found - set(planted))} pairs")


def changed(image: NDArray[Any], how: str, rng: np.random.Generator) -> NDArray[Any]:
    """Put in again, in one of KINDS."""
    if how == "jpeg":
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=75)
        return np.asarray(Image.open(file))
    if how == "flipped":
        return np.flip(image, rng.integers(2))
    if how == "moved":
        return np.roll(image, rng.choice([-1, 1]), rng.integers(2))
    return image


if __name__ == "__main__":
    sys.exit(main())
