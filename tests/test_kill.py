"""A run killed at any moment resumes, and ends in the same record but for times."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import line
import pytest

from harness.record import Record, read_record

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kill")
    line.suite(folder, epochs=4)
    return folder


@pytest.fixture(scope="module")
def endings(root: Path) -> list[dict[str, Any]]:
    """What became of each folder: its name, the exit code, kills, and steps done twice."""
    script = Path(__file__).with_name("killing.py")
    command = [sys.executable, str(script), str(root)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def the_record(folder: Path) -> Record:
    [path] = folder.glob("runs/**/record.json")
    return read_record(path)


def test_it_was_killed_often_enough(endings: list[dict[str, Any]]) -> None:
    kills = {ending["folder"]: ending["kills"] for ending in endings}
    assert kills["whole"] == 0
    assert sum(count for folder, count in kills.items() if folder.startswith("random")) >= 10
    assert kills["before"] >= 8
    assert kills["after"] >= 3


def test_it_ends_in_the_same_record(root: Path, endings: list[dict[str, Any]]) -> None:
    whole = line.untimed(the_record(root / "whole"))
    assert whole["status"] == "ok"
    assert whole["artifacts"].keys() == {"weights", "onnx", "predictions"}
    for ending in endings:
        folder = root / ending["folder"]
        assert ending["code"] == 0, (folder / "log").read_text(encoding="utf-8")
        assert line.untimed(the_record(folder)) == whole


def test_no_step_is_done_twice(endings: list[dict[str, Any]]) -> None:
    assert [ending["twice"] for ending in endings if ending["twice"]] == []


def test_nothing_is_left_lying_about(root: Path, endings: list[dict[str, Any]]) -> None:
    names = {"run.json", "weights.safetensors", "history.jsonl", "model.onnx", ".lock"}
    names |= {"predictions.parquet", "record.json"}
    for ending in endings:
        files = [file for file in (root / ending["folder"] / "runs").rglob("*") if file.is_file()]
        assert {file.name for file in files} == names


def test_two_processes_make_one_record(root: Path, endings: list[dict[str, Any]]) -> None:
    (root / "both").mkdir()
    command = [sys.executable, "-m", "harness", "run", str(root / "line.toml")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [
        subprocess.Popen(command, cwd=root / "both", env=environment, **pipes) for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    for step in ("fit", "export", "predict", "score", "time"):
        assert sum(text.count(f"cpu/s0  {step}\n") for text in said) == 1, said
    assert line.untimed(the_record(root / "both")) == line.untimed(the_record(root / "whole"))
