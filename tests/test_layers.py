"""Imports go downwards only, steps know nothing of each other, and few modules need torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HARNESS = Path(__file__).parent.parent / "harness"

FLOORS = (
    {"errors", "progress", "statistics"},
    {"samples", "strict", "environment", "disk", "cases"},
    {"predictions", "segmented", "volumes"},
    {"record", "shelf", "suite", "contracts", "remote", "tables"},
    {"builders", "ranges", "grids", "pictures"},
    {
        "stopping",
        "validation",
        "losses",
        "augmenting",
        "feed",
        "prepared",
        "plan",
        "splits",
        "text",
        "schema",
        "size",
        "models",
        "datasets",
        "metrics",
        "backends",
    },
    {"rules", "truth", "digests", "inference", "prepare", "patches", "calibrate"},
    {
        "audit",
        "means",
        "reading",
        "store",
        "trial",
        "contest",
        "differences",
        "segment",
        "mask_validation",
        "question",
    },
    {
        "priors",
        "calibrated_onnx",
        "calibrated_torch",
        "fit",
        "export",
        "predict",
        "score",
        "latency",
        "weights",
        "baselines",
        "across",
        "matched",
        "slowdown",
    },
    {"reliability", "seeds", "cohorts", "sides"},
    {"versus", "disparity"},
    {"fairness"},
    {"guards", "rows"},
    {
        "aggregate",
        "comparable",
        "compare",
        "standings",
        "ledger",
        "job",
        "folds",
        "duel",
    },
    {"overview", "pairs", "published", "foreign", "retest", "speed", "judgement", "tasks"},
    {"gate", "steps", "report", "extremes"},
    {"execute", "formats", "seismometry"},
    {"verbs"},
    {"cli"},
    {"__main__"},
)
"""From the ground up. A shelf is one place: its files may import each other."""

TORCH = (
    *("harness.fit", "harness.feed", "harness.validation", "harness.mask_validation"),
    *("harness.losses", "harness.augmenting", "harness.patches", "harness.models."),
    "harness.calibrated_torch",
)
"""What imports torch at once; all else does when it runs, if at all."""


def home(name: str) -> str:
    """The top-level module or shelf of `harness.a.b`; "" for the package itself."""
    return f"{name}.".split(".")[1]


def modules() -> dict[str, Path]:
    """Dotted name -> file."""
    files = sorted(HARNESS.rglob("*.py"))
    dotted = [".".join(file.relative_to(HARNESS.parent).with_suffix("").parts) for file in files]
    return dict(zip((name.removesuffix(".__init__") for name in dotted), files, strict=True))


def imported(name: str, file: Path) -> Iterator[str]:
    """The homes of what a module imports from the package, wherever in it the import stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield home(name)
        elif isinstance(node, ast.ImportFrom) and node.module == "harness":
            yield from (alias.name for alias in node.names if not alias.name.startswith("__v"))
        elif isinstance(node, ast.ImportFrom | ast.Import):
            dotted = [getattr(node, "module", None) or alias.name for alias in node.names]
            yield from (home(each) for each in dotted if each.startswith("harness."))


def test_imports_go_downwards_only() -> None:
    floor = {name: index for index, names in enumerate(FLOORS) for name in names}
    assert floor.keys() == {home(name) for name in modules()} - {""}
    upwards = [
        f"{name} imports {other}"
        for name, file in modules().items()
        for other in imported(name, file)
        if home(name) != other and not floor.get(other, 0) < floor.get(home(name), 0)
    ]
    assert upwards == []


def test_torch_is_imported_by_those_that_train_alone() -> None:
    names = [name for name in modules() if not name.startswith((*TORCH, "harness.__main__"))]
    assert {"harness.score", "harness.report", "harness.cli"} < set(names)
    code = (
        f"import importlib, sys\nfor name in {names}:\n    importlib.import_module(name)\n"
        "    assert 'torch' not in sys.modules, name"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_line_starts_light() -> None:
    code = (
        "import sys\nfrom harness.cli import app\napp(['list'], standalone_mode=False)\n"
        "print([name for name in ('torch', 'pandas', 'rich', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
