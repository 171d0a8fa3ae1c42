"""How training went: loss per epoch, and which epoch is measured."""

from harness.report._blocks import Figure
from harness.report._curves import curves, drawable
from harness.report._view import Group, View
from harness.standings import Standing

_LEAD = (
    "Loss per epoch, a pair of lines for each seed. The dot is the epoch that is measured; where "
    "validation turns up before it, the model has begun to learn its training cases by heart."
)


def section(view: View) -> str:
    """A small drawing for each trained model, dataset by dataset."""
    return view.chapter("Training", *view.each(_dataset), lead=_LEAD)


def _dataset(view: View, group: Group) -> str:
    trained = [standing for standing in group.standings if drawable(standing.histories)]
    return view.figures([_drawn(standing, standing is trained[0]) for standing in trained])


def _drawn(standing: Standing, legend: bool) -> Figure:
    kept = [
        (seed, history)
        for seed, history in zip(standing.seeds, standing.histories, strict=False)
        if history
    ]
    selected = [_selected(standing, seed) for seed, _ in kept]
    sentences = [
        f"Seed {seed}: {len(history)} epochs, measured at epoch {epoch or 'unknown'}."
        for (seed, history), epoch in zip(kept, selected, strict=True)
    ]
    histories = [history for _, history in kept]
    return curves(standing.model, " ".join(sentences), histories, selected, legend=legend)


def _selected(standing: Standing, seed: int) -> int | None:
    for record in standing.records:
        if str(record.run.get("seed")) == str(seed):
            epoch: int | None = record.selection.get("epoch")
            return epoch
    return None
