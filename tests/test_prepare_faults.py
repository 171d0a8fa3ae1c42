"""Preparing: whole or absent whatever kills it, other cases go on, one case in memory at a time."""

import dataclasses
import errno
import gc
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scans import WINDOW, Disk, case, prepared

from harness import disk, prepare
from harness.errors import HarnessError
from harness.patches import Patches
from harness.prepare import in_memory
from harness.prepared import Fault, Prepared
from harness.suite import Input, Sampler, Train

BROKEN = HarnessError("c1.nii.gz must be whole, got half of it; copy it again")


def left(folder: Path) -> list[str]:
    """The cases on disk, by what is written in them; nothing else may be there."""
    found = [path for path in folder.glob("*/*") if path.name != ".lock"]
    assert [path.name for path in found if path.name.startswith(".")] == []
    attributes = [json.loads((path / "facts.json").read_text()) for path in found]
    return sorted(each["id"] for each in attributes)


def same(one: Prepared, other: Prepared) -> bool:
    pairs = [(one.case(i), other.case(i)) for i in range(len(other))]
    whole = all(np.array_equal(a, b) for pair in pairs for a, b in zip(*pair, strict=True))
    return whole and one.ids == other.ids


# --- kills ------------------------------------------------------------------------------------


def test_a_kill_between_cases_loses_none_that_was_made(tmp_path: Path) -> None:
    data = Disk(4)
    data.broken["c2"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        prepared(data, tmp_path)
    assert left(tmp_path) == ["c0", "c1"]
    data.broken.clear()
    data.seen.clear()
    told: list[tuple[int, int]] = []
    found = prepare.prepare(
        data.volumes, WINDOW, tmp_path, key="k", report=lambda *done: told.append(done)
    )
    assert data.seen == ["c2", "c3"]
    assert told == [(3, 4), (4, 4)]
    assert same(found, in_memory(Disk(4).volumes, WINDOW))


def test_a_kill_while_a_case_is_written_loses_that_one(tmp_path: Path) -> None:
    """The process ends in the middle of a case: nothing in it can tidy up."""
    program = """
import os, signal, sys
from pathlib import Path
import blosc2
from scans import Disk, prepared

put = blosc2.asarray
def dies(*given, **named):
    written.append(put(*given, **named))
    if len(written) == 4:
        os.kill(os.getpid(), signal.SIGKILL)

written, blosc2.asarray = [], dies
prepared(Disk(3), Path(sys.argv[1]))
"""
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parent.parent)])
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob("*/.*.tmp")] != []
    data = Disk(3)
    found = prepared(data, tmp_path)
    assert data.seen == ["c1", "c2"]
    assert left(tmp_path) == ["c0", "c1", "c2"]
    assert same(found, in_memory(Disk(3).volumes, WINDOW))


def test_two_that_prepare_the_same_share_the_work(tmp_path: Path) -> None:
    data = Disk(6)
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: prepared(data, tmp_path), range(2))
    assert sorted(data.seen) == data.names
    assert same(one, two)
    assert left(tmp_path) == data.names


def test_a_full_disk_ends_it_and_leaves_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = prepare._write

    def full(path: Path, *given: Any) -> None:
        write(path, *given)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(prepare, "_write", full)
    with pytest.raises(disk.Unwritable, match=r"must be writable, got: No space left on device"):
        prepared(Disk(2), tmp_path)
    assert left(tmp_path) == []


# --- cases that cannot be used ----------------------------------------------------------------


def test_others_go_on_and_the_broken_one_is_tried_again(tmp_path: Path) -> None:
    data = Disk(3)
    data.broken["c1"] = BROKEN
    for _ in range(2):
        found = prepared(data, tmp_path)
        assert found.ids == ("c0", "c2")
        assert found.faults == (Fault(id="c1", message=str(BROKEN)),)
    held = in_memory(data.volumes, WINDOW)
    assert (held.ids, held.faults) == (found.ids, found.faults)
    assert same(held, found)
    data.broken.clear()
    data.seen.clear()
    assert same(prepared(data, tmp_path), in_memory(Disk(3).volumes, WINDOW))
    assert data.seen == ["c1"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mask": None}, "case c0 must have a mask to be trained on, got none"),
        ({"image": np.full((2, 14, 11, 9), 7.0)}, "an image must vary"),
        ({"image": np.full((2, 14, 11, 9), np.nan)}, "an image must have finite intensities"),
    ],
)
def test_what_cannot_be_trained_on_is_a_fault(
    change: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    data = Disk(2, lambda name: dataclasses.replace(case(name), **change if name == "c0" else {}))
    found = prepared(data, tmp_path, Input(intensity="zscore"))
    assert found.ids == ("c1",)
    assert sentence in found.faults[0].message


def test_no_case_at_all_says_why(tmp_path: Path) -> None:
    data = Disk(2)
    data.broken = {"c0": HarnessError("c0 is broken"), "c1": BROKEN}
    with pytest.raises(HarnessError, match="can be read, got none; the first: c0 is broken"):
        prepared(data, tmp_path)
    with pytest.raises(HarnessError, match="got none; the first: c0 is broken"):
        in_memory(data.volumes, WINDOW)


@pytest.mark.parametrize("what", ["image", "mask"])
def test_a_file_that_was_cut_off_is_named(what: str, tmp_path: Path) -> None:
    found = prepared(Disk(1), tmp_path)
    [path] = tmp_path.glob(f"*/*/{what}.b2nd")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(HarnessError, match="the prepared case c0 must be readable, got"):
        found.case(0)


# --- memory -----------------------------------------------------------------------------------


LARGE = (96, 96, 48)


def peak(many: int, folder: Path) -> float:
    """Bytes at the most, of preparing so many cases and an epoch of their crops."""
    gc.collect()
    tracemalloc.start()
    try:
        data = Disk(many, lambda name: case(name, LARGE))
        train = Train(batch_size=4, sampler=Sampler(positive="balance", crops=4))
        for _ in Patches(prepared(data, folder), (32, 32, 16), train, seed=0).batches(1):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_cases(tmp_path: Path) -> None:
    volume = np.prod(LARGE) * (2 * 2 + 1)
    peak(1, tmp_path / "warm")
    assert peak(10, tmp_path / "many") - peak(2, tmp_path / "few") < volume / 2
