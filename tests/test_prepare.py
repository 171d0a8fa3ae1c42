"""The cache: bit by bit what was read, and what is known of it without decoding."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import SHAPE, SPACING, WINDOW, Disk, case, prepared

from harness import grids, prepare
from harness.errors import HarnessError
from harness.prepare import in_memory
from harness.prepared import VOXELS, Prepared
from harness.suite import Input

INPUTS = [
    WINDOW,
    Input(intensity="zscore"),
    dataclasses.replace(WINDOW, spacing=(1.5, 1.0, 2.0), range=(-1.0, 1.0)),
    Input(intensity="zscore", resize=(8, 20)),
]
cuts = st.tuples(*[st.tuples(st.integers(0, 5), st.integers(6, 9))] * 3)


# --- what is read back ------------------------------------------------------------------------


@pytest.mark.parametrize("asked", INPUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_bit_by_bit_what_was_read(asked: Input, dtype: Any, tmp_path: Path) -> None:
    data = Disk(2, lambda name: case(name, dtype=dtype))
    for found in (prepared(data, tmp_path, asked), prepared(data, tmp_path, asked)):
        for i, name in enumerate(found.ids):
            source = case(name, dtype=dtype)
            image, mask = found.case(i)
            wanted = grids.given(source.image, SPACING, asked)
            shape = grids.shape_of(SHAPE, SPACING, asked)
            assert np.array_equal(image, wanted)
            assert image.dtype == np.float32
            assert source.mask is not None
            assert np.array_equal(mask, grids.nearest(source.mask, shape))
            assert found.shapes[i] == mask.shape == shape
    assert data.seen == ["c0", "c1"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Prepared, Prepared]:
    """From disk, in chunks of several slices and of one, and in memory."""
    folder = tmp_path_factory.mktemp("both")
    return prepared(Disk(2), folder, INPUTS[2]), in_memory(Disk(2).volumes, INPUTS[2])


@given(cuts, st.integers(0, 1))
@settings(max_examples=40, deadline=None)
def test_any_box_is_that_of_the_whole(both: tuple[Prepared, Prepared], edges: Any, i: int) -> None:
    box: Any = tuple(slice(low, high) for low, high in edges)
    for found in both:
        image, mask = found.case(i)
        assert np.array_equal(found.image(i, box), image[:, *box])
        assert np.array_equal(found.mask(i, box), mask[box])


def test_in_memory_is_the_same(both: tuple[Prepared, Prepared]) -> None:
    stored, held = both
    assert stored.ids == held.ids
    for i in range(2):
        for one, other in zip(stored.case(i), held.case(i), strict=True):
            assert np.array_equal(one, other)
        told = [found.facts[i].told() for found in both]
        assert told[0] == told[1]
        assert stored.facts[i].lowest == held.facts[i].lowest == stored.case(i)[0].min()


def test_large_slices_are_chunks_of_their_own(tmp_path: Path, monkeypatch: Any) -> None:
    images = []
    for chunk in (1, 700, 2**30):
        monkeypatch.setattr(prepare, "CHUNK", chunk)
        found = prepared(Disk(1), tmp_path / str(chunk))
        images.append(found.image(0, (slice(None), slice(3, 7), slice(4, 8))))
    assert np.array_equal(images[0], images[1])
    assert np.array_equal(images[0], images[2])


def test_one_store_for_all_windows(tmp_path: Path) -> None:
    data = Disk(1)
    prepared(data, tmp_path)
    other = dataclasses.replace(WINDOW, window=(0.0, 90.0), range=(-1.0, 2.0), size=(8, 8))
    image, _ = prepared(data, tmp_path, other).case(0)
    assert data.seen == ["c0"]
    assert np.array_equal(image, grids.given(case("c0").image, SPACING, other))


@pytest.mark.parametrize(
    "change",
    [{"key": "other"}, *({"asked": asked} for asked in INPUTS[1:])],
)
def test_other_data_and_other_grids_are_other_stores(
    change: dict[str, Any], tmp_path: Path
) -> None:
    data = Disk(1)
    prepared(data, tmp_path)
    prepared(data, tmp_path, **change)
    assert len(data.seen) == 2


# --- what is known without decoding -----------------------------------------------------------


@pytest.mark.parametrize("asked", INPUTS)
def test_facts_are_those_of_the_mask(asked: Input, tmp_path: Path) -> None:
    prepared(Disk(2), tmp_path, asked)
    found = prepared(Disk(2), tmp_path, asked)
    for i, facts in enumerate(found.facts):
        mask = found.case(i)[1]
        assert np.array_equal(facts.voxels, [(mask == k).sum(axis=(0, 1)) for k in (1, 2)])
        assert np.array_equal(found.positives(i), mask.any(axis=(0, 1)))
        for k, places in enumerate(facts.places, start=1):
            assert (mask[tuple(places.T)] == k).all()
            assert len(places) == min(VOXELS, (mask == k).sum())
    assert found.facts[0].places[1].shape == (0, 3)


def test_places_are_drawn_from_the_whole_of_a_class(tmp_path: Path) -> None:
    """Of 20,000 voxels 256 are kept: they spread as evenly as the class does."""
    big = dataclasses.replace(case("c0", (30, 30, 30)), mask=np.ones((30, 30, 30), np.uint8))
    places = prepared(Disk(1, lambda name: big), tmp_path).facts[0].places[0]
    assert len(places) == VOXELS
    np.testing.assert_allclose(places.mean(axis=0), 14.5, atol=2.5)
    np.testing.assert_allclose(places.std(axis=0), 30 / 12**0.5, atol=1.5)


def test_masks_without_a_class_are_not_even_decoded(tmp_path: Path) -> None:
    found = prepared(Disk(1), tmp_path)
    for path in tmp_path.glob("*/*/mask.b2nd"):
        if path.is_file():
            path.write_bytes(b"broken")
    sides = (slice(None), slice(2, 9))
    assert not found.mask(0, (*sides, slice(7, 9))).any()
    assert found.mask(0, (*sides, slice(7, 9))).shape == (14, 7, 2)
    with pytest.raises(HarnessError, match="the prepared case c0 must be readable"):
        found.mask(0, (*sides, slice(2, 4)))
