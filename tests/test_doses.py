"""Doses of data: which datasets belong together, how many subjects each is, and what is drawn."""

import re
from typing import Any

import pytest
from standings import board, record, run, score, standing

from harness.report import Recipe, render
from harness.standings import Standing

SUITE, METRIC = "liquid3d", "roc_auc"


def line(model: str, dataset: str, value: float, **about: Any) -> Standing:
    """A standing of one seed."""
    told = {**run(SUITE, dataset, model, 0), **about}
    return standing([record(told, [score(METRIC, value, 50)])])


def page(*lines: Standing, to: str = "html") -> str:
    recipe = Recipe(name="r", title="R", suites=(SUITE,), sections=("doses",))
    return render(recipe, board(lines), to)


FAMILY = (
    line("net", "nodule", 0.9, train_subjects=72),
    line("net", "nodule-18", 0.7, train_subjects=18),
    line("net", "nodule-36", 0.8, train_subjects=36),
    line("other", "nodule", 0.85, train_subjects=72),
    line("other", "nodule-18", 0.75, train_subjects=18),
)


def test_lines_are_in_the_order_of_models_and_of_doses() -> None:
    text = page(*FAMILY, to="md")
    cells = [line.split("|")[1:5] for line in text.splitlines() if "nodule" in line and "|" in line]
    found = [[cell.strip() for cell in row] for row in cells]
    assert [(row[0], row[1], row[2], row[3][:5]) for row in found] == [
        ("net", "nodule-18", "18", "0.700"),
        ("net", "nodule-36", "36", "0.800"),
        ("net", "nodule", "72", "0.900"),
        ("other", "nodule-18", "18", "0.750"),
        ("other", "nodule", "72", "0.850"),
    ]


def test_a_line_of_the_drawing_goes_through_the_points_of_its_model_alone() -> None:
    drawn = page(*FAMILY)
    spots = [
        [tuple(map(float, spot.split(","))) for spot in line.split()]
        for line in re.findall(r'<polyline points="([^"]*)" class="line s\d"', drawn)
    ]
    assert [len(line) for line in spots] == [3, 2]
    for line in spots:
        assert [x for x, _ in line] == sorted(x for x, _ in line)
    steps = [b[0] - a[0] for a, b in zip(spots[0], spots[0][1:], strict=False)]
    assert steps[0] == pytest.approx(steps[1], abs=0.2)  # 18, 36, 72 on a logarithmic scale
    assert spots[0][0][1] > spots[0][1][1] > spots[0][2][1]
    marks = re.findall(r'class="mark k\d" transform="translate\(([^)]*)\)"', drawn)
    assert sorted(marks) == sorted(f"{x:g} {y:g}" for line in spots for x, y in line)
    names = re.findall(r'class="called"[^>]*>([^<]*)<', drawn)
    assert sorted(names) == ["net", "other"]


@pytest.mark.parametrize(
    "lines",
    [
        (
            line("net", "nodule", 0.9, train_subjects=72),
            line("other", "nodule", 0.8, train_subjects=72),
        ),
        (
            line("net", "nodule", 0.9, train_subjects=72),
            line("net", "other", 0.7, train_subjects=18, data="another"),
        ),
        (
            line("net", "nodule", 0.9, train_subjects=72, split={"seed": 0}),
            line("net", "nodule-18", 0.7, train_subjects=18, split={"seed": 1}),
        ),
        (line("net", "nodule", 0.9), line("net", "nodule-18", 0.7, train_subjects=18)),
    ],
    ids=["one dose", "other data", "another division", "how many is not known"],
)
def test_what_is_no_dose_of_the_same_data_is_not_drawn(lines: tuple[Standing, ...]) -> None:
    assert "Dose of data" not in page(*lines)


def test_a_failed_run_is_left_to_the_leaderboard() -> None:
    failed = standing([record(run(SUITE, "nodule-9", "net", 0), status="failed", error="no")])
    assert page(*FAMILY, failed, to="md") == page(*FAMILY, to="md")
