"""Audits: which cases to have judged by somebody else, and with which chance each was drawn.

How often somebody overrides, or how citizens rate them, is a reason to look, never a finding. What decides are verdicts that were
judged; and of those a sample is enough, if every case had a known chance to be in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from aura_analytics.dossier.reach import OFFICERS, stretch
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.rules.deciding import decides_by
from aura_analytics.rules.grammar import comparisons
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy
from aura_analytics.statistics.audit_plans import chance_of_decision, chances_ahead

__all__ = ["draw_audits", "plan_audits", "question_of"]

_WRONG_OVERRIDES = 0.5  # of all: ordinary officers' are wrong in a third, where recommendations are mostly right
_AHEAD = 120  # audits of one cell that a plan looks ahead
_DRAWN = ("case_id", "actor", "queue", "verdict", "audit_chance")


def plan_audits(
    events: EventsLike,
    budget: int,
    *,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    actors: Iterable[str] | None = None,
    policy: PolicyLike = None,
) -> pl.DataFrame:
    """How a number of audits is best spread over officers: to where they decide soonest.

    Every officer has two cells, what they accepted and what they overrode; of the one the policy's own rule says what decides, of
    the other whether more than half were wrong. Audits go, one cell after the other, to where the chance of a
    decision per further audit is highest, given what earlier audits found.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    budget
        Audits, at least 1.
    as_of, window
        End and length of the window, as in `aura.dossiers`.
    actors
        Only these; default every officer with verdicts in the window.
    policy
        Whose decisions are asked for: those of its rules that read `accepted_wrong_rate` and nothing else; where it has none, and
        by default, those of `Policy.reliance()`.

    Returns
    -------
    polars.DataFrame
        One row per cell, sorted: `actor`, `verdict` (`accepted`, `overridden`), `verdicts` (cases in the window), `judged`, `wrong`
        (of these), `decided` (whether these decide already), `planned` (audits), `chance` (that these decide).

    Raises
    ------
    ParameterError
        For a budget below 1, or a name that decided nothing in the window.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> plan = aura.plan_audits(aura.simulate("fraud_unit", seed=1, days=60), 60)
    >>> plan.select("actor", "verdict", "planned").rows()[0]
    ('careful', 'accepted', 59)
    """
    return _planned(_cells(events, as_of, window, actors), budget, as_policy(policy))


def draw_audits(
    events: EventsLike,
    n: int,
    *,
    seed: int = 0,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    actors: Iterable[str] | None = None,
    policy: PolicyLike = None,
) -> pl.DataFrame:
    """Draw cases for audits, each with a known chance.

    The budget is spread as `plan_audits` says; within a cell the cases of each queue are drawn at random in proportion to their
    number. Every cell of an officer who gets audits gets one at least, so that no verdict of theirs has no chance to be looked at.
    Cases that were judged already, and cases that are the officer's own work, are not drawn.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    n
        Audits, at least 1. Fewer are drawn where there are not that many cases.
    seed
        The same seed draws the same cases from the same events.
    as_of, window, actors, policy
        As in `plan_audits`.

    Returns
    -------
    polars.DataFrame
        `case_id`, `actor` (whose verdict it is), `queue`, `verdict` (`accepted`, `overridden`), `audit_chance`, in the order in
        which they were drawn. An audit's `ADJUDICATION` event takes `case_id` and `audit_chance` as they stand here.

    Raises
    ------
    ParameterError
        As `plan_audits`.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> drawn = aura.draw_audits(aura.simulate("fraud_unit", seed=1, days=60), 40, seed=1)
    >>> drawn.height, drawn.columns
    (40, ['case_id', 'actor', 'queue', 'verdict', 'audit_chance'])
    """
    verdicts = _cells(events, as_of, window, actors)
    plan = _planned(verdicts, n, as_policy(policy))
    wanted = {(actor, verdict): planned for actor, verdict, planned in plan.select("actor", "verdict", "planned").iter_rows()}
    free = verdicts.filter(~pl.col("judged")).sort("actor", "verdict", "queue", "case_id")
    draw = np.random.Generator(np.random.Philox(seed))
    parts = []
    for (actor, verdict), cell in free.group_by("actor", "verdict", maintain_order=True):
        sizes = cell["queue"].value_counts(sort=False).sort("queue")
        share = _spread(sizes["count"].to_numpy(), wanted[str(actor), str(verdict)])
        for (queue, size), taken in zip(sizes.iter_rows(), share.tolist(), strict=True):
            of_queue = cell.filter(pl.col("queue").eq_missing(queue))
            chosen = draw.permutation(size)[:taken]
            parts.append(of_queue[chosen].with_columns(audit_chance=pl.lit(taken / size)))
    drawn = pl.concat(parts) if parts else free.with_columns(audit_chance=pl.lit(0.0)).head(0)
    return drawn.select(_DRAWN)[draw.permutation(drawn.height)]


def _spread(sizes: np.ndarray, n: int) -> np.ndarray:
    """A number in proportion to sizes, in whole parts (largest remainders), none over its size, at least one each if it can be."""
    n = min(n, int(sizes.sum()))
    exact = sizes * n / max(1, sizes.sum())
    taken = np.floor(exact).astype(np.int64)
    if n >= len(sizes):
        taken = np.maximum(taken, 1)
    order = np.argsort(-(exact - taken), kind="stable")
    while taken.sum() < n:
        for at in order:
            if taken.sum() < n and taken[at] < sizes[at]:
                taken[at] += 1
    while taken.sum() > n:
        taken[np.argmax(taken)] -= 1
    return np.asarray(taken)


def _cells(
    events: EventsLike,
    as_of: datetime | date | str | None,
    window: str | timedelta | None,
    actors: Iterable[str] | None,
) -> pl.DataFrame:
    """The last verdict of each officer on each case of the window: `case_id`, `actor`, `queue`, `verdict`, `judged`, `wrong`."""
    from aura_analytics.cases import DECISIONS, build

    lazy = as_events(events)
    moment, since = stretch(lazy, as_of, window)
    needs = {"case_id", "queue", "own_work", "override", "right", "weight"}
    table = build(lazy, moment, since, {DECISIONS: needs}).table(DECISIONS)
    own = pl.col("own_work").fill_null(value=False)
    table = table.filter(OFFICERS & ~own & pl.col("case_id").is_not_null())
    if actors is not None:
        chosen = list(actors)
        unknown = sorted(set(chosen) - set(table["actor"].unique()))
        if unknown:
            raise ParameterError(Problem("these decided nothing in the window", got=", ".join(unknown)))
        table = table.filter(pl.col("actor").is_in(chosen))
    last = table.sort("ts", "override").unique(["actor", "case_id"], keep="last")
    return last.select(
        "case_id",
        "actor",
        "queue",
        verdict=pl.when(pl.col("override")).then(pl.lit("overridden")).otherwise(pl.lit("accepted")),
        judged=pl.col("right").is_not_null(),
        wrong=~pl.col("right").fill_null(value=True),
    )


def _planned(verdicts: pl.DataFrame, budget: int, policy: Policy) -> pl.DataFrame:
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
        raise ParameterError(Problem("a number of audits is out of range", got=budget, expected="a whole number of at least 1"))
    cells = verdicts.group_by("actor", "verdict").agg(verdicts=pl.len(), judged=pl.col("judged").sum(), wrong=pl.col("wrong").sum())
    cells = cells.sort("actor", "verdict").with_columns(pl.col("verdicts", "judged", "wrong").cast(pl.Int64))
    names = cells.select("actor", "verdict").rows()
    size, judged, wrong = (cells[name].to_numpy() for name in ("verdicts", "judged", "wrong"))
    free = size - judged
    decides = decides_by(policy, "accepted_wrong_rate") or decides_by(Policy.reliance(), "accepted_wrong_rate")
    assert decides is not None  # the shipped policy has such a rule
    chances = [
        chances_ahead(int(k), int(n), int(min(_AHEAD, more)), decides)
        if verdict == "accepted"
        else chance_of_decision(int(k), int(n), int(min(_AHEAD, more)), _WRONG_OVERRIDES)
        for (_, verdict), k, n, more in zip(names, wrong, judged, free, strict=True)
    ]
    planned = np.zeros(len(names), dtype=np.int64)
    left = min(budget, int(free.sum()))
    mates = {actor: [i for i, (name, _) in enumerate(names) if name == actor] for actor, _ in names}
    begun: set[str] = set()
    while left > 0:
        best = max(range(len(names)), key=lambda i: (*_next(chances[i], int(planned[i])), -i))
        gain, block = _next(chances[best], int(planned[best]))
        if gain <= 0:
            break
        for at in mates[names[best][0]] if names[best][0] not in begun else ():
            if planned[at] == 0 and free[at] > 0 and left > 0:  # no verdict without a chance
                planned[at], left = 1, left - 1
        begun.add(names[best][0])
        more = min(int(block), left, int(free[best] - planned[best]))
        planned[best], left = planned[best] + more, left - more
    if left > 0:  # nothing more decides sooner than anything else
        planned += _spread(free - planned, left)
    final = [float(one[min(int(p), len(one) - 1)]) for one, p in zip(chances, planned, strict=True)]
    decided = [bool(one[0] >= 1) for one in chances]
    return cells.with_columns(decided=pl.Series(decided, dtype=pl.Boolean), planned=pl.Series(planned), chance=pl.Series(final))


def question_of(policy: Policy, metric: str) -> tuple[float, float, int]:
    """Limit, level and fewest observations of a policy's comparison of a metric; the shipped policy's where it has none."""
    for chosen in (policy, Policy.reliance()):
        for rule in chosen.spec.rules:
            for leaf in comparisons(rule.when):
                if leaf.metric == metric and leaf.numbers:
                    return leaf.numbers[0], leaf.confidence, leaf.min_n
    raise AssertionError("the shipped policy asks for it")


def _next(chances: np.ndarray, planned: int) -> tuple[float, int]:
    """The best chance of a decision that one further audit adds on average, and with how many; 0 where nothing is added."""
    if planned >= len(chances) - 1 or chances[planned] >= 1:
        return 0.0, 0
    steps = np.arange(1, len(chances) - planned)
    gains = (chances[planned + 1 :] - chances[planned]) / steps
    at = int(np.argmax(gains))
    return float(gains[at]), int(steps[at])
