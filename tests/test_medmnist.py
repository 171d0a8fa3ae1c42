"""MedMNIST: the official files give what is published, and a damaged one gives a sentence."""

import hashlib
import io
import os
import pickle
import subprocess
import sys
import tracemalloc
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.datasets import _medmnist_files, medmnist
from harness.errors import HarnessError

PUBLISHED = {
    "adrenalmnist3d": ("bbd3c5a5576322bc4cdfea780653b1ce", [(929, 259), (76, 22), (229, 69)]),
    "vesselmnist3d": ("b41fd4f7e7e2feedddb201585ecafa1b", [(1185, 150), (169, 22), (339, 43)]),
    "breastmnist": ("750601b1f35ba3300ea97c75c52ff8f6", [(147, 399), (21, 57), (42, 114)]),
}


@pytest.fixture
def data() -> Path:
    """The folder of the official files below HARNESS_DATA; skips where there is none."""
    root = os.environ.get("HARNESS_DATA")
    folders = [Path(root), Path(root) / "medmnist"] if root else []
    for folder in folders:
        if all((folder / f"{flag}.npz").is_file() for flag in PUBLISHED):
            return folder
    pytest.skip("HARNESS_DATA names no folder with the MedMNIST files")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and a network that fails the test when it is used."""
    folder = tmp_path / "home"
    monkeypatch.setattr(Path, "home", lambda: folder)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("downloaded"))
    return folder


def arrays(image: tuple[int, ...] = (28, 28), n: int = 6) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {}
    for split in medmnist.SPLITS:
        made[f"{split}_images"] = rng.integers(0, 256, (n, *image), dtype=np.uint8)
        made[f"{split}_labels"] = (np.arange(n, dtype=np.uint8) % 2)[:, None]
    return made


def file_of(image: tuple[int, ...] = (28, 28)) -> _medmnist_files.File:
    return _medmnist_files.File(name="f.npz", url="", md5="", classes=("no", "yes"), image=image)


def npz(**changed: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{k: v for k, v in (arrays() | changed).items() if v is not None})
    return buffer.getvalue()


def serve(monkeypatch: pytest.MonkeyPatch, answer: bytes, official: bytes) -> list[str]:
    """Let the table name the MD5 of `official`, and the network give `answer`; returns the log."""
    log: list[str] = []
    md5 = hashlib.md5(official, usedforsecurity=False).hexdigest()
    row = {"url": "https://example.org/b.npz", "MD5": md5, "task": "binary-class"}
    row |= {"label": {"0": "no", "1": "yes"}, "n_channels": 1}
    monkeypatch.setattr(_medmnist_files, "table", lambda: {"breastmnist": row})

    def urlopen(url: str, **_: Any) -> io.BytesIO:
        log.append(url)
        return io.BytesIO(answer)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    return log


# The official files


@pytest.mark.parametrize("flag", PUBLISHED)
def test_published_counts_and_checksum(data: Path, home: Path, flag: str) -> None:
    md5, counts = PUBLISHED[flag]
    assert medmnist.fingerprint(data, flag=flag) == md5
    for split, expected in zip(medmnist.SPLITS, counts, strict=True):
        samples = medmnist.load(split, data, flag=flag)
        assert tuple(np.bincount(samples.targets)) == expected
        assert len(samples) == sum(expected)
        assert samples.shape == (1, *[28] * (3 if flag.endswith("3d") else 2))
        assert samples.pixels.dtype == np.uint8
        assert len(samples.classes) == 2


def test_polarity_of_breast(data: Path, home: Path) -> None:
    classes = medmnist.load("test", data, flag="breastmnist").classes
    assert classes == ("malignant", "normal, benign")


@pytest.mark.parametrize("flag", PUBLISHED)
def test_pixels_are_those_of_the_file(data: Path, home: Path, flag: str) -> None:
    with np.load(data / f"{flag}.npz") as archive:
        images, labels = archive["val_images"], archive["val_labels"]
    samples = medmnist.load("val", data, flag=flag)
    np.testing.assert_array_equal(samples.pixels[:, 0], images)
    np.testing.assert_array_equal(samples.targets, labels[:, 0])
    batch = samples.batch(slice(0, 5))
    assert batch.dtype == np.float32
    assert 0 <= batch.min() < batch.max() <= 1


def test_only_the_wanted_split_is_held_once(data: Path, home: Path) -> None:
    tracemalloc.start()
    samples = medmnist.load("train", data, flag="adrenalmnist3d")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert samples.pixels.nbytes == 1188 * 28**3
    assert peak < 1.1 * samples.pixels.nbytes


def test_larger_size_is_another_file(data: Path, home: Path) -> None:
    if not (data / "adrenalmnist3d_64.npz").is_file():
        pytest.skip("HARNESS_DATA has no adrenalmnist3d_64.npz")
    samples = medmnist.load("val", data, flag="adrenalmnist3d", size=64)
    assert samples.pixels.shape == (98, 1, 64, 64, 64)
    assert tuple(np.bincount(samples.targets)) == (76, 22)


# The layout


@pytest.mark.parametrize(
    ("image", "shape"),
    [((28, 28), (1, 28, 28)), ((28, 28, 3), (3, 28, 28)), ((28, 28, 28), (1, 28, 28, 28))],
)
def test_channels_come_first_without_a_copy(
    monkeypatch: pytest.MonkeyPatch, image: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    made = arrays(image)
    images = made["test_images"]
    monkeypatch.setattr(medmnist, "_arrays", lambda *_: (images, made["test_labels"]))
    samples = medmnist._read(Path("f.npz"), "test", file_of(image))
    assert samples.shape == shape
    assert np.shares_memory(samples.pixels, images)
    expected = images.transpose(0, 3, 1, 2) if shape[0] == 3 else images[:, None]
    np.testing.assert_array_equal(samples.pixels, expected)


def test_ids_are_unique_across_splits(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    path.write_bytes(npz())
    splits = [medmnist._read(path, split, file_of()) for split in medmnist.SPLITS]
    ids = np.concatenate([samples.ids for samples in splits])
    assert len(set(ids.tolist())) == len(ids) == 18
    assert ids[0] == "train-0"
    assert all(samples.subjects is None and not samples.groups for samples in splits)


# The table


def test_neither_torch_nor_the_package_is_imported() -> None:
    code = (
        "import sys; from harness.datasets import _medmnist_files, medmnist; "
        "print(len(_medmnist_files.official('vesselmnist3d', 64).classes), "
        "[name for name in ('torch', 'torchvision', 'medmnist') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2 []\n"


def test_table_of_the_package() -> None:
    file = _medmnist_files.official("pathmnist", 224)
    assert file.name == "pathmnist_224.npz"
    assert file.url.endswith("pathmnist_224.npz?download=1")
    assert file.md5 == "2c51a510bcdc9cf8ddb2af93af1eadec"
    assert file.image == (224, 224, 3)
    assert file.classes[0] == "adipose"
    assert len(file.classes) == 9


@pytest.mark.parametrize(
    ("flag", "size", "sentence"),
    [
        ("brestmnist", 28, "flag must be one of adrenalmnist3d, .*, got 'brestmnist'"),
        ("chestmnist", 28, "got 'chestmnist'"),
        ("retinamnist", 28, "got 'retinamnist'"),
        ("vesselmnist3d", 128, "size of vesselmnist3d must be one of 28, 64, got 128"),
    ],
)
def test_unknown_arguments(flag: str, size: int, sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        medmnist.fingerprint(None, flag=flag, size=size)


def test_unknown_split() -> None:
    with pytest.raises(HarnessError, match="split must be one of train, val, test, got 'dev'"):
        medmnist.load("dev", None, flag="breastmnist")


def test_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(HarnessError, match="pip install medmnist"):
        _medmnist_files.table.__wrapped__()


# Finding, verifying, downloading


@pytest.mark.parametrize("folder", ["", "medmnist"])
def test_a_file_that_is_there_is_never_downloaded(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    log = serve(monkeypatch, b"", official=npz())
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "breastmnist.npz").write_bytes(npz())
    assert len(medmnist.load("val", tmp_path, flag="breastmnist")) == 6
    assert log == []
    assert not home.exists()


@pytest.mark.parametrize("root", [None, "empty"])
def test_a_missing_file_is_downloaded_once(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, root: str | None
) -> None:
    log = serve(monkeypatch, npz(), official=npz())
    folder = None if root is None else tmp_path / root
    digest = medmnist.fingerprint(folder, flag="breastmnist")
    assert len(medmnist.load("train", folder, flag="breastmnist")) == 6
    assert digest == hashlib.md5(npz(), usedforsecurity=False).hexdigest()
    assert log == ["https://example.org/b.npz"]
    assert [path.name for path in (home / ".medmnist").iterdir()] == ["breastmnist.npz"]


def test_a_cut_download_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, npz()[:100], official=npz())
    with pytest.raises(HarnessError, match=r"got MD5 \w{32} instead of \w{32}; put the file into"):
        medmnist.load("test", None, flag="breastmnist")
    assert list((home / ".medmnist").iterdir()) == []


def test_no_network_says_where_to_put_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def urlopen(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    with pytest.raises(HarnessError, match=r"no route.*HARNESS_DATA or --data"):
        medmnist.load("test", None, flag="adrenalmnist3d")


def test_wrong_checksum(tmp_path: Path, home: Path) -> None:
    (tmp_path / "breastmnist.npz").write_bytes(npz())
    with pytest.raises(HarnessError, match=r"must have MD5 750601\w+, got \w{32}; replace it by"):
        medmnist.load("test", tmp_path, flag="breastmnist")


def test_a_changed_file_is_verified_again(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, b"", official=npz())
    path = tmp_path / "breastmnist.npz"
    path.write_bytes(npz())
    medmnist.fingerprint(tmp_path, flag="breastmnist")
    path.write_bytes(npz() + b"tail")
    with pytest.raises(HarnessError, match="must have MD5"):
        medmnist.fingerprint(tmp_path, flag="breastmnist")


# Damage behind a right checksum


class Danger:
    """Would stop the tests if it were unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.exit, ("unpickled",)


