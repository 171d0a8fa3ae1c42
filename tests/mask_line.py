"""Suites of masks that run in seconds, and a data set on disk, for the tests of the whole line.

`python mask_line.py FOLDER` kills the command that runs such a suite after more and more writes.
"""

import gc
import importlib
import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import killing
import nibabel
import numpy as np

from harness.datasets import phantom_lesions
from harness.verbs._scope import ALL, Answer, Scope, open_scope
from harness.verbs.run import run
from harness.volumes import Case

DATA: dict[str, Any] = {
    "shape": [16, 16, 8],
    "spacing": [1.5, 1.5, 3.0],
    "subjects": 20,
    "lesions": 2,
    "radii_mm": [3.0, 5.0],
    "contrast": 300.0,
    "difficulty": 0.0,
}
FLAT = """
[models.flat]
build = "unet"
args  = { filters = 2 }
"""
DEEP = """
[models.deep]
build = "monai_unet"
args  = { channels = [4, 8] }
input = { window = [-200, 250], size = [16, 16, 8] }
train = { sampler = { positive = "balance", crops = 2 }, batch_size = 4 }
"""
GENERATED = """
[datasets.one]
load   = "phantom_lesions"
args   = { shape = [16, 16, 8], spacing = [1.5, 1.5, 3.0], subjects = 20, lesions = 2, radii_mm = [3.0, 5.0], contrast = 300.0, difficulty = 0.0 }
groups = { size = [0.3, 0.6] }
input  = { window = [-200, 250], size = [16, 16] }
"""  # noqa: E501
SEVERAL = GENERATED.replace("datasets.one", "datasets.several").replace(
    "difficulty = 0.0", "difficulty = 0.0, organ = true"
)
STORED = """
[datasets.stored]
load   = "decathlon"
args   = { folder = "msd" }
split  = { file = "split.json" }
input  = { window = [-200, 250], size = [16, 16] }
"""
SUITE = """
title   = "Lesions in small volumes"
task    = "segment"
metrics = {metrics}
{datasets}
{models}
[train]
loss       = "{loss}"
lr         = 0.01
epochs     = {epochs}
batch_size = 8
stop       = {{ monitor = "val_dice" }}
sampler    = {{ positive = "{positive}" }}
augment    = {{ rotate = 10, scale = [0.9, 1.1], flip = true, intensity = [0.9, 1.1] }}

[latency]
backends    = ["onnxruntime"]
batch_sizes = [1]
seconds     = 0
samples     = 11
"""
DEFAULTS: dict[str, Any] = {
    "metrics": '["dice", "iou", "volume_error_ml", "pixel_accuracy"]',
    "datasets": GENERATED,
    "models": FLAT,
    "loss": "dice_ce",
    "epochs": 2,
    "positive": "balance",
}


def suite(folder: Path, name: str = "line", **changes: Any) -> str:
    """Write the suite, with `changes` to DEFAULTS, and return its path."""
    assert changes.keys() <= DEFAULTS.keys()
    path = folder / f"{name}.toml"
    path.write_text(SUITE.format(**{**DEFAULTS, **changes}), encoding="utf-8")
    return str(path)


def scope(folder: Path, **changes: Any) -> Scope:
    """All Runs of the suite in `folder`, whose data is there, too."""
    return open_scope(suite(folder, **changes), ALL, folder, folder / "runs")


def measure(folder: Path, **changes: Any) -> tuple[Scope, Answer]:
    """Run the suite as the command does."""
    opened = scope(folder, **changes)
    return opened, run(opened, fresh=False, quiet=True, debug=False)


def stored(root: Path) -> dict[str, list[str]]:
    """Write some of the phantom as the Decathlon does, and its split; the names of each part."""
    parts: dict[str, list[str]] = {}
    for part, many in (("train", 5), ("val", 2), ("test", 3)):
        volumes = phantom_lesions.load(part, None, **DATA, tumour_free=0.0)
        parts[part] = volumes.ids[:many].tolist()
        for name in parts[part]:
            _store(root / "msd", volumes.read(name))
    about = {"labels": {"0": "background", "1": "lesion"}, "modality": {"0": "CT"}}
    (root / "msd" / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    (root / "split.json").write_text(json.dumps(parts), encoding="utf-8")
    return parts


def image_of(root: Path, name: str) -> Path:
    """Where the image of a case is."""
    return root / "msd" / "imagesTr" / f"{name}.nii.gz"


def _store(folder: Path, case: Case) -> None:
    assert case.mask is not None
    written: Any = nibabel.Nifti1Image
    for kind, array in (("imagesTr", case.image[0]), ("labelsTr", case.mask)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        nibabel.save(  # type: ignore[attr-defined]
            written(np.ascontiguousarray(array), case.affine), folder / kind / f"{case.id}.nii.gz"
        )


def main(root: Path, modules: Sequence[str] = killing.MODULES) -> None:
    """Once undisturbed, then killed after one write, after two, and so on until nothing is left.

    Of a case that is prepared the writes are many, and one kill loses them all.
    """
    for module in (
        *modules,
        "harness.tasks.segment",
        "harness.patches",
        "harness.prepare",
        "blosc2",
    ):
        importlib.import_module(module)
    for module in ("harness.mask_validation", "monai.inferers.utils", "harness.models.unet"):
        importlib.import_module(module)
    gc.freeze()
    undisturbed = killing.finish(root, "whole", lambda folder: killing.end(killing.start(folder)))
    number = itertools.count(1)
    between = killing.finish(
        root, "between", lambda folder: killing.at_write(next(number), before=False)(folder)
    )
    print(json.dumps([undisturbed, between]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
