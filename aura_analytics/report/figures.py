"""The figures of a report, each with a sentence that says what it shows."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from aura_analytics import cases, charts
from aura_analytics.cases import COHORT
from aura_analytics.clock import times
from aura_analytics.clock.times import every_span, span_of_time
from aura_analytics.dossier.correlations import correlations
from aura_analytics.dossier.reliance import CELLS, reliance_sentence
from aura_analytics.dossier.series import rolling, step_and_window
from aura_analytics.metrics.kinds.base import Context
from aura_analytics.metrics.kinds.survival import at_limit
from aura_analytics.statistics.survival import kaplan_meier, median_survival

__all__ = ["charts_of", "correlation_of", "funnel_words", "series_of", "survival_of"]

HOUR = 3.6e9  # microseconds


def charts_of(events: pl.LazyFrame, board: pl.DataFrame, verdicts: pl.DataFrame, facts: dict[str, Any]) -> list[dict[str, str]]:
    """The pictures, each with what it says and what it does not say."""
    decided = board.filter(pl.col("override_rate_n") > 0)
    found: list[dict[str, str]] = []
    told: pl.DataFrame = facts["reliance"]
    if told.height:
        whole = {name: sum(told[name].to_list()) for name in (*CELLS, "accepted", "overridden", "judged")}
        unsaid = {"verdict_right_rate": None, "advice_right_rate": None, "verdict_right_rate_status": ""}
        says = "Of all officers together. " + reliance_sentence(whole | unsaid)
        found.append(figure("Accepted or overridden, right or wrong", charts.reliance(whole, theme=charts.INLINE), says))
    if decided.height:
        found.append(
            figure(
                "Override rates with their uncertainty",
                charts.league(decided, "override_rate", threshold=0.30, theme=charts.INLINE, width=520),
                "Each line is the range in which the officer's true rate plausibly lies (Wilson, 95 %); the dashed "
                "line is 30 %. A long "
                "line means few decisions. A high rate is not misconduct: who gets the cases with poor "
                "recommendations must override.",
                facts["opens"],
            )
        )
        centre, phi, _ = charts.funnel_limits(decided)
        found.append(
            figure(
                "Funnel: who differs by more than chance",
                charts.funnel(decided, theme=charts.INLINE, width=600),
                funnel_words(centre, phi),
                facts["opens"],
            )
        )
        found += series_of(events, decided, verdicts, facts)
    machines = board.filter(pl.col("actor_kind").cast(pl.String).is_in(["agent", "component"]))
    scored = machines.filter(pl.col("success_rate_n") > 0) if "success_rate_n" in machines.columns else machines.clear()
    if scored.height > 1:
        centre, phi, _ = charts.funnel_limits(scored, "success_rate")
        found.append(
            figure(
                "Funnel: success of agents and components",
                charts.funnel(scored.drop("pip_status", strict=False), "success_rate", theme=charts.INLINE, width=600),
                funnel_words(centre, phi, "agents and components") + " Who gets the hard tasks succeeds less often.",
            )
        )
    found += survival_of(events, facts)
    return found + correlation_of(events, facts)


def correlation_of(events: pl.LazyFrame, facts: dict[str, Any]) -> list[dict[str, str]]:
    """How satisfaction, speed and overrides go together."""
    own = facts["options"]
    table = correlations(
        events, facts["end"], facts["raw_window"], calendar=own.calendar, attribution=own.attribution, ratings=own.ratings
    )
    known = table.filter(status="ok")
    if known.is_empty():
        return []
    warnings = known["warning"].drop_nulls().unique(maintain_order=True).to_list()
    says = (
        "Rank correlations with 95 % limits: over cases within their queue, and over officers. Which is the cause of which they "
        "do not say."
    )
    says += "".join(f" Beware: {text}." for text in warnings)
    return [figure("Satisfaction, speed and overrides", charts.correlation(known, theme=charts.INLINE, width=460), says)]


def funnel_words(centre: float, phi: float, who: str = "officers") -> str:
    """What the funnel shows, in a sentence."""
    text = (
        f"By chance alone, at least 95 of 100 {who} with the pooled rate of {100 * centre:.1f} % would lie between "
        "the thin lines, and 998 of "
        "1,000 between the thick ones. "
    )
    if math.isnan(phi):
        return text + f"There are too few {who} to say whether they differ by more than chance."
    if phi > 1:
        return (
            text + f"{who.capitalize()} differ more than that (dispersion {phi:.1f}, 1 is chance): their cases or roles "
            "may differ. The dashed lines allow for it."
        )
    return text + f"On the whole {who} differ no more than that (dispersion {phi:.1f}, 1 is chance)."


def figure(heading: str, chart: Any, says: str, opens: dict[str, str] | None = None) -> dict[str, str]:
    """A figure of the report; a press on somebody's mark leads to their page."""
    return {"heading": heading, "svg": charts.svg(chart, opens), "says": says}


