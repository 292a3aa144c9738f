"""Scores: the last ten of every actor."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.cases.base import Fact
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.growing import GrowingRows
from aura_analytics.cases.growing_log import Change, Kept
from aura_analytics.events import SCHEMA

if TYPE_CHECKING:
    from aura_analytics.cases.growing_log import GrowingLog
    from aura_analytics.cases.window import Window

__all__ = ["EVALUATIONS", "Evaluations", "last_of"]

_K = 10


class Evaluations(Fact):
    """The last ten scores of every actor in the window; of equal times the higher score is the later."""

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """At most ten rows per actor."""
        return last_of(_scored(window.inside, with_case="case_id" in columns))

    def together(self, table: pl.DataFrame, columns: set[str]) -> pl.DataFrame:
        """The last ten of them all."""
        return last_of(table)

    def keep(self, log: GrowingLog) -> Kept:
        """The last scores of everybody are kept."""
        return _KeptEvaluations(log)


EVALUATIONS = Evaluations(
    "evaluations",
    {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": SCHEMA["ts"], "value": pl.Float64(), "case_id": pl.String()},
    ("EVALUATION",),
    values=(0, 100, "scores from 0 to 100"),
    by_case=True,
)


def _scored(events: pl.LazyFrame, *, with_case: bool) -> pl.DataFrame:
    scored = events.filter((pl.col("type") == "EVALUATION") & pl.col("actor").is_not_null())
    return collect(scored.select("actor", "actor_kind", "ts", "value", *(["case_id"] if with_case else [])))


def last_of(table: pl.DataFrame) -> pl.DataFrame:
    """The last ten scores of every actor among these."""
    # the time of the k-th last score first: far fewer rows are left to be sorted
    border = table.lazy().group_by("actor").agg(border=pl.col("ts").top_k(_K).min())
    late = table.lazy().join(border, on="actor").filter(pl.col("ts") >= pl.col("border")).drop("border")
    ranked = collect(late).sort("actor", "ts", "value", descending=[False, True, True])
    return ranked.filter(pl.int_range(pl.len()).over("actor") < _K).select(table.columns)


class _KeptEvaluations(Kept):
    """The last scores of a growing log."""

    def __init__(self, log: GrowingLog) -> None:
        self._log = log
        scored = _scored(log.events, with_case=True)
        self._last = last_of(scored)
        self._rows = GrowingRows(scored, "ts")  # of a case that turns out to be a drill the scores are taken back

    def add(self) -> dict[Fact, Change]:
        """Take in new scores."""
        scored, turned = _scored(self._log.events, with_case=True), self._log.turned
        self._rows.add(scored)
        if turned.len():
            self._rows.drop(pl.col("case_id").is_in(turned.implode()))
        self._last = last_of(self._rows.rows() if turned.len() else pl.concat([self._last, scored]))
        return {}

    def table(self, fact: Fact, end: datetime, since: datetime | None, only: set[str] | None) -> pl.DataFrame:
        """The last scores inside a window."""
        inside = pl.lit(value=True) if since is None else pl.col("ts") > since
        return self._last.filter(inside if only is None else inside & pl.col("actor").is_in(sorted(only)))
