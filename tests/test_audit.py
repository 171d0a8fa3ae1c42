"""An audit of images and masks: what was planted is found, and nothing where nothing was."""

import io
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from harness.audit import aligned, components, moves
from harness.audit.collected import Collected
from harness.audit.duplicates import duplicates
from harness.audit.every import CHECKS
from harness.audit.finding import Finding
from harness.audit.images import looked_at, small
from harness.audit.intensities import intensities
from harness.audit.shortcuts import heights
from harness.audit.spectra import neighbours
from harness.audit.volumes import look, together
from harness.datasets import phantom, phantom_lesions
from harness.volumes import Case, Source

RNG = np.random.default_rng(0)


def table(pixels: NDArray[Any], split: Sequence[str] | None = None, **more: Any) -> Collected:
    """(n, C, ...) images, by default of train, as what an audit looks at."""
    n = len(pixels)
    held: dict[str, Any] = {
        "splits": ("train", "val", "test"),
        "ids": np.array([f"case-{k}" for k in range(n)]),
        "split": np.array(["train"] * n if split is None else split),
        "targets": np.zeros(n, dtype=np.int64),
        "classes": ("well", "ill"),
        "kind": "nominal",
        "images": looked_at(pixels),
    }
    return Collected(**{**held, **more})


def clean(dim: int = 2, size: int = 28, subjects: int = 200, seed: int = 0) -> Collected:
    """The phantom's cases as they are."""
    parts = [
        phantom.load(split, None, dim=dim, size=size, subjects=subjects, seed=seed)
        for split in phantom.SPLITS
    ]
    groups = parts[0].groups
    return table(
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([np.full(len(part), part.split) for part in parts]),
        targets=np.concatenate([part.targets for part in parts]),
        subjects=np.concatenate([part.subjects for part in parts if part.subjects is not None]),
        columns={name: np.concatenate([part.groups[name] for part in parts]) for name in groups},
    )


def cases_of(data: Collected) -> dict[str, tuple[str, ...]]:
    """Code -> cases, of all findings; masks, which may be of two kinds, apart."""
    every = [each for check in CHECKS.values() for each in check(data)]
    return {each.code: each.cases for each in every if each.code != "duplicate-mask"}


def pairs(findings: Sequence[Finding], *codes: str) -> set[frozenset[str]]:
    return {frozenset(pair[:2]) for each in findings if each.code in codes for pair in each.pairs}


def jpeg(image: NDArray[Any], quality: int) -> NDArray[Any]:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def again(image: NDArray[Any], how: str) -> NDArray[Any]:
    """(H, W) or (D, H, W), planted a second time."""
    axis = int(RNG.integers(image.ndim))
    if how == "jpeg":
        return jpeg(image, 75)
    if how == "flipped":
        return np.flip(image, axis)
    if how == "moved":
        edges = [(1, 0) if each == axis else (0, 0) for each in range(image.ndim)]
        return np.pad(image, edges, "edge").take(range(image.shape[axis]), axis)
    return image


