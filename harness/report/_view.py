"""What a section sees: standings by dataset, and building blocks that are in the page's format."""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.published import Beside
from harness.record import Measurement, Where
from harness.report._blocks import Cell, Column, Figure, Format, Table
from harness.report._board import Board
from harness.report._recipe import Recipe
from harness.rules import LATENCY_METRICS, SIZE_METRICS
from harness.standings import Standing

Line = Mapping[Column, Cell]
Links = Mapping[tuple[str, str], str]
NO_LINKS: Links = {}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The standings of one dataset on one device, in their order: best value first.

    `published` are results that others report of the same data.
    """

    suite: str
    dataset: str
    device: str
    metric: str
    standings: tuple[Standing, ...]
    published: tuple[Beside, ...] = ()

    def beside(self, standing: Standing) -> list[Beside]:
        """What is published of the same network."""
        return [row for row in self.published if row.model == standing.model]

    def rows(self, wanted: Callable[[Measurement], bool]) -> Iterator[tuple[Standing, Measurement]]:
        """All rows that are wanted, standing by standing."""
        for standing in self.standings:
            yield from ((standing, row) for row in standing.rows if wanted(row))

    def metrics(self, wanted: Callable[[Measurement], bool]) -> list[Measurement]:
        """One row of each wanted metric, in order of appearance, the ranking metric first."""
        first: dict[str, Measurement] = {}
        for _, row in self.rows(wanted):
            first.setdefault(row.metric, row)
        return sorted(first.values(), key=lambda row: row.metric != self.metric)

    def places(self, wanted: Callable[[Measurement], bool]) -> list[Where]:
        """The distinct `where` of the wanted rows, in order of appearance."""
        distinct = {tuple(sorted(row.where.items())): row.where for _, row in self.rows(wanted)}
        return list(distinct.values())


def quality(row: Measurement) -> bool:
    """Whether a row says how good the answers are, not how big or fast the model is."""
    other = (*LATENCY_METRICS, *SIZE_METRICS, "flops", "peak_memory", "windows_per_case")
    return row.kind == "value" and row.metric not in other


def served_one_by_one(row: Measurement) -> bool:
    """Whether a row is the latency that a leaderboard shows: of one case, in onnxruntime."""
    place = (row.metric, row.where.get("backend"), row.where.get("batch"))
    return place == ("latency_p50", "onnxruntime", "1")


def find(standing: Standing, metric: str, where: Where | None = None) -> Measurement | None:
    """The row of `metric` whose `where` is exactly `where`, or None."""
    for row in standing.rows:
        if row.metric == metric and row.where == (where or {}):
            return row
    return None


class View:
    """One page being written. Sections read standings from it and return what its methods return.

    It remembers what the page needs around its sections: chapters for the contents, and the words
    that column headers explain. `links` leads to the page of a (suite, model), where there is one;
    `alone` says that the page is of one model.
    """

    def __init__(
        self, recipe: Recipe, board: Board, to: Format, links: Links = NO_LINKS, alone: bool = False
    ) -> None:
        self.recipe = recipe
        chosen = board.suites(recipe.suites)
        self.standings = chosen.standings
        self.overviews = chosen.overviews
        self.published = chosen.published
        self.pictures = chosen.pictures
        self.links = links
        self.alone = alone
        self.here = ""
        self.chapters: list[tuple[str, str]] = []
        self.words: dict[str, str] = {}
        self._to = to
        self._blocks: Counter[str] = Counter()

    def datasets(self) -> list[Group]:
        """The standings grouped by suite, dataset and device, in the recipe's order."""
        groups: dict[tuple[str, str, str], list[Standing]] = {}
        for standing in self.standings:
            key = (standing.suite, standing.dataset, standing.device)
            groups.setdefault(key, []).append(standing)
        return [_group(members, self.published) for members in groups.values()]

    def linked(self, cell: Cell, suite: str, model: str) -> Cell:
        """A cell whose text leads to the page of a model, where one is written."""
        return dataclasses.replace(cell, link=self.links.get((suite, model), ""))

    def chapter(self, title: str, *pieces: str, lead: str = "") -> str:
        """A titled part of the page; "" where every piece is empty."""
        if not any(pieces):
            return ""
        self.chapters.append((self.here, title))
        heading = self._to.heading(2, title, "", self.here)
        return joined(heading, self.paragraph(lead), *pieces)

    def topic(self, title: str, *pieces: str, detail: str = "") -> str:
        """A titled part of a chapter; "" where every piece is empty."""
        if not any(pieces):
            return ""
        anchor = re.sub("[^a-zA-Z0-9]+", "-", f"{self.here}-{title}-{detail}").strip("-")
        return joined(self._to.heading(3, title, detail, anchor), *pieces)

    def each(self, write: Callable[["View", Group], str]) -> list[str]:
        """A topic for each dataset that `write` has something to say of."""
        return [
            self.topic(group.dataset, write(self, group), detail=f"{group.suite}, {group.device}")
            for group in self.datasets()
        ]

    def paragraph(self, text: str) -> str:
        """Plain words; "" for none."""
        return self._to.paragraph(text) if text else ""

    def table(
        self,
        label: str,
        lines: Sequence[Line],
        foot: Sequence[Line] = (),
        filtered: bool = False,
    ) -> str:
        """A table of the columns that some line fills; "" where there are no lines.

        Columns stand in the order in which lines name them. `filtered` asks for a box that hides
        lines without the words in it.
        """
        every = [*lines, *foot]
        columns = [
            column
            for column in dict.fromkeys(column for line in every for column in line)
            if not all(line.get(column, Cell()).blank for line in every)
        ]
        if not lines or not columns:
            return ""
        told = {column.label: column.explain for column in columns if column.explain}
        self.words |= {label: told[label] for label in told if label not in self.words}
        table = Table(
            anchor=self._anchor(),
            label=label,
            columns=columns,
            rows=[[line.get(column, Cell()) for column in columns] for line in lines],
            foot=[[line.get(column, Cell()) for column in columns] for line in foot],
            filtered=filtered and len(lines) > 1,
        )
        return self._to.table(table)

    def folded(self, title: str, piece: str) -> str:
        """A piece that is shown when it is asked for; "" for an empty one."""
        return self._to.folded(title, piece) if piece else ""

    def figures(self, figures: Sequence[Figure]) -> str:
        """Drawings side by side; "" for none, and in a format that cannot draw."""
        return self._to.figures(figures, self._anchor()) if figures else ""

    def _anchor(self) -> str:
        self._blocks[self.here] += 1
        return f"{self.here}-{self._blocks[self.here]}"


def _group(members: Sequence[Standing], published: Sequence[Beside]) -> Group:
    first = members[0]
    place = (first.suite, first.dataset, first.device)
    return Group(
        suite=first.suite,
        dataset=first.dataset,
        device=first.device,
        metric=first.metric,
        standings=tuple(members),
        published=tuple(b for b in published if (b.suite, b.dataset, b.device) == place),
    )


def joined(*pieces: str) -> str:
    """Pieces of a page, one after the other."""
    return "\n\n".join(piece for piece in pieces if piece)
