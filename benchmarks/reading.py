"""Reading MedMNIST: our reader against the package's own classes, on the files that are here.

    HARNESS_DATA=data OMP_NUM_THREADS=1 python benchmarks/reading.py

Prints, a line a file: the size of its largest split, the peak of memory while that is read as a
multiple of it, ours and the package's, and how many times as long the package takes. Both read the
same file in turns, in one process and one thread; the peak is `tracemalloc`'s. The package has no
checksum to verify on reading; ours verified it once before.
"""

import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.datasets import medmnist
from harness.datasets._medmnist_files import official, table
from harness.remote import find

ROUNDS = 5


def main() -> None:
    """Over every flag and size whose file is in the data root."""
    import medmnist as package

    root = Path(os.environ["HARNESS_DATA"])
    print(f"{'file':28} {'split':>9} {'ours':>6} {'package':>8} {'time':>6}")
    for flag, row in table().items():
        for size in (28, 64, 128, 224):
            if size != 28 and f"MD5_{size}" not in row:
                continue
            path = find(root, official(flag, size).remote)
            if path is not None:
                theirs = getattr(package, row["python_class"])
                _compare(path, flag, size, theirs)


def _compare(path: Path, flag: str, size: int, theirs: Any) -> None:
    def ours() -> Any:
        return medmnist.load("train", path.parent, flag=flag, size=size)

    def package() -> Any:
        return theirs(split="train", size=size, root=str(path.parent))

    held = ours().pixels.nbytes
    seconds: dict[Callable[[], Any], list[float]] = {ours: [], package: []}
    for _ in range(ROUNDS):
        for read, taken in seconds.items():
            start = time.perf_counter()
            read()
            taken.append(time.perf_counter() - start)
    ratio = min(seconds[package]) / min(seconds[ours])
    peaks = [f"{_peak(read) / held:.2f}" for read in (ours, package)]
    print(f"{path.name:28} {held / 1e6:6.0f} MB {peaks[0]:>6} {peaks[1]:>8} {ratio:>5.1f}x")


def _peak(read: Callable[[], Any]) -> int:
    tracemalloc.start()
    read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    sys.exit(main())
