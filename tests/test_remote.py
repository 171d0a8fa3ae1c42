"""Published files come whole or not at all, whatever the server, the disk or a signal does."""

import contextlib
import errno
import functools
import hashlib
import io
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import Site, published

from harness import remote, shelf
from harness.disk import Unwritable, held
from harness.errors import HarnessError
from harness.progress import Progress
from harness.remote import Remote

CONTENT = bytes(range(256)) * 40 + b"end"
NAME = "file.npz"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs locks and signals of Unix")

Reports = list[tuple[int, int | None]]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pieces, short patience, and no proxy."""
    monkeypatch.setattr(remote, "PIECE", 1000)
    monkeypatch.setattr(remote, "TIMEOUT", 20)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    with published(CONTENT) as found:
        yield found


def file_at(url: str, content: bytes = CONTENT) -> Remote:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Remote(name=NAME, url=url, md5=md5, cache=".cached")


def fetch(site: Site, folder: Path) -> Reports:
    """Fetch, and see that it is right and alone; returns what was reported."""
    reports: Reports = []
    path = remote.fetch(file_at(site.url()), folder, lambda *both: reports.append(both))
    assert path == folder / NAME
    assert path.read_bytes() == CONTENT
    assert names(folder) == [NAME]
    return reports


def refuse(site: Site, folder: Path, sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence) as caught:
        remote.fetch(file_at(site.url()), folder)
    assert str(caught.value).startswith(f"{NAME} must be in the data root or at {site.url()}, got ")
    assert str(caught.value).endswith(" and name that by HARNESS_DATA or --data")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def part(folder: Path, content: bytes) -> Path:
    path = folder / f"{NAME}.part"
    path.write_bytes(content)
    return path


# A server that does what it should


def test_a_file_comes_whole_and_what_is_reported_adds_up(site: Site, tmp_path: Path) -> None:
    reports = fetch(site, tmp_path / "a" / "b")
    assert site.asked == [None]
    assert {total for _, total in reports} == {len(CONTENT)}
    here = [count for count, _ in reports]
    steps = [after - before for before, after in itertools.pairwise(here)]
    assert (here[0], here[-1]) == (0, len(CONTENT))
    assert all(0 < step <= remote.PIECE for step in steps)
    assert sum(steps) == site.sent == len(CONTENT)


def test_what_is_there_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    fetch(site, tmp_path)
    assert fetch(site, tmp_path) == []
    assert site.asked == [None]
    (tmp_path / NAME).write_bytes(b"mine")
    with pytest.raises(HarnessError, match=r"must have MD5 \w{32}, got \w{32}; replace it by"):
        remote.fetch(file_at(site.url()), tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"mine"


def test_a_cut_download_goes_on(site: Site, tmp_path: Path) -> None:
    site.cuts = [4000]
    refuse(site, tmp_path, f"got 4000 of {len(CONTENT)} bytes before the connection ended; try")
    assert (tmp_path / f"{NAME}.part").read_bytes() == CONTENT[:4000]
    assert names(tmp_path) == [f"{NAME}.part"]
    assert remote.find(tmp_path, file_at(site.url())) is None
    assert fetch(site, tmp_path)[0] == (4000, len(CONTENT))
    assert site.asked == [None, "bytes=4000-"]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cuts=st.lists(st.integers(0, len(CONTENT) - 1), max_size=6),
    chunked=st.booleans(),
)
def test_wherever_it_is_cut_each_byte_is_sent_once(
    site: Site, tmp_path_factory: pytest.TempPathFactory, cuts: list[int], chunked: bool
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    site.cuts, site.chunked, site.sent = list(cuts), chunked, 0
    left = len(CONTENT)
    for cut in cuts:
        if cut >= left:
            break
        refuse(site, folder, "bytes")
        left -= cut
        assert names(folder) == ([f"{NAME}.part"] if left < len(CONTENT) else [])
    site.cuts = []
    fetch(site, folder)
    assert site.sent == len(CONTENT)


def test_a_file_that_moved_is_followed_and_goes_on_there(site: Site, tmp_path: Path) -> None:
    part(tmp_path, CONTENT[:3000])
    assert remote.fetch(file_at(site.url("moved")), tmp_path).read_bytes() == CONTENT
    assert site.asked == ["bytes=3000-"] * 2
    assert site.sent == len(CONTENT) - 3000


# A server that does not


def test_a_server_without_ranges_begins_again(site: Site, tmp_path: Path) -> None:
    part(tmp_path, b"x" * 3000)
    site.ranges = False
    assert fetch(site, tmp_path)[0] == (0, len(CONTENT))
    assert site.asked == ["bytes=3000-"]


def test_a_part_that_is_all_of_it_is_the_file(site: Site, tmp_path: Path) -> None:
    part(tmp_path, CONTENT)
    assert fetch(site, tmp_path) == []
    assert (site.asked, site.sent) == ([f"bytes={len(CONTENT)}-"], 0)


@pytest.mark.parametrize("begun", [CONTENT + b"more", b"x" * 3000, b"x" * len(CONTENT)])
def test_the_part_of_another_file_goes_and_the_next_try_is_right(
    site: Site, tmp_path: Path, begun: bytes
) -> None:
    part(tmp_path, begun)
    refuse(site, tmp_path, r"got MD5 \w{32} instead of \w{32}; try again")
    assert names(tmp_path) == []
    fetch(site, tmp_path)


def test_a_wrong_file_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.content = b"<html>we are busy</html>"
    got, wanted = (hashlib.md5(each).hexdigest() for each in (site.content, CONTENT))
    refuse(site, tmp_path, f"got MD5 {got} instead of {wanted}; try again")
    assert names(tmp_path) == []


def test_a_length_need_not_be_known(site: Site, tmp_path: Path) -> None:
    site.length = False
    reports = fetch(site, tmp_path / "whole")
    assert {total for _, total in reports} == {None}
    assert reports[-1][0] == len(CONTENT)
    site.cuts = [4000]
    refuse(site, tmp_path / "cut", r"got MD5 \w{32} instead of")
    assert names(tmp_path / "cut") == []


@pytest.mark.parametrize(
    ("status", "words"), [(404, "HTTP 404 Not Found"), (503, "HTTP 503 Service Unavailable")]
)
def test_a_refusal_keeps_what_is_there(site: Site, tmp_path: Path, status: int, words: str) -> None:
    site.status = status
    refuse(site, tmp_path, f"got {words}; try again")
    assert names(tmp_path) == []
    kept = part(tmp_path, CONTENT[:3000])
    refuse(site, tmp_path, f"got {words}; try again")
    assert kept.read_bytes() == CONTENT[:3000]


def test_416_of_a_whole_file_is_a_refusal(site: Site, tmp_path: Path) -> None:
    site.status = 416
    refuse(site, tmp_path, "got HTTP 416 Requested Range Not Satisfiable")
    assert names(tmp_path) == []


def test_a_server_that_falls_silent(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "TIMEOUT", 0.2)
    site.gate.clear()
    refuse(site, tmp_path, "got timed out; try again")
    assert names(tmp_path) == []


def test_no_network(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refuse(Site(b"", port=port), tmp_path, "got Connection refused; try again")
    assert names(tmp_path) == []


def test_something_else_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        refuse(Site(b"", port=server.getsockname()[1]), tmp_path, "got 220 mail")
        thread.join()


# Proxies


def test_this_machine_is_asked_directly(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with published(b"the proxy's") as proxy:
        monkeypatch.setenv("http_proxy", proxy.url(""))
        fetch(site, tmp_path)
        assert proxy.asked == []


def test_another_machine_is_asked_by_the_proxy(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", site.url(""))
    url = f"http://data.invalid/{NAME}"
    assert remote.fetch(file_at(url), tmp_path).read_bytes() == CONTENT
    assert site.paths == [url]


# Several at once


FETCH = """
import pathlib, sys
from harness import remote
remote.PIECE = 1000
url, md5, folder = sys.argv[1:4]
file = remote.Remote(name="file.npz", url=url, md5=md5, cache=".cached")
say = lambda *words: print(*words, flush=True)
"""
GO = "remote.fetch(file, pathlib.Path(folder), say, lambda: say('waiting'))"


def start(site: Site, folder: Path, code: str = GO) -> "subprocess.Popen[str]":
    """Another process that fetches, and prints what is reported to it."""
    words = [site.url(), file_at("").md5, str(folder)]
    command = [sys.executable, "-c", FETCH + code, *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def next_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def halted(site: Site, folder: Path) -> "subprocess.Popen[str]":
    """A process that has 2,000 bytes and waits for more; a signal finds it there."""
    site.halt = 2000
    site.gate.clear()
    sensitive = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    process = start(site, folder, sensitive + GO)
    while not next_line(process).startswith("2000 "):
        assert process.poll() is None
    return process


@POSIX
def test_threads_wait_for_each_other(site: Site, tmp_path: Path) -> None:
    site.gate.clear()
    waited = threading.Semaphore(0)

    def one(_: int) -> Path:
        return remote.fetch(file_at(site.url()), tmp_path, waiting=waited.release)

    with ThreadPoolExecutor(4) as pool:
        paths = pool.map(one, range(4))
        for _ in range(3):
            assert waited.acquire(timeout=20)
        site.gate.set()
        assert set(paths) == {tmp_path / NAME}
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert site.asked == [None]
    assert names(tmp_path) == [NAME]


@POSIX
def test_who_waited_for_a_wrong_file_begins_again(site: Site, tmp_path: Path) -> None:
    site.content = b"x" * 600
    site.gate.clear()

    def waiting() -> None:
        site.content = CONTENT
        site.gate.set()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(remote.fetch, file_at(site.url()), tmp_path)
        while not site.asked:
            time.sleep(0.01)
        assert remote.fetch(file_at(site.url()), tmp_path, waiting=waiting).is_file()
        assert "MD5" in str(first.exception())
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert site.asked == [None, None]
    assert names(tmp_path) == [NAME]


@POSIX
def test_who_waited_for_a_killed_process_goes_on(site: Site, tmp_path: Path) -> None:
    with halted(site, tmp_path) as first, start(site, tmp_path) as second:
        assert next_line(second) == "waiting"
        first.kill()
        first.wait(timeout=60)
        site.gate.set()
        out, err = second.communicate(timeout=60)
    assert (second.returncode, err) == (0, "")
    assert out.splitlines()[0] == f"2000 {len(CONTENT)}"
    assert site.asked == [None, "bytes=2000-"]
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert names(tmp_path) == [NAME]


@POSIX
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_a_signal_leaves_the_part(site: Site, tmp_path: Path, how: str) -> None:
    with halted(site, tmp_path) as process:
        process.send_signal(getattr(signal, how))
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert err.endswith("KeyboardInterrupt\n" if how == "SIGINT" else "")
    assert (tmp_path / f"{NAME}.part").read_bytes() == CONTENT[:2000]
    site.gate.set()
    assert fetch(site, tmp_path)[0] == (2000, len(CONTENT))
    assert names(tmp_path) == [NAME]


@POSIX
def test_a_file_that_was_removed_is_held_by_nobody(tmp_path: Path) -> None:
    """Who waited for it holds the one that is there now, and a third waits for that."""
    path, free = tmp_path / "file", threading.Event()
    waits, holds = [threading.Event() for _ in range(2)], threading.Event()

    def hold(waiting: threading.Event) -> None:
        with held(path, waiting.set):
            holds.set()
            assert free.wait(20)

    with ThreadPoolExecutor(2) as pool:
        with held(path, pytest.fail):
            second = pool.submit(hold, waits[0])
            assert waits[0].wait(20)
            path.unlink()
        assert holds.wait(20)
        third = pool.submit(hold, waits[1])
        assert waits[1].wait(20)
        free.set()
        assert (second.result(), third.result()) == (None, None)
    assert names(tmp_path) == []


@POSIX
def test_nobody_removes_what_another_holds(tmp_path: Path) -> None:
    path, first, second = tmp_path / "file", contextlib.ExitStack(), contextlib.ExitStack()
    first.enter_context(held(path, pytest.fail))
    path.unlink()
    second.enter_context(held(path, pytest.fail))
    first.close()
    assert path.is_file()
    second.close()
    assert names(tmp_path) == []


# The disk


@POSIX
def test_a_full_disk_keeps_the_part(site: Site, tmp_path: Path) -> None:
    """No file may grow beyond 5 kB."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
    with start(site, tmp_path, limit + GO) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[-1] == (
        f"harness.disk.Unwritable: {tmp_path} must be writable, got: File too large; free space, "
        "or name another folder by HARNESS_DATA or --data"
    )
    assert (tmp_path / f"{NAME}.part").read_bytes() == CONTENT[:5000]
    fetch(site, tmp_path)
    assert site.asked == [None, "bytes=5000-"]


