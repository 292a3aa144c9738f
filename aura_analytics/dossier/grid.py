"""The numbers of every actor at many moments at once: partial sums by actor and span, accumulated and subtracted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from aura_analytics.cases import Fact
from aura_analytics.dossier.squares import put_together, with_squares
from aura_analytics.metrics.kinds.base import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

__all__ = ["Cells", "Grid", "binned", "is_settled"]

_CELLS = 2_000_000  # of actors and moments that are held at once
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


def binned(cell: Whole, parts: Whole, size: int) -> Whole:
    """Sums of whole numbers by cell, exact."""
    if parts.size and int(np.abs(parts).max()) * parts.size < _EXACT:
        return np.bincount(cell, weights=parts, minlength=size).astype(np.int64)
    out = np.zeros(size, dtype=np.int64)
    np.add.at(out, cell, parts)
    return out


class Grid:
    """Facts on a grid of actors and moments.

    Parameters
    ----------
    tables
        The facts, each with `ts`; those before the first window do no harm.
    codes
        The place of the actor of each row.
    metrics
        Settled metrics.
    moments
        Microseconds since 1970, ascending.
    span
        Length of the window in microseconds; None is everything up to the moment.
    """

    def __init__(
        self,
        tables: Mapping[Fact, pl.DataFrame],
        codes: Mapping[Fact, Whole],
        metrics: Iterable[Metric],
        moments: Whole,
        span: int | None,
    ) -> None:
        self._metrics = tuple(metrics)
        self._moments, self._codes = len(moments), codes
        edges = moments if span is None else np.unique(np.concatenate([moments, moments - span]))
        self._bins = len(edges)
        self._upper = _run(np.searchsorted(edges, moments))
        self._lower = None if span is None else _run(np.searchsorted(edges, moments - span))
        # an event counts from the first edge that does not lie before it
        self._places = {
            fact: np.searchsorted(edges, table["ts"].to_physical().to_numpy(), side="left") for fact, table in tables.items()
        }
        self._parts = {
            one.name: {name: column.to_numpy() for name, column in tables[one.table].select(**one.per_row()).to_dict().items()}
            for one in self._metrics
        }

    def blocks(self, actors: int) -> Iterator[Whole]:
        """The actors in pieces that are held at once."""
        block = max(1, _CELLS // max(self._bins, 1))
        for first in range(0, actors, block):
            yield np.arange(first, min(first + block, actors))

    def totals(self, actors: Whole) -> dict[str, dict[str, Whole]]:
        """Sums of `per_row` of every metric for some actors, each of shape (actors, moments)."""
        rows = self._rows(actors)
        return {
            one.name: {name: self._windowed(rows[one.table], values) for name, values in self._parts[one.name].items()}
            for one in self._metrics
        }

    def cells(self, actors: Whole) -> Cells:
        """What the metrics collect of some actors, at the moments at which these have a fact in the window."""
        rows = self._rows(actors)
        present = np.zeros((len(actors), self._moments), dtype=bool)
        for found in rows.values():
            present |= self._windowed(found, None) > 0
        actor, moment = np.nonzero(present)
        sums = {}
        for one in self._metrics:
            parts = with_squares(one, {name: values[rows[one.table].inside] for name, values in self._parts[one.name].items()})
            columns = {name: self._summed(rows[one.table], values)[actor, moment] for name, values in parts.items()}
            sums[one.name] = put_together(one, columns)
        return Cells(actors[actor], moment, sums)

    def _rows(self, actors: Whole) -> dict[Fact, _Rows]:
        """Where the rows of some actors lie."""
        found = {}
        for fact, codes in self._codes.items():
            place = np.full(int(max(codes.max(initial=-1), actors.max(initial=-1))) + 1, -1, dtype=np.int64)
            place[actors] = np.arange(len(actors))
            mine = place[codes]
            inside = np.flatnonzero((mine >= 0) & (self._places[fact] < self._bins))
            found[fact] = _Rows(inside, mine[inside] * self._bins + self._places[fact][inside], len(actors))
        return found

    def _windowed(self, rows: _Rows, values: Whole | None) -> Whole:
        return self._summed(rows, None if values is None else values[rows.inside])

    def _summed(self, rows: _Rows, values: Whole | None) -> Whole:
        size = rows.actors * self._bins
        summed = np.bincount(rows.cell, minlength=size) if values is None else binned(rows.cell, values, size)
        running = np.cumsum(summed.reshape(rows.actors, self._bins), axis=1)
        return running[:, self._upper] if self._lower is None else running[:, self._upper] - running[:, self._lower]


class _Rows(NamedTuple):
    inside: Whole
    cell: Whole
    actors: int


def _run(places: Whole) -> Whole | slice:
    """Places as a slice, where they follow each other: taken several times faster."""
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) and (np.diff(places) == 1).all() else places
