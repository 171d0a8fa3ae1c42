"""Metrics of masks are MONAI's, scipy's and those by hand; every empty mask is by the policy."""

import functools
import itertools
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from harness import shelf
from harness.cases import SHIPPED
from harness.errors import HarnessError
from harness.metrics import _surface, lesion_sensitivity
from harness.metrics._pair import Pair, counted
from harness.segmented import Segmented
from harness.statistics.influence import jackknife
from harness.suite import Empty

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]

METRICS = [n for n in shelf.names("metrics") if "segment" in shelf.load("metrics", n).TASKS]
ARGS: dict[str, dict[str, Any]] = {"nsd": {"tolerance": 1.5}}
NAN, WORST = math.nan, math.inf
SPACINGS = ((0.7, 2.5), (1.0, 1.0), (0.7, 2.5, 1.1), (0.5, 0.5, 7.5))

quickly = settings(max_examples=25, deadline=None, derandomize=True)
its_own = pytest.mark.filterwarnings("ignore:monai.metrics.utils get_mask_edges:FutureWarning")
"""MONAI calls its function in a way that it deprecates."""
spacings = st.sampled_from(SPACINGS)
seeds = st.integers(0, 100_000)


def columns(name: str, pair: Pair, empty: Empty | None = None, **args: Any) -> dict[str, Any]:
    asked = args or ARGS.get(name, {})
    found: dict[str, Any] = shelf.load("metrics", name).columns(pair, empty or Empty(), **asked)
    return found


def of(name: str, pair: Pair, empty: Empty | None = None, **args: Any) -> float:
    """The first column: that of the metric itself."""
    return float(next(iter(columns(name, pair, empty, **args).values())))


def table(cells: Iterable[Sequence[dict[str, Any]]], **fields: Any) -> Segmented:
    """Cases of one cell a class."""
    rows = [list(row) for row in cells]
    made: dict[str, Any] = {}
    for name in rows[0][0]:
        ragged = isinstance(rows[0][0][name], np.ndarray)
        column = np.empty((len(rows), len(rows[0])), dtype=object if ragged else np.float64)
        for i, k in np.ndindex(column.shape):
            column[i, k] = rows[i][k][name]
        made[name] = column
    ids = np.array([f"case-{i}" for i in range(len(rows))])
    split, variant = np.full(len(rows), "test"), np.full(len(rows), SHIPPED)
    classes = tuple("abc"[: len(rows[0])])
    return Segmented(classes=classes, id=ids, split=split, variant=variant, columns=made, **fields)


def value(name: str, cases: Segmented) -> float:
    module, args = shelf.load("metrics", name), ARGS.get(name, {})
    return float(module.measure(cases, np.ones((1, len(cases))), **args)[0])


def blobs(seed: int, axes: int, share: float = 0.3, size: int = 12) -> Mask:
    """A random mask that is neither empty nor smooth, and not of the same length along its axes."""
    rng = np.random.default_rng(seed)
    mask = rng.random([size + 2 * axis for axis in range(axes)]) < share
    mask.flat[rng.integers(mask.size)] = True
    return mask


def pairs(seed: int, spacing: tuple[float, ...]) -> Pair:
    """Two masks that have voxels in common and voxels that they have not, some very sparse."""
    rng = np.random.default_rng(seed)
    truth = blobs(seed, len(spacing), float(rng.choice([0.003, 0.1, 0.6])))
    return Pair(truth, truth ^ blobs(seed + 1, len(spacing), 0.05), spacing)


def border_by_hand(mask: Mask) -> list[tuple[int, ...]]:
    """Voxel by voxel: one of its faces is on another voxel, or on the outside."""
    voxels = {tuple(voxel) for voxel in np.argwhere(mask).tolist()}
    steps = [tuple(row) for row in np.vstack([np.eye(mask.ndim), -np.eye(mask.ndim)]).astype(int)]
    moved = lambda voxel, step: tuple(a + b for a, b in zip(voxel, step, strict=True))  # noqa: E731
    return sorted(v for v in voxels if any(moved(v, step) not in voxels for step in steps))


