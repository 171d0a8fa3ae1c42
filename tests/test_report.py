"""Reports: recipes are strict, every number is a standing's, and the page is one sound file."""

import dataclasses
import hashlib
import html
import itertools
import json
import os
import posixpath
import random
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from standings import board, invented, quality, record, run, score, standing, undefined

from harness import shelf
from harness.across import across
from harness.baselines import Entry
from harness.contest import Contest, Pair
from harness.errors import HarnessError
from harness.published import Data, Result, Source, beside
from harness.record import Measurement
from harness.report import Board, Recipe, pages, read_recipe, render
from harness.report._blocks import NOTHING
from harness.report._labels import Box, place
from harness.report._numbers import chance, interval, number, size
from harness.report._ranking import diagram
from harness.report._svg import Scale
from harness.rules import LATENCY_METRICS
from harness.standings import Standing, standings
from harness.verbs.report import report

HOME = Path(__file__).parent.parent
RECIPES = sorted((HOME / "reports").glob("*.toml"))
TOML = """title = "T"
suites = ["liquid3d"]
sections = ["leaderboard"]
from = "runs"
"""


STUDY = Source(
    title="A study",
    url="example.org/study",
    citation="Nobody, 2001",
    about="Invented.",
    digits=4,
    suites=("liquid3d",),
    datasets={"adrenal": Data(data="bbd3c5a5576322bc4cdfea780653b1ce", n=298)},
    results=(
        Result(
            dataset="adrenal", name="N1", model="net", scores={"roc_auc": 0.87, "accuracy": 0.7}
        ),
        Result(
            dataset="adrenal",
            name="N3",
            model="net",
            scores={"roc_auc": 0.9, "accuracy": 0.81},
            reported={"accuracy": 0.802},
            note="recurs over the batch",
        ),
        Result(dataset="adrenal", name="N9", scores={"roc_auc": 0.95}, parameters=1234),
    ),
)


def demo() -> Board:
    """Invented standings, and results published of their data: one of a network among them."""
    results = [dataclasses.replace(one, model=one.model and "ltc-30") for one in STUDY.results]
    lines = invented()
    return board(lines, beside(lines, [dataclasses.replace(STUDY, results=tuple(results))]))


def recipe(*sections: str, suites: tuple[str, ...] = ("liquid3d", "medmnist2d")) -> Recipe:
    chosen = sections or read_recipe(HOME / "reports/leaderboard.toml").sections
    return Recipe(name="demo", title="Demo", suites=suites, sections=chosen)


def one(*rows: Measurement, model: str = "net", **about: Any) -> Standing:
    """A model of one seed; `rank` and `cautions` are the standing's, all else the record's."""
    own = {key: about.pop(key) for key in ("rank", "cautions") if key in about}
    return standing([record(run("liquid3d", "adrenal", model, 0), rows, **about)], **own)


@dataclasses.dataclass
class Shown:
    """A cell as a reader sees it, and its sort key."""

    key: str
    value: str = ""
    interval: str = ""


