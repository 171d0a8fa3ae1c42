"""The conditions of a measurement: complete, private, and true about the code's revision."""

import json
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import __version__, environment
from harness.errors import HarnessError

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


def git(folder, *arguments):
    command = ["git", *IDENTITY, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A repository with both folders of code, committed; the package is there, and so are we."""
    for variable in environment.HOOKS:
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "clone"
    for file in ("harness/a.py", "suites/a.toml", "README.md"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("one\n")
    git(tmp_path, "init", "--quiet", str(folder))
    commit(folder)
    monkeypatch.setattr(environment, "PACKAGE_HOME", folder)
    monkeypatch.chdir(folder)
    return folder


def revision():
    found = environment.environment()
    return found["commit"], found["dirty"]


def texts(value):
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


def test_it_is_json_and_private():
    found = environment.environment()
    assert json.loads(json.dumps(found)) == found
    assert platform.node() not in texts(found)
    assert not [
        text for text in texts(found) if Path(text).is_absolute() or str(Path.home()) in text
    ]


def test_it_names_software_and_machine():
    found = environment.environment()
    assert found["python"] == platform.python_version()
    assert found["packages"]["harness"] == __version__
    assert {"torch", "onnx", "onnxruntime", "numpy"} <= set(found["packages"])
    assert found["cores"] >= 1
    assert found["cpu"]


def test_it_imports_nothing_heavy():
    code = (
        "import sys; from harness.environment import environment; environment();"
        "print({'torch', 'onnx', 'onnxruntime', 'numpy', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_commit_is_clean(clone):
    assert revision() == (git(clone, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize(
    ("file", "dirty"),
    [
        ("harness/a.py", True),
        ("harness/deep/new.py", True),
        ("suites/new.toml", True),
        ("README.md", False),
        ("runs/record.json", False),
    ],
)
def test_only_code_is_dirty(clone, file, dirty):
    (clone / file).parent.mkdir(parents=True, exist_ok=True)
    (clone / file).write_text("two\n")
    assert revision()[1] is dirty


def test_suites_here_count_beside_a_package_elsewhere(clone, tmp_path, monkeypatch):
    here = tmp_path / "here"
    (here / "suites").mkdir(parents=True)
    (here / "suites" / "mine.toml").write_text("one\n")
    git(tmp_path, "init", "--quiet", str(here))
    commit(here)
    monkeypatch.chdir(here)
    assert revision() == (git(clone, "rev-parse", "HEAD"), False)
    (here / "suites" / "mine.toml").write_text("two\n")
    assert revision()[1] is True


def test_an_installed_package_is_not_of_the_repository_that_ignores_it(
    clone, tmp_path, monkeypatch
):
    installed = tmp_path / "other" / ".venv"
    installed.mkdir(parents=True)
    git(tmp_path, "init", "--quiet", str(installed.parent))
    (installed.parent / ".gitignore").write_text(".venv/\n")
    commit(installed.parent)
    monkeypatch.setattr(environment, "PACKAGE_HOME", installed)
    assert revision() == (git(clone, "rev-parse", "HEAD"), False)


def test_a_hooks_repository_is_not_ours(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert revision()[1] is False


def test_without_a_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(environment, "PACKAGE_HOME", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert revision() == (None, None)


def test_a_repository_without_a_commit_is_dirty(tmp_path, monkeypatch):
    git(tmp_path, "init", "--quiet", ".")
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "a.toml").touch()
    monkeypatch.setattr(environment, "PACKAGE_HOME", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert revision() == (None, True)


def test_without_git(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision() == (None, None)


def test_a_program_that_hangs_is_left_alone(clone, monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    assert revision() == (None, None)
    assert environment.environment()["cpu"]


def test_gpus_come_from_nvidia_smi(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho Alpha\necho Beta\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert environment.gpus() == ["Alpha", "Beta"]
    assert environment.environment()["gpus"] == ["Alpha", "Beta"]
    assert environment.kind_of_device("cuda") == "Alpha"


def test_gpus_come_from_torch_where_it_is_imported(monkeypatch):
    cuda = SimpleNamespace(
        is_available=lambda: True, device_count=lambda: 1, get_device_name=lambda index: "Gamma"
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert environment.gpus() == ["Gamma"]


def test_kinds_of_device(monkeypatch):
    monkeypatch.setattr(environment, "gpus", list)
    assert environment.kind_of_device("cpu") == "cpu"
    assert environment.environment()["gpus"] is None
    with pytest.raises(HarnessError, match="use --device cpu"):
        environment.kind_of_device("cuda")
    with pytest.raises(HarnessError, match="must be cpu or cuda, got 'tpu'"):
        environment.kind_of_device("tpu")


def test_a_machine_without_cpuinfo_still_has_a_name(monkeypatch):
    def missing(path, **options):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    assert environment.environment()["cpu"]