def distances_by_hand(pair: Pair) -> tuple[Array, Array]:
    """Of all pairs of border voxels."""
    masks = [mask for mask in (pair.truth, pair.prediction) if mask is not None]
    a, b = (np.array(border_by_hand(mask)) * pair.spacing for mask in masks)
    every = cdist(a, b)
    return every.min(axis=1), every.min(axis=0)


@functools.cache
def monai() -> Any:
    import monai.metrics

    return monai.metrics


def by_monai(pair: Pair, tolerance: float) -> dict[str, float]:
    """MONAI keeps distances, and takes their percentile, in 32 bits: of its distances we take it.

    What it takes itself is off by up to 1e-4 of the distance, as the rank is rounded too.
    """
    import torch
    from monai.metrics.utils import get_edge_surface_distance

    y, guess = (torch.as_tensor(mask[None, None]) for mask in distinct(pair))
    spacing = list(pair.spacing)
    rounded = monai().compute_hausdorff_distance(guess, y, True, percentile=95, spacing=spacing)
    both = get_edge_surface_distance(guess[0, 0], y[0, 0], spacing=spacing, symmetric=True)[1]
    hd95 = max(float(np.percentile(each.double().numpy(), 95)) for each in both)
    assert hd95 == pytest.approx(float(rounded), rel=2e-4, abs=2e-4)
    nsd = monai().compute_surface_dice(guess, y, [tolerance], True, spacing=spacing)
    dice = monai().compute_dice(guess.float(), y.float(), include_background=True)
    iou = monai().compute_iou(guess.float(), y.float(), include_background=True)
    return {"dice": float(dice), "iou": float(iou), "hd95": hd95, "nsd": float(nsd)}


def same(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-6, abs=1e-6, nan_ok=True)


@its_own
@quickly
@given(seeds, spacings, st.sampled_from([0.0, 0.7, 1.1, 2.5, 4.0]))
def test_metrics_are_monais(seed: int, spacing: tuple[float, ...], tolerance: float) -> None:
    pair = pairs(seed, spacing)
    if pair.empty is not None:
        return
    for name, expected in by_monai(pair, tolerance).items():
        args = {"tolerance": tolerance} if name == "nsd" else {}
        assert of(name, pair, **args) == same(expected), name


@quickly
@given(seeds, spacings)
def test_distances_are_those_of_all_pairs_of_border_voxels(
    seed: int, spacing: tuple[float, ...]
) -> None:
    pair = pairs(seed, spacing)
    if pair.empty is not None:
        return
    for found, expected in zip(pair.distances, distances_by_hand(pair), strict=True):
        assert np.sort(found) == pytest.approx(np.sort(expected), abs=1e-9)
    there, back = distances_by_hand(pair)
    assert of("hd95", pair) == same(max(np.quantile(there, 0.95), np.quantile(back, 0.95)))
    both = np.concatenate([there, back])
    assert of("nsd", pair, tolerance=1.1) == same(np.mean(both <= 1.1 + 1e-9))


@quickly
@given(seeds, spacings, st.sampled_from([0.01, 0.2]))
def test_a_tree_and_a_map_give_the_same_distances(
    seed: int, spacing: tuple[float, ...], share: float
) -> None:
    a, b = (blobs(seed + i, len(spacing), share) for i in range(2))
    found = _surface._searched(a, b, spacing)
    assert found == pytest.approx(_surface._mapped(a, b, spacing), abs=1e-9)


