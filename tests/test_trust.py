"""The trust report and the checklists: every figure is a row, and every lack is said."""

import dataclasses
import html
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standings import board, invented, record, run, score, standing, undefined
from test_report import Reader, Shown, table

from harness.record import Measurement
from harness.report import (
    Recipe,
    _claim,
    _known,
    _limits,
    _plain,
    _readings,
    _recalibrated,
    _tripod,
    pages,
    render,
)
from harness.report._items import CANNOT, answered
from harness.report._numbers import chance, interval, number
from harness.standings import Standing

HOME = Path(__file__).parent.parent
SECTIONS = ("trust", "checklist")
SUITES = ("liquid3d", "medmnist2d")
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(?:e-?\d+)?")


def recipe(*sections: str) -> Recipe:
    return Recipe(name="demo", title="Demo", suites=SUITES, sections=sections or SECTIONS)


def one(*rows: Measurement, **about: Any) -> Standing:
    """A model of one seed."""
    fields = about.pop("run", {})
    return standing([record({**run("liquid3d", "adrenal", "net", 0), **fields}, rows, **about)])


def page(line: Standing, to: str = "md", *sections: str) -> str:
    """The page of one model alone."""
    return render(recipe(*sections), board([line]), to, back=("..", "Back"))


def part(metric: str, value: float, where: dict[str, str], **about: Any) -> Measurement:
    return score(metric, value, 40, where=where, **about)


def grouped() -> Standing:
    """A planted gap, a group that is like the rest, one that is too small, and the largest gap."""
    apart: dict[str, Any] = {"kind": "difference", "better": "higher", "n": 40, "over": "image"}

    def rest(value: float, room: float, p: float, sex: str) -> Measurement:
        ci = (value - room, value + room)
        where = {"group.sex": sex, "against": "rest"}
        return Measurement(metric="roc_auc", value=value, ci=ci, p=p, where=where, **apart)

    few = "only 7 images; groups_min_n is 10"
    return one(
        score("roc_auc", 0.8, 100),
        part("roc_auc", 0.91, {"group.sex": "F"}),
        part("roc_auc", 0.62, {"group.sex": "M"}),
        part("roc_auc", 0.81, {"group.sex": "X"}),
        undefined("roc_auc", few, n=7, where={"group.sex": "?"}, better="higher"),
        rest(0.29, 0.1, 0.0002, "F"),
        rest(-0.29, 0.1, 0.0002, "M"),
        rest(0.01, 0.1, 0.9, "X"),
        part("roc_auc", 0.29, {"gap": "sex"}, better="lower"),
    )


def test_it_is_on_pages_of_one_model_alone() -> None:
    site = pages(recipe(), board(invented()))
    for path, text in site.items():
        alone = path.startswith("demo/")
        assert ("Trust report" in text) == alone
        assert ("Checklists" in text) == alone
    assert {path for path in site if path.endswith(".md")} == {
        path.replace(".html", ".md") for path in site if path.endswith(".html")
    }


@pytest.mark.parametrize("model", ["ltc-21-14", "ltc-30"])
def test_every_figure_in_its_tables_is_a_row_of_the_record(model: str) -> None:
    site = pages(recipe("trust"), board(invented()))
    for suite in SUITES:
        mine = [s for s in invented() if (s.suite, s.model) == (suite, model)]
        rows = [row for line in mine for row in line.rows]
        true = {(number(row), interval(row), str(row.value)) for row in rows if row.value}
        true |= {(number(row), interval(row), str(row.value)) for row in rows if row.value == 0}
        counts = {f"{row.n:,}" for row in rows if row.n is not None}
        shown = [cell for row in Reader(site[f"demo/{suite}-{model}.html"]).rows for cell in row]
        figures = [cell for cell in shown if _is_figure(cell)]
        assert len(figures) > 20
        for cell in figures:
            told = (cell.value, cell.interval, cell.key) in true
            assert told or cell.value in counts or cell.value == "undefined"


