"""Numbers of metrics as people read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import polars as pl

from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.units import unit_of

__all__ = ["UNDEFINED", "cards", "distances", "figure", "figures", "observations", "text_series"]

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


def text_series(values: Any, words: Callable[[Any], list[str]]) -> pl.Series:
    """Texts of many numbers (an array; NaN among them), of which equal ones are put into words once."""
    import numpy as np

    distinct, which = np.unique(values, return_inverse=True)
    return pl.Series(words(distinct), dtype=pl.String).gather(which)


def distances(values: Any, unit: str) -> list[str]:
    """How far numbers lie apart, as people read it: shares in points of a percent; NaN is undefined.

    Examples
    --------
    >>> distances([0.12, 1.5], "fraction"), distances([0.5], "stars")
    (['12.0 points', '150.0 points'], ['0.50 stars'])
    """
    exact = unit_of(unit)
    return [
        text.removesuffix(" %") + " points" if text.endswith(" %") and exact.percent else text for text in figures(values, unit)
    ]


def observations(n: int, called: str = "observations") -> str:
    """How many observations, in words.

    Parameters
    ----------
    n
        Their number, from 0.
    called
        What they are, in the plural.

    Examples
    --------
    >>> observations(1), observations(1200, "judged verdicts")
    ('1 observation', '1,200 judged verdicts')
    """
    return f"{n:,} {called.removesuffix('s') if n == 1 else called}"


def cards(row: Mapping[str, Any], metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """The numbers of a dossier that have a value: `metric`, `title`, and what the metric's `cell` says."""
    return [{"metric": one.name, "title": one.title, **one.cell(row)} for one in metrics if one.name in row and one.is_known(row)]
