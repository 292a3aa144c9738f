"""Improvement plans: drafted from a verdict with its evidence, rendered for people, opened and closed as events, measured as they
run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.cases.extent import last_work
from aura_analytics.clock.times import parse_as_of
from aura_analytics.dossier.board import count_of, dossiers
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.hr.plan_pages import number_words, rendered
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.catalogue import metrics_named, metrics_shown
from aura_analytics.metrics.kinds.audited import AuditedRate
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.wording import figure
from aura_analytics.outputs import written_text
from aura_analytics.rules.comparisons import OPERATORS
from aura_analytics.rules.grammar import comparisons
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy
from aura_analytics.rules.sentence import policy_sentence

if TYPE_CHECKING:
    from aura_analytics.hr.desk import HRDesk

__all__ = ["Goal", "ImprovementPlan", "draft_plan", "plan_from", "plan_progress"]


@dataclass(frozen=True)
class Goal:
    """What is to change: a metric, where it stands (`now`, from `n` observations), and where it is to be (`aim` in words;
    `operator` and `thresholds` as rules have them).
    """

    metric: str
    title: str
    now: float | None
    n: int | None
    aim: str
    threshold: float | None
    operator: str | None = None
    thresholds: tuple[float, ...] = ()

    def is_met(self, value: float | None) -> bool | None:
        """Whether a value is where it is to be; None where that cannot be said."""
        if value is None or self.operator is None or self.operator not in OPERATORS or not self.thresholds:
            return None
        return bool(OPERATORS[self.operator].met(np.array([value]), self.thresholds)[0])


@dataclass(frozen=True)
class ImprovementPlan:
    """An improvement plan.

    Attributes
    ----------
    actor, actor_kind
        Whom it is for.
    policy, rules
        The policy and the rules behind it.
    as_of
        End of the window in which they were met, ISO 8601.
    starts, ends
        Dates, ISO 8601.
    goals
        What is to change.
    reasons
        The verdict in words.
    exit_criterion
        What ends it before its time; each is enough.
    measures
        What will be done; meant to be edited.
    policy_says
        The policy in a sentence.
    """

    actor: str
    actor_kind: str
    policy: str
    rules: tuple[str, ...]
    as_of: str
    starts: str
    ends: str
    goals: tuple[Goal, ...]
    reasons: tuple[str, ...]
    exit_criterion: tuple[str, ...]
    measures: tuple[str, ...]
    policy_says: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON, and for the event that opens it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> ImprovementPlan:
        """The plan of `to_dict`."""
        goals = tuple(Goal(**{**goal, "thresholds": tuple(goal.get("thresholds", ()))}) for goal in body["goals"])
        lists = {name: tuple(body[name]) for name in ("rules", "reasons", "exit_criterion", "measures")}
        return cls(**{**body, **lists, "goals": goals})

    def to_markdown(self) -> str:
        """The plan as Markdown."""
        return rendered("plan.md.j2", self)

    def to_html(self) -> str:
        """The plan as one HTML page that loads nothing."""
        return rendered("plan.html.j2", self)

    def write(self, path: str | Path) -> Path:
        """Write it as `.md` or `.html`; raises `ParameterError` for another name, or a file that exists."""
        target = Path(path)
        if target.suffix not in (".md", ".html"):
            raise ParameterError(Problem("a plan is written as .md or .html", got=target.name))
        return written_text(target, self.to_html() if target.suffix == ".html" else self.to_markdown())

    def open(self, desk: HRDesk, by: str | None = None) -> str:
        """Open it: for a person a proposal that somebody else than who asks for it (`by`) signs (`HRDesk.approve`). It is over on
        its last day, or when it is closed. Returns the name of the action; raises `ParameterError` when there is one already.
        """
        board = desk.status().filter(pl.col("actor") == self.actor)
        waiting = desk.pending().filter((pl.col("actor") == self.actor) & (pl.col("proposed") == "plan_opened"))
        if waiting.height or (board.height and board["open_plans"].item()):
            raise ParameterError(Problem("there is a plan already", got=self.actor, next="close it, or answer its proposal, first"))
        clears = "; or ".join(self.exit_criterion) or "its end"
        return desk.act(
            "plan_opened",
            self.actor,
            self.actor_kind,
            rule=self.policy,
            reason="; ".join(self.reasons) or "by hand",
            would_clear=clears,
            by=by,
            attributes={"until": parse_as_of(self.ends).isoformat(), "plan": self.to_dict()},
        )


def draft_plan(
    events: EventsLike,
    actor: str,
    policy: PolicyLike = None,
    *,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    days: int = 60,
) -> ImprovementPlan:
    """Draft a plan for an actor from the verdict on their dossier.

    Parameters
    ----------
    events
        Events on the contract, or a ledger.
    actor
        Whom it is for.
    policy
        Whose thresholds; default `Policy.default()`.
    as_of, window
        Of the dossier, as `aura.dossiers`; default window the policy's own, `all` is the whole log.
    days
        Length of the plan, at least 1.

    Returns
    -------
    ImprovementPlan
        With a goal for every comparison behind the verdict, and what would clear it as exit criterion.

    Raises
    ------
    ParameterError
        If nobody has this name, or the verdict is no `flag`: a reason to look asks for audits, not for a plan.
    """
    chosen = as_policy(policy)
    events = as_events(events)
    # the others and earlier readings count where the policy asks for them
    count = count_of(chosen, window, metrics=_metrics(chosen))
    board, verdicts, _ = count.judged(events, None if as_of is None else parse_as_of(as_of), "all")
    assert verdicts is not None  # what the policy reads is among the metrics
    mine = board.filter(pl.col("actor") == actor)
    if mine.is_empty():
        hint = close_match(actor, board["actor"].to_list())
        raise ParameterError(Problem("nobody has this name in the window", got=actor, next=hint))
    verdict = verdicts.filter(pl.col("actor") == actor).row(0, named=True)
    start = (parse_as_of(as_of) if as_of is not None else verdict["as_of"]).date()
    return plan_from(verdict, str(mine["actor_kind"].item() or "officer"), count.policy, start, days)


def _metrics(policy: Policy) -> tuple[Metric, ...]:
    """What a dossier is made of: everything, and what the policy reads beyond that."""
    return metrics_named((*metrics_shown(), *policy.reads))


def plan_from(verdict: Mapping[str, Any], actor_kind: str, policy: Policy, start: date, days: int) -> ImprovementPlan:
    """The plan that answers a verdict: a row of `Policy.evaluate`.

    Raises
    ------
    ParameterError
        If the verdict is no `flag` (a reason to look asks for audits, not for a plan), or the length is out of range.
    """
    if not 1 <= days <= 730:
        raise ParameterError(Problem("days is out of range", got=days, expected="1 to 730"))
    if verdict["verdict"] != "flag":
        said = "; ".join(verdict["reasons"])
        look = "look at the cases, and have some of them judged: aura audits draw" if verdict["verdict"] == "watch" else None
        raise ParameterError(
            Problem("the verdict asks for no plan", got=f"{verdict['verdict']} ({said})", expected="flag", next=look)
        )
    goals = tuple(_goal(item, policy.catalogue[item["metric"]]) for item in verdict["evidence"])
    measures = tuple(dict.fromkeys(measure for goal in goals if (measure := policy.catalogue[goal.metric].measure)))
    return ImprovementPlan(
        actor=verdict["actor"],
        actor_kind=actor_kind,
        policy=f"{policy.name}/{policy.spec.version}",
        rules=tuple(verdict["rules"]),
        as_of=verdict["as_of"].isoformat(),
        starts=start.isoformat(),
        ends=(start + timedelta(days=days)).isoformat(),
        goals=goals,
        reasons=tuple(verdict["reasons"]),
        exit_criterion=(*verdict["would_clear"], *_judged(goals, policy)),
        measures=measures or ("To be agreed.",),
        policy_says=policy_sentence(policy.spec),
    )


def _judged(goals: tuple[Goal, ...], policy: Policy) -> tuple[str, ...]:
    """A way out by judged verdicts, for a rule that reads none: who overrides what is wrong does well, however often."""
    if any(isinstance(policy.catalogue[goal.metric], AuditedRate) for goal in goals):
        return ()
    lines = {leaf.metric: leaf for rule in Policy.reliance().spec.rules for leaf in comparisons(rule.when) if leaf.limit}
    kept = (lines["accepted_wrong_rate"], lines["under_reliance_rate"])
    said = " and ".join(f"{leaf.kind.title} at most {figure(leaf.numbers[0], leaf.kind.unit)}" for leaf in kept)
    return (f"Audits, instead: {said}, of at least 30 verdicts of the plan's time that are drawn at random and judged",)


def _goal(item: Mapping[str, Any], metric: Metric) -> Goal:
    """What a metric must do to leave a rule whose comparison it meets."""
    opposite = OPERATORS[OPERATORS[item["operator"]].opposite] if OPERATORS[item["operator"]].opposite else None
    thresholds = tuple(item["thresholds"])
    shown = " and ".join(number_words(number, metric) for number in thresholds) or "-"
    word = "away from" if opposite is None else opposite.word
    return Goal(
        metric=metric.name,
        title=metric.title,
        now=item["value"],
        n=item["n"],
        aim=f"{word} {shown}",
        threshold=item["threshold"],
        operator=None if opposite is None else opposite.key,
        thresholds=thresholds,
    )


def plan_progress(
    events: EventsLike, plan: ImprovementPlan, policy: PolicyLike, as_of: datetime | date | str | None = None
) -> pl.DataFrame:
    """How a plan goes: the same metrics since it started, and the same policy's verdict on them.

    Parameters
    ----------
    events
        Events on the contract, or a ledger.
    plan
        The plan.
    policy
        The policy behind it.
    as_of
        Until when; default the last event.

    Returns
    -------
    polars.DataFrame
        Per goal: `metric`, `at_start`, `now` and `n` (since the start; null without observations), `aim`, `met` (whether the value
        is there; null without one), and `verdict` of the policy on the time since the start. A value that is there with few
        observations may be luck: the verdict says whether the evidence suffices.
    """
    lazy, chosen = as_events(events), as_policy(policy)
    end = parse_as_of(as_of) if as_of is not None else last_work(lazy)
    start = parse_as_of(plan.starts)
    if end is None or end <= start:
        raise ParameterError(Problem("the plan has not begun by then", got=str(end), expected=f"a moment after {plan.starts}"))
    board = dossiers(lazy, as_of=end, window=end - start, metrics=_metrics(chosen)).filter(pl.col("actor") == plan.actor)
    # the plan's own time, whatever window the policy is meant for
    verdict = chosen.evaluate(board.drop("counted"))["verdict"].item() if board.height else "insufficient"
    rows = []
    for goal in plan.goals:
        value = board[goal.metric].item() if board.height else None
        n = board[f"{goal.metric}_n"].item() if board.height and f"{goal.metric}_n" in board.columns else None
        rows.append((goal.metric, goal.now, value, n, goal.aim, goal.is_met(value), str(verdict)))
    schema = {
        "metric": pl.String,
        "at_start": pl.Float64,
        "now": pl.Float64,
        "n": pl.Int64,
        "aim": pl.String,
        "met": pl.Boolean,
        "verdict": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def plan_of(attributes: str) -> ImprovementPlan:
    """The plan of the event that opened it."""
    return ImprovementPlan.from_dict(json.loads(attributes)["plan"])
