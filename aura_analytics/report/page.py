"""The report as one HTML file: what it shows is gathered here, how it looks is in `templates/`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from importlib import resources
from itertools import count as count_up
from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics import cases, charts
from aura_analytics.cases import RATINGS
from aura_analytics.cases.extent import last_work
from aura_analytics.cases.own_events import of_actor
from aura_analytics.charts.theme import DARK, LIGHT, variables
from aura_analytics.clock import times
from aura_analytics.clock.calendars import Calendar, CalendarLike, as_calendar
from aura_analytics.clock.sla import SlaLike
from aura_analytics.clock.times import span_of_time
from aura_analytics.dossier.board import Count, count_of
from aura_analytics.dossier.counting import beyond
from aura_analytics.dossier.doubts import doubts_said
from aura_analytics.dossier.narrowing import RANK
from aura_analytics.dossier.office import office
from aura_analytics.dossier.reliance import reliance, reliance_sentence
from aura_analytics.dossier.series import rolling, step_and_window
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.catalogue import MetricsLike, metrics_shown
from aura_analytics.metrics.kinds.base import MACHINES, Metric
from aura_analytics.metrics.sla import receipt_breach_rate, sla_breach_rate
from aura_analytics.metrics.wording import cards
from aura_analytics.outputs import free_to_write, is_our_page, written_text
from aura_analytics.report.evidence import PAGES, accepted_wrong, audits_that_decide, by_queue, last_overrides
from aura_analytics.report.figures import charts_of, figure, flagged_people
from aura_analytics.rules.engine import applies
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy
from aura_analytics.rules.roles import RolesLike, as_roles
from aura_analytics.rules.wording import verdict_label, verdict_words
from aura_analytics.simulation.error_cards import error_card
from aura_analytics.simulation.policy_words import policy_words, provenance
from aura_analytics.simulation.run import SimulationRun
from aura_analytics.version import __version__

__all__ = ["write_report"]

_ROWS = 200  # rows of the board


def write_report(
    events: EventsLike,
    path: str | Path,
    *,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    policy: PolicyLike = None,
    compare: PolicyLike = None,
    metrics: MetricsLike = None,
    sla: SlaLike = None,
    calendar: CalendarLike = None,
    roles: RolesLike = None,
    title: str = "Oversight report",
    source: str = "",
    overwrite: bool = False,
) -> Path:
    """Write the report of an event log as one HTML file.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    path
        File to write.
    as_of, window, sla, calendar, roles
        As in `dossiers`.
    policy
        The policy whose verdicts are shown: a `Policy`, the name of a shipped one, or a file; default `Policy.default()`.
    compare
        Another policy, set beside it: who each of them flags, and why they differ.
    metrics
        What is shown of everybody; default all metrics of the shipped catalogue, and what the policies read.
    title, source
        Heading, and where the events came from.
    overwrite
        Whether a file that is there may be replaced; an earlier report always is, a ledger never.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import aura_analytics as aura, pathlib, tempfile
    >>> path = aura.write_report(aura.sample_log(150), pathlib.Path(tempfile.mkdtemp()) / "report.html", sla="72h")
    >>> "officer_anne@sba.gov" in path.read_text(encoding="utf-8")
    True
    """
    free_to_write(path, overwrite=overwrite, ours=is_our_page)  # before the work
    chosen = as_policy(policy).over(window)
    other = None if compare is None else as_policy(compare).over(window)
    read = [*metrics_shown(metrics), *chosen.reads, *(() if other is None else other.reads)]
    html = _html(
        as_events(events),
        made_up=isinstance(events, SimulationRun),
        as_of=as_of,
        chosen=chosen,
        compare=other,
        metrics={one.name: one for one in read},
        sla=sla,
        calendar=as_calendar(calendar),
        roles=as_roles(roles) or chosen.roles,
        title=title,
        source=source,
    )
    return written_text(path, html, overwrite=overwrite, ours=is_our_page)


def _html(
    lazy: pl.LazyFrame,
    *,
    made_up: bool,
    as_of: datetime | date | str | None,
    chosen: Policy,
    compare: Policy | None,
    metrics: dict[str, Metric],
    sla: SlaLike,
    calendar: Calendar | None,
    roles: Mapping[str, str],
    title: str,
    source: str,
) -> str:
    import jinja2
    import markupsafe

    options: dict[str, Any] = {"metrics": tuple(metrics.values()), "sla": sla, "calendar": calendar, "roles": roles}
    end = last_work(lazy) if as_of is None else times.parse_as_of(as_of)
    count = count_of(chosen, **options)
    board, verdicts, _ = count.judged(lazy, end, "all")
    assert verdicts is not None  # what the policies read is among the metrics
    beside = None if compare is None else count_of(compare, **options).judged(lazy, end, "all").verdicts
    board = board.with_columns(pip_status=verdicts["verdict"].cast(pl.String))
    facts = _context(lazy, end, count) | {"metrics": metrics, "beyond": beyond(board, made_up=made_up)}
    facts["reliance"] = reliance(lazy, as_of=facts["end"], window=facts["raw_window"])
    timing = count.timing
    offices = _office(
        office(lazy, end, chosen.window or "all", sla=timing["sla"], calendar=timing["calendar"], holding=timing["holding"])
    )
    shown = flagged_people(verdicts)[:PAGES]
    facts["opens"] = {actor: f"#actor-{number}" for number, actor in enumerate(shown, 1)}
    pages = [_page(actor, board, verdicts, lazy, facts) for actor in shown]
    judged = verdicts["verdict"].filter(pl.Series(applies(board, chosen.spec)))
    loader = jinja2.FileSystemLoader(str(resources.files("aura_analytics.report") / "templates"))
    env = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    env.filters |= {"verdict_words": verdict_words, "verdict_label": verdict_label}
    env.filters["breakable"] = lambda name: markupsafe.escape(name).replace("@", markupsafe.Markup("<wbr>@"))
    page: str = env.get_template("report.html.j2").render(
        title=title,
        source=source,
        drawn_from=shlex.quote(source) if source and Path(source).exists() else "EVENTS",
        version=__version__,
        light=variables(LIGHT),
        dark=variables(DARK),
        policy_words=policy_words(chosen),
        provenance=provenance(chosen, board["counted"][0]["data"] if board.height else "none"),
        facts=facts,
        counts={name: int((judged == name).sum()) for name in ("flag", "watch", "clear", "insufficient")},
        boards=_boards(board, verdicts, metrics),
        office=offices,
        intervals=_intervals(metrics.values()),
        charts=charts_of(lazy, board, verdicts, facts | {"office": offices}),
        pages=pages,
        doubts=doubts_said(board, but=shown),
        more_flagged=max(0, len(flagged_people(verdicts)) - PAGES),
        card=error_card(chosen),
        queues=by_queue(lazy, facts),
        audits=audits_that_decide(board, verdicts, lazy, facts, chosen),
        comparison=None if compare is None or beside is None else _comparison(chosen, verdicts, compare, beside, board, metrics),
    )
    number = count_up(1)
    return re.sub('aria-label="Table"', lambda _: f'aria-label="Table {next(number)}"', page)  # landmarks have names of their own


def _context(events: pl.LazyFrame, as_of: datetime | None, count: Count) -> dict[str, Any]:
    """What the whole report is about: the window, and how much is in it."""
    window = count.policy.window
    end = as_of or times.parse_as_of("1970-01-01")
    since = None if window is None else end - window
    inside = events.filter(pl.col("ts") <= end) if since is None else events.filter((pl.col("ts") <= end) & (pl.col("ts") > since))
    counted = (
        inside.select(
            n=pl.len(),
            cases=pl.col("case_id").drop_nulls().n_unique(),
            first=pl.col("ts").min(),
            ratings=(pl.col("type") == "SAT_SCORE").sum(),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    rated = cases.build(events, end, since, {RATINGS: set()}, count.options).table(RATINGS)
    lost = int(rated["actor"].null_count())
    again = int(rated["repeats"].sum()) if "repeats" in rated.columns else 0
    return {
        "end": end,
        "since": since,
        "window": span_of_time(times.window_text(window)),
        "events": counted["n"],
        "cases": counted["cases"],
        "ratings": counted["ratings"],
        "unattributed": lost,
        "repeats": again,
        "sla": count.sla,
        "options": count.options,
        "raw_window": times.window_text(window),
        "first": counted["first"],
    }


def _boards(board: pl.DataFrame, verdicts: pl.DataFrame, metrics: dict[str, Metric]) -> list[dict[str, Any]]:
    """The tables of people and of machines."""
    agents = pl.col("actor_kind").cast(pl.String).is_in(list(MACHINES)).fill_null(value=False)
    found = []
    for heading, rows, names in (
        ("Officers", board.filter(~agents), _placed(metrics, "people_board")),
        ("Agents and components", board.filter(agents), _placed(metrics, "machine_board")),
    ):
        shown = [name for name in names if name in rows.columns and rows[f"{name}_n"].sum() > 0]
        if rows.is_empty() or not shown:
            continue
        rank = pl.col("pip_status").replace_strict(RANK, return_dtype=pl.Int8)
        ordered = rows.with_columns(rank=rank).sort("rank", shown[0], "actor", descending=[False, True, False], nulls_last=True)
        lines = [
            {
                "actor": row["actor"],
                "verdict": row["pip_status"],
                "cells": [metrics[name].cell(row) for name in shown],
                "open": row.get("open_cases"),
            }
            for row in ordered.head(_ROWS).iter_rows(named=True)
        ]
        judged = (
            heading == "Officers"
            or verdicts.filter(pl.col("verdict") != "insufficient")["actor"].is_in(rows["actor"].implode()).any()
        )
        titles = [metrics[name].title for name in shown]
        found.append({"heading": heading, "titles": titles, "rows": lines, "hidden": max(0, rows.height - _ROWS), "judged": judged})
    return found


def _office(board: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows of the office and its queues; none where no case is followed."""
    rows = board.to_dicts()
    if not rows[0]["received"] and not rows[0]["open_cases"]:
        return []
    clocks = (receipt_breach_rate, sla_breach_rate)
    return [row | {"rates": [one.cell(row) for one in clocks] if rows[0][f"{clocks[0].name}_n"] else []} for row in rows]


