"""Patches: which ones an epoch has, and where they are cut."""

import dataclasses
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import AS_IT_IS, NUMBERED, Disk, feed, numbered, seen, stored
from scipy import stats

from harness.errors import HarnessError
from harness.patches import Patches, padded
from harness.prepare import in_memory
from harness.suite import Sampler
from harness.volumes import Case

BALANCE = Sampler(positive="balance")


def drawn(patches: Patches, epochs: int = 1) -> list[tuple[int, int]]:
    """Which slice of which case, from the number of the least voxel of each."""
    least = [seen(patches, epoch)[0].min(axis=(1, 2, 3)) for epoch in range(epochs)]
    return [divmod(int(number) - 1, 10_000) for number in np.concatenate(least)]


# --- slices -----------------------------------------------------------------------------------


def test_natural_is_each_slice_once_in_an_order_of_its_own() -> None:
    orders = []
    for epoch in range(3):
        images, masks = seen(feed(stored()), epoch)
        found = images[:, 0].astype(int)
        where = [(n[0, 0] // 10_000, (n[0, 0] - 1) % 10_000) for n in found]
        assert sorted(where) == [(c, z) for c in range(3) for z in range(8)]
        for (c, z), image, mask in zip(where, found, masks, strict=True):
            source = numbered(f"c{c}")
            assert source.mask is not None
            assert np.array_equal(image, source.image[0, :, :, z])
            assert np.array_equal(mask, source.mask[:, :, z])
        orders.append(where)
    assert orders[0] != orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_batches_are_what_a_network_takes() -> None:
    patches = feed(stored(), batch_size=7)
    batches = list(patches.batches(1))
    assert [len(images) for images, _ in batches] == [7, 7, 7, 3]
    assert len(patches) == 24
    for images, masks in batches:
        assert images.shape[1:] == (1, 12, 10)
        assert masks.shape[1:] == (12, 10)
        assert (images.dtype, masks.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize("weight", [None, 1.0, 8.5])
def test_slices_with_a_class_are_drawn_by_their_weight(weight: float | None) -> None:
    patches = feed(stored(), sampler=Sampler(positive="balance", weight=weight))
    assert patches.weight == (3.0 if weight is None else weight)
    found = Counter(drawn(patches, epochs=60))
    places = [(c, z) for c in range(3) for z in range(8)]
    weights = np.array([patches.weight if z in (2, 5) else 1.0 for _, z in places])
    counts = np.array([found[place] for place in places])
    assert counts.sum() == 60 * len(patches) == 60 * 24
    assert stats.chisquare(counts, weights / weights.sum() * counts.sum()).pvalue > 0.001


def test_all_slices_with_a_class_are_drawn_alike() -> None:
    patches = feed(stored(slices=tuple(range(8))), sampler=BALANCE)
    assert patches.weight == 1.0


def crops_of(patches: Patches, epochs: int) -> set[tuple[int, int]]:
    """The corners at which slices (x, y) were cut out."""
    found = set()
    for epoch in range(epochs):
        for number in seen(patches, epoch)[0][:, 0, 0, 0].astype(int):
            x, y, _ = np.unravel_index((number - 1) % 10_000, NUMBERED)
            found.add((int(x), int(y)))
    return found


def test_larger_slices_are_cut_anywhere() -> None:
    assert crops_of(feed(stored(), (9, 8)), 12) == {(x, y) for x in range(4) for y in range(3)}


# --- boxes ------------------------------------------------------------------------------------


@given(
    st.tuples(*[st.integers(1, 14)] * 3),
    st.sampled_from(["natural", "balance"]),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_a_box_is_a_piece_of_its_case_and_padded_evenly(
    size: tuple[int, int, int], positive: Any, seed: int
) -> None:
    patches = feed(stored(2), size, sampler=Sampler(positive=positive, crops=3), seed=seed)
    images, masks = seen(patches)
    assert images.shape == (6, 1, *size)
    cases = []
    for image, mask in zip(images[:, 0].astype(int), masks, strict=True):
        kept = [min(n, m) for n, m in zip(size, NUMBERED, strict=True)]
        edge = [(n - k) // 2 for n, k in zip(size, kept, strict=True)]
        middle = tuple(slice(e, e + k) for e, k in zip(edge, kept, strict=True))
        c, number = divmod(int(image[middle].min()) - 1, 10_000)
        corner = np.unravel_index(number, NUMBERED)
        source = numbered(f"c{c}")
        box = tuple(slice(a, a + k) for a, k in zip(corner, kept, strict=True))
        wide, labels = np.full(size, source.image.min()), np.zeros(size, int)
        assert source.mask is not None
        wide[middle], labels[middle] = source.image[0][box], source.mask[box]
        assert np.array_equal(image, wide)
        assert np.array_equal(mask, labels)
        cases.append(c)
    assert sorted(cases) == [0, 0, 0, 1, 1, 1]


def spots(name: str, voxels: tuple[tuple[int, ...], ...]) -> Case:
    mask = np.zeros(NUMBERED, np.uint8)
    for k, voxel in enumerate(voxels, start=1):
        mask[voxel] = k
    return dataclasses.replace(numbered(name), mask=mask)


@pytest.mark.parametrize("voxel", [(6, 5, 4), (0, 0, 0), (11, 9, 7), (2, 9, 4)])
def test_half_of_balanced_boxes_are_around_a_voxel_of_a_class(voxel: tuple[int, ...]) -> None:
    """A single voxel is in the middle, or where the edge is nearer, as near to it as can be."""
    prepared = in_memory(Disk(1, partial(spots, voxels=(voxel,))).volumes, AS_IT_IS)
    size = (5, 4, 3)
    wanted = np.clip(np.array(voxel) - np.array(size) // 2, 0, np.array(NUMBERED) - size)
    patches = feed(prepared, size, sampler=Sampler(positive="balance", crops=40))
    images, masks = seen(patches)
    corners = [np.unravel_index(int(box.min()) - 1, NUMBERED) for box in images]
    around = [bool((corner == wanted).all()) for corner in np.array(corners)]
    assert 20 <= sum(around) <= 26
    assert all(mask.any() for mask, hit in zip(masks, around, strict=True) if hit)
    assert len({tuple(corner) for corner in np.array(corners).tolist()}) > 10


def test_rare_classes_are_in_the_middle_as_often_as_others() -> None:
    voxels = ((2, 2, 2), (9, 7, 6))
    prepared = in_memory(Disk(1, partial(spots, voxels=voxels)).volumes, AS_IT_IS)
    masks = seen(feed(prepared, (1, 1, 1), sampler=Sampler(positive="balance", crops=400)))[1]
    counts = np.bincount(masks.ravel(), minlength=3)
    assert 195 <= counts[0] <= 200
    assert stats.binomtest(int(counts[1]), int(counts[1:].sum())).pvalue > 0.01


def test_one_crop_a_case_is_around_a_class_in_half_of_the_cases() -> None:
    prepared = in_memory(Disk(40, partial(spots, voxels=((6, 5, 4),))).volumes, AS_IT_IS)
    patches = feed(prepared, (1, 1, 1), sampler=BALANCE)
    share = np.mean([seen(patches, epoch)[1] for epoch in range(10)])
    assert share == pytest.approx(0.5, abs=0.08)


def test_a_case_without_a_class_is_cut_at_random() -> None:
    prepared = in_memory(
        Disk(2, lambda name: numbered(name, () if name == "c0" else (2,))).volumes, AS_IT_IS
    )
    images, masks = seen(feed(prepared, (3, 3, 3), sampler=Sampler(positive="balance", crops=8)))
    empty = images[:, 0].min(axis=(1, 2, 3)) < 10_000
    assert empty.sum() == 8
    assert not masks[empty].any()
    assert len(np.unique(images[empty][:, 0, 0, 0, 0])) > 4
    assert masks[~empty].any(axis=(1, 2, 3)).sum() >= 4


def test_padding_is_the_lowest_of_the_case() -> None:
    image = np.ones((2, 3, 2), np.float32)
    wide, mask = padded(image, np.full((3, 2), 2, np.uint8), (6, 5), -7.0)
    assert np.array_equal(np.argwhere(mask), np.argwhere(wide[1] == 1))
    assert np.array_equal(np.argwhere(mask)[[0, -1]], [(1, 1), (3, 2)])
    assert set(wide.flat) == {1.0, -7.0}


# --- what cannot be -----------------------------------------------------------------------------


def test_sizes_and_samplers_that_cannot_be() -> None:
    with pytest.raises(HarnessError, match="must be two numbers for slices or three for boxes"):
        feed(stored(), (8,))
    with pytest.raises(HarnessError, match="must have cases with a class, got 3 without"):
        feed(stored(slices=()), sampler=BALANCE)
    assert len(feed(stored(slices=()))) == 24
    assert len(feed(stored(), (4, 4, 4), sampler=Sampler(crops=5))) == 15
