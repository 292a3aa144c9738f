"""The contracts that every metric and every scenario keeps, as checks that anybody can run on their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics import events as contract
from aura_analytics.cases import FACTS, Fact
from aura_analytics.dossier.board import dossiers
from aura_analytics.errors import ContractError, Problem, close_match
from aura_analytics.metrics.catalogue import metric as named
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.kinds.statuses import KNOWN
from aura_analytics.metrics.units import UNITS

if TYPE_CHECKING:
    from aura_analytics.simulation.scenario import ScenarioLike

__all__ = ["check_metric", "check_scenario"]

_COMPANIONS = ("override_rate", "overridden_rate", "open_cases")


def check_metric(metric: Metric | str, logs: Iterable[pl.DataFrame] | None = None) -> None:
    """Check that a metric keeps its contract; returns nothing, or raises with everything that is wrong.

    The same log gives the same numbers; the log is left as it was; the order of rows does not matter; an empty log gives no rows;
    values stay in the declared range, inside their interval, and are null exactly where the status says so; nothing is NaN or
    infinite.

    Parameters
    ----------
    metric
        The metric, or the name of a registered one.
    logs
        Events to try it on; by default three samples that the package makes.

    Raises
    ------
    ContractError
        With one problem per broken promise.

    Examples
    --------
    >>> import polars as pl
    >>> from aura_analytics.checks import check_metric
    >>> from aura_analytics.metrics import Rate
    >>> check_metric("override_rate")
    >>> check_metric(Rate("low_stars", "Share of 1-star ratings", "fraction", 0, 1, "lower", "ratings", ("value",),
    ...                   hit=pl.col("value") == 1))
    """
    one = named(metric) if isinstance(metric, str) else metric
    problems = list(_declared(one))
    if any(problem.what.startswith("it reads") for problem in problems):  # nothing can be counted
        raise ContractError(f"metric {one.name!r} breaks its contract", problems=problems)
    tried = list(logs) if logs is not None else [contract.sample(n, seed=seed) for n, seed in ((40, 0), (400, 1), (1200, 2))]
    checks: tuple[Callable[[Metric, pl.DataFrame], Iterable[Problem]], ...] = (_repeatable, _sound)
    for number, log in enumerate(tried):
        for check in checks:
            problems += [Problem(p.what, p.got, p.expected, f"log {number}", p.next) for p in check(one, log)]
    problems += _empty(one)
    if problems:
        raise ContractError(f"metric {one.name!r} breaks its contract", problems=problems)


def _board(one: Metric, log: pl.DataFrame) -> pl.DataFrame:
    """Dossiers with the metric, among others that bring in actors for whom it has no data."""
    return dossiers(log, metrics=[one, *_COMPANIONS], sla="24h")


def _declared(one: Metric) -> Iterable[Problem]:
    if not one.name.isidentifier() or one.name != one.name.lower():
        yield Problem("the name is not a lower-case identifier", got=one.name)
    if one.unit not in UNITS:
        yield Problem("unknown unit", got=one.unit, expected=", ".join(UNITS))
    if one.low is not None and one.high is not None and not one.low < one.high:
        yield Problem("the range is empty", got=(one.low, one.high))
    if one.direction not in ("lower", "higher", "neutral"):
        yield Problem("unknown direction", got=one.direction, expected="lower, higher or neutral")
    facts = [fact.name for fact in FACTS]
    if not isinstance(one.fact, Fact) and one.fact not in facts:
        yield Problem("it reads a table that does not exist", one.fact, ", ".join(facts), next=close_match(str(one.fact), facts))
    else:
        known = list(one.table.schema)
        for name in {one.subject, *one.needs} - set(known):
            yield Problem(
                f"it reads a column that {one.table.name} does not have", name, ", ".join(known), next=close_match(name, known)
            )
    if not one.title:
        yield Problem("a metric needs a title for people")


def _repeatable(one: Metric, log: pl.DataFrame) -> Iterable[Problem]:
    before = log.clone()
    first = _board(one, log)
    if not log.equals(before):
        yield Problem("the log was changed")
    if not first.equals(_board(one, log)):
        yield Problem("the same log gives other numbers the second time")
    if not first.equals(_board(one, log.reverse())):
        yield Problem("the order of rows changes the numbers", next="use whole-number sums, and break ties by content")
    if not first.equals(_board(one, log.sample(fraction=1.0, shuffle=True, seed=7))):
        yield Problem("a shuffled log gives other numbers", next="use whole-number sums, and break ties by content")


def _sound(one: Metric, log: pl.DataFrame) -> Iterable[Problem]:
    board = _board(one, log)
    missing = [name for name in one.columns if name not in board.columns]
    if missing:
        yield Problem("columns are missing", got=missing)
        return
    if board["actor"].n_unique() != board.height:
        yield Problem("an actor has several rows")
    for name in one.columns:
        if board.schema[name].is_float() and not board[name].drop_nulls().is_finite().all():
            yield Problem(f"{name} is NaN or infinite somewhere", expected="null with a status")
    value = board[one.name].cast(pl.Float64)
    low, high = one.low, one.high
    out = board.filter(
        ((value < low) if low is not None else pl.lit(value=False)) | ((value > high) if high is not None else pl.lit(value=False))
    )
    if out.height:
        yield Problem("values out of the declared range", got=out[one.name][0], expected=f"{low} to {high}")
    if f"{one.name}_n" in board.columns:
        yield from _with_n(one, board)


def _with_n(one: Metric, board: pl.DataFrame) -> Iterable[Problem]:
    n, status = board[f"{one.name}_n"], board[f"{one.name}_status"]
    if (n < 0).any() or n.null_count():
        yield Problem("n is negative or null somewhere")
    if ((status == "ok") & (n == 0)).any():
        yield Problem("the status is 'ok' without observations")
    if (board[one.name].is_null() != ~status.is_in(KNOWN)).any() and getattr(one, "when_empty", None) is None:
        yield Problem("a value is missing where the status is 'ok', or there where it is not")
    interval = board.filter(pl.col(f"{one.name}_lo").is_not_null() & pl.col(f"{one.name}_hi").is_not_null() & (n > 0))
    slack = 1e-9
    inside = (pl.col(f"{one.name}_lo") <= pl.col(one.name) + slack) & (pl.col(one.name) <= pl.col(f"{one.name}_hi") + slack)
    if interval.filter(~inside).height:
        yield Problem("the value lies outside its interval")


def _empty(one: Metric) -> Iterable[Problem]:
    board = _board(one, contract.empty())
    if board.height:
        yield Problem("an empty log has dossiers", got=board.height)


def check_scenario(scenario: ScenarioLike, *, days: int = 14, seed: int = 1) -> None:
    """Check that a scenario keeps its promises; returns nothing, or raises with everything that is wrong.

    The same seed gives the same events; other seeds and replications give others; the events are on the contract; a longer horizon
    goes on where the shorter one ended; another queue beside, or another policy of HR, leaves arrivals, truth and recommendations
    as they are.

    Parameters
    ----------
    scenario
        The scenario, or the path of its file.
    days
        Horizon of the trial runs.
    seed
        Of the trial runs.

    Raises
    ------
    ContractError
        With one problem per broken promise.
    RuleError
        If the scenario cannot be read.

    Examples
    --------
    >>> from aura_analytics.simulation.scenario import shipped
    >>> check_scenario(shipped()["fraud_unit"], days=5)
    """
    from aura_analytics.simulation.run import simulate
    from aura_analytics.simulation.scenario import as_scenario
    from aura_analytics.simulation.scenario_parts import Hr, Queue

    world = as_scenario(scenario)
    run = simulate(world, seed, days=days)
    problems = []
    if not simulate(world, seed, days=days).events.equals(run.events):
        problems.append(Problem("the same seed gives other events"))
    for what, other in (
        ("seed", simulate(world, seed + 1, days=days)),
        ("replication", simulate(world, seed, days=days, replication=1)),
    ):
        if other.events.equals(run.events):
            problems.append(Problem(f"another {what} gives the same events"))
    _, report = contract.filter(run.events)
    problems += [Problem("an event breaks the contract", got=str(problem)) for problem in report.problems(5)]
    longer = simulate(world, seed, days=days + 7).truth.cases
    drawn = ["case_id", "arrival", "right_verdict", "agent", "ai_right", "confidence"]
    same = run.truth.cases.select(drawn).sort("case_id")
    if not longer.filter(pl.col("day") < days).select(drawn).sort("case_id").equals(same):
        problems.append(Problem("a longer horizon is another world"))
    # what the router and the Accountant do depends on what comes in; arrivals and draws do not
    plain = world.model_copy(
        update={"routing": None, "hr": None if world.hr is None else world.hr.model_copy(update={"consequences": None})}
    )
    same = simulate(plain, seed, days=days).truth.cases.select(drawn).sort("case_id")
    wider = plain.model_copy(update={"queues": (*world.queues, Queue(name="aura_check_queue", per_day=1))})
    agents = tuple(
        each.model_copy(update={"accuracy": {**each.accuracy, "aura_check_queue": 0.5}})
        if isinstance(each.accuracy, dict)
        else each
        for each in world.agents
    )
    beside = simulate(wider.model_copy(update={"agents": agents}), seed, days=days).truth.cases
    if not beside.filter(pl.col("queue") != "aura_check_queue").select(drawn).sort("case_id").equals(same):
        problems.append(Problem("another queue beside it changes the draws of the others"))
    if world.hr is None or world.hr.policy != "tracker":
        ruled = simulate(plain.model_copy(update={"hr": Hr(policy="tracker")}), seed, days=days).truth.cases
        if not ruled.select(drawn).sort("case_id").equals(same):
            problems.append(Problem("another policy of HR changes what comes in"))
    if problems:
        raise ContractError(f"scenario {world.name!r} breaks its contract", problems=problems)
