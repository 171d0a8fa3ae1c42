"""Pictures of cases: truth and prediction over the image, as a drawing or through all slices."""

from harness.pictures.animation import animation
from harness.pictures.overlay import Overlay, overlay
from harness.pictures.shown import Number, Shown
from harness.pictures.slices import COLOURS, ERRORS, EXTRA, OTHER, PREDICTION, TRUTH

__all__ = [
    "COLOURS",
    "ERRORS",
    "EXTRA",
    "OTHER",
    "PREDICTION",
    "TRUTH",
    "Number",
    "Overlay",
    "Shown",
    "animation",
    "overlay",
]
