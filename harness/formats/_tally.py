"""What is written into a summary of nnU-Net's: counts of each case and label, and their means."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness import disk
from harness.errors import HarnessError
from harness.formats import _summary
from harness.segmented import Segmented


def write(table: Segmented, path: Path, labels: Sequence[int]) -> None:
    """Write the counts of all cases to `path`; labels: what each class is called.

    Raises HarnessError where there is no case, or one that was not read.
    """
    unread = table.id[np.isnan(table.columns["fn"]).any(axis=1)].tolist()
    if unread or not len(table):
        got = f"{len(unread)} that were not read, {unread[0]}" if unread else "none"
        raise HarnessError(f"predictions to be written must have counted cases, got {got}")
    disk.write(path, json.dumps(_summary_of(table, labels), indent=4, sort_keys=True) + "\n")


def _summary_of(table: Segmented, labels: Sequence[int]) -> dict[str, Any]:
    keys = list(map(str, labels))
    counts = [
        {key: _counts(table, row, k) for k, key in enumerate(keys)} for row in range(len(table))
    ]
    files = [f"{id}.nii.gz" for id in table.id.tolist()]
    cases = [
        {"metrics": each, "prediction_file": file, "reference_file": file}
        for file, each in zip(files, counts, strict=True)
    ]
    means = {key: _means([each[key] for each in counts]) for key in keys}
    names = means[keys[0]]
    foreground = {of: sum(mean[of] for mean in means.values()) / len(keys) for of in names}
    return {"metric_per_case": cases, "mean": means, "foreground_mean": foreground}


def _counts(table: Segmented, row: int, k: int) -> dict[str, float]:
    tp, fp, fn = (float(np.nan_to_num(table.columns[of][row, k])) for of in ("tp", "fp", "fn"))
    tn = float(table.facts["voxels"][row]) - tp - fp - fn
    numbers = {"TP": tp, "FP": fp, "FN": fn, "TN": tn, "n_pred": tp + fp, "n_ref": tp + fn}
    return {**{of: int(n) for of, n in numbers.items()}, **dict(_summary.ratios(tp, fp, fn))}


def _means(cases: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of each number, over the cases that have one; NaN where none has."""
    found = {}
    for of in cases[0]:
        known = [each[of] for each in cases if not math.isnan(each[of])]
        found[of] = sum(known) / len(known) if known else math.nan
    return found