def _is_figure(cell: Shown) -> bool:
    try:
        return bool(cell.key) and float(cell.key) == float(cell.key)
    except ValueError:
        return False


def test_every_number_of_the_whole_test_set_is_on_it_with_words_beside() -> None:
    line = next(line for line in invented() if line.model == "ltc-30")
    lines = table(page(line), "How good it is")
    told = {row["Number"].split(" (")[0]: row for row in lines}
    wanted = [r for r in line.rows if not r.where and r.unit == "1" and "parity" not in r.metric]
    assert len(wanted) >= 4
    values = {row["Value"]: row["In plain words"] for row in told.values()}
    for row in wanted:
        assert len(values[f"{number(row)} {interval(row)}".strip()]) > 20


def test_what_is_undefined_says_why_and_is_never_fair() -> None:
    text = page(grouped())
    lines = {row["Part"].split(" (")[0]: row for row in table(text, "For whom")}
    small = lines["sex ?"]
    assert small["Value"].startswith("undefined")
    assert "Not known, which is not fair: only 7 images; groups_min_n is 10." in small.values()
    limits = table(text, "What is not known")
    assert any("how it does for sex ?" in row["Not known"] for row in limits)


def test_a_gap_is_told_apart_by_its_adjusted_p_and_likeness_is_not_equality() -> None:
    lines = {row["Part"].split(" (")[0]: row for row in table(page(grouped()), "For whom")}
    assert "Lower than the rest: worse." in lines["sex M"]["In plain words"]
    assert "Higher than the rest: better." in lines["sex F"]["In plain words"]
    assert lines["sex X"]["In plain words"] == "Not told apart. That is not the same as equal."
    assert lines["sex M"]["Minus the rest"] == "-0.290 [-0.39, -0.19]"
    assert lines["sex M"]["p, adjusted"] == html.escape(chance(0.0002))
    assert lines["largest gap by sex"]["Value"].startswith("0.290")


def test_warnings_are_told_in_plain_words_with_what_to_do() -> None:
    told = {"code": "constant-predictor", "message": "every case is 'normal'; train longer"}
    line = one(score("roc_auc", 0.7, 9), warnings=(told,))
    [row] = table(page(line), "Warnings")
    assert row["Warning"] == "constant-predictor"
    assert "it decides nothing" in row["In plain words"]
    assert row["What was found, and what to do"] == "seed 0: every case is 'normal'; train longer."
    quiet = page(one(score("roc_auc", 0.7, 9)))
    assert "No guard fired." in quiet
    assert "Silence is no proof" in quiet


def test_every_warning_that_there_is_has_plain_words() -> None:
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", (HOME / "docs/guards.md").read_text(), re.M))
    in_code = {
        code
        for file in (HOME / "harness").rglob("*.py")
        for code in re.findall(
            r'(?:doubt\(\s*|"code": )"([a-z]+-[a-z-]+)"', file.read_text(encoding="utf-8")
        )
    }
    assert documented <= set(_plain.PLAIN)
    assert in_code <= set(_plain.PLAIN)
    assert set(_plain.PLAIN) <= documented | in_code


NUMBERS = st.floats(min_value=0, max_value=1, allow_nan=False)


@given(value=NUMBERS, low=NUMBERS, bound=NUMBERS)
def test_a_value_is_above_its_reference_only_if_its_interval_is(
    value: float, low: float, bound: float
) -> None:
    ci = (min(low, value), 1.0)
    accuracy = Measurement(metric="accuracy", value=value, ci=ci, level=0.95, n=9)
    line = one(accuracy, Measurement(metric="majority_rate", value=bound, n=9))
    said = _readings.verdict(accuracy, line)
    assert said.startswith("It is above") == (ci[0] > bound)
    assert said.startswith("It is not above") == (value <= bound)
    assert not re.search(r"\d", said)


