"""README is true: its tree, commands, exit codes and figures, and what .ci/run makes of it."""

import ast
import re
from pathlib import Path

import pytest
import typer

from harness.cli import app
from harness.gate import SEVERITY

HOME = Path(__file__).parent.parent
README = (HOME / "README.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^( *)([\w./-]+) +(\S.*)$")
FIGURE = re.compile(r"\b\d[\d.,]*\s?(?:ms|s|seconds?|minutes?|hours?|[kMG]B|%)(?!\w)")


def blocks(kind: str) -> list[str]:
    """The fenced blocks of a language, in order; "" is no language."""
    return [text for language, text in FENCED.findall(README) if language == kind]


def tree() -> dict[str, str]:
    """Path -> what the annotated tree says of it."""
    found, folders = {}, [""]
    for line in next(text for text in blocks("") if "cli.py" in text).splitlines():
        match = ENTRY.match(line)
        assert match, line
        depth = len(match[1]) // 2
        path = folders[depth] + match[2]
        folders[depth + 1 :] = [path]
        found[path] = match[3]
    return found


def test_the_tree_names_every_module_and_shelf_and_nothing_else() -> None:
    named = {path for path in tree() if path.startswith("harness/") and path != "harness/"}
    files = {f"harness/{file.name}" for file in (HOME / "harness").glob("*.py")}
    folders = {f"harness/{file.parent.name}/" for file in (HOME / "harness").glob("*/__init__.py")}
    assert named == files | folders


def test_the_tree_names_every_suite_and_document_and_nothing_else() -> None:
    named = {path for path in tree() if re.match("(suites|docs)/.", path)}
    files = [*(HOME / "suites").glob("*.toml"), *(HOME / "docs").glob("*.*")]
    assert named == {str(file.relative_to(HOME)) for file in files}


@pytest.mark.parametrize("path", [path for path in tree() if path.endswith(".py")])
def test_a_line_of_the_tree_is_how_the_docstring_begins(path: str) -> None:
    said = tree()[path]
    first = (ast.get_docstring(ast.parse((HOME / path).read_text("utf-8"))) or "").split("\n")[0]
    assert first.startswith(said)
    assert first[len(said)] in ".:,;"


def test_every_command_quoted_exists() -> None:
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    code = "\n".join([*blocks("sh"), *blocks("console"), *re.findall(r"`([^`\n]+)`", README)])
    quoted = re.findall(r"\bharness ([a-z]+)\b([^&\n]*)", code)
    assert len(quoted) > len(verbs)
    assert {verb for verb, _ in quoted} == set(verbs)
    options = {name for verb in verbs.values() for each in verb.params for name in each.opts}
    named = re.findall(r"`(--[a-z-]+)", README) + re.findall(r"harness \w+ .*?(--[a-z-]+)", code)
    assert set(named) <= options


def test_the_exit_codes_are_those_of_the_verdicts() -> None:
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert table == {0, 2, 130, *SEVERITY.values()}


def test_a_figure_is_one_of_the_measurements() -> None:
    measured = (HOME / "docs/measurements.md").read_text(encoding="utf-8")
    prose = re.sub(r"^\|.*$", "", FENCED.sub("", README), flags=re.MULTILINE)
    figures = FIGURE.findall(prose)
    assert figures
    assert [figure for figure in figures if figure not in measured] == []


def test_the_two_commands_stand_on_their_own() -> None:
    for command in blocks("sh"):
        assert command.startswith(
            "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt"
        )
        assert all(step.lstrip().startswith(".venv/bin/") for step in command.split("&&")[1:])
    assert len(blocks("sh")) == 2


def test_ci_runs_the_second_command() -> None:
    script = HOME / ".ci/run"
    if not script.is_file():
        pytest.skip("needs a clone: .ci/ is no part of a source distribution")
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[-1] == blocks("sh")[1].strip()
    assert "set -euo pipefail" in lines
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/decisions.md"])
def test_a_file_that_a_document_names_exists(document: str) -> None:
    text = FENCED.sub("", (HOME / document).read_text(encoding="utf-8"))
    named = re.findall(r"`((?:harness|suites|tests|docs)/[\w/.]+|[A-Z]+\.md)`", text)
    assert named
    generic = [name for name in named if "NAME" not in name and "own." not in name]
    examples = re.findall(r"^`([\w/.]+)`:$", text, re.MULTILINE)
    assert [n for n in generic if not (HOME / n).exists() and n not in examples] == []