def disc(seed: int) -> NDArray[np.uint8]:
    """A fundus as a camera sees it: all alike, but for a few vessels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    inside = np.exp(-((np.hypot(x, y) / 0.9) ** 12))
    marks = ndimage.gaussian_filter(rng.normal(0, 1, (28, 28)), 1.5)
    return np.clip(inside * (150 + 30 * x + 30 * marks), 0, 255).astype(np.uint8)


# --- duplicates -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["same", "jpeg", "flipped", "moved"])
@pytest.mark.parametrize(
    ("dim", "size", "subjects"), [(2, 28, 200), (2, 64, 100), (2, 130, 50), (3, 16, 100)]
)
def test_what_is_planted_is_found(how: str, dim: int, size: int, subjects: int) -> None:
    if (how, dim) == ("jpeg", 3):
        pytest.skip("JPEG is of pictures")
    parts = [
        phantom.load(split, None, dim=dim, size=size, subjects=subjects) for split in phantom.SPLITS
    ]
    pixels = np.concatenate([part.pixels for part in parts])
    split = np.concatenate([np.full(len(part), part.split) for part in parts])
    rows = RNG.permutation(len(pixels))[:80].reshape(2, 40)
    for source, place in rows.T:
        pixels[place, 0] = again(pixels[source, 0], how)
    told = list(duplicates(table(pixels, split)))
    hits = pairs(told, "leak-duplicate", "leak-near-duplicate") | pairs(
        told, "duplicate", "near-duplicate"
    )
    planted = {frozenset((f"case-{a}", f"case-{b}")) for a, b in rows.T}
    exact = pairs(told, "leak-duplicate", "duplicate")
    assert exact == (planted if how == "same" else set())
    assert len(planted & hits) >= 0.95 * len(planted)
    assert hits <= planted
    for each in told:
        a, b = each.pairs[0][:2]
        apart = split[int(a[5:])] != split[int(b[5:])]
        assert (each.severity == "leak") == each.code.startswith("leak") == apart


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("dim", "size"), [(2, 8), (2, 28), (3, 12)])
def test_a_clean_phantom_has_no_leak(dim: int, size: int, seed: int) -> None:
    data = clean(dim, size, 60, seed)
    told = [each for check in CHECKS.values() for each in check(data)]
    assert {each.severity for each in told} <= {"warning", "note"}
    assert not any("duplicate" in each.code for each in told)


def test_images_that_all_look_alike_are_not_one() -> None:
    pixels = np.stack([disc(seed) for seed in range(300)])[:, None]
    flat = pixels.reshape(300, -1)
    assert np.median(np.corrcoef(flat)[np.triu_indices(300, 1)]) > 0.94
    pixels[7] = jpeg(pixels[180, 0], 75)
    [one] = duplicates(table(pixels))
    assert pairs([one], "near-duplicate") == {frozenset(("case-7", "case-180"))}


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_few_images_are_held_against_each_other(n: int) -> None:
    pixels = RNG.integers(0, 256, (n, 1, 12, 12), dtype=np.uint8)
    assert list(duplicates(table(pixels))) == []
    both = np.concatenate([pixels, np.flip(pixels[:1], -1)])
    [one] = duplicates(table(both, ["train"] * n + ["test"]))
    assert (one.code, one.cases) == ("leak-near-duplicate", ("case-0", f"case-{n}"))


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (1, 8), (7, 9)])
def test_tiny_images_are_one_only_bit_by_bit(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 1, *shape), dtype=np.uint8)
    pixels[50] = pixels[3]
    told = {each.code: each for each in duplicates(table(pixels, ["train"] * 40 + ["test"] * 20))}
    assert set(told) == {"few-pixels", "leak-duplicate"}
    assert told["leak-duplicate"].cases == ("case-3", "case-50")


def test_colours_count_and_so_does_the_order_of_copies() -> None:
    pixels = RNG.integers(0, 256, (30, 3, 12, 12), dtype=np.uint8)
    pixels[[4, 20, 29]] = pixels[2]
    told = list(duplicates(table(pixels, ["train"] * 10 + ["val"] * 10 + ["test"] * 10)))
    assert [(each.code, each.pairs) for each in told] == [
        ("leak-duplicate", (("case-2", "case-20", 1.0), ("case-2", "case-29", 1.0))),
        ("duplicate", (("case-2", "case-4", 1.0),)),
    ]


def test_an_image_with_two_labels_contradicts_itself() -> None:
    pixels = RNG.integers(0, 256, (40, 1, 16, 16), dtype=np.uint8)
    pixels[30], pixels[31] = pixels[3], jpeg(pixels[4, 0], 90)
    targets = np.arange(40) % 2
    told = {each.code: each for each in duplicates(table(pixels, targets=targets))}
    assert told["contradiction"].severity == "fault"
    assert told["contradiction"].cases == ("case-3", "case-30")
    assert "case-3 'ill' = case-30 'well'" in told["contradiction"].message
    assert told["near-contradiction"].cases == ("case-4", "case-31")
    same = list(duplicates(table(pixels, targets=targets // 2)))
    assert {each.code for each in same} == {"duplicate", "near-duplicate"}


def test_images_that_show_nothing_are_no_duplicates() -> None:
    pixels = RNG.integers(0, 256, (20, 1, 16, 16)).astype(np.float32)
    pixels[3], pixels[9] = 0, 0
    pixels[5, 0, 2, 2] = np.nan
    data = table(pixels, ["train"] * 5 + ["test"] * 15)
    assert list(duplicates(data)) == []
    told = {each.code: each for each in intensities(data)}
    assert told["constant-image"].cases == ("case-3", "case-9")
    assert told["not-finite"].cases == ("case-5",)
    assert {each.severity for each in told.values()} == {"fault"}


# --- how alike two images are -----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(12, 15), (9, 10, 11), (5, 16)])
@pytest.mark.parametrize("step", [1.0, 0.5])
def test_moved_components_are_as_a_moved_image(shape: tuple[int, ...], step: float) -> None:
    axes = len(shape)
    images = ndimage.gaussian_filter(RNG.normal(size=(60, *shape)), (0, *(1.5,) * axes)).astype(
        np.float32
    )
    images -= images.mean(axis=tuple(range(1, axes + 1)), keepdims=True)
    basis = components.basis(images)

    def described(shown: NDArray[np.float32], move: moves.Move) -> NDArray[np.float32]:
        flat = shown.reshape(len(shown), -1)
        return aligned._described(flat, flat**2, basis, move)

    for move in moves.moves(shape, (step,) * axes):
        rest = moves.Move((False,) * axes, (0.0,) * axes)
        back = moves.shifted(moves.flipped(images, move), [-by for by in move.shift])
        a, b = described(images, move), described(back, rest)
        # By half a pixel an image is smoothed, and a component in its place.
        least = 1 - 1e-5 if step == 1 else 0.97
        assert (np.einsum("ij,ij->i", a, b) > least).all()
        both = moves.shifted(moves.flipped(images[0], move), [-by for by in move.shift])
        edges = tuple(slice(1, n - 1) if n >= moves.ROOM else slice(None) for n in shape)
        expected = np.corrcoef(images[1][edges].ravel(), both[edges].ravel())[0, 1]
        assert aligned.correlation(images[1], images[0], move) == pytest.approx(expected, abs=1e-5)


def test_components_are_those_of_sklearn() -> None:
    from sklearn.decomposition import PCA

    images = ndimage.gaussian_filter(RNG.normal(size=(90, 9, 9)), (0, 1, 1)).astype(np.float32)
    basis = components.basis(images)
    views = np.concatenate(
        [
            np.flip(images, [axis + 1 for axis in range(2) if flip[axis]])[:, 1:-1, 1:-1]
            for flip in itertools.product((False, True), repeat=2)
        ]
    ).reshape(360, -1)
    views = views - views.mean(axis=1, keepdims=True)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    known = PCA(32, whiten=True, svd_solver="full").fit(views)
    ours = views @ basis.axes[:, 1:-1, 1:-1].reshape(32, -1).T - basis.middle
    theirs = known.transform(views) * np.sqrt(360 / 359)
    assert np.abs(np.abs(ours) - np.abs(theirs)).max() < 2e-2


def test_large_images_are_first_looked_at_in_blocks() -> None:
    images = ndimage.gaussian_filter(RNG.normal(size=(40, 21, 21, 21)), (0, 2, 2, 2))
    images = images.astype(np.float32)
    images[1] = np.roll(images[0], 1, 1)
    both = np.array([[0, 1], [2, 3]])
    rough = aligned.likeness(images, both, (1.0,) * 3, exact=False)
    exact = aligned.likeness(images, both, (1.0,) * 3, exact=True)
    assert exact.value[0] == pytest.approx(1, abs=1e-4)
    assert rough.value[0] == pytest.approx(1, abs=0.1)
    assert rough.moves[int(rough.move[0])] == exact.moves[int(exact.move[0])]
    assert exact.moves[int(exact.move[0])].shift == (0.0, 1.0, 0.0)
    assert exact.value[1] < 0.9


def test_spectra_are_the_same_of_flipped_and_rolled_images() -> None:
    images = RNG.normal(size=(100, 11, 13)).astype(np.float32)
    rolled = np.flip(np.roll(images[:50], (3, 5), (1, 2)), 1)
    near = neighbours(np.concatenate([images, rolled]))
    assert {(k, 100 + k) for k in range(50)} <= {(int(a), int(b)) for a, b in near}


@pytest.mark.parametrize(("side", "factor"), [(28, 1), (64, 1), (65, 2), (224, 4)])
def test_small_copies_are_means_of_blocks(side: int, factor: int) -> None:
    image = RNG.normal(size=(2, side, side))
    copies, step = small(image)
    assert step == (1 / factor, 1 / factor)
    first, many = side % factor // 2, side // factor
    kept = image[:, first : first + many * factor, first : first + many * factor]
    expected = [
        [kept[1, i : i + factor, j : j + factor].mean() for j in range(0, many * factor, factor)]
        for i in range(0, many * factor, factor)
    ]
    assert np.allclose(copies[1], expected, atol=1e-6)


# --- intensities, volumes and masks -----------------------------------------------------------


def test_outliers_are_beyond_the_outer_fences() -> None:
    pixels = RNG.normal(100, 10, (60, 1, 16, 16))
    pixels[7] += 200
    told = {each.code: each for each in intensities(table(pixels))}
    assert told["intensity-outlier"].cases == ("case-7",)
    assert told["intensity-outlier"].severity == "warning"
    assert list(intensities(table(np.delete(pixels, 7, 0)))) == []


def case(name: str, seed: int, spacing: tuple[float, ...] = (1.0, 1.0, 2.0), **more: Any) -> Case:
    rng = np.random.default_rng(seed)
    mask = np.zeros((20, 20, 10), dtype=np.uint8)
    mask[3:6, 3:6, 2:4] = 1
    mask[10:12, 10:12, 5:7] = 1
    mask[12, 12, 7] = 1
    affine = np.diag([*spacing, 1.0])
    image = ndimage.gaussian_filter(rng.normal(100, 30, mask.shape), 1)[None]
    held: dict[str, Any] = {"image": image, "mask": mask, **more}
    return Case(
        id=name,
        spacing=spacing,
        affine=affine,
        source=Source(shape=mask.shape, affine=affine),
        **held,
    )


def scans(cases: Sequence[Case], split: Sequence[str]) -> Collected:
    return together(
        [look(each, ("lesion",)) for each in cases],
        splits=("train", "test"),
        ids=np.array([each.id for each in cases]),
        split=np.array(split),
        classes=("lesion",),
        subjects=np.array([each.id for each in cases]),
    )


def test_volumes_are_counted_and_compared() -> None:
    cases = [case(f"s{k}", k) for k in range(24)]
    cases[3] = case("s3", 3, mask=np.zeros((20, 20, 10), dtype=np.uint8))
    cases[4] = case("s4", 4, spacing=(1.0, 1.0, 9.0))
    cases[20] = case("s20", 0)
    cases[21] = case("s21", 1, image=np.flip(cases[1].image, 2))
    data = scans(cases, ["train"] * 16 + ["test"] * 8)
    assert data.masks is not None
    assert data.masks.lesions[:4, 0].tolist() == [2, 2, 2, 0]
    assert data.masks.ml[0, 0] == pytest.approx((18 + 8 + 1) * 2 / 1000)
    told = cases_of(data)
    assert told["leak-duplicate"] == ("s0", "s20")
    assert told["leak-near-duplicate"] == ("s1", "s21")
    assert (told["empty-mask"], told["spacing-outlier"]) == (("s3",), ("s4",))
    masks = [each for each in duplicates(data) if each.code == "duplicate-mask"]
    assert {each.severity for each in masks} == {"warning"}


def test_slices_at_one_height_are_told_by_their_height() -> None:
    cases = [case(f"s{k}", k) for k in range(50)]
    [note] = heights(scans(cases, ["train"] * 25 + ["test"] * 25))
    assert (note.severity, note.code) == ("note", "slice-position")
    assert "'lesion'" in note.message


def test_volumes_on_other_scales_are_no_outliers() -> None:
    cases = [
        case(f"s{k}", k, image=case("", k).image * (1000 if k % 5 == 0 else 1)) for k in range(30)
    ]
    codes = {each.code for each in intensities(scans(cases, ["train"] * 30))}
    assert codes == {"intensity-scale"}


def test_a_clean_phantom_of_lesions_has_no_leak() -> None:
    from harness.audit.every import audit
    from harness.suite import Dataset

    told = audit(Dataset(load="phantom_lesions", args={"subjects": 20}), None, lambda _: None)
    assert told.data is not None
    assert {each.severity for each in told.findings} <= {"warning", "note"}
    ids = phantom_lesions.load("test", None, subjects=20).ids
    assert told.data.ids[told.data.split == "test"].tolist() == ids.tolist()
