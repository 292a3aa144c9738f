"""What the explorer's page is sent: lines, standings, tables and plans as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl
from typing_extensions import TypedDict

from aura_analytics.cases.own_events import of_actors
from aura_analytics.clock.times import every_span, span_of_time
from aura_analytics.dossier.audits import draw_audits
from aura_analytics.dossier.reliance import CELLS, reliance, reliance_sentence
from aura_analytics.metrics.kinds.base import MACHINES, Metric
from aura_analytics.metrics.wording import figure
from aura_analytics.rules.wording import verdict_words
from aura_analytics.simulation.error_cards import error_card
from aura_analytics.simulation.policy_words import policy_words, provenance
from aura_analytics.texts import spreadsheet_safe

if TYPE_CHECKING:
    from aura_analytics.hr.plans import ImprovementPlan
    from aura_analytics.widgets.explorer.state import ExplorerState


__all__ = [
    "audits_of",
    "behind_of",
    "card_of",
    "detail_of",
    "foot_of",
    "four_fields",
    "line_of",
    "looks_of",
    "of_agents",
    "plan_of",
    "reliance_of",
    "sparks_of",
    "table_of",
    "under_way",
]

_WINDOWS = ("30d", "90d", "180d", "365d", "all")

_STANDINGS = {"suspended": "Suspended", "under_review": "Under review", "on_plan": "On an improvement plan"}


def line_of(frame: pl.DataFrame, unit: str) -> dict[str, Any]:
    """A rolling series as lists: times in milliseconds since 1970."""
    lists: dict[str, Any] = {
        name: [None if v is None else round(v, 6) for v in frame[name].to_list()]
        for name in ("value", "lo", "hi")
        if name in frame.columns
    }
    return {"at": frame["as_of"].dt.epoch("ms").to_list(), "unit": unit, **lists}


def detail_of(
    state: ExplorerState,
    row: Mapping[str, Any],
    *,
    cards: list[dict[str, Any]],
    verdict: Mapping[str, Any] | None,
    standing: dict[str, Any] | None,
    series: Mapping[str, pl.DataFrame],
    reliance: dict[str, Any] | None,
    reasons: list[str],
) -> dict[str, Any]:
    """Everything that the page shows of one dossier."""
    step, wide = state.series_window
    banner = None if verdict is None else state.banner_of(verdict)
    return {
        "actor": row["actor"],
        "kind": row["actor_kind"] or "kind unknown",
        "verdict": row["verdict"],
        "verdict_words": verdict_words(row["verdict"]),
        "reasons": reasons,
        "warnings": row.get("warnings") or [],
        "standing": standing_of(standing),
        "cards": cards,
        "series": {name: line_of(frame, state.metrics[name].unit) for name, frame in series.items()},
        "rolling": f"{span_of_time(wide)}, read {every_span(step)}",
        "thresholds": state.thresholds,
        "reliance": reliance,
        "banner": None
        if banner is None
        else {
            "verdict": banner.verdict,
            "policy": banner.policy,
            "reasons": list(banner.reasons),
            "would_clear": list(banner.would_clear),
            "metrics": [] if verdict is None else list(dict.fromkeys(item["metric"] for item in verdict["evidence"])),
            "under_way": under_way(standing),
        },
    }


def under_way(standing: Mapping[str, Any] | None) -> str:
    """Why no plan can be started, in words; nothing where one can."""
    if standing is None:
        return ""
    waits = "A proposal waits for a signature." if standing["pending"] else ""
    return "A plan is open already." if standing["open_plans"] else waits


def foot_of(state: ExplorerState) -> str:
    """Under a page: by which rule, of which data, made by what, and what it is not."""
    return provenance(state.policy, state.board["counted"][0]["data"] if state.board.height else "none")


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


def behind_of(state: ExplorerState, metric: str, most: int, page: int = 0, *, hits: bool = False) -> dict[str, Any]:
    """A page of the observations behind a number of the open one; of a share on request only the hits."""
    frame = state.cases(metric)
    frame = frame.filter(pl.col("value") == 1) if hits else frame
    page = min(max(page, 0), max(frame.height - 1, 0) // most)
    return {
        "actor": state.actor,
        "metric": metric,
        "hits": hits,
        "total": frame.height,
        "first": page * most,
        "page": page,
        "pages": -(-frame.height // most),
        **table_of(frame.slice(page * most, most), state.metrics[metric]),
    }


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
    if machine:
        row = of_agents(state).get(state.actor or "")
    else:
        mine = reliance(state.own, as_of=state.as_of, window=state.window).filter(actor=state.actor)
        row = mine.row(0, named=True) if mine.height else None
    return None if row is None else four_fields(row, machine=machine)


def of_agents(state: ExplorerState) -> dict[str, dict[str, Any]]:
    """The rows of `aura.reliance` by agent, of the whole log: a verdict is weighted within its officer, whoever recommended."""

    def made() -> dict[str, dict[str, Any]]:
        table = reliance(state.events, "agent", as_of=state.as_of, window=state.window)
        return {row["agent"]: row for row in table.iter_rows(named=True)}

    return state.once_a_reading("agents", made)


def four_fields(row: dict[str, Any], *, machine: bool) -> dict[str, Any]:
    """A row of `aura.reliance` as the page shows it."""
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
    """The policy in words, with how often it is wrong: first in short, then in every world."""
    card = error_card(state.policy)
    return [policy_words(state.policy), *([] if card is None else card.sentences())]


def looks_of(state: ExplorerState) -> dict[str, Any]:
    """How everybody is counted, and what may be chosen: `window`, `windows`, `end` (a day), `fixed` (whether that was chosen)."""
    windows = dict.fromkeys([*_WINDOWS, state.window])
    return {
        "window": state.window,
        "windows": [{"window": one, "words": span_of_time(one)} for one in windows],
        "end": None if state.as_of is None else f"{state.as_of:%Y-%m-%d}",
        "fixed": state.fixed,
    }


def sparks_of(state: ExplorerState, metric: str, actors: list[str]) -> dict[str, Any]:
    """How a number of some actors moved: `metric`, and `lines`, per actor the values (null where nothing was observed)."""
    one = state.metrics.get(metric)
    if one is None or not one.rolls or state.as_of is None or not actors:
        return {"metric": metric, "lines": {}}
    step, wide = state.series_window
    moved = state.moved(of_actors(state.events, actors), [one], wide, step)
    lines = moved.filter(pl.col("actor").is_in(actors)).group_by("actor", maintain_order=True).agg(metric)
    return {"metric": metric, "lines": {who: [_short(v) for v in values] for who, values in lines.iter_rows()}}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
