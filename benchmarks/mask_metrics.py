"""Dice, hd95 and nsd of one case: ours against MONAI's functions, on the same masks.

    OMP_NUM_THREADS=1 python benchmarks/mask_metrics.py

Masks of 256 x 256 x 128 voxels of 0.8 x 0.8 x 2.5 mm: an ellipsoid with a wavy border as the truth
and one that is a little off as the prediction, of the size of a liver, a kidney and a lesion; and
the kidney with noise all over the image, as an untrained network gives. Ours is timed from the two
masks to the three numbers; MONAI is given tensors that are made before, and asked for
`compute_dice`, `compute_hausdorff_distance` (percentile 95) and `compute_surface_dice`. In turns,
three rounds, the shortest of each counts; one thread.
"""

import sys
import time
import warnings
from collections.abc import Callable

import monai.metrics as theirs
import numpy as np
import torch
from numpy.typing import NDArray

from harness.metrics import dice, hd95, nsd
from harness.metrics._pair import Pair
from harness.suite import Empty

SHAPE, SPACING, TOLERANCE, ROUNDS = (256, 256, 128), (0.8, 0.8, 2.5), 2.0, 3
CASES = {"liver": (85.0, 0.0), "kidney": (45.0, 0.0), "lesion": (8.0, 0.0), "noise": (45.0, 0.02)}
"""The mean radius in mm, and the share of voxels that are wrong at random."""

Mask = NDArray[np.bool_]


def main() -> None:
    """One line a case."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(1)
    print(f"{'case':>8} {'voxels':>8} {'border':>7} {'ours':>8} {'MONAI':>8} ratio  difference")
    for name, (radius, noise) in CASES.items():
        truth, guess = _organ(radius, 0.0), _organ(1.03 * radius, 1.5)
        guess ^= np.random.default_rng(0).random(SHAPE) < noise
        _compare(name, truth, guess)


def _compare(name: str, truth: Mask, guess: Mask) -> None:
    tensors = [torch.as_tensor(mask[None, None]) for mask in (guess, truth)]
    turns = [
        (_timed(lambda: _ours(truth, guess)), _timed(lambda: _monai(*tensors)))
        for _ in range(ROUNDS)
    ]
    quick, slow = (min(turn[side][0] for turn in turns) for side in (0, 1))
    apart = np.abs(np.subtract(turns[0][0][1], turns[0][1][1])).max()
    border = len(Pair(truth, guess, SPACING).distances[0])
    print(
        f"{name:>8} {truth.sum():8} {border:7} {quick:6.3f} s {slow:6.3f} s"
        f" {quick / slow:5.2f} {apart:11.1e}"
    )


def _ours(truth: Mask, guess: Mask) -> list[float]:
    pair, empty = Pair(truth, guess, SPACING), Empty()
    found = [dice.columns(pair, empty)["dice"], hd95.columns(pair, empty)["hd95"]]
    return [*found, nsd.columns(pair, empty, tolerance=TOLERANCE)["nsd"]]


def _monai(guess: torch.Tensor, truth: torch.Tensor) -> list[float]:
    spacing = list(SPACING)
    found = (
        theirs.compute_dice(guess, truth, include_background=True),
        theirs.compute_hausdorff_distance(guess, truth, True, percentile=95, spacing=spacing),
        theirs.compute_surface_dice(guess, truth, [TOLERANCE], True, spacing=spacing),
    )
    return [float(each) for each in found]


def _organ(radius: float, off: float) -> Mask:
    """Of a mean radius in mm, its middle `off` mm from that of the image along each axis."""
    grids = np.meshgrid(*map(np.arange, SHAPE), indexing="ij", sparse=True)
    x, y, z = (
        (grid - n / 2) * step - off for grid, n, step in zip(grids, SHAPE, SPACING, strict=True)
    )
    wave = 1 + 0.05 * np.sin(5 * np.arctan2(y, x)) * np.cos(z / radius * 3)
    return np.asarray(np.sqrt(x**2 + (1.2 * y) ** 2 + z**2) < radius * wave)


def _timed(do: Callable[[], list[float]]) -> tuple[float, list[float]]:
    start = time.perf_counter()
    found = do()
    return time.perf_counter() - start, found


if __name__ == "__main__":
    sys.exit(main())