def test_a_place_that_is_no_folder(site: Site, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(Unwritable, match=r"taken\S* must be writable, got: .*; free space, or"):
            remote.fetch(file_at(site.url()), folder)
    assert site.asked == []


@pytest.mark.parametrize("what", ["open", "mkdir"])
def test_a_folder_that_is_read_only(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def forbid(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, what, forbid)
    with pytest.raises(Unwritable, match="must be writable, got: Permission denied; free space"):
        remote.fetch(file_at(site.url()), tmp_path)
    assert site.asked == []


# What is said meanwhile


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("length", [True, False])
def test_progress_in_lines(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], length: bool
) -> None:
    site.content, site.length = bytes(1_250_000), length
    said, file = Progress(), file_at(site.url(), site.content)
    remote.fetch(file, tmp_path, functools.partial(said.received, NAME))
    lines = capsys.readouterr().err.splitlines()
    if length:
        assert lines == [f"{NAME}  0.0 of 1.2 MB  0%", f"{NAME}  1.2 of 1.2 MB  100%"]
    else:
        assert lines == [f"{NAME}  0.0 MB"]


def test_progress_on_a_terminal(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    said = Progress()
    remote.fetch(file_at(site.url()), tmp_path, functools.partial(said.received, NAME))
    said.close()
    assert "\x1b[" in terminal.getvalue()
    assert f"{NAME}  0.0 of 0.0 MB" in terminal.getvalue()


# Finding


def test_where_a_file_may_be_and_where_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    root, file = tmp_path / "root", file_at("")
    root.mkdir()
    cache, own = tmp_path / "home" / ".cached", root / "cached"
    assert remote.destination(None, file) == cache
    assert remote.destination(root, file) == root
    own.mkdir()
    assert remote.destination(root, file) == own
    cache.mkdir(parents=True)
    for folder in (cache, own, root):
        assert remote.find(root, file) != folder / NAME
        (folder / NAME).write_bytes(CONTENT)
        part(folder, CONTENT)
        assert remote.find(root, file) == folder / NAME
    assert remote.find(None, file) == cache / NAME


def test_locate_brings_it_into_the_cache_once(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for _ in range(2):
        assert remote.locate(None, file_at(site.url())) == tmp_path / ".cached" / NAME
    assert site.asked == [None]
    (tmp_path / ".cached" / NAME).write_bytes(CONTENT[:-1])
    with pytest.raises(HarnessError, match="must have MD5"):
        remote.locate(None, file_at(site.url()))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="must be a readable file, got: No such file or dir"):
        remote.verify(tmp_path / NAME, file_at(""))


@pytest.mark.parametrize("name", shelf.names("datasets"))
def test_a_reader_names_its_files_by_its_own_arguments(name: str) -> None:
    if hasattr(shelf.load("datasets", name), "remotes"):
        taken = shelf.arguments("datasets", name, "remotes")
        assert taken == shelf.arguments("datasets", name, "load")
