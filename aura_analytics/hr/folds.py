"""Reputation, suspension, cases, plans: folds over HR actions, as of any moment."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from aura_analytics.clock.times import parse_as_of
from aura_analytics.hr.acting import judged_actions
from aura_analytics.hr.vocabulary import now
from aura_analytics.io.front_door import EventsLike

__all__ = ["STANDINGS", "effective", "proposals", "standing"]

STANDINGS = ("good", "on_plan", "under_review", "suspended")
_MICROS = pl.Datetime("us", "UTC")


_TALK = ("proposal", "rejection", "contest", "upheld", "overturned", "confidence")


def effective(actions: pl.DataFrame) -> pl.DataFrame:
    """The actions in force: not at fault, not only said (proposals, and what answers others), and not overturned.

    Parameters
    ----------
    actions
        As `aura_analytics.hr.holding.judged`.
    """
    sound = actions.filter(pl.col("fault").is_null())
    undone = sound.filter(pl.col("action") == "overturned")["refers_to"].drop_nulls()
    gone = pl.col("event_id").is_in(undone.implode()) if undone.len() else pl.lit(value=False)
    return sound.filter(~pl.col("action").is_in(_TALK) & ~gone)


def standing(
    events: EventsLike, as_of: datetime | date | str | None = None, *, start: float = 100.0, actor: str | None = None
) -> pl.DataFrame:
    """How everybody stands who was ever acted upon.

    Parameters
    ----------
    events
        The whole log, since it says who is a person, or a ledger.
    as_of
        Moment up to which actions count; default the present, or the log's last work if that is later. A suspension with an end is
        over from that end on.
    start
        Reputation before any action, in points.
    actor
        Only this one; default everybody.

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
    one ends nothing. What is done to anybody but an agent or a component, as the events about their work know them and whatever the
    action says, counts only where a proposal came first and somebody else signed it, with a reason; what does not count is listed
    by `aura_analytics.hr.faults`. The order of rows does not matter.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.events.from_records([
    ...     {"type": "EVALUATION", "actor": "gpt", "actor_kind": "agent", "value": 50, "ts": "2026-01-05"},
    ...     {"type": "HR_ACTION", "actor": "gpt", "actor_kind": "agent", "value": -5, "ts": "2026-01-05"},
    ...     {"type": "HR_ACTION", "actor": "gpt", "actor_kind": "agent", "ts": "2026-01-06",
    ...      "attributes": '{"action": "suspension"}'}])
    >>> standing(log).select("actor", "reputation", "standing").row(0)
    ('gpt', 95.0, 'suspended')
    >>> standing(log, "2026-01-05T12:00Z")["standing"].item()
    'good'
    """
    moment = None if as_of is None else parse_as_of(as_of)
    return fold(judged_actions(events, moment, actor=actor), moment, start=start)


def fold(actions: pl.DataFrame, moment: datetime | None, *, start: float = 100.0) -> pl.DataFrame:
    """`standing` of actions as `judged` has them."""
    actions = actions.with_columns(pl.coalesce("kind", "actor_kind").alias("actor_kind"))
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
    """Proposals that nobody has approved or rejected.

    Parameters
    ----------
    actions
        As `aura_analytics.hr.holding.judged`.
    """
    sound = actions.filter(pl.col("fault").is_null())
    answered = sound.filter(pl.col("action") != "contest").select("refers_to").drop_nulls()
    return sound.filter(pl.col("action") == "proposal").join(answered, left_on="event_id", right_on="refers_to", how="anti")


def _contested(actions: pl.DataFrame) -> pl.DataFrame:
    """Actions whose last word is a contest."""
    said = pl.col("action").is_in(["contest", "upheld", "overturned"]) & pl.col("refers_to").is_not_null()
    words = actions.filter(said & pl.col("fault").is_null())
    last = words.sort("ts", "event_id").group_by("refers_to", maintain_order=True).last()
    return last.filter(pl.col("action") == "contest")
