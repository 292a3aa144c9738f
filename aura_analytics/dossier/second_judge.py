"""A second judge: a cheap verdict on every case beside the audits of a few, which takes part of what audits would have to show."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from aura_analytics.cases import DECISIONS, build
from aura_analytics.dossier.board import check_confidence
from aura_analytics.dossier.reach import OFFICERS, stretch
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.kinds.audited import OVERSIGHT
from aura_analytics.statistics.prediction_powered import prediction_powered

__all__ = ["second_judge"]


def second_judge(
    events: EventsLike,
    judged: pl.DataFrame,
    *,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """The share of accepted recommendations that were wrong, from audits and a second judge's verdict on every case.

    The second judge (an AI, say) is a proxy with no right to a bias: what it gets wrong is estimated from the audited cases and
    taken off (see `aura_analytics.statistics.prediction_powered`). Rules do not read this; it says how much further the audits that
    there are reach.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`. Audits must say the chance with which their cases were drawn.
    judged
        `case_id` and `verdict`, the word that the second judge holds to be right, of each case that it looked at.
    as_of, window
        As in `aura.dossiers`.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    polars.DataFrame
        One row per officer, sorted: `actor`; `accepted` (recommendations accepted that the second judge looked at); `audited` (of
        these); `second_judge` (share wrong by the second judge alone, whatever its bias); `value`, `lo`, `hi` (share wrong, from
        both); `trust` (how much use was made of it: 0 none, 1 as if it were right). Null with fewer than 20 audited ones, or where
        an audit does not say its chance.

    Raises
    ------
    ParameterError
        If `judged` lacks a column or names a case twice.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> run = aura.simulate("fraud_unit", seed=1, days=90)
    >>> judged = run.truth.cases.select("case_id", verdict="right_verdict")  # a judge who is always right
    >>> found = aura.second_judge(run.events, judged)
    >>> found.filter(actor="rubber_stamp").select("accepted", "audited", pl.col("trust").round(2)).row(0)
    (965, 132, 0.88)
    """
    check_confidence(confidence)
    if missing := [name for name in ("case_id", "verdict") if name not in judged.columns]:
        raise ParameterError(
            Problem("the second judge's verdicts lack columns", got=", ".join(missing), expected="case_id, verdict")
        )
    if judged["case_id"].is_duplicated().any():
        twice = judged.filter(judged["case_id"].is_duplicated())["case_id"][0]
        raise ParameterError(Problem("the second judge judged a case twice", got=twice))
    lazy = as_events(events)
    moment, since = stretch(lazy, as_of, window)
    needs = {"case_id", "override", "right", "chance", "own_work", "ai_recommendation", "human_verdict"}
    table = build(lazy, moment, since, {DECISIONS: needs}).table(DECISIONS)
    mine = OFFICERS & ~pl.col("override") & OVERSIGHT
    rows = table.filter(mine).join(judged.select("case_id", __said="verdict"), on="case_id", how="inner")
    accepted = pl.coalesce("human_verdict", "ai_recommendation")
    rows = rows.with_columns(guess=(pl.col("__said") != accepted).cast(pl.Float64)).filter(pl.col("guess").is_not_null())
    found = []
    for (actor,), part in rows.sort("actor", "ts").group_by("actor", maintain_order=True):
        audited = part.filter(pl.col("right").is_not_null())
        known = bool(audited["chance"].is_not_null().all())
        guesses = part["guess"].to_numpy()
        some = audited if known else audited.head(0)
        one = prediction_powered(
            (~some["right"]).cast(pl.Float64).to_numpy(),
            some["guess"].to_numpy(),
            (1 / some["chance"]).to_numpy(),
            guesses,
            confidence,
        )
        counts = {"actor": actor, "accepted": part.height, "audited": audited.height}
        found.append({**counts, "second_judge": float(guesses.mean()), **one._asdict()})
    floats = dict.fromkeys(("second_judge", "value", "lo", "hi", "trust"), pl.Float64())
    schema = {"actor": pl.String(), "accepted": pl.Int64(), "audited": pl.Int64(), **floats}
    return pl.DataFrame(found, schema=schema).with_columns(pl.col(list(floats)).fill_nan(None))