class Reader(HTMLParser):
    """The cells of all tables of a page, row by row, its ids, its words, and faults of nesting."""

    VOID = ("meta", "link", "br", "hr", "img", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.rows: list[list[Shown]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        if tag not in self.VOID:
            self.open.append((tag, given.get("class", "")))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append(Shown(given.get("data-sort", "")))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop()[0] != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.open and self.open[-1] == ("span", ""):
            self.rows[-1][-1].value += data
        if self.open and self.open[-1] == ("span", "interval"):
            self.rows[-1][-1].interval += data


@pytest.fixture(scope="module")
def page() -> str:
    return render(recipe(), demo(), "html")


@pytest.fixture(scope="module")
def markdown() -> str:
    return render(recipe(), demo(), "md")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_of_the_repository_are_sound(path: Path) -> None:
    assert read_recipe(path).name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("title", "titel", "unknown key 'titel'; known: title, suites, sections, from"),
        ('title = "T"\n', "", "must have a key 'title', got suites, sections, from"),
        ('"T"', "3", "title must be a text, got 3"),
        ('["liquid3d"]', '"liquid3d"', "suites must be a list, got 'liquid3d'"),
        ('["liquid3d"]', "[]", "suites must name at least one, each once, got []"),
        ('"leaderboard"', '"leaderbord"', "a section must be a file of report/, got 'leaderbord'"),
        ('"leaderboard"', '"latency", "latency"', "sections must name at least one, each once"),
        ('"runs"', '"run"', "from must be one of baselines, runs, got 'run'"),
        ('"T"', "T", "must be TOML, got"),
    ],
)
def test_a_mistake_in_a_recipe_is_one_sentence(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    path = tmp_path / "demo.toml"
    path.write_text(TOML.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(HarnessError) as error:
        read_recipe(path)
    assert sentence in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value).split("must be TOML")[0]


def test_an_unknown_section_is_told_the_files_of_the_shelf(tmp_path: Path) -> None:
    path = tmp_path / "demo.toml"
    path.write_text(TOML.replace("leaderboard", "nothing"), encoding="utf-8")
    with pytest.raises(HarnessError, match=r"known: calibration, cases, .*curves, doses"):
        read_recipe(path)


def test_the_leaderboard_has_every_section() -> None:
    sections = read_recipe(HOME / "reports/leaderboard.toml").sections
    assert sorted(sections) == shelf.names("report")


def test_a_format_that_is_not_known_is_refused() -> None:
    with pytest.raises(HarnessError, match="must be in one of html, md, got 'pdf'"):
        render(recipe(), board([]), "pdf")


def test_every_value_of_a_standing_is_on_the_page_as_it_is(page: str) -> None:
    cells = [cell for row in Reader(page).rows for cell in row]
    shown = {(cell.value, cell.interval, cell.key) for cell in cells}
    rows = [row for line in invented() for row in line.rows if row.value is not None]
    wanted = [row for row in rows if _is_told(row)]
    assert len(wanted) > 500
    told = [(number(row), interval(row), str(row.value)) for row in wanted]
    assert [row for row in told if row not in shown] == []


def _is_told(row: Measurement) -> bool:
    """Majority rates of all but the first model are drawn, effective counts are a second line."""
    aside = row.metric in ("majority_rate", "parameters_effective") or "variant" in row.where
    return not aside and (row.metric in LATENCY_METRICS or "backend" not in row.where)


def test_a_leaderboard_has_each_number_in_its_place() -> None:
    lines = [one(score("roc_auc", 0.8614, 298), score("brier", 0.1333, 298), model="a")]
    lines += [one(score("roc_auc", 0.7, 298), model="b")]
    header, first, second = Reader(render(recipe("leaderboard"), board(lines), "html")).rows
    assert [cell.value for cell in first] == ["1", "a", "0.861", "seed 0", "0.133"]
    assert [cell.interval for cell in first] == ["", "", "[0.81, 0.91]", "", "[0.08, 0.18]"]
    assert len(header) == len(first) == len(second)
    assert [cell.key for cell in second][:3] == ["1", "b", "0.7"]


def test_what_no_suite_names_is_no_column_of_its_own() -> None:
    """It is on the trust page and, by class, among the classes; named, it is a column as others."""
    rows = [
        score(metric, 0.512, 298, where=where)
        for metric in ("roc_auc", "balanced_accuracy", "mcc", "majority_rate")
        for where in ({}, {"dataset": "elsewhere"})
    ]
    rows += [score("sensitivity", 0.087, 298, where={"class": name}) for name in ("well", "ill")]
    asked = [*run("liquid3d", "adrenal", "net", 0)["metrics"], "mcc"]
    for metrics, columns in ((["roc_auc"], set()), (asked, {"Balanced acc.", "MCC"})):
        line = standing([record(run("liquid3d", "adrenal", "net", 0) | {"metrics": metrics}, rows)])
        for section in ("leaderboard", "external"):
            heads = head(section, line)
            assert {name for name in ("Balanced acc.", "MCC") if name in heads} == columns
            assert ("Majority rate" in heads) == (section == "external")
        assert "Sensitivity" in head("classes", line)
        alone = render(recipe("trust"), board([line]), "html", back=("all.html", "All"))
        told = {row[0].value for row in Reader(alone).rows if row}
        assert told >= {"ROC AUC", "Balanced acc.", "MCC", "Majority rate"}


def head(section: str, line: Standing) -> str:
    """The names of the columns of a page of one section."""
    page = render(recipe(section), board([line]), "md")
    return next(each for each in page.splitlines() if each.startswith("|"))


def test_markdown_has_the_same_numbers(markdown: str) -> None:
    for line in invented():
        found = [row for row in line.rows if row.metric == "roc_auc" and not row.where]
        assert not found or f"| {number(found[0])}" in markdown


@pytest.mark.parametrize("to", ["html", "md"])
def test_what_is_undefined_is_said_with_its_reason_and_never_zero(to: str) -> None:
    reason = "needs cases of every class; got 12 benign, 0 malignant"
    line = one(undefined("roc_auc", reason, better="higher"), score("accuracy", 0.5, 12))
    text = render(recipe("leaderboard"), board([line]), to)
    assert "undefined" in text
    assert reason in text
    assert not re.search(r"\b0\.0+\b", text.split("<main")[-1].split("<svg")[0])


@pytest.mark.parametrize("to", ["html", "md"])
def test_a_failed_run_is_listed_with_its_error(to: str) -> None:
    error = "the training loss must be finite, got nan"
    broken = dataclasses.replace(one(status="failed", error=error), rank=None)
    good = one(score("roc_auc", 0.7, 9), model="good")
    text = render(recipe("leaderboard"), board([good, broken]), to)
    assert "net" in text
    assert "seed 0 failed" in text
    assert error in text


@pytest.mark.parametrize("to", ["html", "md"])
def test_warnings_are_footnotes_with_their_code(to: str) -> None:
    told = ({"code": "constant-predictor", "message": "every case is decided alike"},)
    line = one(score("roc_auc", 0.7, 9), warnings=told)
    text = render(recipe("leaderboard"), board([line]), to)
    assert "constant-predictor: seed 0, every case is decided alike" in text


def of_seeds(model: str, values: tuple[float, ...], **about: Any) -> Standing:
    """One model of several seeds that were measured to be so good."""
    records = [
        record(run("liquid3d", "adrenal", model, seed), [score("roc_auc", value, 298)])
        for seed, value in enumerate(values)
    ]
    return standing(records, **about)


def table(markdown: str, title: str) -> list[dict[str, str]]:
    """The lines of the first table below a heading of a Markdown page, by column."""
    below = markdown.partition(f"# {title}")[2].splitlines()
    first = next(index for index, line in enumerate(below) if line.startswith("|"))
    lines = itertools.takewhile(lambda line: line.startswith("|"), below[first:])
    head, _, *rows = [line.strip("| ").split(" | ") for line in lines]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_seeds_are_shown_each_with_their_spread_and_one_is_this_checkpoint() -> None:
    lines = [of_seeds("three", (0.8, 0.9, 0.85)), of_seeds("one", (0.7,), rank=2)]
    three, one = table(render(recipe("leaderboard"), board(lines), "md"), "adrenal")
    assert three["ROC AUC ↑"] == "0.850"
    assert three["Seeds"] == "0, 1, 2 (0.800 · 0.900 · 0.850)"
    assert three["Spread"] == "0.050"
    assert one["Seeds"] == "seed 0 (this checkpoint)"
    assert one["Spread"] == NOTHING
    alone = render(recipe("leaderboard"), board(lines[1:]), "md")
    assert "Spread" not in alone


@pytest.mark.parametrize("to", ["html", "md"])
def test_cautions_stand_where_the_accuracy_is_or_else_at_the_name(to: str) -> None:
    words = ("not above the majority rate in 1 of 3 seeds", "constant predictor")
    marks = {"html": "<strong>{}</strong>", "md": "**{}**"}
    shown = " ".join(marks[to].format(word) for word in words)
    rows = [score("roc_auc", 0.6, 9), score("accuracy", 0.768, 9)]
    line = one(*rows, cautions=words)
    text = render(recipe("leaderboard"), board([line]), to)
    before, _, after = text.partition(shown)
    assert after
    assert "0.768" in before.splitlines()[-1]
    bare = render(recipe("leaderboard"), board([one(rows[0], cautions=words)]), to)
    assert "net" in bare.partition(shown)[0].splitlines()[-1]
    assert shown in bare
    sound = render(recipe("leaderboard"), board([one(*rows)]), to)
    assert "majority rate in" not in sound
    assert "constant predictor" not in sound


def test_an_overview_has_a_mean_only_where_every_dataset_has_a_value() -> None:
    lines = [one(score("roc_auc", 0.8, 9), model="a"), one(score("roc_auc", 0.7, 9), model="b")]
    lines += [dataclasses.replace(lines[0], dataset="vessel", rows=(score("roc_auc", 0.9, 9),))]
    text = render(recipe("leaderboard"), board(lines), "md")
    both, half = table(text, "liquid3d over its datasets")
    assert both["Model"] == "a"
    assert both["Mean ↑"] == "0.850"
    assert both["Mean rank ↓"] == "1.000"
    assert half["Mean ↑"] == half["Mean rank ↓"] == "undefined<sup>a</sup>"
    assert "Undefined: known of 1 of 2 datasets" in text
    assert (half["adrenal ↑"], half["vessel ↑"]) == ("0.700 [0.65, 0.75]", NOTHING)
    assert "over its datasets" not in render(recipe("leaderboard"), board(lines[:2]), "md")


# Ranks by tests


def ladder(*models: str) -> list[Standing]:
    """The first is better than the last; what stands between is told from neither."""
    ends = {models[0], models[-1]}
    pairs = [
        Pair(
            a=a,
            b=b,
            seeds=1,
            effect=0.1,
            error=0.01,
            ci=(0.08, 0.12),
            p=1e-9 if {a, b} == ends else 0.3,
        )
        for a, b in itertools.combinations(models, 2)
    ]
    contest = Contest(metric="roc_auc", level=0.95, method="by image, n = 9", pairs=tuple(pairs))
    rows = [score("roc_auc", 0.9 - index / 99, 9) for index in range(len(models))]
    records = [
        record(run("liquid3d", "adrenal", model, 0), [row])
        for model, row in zip(models, rows, strict=True)
    ]
    entries = [Entry(record=each, scores=None, history=()) for each in records]
    return standings(entries, {("liquid3d", "adrenal", "cpu"): contest})


def test_ranks_are_shared_and_letters_say_who_is_told_from_whom() -> None:
    text = render(recipe("leaderboard"), board(ladder("a", "b", "c")), "md")
    lines = table(text, "adrenal")
    assert [(line["Rank"], line["Model"]) for line in lines] == [
        ("1 (a)", "a"),
        ("1 (ab)", "b"),
        ("2 (b)", "c"),
    ]
    told = "1 of 3 pairs of 3 models is told apart by ROC AUC (by image, n = 9, Holm over all pairs"
    assert told in text
    assert "would still look 0.006 better than it is" in text
    alike = render(recipe("leaderboard"), board(ladder("a", "b")[:1]), "md")
    assert "1 of 1 pair of 2 models is told apart" in alike


def test_a_page_of_a_model_has_each_rival_with_gain_p_and_word() -> None:
    site = pages(recipe("leaderboard"), board(ladder("a", "b", "c")))
    rows = {}
    for name in "abc":
        reader = Reader(site[f"demo/liquid3d-{name}.html"])
        assert reader.faults == []
        assert "of 3" in "".join(reader.text)
        rows[name] = [[cell.value for cell in row] for row in reader.rows[-2:]]
    assert rows["a"] == [
        ["b", "+0.100", "0.600", "not told apart"],
        ["c", "+0.100", "< 0.001", "better"],
    ]
    assert rows["c"] == [
        ["a", "-0.100", "< 0.001", "worse"],
        ["b", "-0.100", "0.600", "not told apart"],
    ]


def test_models_that_nothing_compares_are_not_ranked_and_that_is_said() -> None:
    entries = [Entry(record=line.records[0], scores=None, history=()) for line in ladder("a", "b")]
    text = render(recipe("leaderboard"), board(standings(entries)), "md")
    assert "Not ranked: nothing here compares these models on the same cases" in text
    assert "Rank" not in table(text, "adrenal")[0]
    alone = render(recipe("leaderboard"), board(standings(entries[:1])), "md")
    assert "Not ranked" not in alone
    assert table(alone, "adrenal")[0]["Rank"] == "1"


def over_datasets(datasets: int, models: int = 5, lost: str = "") -> list[Standing]:
    """The first model is the best everywhere, the others take turns; one lacks its last value."""
    dice = random.Random(0)
    lines = []
    for index in range(datasets):
        for model in (f"m{digit}" for digit in range(models)):
            if model == lost and index == datasets - 1:
                continue
            value = 0.9 if model == "m0" else 0.7 + dice.uniform(0, 0.1)
            line = one(score("roc_auc", value, 9), model=model)
            lines.append(dataclasses.replace(line, dataset=f"set{index:02}"))
    return lines


def test_critical_differences_are_drawn_where_there_are_datasets_enough() -> None:
    board_of = board(over_datasets(10, 6, lost="m5"))
    text = render(recipe("leaderboard"), board_of, "html")
    assert Reader(text).faults == []
    words = html.unescape("".join(Reader(text).text))
    assert "4 of 10 pairs of 5 models are told apart by Wilcoxon's signed ranks" in words
    assert "over 10 datasets, with Holm over all pairs at 5 %" in words
    assert "Left out, for want of a value on every dataset: m5." in words
    [drawing] = re.findall(r'<svg [^>]*class="wide".*?</svg>', text, re.S)
    assert len(re.findall(r'class="bar"', drawing)) == 1
    named = re.findall(r'class="called">(m\d)<', drawing)
    assert sorted(named) == ["m0", "m1", "m2", "m3", "m4"]
    assert re.search(r"m0: 1\.00; .*are not told apart", drawing)
    rows = table(render(recipe("leaderboard"), board_of, "md"), "liquid3d over its datasets")
    assert (rows[0]["Model"], rows[0]["Mean rank ↓"]) == ("m0", "1.000 (a)")
    assert all(row["Mean rank ↓"].endswith(" (b)") for row in rows[1:5])
    assert rows[5]["Model"] == "m5"


def test_a_few_datasets_are_a_sentence_and_no_drawing() -> None:
    text = render(recipe("leaderboard"), board(over_datasets(4)), "html")
    words = html.unescape("".join(Reader(text).text))
    assert "On 4 datasets no two of 5 models can be told apart, whatever their values" in words
    assert "need 9 datasets at least" in words
    assert 'class="wide"' not in text
    assert "Friedman" not in words
    alone = board(over_datasets(4)).model("liquid3d", "m1")
    page = render(recipe("leaderboard"), alone, "html", back=("..", "Back"))
    assert "can be told apart" not in page


@pytest.mark.parametrize("models", [2, 3, 12, 31])
def test_the_names_of_a_critical_difference_diagram_are_apart_and_inside(models: int) -> None:
    tested = across({f"model-{m}": [m + 0.1 * d for d in range(16)] for m in range(models)})
    assert tested is not None
    drawing = diagram("Critical differences", tested)
    inside = str(drawing.inside)
    spots = re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)" class="called"', inside
    )
    assert len(set(spots)) == len(spots) == models
    for x, y, anchor in spots:
        room = float(x) if anchor == "end" else drawing.width - float(x)
        assert room > 7 * len("model-30")
        assert 40 < float(y) < drawing.height
    for side in ("start", "end"):
        rows = sorted(float(y) for _, y, anchor in spots if anchor == side)
        assert all(b - a >= 15 for a, b in itertools.pairwise(rows))


