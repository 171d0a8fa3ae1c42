"""Faults of three studies of segmentation, each done beside ours: what it did, and what we do.

The MONAI study (abushaah/MedicalImagingCNN, 2025), the liver study (amarks3/DLFinalProject, 2022)
and the lung study (tsangchriss/lung_tumor_segmentation, 2024).
"""

import dataclasses
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses.dice import DiceLoss
from monai.metrics.meandice import DiceMetric
from monai.networks.nets.unet import UNet
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from harness import grids, ranges, reading, shelf
from harness.augmenting import augment
from harness.cases import SHIPPED
from harness.datasets import decathlon
from harness.errors import HarnessError
from harness.export import export, from_torch, linked
from harness.fit import fit
from harness.inference import Reader
from harness.losses import mask_loss
from harness.metrics._pair import Pair
from harness.models import monai_unet, unet
from harness.patches import Patches
from harness.predict import onnx_model
from harness.prepare import in_memory
from harness.segment import Asked, predict
from harness.segmented import Segmented
from harness.splits import PARTS, part
from harness.suite import Augment, Empty, Input, MetricSpec, Sampler, Split, Stop, Train
from harness.volumes import Case, Source, Volumes

Array = NDArray[Any]

SHAPE = (16, 16, 6)
AS_IT_IS = Input(window=(0.0, 1.0), size=(16, 16))
"""Images whose intensities are probabilities: the model that copies its input is known."""


def disc(shape: Sequence[int], radius: float, middle: Sequence[float] | None = None) -> Array:
    """A disc, or ball, in the middle."""
    at = middle or [(side - 1) / 2 for side in shape]
    far = sum((axis - m) ** 2 for axis, m in zip(np.indices(shape), at, strict=True))
    return (far <= radius**2).astype(np.uint8)


def tumour(slices: Sequence[int] = (2, 3)) -> NDArray[np.uint8]:
    mask = np.zeros(SHAPE, np.uint8)
    mask[5:11, 5:11, list(slices)] = 1
    return mask


def case(name: str, image: Array, mask: Array, spacing: tuple[float, ...] = (1, 1, 2)) -> Case:
    affine = np.diag([*spacing, 1.0])
    return Case(
        id=name,
        image=image[None].astype(np.float32),
        mask=mask.astype(np.uint8),
        spacing=spacing,
        affine=affine,
        source=Source(shape=mask.shape, affine=affine),
    )


def volumes(*cases: Case, subjects: Sequence[str] | None = None, split: str = "test") -> Volumes:
    held = {each.id: each for each in cases}
    return Volumes(
        split=split,
        ids=np.array(list(held)),
        classes=("tumour",),
        read=held.__getitem__,
        subjects=np.array(list(held) if subjects is None else subjects),
    )


def noise(seed: int = 0) -> Array:
    return np.random.default_rng(seed).random(SHAPE)


def copied(windows: Array) -> Array:
    """A network whose probabilities are the intensities that it is given."""
    return windows


def asked(*metrics: str, **empty: Any) -> Asked:
    return Asked(metrics=[MetricSpec(name=name) for name in metrics], empty=Empty(**empty))


def measured(data: Volumes, metric: str, model: Any = copied, **empty: Any) -> float:
    """The value of a metric of a model that is given images as they are."""
    reader = Reader(input=AS_IT_IS)
    table, faults = predict({SHIPPED: model}, [data], reader, asked(metric, **empty))
    assert faults == []
    return value_of(table, metric)


def value_of(table: Segmented, metric: str) -> float:
    ones = np.ones((1, len(table)))
    return float(shelf.load("metrics", metric).measure(table, ones)[0])


def patches(data: Volumes, size: tuple[int, ...] = (16, 16), **train: Any) -> Patches:
    given_input = dataclasses.replace(AS_IT_IS, size=size)
    return Patches(in_memory(data, given_input), size, Train(**train), seed=0, workers=0)


