"""Outlines of masks: closed paths along the edges of pixels, as SVG path data."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

Step = tuple[int, int]
Edges = dict[Step, list[Step]]
"""Corner (x, y) -> steps that begin there, of one pixel's length, with the mask on their right."""

_SIDES = (
    ((-1, 0), (0, 0), (1, 0)),
    ((0, 1), (1, 0), (0, 1)),
    ((1, 0), (1, 1), (-1, 0)),
    ((0, -1), (0, 1), (0, -1)),
)
"""Where a neighbour is (row, column), where the edge to it begins (x, y), and which way it goes."""


def outline(mask: NDArray[np.bool_]) -> str:
    """(rows, columns) -> the path around it, holes too; filled by the rule evenodd it is the mask.

    Corner (0, 0) is that of the first pixel, x counts columns; "" for an empty mask.
    """
    edges = _edges(mask)
    loops = []
    while edges:
        loops.append(_loop(edges, next(iter(edges))))
    return "".join(loops)


def outlines(labels: NDArray[np.uint8]) -> str:
    """The paths around each class of (rows, columns), one after the other."""
    return "".join(outline(labels == k) for k in np.unique(labels) if k)


def _edges(mask: NDArray[np.bool_]) -> Edges:
    edges: Edges = defaultdict(list)
    padded = np.pad(mask, 1)
    height, width = mask.shape
    for (down, right), (x, y), step in _SIDES:
        beside = padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
        for row, column in np.argwhere(mask & ~beside).tolist():
            edges[column + x, row + y].append(step)
    return edges


def _loop(edges: Edges, start: Step) -> str:
    """Walk from a corner back to it, and forget the edges on the way."""
    at, path = start, [f"M{start[0]} {start[1]}"]
    length, way = 0, (0, 0)
    while True:
        step = edges[at].pop()
        if not edges[at]:
            del edges[at]
        if step != way:
            path.append(_straight(way, length))
            length, way = 0, step
        length, at = length + 1, (at[0] + step[0], at[1] + step[1])
        if at == start:
            return "".join(path) + "z"


def _straight(way: Step, length: int) -> str:
    """So many pixels in one direction."""
    if not length:
        return ""
    return f"h{way[0] * length}" if way[0] else f"v{way[1] * length}"
