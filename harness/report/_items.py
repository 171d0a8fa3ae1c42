"""Items of a checklist: what each asks, and what the records of a model say to it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.standings import Standing

CANNOT = "the record cannot say"


class Item(NamedTuple):
    """Its number in the checklist, what it asks in our words, and what answers it."""

    number: str
    asks: str
    answer: Callable[[Standing], str]


def answered(item: Item, standings: Sequence[Standing]) -> str:
    """What all records of a model say, by dataset where they say different things."""
    told = {(s.dataset, s.device): item.answer(s) or CANNOT for s in standings}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return " | ".join(f"{data}, {device}: {text}" for (data, device), text in told.items())