def seen(data: Patches, epoch: int = 1) -> tuple[Array, Array]:
    """All images and masks of an epoch."""
    images, masks = zip(*data.batches(epoch), strict=True)
    return torch.cat(images).numpy(), torch.cat(masks).numpy()


# --- probabilities, thresholds and metrics ----------------------------------------------------


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose logits are ten times the intensity: only a sigmoid makes probabilities."""
    module = nn.Conv2d(1, 1, kernel_size=1, bias=False)
    nn.init.constant_(module.weight, 10.0)
    path = tmp_path_factory.mktemp("shipped") / "model.onnx"
    model = linked(from_torch(module, unet, (1, 16, 16)), "sigmoid")
    export(model, shape=(1, 16, 16), answer=(1, 16, 16), metadata={}, path=path)
    return path


def test_lung_the_threshold_is_of_probabilities_not_of_logits(shipped: Path) -> None:
    """`predict > 0.5` of logits asked for p > 0.6225."""
    logit = np.where(tumour(), 0.4, -0.4)
    data = volumes(case("a", logit / 10, tumour()))
    reader = Reader(input=Input(window=(-1.0, 1.0), range=(-1.0, 1.0), size=(16, 16)))
    table, _ = predict({SHIPPED: onnx_model(shipped)}, [data], reader, asked("dice"))
    assert value_of(table, "dice") == 1.0
    faulty = logit > 0.5
    assert not faulty.any()
    assert 1 / (1 + np.exp(-0.5)) == pytest.approx(0.6225, abs=1e-4)


@pytest.mark.parametrize("sure", [0.6, 0.9, 0.9999])
def test_liver_a_perfect_mask_is_perfect_however_sure(sure: float) -> None:
    """Keras' MeanIoU made integers of probabilities, so that only p = 1 counted as tumour."""
    probability = np.where(tumour(), sure, 1 - sure)
    data = volumes(case("a", probability, tumour()))
    assert measured(data, "iou") == 1.0
    assert measured(data, "dice") == 1.0
    assert mean_iou(probability.astype(int), tumour()) < 0.5


def mean_iou(found: Array, truth: Array) -> float:
    """With the background, as it was counted there."""
    pairs = [((found == k) & (truth == k), (found == k) | (truth == k)) for k in (0, 1)]
    return float(np.mean([both.sum() / either.sum() for both, either in pairs]))


def test_liver_the_background_is_in_no_mean() -> None:
    half = tumour((2,))
    data = volumes(case("a", half, tumour()))
    assert measured(data, "iou") == pytest.approx(0.5)
    assert mean_iou(half, tumour()) > 0.7


def test_liver_a_smoothed_loss_is_not_reported_as_dice() -> None:
    one = np.zeros(SHAPE)
    one[8, 8, 3] = 1
    data = volumes(case("a", np.zeros(SHAPE), one))
    assert measured(data, "dice") == 0.0
    smoothed = (2 * 0 + 1) / (0 + one.sum() + 1)
    assert smoothed == 0.5


def test_liver_pixel_accuracy_has_beside_it_what_finding_nothing_has() -> None:
    data = volumes(case("a", np.zeros(SHAPE), tumour()))
    assert measured(data, "pixel_accuracy") > 0.95
    assert measured(data, "pixel_accuracy") == measured(data, "background_rate")
    assert measured(data, "dice") == 0.0


def test_liver_the_best_are_not_the_worst_ten() -> None:
    """`argsort(scores)[:10]` were shown as the best. A metric says which end is which."""
    metrics = ["dice", "iou", "hd95", "pixel_accuracy", "volume_error_percent"]
    good, bad = case("good", tumour(), tumour()), case("bad", tumour((1, 2)), tumour())
    for name in metrics:
        values = np.array([measured(volumes(each), name) for each in (bad, good)])
        sign = -1 if shelf.load("metrics", name).BETTER == "higher" else 1
        if name.startswith("volume_error"):
            continue
        assert np.argsort(sign * np.abs(values))[0] == 1, name
    scores = np.linspace(0, 1, 100)
    assert scores[np.argsort(scores)[:10]].max() < 0.1


