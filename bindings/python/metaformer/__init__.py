"""Inspects images for defects, taught from a handful of good pictures."""
from ._library import Error, Status, version
from ._model import Context, Inspection, Model, Region, Scores
from ._settings import Setting, options, settings

__all__ = [
    "Context",
    "Error",
    "Inspection",
    "Model",
    "Region",
    "Scores",
    "Setting",
    "Status",
    "options",
    "settings",
    "version",
]