@given(value=NUMBERS, high=NUMBERS, bound=NUMBERS)
def test_an_error_is_below_that_of_the_median_only_if_its_interval_is(
    value: float, high: float, bound: float
) -> None:
    ci = (0.0, max(high, value))
    error = Measurement(metric="mean_absolute_error", value=value, ci=ci, level=0.95, n=9)
    line = one(error, Measurement(metric="median_grade_error", value=bound, n=9))
    said = _readings.verdict(error, line)
    assert said.startswith("It is below") == (ci[1] < bound)
    assert said.startswith("It is not below") == (value >= bound)


@pytest.mark.parametrize(
    ("metric", "value", "ci", "words"),
    [
        ("roc_auc", 0.7, (0.6, 0.8), "It is above guessing."),
        ("roc_auc", 0.55, (0.45, 0.65), "It is not surely above guessing"),
        ("roc_auc", 0.4, (0.3, 0.6), "It is not above guessing."),
        ("balanced_accuracy", 0.5, (0.4, 0.6), "It is not above guessing."),
        ("ece", 0.04, (0.02, 0.06), "A perfectly calibrated model would show as much"),
        ("ece", 0.2, (0.1, 0.3), "It is above what a perfectly calibrated model would show."),
        ("calibration_slope", 0.4, (0.3, 0.5), "Overconfident"),
        ("calibration_slope", 2.0, (1.5, 2.5), "Underconfident"),
        ("calibration_slope", 0.9, (0.5, 1.5), "The interval holds the value of a calibrated"),
        ("calibration_intercept", -1.0, (-2.0, -0.5), "Probabilities are too high"),
        ("dice", 0.8, None, "No interval is known"),
    ],
)
def test_a_number_is_read_beside_what_it_must_be_held_against(
    metric: str, value: float, ci: tuple[float, float] | None, words: str
) -> None:
    row = Measurement(metric=metric, value=value, ci=ci, n=9, over="image")
    line = one(row, Measurement(metric="ece_floor", value=0.05, n=9))
    assert words in _readings.reading(row, line)


LACKS: dict[str, dict[str, Any]] = {
    "which images are of one patient": {"rows": {"over": "subject"}},
    "how it does on data of another origin": {"more": {"dataset": "elsewhere"}},
    "for whom it works": {"more": {"group.sex": "F"}},
    "whether its probabilities are true": {"metric": "calibration_slope"},
    "whether the file says what the network said": {"metric": "parity_max_abs"},
    "how fast it is": {"metric": "latency_p50"},
    "by what the model was chosen": {"record": {"selection": {"split": "val"}}},
    "the exact code that made the numbers": {"record": {"environment": {"dirty": False}}},
}


@pytest.mark.parametrize("lack", LACKS)
def test_what_the_record_lacks_is_said_and_only_then(lack: str) -> None:
    bare: dict[str, Any] = {"selection": {"split": "unknown"}, "environment": {"dirty": True}}
    mended = LACKS[lack]
    first = score("roc_auc", 0.8, 100)
    whole = dataclasses.replace(first, **mended.get("rows", {}))
    more = [part("roc_auc", 0.7, mended["more"])] if "more" in mended else []
    more += [score(mended["metric"], 0.7, 100)] if "metric" in mended else []
    for line, said in (
        (one(first, **bare), True),
        (one(whole, *more, **{**bare, **mended.get("record", {})}), False),
    ):
        found = [limit.unknown for limit in _limits.limits(line)]
        assert any(lack in each for each in found) == said


