"""Training: when it stops, which epoch is kept, what its numbers mean, and how it is resumed."""

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from scipy.stats import kstest, uniform
from sklearn.metrics import roc_auc_score
from torch import nn

from harness import fit
from harness.errors import HarnessError
from harness.feed import Images, augmented
from harness.samples import Samples
from harness.suite import Augment, Schedule, Stop, Train
from harness.validation import loss_of, validate

TRAIN = Train(loss="bce", lr=0.05, batch_size=16, epochs=4, select="last")
LOSSES = st.lists(st.integers(0, 8).map(lambda eighths: eighths / 8), min_size=1, max_size=30)
DELTAS = st.sampled_from([0.0, 0.125, 0.25, 1.0])


def samples(split: str, n: int, seed: int = 0, classes: int = 2) -> Samples:
    """Images of noise, brighter with the class."""
    rng = np.random.default_rng([seed, len(split), n])
    targets = np.arange(n) % classes
    pixels = rng.integers(0, 100, (n, 1, 4, 4)) + 60 * targets[:, None, None, None]
    return Samples(
        split=split,
        ids=np.arange(n),
        pixels=pixels.astype(np.uint8),
        targets=targets.astype(np.int64),
        classes=tuple("abcd"[:classes]),
    )


class Small(nn.Module):
    """With dropout, so that the state of the random generator shows."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, outputs)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(image)
        return logits


class Interrupted(BaseException):
    """As a kill would, it ends a training between two epochs."""


def train(
    folder: Path,
    declared: Train = TRAIN,
    *,
    seed: int = 0,
    build: Callable[[], nn.Module] = Small,
    report: Callable[[Mapping[str, Any]], None] = lambda row: None,
    cases: Samples | None = None,
    val: Samples | None = None,
) -> dict[str, Any]:
    """Fit on 40 cases, so that the last batch is half as large as the others; validate on 21."""
    try:
        return fit.fit(
            build,
            declared,
            Images(cases=cases or samples("train", 40), train=declared, seed=seed),
            functools.partial(loss_of, loss=declared.loss),
            functools.partial(
                validate, train=declared, val=val or samples("val", 21), device="cpu"
            ),
            seed=seed,
            device="cpu",
            folder=folder,
            report=report,
        )
    finally:
        torch.use_deterministic_algorithms(False)


def history(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        assert row.pop("seconds") >= 0
    return rows


def study(losses: list[float], patience: int, min_delta: float) -> int:
    """The study's EarlyStopper: the epoch after which it stops, or 0."""
    counter, best = 0, math.inf
    for epoch, loss in enumerate(losses, 1):
        if loss < best:
            best = loss
            counter = 0
        elif loss > best + min_delta:
            counter += 1
            if counter >= patience:
                return epoch
    return 0


def usual(losses: list[float], patience: int, min_delta: float) -> int:
    """The common rule: an epoch that is not better by more than min_delta is waited out."""
    wait, best = 0, math.inf
    for epoch, loss in enumerate(losses, 1):
        if loss < best - min_delta:
            best = loss
            wait = 0
        else:
            wait += 1
        if wait >= patience:
            return epoch
    return 0


@pytest.mark.parametrize(("rule", "reference"), [("study", study), ("usual", usual)])
@given(losses=LOSSES, patience=st.integers(1, 5), min_delta=DELTAS)
def test_it_stops_where_the_reference_does(
    rule: Any, reference: Any, losses: list[float], patience: int, min_delta: float
) -> None:
    stopper = fit.Stopper(Stop(patience=patience, min_delta=min_delta, rule=rule))
    stops = (epoch for epoch, loss in enumerate(losses, 1) if stopper.update(epoch, loss))
    assert next(stops, 0) == reference(losses, patience, min_delta)


@pytest.mark.parametrize("rule", ["study", "usual"])
@given(losses=LOSSES, min_delta=DELTAS)
def test_without_patience_the_first_best_epoch_is_known(
    rule: Any, losses: list[float], min_delta: float
) -> None:
    stopper = fit.Stopper(Stop(min_delta=min_delta, rule=rule))
    assert not any(stopper.update(epoch, loss) for epoch, loss in enumerate(losses, 1))
    assert (stopper.best, stopper.best_epoch) == (min(losses), 1 + losses.index(min(losses)))


