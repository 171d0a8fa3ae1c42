"""MedMNIST: the official files give what is published, and a damaged one gives a sentence."""

import hashlib
import io
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from serving import Site, published

from harness.datasets import _medmnist_files, medmnist
from harness.errors import HarnessError
from harness.remote import Remote
from harness.samples import Kind

PUBLISHED = {
    ("adrenalmnist3d", 28): [(929, 259), (76, 22), (229, 69)],
    ("vesselmnist3d", 28): [(1185, 150), (169, 22), (339, 43)],
    ("breastmnist", 28): [(147, 399), (21, 57), (42, 114)],
    ("retinamnist", 28): [(486, 128, 206, 194, 66), (54, 12, 28, 20, 6), (174, 46, 92, 68, 20)],
    ("adrenalmnist3d", 64): [(929, 259), (76, 22), (229, 69)],
    ("vesselmnist3d", 64): [(1185, 150), (169, 22), (339, 43)],
}
"""Cases of each class in train, val and test."""

GRAY, COLOUR, VOLUME = (28, 28), (28, 28, 3), (28, 28, 28)
FORMS: dict[str, tuple[tuple[int, ...], Kind, int]] = {
    "adrenalmnist3d": (VOLUME, "nominal", 2),
    "bloodmnist": (COLOUR, "nominal", 8),
    "breastmnist": (GRAY, "nominal", 2),
    "chestmnist": (GRAY, "multilabel", 14),
    "dermamnist": (COLOUR, "nominal", 7),
    "fracturemnist3d": (VOLUME, "nominal", 3),
    "nodulemnist3d": (VOLUME, "nominal", 2),
    "octmnist": (GRAY, "nominal", 4),
    "organamnist": (GRAY, "nominal", 11),
    "organcmnist": (GRAY, "nominal", 11),
    "organmnist3d": (VOLUME, "nominal", 11),
    "organsmnist": (GRAY, "nominal", 11),
    "pathmnist": (COLOUR, "nominal", 9),
    "pneumoniamnist": (GRAY, "nominal", 2),
    "retinamnist": (COLOUR, "ordinal", 5),
    "synapsemnist3d": (VOLUME, "nominal", 2),
    "tissuemnist": (GRAY, "nominal", 8),
    "vesselmnist3d": (VOLUME, "nominal", 2),
}
"""Of one image as it is stored, and of the classes; from the paper's table."""


def official(flag: str, size: int) -> Path:
    """The official file below HARNESS_DATA; skips where there is none."""
    name = _medmnist_files.official(flag, size).remote.name
    root = Path(os.environ.get("HARNESS_DATA") or "nowhere")
    for path in (root / name, root / "medmnist" / name):
        if path.is_file():
            return path
    pytest.skip(f"HARNESS_DATA has no {name}")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder."""
    folder = tmp_path / "home"
    monkeypatch.setattr(Path, "home", lambda: folder)
    return folder


@pytest.fixture
def offline(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that fails the test when it is used."""
    monkeypatch.setattr("socket.create_connection", lambda *_, **__: pytest.fail("downloaded"))