def test_a_model_that_was_chosen_by_test_says_so_first() -> None:
    line = one(score("roc_auc", 0.8, 100), selection={"split": "test", "rule": "best"})
    first, *_ = _limits.limits(line)
    assert first.unknown == "how good it is on cases that it was not chosen by"
    assert "by the test cases, which makes its numbers on them too good" in page(line)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (None, "no: probabilities are the model's own"),
        ({"method": "platt", "n": 1200, "split": "val"}, "platt, fitted on 1,200 cases of val"),
        (
            {"method": "none", "n": 9, "split": "val", "unmet": ["temperature: val is too small"]},
            "no: probabilities are the model's own; not done: temperature: val is too small",
        ),
        (
            {"method": "none", "trained": [0.5, 0.5], "natural": [0.9, 0.1]},
            "prior corrected from 0.5, 0.5 to 0.9, 0.1",
        ),
    ],
)
def test_a_calibration_that_could_not_be_had_is_never_called_one(told: Any, said: str) -> None:
    line = one(score("roc_auc", 0.8, 100), selection={"split": "val", "calibration": told})
    assert _recalibrated.calibrated(line) == said


def test_folds_say_how_each_was_calibrated_and_which_epoch_it_is() -> None:
    known = [{"method": "platt", "n": 80, "split": "val"}, None, {"method": "none", "unmet": ["x"]}]
    chosen = {"split": "val", "folds": 3, "fold_epochs": [3, 5, 4], "fold_calibrations": known}
    line = one(score("roc_auc", 0.8, 100), selection=chosen)
    assert _recalibrated.calibrated(line) == "platt, fitted on 80 cases of val; not done: x"
    assert _known.chosen(line) == "by val, epochs 3, 5, 4 of its folds"


def test_weights_that_came_trained_are_chosen_by_nobody_knows_what() -> None:
    came = one(score("roc_auc", 0.8, 9), selection={"split": "none", "rule": "weights as given"})
    here = one(score("roc_auc", 0.8, 9), selection={"split": "none", "epoch": 8, "epochs_run": 8})
    lack = "by what the model was chosen"
    assert _known.chosen(came) == "by what is not known (weights as given)"
    assert _known.chosen(here) == "by no split, epoch 8 of 8"
    assert lack in [limit.unknown for limit in _limits.limits(came)]
    assert lack not in [limit.unknown for limit in _limits.limits(here)]


def test_a_number_of_another_set_is_held_against_what_guessing_is_there() -> None:
    far = {"dataset": "far"}
    rows = [
        Measurement(metric="accuracy", value=0.8, ci=(0.75, 0.85), n=9, where=where)
        for where in ({}, far)
    ]
    rows += [Measurement(metric="majority_rate", value=v, n=9, where=w) for v, w in RATES]
    line = one(*rows)
    assert _readings.verdict(rows[0], line).startswith("It is above")
    assert _readings.verdict(rows[1], line).startswith("It is not above")
    told = [row for row in table(page(line), "How good it is") if row["Number"] != "Majority rate"]
    assert [row["In plain words"].rpartition("It is ")[2][:3] for row in told[:2]] == ["abo", "not"]


RATES: tuple[tuple[float, dict[str, str]], ...] = ((0.5, {}), (0.95, {"dataset": "far"}))


def test_without_an_interval_nothing_is_surely_above_a_floor() -> None:
    row = Measurement(metric="ece", value=0.2, n=9)
    line = one(row, Measurement(metric="ece_floor", value=0.05, n=9))
    assert _readings.verdict(row, line).startswith("No interval is known")


def crossed() -> Standing:
    """Groups of two columns and their pairs: one is told apart, one too small, one has no test."""
    about: dict[str, Any] = {"kind": "difference", "better": "higher", "n": 40, "over": "image"}

    def pair(sex: str, age: str) -> dict[str, str]:
        return {"group.sex": sex, "group.age": age}

    def rest(where: dict[str, str], p: float) -> Measurement:
        value = {"value": -0.2, "ci": (-0.3, -0.1), "p": p, "where": {**where, "against": "rest"}}
        return Measurement(metric="roc_auc", **{**about, **value})

    few = "only 7 images; groups_min_n is 10"
    return one(
        score("roc_auc", 0.8, 100),
        part("roc_auc", 0.7, {"group.sex": "F"}),
        undefined("roc_auc", "needs both", n=9, where={"group.size": "large"}, better="higher"),
        rest({"group.sex": "F"}, 0.5),
        part("roc_auc", 0.6, pair("F", "40-65")),
        rest(pair("F", "40-65"), 0.001),
        part("roc_auc", 0.7, pair("F", "65-120")),
        rest(pair("F", "65-120"), 0.7),
        undefined("roc_auc", few, n=7, where=pair("M", "0-40"), better="higher"),
        part("roc_auc", 0.1, {"gap": "sex"}, better="lower"),
        part("accuracy", 0.1, {"gap": "sex"}, better="lower"),
        part("equalized_odds_difference", 0.1, {"gap": "sex"}, better="lower"),
    )