@pytest.mark.parametrize(("loss", "outputs"), [("bce", 1), ("cross_entropy", 2)])
def test_the_loss_is_torchs_on_probabilities(loss: str, outputs: int) -> None:
    torch.manual_seed(0)
    logits = torch.randn(30, outputs, dtype=torch.float64)
    targets = torch.arange(30) % 2
    found = loss_of(logits, targets, loss)
    if loss == "bce":
        expected = nn.BCELoss(reduction="none")(logits.sigmoid()[:, 0], targets.double())
    else:
        expected = nn.NLLLoss(reduction="none")(logits.softmax(1).log(), targets)
    assert found.shape == (30,)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("loss", "classes"), [("bce", 2), ("cross_entropy", 2), ("cross_entropy", 3)]
)
def test_a_row_of_history_is_a_validation_by_hand(tmp_path: Path, loss: Any, classes: int) -> None:
    outputs = 1 if loss == "bce" else classes
    val = samples("val", 21, classes=classes)
    declared = Train(loss=loss, lr=0.05, batch_size=16, epochs=2, select="last")
    cases = samples("train", 40, classes=classes)
    train(tmp_path, declared, build=lambda: Small(outputs), cases=cases, val=val)
    module = Small(outputs).eval()
    module.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    with torch.inference_mode():
        logits = module(torch.from_numpy(val.batch(slice(None)))).double()
    p = logits.sigmoid() if loss == "bce" else logits.softmax(1)
    p = torch.cat([1 - p, p], 1).numpy() if loss == "bce" else p.numpy()
    truth = np.eye(classes)[val.targets]
    areas = [roc_auc_score(truth[:, k], p[:, k]) for k in range(classes)]
    row = history(tmp_path)[-1]
    assert row["epoch"] == 2
    assert row["val_loss"] == pytest.approx(-np.log(p[truth == 1]).mean(), abs=1e-6)
    assert row["val_accuracy"] == pytest.approx((p.argmax(1) == val.targets).mean())
    assert row["val_roc_auc"] == pytest.approx(np.mean(areas))


def test_the_training_loss_is_a_mean_over_cases(tmp_path: Path) -> None:
    """A learning rate that changes nothing: every batch, 16, 16 and 8, sees the same module."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    train(tmp_path, Train(loss="bce", lr=1e-30, batch_size=16, epochs=1), build=lambda: module)
    cases = samples("train", 40)
    with torch.inference_mode():
        logits = module(torch.from_numpy(cases.batch(slice(None))))
    losses = loss_of(logits, torch.from_numpy(cases.targets), "bce")
    assert history(tmp_path)[0]["train_loss"] == pytest.approx(losses.mean().item(), rel=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_every_optimizer_learns(tmp_path: Path, optimizer: Any) -> None:
    declared = Train(loss="bce", optimizer=optimizer, lr=0.05, weight_decay=1e-4, epochs=8)
    train(tmp_path, declared)
    first, *_, last = history(tmp_path)
    assert last["train_loss"] < first["train_loss"]


@given(
    eighths=st.lists(st.integers(1, 7), min_size=1, max_size=4, unique=True).map(sorted),
    epochs=st.integers(1, 12).map(lambda n: 8 * n),
    gamma=st.sampled_from([0.1, 0.5, 2.0]),
)
def test_the_schedule_is_torchs(eighths: list[int], epochs: int, gamma: float) -> None:
    """MultiStepLR steps after an epoch, and its milestones are counts of epochs done."""
    shares = tuple(each / 8 for each in eighths)
    declared = Train(lr=0.1, epochs=epochs, schedule=Schedule(milestones=shares, gamma=gamma))
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    counts = [each * epochs // 8 for each in eighths]
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimizer, counts, gamma)
    for epoch in range(1, epochs + 1):
        assert fit.learning_rate(declared, epoch) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_without_a_schedule_nothing_slows_down() -> None:
    assert {fit.learning_rate(TRAIN, epoch) for epoch in range(1, 500)} == {TRAIN.lr}


def test_the_schedule_is_followed(tmp_path: Path) -> None:
    """By plain gradient descent of one weight, whose steps are the learning rate's."""
    declared = Train(loss="bce", optimizer="sgd", lr=1e-3, batch_size=40, epochs=4, select="last")
    slower = dataclasses.replace(declared, schedule=Schedule(milestones=(0.5,), gamma=1e-9))
    weights = []
    for name, asked in (("two", dataclasses.replace(declared, epochs=2)), ("slower", slower)):
        torch.manual_seed(0)
        train(tmp_path / name, asked, build=lambda: Small().eval())
        weights.append(load_file(tmp_path / name / "weights.safetensors"))
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=0, atol=1e-7)


IMAGES = np.random.default_rng(0).random((30, 1, 4, 5), dtype=np.float32)


