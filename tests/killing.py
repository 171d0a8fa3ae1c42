"""Start a command over and over, and kill it: `python killing.py FOLDER` prints what it saw.

The command is forked from a process that has imported everything, so that the kills meet the work
itself. All that differs between two starts is when, or before or after which write, they end.
"""

import gc
import importlib
import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMMAND = ["harness", "run", "line.toml", "--quiet"]
MODULES = (
    *("torch._dynamo", "sklearn.metrics", "pyarrow.parquet", "harness.cli", "harness.verbs.run"),
    *("harness.fit", "harness.export", "harness.predict", "harness.score", "harness.latency"),
    *("harness.models.liquid", "harness.backends.onnxruntime", "onnxruntime"),
    *("harness.guards.batches", "harness.guards.every"),
)
KILLS = 10


def start(folder: Path, prepare: Callable[[], None] = lambda: None) -> int:
    """The command in `folder`, in a process of its own."""
    child = os.fork()
    if child:
        return child
    os.chdir(folder)
    from harness import cli, fit
    from harness.backends import _stopwatch

    fit.CHECKPOINT_EVERY = 0.0
    _stopwatch.WARM_UP_SECONDS = 0.0
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = COMMAND
    prepare()
    try:
        cli.main()
    except SystemExit as leaving:
        os._exit(int(leaving.code or 0))
    os._exit(99)


def end(child: int) -> int | None:
    """Its exit code, or None where a signal ended it."""
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None


def steps(folder: Path) -> dict[str, Any]:
    """The finished steps, as run.json has them."""
    files = list(folder.glob("runs/**/run.json"))
    return json.loads(files[0].read_text(encoding="utf-8"))["steps"] if files else {}


def finish(root: Path, name: str, attempt: Callable[[Path], int | None]) -> dict[str, Any]:
    """Attempt until the command ends by itself; counts kills, and steps that were done twice."""
    folder = root / name
    folder.mkdir()
    (folder / "line.toml").symlink_to(root / "line.toml")
    kills, twice, before = 0, [], {}
    while (code := attempt(folder)) is None:
        kills += 1
        after = steps(folder)
        twice += [step for step, facts in before.items() if after.get(step) != facts]
        before = after
    after = steps(folder)
    twice += [step for step, facts in before.items() if after.get(step) != facts]
    return {"folder": name, "code": code, "kills": kills, "twice": twice}


def after(seconds: float, folder: Path) -> int | None:
    """An attempt that is killed after so long; the moments grow, lest a slow machine never ends."""
    child = start(folder)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return end(child)


def at_write(number: int, before: bool) -> Callable[[Path], int | None]:
    """An attempt that is killed just before, or after, it puts its n-th file into place."""

    def prepare() -> None:
        replace, done = Path.replace, []

        def counted(path: Path, target: Path) -> Path:
            done.append(target)
            if before and len(done) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            replaced = replace(path, target)
            if len(done) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return replaced

        Path.replace = counted  # type: ignore[assignment, method-assign]

    return lambda folder: end(start(folder, prepare))


def main(root: Path) -> None:
    """Once undisturbed, then killed at random moments, then around every write."""
    for module in MODULES:
        importlib.import_module(module)
    gc.freeze()  # or every child that collects garbage copies all that was imported
    began = time.monotonic()
    found = [finish(root, "whole", lambda folder: end(start(folder)))]
    whole, dice = time.monotonic() - began, random.Random(0)
    moments = (dice.uniform(0.1, 0.7) * whole * 1.03**kill for kill in itertools.count())
    while sum(each["kills"] for each in found) < KILLS:
        name = f"random{len(found)}"
        found.append(finish(root, name, lambda folder: after(next(moments), folder)))
    found.append(finish(root, "before", at_write(3, before=True)))
    found.append(finish(root, "after", at_write(4, before=False)))
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
