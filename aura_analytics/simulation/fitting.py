"""A scenario read off a real log, and how well playing it brings the log back."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.clock import times
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import VERDICT_TYPES
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.simulation.run import simulate
from aura_analytics.simulation.scenario import Scenario, ScenarioLike, Shift, as_scenario
from aura_analytics.simulation.worktime import DAY, HOUR, WorkClock

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FittedScenario", "fit_check", "fit_scenario"]

_YES = re.compile(r"^(?:[a-z]_)?(?:approv\w*|accept\w*|grant\w*|yes|allow\w*|eligible|pass\w*|ok)$", re.IGNORECASE)
_FEW = 30  # cases from which on an officer has working times of their own
_LINE = 0.95  # share of neighbours who leave in the order of their arrival, from which on it is a line
_QUIET = 5  # days without arrivals at the end of a log that are no chance
_KOLMOGOROV = 1.36  # 95 % limit of the distance between a sample and its distribution, times the square root of its size
_POINTS = 101  # of the inverse distribution, where it is kept as it is


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
    >>> from aura_analytics.simulation.scenario import shipped
    >>> found = fit_scenario(simulate(shipped()["fraud_unit"], 1).events).scenario
    >>> [queue.name for queue in found.queues], round(found.queues[0].per_day)
    (['claims'], 20)
    """
    assumed: list[str] = []
    log = _prepared(events, utc_offset)
    ended = _ended(log, assumed)
    if ended.is_empty():
        raise ParameterError(
            Problem("the log has no case that somebody ended", next="RESOLVED or verdict events with an actor and a case")
        )
    first, last = (times.parse_as_of(value) for value in (log["ts"].min(), log["ts"].max()))  # type: ignore[arg-type]
    start, days = first.date(), (last.date() - first.date()).days + 1
    zero = datetime(start.year, start.month, start.day, tzinfo=timezone.utc)
    log = _busy(log, ended, assumed)
    verdicts = _verdicts(log, assumed)
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


def _prepared(events: EventsLike, utc_offset: float) -> pl.DataFrame:
    """The log on people's clocks, with names as scenarios have them."""
    if not -14 <= utc_offset <= 14:
        raise ParameterError(Problem("utc_offset is out of range", got=utc_offset, expected="hours from -14 to 14"))
    plain = [
        pl.col(name).str.replace_all(r"[\x00-\x1f\x7f]", " ").str.strip_chars().str.slice(0, 200)
        for name in ("queue", "actor", "agent")
    ]
    return collect(as_events(events)).with_columns(*plain, ts=pl.col("ts") + pl.duration(seconds=round(3600 * utc_offset)))


def _busy(log: pl.DataFrame, ended: pl.DataFrame, assumed: list[str]) -> pl.DataFrame:
    """The log without queues of which no case was ever ended."""
    of_cases = (
        log.filter(pl.col("case_id").is_not_null())
        .group_by("case_id")
        .agg(queue=pl.col("queue").drop_nulls().first().fill_null("cases"))
    )
    idle = of_cases.filter(~pl.col("queue").is_in(ended["queue"].unique().implode()))
    if idle.is_empty():
        return log
    names = ", ".join(sorted(idle["queue"].unique())[:5])
    assumed.append(f"No case of {names} was ever ended: its {idle.height:,} cases are left out.")
    return log.join(idle, on="case_id", how="anti")


