"""Data divided by subject: nobody in two parts, all tested once, every class in proportion."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import ranges
from harness.errors import HarnessError
from harness.samples import Samples
from harness.splits import part
from harness.suite import Split

PARTS = ("train", "val", "test")
SHARES = st.tuples(st.floats(0.05, 0.45), st.floats(0.05, 0.45))
SEEDS = st.integers(0, ranges.LARGEST_SEED)


def samples(rows: list[tuple[int, int]]) -> Samples:
    """A case for each subject and class; its pixel and its group tell its place."""
    place = np.arange(len(rows))
    return Samples(
        split="all",
        ids=np.char.add("case-", place.astype(str)),
        pixels=place[:, None, None, None].astype(np.uint16),
        targets=np.array([target for _, target in rows], dtype=np.int64),
        classes=("a", "b", "c"),
        subjects=np.array([f"p{subject}" for subject, _ in rows]),
        groups={"place": place.astype(str)},
    )


def tables(least: int = 1) -> st.SearchStrategy[Samples]:
    """Up to 80 cases of up to 30 subjects, several each, of one class or of more."""
    row = st.tuples(st.integers(0, 29), st.integers(0, 2))
    return st.lists(row, min_size=least, max_size=80).map(samples)


def places(whole: Samples, split: Split, name: str, fold: int | None = None) -> set[int]:
    """Which cases are in a part; none where it is refused for being empty."""
    try:
        found = part(whole, split, name, fold)
    except HarnessError as error:
        said = str(error)
    else:
        return cases(whole, found, name)
    assert said.startswith(f"{name} must have a case, got none of {len(whole)} in ")
    return set()


def cases(whole: Samples, found: Samples, name: str) -> set[int]:
    """Which of all are found, once it is sure that no column lost its place."""
    chosen: list[int] = found.pixels[:, 0, 0, 0].tolist()
    assert found.split == name
    assert chosen == sorted(set(chosen))
    assert found.ids.tolist() == [f"case-{k}" for k in chosen]
    assert found.groups["place"].tolist() == [str(k) for k in chosen]
    assert found.targets.tolist() == whole.targets[chosen].tolist()
    return set(chosen)


def people(whole: Samples, chosen: set[int]) -> set[str]:
    assert whole.subjects is not None
    return {str(whole.subjects[k]) for k in chosen}


def by_label(whole: Samples) -> dict[int, set[str]]:
    """The subjects of each class, that of their worst case."""
    worst: dict[str, int] = {}
    assert whole.subjects is not None
    for subject, target in zip(whole.subjects.tolist(), whole.targets.tolist(), strict=True):
        worst[subject] = max(target, worst.get(subject, 0))
    return {label: {s for s, of in worst.items() if of == label} for label in set(worst.values())}


@settings(deadline=None)
@given(whole=tables(), shares=SHARES, seed=SEEDS)
def test_nobody_is_in_two_parts(whole: Samples, shares: tuple[float, float], seed: int) -> None:
    split = Split(test=shares[0], val=shares[1], seed=seed)
    parts = [places(whole, split, name) for name in PARTS]
    assert sorted(k for each in parts for k in each) == list(range(len(whole)))
    everybody = [person for each in parts for person in people(whole, each)]
    assert len(everybody) == len(set(everybody))


@settings(deadline=None)
@given(whole=tables(), shares=SHARES, seed=SEEDS)
def test_each_class_has_its_share(whole: Samples, shares: tuple[float, float], seed: int) -> None:
    split = Split(test=shares[0], val=shares[1], seed=seed)
    parts = {name: people(whole, places(whole, split, name)) for name in PARTS}
    wanted = {"test": shares[0], "val": shares[1], "train": 1 - sum(shares)}
    for members in by_label(whole).values():
        for name, share in wanted.items():
            assert abs(len(members & parts[name]) - share * len(members)) <= 1


@settings(deadline=None)
@given(whole=tables(), folds=st.integers(3, 7), seed=SEEDS)
def test_everybody_is_tested_once_over_the_folds(whole: Samples, folds: int, seed: int) -> None:
    split = Split(folds=folds, seed=seed)
    parts = [{name: places(whole, split, name, k) for name in PARTS} for k in range(folds)]
    tested = [k for each in parts for k in each["test"]]
    assert sorted(tested) == list(range(len(whole)))
    assert [each["val"] for each in parts] == [parts[(k + 1) % folds]["test"] for k in range(folds)]
    for each in parts:
        everybody = [person for name in PARTS for person in people(whole, each[name])]
        assert len(everybody) == len(set(everybody)) == len(people(whole, set(range(len(whole)))))
        for members in by_label(whole).values():
            share = len(members) / folds
            found = len(people(whole, each["test"]) & members)
            assert math.floor(share) <= found <= math.ceil(share)


@settings(deadline=None)
@given(whole=tables(least=3), seed=SEEDS)
def test_images_are_divided_where_that_is_asked(whole: Samples, seed: int) -> None:
    split = Split(by="image", folds=3, seed=seed)
    sizes = [len(places(whole, split, "test", fold)) for fold in range(3)]
    assert sum(sizes) == len(whole)
    assert max(sizes) - min(sizes) <= 1


WHOLE = samples([(k // 2, k % 3) for k in range(60)])
HALVES = Split(test=0.3, val=0.3)


@pytest.mark.parametrize(
    "split", [HALVES, Split(folds=3), dataclasses.replace(HALVES, by="image")], ids=str
)
def test_a_seed_is_a_division(split: Split) -> None:
    fold = 0 if split.folds else None
    found = [places(WHOLE, dataclasses.replace(split, seed=s), "test", fold) for s in range(4)]
    again = [places(WHOLE, dataclasses.replace(split, seed=s), "test", fold) for s in range(4)]
    assert found == again
    assert len({frozenset(each) for each in found}) == 4


def test_shares_do_not_depend_on_what_is_not_shared() -> None:
    """Images, groups and the names of cases do not move a subject."""
    other = dataclasses.replace(
        WHOLE, ids=WHOLE.ids[::-1], pixels=WHOLE.pixels[:, :, :, :0], groups={}
    )
    for name in PARTS:
        one, two = (part(each, HALVES, name, None) for each in (WHOLE, other))
        assert one.subjects is not None
        assert two.subjects is not None
        assert one.subjects.tolist() == two.subjects.tolist()


def test_the_rare_are_in_every_fold() -> None:
    """Three ill subjects with one ill image each among many."""
    rows = [(subject, int(subject < 3 and image == 2)) for subject in range(30) for image in (1, 2)]
    whole = samples(rows)
    for fold in range(3):
        assert part(whole, Split(folds=3), "test", fold).targets.sum() == 1


def test_labels_are_spread_by_their_number() -> None:
    labels = np.zeros((40, 3), dtype=np.int64)
    labels[::2] = 1
    several = dataclasses.replace(
        samples([(k, 0) for k in range(40)]), targets=labels, kind="multilabel"
    )
    for name, n in (("test", 10), ("val", 10), ("train", 20)):
        found = part(several, Split(test=0.25, val=0.25), name, None).targets
        assert found.shape == (n, 3)
        assert found.sum(axis=0).tolist() == [n // 2] * 3


@pytest.mark.parametrize(
    ("whole", "split", "name", "sentence"),
    [
        (
            dataclasses.replace(WHOLE, subjects=None),
            HALVES,
            "test",
            "split.by must be image where the data names no subjects, got subject; ",
        ),
        (
            samples([(0, 0)] * 9 + [(1, 1)] * 9),
            HALVES,
            "test",
            "test must have a case, got none of 18 in 2 subjects; change split or bring more data",
        ),
        (
            samples([(0, 0), (1, 0)]),
            Split(folds=3, by="image"),
            "train",
            "train must have a case, got none of 2 in 2 images; change split or bring more data",
        ),
    ],
)
def test_what_cannot_be_divided_is_one_sentence(
    whole: Samples, split: Split, name: str, sentence: str
) -> None:
    fold = 0 if split.folds else None
    with pytest.raises(HarnessError) as caught:
        part(whole, split, name, fold)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("refuse", "asked", "sentence"),
    [
        (ranges.split, Split(folds=2), "x.folds must be 3 or more, got 2"),
        (ranges.split, Split(folds=3, val=0.1), "x must have either folds or test and val, got 'b"),
        (ranges.split, Split(seed=-1, folds=3), "x.seed must be 0 or more, got -1"),
        *(
            (ranges.split, Split(**shares), f"{must}, got {[*map(shares.get, ('test', 'val'))]}")
            for must in ["x must have folds, or test and val above 0 and together below 1"]
            for shares in (
                {},
                {"test": 0.2},
                {"val": 0.2},
                {"test": 0.0, "val": 0.2},
                {"test": 0.5, "val": 0.5},
                {"test": -0.1, "val": 0.2},
            )
        ),
    ],
)
def test_what_is_no_split_is_one_sentence(
    refuse: Callable[[Any, str], None], asked: Any, sentence: str
) -> None:
    with pytest.raises(HarnessError) as caught:
        refuse(asked, "x")
    assert str(caught.value).startswith(sentence)


def test_what_is_a_split_is_taken() -> None:
    for asked in (Split(folds=3), Split(test=0.5, val=0.49), Split(by="image", folds=9, seed=7)):
        ranges.split(asked, "x")
