"""Promotion, demotion and reinstatement by the scores of the last windows; off unless somebody asks for it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field, field_validator, model_validator

from aura_analytics.clock.times import parse_as_of, parse_span
from aura_analytics.errors import AuraError
from aura_analytics.hr.acting import judged_actions, kinds_in
from aura_analytics.hr.drafts import drafted
from aura_analytics.hr.folds import effective, fold, proposals
from aura_analytics.hr.vocabulary import MACHINES, HRAction
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.people import RULE
from aura_analytics.statistics.intervals import mean_t
from aura_analytics.yaml_models import YamlModel

__all__ = ["Ladder"]

_MOVES = ("promotion", "demotion", "reinstatement")


class Ladder(YamlModel):
    """When to promote, demote and reinstate: k of the last m windows, with enough scores in each, and a pause after every move.

    Examples
    --------
    >>> ladder = Ladder(name="mine", promote_at=85, demote_below=50)
    >>> ladder.window, ladder.least, ladder.cool_down
    ('30d', 3, '30d')
    """

    called = "ladder"

    name: str = Field(min_length=1)
    version: str = "1"
    window: str = Field("30d", description="length of a window")
    k: int = Field(1, ge=1, description="windows that must speak for a move, the last one among them")
    m: int = Field(1, ge=1, le=52, description="of so many")
    least: int = Field(3, ge=1, description="scores that a window needs to speak")
    promote_at: float | None = Field(None, ge=0, le=100, description="mean score of a window, at least")
    demote_below: float | None = Field(None, ge=0, le=100, description="mean score of a window, below")
    reinstate_at: float | None = Field(None, ge=0, le=100, description="of one who is suspended: mean score of a window, at least")
    cool_down: str = Field("30d", description="no move so soon after the last one")
    by: Literal["mean", "limit"] = Field("mean", description="limit: the one-sided 95 % limit of the mean must pass, not the mean")

    @field_validator("window", "cool_down")
    @classmethod
    def _span(cls, text: str) -> str:
        try:
            parse_span(text)
        except AuraError as error:
            raise ValueError(str(error)) from None
        return text

    @model_validator(mode="after")
    def _sound(self) -> Ladder:
        if self.k > self.m:
            raise ValueError("k of m windows: k is larger than m")
        if self.promote_at is None and self.demote_below is None and self.reinstate_at is None:
            raise ValueError("give at least one of promote_at, demote_below, reinstate_at")
        if self.promote_at is not None and self.demote_below is not None and self.demote_below > self.promote_at:
            raise ValueError("demote_below lies above promote_at: somebody would be promoted and demoted at once")
        return self

    @classmethod
    def example(cls) -> Ladder:
        """The thresholds of the public Aura code: promote at a mean of 85, demote below 50, from 3 scores in 30 days on."""
        return _example()

    @property
    def label(self) -> str:
        """Name and version, as actions carry it."""
        return f"{self.name}/{self.version}"

    def evaluate(self, events: EventsLike, as_of: datetime | date | str) -> pl.DataFrame:
        """Who would move.

        Parameters
        ----------
        events
            Events on the contract, or a ledger.
        as_of
            End of the last window; windows are half-open, (end - window, end].

        Returns
        -------
        polars.DataFrame
            Per actor with a score in the windows, by name: `actor`, `actor_kind`, `mean` and `n` of the last window (null without a
            score in it), `level`, `suspended`, `move` (`promotion`, `demotion`, `reinstatement`, or null) and `reason`.
        """
        moment = parse_as_of(as_of)
        lazy = as_events(events)
        past = lazy.filter(pl.col("ts") <= moment)
        everything = judged_actions(events, detail=True)  # what came later stands in the way as well
        board = fold(everything.filter(pl.col("ts") <= moment), moment).select("actor", "level", "suspended", "suspended_since")
        windows = self._windows(past, moment, board.filter("suspended").select("actor", "suspended_since"))
        # a move, a suspension, and a proposal of a move (open, signed or refused) are followed by a pause; one that waits is enough
        held = effective(everything).filter(pl.col("action").is_in([*_MOVES, "suspension"]))
        sound = everything.filter(pl.col("fault").is_null())
        asked = sound.filter((pl.col("action") == "proposal") & pl.col("proposed").is_in(list(_MOVES)))
        answers = sound.filter(pl.col("refers_to").is_in(asked["event_id"].implode()))
        moved = pl.concat([held, asked, answers]).group_by("actor").agg(moved=pl.col("ts").max())
        waiting = (
            proposals(everything)
            .filter(pl.col("proposed").is_in(list(_MOVES)))
            .select("actor", waiting=pl.lit(value=True))
            .unique()
        )
        speaking = {name: self._speaks(name) for name in _MOVES}
        last = pl.col("window") == 0
        found = (
            windows.group_by("actor")
            .agg(
                said_kind=_kind(),
                mean=pl.col("mean").filter(last).first(),
                n=pl.col("n").filter(last).first(),
                **{f"{name}:k": test.sum() for name, test in speaking.items()},
                **{f"{name}:now": (test & last).any() for name, test in speaking.items()},
            )
            .join(board, on="actor", how="left")
            .join(moved, on="actor", how="left")
            .join(waiting, on="actor", how="left")
            .with_columns(pl.col("level").fill_null(0), pl.col("suspended").fill_null(value=False))
        )
        resting = (pl.col("moved") > moment - parse_span(self.cool_down)).fill_null(value=False)
        open_ = pl.col("waiting").fill_null(value=False)
        due = {name: (pl.col(f"{name}:k") >= self.k) & pl.col(f"{name}:now") for name in _MOVES}
        move = (
            pl.when(resting | open_)
            .then(None)
            .when(pl.col("suspended"))
            .then(pl.when(due["reinstatement"]).then(pl.lit("reinstatement")))
            .when(due["promotion"])
            .then(pl.lit("promotion"))
            .when(due["demotion"])
            .then(pl.lit("demotion"))
        )
        few = pl.col("n").is_null() | (pl.col("n") < self.least)
        said = (
            pl.when(open_)
            .then(pl.lit("a proposal waits for a signature"))
            .when(resting)
            .then(pl.lit(f"moved within the last {self.cool_down}"))
            .when(few)
            .then(pl.lit(f"fewer than {self.least} scores in the last window"))
            .when(pl.col("move").is_not_null())
            .then(
                pl.format(
                    f"mean {{}} from {{}} scores in the last {self.window}; {{}} of {self.m} windows",
                    pl.col("mean").round(1),
                    "n",
                    pl.coalesce(*(pl.when(pl.col("move") == name).then(pl.col(f"{name}:k")) for name in _MOVES)),
                )
            )
            .otherwise(pl.lit("no threshold is passed"))
        )
        known = kinds_in(past, found["actor"].to_list())  # of all their work, not of what was scored alone
        kind = pl.col("actor").replace_strict(known, default=None, return_dtype=pl.String)
        return (
            found.with_columns(move=move, actor_kind=pl.coalesce(kind, "said_kind"))
            .with_columns(reason=said)
            .select("actor", "actor_kind", "mean", "n", "level", "suspended", "move", "reason")
            .sort("actor")
        )

    def drafts(self, events: EventsLike, as_of: datetime | date | str, *, ts: datetime | None = None) -> list[HRAction]:
        """The moves as events (on whom may be a person: as proposals), with the scores behind each; the same log and moment give
        the same ones.

        Parameters
        ----------
        events, as_of
            As `evaluate`.
        ts
            When the moves are made; default `as_of`. Standing is as it was before that.
        """
        moment = parse_as_of(as_of)
        lazy = as_events(events)
        moves = self.evaluate(events, moment).filter(pl.col("move").is_not_null())
        since = moment - self.m * parse_span(self.window)
        inside = (pl.col("ts") > since) & (pl.col("ts") <= moment) & (pl.col("type") == "EVALUATION")
        scores = lazy.filter(inside & pl.col("actor").is_in(moves["actor"].implode())).collect(engine="in-memory")
        made = []
        for row in moves.iter_rows(named=True):
            mine = scores.filter(pl.col("actor") == row["actor"]).sort("ts", "event_id").select("event_id", "ts", "value")
            made.append(
                drafted(
                    row["move"],
                    row["actor"],
                    row["actor_kind"],
                    event_id=f"ladder/{self.label}/{row['actor']}/{moment.isoformat()}",
                    rule=self.label,
                    rows=mine.iter_rows(named=True),
                    reason=row["reason"],
                    ts=ts or moment,
                    would_clear=f"the next move, not before {self.cool_down}",
                    by=f"{RULE}{self.label}",
                )
            )
        return made

    def _windows(self, past: pl.LazyFrame, moment: datetime, away: pl.DataFrame) -> pl.DataFrame:
        """Mean scores by actor and window; of those who are suspended only what came since."""
        span = parse_span(self.window) // timedelta(microseconds=1)
        age = (pl.lit(moment) - pl.col("ts")).dt.total_microseconds()
        scored = past.filter((pl.col("type") == "EVALUATION") & pl.col("value").is_not_null())
        since = scored.join(away.lazy(), on="actor", how="left").filter(
            pl.col("suspended_since").is_null() | (pl.col("ts") > pl.col("suspended_since"))
        )
        rows = since.select("actor", "actor_kind", "value", window=age // span).filter(pl.col("window") < self.m)
        table = (
            rows.group_by("actor", "window")
            .agg(
                actor_kind=_kind(),
                mean=pl.col("value").mean(),
                n=pl.len().cast(pl.Int64),
                sd=pl.col("value").std().fill_null(0.0),
            )
            .sort("actor", "window")
            .collect(engine="in-memory")
        )
        low, high = mean_t(table["mean"].to_numpy(), table["sd"].to_numpy(), table["n"].to_numpy(), 0.9, low=0, high=100)
        return table.with_columns(low=pl.Series(low, nan_to_null=True), high=pl.Series(high, nan_to_null=True))

    def _speaks(self, move: str) -> pl.Expr:
        """Whether a window speaks for a move."""
        threshold = {"promotion": self.promote_at, "demotion": self.demote_below, "reinstatement": self.reinstate_at}[move]
        if threshold is None:
            return pl.lit(value=False) & (pl.col("n") > 0)
        value = pl.col("mean") if self.by == "mean" else pl.col("high" if move == "demotion" else "low")
        passed = value < threshold if move == "demotion" else value >= threshold
        return (pl.col("n") >= self.least) & passed.fill_null(value=False)


def _kind() -> pl.Expr:
    """The kind of an actor: who was ever recorded as anything but a machine is no machine."""
    kind = pl.col("actor_kind").cast(pl.String)
    return pl.coalesce(kind.filter(~kind.is_in(list(MACHINES))).first(), kind.drop_nulls().first())


@lru_cache(maxsize=1)
def _example() -> Ladder:
    return Ladder.from_yaml(Path(str(resources.files("aura_analytics.hr") / "tables" / "ladder_example.yaml")))
