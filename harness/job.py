"""A Run under way, and what its steps share: data, module and conditions, each made once."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import builders, shelf
from harness.cases import ELSEWHERE
from harness.environment import environment
from harness.errors import HarnessError
from harness.plan import Run
from harness.progress import Progress
from harness.samples import Samples
from harness.splits import WHOLE, part
from harness.suite import Dataset, Model, Suite, Train

SMOKE_CASES = 64


@dataclass(frozen=True)
class Job:
    """One Run in its folder; `digests` are the plan's, by step."""

    suite: Suite
    run: Run
    digests: Mapping[str, str]
    root: Path | None
    folder: Path
    progress: Progress

    @property
    def dataset(self) -> Dataset:
        """As declared."""
        return self.suite.datasets[self.run.dataset]

    @property
    def model(self) -> Model:
        """As declared."""
        return self.suite.models[self.run.model]

    @cached_property
    def train(self) -> Train:
        """As merged from the suite's tables."""
        return self.suite.training(self.run.dataset, self.run.model)

    @cached_property
    def conditions(self) -> dict[str, Any]:
        """Software, machine and revision, as they were when the first stale step began."""
        return environment()

    @cached_property
    def val(self) -> Samples:
        """The split that chooses the epoch; its shape and classes are those of the data."""
        return self.cases("val")

    @cached_property
    def link(self) -> str:
        """What turns the logits of a trained model into probabilities."""
        return "sigmoid" if self.train.loss == "bce" else "softmax"

    @cached_property
    def outputs(self) -> int:
        """One logit for two classes with loss bce, else one a class or label."""
        classes, multilabel = len(self.val.classes), self.val.kind == "multilabel"
        if multilabel and self.train.loss != "bce":
            raise HarnessError(f"train.loss must be bce for several labels, got {self.train.loss}")
        if self.train.loss != "bce" or multilabel:
            return classes
        if classes != 2:
            raise HarnessError(f"train.loss bce must have 2 classes, got {classes}; cross_entropy")
        return 1

    def cases(self, split: str) -> Samples:
        """One split of the data, its numeric groups in bands."""
        declared = self.dataset.split
        if declared is None:
            samples = self._read(self.dataset, split)
        else:
            samples = part(self._whole, declared, split, self.run.fold)
        asked = self.suite.input(self.run.dataset, self.run.model)
        samples = dataclasses.replace(samples.banded(self.dataset.groups), range=asked.range)
        return samples.first(SMOKE_CASES) if self.suite.smoke else samples

    def elsewhere(self, name: str) -> Samples:
        """The test cases of another dataset, given as those of the Run's own are.

        Raises HarnessError where its images or classes are not of the same kind.
        """
        other = self.suite.datasets[name]
        samples = self._tested(other).banded(other.groups)
        for what in ("shape", "classes", "kind"):
            got, wanted = getattr(samples, what), getattr(self.val, what)
            if got != wanted:
                own = self.run.dataset
                raise HarnessError(f"test_on {name} must have {what} {wanted} as {own}, got {got}")
        samples = dataclasses.replace(samples, split=f"{ELSEWHERE}{name}", range=self.val.range)
        return samples.first(SMOKE_CASES) if self.suite.smoke else samples

    @cached_property
    def _whole(self) -> Samples:
        """All cases of data that has no split of its own."""
        return self._read(self.dataset, WHOLE)

    def _tested(self, dataset: Dataset) -> Samples:
        """The test cases of a dataset; with folds, which test each case, all of them."""
        if dataset.split is None:
            return self._read(dataset, "test")
        whole = self._read(dataset, WHOLE)
        return whole if dataset.split.folds else part(whole, dataset.split, "test", None)

    def _read(self, dataset: Dataset, split: str) -> Samples:
        reader = shelf.load("datasets", dataset.load)
        found: Samples = reader.load(split, self.root, **dataset.args)
        return found

    def build(self) -> Any:
        """A new torch module of logits, checked on two blank images."""
        import torch

        builder = builders.load(str(self.model.build))
        module = builder.build(self.val.shape, self.outputs, **self.model.args)
        with torch.inference_mode():
            got = tuple(module.eval()(torch.zeros(2, *self.val.shape)).shape)
        if got != (2, self.outputs):
            raise HarnessError(
                f"models.{self.run.model} must give (2, {self.outputs}) logits for 2 images, "
                f"got {got}"
            )
        return module

    @cached_property
    def module(self) -> Any:
        """The fitted torch module of logits, as its weights file holds it."""
        return self._load()

    def probabilities(self) -> Any:
        """A newly loaded module with its link: what the exported file computes."""
        from torch import nn

        link = nn.Sigmoid() if self.link == "sigmoid" else nn.Softmax(dim=1)
        return nn.Sequential(self._load(), link).eval()

    def _load(self) -> Any:
        from harness.weights import load_weights

        return load_weights(self.build(), self.folder / "weights.safetensors").eval()
