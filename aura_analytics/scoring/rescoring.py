"""What another penalty policy, or another table of consequences, would have made of history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

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
    parts = [
        known.select("actor", severity=pl.col(column).cast(pl.String).fill_null("low"), new=pl.lit(new))
        for column, new in (("severity", False), ("new_severity", True))
    ]
    table = pl.concat(parts)

    def count(action: str, *, new: bool) -> dict[str, float]:
        chosen = later if new else before
        return {
            level: sum(
                ((item.points or 0.0) if action == "reputation" else 1.0 for item in chosen.of(level) if item.action == action), 0.0
            )
            for level in ("low", "medium", "high", "critical")
        }

    sums: dict[str, Any] = {}
    for name, action in (("points", "reputation"), ("cases", "case"), ("suspensions", "suspension")):
        for new in (False, True):
            worth = count(action, new=new)
            here = pl.col("severity").filter(pl.col("new") == new).replace_strict(worth, default=0.0, return_dtype=pl.Float64)
            sums[name + ("_new" if new else "")] = here.sum()
    board = rescored.group_by("actor").agg(
        jobs=pl.len().cast(pl.Int64), untold=pl.col("new_severity").is_null().sum().cast(pl.Int64)
    )
    found = board.join(table.group_by("actor").agg(**sums), on="actor", how="left").sort("actor")
    told = pl.col("jobs") - pl.col("untold")
    rates = {f"points_per_100_jobs{end}": pl.when(told > 0).then(100 * pl.col(f"points{end}") / told) for end in ("", "_new")}
    counts = [f"{name}{end}" for name in ("cases", "suspensions") for end in ("", "_new")]
    return found.with_columns(**rates).with_columns(pl.col(counts).cast(pl.Int64))
