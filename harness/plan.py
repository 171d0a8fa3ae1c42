"""The matrix of Runs that a suite asks for."""

import dataclasses
import fnmatch
import itertools
from collections.abc import Sequence

from harness.errors import HarnessError
from harness.suite import Suite

EXTERNAL = "external"
"""The device of predictions made elsewhere."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One checkpoint measured in one place. `device` is "cpu", "cuda" or EXTERNAL."""

    suite: str
    dataset: str
    model: str
    device: str
    seed: int
    fold: int | None = None

    @property
    def checkpoint(self) -> str:
        """`s0`, or `s0f2` of a fold."""
        return f"s{self.seed}" if self.fold is None else f"s{self.seed}f{self.fold}"

    @property
    def id(self) -> str:
        """As people write it: `liquid3d/adrenal/ltc-30/cpu/s0`."""
        return f"{self.suite}/{self.dataset}/{self.model}/{self.device}/{self.checkpoint}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Globs of the command line; empty means all. Devices may be `auto`."""

    datasets: Sequence[str] = ()
    models: Sequence[str] = ()
    seeds: Sequence[str] = ()
    devices: Sequence[str] = ("auto",)


def expand(suite: Suite, selection: Selection, beside: Sequence[Run] = ()) -> list[Run]:
    """The selected Runs in the suite's order, then those of `beside`, which no suite declares.

    Raises HarnessError where a glob matches none.
    """
    datasets = _matching("dataset", [*suite.datasets], selection.datasets)
    names = dict.fromkeys([*suite.models, *(run.model for run in beside)])
    models = _matching("model", [*names], selection.models)
    others = [run for run in beside if run.dataset in datasets and run.model in models]
    trained = [model for model in models if model in suite.models]
    declared = {pair: seeds(suite, *pair) for pair in itertools.product(datasets, trained)}
    listed = [seed for each in declared.values() for seed in each]
    known = dict.fromkeys(str(seed) for seed in [*listed, *(run.seed for run in others)])
    chosen = _matching("seed", [*known], selection.seeds)
    return [
        Run(suite=suite.name, dataset=dataset, model=model, device=device, seed=seed)
        for (dataset, model), each in declared.items()
        for device in _devices(selection.devices)
        for seed in each
        if str(seed) in chosen
    ] + [run for run in others if str(run.seed) in chosen]


def seeds(suite: Suite, dataset: str, model: str) -> tuple[int, ...]:
    """Those declared; a finished ONNX file has one checkpoint, called seed 0."""
    return (0,) if suite.models[model].onnx else suite.training(dataset, model).seeds


def folds(suite: Suite, run: Run) -> list[Run]:
    """The Runs, one a fold, whose cases are joined to those of `run`; itself where nothing is."""
    split = suite.datasets[run.dataset].split
    if split is None or split.folds is None or run.fold is not None:
        return [run]
    return [dataclasses.replace(run, fold=fold) for fold in range(split.folds)]


def _matching(what: str, known: Sequence[str], globs: Sequence[str]) -> list[str]:
    """Those selected, in their order. Each glob must match, or a slip of the pen selects less."""
    for glob in globs:
        if not any(_selected(name, [glob]) for name in known):
            raise HarnessError(f"--{what} must match one of {', '.join(known)}, got {glob!r}")
    return [name for name in known if _selected(name, globs)]


def _selected(name: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def _devices(asked: Sequence[str]) -> list[str]:
    for device in asked:
        if device not in ("auto", "cpu", "cuda"):
            raise HarnessError(f"--device must be auto, cpu or cuda, got {device!r}")
    from harness import environment

    auto = "cuda" if "auto" in asked and environment.cuda_is_usable() else "cpu"
    return list(dict.fromkeys(auto if device == "auto" else device for device in asked))
