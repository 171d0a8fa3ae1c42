"""Strict tables: what is declared comes out typed, and all else is one sentence with its place."""

import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import strict
from harness.errors import HarnessError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leaf:
    colour: Literal["green", "red"]
    area: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tree:
    name: str
    age: int = 0
    tall: bool = False
    leaves: Mapping[str, Leaf] = dataclasses.field(default_factory=dict)
    rings: tuple[float, ...] = ()
    place: tuple[float, float] | None = None
    better: Literal["higher"] | float | None = None
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.age < 0:
            raise ValueError(f"age must be 0 or more, got {self.age}")


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_a_table_becomes_its_dataclass() -> None:
    table = {
        "name": "oak",
        "age": 3,
        "tall": True,
        "leaves": {"low": {"colour": "red", "area": 2}},
        "rings": [1, 2.5],
        "place": [0, 1],
        "better": 2,
        "notes": {"any": ["thing", {"at": "all"}]},
    }
    oak = strict.build(Tree, table, "tree")
    assert oak == Tree(
        name="oak",
        age=3,
        tall=True,
        leaves={"low": Leaf(colour="red", area=2.0)},
        rings=(1.0, 2.5),
        place=(0.0, 1.0),
        better=2.0,
        notes={"any": ["thing", {"at": "all"}]},
    )
    assert type(oak.leaves["low"].area) is type(oak.rings[0]) is type(oak.better) is float
    assert strict.build(Tree, {"name": "ash"}, "tree") == Tree(name="ash")
    assert strict.build(Tree, {"name": "elm", "better": "higher"}, "tree").better == "higher"


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"nmae": "x"}, "tree: unknown key 'nmae'; known: age, better, leaves, name, notes, place"),
        ({}, "tree must have a key 'name', got none"),
        (3, "tree must be a table, got 3"),
        ([], "tree must be a table, got []"),
        ({"name": 3}, "tree.name must be a text, got 3"),
        ({"name": True}, "tree.name must be a text, got True"),
        ({"age": 1.0}, "tree.age must be an integer, got 1.0"),
        ({"age": True}, "tree.age must be an integer, got True"),
        ({"age": -1}, "tree: age must be 0 or more, got -1"),
        ({"tall": 1}, "tree.tall must be true or false, got 1"),
        ({"rings": "12"}, "tree.rings must be a list, got '12'"),
        ({"rings": [1, "2"]}, "tree.rings[1] must be a number, got '2'"),
        ({"rings": [True]}, "tree.rings[0] must be a number, got True"),
        ({"place": [1.0]}, "tree.place must be a list of 2, got [1.0]"),
        ({"place": {}}, "tree.place must be a list, got {}"),
        ({"better": "lower"}, "tree.better must be higher or a number, got 'lower'"),
        ({"leaves": 1}, "tree.leaves must be a table, got 1"),
        ({"leaves": {"a": 1}}, "tree.leaves.a must be a table, got 1"),
        ({"leaves": {"a": {}}}, "tree.leaves.a must have a key 'colour', got none"),
        (
            {"leaves": {"a": {"colour": ["red"]}}},
            "tree.leaves.a.colour must be one of green, red, got ['red']",
        ),
        ({"notes": []}, "tree.notes must be a table, got []"),
    ],
)
def test_a_mistake_is_one_sentence(table: Any, sentence: str) -> None:
    whole = {"name": "oak"} | table if isinstance(table, dict) and table else table
    with pytest.raises(HarnessError) as caught:
        strict.build(Tree, whole, "tree")
    assert str(caught.value).startswith(sentence)


def test_a_place_with_a_colon_is_a_file() -> None:
    with pytest.raises(HarnessError, match=r"^oak\.toml: age must be an integer, got 'x'$"):
        strict.build(Tree, {"name": "oak", "age": "x"}, "oak.toml:")
    with pytest.raises(HarnessError, match=r"^oak\.toml must have a key 'name', got none$"):
        strict.build(Tree, {}, "oak.toml:")
    with pytest.raises(HarnessError, match=r"^oak\.toml: unknown key 'x'; known: age, "):
        strict.build(Tree, {"x": 1}, "oak.toml:")


@given(values)
def test_whatever_the_value_only_a_sentence_comes_back(value: Any) -> None:
    for field in dataclasses.fields(Tree):
        table = {"name": "oak", field.name: value}
        try:
            found = repr(strict.build(Tree, table, "tree"))
        except HarnessError as error:
            found = str(error)
        assert found.startswith(("tree", "Tree("))


@given(values)
def test_plain_values_pass(value: Any) -> None:
    strict.plain({"a": [value]}, "x")


@pytest.mark.parametrize(
    ("value", "must"),
    [
        (float("nan"), "be finite, got nan"),
        (float("-inf"), "be finite, got -inf"),
        (2**63, "fit 64 bits, got a larger integer"),
        (-(2**64), "fit 64 bits, got a larger integer"),
        (16**5000, "fit 64 bits, got a larger integer"),
        (datetime.date(2024, 1, 2), "be a number, text, list or table, got 2024-01-02"),
    ],
    ids=["nan", "inf", "large", "small", "huge", "date"],
)
def test_what_is_not_plain_is_named_with_its_place(value: Any, must: str) -> None:
    with pytest.raises(HarnessError) as caught:
        strict.plain({"a": 1, "b": [0, {"c": value}]}, "x.toml:")
    assert str(caught.value) == f"x.toml: b[1].c must {must}"


def test_a_toml_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbf" + "a = 'é'\n[b]\nc = 1e3".encode())
    assert strict.read_toml(path) == {"a": "é", "b": {"c": 1000.0}}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a = '\xff'", "must be TOML, got: 'utf-8' codec can't decode"),
        ("a = 1".encode("utf-16"), "must be TOML, got: 'utf-8' codec can't decode"),
        (b"\0", "must be TOML, got: "),
        (b"a = 1\na = 2", "must be TOML, got: Cannot overwrite a value"),
        (b"a =", "must be TOML, got: Invalid value"),
        (b"a = " + b"[" * 2000 + b"]" * 2000, "must be TOML, got: "),
        (b"a = 1" + b"0" * 5000, "must be TOML, got: "),
        (b"a = 0x" + b"f" * 5000, ": a must fit 64 bits"),
        (b"[a]\nb = [nan]", ": a.b[0] must be finite, got nan"),
        (b"[a]\nb = 2024-01-01T00:00:00Z", ": a.b must be a number, text, list or table"),
    ],
    ids=[
        *("latin-1", "utf-16", "nul", "twice", "cut", "deep", "long", "long-hex", "nan", "date"),
    ],
)
def test_a_broken_toml_file_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(HarnessError) as caught:
        strict.read_toml(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert sentence in said
    assert "\n" not in said


def test_an_unreadable_toml_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(HarnessError, match=r"folder\.toml must be a readable file, got: Is a dir"):
        strict.read_toml(tmp_path / "folder.toml")
    with pytest.raises(HarnessError, match=r"none\.toml must be a readable file, got: No such"):
        strict.read_toml(tmp_path / "none.toml")
    with pytest.raises(HarnessError, match="must be a readable file, got: File name too long"):
        strict.read_toml(tmp_path / f"{'x' * 300}.toml")
