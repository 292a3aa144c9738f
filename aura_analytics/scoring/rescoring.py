"""What another penalty policy, or another table of consequences, would have made of history."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.events import SEVERITIES
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.scoring.frames import score_frame
from aura_analytics.scoring.penalties import PenaltyPolicy

if TYPE_CHECKING:
    from aura_analytics.hr.severities import SeverityTable

__all__ = ["rescore", "would_have"]


def rescore(events: EventsLike, policy: PenaltyPolicy) -> pl.DataFrame:
    """Score the evaluations of a log again.

    Parameters
    ----------
    events
        Events on the contract, or a ledger; EVALUATION events keep their output, confidence and length asked for in their
        attributes.
    policy
        The other policy.

    Returns
    -------
    polars.DataFrame
        Per evaluation, in the order of time: `event_id`, `ts`, `actor`, `actor_kind`, `case_id`, `score`, `penalties`, `severity`
        as they were, `new_score`, `new_penalties`, `new_severity` (null where `problem` says why they cannot be told, such as an
        output that was not kept).

    Examples
    --------
    >>> import aura_analytics as aura
    >>> rescore(aura.as_events([]), aura.PenaltyPolicy.seed()).columns[:3]
    ['event_id', 'ts', 'actor']
    """
    rows = as_events(events).filter(pl.col("type") == "EVALUATION").collect(engine="in-memory").sort("ts", "event_id")
    said = [json.loads(text) if text else {} for text in rows["attributes"]]
    # a text that was not kept whole can still be scored where no word of it is asked for
    texts: list[str | None] = []
    gaps: list[str | None] = []
    words = any(penalty.contains_any is not None or penalty.blank for penalty in policy.penalties)
    for item in said:
        kept, size = item.get("output"), item.get("output_chars")
        kept = "" if kept is None and size == 0 else kept
        whole = kept is not None and (size is None or len(kept) == size)
        gaps.append(None if whole else "the output was not kept" if kept is None else "the output was not kept whole")
        if not whole and not words and size is not None:
            kept, gaps[-1] = "x" * size, None
        texts.append(kept if gaps[-1] is None else None)
    lengths = pl.Series([item.get("min_length") for item in said], dtype=pl.Float64, strict=False)
    table = pl.DataFrame({"output": pl.Series(texts, dtype=pl.String), "confidence": rows["confidence"], "min_length": lengths})
    scored = score_frame(table, policy.model_copy(update={"on_invalid": "quarantine"}))
    plain = rows.select("event_id", "ts", "actor", "actor_kind", "case_id", pl.col("value").alias("score"), "penalties", "severity")
    return plain.with_columns(
        new_score=scored["score"],
        new_penalties=scored["penalties"],
        new_severity=scored["severity"].cast(pl.String),
        problem=pl.Series(gaps, dtype=pl.String).zip_with(pl.Series(gaps, dtype=pl.String).is_not_null(), scored["problem"]),
    )


def would_have(rescored: pl.DataFrame, before: SeverityTable, after: SeverityTable | None = None) -> pl.DataFrame:
    """What HR would have done, beside what its table says of the scores as they were.

    Parameters
    ----------
    rescored
        As `rescore`.
    before, after
        Tables of consequences for the old and the new severities; default the same.

    Returns
    -------
    polars.DataFrame
        Per actor: `jobs`, `untold` (that could not be scored again), and, old and new (`_new`): `points` of reputation, `cases`,
        `suspensions`, `points_per_100_jobs`.
    """
    later = after or before
    known = rescored.filter(pl.col("new_severity").is_not_null())
    sides = ((False, "severity", before), (True, "new_severity", later))
    sums = {}
    for new, column, chosen in sides:
        end = "_new" if new else ""
        table = known.select("actor", "ts", severity=pl.col(column).cast(pl.String).fill_null("low"))
        for name, action in (("points", "reputation"), ("cases", "case"), ("suspensions", "suspension")):
            sums[f"{name}{end}"] = _followed(table, chosen, action)
    board = rescored.group_by("actor").agg(
        jobs=pl.len().cast(pl.Int64), untold=pl.col("new_severity").is_null().sum().cast(pl.Int64)
    )
    found = board.sort("actor")
    for name, sum_of in sums.items():
        found = found.join(sum_of.rename({"sum": name}), on="actor", how="left", maintain_order="left")
    found = found.with_columns(pl.when(pl.col("jobs") > pl.col("untold")).then(pl.col(name).fill_null(0.0)) for name in sums)
    told = pl.col("jobs") - pl.col("untold")
    rates = {f"points_per_100_jobs{end}": pl.when(told > 0).then(100 * pl.col(f"points{end}") / told) for end in ("", "_new")}
    counts = [f"{name}{end}" for name in ("cases", "suspensions") for end in ("", "_new")]
    return found.with_columns(**rates).with_columns(pl.col(counts).cast(pl.Int64))


def _followed(errors: pl.DataFrame, table: SeverityTable, action: str) -> pl.DataFrame:
    """Per actor the `sum` of what a table lets follow of one action: points, or how often."""
    parts = []
    for level in SEVERITIES:
        mine = errors.filter(severity=level).sort("actor", "ts", maintain_order=True)
        for item in table.of(level):
            if item.action == action:
                span = timedelta.max if item.within_days is None else timedelta(days=item.within_days)
                told = mine.filter(_count_within(mine, span) >= item.after)
                worth = (item.points or 0.0) if action == "reputation" else 1.0
                parts.append(told.group_by("actor").agg(sum=pl.len() * worth))
    empty = pl.DataFrame(schema={"actor": pl.String, "sum": pl.Float64})
    return pl.concat([empty, *(part.cast({"sum": pl.Float64}) for part in parts)]).group_by("actor").agg(pl.col("sum").sum())


def _count_within(errors: pl.DataFrame, span: timedelta) -> pl.Series:
    """How many errors of its actor each is preceded by within a span, itself included; rows are in the order of actor and time."""
    if errors.is_empty():
        return pl.Series([], dtype=pl.Int64)
    ts = errors["ts"].to_physical().to_numpy()
    actor = errors["actor"].rle_id().to_numpy()
    place = np.arange(len(ts))
    start = np.concatenate([[0], np.flatnonzero(actor[1:] != actor[:-1]) + 1])[actor]
    if span != timedelta.max:
        for i in range(len(ts)):
            low, high = start[i], place[i]
            start[i] = low + np.searchsorted(ts[low : high + 1], ts[i] - span // timedelta(microseconds=1), side="right")
    return pl.Series(place - start + 1)