def test_a_bar_reaches_from_its_first_model_to_its_last_and_touches_no_other() -> None:
    dice = random.Random(1)
    values = {
        f"m{model}": [0.6 * model + dice.gauss(0, 1) for _ in range(20)] for model in range(9)
    }
    tested = across(values)
    assert tested is not None
    assert len(tested.bars) > 2
    inside = str(diagram("Critical differences", tested).inside)
    leads = re.findall(
        r'<polyline points="([\d.]+),[^>]+class="lead"></polyline>'
        r"<text[^>]+>[\d.]+</text><text[^>]+>(m\d)<",
        inside,
    )
    at = {model: float(x) for x, model in leads}
    assert sorted(at, key=lambda model: at[model]) == list(tested.models)
    drawn = re.findall(r'<line x1="([\d.]+)" x2="([\d.]+)" y1="(\d+)"[^>]+class="bar"', inside)
    spans = [(float(start), float(stop), y) for start, stop, y in drawn]
    assert len(spans) == len(tested.bars)
    for (start, stop, _), bar in zip(spans, tested.bars, strict=True):
        assert 0 < at[bar[0]] - start < 6
        assert 0 < stop - at[bar[-1]] < 6
    for one, other in itertools.combinations(spans, 2):
        assert one[2] != other[2] or one[1] + 5 < other[0]