def test_monai_an_empty_case_is_neither_zero_nor_silence() -> None:
    """DiceMetric gives NaN for two empty masks, and its mean of them is 0."""
    nothing = np.zeros(SHAPE)
    theirs = DiceMetric(include_background=False, reduction="mean")
    pair = torch.nn.functional.one_hot(torch.zeros(1, *SHAPE, dtype=torch.int64), 2).movedim(-1, 1)
    theirs(y_pred=pair, y=pair)
    assert theirs.aggregate().item() == 0.0
    data = volumes(case("empty", nothing, nothing), case("found", tumour(), tumour()))
    reader = Reader(input=AS_IT_IS)
    table, _ = predict({SHIPPED: copied}, [data], reader, asked("dice"))
    assert value_of(table, "dice") == 1.0
    assert shelf.load("metrics", "dice").excluded(table) == 1
    assert measured(data, "dice", both="perfect") == 1.0


def test_monai_a_miss_is_counted_as_the_worst() -> None:
    """HausdorffDistanceMetric drops a case without a prediction: all missed would be perfect."""
    found, missed = case("a", tumour(), tumour()), case("b", np.zeros(SHAPE), tumour())
    assert measured(volumes(found, missed), "dice") == 0.5
    assert measured(volumes(found, missed), "hd95") > 5


def test_both_scores_are_on_the_original_grid() -> None:
    """Both 2D studies measured at 256 x 256. A case of 32 x 32 is not the one of 16 x 16."""
    truth = np.stack([disc((32, 32), 4.2, (15, 17))] * 3, axis=-1)
    data = volumes(case("a", truth, truth))
    small = dataclasses.replace(AS_IT_IS, resize=(16, 16))
    reader = Reader(input=small)
    table, _ = predict({SHIPPED: copied}, [data], reader, asked("dice"))
    counts = {name: float(table.columns[name][0, 0]) for name in ("tp", "fn")}
    assert sum(counts.values()) == truth.sum()
    coarse = grids.given(data.read("a").image, (1, 1, 2), small)[0] > 0.5
    shrunk = Pair(grids.nearest(truth, coarse.shape) == 1, coarse, (2, 2, 2))
    assert 2 * shrunk.tp / (shrunk.true + shrunk.predicted) != value_of(table, "dice")


def test_lung_no_slice_is_left_out() -> None:
    """Its first 30 slices were never looked at: what is found, or missed, there is counted."""
    first, nothing = tumour((0,)), np.zeros(SHAPE)
    data = volumes(case("a", first, first))
    assert measured(data, "dice") == 1.0
    assert measured(volumes(case("a", nothing, first)), "dice") == 0.0
    assert seen(patches(data))[1].any()


def test_lung_a_suite_of_masks_measures_something(tmp_path: Path) -> None:
    """No overlap was ever computed."""
    with pytest.raises(HarnessError, match="metrics must name at least one"):
        reading.load(suite(tmp_path, metrics="[]"))


# --- losses -----------------------------------------------------------------------------------


def test_monai_a_mask_needs_no_channel_of_its_own() -> None:
    """The study's label had lost it, and its first step of training was an AssertionError."""
    logits, masks = torch.zeros(2, 2, 8, 8, 8), torch.ones(2, 8, 8, 8, dtype=torch.int64)
    study = DiceLoss(to_onehot_y=True, softmax=True)
    with pytest.raises(AssertionError, match="channel with length equal to one"):
        study(logits, masks)
    with_channel = DiceLoss(to_onehot_y=True, softmax=True, include_background=False)
    expected = with_channel(logits, masks[:, None]).item()
    assert mask_loss(logits, masks, "dice").mean().item() == pytest.approx(expected, abs=1e-3)


