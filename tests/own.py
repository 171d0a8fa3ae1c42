"""Small volumes of one's own, of subjects with several, and suites that measure models on them."""

from pathlib import Path
from typing import Any

import line
import numpy as np

SHAPE = (1, 2, 12, 12)
CNN = '[models.cnn]\nbuild = "slice_cnn"\nargs = { hidden = [4] }\n'
SUITE = """
title   = "Images of one's own"
task    = "classify"
metrics = {metrics}

{datasets}

{models}

[train]
loss       = "{loss}"
lr         = 0.01
epochs     = 1
batch_size = 16

[latency]
backends = ["onnxruntime"]
seconds  = 0
samples  = 11

[[gates]]
metric = "accuracy"
margin = 0.05
"""


def cases(subjects: int = 35, seed: int = 0) -> dict[str, Any]:
    """Columns of 1 to 3 images a subject: the ill have a bright pixel, and so have some others."""
    rng = np.random.default_rng(seed)
    ill = rng.random(subjects) < 0.4
    person = np.repeat(np.arange(subjects), rng.integers(1, 4, subjects))
    image = rng.integers(0, 60, (len(person), *SHAPE[1:]))
    image[:, 1, 2, 3] = np.clip(rng.normal(np.where(ill[person], 130, 80), 30), 0, 255)
    return {
        "image": image.astype(np.uint8),
        "label": np.where(ill[person], "malignant", "benign"),
        "subject": np.char.add("p", person.astype(str)),
        "sex": np.where(person % 2 == 0, "F", "M"),
    }


def save(path: Path, **columns: Any) -> Path:
    """Write an `.npz`; by default of `cases`."""
    np.savez(path, **(columns or cases()))
    return path


def bright(folder: Path, name: str = "bright", **changes: Any) -> str:
    """The table of a finished file that decides by the brightest pixel."""
    file = line.onnx_file(folder / f"{name}.onnx", **{"shape": SHAPE, **changes})
    return line.finished(name, file)


def dataset(name: str, more: str = "", args: str = "") -> str:
    """The table of the arrays in NAME.npz, subjects and sexes named."""
    said = f'file = "{name}.npz", subject = "subject", groups = ["sex"]{args}'
    return f'[datasets.{name}]\nload = "arrays"\nargs = {{ {said} }}\n{more}\n'


def suite(
    folder: Path,
    datasets: str,
    models: str,
    metrics: str = '["accuracy", "roc_auc"]',
    loss: str = "bce",
) -> str:
    """Write the suite `own` into `folder` and return its path."""
    path = folder / "own.toml"
    text = SUITE.format(datasets=datasets, models=models, metrics=metrics, loss=loss)
    path.write_text(text, encoding="utf-8")
    return str(path)