@quickly
@given(seeds, st.sampled_from(SPACINGS[2:]), st.data())
def test_a_turned_case_has_the_same_numbers(
    seed: int, spacing: tuple[float, ...], data: st.DataObject
) -> None:
    """Whatever the order of axes, and which way they go."""
    pair = pairs(seed, spacing)
    order = data.draw(st.permutations(range(3)))
    flips = data.draw(st.lists(st.sampled_from(range(3)), unique=True))
    turned = [
        np.flip(mask.transpose(order), flips) if mask is not None else None
        for mask in (pair.truth, pair.prediction)
    ]
    other = Pair(*turned, tuple(spacing[axis] for axis in order))
    for name in METRICS:
        for key, found in columns(name, pair).items():
            there = np.sort(np.atleast_1d(columns(name, other)[key]))
            assert np.sort(np.atleast_1d(found)) == same(there), name


@quickly
@given(seeds, st.sampled_from([0, 1, 2]))
def test_a_flat_volume_is_its_plane(seed: int, axis: int) -> None:
    """All voxels of it would be border voxels, if an axis of length 1 counted."""
    pair = pairs(seed, (0.7, 2.5))
    if pair.empty is not None:
        return
    truth, prediction = (np.expand_dims(mask, axis) for mask in distinct(pair))
    spacing = tuple(np.insert(pair.spacing, axis, 5.0).tolist())
    flat = Pair(truth, prediction, spacing)
    for name in ("dice", "iou", "hd95", "nsd"):
        assert columns(name, flat) == columns(name, pair), name
    assert counted(flat)["true_ml"] == pytest.approx(5 * counted(pair)["true_ml"])


def distinct(pair: Pair) -> tuple[Mask, Mask]:
    assert pair.truth is not None
    assert pair.prediction is not None
    return pair.truth, pair.prediction


def test_an_image_of_one_voxel_has_numbers() -> None:
    one = np.ones((1, 1, 1), dtype=np.bool_)
    assert [of(name, Pair(one, one, (1.0, 2.0, 3.0))) for name in ("dice", "hd95")] == [1.0, 0.0]
    assert Pair(one, ~one, (1.0, 2.0, 2.0)).diagonal == 3.0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_shift_is_its_distance_in_mm(axis: int) -> None:
    """A plate three voxels off; forgetting the spacing gives another number."""
    spacing = (0.7, 2.5, 1.1)
    truth = np.zeros((20, 20, 20), dtype=np.bool_)
    np.moveaxis(truth, axis, 0)[5, 2:18, 2:18] = True
    shifted = np.roll(truth, 3, axis)
    assert of("hd95", Pair(truth, shifted, spacing)) == pytest.approx(3 * spacing[axis])
    assert of("hd95", Pair(truth, shifted, (1.0, 1.0, 1.0))) == pytest.approx(3)
    for slack, share in ((1e-3, 1.0), (-1e-3, 0.0)):
        tolerance = 3 * spacing[axis] + slack
        assert of("nsd", Pair(truth, shifted, spacing), tolerance=tolerance) == share


def ball(middle: tuple[float, ...], radii: tuple[float, ...]) -> Mask:
    """On a grid of 40 x 60 x 60 voxels of 2.5 x 0.7 x 0.7 mm, in mm from its first voxel."""
    grid = np.indices((40, 60, 60)) * np.array([2.5, 0.7, 0.7])[:, None, None, None]
    apart = grid - np.array(middle)[:, None, None, None]
    inside: Mask = ((apart / np.array(radii)[:, None, None, None]) ** 2).sum(axis=0) <= 1
    return inside


def test_four_distances_that_go_by_one_name_are_told_apart() -> None:
    """The figures of docs/mask-metrics.md."""
    truth = ball((50, 21, 21), (20, 12, 12))
    bay, bump = ball((50, 28.7, 21), (12, 8, 8)), ball((75, 15.4, 21), (10, 7, 7))
    pair = Pair(truth, (truth & ~bay) | bump, (2.5, 0.7, 0.7))
    there, back = pair.distances
    found = {
        "the larger of two percentiles, which is `hd95`": of("hd95", pair),
        "the percentile of both sets of distances together": np.percentile([*there, *back], 95),
        "the largest distance (100 %)": max(there.max(), back.max()),
        "`hd95` where the spacing is forgotten": of("hd95", Pair(*distinct(pair), (1, 1, 1))),
    }
    told = (Path(__file__).parent.parent / "docs/mask-metrics.md").read_text(encoding="utf-8")
    for name, distance in found.items():
        assert f"| {name} | {distance:.2f} |" in told