def test_monai_its_first_step_of_training_is_done() -> None:
    data = volumes(*(case(str(k), tumour() * noise(k), tumour()) for k in range(2)))
    feed = patches(data, size=(16, 16, 8), batch_size=2)
    module = monai_unet.build((1, 16, 16, 8), 2, channels=(4, 8))
    for images, masks in feed.batches(1):
        loss = mask_loss(module(images), masks, "dice").mean()
        loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_liver_a_loss_is_of_a_case_not_of_its_batch() -> None:
    """One soft Dice over a whole batch weighs a case by the size of its tumour."""
    masks = torch.from_numpy(np.stack([disc((16, 16), radius) for radius in (1, 6)])).long()
    found_large = torch.stack([torch.full((16, 16), -20.0), 40.0 * masks[1] - 20])[:, None]
    losses = mask_loss(found_large, masks, "dice")
    assert losses.mean().item() == pytest.approx(
        (1 - 1 / (masks[0].sum().item() + 1)) / 2, rel=1e-3
    )
    p = found_large[:, 0].sigmoid()
    faulty = 1 - (2 * (masks * p).sum() + 1) / (p.sum() + masks.sum() + 1)
    assert faulty < 0.05
    for k in range(2):
        alone = mask_loss(found_large[[k]], masks[[k]], "dice")
        assert torch.allclose(losses[k], alone)


# --- images and masks -------------------------------------------------------------------------


@pytest.mark.parametrize("radius", [2, 3, 4, 5, 8])
def test_liver_a_small_tumour_survives_the_grid(radius: int) -> None:
    """Masks were interpolated linearly, then compared with 2: half of a small one was lost."""
    rng = np.random.default_rng(radius)
    kept, faulty, true = 0.0, 0.0, 0.0
    for _ in range(30):
        mask = 2 * disc((64, 64), radius, rng.uniform(20, 44, 2).tolist())
        linear = torch.nn.functional.interpolate(
            torch.from_numpy(mask)[None, None].float(), size=(32, 32), mode="bilinear"
        )
        faulty += 4 * float((linear.numpy().astype(np.uint8) == 2).sum())
        kept += 4 * float((grids.nearest(mask[..., None], (32, 32, 1)) == 2).sum())
        true += float((mask == 2).sum())
    assert kept / true == pytest.approx(1, abs=0.06)
    assert faulty / true < 0.9


def test_liver_a_mask_that_is_changed_has_its_own_labels() -> None:
    mask = tumour()[..., 2] * np.uint8(2)
    linear, labels = augment(mask[None].astype(np.float32), mask, Augment(rotate=45), rng_of(1))
    assert set(np.unique(labels)) == {0, 2}
    assert set(np.unique(linear.astype(np.uint8))) > {0, 2}


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_liver_slices_without_tumour_are_trained_on_and_measured() -> None:
    """Only slices with a tumour were kept, so that no false alarm elsewhere was ever seen."""
    alarms = tumour() | tumour((0, 5))
    data = volumes(case("a", alarms, tumour()))
    _, masks = seen(patches(data))
    assert len(masks) == SHAPE[2]
    assert masks.any(axis=(1, 2)).sum() == 2
    assert measured(data, "dice") == pytest.approx(2 / 3)
    kept = tumour().any(axis=(0, 1))
    faulty = Pair(tumour()[..., kept] == 1, alarms[..., kept] == 1, (1, 1, 2))
    assert 2 * faulty.tp / (faulty.true + faulty.predicted) == 1.0


def test_liver_cases_without_tumour_are_measured_too() -> None:
    nothing = np.zeros(SHAPE)
    data = volumes(case("a", tumour(), nothing), case("b", tumour(), tumour()))
    assert measured(data, "dice") == 0.5
    assert measured(data, "false_alarm_cases") > 0


