"""One's own arrays, tables and image files: read as they are, or refused in a sentence."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import line
import numpy as np
import own
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn import metrics as sk

from harness import shelf
from harness.datasets import arrays
from harness.errors import HarnessError
from harness.predictions import Predictions
from harness.record import Record
from harness.samples import Samples
from harness.verbs._scope import ALL, Scope, open_scope
from harness.verbs.plan import planned
from harness.verbs.run import run

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
VOLUME = RNG.normal(size=(4, 5, 7)).astype(np.float32)
HEADER = "image,label,person,part,site,age"
ROWS = """
a.png,ill,p1,train,"Ulm, south",70
b.png,well,p1,train,,
c.png,well,p2,val,Åre,44
d.png,ill,p3,test,Ulm,
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def csv(text: str = f"{HEADER}{ROWS}", encoding: str = "utf-8") -> Path:
    path = Path("cases.csv")
    path.write_bytes(text.encode(encoding))
    return path


def images(*names: str) -> None:
    """Grey ones, each of a level of its own."""
    for level, name in enumerate(names or ("a.png", "b.png", "c.png", "d.png")):
        Image.fromarray(GREY // 2 + np.uint8(level)).save(name)


def load(split: str = "all", file: str = "cases.csv", **args: Any) -> Samples:
    return arrays.load(split, None, file=file, **args)


def refusal(split: str = "all", file: str = "cases.csv", **args: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        load(split, file, **args)
    said = str(caught.value)
    assert "\n" not in said
    return said


def one(image: Any, name: str, **options: Any) -> Samples:
    """A case of a file, and a second one that is the same."""
    if name.endswith(".npy"):
        np.save(name, image)
    else:
        (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(name, **options)
    csv(f"image,label\n{name},0\n{name},1\n")
    return load()


# Tables


def test_a_table_is_read_row_by_row() -> None:
    csv()
    images()
    cases = load(subject="person", groups=["site", "age"])
    assert cases.ids.tolist() == ["case-0", "case-1", "case-2", "case-3"]
    assert cases.classes == ("ill", "well")
    assert cases.targets.tolist() == [0, 1, 1, 0]
    assert cases.subjects is not None
    assert cases.subjects.tolist() == ["p1", "p1", "p2", "p3"]
    assert cases.groups["site"].tolist() == ["Ulm, south", "", "Åre", "Ulm"]
    assert cases.banded({"age": [0, 60]}).groups["age"].tolist() == [">=60", "", "0-60", ""]
    assert cases.pixels[:, 0].tolist() == [(GREY // 2 + k).tolist() for k in range(4)]
    assert (cases.kind, cases.full_scale, cases.range) == ("nominal", 255.0, (0.0, 1.0))
    assert load().subjects is None


def test_an_official_split_is_kept() -> None:
    csv()
    images()
    rows = {split: load(split, official="part") for split in ("train", "val", "test")}
    assert {split: found.ids.tolist() for split, found in rows.items()} == {
        "train": ["case-0", "case-1"],
        "val": ["case-2"],
        "test": ["case-3"],
    }
    assert all(found.classes == ("ill", "well") for found in rows.values())
    assert rows["test"].split == "test"
    assert rows["test"].pixels[0, 0].tolist() == (GREY // 2 + 3).tolist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_spreadsheet_may_have_written_it(encoding: str, end: str) -> None:
    csv(f"{HEADER}{ROWS}\n".replace("\n", end), encoding)
    images()
    found = load(groups=["site"])
    assert found.groups["site"].tolist() == ["Ulm, south", "", "Åre", "Ulm"]


def test_classes_have_the_order_that_is_asked_for() -> None:
    csv()
    images()
    assert load(classes=["well", "ill"]).targets.tolist() == [1, 0, 0, 1]
    three = load(classes=["well", "ill", "dead"], kind="ordinal")
    assert (three.classes, three.kind) == (("well", "ill", "dead"), "ordinal")
    assert three.targets.tolist() == [1, 0, 0, 1]


def test_labels_are_names_or_numbers() -> None:
    images("x.png")
    csv("image,label\n" + "".join(f"x.png,{label}\n" for label in (10, 9, 0, 9)))
    assert load().classes == ("0", "9", "10")
    assert load().targets.tolist() == [2, 1, 0, 1]
    csv("image,label\n" + "".join(f"x.png,{label}\n" for label in ("0", "ill", "1", "well")))
    assert load(classes=["well", "ill"]).targets.tolist() == [0, 1, 1, 0]
    csv("image,label\n" + "".join(f"x.png,{label}\n" for label in (1, 2)))
    assert load(classes=["2", "1"]).targets.tolist() == [1, 0]


def test_of_several_labels_none_is_one_too() -> None:
    images("x.png")
    csv("image,label\nx.png,wet|swollen\nx.png,\nx.png,swollen|swollen\n")
    cases = load(kind="multilabel")
    assert cases.classes == ("swollen", "wet")
    assert cases.targets.tolist() == [[1, 1], [0, 0], [1, 0]]
    listed = load(kind="multilabel", classes=["wet", "dry", "swollen"])
    assert listed.targets.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.text("ab\"', \n|é", max_size=4), st.sampled_from("xyz")), min_size=2)
)
def test_whatever_a_cell_holds_comes_back(rows: list[tuple[str, str]]) -> None:
    """Written by the csv module, quoted as it likes."""
    import csv as writer

    images("i.png")
    buffer = io.StringIO()
    out = writer.writer(buffer)
    out.writerows([("image", "label", "note"), *(("i.png", y, text) for text, y in rows)])
    csv(buffer.getvalue())
    if len({y for _, y in rows}) < 2:
        assert refusal().startswith("cases.csv must have two classes or more in 'label', got ")
        return
    found = load(groups=["note"])
    assert found.groups["note"].tolist() == [text for text, _ in rows]
    assert [found.classes[k] for k in found.targets] == [y for _, y in rows]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "cases.csv must have a header and rows, got 0 lines"),
        (f"{HEADER}\n", "cases.csv must have a header and rows, got 1 lines"),
        (
            "image,label,label\na.png,0,1\n",
            "cases.csv must name each column once, got image, label",
        ),
        (
            "image,label\na.png,0\nb.png\n",
            "cases.csv must have 2 values a row, got 1 in row 3",
        ),
        ("image,label\na.png,0,1\n", "cases.csv must have 2 values a row, got 3 in row 2"),
        ('image,label\n"a.png,0\n', "cases.csv must be a CSV in UTF-8, got unexpected end of data"),
        (
            "picture,label\na.png,0\na.png,1\n",
            "cases.csv must have a column 'image', got picture, label",
        ),
        ("image,lable\na.png,0\n", "cases.csv must have a column 'label', got image, lable"),
        (
            "image,label\na.png,ill\nb.png,ill\n",
            "cases.csv must have two classes or more in 'label', got ill",
        ),
        (
            "image,label\na.png,ill\nb.png,\nb.png,well\n",
            "cases.csv must have a label a case in 'label', got none in case-1",
        ),
    ],
)
def test_a_broken_table_is_one_sentence(text: str, sentence: str) -> None:
    csv(text)
    images()
    assert refusal().startswith(sentence)


