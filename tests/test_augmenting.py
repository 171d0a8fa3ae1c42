"""Augmentation: image and mask move together, by what is asked and no more, alike for one seed."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from harness import augmenting
from harness.augmenting import augment
from harness.suite import Augment

Image = NDArray[np.float32]
Mask = NDArray[np.uint8]

ALL = Augment(scale=(0.85, 1.15), rotate=45, elastic=True, flip=True, intensity=(0.9, 1.1))
MOVES = [
    Augment(scale=(0.8, 1.25)),
    Augment(rotate=90),
    Augment(elastic=True),
    Augment(flip=True),
    dataclasses.replace(ALL, intensity=None),
]
SIZES = ((48, 40), (32, 24, 20))


def blobs(size: tuple[int, ...], seed: int = 0) -> Mask:
    """Smooth blobs of two labels, 3 and 200, in the middle of a background."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=size), 3)
    mask = np.where(field > np.quantile(field, 0.7), 3, 0)
    mask[field < np.quantile(field, 0.2)] = 200
    return mask.astype(np.uint8)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("asked", [ALL, *MOVES], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_an_image_that_is_its_mask_stays_aligned(size: tuple[int, ...], asked: Augment) -> None:
    mask = blobs(size)
    image = np.stack([mask == 3, mask == 200]).astype(np.float32)
    changed = 0
    for seed in range(4):
        moved, labels = augment(image, mask, asked, rng(seed))
        assert (moved.shape, moved.dtype) == (image.shape, np.float32)
        assert (labels.shape, labels.dtype) == (mask.shape, np.uint8)
        assert dice(moved[0] > 0.5, labels == 3) > 0.95
        assert dice(moved[1] > 0.5, labels == 200) > 0.95
        changed += not np.array_equal(labels, mask)
    assert changed > 0


@given(
    size=st.lists(st.integers(1, 24), min_size=2, max_size=3),
    labels=st.lists(st.integers(0, 255), min_size=1, max_size=5),
    seed=st.integers(0, 2**32),
    asked=st.sampled_from([ALL, *MOVES]),
)
@settings(max_examples=40, deadline=None)
def test_labels_never_grow(size: list[int], labels: list[int], seed: int, asked: Augment) -> None:
    mask = rng(seed).choice(np.array(labels, dtype=np.uint8), size=size)
    image = rng(seed).random((2, *size), dtype=np.float32)
    moved, found = augment(image, mask, asked, rng(seed))
    assert set(np.unique(found)) <= set(labels)
    low, high = asked.intensity or (1, 1)
    assert low * image.min() - 1e-6 <= moved.min()
    assert moved.max() <= high * image.max() + 1e-6


def test_a_mask_that_is_interpolated_has_labels_that_are_not_there() -> None:
    """What linear interpolation of the mask would do, which the test above would catch."""
    mask = blobs((48, 40))
    linear, _ = augment(mask[None].astype(np.float32), mask, Augment(rotate=30), rng())
    assert not set(np.unique(linear.round())) <= {0, 3, 200}


@pytest.mark.parametrize("size", SIZES)
def test_what_is_not_asked_for_leaves_every_bit(size: tuple[int, ...]) -> None:
    mask, image = blobs(size), rng().random((2, *size), dtype=np.float32)
    before = image.copy(), mask.copy()
    for asked in (Augment(), ALL):
        augment(image, mask, asked, rng())
        assert np.array_equal(image, before[0])
        assert np.array_equal(mask, before[1])
    moved, labels = augment(image, mask, Augment(), rng())
    assert moved.tobytes() == before[0].tobytes()
    assert labels.tobytes() == before[1].tobytes()
    brighter, labels = augment(image, mask, Augment(intensity=(2.0, 2.0)), rng())
    assert np.array_equal(brighter, 2 * image)
    assert np.array_equal(labels, mask)


def test_a_seed_says_everything_also_among_threads() -> None:
    image, mask = rng().random((1, 40, 40), dtype=np.float32), blobs((40, 40))

    def digest(seed: int) -> bytes:
        moved, labels = augment(image, mask, ALL, rng(seed))
        return moved.tobytes() + labels.tobytes()

    alone = [digest(seed) for seed in range(24)]
    np.random.seed(5)  # the state that all share, which must not matter
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(digest, range(24))) == alone
    assert len(set(alone)) == 24