@pytest.mark.parametrize("intensity", ["window", "zscore"])
def test_liver_what_is_tested_on_is_in_no_statistic(intensity: Any) -> None:
    """Mean and deviation were those of all data. A bright test case must not change train."""
    given_input = Input(
        intensity=intensity, window=(0.0, 2.0) if intensity == "window" else None, size=(16, 16)
    )
    train = [case(f"t{k}", noise(k), tumour()) for k in range(3)]
    dull, bright = (case("test", level * noise(9), tumour()) for level in (1, 50))
    images = [in_memory(volumes(*train, other), given_input).case(0)[0] for other in (dull, bright)]
    assert np.array_equal(images[0], images[1])
    pools = [np.concatenate([c.image for c in (*train, other)]) for other in (dull, bright)]
    faulty = [(train[0].image - pool.mean()) / pool.std() for pool in pools]
    assert not np.allclose(faulty[0], faulty[1])


def test_monai_the_grid_is_declared_not_the_mean_over_train_and_val() -> None:
    train = case("train", noise(), tumour(), spacing=(1.0, 1.0, 2.0))
    declared = Input(window=(0.0, 1.0), size=(16, 16, 6), spacing=(1.0, 1.0, 1.5))
    shapes, means = [], []
    for thickness in (2.0, 5.0):
        val = case("val", noise(1), tumour(), spacing=(1.0, 1.0, thickness))
        prepared = in_memory(volumes(train, val), declared)
        shapes.append(prepared.shapes[0])
        mean = np.mean([train.spacing, val.spacing], axis=0)
        faulty = dataclasses.replace(declared, spacing=tuple(mean.tolist()))
        means.append(grids.shape_of(SHAPE, train.spacing, faulty))
    assert shapes[0] == shapes[1] == (16, 16, 8)
    assert means[0] != means[1]


def test_monai_the_crop_does_not_depend_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size was chosen by how much of the GPU's memory was free."""
    data = volumes(case("a", noise(), tumour()))
    batches, faulty = [], []
    for free in (2, 40):
        monkeypatch.setattr(
            torch.cuda, "mem_get_info", lambda *_, free=free: (free << 30, 80 << 30)
        )
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        feed = patches(data, size=(8, 8, 4), sampler=Sampler(crops=3))
        batches.append(seen(feed)[0])
        faulty.append(96 if torch.cuda.mem_get_info()[0] < 8 << 30 else 256)
    assert batches[0].shape == (3, 1, 8, 8, 4)
    assert np.array_equal(batches[0], batches[1])
    assert faulty[0] != faulty[1]


def test_monai_the_size_of_a_crop_must_be_declared(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="size must be two or three numbers"):
        reading.load(suite(tmp_path, input="{ window = [0, 1] }"))


def test_lung_the_window_is_declared_and_what_is_beyond_is_cut_off() -> None:
    """`ct / 3071` without clipping: metal, or another scanner's -2048, left [-0.33, 1]."""
    hu = np.array([-2048, -1024, -1000, 0, 3071, 8000], np.int16).reshape(1, 6, 1, 1)
    window = Input(window=(-1024.0, 3071.0), range=(-1024 / 3071, 1.0), size=(4, 4))
    ours, study = grids.given(hu, (1, 1, 1), window).ravel(), hu.ravel() / 3071
    assert ours[1:5] == pytest.approx(study[1:5], abs=1e-6)
    assert (ours.min(), ours.max()) == pytest.approx((-1024 / 3071, 1.0))
    assert study.min() < -0.6
    assert study.max() > 2


# --- splits, order and choice -----------------------------------------------------------------


def crowd(subjects: int, scans: int = 2) -> Volumes:
    """Some scans of each of some subjects."""
    who = [f"s{k}" for k in range(subjects) for _ in range(scans)]
    cases = [case(f"scan{k}", noise(), tumour()) for k in range(len(who))]
    return volumes(*cases, subjects=who, split="all")