def test_a_missing_number_is_nobody() -> None:
    npz(
        image=np.zeros((4, 3, 3), np.uint8),
        label=np.array([0, 1, 0, 1]),
        who=np.array([1.0, np.nan, np.nan, 2.0]),
    )
    people = load(file="cases.npz", subject="who").subjects
    assert people is not None
    assert people.tolist() == ["1.0", "case-1", "case-2", "2.0"]


def test_a_number_is_no_position_where_classes_are_numbers() -> None:
    csv("image,label\na.png,0\nb.png,1\nc.png,2\n")
    images()
    assert refusal(classes=["1", "2", "3"]).startswith("cases.csv must have labels 1, 2, 3 in")
    csv("image,label\na.png,0\nb.png,1\nc.png,1\n")
    assert load(classes=["well", "ill"]).targets.tolist() == [0, 1, 1]


def test_whom_nobody_names_is_somebody_else() -> None:
    csv("image,label,person\na.png,ill,p\nb.png,well,\nc.png,ill,\nd.png,well,p\n")
    images()
    people = load(subject="person").subjects
    assert people is not None
    assert people.tolist() == ["p", "case-1", "case-2", "p"]
    csv("image,label,person\na.png,ill,\nb.png,well,\n")
    assert load(subject="person").subjects is None