LABELS = np.array([[0], [1]] * 3, np.uint8)
TEST_IMAGES = npz()[(_middle := npz().index(b"test_images") + 1000) : _middle + 64]
DAMAGED = {
    "empty": (b"", "whole .npz archive"),
    "text": (b"<html>not found</html>", "whole .npz archive"),
    "pickle": (pickle.dumps([1, 2]), "whole .npz archive"),
    "cut": (npz()[:-40], "whole .npz archive"),
    "flipped": (npz().replace(TEST_IMAGES, bytes(64)), "readable arrays, none pickled"),
    "pickled": (
        npz(test_images=np.array([Danger()] * 6, dtype=object)),
        "none pickled, got Object arrays cannot be loaded",
    ),
    "key": (npz(test_labels=None), "got no test_labels; replace"),
    "float": (npz(test_images=np.zeros((6, 28, 28))), r"uint8 test_images \(n, 28, 28\).*float64"),
    "shape": (npz(test_images=np.zeros((6, 28, 27), np.uint8)), r"got uint8 \(6, 28, 27\)"),
    "none": (npz(test_images=np.zeros((0, 28, 28), np.uint8)), r"got uint8 \(0, 28, 28\)"),
    "flat": (npz(test_labels=LABELS[:, 0]), r"integer test_labels \(6, 1\), got uint8 \(6,\)"),
    "short": (npz(test_labels=LABELS[:4]), r"integer test_labels \(6, 1\), got uint8 \(4, 1\)"),
    "multilabel": (npz(test_labels=np.hstack([LABELS] * 3)), r"got uint8 \(6, 3\)"),
    "real": (npz(test_labels=LABELS / 1), r"integer test_labels \(6, 1\), got float64"),
    "high": (npz(test_labels=LABELS * 7), "test_labels from 0 to 1, got 0 to 7"),
    "low": (npz(test_labels=-LABELS.astype(np.int8)), "test_labels from 0 to 1, got -1 to 0"),
    "single": (npz(test_labels=LABELS * 0), "test cases of every class, got none of yes"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damage_is_one_sentence(tmp_path: Path, case: str) -> None:
    content, sentence = DAMAGED[case]
    path = tmp_path / "f.npz"
    path.write_bytes(content)
    with pytest.raises(HarnessError, match=sentence) as caught:
        medmnist._read(path, "test", file_of())
    assert str(caught.value).endswith("; replace it by the official file")


def test_validation_may_lack_a_class(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    path.write_bytes(npz(val_labels=LABELS * 0))
    assert set(medmnist._read(path, "val", file_of()).targets) == {0}
