"""`list`: what there is, and why some of it is unavailable."""

from harness import reading, shelf
from harness.errors import HarnessError
from harness.text import columns
from harness.verbs._scope import Answer


def listing(shelf_name: str | None) -> Answer:
    """Suites and shelves, or one of them with the first line of each file."""
    suites = reading.known("suites")
    contents = {"suites": suites, **{name: shelf.names(name) for name in shelf.SHELVES}}
    if shelf_name is None:
        rows = [[name, ", ".join(items)] for name, items in contents.items()]
        return Answer(text=columns(rows), data=contents)
    if shelf_name not in contents:
        known = ", ".join(contents)
        raise HarnessError(f"the shelf must be one of {known}, got {shelf_name!r}")
    described = {name: describe(shelf_name, name) for name in contents[shelf_name]}
    return Answer(text=columns([[*pair] for pair in described.items()]), data=described)


def describe(shelf_name: str, name: str) -> str:
    """One line on a file of a shelf; on a backend, whether this machine has it."""
    if shelf_name == "suites":
        return reading.title(name)
    if shelf_name == "backends":
        reason = shelf.load("backends", name).available()
        return f"unavailable: {reason}" if reason else "available"
    return shelf.summary(shelf_name, name)
