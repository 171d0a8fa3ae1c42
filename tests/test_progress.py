"""What is said while a command works: live on a terminal, in lines elsewhere, or not at all."""

import io
import sys
from typing import Any

import pytest

from harness import progress
from harness.progress import Progress

ROW: dict[str, Any] = {
    "epoch": 2,
    "train_loss": 0.5,
    "val_loss": 0.25,
    "val_accuracy": 0.75,
    "val_roc_auc": 0.875,
    "seconds": 3661.0,
}
LINE = "run  epoch 2/3  loss 0.5000  val loss 0.2500  acc 0.750  auc 0.875  at most 1:01:01 left"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def use(said: Progress) -> None:
    """As a Run of two epochs does."""
    said.say("[1/1] run")
    said.step("run", "fit")
    said.epoch("run", ROW, 3)
    said.epoch("run", {**ROW, "epoch": 3, "val_roc_auc": None}, 3)
    said.warn("run failed")
    said.close()


def test_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", -1.0)
    use(Progress())
    said = capsys.readouterr()
    first, second, third, fourth, last = said.err.splitlines()
    assert (first, second, third) == ("[1/1] run", "run  fit", LINE)
    assert "auc undefined  at most 0:00 left" in fourth
    assert last == "harness: run failed"
    assert said.out == ""


def test_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    said = Progress()
    said.step("run", "fit")
    for _ in range(100):
        said.epoch("run", ROW, 3)
    assert capsys.readouterr().err == "run  fit\n"


def test_quiet_tells_faults_alone(capsys: pytest.CaptureFixture[str]) -> None:
    use(Progress(quiet=True))
    assert capsys.readouterr().err == "harness: run failed\n"


def test_live_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    use(Progress())
    said = terminal.getvalue()
    assert "[1/1] run\n" in said
    assert "\x1b[" in said
    assert said.endswith("harness: run failed\n")


def test_silence_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Closed())
    said = Progress()
    use(said)
    assert said.quiet
