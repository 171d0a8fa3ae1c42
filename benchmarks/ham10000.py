"""For whom a model works: HAM10000, 10,015 images of 7,470 lesions, split by lesion.

    HARNESS_DATA=data OMP_NUM_THREADS=1 python benchmarks/ham10000.py FOLDER

FOLDER is given the data as an `.npz`, a suite, and runs of it; then its report by age, sex and site
is written into FOLDER/reports. The data is for non-commercial
use (CC BY-NC 4.0), so that no record of it is accepted into `baselines/`.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

SUITE = """\
title   = "Pigmented lesions: for whom does it work"
task    = "classify"
metrics = ["roc_auc", "balanced_accuracy", "accuracy", "brier", "log_loss", "ece"]

[datasets.ham10000]
load   = "arrays"
args   = { file = "ham10000.npz", subject = "lesion", groups = ["age", "sex", "site"] }
groups = { age = [0, 40, 65, 120] }
split  = { by = "subject", test = 0.3, val = 0.2 }

[models.resnet18]
build = "resnet"

[train]
optimizer  = "adamw"
lr         = 1e-3
loss       = "cross_entropy"
batch_size = 128
epochs     = 15
weight_decay = 0.05

[policy]
calibrate = "temperature"

[latency]
backends = ["onnxruntime"]
"""
REPORT = """\
title    = "HAM10000: for whom does it work"
suites   = ["ham10000"]
sections = ["trust", "checklist", "leaderboard", "fairness", "groups", "calibration"]
from     = "runs"
"""


def gather(source: Path, file: Path) -> None:
    """The images, which are rows of pixels, beside the table of the same order."""
    pixels = pd.read_csv(source / "hmnist_8_8_L.csv").drop(columns="label")
    table = pd.read_csv(source / "HAM10000_metadata.csv", dtype=str, keep_default_na=False)
    known = table.replace("unknown", "")
    np.savez(
        file,
        image=pixels.to_numpy(np.uint8).reshape(-1, 8, 8),
        label=table.dx.to_numpy(np.str_),
        lesion=table.lesion_id.to_numpy(np.str_),
        age=known.age.to_numpy(np.str_),
        sex=known.sex.to_numpy(np.str_),
        site=known.localization.to_numpy(np.str_),
    )


def main() -> None:
    """Gather, run, report."""
    folder = Path(sys.argv[1]).resolve()
    for name in ("data", "suites", "reports"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    gather(Path(os.environ["HARNESS_DATA"]) / "ham10000", folder / "data/ham10000.npz")
    (folder / "suites/ham10000.toml").write_text(SUITE, encoding="utf-8")
    (folder / "reports/ham10000.toml").write_text(REPORT, encoding="utf-8")
    os.chdir(folder)
    harness, data = [sys.executable, "-m", "harness"], ["ham10000", "--data", "data"]
    subprocess.run([*harness, "run", *data], check=True)
    subprocess.run([*harness, "report", *data], check=True)


if __name__ == "__main__":
    main()