def drawn(size: tuple[int, ...], asked: Augment, seed: int = 3) -> tuple[Any, Any]:
    """An image of smooth noise, and what became of it."""
    image = ndimage.gaussian_filter(rng(1).random(size), 2).astype(np.float32)[None]
    return image[0], augment(image, np.zeros(size, np.uint8), asked, rng(seed))[0][0]


def middle(image: NDArray[Any]) -> NDArray[Any]:
    """Without what came from beyond the edge."""
    return image[tuple(slice(side // 3, side - side // 3) for side in image.shape[:2])]


@pytest.mark.parametrize("size", [(60, 60), (60, 60, 8)])
def test_scale_is_scipys_zoom(size: tuple[int, ...]) -> None:
    image, moved = drawn(size, Augment(scale=(1.2, 1.2)))
    centre = (np.array(size) - 1) / 2
    expected = ndimage.affine_transform(
        image, np.full(len(size), 1 / 1.2), centre - centre / 1.2, order=1, mode="nearest"
    )
    assert np.abs(moved - expected).max() < 1e-5


@pytest.mark.parametrize("size", [(60, 60), (60, 60, 8)])
def test_rotation_is_scipys_about_the_last_axis(size: tuple[int, ...]) -> None:
    asked = Augment(rotate=40)
    image, moved = drawn(size, asked)
    degrees = rng(3).uniform(-40, 40)
    found = [
        np.abs(
            middle(moved)
            - middle(ndimage.rotate(image, sign * degrees, axes=(0, 1), reshape=False, order=1))
        ).max()
        for sign in (1, -1)
    ]
    assert min(found) < 1e-4 < max(found)


def test_flips_are_of_each_axis_with_even_chances() -> None:
    image = rng().random((1, 3, 4, 5), dtype=np.float32)
    mask = (255 * image[0]).astype(np.uint8)
    seen = {}
    for axes in np.ndindex(2, 2, 2):
        turned = np.flip(image, [1 + i for i in range(3) if axes[i]])
        seen[turned.tobytes()] = [axes, 0]
    for seed in range(400):
        moved, labels = augment(image, mask, Augment(flip=True), rng(seed))
        assert np.array_equal(labels, (255 * moved[0]).astype(np.uint8))
        seen[moved.tobytes()][1] += 1
    assert all(20 < times < 90 for _, times in seen.values())


@given(
    size=st.lists(st.integers(8, 40), min_size=2, max_size=3).map(tuple),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=25, deadline=None)
def test_an_elastic_shift_never_folds(size: tuple[int, ...], seed: int) -> None:
    """The determinant of its derivative stays above 0 everywhere."""
    shift = augmenting._shift(size, rng(seed)).astype(np.float64)
    slopes = [
        np.diff(shift[i], axis=j, append=np.nan) for i in range(len(size)) for j in range(len(size))
    ]
    matrix = np.stack(slopes, axis=-1).reshape(*size, len(size), len(size)) + np.eye(len(size))
    inner = matrix[tuple(slice(side - 1) for side in size)]
    assert np.linalg.det(inner).min() > 0


def test_an_elastic_shift_is_of_a_few_pixels() -> None:
    shifts = np.stack([augmenting._shift((256, 256), rng(seed)) for seed in range(20)])
    assert 2 < shifts.std() < 8
    assert np.abs(shifts).max() < 256 / augmenting.CONTROLS / 4


@pytest.mark.parametrize("side", [1, 2, 7, 64])
def test_splines_are_scipys_and_sum_to_one(side: int) -> None:
    from scipy.interpolate import BSpline

    weights = augmenting._spline(side)
    assert weights.sum(axis=1) == pytest.approx(1)
    at = (np.arange(side) + 0.5) * augmenting.CONTROLS / side
    for point in range(augmenting.CONTROLS + 3):
        cubic = BSpline.basis_element(np.arange(point - 3, point + 2), extrapolate=False)
        assert weights[:, point] == pytest.approx(np.nan_to_num(cubic(at)), abs=1e-12)


def test_arrays_that_are_views_or_read_only_are_taken() -> None:
    image, mask = rng().random((1, 24, 24), dtype=np.float32), blobs((24, 24))
    expected = augment(image, mask, ALL, rng())
    backwards = image[:, ::-1].copy()[:, ::-1], np.asfortranarray(mask)
    for array in backwards:
        array.setflags(write=False)
    found = augment(*backwards, ALL, rng())
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
