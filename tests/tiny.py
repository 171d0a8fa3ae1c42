"""The smallest suite there is, for the tests of what reads and plans one."""

from pathlib import Path

TEXT = """
title = "Tiny"
task = "classify"
metrics = ["roc_auc", "accuracy"]

[datasets.blobs]
load = "phantom"
args = { dim = 2, size = 8, subjects = 20 }

[models.small]
build = "slice_cnn"
args = { hidden = [4] }

[models.other]
build = "slice_cnn"
"""


def suite(more: str = "", without: str = "", name: str = "tiny", folder: str = "suites") -> Path:
    """Write the suite into the current folder, `without` cut out and `more` put at its end."""
    assert without in TEXT
    path = Path(folder) / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(TEXT.replace(without, "") + more + "\n", encoding="utf-8")
    return path