def series_of(events: pl.LazyFrame, decided: pl.DataFrame, verdicts: pl.DataFrame, facts: dict[str, Any]) -> list[dict[str, str]]:
    """Rates over time of those who stand out."""
    step, wide = step_and_window(facts["first"], facts["end"], facts["raw_window"])
    flagged = flagged_people(verdicts)[:4]
    busy = decided.sort("override_rate_n", descending=True)["actor"].to_list()
    actors = flagged + [actor for actor in busy if actor not in flagged][: max(1, 4 - len(flagged))]
    start = facts["since"] if facts["since"] is not None else times.parse_as_of(facts["first"])
    moved = rolling(
        events.filter(pl.col("ts") <= facts["end"]),
        ["override_rate"],
        window=wide,
        step=step,
        start=max(start, times.parse_as_of(facts["first"])),
        end=facts["end"],
    )
    chart = charts.series(moved, "override_rate", actors=actors, threshold=0.30, theme=charts.INLINE, width=600)
    who = "flagged officers and the busiest others" if flagged else "the busiest officers"
    return [
        figure(
            "Override rates over time",
            chart,
            f"Rates over a rolling {span_of_time(wide)} of {who}, read {every_span(step)}.",
        )
    ]


def survival_of(events: pl.LazyFrame, facts: dict[str, Any]) -> list[dict[str, str]]:
    """How long cases stay open."""
    built = cases.build(events, facts["end"], facts["since"], {COHORT: set()}, facts["options"])
    followed = built.table(COHORT).filter(pl.col("elapsed").is_not_null())
    if followed.is_empty():
        return []
    hours = followed["elapsed"].to_numpy() / HOUR
    ended = followed["ended"].to_numpy().astype(bool)
    curve = kaplan_meier(hours, ended)
    curves = {"all cases": curve}
    if not ended.all() and ended.any():
        curves["closed cases only (too fast)"] = kaplan_meier(hours[ended], ended[ended])
    median = median_survival(curve)
    says = f"{len(hours):,} cases were given to somebody in the window; {int((~ended).sum()):,} of them are still open. "
    if facts["office"]:
        whole = facts["office"][0]
        says += f"In all {whole['open_cases']:,} cases are open, {whole['unassigned']:,} of which nobody was ever given. "
    says += "Half are resolved after " + (f"{median:,.1f} hours." if median is not None else "longer than the window shows.")
    line = None
    if facts["sla"]:
        line = facts["sla"]["default"].hours if set(facts["sla"]) == {"default"} else None
        late = _late(followed, facts)
        limit = f"the limit of {line:g} hours (dashed)" if line is not None else "the limit of their queue"
        says += (
            f" {100 * late:.1f} % outlast {limit}."
            if late is not None
            else " No case was followed long enough to say how many are late."
        )
    return [figure("How long cases stay open", charts.survival(curves, limit=line, theme=charts.INLINE, width=600), says)]


def _late(followed: pl.DataFrame, facts: dict[str, Any]) -> float | None:
    """Share of all cases that outlast the limit of their queue; None where it cannot be told."""
    names = ("queue", "start", "end", "elapsed", "days_off", "ended")
    pooled = followed.select(pl.col(name).implode() for name in names)
    value, _, _ = at_limit(pooled, str, Context(facts["end"], sla=facts["sla"], calendar=facts["options"].calendar))
    return None if math.isnan(value[0]) else float(value[0])


def flagged_people(verdicts: pl.DataFrame) -> list[str]:
    return sorted(verdicts.filter(pl.col("verdict") == "flag")["actor"].to_list())
