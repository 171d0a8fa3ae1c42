"""Preparing phantom volumes of 256 x 256 x 128, and training from what was prepared.

    OMP_NUM_THREADS=1 python benchmarks/preparing.py [--volumes 20 200] [--rounds 5]

`memory`: the peak resident set of a process that prepares so many volumes, then goes through one
epoch of all their slices, with one thread of torch; a volume is its int16 image and its mask, or
24 MiB. Every batch is read, and one in TRAINED is trained on, lest 200 volumes take hours.
`time`: preparing the fewer volumes against MONAI's `PersistentDataset`, the read function of the
phantom being the first transform of both. "windowed" keeps what its users do, the image in float32
with its window applied; "raw" keeps int16 as we do, and leaves the window to every epoch.
`epoch`: the second epoch of a U-Net of 4 filters over the slices of eight volumes, from the cache
against from memory. Times are medians of rounds, in turns that change their order each round; a
ratio is the median of those of the rounds.
"""

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from harness.datasets import phantom_lesions
from harness.losses import mask_loss
from harness.models import unet
from harness.patches import Patches
from harness.prepare import in_memory, prepare
from harness.prepared import Prepared
from harness.suite import Input, Sampler, Train
from harness.volumes import Volumes

SHAPE, SPACING, RADII = (256, 256, 128), (0.8, 0.8, 2.5), (5.0, 12.0, 20.0)
VOLUME = 256 * 256 * 128 * 3 / 2**20
INPUT = Input(window=(-200.0, 250.0), size=SHAPE[:2])
TRAIN = Train(loss="dice", batch_size=16, sampler=Sampler(positive="balance"))
IN_MEMORY, TRAINED = 8, 10


def main() -> None:
    """The three tables, or with --peak the number of one process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--volumes", type=int, nargs=2, default=(20, 200))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("memory", "time", "epoch"))
    parser.add_argument("--peak", type=int)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.peak:
        print(_peak(asked.peak))
        return
    few, many = asked.volumes
    tables = {
        "memory": partial(_memory, few, many),
        "time": partial(_time, few, asked.rounds),
        "epoch": partial(_epochs, min(few, IN_MEMORY), asked.rounds),
    }
    for name, table in tables.items():
        if asked.only in (None, name):
            table()


def _volumes(count: int) -> Volumes:
    """As many as asked, of the phantom's training part."""
    found = phantom_lesions.load(
        "train",
        None,
        shape=SHAPE,
        spacing=SPACING,
        radii_mm=RADII,
        subjects=max(5, 2 * count),
    )
    return found.first(count)


def _prepared(volumes: Volumes, folder: Path) -> Prepared:
    return prepare(volumes, INPUT, folder, key="benchmark", report=lambda done, total: None)


class _Learner:
    """A network of 4 filters, which is trained an epoch at a time."""

    def __init__(self, prepared: Prepared) -> None:
        torch.manual_seed(0)
        self.feed = Patches(prepared, SHAPE[:2], TRAIN, seed=0)
        self.module = unet.build((1, *SHAPE[:2]), 1)
        self.optimizer = torch.optim.Adam(self.module.parameters())

    def epoch(self, epoch: int, every: int = 1) -> None:
        for i, (images, masks) in enumerate(self.feed.batches(epoch)):
            if i % every:
                continue
            self.optimizer.zero_grad(set_to_none=True)
            mask_loss(self.module(images), masks, TRAIN.loss).mean().backward()
            self.optimizer.step()


def _peak(count: int) -> float:
    """MiB of this process after preparing and one epoch."""
    with tempfile.TemporaryDirectory() as folder:
        _Learner(_prepared(_volumes(count), Path(folder))).epoch(1, every=TRAINED)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _memory(few: int, many: int) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free / 2**20
    if free < many * VOLUME:
        sys.exit(f"{many} volumes need up to {many * VOLUME:.0f} MiB of disk, {free:.0f} are free")
    peaks = []
    for count in (few, many):
        command = [sys.executable, __file__, "--peak", str(count)]
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(float(done.stdout))
        print(
            f"memory  {count:4} volumes  {peaks[-1]:7.0f} MiB  {time.perf_counter() - start:.0f} s"
        )
    more = peaks[1] - peaks[0]
    print(f"memory  difference  {more:.0f} MiB, {more / VOLUME:.2f} volumes; at most 2 are allowed")


def _time(count: int, rounds: int) -> None:
    volumes = _volumes(count)
    ways = {
        "reading": partial(_read, volumes),
        "ours": partial(_ours, volumes),
        "MONAI, windowed": partial(_monai, volumes, windowed=True),
        "MONAI, raw": partial(_monai, volumes, windowed=False),
    }
    _table("time", ways, rounds, "ours", count)


def _read(volumes: Volumes, folder: Path) -> None:
    for name in volumes.ids:
        volumes.read(name)


def _ours(volumes: Volumes, folder: Path) -> None:
    _prepared(volumes, folder)


def _monai(volumes: Volumes, folder: Path, *, windowed: bool) -> None:
    from monai.data.dataset import PersistentDataset
    from monai.transforms import Compose, Lambda, ScaleIntensityRanged

    def read(name: str) -> dict[str, Any]:
        case = volumes.read(name)
        return {"image": case.image, "mask": case.mask}

    low, high = INPUT.window or (0, 1)
    window = ScaleIntensityRanged("image", low, high, *INPUT.range, clip=True)
    steps = [Lambda(read), window] if windowed else [Lambda(read)]
    dataset = PersistentDataset(volumes.ids.tolist(), Compose(steps), cache_dir=folder)
    for i in range(len(dataset)):
        dataset[i]


def _epochs(count: int, rounds: int) -> None:
    volumes = _volumes(count)
    with tempfile.TemporaryDirectory() as folder:
        learners = {
            "cache": _Learner(_prepared(volumes, Path(folder))),
            "memory": _Learner(in_memory(volumes, INPUT)),
        }
        for learner in learners.values():
            learner.epoch(1)
        ways = {name: partial(_again, learner) for name, learner in learners.items()}
        _table("epoch", ways, rounds, "cache", count)


def _again(learner: _Learner, folder: Path) -> None:
    learner.epoch(2)


def _table(
    title: str, ways: dict[str, Callable[[Path], None]], rounds: int, ours: str, count: int
) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name, way in list(ways.items())[:: (-1) ** turn]:
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                way(Path(folder))
                seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in median.items():
        each = value / count * 1000
        pairs = zip(seconds[ours], seconds[name], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{title:6}  {name:16} {each:7.0f} ms a volume  {ours} is {ratio:.3f}")


if __name__ == "__main__":
    main()
