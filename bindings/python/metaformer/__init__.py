"""Finds defects in images, from a handful of good ones."""
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
