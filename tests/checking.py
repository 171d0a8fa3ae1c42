"""A small suite of two finished files, measured, and the command in it: for the tests of check."""

import contextlib
import dataclasses
import io
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import line
import numpy as np
import pytest

from harness import cli
from harness.predictions import Predictions

SUITE = "suites/line.toml"
GATES = '[[gates]]\nmetric = "roc_auc"\nmargin = 0.05\n'
LATENCY = '[[gates]]\nmetric = "latency_p50"\nratio = 1.1\n'


def write(folder: Path, models: Mapping[str, float], **changes: Any) -> None:
    """The suite `line` of models that read the brightest voxel, each times its number.

    It has five times as many subjects as usual, so that a gate can tell something.
    """
    (folder / "suites").mkdir(exist_ok=True)
    for name, scale in models.items():
        line.onnx_file(folder / f"{name}.onnx", scale=scale, shift=-0.4 * scale)
    tables = "\n".join(line.finished(name, Path(f"{name}.onnx")) for name in models)
    path = Path(line.suite(folder / "suites", models=tables, gates=GATES, **changes))
    text = path.read_text(encoding="utf-8").replace("subjects = 60", "subjects = 300")
    path.write_text(text, encoding="utf-8")


def harness(*words: str) -> tuple[int, str, str]:
    """The command in this process: exit code, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["harness", *words])
        silent = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        with silent[0], silent[1], pytest.raises(SystemExit) as leaving:
            cli.main()
    return int(leaving.value.code or 0), out.getvalue(), err.getvalue()


def checked(*words: str) -> dict[str, Any]:
    """What `harness check line --json` answers, with its exit code as `exit`."""
    code, out, err = harness("check", "line", *words, "--json")
    assert out, err
    return {**json.loads(out.splitlines()[-1]), "exit": code, "err": err}


def folder(model: str, runs: str = "runs") -> Path:
    """Of the only Run of a model."""
    [path] = Path(runs).glob(f"line/phantom/{model}/cpu/s0-*/record.json")
    return path.parent


def rewrite(place: Path, change: Callable[[Predictions], Predictions]) -> None:
    """Put other predictions into a run's folder, as another model or revision would give them."""
    path = place / "predictions.parquet"
    path.write_bytes(change(Predictions.from_parquet(path.read_bytes(), "it")).to_parquet())


def change(place: Path, **fields: Any) -> None:
    """Put other fields into the record in a run's folder."""
    path = place / "record.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, **fields}), encoding="utf-8")


def ignorant(table: Predictions) -> Predictions:
    """Scores that know nothing of the case."""
    p = np.random.default_rng(0).uniform(0.2, 0.8, len(table))
    return dataclasses.replace(table, probability=np.stack([1 - p, p], axis=1))