def test_a_tolerance_of_whole_steps_holds_them() -> None:
    """Three steps of 0.1 mm are more than 0.3 in binary."""
    truth = np.zeros((20, 20), dtype=np.bool_)
    truth[5] = True
    assert 3 * 0.1 > 0.3
    assert of("nsd", Pair(truth, np.roll(truth, 3, 0), (0.1, 1.0)), tolerance=0.3) == 1.0


@quickly
@given(seeds, spacings)
def test_volumes_and_voxels_are_counted(seed: int, spacing: tuple[float, ...]) -> None:
    pair = pairs(seed, spacing)
    truth, prediction = distinct(pair)
    ml = [float(mask.sum() * np.prod(spacing) / 1000) for mask in (truth, prediction)]
    found = counted(pair)
    assert found["tp"] == (truth & prediction).sum()
    assert found["fp"] == (~truth & prediction).sum()
    assert found["fn"] == (truth & ~prediction).sum()
    assert pair.tn == (~truth & ~prediction).sum()
    assert [found["true_ml"], found["predicted_ml"]] == pytest.approx(ml)
    if pair.empty is None:
        assert of("volume_error_ml", pair) == pytest.approx(abs(ml[1] - ml[0]))
        percent = 100 * abs(ml[1] / ml[0] - 1)
        assert of("volume_error_percent", pair) == pytest.approx(percent, abs=1e-9)
    assert of("pixel_accuracy", pair) == pytest.approx((truth == prediction).mean())
    nothing = Pair(truth, np.zeros_like(truth), spacing)
    assert of("background_rate", pair) == pytest.approx(of("pixel_accuracy", nothing))


def lesions_by_hand(mask: Mask, full: bool) -> list[set[tuple[int, ...]]]:
    """Flooding from voxel to voxel."""
    steps = [s for s in itertools.product((-1, 0, 1), repeat=mask.ndim) if any(s)]
    steps = [s for s in steps if full or sum(map(abs, s)) == 1]
    left, found = {tuple(v) for v in np.argwhere(mask).tolist()}, []
    while left:
        pending, lesion = [left.pop()], set()
        while pending:
            voxel = pending.pop()
            lesion.add(voxel)
            near = {tuple(a + b for a, b in zip(voxel, step, strict=True)) for step in steps}
            pending += near & left
            left -= near
        found.append(lesion)
    return found


@quickly
@given(seeds, spacings, st.booleans(), st.sampled_from([0.0, 0.5, 1.0]))
def test_lesions_are_those_of_a_flood(
    seed: int, spacing: tuple[float, ...], full: bool, overlap: float
) -> None:
    truth, guess = (blobs(seed + i, len(spacing), 0.15 / len(spacing), size=8) for i in range(2))
    pair = Pair(truth, guess, spacing)
    connectivity = "full" if full else "faces"
    found = columns("lesion_sensitivity", pair, connectivity=connectivity, overlap=overlap)
    expected = []
    for lesion in lesions_by_hand(truth, full):
        hit = sum(bool(guess[voxel]) for voxel in lesion)
        there = hit > 0 and hit >= overlap * len(lesion)
        expected.append((len(lesion) * np.prod(spacing) / 1000, float(there)))
    ours = list(zip(found["lesion_ml"], found["lesion_found"], strict=True))
    assert np.array(sorted(ours)) == pytest.approx(np.array(sorted(expected)))
    false = [all(not truth[v] for v in lesion) for lesion in lesions_by_hand(guess, full)]
    assert of("lesion_false_positives", pair, connectivity=connectivity) == sum(false)


