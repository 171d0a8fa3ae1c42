"""The wheel: everything in it that a machine without a clone needs, and nothing else."""

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from this tree, without isolation, so that nothing is fetched."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("needs hatchling, of the extra `test`")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=HOME, check=True, capture_output=True)
    [file] = folder.glob("*.whl")
    return file


def test_it_holds_the_package_the_suites_and_the_recipes(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = {file for file in (HOME / "harness").rglob("*") if file.is_file()}
    wanted = {str(file.relative_to(HOME)) for file in package if file.suffix != ".pyc"}
    for kind in ("suites", "reports"):
        wanted |= {f"harness/shipped/{kind}/{file.name}" for file in (HOME / kind).glob("*.toml")}
    published = (HOME / "baselines" / "published").glob("*.toml")
    wanted |= {f"harness/shipped/published/{file.name}" for file in published}
    assert names == wanted


def test_its_metadata_says_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {
            name.rpartition("/")[2]: archive.read(name).decode()
            for name in archive.namelist()
            if ".dist-info/" in name
        }
    metadata = Parser().parsestr(texts["METADATA"])
    assert metadata["Name"] == "imaging-harness"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert set(metadata.get_all("Provides-Extra", [])) == {"mlflow", "seismometer", "test"}
    assert "harness = harness.cli:main" in texts["entry_points.txt"]
    assert texts["LICENSE"] == (HOME / "LICENSE").read_text(encoding="utf-8")


def test_it_works_without_a_clone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); sys.argv[0] = 'harness'\n"
        "import harness.cli; harness.cli.main()"
    )
    for arguments in (["list"], ["plan", "quickstart", "--device", "cpu"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path / "empty",
            capture_output=True,
            text=True,
            check=True,
        )
        assert "quickstart" in done.stdout
    assert not list((tmp_path / "empty").iterdir())


def test_the_constraints_pin_all_that_is_asked_for() -> None:
    lines = (HOME / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    pinned = {_canonical(pin.partition("==")[0]) for pin in pins}
    extras = PROJECT["project"]["optional-dependencies"]
    asked = [*PROJECT["project"]["dependencies"], *extras["test"], *extras["seismometer"]]
    assert {_canonical(re.split(r"[<>=;~! ]", each)[0]) for each in asked} <= pinned


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