@given(seed=st.integers(0, 2**32 - 1), subjects=st.integers(6, 30))
@settings(max_examples=30, deadline=None)
def test_liver_no_patient_is_in_two_parts(seed: int, subjects: int) -> None:
    """Slices were shuffled and cut: neighbours of one tumour were trained and tested on."""
    data, split = crowd(subjects), Split(test=0.25, val=0.25, seed=seed)
    parts = {name: part(data, split, name, None) for name in PARTS}
    people = [set(each.subjects.tolist()) for each in parts.values() if each.subjects is not None]
    assert sum(map(len, people)) == len(set().union(*people)) == subjects
    used = [name for each in parts.values() for name in each.ids.tolist()]
    assert sorted(used) == sorted(data.ids.tolist())


def test_liver_shuffled_slices_would_share_patients() -> None:
    data = crowd(12)
    slices = [who for who in data.subjects for _ in range(SHAPE[2])]  # type: ignore[union-attr]
    random.Random(0).shuffle(slices)
    assert set(slices[:72]) & set(slices[72:])


def test_monai_train_and_val_alone_are_no_split() -> None:
    """Twenty in a hundred were val and there was no test: what chose the epoch was reported."""
    with pytest.raises(HarnessError, match="have folds, or test and val above 0"):
        ranges.split(Split(val=0.2), "split")
    for monitor in ("test_dice", "test_loss"):
        with pytest.raises(HarnessError, match="be one of val_loss, val_dice"):
            ranges.train({"stop": {"monitor": monitor}}, "train", "segment")


def test_liver_nothing_is_drawn_without_a_seed() -> None:
    """`np.random.shuffle` of whatever state there was. Ours is the same whatever came before."""
    data = volumes(*(case(str(k), noise(k), tumour()) for k in range(4)))
    train = {"batch_size": 5, "augment": Augment(scale=(0.9, 1.1), rotate=20, elastic=True)}
    found, faulty = [], []
    for state in (0, 1):
        np.random.seed(state)
        torch.manual_seed(state)
        random.seed(state)
        found.append(seen(patches(data, **train)))
        faulty.append(np.random.permutation(24))
        parts = part(crowd(20), Split(test=0.3, val=0.2, seed=5), "test", None)
        found[-1] = (*found[-1], parts.ids)
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))
    assert not np.array_equal(*faulty)


