"""The house rules that a machine can check: budgets, silenced checks, places, lint and types."""

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
MODULES = sorted((HOME / "harness").rglob("*.py"))
MOST_LINES, MOST_IN_FUNCTION, MEDIAN, NINE_IN_TEN = 200, 60, 12, 35

PLACES = re.compile(r"(?<![\w.}~*)\]])/(?:home|root|Users|work|mnt|opt|srv|tmp)/\w|\b[A-Z]:\\\w")
SILENCED = re.compile(r"#\s*(?:noqa(?!: ?[A-Z]+[0-9])|type:\s*ignore(?!\[))")


def tracked() -> list[Path]:
    """The text files that git has or would have; all but hidden folders where git is absent."""
    command = ["git", "-C", str(HOME), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        files = [HOME / name for name in listed.splitlines()]
    except (OSError, subprocess.CalledProcessError):
        folders = ("harness", "suites", "tests", "docs", "reports")
        files = [*HOME.glob("*.*"), *(f for name in folders for f in (HOME / name).rglob("*.*"))]
    return [file for file in files if file.is_file() and file.suffix not in (".parquet", ".pyc")]


def found(pattern: re.Pattern[str], file: Path) -> list[str]:
    """Where a text file has what it should not."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return [f"{file.relative_to(HOME)}: {match.group()}" for match in pattern.finditer(text)]


def lengths(file: Path) -> list[int]:
    """Lines of each function in a file, from its `def` to its end."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [(node.end_lineno or 0) - node.lineno + 1 for node in functions]


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(HOME)))
def test_a_module_is_short_or_says_why_not(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    why = f"over {MOST_LINES} lines"
    excuse = why in (ast.get_docstring(ast.parse(text)) or "")
    lines = len(text.splitlines())
    assert lines <= MOST_LINES or excuse, f"{lines} lines; the docstring may say why it is {why}"


def test_functions_are_short() -> None:
    too_long = [file for file in MODULES if max(lengths(file), default=0) > MOST_IN_FUNCTION]
    assert too_long == []
    all_lengths = [length for file in MODULES for length in lengths(file)]
    assert statistics.median(all_lengths) <= MEDIAN
    assert statistics.quantiles(all_lengths, n=10)[-1] <= NINE_IN_TEN


def test_no_file_names_a_place_on_one_machine() -> None:
    assert PLACES.search("see " + "/" + "home/me/data")
    assert [fault for file in tracked() for fault in found(PLACES, file)] == []


def test_a_silenced_check_is_named() -> None:
    assert all(SILENCED.search(f"x = 1  # {silent}") for silent in ("noqa", "type: " + "ignore"))
    code = [file for file in tracked() if file.suffix == ".py"]
    assert [fault for file in code for fault in found(SILENCED, file)] == []


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    ids=["lint", "format", "types"],
)
def test_the_checkers_are_content(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=HOME, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
