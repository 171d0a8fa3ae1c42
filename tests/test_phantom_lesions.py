"""The phantom of lesions: balls of declared sizes in mm, where they may be, as bright as told."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from harness.datasets import _balls, phantom_lesions
from harness.errors import HarnessError
from harness.shelf import arguments, constant
from harness.volumes import Case, Volumes

SPLITS = ("train", "val", "test")
TOUCHING = np.ones((3, 3, 3))

recipes = st.fixed_dictionaries(
    {
        "shape": st.tuples(*[st.integers(16, 28)] * 3),
        "spacing": st.tuples(*[st.floats(0.7, 1.5)] * 3),
        "subjects": st.integers(5, 40),
        "lesions": st.integers(1, 4),
        "radii_mm": st.lists(st.floats(1.5, 3.5), min_size=1, max_size=3),
        "tumour_free": st.floats(0, 1),
        "organ": st.booleans(),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def cases(volumes: Volumes) -> list[Case]:
    return [volumes.read(name) for name in volumes.ids.tolist()]


def masked(case: Case) -> NDArray[np.uint8]:
    assert case.mask is not None
    return case.mask


def lesions(case: Case, label: int = 1) -> list[tuple[int, NDArray[Any]]]:
    """Voxels and middle, in mm, of each component; voxels that touch at a corner are of one."""
    labels, count = ndimage.label(masked(case) == label, TOUCHING)
    index = range(1, count + 1)
    middles = ndimage.center_of_mass(labels > 0, labels, index)
    voxels = ndimage.sum_labels(labels > 0, labels, index)
    return [
        (int(many), (np.array(middle) + 0.5) * case.spacing)
        for many, middle in zip(voxels, middles, strict=True)
    ]


# --- structure --------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(args=recipes)
def test_every_recipe_gives_three_sound_splits(args: dict[str, Any]) -> None:
    splits = [phantom_lesions.load(split, None, **args) for split in SPLITS]
    n = args["subjects"]
    edges = [0, round(0.6 * n), round(0.8 * n), n]
    assert [len(each) for each in splits] == np.diff(edges).tolist()
    assert len({name for each in splits for name in each.ids.tolist()}) == n
    for volumes in splits:
        assert volumes.classes == (("organ", "lesion") if args["organ"] else ("lesion",))
        assert volumes.subjects is not None
        assert np.array_equal(volumes.subjects, volumes.ids)
        assert {name: len(column) for name, column in volumes.groups.items()} == {
            "sex": len(volumes),
            "site": len(volumes),
        }
        found = volumes.read(volumes.ids[0])
        assert found.image.shape == (1, *args["shape"])
        assert (found.image.dtype, masked(found).dtype) == (np.int16, np.uint8)
        assert found.spacing == tuple(args["spacing"])
        assert masked(found).max() <= len(volumes.classes)
        assert np.array_equal(np.diag(found.affine), [*args["spacing"], 1.0])


@settings(max_examples=10, deadline=None)
@given(args=recipes, split=st.sampled_from(SPLITS))
def test_the_same_case_each_time_and_in_any_order(args: dict[str, Any], split: str) -> None:
    one, two = (phantom_lesions.load(split, None, **args) for _ in range(2))
    assert np.array_equal(one.ids, two.ids)
    assert all(np.array_equal(one.groups[name], two.groups[name]) for name in one.groups)
    ahead = {name: one.read(name) for name in one.ids.tolist()}
    for name in reversed(two.ids.tolist()):
        assert np.array_equal(two.read(name).image, ahead[name].image)
        assert np.array_equal(masked(two.read(name)), masked(ahead[name]))


def test_cases_and_seeds_share_no_noise() -> None:
    """In a corner, where there is no organ; differences leave the noise of each voxel alone."""
    found = [
        np.diff(case.image[0, :10, :10, :8].astype(float), axis=0).ravel()
        for seed in (0, 1)
        for split in SPLITS
        for case in cases(phantom_lesions.load(split, None, seed=seed, subjects=6))
    ]
    alike = np.corrcoef(found) - np.eye(12)
    assert abs(alike).max() < 0.2


@pytest.mark.parametrize("share", [0.0, 0.2, 0.75, 1.0])
def test_the_share_of_tumour_free_cases_is_exact_in_each_part(share: float) -> None:
    for split in SPLITS:
        volumes = phantom_lesions.load(split, None, tumour_free=share, subjects=40)
        free = sum(not masked(case).any() for case in cases(volumes))
        assert free == round(len(volumes) * share)


def test_groups_differ_by_nothing() -> None:
    volumes = phantom_lesions.load("train", None, subjects=5000)
    for column, values in (("sex", "FM"), ("site", "ABC")):
        names, count = np.unique(volumes.groups[column], return_counts=True)
        assert "".join(names) == values
        assert count.min() > 0.85 * count.max()
    few = phantom_lesions.load("train", None, subjects=300, shape=(32, 32, 16), radii_mm=(2.0, 4.0))
    volume = np.array([np.count_nonzero(masked(case)) for case in cases(few)])
    women = few.groups["sex"] == "F"
    noise = volume.std() * math.sqrt(1 / women.sum() + 1 / (~women).sum())
    assert abs(volume[women].mean() - volume[~women].mean()) < 3 * noise


# --- lesions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 2.5), (0.8, 1.6, 1.2), (2.0, 2.0, 2.0)])
@pytest.mark.parametrize("radius", [4.0, 7.0])
def test_lesions_have_their_size_in_mm(spacing: tuple[float, ...], radius: float) -> None:
    volumes = phantom_lesions.load(
        "train", None, spacing=spacing, radii_mm=[radius], lesions=1, tumour_free=0.0, subjects=30
    )
    found = [lesion for case in cases(volumes) for lesion in lesions(case)]
    assert len(found) == 18
    sphere = 4 / 3 * math.pi * radius**3
    size = np.array([voxels for voxels, _ in found]) * math.prod(spacing)
    assert size.mean() == pytest.approx(sphere, rel=0.03)
    np.testing.assert_allclose(size, sphere, rtol=0.35)


def test_all_sizes_and_numbers_are_drawn_alike_and_none_touch() -> None:
    volumes = phantom_lesions.load(
        "train", None, radii_mm=(3.0, 5.0), spacing=(1, 1, 1), shape=(64, 64, 64), subjects=120
    )
    found = [lesions(case) for case in cases(volumes)]
    many = np.bincount([len(each) for each in found], minlength=4)
    assert len(many) == 4
    assert many[0] == round(72 * 0.2)
    assert many[1:].min() > 10
    sizes = np.array([voxels for each in found for voxels, _ in each])
    small = 4 / 3 * math.pi * 3**3
    near = [abs(sizes / (small * ratio) - 1) < 0.2 for ratio in (1, (5 / 3) ** 3)]
    assert (near[0] ^ near[1]).all()
    assert near[0].mean() == pytest.approx(0.5, abs=0.12)


@settings(max_examples=15, deadline=None)
@given(args=recipes)
def test_lesions_lie_within_the_organ(args: dict[str, Any]) -> None:
    """With the organ as a class of its own, each lesion is surrounded by it, and it is whole."""
    one = phantom_lesions.load("train", None, **{**args, "organ": True, "tumour_free": 0.0})
    two = phantom_lesions.load("train", None, **{**args, "organ": False, "tumour_free": 0.0})
    for name in one.ids[:2].tolist():
        case, alone = one.read(name), two.read(name)
        mask = masked(case)
        assert np.array_equal(mask == 2, masked(alone) == 1)
        assert np.array_equal(case.image, alone.image)
        assert (mask == 2).any()
        sides = np.multiply(args["shape"], args["spacing"])
        for _, middle in lesions(case, label=2):
            assert (abs(middle - sides / 2) < 0.45 * sides).all()
        filled, count = ndimage.label(mask > 0)
        extent = [n.stop - n.start for n in ndimage.find_objects(filled)[0]]
        assert count == 1
        assert (np.array(extent) <= np.ceil(0.9 * np.array(args["shape"])) + 1).all()
        half = np.multiply(extent, args["spacing"]) / 2
        whole = np.count_nonzero(mask) * math.prod(args["spacing"])
        assert whole == pytest.approx(4 / 3 * math.pi * math.prod(half), rel=0.25)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 3)] * 3),
    centre=st.tuples(*[st.floats(-5, 30)] * 3),
    half=st.tuples(*[st.floats(0.5, 12)] * 3),
)
def test_painting_is_every_voxel_whose_middle_is_inside(
    shape: tuple[int, ...], spacing: tuple[float, ...], centre: Any, half: Any
) -> None:
    mask = np.zeros(shape, bool)
    _balls.paint(mask, spacing, np.array(centre), np.array(half))
    middles = (np.indices(shape).reshape(3, -1).T + 0.5) * spacing
    far = (((middles - centre) / half) ** 2).sum(axis=1).reshape(shape)
    sure = abs(far - 1) > 1e-5
    assert np.array_equal(mask[sure], (far <= 1)[sure])


# --- intensities ------------------------------------------------------------------------------


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("contrast", [0.0, 120.0])
def test_lesions_are_brighter_by_what_is_told(contrast: float, difficulty: float) -> None:
    volumes = phantom_lesions.load(
        "train", None, contrast=contrast, difficulty=difficulty, organ=True, subjects=20
    )
    found = [(case.image[0].ravel(), masked(case).ravel()) for case in cases(volumes)]
    image, mask = (np.concatenate(each) for each in zip(*found, strict=True))
    outside, organ, lesion = (image[mask == k].mean() for k in range(3))
    assert outside == pytest.approx(phantom_lesions.AROUND, abs=3)
    assert organ == pytest.approx(phantom_lesions.ORGAN, abs=3)
    assert lesion - organ == pytest.approx(contrast * (1 - difficulty), abs=6)


def test_difficulty_changes_neither_noise_nor_masks() -> None:
    easy, hard = (
        cases(phantom_lesions.load("val", None, difficulty=level))[0] for level in (0.0, 1.0)
    )
    assert np.array_equal(masked(easy), masked(hard))
    inside = masked(easy) > 0
    assert np.array_equal(easy.image[0][~inside], hard.image[0][~inside])


def test_noise_has_its_spread_at_every_voxel_and_is_smooth_in_part() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([_balls.noise((20, 9, 17), rng) for _ in range(1500)])
    spread = math.hypot(_balls.SLOW, _balls.FINE)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=5 * spread / math.sqrt(1500))
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.1)
    beside = (drawn[:, 1:] * drawn[:, :-1]).mean() / spread**2
    assert beside == pytest.approx(_balls.SLOW**2 / spread**2, abs=0.02)
    apart = (drawn[:, 0] * drawn[:, -1]).mean() / spread**2
    assert apart == pytest.approx(0, abs=0.02)


# --- the contract -----------------------------------------------------------------------------


def test_arguments_are_read_from_the_source() -> None:
    names = list(arguments("datasets", "phantom_lesions", "load"))
    assert sorted(names) == sorted([*phantom_lesions.LIMITS, "organ"])
    assert set(constant("datasets", "phantom_lesions", "SOURCE")) == {"url", "licence", "citation"}


def test_fingerprint_knows_defaults_numbers_and_lists() -> None:
    fingerprint = phantom_lesions.fingerprint
    plain = fingerprint(None)
    assert plain == fingerprint(None, shape=[64, 64, 32], contrast=100, organ=False)
    others: list[dict[str, Any]] = [
        {"shape": (64, 32, 64)},
        {"spacing": (1.0, 2.5, 1.0)},
        {"subjects": 41},
        {"lesions": 2},
        {"radii_mm": (3.0, 6.0)},
        {"tumour_free": 0.21},
        {"contrast": 101.0},
        {"difficulty": 0.51},
        {"organ": True},
        {"seed": 1},
    ]
    assert len({plain, *(fingerprint(None, **args) for args in others)}) == 11
    with pytest.raises(TypeError):
        fingerprint(None, size=16)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ({"shape": (64, 64)}, r"shape must be 3 whole numbers from 8 to 1024, got \(64, 64\)"),
        ({"shape": (64, 64, 32.0)}, "shape must be 3 whole numbers"),
        ({"spacing": (1, 1, 0)}, r"spacing must be 3 numbers from 0\.1 to 10"),
        ({"subjects": 4}, "subjects must be one of the whole numbers from 5 to 100000, got 4"),
        ({"lesions": 0}, "lesions must be one of the whole numbers"),
        ({"radii_mm": ()}, "radii_mm must be"),
        ({"radii_mm": (3.0, 0.5)}, r"radii_mm must be from 1\.44.* to below 22\.40.*got 0\.5"),
        ({"radii_mm": (23.0,)}, r"got 23\.0; change radii_mm, shape or spacing"),
        ({"tumour_free": float("nan")}, "got nan"),
        ({"contrast": "high"}, "contrast must be one of the numbers from 0 to 1000, got 'high'"),
        ({"organ": 1}, "organ must be true or false, got 1"),
        ({"seed": True}, "seed must be one of the whole numbers"),
    ],
)
def test_arguments_outside_their_limits(args: dict[str, Any], sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        phantom_lesions.load("train", None, **args)


def test_unknown_split_and_unknown_case() -> None:
    with pytest.raises(HarnessError, match="split must be one of train, val, test, got 'dev'"):
        phantom_lesions.load("dev", None)
    train, val = (phantom_lesions.load(split, None) for split in ("train", "val"))
    with pytest.raises(HarnessError, match="must be one of 8 ids, got"):
        val.read(train.ids[0])
