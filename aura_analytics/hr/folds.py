"""Reputation, suspension, cases, plans: folds over HR actions, as of any moment."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from aura_analytics.clock.times import parse_as_of
from aura_analytics.hr.vocabulary import actions_of, binding
from aura_analytics.io.front_door import EventsLike, as_events

__all__ = ["STANDINGS", "effective", "proposals", "standing"]

STANDINGS = ("good", "on_plan", "under_review", "suspended")
_MICROS = pl.Datetime("us", "UTC")


def effective(actions: pl.DataFrame) -> pl.DataFrame:
    """The actions that hold: proposals and what only answers others are none, what was overturned is undone, and what nobody signed
    does not hold for anybody who may be a person.

    Parameters
    ----------
    actions
        As `actions_of`.
    """
    undone = actions.filter(pl.col("action") == "overturned")["refers_to"].drop_nulls()
    gone = pl.col("event_id").is_in(undone.implode()) if undone.len() else pl.lit(value=False)
    talk = ["proposal", "rejection", "contest", "upheld", "overturned", "confidence"]
    return actions.filter(~pl.col("action").is_in(talk) & ~gone & binding())


def standing(events: EventsLike, as_of: datetime | date | str | None = None, *, start: float = 100.0) -> pl.DataFrame:
    """How everybody stands who was ever acted upon.

    Parameters
    ----------
    events
        Events on the contract, or a ledger.
    as_of
        Moment up to which actions count; default all of them. A suspension with an end is over from that end on, by `as_of` or now.
    start
        Reputation before any action, in points.

    Returns
    -------
    polars.DataFrame
        Per actor, by name: `actor`, `actor_kind`, `reputation` (start plus points), `level` (promotions less demotions), `standing`
        (the gravest of `suspended`, `under_review` (an open case), `on_plan`, `good`), `suspended`, `suspended_since`,
        `suspended_until`, `open_cases`, `open_plans`, `pending` (proposals that nobody has answered), `contested` (actions under
        contest), `actions` (that hold), `last_action`.

    Notes
    -----
    A reinstatement ends all suspensions before it; of one instant, the suspension counts. A suspension that is shorter than another
    one ends nothing. Actions on actors of a kind that may be a person (everything but agents and components) hold only with an
    approver; where nobody recorded a kind, as they stand. The order of rows does not matter.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.events.from_records([
    ...     {"type": "HR_ACTION", "actor": "gpt", "actor_kind": "agent", "value": -5, "ts": "2026-01-05"},
    ...     {"type": "HR_ACTION", "actor": "gpt", "actor_kind": "agent", "ts": "2026-01-06",
    ...      "attributes": '{"action": "suspension"}'}])
    >>> standing(log).select("actor", "reputation", "standing").row(0)
    ('gpt', 95.0, 'suspended')
    >>> standing(log, "2026-01-05T12:00Z")["standing"].item()
    'good'
    """
    moment = None if as_of is None else parse_as_of(as_of)
    lazy = as_events(events)
    return fold(actions_of(lazy if moment is None else lazy.filter(pl.col("ts") <= moment), detail=False), moment, start=start)


def fold(actions: pl.DataFrame, moment: datetime | None, *, start: float = 100.0) -> pl.DataFrame:
    """`standing` of actions as `actions_of` has them."""
    from aura_analytics.hr.vocabulary import now

    held = effective(actions)
    action = pl.col("action")
    stop = pl.lit(moment or now()).cast(_MICROS)
    sums = held.group_by("actor").agg(
        pl.col("actor_kind").max(),
        reputation=start + pl.col("value").filter(action == "reputation").sum(),
        level=(action == "promotion").sum().cast(pl.Int64) - (action == "demotion").sum().cast(pl.Int64),
        actions=pl.len().cast(pl.Int64),
        last_action=pl.col("ts").max(),
    )
    named = actions.group_by("actor").agg(kind=pl.col("actor_kind").max())
    # what has been suspended since the last reinstatement (of one instant, the suspension counts), and has not ended
    back = held.filter(action == "reinstatement").group_by("actor").agg(back=pl.col("ts").max())
    running = held.filter((action == "suspension") & (pl.col("until").is_null() | (pl.col("until") > stop)))
    suspended = (
        running.join(back, on="actor", how="left")
        .filter(pl.col("back").is_null() | (pl.col("ts") >= pl.col("back")))
        .group_by("actor")
        .agg(
            suspended=pl.lit(value=True).first(),
            suspended_since=pl.col("ts").min(),
            suspended_until=pl.when(pl.col("until").null_count() == 0).then(pl.col("until").max()),
        )
    )
    counts = [
        _open(held, "case_opened", ["case_closed"], ["case_reopened"], "open_cases", stop),
        _open(held, "plan_opened", ["plan_closed"], [], "open_plans", stop),
        _counted(proposals(actions), "pending"),
        _counted(_contested(actions), "contested"),
    ]
    board = named.join(sums, on="actor", how="left")
    for part in (suspended, *counts):
        board = board.join(part, on="actor", how="left")
    grave = (
        pl.when("suspended")
        .then(pl.lit("suspended"))
        .when(pl.col("open_cases") > 0)
        .then(pl.lit("under_review"))
        .when(pl.col("open_plans") > 0)
        .then(pl.lit("on_plan"))
        .otherwise(pl.lit("good"))
    )
    return (
        board.with_columns(
            pl.coalesce("actor_kind", "kind").alias("actor_kind"),
            pl.col("reputation").fill_null(start),
            pl.col("suspended").fill_null(value=False),
            pl.col("level", "actions", "open_cases", "open_plans", "pending", "contested").fill_null(0),
        )
        .with_columns(standing=grave)
        .select(
            "actor",
            "actor_kind",
            "reputation",
            "level",
            "standing",
            "suspended",
            "suspended_since",
            "suspended_until",
            "open_cases",
            "open_plans",
            "pending",
            "contested",
            "actions",
            "last_action",
        )
        .sort("actor")
    )


def _open(held: pl.DataFrame, opens: str, closes: list[str], reopens: list[str], name: str, stop: pl.Expr) -> pl.DataFrame:
    """How many of what was opened are open: the last word on each counts, and its time is over at its end."""
    lasting = pl.col("until").is_null() | (pl.col("until") > stop)
    opened = held.filter((pl.col("action") == opens) & lasting).select("actor", id="event_id")
    words = held.filter(pl.col("action").is_in([*closes, *reopens])).select("ts", "action", "event_id", id="refers_to")
    last = words.sort("ts", "event_id").group_by("id", maintain_order=True).agg(pl.col("action").last())
    shut = last.filter(pl.col("action").is_in(closes)).select("id")
    return _counted(opened.join(shut, on="id", how="anti"), name)


def _counted(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.group_by("actor").agg(pl.len().cast(pl.Int64).alias(name))


def proposals(actions: pl.DataFrame) -> pl.DataFrame:
    """Proposals that nobody has approved or rejected."""
    answered = actions.filter(pl.col("action") != "contest").select("refers_to").drop_nulls()
    return actions.filter(pl.col("action") == "proposal").join(answered, left_on="event_id", right_on="refers_to", how="anti")


def _contested(actions: pl.DataFrame) -> pl.DataFrame:
    """Actions whose last word is a contest."""
    words = actions.filter(pl.col("action").is_in(["contest", "upheld", "overturned"]) & pl.col("refers_to").is_not_null())
    last = words.sort("ts", "event_id").group_by("refers_to", maintain_order=True).last()
    return last.filter(pl.col("action") == "contest")
