"""The best, median and worst test case of each model, as pictures and in numbers."""

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from harness.pictures import COLOURS, ERRORS, EXTRA, OTHER, PREDICTION, TRUTH, Number, Shown
from harness.report import _numbers, _words
from harness.report._blocks import MODEL, Cell, Column, Figure
from harness.report._svg import tag
from harness.report._view import Group, Line, View, joined

SIDE = 264
"""Of a picture, in pixels of the page."""

_LEAD = (
    "Test cases in the order of the suite's first metric: the first, the middle one and the last. "
    "Their masks were predicted again from the ONNX file. A picture is the slice with most of "
    "truth and prediction together, cut to their surroundings and seen from the feet: right is the "
    "patient's left. Numbers are of the whole case, from the table of predictions."
)
_REAL = "These are images of real cases: keep this page where their data may be."
_NAMES = {"true_ml": "True volume", "predicted_ml": "Predicted volume"}
_WHICH = Column(label="Place", numeric=False, explain="Of a case among those of its model.")
_CASE = Column(label="Case", numeric=False)
_FILM = Column(label="Animation", numeric=False, explain="Through all slices of the case.")


def section(view: View) -> str:
    """A table for each dataset, and a row of pictures a model."""
    real = any(shown.real for shown in view.pictures)
    pieces = view.each(_dataset)
    return view.chapter("Cases", *pieces, lead=f"{_LEAD} {_REAL}" if real else _LEAD)


def _dataset(view: View, group: Group) -> str:
    place = (group.suite, group.dataset, group.device)
    mine = [s for s in view.pictures if (s.suite, s.dataset, s.device) == place]
    models = [standing.model for standing in group.standings]
    mine.sort(key=lambda shown: models.index(shown.model))
    if not mine:
        return ""
    rows = [
        joined(view.paragraph(model), drawn)
        for model in models
        if (drawn := view.figures([_drawn(shown) for shown in mine if shown.model == model]))
    ]
    classes = mine[0].classes
    below = f"Below a number are those of {' / '.join(classes)}." if len(classes) > 1 else ""
    table = view.table(f"Cases of {group.dataset}", [_line(shown) for shown in mine])
    return joined(table, view.paragraph(below), view.figures([_legend(mine[0])]), *rows)


def _line(shown: Shown) -> Line:
    named = len(shown.classes) > 1
    told = {
        Column(
            label=_NAMES.get(number.metric) or _words.label(number.metric),
            unit=number.unit.removeprefix("1"),
            explain=_words.explain(number.metric),
        ): Cell(
            text=_digits(number.value, number.unit),
            sort=None if math.isnan(number.value) else number.value,
            detail=" / ".join(_digits(x, number.unit) for x in number.classes) if named else "",
            title=_by_class(number, shown.classes) if named else "",
        )
        for number in shown.numbers
    }
    differs = f"{shown.apart} voxels differ" if shown.apart else ""
    return {
        MODEL: Cell(text=shown.model, detail=f"seed {shown.seed}"),
        _WHICH: Cell(text=shown.which, detail=f"of {shown.among}"),
        _CASE: Cell(text=shown.case, badges=(differs,) if differs else ()),
        **told,
        **({_FILM: Cell(text="all slices", link=shown.film)} if shown.film else {}),
    }


def _by_class(number: Number, classes: Sequence[str]) -> str:
    pairs = zip(classes, number.classes, strict=True)
    return ", ".join(f"{name} {_digits(value, number.unit)}" for name, value in pairs)


def _digits(value: float, unit: str) -> str:
    if math.isnan(value):
        return "left out"
    return _numbers.ratio(value) if unit == "1" else _numbers.significant(value)


def _drawn(shown: Shown) -> Figure:
    overlay = shown.overlay
    scale = SIDE / max(overlay.columns, overlay.rows * overlay.stretch)
    width, height = scale * overlay.columns, scale * overlay.rows * overlay.stretch
    where = f"Slice {overlay.slice} of {overlay.slices}"
    areas = ", ".join(f"{name} {n:,}" for name, n in overlay.voxels.items())
    return Figure(
        caption=f"{shown.which.capitalize()}: {shown.case}",
        title=f"The {shown.which} case of {shown.model} on {shown.dataset}: {shown.case}",
        description=f"{where}, in voxels: {areas}. {_told(shown)}",
        width=SIDE,
        height=math.ceil(height),
        inside=Markup("").join(_inside(shown, scale, width, height)),
        note=f"{_told(shown)} {where}.",
    )


