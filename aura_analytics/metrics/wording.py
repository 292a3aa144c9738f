"""Numbers of metrics as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.units import unit_of

__all__ = ["UNDEFINED", "cards", "figure", "figures"]

UNDEFINED = "undefined"


def figure(value: float, unit: str) -> str:
    """A number as people read it: rates in percent, the rest with two decimals.

    Parameters
    ----------
    value
        The number; NaN is undefined.
    unit
        Its unit.

    Examples
    --------
    >>> figure(0.42, "fraction"), figure(float("nan"), "stars")
    ('42.0 %', 'undefined')
    """
    return UNDEFINED if math.isnan(value) else unit_of(unit).figure(value)


def figures(values: Any, unit: str) -> list[str]:
    """`figure` of many numbers; equal texts are made once."""
    import numpy as np

    exact = unit_of(unit)
    shown = np.round(values, exact.exact + (2 if exact.percent else 0))
    distinct, which = np.unique(shown, return_inverse=True)
    texts = np.array([figure(value, unit) for value in distinct.tolist()], dtype=object)
    found: list[str] = texts[which].tolist()
    return found


def cards(row: Mapping[str, Any], metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """The numbers of a dossier that have a value: `metric`, `title`, and what the metric's `cell` says."""
    return [{"metric": one.name, "title": one.title, **one.cell(row)} for one in metrics if one.name in row and one.is_known(row)]
