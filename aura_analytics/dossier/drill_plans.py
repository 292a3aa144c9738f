"""How many drills decide about an officer, and how often they must come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import polars as pl

from aura_analytics.cases import DECISIONS, DRILLS, build
from aura_analytics.clock import times
from aura_analytics.dossier.audits import question_of
from aura_analytics.dossier.reach import OFFICERS, stretch
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.rules.deciding import decides_by
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy
from aura_analytics.statistics.audit_plans import audits_to_decide

__all__ = ["plan_drills"]


def plan_drills(
    events: EventsLike,
    *,
    bad: float = 0.85,
    good: float = 0.30,
    missed: float = 0.05,
    false: float = 0.01,
    within: str | timedelta = "90d",
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    actors: Iterable[str] | None = None,
    policy: PolicyLike = None,
) -> pl.DataFrame:
    """How many drills with a wrong recommendation each officer still needs until the policy's rule on them decides.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    bad, good
        Share of wrong recommendations accepted that is to be found, over the rule's limit, and one that must not be flagged; in
        (0, 1).
    missed, false
        How often the one may be missed, and the other be flagged, in (0, 1).
    within
        Time in which the drills are to come.
    as_of, window
        End and length of the window, as in `aura.dossiers`.
    actors
        Only these; default every officer with verdicts in the window.
    policy
        Whose limit on `drill_missed_rate` is asked about; default `Policy.reliance()`.

    Returns
    -------
    polars.DataFrame
        One row per officer, sorted: `actor`; `verdicts` (in the window, drills left out); `answered` (drills with a wrong
        recommendation) and `accepted` (of these); `decided` (whether these decide already); `needed` (further drills for the error
        rates asked for); `share` (of the cases that reach them within `within`, at the pace of the window, that must be
        such drills; null where no case reaches them).

    Raises
    ------
    ParameterError
        For shares out of range, a name that decided nothing in the window, or error rates that no number of drills keeps.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> plan = aura.plan_drills(aura.simulate("fraud_unit", seed=1, days=60))
    >>> plan.select("actor", "verdicts", "answered", "needed", pl.col("share").round(3)).rows()
    [('careful', 607, 0, 36, 0.04), ('rubber_stamp', 644, 0, 36, 0.037)]
    """
    limit, confidence, min_n = question_of(as_policy(policy), "drill_missed_rate")
    plan = audits_to_decide(limit, bad, good, missed=missed, false=false, confidence=confidence, min_n=min_n)
    lazy = as_events(events)
    moment, since = stretch(lazy, as_of, window, policy)
    facts = build(lazy, moment, since, {DECISIONS: {"override"}, DRILLS: {"override", "advice_right"}})
    verdicts, drills = (facts.table(fact).filter(OFFICERS) for fact in (DECISIONS, DRILLS))
    first = verdicts["ts"].min()
    length = 0.0
    if isinstance(first, datetime):
        length = (moment - (first if since is None else max(first, since))) / timedelta(days=1)
    done = verdicts.group_by("actor").agg(verdicts=pl.len().cast(pl.Int64))
    wrong = drills.filter(~pl.col("advice_right"))
    tried = wrong.group_by("actor").agg(answered=pl.len().cast(pl.Int64), accepted=(~pl.col("override")).sum().cast(pl.Int64))
    table = done.join(tried, on="actor", how="full", coalesce=True).sort("actor").fill_null(0)
    if actors is not None:
        chosen = list(actors)
        unknown = sorted(set(chosen) - set(table["actor"]))
        if unknown:
            raise ParameterError(Problem("these decided nothing in the window", got=", ".join(unknown)))
        table = table.filter(pl.col("actor").is_in(chosen))
    decides = decides_by(as_policy(policy), "drill_missed_rate") or decides_by(Policy.reliance(), "drill_missed_rate")
    assert decides is not None  # the shipped policy has such a rule
    decided = decides(table["accepted"].to_numpy(), table["answered"].to_numpy())
    ahead = times.parse_span(within, name="within") / timedelta(days=1)
    table = table.with_columns(decided=pl.Series(decided, dtype=pl.Boolean))
    needed = pl.when("decided").then(0).otherwise(pl.max_horizontal(plan.n - pl.col("answered"), 1)).cast(pl.Int64)
    coming = pl.col("verdicts") * (ahead / length) if length > 0 else pl.lit(0.0)
    table = table.with_columns(needed=needed)
    return table.with_columns(share=pl.when(coming > 0).then(pl.col("needed") / coming))
