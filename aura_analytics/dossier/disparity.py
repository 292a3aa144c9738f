"""Whether groups of citizens get other decisions than the other groups' cases would lead one to expect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal, get_args

import numpy as np
import polars as pl

from aura_analytics import cases
from aura_analytics.cases import DECISIONS, Fact, Options
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.window import Window
from aura_analytics.dossier.asked_window import asked_window
from aura_analytics.dossier.case_mix_rows import COVARIATES, cells_of, with_covariates
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.events import SCHEMA
from aura_analytics.io.front_door import EventsLike
from aura_analytics.statistics.compared import compared

__all__ = ["disparity"]

Decided = Literal["override", "verdict", "wrong_verdict"]
_ATTRIBUTES = "attributes."
_SCHEMA: dict[str, pl.DataType] = {
    "group": pl.String(),
    "outcome": pl.String(),
    "n": pl.Int64(),
    "rate": pl.Float64(),
    "expected_rate": pl.Float64(),
    "odds_ratio": pl.Float64(),
    "odds_ratio_lo": pl.Float64(),
    "odds_ratio_hi": pl.Float64(),
    "adjusted_rate": pl.Float64(),
    "p_value": pl.Float64(),
    "status": pl.String(),
    "warning": pl.Boolean(),
}


def disparity(
    events: EventsLike,
    by: str,
    *,
    outcome: Decided = "verdict",
    verdict: str | None = None,
    covariates: Sequence[str] = ("queue", "ai_recommendation"),
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    attribution: cases.Attribution = "last_decider",
    confidence: float = 0.95,
) -> pl.DataFrame:
    """Whether groups of citizens get other decisions than the other groups' cases would lead one to expect.

    A risk model is fitted over covariates of the case, for each group without it, as `case_mix` does for officers. **Do not
    conclude** that somebody discriminates: groups may differ in what no covariate has, and a covariate may itself be unequal (a
    queue to which a group is sent), so that adjusting for it hides what one looks for. Nor that all is well where there is no
    warning: a group with few cases cannot be told. What it gives is a warning and a reason to look, never a verdict.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    by
        What groups cases: a column of events, or `attributes.` and the name of an attribute (of the case's events; the first that
        says it counts).
    outcome
        Of officers' verdicts: `verdict` (the share of one verdict), `override`, or `wrong_verdict` (of those that were judged).
    verdict
        The verdict whose share is counted, such as `REJECT`; default the rarer of two (of equals the first in the alphabet).
    covariates
        As in `case_mix`.
    as_of, window, attribution
        As in `dossiers`; the window is by default that of the default policy.
    confidence
        Level for all groups together, in (0, 1): each has limits at `1 - (1 - confidence) / groups`.

    Returns
    -------
    polars.DataFrame
        A row per group, sorted: `group`, `outcome` (what is counted, such as `REJECT`), `n`, `rate`, `expected_rate` (by the
        others), `odds_ratio` beside the others on the same kinds of cases with limits, `adjusted_rate` (with the cases of all),
        `p_value` (two-sided), `status` (`ok`, `few`, `no_overlap`), `warning` (whether the limits exclude 1, and the p-value says
        so too).

    Raises
    ------
    ParameterError
        If nothing says what `by` asks for, the verdict is not one that was issued, or arguments are out of range.
    InputError, SchemaError, EventError
        As `dossiers`.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> rows = [{"type": "DECISION", "actor": "anne", "actor_kind": "officer", "case_id": f"C{region}{i}", "ts": "2026-01-05",
    ...          "human_verdict": "REJECT" if i < many else "APPROVE", "region": region, "queue": "loans"}
    ...         for region, many in [("north", 12), ("south", 34)] for i in range(60)]
    >>> found = aura.disparity(aura.events.from_records(rows), "attributes.region")
    >>> found.select("group", "rate", "warning").rows()
    [('north', 0.2, True), ('south', 0.5666666666666667, True)]
    """
    names = (covariates,) if isinstance(covariates, str) else tuple(dict.fromkeys(covariates))
    _check(by, outcome, names, confidence)
    asked = asked_window(events, as_of, window)
    if asked is None:
        return pl.DataFrame(schema=_SCHEMA)
    columns = {"override", "queue", "ai_recommendation", "agent", "confidence", "case_id", "human_verdict"}
    needs: dict[Fact, set[str]] = {
        DECISIONS: columns | ({"right", "own_work", "weight", "by_chance"} if outcome == "wrong_verdict" else set())
    }
    inside = Window(*asked, needs, Options(attribution, "closer", None, "once"))
    rows = DECISIONS.trace(inside, needs[DECISIONS]).filter(pl.col("actor_kind") == "officer")
    groups = _groups(asked.events.filter(pl.col("ts") <= asked.end), by)
    counted, rows = _hits(rows, outcome, verdict)
    rows = rows.join(groups, on="case_id", how="inner")
    if not rows.height:
        raise ParameterError(Problem("no case says what groups it", got=by, next="name a column, or attributes.NAME of the events"))
    also = ("weight",) if outcome == "wrong_verdict" else ()
    return _table(with_covariates(rows.drop("actor").rename({"group": "actor"}), names, also), counted, names, confidence)


def _check(by: str, outcome: str, names: tuple[str, ...], confidence: float) -> None:
    problems = [
        Problem("unknown covariate", got=name, expected=", ".join(COVARIATES), next=close_match(name, list(COVARIATES)))
        for name in names
        if name not in COVARIATES
    ]
    if outcome not in get_args(Decided):
        problems.append(Problem("unknown outcome", got=outcome, expected=", ".join(get_args(Decided))))
    if not by.startswith(_ATTRIBUTES) and by not in SCHEMA:
        expected = "a column of events, or attributes.NAME"
        problems.append(Problem("unknown column", got=by, expected=expected, next=close_match(by, list(SCHEMA))))
    if by in names:
        problems.append(Problem("what groups cases cannot explain them as well", got=by, next="leave it out of covariates"))
    if not 0 < confidence < 1:
        problems.append(Problem("confidence is out of range", got=confidence, expected="a share above 0 and below 1"))
    if problems:
        raise ParameterError("disparity cannot be counted so", problems=problems)


def _hits(rows: pl.DataFrame, outcome: str, verdict: str | None) -> tuple[str, pl.DataFrame]:
    """What is counted, and the rows with whether they are hits."""
    if outcome == "override":
        return outcome, rows.with_columns(hit=pl.col("override"))
    if outcome == "wrong_verdict":
        return outcome, rows.filter(pl.col("right").is_not_null()).with_columns(hit=~pl.col("right"))
    said = rows["human_verdict"].drop_nulls().value_counts(name="n").sort("n", "human_verdict")
    words = said["human_verdict"].to_list()
    if verdict is None and len(words) != 2:
        raise ParameterError(
            Problem("name the verdict that is counted", got=", ".join(words[:10]) or "no verdicts", expected="verdict=")
        )
    chosen = verdict if verdict is not None else words[0]
    if chosen not in words:
        raise ParameterError(
            Problem("nobody issued that verdict", got=chosen, expected=", ".join(words[:10]), next=close_match(chosen, words))
        )
    return chosen, rows.filter(pl.col("human_verdict").is_not_null()).with_columns(hit=pl.col("human_verdict") == chosen)


def _groups(events: pl.LazyFrame, by: str) -> pl.DataFrame:
    """The group of every case: the first that its events say."""
    if by.startswith(_ATTRIBUTES):
        name = by.removeprefix(_ATTRIBUTES)
        told = events.filter(pl.col("attributes").str.contains(f'"{name}"', literal=True))
        value = pl.col("attributes").str.json_path_match(f'$["{name}"]')
    else:
        told, value = events, pl.col(by).cast(pl.String)
    said = told.filter(pl.col("case_id").is_not_null()).select("case_id", "ts", "event_id", group=value)
    said = said.filter(pl.col("group").is_not_null()).sort("ts", "event_id")
    return collect(said.group_by("case_id").agg(pl.col("group").first()))


def _table(rows: pl.DataFrame, counted: str, names: tuple[str, ...], confidence: float) -> pl.DataFrame:
    from scipy.special import ndtr

    cells = cells_of(rows, names)
    if not names:
        cells, names = cells.with_columns(all=pl.lit("all")), ("all",)
    level = 1 - (1 - confidence) / max(cells["actor"].n_unique(), 1)
    found = compared(cells, names, confidence=level)
    assert found is not None
    p = pl.Series(2 * ndtr(-np.abs(found.actors["z"].fill_null(float("nan")).to_numpy()))).fill_nan(None)
    table = found.actors.with_columns(
        group=pl.col("actor"),
        expected_rate=pl.col("expected") / pl.col("size"),
        p_value=p,
        outcome=pl.lit(counted),
        warning=((pl.col("odds_ratio_lo") > 1).fill_null(value=False) | (pl.col("odds_ratio_hi") < 1).fill_null(value=False))
        & (p < 1 - level),
    )
    return table.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items()).sort("group")
