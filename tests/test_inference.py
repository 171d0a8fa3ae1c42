"""Windows over a case: every voxel counted, the same as one window where one is enough."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.inference import Reader, windowed
from harness.suite import Input
from harness.volumes import Case, Source

Array = NDArray[np.float32]


def identity(windows: Array) -> Array:
    """A network that says what it sees."""
    return windows


def smooth(windows: Array) -> Array:
    """A network that says whether a voxel is above the mean of its window: it sees its borders."""
    axes = tuple(range(2, windows.ndim))
    bright = windows > windows.mean(axis=axes, keepdims=True)
    return np.concatenate([1 - bright, bright], axis=1).astype(np.float32)


def case(image: NDArray[Any], spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Case:
    source = Source(shape=image.shape[1:], affine=np.diag([*spacing, 1.0]))
    return Case(
        id="a", image=image, mask=None, spacing=spacing, affine=source.affine, source=source
    )


sides = st.tuples(st.integers(3, 20), st.integers(3, 20), st.integers(1, 9))


@given(sides, st.sampled_from([(8, 8), (8, 8, 4)]), st.sampled_from([0.0, 0.25, 0.5]))
@settings(max_examples=40, deadline=None)
def test_what_a_network_only_copies_comes_back(
    shape: tuple[int, int, int], size: tuple[int, ...], overlap: float
) -> None:
    image = np.random.default_rng(0).random((1, *shape), np.float32)
    found = windowed(identity, image, size, overlap)
    np.testing.assert_allclose(found, image, atol=1e-5)


@pytest.mark.parametrize("size", [(12, 10), (12, 10, 6)])
def test_one_window_that_holds_all_is_the_network_alone(size: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).random((1, 12, 10, 6), np.float32)
    flat = len(size) == 2
    batch = np.moveaxis(image, -1, 0) if flat else image[None]
    alone = smooth(batch)
    wanted = np.moveaxis(alone, 0, -1) if flat else alone[0]
    np.testing.assert_array_equal(windowed(smooth, image, size, 0.25), wanted)


def test_slices_do_not_see_one_another() -> None:
    rng = np.random.default_rng(2)
    image = rng.random((1, 9, 9, 5), np.float32)
    order = rng.permutation(5)
    found = windowed(smooth, image, (8, 8), 0.5)
    again = windowed(smooth, image[..., order], (8, 8), 0.5)
    np.testing.assert_array_equal(again, found[..., order])


def test_padding_is_darker_than_the_image() -> None:
    """A network that finds what is bright finds nothing in what was never there."""
    image = np.full((1, 3, 3, 1), 5.0, np.float32)
    image[0, 1, 1] = 9.0
    seen: list[Array] = []

    def network(windows: Array) -> Array:
        seen.append(windows.copy())
        return windows

    windowed(network, image, (8, 8), 0.0)
    assert seen[0].shape == (1, 1, 8, 8)
    assert seen[0].min() == 5.0
    assert (seen[0] > 5).sum() == 1


def test_one_output_is_a_threshold_and_more_an_argmax() -> None:
    reader = Reader(input=Input(size=(4, 4)), threshold=0.3)
    found = np.array([0.2, 0.3, 0.31], np.float32).reshape(1, 3, 1, 1)
    assert reader.mask(found).ravel().tolist() == [0, 0, 1]
    several = np.array([[0.2, 0.5], [0.3, 0.1], [0.5, 0.4]], np.float32).reshape(3, 2, 1, 1)
    assert reader.mask(several).ravel().tolist() == [2, 0]


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.95])
def test_one_class_is_judged_by_the_threshold_whatever_the_outputs(threshold: float) -> None:
    reader = Reader(input=Input(), threshold=threshold)
    p = np.array([0.2, 0.4, 0.9], np.float32).reshape(1, 3, 1, 1)
    alone, both = reader.mask(p), reader.mask(np.concatenate([1 - p, p]))
    assert alone.ravel().tolist() == both.ravel().tolist() == (p.ravel() > threshold).tolist()


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        (lambda windows: windows * 4 - 2, r"within \[0, 1\], got others in 240 of 240 voxels"),
        (lambda windows: windows * np.nan, "got others in 240 of 240 voxels"),
        (
            lambda windows: np.concatenate([windows, windows], axis=1),
            "sum to 1 over the classes, got others in 240 of 240 voxels",
        ),
    ],
    ids=["logits", "nan", "not a whole"],
)
def test_what_is_no_probability_is_refused(says: Any, sentence: str) -> None:
    image = (np.arange(240).reshape(1, 8, 6, 5) % 2).astype(np.float32)
    reader = Reader(input=Input(size=(8, 6)))
    with pytest.raises(HarnessError, match=sentence):
        reader.probabilities(says, case(image), image)


def test_a_smaller_grid_goes_back_to_the_cases_own() -> None:
    """A ball seen at half the resolution is the ball again, but for its rim."""
    place = np.indices((40, 40, 3))
    ball = ((place[0] - 20) ** 2 + (place[1] - 18) ** 2 < 100).astype(np.uint8) * 255
    asked = Input(size=(20, 20), resize=(20, 20))
    reader, given = Reader(input=asked), case(ball[None])
    image = reader.image(given)
    assert image.shape == (1, 20, 20, 3)
    found = reader.mask(reader.probabilities(identity, given, image))
    assert found.shape == ball.shape
    both = 2 * (found * (ball > 0)).sum() / (found.sum() + (ball > 0).sum())
    assert both > 0.97
