"""What a training needs beside the network: batches, losses, what val says, and what was unread."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """As `fit` takes them; `unread` are the training and val cases that could not be read."""

    feed: Any
    losses: Callable[[Any, Any], Any]
    check: Callable[[Any], Mapping[str, float | None]]
    unread: tuple[Mapping[str, str], ...] = ()
