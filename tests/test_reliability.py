"""The reliability curve: scikit-learn's points, Wilson's intervals, and their page."""

import dataclasses
import html
import re
from typing import Any

import numpy as np
import pytest
from scipy.special import expit  # type: ignore[import-untyped]
from scipy.stats import binomtest  # type: ignore[import-untyped]
from sklearn.calibration import calibration_curve
from standings import board, record, run, standing
from test_calibration_metrics import drawn, value
from test_metrics import labelled
from test_report import Reader

from harness.cases import UNCALIBRATED
from harness.predictions import Predictions, decide
from harness.record import Measurement, Record
from harness.reliability import OBSERVED, STATED, bins_of, reliability
from harness.report import Recipe, render
from harness.report._reliability import curve
from harness.rows import measured
from harness.standings import Standing
from harness.suite import MetricSpec, Policy

METRICS = (
    *("roc_auc", "brier", "log_loss", "ece", "ece_top_label"),
    *("calibration_slope", "calibration_intercept"),
    *("brier_reliability", "brier_resolution", "brier_uncertainty", "brier_remainder"),
)
ASKED = [MetricSpec(name=name) for name in METRICS]


def rows(table: Predictions, bins: int = 10, **policy: Any) -> list[Measurement]:
    return list(reliability(table, Policy(**policy), bins))


def of(found: list[Measurement], metric: str, **where: str) -> dict[str, Measurement]:
    """Bin -> row, of exactly this place."""
    return {
        row.where["bin"]: row
        for row in found
        if row.metric == metric and {k: v for k, v in row.where.items() if k != "bin"} == where
    }


def test_points_are_scikit_learns_and_intervals_wilsons() -> None:
    cases = drawn(400)
    p, y = cases.probability[:, 1], cases.y_true
    found = rows(cases)
    rates, stated = calibration_curve(y, p, n_bins=10)
    observed, said = of(found, OBSERVED), of(found, STATED)
    assert list(observed) == list(said) == [f"{k / 10:g}-{(k + 1) / 10:g}" for k in range(10)]
    assert [row.value for row in observed.values()] == pytest.approx(rates)
    assert [row.value for row in said.values()] == pytest.approx(stated)
    assert sum(row.n or 0 for row in observed.values()) == 400
    for row in observed.values():
        assert row.n is not None
        theirs = binomtest(round(float(row.value or 0) * row.n), row.n).proportion_ci(
            method="wilson"
        )
        assert row.ci == pytest.approx((theirs.low, theirs.high))
        assert row.method == "Wilson over images"


@pytest.mark.parametrize("bins", [5, 15, 100])
def test_the_curve_is_what_the_ece_is_made_of(bins: int) -> None:
    cases = drawn(300, 2)
    found = rows(cases, bins)
    apart = [
        (row.n or 0) * abs(float(row.value or 0) - float(of(found, STATED)[name].value or 0))
        for name, row in of(found, OBSERVED).items()
    ]
    assert sum(apart) / 300 == pytest.approx(value("ece", cases, bins=bins))
    assert len(set(of(found, OBSERVED))) == len(of(found, OBSERVED))


def test_more_classes_have_the_curve_of_the_likeliest() -> None:
    cases = drawn(500, classes=4)
    found = rows(cases, 15)
    right = cases.y_true == cases.probability.argmax(axis=1)
    rates, stated = calibration_curve(right, cases.probability.max(axis=1), n_bins=15)
    assert [row.value for row in of(found, OBSERVED).values()] == pytest.approx(rates)
    assert [row.value for row in of(found, STATED).values()] == pytest.approx(stated)
    assert {str(row.method).partition(",")[0] for row in found} == {"of the likeliest class"}


def test_labels_have_a_curve_each() -> None:
    rng = np.random.default_rng(0)
    p = rng.random((100, 3))
    cases = dataclasses.replace(
        labelled(rng.random((100, 3)) < p, p), groups={"sex": np.full(100, "F")}
    )
    found = rows(cases)
    assert {row.where["class"] for row in found} == set(cases.classes)
    assert all(set(row.where) == {"class", "bin"} for row in found)
    rates, _ = calibration_curve(cases.y_true[:, 1], p[:, 1], n_bins=10)
    theirs = [row.value for row in of(found, OBSERVED, **{"class": cases.classes[1]}).values()]
    assert theirs == pytest.approx(rates)


