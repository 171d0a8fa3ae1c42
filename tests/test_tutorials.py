"""The tutorials of docs/: every file written and every command run, in order, as a reader would."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from harness import digests, plan, reading
from harness.datasets import decathlon
from harness.predictions import Predictions
from harness.segmented import Segmented
from harness.tables import read_cases

HOME = Path(__file__).parent.parent
NAMES = ("own-data", "own-volumes", "own-model", "external-validation", "predictions")
BLOCK = re.compile(
    r"(?:^(?P<more>Append to )?`(?P<file>[\w/.-]+)`:\n\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LEFT_OUT, NUMBER = "...", r"[+-]?\d[\d,]*(?:\.\d+)?"
PROGRAMS = {"python": [sys.executable], "harness": [sys.executable, "-P", "-m", "harness"]}


@dataclass(frozen=True)
class Said:
    """A command of a document, the lines that it shows of the answer, and the answer."""

    command: str
    shown: list[str]
    printed: str
    code: int


@dataclass(frozen=True)
class Tutorial:
    """A document that was followed in a folder of its own."""

    text: str
    folder: Path
    said: list[Said]

    def records(self, suite: str) -> dict[str, dict[str, Any]]:
        """The records of a suite by `dataset/model`, those of single folds left out."""
        found = map(read_json, (self.folder / "runs" / suite).glob("*/*/*/*/record.json"))
        whole = [record for record in found if "fold" not in record["run"]]
        return {f"{record['run']['dataset']}/{record['run']['model']}": record for record in whole}

    def predictions(self, place: str) -> Predictions:
        [file] = self.folder.glob(f"runs/{place}/predictions.parquet")
        return Predictions.from_parquet(file.read_bytes(), place).select("test")


def read_json(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def follow(name: str, folder: Path) -> Tutorial:
    """Write the files of a document below `folder` and run its commands there, in order."""
    text = (HOME / "docs" / f"{name}.md").read_text(encoding="utf-8")
    said = []
    for block in BLOCK.finditer(text):
        if block["file"]:
            path = folder / block["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a" if block["more"] else "w", encoding="utf-8") as file:
                file.write(block["text"])
        else:
            said += [answer(*pair, folder) for pair in commands(block["text"])]
    return Tutorial(text, folder, said)


def commands(console: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, and the lines below it."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, shown


def answer(command: str, shown: list[str], folder: Path) -> Said:
    """Run a command as a shell would, the harness found as it is where it is installed."""
    words = shlex.split(command)
    given = dict(words.pop(0).split("=", 1) for word in [*words] if re.match("[A-Z_]+=", word))
    asked = {key: value for key, value in os.environ.items() if key != "HARNESS_DATA"}
    asked |= {"PYTHONPATH": str(HOME), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", **given}
    done = subprocess.run(
        [*PROGRAMS[words[0]], *words[1:]],
        cwd=folder,
        env=asked,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    return Said(command, shown, done.stdout, done.returncode)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tutorial]:
    """Each tutorial is followed once."""
    return cache(lambda name: follow(name, tmp_path_factory.mktemp(name)))


def people(table: Predictions) -> list[str]:
    """Whom each case is of."""
    assert table.subject is not None
    return [str(person) for person in table.subject]


def value(record: dict[str, Any], metric: str, **where: str) -> float:
    """Of the only row of `metric` whose `where` is this."""
    rows = [row for row in record["measurements"] if row["metric"] == metric]
    [found] = [row["value"] for row in rows if row.get("where", {}) == where]
    return float(found)


def pattern(line: str) -> str:
    """What a shown line matches: other numbers are the same line, `...` is anything."""
    pieces = re.split(rf"({re.escape(LEFT_OUT)}|{NUMBER})", " ".join(line.split()))
    odd = [".*" if piece == LEFT_OUT else NUMBER for piece in pieces[1::2]]
    return "".join(map("".join, zip(map(re.escape, pieces[::2]), [*odd, ""], strict=True)))


@pytest.mark.parametrize("name", NAMES)
def test_every_block_is_a_file_or_commands(name: str) -> None:
    text = (HOME / "docs" / f"{name}.md").read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("\n```") / 2
    assert all(block["file"] or block["kind"] == "console" for block in blocks)
    linked = re.findall(r"\]\(([^)#]+)\)", text)
    assert [link for link in linked if not (HOME / "docs" / link).is_file()] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_ends_as_shown(followed: Callable[[str], Tutorial], name: str) -> None:
    for said in followed(name).said:
        refused = any(line.startswith("harness: ") for line in said.shown)
        assert said.code == (2 if refused else 0), f"{said.command}\n{said.printed}"
        printed = iter([" ".join(line.split()) for line in said.printed.splitlines()])
        for line in said.shown:
            there = line == LEFT_OUT or any(re.fullmatch(pattern(line), one) for one in printed)
            assert there, f"{said.command}\nno such line: {line}\n{said.printed}"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_is_all_but_what_is_left_out(
    followed: Callable[[str], Tutorial], name: str
) -> None:
    for said in followed(name).said:
        lines = said.printed.splitlines()
        if said.shown and LEFT_OUT not in said.shown:
            assert len(lines) == len(said.shown), said.command


@pytest.mark.parametrize(
    ("name", "page"),
    [("own-data", "pictures"), ("own-volumes", "ct"), ("external-validation", "hospitals")],
)
def test_the_tables_are_of_the_pages(
    followed: Callable[[str], Tutorial], name: str, page: str
) -> None:
    tutorial = followed(name)
    shown = re.findall(
        r"^\| (?:(?:Group|sex|age|size|Measured on|hospital-b)\b).*$", tutorial.text, re.M
    )
    lines = (tutorial.folder / f"reports/{page}.md").read_text(encoding="utf-8").splitlines()
    assert len(shown) >= 2
    assert [one for one in shown if not any(re.fullmatch(pattern(one), li) for li in lines)] == []


def test_what_is_trained_on_own_data_learns(followed: Callable[[str], Tutorial]) -> None:
    for suite, count in (("scans", 1), ("pictures", 3), ("kinds", 2)):
        records = followed("own-data").records(suite)
        assert len(records) == count
        for record in records.values():
            assert record["status"] == "ok"
            assert value(record, "roc_auc") > 0.75


def test_shares_divide_people_and_folds_test_each_once(
    followed: Callable[[str], Tutorial],
) -> None:
    tutorial = followed("own-data")
    folds = tutorial.predictions("pictures/folds/small/*/s0-*")
    assert sorted(folds.id) == sorted(f"case-{row}" for row in range(120))
    parts = [tutorial.predictions(f"pictures/folds/small/*/s0f{k}-*") for k in range(5)]
    assert [len(part) for part in parts] == [24] * 5
    tested = [person for part in parts for person in set(people(part))]
    assert len(tested) == len(set(tested)) == 60
    shares = people(tutorial.predictions("pictures/shares/small/*/*"))
    assert sorted(Counter(shares).values()) == [2] * 12


def test_ages_are_in_bands(followed: Callable[[str], Tutorial]) -> None:
    record = followed("own-data").records("pictures")["folds/small"]
    keys = [row.get("where", {}) for row in record["measurements"]]
    ages = {where["group.age"] for where in keys if "group.age" in where}
    assert ages == {"0-40", "40-65", "65-120"}


def test_a_kind_has_the_metrics_that_are_for_it(followed: Callable[[str], Tutorial]) -> None:
    records = followed("own-data").records("kinds")
    named = {
        name.partition("/")[0]: {row["metric"] for row in record["measurements"]}
        for name, record in records.items()
    }
    special = {"cohen_kappa", "mean_absolute_error", "exact_match"}
    assert named["grades"] & special == {"cohen_kappa", "mean_absolute_error"}
    assert named["findings"] & special == {"exact_match"}


def masks(tutorial: Tutorial, model: str) -> dict[str, tuple[dict[str, Any], Segmented]]:
    """Status -> record and table of cases, of each Run of a model of own-volumes."""
    found = {}
    for file in (tutorial.folder / "runs/ct/ct").glob(f"{model}/cpu/*/record.json"):
        table = read_cases(file.with_name("predictions.parquet").read_bytes(), str(file))
        assert isinstance(table, Segmented)
        record = read_json(file)
        found[record["status"]] = (record, table)
    return found


def test_what_is_trained_on_own_volumes_finds_lesions(
    followed: Callable[[str], Tutorial],
) -> None:
    for model in ("unet-4", "unet-3d"):
        record, table = masks(followed("own-volumes"), model)["ok"]
        assert value(record, "dice") > 0.5
        assert value(record, "lesion_sensitivity") > 0.6
        named = table.subject
        assert named is not None
        parts = {part: set(named[table.split == part].tolist()) for part in set(table.split)}
        assert sorted(map(len, parts.values())) == [4, 10, 10]
        assert len(set().union(*parts.values())) == 24


def test_a_broken_file_costs_its_case_and_is_mended(followed: Callable[[str], Tutorial]) -> None:
    """Mean Dice without the case that was lost, which counts 0, against both records."""
    lost = "p23_scan1"
    found = masks(followed("own-volumes"), "unet-3d")
    assert sorted(found) == ["ok", "partial"]
    dice = {}
    for status, (record, table) in found.items():
        cells = table.select("test")
        dice[status] = dict(zip(cells.id.tolist(), cells.columns["dice"][:, 0], strict=True))
        mean = float(np.nanmean([*dice[status].values()]))
        assert value(record, "dice") == pytest.approx(mean, abs=1e-6)
    assert dice["ok"].pop(lost) > dice["partial"].pop(lost) == 0
    assert dice["ok"] == pytest.approx(dice["partial"], abs=1e-6, nan_ok=True)
    codes = {
        status: [warning["message"] for warning in record["warnings"] if lost in warning["message"]]
        for status, (record, _) in found.items()
    }
    assert list(map(len, (codes["ok"], codes["partial"]))) == [0, 1]


def test_scans_are_stored_in_two_orientations_and_read_in_one(
    followed: Callable[[str], Tutorial],
) -> None:
    """The spine of both is at the back, the lower end of the second axis."""
    root = followed("own-volumes").folder / "data"
    volumes = decathlon.load("all", root, folder="ct")
    stored = set()
    for name in ("p00_scan0", "p01_scan0"):
        case = volumes.read(name)
        stored.add(tuple(nibabel.aff2axcodes(case.source.affine)))  # type: ignore[no-untyped-call]
        assert case.spacing == (1.0, 1.0, 3.0)
        spine = np.argwhere(case.image[0] > 250).mean(axis=0)
        assert spine == pytest.approx([15.5, 6, 7.5], abs=0.6)
    assert len(stored) == 2


def test_only_the_page_of_pictures_shows_cases(followed: Callable[[str], Tutorial]) -> None:
    pages = followed("own-volumes").folder / "reports"
    text = {name: (pages / f"{name}.html").read_text("utf-8") for name in ("ct", "ct-pictures")}
    assert [text[name].count("data:image/png") for name in text] == [0, 6]
    films = re.findall(r'href="(ct-pictures/[^"]+[.]webp)"', text["ct-pictures"])
    assert len(films) == 6
    assert all((pages / film).is_file() for film in films)


def test_weights_and_onnx_answer_as_the_network_does(followed: Callable[[str], Tutorial]) -> None:
    tutorial = followed("own-model")
    names = ("mynet", "from-weights", "from-onnx")
    tables = [tutorial.predictions(f"mine/phantom/{name}/*/*") for name in names]
    for table in tables[1:]:
        assert table.probability == pytest.approx(tables[0].probability, abs=1e-6)
    assert value(tutorial.records("mine")["phantom/mynet"], "roc_auc") > 0.75


def test_the_link_is_appended_to_logits(followed: Callable[[str], Tutorial]) -> None:
    """The file as it was given, run by hand, against what the harness measured."""
    import onnxruntime

    from harness.datasets import phantom

    tutorial = followed("own-model")
    suite = tomllib.loads((tutorial.folder / "suites/mine.toml").read_text(encoding="utf-8"))
    images = phantom.load("test", None, **suite["datasets"]["phantom"]["args"]).batch(slice(None))
    session = onnxruntime.InferenceSession(tutorial.folder / "mynet.onnx")
    [logits] = session.run(None, {"image": images})
    measured = tutorial.predictions("mine/phantom/from-onnx/*/*").probability[:, 1]
    assert measured == pytest.approx(1 / (1 + np.exp(-logits[:, 0])), abs=1e-6)


def test_elsewhere_is_worse_and_ranks_nobody(followed: Callable[[str], Tutorial]) -> None:
    tutorial = followed("external-validation")
    [record] = tutorial.records("hospitals").values()
    for metric, drop in (("roc_auc", 0.02), ("accuracy", 0.2)):
        away = value(record, metric, dataset="hospital-b")
        assert value(record, metric) - away > drop
    page = (tutorial.folder / "reports/hospitals.md").read_text(encoding="utf-8")
    board, _, external = page.partition("## External validation")
    assert "hospital-b" in external
    assert "hospital-b" not in board


def test_testing_elsewhere_trains_nothing_again(
    followed: Callable[[str], Tutorial], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = followed("external-validation").folder
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    suite = folder / "suites/hospitals.toml"
    text = suite.read_text(encoding="utf-8")
    (tmp_path / "hospitals.toml").write_text(re.sub("test_on.*", "", text), encoding="utf-8")
    found = []
    for path in (suite, tmp_path / "hospitals.toml"):
        asked = reading.load(str(path))
        [run, *_] = plan.expand(asked, plan.Selection(devices=["cpu"]))
        found.append(digests.digests(asked, run, folder / "data"))
    assert {step for step in found[0] if found[0][step] != found[1][step]} == {"predict", "score"}
