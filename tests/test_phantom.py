"""The phantom: what is planted is there, nothing else is, and the same call repeats it."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from harness.datasets import phantom
from harness.errors import HarnessError
from harness.samples import Samples
from harness.shelf import arguments, constant

SPLITS = ("train", "val", "test")

recipes = st.fixed_dictionaries(
    {
        "dim": st.sampled_from([2, 3]),
        "size": st.sampled_from([8, 9, 12]),
        "subjects": st.integers(20, 60),
        "images_per_subject": st.integers(1, 3),
        "difficulty": st.floats(0, 1),
        "group_gap": st.floats(0, 1),
        "miscalibration": st.floats(0, 1),
        "prevalence": st.floats(0.01, 0.99),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def brightest(samples: Samples) -> NDArray[np.float64]:
    """The maximum of each smoothed image: what a reader who looks for a bright spot goes by."""
    size = samples.shape[-1]
    sigma = [0.0, *[size / 16] * (len(samples.shape) - 1)]
    smooth = gaussian_filter(samples.pixels[:, 0].astype(np.float32), sigma, mode="wrap")
    return smooth.reshape(len(smooth), -1).max(axis=1).astype(np.float64)


def auc(samples: Samples, mask: Any = slice(None)) -> float:
    return float(roc_auc_score(samples.targets[mask], brightest(samples)[mask]))


def gap(**args: Any) -> float:
    """The AUC in men less that in women."""
    samples = phantom.load("train", None, subjects=1500, dim=2, difficulty=0.4, **args)
    return auc(samples, samples.groups["sex"] == "M") - auc(samples, samples.groups["sex"] == "F")


# Structure


@settings(max_examples=25, deadline=None)
@given(args=recipes)
def test_every_recipe_gives_three_sound_splits(args: dict[str, Any]) -> None:
    splits = [phantom.load(split, None, **args) for split in SPLITS]
    n, k = args["subjects"], args["images_per_subject"]
    assert sum(map(len, splits)) == n * k
    subjects: list[set[str]] = []
    for samples in splits:
        assert samples.pixels.shape[1:] == (1, *[args["size"]] * args["dim"])
        assert samples.pixels.dtype == np.uint8
        assert samples.targets.dtype == np.int64
        names, first, count = np.unique(samples.subjects, return_index=True, return_counts=True)
        assert set(count) == {k}
        columns = [samples.targets, *samples.groups.values()]
        for column in columns:
            assert (column == np.repeat(column[::k], k)).all()
        assert list(samples.groups) == ["sex", "age", "site", "size"]
        assert all(column.dtype.kind == "U" for column in samples.groups.values())
        ill, cases = samples.targets[first].sum(), len(names)
        assert ill == np.clip(round(cases * args["prevalence"]), 1, cases - 1)
        subjects.append(set(names.tolist()))
    assert len(set.union(*subjects)) == n == sum(map(len, subjects))
    assert len({name for samples in splits for name in samples.ids.tolist()}) == n * k
    edges = [0, round(0.6 * n), round(0.8 * n), n]
    assert [len(names) for names in subjects] == np.diff(edges).tolist()


@settings(max_examples=15, deadline=None)
@given(args=recipes, split=st.sampled_from(SPLITS))
def test_deterministic(args: dict[str, Any], split: str) -> None:
    one, two = (phantom.load(split, None, **args) for _ in range(2))
    np.testing.assert_array_equal(one.pixels, two.pixels)
    np.testing.assert_array_equal(one.targets, two.targets)
    np.testing.assert_array_equal(one.ids, two.ids)
    assert all((one.groups[name] == two.groups[name]).all() for name in one.groups)
    assert phantom.fingerprint(None, **args) == phantom.fingerprint(None, **args)


def test_seed_changes_pixels_and_subjects() -> None:
    one, two = (phantom.load("test", None, seed=seed) for seed in (0, 1))
    assert (one.pixels != two.pixels).mean() > 0.9
    assert set(one.subjects.tolist()) != set(two.subjects.tolist())


def test_splits_share_no_noise() -> None:
    val, test = (phantom.load(split, None, dim=2) for split in ("val", "test"))
    a, b = (samples.pixels.reshape(len(samples), -1).astype(float) for samples in (val, test))
    assert np.abs(np.corrcoef(a, b)[: len(a), len(a) :]).max() < 0.6


def test_images_of_a_subject_resemble_each_other() -> None:
    samples = phantom.load("train", None, dim=2, difficulty=1.0)
    flat = samples.pixels.reshape(-1, 2, 16 * 16).astype(float)
    inside = [np.corrcoef(one, two)[0, 1] for one, two in flat]
    outside = [np.corrcoef(one[0], two[1])[0, 1] for one, two in pairwise(flat)]
    assert np.mean(inside) == pytest.approx(phantom.SHARED, abs=0.03)
    assert np.mean(outside) == pytest.approx(0, abs=0.03)


def test_background_has_its_level_and_spread_everywhere() -> None:
    grey = phantom.load("train", None, dim=2, subjects=3000, difficulty=1.0).pixels[:, 0]
    np.testing.assert_allclose(grey.mean(axis=0), phantom.LEVEL, atol=1.5)
    np.testing.assert_allclose(grey.std(axis=0), phantom.SPREAD, atol=1.5)


def test_cohort_looks_like_one() -> None:
    groups = phantom.load("train", None, dim=2, size=8, subjects=3000).groups
    age = groups["age"].astype(int)
    assert 20 <= age.min() < 40 < 80 < age.max() <= 95
    assert set(groups["size"]) == {"none", "small", "large"}
    for column, values in (("sex", "FM"), ("site", "ABC")):
        names, count = np.unique(groups[column], return_counts=True)
        assert "".join(names) == values
        assert count.min() > 0.8 * count.max()


# What is planted


@pytest.mark.parametrize(("dim", "size"), [(2, 16), (2, 28), (3, 16)])
def test_difficulty_runs_from_trivial_to_chance(dim: int, size: int) -> None:
    curve = [
        auc(phantom.load("train", None, dim=dim, size=size, subjects=600, difficulty=level / 5))
        for level in range(6)
    ]
    assert curve[0] > 0.995
    assert 0.75 < curve[3] < 0.96
    assert curve[-1] == pytest.approx(0.5, abs=0.07)
    assert curve == sorted(curve, reverse=True)


def test_difficulty_changes_neither_noise_nor_cohort() -> None:
    easy, hard = (phantom.load("val", None, difficulty=level) for level in (0.0, 1.0))
    healthy = easy.targets == 0
    np.testing.assert_array_equal(easy.pixels[healthy], hard.pixels[healthy])
    np.testing.assert_array_equal(easy.groups["age"], hard.groups["age"])
    assert (easy.pixels[~healthy].astype(int) >= hard.pixels[~healthy]).all()


def test_large_lesions_are_easier() -> None:
    samples = phantom.load("train", None, subjects=1500, dim=2, difficulty=0.6)
    small, large = (np.isin(samples.groups["size"], ["none", size]) for size in ("small", "large"))
    assert auc(samples, large) > auc(samples, small) + 0.05


def test_group_gap() -> None:
    assert gap(group_gap=0.0) == pytest.approx(0, abs=0.02)
    assert 0.1 < gap(group_gap=0.5) < gap(group_gap=1.0)
    women = phantom.load("train", None, subjects=1500, dim=2, difficulty=0.0, group_gap=1.0)
    assert auc(women, women.groups["sex"] == "F") == pytest.approx(0.5, abs=0.05)


def test_group_gap_leaves_men_alone() -> None:
    even, skewed = (phantom.load("test", None, group_gap=level) for level in (0.0, 0.7))
    men = even.groups["sex"] == "M"
    np.testing.assert_array_equal(even.pixels[men], skewed.pixels[men])
    assert (even.pixels[~men] != skewed.pixels[~men]).any()


def slope(**args: Any) -> float:
    """Mean over three draws of the data."""
    return float(np.mean([calibration_slope(seed=seed, **args) for seed in range(3)]))


def calibration_slope(**args: Any) -> float:
    """On test, of a logistic regression fitted on train."""
    train, test = (
        phantom.load(split, None, subjects=3000, dim=2, difficulty=0.7, **args)
        for split in ("train", "test")
    )
    centre = brightest(train).mean()
    model = LogisticRegression().fit(brightest(train)[:, None] - centre, train.targets)
    logits = model.decision_function(brightest(test)[:, None] - centre)
    again = LogisticRegression(C=1e6).fit(logits[:, None], test.targets)
    return float(again.coef_[0, 0])


def test_miscalibration_makes_a_model_over_confident() -> None:
    assert slope(miscalibration=0.0) == pytest.approx(1, abs=0.15)
    assert slope(miscalibration=0.3) < 0.7
    assert slope(miscalibration=1.0) == pytest.approx(0, abs=0.1)


def test_miscalibration_keeps_images_prevalence_and_train() -> None:
    for split in SPLITS:
        clean, noisy = (phantom.load(split, None, miscalibration=share) for share in (0.0, 0.5))
        np.testing.assert_array_equal(clean.pixels, noisy.pixels)
        assert clean.targets.sum() == noisy.targets.sum()
        assert (clean.targets == noisy.targets).all() == (split == "train")
        np.testing.assert_array_equal(noisy.groups["size"] == "none", clean.targets == 0)


def test_documented_probability_under_miscalibration() -> None:
    samples = phantom.load("test", None, dim=2, size=8, subjects=20_000, miscalibration=0.4)
    drawn = samples.groups["size"] != "none"
    assert samples.targets[drawn].mean() == pytest.approx(0.6 + 0.4 * 0.3, abs=0.02)
    assert samples.targets[~drawn].mean() == pytest.approx(0.4 * 0.3, abs=0.02)


# The contract


def test_arguments_are_read_from_the_source() -> None:
    assert list(arguments("datasets", "phantom", "load")) == list(phantom.LIMITS)
    assert set(constant("datasets", "phantom", "SOURCE")) == {"url", "licence", "citation"}


def test_fingerprint_knows_defaults_and_numbers() -> None:
    plain = phantom.fingerprint(None)
    assert plain == phantom.fingerprint(None, size=16, group_gap=0)
    others = [{"size": 17}, {"seed": 1}, {"difficulty": 0.51}, {"miscalibration": 0.1}]
    assert len({plain, *(phantom.fingerprint(None, **args) for args in others)}) == 5


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ({"dim": 4}, "dim must be a whole number from 2 to 3, got 4"),
        ({"size": 16.0}, r"size must be a whole number from 8 to 256, got 16\.0"),
        ({"subjects": 19}, "subjects must be a whole number from 20 to 100000, got 19"),
        ({"images_per_subject": 0}, "images_per_subject must be"),
        ({"difficulty": 1.5}, r"difficulty must be a number from 0 to 1, got 1\.5"),
        ({"difficulty": float("nan")}, "got nan"),
        ({"group_gap": -0.1}, "group_gap must be"),
        ({"miscalibration": "some"}, "miscalibration must be a number from 0 to 1, got 'some'"),
        ({"prevalence": 0}, r"prevalence must be a number from 0\.01 to 0\.99, got 0"),
        ({"seed": True}, "seed must be a whole number"),
    ],
)
def test_arguments_outside_their_limits(args: dict[str, Any], sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        phantom.load("train", None, **args)
    with pytest.raises(HarnessError, match=sentence):
        phantom.fingerprint(None, **args)


def test_unknown_split() -> None:
    with pytest.raises(HarnessError, match="split must be one of train, val, test, got 'dev'"):
        phantom.load("dev", None)