@pytest.mark.parametrize("to", ["html", "md"])
def test_the_positive_class_of_two_is_told(to: str) -> None:
    line = one(score("roc_auc", 0.8, 9))
    names = {"classes": ["malignant", "normal, benign"], "kind": "nominal"}
    for changed, told in ((names, True), ({**names, "kind": "multilabel"}, False)):
        records = [dataclasses.replace(r, run={**r.run, **changed}) for r in line.records]
        again = dataclasses.replace(line, records=tuple(records))
        text = html.unescape(render(recipe("leaderboard", "conditions"), board([again]), to))
        assert ('positive class is "normal, benign", the other "malignant"' in text) is told
        assert "0 = malignant, 1 = normal, benign" in text
    many = dataclasses.replace(line.records[0], run={**line.records[0].run, "classes": ["a"] * 3})
    line = dataclasses.replace(line, records=(many,))
    assert "positive class" not in render(recipe("leaderboard"), board([line]), to)


def test_the_rows_of_classes_have_their_names() -> None:
    rows = [score("roc_auc", 0.8, 9, where={"class": name}) for name in ("malignant", "benign")]
    text = render(recipe("classes"), board([one(*rows)]), "md")
    assert [line["Class"] for line in table(text, "adrenal")] == ["malignant", "benign"]


