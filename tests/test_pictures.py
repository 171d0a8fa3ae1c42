"""Pictures of cases: outlines, slices, which cases are chosen, and the pages that show them."""

import base64
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mask_line
import masks
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from harness import extremes as module
from harness.errors import HarnessError
from harness.extremes import by_case, choose, extremes, merits
from harness.pictures import animation, overlay
from harness.pictures.outlines import outline, outlines
from harness.pictures.overlay import MOST, SHARE, around
from harness.pictures.slices import (
    COLOURS,
    ERRORS,
    EXTRA,
    MISSED,
    OTHER,
    PREDICTION,
    TRUTH,
    grey,
    planes,
    upright,
    widest,
)
from harness.suite import Input, MetricSpec
from harness.verbs._scope import ALL, Scope, open_scope
from harness.verbs.report import report
from harness.verbs.run import run as measure
from harness.volumes import Case, Source

Labels = NDArray[np.uint8]

DICE = MetricSpec(name="dice")
WINDOW = Input(window=(-200, 250), size=(8, 8))
PLANES = arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))
LABELS = arrays.arrays(np.uint8, (7, 6, 3), elements=st.integers(0, 2))
COMMAND = re.compile(r"([Mhvz])(-?\d+)?(?: (-?\d+))?")


def corners(path: str) -> list[list[tuple[int, int]]]:
    """The closed polygons of a path, as one who knows SVG reads it."""
    loops: list[list[tuple[int, int]]] = []
    for command, first, second in COMMAND.findall(path):
        if command == "M":
            loops.append([(int(first), int(second))])
        elif command in "hv":
            x, y = loops[-1][-1]
            loops[-1].append((x + int(first), y) if command == "h" else (x, y + int(first)))
        else:
            loops[-1].append(loops[-1][0])
    return loops


