"""From facts to numbers: the metrics of every actor as columns of one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import polars as pl

from aura_analytics.cases import Fact, Facts
from aura_analytics.events import ACTOR_KINDS, SCHEMA
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.metrics.kinds.statuses import NO_DATA, NOT_FOR_KIND, STATUSES

__all__ = ["Groups", "assembled", "collected", "grouped", "needs_of", "summarise"]

_NOBODY: Mapping[str, str | None] = {}
Groups = dict[tuple[Fact, str], list[Metric]]


def needs_of(metrics: Iterable[Metric]) -> dict[Fact, set[str]]:
    """Which tables of facts, and which of their columns, some metrics read."""
    needs: dict[Fact, set[str]] = {}
    for one in metrics:
        needs.setdefault(one.table, set()).update({one.subject, *one.needs} - {"actor", "ts"})
    return needs


def grouped(metrics: Iterable[Metric]) -> Groups:
    """The metrics by the table of facts that they read and the column that names whom they are about."""
    groups: Groups = {}
    for one in metrics:
        groups.setdefault((one.table, one.subject), []).append(one)
    return groups


def summarise(
    facts: Facts, metrics: Iterable[Metric], context: Context, *, also: Mapping[str, str | None] = _NOBODY
) -> pl.DataFrame:
    """The metrics of every actor that the facts know, and of some others, as columns of one table sorted by actor."""
    chosen = tuple(metrics)
    tables = {key: collected(facts.table(key[0]), key, members) for key, members in grouped(chosen).items()}
    return of_tables(tables, chosen, context, also=also)


def of_tables(
    tables: Mapping[tuple[Fact, str], pl.DataFrame],
    chosen: tuple[Metric, ...],
    context: Context,
    *,
    also: Mapping[str, str | None] = _NOBODY,
) -> pl.DataFrame:
    """`summarise` from what the metrics collected."""
    named = [table.select("actor", "__kind", own=pl.lit(subject == "actor")) for (_, subject), table in tables.items()]
    if also:
        kinds = pl.Series("__kind", list(also.values()), dtype=SCHEMA["actor_kind"])
        named.append(pl.DataFrame({"actor": list(also)}).with_columns(kinds, own=pl.lit(value=True)))
    board = _actors(named, context)
    aligned = {
        key: board.select("actor").join(table, on="actor", how="left", maintain_order="left") for key, table in tables.items()
    }
    return assembled(board, chosen, lambda one: one.finish(aligned[one.table, one.subject], context))


def collected(table: pl.DataFrame, key: tuple[Fact, str], members: list[Metric]) -> pl.DataFrame:
    """One row per actor with what the metrics collect, and `__kind`."""
    fact, subject = key
    if subject not in table.columns:
        table = table.with_columns(pl.lit(None, dtype=pl.String).alias(subject))
    fact.check(table)
    wanted = [expression for one in members for expression in one.collect()]
    if subject == "actor" and "actor_kind" in table.columns:
        kind = pl.col("actor_kind").to_physical().min()  # who ever acted as an officer is judged as one
    else:
        kind = pl.lit(ACTOR_KINDS.index("agent") if subject == "agent" else None, dtype=pl.UInt8).first()
    rows = table.lazy().filter(pl.col(subject).is_not_null()).group_by(actor=pl.col(subject))
    return _with_kinds(rows.agg(*wanted, __kind=kind).collect(), "__kind")


_KINDS = pl.Series(ACTOR_KINDS, dtype=SCHEMA["actor_kind"])


def _with_kinds(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """Kinds in place of their numbers. (The least of no kinds, taken of an enum, cannot be sent to anybody.)"""
    return table.with_columns(_KINDS.gather(table[name].cast(pl.UInt32)).alias(name))


def assembled(board: pl.DataFrame, metrics: Iterable[Metric], columns_of: Callable[[Metric], dict[str, pl.Series]]) -> pl.DataFrame:
    """Dossier columns, with their status in words, beside `actor`, `actor_kind` and `as_of`."""
    columns: list[pl.Series] = []
    kind_of = board["actor_kind"].cast(pl.String)
    foreign: dict[tuple[str, ...], np.ndarray] = {}
    for one in metrics:
        if one.kinds not in foreign:
            foreign[one.kinds] = (~kind_of.is_in(one.kinds)).fill_null(value=False).to_numpy()
        for name, series in columns_of(one).items():
            values = series
            if name.endswith("_status"):
                status = series.to_numpy()
                codes = np.where(foreign[one.kinds] & (status == NO_DATA), NOT_FOR_KIND, status)
                values = _WORDS.gather(codes)
            columns.append(values.alias(name))
    return board.with_columns(columns)


_WORDS = pl.Series(STATUSES, dtype=pl.String)


def _actors(kinds: list[pl.DataFrame], context: Context) -> pl.DataFrame:
    schema = {"actor": pl.String(), "__kind": SCHEMA["actor_kind"], "own": pl.Boolean()}
    everyone = pl.concat(kinds) if kinds else pl.DataFrame(schema=schema)
    # being named as somebody's agent counts only for who never acted under a kind of their own
    own, other = (pl.col("__kind").to_physical().filter(side).min() for side in (pl.col("own"), ~pl.col("own")))
    board = everyone.lazy().group_by("actor").agg(actor_kind=pl.coalesce(own, other)).sort("actor").collect()
    return _with_kinds(board, "actor_kind").with_columns(as_of=pl.lit(context.as_of).cast(pl.Datetime("us", "UTC")))