def grouped(n: int = 300) -> Predictions:
    """Two sexes, one of them of nine cases; also what was said before a calibration."""
    cases = drawn(n, 4)
    cases = dataclasses.replace(
        cases, groups={"sex": np.where(np.arange(n) < 9, "M", np.where(np.arange(n) < 30, "", "F"))}
    )
    odds = expit(2.5 * np.log(cases.probability[:, 1] / cases.probability[:, 0]))
    raw = np.stack([1 - odds, odds], axis=1)
    before = dataclasses.replace(
        cases,
        variant=np.full(n, UNCALIBRATED),
        probability=raw,
        decision=decide(raw, "nominal", 0.5),
    )
    return Predictions.concatenated([cases, before])


def test_groups_have_curves_where_they_are_large_enough() -> None:
    found = rows(grouped())
    places = {tuple(k for k in row.where.items() if k[0] != "bin") for row in found}
    assert places == {
        (),
        (("group.sex", "F"),),
        (("group.sex", "unknown"),),
        (("variant", UNCALIBRATED),),
    }
    small = rows(grouped(), groups_min_n=9)
    assert of(small, OBSERVED, **{"group.sex": "M"})
    women = of(found, OBSERVED, **{"group.sex": "F"})
    assert sum(row.n or 0 for row in women.values()) == 270


def test_a_case_is_a_subject_where_subjects_are_known() -> None:
    cases = dataclasses.replace(drawn(400), subject=np.repeat(np.arange(100), 4).astype(str))
    found = of(rows(cases, 2), OBSERVED)
    inside = cases.probability[:, 1] > 0.5
    assert found["0.5-1"].n == len(set(np.asarray(cases.subject)[inside].tolist()))
    assert found["0.5-1"].over == "subject"
    assert found["0.5-1"].value == pytest.approx(cases.y_true[inside].mean())
    assert "over subjects" in str(found["0.5-1"].method)


def test_a_bin_of_two_cases_has_no_interval_and_says_so() -> None:
    cases = drawn(40)
    two = cases.where(np.argsort(cases.probability[:, 1])[-2:])
    for row in of(rows(two, 1), OBSERVED).values():
        assert row.ci is None
        assert row.method == "no interval from fewer than 3 images"


def test_a_suite_that_names_a_metric_of_calibration_gets_the_curve_in_its_bins() -> None:
    cases = grouped()
    plain = [MetricSpec(name="roc_auc"), MetricSpec(name="brier")]
    assert bins_of(plain) is None
    assert not [row for row in measured(cases, plain, Policy()) if "bin" in row.where]
    asked = [*plain, MetricSpec(name="calibration_slope"), MetricSpec(name="ece", args={"bins": 5})]
    assert bins_of(asked) == 5
    assert bins_of(asked[:3]) == 15
    found = Record(run={}, status="ok", measurements=measured(cases, asked, Policy()))
    assert found.find(OBSERVED, bin="0.2-0.4")
    assert found.find(OBSERVED, bin="0.2-0.4", variant=UNCALIBRATED)
    floor = found.find("ece_floor")
    assert floor is not None
    assert floor.value == value("ece_floor", cases.select("test"), bins=5)
    assert found.find("ece_floor", **{"group.sex": "F"})
    assert found.find("ece_floor", variant=UNCALIBRATED)


# The page


def line(*tables: Predictions, model: str = "net") -> Standing:
    """A model, a seed a table."""
    records = []
    for seed, table in enumerate(tables):
        about = {**run("liquid3d", "adrenal", model, seed), "classes": list(table.classes)}
        about["kind"] = table.kind
        records.append(record(about, measured(table, ASKED, Policy())))
    return standing(records)