@settings(deadline=None)
@given(low=st.floats(0.125, 2, width=32), span=st.floats(0, 2, width=32), seed=st.integers(0, 99))
def test_each_image_is_brighter_by_a_factor_of_its_own(low: float, span: float, seed: int) -> None:
    torch.manual_seed(seed)
    before = IMAGES.copy()
    found = augmented(IMAGES, Augment(intensity=(low, low + span)))
    factors = found / IMAGES
    assert found.dtype == np.float32
    assert found.shape == IMAGES.shape
    one = factors.reshape(30, -1)[:, 0]
    np.testing.assert_allclose(factors.reshape(30, -1), np.tile(one[:, None], (1, 20)), rtol=1e-5)
    assert (one >= low * (1 - 1e-5)).all()
    assert (one <= (low + span) * (1 + 1e-5)).all()
    assert len(set(one.tolist())) > 10 or span < 1e-3
    assert (before == IMAGES).all()
    torch.manual_seed(seed)
    again = augmented(IMAGES, Augment(intensity=(low, low + span)))
    assert np.array_equal(found, again)


def test_the_factors_are_drawn_evenly() -> None:
    torch.manual_seed(0)
    ones = np.ones((20_000, 1, 1, 1), np.float32)
    found = augmented(ones, Augment(intensity=(0.5, 1.5))).ravel()
    assert kstest(found, uniform(0.5, 1).cdf).pvalue > 0.01


@pytest.mark.parametrize("augment", [None, Augment()])
def test_nothing_asked_changes_nothing(augment: Augment | None) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert augmented(IMAGES, augment) is IMAGES
    assert torch.equal(torch.get_rng_state(), before)


def test_val_is_never_augmented(tmp_path: Path) -> None:
    """Nothing is learned, and images are made black: val is as it was, training is not."""
    declared = Train(loss="bce", lr=1e-30, batch_size=16, epochs=1, select="last")
    dark = dataclasses.replace(declared, augment=Augment(intensity=(0.0, 0.0)))
    plain, darkened = (
        (train(tmp_path / name, asked), history(tmp_path / name)[0])[1]
        for name, asked in (("plain", declared), ("dark", dark))
    )
    assert plain["val_loss"] == darkened["val_loss"]
    assert plain["train_loss"] != darkened["train_loss"]


def test_an_augmented_training_is_resumed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "CHECKPOINT_EVERY", 0.0)
    schedule = Schedule(milestones=(0.25, 0.5, 0.75), gamma=0.3)
    declared = dataclasses.replace(TRAIN, augment=Augment(intensity=(0.5, 1.5)), schedule=schedule)
    train(tmp_path / "whole", declared)

    def interrupt(row: Mapping[str, Any]) -> None:
        if row["epoch"] == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(tmp_path / "killed", declared, report=interrupt)
    train(tmp_path / "killed", declared)
    assert history(tmp_path / "killed") == history(tmp_path / "whole")
    one, other = (tmp_path / name / "weights.safetensors" for name in ("whole", "killed"))
    assert one.read_bytes() == other.read_bytes()


def test_several_labels_are_validated_as_scikit_learn_says(tmp_path: Path) -> None:
    truth = np.random.default_rng(0).integers(0, 2, (40, 3))
    cases = dataclasses.replace(
        samples("train", 40), targets=truth, classes=("a", "b", "c"), kind="multilabel"
    )
    val = cases.at(np.arange(21))
    train(tmp_path, TRAIN, build=lambda: Small(3), cases=cases, val=val)
    module = Small(3).eval()
    module.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    with torch.inference_mode():
        p = module(torch.from_numpy(val.batch(slice(None)))).double().sigmoid().numpy()
    said = np.where(val.targets == 1, p, 1 - p)
    row = history(tmp_path)[-1]
    assert row["val_loss"] == pytest.approx(-np.log(said).mean(), abs=1e-6)
    assert row["val_accuracy"] == pytest.approx(((p > 0.5) == val.targets).mean())
    assert row["val_roc_auc"] == pytest.approx(roc_auc_score(val.targets, p))


@pytest.mark.parametrize("select", ["last", "best"])
def test_the_selected_epoch_is_kept(tmp_path: Path, select: Any) -> None:
    kept: list[dict[str, torch.Tensor]] = []
    modules: list[nn.Module] = []

    def build() -> nn.Module:
        modules.append(Small())
        return modules[-1]

    def keep(row: Mapping[str, Any]) -> None:
        kept.append({name: value.clone() for name, value in modules[-1].state_dict().items()})

    declared = Train(loss="bce", lr=0.5, batch_size=16, epochs=8, select=select)
    selection = train(tmp_path, declared, build=build, report=keep)
    losses = [row["val_loss"] for row in history(tmp_path)]
    best = 1 + losses.index(min(losses))
    assert best < 8
    assert selection["epoch"] == (best if select == "best" else 8)
    assert selection["split"] == ("val" if select == "best" else "none")
    weights = load_file(tmp_path / "weights.safetensors")
    for name, value in kept[selection["epoch"] - 1].items():
        assert torch.equal(weights[name], value)


