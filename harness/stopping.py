"""When training stops, and which epoch was best."""

import dataclasses
import math

from harness.suite import Stop


@dataclasses.dataclass(slots=True)
class Stopper:
    """Early stopping as declared: `update` with the monitored value, lower is better."""

    stop: Stop
    best: float = math.inf
    best_epoch: int = 0
    reference: float = math.inf
    counter: int = 0

    def update(self, epoch: int, value: float) -> bool:
        """Take the value of an epoch (from 1); True where training must stop."""
        if value < self.best:
            self.best, self.best_epoch = value, epoch
        if self.stop.rule == "study":
            better = value < self.reference
            worse = value > self.reference + self.stop.min_delta
        else:
            better = value < self.reference - self.stop.min_delta
            worse = not better
        if better:
            self.reference, self.counter = value, 0
        elif worse:
            self.counter += 1
        return self.stop.patience is not None and self.counter >= self.stop.patience
