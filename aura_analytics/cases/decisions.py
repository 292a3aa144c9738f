"""Verdicts on recommendations: who decided what, and what later events say of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.cases.base import Fact
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.growing import GrowingRows
from aura_analytics.cases.growing_log import Change, Kept
from aura_analytics.cases.truth import last_truth
from aura_analytics.events import SCHEMA, VERDICT_TYPES

if TYPE_CHECKING:
    from aura_analytics.cases.growing_log import GrowingLog
    from aura_analytics.cases.window import Window

__all__ = ["DECISIONS", "Decisions", "ever_agreed"]

_THIN = {"actor", "actor_kind", "ts", "override"}
_LATER = frozenset({"answered", "right", "final"})


class Decisions(Fact):
    """Verdicts: `override`, the recommending agent and both words; `answered` when the citizen rated the case, `right` when an
    adjudication or outcome says the verdict was (null while nobody said), `final` for the actor's last verdict on a recommendation.
    """

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """One row per verdict in the window."""
        if columns <= _THIN and window.joins.verdicts and window.rows is not None:
            return _thin(window.rows, window.since)
        plain = [name for name in self.schema if name in columns and name in SCHEMA]
        keep = dict.fromkeys(["actor", "actor_kind", "ts", *plain])
        if columns & _LATER:
            keep["case_id"] = None
        if columns & {"right", "final"}:
            keep |= dict.fromkeys(["ai_recommendation", "human_verdict"])
        verdicts = window.inside.filter(pl.col("type").is_in(list(VERDICT_TYPES)))
        table = collect(verdicts.select(*keep, override=pl.col("type") == "OVERRIDE"))
        return _with_hindsight(table, window.past, window.inside, columns)

    def trace(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """With the case, the agent and both words."""
        return self.build(window, {*columns, "case_id", "agent", "ai_recommendation", "human_verdict"})

    def keep(self, log: GrowingLog) -> Kept:
        """Verdicts are added as they come; what later events say of them is looked up at every reading."""
        return _KeptDecisions(log)

    def reads(self, columns: set[str]) -> tuple[set[str], set[str]]:
        """Verdicts, and what may be said of them later."""
        types, wanted = set(VERDICT_TYPES), {"queue"} & columns
        if not columns <= {"override"}:
            wanted |= {"agent", "ai_recommendation", "human_verdict"}
        if columns & _LATER:
            types |= {"SAT_SCORE", "OUTCOME"}
            wanted |= {"value", "outcome"}
        return types | ({"ADJUDICATION"} if "right" in columns else set()), wanted


DECISIONS = Decisions(
    "decisions",
    {
        "actor": pl.String(),
        "actor_kind": SCHEMA["actor_kind"],
        "ts": SCHEMA["ts"],
        "case_id": pl.String(),
        "queue": pl.String(),
        "override": pl.Boolean(),
        "agent": pl.String(),
        "ai_recommendation": pl.String(),
        "human_verdict": pl.String(),
        "answered": pl.Boolean(),
        "right": pl.Boolean(),
        "final": pl.Boolean(),
    },
    (*VERDICT_TYPES, "SAT_SCORE", "OUTCOME", "ADJUDICATION"),
    _LATER,
    settled=True,
)


def _thin(rows: pl.DataFrame, since: datetime | None) -> pl.DataFrame:
    verdicts = rows.lazy().filter(pl.col("type").is_in(list(VERDICT_TYPES)))
    inside = verdicts if since is None else verdicts.filter(pl.col("ts") > since)
    return collect(inside.select("actor", "actor_kind", "ts", override=pl.col("type") == "OVERRIDE"))


def _with_hindsight(decisions: pl.DataFrame, past: pl.LazyFrame, window: pl.LazyFrame, columns: set[str]) -> pl.DataFrame:
    """Add to decisions what only other events tell: `answered`, `right`, `final`, as far as asked for."""
    if "answered" in columns:
        rated = collect(window.filter(pl.col("type") == "SAT_SCORE").select(pl.col("case_id").drop_nulls().unique()))
        decisions = decisions.with_columns(answered=pl.col("case_id").is_in(rated["case_id"].implode()))
    if "right" in columns:
        decisions = _with_truth(decisions, past)
    return _with_final(decisions) if "final" in columns else decisions


def _with_final(decisions: pl.DataFrame) -> pl.DataFrame:
    """Add `final`: the actor's last verdict on this recommendation of this case; at one instant, an override is the last."""
    named = pl.col("case_id").is_not_null() & pl.col("ai_recommendation").is_not_null()
    repeated = decisions.with_row_index("row").filter(named & pl.col("case_id").is_duplicated())
    suggestion = ["actor", "case_id", "ai_recommendation"]
    last = repeated.sort("ts", "override", "human_verdict").unique(suggestion, keep="last")["row"]
    superseded = np.zeros(decisions.height, dtype=bool)
    superseded[repeated["row"].to_numpy()] = True
    superseded[last.to_numpy()] = False
    return decisions.with_columns(final=named & ~pl.Series(superseded))