def with_study(*rows: Measurement) -> Board:
    lines = [one(*rows, model="net"), one(score("roc_auc", 0.5, 298), model="other", rank=2)]
    return board(lines, beside(lines, [STUDY]))


def test_published_numbers_stand_beside_those_of_the_same_network() -> None:
    found = with_study(score("roc_auc", 0.85, 298, 0.02), score("accuracy", 0.75, 298))
    net, other, *_ = table(render(recipe("leaderboard"), found, "md"), "adrenal")
    assert net["Published ROC AUC"] == "0.9000 above; 0.8700 within (N3; N1)<sup>a</sup>"
    told = "0.8100 above; 0.7000 within (N3, reported as 0.8020; N1)<sup>a</sup>"
    assert net["Published Accuracy"] == told
    assert other["Published ROC AUC"] == other["Published Accuracy"] == NOTHING


def test_all_published_results_of_the_data_are_listed_with_source_and_n() -> None:
    found = with_study(score("roc_auc", 0.85, 298, 0.02), score("accuracy", 0.75, 298))
    text = render(recipe("published"), found, "md")
    best, second, third = table(text, "adrenal")
    assert [line["Result"] for line in (best, third)] == ["N9", "N1"]
    assert second["Result"] == "N3<sup>a</sup>"
    assert "It recurs over the batch." in text
    assert {line["Source"] for line in (best, second, third)} == {"A study"}
    assert {line["n"] for line in (best, second, third)} == {"298"}
    assert [line["Here"] for line in (best, second, third)] == [NOTHING, "net", "net"]
    assert second["Published ROC AUC"] == "0.9000 above"
    assert second["Measured ROC AUC"] == "0.850 [0.83, 0.87]"
    assert second["Published Accuracy"] == "0.8100 above (reported as 0.8020)"
    assert (best["Published Accuracy"], best["Measured ROC AUC"]) == (NOTHING, NOTHING)
    assert "A study: Invented. Nobody, 2001. example.org/study" in text


def test_a_published_number_that_can_not_be_judged_says_why() -> None:
    found = with_study(Measurement(metric="roc_auc", value=0.85, n=298, over="image"))
    net = table(render(recipe("leaderboard"), found, "md"), "adrenal")[0]
    assert net["Published ROC AUC"].startswith("0.9000; 0.8700 (N3; N1)<sup>")
    text = render(recipe("leaderboard", "published"), found, "html")
    assert "Not judged: the measured value has no interval." in text


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    return pages(recipe(), demo())


