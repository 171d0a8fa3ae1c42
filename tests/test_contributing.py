"""The examples of CONTRIBUTING.md, written where it says and run as it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import precision_score

from harness.predictions import Predictions

HOME = Path(__file__).parent.parent
TEXT = (HOME / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = re.compile(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^harness (.*)$", re.MULTILINE)


def images(path: Path) -> None:
    """90 pictures of noise, every third brighter, of a patient who is ill."""
    rng = np.random.default_rng(0)
    label = np.arange(90) % 3 == 0
    image = rng.integers(0, 100, (90, 8, 8)) + 50 * label[:, None, None]
    split = np.repeat(["train", "val", "test"], 30)
    np.savez(path, image=image.astype(np.uint8), label=label, split=split, patient=np.arange(90))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the examples in it, after the commands."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(HOME / "harness", folder / "harness")
    for name, text in EXAMPLES.findall(TEXT):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "data").mkdir()
    images(folder / "data/own.npz")
    for arguments in COMMANDS.findall(TEXT):
        run(folder, "-m", "harness", *arguments.split())
    return folder


def run(folder: Path, *arguments: str) -> str:
    """What python prints in the copy, or this test fails with it."""
    variables = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def record(clone: Path) -> tuple[Path, dict[str, Any]]:
    [file] = clone.glob("runs/own/own/logistic/*/*/record.json")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return file.parent, found


def test_there_is_an_example_of_each_kind() -> None:
    written = {name.rpartition("/")[0] for name, _ in EXAMPLES.findall(TEXT)}
    shelves = {
        f"harness/{kind}" for kind in ("models", "datasets", "metrics", "backends", "report")
    }
    assert written == shelves | {"suites", "reports"}
    assert not [name for name, _ in EXAMPLES.findall(TEXT) if (HOME / name).exists()]


def test_the_model_is_trained_on_the_dataset(clone: Path) -> None:
    _, found = record(clone)
    assert found["status"] == "ok"
    assert found["run"]["source"]["licence"] == "not published"
    sizes = [row["value"] for row in found["measurements"] if row["metric"] == "parameters_total"]
    assert sizes == [8 * 8 + 1]


def test_the_metric_is_scikit_learns(clone: Path) -> None:
    folder, found = record(clone)
    cases = Predictions.from_parquet((folder / "predictions.parquet").read_bytes(), "cases")
    test = cases.select("test")
    [value] = [
        row["value"]
        for row in found["measurements"]
        if row["metric"] == "precision" and row["where"] == {}
    ]
    assert value == pytest.approx(precision_score(test.y_true, test.decision))


def test_the_backend_is_timed(clone: Path) -> None:
    _, found = record(clone)
    timed = [row["where"] for row in found["measurements"] if row["metric"] == "latency_p50"]
    assert {"onnxruntime", "reference"} == {where["backend"] for where in timed}


def test_the_section_is_on_the_page(clone: Path) -> None:
    page = (clone / "reports/own.md").read_text(encoding="utf-8")
    assert "## Cost" in page
    assert re.search(r"\| *logistic *\| *20 *\|", page)


def test_the_shelves_and_the_linter_accept_the_files(clone: Path) -> None:
    (clone / "tests").mkdir()
    shutil.copy(HOME / "tests/test_shelves.py", clone / "tests")
    shutil.copy(HOME / "pyproject.toml", clone)
    printed = run(clone, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_shelves.py")
    assert "passed" in printed
    files = [name for name, _ in EXAMPLES.findall(TEXT) if name.endswith(".py")]
    run(clone, "-m", "ruff", "check", *files)
    run(clone, "-m", "ruff", "format", "--check", *files)
