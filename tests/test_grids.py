"""Grids: small lesions keep their area, labels stay labels, images are as pillow and scipy have."""

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from harness import grids
from harness.errors import HarnessError
from harness.suite import Input

PUBLISHED = {2: 0.44, 3: 0.60, 4: 0.72, 5: 0.75, 8: 0.85, 10: 0.88, 20: 0.94, 40: 0.97}
"""Radius in pixels -> area that is kept of a mask halved with bilinear means, then `== label`."""

sides = st.tuples(*[st.integers(1, 12)] * 3)
ZSCORE = Input(intensity="zscore")


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# --- masks ------------------------------------------------------------------------------------


def discs(radius: int, count: int = 300) -> NDArray[np.uint8]:
    """(96, 96, count): discs of label 2 whose middle is anywhere in a voxel of half the size."""
    middle = 47 + 2 * np.random.default_rng(radius).random((2, 1, 1, count))
    x, y = np.ogrid[:96, :96]
    inside = (x[..., None] + 0.5 - middle[0]) ** 2 + (y[..., None] + 0.5 - middle[1]) ** 2
    return np.where(inside <= radius**2, 2, 0).astype(np.uint8)


@pytest.mark.parametrize("radius", PUBLISHED)
def test_a_small_lesion_keeps_its_area(radius: int) -> None:
    mask = discs(radius)
    area = 4 * (grids.nearest(mask, (48, 48, mask.shape[2])) == 2).sum() / (mask == 2).sum()
    assert area == pytest.approx(1, abs=0.03)
    linear: Any = torch.nn.functional.interpolate(
        torch.from_numpy(np.moveaxis(mask, -1, 0)[None]).float(), size=(48, 48), mode="bilinear"
    )
    lost = 4 * int((linear == 2).sum()) / (mask == 2).sum()
    assert lost == pytest.approx(PUBLISHED[radius], abs=0.06)


