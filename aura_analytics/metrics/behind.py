"""The cases behind a number: every observation that a metric of an actor rests on, so that anybody can count again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics import cases, times
from aura_analytics.cases import Options
from aura_analytics.cases.building import last_truth
from aura_analytics.cases.facts import collect, in_memory
from aura_analytics.cases.traced import of_actor, traced
from aura_analytics.metrics.base import Context, Mean, Metric, Quantile, Rate, Sla, Survival
from aura_analytics.metrics.dossier import parse_sla
from aura_analytics.metrics.registry import metric as named
from aura_analytics.metrics.survival import spent_and_limit

if TYPE_CHECKING:
    from aura_analytics.calendars import Calendar

__all__ = ["cases_behind"]

_HOUR = 3_600_000_000
_FEW = 100_000  # rows, up to which starting cost decides
_SCHEMA = {"case_id": pl.String(), "ts": pl.Datetime("us", "UTC"), "value": pl.Float64(), "ended": pl.Boolean(), "agent": pl.String(),
           "ai_recommendation": pl.String(), "human_verdict": pl.String(), "stars": pl.Float64(), "truth": pl.String()}  # fmt: skip


def cases_behind(
    events: pl.LazyFrame | pl.DataFrame,
    actor: str,
    metric: str | Metric = "override_rate",
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = "90d",
    *,
    attribution: cases.Attribution = "last_decider",
    holding: cases.Holding = "closer",
    calendar: Calendar | None = None,
    sla: str | Sla | Mapping[str, str | Sla] | None = None,
) -> pl.DataFrame:
    """Every observation behind a number of an actor's dossier.

    Parameters
    ----------
    events
        Events on the contract, or a ledger.
    actor
        Whose number.
    metric
        Which number, by name or your own metric.
    as_of, window, attribution, holding, calendar, sla
        As in `aura.dossiers`.

    Returns
    -------
    polars.DataFrame
        One row per observation, the latest first; as many as the dossier's `<name>_n` says (of `open_cases`: as its value says).
        `case_id`; `ts` (of the verdict, rating, score, outcome or resolution; of an open case and for the SLA, when its clock started);
        `value`: 1 or 0 for a share, otherwise in the metric's unit, hours waited of an open case, and for the SLA the time
        spent as a multiple of the case's limit; `ended` (false: still open, so the value is what it is so far). Then what is
        known of the case at `as_of`: `agent`, `ai_recommendation` and `human_verdict` (of this verdict where the metric counts verdicts, otherwise of the case's
        last one), `stars` (last rating) and `truth` (last adjudication, or else
        last outcome about the verdict: `success` and its like are about the work).

    Raises
    ------
    ParameterError
        If there is no such metric.
    SchemaError
        If the events are not on the contract.

    Notes
    -----
    Means and shares of `value` are the dossier's number, quantiles of it its quantiles; Kaplan-Meier of (`value`, `ended`) at 1 is one less the
    SLA breach rate. Somebody without observations has none here.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.events.sample(400, seed=1)
    >>> behind = aura.cases_behind(log, "officer_anne", "override_rate")
    >>> behind.height, behind["value"].mean()
    (22, 0.3181818181818182)
    """
    one = named(metric) if isinstance(metric, str) else metric
    lazy = cases.check_schema(events)
    if as_of is None:
        last = collect(lazy.select(pl.col("ts").max())).item()
        if last is None:
            return pl.DataFrame(schema=_SCHEMA)
        end = times.parse_as_of(last)
    else:
        end = times.parse_as_of(as_of)
    since = None if window is None else end - times.parse_span(window)
    own = collect(of_actor(lazy, actor))
    with in_memory() if own.height < _FEW else nullcontext():
        needs = {one.subject, *one.needs} - {"actor", "ts"}
        table = traced(own.lazy(), end, since, one.fact, needs, Options(attribution, holding, calendar))
        context = Context(end, sla=parse_sla(sla), calendar=calendar)
        rows = _valued(table.filter(pl.col(one.subject) == actor), one, context)
        found = _with_case(rows, own.lazy().filter(pl.col("ts") <= end))
    return found.sort("ts", "case_id", "value", descending=[True, False, False], nulls_last=True)


def _valued(table: pl.DataFrame, one: Metric, context: Context) -> pl.DataFrame:
    """The observations that count, each with its `value`."""
    over = pl.lit(value=True)
    if isinstance(one, Survival):
        limit, spent = spent_and_limit(table, context)
        table = table.with_columns(
            ts=pl.col("start").cast(_SCHEMA["ts"]), value=pl.Series(spent / limit, dtype=pl.Float64, nan_to_null=True)
        )
        return table.filter(pl.col("value").is_not_null())
    if isinstance(one, Rate):
        parts = one.sums()
        return table.with_columns(value=parts["k"].cast(pl.Float64), counted=parts["n"]).filter(pl.col("counted") > 0).with_columns(ended=over)  # fmt: skip
    if isinstance(one, Mean):
        per = one.per if one.whole else 1
        return table.with_columns(value=one.value / per).filter(pl.col("value").is_not_null()).with_columns(ended=over)
    if isinstance(one, Quantile):
        return table.with_columns(value=one.value / one.per).filter(pl.col("value").is_not_null()).with_columns(ended=over)
    hours = pl.col("elapsed") / _HOUR if "elapsed" in table.columns else pl.lit(None, dtype=pl.Float64)
    return table.with_columns(value=hours, ended=pl.lit(one.fact != "open"))


def _with_case(rows: pl.DataFrame, own: pl.LazyFrame) -> pl.DataFrame:
    """Add what is known of the case."""
    said = collect(own.filter(pl.col("type").is_in(["DECISION", "OVERRIDE", "SAT_SCORE"]) & pl.col("case_id").is_not_null()))  # fmt: skip
    ordered = said.sort("ts", "event_id")
    about = pl.col("type").is_in(["DECISION", "OVERRIDE"])
    words = ("agent", "ai_recommendation", "human_verdict")
    verdicts = ordered.filter(about).group_by("case_id").agg(pl.col(name).last().alias(f"last_{name}") for name in words)
    stars = ordered.filter(type="SAT_SCORE").group_by("case_id").agg(stars=pl.col("value").last())
    truth = last_truth(own).filter(pl.col("case_id").is_not_null())
    for part in (verdicts, stars, truth):
        rows = rows.join(part, on="case_id", how="left")
    own_words = [pl.col(name) if name in rows.columns else pl.col(f"last_{name}").alias(name) for name in words]
    return rows.with_columns(own_words).select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())
