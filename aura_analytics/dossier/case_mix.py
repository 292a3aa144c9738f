"""Case mix: what officers did beside what the others would have been expected to do with the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aura_analytics import cases
from aura_analytics.clock.calendars import CalendarLike
from aura_analytics.clock.sla import SlaLike
from aura_analytics.dossier.case_mix_rows import Outcome, cells_and_aside, check_limits, checked_covariates, compared_rows
from aura_analytics.dossier.in_parts.case_mix import cells_of_parts
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.statistics.compared import COMPARED, compared
from aura_analytics.statistics.dispersion import Dispersion, dispersion
from aura_analytics.statistics.intervals import z_value
from aura_analytics.statistics.risk_model import RiskModel
from aura_analytics.tasks import ExecutorLike

__all__ = ["CaseMix", "case_mix"]

Spread = Literal["none", "multiplicative", "additive"]


@dataclass(frozen=True, repr=False)
class CaseMix:
    """What actors did beside what was expected of them.

    Attributes
    ----------
    actors
        A row an actor, sorted by name: `n` (verdicts, or ratings), `observed`, `expected` (by a model of the others), `rate`, `oe`
        (observed / expected) with `oe_lo`, `oe_hi`; `adjusted_rate` (the rate that they would have with the cases of the
        whole office) with limits; `odds_ratio` (null where it is without bound); `z` (observed less expected, in standard
        deviations of chance and of the model); `information` (about the log odds ratio: one over its variance); `overlap`
        (share of their cases in strata of which others had at least 5); `status`: `ok`, `few` (under 5 cases), `no_overlap`
        (under half of the cases can be compared), `selective_audits` (which verdicts were judged depended on what they were; such
        actors are left out of everything). What rests on `expected` is null unless the status is `ok`. Of wrong verdicts
        `observed` and `expected` are of as many equally weighted ones as are as precise.
    effects
        What the covariates do: `covariate`, `value`, `odds_ratio` beside the average of the covariate, `cases`.
    calibration
        How well the model says what happens, in tenths of the expected risk: `tenth`, `n`, `observed`, `expected`.
    dispersion
        Whether actors differ by more than chance and case mix: phi (multiplicative) and tau squared (additive, log odds).
    rate
        The rate of the whole office.
    outcome, covariates
        What it is of, and what cases were told apart by.
    """

    actors: pl.DataFrame
    effects: pl.DataFrame
    calibration: pl.DataFrame
    dispersion: Dispersion
    rate: float
    outcome: Outcome
    covariates: tuple[str, ...]

    def __repr__(self) -> str:
        """What it is of, in a line."""
        return f"CaseMix({self.outcome} over {', '.join(self.covariates)}: {self.actors.height:,} actors, rate {self.rate:.3f})"

    def _repr_html_(self) -> str:
        """The actors as a table, for a notebook."""
        return self.actors._repr_html_()

    def outliers(self, confidence: float = 0.998, spread: Spread = "none") -> pl.DataFrame:
        """Actors beyond the limits of a funnel, the farthest first: the rows of `actors` with `z_used`, `p_value` (two-sided).

        With `none` the limits allow for chance alone: whoever differs at all is found in the end. `multiplicative` and
        `additive` allow for actors differing as they do here, and ask who differs more than that. Neither choice is free: where
        150 ordinary officers of 120 verdicts differ by a standard deviation of 0.2 of the log odds, `none` at 0.998 names 2.3 %
        of them and finds 78 % of those with an odds ratio of 2.5; `additive` at 0.998 names 0.3 % and finds 58 %, at 0.99 it
        names 1.3 % and finds 74 %.

        Parameters
        ----------
        confidence
            Two-sided level, in (0, 1); of 1,000 who are as expected, 2 are beyond 0.998.
        spread
            What is allowed for.

        Raises
        ------
        ParameterError
            For another spread, or a level out of range.

        Examples
        --------
        >>> import aura_analytics as aura
        >>> found = aura.case_mix(aura.sample_log(2000, seed=1), window="all")
        >>> found.outliers(spread="additive").columns[-2:]
        ['z_used', 'p_value']
        """
        if spread not in get_args(Spread):
            raise ParameterError(Problem("unknown spread", got=spread, expected=", ".join(get_args(Spread))))
        if not 0 < confidence < 1:
            raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a share above 0 and below 1"))
        z = pl.col("z")
        if spread == "multiplicative" and self.dispersion.phi > 1:
            z = z / self.dispersion.phi**0.5
        if spread == "additive" and self.dispersion.tau2 > 0:
            # z is log odds ratio / its error: with the variance between actors added to that of chance
            z = z / (1 + self.dispersion.tau2 * pl.col("information")).sqrt()
        from scipy.special import ndtr

        told = self.actors.filter(pl.col("status") == "ok").with_columns(z_used=z)
        p = 2 * ndtr(-np.abs(told["z_used"].to_numpy()))
        beyond = told.with_columns(p_value=pl.Series(p)).filter(pl.col("z_used").abs() > z_value(confidence))
        return beyond.sort(pl.col("z_used").abs(), "actor", descending=[True, False])


def case_mix(
    events: EventsLike,
    covariates: Sequence[str] = ("queue", "ai_recommendation"),
    *,
    outcome: Outcome = "override",
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    attribution: cases.Attribution = "last_decider",
    sla: SlaLike = None,
    calendar: CalendarLike = None,
    ridge: float = 1.0,
    confidence: float = 0.95,
    executor: ExecutorLike = None,
    scratch: str | Path | None = None,
) -> CaseMix:
    """What officers did beside what the others would have been expected to do with the same cases.

    Who gets the hard cases looks bad by rates alone. A ridge logistic model of the outcome is fitted over covariates of the case,
    and each officer is compared with the model of all others (leave-one-officer-out), so that nobody sets their own standard.
    It adjusts for what is declared and recorded, and for nothing else: **do not conclude** that who is above 1 does worse work
    (cases may differ in ways that no covariate has), that who is at 1 does good work (everybody may be wrong), or that two
    adjusted rates can be compared where the overlap is small. An officer whose kind of cases nobody else has cannot be compared.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    covariates
        What cases differ in before anybody decides: of `queue`, `ai_recommendation`, `agent`, `confidence` (in fifths of all
        cases), `hour` (in quarters of a day, UTC), `weekday`. Nothing that the officer does belongs here.
    outcome
        `override`: of officers' verdicts; `wrong_verdict`: of those that were judged and are no own work, each counted for as many
        verdicts as it stands for (one over the chance of its audit); `low_rating`: of ratings, at most 2 stars; `breach`: of cases
        whose limit (`sla`, `calendar`) had passed by the end of the window, those that outlasted it; `overridden`: of
        recommendations, for agents beside other agents.
    as_of, window, attribution, sla, calendar
        As in `dossiers`; the window is by default that of the default policy.
    ridge
        Penalty on effects, above 0.
    confidence
        Two-sided level of limits, in (0, 1).
    executor, scratch
        As in `dossiers`; not with the covariate `confidence`, whose fifths are those of all cases.

    Returns
    -------
    CaseMix
        Rows per actor, effects, calibration, dispersion.

    Raises
    ------
    InputError, SchemaError, EventError
        As `dossiers`.
    ParameterError
        For an unknown covariate or outcome, or arguments out of range.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> found = aura.case_mix(aura.sample_log(2000, seed=1), ["queue"], window="all")
    >>> found.actors.select("actor", "n", "observed", "oe").head(1).columns
    ['actor', 'n', 'observed', 'oe']
    """
    names = _checked(covariates, outcome, ridge, confidence)
    check_limits(outcome, sla)
    if executor is not None:
        found = cells_of_parts(
            events, outcome, names, as_of, window, attribution, sla=sla, calendar=calendar, executor=executor, scratch=scratch
        )
        return _of_cells(*found, names, outcome, ridge, confidence)
    rows = compared_rows(events, outcome, as_of, window, attribution, names, sla=sla, calendar=calendar)
    return _of_cells(*cells_and_aside(rows, names), names, outcome, ridge, confidence)


def _checked(covariates: Sequence[str], outcome: str, ridge: float, confidence: float) -> tuple[str, ...]:
    problems = []
    if isinstance(ridge, str) or not 0 < ridge < float("inf"):
        problems.append(Problem("ridge is out of range", got=ridge, expected="a number above 0"))
    if not 0 < confidence < 1:
        problems.append(Problem("confidence is out of range", got=confidence, expected="a share above 0 and below 1"))
    return checked_covariates(covariates, outcome, problems)


def _of_cells(
    cells: pl.DataFrame, aside: pl.DataFrame, names: tuple[str, ...], outcome: Outcome, ridge: float, confidence: float
) -> CaseMix:
    found = compared(cells, names, ridge, confidence)
    if found is None:
        return _nothing(names, outcome)
    ok = found.actors.filter((pl.col("status") == "ok") & (pl.col("information") > 0))
    log_odds = ok["z"] / ok["information"].sqrt()  # the first step of them: they are finite where nothing, or all, was observed
    spread = dispersion(log_odds.to_numpy(), ok["information"].to_numpy() ** -0.5, winsorise=True)
    calibration = _calibration(found.cells, found.model, found.design)
    actors = found.actors.select(*COMPARED)
    if aside.height:
        unsaid = aside.with_columns(status=pl.lit("selective_audits"))
        actors = pl.concat([actors, unsaid], how="diagonal").sort("actor")
    return CaseMix(actors, _effects(found.model, found.told), calibration, spread, found.rate, outcome, names)


def _nothing(names: tuple[str, ...], outcome: Outcome) -> CaseMix:
    effects = {"covariate": pl.String, "value": pl.String, "odds_ratio": pl.Float64, "cases": pl.Int64}
    calibration = {"tenth": pl.Int64, "n": pl.Int64, "observed": pl.Int64, "expected": pl.Float64}
    actors, of_effects, of_tenths = (pl.DataFrame(schema=one) for one in (COMPARED, effects, calibration))
    nan = float("nan")
    return CaseMix(actors, of_effects, of_tenths, Dispersion(nan, nan, 0), nan, outcome, names)


def _effects(model: RiskModel, told: pl.DataFrame) -> pl.DataFrame:
    log_odds = pl.Series("log_odds", model.coefficients[1:])
    mean = (pl.col("log_odds") * pl.col("cases")).sum().over("covariate") / pl.col("cases").sum().over("covariate")
    return told.with_columns(log_odds).select("covariate", "value", odds_ratio=(pl.col("log_odds") - mean).exp(), cases="cases")


def _calibration(cells: pl.DataFrame, model: RiskModel, design: NDArray[np.float64]) -> pl.DataFrame:
    """Patterns in the order of their risk, in tenths of the cases."""
    risk = pl.DataFrame({"pattern": np.arange(len(design), dtype=np.uint32), "risk": model.risk(design)})
    by = cells.group_by("pattern").agg(pl.col("n", "hits").sum()).join(risk, on="pattern").sort("risk", "pattern")
    tenth = ((pl.col("n").cum_sum() - pl.col("n") / 2) * 10 / pl.col("n").sum()).floor().clip(0, 9).cast(pl.Int64) + 1
    grouped = by.with_columns(tenth=tenth).group_by("tenth", maintain_order=True)
    return grouped.agg(pl.col("n").sum(), observed=pl.col("hits").sum(), expected=(pl.col("n") * pl.col("risk")).sum())
