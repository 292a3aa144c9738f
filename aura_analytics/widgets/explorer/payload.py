"""What the explorer's page is sent: lines, standings, tables and plans as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from typing_extensions import TypedDict

from aura_analytics.dossier.audits import draw_audits
from aura_analytics.dossier.reliance import CELLS, reliance, reliance_sentence
from aura_analytics.metrics.kinds.base import MACHINES, Metric
from aura_analytics.metrics.wording import figure
from aura_analytics.simulation.error_cards import error_card
from aura_analytics.texts import spreadsheet_safe

if TYPE_CHECKING:
    from aura_analytics.hr.plans import ImprovementPlan
    from aura_analytics.widgets.explorer.state import ExplorerState


__all__ = ["audits_of", "card_of", "line_of", "plan_of", "reliance_of", "standing_of", "table_of"]

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


def reliance_of(state: ExplorerState) -> dict[str, Any] | None:
    """What the open one did with right and with wrong recommendations (of an agent: what was done with theirs), as counts of four
    fields, verdicts in all, and a sentence; None where there is no verdict.
    """
    machine = state.row.get("actor_kind") in MACHINES
    by: Literal["actor", "agent"] = "agent" if machine else "actor"
    table = reliance(state.own, by, as_of=state.as_of, window=state.window).filter(pl.col(by) == state.actor)
    if table.is_empty():
        return None
    row = table.row(0, named=True)
    counts = {name: row[name] for name in (*CELLS, "accepted", "overridden", "judged")}
    return {
        **counts,
        "says": reliance_sentence(row),
        "can_draw": not machine and row["accepted"] + row["overridden"] > row["judged"],
    }


class DrawnAudits(TypedDict):
    """Cases drawn for audits as the page shows them: whose, a sentence, rows of texts, and a file."""

    actor: str
    said: str
    rows: list[list[str]]
    csv: str


def audits_of(state: ExplorerState, n: int, seed: int) -> DrawnAudits:
    """Cases of the open one drawn for audits, as a table and as a file."""
    assert state.actor is not None
    drawn = draw_audits(state.own, n, seed=seed, as_of=state.as_of, window=state.window, actors=[state.actor], policy=state.policy)
    rows = [[row[0], row[2] or "", row[3], f"{row[4]:.6g}"] for row in drawn.iter_rows()]
    takes = "an audit's ADJUDICATION takes the case and its chance as they stand here"
    said = f"{drawn.height} of {n} cases drawn with seed {seed}; {takes}."
    return {"actor": state.actor, "said": said, "rows": rows, "csv": spreadsheet_safe(drawn).write_csv()}


def card_of(state: ExplorerState) -> list[str]:
    """How often the rule is wrong, in sentences."""
    card = error_card(state.policy)
    return [] if card is None else card.sentences()