def _with_truth(decisions: pl.DataFrame, past: pl.LazyFrame) -> pl.DataFrame:
    """Add `right`: what the last adjudication of the case, or else its last outcome, says of the verdict."""
    judged = decisions.join(last_truth(past), on="case_id", how="left")
    agrees = pl.col("truth") == pl.col("human_verdict")
    contradicts = pl.col("truth") == pl.col("ai_recommendation")
    known = pl.when(agrees).then(statement=True).when(contradicts).then(statement=False)
    right = pl.when(pl.col("human_verdict").is_null()).then(statement=None).otherwise(known)
    return judged.with_columns(right=right).drop("truth")


class _KeptDecisions(Kept):
    """Verdicts of a growing log."""

    def __init__(self, log: GrowingLog) -> None:
        self._log = log
        self._columns = log.needs[DECISIONS]
        self._thin = self._columns <= {"override"}
        self.agreed: set[str] = set()
        self._rows = GrowingRows(self._decided(log.first), "ts")

    def _decided(self, rows: pl.DataFrame) -> pl.DataFrame:
        columns = ["actor", "actor_kind", "ts"] if self._thin else [n for n in DECISIONS.schema if n in rows.columns]
        verdicts = rows.filter(pl.col("type").is_in(list(VERDICT_TYPES)))
        found = verdicts.select(*columns, override=pl.col("type") == "OVERRIDE")
        self.agreed.update(found.filter(~pl.col("override"))["actor"].unique().drop_nulls())
        return found.with_columns(self._log.number(found["actor"])) if self._thin else found

    def add(self) -> dict[Fact, Change]:
        """Take in the verdicts among the new rows."""
        decided = self._decided(self._log.fresh)
        self._rows.add(decided)
        return {DECISIONS: Change(decided, decided.head(0))}

    def comes_and_goes(self, fact: Fact) -> bool:
        """Only while nothing that later events tell is read."""
        return self._thin

    def between(self, fact: Fact, low: int, high: int) -> pl.DataFrame:
        """Verdicts that leave the window when it moves on."""
        return self._rows.between(low, high)

    def table(self, fact: Fact, end: datetime, since: datetime | None, only: set[str] | None) -> pl.DataFrame:
        """The verdicts of a window, with what has been said of them by now."""
        inside = pl.lit(value=True) if since is None else pl.col("ts") > since
        found = self._rows.rows(inside)
        if not self._columns & _LATER:
            return found
        past = self._log.store.rows(pl.col("type").is_in(["SAT_SCORE", "ADJUDICATION", "OUTCOME"])).lazy()
        return _with_hindsight(found, past, past.filter(inside), self._columns)


def ever_agreed(log: GrowingLog) -> set[str]:
    """Who ever issued an agreeing verdict, in a growing log whose verdicts are kept."""
    kept = log.kept.get(DECISIONS)
    return kept.agreed if isinstance(kept, _KeptDecisions) else set()