def test_every_link_leads_to_a_page_that_is_written(site: dict[str, str]) -> None:
    models = {(line.suite, line.model) for line in invented()}
    assert set(site) == {
        *("demo.md", "demo.html"),
        *(f"demo/{suite}-{model}.{to}" for suite, model in models for to in ("html", "md")),
    }
    for path, text in site.items():
        reader = Reader(text) if path.endswith(".html") else None
        assert reader is None or reader.faults == []
        for target in re.findall(r'href="([^"]+)"', text):
            file, _, anchor = target.partition("#")
            to = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
            assert to in site
            assert not anchor or f'id="{anchor}"' in site[to]
    linked = set(re.findall(r'href="(demo/[^"]+)"', site["demo.html"]))
    assert linked == {p for p in site if p.startswith("demo/") and p.endswith(".html")}
    assert all("](" not in text for path, text in site.items() if path.endswith(".md"))


def test_a_page_of_a_model_is_of_that_model_alone(site: dict[str, str]) -> None:
    text = site["demo/liquid3d-ltc-30.html"]
    reader = Reader(text)
    words = "".join(reader.text)
    assert "<h1>ltc-30</h1>" in text
    assert 'href="../demo.html"' in text
    own = [line for line in invented() if (line.suite, line.model) == ("liquid3d", "ltc-30")]
    assert len(own) == 3
    for line in own:
        assert f"of {line.among}" in words
        assert all(
            str(row.value) in text for row in line.rows if row.value is not None and _is_told(row)
        )
    others = {line.model for line in invented()} - {"ltc-30"}
    assert [model for model in others if model in words] == []
    assert "medmnist2d" not in words
    assert "N3" in words
    assert "N9" not in words
    assert "N3" not in site["demo/liquid3d-cnn-60-42.html"]
    titles = re.findall(r"<h2 [^>]*>([^<]+)", text)
    told = {"Leaderboard", "Published results", "Training", "Groups", "Latency", "Conditions"}
    assert told <= set(titles)
    assert "Trade-off" not in titles


def test_names_of_pages_are_safe_and_never_the_same() -> None:
    names = ("a b", "a/b", "../a", "A-B", "a-b", "-2")
    lines = [one(score("roc_auc", 0.8, 9), model=name) for name in names]
    lines += [dataclasses.replace(lines[0], suite="x", model="y-z")]
    lines += [dataclasses.replace(lines[0], suite="x-y", model="z")]
    found = pages(recipe("leaderboard", suites=("liquid3d", "x", "x-y")), board(lines))
    files = [path for path in found if path.count("/") and path.endswith(".html")]
    assert {path.replace(".html", ".md") for path in files} <= set(found)
    assert len(files) == len({path.lower() for path in files}) == len(names) + 2
    assert all(re.fullmatch(r"demo/[A-Za-z0-9._-]+\.html", path) for path in files)
    links = set(re.findall(r'href="(demo/[^"]+)"', found["demo.html"]))
    assert {unquote(link) for link in links} == set(files)


def test_the_verb_writes_them_all_and_tells_of_each(tmp_path: Path) -> None:
    if not (HOME / "baselines/liquid3d").is_dir():
        pytest.skip("needs a clone: its baselines")
    answer = report("leaderboard", None, tmp_path, HOME / "baselines", tmp_path / "pages")
    written = {str(path) for path in (tmp_path / "pages").rglob("*.*")}
    assert set(answer.data["pages"]) == written
    assert len(written) > 3
    main = (tmp_path / "pages/leaderboard.html").read_text(encoding="utf-8")
    assert "CNNExp1N1" in main
    assert str(tmp_path / "pages/leaderboard.html") in answer.text.splitlines()
    models = f"{len(written) // 2 - 1} pages of models in {tmp_path / 'pages/leaderboard'}"
    assert models in answer.text


@pytest.mark.parametrize("to", ["html", "md"])
def test_a_section_with_nothing_to_say_is_absent(to: str) -> None:
    text = render(recipe(), board([one(score("roc_auc", 0.7, 9))]), to)
    assert "Leaderboard" in text
    for title in ("Classes", "Groups", "Latency", "Training"):
        assert f">{title}</h2>" not in text
        assert f'href="#{title.lower()}"' not in text
        assert f"## {title}" not in text


@pytest.mark.parametrize("to", ["html", "md"])
def test_a_suite_without_records_is_named(to: str) -> None:
    assert "Nothing is known yet of liquid3d, medmnist2d." in render(recipe(), board([]), to)


def test_names_cannot_break_the_page() -> None:
    name = "<b>|`x`\"'&</td></svg><script>alert(1)</script>"
    line = one(*quality(random.Random(0), 50, (name,)), model=name)
    line = dataclasses.replace(line, dataset=name, title=name, cautions=(name,))
    page = render(recipe(), board([line]), "html")
    reader = Reader(page)
    assert reader.faults == []
    assert name in "".join(reader.text)
    assert page.count("<script>") == 1
    assert "<b>" not in page