@pytest.mark.parametrize("monitor", ["val_accuracy", "val_roc_auc"])
def test_of_a_score_more_is_better(tmp_path: Path, monitor: str) -> None:
    stop = Stop(monitor=monitor)
    declared = Train(loss="bce", lr=0.5, batch_size=16, epochs=8, select="best", stop=stop)
    selection = train(tmp_path, declared)
    scores = [row[monitor] for row in history(tmp_path)]
    assert selection["epoch"] == 1 + scores.index(max(scores))


def test_early_stopping_ends_the_history(tmp_path: Path) -> None:
    stop = Stop(patience=2)
    declared = Train(loss="bce", lr=1.0, batch_size=16, epochs=60, select="last", stop=stop)
    selection = train(tmp_path, declared)
    losses = [row["val_loss"] for row in history(tmp_path)]
    assert len(losses) == usual(losses, 2, 0.0) < 60
    assert selection == {
        "epoch": len(losses),
        "split": "val",
        "epochs_run": len(losses),
        "stopped": "early",
        "rule": "last epoch; val_loss",
    }


def test_a_seed_is_a_checkpoint(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "same", "other")]
    for folder, seed in zip(folders, (0, 0, 1), strict=True):
        train(folder, seed=seed)
    one, same, other = ((folder / "weights.safetensors").read_bytes() for folder in folders)
    assert one == same != other
    assert history(folders[0]) == history(folders[1]) != history(folders[2])


@pytest.mark.parametrize("select", ["last", "best"])
@pytest.mark.parametrize("killed_after", [1, 2, 5])
def test_a_resumed_training_ends_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, select: Any, killed_after: int
) -> None:
    """The checkpoint of an epoch is written after its report: a kill there loses that epoch."""
    monkeypatch.setattr(fit, "CHECKPOINT_EVERY", 0.0)
    declared = Train(loss="bce", lr=0.5, batch_size=16, epochs=6, select=select)
    expected = train(tmp_path / "whole", declared)
    trained: list[int] = []

    def interrupt(row: Mapping[str, Any]) -> None:
        trained.append(row["epoch"])
        if row["epoch"] > killed_after:
            raise Interrupted

    folder = tmp_path / "killed"
    with pytest.raises(Interrupted):
        train(folder, declared, report=interrupt)
    assert (folder / "checkpoint.pt").is_file()
    assert not (folder / "weights.safetensors").exists()
    found = train(folder, declared, report=lambda row: trained.append(row["epoch"]))
    assert trained == [*range(1, killed_after + 2), *range(killed_after + 1, 7)]
    assert found == expected
    assert history(folder) == history(tmp_path / "whole")
    one, other = (tmp_path / name / "weights.safetensors" for name in ("whole", "killed"))
    assert one.read_bytes() == other.read_bytes()
    assert {file.name for file in folder.iterdir()} == {"weights.safetensors", "history.jsonl"}


def test_early_stopping_is_resumed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "CHECKPOINT_EVERY", 0.0)
    stop = Stop(patience=3)
    declared = Train(loss="bce", lr=1.0, batch_size=16, epochs=60, select="last", stop=stop)
    expected = train(tmp_path / "whole", declared)

    def interrupt(row: Mapping[str, Any]) -> None:
        if row["epoch"] == expected["epochs_run"]:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(tmp_path / "killed", declared, report=interrupt)
    assert train(tmp_path / "killed", declared) == expected


def test_a_stopped_training_stays_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the checkpoint of the last epoch and the weights."""
    monkeypatch.setattr(fit, "CHECKPOINT_EVERY", 0.0)
    stop = Stop(patience=2)
    declared = Train(loss="bce", lr=1.0, batch_size=16, epochs=60, select="last", stop=stop)
    expected = train(tmp_path / "whole", declared)
    write = fit.write

    def interrupt(path: Path, data: bytes | str) -> None:
        if path.name == "weights.safetensors":
            raise Interrupted
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(fit, "write", interrupt)
        with pytest.raises(Interrupted):
            train(tmp_path / "killed", declared)
    assert train(tmp_path / "killed", declared) == expected


def test_an_undefined_monitor_is_refused(tmp_path: Path) -> None:
    declared = Train(loss="bce", epochs=2, stop=Stop(monitor="val_roc_auc"))
    val = samples("val", 6)
    healthy = val.first(6)
    healthy.targets[:] = 0
    with pytest.raises(HarnessError, match="val_roc_auc must be a finite number, got None at ep"):
        train(tmp_path, declared, val=healthy)
    train(tmp_path, Train(loss="bce", epochs=1), val=healthy)
    assert history(tmp_path)[0]["val_roc_auc"] is None


def test_an_endless_loss_is_refused(tmp_path: Path) -> None:
    declared = Train(loss="bce", optimizer="sgd", lr=1e30, batch_size=16, epochs=3)
    with pytest.raises(HarnessError, match=r"the training loss must be finite, got .* lower train"):
        train(tmp_path, declared)
    assert not (tmp_path / "weights.safetensors").exists()
