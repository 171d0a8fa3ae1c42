"""What the numbers of a suite may be: shares, counts, levels and ranges.

Each function raises HarnessError for the first that cannot be; `place` opens the sentence.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from harness import shelf, strict
from harness.errors import HarnessError
from harness.suite import Augment, Input, Latency, Policy, Sampler, Split, Train

LARGEST_SEED = 2**32 - 1
MONITORS = {
    "classify": ("val_loss", "val_accuracy", "val_roc_auc"),
    "segment": ("val_loss", "val_dice"),
}
OF_IMAGES = ("bce", "cross_entropy")
"""Losses that classes have, too."""


def demand(holds: bool, what: str, must: str, got: Any) -> None:
    """Raise HarnessError unless `holds`: `what` must `must`, got `got`."""
    if not holds:
        shown = list(got) if isinstance(got, tuple) else got
        raise HarnessError(f"{what} must {must}, got {shown!r}")


def once(listed: Sequence[Any], what: str) -> None:
    """No value twice."""
    demand(len(set(listed)) == len(listed), what, "be each named once", listed)


def train(table: Mapping[str, Any], place: str, task: str) -> None:
    """Each table on its own: what is sound in all of them is so in their shallow merge."""
    asked = strict.build(Train, table, place)
    bounds: dict[str, Callable[[Any], bool]] = {
        "lr": lambda value: value > 0,
        "weight_decay": lambda value: value >= 0,
        "batch_size": lambda value: value >= 1,
        "epochs": lambda value: value >= 1,
        "seeds": lambda value: len(value) == len(set(value)) > 0 and _all_seeds(value),
    }
    seeds = f"different numbers from 0 to {LARGEST_SEED}"
    words = {"lr": "above 0", "weight_decay": "0 or more", "seeds": seeds}
    for key, holds in bounds.items():
        value = getattr(asked, key)
        demand(holds(value), f"{place}.{key}", f"be {words.get(key, '1 or more')}", value)
    stop = asked.stop
    known = MONITORS[task]
    demand(stop.monitor in known, f"{place}.stop.monitor", _one_of(known), stop.monitor)
    patient = stop.patience is None or stop.patience >= 1
    demand(patient, f"{place}.stop.patience", "be 1 or more", stop.patience)
    demand(stop.min_delta >= 0, f"{place}.stop.min_delta", "be 0 or more", stop.min_delta)
    _changing(asked, place)
    if task == "classify":
        _of_images(asked, place)


def _of_images(asked: Train, place: str) -> None:
    """What is for masks alone is not asked of classes."""
    demand(asked.loss in OF_IMAGES, f"{place}.loss", _one_of(OF_IMAGES), asked.loss)
    demand(asked.sampler == Sampler(), f"{place}.sampler", "go with task segment", "task classify")
    alone = asked.augment is None or asked.augment == Augment(intensity=asked.augment.intensity)
    demand(alone, f"{place}.augment", "be intensity alone with task classify", "more")


def _one_of(known: Sequence[str]) -> str:
    return f"be one of {', '.join(known)}"


def _changing(asked: Train, place: str) -> None:
    """What changes from epoch to epoch, or from image to image."""
    if asked.schedule is not None:
        shares = asked.schedule.milestones
        rising = all(a < b for a, b in pairwise((0.0, *shares, 1.0))) and len(shares) > 0
        must = "be rising shares between 0 and 1"
        demand(rising, f"{place}.schedule.milestones", must, shares)
        gamma = asked.schedule.gamma
        demand(gamma > 0, f"{place}.schedule.gamma", "be above 0", gamma)
    augment, sampler = asked.augment or Augment(), asked.sampler
    for key, between in (("intensity", augment.intensity), ("scale", augment.scale)):
        low, high = between or (1, 1)
        must = "be two numbers, the first not above the second"
        demand(low <= high, f"{place}.augment.{key}", must, between)
    demand((augment.scale or (1,))[0] > 0, f"{place}.augment.scale", "be above 0", augment.scale)
    demand(augment.rotate >= 0, f"{place}.augment.rotate", "be 0 or more degrees", augment.rotate)
    weighed = sampler.weight is None or (sampler.weight > 0 and sampler.positive == "balance")
    must = 'be above 0, and go with positive = "balance"'
    demand(weighed, f"{place}.sampler.weight", must, sampler.weight)
    demand(sampler.crops >= 1, f"{place}.sampler.crops", "be 1 or more", sampler.crops)


def _all_seeds(values: Sequence[int]) -> bool:
    return all(0 <= value <= LARGEST_SEED for value in values)


def split(asked: Split, place: str) -> None:
    """Shares or folds, not both, and nothing left empty."""
    shares = (asked.test, asked.val)
    if asked.file is not None:
        alone = (asked.folds, *shares) == (None, None, None)
        demand(alone, place, "have either a file or folds or test and val", "more of them")
    elif asked.folds is not None:
        demand(asked.folds >= 3, f"{place}.folds", "be 3 or more", asked.folds)
        demand(shares == (None, None), place, "have either folds or test and val", "both")
    else:
        test, val = (share or 0 for share in shares)
        sound = test > 0 and val > 0 and test + val < 1
        demand(sound, place, "have folds, or test and val above 0 and together below 1", shares)
    demand(0 <= asked.seed <= LARGEST_SEED, f"{place}.seed", "be 0 or more", asked.seed)


def given(asked: Input, place: str, task: str) -> None:
    """What a model is given; all but `range` is for volumes."""
    for key, pair in (("range", asked.range), ("window", asked.window)):
        low, high = pair or (0, 1)
        demand(low < high, f"{place}.{key}", "be two rising numbers", pair)
    if task == "classify":
        alone = asked == Input(range=asked.range)
        demand(alone, place, "be range alone with task classify", "more")
        return
    sized = asked.size is not None and len(asked.size) in (2, 3) and min(asked.size) >= 4
    demand(sized, f"{place}.size", "be two or three numbers, each 4 or more", asked.size)
    windowed = asked.window is None or asked.intensity == "window"
    demand(windowed, f"{place}.window", 'go with intensity = "window"', asked.intensity)
    one = asked.spacing is None or asked.resize is None
    demand(one, place, "have either spacing or resize", "both")
    spaced = asked.spacing is None or (len(asked.spacing) == 3 and min(asked.spacing) > 0)
    demand(spaced, f"{place}.spacing", "be three numbers above 0, in mm", asked.spacing)
    resized = asked.resize is None or min(asked.resize) >= 1
    demand(resized, f"{place}.resize", "be two numbers of pixels", asked.resize)
    demand(0 <= asked.overlap < 1, f"{place}.overlap", "be in [0, 1)", asked.overlap)


def latency(asked: Latency, place: str) -> None:
    """Known backends, and counts of 1 or more."""
    once(asked.backends, f"{place}.backends")
    for name in asked.backends:
        shelf.require("backends", name, f"{place}.backends")
        demand(name != "fake", f"{place}.backends", "be real", name)
    for key, values in (("batch_sizes", asked.batch_sizes), ("threads", asked.threads)):
        once(values, f"{place}.{key}")
        demand(min(values, default=0) >= 1, f"{place}.{key}", "be 1 or more", values)
    demand(asked.seconds >= 0, f"{place}.seconds", "be 0 or more", asked.seconds)
    demand(asked.samples >= 11, f"{place}.samples", "be 11 or more", asked.samples)


def policy(asked: Policy, place: str) -> None:
    """A threshold, a level and a smallest group."""
    inside = 0 < asked.threshold < 1
    demand(inside, f"{place}.threshold", "be between 0 and 1", asked.threshold)
    level = asked.interval.level
    demand(0.5 <= level < 1, f"{place}.interval.level", "be in [0.5, 1)", level)
    fewest = asked.groups_min_n
    demand(fewest >= 1, f"{place}.groups_min_n", "be 1 or more", fewest)