def test_a_pair_of_groups_has_a_line_where_it_is_told_apart_and_is_counted_else() -> None:
    text = page(crossed())
    lines = [row["Part"].split(" (")[0] for row in table(text, "For whom")]
    assert lines == ["sex F", "sex F, age 40-65", "largest gap by sex"]
    assert "by ROC AUC: 1 not told apart, 1 too small to tell." in text
    lacks = [row["Not known"] for row in table(text, "What is not known")]
    assert "how it does for size large; 1 of 3 pairs of groups" in lacks


def test_checklists_name_groups_and_leave_pairs_and_further_gaps_to_the_section() -> None:
    line = crossed()
    said = {item.number: item.answer(line) for item in (*_claim.ITEMS, *_tripod.ITEMS)}
    assert said["36"] == "sex F: 40 images; size large: 9 cases"
    assert "40-65" not in said["37"] + said["23a"] + said["40"]
    assert [each.split(" 0")[0] for each in said["14"].split("; ")] == [
        "largest gap by sex: ROC AUC",
        "largest gap by sex: Equalised odds",
    ]


def test_a_size_is_in_ml_where_it_is_of_what_is_segmented() -> None:
    large = part("roc_auc", 0.7, {"group.size": "large"})
    for task, name in (("classify", "size large"), ("segment", "size (ml) large")):
        line = one(score("roc_auc", 0.8, 100), large, run={"task": task})
        [row] = table(page(line), "By size")
        assert row["Part"] == f"{name} (ROC AUC)"
        [row] = table(page(line, "md", "groups"), "adrenal (liquid3d, cpu)")
        assert row["Group"] == name.replace(" large", ": large")


def test_predictions_made_elsewhere_are_told_nothing_that_nobody_knows() -> None:
    unread = {"code": "data-unread", "message": "labels are the file's"}
    about = {"selection": {"split": "unknown", "threshold": 0.5}, "warnings": (unread,)}
    rows = score("dice", 0.8, 9), Measurement(metric="size_bytes", value=1.0)
    line = one(*rows, run={"device": "external", "task": "segment", "metrics": ["dice"]}, **about)
    text = page(line)
    assert "was not held against" not in text
    assert "which file made them is not known" in text
    assert _known.divided(line) == _known.UNSAID
    assert _known.decided(line) == "elsewhere, by whoever made the masks"
    item = next(item for item in _claim.ITEMS if item.number == "27")
    assert answered(item, [line]) == CANNOT
    finished = one(rows[0], selection={"split": "unknown", "rule": "a finished file"})
    assert answered(item, [finished]) == CANNOT


def test_a_number_is_explained_once_and_as_it_was_first() -> None:
    text = page(grouped(), "md", "trust", "fairness", "groups")
    assert text.count("- **n**: How many the numbers of a line are over.") == 1
    assert text.count("- **p, adjusted**:") == 1


def test_what_is_folded_is_on_the_page_and_only_there() -> None:
    for to in ("md", "html"):
        shown, *folds = re.split("<details>", page(crossed(), to, "fairness"))
        assert "age 40-65" in shown
        assert "age 65-120" not in shown.partition("<svg")[0]
        assert [re.findall("<summary>(.*)</summary>", each) for each in folds] == [
            ["ROC AUC by pairs of groups"]
        ]
        assert "age 65-120" in folds[0].partition("</details>")[0]
        if to == "html":
            assert Reader("".join([shown, *("<details>" + each for each in folds)])).faults == []