def page(*lines: Standing, to: str = "html", alone: bool = False) -> str:
    wanted = Recipe(name="r", title="T", suites=("liquid3d",), sections=("calibration",))
    back = ("..", "Back") if alone else None
    return render(wanted, board(lines), to, back=back)


def test_the_curve_of_a_record_is_what_the_rows_say() -> None:
    found = rows(grouped())
    points = curve(found, {})
    assert [each.stated for each in points] == [r.value for r in of(found, STATED).values()]
    assert [each.rate for each in points] == list(of(found, OBSERVED).values())
    assert curve(found, {"group.sex": "F"}) != points
    assert curve(found, {"group.sex": "nobody"}) == []


@pytest.mark.parametrize("to", ["html", "md"])
def test_before_and_after_stand_in_lines_of_one_table(to: str) -> None:
    model = line(grouped())
    text = html.unescape(page(model, to=to))
    for where, said in (({}, "as shipped"), ({"variant": UNCALIBRATED}, "before calibration")):
        row = model.records[0].find("ece", **where)
        floor = model.records[0].find("ece_floor", **where)
        assert row is not None
        assert floor is not None
        [shown] = [each for each in _lines(text, to) if said in each]
        assert f"{row.value:.3f}" in shown
        assert f"{floor.value:.3f}" in shown
    assert 'The probability is that of "b"' in text
    assert text.count("above its floor") == 2  # both definitions, before
    assert text.count("too sure") == 2  # in the words above the table, and before


def _lines(text: str, to: str) -> list[str]:
    if to == "md":
        return [each for each in text.splitlines() if each.startswith("|")]
    return re.findall(r"<tr>.*?</tr>", text.partition("<tbody>")[2], re.S)


def test_a_drawing_has_a_dot_an_interval_and_a_column_for_each_bin() -> None:
    model = line(grouped())
    [drawing] = re.findall(r'<svg role="img".*?</svg>', page(model), re.S)
    points = curve(model.rows, {})
    assert drawing.count('class="selected"') == len(points)
    assert drawing.count('class="count"') == len(points)
    assert drawing.count('class="whisker"') == sum(each.rate.ci is not None for each in points)
    assert drawing.count('class="mark k1"') == len(curve(model.rows, {"variant": UNCALIBRATED}))
    told = re.findall(r"<desc[^>]*>([^<]+)<", drawing)[0]
    assert all(each.told in told for each in points)
    assert "Before calibration: " in told
    most = max(each.rate.n or 0 for each in points)
    assert f"images, at most {most}" in drawing
    heights = [float(h) for h in re.findall(r'height="([\d.]+)" class="count"', drawing)]
    assert heights.index(max(heights)) == [each.rate.n for each in points].index(most)


def test_the_page_of_a_model_has_groups_and_the_numbers_of_the_bins() -> None:
    model = line(grouped())
    text = page(model, alone=True)
    assert Reader(text).faults == []
    captions = re.findall(r"<figcaption>([^<]+)", text)
    assert captions == ["net", "sex F", "sex unknown"]
    assert "0.933-1" in text
    assert "0.933-1" not in page(model)


def test_of_several_seeds_the_first_is_drawn_and_the_others_are_lines() -> None:
    tables = [drawn(300, seed) for seed in range(3)]
    text = page(line(*tables))
    assert text.count('class="seed"></polyline>') == 2
    assert "Seed 0, others as lines." in text
    assert Reader(text).faults == []


def test_more_classes_say_whose_probability_is_judged() -> None:
    text = page(line(drawn(500, classes=4)), to="md")
    assert "The curve is of the likeliest class" in text
    assert "risks too" not in text.partition("|")[2]


def test_a_suite_without_calibration_has_no_chapter() -> None:
    about = run("liquid3d", "adrenal", "net", 0)
    plain = measured(drawn(100), [MetricSpec(name="brier")], Policy())
    assert "Calibration" not in page(standing([record(about, plain)]))


def test_what_is_undefined_is_shown_with_its_reason() -> None:
    cases = drawn(60)
    one_class = cases.where(cases.y_true == 1)
    text = page(line(one_class), to="md")
    assert "undefined" in text
    assert "needs cases of every class" in text
    assert "0.000" not in text