def _told(shown: Shown) -> str:
    """The numbers of a case in a sentence."""
    words = [
        f"{_NAMES.get(number.metric) or _words.label(number.metric)} "
        f"{_digits(number.value, number.unit)} {number.unit.removeprefix('1')}".strip()
        for number in shown.numbers
    ]
    return "; ".join(words) + "."


def _inside(shown: Shown, scale: float, width: float, height: float) -> Iterator[Markup]:
    overlay = shown.overlay
    across, down = f"{scale:.4f}", f"{scale * overlay.stretch:.4f}"
    box = {"width": width, "height": height}
    yield tag("image", href=overlay.png, preserveAspectRatio="none", **box)
    stripes = _slug(shown)
    yield _stripes(stripes, f"scale({1 / scale:.4f}) rotate(45)")
    paths = [_area(name, overlay.paths[name], stripes) for name in ERRORS if overlay.paths[name]]
    paths += [_line_of(name, overlay.paths[name]) for name in (TRUTH, PREDICTION)]
    yield tag("g", *paths, transform=f"scale({across} {down})")
    for name, x, y in overlay.names:
        place = {"x": x * scale, "y": y * scale * overlay.stretch + 4}
        yield tag("text", Markup.escape(name), class_="called", text_anchor="middle", **place)


def _slug(shown: Shown) -> str:
    words = f"{shown.suite}-{shown.dataset}-{shown.device}-{shown.model}-{shown.which}"
    return "stripes-" + "".join(c if c.isalnum() else "-" for c in words)


def _stripes(name: str, turned: str) -> Markup:
    line = tag("path", d="M0 3h6", stroke=COLOURS[EXTRA], stroke_width=3)
    about = {"id": name, "patternTransform": turned, "patternUnits": "userSpaceOnUse"}
    return tag("defs", tag("pattern", line, width=6, height=6, **about))


def _area(name: str, path: str, stripes: str) -> Markup:
    fill = f"url(#{stripes})" if name == EXTRA else COLOURS[name]
    return tag("path", d=path, fill=fill, fill_rule="evenodd", fill_opacity="0.55")


def _line_of(name: str, path: str) -> Markup:
    dash = {"stroke_dasharray": "5 3"} if name == PREDICTION else {}
    about = {"stroke": COLOURS[name], "stroke_width": "2", "vector_effect": "non-scaling-stroke"}
    return tag("path", d=path, fill="none", stroke_linejoin="round", **about, **dash)


def _legend(shown: Shown) -> Figure:
    """What lines and tints mean, and the numbers of classes."""
    named = len(shown.classes) > 1
    meant = {
        TRUTH: "truth",
        PREDICTION: "prediction",
        ERRORS[0]: "missed: in the truth alone",
        EXTRA: "too much: in the prediction alone",
        **({OTHER: "another class"} if named else {}),
    }
    name = f"{_slug(shown)}-legend"
    pieces, x = [_stripes(name, "rotate(45)")], 0.0
    for what, words in meant.items():
        mark = _line_of(what, f"M{x} 11h22") if what not in ERRORS else None
        pieces.append(mark or _area(what, f"M{x} 4h22v14h-22z", name))
        pieces.append(tag("text", words, x=x + 28, y=15.0))
        x += 28 + 6.4 * len(words) + 18
    numbers = ", ".join(f"{k} {name}" for k, name in enumerate(shown.classes, start=1))
    return Figure(
        caption="Legend",
        title="Legend of the pictures",
        description="; ".join(meant.values()),
        width=math.ceil(x),
        height=22,
        inside=Markup("").join(pieces),
        note=f"Numbers are classes: {numbers}." if named else "",
        wide=True,
    )
