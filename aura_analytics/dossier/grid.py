"""The numbers of every actor at many moments at once: partial sums by actor and span, accumulated and subtracted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from aura_analytics.cases import Fact
from aura_analytics.metrics.kinds.base import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

__all__ = ["Cells", "binned", "cells_of", "is_settled"]

_CELLS = 2_000_000  # of actors and moments that are held at once
_HALF = 22  # bits of the lower half of a value whose squares are summed
_EXACT = 2**53


def is_settled(metric: Metric) -> bool:
    """Whether what a metric counts is never changed by what happens later, so that old readings can be taken from sums."""
    return metric.rolls and metric.table.settled and metric.subject == "actor"


class Cells(NamedTuple):
    """The sums of some actors at all moments; a row is an actor at a moment at which they have a fact in the window.

    Attributes
    ----------
    actor, moment
        Places in the names and moments that were given.
    sums
        By metric: the columns that it collects.
    """

    actor: Whole
    moment: Whole
    sums: dict[str, pl.DataFrame]

    def finish_columns(self, metric: Metric, rows: Whole | None = None) -> pl.DataFrame:
        """The collected numbers of a metric, of some rows."""
        found = self.sums[metric.name]
        return found if rows is None else found[rows]


def binned(cell: Whole, parts: Whole, size: int) -> Whole:
    """Sums of whole numbers by cell, exact."""
    if parts.size and int(np.abs(parts).max()) * parts.size < _EXACT:
        return np.bincount(cell, weights=parts, minlength=size).astype(np.int64)
    out = np.zeros(size, dtype=np.int64)
    np.add.at(out, cell, parts)
    return out


def cells_of(
    tables: Mapping[Fact, pl.DataFrame],
    codes: Mapping[Fact, Whole],
    actors: int,
    metrics: Iterable[Metric],
    moments: Whole,
    span: int | None,
    *,
    at_once: bool = False,
) -> Iterator[Cells]:
    """The sums of settled metrics over the window before each moment.

    Parameters
    ----------
    tables
        The facts, each with `ts`; those before the first window do no harm.
    codes
        The place of the actor of each row, -1 for nobody.
    actors
        How many places there are.
    metrics
        Settled metrics.
    moments
        Microseconds since 1970, ascending.
    span
        Length of the window in microseconds; None is everything up to the moment.
    at_once
        All actors in one piece, however many cells that makes.
    """
    chosen = tuple(metrics)
    edges = moments if span is None else np.unique(np.concatenate([moments, moments - span]))
    upper = np.searchsorted(edges, moments)
    lower = None if span is None else np.searchsorted(edges, moments - span)
    # an event counts from the first edge that does not lie before it
    places = {fact: np.searchsorted(edges, table["ts"].to_physical().to_numpy(), side="left") for fact, table in tables.items()}
    parts = {one.name: _parts(one, tables[one.table]) for one in chosen}
    bins = len(edges)
    block = max(1, actors if at_once else _CELLS // max(bins, 1))
    for first in range(0, actors, block):
        size = min(block, actors - first)

        def windowed(inside: NDArray[np.bool_], fact: Fact, values: Whole | None, first: int = first, size: int = size) -> Whole:
            cell = (codes[fact][inside] - first) * bins + places[fact][inside]
            summed = np.bincount(cell, minlength=size * bins) if values is None else binned(cell, values[inside], size * bins)
            running = np.cumsum(summed.reshape(size, bins), axis=1)
            return running[:, upper] if lower is None else running[:, upper] - running[:, lower]

        rows_of = {fact: (codes[fact] >= first) & (codes[fact] < first + size) & (places[fact] < bins) for fact in tables}
        present = np.zeros((size, len(moments)), dtype=bool)
        for fact, inside in rows_of.items():
            present |= windowed(inside, fact, None) > 0
        actor, moment = np.nonzero(present)
        sums = {}
        for one in chosen:
            inside = rows_of[one.table]
            columns = {name: windowed(inside, one.table, values)[actor, moment] for name, values in parts[one.name].items()}
            sums[one.name] = _collected(one, columns)
        yield Cells(actor + first, moment, sums)


def _parts(one: Metric, table: pl.DataFrame) -> dict[str, Whole]:
    """The whole numbers of every row whose sums are wanted; squares by halves, so that their sums stay within 64 bits."""
    found = {name: column.to_numpy() for name, column in table.select(**one.per_row()).to_dict().items()}
    for name in one.squares:
        high, low = found[name] >> _HALF, found[name] & ((1 << _HALF) - 1)
        for which, product in (("aa", high * high), ("ab", high * low), ("bb", low * low)):
            found[f"{name}:{which}"] = product
    return found


def _collected(one: Metric, columns: dict[str, Whole]) -> pl.DataFrame:
    """Sums under the names under which a metric collects them."""
    halves = {name for name in columns if ":" in name}
    frame = pl.DataFrame({one.part(name): values for name, values in columns.items() if name not in halves})
    for name, squared in one.squares.items():
        sums = pl.DataFrame({which: columns[f"{name}:{which}"] for which in ("aa", "ab", "bb")})
        a, b, c = (pl.col(which).cast(pl.Int128) for which in sums.columns)
        whole = sums.select((a * (1 << 2 * _HALF) + b * (2 << _HALF) + c).alias(one.part(squared))).to_series()
        frame = frame.with_columns(pl.col(one.part(name)).cast(pl.Int128), whole)
    return frame
