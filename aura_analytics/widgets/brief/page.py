"""One page for the head of a department: who needs a conversation, why, how sure one can be, and how often the rule is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aura_analytics.cases import Options
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.own_events import of_actors
from aura_analytics.clock.calendars import CalendarLike
from aura_analytics.clock.sla import SlaLike
from aura_analytics.clock.times import span_of_time
from aura_analytics.dossier.board import count_of
from aura_analytics.dossier.tracing import latest_observations
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.rules import engine
from aura_analytics.rules.grammar import comparisons
from aura_analytics.rules.policy import PolicyLike, as_policy
from aura_analytics.rules.roles import RolesLike
from aura_analytics.rules.wording import verdict_words
from aura_analytics.simulation.policy_words import policy_words
from aura_analytics.simulation.scenario import ScenarioLike
from aura_analytics.widgets.explorer.batch import pages_of
from aura_analytics.widgets.explorer.payload import foot_of, table_of
from aura_analytics.widgets.explorer.state import ExplorerState
from aura_analytics.widgets.shared.view import write_page
from aura_analytics.widgets.tuner.state import TunerState

__all__ = ["write_brief"]

_CASES = 40  # behind a number, the latest ones
_MOST = 500  # people whose dots are drawn and whose cases are in the page
_POINTS = 41


def write_brief(
    events: EventsLike,
    path: str | Path,
    *,
    policy: PolicyLike = None,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    sla: SlaLike = None,
    calendar: CalendarLike = None,
    roles: RolesLike = None,
    scenario: ScenarioLike = "loan_forgiveness",
    worlds: int = 40,
    seed: int = 0,
    title: str = "Oversight brief",
) -> Path:
    """Write one self-contained page with four answers: who needs a conversation, why, how sure one can be, and how often the rule
    would accuse somebody who does well. This window stands beside the one before, and every dot opens its cases.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    path
        HTML file to write; an earlier page is replaced.
    policy, as_of, window, sla, calendar, roles
        As in `aura.dossiers`. The policy needs a window, since the one before is shown beside it.
    scenario
        The world, whose truth is known, in which the rule's errors are counted; by name, file or as an object.
    worlds
        How many of it are played, at least 1.
    seed
        Of these worlds, at least 0.
    title
        Heading.

    Raises
    ------
    ParameterError
        If the log holds nobody, or the policy reads the whole log.

    Examples
    --------
    >>> import aura_analytics as aura, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "brief.html"
    >>> page = aura.widgets.write_brief(aura.sample_log(600, seed=3), path, worlds=2)
    >>> "How often would this rule accuse somebody who does well" in page.read_text("utf-8")
    True
    """
    rule = as_policy(policy).over(window)
    if rule.window is None:
        raise ParameterError(Problem("a brief needs a window, and the one before", got="the whole log", next="window='90d'"))
    state = ExplorerState(events, rule, as_of=as_of, sla=sla, calendar=calendar, roles=roles)
    if state.as_of is None:
        raise ParameterError(Problem("there is nobody in the log", next="record events first"))
    if state.actor is None:
        raise ParameterError(Problem("nobody has events in the window", got=f"up to {state.as_of:%Y-%m-%d}", next="another as_of"))
    people = state.board.filter(pl.col("verdict") != "not_judged")
    actors = people["actor"].to_list()[:_MOST]
    shown = [one for one in rule.reads if f"{one.name}_n" in people.columns and people[f"{one.name}_n"].sum()]
    body = {
        "people": _people(state, people.head(_MOST), shown),
        "metrics": [_axis(one, state) for one in shown],
        "tally": {name: int((people["verdict"] == name).sum()) for name in engine.VERDICTS},
        "left": max(0, people.height - _MOST),
        "window": span_of_time(state.window),
        "ends": [f"{state.as_of - back:%Y-%m-%d}" for back in (timedelta(0), rule.window)],
        "policy": policy_words(state.policy),
        "curve": _curve(state, scenario, worlds, seed),
        "who": "people" if "officer" in rule.spec.kinds or "citizen" in rule.spec.kinds else "agents and components",
        "title": title,
    }
    earlier = _earlier(state, actors, shown)
    sentence = f"{title}: {state.count()}, {span_of_time(state.window)} up to {state.as_of:%Y-%m-%d}."
    return write_page(path, "brief", title, sentence, body, chain(pages_of(state, actors, _CASES), earlier), foot_of(state))


def _earlier(state: ExplorerState, actors: list[str], shown: list[Metric]) -> Iterator[str]:
    """The cases behind the numbers of the window before, of everybody in turn."""
    assert state.as_of is not None and state.policy.window is not None
    timing, end = state.timing, state.as_of - state.policy.window
    own = collect(of_actors(state.events, actors))
    options = Options(timing["attribution"], timing["holding"], timing["calendar"], timing["ratings"])
    found: dict[str, dict[str, Any]] = {}
    for one, rows in latest_observations(own, actors, shown, end, end - state.policy.window, options, timing["sla"], _CASES):
        for (actor,), part in rows.partition_by("of", as_dict=True).items():
            found.setdefault(str(actor), {})[one.name] = {"total": part["total"][0], **table_of(part, one)}
    for actor in actors:
        yield json.dumps(found.get(actor, {}), allow_nan=False)


def _axis(one: Metric, state: ExplorerState) -> dict[str, Any]:
    return {
        "metric": one.name,
        "title": one.title,
        "unit": one.unit,
        "low": one.low,
        "high": one.high,
        "limits": state.thresholds.get(one.name, []),
        "direction": one.direction,
    }


def _people(state: ExplorerState, people: pl.DataFrame, shown: list[Metric]) -> list[dict[str, Any]]:
    """Everybody with the verdict, why, and the numbers that decide, of this window and of the one before."""
    assert state.as_of is not None and state.policy.window is not None
    verdicts = {row["actor"]: row for row in state.verdicts.iter_rows(named=True)}
    count = count_of(state.policy, metrics=tuple(shown), **state.timing)
    before = count.judged(state.events, state.as_of - state.policy.window, "none").board
    then = {row["actor"]: row for row in before.iter_rows(named=True)}
    found = []
    for row in people.iter_rows(named=True):
        said = verdicts[row["actor"]]
        found.append(
            {
                "actor": row["actor"],
                "verdict": row["verdict"],
                "words": verdict_words(row["verdict"]),
                "metrics": list(dict.fromkeys(item["metric"] for item in said["evidence"])),
                "reasons": said["reasons"],
                "would_clear": said["would_clear"],
                "now": _numbers(row, shown),
                "before": _numbers(then.get(row["actor"], {}), shown),
            }
        )
    return found


def _numbers(row: dict[str, Any], shown: list[Metric]) -> dict[str, dict[str, Any]]:
    parts = {"value": "", "n": "_n", "lo": "_lo", "hi": "_hi"}
    return {
        one.name: {part: row.get(f"{one.name}{suffix}") for part, suffix in parts.items()}
        for one in shown
        if row.get(one.name) is not None and row.get(f"{one.name}_n")
    }


def _curve(state: ExplorerState, scenario: ScenarioLike, worlds: int, seed: int) -> dict[str, Any]:
    """As the lines on one number move together: how often somebody who does well is flagged, and whom the rule flags here. It is
    the number of the first rule that flags; nothing where errors cannot be counted in worlds side by side.
    """
    flagging = [rule for rule in state.policy.spec.rules if rule.at_most == "flag"]
    if not flagging:
        return {"never": True}
    timing = state.timing
    if timing["sla"] is None and any(one.needs_sla for one in state.policy.reads):
        return {}
    tuner = TunerState(
        state.events,
        state.policy,
        as_of=state.as_of,
        scenario=scenario,
        worlds=worlds,
        seed=seed,
        sla=timing["sla"],
        calendar=timing["calendar"],
        roles=state.roles,
    )
    if tuner.errors is None or (played := tuner.world) is None:
        return {}
    first = next((leaf for rule in flagging for leaf in comparisons(rule.when) if leaf.numbers), None)
    if first is None:
        return {}
    known = {one.key: one for one in tuner.settings if one.unit and not one.choices}
    ids = {rule.id for rule in flagging}
    keys = [key for key in known if key.split(".")[0] in ids and key.split(".")[1].split("#")[0] == first.metric]
    lead = known[keys[0]]
    found: dict[str, list[Any]] = {name: [] for name in ("value", "false", "lo", "hi", "missed", "flagged")}
    with tuner.trying():
        for value in sorted({*np.linspace(lead.low, lead.high, _POINTS).round(4).tolist(), float(lead.value)}):
            moved = value - float(lead.value)
            both = {key: round(float(known[key].value) + moved, 6) for key in keys}  # what adding up leaves behind is no threshold
            tuner.put(**{key: min(max(one, known[key].low), known[key].high) for key, one in both.items()})
            wrong = tuner.errors
            row = {"value": value, "flagged": tuner.flagged, "missed": wrong["missed"]}
            row |= {"false": 100 * wrong["falsely"], "lo": 100 * wrong["falsely_lo"], "hi": 100 * wrong["falsely_hi"]}
            for name, one in row.items():
                found[name].append(None if isinstance(one, float) and np.isnan(one) else one)
    world, many, _ = played
    days, _, every = tuner.played
    stands = float(lead.value)
    told = {"label": first.kind.title, "word": first.word, "unit": first.kind.unit, "stands": stands, "metric": first.metric}
    return {**told, **found, "scenario": world.name, "worlds": many, "days": days, "every": every}
