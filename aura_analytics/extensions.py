"""What others add: objects found by the entry points of installed packages.

A package that offers a metric, an operator of rules, a reader of files or a widget names it in its `pyproject.toml`::

    [project.entry-points."aura_analytics.metrics"]
    night_share = "my_package.metrics:night_share"

One that cannot be loaded is warned of by its name, and the rest goes on.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["GROUPS", "ExtensionWarning", "extensions", "provide", "provided"]

GROUPS = ("metrics", "operators", "readers", "widgets")
_provided: dict[str, Callable[..., Any]] = {}


class ExtensionWarning(UserWarning):
    """Something that an installed package offers cannot be used."""


@cache
def extensions(group: str) -> tuple[tuple[str, Any], ...]:
    """What installed packages offer under `aura_analytics.<group>`: pairs of the entry point's name and the object.

    Parameters
    ----------
    group
        One of `metrics`, `operators`, `readers`, `widgets`.

    Examples
    --------
    >>> extensions("metrics")
    ()
    """
    found = []
    for point in sorted(_points(tuple(sys.path)).select(group=f"aura_analytics.{group}"), key=lambda point: point.name):
        try:
            found.append((point.name, point.load()))
        except Exception as error:  # noqa: BLE001  (whatever a foreign package does, the rest goes on)
            refuse(group, point.name, f"{point.value} cannot be loaded: {type(error).__name__}: {error}")
    return tuple(found)


@cache
def _points(_path: tuple[str, ...]) -> Any:
    """Those of all packages on a path: looking for them takes longer than anything else here."""
    from importlib.metadata import entry_points

    return entry_points()


def refuse(group: str, name: str, why: str) -> None:
    """Warn of something that an installed package offers and that cannot be used."""
    text = f"entry point {name!r} of aura_analytics.{group} is left out: {why}"
    warnings.warn(text, ExtensionWarning, stacklevel=3)


def provide(what: str, call: Callable[..., Any]) -> None:
    """Say who does something that a lower floor asks for without knowing who does it."""
    _provided[what] = call


def provided(what: str) -> Callable[..., Any]:
    """Who does something."""
    return _provided[what]
