"""One officer over time, case by case, beside what the others would have been expected to do with each case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from aura_analytics import cases
from aura_analytics.clock.calendars import CalendarLike
from aura_analytics.clock.sla import SlaLike
from aura_analytics.dossier.case_mix_rows import Outcome, cells_of, checked_covariates, compared_rows
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.learning.risk_charts import risk_cusum, risk_cusum_limit, vlad
from aura_analytics.statistics.risk_model import fit_risk

__all__ = ["OverCases", "over_cases"]

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
_LEAST = 20  # cases of the others that a model needs
_MODELS = 500  # draws of it


@dataclass(frozen=True, repr=False)
class OverCases:
    """An officer's cases in the order of time.

    Attributes
    ----------
    cases
        A row per case: `case` (1, 2, ...), `ts`, `hit`, `risk` (by a model of the others), `more` and `fewer` (risk-adjusted CUSUM
        of twice and of half the odds), `signal` (`more`, `fewer` or null), `vlad` (expected less observed so far) with `vlad_lo`,
        `vlad_hi`.
    limit_more, limit_fewer
        At which they alarm: over as many cases as these any alarm has a chance of `false_alarm` where nothing differs.
    actor, outcome, false_alarm
        Whose, what of, and that chance.
    """

    cases: pl.DataFrame
    limit_more: float
    limit_fewer: float
    actor: str
    outcome: Outcome
    false_alarm: float

    def __repr__(self) -> str:
        """What it found, in a line."""
        found = self.cases.filter(pl.col("signal").is_not_null())
        alarms = ", ".join(f"{row['signal']} at case {row['case']}" for row in found.head(3).iter_rows(named=True)) or "no alarm"
        return f"OverCases({self.actor}, {self.outcome}: {self.cases.height:,} cases, {alarms})"


def over_cases(
    events: EventsLike,
    actor: str,
    covariates: Sequence[str] = ("queue", "ai_recommendation"),
    *,
    outcome: Outcome = "override",
    false_alarm: float = 0.05,
    odds_ratio: float = 2.0,
    head_start: float = 0.0,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = "all",
    attribution: cases.Attribution = "last_decider",
    sla: SlaLike = None,
    calendar: CalendarLike = None,
    seed: int = 0,
) -> OverCases:
    """One officer over time, case by case, beside what the others would have been expected to do with each case.

    **Do not conclude** that the person has changed where the cases may have: the model knows only the covariates. A CUSUM that has
    alarmed says that something lasts, the VLAD how much it comes to.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    actor
        The officer.
    covariates, outcome
        As in `case_mix`.
    false_alarm
        The chance of any alarm over all these cases where nothing differs, in (0, 1); half of it each for more and for fewer. The
        limits allow for what the model does not know: with few cases of the others they are far away.
    odds_ratio
        The change that is to be found, above 1: twice the odds, and half of them.
    head_start
        As in `risk_cusum`, in [0, 1).
    as_of, window, attribution, sla, calendar
        As in `dossiers`; the window is by default the whole log.
    seed
        The same seed gives the same limits.

    Raises
    ------
    ParameterError
        For unknown names or numbers out of range, an actor without such cases, or fewer than 20 cases of the others.
    InputError, SchemaError, EventError
        As `dossiers`.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> aura.over_cases(aura.sample_log(2000, seed=1), "officer_anne@sba.gov").cases.columns[:5]
    ['case', 'ts', 'hit', 'risk', 'more']
    """
    names = checked_covariates(covariates, outcome)
    if not odds_ratio > 1 or not 0 < false_alarm < 1:
        asked = (odds_ratio, false_alarm)
        raise ParameterError(Problem("odds_ratio or false_alarm is out of range", got=asked, expected="above 1; in (0, 1)"))
    kept = ("ts", "case_id")
    rows = compared_rows(events, outcome, as_of, window, attribution, names, also=kept, sla=sla, calendar=calendar)
    if "aside" in rows.columns:  # as in case_mix, who was judged by what they decided is left out
        aside = rows.filter("aside")["actor"].unique()
        if actor in aside:
            hint = "record the chance of each audit, or draw them by chance"
            raise ParameterError(Problem("these verdicts were picked for audit by what they were", got=actor, next=hint))
        rows = rows.filter(~pl.col("aside"))
    mine, others = rows.filter(pl.col("actor") == actor).sort("ts", "case_id", "hit"), rows.filter(pl.col("actor") != actor)
    if not mine.height or others.height < _LEAST:
        what = "cases of the others" if mine.height else f"cases of {actor}"
        hint = "look at a longer window" if mine.height else "see the names in aura.dossiers"
        got = others.height if mine.height else 0
        raise ParameterError(
            Problem(f"too few {what}", got=got, expected=f"{_LEAST} or more" if mine.height else "1 or more", next=hint)
        )
    risk, drawn = (np.clip(one, 1e-6, 1 - 1e-6) for one in _risks(mine, others, names, seed))
    hit = mine["hit"].to_numpy()
    charts, limits = {}, {}
    for name, ratio in (("more", odds_ratio), ("fewer", 1 / odds_ratio)):
        limits[name] = risk_cusum_limit(
            risk, odds_ratio=ratio, false_alarm=false_alarm / 2, head_start=head_start, may_be=drawn, seed=seed
        )
        charts[name] = risk_cusum(hit, risk, max(limits[name], 1e-9), odds_ratio=ratio, head_start=head_start)
    band = vlad(hit, risk)
    signal = pl.when(charts["more"]["signal"]).then(pl.lit("more")).when(charts["fewer"]["signal"]).then(pl.lit("fewer"))
    table = pl.DataFrame(
        {
            "case": band["case"],
            "ts": mine["ts"],
            "hit": mine["hit"],
            "risk": risk,
            "more": charts["more"]["value"],
            "fewer": charts["fewer"]["value"],
            "signal": pl.select(signal).to_series(),
            "vlad": band["value"],
            "vlad_lo": band["lo"],
            "vlad_hi": band["hi"],
        }
    )
    return OverCases(table, limits["more"], limits["fewer"], actor, outcome, false_alarm)


def _risks(mine: pl.DataFrame, others: pl.DataFrame, names: tuple[str, ...], seed: int) -> tuple[Floats, Floats]:
    """The chance of each of somebody's cases, by a model of the others (a value that they never had counts as their average), and
    what it may be as well: a row for each of some draws of the model.
    """
    cells = cells_of(others, names).group_by(names).agg(pl.col("n", "hits").sum()).sort(names)
    values = [(name, value) for name in names for value in cells[name].unique().sort().to_list()]

    def design(table: pl.DataFrame) -> Floats:
        columns = [np.ones(table.height), *((table[name] == value).to_numpy().astype(float) for name, value in values)]
        return np.column_stack(columns)

    n, hits = (cells[name].to_numpy().astype(float) for name in ("n", "hits"))
    share = n / n.sum()  # half a case more, half of it a hit: without any hit there would be no end to what it may be
    model = fit_risk(design(cells), n + 0.5 * share, hits + 0.25 * share)
    wanted = design(mine)
    draw = np.random.Generator(np.random.Philox(seed))
    root = np.linalg.cholesky(np.linalg.inv(model.information))
    coefficients = model.coefficients + draw.standard_normal((_MODELS, len(root))) @ root.T
    return model.risk(wanted), 1 / (1 + np.exp(-np.clip(coefficients @ wanted.T, -30, 30)))