REAL = {
    "t2": ("t2_seg-manual", "t2_seg-deepseg_sc-3d", 0.9808),
    "t2s": ("t2s_seg", "t2s_seg-deepseg", 0.9092),
}


@its_own
@pytest.mark.skipif("HARNESS_DATA" not in os.environ, reason="needs the real masks")
@pytest.mark.parametrize("folder", REAL)
def test_masks_of_a_network_have_the_known_dice(folder: str) -> None:
    import nibabel

    def read(name: str) -> Any:
        home = Path(os.environ["HARNESS_DATA"]) / "spinal_cord_mr"
        return nibabel.load(home / folder / f"{name}.nii.gz")  # type: ignore[attr-defined]

    *names, expected = REAL[folder]
    truth, guess = (np.asarray(read(str(name)).dataobj) > 0 for name in names)
    spacing = tuple(float(step) for step in read(str(names[0])).header.get_zooms())
    pair = Pair(truth, guess, spacing)
    assert round(of("dice", pair), 4) == expected
    for name, theirs in by_monai(pair, 1.0).items():
        args = {"tolerance": 1.0} if name == "nsd" else {}
        assert of(name, pair, **args) == same(theirs), name
    turned = Pair(truth.T[::-1], guess.T[::-1], spacing[::-1])
    assert of("hd95", turned) == pytest.approx(of("hd95", pair), abs=1e-9)


NOTHING = np.zeros((10, 12, 4), dtype=np.bool_)
SPOT = NOTHING.copy()
SPOT[2:4, 3:5, 1:3] = True  # one lesion of 8 voxels, of 480
GRID = (1.0, 2.5, 5.0)  # 0.0125 ml a voxel
DIAGONAL = math.hypot(10, 30, 20)
SITUATIONS = {
    "both": Pair(NOTHING, NOTHING, GRID),
    "missed": Pair(SPOT, NOTHING, GRID),
    "false_alarm": Pair(NOTHING, SPOT, GRID),
    "no prediction": Pair.missing(SPOT, GRID),
    "no prediction of nothing": Pair.missing(NOTHING, GRID),
    "unread": Pair.unread(),
}
LENIENT = Empty(both="perfect", missed="exclude", false_alarm="exclude")
DEGENERATE: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    # both, missed, false alarm, no prediction, none of nothing, unread: by default; and leniently
    "dice": ((NAN, 0, 0, 0, 0, 0), (1, NAN, NAN, 0, 0, 0)),
    "iou": ((NAN, 0, 0, 0, 0, 0), (1, NAN, NAN, 0, 0, 0)),
    "nsd": ((NAN, 0, 0, 0, 0, 0), (1, NAN, NAN, 0, 0, 0)),
    "hd95": (
        (NAN, DIAGONAL, DIAGONAL, DIAGONAL, DIAGONAL, WORST),
        (0, NAN, NAN, DIAGONAL, DIAGONAL, WORST),
    ),
    "volume_error_ml": ((NAN, 0.1, 0.1, 5.9, 6, WORST), (0, NAN, NAN, 5.9, 6, WORST)),
    "volume_error_percent": (
        (NAN, 100, NAN, 5900, NAN, WORST),
        (0, NAN, NAN, 5900, NAN, WORST),
    ),
    "pixel_accuracy": ((1, 472 / 480, 472 / 480, 0, 0, 0),) * 2,
    "background_rate": ((1, 472 / 480, 1, 472 / 480, 1, NAN),) * 2,
    "lesion_false_positives": ((0, 0, 1, WORST, WORST, WORST),) * 2,
    "missed_cases": ((NAN, 1, NAN, 1, NAN, 1),) * 2,
    "false_alarm_cases": ((0, NAN, 1, NAN, 1, 1),) * 2,
}


