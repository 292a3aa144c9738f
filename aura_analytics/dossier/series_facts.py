"""A rolling series from facts: sums of spans, accumulated and subtracted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from aura_analytics import cases
from aura_analytics.cases import DECISIONS
from aura_analytics.cases.hindsight import weighted
from aura_analytics.clock import times
from aura_analytics.dossier.grid import binned
from aura_analytics.dossier.squares import put_together, with_squares
from aura_analytics.dossier.summary import collected, grouped
from aura_analytics.metrics.kinds.base import Context, Metric, series_of

__all__ = ["Readings", "rolling_facts"]


class Readings(NamedTuple):
    """When a series is read: `number` times, the last time at `last`, over `span`; nothing before `since` counts."""

    last: datetime
    number: int
    span: timedelta
    stride: timedelta
    since: datetime


def rolling_facts(
    facts: cases.Facts,
    chosen: Iterable[Metric],
    at_times: Readings,
    confidence: float,
) -> pl.DataFrame:
    """`rolling` from facts that cover all readings and the window before the first."""
    metrics = tuple(chosen)
    last, readings, span, stride, _ = at_times
    grain = math.gcd(times.micros(span), times.micros(stride))
    per_window, per_step = times.micros(span) // grain, times.micros(stride) // grain
    bins = (readings - 1) * per_step + per_window
    origin = times.epoch_micros(last) - bins * grain
    tables = {(one.table, one.subject): None for one in metrics}
    names = pl.concat([facts.table(fact).select(pl.col(subject).alias("actor")) for fact, subject in tables])
    actors = names["actor"].drop_nulls().unique().sort()
    at = np.arange(readings) * per_step + per_window
    moments = pl.Series(origin + at * grain).cast(pl.Datetime("us", "UTC"))
    size = len(actors)
    out = pl.DataFrame({"actor": pl.Series(np.repeat(np.arange(size), readings)).cast(pl.UInt32)})
    out = out.select(
        actor=actors.gather(out["actor"]), as_of=pl.Series("as_of", moments.gather(np.tile(np.arange(readings), size)))
    )
    code = pl.Enum(actors) if size else None
    columns: list[pl.Series] = []
    counted = _counted_by_reading(facts, [one for one in metrics if one.by_reading], moments, span, confidence)
    for one in metrics:
        if one.by_reading:
            names_of = [one.name + suffix for suffix in one.series_suffixes]
            found_of = out.join(counted, on=["actor", "as_of"], how="left", maintain_order="left")
            columns += [found_of[name].fill_null(0) if name.endswith("_n") else found_of[name] for name in names_of]
            continue
        table = facts.table(one.table)
        if one.subject not in table.columns or code is None:
            table = facts.table(one.table).head(0).with_columns(pl.lit(None, dtype=pl.String).alias(one.subject))
        table = table.filter(pl.col(one.subject).is_not_null())
        who = table[one.subject].cast(code).to_physical().to_numpy().astype(np.int64) if code is not None else np.zeros(0, np.int64)
        # a bin is half-open like the window: (origin + b grain, origin + (b + 1) grain]
        place = (table["ts"].to_physical().to_numpy() - origin - 1) // grain
        inside = (place >= 0) & (place < bins)
        cell = who[inside] * bins + place[inside]
        parts = {name: part.to_numpy()[inside] for name, part in table.select(**one.per_row()).to_dict().items()}
        every = with_squares(one, parts)
        totals = {name: _windowed(cell, values, size, bins, at, per_window) for name, values in every.items()}
        columns += _finished(one, totals, Context(last, confidence))
    return out.with_columns(columns)


def _counted_by_reading(
    facts: cases.Facts, metrics: list[Metric], moments: pl.Series, span: timedelta, confidence: float
) -> pl.DataFrame:
    """The metrics of judged verdicts at every moment, over the window before it: what a judged verdict stands for depends on it."""
    parts = [pl.DataFrame(schema={"actor": pl.String(), "as_of": pl.Datetime("us", "UTC")})]
    parts[0] = parts[0].with_columns(
        pl.lit(None, dtype=pl.Int64 if suffix == "_n" else pl.Float64).alias(one.name + suffix)
        for one in metrics
        for suffix in one.series_suffixes
    )
    table = facts.table(DECISIONS)
    for moment in moments.to_list() if metrics else ():
        inside = table.filter((pl.col("ts") > moment - span) & (pl.col("ts") <= moment))
        if inside.is_empty():
            continue
        again = weighted(inside.drop("weight", "by_chance"))
        for (fact, subject), members in grouped(metrics).items():
            sums = collected(again, (fact, subject), members)
            found = {name: series for one in members for name, series in one.finish(sums, Context(moment, confidence)).items()}
            named = [one.name + suffix for one in members for suffix in one.series_suffixes]
            board = sums.select("actor").with_columns(found[name].alias(name) for name in named)
            parts.append(board.with_columns(as_of=pl.lit(moment).cast(pl.Datetime("us", "UTC"))))
    whole = pl.concat(parts, how="diagonal")
    return whole.group_by("actor", "as_of").agg(pl.all().drop_nulls().first())


def _windowed(cell: np.ndarray, parts: np.ndarray, size: int, bins: int, at: np.ndarray, per_window: int) -> np.ndarray:
    """Sums of whole numbers over the window before each reading, actor after actor."""
    running = np.zeros((size, bins + 1), dtype=np.int64)
    np.cumsum(binned(cell, parts, size * bins).reshape(size, bins), axis=1, out=running[:, 1:])
    return np.asarray(running[:, at] - running[:, at - per_window]).ravel()


def _finished(one: Metric, totals: dict[str, np.ndarray], context: Context) -> list[pl.Series]:
    if one.squares:
        whole = one.finish(put_together(one, totals), context)
        return [whole[one.name + suffix].alias(one.name + suffix) for suffix in one.series_suffixes]
    found = one.in_series(totals, context.confidence)
    columns = {suffix: pl.Series(totals["n"]) if suffix == "_n" else series_of(found[suffix]) for suffix in one.series_suffixes}
    return [values.alias(one.name + suffix) for suffix, values in columns.items()]