def brute_force(mask: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Of the middle of each voxel, in exact fractions, the voxel it is in."""
    found = np.zeros(shape, np.uint8)
    for place in np.ndindex(*shape):
        parts = zip(place, mask.shape, shape, strict=True)
        middle = [Fraction(2 * at + 1, 2 * new) * old for at, old, new in parts]
        found[place] = mask[tuple(int(each) for each in middle)]
    return found


@given(sides, sides, st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_nearest_is_the_voxel_under_the_middle_and_makes_no_label(
    old: tuple[int, ...], new: tuple[int, ...], seed: int
) -> None:
    mask = np.random.default_rng(seed).choice(np.array([0, 1, 7], np.uint8), old)
    found = grids.nearest(mask, new)
    assert np.array_equal(found, brute_force(mask, new))
    assert found.dtype == np.uint8
    assert set(found.flat) <= set(mask.flat)


# --- images -----------------------------------------------------------------------------------


@given(sides, st.tuples(st.integers(1, 12), st.integers(2, 12)))
@settings(max_examples=40, deadline=None)
def test_resampling_across_is_that_of_pillow(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    image, flat = noise(2, *old), (*new, old[2])
    found = grids.resampled(image, flat)
    wanted = np.empty_like(found)
    for c, z in np.ndindex(2, old[2]):
        picture = Image.fromarray(np.ascontiguousarray(image[c, :, :, z]))
        wanted[c, :, :, z] = np.array(picture.resize(new[::-1], Image.Resampling.BILINEAR))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@given(sides, sides)
@settings(max_examples=40, deadline=None)
def test_enlarging_is_that_of_scipy_with_voxels_as_boxes(
    old: tuple[int, ...], more: tuple[int, ...]
) -> None:
    image = noise(*old)
    new = tuple(n + extra for n, extra in zip(old, more, strict=True))
    ratio = [a / b for a, b in zip(new, old, strict=True)]
    wanted = ndimage.zoom(image, ratio, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(grids.resampled(image[None], new)[0], wanted, atol=1e-4)
    np.testing.assert_allclose(grids.restore(image[None], new)[0], wanted, atol=1e-4)


@given(sides, sides)
@settings(max_examples=40, deadline=None)
def test_no_new_extremes_and_nothing_where_the_grid_is_the_same(
    old: tuple[int, ...], new: tuple[int, ...]
) -> None:
    image = noise(1, *old)
    found = grids.resampled(image, new)
    assert found.shape == (1, *new)
    assert image.min() - 1e-5 <= found.min() <= found.max() <= image.max() + 1e-5
    assert grids.resampled(image, old) is image
    np.testing.assert_allclose(grids.resampled(np.ones_like(image), new), 1, atol=1e-6)


def test_middles_stay_where_they_are_in_mm() -> None:
    """A ramp of 1 a mm, on a grid of 2.5 mm and on one of 6 mm: the same within 0.05 mm."""
    ramp = np.broadcast_to(((np.arange(48) + 0.5) * 2.5)[:, None], (1, 4, 48, 3))
    found = grids.resampled(np.moveaxis(ramp, 2, 3).astype(np.float32).copy(), (3, 4, 20))
    np.testing.assert_allclose(found[0, 0, 0, 2:-2], (np.arange(2, 18) + 0.5) * 6.0, atol=0.05)


def test_images_of_8_bits_stay_whole_and_white_stays_white() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 9, 9, 5), np.uint8)
    found = grids.resampled(image, (7, 13, 4))
    exact = grids.resampled(image.astype(np.float32), (7, 13, 4))
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.round(exact))
    white = np.full_like(image, 255)
    assert (grids.resampled(white, (31, 4, 8)) == 255).all()


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (Input(), (10, 20, 8)),
        (Input(resize=(6, 5)), (6, 5, 8)),
        (Input(spacing=(1.0, 2.0)), (5, 5, 8)),
        (Input(spacing=(1.0, 2.0, 1.0)), (5, 5, 20)),
        (Input(spacing=(99.0, 0.5, 3.0)), (1, 20, 7)),
    ],
)
def test_the_grid_that_is_asked_for(asked: Input, wanted: tuple[int, ...]) -> None:
    assert grids.shape_of((10, 20, 8), (0.5, 0.5, 2.5), asked) == wanted


# --- intensities ------------------------------------------------------------------------------


def test_a_window_is_cut_off_and_stretched() -> None:
    hu = np.random.default_rng(0).integers(-1000, 1000, (2, 8, 7, 6), np.int16)
    asked = Input(window=(-200.0, 250.0), range=(-1.0, 3.0))
    found = grids.given(hu, (1, 1, 1), asked)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.interp(hu, (-200, 250), (-1, 3)), atol=1e-5)


def test_8_bits_need_no_window_and_others_do() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    np.testing.assert_allclose(grids.given(grey, (1, 1, 1), Input()), grey / 255, atol=1e-6)
    with pytest.raises(HarnessError, match=r"input\.window must be given for int16 images, got no"):
        grids.given(grey.astype(np.int16), (1, 1, 1), Input())


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_zscore_is_of_each_channel_of_the_whole_case(dtype: type, order: Any) -> None:
    raw = np.random.default_rng(0).integers(0, 200, (2, 30, 20, 10)).astype(dtype)
    raw[1] //= 3
    raw = np.asarray(raw, order=order)
    found = grids.given(raw, (1, 1, 1), ZSCORE)
    axes = (1, 2, 3)
    wide = raw.astype(np.float64)
    middle, spread = wide.mean(axes, keepdims=True), wide.std(axes, keepdims=True)
    np.testing.assert_allclose(found, (wide - middle) / spread, atol=1e-5)


def test_moments_of_a_large_case_far_from_0() -> None:
    """More voxels than are added up at a time, each 15,000 deviations from 0."""
    raw = np.random.default_rng(0).normal(30_000, 2, (1, 130, 130, 130)).astype(np.float32)
    scale = grids.scale(raw, ZSCORE)
    wide = raw.astype(np.float64)
    assert scale.gain[0] == pytest.approx(1 / wide.std(), rel=1e-6)
    assert scale.offset[0] == pytest.approx(-wide.mean() / wide.std(), rel=1e-6)


@given(st.floats(-500, 500), st.floats(1, 900), st.sampled_from(["window", "zscore"]))
@settings(max_examples=30, deadline=None)
def test_a_slice_alone_is_as_it_is_within_its_case(low: float, wide: float, kind: Any) -> None:
    raw = np.random.default_rng(1).integers(-999, 999, (2, 5, 4, 3), np.int16)
    scale = grids.scale(raw, Input(intensity=kind, window=(low, low + wide)))
    assert np.array_equal(scale(raw[..., 1:2]), scale(raw)[..., 1:2])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(wrong: float) -> None:
    raw = noise(1, 4, 4, 4)
    raw[0, 1, 2, 3] = wrong
    for asked in (ZSCORE, Input(window=(0.0, 1.0))):
        with pytest.raises(HarnessError, match="an image must have finite intensities"):
            grids.scale(raw, asked)


def test_a_constant_channel_is_refused_where_it_cannot_be_scaled() -> None:
    raw = np.stack([noise(4, 4, 4), np.full((4, 4, 4), 7, np.float32)])
    with pytest.raises(HarnessError, match="an image must vary"):
        grids.scale(raw, ZSCORE)
    windowed = dataclasses.replace(ZSCORE, intensity="window", window=(0.0, 7.0))
    assert (grids.given(raw, (1, 1, 1), windowed)[1] == 1).all()