def test_latin_1_is_one_sentence() -> None:
    csv(encoding="latin-1")
    assert refusal().startswith("cases.csv must be a CSV in UTF-8, got 'utf-8' codec can't decode")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ({"classes": ["ill", "dead"]}, "cases.csv must have labels ill, dead in 'label', got 'we"),
        ({"classes": ["ill"]}, "cases.csv must have two classes or more in 'label', got ill"),
        (
            {"kind": "ordinal"},
            "cases.csv must have numbers as grades in 'label', or their order in",
        ),
        ({"kind": "fuzzy"}, "kind must be one of nominal, ordinal, multilabel, got 'fuzzy'"),
        (
            {"kind": "multilabel", "classes": ["ill"]},
            "cases.csv must have labels ill in 'label', got 'well'",
        ),
        ({"subject": "who"}, "cases.csv must have a column 'who', got image, label, person, part"),
        ({"groups": ["sex"]}, "cases.csv must have a column 'sex', got image, label, person, part"),
        ({"image": "label"}, "ill must be an image, got: "),
    ],
)
def test_a_wrong_argument_is_one_sentence(args: dict[str, Any], sentence: str) -> None:
    csv()
    images()
    assert refusal(**args).startswith(sentence)


@pytest.mark.parametrize(
    ("split", "text", "sentence"),
    [
        ("train", None, "cases.csv must be divided, got no split; name its column in args.off"),
        ("dev", None, "split must be one of train, val, test, all, got 'dev'"),
        (
            "train",
            "image,label,part\na.png,0,train\nb.png,1,dev\n",
            "cases.csv must have train, val or test in part, got 'dev'",
        ),
        (
            "test",
            "image,label,part\na.png,0,train\nb.png,1,val\n",
            "cases.csv must have a case of test in part, got none",
        ),
    ],
)
def test_a_part_that_is_not_there_is_one_sentence(
    split: str, text: str | None, sentence: str
) -> None:
    csv(text or f"{HEADER}{ROWS}")
    images()
    assert refusal(split, official="part" if text else "").startswith(sentence)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_leak_is_named(split: str) -> None:
    csv(f"{HEADER}{ROWS}a.png,ill,p2,test,,\n")
    images()
    said = refusal(split, official="part", subject="person")
    assert said == "cases.csv must have each subject in one split, got 'p2' in val and test"
    assert len(load(split, official="part")) == {"train": 2, "val": 1, "test": 2}[split]


def test_who_is_not_known_leaks_nothing() -> None:
    csv("image,label,part,who\na.png,0,train,\nb.png,1,test,\nc.png,0,val,\n")
    images()
    assert load("test", official="part", subject="who").ids.tolist() == ["case-1"]


@pytest.mark.parametrize("name", ["none.csv", "none.npz", "cases.txt", "", "folder.csv"])
def test_a_file_that_is_not_there(name: str) -> None:
    Path("folder.csv").mkdir()
    Path("cases.txt").write_text("image,label\n", encoding="utf-8")
    assert refusal(file=name).startswith("file must be an .npz or .csv below the data root, got ")
    with pytest.raises(HarnessError, match=r"below the data root, got .*; name the root by --data"):
        arrays.fingerprint(None, file=name)


# Image files