def test_the_page_is_balanced_and_its_ids_and_links_are_sound(page: str) -> None:
    reader = Reader(page)
    assert reader.faults == []
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(reader.ids)


def test_nothing_is_fetched(page: str) -> None:
    assert re.findall(r"https?:|file:|url\(|@import|\bsrc=|<link|<iframe", page) == []
    assert set(re.findall(r'href="(.)', page)) == {"#"}


def test_every_drawing_has_words(page: str) -> None:
    drawings = re.findall(r"<svg role=\"img\" aria-labelledby=.*?</svg>", page, re.S)
    assert len(drawings) > 20
    for drawing in drawings:
        assert re.search(
            r"<title id=\"[^\"]+\">[^<]+</title>\s*<desc id=\"[^\"]+\">[^<]+<", drawing
        )
    assert page.count("<svg") == len(drawings) + page.count('class="cell" aria-hidden="true"')


def test_markdown_tables_have_as_many_cells_in_every_line() -> None:
    lines = [one(score("roc_auc", 0.8, 9), model=name) for name in ("a|b", "`a`", "*x*\n_y_")]
    text = render(recipe(), board(lines), "md")
    tables = re.findall(r"(?:^\|.*\|\n?)+", text, re.M)
    assert len(tables) >= 3
    for table in tables:
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(counts) == 1
    assert r"a\|b" in text
    assert r"\*x\* \_y\_" in text


def test_the_same_standings_give_the_same_bytes_without_torch(page: str) -> None:
    """In another process, so that neither hash seed nor what is loaded can matter."""
    code = """if True:
        import hashlib, sys
        from test_report import demo, recipe
        from harness.report import render
        page = render(recipe(), demo(), "html")
        print(hashlib.sha256(page.encode()).hexdigest())
        print([name for name in ("torch", "pandas", "matplotlib") if name in sys.modules])
    """
    path = os.pathsep.join((str(HOME), str(HOME / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split("\n")[:2] == [hashlib.sha256(page.encode()).hexdigest(), "[]"]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (Measurement(metric="roc_auc", value=0.8614), "0.861"),
        (Measurement(metric="parity_max_abs", value=6e-8), "6.0e-08"),
        (Measurement(metric="roc_auc", value=0.0), "0.000"),
        (Measurement(metric="roc_auc", value=0.031, kind="difference"), "+0.031"),
        (Measurement(metric="parity_flips", value=0.0, unit="cases"), "0"),
        (Measurement(metric="parameters_total", value=59405.0, unit="parameters"), "59,405"),
        (Measurement(metric="size_bytes", value=678_123.0, unit="bytes"), "678 kB"),
        (Measurement(metric="latency_p50", value=0.0123, unit="s"), "12.3"),
        (Measurement(metric="latency_p50", value=1234.0, unit="ms"), "1,234"),
    ],
)
def test_numbers_read_as_people_write_them(row: Measurement, text: str) -> None:
    assert number(row) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0505, "0.0505"), (0.0495, "0.0495"), (0.3, "0.300"), (0.0009, "< 0.001"), (0.0, "< 0.001")],
)
def test_a_p_value_tells_its_side_of_five_percent(value: float, text: str) -> None:
    assert chance(value) == text
    assert chance(value, "p") == f"p {text}" if "<" in text else f"p = {text}"


def test_bytes_carry_into_the_next_unit() -> None:
    assert [size(value) for value in (512, 999_900, 3_371_000)] == ["512 B", "1 MB", "3.37 MB"]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("low", "high"), [(0.75, 0.92), (1e-3, 4e5), (31.0, 33.0), (7.0, 7.0)])
def test_a_scale_has_a_few_round_ticks_inside(log: bool, low: float, high: float) -> None:
    scale = Scale.around([low, high], 0, 100, log=log)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 9
    assert all(0 <= scale(tick) <= 100 for tick in ticks)
    assert 0 < scale(low) <= scale(high) < 100


def test_names_in_a_drawing_do_not_cover_one_another() -> None:
    frame = Box(left=0, top=0, right=330, bottom=240)
    points = [(150.0 + 3 * index, 120.0 + 2 * index) for index in range(6)]
    boxes = place(points, [f"model-{index}" for index in range(6)], frame)
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    assert all(a.overlap(b) == 0 for a, b in pairs)
    assert all(box.overlap(frame) == pytest.approx(box.area) for box in boxes)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FRAMES = {"phone": 360, "desk": 1280}
