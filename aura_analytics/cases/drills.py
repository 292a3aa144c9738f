"""Drills: cases whose truth is known beforehand, put in front of officers. They count in a table of their own and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.cases.base import Fact
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.growing_log import Kept
from aura_analytics.cases.hindsight import judged_by
from aura_analytics.cases.truth import words_of
from aura_analytics.events import SCHEMA, VERDICT_TYPES

if TYPE_CHECKING:
    from aura_analytics.cases.growing_log import Change, GrowingLog
    from aura_analytics.cases.window import Window

__all__ = ["DRILLS", "Drills"]

_READ = ("actor", "actor_kind", "ts", "case_id", "queue", "agent", "ai_recommendation", "human_verdict")


class Drills(Fact):
    """Answered drills: the last verdict of everybody on each; `right` says whether it named the truth, `advice_right` whether the
    recommendation did, `override` whether it was overridden.
    """

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """One row per actor and drill."""
        if window.drills.is_empty():
            return self.empty()
        return _answered(window.drilled, window.since, partial(window.once, "words", lambda: words_of(window.past)))

    def keep(self, log: GrowingLog) -> Kept:
        """Drills are few: they are judged at every reading."""
        return _KeptDrills(log)

    def reads(self, columns: set[str]) -> tuple[set[str], set[str]]:
        """Verdicts, and what the drill says is right."""
        return {"DRILL", *VERDICT_TYPES}, {"queue", "agent", "ai_recommendation", "human_verdict", "outcome"}


DRILLS = Drills(
    "drills",
    {
        "actor": pl.String(),
        "actor_kind": SCHEMA["actor_kind"],
        "ts": SCHEMA["ts"],
        "case_id": pl.String(),
        "queue": pl.String(),
        "agent": pl.String(),
        "ai_recommendation": pl.String(),
        "human_verdict": pl.String(),
        "override": pl.Boolean(),
        "right": pl.Boolean(),
        "advice_right": pl.Boolean(),
    },
    ("DRILL", *VERDICT_TYPES),
    hindsight=frozenset({"right", "advice_right"}),
    by_case=True,
)


def _answered(drilled: pl.LazyFrame, since: datetime | None, words: Callable[[], set[str]]) -> pl.DataFrame:
    said = drilled.filter((pl.col("type") == "DRILL") & pl.col("outcome").is_not_null()).select("case_id", "ts", truth="outcome")
    truths = collect(said).sort("case_id", "ts", "truth").unique("case_id", keep="last").drop("ts")
    verdicts = drilled.filter(pl.col("type").is_in(list(VERDICT_TYPES)) & pl.col("actor").is_not_null())
    inside = verdicts if since is None else verdicts.filter(pl.col("ts") > since)
    table = collect(inside.select(*_READ, override=pl.col("type") == "OVERRIDE"))
    last = table.sort("ts", "override", "human_verdict").unique(["actor", "case_id"], keep="last")
    judged = judged_by(last, truths, lambda: words() | words_of(drilled))
    return judged.select(list(DRILLS.schema))


class _KeptDrills(Kept):
    def __init__(self, log: GrowingLog) -> None:
        self._log = log

    def add(self) -> dict[Fact, Change]:
        """Nothing: the log keeps the events of drills."""
        return {}

    def table(self, fact: Fact, end: datetime, since: datetime | None, only: set[str] | None) -> pl.DataFrame:
        """The drills answered in a window."""
        log = self._log
        if log.drills.is_empty():
            return DRILLS.empty()
        return _answered(log.drilled.lazy(), since, log.words)
