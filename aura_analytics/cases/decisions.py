"""Verdicts on recommendations: who decided what, and what later events say of it."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.cases.base import Fact
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.growing import GrowingRows
from aura_analytics.cases.growing_log import Change, Kept
from aura_analytics.cases.hindsight import LATER, OF_TRUTH, weighted, with_hindsight
from aura_analytics.cases.truth import words_of
from aura_analytics.events import SCHEMA, VERDICT_TYPES

if TYPE_CHECKING:
    from aura_analytics.cases.growing_log import GrowingLog
    from aura_analytics.cases.window import Window

__all__ = ["DECISIONS", "Decisions", "ever_agreed"]

_THIN = {"actor", "actor_kind", "ts", "override"}
_WORDS = ("ai_recommendation", "human_verdict")


class Decisions(Fact):
    """Verdicts: `override`, the recommending agent and both words; `answered` when the citizen rated the case, `final` for the
    actor's last verdict on a recommendation.

    `right` says whether the verdict named what an adjudication or outcome says was right: false when it named anything else, null
    while nobody said, or where the words do not decide (an override without its verdict, in a log of three words). `advice_right`
    and `initial_right` say the same of the recommendation and of the verdict before it was seen. `weight` is how many verdicts a
    judged one stands for, in millionths, and `by_chance` whether that comes from the chance of its audit. `truth` is the word that
    was right, `chance` what its audit said, and `disputed` whether audits disagree; the last one counts.
    """

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """One row per verdict in the window."""
        if columns <= _THIN and window.joins.verdicts and window.rows is not None:
            return _thin(window.rows, window.since)
        plain = [name for name in self.schema if name in columns and name in SCHEMA]
        keep = dict.fromkeys(["actor", "actor_kind", "ts", *plain])
        if columns & LATER:
            keep["case_id"] = None
        if columns & OF_TRUTH or "final" in columns:
            keep |= dict.fromkeys(_WORDS)
        keep |= dict.fromkeys(_needed(columns))
        verdicts = window.inside.filter(pl.col("type").is_in(list(VERDICT_TYPES)))
        table = collect(verdicts.select(*keep, override=pl.col("type") == "OVERRIDE"))
        words = partial(window.once, "words", lambda: words_of(window.past))
        return with_hindsight(table, window.past, window.inside, words, columns)

    def together(self, table: pl.DataFrame, columns: set[str]) -> pl.DataFrame:
        """How many verdicts a judged one stands for is a matter of all verdicts of its actor."""
        if not columns & {"weight", "by_chance"}:
            return table
        return weighted(table.drop("weight", "by_chance"))

    def trace(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """With the case, the agent and both words."""
        return self.build(window, {*columns, "case_id", "agent", "ai_recommendation", "human_verdict"})

    def keep(self, log: GrowingLog) -> Kept:
        """Verdicts are added as they come; what later events say of them is looked up at every reading."""
        return _KeptDecisions(log)

    def reads(self, columns: set[str]) -> tuple[set[str], set[str]]:
        """Verdicts, and what may be said of them later."""
        types, wanted = set(VERDICT_TYPES), {"queue", "own_work", "confidence"} & columns | set(_needed(columns))
        if not columns <= {"override"}:
            wanted |= {"agent", *_WORDS}
        if columns & LATER:
            types |= {"SAT_SCORE", "OUTCOME"}
            wanted |= {"value", "outcome"}
        if columns & OF_TRUTH:
            types, wanted = types | {"ADJUDICATION"}, wanted | {"initial_verdict", "audit_chance"}
        return types, wanted


def _needed(columns: set[str]) -> list[str]:
    """Columns of the contract that others are made of."""
    first = ["initial_verdict"] if "initial_right" in columns else []
    return [*first, *(["queue", "own_work"] if columns & {"weight", "by_chance"} else [])]


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
        "initial_verdict": pl.String(),
        "own_work": pl.Boolean(),
        "advice_right": pl.Boolean(),
        "initial_right": pl.Boolean(),
        "weight": pl.Int64(),
        "by_chance": pl.Boolean(),
        "truth": pl.String(),
        "chance": pl.Float64(),
        "disputed": pl.Boolean(),
        "confidence": pl.Float64(),
    },
    (*VERDICT_TYPES, "SAT_SCORE", "OUTCOME", "ADJUDICATION"),
    LATER,
    settled=True,
    by_case=True,
)


def _thin(rows: pl.DataFrame, since: datetime | None) -> pl.DataFrame:
    verdicts = rows.lazy().filter(pl.col("type").is_in(list(VERDICT_TYPES)))
    inside = verdicts if since is None else verdicts.filter(pl.col("ts") > since)
    return collect(inside.select("actor", "actor_kind", "ts", override=pl.col("type") == "OVERRIDE"))


class _KeptDecisions(Kept):
    """Verdicts of a growing log."""

    def __init__(self, log: GrowingLog) -> None:
        self._log = log
        self._columns = log.needs[DECISIONS]
        self._thin = self._columns <= {"override"}
        self.agreed: set[str] = set()
        decided = self._decided(log.first)
        self._agree(decided)
        self._rows = GrowingRows(decided, "ts")

    def _decided(self, rows: pl.DataFrame) -> pl.DataFrame:
        columns = ["actor", "actor_kind", "ts"] if self._thin else [n for n in DECISIONS.schema if n in rows.columns]
        columns.append("h")
        verdicts = rows.filter(pl.col("type").is_in(list(VERDICT_TYPES)))
        found = verdicts.select(*columns, override=pl.col("type") == "OVERRIDE")
        return found.with_columns(self._log.number(found["actor"])) if self._thin else found

    def add(self) -> dict[Fact, Change]:
        """Take in the verdicts among the new rows."""
        decided, gone = self._decided(self._log.fresh), self._decided(self._log.gone)
        if gone.height:
            self._rows.drop(pl.col("h").is_in(gone["h"].unique().implode()))
            self.agreed = set()
            self._agree(self._rows.rows())
        self._rows.add(decided)
        self._agree(decided)
        return {DECISIONS: Change(decided, gone)}

    def _agree(self, decided: pl.DataFrame) -> None:
        agreeing = decided.filter(~pl.col("override"))["actor"].unique().drop_nulls()
        if agreeing.dtype.is_integer():
            agreeing = pl.Series(list(self._log.numbers), dtype=pl.String).gather(agreeing)
        self.agreed.update(agreeing)

    def comes_and_goes(self, fact: Fact) -> bool:
        """Only while nothing that later events tell is read."""
        return self._thin

    def between(self, fact: Fact, low: int, high: int) -> pl.DataFrame:
        """Verdicts that leave the window when it moves on."""
        return self._rows.between(low, high)

    def table(self, fact: Fact, end: datetime, since: datetime | None, only: set[str] | None) -> pl.DataFrame:
        """The verdicts of a window, with what has been said of them by now."""
        inside = pl.lit(value=True) if since is None else pl.col("ts") > since
        found = self._rows.rows(inside).drop("h")
        if not self._columns & LATER:
            return found
        past = self._log.store.rows(pl.col("type").is_in(["SAT_SCORE", "ADJUDICATION", "OUTCOME"])).lazy()
        return with_hindsight(found, past, past.filter(inside), self._log.words, self._columns)


def ever_agreed(log: GrowingLog) -> set[str]:
    """Who ever issued an agreeing verdict, in a growing log whose verdicts are kept."""
    kept = log.kept.get(DECISIONS)
    return kept.agreed if isinstance(kept, _KeptDecisions) else set()
