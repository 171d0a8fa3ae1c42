"""Numbers that are of other cases than they seem, or that were chosen on them."""

from collections.abc import Iterator
from pathlib import Path

from harness.guards.evidence import Doubt, Evidence, doubt


def selected_on(file: Path) -> str:
    """The split that a finished ONNX file says it was chosen on, as `harness.selected_on`, or none.

    Also none for a file that cannot be read, which the export step refuses by name.
    """
    import onnx

    from harness.export import metadata

    try:
        model = onnx.load(str(file), load_external_data=False)
    except Exception:  # protobuf raises its own undocumented types
        return "none"
    return str(metadata(model).get("selected_on", "none"))


def chosen_on_test(evidence: Evidence) -> Iterator[Doubt]:
    """Epoch or threshold are those that look best on test."""
    if evidence.selection.get("split") == "test":
        yield doubt(
            "chosen-on-test",
            "the model says that it was chosen on the test cases, so its numbers on them are too"
            " good; choose epoch and threshold on val and measure again",
        )


def fewer_cases(evidence: Evidence) -> Iterator[Doubt]:
    """A split that is not whole."""
    for split, cases in (("test", evidence.test), ("val", evidence.val)):
        known, got = evidence.cases.get(split, 0), len(cases)
        if 0 < got < known:
            yield doubt(
                "fewer-cases",
                f"{got} cases of {split} are measured and the data has {known}: cases that are"
                " left out are seldom the easy ones; give a prediction of every case",
            )