def filled(path: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """By the rule evenodd: how many edges a ray from the middle of a pixel to the left crosses."""
    inside = np.zeros(shape, dtype=bool)
    for loop in corners(path):
        for (x, y), (x2, y2) in itertools.pairwise(loop):
            for row in range(min(y, y2), max(y, y2)) if x == x2 else ():
                inside[row, x:] ^= True
    return inside


def case(mask: Labels | None, image: NDArray[Any] | None = None, **about: Any) -> Case:
    """A case of 1 x 2 x 3 mm; its image is brightest where the index is highest."""
    shape = mask.shape if mask is not None else image.shape[1:]  # type: ignore[union-attr]
    ramp = np.arange(np.prod(shape), dtype=np.int16).reshape(1, *shape)
    fields: dict[str, Any] = {"spacing": (1.0, 2.0, 3.0), "affine": np.eye(4), **about}
    return Case(
        id="case-1",
        image=ramp if image is None else image,
        mask=mask,
        source=Source(shape=shape, affine=np.eye(4)),
        **fields,
    )


@given(PLANES)
def test_an_outline_filled_is_the_mask(mask: NDArray[np.bool_]) -> None:
    path = outline(mask)
    assert np.array_equal(filled(path, mask.shape), mask)
    assert path.count("z") == path.count("M")


@given(PLANES)
def test_an_outline_runs_along_every_edge_once(mask: NDArray[np.bool_]) -> None:
    sides = [side for loop in corners(outline(mask)) for side in itertools.pairwise(loop)]
    assert all(x == x2 or y == y2 for (x, y), (x2, y2) in sides)
    edges = sum(np.abs(np.diff(np.pad(mask, 1).astype(int), axis=axis)).sum() for axis in (0, 1))
    assert sum(abs(x2 - x) + abs(y2 - y) for (x, y), (x2, y2) in sides) == edges


def test_an_outline_of_a_ring_has_a_hole() -> None:
    ring = np.ones((3, 3), dtype=bool)
    ring[1, 1] = False
    assert len(corners(outline(ring))) == 2
    assert outline(np.zeros((3, 3), dtype=bool)) == ""
    assert outlines(np.array([[1, 2]], np.uint8)) == "M0 0h1v1h-1zM1 0h1v1h-1z"


@given(LABELS, LABELS)
def test_errors_are_apart_and_are_all_there_are(truth: Labels, mask: Labels) -> None:
    found = planes(truth, mask)
    assert np.array_equal(sum(found[name].astype(int) for name in ERRORS), truth != mask)
    assert not (found[MISSED] & (mask > 0)).any()
    assert not (found[EXTRA] & (truth > 0)).any()
    assert (found[OTHER] <= (found[TRUTH] & found[PREDICTION])).all()


def test_the_front_is_on_top_and_the_left_hand_on_the_right() -> None:
    plane = np.zeros((4, 3), dtype=int)
    plane[0, -1] = 1
    plane[-1, 0] = 2
    shown = upright(plane)
    assert shown.shape == (3, 4)
    assert shown[0, -1] == 1
    assert shown[-1, 0] == 2


@given(LABELS, LABELS)
def test_the_slice_has_most_of_both_masks(truth: Labels, mask: Labels) -> None:
    counts = [
        sum(t or m for t, m in zip(*map(np.ravel, two), strict=True))
        for two in (((truth[..., k] > 0), (mask[..., k] > 0)) for k in range(3))
    ]
    assert widest(truth, mask) == (counts.index(max(counts)) if max(counts) else 1)


@given(PLANES, st.tuples(st.floats(0.2, 9), st.floats(0.2, 9)))
def test_what_is_drawn_is_in_the_part_that_is_shown(
    drawn: NDArray[np.bool_], spacing: tuple[float, float]
) -> None:
    window = around(drawn, spacing)
    assert drawn[window].size > 0
    assert drawn[window].sum() == drawn.sum()


def test_the_part_that_is_shown_is_square_in_mm_and_not_too_near() -> None:
    drawn = np.zeros((60, 90), dtype=bool)
    drawn[40:44, 60:70] = True
    rows, columns = around(drawn, (2.0, 1.0))
    assert (rows.stop - rows.start) * 2 == columns.stop - columns.start == SHARE * 120
    assert (rows.start + rows.stop) / 2 == 42
    assert (columns.start + columns.stop) / 2 == 65


def test_greys_are_those_of_the_window() -> None:
    image = np.array([-500, -200, 25, 250, 900], np.int16).reshape(1, 5, 1, 1)
    shown = grey(case(None, image), WINDOW, 0)
    assert shown[:, 0].tolist() == [0, 0, 128, 255, 255]
    eight = np.array([0, 100, 255], np.uint8).reshape(1, 3, 1, 1)
    assert grey(case(None, eight), Input(), 0)[:, 0].tolist() == [0, 100, 255]
    colours = np.array([[0, 90], [30, 90], [60, 90]], np.uint8).reshape(3, 2, 1, 1)
    assert grey(case(None, colours), Input(), 0)[:, 0].tolist() == [30, 90]


def test_greys_of_any_contrast_leave_out_extremes() -> None:
    image = np.linspace(0, 1000, 1001).astype(np.float32).reshape(1, 1001, 1, 1)
    image[0, -1] = 1e6
    shown = grey(case(None, image), Input(intensity="zscore"), 0)[:, 0]
    assert shown[500] == pytest.approx(127.5, abs=2)
    flat = grey(case(None, np.full((1, 4, 4, 1), 7.0)), Input(intensity="zscore"), 0)
    assert len(np.unique(flat)) == 1


def two_boxes() -> tuple[Labels, Labels]:
    """Of two classes, where some is missed, some too much and some of another class."""
    truth, mask = (np.zeros((20, 16, 5), np.uint8) for _ in range(2))
    truth[4:8, 4:8, 2], truth[8:12, 4:8, 2] = 1, 2
    mask[5:9, 4:8, 2], mask[9:14, 4:8, 2] = 1, 2
    return truth, mask


def test_an_overlay_counts_and_draws_its_slice() -> None:
    truth, mask = two_boxes()
    found = overlay(case(truth), mask, WINDOW, 2)
    assert (found.slice, found.slices, found.stretch) == (3, 5, 2.0)
    assert found.voxels == {TRUTH: 32, PREDICTION: 36, MISSED: 4, EXTRA: 8, OTHER: 4}
    shape = found.rows, found.columns
    for name in ERRORS:
        assert filled(found.paths[name], shape).sum() == found.voxels[name]
    assert filled(found.paths[TRUTH], shape).sum() == 32
    assert [name for name, *_ in found.names] == ["1", "2"]
    assert found.names[0][1] > found.names[1][1]
    picture = Image.open(io.BytesIO(base64.b64decode(found.png.partition(",")[2])))
    assert picture.size == (found.columns, found.rows)
    assert picture.mode == "L"


def test_an_overlay_of_nothing_is_the_whole_middle_slice() -> None:
    empty = np.zeros((20, 16, 5), np.uint8)
    found = overlay(case(empty), empty, WINDOW, 1)
    assert (found.slice, found.columns, found.rows) == (3, 20, 16)
    assert set(found.paths.values()) == {""}
    assert found.names == ()
    unknown = overlay(case(None, np.zeros((1, 20, 16, 5), np.int16)), empty + 1, WINDOW, 1)
    assert unknown.voxels[TRUTH] == 0
    assert unknown.voxels[EXTRA] == 320


def test_a_large_picture_is_made_small() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(-200, 250, (1, 600, 300, 1)).astype(np.int16)
    found = overlay(case(None, image), np.zeros((600, 300, 1), np.uint8), WINDOW, 1)
    picture = Image.open(io.BytesIO(base64.b64decode(found.png.partition(",")[2])))
    assert picture.size == (MOST, MOST // 2)
    assert (found.columns, found.rows) == (600, 300)
    assert len(found.png) < 40_000


def test_an_animation_has_a_frame_a_slice() -> None:
    truth, mask = two_boxes()
    film = Image.open(io.BytesIO(animation(case(truth), mask, WINDOW, 2)))
    assert film.format == "WEBP"
    assert film.n_frames == 5  # type: ignore[attr-defined]
    frames = []
    for k in range(5):
        film.seek(k)
        frames.append(np.asarray(film.convert("RGB")).astype(int))
    coloured = [int((np.ptp(frame[:-60], axis=2) > 60).sum()) for frame in frames]
    assert coloured[2] > 1000
    assert [coloured[k] for k in (0, 1, 3, 4)] == [0, 0, 0, 0]


def test_colours_of_truth_and_prediction_are_apart_in_grey_and_for_the_colour_blind() -> None:
    rgb = {
        name: np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for name, c in COLOURS.items()
    }
    for one, other in itertools.combinations({TRUTH, PREDICTION, OTHER}, 2):
        without_red = np.abs(rgb[one] - rgb[other])[1:]
        assert without_red.max() > 30, (one, other)


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, np.nan]), max_size=8))
def test_best_median_and_worst_are_those_of_a_sorted_list(merit: list[float]) -> None:
    names = np.array([f"case-{i}" for i in range(len(merit))])
    found = choose(np.array(merit), names)
    known = sorted(value for value in merit if not np.isnan(value))
    assert len(set(found.values())) == len(found) == min(3, len(known))
    if len(known) == 1:
        assert found.keys() == {"only"}
    if len(known) > 1:
        assert merit[found["best"]] == known[-1]
        assert merit[found["worst"]] == known[0]
        assert names[found["best"]] == min(
            n for n, v in zip(names, merit, strict=True) if v == known[-1]
        )
    if len(known) > 2:
        assert merit[found["median"]] == known[(len(known) - 1) // 2]


def test_a_metric_by_case_is_its_column() -> None:
    table = masks.table(12)
    np.testing.assert_allclose(by_case(table, DICE), table.columns["dice"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(merits(table, DICE), table.columns["dice"].mean(axis=1))


def test_a_class_that_does_not_count_leaves_the_other() -> None:
    table = masks.table(4)
    table.columns["dice"][1, 0] = np.nan
    table.columns["dice"][2] = np.nan
    table.columns["true_ml"][3] = np.nan
    found = merits(table, DICE)
    assert found[1] == table.columns["dice"][1, 1]
    assert np.isnan(found[2:]).all()


def test_fewer_is_better_where_the_metric_says_so() -> None:
    errors = np.arange(10.0).reshape(5, 2)
    table = masks.table(5, volume_error_ml=errors, image_ml=np.full((5, 2), 99.0))
    order = np.argsort(-merits(table, MetricSpec(name="volume_error_ml")))
    assert order.tolist() == [0, 1, 2, 3, 4]


RECIPE = """
title    = "Demo"
suites   = ["line"]
sections = {sections}
from     = "runs"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which a suite of a phantom and of stored volumes was run."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "suites").mkdir()
    (folder / "reports").mkdir()
    mask_line.suite(folder / "suites", datasets=mask_line.GENERATED + mask_line.STORED, epochs=1)
    mask_line.stored(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert measure(scope(folder), fresh=False, quiet=True, debug=True).code == 0
        yield folder


def scope(folder: Path) -> Scope:
    """Of all Runs."""
    return open_scope("line", ALL, folder, folder / "runs")


def told(folder: Path, out: Path, sections: str = '["leaderboard"]', **options: bool) -> Any:
    """The answer of the verb."""
    (folder / "reports/demo.toml").write_text(RECIPE.format(sections=sections), encoding="utf-8")
    return report("demo", folder, folder / "runs", folder / "baselines", out, **options)


def read(out: Path, name: str = "demo.html") -> str:
    return (out / name).read_text(encoding="utf-8")


def test_masks_that_are_made_again_are_those_that_were_measured(home: Path) -> None:
    opened = scope(home)
    run = next(run for run in opened.runs if run.dataset == "one")
    found = list(extremes(opened.suite, run, [(run, opened.folder(run))], home))
    assert [shown.which for shown in found] == ["best", "median", "worst"]
    assert [shown.apart for shown in found] == [0, 0, 0]
    values = [shown.numbers[0].value for shown in found]
    assert values == sorted(values, reverse=True)
    assert not any(shown.real or shown.film for shown in found)


def test_a_mask_that_differs_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = scope(home)
    run = next(run for run in opened.runs if run.dataset == "one")
    right = module.Again.mask

    def one_more(self: module.Again, case: Case) -> Labels:
        mask = right(self, case)
        mask[0, 0, 0] = 1 - mask[0, 0, 0]
        return mask

    monkeypatch.setattr(module.Again, "mask", one_more)
    found = list(extremes(opened.suite, run, [(run, opened.folder(run))], home))
    assert [shown.apart for shown in found] == [1, 1, 1]


def test_without_being_asked_only_phantoms_are_shown(home: Path, tmp_path: Path) -> None:
    told(home, tmp_path)
    assert "data:image" not in read(tmp_path)
    told(home, tmp_path, '["leaderboard", "cases"]')
    page = read(tmp_path)
    assert page.count("data:image/png") == 3
    assert "real cases" not in page
    assert not (tmp_path / "demo-pictures.html").exists()
    shown = re.findall(r"<title[^>]*>The (\w+) case of flat on (\w+):", page)
    assert shown == [("best", "one"), ("median", "one"), ("worst", "one")]
    model = (tmp_path / "demo/line-flat.html").read_text(encoding="utf-8")
    assert model.count("data:image/png") == 3
    assert "best (of 4)" in read(tmp_path, "demo.md")


def test_real_cases_are_on_a_page_of_their_own(home: Path, tmp_path: Path) -> None:
    answer = told(home, tmp_path, '["leaderboard", "cases"]', pictures=True)
    assert str(tmp_path / "demo-pictures.html") in answer.text
    assert read(tmp_path).count("data:image/png") == 3
    page = read(tmp_path, "demo-pictures.html")
    assert page.count("data:image/png") == 6
    assert "images of real cases" in page
    assert len(page) < 1_000_000
    sizes = [int(size) for size in re.findall(r"font:[^;]*?(\d+)px", page)]
    assert sizes
    assert min(sizes) >= 11
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for named in re.findall(r'aria-labelledby="([^"]+)"', page):
        assert set(named.split()) <= set(ids)
    assert "http" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def test_a_video_is_a_file_a_case_that_its_page_leads_to(home: Path, tmp_path: Path) -> None:
    told(home, tmp_path, '["cases"]', video=True)
    page = read(tmp_path, "demo-pictures.html")
    links = re.findall(r'href="(demo-pictures/[^"]+\.webp)"', page)
    assert len(links) == len(set(links)) == 6
    for link in links:
        with Image.open(tmp_path / link) as film:
            assert film.n_frames == 8  # type: ignore[attr-defined]
    assert ".webp" not in read(tmp_path)
    assert ".webp" not in (tmp_path / "demo/line-flat.html").read_text(encoding="utf-8")


def test_git_ignores_the_pages_of_real_cases() -> None:
    ignored = Path(__file__).parent.parent / ".gitignore"
    if not ignored.is_file():
        pytest.skip("needs a clone: .gitignore is no part of a source distribution")
    assert {"*-pictures.html", "*-pictures/"} <= set(ignored.read_text("utf-8").split())


def test_models_without_a_run_are_told_of(home: Path, tmp_path: Path) -> None:
    opened = scope(home)
    run = next(run for run in opened.runs if run.dataset == "one")
    from harness.baselines import accept

    for each in opened.runs:
        accept(opened.folder(each), each, home / "accepted", allow_dirty=True)
    text = RECIPE.format(sections='["cases"]').replace('"runs"', '"baselines"')
    (home / "reports/kept.toml").write_text(text, encoding="utf-8")
    there = report("kept", home, home / "runs", home / "accepted", tmp_path)
    assert "no pictures" not in there.text
    assert read(tmp_path, "kept.html").count("data:image/png") == 3
    gone = report("kept", home, tmp_path / "none", home / "accepted", tmp_path)
    assert f"no pictures of {run.id}: {tmp_path / 'none'} has no such Run" in gone.text
    assert "data:image" not in read(tmp_path, "kept.html")
    with pytest.raises(HarnessError, match=r"must have a model to show cases of; no pictures of"):
        report("kept", home, tmp_path / "none", home / "accepted", tmp_path, pictures=True)


def test_a_report_without_masks_has_no_pictures(home: Path, tmp_path: Path) -> None:
    if not (Path(__file__).parent.parent / "baselines/liquid3d").is_dir():
        pytest.skip("needs a clone: its baselines")
    accepted = Path(__file__).parent.parent / "baselines"
    text = RECIPE.format(sections='["leaderboard"]').replace('"runs"', '"baselines"')
    (home / "reports/flat.toml").write_text(text.replace('"line"', '"liquid3d"'), encoding="utf-8")
    with pytest.raises(HarnessError, match="got no model of masks"):
        report("flat", None, home / "runs", accepted, tmp_path, pictures=True)