@pytest.mark.parametrize("policy", [0, 1], ids=["default", "lenient"])
@pytest.mark.parametrize("name", sorted(set(METRICS) - {"lesion_sensitivity"}))
def test_every_empty_mask_counts_as_the_policy_says(name: str, policy: int) -> None:
    empty = (Empty(), LENIENT)[policy]
    found = [of(name, pair, empty) for pair in SITUATIONS.values()]
    assert found == pytest.approx(DEGENERATE[name][policy], nan_ok=True)


@pytest.mark.parametrize("empty", [Empty(), LENIENT], ids=["default", "lenient"])
def test_every_lesion_counts_where_nothing_is_found(empty: Empty) -> None:
    cells = [columns("lesion_sensitivity", pair, empty) for pair in SITUATIONS.values()]
    assert [cell["lesion_found"].tolist() for cell in cells] == [[], [0], [], [0], [], [0]]
    sizes = [cell["lesion_ml"].tolist() for cell in cells]
    assert sizes[:5] == [[], [0.1], [], [0.1], []]
    assert np.isnan(sizes[5]).tolist() == [True]


def test_what_is_counted_of_no_prediction_is_not_known() -> None:
    found = counted(SITUATIONS["no prediction"])
    assert [found["tp"], found["fn"], found["true_ml"]] == [0, 8, 0.1]
    assert all(math.isnan(found[name]) for name in ("fp", "predicted_ml"))
    assert all(map(math.isnan, counted(Pair.unread()).values()))


@pytest.mark.parametrize("name", METRICS)
def test_a_case_that_was_not_read_is_among_the_worst(name: str) -> None:
    """Never a better number for it, and never none; of the truth alone it is left out."""
    square = np.zeros((16, 16, 4), dtype=np.bool_)
    square[4:12, 4:12] = True
    good, fair = Pair(square, square, GRID), Pair(square, np.roll(square, 1, 0), GRID)
    clean = Pair(NOTHING, NOTHING, GRID)
    read = [columns(name, pair) for pair in (good, fair, clean)]
    module = shelf.load("metrics", name)
    before = table([[cell] for cell in read])
    after = table([[cell] for cell in (*read, columns(name, Pair.unread()))])
    gap = value(name, after) - value(name, before)
    if module.BETTER is None:
        assert gap == 0
        assert module.excluded(after) == module.excluded(before) + 1
    else:
        assert math.isfinite(gap)
        assert (gap < 0) == (module.BETTER == "higher")
        assert module.excluded(after) == module.excluded(before)


def test_the_worst_is_of_the_largest_image_that_was_read() -> None:
    small, large = (Pair(SPOT, np.roll(SPOT, 1, 0), tuple(np.array(GRID) * f)) for f in (1, 2))
    unread = columns("hd95", Pair.unread())
    cells = [[columns("hd95", pair)] for pair in (small, large)]
    assert value("hd95", table([*cells, [unread]])) == pytest.approx((1 + 2 + 2 * DIAGONAL) / 3)
    assert math.isnan(value("hd95", table([[unread]])))


def test_the_worst_is_no_good_where_all_others_are_perfect() -> None:
    """No false lesion and no error of a volume elsewhere is no reason for none here."""
    least = {"lesion_false_positives": 1, "volume_error_percent": 100, "volume_error_ml": 6}
    for name, expected in least.items():
        cells = [[columns(name, pair)] for pair in (Pair(SPOT, SPOT, GRID), Pair.unread())]
        assert value(name, table(cells)) == expected / 2, name


def test_a_case_that_is_left_out_of_one_class_is_left_out_once() -> None:
    full, nothing = columns("dice", Pair(SPOT, SPOT, GRID)), columns("dice", SITUATIONS["both"])
    cases = table([(full, nothing), (nothing, nothing), (full, full)])
    assert shelf.load("metrics", "dice").excluded(cases) == 2
    assert shelf.load("metrics", "dice").excluded(cases.one_against_rest(0)) == 1


