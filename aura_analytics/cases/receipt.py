"""The citizen's clock: cases from receipt to their last resolution, whoever held them, and who held them for what part of it.

A case is received when it was first opened, or with its first event where no opening is known. Its clock runs to the last
resolution (a case that was given or opened again after that is open again), pauses left out. Only cases that the log follows
(opened, assigned or resolved at some time) have one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl

from aura_analytics.cases import spells
from aura_analytics.cases.base import Fact
from aura_analytics.cases.cohort import COHORT
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.extent import WORK
from aura_analytics.cases.options import Options
from aura_analytics.cases.own_events import named_cases
from aura_analytics.cases.window import Window
from aura_analytics.events import EVENT_TYPES, RECORD_TYPES, SCHEMA

__all__ = ["HELD", "RECEIVED", "WHOLE_CASE", "Held", "Received", "received"]

WHOLE_CASE = 1_000_000_000  # of which a whole case has so many
_TYPES = tuple(name for name in EVENT_TYPES if name not in RECORD_TYPES)
_CLOCK = {name: dtype for name, dtype in COHORT.schema.items() if name != "actor"}  # the same columns, on another clock
_WHO: dict[str, pl.DataType] = {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"]}


def received(past: pl.LazyFrame, as_of: datetime, options: Options) -> pl.DataFrame:
    """Every case that the log follows, from its receipt.

    Parameters
    ----------
    past
        Events up to `as_of`.
    as_of
        Until when cases are followed.
    options
        The calendar that time is counted on.

    Returns
    -------
    polars.DataFrame
        One row per case: h (its hash), actor and actor_kind (who resolved it last or holds it; null where nobody was ever given
        it), queue (the first that is known), start, end (microseconds since 1970), elapsed (on the calendar, without pauses),
        days_off (working days of its pauses, 86,400,000,000 to the day), ended, and given (when it was first assigned, -1 never).
    """
    log = spells.log_of(past)
    table = log.table.with_row_index("row").lazy()
    opened, assigned, resolved = (pl.col("type") == name for name in ("OPENED", "ASSIGNED", "RESOLVED"))
    micro = pl.col("ts").to_physical()
    known = table.filter(opened | assigned | resolved)
    found = collect(
        known.group_by("h", "g", maintain_order=True)
        .agg(
            pl.col("row").first(),
            opened=micro.filter(opened).min(),
            given=micro.filter(assigned).min(),
            begun=micro.filter(opened | assigned).max(),
            over=micro.filter(resolved).max(),
            queue=pl.col("queue").sort_by(micro).drop_nulls().first(),
            closer=_last("actor", resolved),
            closer_kind=_last("actor_kind", resolved),
            holder=_last("actor", assigned),
            holder_kind=_last("actor_kind", assigned),
        )
        .with_columns(ended=pl.col("over").is_not_null() & (pl.col("begun").is_null() | (pl.col("begun") <= pl.col("over"))))
    )
    late = found.filter(pl.col("opened").is_null() | (pl.col("opened") > pl.col("over")))
    if late.height:  # no opening is known: received with the first thing that happened
        hashed = [pl.col("case_id").hash(11).alias("h"), pl.col("case_id").hash(97).alias("g")]
        seen = past.filter(pl.col("case_id").is_not_null() & WORK).select(micro.alias("first"), *hashed)
        seen = seen.join(late.lazy().select("h", "g"), on=["h", "g"], how="semi").group_by("h", "g").agg(pl.col("first").min())
        found = found.join(collect(seen), on=["h", "g"], how="left", maintain_order="left")
    else:
        found = found.with_columns(first=pl.lit(None, dtype=pl.Int64))
    closed = pl.col("ended") & pl.col("closer").is_not_null()
    found = found.with_columns(
        start=pl.min_horizontal("opened", "first"),
        end=pl.when("ended").then("over").otherwise(pl.lit(spells.micro(as_of), dtype=pl.Int64)),
        actor=pl.when(closed).then("closer").otherwise("holder"),
        actor_kind=pl.when(closed).then("closer_kind").otherwise("holder_kind"),
        given=pl.col("given").fill_null(-1),
    )
    paused, off, _ = spells.paused(log, found, options)
    elapsed = spells.clock(found["start"].to_numpy(), found["end"].to_numpy(), options) - paused
    found = found.with_columns(elapsed=pl.Series(elapsed, dtype=pl.Int64), days_off=pl.Series(off, dtype=pl.Int64))
    return found.select("h", *_WHO, *_CLOCK, "given")


def _last(column: str, among: pl.Expr) -> pl.Expr:
    """A column of the last of some events; of two at one instant the actor later in the alphabet."""
    order = [pl.col("ts").filter(among), pl.col("actor").filter(among)]
    return pl.col(column).filter(among).sort_by(order, nulls_last=False).last()


def _all(window: Window) -> pl.DataFrame:
    return window.once("received cases", lambda: received(window.past, window.as_of, window.options))


class Received(Fact):
    """Cases received in the window, under who resolved or holds them (null where nobody was given them): start and end
    (microseconds since 1970), elapsed from receipt on the calendar and without pauses (censored where not `ended`), queue.
    """

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """The cases received in the window."""
        return self._cut(window).select(*self.schema)

    def trace(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """With the case."""
        return named_cases(self._cut(window).select(*self.schema, "h"), window.past)

    def _cut(self, window: Window) -> pl.DataFrame:
        return _all(window).filter(pl.col("start") > spells.micro(window.since))


class Held(Received):
    """Who held the cases received in the window: the case's own clock as in `received`, and `weight`, the part of it that the actor
    held, in billionths. What nobody held is nobody's, so the parts of a case need not make a whole.
    """

    def _cut(self, window: Window) -> pl.DataFrame:
        cases = super()._cut(window).drop("actor", "actor_kind")
        own = spells.follow(window.past, window.as_of, replace(window.options, holding="holder"), None, queue=False)
        held = own.group_by("h", "actor").agg(pl.col("actor_kind").min(), held=pl.col("elapsed").sum())
        joined = held.filter(pl.col("actor").is_not_null()).join(cases, on="h")
        whole = pl.max_horizontal("elapsed", pl.col("held").sum().over("h"))
        share = pl.when(whole > 0).then(pl.col("held") / whole).otherwise(1 / pl.len().over("h"))
        return joined.with_columns(weight=(share * WHOLE_CASE).round().cast(pl.Int64)).sort("actor", "h")


RECEIVED = Received("received", {**_WHO, **_CLOCK}, _TYPES, by_case=True)
HELD = Held("held", {**_WHO, **_CLOCK, "weight": pl.Int64()}, _TYPES, by_case=True)
