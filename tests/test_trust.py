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
from harness.report import Recipe, _claim, _limits, _plain, _readings, _tripod, pages, render
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
    assert lines["sex M"]["p"] == html.escape(chance(0.0002))
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
    assert "How good it is" not in text
