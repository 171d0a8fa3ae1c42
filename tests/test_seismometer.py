"""`report --seismometer`: projects that seismometer opens, and its numbers beside the harness's."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import line
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness import shelf
from harness.baselines import accept
from harness.errors import HarnessError
from harness.predictions import Predictions, decide
from harness.seismometry import _audit, _drawings, _names, _notebook, drawing
from harness.seismometry.page import apart, page
from harness.seismometry.project import EVERYBODY, Project, project, write
from harness.suite import Policy
from harness.verbs import _seismometer
from harness.verbs._scope import ALL, open_scope
from harness.verbs.report import report
from harness.verbs.score import score

needs_seismometer = pytest.mark.skipif(
    not drawing.installed(),
    reason="needs seismometer: pip install -e '.[seismometer]'",
)
EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")
HOSTILE = "$a_1$ <b>&Time"


def table(n: int = 400, *, squeeze: float = 1.0, classes: int = 2, threshold: float = 0.5) -> Any:
    """Scores within [0, squeeze] that say something of the class, and groups of all sorts."""
    rng = np.random.default_rng(classes)
    y = rng.integers(classes, size=n)
    logits = rng.normal(0, 1, (n, classes))
    logits[np.arange(n), y] += 1.5
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if classes == 2:
        p = np.stack([1 - squeeze * p[:, 1], squeeze * p[:, 1]], axis=1)
    age = np.where(np.arange(n) < 10, "", rng.choice(["<40", "40-65", ">=65"], n))
    one_sided = np.where((y == 1) & (rng.random(n) < 0.3), "ill alone", "both")
    return Predictions(
        classes=("healthy", "ill") if classes == 2 else ("a", HOSTILE, "c"),
        id=np.array([f"case-{k}" for k in range(n)]),
        split=np.full(n, "test"),
        variant=np.full(n, "onnx-fp32"),
        subject=np.array([f"s{k // 2}" for k in range(n)]),
        groups={
            "sex": np.where(rng.random(n) < 0.5, "F", "M"),
            "age": age,
            "Time": one_sided,
            "scanner": np.array([f"scanner {k % 30}" for k in range(n)]),
            HOSTILE: np.where(rng.random(n) < 0.5, "<script>alert(1)</script>", "_$x"),
        },
        y_true=y,
        probability=p,
        decision=decide(p, "nominal", threshold),
    )


def labels() -> Predictions:
    """Three labels a case, the last of which is never decided."""
    made = table(classes=3)
    rng = np.random.default_rng(5)
    y = rng.integers(2, size=(len(made), 3))
    p = np.clip(0.3 + 0.4 * y + rng.normal(0, 0.2, y.shape), 0, 1) * [1, 1, 0.4]
    return dataclasses.replace(
        made, kind="multilabel", y_true=y, probability=p, decision=decide(p, "multilabel", 0.5)
    )


def tied() -> Predictions:
    """Many cases lie exactly on the threshold, which the harness calls negative."""
    made = table()
    p = np.round(made.probability * 4) / 4
    return dataclasses.replace(made, probability=p, decision=decide(p, "nominal", 0.5))


CASES: dict[str, tuple[Any, float]] = {
    "plain": (table(), 0.5),
    "squeezed": (table(squeeze=0.02, threshold=0.0123), 0.0123),
    "faint": (table(squeeze=0.005, threshold=0.003), 0.003),
    "classes": (table(classes=3), 0.5),
    "labels": (labels(), 0.5),
    "tied": (tied(), 0.5),
}


def made(folder: Path, name: str) -> Project:
    cases, threshold = CASES[name]
    found = project(cases, folder / name, name, Policy(threshold=threshold))
    write(found)
    return found


# Files, without seismometer


@pytest.mark.parametrize("name", CASES)
def test_files_hold_what_was_said_and_true(tmp_path: Path, name: str) -> None:
    found = made(tmp_path, name)
    cases = found.table
    said = pq.read_table(found.folder / "data/predictions.parquet").to_pydict()
    true = pq.read_table(found.folder / "data/events.parquet").to_pylist()
    assert said["Case"] == cases.id.tolist()
    assert said["Id"] == cases.subject.tolist()
    for target in found.targets:
        score = np.minimum(cases.probability[:, target.k], 0.99999)
        assert said[target.score] == score.tolist()
        assert said[target.decided] == cases.decided[:, target.k].astype(float).tolist()
        told = {row["Case"]: row["Value"] for row in true if row["Type"] == target.event}
        assert [told[case] for case in said["Case"]] == cases.truth[:, target.k].tolist()
    assert len(true) == len(cases) * len(found.targets)
    assert all(row["EventTime"] > said["Time"][0] for row in true)


def test_the_settings_name_columns_that_are_there(tmp_path: Path) -> None:
    found = made(tmp_path, "classes")
    columns = set(pq.read_schema(found.folder / "data/predictions.parquet").names)
    told = {path.name: yaml.safe_load(path.read_bytes()) for path in found.folder.glob("*.yml")}
    usage, info = told["usage.yml"]["data_usage"], told["config.yml"]["other_info"]
    shown = [each["display_name"] for each in usage["cohorts"]]
    events = [each["display_name"] for each in usage["events"]]
    assert {*usage["outputs"], usage["primary_output"], usage["entity_id"]} <= columns
    assert {each["source"] for each in usage["cohorts"]} < columns
    assert len({*columns, *shown, *events}) == len(columns) + len(shown) + len(events)
    assert usage["censor_min_count"] == 10
    for key in ("usage_config", "prediction_definition", "event_definition"):
        assert (found.folder / info[key]).is_file()
    items = {each["name"] for each in told["dictionary_predictions.yml"]["predictions"]}
    assert items == columns
    assert {each["name"] for each in told["dictionary_events.yml"]["events"]} == set(events)
    assert json.loads((found.folder / "data/metadata.json").read_text())["thresholds"] == [0.5]
    assert all(path.read_bytes().isascii() for path in found.folder.glob("*.yml"))


def test_bands_stand_from_the_lowest(tmp_path: Path) -> None:
    assert list(made(tmp_path, "plain").cohorts()["age"]) == ["<40", "40-65", ">=65", "unknown"]


def test_a_case_that_is_there_twice_is_two(tmp_path: Path) -> None:
    cases = dataclasses.replace(CASES["plain"][0], subject=None)
    twice = cases.where(np.r_[0:20, 0:5])
    write(project(twice, tmp_path, "twice", Policy()))
    said = pq.read_table(tmp_path / "data/predictions.parquet").to_pydict()
    assert len(set(said["Case"])) == 25
    assert said["Id"] == said["Case"]


@given(st.lists(st.text(min_size=1, max_size=9), min_size=2, max_size=5, unique=True))
def test_names_are_distinct_and_hold_nothing_that_is_read_otherwise(names: list[str]) -> None:
    n = 4
    cases = CASES["classes"][0].where(slice(0, n))
    cases = dataclasses.replace(
        cases,
        classes=tuple(names),
        y_true=np.zeros(n, dtype=np.int64),
        probability=np.full((n, len(names)), 1 / len(names)),
        groups=dict.fromkeys(reversed(names), np.full(n, "x")),
    )
    targets = _names.targets(cases)
    columns = _names.columns(cases.groups, targets)
    given = [name for each in targets for name in (each.event, each.score, each.decided)]
    given += [name for each in columns for name in (each.source, each.shown)]
    assert len(set(given)) == len(given)
    assert not any(re.search(r"[$<&]|Time|_Value$", name) or name in _names.OWN for name in given)


def test_the_notebook_is_one(tmp_path: Path) -> None:
    book = json.loads((made(tmp_path, "plain").folder / _notebook.FILE).read_text())
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    code = ["".join(each["source"]) for each in book["cells"] if each["cell_type"] == "code"]
    for text in code:
        compile(text.replace("%matplotlib inline", ""), "cell", "exec")
    assert "sm.run_startup(config_path='.'" in code[0]
    assert len({each["id"] for each in book["cells"]}) == len(book["cells"])


def test_ours_are_the_metrics_of_the_harness(tmp_path: Path) -> None:
    found = made(tmp_path, "plain")
    [target] = found.targets
    men = found.table.where(found.table.groups["sex"] == "M")
    measure = shelf.load("metrics", "sensitivity").measure
    told = found.ours(target, ("sex", "M"))["Sensitivity"]
    assert told == float(measure(men, np.ones((1, len(men))))[0])
    assert told != found.ours(target, EVERYBODY)["Sensitivity"]


# What seismometer answers, as words


def test_flags_are_words() -> None:
    html = (
        "<table><tr><th></th><th>Count</th><th>PPV</th></tr><tr><th colspan=3>age</th></tr>"
        "<tr><th><40</th><td>30</td><td>\U0001f539  0.80  </td></tr>"
        "<tr><th>40-65</th><td>20</td><td>\U0001f53b  0.40    (-50.00%)  </td></tr>"
        "<tr><th>x</th><td>20</td><td>--  0.40  </td></tr>"
        "<tr><td><table><tr><td>\U0001f539 legend</td></tr></table></td></tr></table>"
    )
    a, b, c = _audit.lines(html)
    assert (a.column, a.value, a.n, a.said["PPV"].flag) == ("age", "<40", 30, "as the largest")
    assert (b.said["PPV"].value, b.said["PPV"].flag) == ("0.40", "much lower")
    assert float(b.said["PPV"].apart) == -50
    assert c.said["PPV"].flag == "not compared"
    assert _audit.lines("") == []
    with pytest.raises(ValueError, match="must be a flag and a number, got"):
        _audit.lines(html.replace("\U0001f53b", "\U0001f984"))


def test_a_drawing_has_ids_of_its_own_and_says_its_colours() -> None:
    svg = (
        '<div><svg viewBox="0 0 864 576.5"><metadata>2026</metadata><defs><path id="m1"/></defs>'
        '<g id="figure_1"><use xlink:href="#m1"/><g clip-path="url(#m1)"/>'
        '<text style="font-size: 11px">a</text><text style="fill: #123">b</text></g></svg></div>'
    )
    found = _drawings.figure(svg, "here", "Caption", "Words")
    assert not isinstance(found, str)
    assert (found.width, found.height) == (864, 576)
    assert 'id="here-m1"' in found.inside
    assert 'href="#here-m1"' in found.inside
    assert "url(#here-m1)" in found.inside
    assert "figure_1" not in found.inside
    assert "2026" not in found.inside
    assert found.inside.count("fill: ") == 2
    assert _drawings.figure("<p>Error</p> <p>one class.</p>", "a", "", "") == "Error one class"


# The command


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with a finished file, measured, accepted, and scored as made elsewhere."""
    folder = tmp_path_factory.mktemp("user")
    for name in ("suites", "reports"):
        (folder / name).mkdir()
    file = line.onnx_file(folder / "bright.onnx")
    line.suite(folder / "suites", models=line.finished("bright", file))
    for source in ("runs", "baselines"):
        text = f'title = "T"\nsuites = ["line"]\nsections = ["leaderboard"]\nfrom = "{source}"\n'
        (folder / f"reports/{source}.toml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, line.no_warm_up():
        patch.chdir(folder)
        opened, _ = line.measure("line", Path("runs"))
    [run] = opened.runs
    accept(folder / opened.folder(run), run, folder / "baselines", allow_dirty=True)
    return folder


@pytest.fixture
def home(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, and we are there, without seismometer."""
    folder = Path(shutil.copytree(original, tmp_path / "home"))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(drawing, "installed", lambda: False)
    return folder


def reported(name: str, **more: Any) -> Any:
    out, baselines = Path("reports"), Path("baselines")
    return report(name, None, Path("runs"), baselines, out, seismometer=Path("seis"), **more)


PLACE = "line-phantom-bright-cpu-s0"


def test_without_seismometer_the_project_is_written_and_a_sentence_says_so(home: Path) -> None:
    stale = home / f"seis/{PLACE}.html"
    stale.parent.mkdir()
    stale.write_text("of another time", encoding="utf-8")
    told = reported("runs")
    assert told.code == 0
    assert drawing.INSTALL in told.text.splitlines()
    assert f"seis/{PLACE}" in told.text.splitlines()
    assert told.data["seismometer"]["projects"] == [f"seis/{PLACE}"]
    assert (home / f"seis/{PLACE}/config.yml").is_file()
    assert not stale.exists()
    assert "Seismometer" not in (home / "reports/runs/line-bright.html").read_text("utf-8")


def test_accepted_tables_are_joined_with_the_data(home: Path) -> None:
    """The same as from the Run; and where neither is at hand, that is said."""
    reported("runs")
    before = (home / f"seis/{PLACE}/data/predictions.parquet").read_bytes()
    shutil.rmtree("runs")
    shutil.rmtree("seis")
    reported("baselines")
    assert (home / f"seis/{PLACE}/data/predictions.parquet").read_bytes() == before
    text = Path("suites/line.toml").read_text(encoding="utf-8")
    Path("suites/line.toml").write_text(text.replace("difficulty = 0.2", "difficulty = 0.3"))
    why = "--seismometer must have a model whose predictions are at hand; no project of "
    with pytest.raises(HarnessError, match=re.escape(why)) as error:
        reported("baselines")
    assert "the data is not that which it was measured on" in str(error.value)


def test_other_pages_and_formats_are_as_they_were(home: Path) -> None:
    reported("runs")
    with_it = {path: path.read_bytes() for path in Path("reports").rglob("*.html")}
    report("runs", None, Path("runs"), Path("baselines"), Path("reports"))
    assert {path: path.read_bytes() for path in Path("reports").rglob("*.html")} == with_it
    with pytest.raises(HarnessError, match="must go without --seismometer"):
        reported("runs", to="measurements")


def test_predictions_made_elsewhere_have_a_project_too(home: Path) -> None:
    [path] = home.glob("runs/line/phantom/bright/cpu/*/predictions.parquet")
    cases = Predictions.from_parquet(path.read_bytes(), "it")
    shelf.load("formats", "csv").write(cases, home, name="theirs")
    score(open_scope("line", ALL, None, Path("runs")), home / "theirs.csv", None, None)
    told = reported("runs").data["seismometer"]
    theirs = "line-phantom-theirs-external-s0"
    assert sorted(told["projects"]) == [f"seis/{PLACE}", f"seis/{theirs}"]
    tables = [home / f"seis/{each}/data/predictions.parquet" for each in (PLACE, theirs)]
    assert tables[0].read_bytes() == tables[1].read_bytes()


def test_an_audit_is_linked_from_the_page_of_its_model(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "installed", lambda: True)
    monkeypatch.setattr(drawing, "ask", lambda projects, begun: [canned(*projects)])
    told = reported("runs")
    assert told.code == 0
    assert "agree in 5 numbers" in told.text
    page = (home / "reports/runs/line-bright.html").read_text(encoding="utf-8")
    [address] = re.findall(r'<a href="([^"]+)">Seismometer', page)
    assert (home / "reports/runs" / address).resolve() == (home / f"seis/{PLACE}.html").resolve()
    monkeypatch.setattr(drawing, "ask", lambda projects, begun: [{"error": "ValueError: no"}])
    told = reported("runs")
    assert told.code == 2
    assert told.text.endswith("seismometer says ValueError: no")
    monkeypatch.setattr(drawing, "ask", lambda projects, begun: [unknown(*projects)])
    told = reported("runs")
    assert told.code == 2
    assert told.text.endswith("a cell of the fairness audit must be a flag and a number, got '? 1'")
    assert not (home / f"seis/{PLACE}.html").exists()
    assert (home / f"seis/{PLACE}/config.yml").is_file()


def unknown(found: Project) -> dict[str, Any]:
    """An answer with a flag that nobody knows."""
    answer = canned(found)
    cells = "<tr><th></th><th>Count</th><th>PPV</th></tr><tr><th>F</th><td>30</td><td>? 1</td></tr>"
    answer["targets"][0]["fairness"] = f"<table>{cells}</table>"
    return answer


def test_a_folder_of_its_name_is_not_seismometer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seismometer").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "seismometer", raising=False)
    assert not drawing.installed()


def canned(found: Project) -> dict[str, Any]:
    """An answer that says what the harness says, of all cases."""
    numbers = [
        {"column": "", "value": "", **found.ours(target, EVERYBODY)} for target in found.targets
    ]
    targets = [{"numbers": [each], "fairness": "", "drawn": []} for each in numbers]
    return {"version": "0", "cohorts": {}, "targets": targets}


def test_another_number_is_marked(tmp_path: Path) -> None:
    found = made(tmp_path, "plain")
    answer = canned(found)
    assert apart(found, answer) == (0.0, 5)
    assert ">differs<" not in page(found, answer)
    answer["targets"][0]["numbers"][0]["AUROC"] += 0.0011
    assert apart(found, answer)[0] == pytest.approx(0.0011)
    assert ">differs<" in page(found, answer)
    assert "do not agree" in _seismometer._compared([apart(found, answer)])[0]


# Seismometer itself


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Project, Any]]:
    """Every case of CASES, answered by one process."""
    folder = tmp_path_factory.mktemp("seismometer")
    projects = [made(folder, name) for name in CASES]
    answers = drawing.ask(projects, lambda found: None)
    return {found.title: (found, each) for found, each in zip(projects, answers, strict=True)}


@needs_seismometer
@pytest.mark.parametrize("name", CASES)
def test_seismometer_says_the_same_as_the_harness(
    asked: dict[str, tuple[Project, Any]], name: str
) -> None:
    """AUROC, sensitivity, specificity, PPV and accuracy, overall and by cohort, to a thousandth."""
    found, answer = asked[name]
    assert "error" not in answer
    largest, count = apart(found, answer)
    assert largest <= 1e-3
    cohorts = 1 + sum(len(values) for values in answer["cohorts"].values())
    assert count >= 4 * cohorts * len(found.targets) * 0.8


@needs_seismometer
def test_whole_percents_would_lose_the_auroc(asked: dict[str, tuple[Project, Any]]) -> None:
    """What the trap is: seismometer's usual thresholds, on the same file, in its own process."""
    found, _ = asked["squeezed"]
    [target] = found.targets
    code = (
        "import json, pandas as pd\n"
        "from seismometer.data.performance import BinaryClassifierMetricGenerator as G\n"
        f"said = pd.read_parquet({str(found.folder / 'data/predictions.parquet')!r})\n"
        f"true = pd.read_parquet({str(found.folder / 'data/events.parquet')!r})\n"
        "said['y'] = true.Value.to_numpy()\n"
        f"ask = lambda k: G().calculate_binary_stats(said, 'y', {target.score!r}, ['Sensitivity', "
        "'Specificity', 'PPV'], threshold_precision=k)\n"
        "stats, fine = ask(2)\n"
        "at = stats.loc[min(stats.index, key=lambda t: abs(t - 1.23))].to_dict()\n"
        "print(json.dumps([ask(0)[1]['AUROC'], fine['AUROC'], at]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    coarse, fine, at = json.loads(done.stdout.splitlines()[-1])
    ours = found.ours(target, EVERYBODY)
    assert abs(coarse - ours["AUROC"]) > 0.02
    assert abs(fine - ours["AUROC"]) <= 1e-3
    assert at == pytest.approx({name: ours[name] for name in at}, abs=1e-3)


@needs_seismometer
def test_what_is_left_out_is_said(asked: dict[str, tuple[Project, Any]]) -> None:
    found, answer = asked["plain"]
    text = page(found, answer)
    left = text[text.index('id="left-out"') :]
    assert answer["cohorts"]["age"] == ["<40", "40-65", ">=65"]
    assert "unknown" in left
    assert "10 cases or fewer" in left
    assert "its column has 30 values, and more than 25 are not shown" in left
    assert "scanner" not in answer["cohorts"]


@needs_seismometer
def test_a_cohort_of_one_class_is_undefined(asked: dict[str, tuple[Project, Any]]) -> None:
    found, answer = asked["plain"]
    text = page(found, answer)
    assert "time: ill alone: Evaluation Error Model Evaluation requires exactly two classes" in text
    assert "undefined" in text
    found, answer = asked["labels"]
    never = answer["targets"][2]["numbers"][0]
    assert never["PPV"] == 1  # of no decision
    assert np.isnan(found.ours(found.targets[2], EVERYBODY)["PPV"])
    assert "seismometer 1.000" in page(found, answer)


class _Read(HTMLParser):
    """Ids, whether each svg has words in its place, and sizes of its text in pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.sizes: list[float] = []
        self.unnamed = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        self.unnamed += tag == "svg" and not given.get("aria-labelledby")
        for size in re.findall(r"font(?:-size)?:[^;]*?([\d.]+)px", given.get("style") or ""):
            self.sizes.append(float(size))


@needs_seismometer
@pytest.mark.parametrize("name", CASES)
def test_a_page_is_readable_and_whole(asked: dict[str, tuple[Project, Any]], name: str) -> None:
    text = page(*asked[name])
    assert EMOJI.findall(text) == []
    read = _Read()
    read.feed(text)
    assert read.unnamed == 0
    assert len(set(read.ids)) == len(read.ids)
    assert read.sizes
    assert min(read.sizes) >= 11
    assert re.findall(r'(?:src|href)="https?:', text) == []
    assert "<script>alert" not in text
    assert "cannot draw" not in text
    kinds = ["all", "column"] + (["cohort"] if len(asked[name][0].targets) == 1 else [])
    assert all(f'<h2 id="{kind}">' in text for kind in kinds)


@needs_seismometer
def test_the_notebook_runs(tmp_path: Path) -> None:
    found = made(tmp_path, "squeezed")
    code = (
        "import nbclient, nbformat\n"
        f"book = nbformat.read({_notebook.FILE!r}, 4)\nnbformat.validate(book)\n"
        "nbclient.NotebookClient(book, timeout=300).execute()\n"
        "print(book.cells[-1].outputs[-1]['data']['text/plain'])"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=found.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    match = re.search(r"'AUROC': (?:np\.float64\()?([\d.]+)", done.stdout)
    assert match is not None
    ours = found.ours(found.targets[0], EVERYBODY)["AUROC"]
    assert float(match[1]) == pytest.approx(ours, abs=1e-3)
