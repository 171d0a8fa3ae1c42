"""Patches are the same however many threads make them, and threads end with what asked for them."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from scans import feed, seen, stored

from harness.errors import HarnessError
from harness.patches import AHEAD, ahead
from harness.suite import Augment, Sampler

ALL = Augment(scale=(0.9, 1.1), rotate=20, elastic=True, flip=True, intensity=(0.9, 1.1))


@pytest.mark.parametrize("size", [(9, 12), (5, 4, 12)])
def test_seed_and_epoch_alone_decide(size: tuple[int, ...]) -> None:
    prepared = stored()
    asked = {"sampler": Sampler(positive="balance", crops=4), "augment": ALL}
    alone = [seen(feed(prepared, size, **asked), epoch) for epoch in (1, 2)]
    for workers in (0, 1, 4):
        again = feed(prepared, size, workers=workers, **asked)
        for epoch in (2, 1):
            for one, two in zip(alone[epoch - 1], seen(again, epoch), strict=True):
                assert np.array_equal(one, two)
    other = seen(feed(prepared, size, seed=1, **asked))
    assert not np.array_equal(alone[0][0], alone[1][0])
    assert not np.array_equal(alone[0][0], other[0])


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("patches")]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_what_a_worker_raises_is_raised_in_its_turn(workers: int) -> None:
    def fails() -> int:
        raise HarnessError("the prepared case c1 must be readable")

    got: list[int] = []
    work: list[Callable[[], int]] = [lambda: 0, lambda: 1, fails, lambda: 3]
    with pytest.raises(HarnessError, match="c1 must be readable"):
        got.extend(ahead(work, workers))
    assert got == [0, 1]
    assert threads() == []


@pytest.mark.parametrize("workers", [1, 3])
def test_few_pieces_are_made_ahead_and_closing_ends_the_threads(workers: int) -> None:
    started: list[int] = []
    work = [partial(started.append, n) for n in range(50)]
    found = ahead(work, workers)
    assert isinstance(found, Iterator)
    for _ in range(3):
        next(found)
    time.sleep(0.05)
    assert 3 <= len(started) <= 3 + workers + AHEAD
    assert threads() != []
    found.close()  # type: ignore[attr-defined]
    assert threads() == []


def test_a_case_that_cannot_be_decoded_is_named() -> None:
    def broken() -> Any:
        raise OSError("gone")

    prepared = dataclasses.replace(stored(1), arrays=(broken,))
    with pytest.raises(HarnessError, match="the prepared case c0 must be readable, got: gone"):
        seen(feed(prepared, workers=2))