def test_the_mean_distance_rises_with_the_missed() -> None:
    """Of 100 cases k are missed and the rest are 4 mm off."""
    plate = np.zeros((40, 30), dtype=np.bool_)
    plate[10] = True
    off, missed = Pair(plate, np.roll(plate, 4, 0), (1.0, 1.0)), Pair(plate, plate & False, (1, 1))
    means = []
    for k in (0, 25, 50, 90, 100):
        pairs = [*[missed] * k, *[off] * (100 - k)]
        means.append(value("hd95", table([[columns("hd95", pair)] for pair in pairs])))
    assert means == pytest.approx([4, 15.5, 27, 45.4, 50])


def cohort(name: str, n: int, classes: int, seed: int = 0) -> Segmented:
    """Some cases are left out, some missed, some clean, and one could not be read."""
    rng = np.random.default_rng(seed)
    spacing = (0.7, 2.5)

    def pair() -> Pair:
        truth = blobs(int(rng.integers(10_000)), 2, float(rng.choice([0.05, 0.4])))
        guess = truth ^ (rng.random(truth.shape) < rng.uniform(0, 0.2))
        chance = rng.random()
        return Pair(truth & (chance > 0.2), guess & (chance > 0.1) & (chance < 0.9), spacing)

    rows = [[columns(name, pair()) for _ in range(classes)] for _ in range(n - 1)]
    return table([*rows, [columns(name, Pair.unread())] * classes])


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("classes", [1, 3])
def test_weights_are_multiplicities(name: str, classes: int) -> None:
    module, args, cases = shelf.load("metrics", name), ARGS.get(name, {}), cohort(name, 40, classes)
    times = np.random.default_rng(1).integers(1, 4, size=40)
    found = module.measure(cases, np.stack([np.ones(40), times, 0 * times]), **args)
    assert found[0] == pytest.approx(value(name, cases), rel=1e-12)
    assert found[1] == pytest.approx(value(name, cases.where(np.repeat(np.arange(40), times))))
    assert math.isnan(found[2])


@pytest.mark.parametrize("name", METRICS)
def test_a_value_is_the_mean_over_classes(name: str) -> None:
    cases = cohort(name, 40, 3)
    parts = [value(name, cases.one_against_rest(k)) for k in range(3)]
    assert value(name, cases) == pytest.approx(np.mean(parts))


@pytest.mark.parametrize("name", METRICS)
def test_an_error_is_the_jackknifes(name: str) -> None:
    """Linearised errors are those of leaving out a subject, but for what is of second order."""
    module, args, cases = shelf.load("metrics", name), ARGS.get(name, {}), cohort(name, 150, 2)
    units = np.arange(150) // 2
    measure = functools.partial(module.measure, cases, **args)
    expected = jackknife(measure, units, cases.strata)
    found = module.influence(cases, units, **args)
    assert found.error == pytest.approx(expected.error, rel=0.04)
    assert found.by_unit == pytest.approx(
        expected.by_unit, abs=0.2 * np.abs(expected.by_unit).max()
    )
    assert found.df <= 74


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"lesion_sensitivity"}))
def test_an_error_of_one_class_is_scipys_of_the_counted_cases(name: str) -> None:
    module, args, cases = shelf.load("metrics", name), ARGS.get(name, {}), cohort(name, 60, 1)
    column = next(iter(cases.columns.values()))[:, 0]
    read = cases.where(np.isfinite(column))
    found = module.influence(read, np.arange(len(read)), **args)
    assert found.error == pytest.approx(scipy.stats.sem(column[np.isfinite(column)]))
    assert module.excluded(cases) == np.isnan(column).sum()
    assert found.binomial == (name in ("missed_cases", "false_alarm_cases"))