@pytest.mark.parametrize(
    ("image", "name", "expected", "white"),
    [
        (GREY, "x.png", GREY[None], 255),
        (GREY, "x.tiff", GREY[None], 255),
        (COLOUR, "x.png", COLOUR.transpose(2, 0, 1), 255),
        (COLOUR, "x.tif", COLOUR.transpose(2, 0, 1), 255),
        (DEEP, "x.png", DEEP[None], 65535),
        (DEEP, "x.tiff", DEEP[None], 65535),
        (GREY, "x.npy", GREY[None], 255),
        (COLOUR, "x.npy", COLOUR.transpose(2, 0, 1), 255),
        (VOLUME, "x.npy", VOLUME[None], 1),
        (VOLUME[None], "x.npy", VOLUME[None], 1),
        (VOLUME[0], "x.tiff", VOLUME[:1], 1),
    ],
)
def test_an_image_is_what_it_was(image: Any, name: str, expected: Any, white: float) -> None:
    cases = one(image, name)
    assert cases.pixels.dtype == image.dtype
    np.testing.assert_array_equal(cases.pixels, np.stack([expected, expected]))
    assert cases.full_scale == white
    assert cases.shape == expected.shape


@pytest.mark.parametrize("transparent", [False, True])
def test_a_palette_is_colours(transparent: bool) -> None:
    image = Image.fromarray(COLOUR).quantize(16)
    rgb = np.asarray(image.convert("RGB"))
    options = {"transparency": bytes(range(16))} if transparent else {}
    found = one(image, "x.png", **options)
    np.testing.assert_array_equal(found.pixels[0], rgb.transpose(2, 0, 1))


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("LA", 1), ("RGBA", 3)])
def test_transparency_is_left_out(mode: str, channels: int) -> None:
    image = Image.fromarray(COLOUR).convert(mode)
    found = one(image, "x.png").pixels
    expected = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    assert found.shape == (2, channels, 5, 7)
    np.testing.assert_array_equal(
        found[0], expected[None] if channels == 1 else expected.transpose(2, 0, 1)
    )


def test_a_volume_may_have_its_channels_said() -> None:
    np.save("x.npy", VOLUME)
    csv("image,label\nx.npy,0\nx.npy,1\n")
    assert load(layout="CHW").shape == (4, 5, 7)
    assert load(layout="HWC").shape == (7, 4, 5)
    assert load().shape == load(layout="DHW").shape == (1, 4, 5, 7)
    assert refusal(layout="HW").startswith("x.npy must hold images of numbers, their axes one of")


def test_a_jpeg_is_nearly_what_it_was() -> None:
    smooth = np.add.outer(np.arange(16), np.arange(24)).astype(np.uint8) * 4
    assert np.abs(one(smooth, "x.jpg", quality=95).pixels[0, 0].astype(int) - smooth).max() < 8


def test_white_may_be_said() -> None:
    Image.fromarray(DEEP // 16).save("x.png")
    csv("image,label\nx.png,0\nx.png,1\n")
    found = load(white=4095.0).batch(slice(None))
    np.testing.assert_allclose(found[0, 0], DEEP // 16 / 4095, rtol=1e-6)


def test_files_are_beside_the_table(tmp_path: Path) -> None:
    folder = tmp_path / "root" / "set"
    (folder / "png").mkdir(parents=True)
    Image.fromarray(GREY).save(folder / "png" / "x.png")
    (folder / "t.csv").write_text("image,label\npng/x.png,0\npng/x.png,1\n", encoding="utf-8")
    found = arrays.load("all", tmp_path / "root", file="set/t.csv")
    assert found.pixels[1, 0].tolist() == GREY.tolist()


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (GREY[:4], "b.png must be uint8 (1, 5, 7) as a.png, got uint8 (1, 4, 7); bring all ima"),
        (COLOUR, "b.png must be uint8 (1, 5, 7) as a.png, got uint8 (3, 5, 7); bring all images"),
        (DEEP, "b.png must be uint8 (1, 5, 7) as a.png, got uint16 (1, 5, 7); bring all images"),
    ],
)
def test_images_of_several_sizes_are_one_sentence(other: Any, sentence: str) -> None:
    Image.fromarray(GREY).save("a.png")
    Image.fromarray(other).save("b.png")
    csv("image,label\na.png,0\nb.png,1\n")
    assert refusal().startswith(sentence)


