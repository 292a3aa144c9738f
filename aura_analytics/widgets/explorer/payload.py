"""What the explorer's page is sent: lines, standings, tables and plans as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.wording import figure

if TYPE_CHECKING:
    from aura_analytics.hr.plans import ImprovementPlan


__all__ = ["line_of", "plan_of", "standing_of", "table_of"]

_STANDINGS = {"suspended": "Suspended", "under_review": "Under review", "on_plan": "On an improvement plan"}


def line_of(frame: pl.DataFrame, unit: str) -> dict[str, Any]:
    """A rolling series as lists: times in milliseconds since 1970."""
    lists: dict[str, Any] = {
        name: [None if v is None else round(v, 6) for v in frame[name].to_list()]
        for name in ("value", "lo", "hi")
        if name in frame.columns
    }
    return {"at": frame["as_of"].dt.epoch("ms").to_list(), "unit": unit, **lists}


def standing_of(row: dict[str, Any] | None) -> str:
    """Where somebody stands with HR, in words; nothing where there is nothing to say."""
    if row is None:
        return ""
    parts = [_STANDINGS[row["standing"]]] if row["standing"] in _STANDINGS else []
    parts += [f"{row['pending']} proposal(s) wait for a signature"] if row["pending"] else []
    parts += [f"{row['contested']} action(s) contested"] if row["contested"] else []
    return "; ".join(parts)


def table_of(frame: pl.DataFrame, metric: Metric) -> dict[str, Any]:
    """Observations as texts: `columns`, `rows`, and which columns are `numbers`."""
    columns = ["case", "when (UTC)", metric.observation_heading]
    known = {
        "agent": "agent",
        "recommended": "ai_recommendation",
        "decided": "human_verdict",
        "stars": "stars",
        "judged right": "truth",
    }
    known = {name: column for name, column in known.items() if frame[column].null_count() < frame.height}
    rows = []
    for row in frame.iter_rows(named=True):
        said = metric.observation_text(row["value"], ended=row["ended"])
        rest = [
            f"{row[column]:g}" if column == "stars" and row[column] is not None else row[column] or "" for column in known.values()
        ]
        rows.append([row["case_id"] or "", f"{row['ts']:%Y-%m-%d %H:%M}" if row["ts"] else "", said, *rest])
    return {"columns": [*columns, *known], "rows": rows, "numbers": [] if metric.counts_hits else [2]}


def plan_of(plan: ImprovementPlan, said: str, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """An improvement plan as the page shows it."""
    body = plan.to_dict()
    for goal in body["goals"]:
        goal["shown"] = (
            "unknown" if goal["now"] is None else f"{figure(goal['now'], metrics[goal['metric']].unit)}, n = {goal['n']}"
        )
    return {"plan": body, "said": said, "html": plan.to_html()}