def lesions(*cells: Sequence[tuple[float, float]]) -> Segmented:
    """A case each, of (ml, found) a lesion."""
    rows = [np.array(cell, dtype=np.float64).reshape(-1, 2).T for cell in cells]
    return table([[{"lesion_ml": ml, "lesion_found": found}] for ml, found in rows])


def test_lesions_count_whatever_the_case_they_are_of() -> None:
    cases = lesions([(1, 1), (2, 0), (3, 1)], [(0.5, 0)], [])
    assert value("lesion_sensitivity", cases) == 0.5
    assert lesion_sensitivity.lesions(cases) == 4
    assert math.isnan(value("lesion_sensitivity", cases.where(np.array([2]))))


def test_lesions_of_a_size_are_those_alone() -> None:
    cases = lesions([(1, 1), (2, 0), (4, 1)], [(0.5, 0)], [], [(NAN, 0)])
    for low, high, expected, count in ((0.5, 2, 0.5, 2), (2, 4, 0.0, 1), (4, math.inf, 1.0, 1)):
        some = lesion_sensitivity.banded(cases, low, high)
        assert value("lesion_sensitivity", some) == expected
        assert lesion_sensitivity.lesions(some) == count
        assert lesion_sensitivity.excluded(some) == 1
    assert lesion_sensitivity.excluded(cases) == 0
    assert math.isnan(value("lesion_sensitivity", lesion_sensitivity.banded(cases, 9, 10)))
    assert [cell.tolist() for cell in cases.columns["lesion_found"][:2, 0]] == [[1, 0, 1], [0]]


def test_lesions_outlive_a_file() -> None:
    cases = lesions([(1, 1), (2, 0), (4, 1)], [(0.5, 0)], [], [(NAN, 0)])
    back = Segmented.from_parquet(cases.to_parquet(), "file")
    for name in ("lesion_ml", "lesion_found"):
        for ours, theirs in zip(cases.columns[name][:, 0], back.columns[name][:, 0], strict=True):
            assert np.array_equal(ours, theirs, equal_nan=True)
    some = lesion_sensitivity.banded(back, 0.5, 2)
    assert value("lesion_sensitivity", some) == 0.5


def test_columns_have_one_meaning_on_the_shelf() -> None:
    named = [key for name in METRICS for key in columns(name, SITUATIONS["missed"])]
    assert len(set(named)) == len(named)
    assert not set(named) & counted(SITUATIONS["missed"]).keys()


@pytest.mark.parametrize("name", METRICS)
def test_a_case_that_was_not_read_has_the_same_columns(name: str) -> None:
    assert columns(name, Pair.unread()).keys() == columns(name, SITUATIONS["missed"]).keys()


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("nsd", {"tolerance": -1.0}, "tolerance must be 0 mm or more, got -1.0"),
        ("nsd", {"tolerance": NAN}, "tolerance must be 0 mm or more, got nan"),
        (
            "lesion_sensitivity",
            {"connectivity": "4"},
            "connectivity must be full or faces, got '4'",
        ),
        ("lesion_false_positives", {"connectivity": ""}, "connectivity must be full or faces, got"),
        ("lesion_sensitivity", {"overlap": 1.5}, "overlap must be a share from 0 to 1, got 1.5"),
    ],
)
def test_arguments_are_checked_before_a_case_is_read(
    name: str, args: dict[str, Any], message: str
) -> None:
    with pytest.raises(HarnessError, match=message):
        columns(name, Pair.unread(), **args)


def test_masks_of_two_shapes_are_no_pair() -> None:
    with pytest.raises(HarnessError, match="must have the shape of the true one"):
        Pair(NOTHING, NOTHING[..., :1], GRID)
    for spacing in ((1.0, 1.0), (1.0, 0.0, 1.0), (1.0, NAN, 1.0)):
        with pytest.raises(HarnessError, match="spacing must be a positive number of mm"):
            Pair(NOTHING, NOTHING, spacing)