def _ended(log: pl.DataFrame, assumed: list[str]) -> pl.DataFrame:
    """Per case that somebody ended: queue, opened, assigned to whose it was, ended, whose (and of which kind).

    A case is theirs who gave the last verdict, otherwise who resolved it; it ends when it is first resolved, otherwise with the
    verdict.
    """
    of_cases = log.filter(pl.col("case_id").is_not_null() & (pl.col("case_id") != ""))
    opened = of_cases.group_by("case_id").agg(opened=pl.col("ts").min(), queue=pl.col("queue").drop_nulls().first())
    acts = of_cases.filter(pl.col("type").is_in(["RESOLVED", *VERDICT_TYPES]) & pl.col("actor").is_not_null())
    done, decided = pl.col("type") == "RESOLVED", pl.col("type").is_in(list(VERDICT_TYPES))
    kind = pl.col("actor_kind").cast(pl.String)
    end = (
        acts.sort("ts", maintain_order=True)
        .group_by("case_id")
        .agg(
            ended=pl.coalesce(pl.col("ts").filter(done).first(), pl.col("ts").last()),
            actor=pl.coalesce(pl.col("actor").filter(decided).last(), pl.col("actor").filter(done).first()),
            actor_kind=pl.coalesce(kind.filter(decided).last(), kind.filter(done).first()),
            other=(pl.col("actor").filter(decided).last() != pl.col("actor").filter(done).first()).fill_null(value=False),
            again=(pl.col("ts").filter(done).n_unique() > 1),
        )
    )
    for column, said in (
        ("other", "were resolved by somebody else than who decided them, and count as the decider's"),
        ("again", "were resolved more than once, and end with the first time"),
    ):
        if count := int(end[column].sum()):
            assumed.append(f"{count:,} of {end.height:,} cases {said}.")
    end = end.drop("other", "again")
    given = of_cases.filter(pl.col("type") == "ASSIGNED").select("case_id", "actor", assigned="ts")
    mine = (
        given.join(end, on=["case_id", "actor"])
        .filter(pl.col("assigned") <= pl.col("ended"))
        .group_by("case_id")
        .agg(pl.col("assigned").max())
    )
    found = (
        end.join(opened, on="case_id")
        .join(mine, on="case_id", how="left")
        .with_columns(pl.coalesce("assigned", "opened").alias("assigned"))
    )
    return found.with_columns(pl.col("queue").fill_null("cases")).sort("assigned", "case_id")


def _verdicts(log: pl.DataFrame, assumed: list[str]) -> pl.DataFrame:
    """The last verdict on every case: who, on whose recommendation, whether it was an override, whether APPROVE was recommended,
    and whether that was right (null where nobody said).
    """
    rows = log.filter(pl.col("type").is_in(list(VERDICT_TYPES)) & pl.col("case_id").is_not_null()).sort("ts")
    words = pl.concat([rows["ai_recommendation"], rows["human_verdict"]]).drop_nulls().unique().sort().to_list()
    yes = [word for word in words if _YES.match(word)]
    if words and not yes:
        yes = (
            [rows["ai_recommendation"].drop_nulls().mode().sort()[0]] if rows["ai_recommendation"].drop_nulls().len() else words[:1]
        )
        assumed.append(f"None of the words {', '.join(words[:6])} reads like an approval: {yes[0]} is taken for one.")
    truth = log.filter((pl.col("type") == "ADJUDICATION") & pl.col("outcome").is_not_null()).sort("ts")
    said = truth.group_by("case_id").agg(truth=pl.col("outcome").last().is_in(yes))
    last = rows.group_by("case_id", maintain_order=True).last()
    return (
        last.select(
            "case_id",
            "actor",
            "agent",
            "confidence",
            "queue",
            "ts",
            override=pl.col("type") == "OVERRIDE",
            advice=pl.when(pl.col("ai_recommendation").is_not_null()).then(pl.col("ai_recommendation").is_in(yes)),
            approved=pl.col("human_verdict").is_in(yes).fill_null(value=False),
        )
        .join(said, on="case_id", how="left")
        .with_columns(pl.col("queue").fill_null("cases"), right=pl.col("advice") == pl.col("truth"))
    )


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
    _shift(ended["ended"], assumed)
    base = (_mean(wrong, 0.5), _mean(right, 0.5)) if wrong.len() and right.len() else None
    accuracy = _mean(audited["right"], 1.0)
    sizes = ended.group_by("actor").len().filter(pl.col("len") >= _FEW)["actor"]
    small = ended.filter(~pl.col("actor").is_in(sizes.implode()))
    if small.height:
        assumed.append(
            f"{small['actor'].n_unique()} officers with fewer than {_FEW} cases share their shift and their working times."
        )
    shared = _work(small, zero) if small.height else {}
    mean = ended.height / ended["actor"].n_unique()
    everywhere = set(ended["queue"])
    found = []
    for (actor,), part in ended.sort("actor", "assigned").group_by("actor", maintain_order=True):
        mine = verdicts.filter(pl.col("actor") == actor)
        rate = _mean(mine["override"], 0.0)
        own_wrong, own_right = (mine.filter(pl.col("right") == side)["override"] for side in (False, True))
        known = min(own_wrong.len(), own_right.len()) >= _FEW
        seen = _shifted(rate, (_mean(own_wrong, 0.5), _mean(own_right, 0.5)) if known else base, accuracy)
        own = set(part["queue"])
        one = {
            "name": actor,
            "weight": max(part.height / mean, 1e-3),
            "decides": round(min(mine.height / part.height, 1.0), 5),
            "overrides_wrong": seen[0],
            "overrides_right": seen[1],
            **(_work(part, zero) if part.height >= _FEW else shared),
            "kind": "system" if part["actor_kind"][0] == "system" else "officer",
        }
        if own != everywhere:
            one["queues"] = sorted(own)
        found.append(one)
    return found


