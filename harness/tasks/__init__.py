"""What differs between tasks, one file a task: how a model is taught, described and asked."""

from types import ModuleType

from harness.errors import HarnessError


def of(name: str) -> ModuleType:
    """The file of a task. Raises HarnessError for one that is not there."""
    from harness.tasks import classify, segment

    known = {"classify": classify, "segment": segment}
    if name not in known:
        raise HarnessError(f"task must be one of {', '.join(known)}, got {name!r}")
    return known[name]
