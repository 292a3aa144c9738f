"""What agents and components said of their own chance to be right, and whether they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.cases import spells
from aura_analytics.cases.base import Fact
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.growing_log import KeptByCase
from aura_analytics.cases.own_events import named_cases
from aura_analytics.cases.truth import RESULTS
from aura_analytics.cases.window import case_hash
from aura_analytics.events import SCHEMA, VERDICT_TYPES

if TYPE_CHECKING:
    from aura_analytics.cases.growing_log import GrowingLog, Kept
    from aura_analytics.cases.window import Window

__all__ = ["FORECASTS", "Forecasts"]

_TYPES = (*VERDICT_TYPES, "ADJUDICATION", "OUTCOME", "ROUTED")
_COLUMNS = ("type", "ts", "actor", "actor_kind", "agent", "ai_recommendation", "outcome", "confidence")


class Forecasts(Fact):
    """Stated confidences whose truth is known: actor, ts, confidence, and whether it `came_true`.

    A recommendation with a confidence came true when the last adjudication of its case (else the last outcome that names a
    verdict) names it; it counts once however often it was decided on. Work came true when its last outcome is `success`; its
    confidence is the outcome's own, or that of the `ROUTED` event of the same case and actor.
    """

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """One row per stated confidence in the window."""
        return self._of(window).select(*self.schema)

    def trace(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """With the case."""
        return named_cases(self._of(window).select(*self.schema, "h"), window.past)

    def _of(self, window: Window) -> pl.DataFrame:
        rows = window.past.filter(pl.col("type").is_in(list(_TYPES))).select(*_COLUMNS, case_hash())
        return _made(rows, spells.micro(window.since))

    def keep(self, log: GrowingLog) -> Kept:
        """The forecasts of a case are looked at again whenever something happens in it."""
        return KeptByCase(log, self, lambda rows, _: _made(rows.lazy()).select(*self.schema, "h"))

    def reads(self, columns: set[str]) -> tuple[set[str], set[str]]:
        """Verdicts, what was true, routes and outcomes."""
        return set(_TYPES), {"agent", "ai_recommendation", "outcome", "confidence"}


def _made(rows: pl.LazyFrame, floor: int = -1) -> pl.DataFrame:
    """The forecasts that were made after `floor` (microseconds since 1970), with `h`."""
    known = pl.col("h").is_not_null()
    of_truth = pl.col("type") == "ADJUDICATION"
    told = (of_truth | ((pl.col("type") == "OUTCOME") & ~pl.col("outcome").is_in(list(RESULTS)))) & pl.col("outcome").is_not_null()
    truth = rows.filter(told & known).select("h", "ts", "outcome", rank=of_truth).sort("rank", "ts", "outcome")
    truth = truth.unique("h", keep="last").select("h", truth="outcome")
    said = pl.col("type").is_in(list(VERDICT_TYPES)) & known & pl.all_horizontal(pl.col(_SAID).is_not_null())
    advice = rows.filter(said).select(pl.col("agent").alias("actor"), "ts", "h", "confidence", "ai_recommendation")
    judged = advice.join(truth, on="h").sort("ts", "confidence").unique(["h", "actor", "ai_recommendation"], keep="last")
    judged = judged.with_columns(came_true=pl.col("truth") == pl.col("ai_recommendation"))
    kind = pl.lit(None, dtype=SCHEMA["actor_kind"]).alias("actor_kind")  # a name in `agent` says nothing of its kind
    first = judged.select("actor", kind, "ts", "confidence", "came_true", "h")

    named = pl.col("actor").is_not_null()
    ended = rows.filter((pl.col("type") == "OUTCOME") & named & pl.col("outcome").is_in(list(RESULTS)))
    loose = ended.filter(~known)
    ended = ended.filter(known).sort("ts", "outcome").unique(["h", "actor"], keep="last")
    routed = rows.filter((pl.col("type") == "ROUTED") & named & known & pl.col("confidence").is_not_null())
    routed = routed.sort("ts", "confidence").unique(["h", "actor"], keep="last").select("h", "actor", planned="confidence")
    ended = ended.join(routed, on=["h", "actor"], how="left").with_columns(pl.coalesce("confidence", "planned").alias("confidence"))
    ended = ended.join(first.select("h", "actor"), on=["h", "actor"], how="anti")
    second = pl.concat([ended.drop("planned"), loose]).filter(pl.col("confidence").is_not_null())
    second = second.select("actor", "actor_kind", "ts", "confidence", (pl.col("outcome") == "success").alias("came_true"), "h")
    return collect(pl.concat([first, second]).filter(pl.col("ts").to_physical() > floor))


_SAID = ("agent", "confidence", "ai_recommendation")
FORECASTS = Forecasts(
    "forecasts",
    {
        "actor": pl.String(),
        "actor_kind": SCHEMA["actor_kind"],
        "ts": SCHEMA["ts"],
        "confidence": pl.Float64(),
        "came_true": pl.Boolean(),
    },
    _TYPES,
    frozenset({"came_true"}),
    by_case=True,
)
