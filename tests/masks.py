"""Invented tables of segmented cases, for the tests of what comes after the waist."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cases import SHIPPED
from harness.segmented import Segmented

CLASSES = ("anterior", "posterior")


def table(
    n: int = 60,
    *,
    dice: float = 0.8,
    split: str = "test",
    variant: str = SHIPPED,
    seed: int = 0,
    classes: Sequence[str] = CLASSES,
    **columns: Any,
) -> Segmented:
    """Cases whose Dice scatters about `dice`: how hard a case is, is the same for every model."""
    rng = np.random.default_rng(99)
    shape = (n, len(classes))
    hard, own = rng.normal(0, 0.04, shape), np.random.default_rng(seed).normal(0, 0.005, shape)
    volume = rng.uniform(0.5, 6, shape)
    held: dict[str, NDArray[Any]] = {
        "dice": np.clip(dice + hard + own, 0, 1),
        "true_ml": volume,
        "predicted_ml": volume * 0.9,
        "missed": np.zeros(shape),
        "false_alarm": np.full(shape, np.nan),
        "lesion_ml": _cells(shape, lambda i, k: np.array([0.3, 1.0 + i % 3])),
        "lesion_found": _cells(shape, lambda i, k: np.array([float(i % 2), 1.0])),
    }
    return Segmented(
        classes=tuple(classes),
        id=np.array([f"case-{i}" for i in range(n)]),
        split=np.full(n, split),
        variant=np.full(n, variant),
        subject=np.array([f"case-{i}" for i in range(n)]),
        groups={"size": np.where(volume.sum(axis=1) < 6, "<6", ">=6")},
        columns={**held, **columns},
        facts={
            "voxels": np.full(n, 1000.0),
            "parity_flips": np.arange(n) % 2 * 1.0,
            "parity_max_abs": np.full(n, 1e-6),
        },
    )


def _cells(shape: tuple[int, int], of: Any) -> NDArray[Any]:
    cells = np.empty(shape, dtype=object)
    for i, k in np.ndindex(*shape):
        cells[i, k] = of(i, k)
    return cells
