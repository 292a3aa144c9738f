"""Whether an officer's observations come in batches that are alike within, and what their numbers are then worth."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from aura_analytics import cases
from aura_analytics.cases import Options, Window
from aura_analytics.dossier.asked_window import asked_window
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.io.front_door import EventsLike
from aura_analytics.metrics.catalogue import metrics_named
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.metrics.kinds.mean import LastMean, Mean
from aura_analytics.metrics.kinds.rate import Rate
from aura_analytics.statistics.clustered import clustered_mean, clustered_rate

__all__ = ["batches"]

_SPANS = {"day": "%Y-%m-%d", "week": "%G-%V", "month": "%Y-%m"}
_SCHEMA: dict[str, pl.DataType] = {
    "actor": pl.String(),
    "n": pl.Int64(),
    "batches": pl.Int64(),
    "value": pl.Float64(),
    "lo": pl.Float64(),
    "hi": pl.Float64(),
    "design_effect": pl.Float64(),
    "n_eff": pl.Float64(),
}


def batches(
    events: EventsLike,
    metric: str | Metric = "override_rate",
    by: str = "day",
    *,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    attribution: cases.Attribution = "last_decider",
    confidence: float = 0.95,
) -> pl.DataFrame:
    """Numbers of actors whose observations come in batches, with the design effect and limits that allow for it.

    A backlog that is worked off in a day, or a flood of one kind of claim, is not as many independent observations. The limits of
    dossiers take observations as independent; where a design effect is well above 1 they are too narrow, and these are not.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    metric
        A share or a mean of single observations, by name or your own.
    by
        What makes a batch: `day`, `week`, `month` (UTC), or a column of the observations such as `queue` or `agent`.
    as_of, window, attribution
        As in `dossiers`; the window is by default that of the default policy.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    polars.DataFrame
        A row per actor, sorted: `actor`, `n`, `batches`, `value`, `lo`, `hi` (null from fewer than two batches), `design_effect`
        (null where nothing is known of it), `n_eff`.

    Raises
    ------
    ParameterError
        For a metric that is no share or mean, unknown batches, or a level out of range.
    InputError, SchemaError, EventError
        As `dossiers`.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> found = aura.batches(aura.sample_log(2000, seed=1), "override_rate", "week")
    >>> found.columns[:3], found.filter(pl.col("design_effect") < 1).height
    (['actor', 'n', 'batches'], 0)
    """
    (one,) = metrics_named(metric)
    if not isinstance(one, (Rate, Mean)) or isinstance(one, LastMean):
        raise ParameterError(Problem("that has no batches", got=one.name, expected="a share or a mean of single observations"))
    asked = asked_window(events, as_of, window)
    if asked is None:
        return pl.DataFrame(schema=_SCHEMA)
    fact = one.table
    known = [*_SPANS, *(name for name in fact.schema if name not in ("actor", "ts"))]
    if by not in known:
        raise ParameterError(Problem("unknown batches", got=by, expected=", ".join(known), next=close_match(by, known)))
    needs = {one.subject, *one.needs} - {"actor", "ts"} | (set() if by in _SPANS else {by})
    inside = Window(*asked, {fact: needs}, Options(attribution, "closer", None, "once"))
    rows = one.observed(fact.trace(inside, needs), Context(asked.end, confidence)).filter(pl.col("value").is_not_null())
    batch = pl.col("ts").dt.strftime(_SPANS[by]) if by in _SPANS else pl.col(by).cast(pl.String).fill_null("(unknown)")
    rows = rows.filter(pl.col(one.subject).is_not_null()).select(actor=one.subject, value="value", batch=batch)
    found = []
    for (actor,), part in rows.group_by(["actor"]):
        if isinstance(one, Rate):
            counts = part.group_by("batch").agg(k=pl.col("value").sum(), n=pl.len())
            got = clustered_rate(counts["k"].to_numpy(), counts["n"].to_numpy(), confidence)
        else:
            got = clustered_mean(part["value"].to_numpy(), part["batch"].to_numpy(), confidence)
        found.append({"actor": actor, **got._asdict()})
    table = pl.DataFrame(found, schema_overrides=_SCHEMA, schema=None if found else _SCHEMA)
    return table.select(pl.col(name).fill_nan(None) if dtype.is_float() else name for name, dtype in _SCHEMA.items()).sort("actor")