@pytest.fixture
def site(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that has what the table calls BreastMNIST, the bytes of `npz()`."""
    with published(npz()) as found:
        table(monkeypatch, "breastmnist", npz(), url=found.url())
        yield found


def table(monkeypatch: pytest.MonkeyPatch, flag: str, content: bytes, **changed: str) -> None:
    """Let the package's table say that `content` is the official file."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    row = _medmnist_files.table()[flag] | {"MD5": md5} | changed
    monkeypatch.setattr(_medmnist_files, "table", lambda: {flag: row})


def arrays(image: tuple[int, ...] = GRAY, n: int = 6) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    made: dict[str, NDArray[Any]] = {}
    for split in medmnist.SPLITS:
        made[f"{split}_images"] = rng.integers(0, 256, (n, *image), dtype=np.uint8)
        made[f"{split}_labels"] = (np.arange(n, dtype=np.uint8) % 2)[:, None]
    return made


def file_of(image: tuple[int, ...] = GRAY, kind: Kind = "nominal") -> _medmnist_files.File:
    """Of two classes, or three labels a case."""
    return _medmnist_files.File(
        remote=Remote(name="f.npz", url="", md5="", cache=".medmnist"),
        classes=("one", "two", "three") if kind == "multilabel" else ("no", "yes"),
        kind=kind,
        image=image,
    )


def npz(**changed: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{k: v for k, v in (arrays() | changed).items() if v is not None})
    return buffer.getvalue()


# The official files


@pytest.mark.parametrize(("flag", "size"), PUBLISHED)
def test_published_counts_and_checksum(offline: None, flag: str, size: int) -> None:
    path = official(flag, size)
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    assert medmnist.fingerprint(path.parent, flag=flag, size=size) == md5
    for split, expected in zip(medmnist.SPLITS, PUBLISHED[flag, size], strict=True):
        with np.load(path) as archive:
            labels = archive[f"{split}_labels"]
        samples = medmnist.load(split, path.parent, flag=flag, size=size)
        assert tuple(np.bincount(samples.targets)) == expected
        assert samples.pixels.dtype == np.uint8
        assert samples.pixels.shape[0] == len(samples) == sum(expected)
        shape, kind, classes = FORMS[flag]
        channels = 3 if shape == COLOUR else 1
        assert samples.shape == (channels, *[size] * (3 if shape == VOLUME else 2))
        assert (samples.kind, len(samples.classes)) == (kind, classes)
        np.testing.assert_array_equal(samples.targets, labels[:, 0])


@pytest.mark.parametrize("split", medmnist.SPLITS)
@pytest.mark.parametrize("flag", ["adrenalmnist3d", "vesselmnist3d"])
def test_only_the_wanted_split_is_held_once(offline: None, flag: str, split: str) -> None:
    folder = official(flag, 64).parent
    tracemalloc.start()
    samples = medmnist.load(split, folder, flag=flag, size=64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    counts = PUBLISHED[flag, 64][medmnist.SPLITS.index(split)]
    assert samples.pixels.nbytes == sum(counts) * 64**3
    assert samples.pixels.nbytes < peak < 1.1 * samples.pixels.nbytes


def test_polarity_of_breast(offline: None) -> None:
    folder = official("breastmnist", 28).parent
    classes = medmnist.load("test", folder, flag="breastmnist").classes
    assert classes == ("malignant", "normal, benign")


@pytest.mark.parametrize(("flag", "size"), [pair for pair in PUBLISHED if pair[1] == 28])
def test_pixels_are_those_of_the_file(offline: None, flag: str, size: int) -> None:
    path = official(flag, size)
    with np.load(path) as archive:
        images = archive["val_images"]
    samples = medmnist.load("val", path.parent, flag=flag)
    for channel, pixels in enumerate(np.moveaxis(samples.pixels, 1, 0)):
        expected = images[..., channel] if FORMS[flag][0] == COLOUR else images
        np.testing.assert_array_equal(pixels, expected)
    batch = samples.batch(slice(0, 5))
    assert batch.dtype == np.float32
    assert 0 <= batch.min() < batch.max() <= 1


# The layout


def test_the_forms_are_of_all_flags() -> None:
    assert _medmnist_files.table().keys() == FORMS.keys()


@pytest.mark.parametrize("flag", FORMS)
def test_a_file_of_the_official_form_is_read(
    tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    image, kind, classes = FORMS[flag]
    made = arrays(image, n=2 * classes)
    for split in medmnist.SPLITS:
        labels = (np.arange(2 * classes) % classes)[:, None]
        if kind == "multilabel":
            labels = np.hstack([labels == k for k in range(classes)]) | (labels < 2)
        made[f"{split}_labels"] = labels.astype(np.uint8)
    content = npz(**made)
    table(monkeypatch, flag, content)
    (tmp_path / f"{flag}.npz").write_bytes(content)
    for split in medmnist.SPLITS:
        samples = medmnist.load(split, tmp_path, flag=flag)
        stored, labels = made[f"{split}_images"], made[f"{split}_labels"]
        assert (samples.kind, len(samples.classes), len(samples)) == (kind, classes, 2 * classes)
        assert samples.shape == {GRAY: (1, 28, 28), COLOUR: (3, 28, 28)}.get(image, (1, *image))
        expected = stored.transpose(0, 3, 1, 2) if image == COLOUR else stored[:, None]
        np.testing.assert_array_equal(samples.pixels, expected)
        assert samples.targets.ndim == (2 if kind == "multilabel" else 1)
        np.testing.assert_array_equal(samples.targets.reshape(labels.shape), labels)
        assert samples.targets.dtype == np.int64


def test_labels_of_chest_are_in_the_order_of_their_columns() -> None:
    file = _medmnist_files.official("chestmnist", 28)
    assert (file.kind, file.labels, file.image) == ("multilabel", 14, (28, 28))
    assert file.classes[:2] == ("atelectasis", "cardiomegaly")
    assert file.classes[-1] == "hernia"


@pytest.mark.parametrize(
    ("image", "shape"),
    [(GRAY, (1, 28, 28)), (COLOUR, (3, 28, 28)), (VOLUME, (1, 28, 28, 28))],
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
    assert file.remote.name == "pathmnist_224.npz"
    assert file.remote.url.endswith("pathmnist_224.npz?download=1")
    assert file.remote.md5 == "2c51a510bcdc9cf8ddb2af93af1eadec"
    assert file.remote.cache == ".medmnist"
    assert file.image == (224, 224, 3)
    assert file.classes[0] == "adipose"
    assert len(file.classes) == 9


@pytest.mark.parametrize("flag", FORMS)
def test_every_published_size_is_a_file_of_its_own(offline: None, flag: str) -> None:
    image, kind, classes = FORMS[flag]
    sizes = (28, 64) if image == VOLUME else (28, 64, 128, 224)
    files = [_medmnist_files.official(flag, size) for size in sizes]
    for size, file in zip(sizes, files, strict=True):
        [remote] = medmnist.remotes(flag=flag, size=size)
        assert remote == file.remote
        assert remote.name == (f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz")
        assert remote.url.startswith("https://")
        assert f"/{remote.name}" in remote.url
        assert file.image == tuple(size if side == 28 else side for side in image)
        assert (file.kind, len(file.classes)) == (kind, classes)
        assert medmnist.fingerprint(Path("nowhere"), flag=flag, size=size) == remote.md5
    assert len({file.remote.md5 for file in files}) == len(sizes)
    assert all(len(file.remote.md5) == 32 for file in files)


@pytest.mark.parametrize(
    ("flag", "size", "sentence"),
    [
        ("brestmnist", 28, "flag must be one of adrenalmnist3d, .*, got 'brestmnist'"),
        ("chestmnist", 32, "size of chestmnist must be one of 28, 64, 128, 224, got 32"),
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
    tmp_path: Path, home: Path, site: Site, folder: str
) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "breastmnist.npz").write_bytes(npz())
    assert len(medmnist.load("val", tmp_path, flag="breastmnist")) == 6
    assert site.asked == []
    assert not home.exists()


@pytest.mark.parametrize("root", [None, "empty"])
def test_a_missing_file_is_downloaded_once(
    tmp_path: Path, home: Path, site: Site, root: str | None
) -> None:
    folder = None if root is None else tmp_path / root
    digest = medmnist.fingerprint(folder, flag="breastmnist")
    assert site.asked == []
    for split in medmnist.SPLITS:
        assert len(medmnist.load(split, folder, flag="breastmnist")) == 6
    assert digest == hashlib.md5(npz(), usedforsecurity=False).hexdigest()
    assert site.asked == [None]
    assert [path.name for path in (home / ".medmnist").iterdir()] == ["breastmnist.npz"]


def test_a_wrong_download_leaves_nothing(home: Path, site: Site) -> None:
    site.content = npz()[:100]
    with pytest.raises(HarnessError, match=r"got MD5 \w{32} instead of \w{32}; try again, or put"):
        medmnist.load("test", None, flag="breastmnist")
    assert list((home / ".medmnist").iterdir()) == []


def test_a_cut_download_goes_on(home: Path, site: Site) -> None:
    site.cuts = [100]
    with pytest.raises(HarnessError, match=r"got 100 of \d+ bytes before the connection ended"):
        medmnist.load("test", None, flag="breastmnist")
    assert len(medmnist.load("test", None, flag="breastmnist")) == 6
    assert site.asked == [None, "bytes=100-"]


def test_no_network_says_where_to_put_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with published(b"") as gone:
        table(monkeypatch, "adrenalmnist3d", b"", url=gone.url())
    with pytest.raises(HarnessError, match=r"got Connection refused; .*HARNESS_DATA or --data"):
        medmnist.load("test", None, flag="adrenalmnist3d")


def test_wrong_checksum(tmp_path: Path, offline: None) -> None:
    (tmp_path / "breastmnist.npz").write_bytes(npz())
    with pytest.raises(HarnessError, match=r"must have MD5 750601\w+, got \w{32}; replace it by"):
        medmnist.load("test", tmp_path, flag="breastmnist")


def test_a_changed_file_is_verified_again(tmp_path: Path, site: Site) -> None:
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
SEVERAL = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 1]] * 2, np.uint8)
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


DAMAGED_LABELS = {
    "two": (SEVERAL * 2, "test_labels from 0 to 1, got 0 to 2"),
    "negative": (-SEVERAL.astype(np.int8), "test_labels from 0 to 1, got -1 to 0"),
    "narrow": (SEVERAL[:, :2], r"integer test_labels \(6, 3\), got uint8 \(6, 2\)"),
    "single": (LABELS, r"integer test_labels \(6, 3\), got uint8 \(6, 1\)"),
    "flat": (SEVERAL[:, 0], r"integer test_labels \(6, 3\), got uint8 \(6,\)"),
    "bool": (SEVERAL > 0, r"integer test_labels \(6, 3\), got bool \(6, 3\)"),
    "absent": (SEVERAL * [1, 0, 1], "test cases of every class, got none of two"),
    "none": (SEVERAL * 0, "test cases of every class, got none of one, two, three"),
}


@pytest.mark.parametrize("case", DAMAGED_LABELS)
def test_damaged_labels_of_several_are_one_sentence(tmp_path: Path, case: str) -> None:
    labels, sentence = DAMAGED_LABELS[case]
    path = tmp_path / "f.npz"
    path.write_bytes(npz(test_labels=labels))
    with pytest.raises(HarnessError, match=sentence) as caught:
        medmnist._read(path, "test", file_of(kind="multilabel"))
    assert str(caught.value).endswith("; replace it by the official file")


def test_validation_may_lack_a_class(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    path.write_bytes(npz(val_labels=LABELS * 0))
    assert set(medmnist._read(path, "val", file_of()).targets) == {0}
    path.write_bytes(npz(val_labels=SEVERAL * [1, 0, 1]))
    samples = medmnist._read(path, "val", file_of(kind="multilabel"))
    np.testing.assert_array_equal(samples.targets, SEVERAL * [1, 0, 1])