def test_lung_the_order_of_files_is_not_that_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first 57 of `glob` were train: another disk, another split."""
    names = [f"lung_{k:03}" for k in (1, 3, 4, 10, 12, 21, 30, 31)]
    for name in names:
        for folder in ("imagesTr", "labelsTr"):
            path = tmp_path / "task" / folder / f"{name}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(tumour(), np.eye(4)), path)  # type: ignore[no-untyped-call]
    listed, ours, faulty = Path.glob, [], []
    for seed in (1, 2):

        def shuffled(self: Path, *args: Any, seed: int = seed, **named: Any) -> Iterator[Path]:
            found = sorted(listed(self, *args, **named))
            random.Random(seed).shuffle(found)
            return iter(found)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "glob", shuffled)
            patch.setattr(Path, "iterdir", lambda self: shuffled(self, "*"))
            data = decathlon.load("all", tmp_path, folder="task", labels=("tumour",))
            ours.append(part(data, Split(test=0.25, val=0.25), "train", None).ids.tolist())
            files = (tmp_path / "task" / "imagesTr").glob("*")
            faulty.append([path.name for path in files][:4])
    assert data.ids.tolist() == names
    assert ours[0] == ours[1]
    assert faulty[0] != faulty[1]


def test_lung_a_case_without_a_label_is_not_measured(tmp_path: Path) -> None:
    """Its test cases were imagesTs, whose labels nobody has: they were looked at."""
    unlabelled = dataclasses.replace(case("a", noise(), tumour()), mask=None)
    labelled = case("b", noise(1), tumour())
    cases = volumes(unlabelled, labelled)
    table, faults = predict({SHIPPED: copied}, [cases], Reader(input=AS_IT_IS), asked("dice"))
    [fault] = faults
    assert (fault["id"], fault["message"][:33]) == ("a", "case a must have a mask to be mea")
    assert table.id.tolist() == ["a", "b"]
    assert table.columns["dice"][0] == 0


def test_lung_only_training_is_oversampled() -> None:
    """Slices with a tumour are drawn by their weight in train; val and test are as they are."""
    data = volumes(*(case(str(k), noise(k), tumour()) for k in range(10)))
    balanced = patches(data, sampler=Sampler(positive="balance"))
    shares = [seen(balanced, epoch)[1].any(axis=(1, 2)).mean() for epoch in range(1, 9)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.08)
    assert balanced.weight == 2.0
    prepared = in_memory(data, AS_IT_IS)
    natural = np.mean([prepared.case(k)[1].any(axis=(0, 1)).mean() for k in range(len(prepared))])
    assert natural == pytest.approx(1 / 3)


class Drawn:
    """A feed of one batch an epoch."""

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(epoch)
        images = torch.rand(2, 1, 8, 8, generator=generator)
        yield images, (images[:, 0] > 0.5).long()


@pytest.mark.parametrize("select", ["best", "last"])
def test_liver_the_model_that_val_chose_is_the_one_that_is_kept(
    select: Any, tmp_path: Path
) -> None:
    """The best was checkpointed, and the last one saved and tested."""
    weights: list[Tensor] = []

    def check(module: nn.Module) -> Mapping[str, float | None]:
        weights.append(module.state_dict()["weight"].clone())
        return {"val_loss": 1.0, "val_dice": [0.2, 0.9, 0.4, 0.3][len(weights) - 1]}

    train = Train(lr=0.1, epochs=4, select=select, stop=Stop(monitor="val_dice"))
    before = torch.are_deterministic_algorithms_enabled()
    try:
        selection = fit(
            lambda: nn.Conv2d(1, 1, kernel_size=3, padding=1),
            train,
            Drawn(),
            lambda logits, masks: mask_loss(logits, masks, "bce"),
            check,
            seed=0,
            device="cpu",
            folder=tmp_path,
            report=lambda row: None,
        )
    finally:
        torch.use_deterministic_algorithms(before)
    kept = load_file(tmp_path / "weights.safetensors")["weight"]
    chosen = 2 if select == "best" else 4
    assert selection["epoch"] == chosen
    assert [torch.equal(kept, each) for each in weights].index(True) == chosen - 1


# --- networks ---------------------------------------------------------------------------------


def test_monai_no_stride_is_given_and_never_used() -> None:
    study: dict[str, Any] = {"channels": (8, 16, 32, 64), "num_res_units": 1, "norm": "batch"}
    with pytest.warns(UserWarning, match="values of strides will not be used"):
        UNet(spatial_dims=3, in_channels=1, out_channels=2, strides=(2, 2, 2, 2), **study)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monai_unet.build((1, 16, 16, 16), 2)
    assert set(shelf.arguments("models", "monai_unet", "build")) & {"strides"} == set()


def test_lung_a_network_that_nobody_wrote_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """`UNet()` was called there and defined nowhere."""
    with pytest.raises(HarnessError, match="must be a file of models/, got 'UNet'"):
        reading.load(suite(tmp_path, build="UNet"))


def suite(
    folder: Path,
    *,
    metrics: str = '["dice"]',
    build: str = "unet",
    input: str = "{ window = [0, 1], size = [16, 16] }",
) -> str:
    """A suite of masks in a file."""
    path = folder / "masks.toml"
    text = f"""
title = "Masks"
task = "segment"
metrics = {metrics}

[datasets.phantom]
load = "phantom_lesions"
input = {input}

[models.net]
build = "{build}"

[train]
loss = "dice"
"""
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_suite_of_these_tests_is_sound(tmp_path: Path) -> None:
    assert reading.load(suite(tmp_path)).task == "segment"
