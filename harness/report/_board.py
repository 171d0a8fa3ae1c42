"""What pages are made of: the lines of leaderboards, and the rows that compare across records."""

import dataclasses
from typing import TypeVar

from harness.overview import Overview
from harness.pictures import Shown
from harness.published import Beside
from harness.standings import Standing

Of = TypeVar("Of", Standing, Overview, Beside, Shown)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All that a page may show."""

    standings: tuple[Standing, ...] = ()
    overviews: tuple[Overview, ...] = ()
    published: tuple[Beside, ...] = ()
    pictures: tuple[Shown, ...] = ()

    def suites(self, names: tuple[str, ...]) -> "Board":
        """What is of these suites, in their order."""
        order = {name: index for index, name in enumerate(names)}
        return Board(
            standings=_chosen(self.standings, order),
            overviews=_chosen(self.overviews, order),
            published=_chosen(self.published, order),
            pictures=_chosen(self.pictures, order),
        )

    def model(self, suite: str, model: str) -> "Board":
        """What is of one model of one suite; of published results, those of the same network."""
        return Board(
            standings=tuple(s for s in self.standings if (s.suite, s.model) == (suite, model)),
            overviews=tuple(
                dataclasses.replace(o, lines=tuple(x for x in o.lines if x.model == model))
                for o in self.overviews
                if o.suite == suite and any(line.model == model for line in o.lines)
            ),
            published=tuple(b for b in self.published if (b.suite, b.model) == (suite, model)),
            pictures=tuple(p for p in self.pictures if (p.suite, p.model) == (suite, model)),
        )


def _chosen(rows: tuple[Of, ...], order: dict[str, int]) -> tuple[Of, ...]:
    found = [row for row in rows if row.suite in order]
    return tuple(sorted(found, key=lambda row: order[row.suite]))
