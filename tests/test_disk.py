"""Columns of Arrow tables: as Arrow's own conversion gives them, and without pandas."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.disk import column

TYPES = {
    **{kind: st.integers(0, 100) for kind in ("int8", "int64", "uint16", "uint64")},
    **{kind: st.floats(0, 1, width=16) for kind in ("float16", "float32", "float64")},
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    "bool_": st.booleans(),
}


@settings(deadline=None)
@given(st.data())
def test_a_column_is_as_arrow_gives_it(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(TYPES)))
    cells = TYPES[kind] | st.none() if data.draw(st.booleans()) else TYPES[kind]
    chunks = data.draw(st.lists(st.lists(cells, max_size=4), max_size=3))
    if kind == "float16":
        chunks = [[None if x is None else np.float16(x) for x in chunk] for chunk in chunks]
    whole = pa.chunked_array(chunks, type=getattr(pa, kind)())
    table = pa.table({"x": whole}).slice(data.draw(st.integers(0, 3)))
    found, expected = column(table, "x"), table["x"].to_numpy()
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_no_such_column() -> None:
    with pytest.raises(KeyError):
        column(pa.table({"x": [1]}), "y")


def test_pandas_is_not_imported(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": ["a"], "y": [1], "z": [0.5]}), tmp_path / "it")
    code = (
        "import sys, pathlib\nfrom harness.disk import column, read_table\n"
        "table = read_table(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "print([column(table, name)[0] for name in 'xyz'] == ['a', 1, 0.5])\n"
        "print('pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "it")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
