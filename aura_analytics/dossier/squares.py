"""Sums of squares of whole numbers within 64 bits: by halves, since of v = a 2^h + b the square is a^2 2^2h + 2 a b 2^h + b^2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.metrics.kinds.base import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

__all__ = ["PRODUCTS", "products", "put_together", "with_squares"]

_HALF = 22  # bits of the lower half
PRODUCTS = ("aa", "ab", "bb")


def products(values: Whole) -> dict[str, Whole]:
    """The three products of the halves of every value."""
    high, low = values >> _HALF, values & ((1 << _HALF) - 1)
    return dict(zip(PRODUCTS, (high * high, high * low, low * low), strict=True))


def with_squares(one: Metric, parts: Mapping[str, Whole]) -> dict[str, Whole]:
    """The whole numbers of every row, and beside those whose squares a metric needs their products (`<name>:aa`, ...)."""
    found = dict(parts)
    for name in one.squares:
        found |= {f"{name}:{which}": product for which, product in products(parts[name]).items()}
    return found


def put_together(one: Metric, sums: Mapping[str, Whole]) -> pl.DataFrame:
    """Sums of `with_squares` under the names under which a metric collects them."""
    frame = pl.DataFrame({one.part(name): values for name, values in sums.items() if ":" not in name})
    for name, squared in one.squares.items():
        halves = pl.DataFrame({which: sums[f"{name}:{which}"] for which in PRODUCTS})
        a, b, c = (pl.col(which).cast(pl.Int128) for which in PRODUCTS)
        whole = halves.select((a * (1 << 2 * _HALF) + b * (2 << _HALF) + c).alias(one.part(squared))).to_series()
        frame = frame.with_columns(pl.col(one.part(name)).cast(pl.Int128), whole)
    return frame