def png(image: Any = GREY) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def npy(image: Any = VOLUME) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, image)
    return buffer.getvalue()


def frames() -> bytes:
    buffer = io.BytesIO()
    several = [Image.fromarray(GREY), Image.fromarray(GREY // 2)]
    several[0].save(buffer, "TIFF", save_all=True, append_images=several[1:])
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("b.png", None, "b.png must be an image, got: "),
        ("b.png", b"", "b.png must be an image, got: cannot identify image file"),
        ("b.png", b"not a picture\n", "b.png must be an image, got: cannot identify image file"),
        ("b.png", png()[:60], "b.png must be an image, got: "),
        ("b.npy", None, "b.npy must be an image, got: "),
        ("b.npy", b"", "b.npy must be an image, got: "),
        ("b.npy", npy()[:200], "b.npy must be an image, got: "),
        ("b.npy", png(), "b.npy must be an image, got: "),
        ("b.npy", npy(np.array([{}])), "b.npy must be an image, got: Object arrays cannot be load"),
        ("b.npy", npy(GREY > 3), "b.npy must hold images of numbers, their axes one of HW, HWC, "),
        ("b.npy", npy(GREY[0]), "b.npy must hold images of numbers, their axes one of HW, HWC, "),
        ("b.npy", npy(GREY.astype(complex)), "b.npy must hold images of numbers, their axes one"),
        ("b.tiff", frames(), "b.tiff must be an image, got: 2 frames in a file; save them as .npy"),
    ],
)
def test_a_file_that_is_no_image_is_one_sentence(
    name: str, data: bytes | None, sentence: str
) -> None:
    Image.fromarray(GREY).save("a.png")
    if data is not None:
        Path(name).write_bytes(data)
    csv(f"image,label\na.png,0\n{name},1\n")
    assert refusal().startswith(sentence)
    csv(f"image,label\n{name},0\na.png,1\n")
    assert refusal().startswith(sentence)


WHOLE = {"x.png": png(COLOUR), "x.npy": npy()}


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from(sorted(WHOLE)), at=st.integers(0, 10**6), value=st.integers(0, 255))
@example(name="x.png", at=40, value=0)
def test_a_byte_gone_wrong_is_one_sentence_at_most(name: str, at: int, value: int) -> None:
    data = WHOLE[name]
    at %= len(data)
    Path(name).write_bytes(data[:at] + bytes([value]) + data[at + 1 :])
    csv(f"image,label\n{name},0\n{name},1\n")
    try:
        said = f"{len(load())} cases"
    except HarnessError as error:
        said = str(error)
    assert said == "2 cases" or said.startswith((f"{name} must be an ima", f"{name} must hold ima"))


# Arrays


def npz(**columns: Any) -> None:
    np.savez("cases.npz", **columns)


LABELS = np.array([0, 1, 1, 0])


@pytest.mark.parametrize(
    ("shape", "layout", "axes"),
    [
        ((5, 7), "", None),
        ((5, 7), "HW", None),
        ((4, 5, 7), "", None),
        ((4, 5, 7), "DHW", None),
        ((4, 5, 7), "CHW", (0, 1, 2)),
        ((5, 7, 4), "HWC", (2, 0, 1)),
        ((5, 7, 3), "", (2, 0, 1)),
        ((5, 7, 3), "DHW", None),
        ((2, 4, 5, 7), "", (0, 1, 2, 3)),
        ((2, 4, 5, 7), "CDHW", (0, 1, 2, 3)),
    ],
)
def test_axes_are_what_the_layout_says(
    shape: tuple[int, ...], layout: str, axes: tuple[int, ...] | None
) -> None:
    images = RNG.integers(0, 256, (4, *shape), dtype=np.uint8)
    npz(image=images, label=LABELS)
    found = load(file="cases.npz", layout=layout)
    for case, image in zip(found.pixels, images, strict=True):
        np.testing.assert_array_equal(case, image[None] if axes is None else image.transpose(axes))


