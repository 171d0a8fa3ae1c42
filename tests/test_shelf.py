"""The shelves: found by file name, read without being imported, digested by what they compute."""

import sys
from pathlib import Path

import pytest

from harness import shelf
from harness.errors import HarnessError

MODULE = '''"""A network.

More of it.
"""
import torch  # never imported here

from harness.models._blocks import Block
from harness.statistics import quantiles
from harness.disk import write

TASKS = ("classify", "segment")
LIMIT: int = 3
LATER: int
"""What is allowed."""


def build(shape, outputs, *, width=1, depth: int = 2, **rest):
    """Two of them."""
    return Block(width + depth)  # and no more


def helper(*, secret):
    ...
'''


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of four files in place of the real one."""
    monkeypatch.setattr(shelf, "PACKAGE", tmp_path)
    write(tmp_path, "models.net", MODULE)
    write(tmp_path, "models._blocks", "def Block(n):\n    return n\n")
    write(tmp_path, "statistics.quantiles", "HALF = 0.5\n")
    write(tmp_path, "store", "def write():\n    pass\n")
    return tmp_path


def write(package: Path, module: str, text: str) -> None:
    file = package / f"{module.replace('.', '/')}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")


def edited(package: Path, old: str, new: str, module: str = "models.net") -> bool:
    """Whether the digest of `models.net` changes with one edit."""
    before = shelf.source_digest("models.net")
    file = package / f"{module.replace('.', '/')}.py"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return shelf.source_digest("models.net") != before


# What counts


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# and no more", "# and many more"),
        ("  # and no more", ""),
        ('"""Two of them."""', '"""Three of them."""'),
        ('    """Two of them."""\n', ""),
        ('"""What is allowed."""', ""),
        ('"""A network.\n\nMore of it.\n"""\n', ""),
        ("\n\n\ndef", "\n\n\n\n\n\ndef"),
        ("(width + depth)", "(\n        (width) + depth\n    )"),
        ("'", '"'),
    ],
    ids=["comment", "no-comment", "doc", "no-doc", "text", "module", "blank", "layout", "quotes"],
)
def test_what_computes_nothing_changes_nothing(package: Path, old: str, new: str) -> None:
    write(package, "models.net", MODULE + "\n\nWORD = 'x'\n")
    assert not edited(package, old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("width + depth", "width - depth"),
        ("depth: int = 2", "depth: int = 3"),
        ("LIMIT: int = 3", "LIMIT: int = 4"),
        ('("classify", "segment")', '("classify",)'),
        ("def helper", "def helped"),
    ],
)
def test_code_changes_it(package: Path, old: str, new: str) -> None:
    assert edited(package, old, new)


def test_what_is_imported_from_a_shelf_counts_and_a_step_does_not(package: Path) -> None:
    assert edited(package, "return n", "return n + 1", "models._blocks")
    assert not edited(package, "n + 1", "n + 1  # as given", "models._blocks")
    assert edited(package, "0.5", "0.6", "statistics.quantiles")
    assert not edited(package, "pass", "return 1", "store")


def test_imports_are_followed_to_the_end(package: Path) -> None:
    write(package, "models._deep", "from harness.models.net import build\nDEEP = 1\n")
    assert edited(
        package, "def Block", "from harness.models import _deep\ndef Block", "models._blocks"
    )
    assert edited(package, "DEEP = 1", "DEEP = 2", "models._deep")


def test_a_relative_import_is_not_followed(package: Path) -> None:
    """So a builder leaves its exporter out of what a training depends on."""
    write(package, "models._onnx", "OPSET = 17\n")
    write(package, "models.net", "def to_onnx():\n    from ._onnx import OPSET\n    return OPSET\n")
    assert not edited(package, "17", "18", "models._onnx")
    before = shelf.source_digest("models.net", "models._onnx")
    write(package, "models._onnx", "OPSET = 19\n")
    assert shelf.source_digest("models.net", "models._onnx") != before


def test_the_order_counts_as_little_as_a_module_that_is_not_there() -> None:
    digest = shelf.source_digest("models.net", "store")
    assert digest == shelf.source_digest("store", "models.net")
    assert digest == shelf.source_digest("store", "models.net", "models._nowhere", "store")
    assert digest != shelf.source_digest("models.net")


def test_where_code_stands_counts(package: Path) -> None:
    write(package, "models.twin", "HALF = 0.5\n")
    assert shelf.source_digest("models.twin") != shelf.source_digest("statistics.quantiles")


# What is read without being imported


def test_a_file_is_read_and_not_run() -> None:
    found = shelf.arguments("models", "net", "build")
    assert list(found) == ["width", "depth"]
    assert list(shelf.arguments("models", "net", "helper")) == ["secret"]
    assert shelf.arguments("models", "net", "absent") == {}
    assert shelf.constant("models", "net", "TASKS") == ("classify", "segment")
    assert shelf.constant("models", "net", "LIMIT") == 3
    assert shelf.constant("models", "net", "LATER") is None
    assert shelf.constant("models", "net", "absent") is None
    assert shelf.summary("models", "net") == "A network."
    assert shelf.summary("models", "_blocks") == ""
    assert "harness.models.net" not in sys.modules


def test_a_shelf_lists_its_files(package: Path) -> None:
    write(package, "models.an", "")
    (package / "models" / "notes.txt").write_text("no", encoding="utf-8")
    assert shelf.names("models") == ["an", "net"]
    assert shelf.names("datasets") == []


@pytest.mark.parametrize("name", ["nte", "_blocks", "", "../store", "net.py", "__init__"])
def test_an_unknown_name_lists_the_known(name: str) -> None:
    known = f"must be a file of models/, got {name!r}; known: net"
    with pytest.raises(HarnessError) as caught:
        shelf.require("models", name, "models.x.build")
    assert str(caught.value) == f"models.x.build {known}"
    with pytest.raises(HarnessError) as caught:
        shelf.load("models", name)
    assert str(caught.value) == f"models entry {known}"


def test_a_file_is_loaded_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    loaded = shelf.load("metrics", "accuracy")
    assert loaded.__name__ == "harness.metrics.accuracy"
    assert shelf.constant("metrics", "accuracy", "TASKS") == loaded.TASKS
