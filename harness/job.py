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
from harness.splits import WHOLE, dose, part, subjects
from harness.suite import Dataset, Input, Model, Suite, Train

SMOKE_CASES, SMOKE_VOLUMES = 64, 4


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
    def val(self) -> Any:
        """The split that chooses the epoch, `Samples` or `Volumes`; its classes are the data's."""
        return self.cases("val")

    @cached_property
    def input(self) -> Input:
        """What the model is given."""
        return self.suite.input(self.run.dataset, self.run.model)

    @property
    def taught(self) -> int | None:
        """How many subjects are trained on: as declared, else of masks as many as there are."""
        counted = self.segments and not self.model.onnx
        return subjects(self.cases("train")) if counted else self.dataset.train_subjects

    @property
    def segments(self) -> bool:
        """Is it masks that are asked for?"""
        return self.suite.task == "segment"

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of what a network takes at once: an image, or a window of it."""
        if not self.segments:
            return tuple(self.val.shape)
        return (self.val.channels, *(self.input.size or ()))

    @cached_property
    def link(self) -> str:
        """What turns the logits of a trained model into probabilities."""
        return "sigmoid" if self.train.loss == "bce" or self.outputs == 1 else "softmax"

    @cached_property
    def outputs(self) -> int:
        """One logit for two classes with loss bce, else one a class or label.

        Of masks, one for a single class with losses that know nothing of the background.
        """
        classes = len(self.val.classes)
        if self.segments:
            alone = classes == 1 and self.train.loss not in ("cross_entropy", "dice_ce")
            if self.train.loss == "bce" and not alone:
                said = f"train.loss bce must have one class of masks, got {classes}; dice_ce"
                raise HarnessError(said)
            return 1 if alone else classes + 1
        multilabel = self.val.kind == "multilabel"
        if multilabel and self.train.loss != "bce":
            raise HarnessError(f"train.loss must be bce for several labels, got {self.train.loss}")
        if self.train.loss != "bce" or multilabel:
            return classes
        if classes != 2:
            raise HarnessError(f"train.loss bce must have 2 classes, got {classes}; cross_entropy")
        return 1

    def cases(self, split: str) -> Any:
        """One split of the data, its numeric groups in bands: `Samples` or `Volumes`."""
        declared = self.dataset.split
        if declared is None:
            samples = self._read(self.dataset, split)
        else:
            samples = part(self._whole, declared, split, self.run.fold, self.root)
        if split == "train" and self.dataset.train_subjects is not None:
            seed = declared.seed if declared else 0
            samples = dose(samples, self.dataset.train_subjects, seed)
        return self._cut(samples.banded(self.dataset.groups).given(self.input.range))

    def _cut(self, samples: Any) -> Any:
        """A few, for a trial run: of volumes, which are large, fewer still."""
        few = SMOKE_VOLUMES if self.segments else SMOKE_CASES
        return samples.first(few) if self.suite.smoke else samples

    def elsewhere(self, name: str) -> Any:
        """The test cases of another dataset, given as those of the Run's own are.

        Raises HarnessError where its images or classes are not of the same kind.
        """
        other = self.suite.datasets[name]
        samples = self._tested(other).banded(other.groups)
        for what in samples.ALIKE:
            got, wanted = getattr(samples, what), getattr(self.val, what)
            if got != wanted:
                own = self.run.dataset
                raise HarnessError(f"test_on {name} must have {what} {wanted} as {own}, got {got}")
        samples = dataclasses.replace(samples, split=f"{ELSEWHERE}{name}")
        return self._cut(samples.given(self.input.range))

    @cached_property
    def _whole(self) -> Any:
        """All cases of data that has no split of its own."""
        return self._read(self.dataset, WHOLE)

    def _tested(self, dataset: Dataset) -> Any:
        """The test cases of a dataset; with folds, which test each case, all of them."""
        if dataset.split is None:
            return self._read(dataset, "test")
        whole = self._read(dataset, WHOLE)
        if dataset.split.folds:
            return whole
        return part(whole, dataset.split, "test", None, self.root)

    def _read(self, dataset: Dataset, split: str) -> Any:
        reader = shelf.load("datasets", dataset.load)
        found = reader.load(split, self.root, **dataset.args)
        if (found.kind == "mask") != self.segments:
            raise HarnessError(
                f"data of a suite whose task is {self.suite.task} must have "
                f"{'masks' if self.segments else 'labels'}, got {dataset.load} of kind {found.kind}"
            )
        return found

    def build(self) -> Any:
        """A new torch module of logits, checked on two blank images."""
        import torch

        builder = builders.load(str(self.model.build))
        module = builder.build(self.shape, self.outputs, **self.model.args)
        with torch.inference_mode():
            got = tuple(module.eval()(torch.zeros(2, *self.shape)).shape)
        if got != (2, *self.answer):
            first = ", the background first" if self.segments and self.outputs > 1 else ""
            raise HarnessError(
                f"models.{self.run.model} must give {(2, *self.answer)} logits for 2 images"
                f"{first}, got {got}"
            )
        return module

    @property
    def answer(self) -> tuple[int, ...]:
        """The shape of what a network says of one image: outputs, or a map of each."""
        return (self.outputs, *self.shape[1:]) if self.segments else (self.outputs,)

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