PROBE = """
const seen = {};
for (const frame of document.querySelectorAll("iframe")) {
  const view = frame.contentWindow, page = frame.contentDocument;
  const tables = [...page.querySelectorAll("table")];
  const table = tables.find((one) => one.caption.textContent.startsWith("Leaderboard of"));
  const header = table.tHead.rows[0].cells[2];
  const orders = [];
  for (let click = 0; click < 2; click++) {
    header.querySelector("button").click();
    const keys = [...table.tBodies[0].rows].map((row) => row.cells[2].dataset.sort);
    orders.push([header.getAttribute("aria-sort"), keys]);
  }
  const frameOf = table.closest(".scroll").previousElementSibling;
  const box = frameOf.querySelector("input"), filtered = {};
  for (const words of ["CNN-60", "cnn constant", "ltc constant", "nothing like it", ""]) {
    box.value = words;
    box.dispatchEvent(new view.Event("input", { bubbles: true }));
    const rows = [...table.tBodies[0].rows].filter((row) => row.offsetHeight > 0);
    const names = rows.map((row) => row.querySelector("th span").textContent).sort();
    const foot = [...table.tFoot.rows].filter((row) => row.offsetHeight > 0).length;
    filtered[words] = [names, foot, frameOf.querySelector("output").value];
  }
  box.focus();
  const reached = page.activeElement === box && box.labels[0].textContent.trim();
  const small = [];
  for (const part of page.querySelectorAll("body *:not(script, title, desc, caption)")) {
    const words = [...part.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const drawing = part.closest("figure svg");
    const scale = drawing ? drawing.clientWidth / drawing.viewBox.baseVal.width : 1;
    const size = parseFloat(view.getComputedStyle(part).fontSize) * scale;
    if (words && size < 11) small.push(`${part.tagName} ${part.textContent} ${size}`);
  }
  const root = page.documentElement;
  seen[frame.id] = { overflow: root.scrollWidth - root.clientWidth, width: view.innerWidth,
    errors: view.faults, focus: header.querySelector("button").tabIndex, orders, small, filtered,
    reached, boxes: page.querySelectorAll(".filter:not([hidden])").length };
}
document.body.innerHTML = "<pre></pre>";
document.body.firstChild.textContent = JSON.stringify(seen);
"""
WATCH = """<script>var faults = [];
addEventListener("error", (event) => faults.push(event.message));
console.error = (...words) => faults.push(words.join(" "));</script>"""


@pytest.fixture(scope="module")
def seen(page: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What a browser finds on the page at the width of a phone and of a desk."""
    if CHROMIUM is None:
        pytest.skip("needs chromium on the PATH")
    folder = tmp_path_factory.mktemp("browser")
    inside = html.escape(page.replace("<head>", f"<head>{WATCH}"))
    frames = "".join(
        f'<iframe id="{name}" style="width:{width}px;height:800px;border:0" srcdoc="{inside}">'
        "</iframe>"
        for name, width in FRAMES.items()
    )
    probe = f"<script>addEventListener('load', () => {{ {PROBE} }});</script>"
    (folder / "frames.html").write_text(f"<!doctype html>{frames}{probe}", encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync")
    quiet = ("--disable-background-networking", "--disable-component-update")
    profile = f"--user-data-dir={folder / 'profile'}"
    where = (folder / "frames.html").as_uri()
    done = subprocess.run(
        [CHROMIUM, *options, *quiet, profile, "--window-size=1400,900", "--dump-dom", where],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.S)
    assert found, done.stderr
    result: dict[str, dict[str, object]] = json.loads(html.unescape(found.group(1)))
    return result


@pytest.mark.parametrize("frame", FRAMES)
def test_a_browser_finds_no_overflow_no_small_text_and_no_error(
    seen: dict[str, dict[str, object]], frame: str
) -> None:
    assert seen[frame]["width"] == FRAMES[frame]
    assert seen[frame]["overflow"] == 0
    assert seen[frame]["small"] == []
    assert seen[frame]["errors"] == []


def test_the_header_of_the_order_turns_it_round_and_back_and_blanks_stay_last(
    seen: dict[str, dict[str, object]],
) -> None:
    first = next(line for line in invented() if line.suite == "liquid3d")
    lines = [line for line in invented() if line.dataset == first.dataset]
    values = [line.rows[0].value for line in lines if line.rows]
    best = [str(value) for value in sorted(value for value in values if value is not None)][::-1]
    assert seen["desk"]["orders"] == [["ascending", [*best[::-1], ""]], ["descending", [*best, ""]]]
    assert seen["desk"]["focus"] == 0


def test_a_box_hides_the_lines_without_its_words_and_keeps_the_foot(
    seen: dict[str, dict[str, object]],
) -> None:
    models = sorted({line.model for line in invented() if line.suite == "liquid3d"})
    assert seen["phone"]["filtered"] == {
        "CNN-60": [["cnn-60-42"], 1, "1 of 5 shown"],
        "cnn constant": [[], 1, "0 of 5 shown"],
        "ltc constant": [["ltc-21-14"], 1, "1 of 5 shown"],
        "nothing like it": [[], 1, "0 of 5 shown"],
        "": [models, 1, ""],
    }
    assert seen["phone"]["reached"] == "Filter"
    assert seen["phone"]["boxes"] == 5 + 2 + 5
