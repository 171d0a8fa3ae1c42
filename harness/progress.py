"""What a long command says on stderr while it works: live on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import Any

EVERY = 5.0  # seconds between two plain lines of one training
SHORT = {"val_accuracy": "acc", "val_roc_auc": "auc", "val_dice": "dice"}
"""What val is asked after an epoch, in short."""


class Progress:
    """Say what is going on; with `quiet`, only what went wrong.

    Nobody need listen: where stderr is closed, the work goes on in silence.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.live: Any = None
        self.spoken = 0.0
        if not quiet and sys.stderr.isatty():
            from rich.console import Console

            self.live = Console(stderr=True, highlight=False).status("")

    def say(self, text: str) -> None:
        """One line that stays."""
        if not self.quiet:
            self._print(text)

    def warn(self, text: str) -> None:
        """What went wrong, quiet or not."""
        self._print(f"harness: {text}")

    def step(self, run: str, step: str) -> None:
        """What is being done now; replaced by what comes next on a terminal."""
        self._now(f"{run}  {step}", always=True)

    def epoch(self, run: str, row: Mapping[str, Any], epochs: int) -> None:
        """A row of a training history: losses, validation metrics, time left to the last epoch."""
        left = (epochs - row["epoch"]) * row["seconds"]
        known = [(short, row[name]) for name, short in SHORT.items() if name in row]
        val = [f"{name} {'undefined' if v is None else f'{v:.3f}'}" for name, v in known]
        self._now(
            f"{run}  epoch {row['epoch']}/{epochs}  loss {row['train_loss']:.4f}  "
            f"val loss {row['val_loss']:.4f}  {'  '.join(val)}  at most {_clock(left)} left",
            always=row["epoch"] == epochs,
        )

    def prepared(self, run: str, split: str, done: int, total: int) -> None:
        """How many cases of a split are ready for training."""
        self._now(f"{run}  {done} of {total} {split} cases prepared", always=done == total)

    def audited(self, dataset: str, what: str) -> None:
        """What an audit looks at now."""
        self._now(f"{dataset}  {what}")

    def unread(self, run: str, case: str, why: str) -> None:
        """That a case is left out, before the training begins without it."""
        if not self.quiet:
            self._print(f"{run}  {case} was not read: {why}")

    def written(self, run: str, done: int, total: int) -> None:
        """How many masks of a model are written."""
        self._now(f"{run}  {done} of {total} masks written", always=done == total)

    def received(self, file: str, here: int, total: int | None) -> None:
        """How many bytes of a file have come, of how many if that is known."""
        whole = f" of {total / 1e6:,.1f}" if total else ""
        share = f"  {here / total:.0%}" if total else ""
        self._now(f"{file}  {here / 1e6:,.1f}{whole} MB{share}", always=here == total)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self.live is not None:
            self.live.stop()

    def _now(self, text: str, always: bool = False) -> None:
        if self.quiet:
            return
        if self.live is not None:
            self.live.start()
            self.live.update(text)
        elif always or time.monotonic() - self.spoken > EVERY:
            self.spoken = time.monotonic()
            self._print(text)

    def _print(self, text: str) -> None:
        self.close()
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            self.quiet = True


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