def test_what_holds_of_every_model_is_always_said() -> None:
    for line in invented():
        assert [*_limits.limits(line)][-1].unknown == "what it does to patients"


CLAIM = [str(k) for k in range(1, 45)]
TRIPOD = [
    *("1", "2", "3a", "3b", "3c", "4", "5a", "5b", "6a", "6b", "6c", "7", "8a", "8b", "8c"),
    *("9a", "9b", "9c", "10", "11", "12a", "12b", "12c", "12d", "12e", "12f", "12g", "13", "14"),
    *("15", "16", "17", "18a", "18b", "18c", "18d", "18e", "18f", "19", "20a", "20b", "20c"),
    *("21", "22", "23a", "23b", "24", "25", "26", "27a", "27b", "27c"),
]
"""The numbers of the two checklists, in their order."""


@pytest.mark.parametrize(("checklist", "known"), [(_claim, CLAIM), (_tripod, TRIPOD)])
def test_items_are_of_their_checklist_and_in_its_order(checklist: Any, known: list[str]) -> None:
    numbers = [item.number for item in checklist.ITEMS]
    places = [known.index(each) for each in numbers]
    assert places == sorted(set(places))
    assert all(len(item.asks) > 10 for item in checklist.ITEMS)


@pytest.mark.parametrize("checklist", [_claim, _tripod])
def test_figures_of_answers_are_rows_and_a_bare_record_cannot_say(checklist: Any) -> None:
    for line in invented()[:4]:
        rows = [*line.rows, *([line.spread] if line.spread else [])]
        known = " ".join(
            f"{number(row)} {interval(row)} {row.n or 0:,} {row.where.values()}" for row in rows
        )
        known += str(line.records) + str(line.seeds)
        for item in checklist.ITEMS:
            figures = NUMBER.findall(re.sub(r"\d+ %", "", item.answer(line)))
            assert [each for each in figures if each.strip(",.") not in known] == []
    bare = standing(
        [
            record(
                {**run("s", "d", "m", 0), "source": {}, "classes": []},
                (),
                selection={},
                environment={},
            )
        ]
    )
    said = {item.number: answered(item, [bare]) for item in checklist.ITEMS}
    assert sum(text == CANNOT for text in said.values()) > len(said) / 2


def test_datasets_that_differ_are_told_apart_in_an_answer() -> None:
    lines = [line for line in invented() if (line.suite, line.model) == ("liquid3d", "ltc-30")]
    item = next(item for item in _claim.ITEMS if item.number == "32")
    told = answered(item, lines)
    assert told.count(" | ") == 2
    assert all(f"{line.dataset}, cpu: ROC AUC" in told for line in lines)


@pytest.mark.parametrize("to", ["html", "md"])
def test_its_pages_are_whole_and_have_no_emoji(to: str) -> None:
    for line in (grouped(), *invented()[:5]):
        text = page(line, to, "trust", "checklist", "leaderboard")
        assert not re.search("[\U0001f000-\U0001faff\u2600-\u27bf]", text)
        if to == "html":
            assert Reader(text).faults == []
            assert text.count("<svg role") == text.count("<desc")
            assert not re.search(r'font-size[:=]"?\s*(?:[0-9]|10)(?:\.\d+)?px', text)
    words = html.unescape(page(grouped(), to))
    assert "no evidence of fitness for clinical use" in words


def test_a_failed_model_has_a_page_that_says_so() -> None:
    error = "the training loss must be finite, got nan"
    failed = dataclasses.replace(one(status="failed", error=error), rank=None, rows=())
    text = page(failed)
    assert error in text
    assert text.count("It failed, so that nothing was measured.") == 3
    assert "No guard fired" not in text
