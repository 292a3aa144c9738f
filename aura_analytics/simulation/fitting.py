"""A scenario read off a real log, and how well playing it brings the log back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.clock import times
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.simulation.fit_log import busy, ended_cases, prepared, verdicts_of
from aura_analytics.simulation.fit_work import Worked, shift_of, work_of
from aura_analytics.simulation.scenario import Scenario
from aura_analytics.simulation.worktime import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FittedScenario", "fit_scenario"]

_FEW = 30  # cases from which on an officer has working times of their own
_QUIET = 5  # days without arrivals at the end of a log that are no chance


@dataclass(frozen=True)
class FittedScenario:
    """A scenario that was read off a log.

    Attributes
    ----------
    scenario
        The world; `scenario.to_yaml()` is its file.
    assumed
        What the log does not say, in sentences: what was put in its place.
    """

    scenario: Scenario
    assumed: tuple[str, ...]


def fit_scenario(events: EventsLike, name: str = "fitted", *, utc_offset: float = 0) -> FittedScenario:
    """Read a scenario off a log.

    Parameters
    ----------
    events
        Events on the contract.
    name
        Of the scenario.
    utc_offset
        Hours that people's clocks are ahead of UTC, -14 to 14: shifts and hours of arrivals are read on that clock, and the
        scenario keeps to it.

    Returns
    -------
    FittedScenario
        Arrivals by queue, hour and weekday; per officer (with fewer than 30 cases: of all such together) shift, working times and
        whether cases are worked off in a line or side by side; share of cases decided and of overrides by officer; agents with
        their shares and confidence; response, stars by verdict and delay of the citizens; audits. Where the log holds
        adjudications, they say how often agents are right and officers see it; where it does not, recommendations are taken as
        right, and `assumed` says so.

    Raises
    ------
    ParameterError
        If nobody ever ended a case.

    Notes
    -----
    Working time of a line is what lies between the later of assignment and the end of the case before, and the end (Lindley's
    recursion read backwards); side by side it is the whole time from assignment to end, in the officer's shifts. It is taken as
    lognormal or exponential, whichever is likelier, or, where the times are farther from it than chance explains, as it is (101
    quantiles).

    Examples
    --------
    >>> import aura_analytics as aura
    >>> found = fit_scenario(aura.simulate("fraud_unit", 1).events).scenario
    >>> [queue.name for queue in found.queues], round(found.queues[0].per_day)
    (['claims'], 20)
    """
    assumed: list[str] = []
    log = prepared(events, utc_offset)
    ended = ended_cases(log, assumed)
    if ended.is_empty():
        raise ParameterError(
            Problem("the log has no case that somebody ended", next="RESOLVED or verdict events with an actor and a case")
        )
    first, last = (times.parse_as_of(value) for value in (log["ts"].min(), log["ts"].max()))  # type: ignore[arg-type]
    start, days = first.date(), (last.date() - first.date()).days + 1
    zero = datetime(start.year, start.month, start.day, tzinfo=timezone.utc)
    log = busy(log, ended, assumed)
    verdicts = verdicts_of(log, assumed)
    came = log.filter(pl.col("case_id").is_not_null() & (pl.col("case_id") != "")).group_by("case_id").agg(pl.col("ts").min())["ts"]
    until = (times.parse_as_of(came.max()).date() - start).days + 1  # type: ignore[arg-type]
    quiet = days - until >= _QUIET
    if quiet:
        assumed.append(f"No case arrives in the last {days - until} days: arrivals stop there.")
    queues = _queues(log, verdicts, zero, until if quiet else days)
    scenario: dict[str, Any] = {
        "name": name,
        "description": f"Read off a log of {log.height:,} events from {first:%Y-%m-%d} to {last:%Y-%m-%d}.",
        "start": start,
        "days": days,
        "arrivals_until": until if quiet else None,
        "queues": queues,
        "agents": _agents(log, verdicts, assumed),
        "officers": _officers(log, ended, verdicts, zero, assumed),
        "citizens": _citizens(log, verdicts, ended, assumed),
        **_audits(log, ended),
        "scored": bool((log["type"] == "EVALUATION").any()),
        "overloaded": True,
    }
    return FittedScenario(Scenario.read(scenario), tuple(assumed))


# -- what the log says of its cases --------------------------------------------------------------------------------------------


def _queues(log: pl.DataFrame, verdicts: pl.DataFrame, zero: datetime, days: int) -> list[dict[str, Any]]:
    """Arrivals, by hour and weekday."""
    of_cases = log.filter(pl.col("case_id").is_not_null() & (pl.col("case_id") != ""))
    came = of_cases.group_by("case_id").agg(ts=pl.col("ts").min(), queue=pl.col("queue").drop_nulls().first().fill_null("cases"))
    present = np.bincount((zero.weekday() + np.arange(days)) % 7, minlength=7)
    found = []
    for (queue,), part in came.sort("queue").group_by("queue", maintain_order=True):
        hours = np.bincount(part["ts"].dt.hour().to_numpy(), minlength=24)
        weekdays = np.bincount(part["ts"].dt.weekday().to_numpy() - 1, minlength=7) / np.maximum(present, 1)
        weekdays = np.where(present > 0, weekdays, weekdays[present > 0].mean())
        mine = verdicts.filter(pl.col("queue") == queue)
        known = mine["truth"].drop_nulls()
        share = known.mean() if known.len() else mine["advice"].drop_nulls().mean()
        found.append(
            {
                "name": queue,
                "per_day": max(float(weekdays.mean()), 1e-6),
                "hours": (hours / hours.sum()).round(5).tolist(),
                "weekdays": (weekdays / weekdays.sum()).round(5).tolist(),
                "approve_is_right": 0.5 if share is None else round(float(share), 5),  # type: ignore[arg-type]
            }
        )
    return found


def _agents(log: pl.DataFrame, verdicts: pl.DataFrame, assumed: list[str]) -> list[dict[str, Any]]:
    """Who recommends, how often, how well and how surely."""
    named = verdicts.with_columns(pl.col("agent").fill_null("agent"))
    if named.is_empty():
        assumed.append("The log has no verdict on a recommendation: one agent that is always right stands for all.")
        return [{"name": "agent", "accuracy": 1.0}]
    if named["right"].drop_nulls().is_empty():
        assumed.append(
            "No adjudication says what was right: recommendations are taken as right, and officers override at their "
            "rate whatever they see."
        )
    outputs = log.filter(pl.col("type") == "EVALUATION").with_columns(pl.col("actor").fill_null("agent"))
    found = []
    for (agent,), part in named.sort("agent").group_by("agent", maintain_order=True):
        known = part.filter(pl.col("right").is_not_null())
        yes, no = (known.filter(pl.col("truth") == side)["right"] for side in (True, False))
        one: dict[str, Any] = {
            "name": agent,
            "weight": part.height / named.height,
            "accuracy": _mean(yes, _mean(known["right"], 1.0)),
        }
        one["accuracy_denials"] = _mean(no, one["accuracy"])
        for right, key in ((True, "confidence_right"), (False, "confidence_wrong")):
            sure = known.filter(pl.col("right") == right)["confidence"].drop_nulls()
            one[key] = _mean(sure if sure.len() >= _FEW else part["confidence"].drop_nulls(), 0.8)
        spread = part["confidence"].drop_nulls().std() if part["confidence"].drop_nulls().len() > 1 else 0.0
        one["confidence_sd"] = round(float(spread or 0.0), 5)  # type: ignore[arg-type]
        mine = outputs.filter(pl.col("actor") == agent)["penalties"].drop_nulls()
        if mine.len():
            one["too_short"] = _mean(mine.list.contains("too_short"), 0.0)
            one["hallucination"] = _mean(mine.list.contains("possible_hallucination") | mine.list.contains("hallucination"), 0.0)
        found.append(one)
    return found


def _officers(
    log: pl.DataFrame, ended: pl.DataFrame, verdicts: pl.DataFrame, zero: datetime, assumed: list[str]
) -> list[dict[str, Any]]:
    """Everybody who ended cases: shift, working times, how many of the cases, how often decided and overridden."""
    del log
    audited = verdicts.filter(pl.col("right").is_not_null())
    wrong, right = (audited.filter(pl.col("right") == side)["override"] for side in (False, True))
    ended = ended.sort("actor", "assigned", "ended")
    shift_of(Worked.of(ended), assumed)
    base = (_mean(wrong, 0.5), _mean(right, 0.5)) if wrong.len() and right.len() else None
    accuracy = _mean(audited["right"], 1.0)
    sizes = ended.group_by("actor").len().filter(pl.col("len") >= _FEW)["actor"]
    small = ended.filter(~pl.col("actor").is_in(sizes.implode()))
    if small.height:
        assumed.append(
            f"{small['actor'].n_unique()} officers with fewer than {_FEW} cases share their shift and their working times."
        )
    shared = work_of(Worked.of(small), zero) if small.height else {}
    mean = ended.height / ended["actor"].n_unique()
    everywhere = set(ended["queue"])
    override, told = pl.col("override"), pl.col("right")
    rates = verdicts.group_by("actor").agg(
        n=pl.len(),
        rate=override.mean(),
        wrong=override.filter(~told).mean(),
        right=override.filter(told).mean(),
        known=pl.min_horizontal((~told).sum(), told.sum()),
    )
    of = rates.rows_by_key("actor", named=True, unique=True)
    nobody = {"n": 0, "rate": None, "wrong": None, "right": None, "known": 0}
    worked = Worked.of(ended)
    parts = ended.group_by("actor", maintain_order=True).agg(pl.len(), pl.col("queue").unique(), pl.col("actor_kind").first())
    found, after = [], 0
    for actor, size, queues, kind in parts.iter_rows():
        first, after = after, after + size
        mine = of.get(actor, nobody)
        rate = _rounded(mine["rate"], 0.0)
        own_base = (_rounded(mine["wrong"], 0.5), _rounded(mine["right"], 0.5)) if mine["known"] >= _FEW else base
        seen = _shifted(rate, own_base, accuracy)
        one = {
            "name": actor,
            "weight": max(size / mean, 1e-3),
            "decides": round(min(mine["n"] / size, 1.0), 5),
            "overrides_wrong": seen[0],
            "overrides_right": seen[1],
            **(work_of(worked.part(first, after), zero) if size >= _FEW else shared),
            "kind": "system" if kind == "system" else "officer",
        }
        if set(queues) != everywhere:
            one["queues"] = sorted(queues)
        found.append(one)
    return found


def _shifted(rate: float, base: tuple[float, float] | None, accuracy: float) -> tuple[float, float]:
    """Override rates on wrong and on right recommendations: those of the audited cases, moved on the scale of log odds until the
    officer's own rate of overrides comes out.
    """
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    if base is None or rate in (0.0, 1.0):
        return rate, rate
    wrong, right = (float(logit(min(max(each, 1e-3), 1 - 1e-3))) for each in base)

    def gap(step: float) -> float:
        return float((1 - accuracy) * expit(wrong + step) + accuracy * expit(right + step) - rate)

    step = brentq(gap, -40, 40)
    return round(float(expit(wrong + step)), 5), round(float(expit(right + step)), 5)


def _citizens(log: pl.DataFrame, verdicts: pl.DataFrame, ended: pl.DataFrame, assumed: list[str]) -> dict[str, Any]:
    """Who rates, what and when."""
    rated = log.filter((pl.col("type") == "SAT_SCORE") & pl.col("value").is_not_null()).sort("ts")
    first = rated.group_by("case_id").agg(stars=pl.col("value").first(), rated=pl.col("ts").first())
    rows = ended.join(first, on="case_id").join(verdicts.select("case_id", "approved"), on="case_id", how="left")
    if rows.is_empty():
        if rated.height:
            assumed.append("The ratings name no case that was ended: nobody rates.")
        return {"response": 0}
    wait = ((rows["ended"] - rows["opened"]).dt.total_microseconds() / DAY).to_numpy()
    stars = rows["stars"].to_numpy()
    lost = _slope(wait, stars)
    at_once = np.clip(np.rint(stars + np.floor(lost * wait)), 1, 5).astype(int)
    approved = rows["approved"].fill_null(value=True).to_numpy()
    everybody = np.bincount(at_once, minlength=6)[1:6]

    def chances(mine: NDArray[np.bool_]) -> list[float]:
        counts = np.bincount(at_once[mine], minlength=6)[1:6] if mine.sum() >= _FEW else everybody
        return [float(each) for each in counts / counts.sum()]

    later = ((rows["rated"] - rows["ended"]).dt.total_microseconds() / DAY).to_numpy()
    return {
        "response": rows.height / ended.height,
        "approved": chances(approved),
        "denied": chances(~approved),
        "stars_lost_per_day": lost,
        "days_until": float(np.clip(later, 0, 365).mean()),
    }


def _slope(wait: NDArray[np.float64], stars: NDArray[np.float64]) -> float:
    """Stars that a day of waiting costs, if the log shows it beyond doubt; otherwise 0."""
    spread = float(((wait - wait.mean()) ** 2).sum())
    if len(wait) < _FEW or spread == 0:
        return 0.0
    slope = float(((wait - wait.mean()) * (stars - stars.mean())).sum()) / spread
    rest = stars - stars.mean() - slope * (wait - wait.mean())
    error = math.sqrt(float((rest**2).sum()) / (len(wait) - 2) / spread)
    return round(min(-slope, 5.0), 5) if slope < -3 * error else 0.0


def _audits(log: pl.DataFrame, ended: pl.DataFrame) -> dict[str, Any]:
    said = log.filter(pl.col("type") == "ADJUDICATION").group_by("case_id").agg(at=pl.col("ts").max())
    rows = ended.join(said, on="case_id")
    if rows.is_empty():
        return {}
    days = (rows["at"] - rows["ended"]).dt.total_microseconds() / DAY
    # cases whose audit would come after the end of the log are not among those that could have one
    due = ended.filter(pl.col("ended") <= log["ts"].max() - pl.duration(days=float(days.median())))  # type: ignore[arg-type]
    return {"audited": min(rows.height / max(due.height, rows.height), 1.0), "audit_days": max(float(days.median()), 0.0)}  # type: ignore[arg-type]


def _mean(values: pl.Series, empty: float) -> float:
    return _rounded(values.mean(), empty)


def _rounded(value: Any, empty: float) -> float:
    return empty if value is None else round(float(value), 5)


# -- how well it comes back ----------------------------------------------------------------------------------------------------