def _placed(metrics: dict[str, Metric], board: str) -> list[str]:
    """The metrics that say that they stand on a board, in their order."""
    places = {name: place for name, one in metrics.items() if (place := getattr(one, board)) is not None}
    return sorted(places, key=lambda name: places[name])


def _intervals(metrics: Iterable[Metric]) -> str:
    """How the intervals of some metrics are made, in words."""
    return ", ".join(dict.fromkeys(one.interval for one in metrics if one.interval))


def _page(actor: str, board: pl.DataFrame, verdicts: pl.DataFrame, events: pl.LazyFrame, facts: dict[str, Any]) -> dict[str, Any]:
    """A flagged actor: the verdict, the numbers behind it, how they moved, and the cases themselves."""
    row = board.filter(pl.col("actor") == actor).row(0, named=True)
    verdict = verdicts.filter(pl.col("actor") == actor).row(0, named=True)
    step, wide = step_and_window(facts["first"], facts["end"], facts["raw_window"])
    until = events.filter(pl.col("ts") <= facts["end"])
    own = of_actor(until, actor).collect(engine="streaming")
    start = facts["since"] if facts["since"] is not None else times.parse_as_of(facts["first"])
    names = ["override_rate", "sat_score_mean"]
    table = facts["reliance"].filter(actor=actor)
    begin, whose = max(start, times.parse_as_of(facts["first"])), facts["options"]
    moved = rolling(
        own, names, window=wide, step=step, end=facts["end"], start=begin, attribution=whose.attribution, ratings=whose.ratings
    )
    pictures = [
        figure(
            facts["metrics"][name].title,
            charts.series(moved, name, actors=[actor], threshold=limit, theme=charts.INLINE, width=420, height=170),
            f"Rolling {span_of_time(wide)}.",
        )
        for name, limit in (("override_rate", 0.30), ("sat_score_mean", 3.0))
        if row.get(f"{name}_n")
    ]
    if table.height:
        done = table.row(0, named=True)
        chart = charts.reliance(done, theme=charts.INLINE, width=360)
        pictures.insert(0, figure("Accepted or overridden, right or wrong", chart, reliance_sentence(done)))
    return {
        "actor": actor,
        "verdict": verdict,
        "warnings": row.get("warnings") or [],
        "cards": cards(row, facts["metrics"].values()),
        "charts": pictures,
        "cases": last_overrides(own, actor, facts),
        "accepted_wrong": accepted_wrong(own, actor, facts),
    }


