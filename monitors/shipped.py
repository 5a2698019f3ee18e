"""The measures that ship, each with its defaults."""

import importlib
import pkgutil

import monitors
from monitors.measure import Measure, Monitor

_ORDER = ("safety", "fairness", "privacy", "utility")


def shipped() -> list[Monitor]:
    """Every monitor of the package that needs no configuration, by risk and name.

    >>> len({monitor.measure.name for monitor in shipped()}) >= 12
    True
    """
    found: list[Monitor] = []
    for one in pkgutil.iter_modules(monitors.__path__, "monitors."):
        for thing in vars(importlib.import_module(one.name)).values():
            own = isinstance(thing, type) and thing.__module__ == one.name
            if own and isinstance(getattr(thing, "measure", None), Measure):
                found.append(thing())
    return sorted(found, key=lambda one: (_ORDER.index(one.measure.risk), one.measure.name))