def test_arrays_may_have_other_names() -> None:
    npz(x=np.stack([GREY] * 4), y=LABELS, who=[3, 3, 4, 5], sex=[b"F", b"M", b"", b"F"])
    found = load(file="cases.npz", image="x", label="y", subject="who", groups=["sex"])
    assert found.subjects is not None
    assert found.subjects.tolist() == ["3", "3", "4", "5"]
    assert found.groups["sex"].tolist() == ["F", "M", "", "F"]
    assert found.targets.tolist() == LABELS.tolist()
    assert load(file="cases.npz", image="x", label="y", classes=["no", "yes"]).classes == (
        "no",
        "yes",
    )


def test_labels_may_be_a_column_each() -> None:
    labels = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
    npz(image=np.stack([GREY] * 4), label=labels)
    found = load(file="cases.npz", kind="multilabel")
    assert found.targets.tolist() == labels.tolist()
    assert found.classes == ("label 0", "label 1", "label 2")
    named = load(file="cases.npz", kind="multilabel", classes=["a", "b", "c"])
    assert named.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("columns", "args", "sentence"),
    [
        ({"image": 3}, {}, "cases.npz must have arrays of as many rows, at least one, got image 3"),
        ({}, {}, "cases.npz must have arrays of as many rows, at least one, got no array"),
        ({"image": 0, "label": 0}, {}, "cases.npz must have arrays of as many rows, at least one"),
        ({"note": np.array("hello")}, {}, "cases.npz must have arrays of as many rows, at least o"),
        ({"label": np.array([[0], [1], [0], [1]])}, {}, "cases.npz must have one value a case in"),
        ({"label": np.array([{}, 1, 1, 0])}, {}, "cases.npz must be an .npz of plain arrays, got:"),
        ({"label": np.zeros(4)}, {}, "cases.npz must have two classes or more in 'label', got 0.0"),
        ({}, {"layout": "WH"}, "cases.npz must hold images of numbers, their axes one of HW, HWC"),
        ({}, {"layout": "CHW"}, "cases.npz must hold images of numbers, their axes one of HW, HWC"),
        ({"image": "text"}, {}, "cases.npz must hold images of numbers, their axes one of HW, HWC"),
        (
            {"label": np.array([[0, 2]] * 4)},
            {"kind": "multilabel"},
            "cases.npz must have 0 and 1 in 'label', got 0 to 2",
        ),
        (
            {"label": np.array([[0, 1]] * 4)},
            {"kind": "multilabel", "classes": ["a", "b", "c"]},
            "cases.npz must have 3 columns in 'label', got 2",
        ),
        (
            {"label": np.zeros((4, 0))},
            {"kind": "multilabel"},
            "cases.npz must have one value a case in 'label', got shape (4, 0)",
        ),
        (
            {"label": np.array([""] * 4)},
            {"kind": "multilabel"},
            "cases.npz must have labels in 'label', got none",
        ),
    ],
)
def test_broken_arrays_are_one_sentence(
    columns: dict[str, Any], args: dict[str, Any], sentence: str
) -> None:
    whole = {"image": np.stack([GREY] * 4), "label": LABELS}
    for key, value in columns.items():
        whole[key] = whole[key][:value] if isinstance(value, int) else value
    if "image" in columns and columns["image"] == "text":
        whole["image"] = np.array([["a", "b"]] * 4)
    npz(**(whole if columns or args else {}))
    assert refusal(file="cases.npz", **args).startswith(sentence)


