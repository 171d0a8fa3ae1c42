"""Train as declared: deterministic for a seed on one device, and resumed where it was killed."""

import dataclasses
import io
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from harness.disk import write
from harness.errors import HarnessError
from harness.feed import Feed
from harness.stopping import Stopper
from harness.suite import Train

CHECKPOINT_EVERY = 60.0  # seconds; a kill loses no more training than that
OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}

Row = Mapping[str, float | int | None]
Losses = Callable[[Tensor, Tensor], Tensor]
Check = Callable[[nn.Module], Mapping[str, float | None]]


@dataclasses.dataclass(slots=True)
class _Fit:
    """A training under way: all that a checkpoint holds."""

    module: nn.Module
    optimizer: torch.optim.Optimizer
    stopper: Stopper
    history: list[Row]
    best: dict[str, Tensor]
    stopped: bool = False


def fit(
    build: Callable[[], nn.Module],
    train: Train,
    feed: Feed,
    losses: Losses,
    check: Check,
    *,
    seed: int,
    device: str,
    folder: Path,
    report: Callable[[Row], None],
) -> dict[str, Any]:
    """Train and write `weights.safetensors` and `history.jsonl` into `folder`.

    losses: logits and targets of a batch -> (n,) losses. check: the module -> what val says of it.
    Returns the selection: which epoch is measured, and by which split it was chosen.
    `report` gets a row an epoch. Losses are means over cases, never over batches.
    Raises HarnessError where the loss is not finite or the monitored metric is undefined.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.manual_seed(seed)
    state = _start(build().to(device), train, folder)
    saved = time.monotonic()
    while not state.stopped and len(state.history) < train.epochs:
        row = _epoch(state, train, feed, losses, check, seed, device)
        _write_history(folder, state.history)
        report(row)
        if time.monotonic() - saved > CHECKPOINT_EVERY:
            _save(state, folder)
            saved = time.monotonic()
    weights = state.best if train.select == "best" else _copy(state.module)
    write(folder / "weights.safetensors", save(weights))
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    return _selection(state, train)


def _epoch(
    state: _Fit, train: Train, feed: Feed, losses: Losses, check: Check, seed: int, device: str
) -> Row:
    start = time.perf_counter()
    epoch = len(state.history) + 1
    torch.manual_seed(seed * 100_003 + epoch)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(train, epoch)
    loss = _train(state, train, feed, losses, device)
    row = {"epoch": epoch, "train_loss": loss, **check(state.module)}
    monitored = row[train.stop.monitor]
    if monitored is None or not math.isfinite(monitored):
        raise HarnessError(
            f"{train.stop.monitor} must be a finite number, got {monitored} at epoch {epoch}; "
            "lower train.lr or monitor another metric"
        )
    lower = monitored if train.stop.monitor == "val_loss" else -monitored
    state.stopped = state.stopper.update(epoch, lower)
    if train.select == "best" and state.stopper.best_epoch == epoch:
        state.best = _copy(state.module)
    row["seconds"] = round(time.perf_counter() - start, 3)
    state.history.append(row)
    return row


def _train(state: _Fit, train: Train, feed: Feed, losses: Losses, device: str) -> float:
    """One epoch of the feed; the mean loss over cases."""
    state.module.train()
    epoch, total, cases = len(state.history) + 1, 0.0, 0
    for images, targets in feed.batches(epoch):
        state.optimizer.zero_grad(set_to_none=True)
        loss = losses(state.module(images.to(device)), targets.to(device)).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        value = loss.item()
        if not math.isfinite(value):
            raise HarnessError(
                f"the training loss must be finite, got {value} at epoch {epoch}; "
                f"lower train.lr (now {train.lr}) or check the images"
            )
        total += value * len(images)
        cases += len(images)
    return total / cases


def learning_rate(train: Train, epoch: int) -> float:
    """Of an epoch, counted from 1, under the schedule."""
    if train.schedule is None:
        return train.lr
    passed = sum(epoch > share * train.epochs for share in train.schedule.milestones)
    return train.lr * train.schedule.gamma**passed


def _start(module: nn.Module, train: Train, folder: Path) -> _Fit:
    """A new training, or the one whose checkpoint a killed process left."""
    optimizer = OPTIMIZERS[train.optimizer](
        module.parameters(), lr=train.lr, weight_decay=train.weight_decay
    )
    state = _Fit(module, optimizer, Stopper(train.stop), [], {})
    path = folder / "checkpoint.pt"
    if path.is_file():
        saved = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(saved["module"])
        optimizer.load_state_dict(saved["optimizer"])
        state.history, state.best = saved["history"], saved["best"]
        state.stopper = Stopper(train.stop, **saved["stopper"])
        state.stopped = saved["stopped"]
    return state


def _save(state: _Fit, folder: Path) -> None:
    stopper = dataclasses.asdict(state.stopper)
    stopper.pop("stop")
    buffer = io.BytesIO()
    saved = {"module": state.module.state_dict(), "optimizer": state.optimizer.state_dict()}
    rest = {
        "history": list(state.history),
        "best": state.best,
        "stopper": stopper,
        "stopped": state.stopped,
    }
    torch.save({**saved, **rest}, buffer)
    write(folder / "checkpoint.pt", buffer.getvalue())


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


def _write_history(folder: Path, history: list[Row]) -> None:
    write(folder / "history.jsonl", "".join(json.dumps(row) + "\n" for row in history))


def _selection(state: _Fit, train: Train) -> dict[str, Any]:
    last = len(state.history)
    chosen = train.select == "best" or train.stop.patience is not None
    return {
        "epoch": state.stopper.best_epoch if train.select == "best" else last,
        "split": "val" if chosen else "none",
        "epochs_run": last,
        "stopped": "early" if state.stopped else "all epochs",
        "rule": f"{train.select} epoch; {train.stop.monitor}",
    }
