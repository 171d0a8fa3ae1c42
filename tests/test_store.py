"""The store: whatever stops a process, a file is the old one or the new, and a step done or not."""

import errno
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import disk, store
from harness.errors import HarnessError
from harness.plan import Run

RUN = Run(suite="tiny", dataset="blobs", model="small", device="cpu", seed=3)

if sys.platform == "win32":
    pytest.skip("no locks, signals or limits there", allow_module_level=True)


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Writing


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    disk.write(path, b"\0\xff")
    assert path.read_bytes() == b"\0\xff"
    disk.write(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert names(path.parent) == ["file"]


def test_json_is_strict_and_ends_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    disk.write_json(path, {"a": [1, None, "é"]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, None, "é"]}
    assert path.read_text(encoding="utf-8").endswith("}\n")
    with pytest.raises(ValueError, match="not JSON compliant"):
        disk.write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, None, "é"]}


@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_a_killed_process_leaves_the_old_file(tmp_path: Path, when: str) -> None:
    path = tmp_path / "file"
    disk.write(path, "old")
    code = """
import os, pathlib, signal, sys
from harness import disk, store
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = die if sys.argv[2] == "fsync" else os.fsync
pathlib.Path.replace = die
disk.write(pathlib.Path(sys.argv[1]), "new" * 100_000)
"""
    assert python(code, path, when).returncode == -signal.SIGKILL
    assert path.read_text(encoding="utf-8") == "old"
    assert len(names(tmp_path)) == 2
    with disk.locked(tmp_path, pytest.fail):
        assert names(tmp_path) == [".lock", "file"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """No file may grow beyond 1 kB."""
    path = tmp_path / "file"
    disk.write(path, "old")
    code = """
import pathlib, resource, sys
from harness import disk, store
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
disk.write(pathlib.Path(sys.argv[1]), "x" * 1000)
disk.write(pathlib.Path(sys.argv[1]), "new" * 100_000)
"""
    done = python(code, path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    said = f"{path} must be writable, got: File too large; free space or choose another folder"
    assert last == f"harness.disk.Unwritable: {said}"
    assert path.read_text(encoding="utf-8") == "x" * 1000
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_what_is_interrupted_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "file"
    disk.write(path, "old")

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    expected = disk.Unwritable if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        disk.write(path, "new")
    assert ("got: No space left on device; free" in str(caught.value)) == isinstance(error, OSError)
    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["file"]


def test_a_place_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "more").mkdir()
    for path in (tmp_path / "file" / "below", tmp_path / "folder", tmp_path / ("x" * 300)):
        with pytest.raises(disk.Unwritable, match=r"must be writable, got: .*; free space or"):
            disk.write(path, "x")
    assert names(tmp_path) == ["file", "folder"]
    with (
        pytest.raises(disk.Unwritable, match=r"must be writable, got: .*; choose another --out"),
        disk.locked(tmp_path / "file", pytest.fail),
    ):
        pytest.fail("held")
    assert issubclass(disk.Unwritable, HarnessError)


# Locking


HOLD = """
import pathlib, sys
from harness import disk, store
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
say = lambda word: print(word, flush=True)
with disk.locked(folder, lambda: say("waiting")):
    say("held")
    sys.stdin.readline()
    with (folder / "log").open("a") as log:
        log.write(name)
"""


def hold(folder: Path, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD, str(folder), name]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    """The next line, if it comes soon."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 20)
    return process.stdout.readline() if ready else "nothing"


def test_the_second_process_says_so_and_waits(tmp_path: Path) -> None:
    with hold(tmp_path, "a") as first:
        assert said(first) == "held\n"
        with hold(tmp_path, "b") as second:
            assert second.stdin is not None
            second.stdin.write("\n")
            second.stdin.flush()
            waiting = said(second)
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(timeout=0.5)
            assert not (tmp_path / "log").exists()
            first.communicate("\n", timeout=20)
            assert (waiting, said(second)) == ("waiting\n", "held\n")
            assert second.wait(timeout=20) == first.returncode == 0
    assert (tmp_path / "log").read_text(encoding="utf-8") == "ab"


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with hold(tmp_path, "a") as first:
        assert said(first) == "held\n"
        first.kill()
    with disk.locked(tmp_path, pytest.fail):
        assert names(tmp_path) == [".lock"]


def test_leftovers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".record.json.123.tmp", ".x.tmp", "mine.tmp", "record.json", ".hidden"):
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / ".folder.tmp").mkdir()
    with disk.locked(tmp_path, pytest.fail):
        pass
    assert names(tmp_path) == [".folder.tmp", ".hidden", ".lock", "mine.tmp", "record.json"]


def test_each_fit_has_a_folder_of_its_own(tmp_path: Path) -> None:
    folder = store.run_folder(tmp_path, RUN, "0123456789abcdef")
    assert folder == tmp_path / "tiny" / "blobs" / "small" / "cpu" / "s3-01234567"


# What is done


def done(folder: Path, step: str = "fit", digest: str = "d1") -> dict[str, Any] | None:
    return store.State.open(folder, RUN).done(step, digest)


def finished(folder: Path) -> Path:
    """A folder where `fit` is done and wrote `weights`."""
    (folder / "weights").write_bytes(b"12345")
    store.State.open(folder, RUN).finish("fit", "d1", ["weights"], {"seconds": 1.5})
    return folder


def test_a_finished_step_is_done_and_says_what_it_found(tmp_path: Path) -> None:
    assert done(tmp_path) is None
    finished(tmp_path)
    assert done(tmp_path) == {"digest": "d1", "files": {"weights": 5}, "seconds": 1.5}
    assert done(tmp_path, "export") is None
    assert done(tmp_path, digest="d2") is None
    written = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert Run(**written["run"]) == RUN


def test_steps_are_remembered_side_by_side_and_the_last_digest_counts(tmp_path: Path) -> None:
    finished(tmp_path)
    state = store.State.open(tmp_path, RUN)
    state.finish("export", "e1", [], {})
    state.finish("fit", "d2", ["weights"], {"seconds": 2.5})
    assert done(tmp_path, "export", "e1") == {"digest": "e1", "files": {}}
    assert done(tmp_path) is None
    assert done(tmp_path, digest="d2") == state.done("fit", "d2")


@pytest.mark.parametrize("content", [None, b"", b"1234", b"123456"])
def test_a_step_whose_file_is_gone_or_cut_is_not_done(
    tmp_path: Path, content: bytes | None
) -> None:
    finished(tmp_path)
    if content is None:
        (tmp_path / "weights").unlink()
    else:
        (tmp_path / "weights").write_bytes(content)
    assert done(tmp_path) is None


def test_a_step_cannot_finish_without_its_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.State.open(tmp_path, RUN).finish("fit", "d1", ["weights"], {})
    assert done(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        "{}",
        '{"steps": []}',
        '{"steps": 3}',
        '{"steps": {"fit": 3}}',
        '{"steps": {"fit": {}}}',
        '{"steps": {"fit": {"digest": "d1"}}}',
        '{"steps": {"fit": {"digest": "d1", "files": 3}}}',
        '{"steps": {"fit": {"digest": "d1", "files": {"weights": null}}}}',
        '{"steps": {"fit": {"digest": "d1", "files": {}}, "export": {"digest": "e1"}}}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:70],
)
def test_a_broken_note_counts_as_nothing_and_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    assert done(tmp_path) is None
    finished(tmp_path)
    assert done(tmp_path) is not None


def test_a_note_in_no_encoding_counts_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(b'{"steps": "\xff"}')
    assert done(tmp_path) is None


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted on Linux")
def test_reading_parquet_starts_no_thread_that_could_outlive_python() -> None:
    code = """
import io, os
import pyarrow as pa
import pyarrow.parquet as pq
from harness.disk import read_table

data = io.BytesIO()
pq.write_table(pa.table({str(k): range(1000) for k in range(8)}), data)
before = len(os.listdir("/proc/self/task"))
rows = read_table(data.getvalue()).num_rows
print(rows, len(os.listdir("/proc/self/task")) - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1000 0\n"