def _work(part: pl.DataFrame, zero: datetime) -> dict[str, Any]:
    """Shift, working times, and whether cases are worked off in a line."""
    shift = _shift(part["ended"])
    monday = int(zero.timestamp() * 1e6) - zero.weekday() * DAY
    clock = WorkClock(shift)
    begin, end = (clock.worked(part[name].to_physical().to_numpy() - monday) for name in ("assigned", "ended"))
    line = []
    for _, mine in part.with_columns(b=pl.Series(begin), e=pl.Series(end)).group_by("actor", maintain_order=True):
        order = mine.sort("assigned", "ended")
        line.append((np.diff(order["e"].to_numpy()) >= 0, _lindley(order["b"].to_numpy(), order["e"].to_numpy())))
    steps = np.concatenate([each[0] for each in line])
    one = bool(len(steps)) and float(steps.mean()) >= _LINE
    spent = np.concatenate([each[1] for each in line]) if one else end - begin
    return {
        "service": _service(spent / 60e6),
        "shift": None if shift is None else shift.model_dump(),
        "capacity": 1 if one else None,
    }


def _lindley(begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Working time of cases that are worked off one by one."""
    before = np.concatenate([[0], np.maximum.accumulate(end)[:-1]])
    return np.asarray(end - np.maximum(begin, before))


def _gap(hours: NDArray[np.int64]) -> tuple[int, int] | None:
    """The longest run of at least 5 hours, within the day, that hold 2 % of what ends at most."""
    best: tuple[int, int] | None = None
    for first in range(24):
        for after in range(first + 5, 25):
            if hours[first:after].sum() <= 0.02 * hours.sum() and (best is None or after - first > best[1] - best[0]):
                best = first, after
    return best


def _shift(ended: pl.Series, assumed: list[str] | None = None) -> Shift | None:
    """The hours between which 98 % of the cases end, in half hours, and the weekdays with at least 2 % of them; None: always."""
    hour = (ended.dt.hour().cast(pl.Float64) + ended.dt.minute() / 60).to_numpy()
    low, high = np.quantile(hour, [0.01, 0.99])
    start, end = math.floor(2 * low) / 2, min(math.floor(2 * high) / 2 + 0.5, 24.0)
    days = np.bincount(ended.dt.weekday().to_numpy() - 1, minlength=7) / ended.len()
    hours = np.bincount(hour.astype(int), minlength=24)
    if end - start >= 20 and assumed is not None and (gap := _gap(hours)):
        assumed.append(
            f"Hardly anything ends from {gap[0]}:00 to {gap[1]}:00, but work goes on over midnight: nights are "
            "counted as working time. Fit with "
            "utc_offset, the hours that people's clocks are ahead of UTC."
        )
    works = tuple(int(day) for day in np.flatnonzero(days >= 0.02))
    return None if end - start >= 23 and len(works) == 7 else Shift(start=start, end=end, days=works)


def _service(minutes: NDArray[np.float64]) -> dict[str, Any]:
    """The likelier of two distributions, or, where neither fits, the times as they are; what takes no time at all counts as a
    second.
    """
    from scipy.special import ndtr

    held = np.sort(np.maximum(minutes, 1 / 60))
    logs = np.log(held)
    centre, spread, mean = float(logs.mean()), float(logs.std()), float(held.mean())
    if spread < 1e-3:
        return {"minutes": mean, "kind": "constant"}
    found: dict[str, Any]
    # one more parameter costs 1 (Akaike)
    lognormal = float((-logs - np.log(spread) - 0.5 * np.log(2 * np.pi) - (logs - centre) ** 2 / (2 * spread**2)).sum()) - 1
    if len(held) * (-np.log(mean) - 1) > lognormal:
        found, below = {"minutes": mean, "kind": "exponential"}, -np.expm1(-held / mean)
    else:
        found, below = (
            {"minutes": math.exp(centre + spread**2 / 2), "kind": "lognormal", "cv": math.sqrt(math.expm1(min(spread, 3) ** 2))},
            ndtr((logs - centre) / spread),
        )
    steps = np.arange(len(held)) / len(held)
    far = float(np.max(np.maximum(below - steps, steps + 1 / len(held) - below)))
    if far <= 0.02 + _KOLMOGOROV / math.sqrt(len(held)) and found.get("cv", 0) <= 20:
        return found
    points = np.quantile(held, np.linspace(0, 1, _POINTS))
    return {
        "minutes": float(((points[1:] + points[:-1]) / 2).mean()),
        "kind": "quantiles",
        "quantiles": [float(f"{point:.6g}") for point in points],
    }


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
    known = values.drop_nulls()
    return round(float(known.mean()), 5) if known.len() else empty  # type: ignore[arg-type]


# -- how well it comes back ----------------------------------------------------------------------------------------------------


def fit_check(
    scenario: ScenarioLike, events: EventsLike, *, replications: int = 20, seed: int = 0, utc_offset: float = 0
) -> pl.DataFrame:
    """Play a scenario and compare the simulated logs with the real one, marginal by marginal.

    Parameters
    ----------
    scenario
        As `fit_scenario` reads it.
    events
        The log that it was read off.
    replications, seed
        How many worlds, and which.
    utc_offset
        As in `fit_scenario`.

    Returns
    -------
    polars.DataFrame
        Per marginal: `marginal`, `unit`, `real`, `simulated` (mean over the worlds), `lo`, `hi` (least and most of the worlds),
        `inside` (whether the real one lies between), and `distance`, mean over the worlds: the relative difference of a number
        (null where the real one is 0), the total variation distance of a distribution (hours of the day, weekdays, shares of the
        officers, stars; `real` is then 0), the Kolmogorov-Smirnov distance of the processing times.

    Raises
    ------
    InputError, ParameterError
        As `fit_scenario`.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.simulate("fraud_unit", seed=1, days=20).events
    >>> fit_check(aura.fit_scenario(log).scenario, log, replications=2).columns[:4]
    ['marginal', 'unit', 'real', 'simulated']
    """
    world = as_scenario(scenario)
    if replications < 2:
        raise ParameterError(Problem("replications is out of range", got=replications, expected="at least 2"))
    log = _prepared(events, utc_offset)
    log = _busy(log, _ended(log, []), [])
    real, shapes = _numbers(log), _shapes(log)
    worlds = [simulate(world, seed, replication=number, ordered=False).events for number in range(replications)]
    simulated, drawn = [_numbers(world) for world in worlds], [_shapes(world) for world in worlds]
    rows: list[tuple[Any, ...]] = []
    for (name, unit), value in real.items():
        theirs = np.array([np.nan if world[name, unit] is None else world[name, unit] for world in simulated], dtype=float)
        if value is None or np.isnan(theirs).all():
            continue
        mean, low, high = (float(f(theirs)) for f in (np.nanmean, np.nanmin, np.nanmax))
        rows.append((name, unit, value, mean, low, high, low <= value <= high, abs(mean - value) / abs(value) if value else None))
    for name, shape in shapes.items():
        if shape is None:
            continue
        far = np.array([_distance(name, shape, world[name]) for world in drawn])
        rows.append((name, "distance", 0.0, float(far.mean()), float(far.min()), float(far.max()), None, float(far.mean())))
    schema = {
        "marginal": pl.String,
        "unit": pl.String,
        "real": pl.Float64,
        "simulated": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "inside": pl.Boolean,
        "distance": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _numbers(log: pl.DataFrame) -> dict[tuple[str, str], float | None]:
    """Numbers of a log."""
    ended, verdicts = _ended(log, []), _verdicts(log, [])
    days = (times.parse_as_of(log["ts"].max()).date() - times.parse_as_of(log["ts"].min()).date()).days + 1  # type: ignore[arg-type]
    hours = (ended["ended"] - ended["assigned"]).dt.total_microseconds() / HOUR
    stars = log.filter(pl.col("type") == "SAT_SCORE")["value"]
    came = log.filter(pl.col("case_id").is_not_null())["case_id"].n_unique()
    officers = ended.filter(pl.col("actor_kind") == "officer")
    length = (officers["ended"] - officers["assigned"]).dt.total_microseconds() / HOUR
    return {
        ("cases a day", "cases"): came / days,
        ("still open at the end", "share"): 1 - ended.height / came if came else None,
        ("processing time, mean", "hours"): _float(hours.mean()),
        ("processing time, median", "hours"): _float(hours.median()),
        ("processing time, 90th percentile", "hours"): _float(hours.quantile(0.9)),
        ("processing time of people, median", "hours"): _float(length.median()),
        ("decided on a recommendation", "share"): verdicts.height / ended.height if ended.height else None,
        ("override rate", "share"): _float(verdicts["override"].mean()),
        ("approved", "share"): _float(verdicts["approved"].mean()),
        ("confidence, mean", "share"): _float(verdicts["confidence"].mean()),
        ("rated", "share"): stars.len() / ended.height if stars.len() else None,
        ("stars, mean", "stars"): _float(stars.mean()),
        ("agents right, of the audited", "share"): _float(verdicts["right"].mean()),
    }


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _shapes(log: pl.DataFrame) -> dict[str, Any]:
    """Distributions of a log."""
    ended, verdicts = _ended(log, []), _verdicts(log, [])
    came = log.filter(pl.col("case_id").is_not_null()).group_by("case_id").agg(pl.col("ts").min())["ts"]
    stars = log.filter(pl.col("type") == "SAT_SCORE")["value"]
    rates = verdicts.group_by("actor").agg(k=pl.col("override").sum(), n=pl.len())
    return {
        "arrivals by hour": _shares(came.dt.hour()),
        "arrivals by weekday": _shares(came.dt.weekday()),
        "ends by hour": _shares(ended["ended"].dt.hour()),
        "cases by officer": _shares(ended["actor"]),
        "recommendations by agent": _shares(verdicts["agent"]) if verdicts["agent"].drop_nulls().len() else None,
        "overrides by officer": _shares(rates["actor"].gather(_repeated(rates["k"]))) if rates["k"].sum() else None,
        "stars": _shares(stars) if stars.len() else None,
        "processing time": np.sort((ended["ended"] - ended["assigned"]).dt.total_microseconds().to_numpy()),
    }


def _repeated(counts: pl.Series) -> pl.Series:
    return pl.Series(np.repeat(np.arange(counts.len()), counts.to_numpy()).astype(np.uint32))


def _shares(values: pl.Series) -> dict[Any, float]:
    counts = values.drop_nulls().value_counts()
    return dict(zip(counts[counts.columns[0]].to_list(), (counts["count"] / counts["count"].sum()).to_list(), strict=True))


def _distance(name: str, real: Any, other: Any) -> float:
    if other is None:
        return 1.0
    if name == "processing time":
        both = np.sort(np.concatenate([real, other]))
        below = [np.searchsorted(each, both, side="right") / max(len(each), 1) for each in (real, other)]
        return float(np.abs(below[0] - below[1]).max())
    return float(sum(abs(real.get(key, 0.0) - other.get(key, 0.0)) for key in {*real, *other})) / 2
