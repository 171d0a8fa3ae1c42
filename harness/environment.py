"""The conditions of a measurement: software, machine and revision. No host name, no path."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import __version__
from harness.errors import HarnessError

DISTRIBUTIONS = {
    "torch": ("torch",),
    "onnx": ("onnx",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "numpy": ("numpy",),
    "scikit-learn": ("scikit-learn",),
    "ncps": ("ncps",),
    "monai": ("monai",),
    "scipy": ("scipy",),
}
PACKAGE_HOME = Path(__file__).parent.parent
CODE = ("harness", "suites")
HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")
"""Set inside a git hook, where they would name the hook's repository whatever the folder."""
PATIENCE = 20
"""Seconds that another program may take to answer."""


def environment() -> dict[str, Any]:
    """Plain JSON values; what cannot be found out is None, and a package not installed is absent.

    `cores` are those that this process may use, `memory_gb` is the machine's, in 1e9 bytes.
    `commit` is of the repository that holds the package, or else of the current folder's; `dirty`
    says whether `harness/` or `suites/` beside the package, or here, differ from their commit or
    hold files that are in none, None where neither is in a repository.
    """
    homes = [home for home in dict.fromkeys((PACKAGE_HOME, Path.cwd())) if _in_repository(home)]
    return {
        "python": platform.python_version(),
        "packages": _versions(),
        "system": platform.system(),
        "arch": platform.machine(),
        "cpu": _cpu(),
        "cores": _cores(),
        "memory_gb": _memory_gb(),
        "gpus": gpus() or None,
        "commit": _git(homes[0], "rev-parse", "HEAD") if homes else None,
        "dirty": any(map(_is_dirty, homes)) if homes else None,
    }


def kind_of_device(device: str) -> str:
    """What `device`, "cpu" or "cuda", is: "cpu", or the name of the first GPU.

    Raises HarnessError for any other, and for "cuda" where there is no GPU.
    """
    if device == "cpu":
        return "cpu"
    if device != "cuda":
        raise HarnessError(f"device must be cpu or cuda, got {device!r}")
    names = gpus()
    if not names:
        raise HarnessError("device must be one of this machine's, got 'cuda'; use --device cpu")
    return names[0]


def gpus() -> list[str]:
    """Names of the GPUs: those that torch sees if it is imported, else those of nvidia-smi."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return (_run("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") or "").splitlines()


def cuda_is_usable() -> bool:
    """Whether there is a GPU and an installed torch that can use it; torch is asked only then."""
    if not gpus():
        return False
    import torch

    return torch.cuda.is_available()


def _versions() -> dict[str, str]:
    found = {"harness": __version__}
    for name, distributions in DISTRIBUTIONS.items():
        for distribution in distributions:
            for installed in importlib.metadata.distributions(name=distribution):
                found[name] = installed.version
    return found


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _cores() -> int | None:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory_gb() -> int | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9)
    except (AttributeError, OSError, ValueError):  # sysconf is Unix's
        return None


def _in_repository(home: Path) -> bool:
    """Whether git keeps, or would keep, the folder; it ignores that of an installed package."""
    inside = _git(home, "rev-parse", "--is-inside-work-tree") == "true"
    return inside and _git(home, "check-ignore", "--quiet", ".") is None


def _is_dirty(home: Path) -> bool:
    """Whether the code there may differ from its commit: where git does not answer, it may."""
    return _git(home, "status", "--porcelain", "--untracked-files=all", "--", *CODE) != ""


def _git(home: Path, *arguments: str) -> str | None:
    return _run("git", "--no-optional-locks", "-C", str(home), *arguments)


def _run(*command: str) -> str | None:
    """What a program prints, or None where it is missing, fails or does not end."""
    variables = {key: value for key, value in os.environ.items() if key not in HOOKS}
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def differences(now: Mapping[str, Any], then: Mapping[str, Any]) -> tuple[str, ...]:
    """What two environments of records differ in, from then to now: `torch 2.12.0 -> 2.13.0`.

    Commits do not count, and what only one of them tells is not compared.
    """
    sides = [{**each, **each.get("packages", {})} for each in (then, now)]
    apart = ("packages", "commit", "dirty", "fit_threads", "harness")
    shared = [key for key in sides[0] if key in sides[1] and key not in apart]
    return tuple(
        f"{key} {sides[0][key]} -> {sides[1][key]}"
        for key in shared
        if None not in (sides[0][key], sides[1][key]) and sides[0][key] != sides[1][key]
    )
