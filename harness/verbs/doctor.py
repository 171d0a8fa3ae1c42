"""`doctor`: what this machine can measure, and why not the rest."""

from harness import shelf
from harness.environment import environment
from harness.text import columns
from harness.verbs._scope import Answer
from harness.verbs.list import describe


def doctor() -> Answer:
    """Backends with the reason where one is unavailable, and the conditions of a measurement."""
    names = shelf.names("backends")
    backends = {name: describe("backends", name) for name in names}
    notes = [getattr(shelf.load("backends", name), "note", lambda: None)() for name in names]
    conditions = environment()
    rows = [[*pair] for pair in backends.items()]
    rows += [["note", note] for note in notes if note]
    rows += [[key, _words(value)] for key, value in conditions.items()]
    return Answer(text=columns(rows), data={"backends": backends, "environment": conditions})


def _words(value: object) -> str:
    """A value of the conditions as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return "none" if value is None else str(value)