@pytest.mark.parametrize("data", [b"", b"PK", b"nonsense", npy(), png(), b"PK\x03\x04" * 9])
def test_what_is_no_npz_is_one_sentence(data: bytes) -> None:
    Path("cases.npz").write_bytes(data)
    assert refusal(file="cases.npz").startswith("cases.npz must be an .npz of plain arrays, got: ")


# Fingerprints


def test_a_fingerprint_is_of_all_that_is_read() -> None:
    csv()
    images()
    found = [arrays.fingerprint(None, file="cases.csv")]
    assert arrays.fingerprint(None, file="cases.csv") == found[0]
    Path("notes.png").write_bytes(b"of no case")
    assert arrays.fingerprint(None, file="cases.csv") == found[0]
    for name in ("a.png", "d.png"):
        Image.fromarray(GREY[::-1]).save(name)
        found.append(arrays.fingerprint(None, file="cases.csv"))
    csv(f"{HEADER}{ROWS}".replace("44", "45"))
    found.append(arrays.fingerprint(None, file="cases.csv"))
    assert len(set(found)) == len(found)


def test_an_image_of_the_same_size_and_another_time_is_another() -> None:
    csv()
    images()
    before, data = arrays.fingerprint(None, file="cases.csv"), Path("a.png").read_bytes()
    stat = Path("a.png").stat()
    os.utime("a.png", ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
    assert arrays.fingerprint(None, file="cases.csv") == before
    Path("a.png").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert arrays.fingerprint(None, file="cases.csv") != before


def test_a_fingerprint_needs_no_decoding() -> None:
    csv("image,label,part\na.png,0,train\n")
    Path("a.png").write_bytes(b"nothing to see")
    assert arrays.fingerprint(None, file="cases.csv", official="part", white=3.0)


@pytest.mark.parametrize(
    "args", [{"label": "person"}, {"classes": ["a", "b"]}, {"official": "part"}, {"white": 9.0}]
)
def test_the_same_file_read_otherwise_is_other_data(args: dict[str, Any]) -> None:
    csv()
    images()
    plain = arrays.fingerprint(None, file="cases.csv")
    assert arrays.fingerprint(None, file="cases.csv", **args) != plain
    assert arrays.fingerprint(None, file="cases.csv", groups=["part"]) == plain


def test_a_fingerprint_misses_what_is_missing() -> None:
    csv()
    images("a.png", "b.png", "c.png")
    with pytest.raises(HarnessError, match=r"^d\.png must be a readable file, got: No such file"):
        arrays.fingerprint(None, file="cases.csv")


def test_it_may_be_divided() -> None:
    assert "all" in shelf.constant("datasets", "arrays", "SPLITS")


# The whole line


@pytest.fixture
def _hasty() -> Iterator[None]:
    with line.no_warm_up():
        yield


DIVIDED = "split = { by = 'image', test = 0.4, val = 0.3 }"


def measured(args: str, models: str, metrics: str, loss: str = "bce") -> tuple[Scope, Record]:
    """Run a suite of the arrays or table that `args` names."""
    data = f'[datasets.own]\nload = "arrays"\nargs = {{ {args} }}\n{DIVIDED}\n'
    path = own.suite(Path(), data, models, metrics, loss)
    scope = open_scope(path, ALL, Path(), Path("runs"))
    run(scope, fresh=False, quiet=True, debug=False)
    return scope, line.record(scope)


def answers(scope: Scope) -> Predictions:
    path = scope.folder(scope.runs[0]) / "predictions.parquet"
    return Predictions.from_parquet(path.read_bytes(), str(path)).select("test")


def value(record: Record, metric: str, **where: str) -> float:
    row = record.find(metric, **where)
    assert row is not None
    assert row.value is not None
    return row.value


@pytest.mark.usefixtures("_hasty")
def test_a_table_of_images_is_measured_and_watched() -> None:
    """An image that is drawn anew makes all stale."""
    rng = np.random.default_rng(0)
    for k in range(40):
        image = rng.integers(0, 60, (6, 7))
        image[3, 3] = rng.normal(130 if k % 2 else 80, 30)
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(f"{k}.png")
    csv("image,label\n" + "".join(f"{k}.png,{'ill' if k % 2 else 'well'}\n" for k in range(40)))
    line.onnx_file(Path("bright.onnx"), shape=(1, 6, 7))
    model = line.finished("bright", Path("bright.onnx"))
    scope, record = measured('file = "cases.csv", classes = ["well", "ill"]', model, '["accuracy"]')
    assert record.status == "ok", record.error
    right = [
        (np.asarray(Image.open(f"{k}.png")).max() / 255 * 20 > 8.2) == k % 2
        for k in (int(case.removeprefix("case-")) for case in answers(scope).id.tolist())
    ]
    assert value(record, "accuracy") == pytest.approx(np.mean(right))
    assert planned(scope).data["runs"][0]["stale"] == []
    Image.fromarray(np.zeros((6, 7), np.uint8)).save("7.png")
    again = open_scope("own.toml", ALL, Path(), Path("runs"))
    assert planned(again).data["runs"][0]["stale"][0] == "fit"


@pytest.mark.usefixtures("_hasty")
def test_several_labels_are_trained_and_measured() -> None:
    labels = np.random.default_rng(1).integers(0, 2, (60, 3))
    images = np.random.default_rng(2).integers(0, 99, (60, *own.SHAPE[1:]), dtype=np.uint8)
    images[:, 0, :3, 0] += (100 * labels).astype(np.uint8)
    npz(image=images, label=labels)
    args = 'file = "cases.npz", kind = "multilabel", classes = ["wet", "dry", "old"]'
    scope, record = measured(args, own.CNN, '["accuracy", "roc_auc", "exact_match", "mcc"]')
    assert record.status == "ok", record.error
    cases = answers(scope)
    assert (cases.kind, record.run["kind"]) == ("multilabel", "multilabel")
    assert cases.y_true.tolist() == [labels[int(case[5:])].tolist() for case in cases.id.tolist()]
    assert value(record, "accuracy") == pytest.approx((cases.decision == cases.y_true).mean())
    exact = sk.accuracy_score(cases.y_true, cases.decision)
    assert value(record, "exact_match") == pytest.approx(exact)
    for k, name in enumerate(("wet", "dry", "old")):
        area = sk.roc_auc_score(cases.y_true[:, k], cases.probability[:, k])
        assert value(record, "roc_auc", **{"class": name}) == pytest.approx(area)
    assert record.find("mcc") is None
    assert value(record, "parity_flips") == 0
    _, failed = measured(args, own.CNN, '["accuracy"]', loss="cross_entropy")
    assert failed.error == "train.loss must be bce for several labels, got cross_entropy"


@pytest.mark.usefixtures("_hasty")
def test_grades_are_measured_by_their_distance() -> None:
    grades = np.resize(["none", "mild", "severe"], 60)
    npz(image=np.random.default_rng(3).random((60, 6, 7), dtype=np.float32), label=grades)
    line.onnx_file(Path("steep.onnx"), shape=(1, 6, 7), columns=3, scale=1.0)
    model = line.finished("steep", Path("steep.onnx"), "softmax")
    args = 'file = "cases.npz", kind = "ordinal", classes = ["none", "mild", "severe"]'
    scope, record = measured(args, model, '["accuracy", "mean_absolute_error", "exact_match"]')
    assert record.status == "ok", record.error
    cases = answers(scope)
    assert cases.decision.tolist() == [2] * len(cases)
    truth = [("none", "mild", "severe").index(grades[int(case[5:])]) for case in cases.id.tolist()]
    error = sk.mean_absolute_error(truth, [2] * len(truth))
    assert value(record, "mean_absolute_error") == pytest.approx(error)
    assert record.find("exact_match") is None