def _comparison(
    one: Policy, verdicts: pl.DataFrame, other: Policy, second: pl.DataFrame, board: pl.DataFrame, metrics: dict[str, Metric]
) -> dict[str, Any]:
    """Two policies on the same dossiers: the lists side by side, and why an actor is on one and not on the other."""
    both = verdicts.select("actor", first="verdict", first_reasons="reasons").join(
        second.select("actor", second="verdict", second_reasons="reasons"), on="actor"
    )
    differing = both.filter((pl.col("first") == "flag") != (pl.col("second") == "flag"))
    reasons: dict[str, list[str]] = {}
    for row in differing.sort("actor").iter_rows(named=True):
        spared_by_first = row["second"] == "flag"
        text = "; ".join(row["first_reasons"] if spared_by_first else row["second_reasons"])
        standing = row["first"] if spared_by_first else row["second"]
        key = "one_sided" if "one_sided" in text else "not_judged" if text.startswith("the policy judges") else standing
        if text.startswith("flagged in "):
            key = "not_persistent"
        reasons.setdefault(key, []).append(row["actor"])
    values = {row["actor"]: row for row in board.iter_rows(named=True)}
    rows = [
        {
            "actor": row["actor"],
            "first": row["first"],
            "second": row["second"],
            "rate": metrics["override_rate"].cell(values[row["actor"]]),
            "why": row["first_reasons"] if row["second"] == "flag" else row["second_reasons"],
        }
        for row in both.filter((pl.col("first") == "flag") | (pl.col("second") == "flag")).sort("actor").iter_rows(named=True)
    ]
    return {
        "one": one.spec,
        "other": other.spec,
        "flagged": (int((both["first"] == "flag").sum()), int((both["second"] == "flag").sum())),
        "judged": int((board["override_rate_n"] > 0).sum()),
        "groups": dict(sorted(reasons.items())),
        "rows": rows,
    }
