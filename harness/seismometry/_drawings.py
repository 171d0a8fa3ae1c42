"""Seismometer's drawings as figures of a page: with words in their place, and ids of their own."""

import re
from html import unescape

from markupsafe import Markup

from harness.report._blocks import Figure

_SVG = re.compile(r"<svg\b[^>]*viewBox=\"0 0 ([\d.]+) ([\d.]+)\"[^>]*>(.*)</svg>", re.DOTALL)
_ID = re.compile(r'\bid="([^"]+)"')
_ASIDE = re.compile(r"<metadata>.*?</metadata>|<title>.*?</title>|<!--.*?-->", re.DOTALL)
LEGEND = "#1c2329"
"""Of text whose colour the drawing leaves to the page: the ground is white in the dark too."""


def figure(html: str, anchor: str, caption: str, description: str) -> Figure | str:
    """The drawing in what seismometer answered, or, where it drew none, what it says instead.

    A unit is a pixel; it keeps its size on a narrow screen, so that its text can be read there.
    """
    found = _SVG.search(html)
    if found is None:
        told = unescape(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style.*?</style>", "", html)))
        return " ".join(told.split()).rstrip(".")
    width, height = (round(float(side)) for side in found.groups()[:2])
    return Figure(
        caption=caption,
        title=caption,
        description=description,
        width=width,
        height=height,
        inside=Markup(_own(found[3], anchor)),
        wide=True,
    )


def _own(inside: str, anchor: str) -> str:
    """With ids that no other drawing has, none that nothing names, and colours that are said."""
    inside = _ASIDE.sub("", inside)
    named = {a or b for a, b in re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', inside)}

    def called(match: re.Match[str]) -> str:
        return f'id="{anchor}-{match[1]}"' if match[1] in named else ""

    inside = _ID.sub(called, inside)
    inside = re.sub(r"url\(#", f"url(#{anchor}-", inside)
    inside = re.sub(r'href="#', f'href="#{anchor}-', inside)
    return re.sub(r'(<text style="(?![^"]*fill:)[^"]*)"', rf'\1; fill: {LEGEND}"', inside)
