"""The table of reliance: recommendations accepted or overridden, right or wrong, for officers, agents and queues."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

import polars as pl

from aura_analytics.cases import DECISIONS, build
from aura_analytics.dossier.board import check_confidence
from aura_analytics.dossier.reach import OFFICERS, stretch
from aura_analytics.dossier.summary import collected
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics import reliance as shipped
from aura_analytics.metrics.appropriateness import overrides_right_rate
from aura_analytics.metrics.kinds.audited import OVERSIGHT
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.metrics.kinds.statuses import STATUSES

__all__ = ["CELLS", "MEASURES", "reliance", "reliance_sentence"]

MEASURES: tuple[Metric, ...] = (
    shipped.accepted_wrong_rate,
    overrides_right_rate,
    shipped.over_reliance_rate,
    shipped.under_reliance_rate,
    shipped.verdict_right_rate,
    shipped.advice_right_rate,
    shipped.initial_right_rate,
    shipped.team_gain,
    shipped.discernment,
    shipped.leaning,
    shipped.rair,
    shipped.rsr,
)
CELLS = ("accepted_right", "accepted_wrong", "overridden_right", "overridden_wrong")
_BY = ("actor", "queue", "agent")
_NONE = "\U0010ffff"  # sorts last, and is no name
_FEW = 20  # judged verdicts


def reliance(
    events: EventsLike,
    by: Literal["actor", "queue", "agent"] = "actor",
    *,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """What was done with right and with wrong recommendations, as far as somebody judged the case.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    by
        Whose table: each officer's, each queue's, or each recommending agent's.
    as_of, window
        End and length of the window, as in `aura.dossiers`.
    confidence
        Two-sided level of the intervals, in (0, 1).

    Returns
    -------
    polars.DataFrame
        One row for each, sorted by name (null: verdicts that say none). The name, under `by`; `accepted`, `overridden` (verdicts);
        `accepted_right`, `accepted_wrong`, `overridden_right`, `overridden_wrong` (judged ones, by whether the recommendation was
        right; counts, not weighted); `judged` (all judged verdicts); then the metrics of `aura_analytics.metrics.reliance` and
        `overrides_right_rate`, each with `_n`, `_n_eff` (where weights differ), `_lo`, `_hi`, `_status`. Own work and drills are
        left out; a verdict is weighted within its officer.

    Raises
    ------
    ParameterError
        For another `by`, or a level out of range.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> table = aura.reliance(aura.simulate("fraud_unit", seed=1, days=60))
    >>> table.select("actor", "accepted_right", "accepted_wrong", "overridden_right", "overridden_wrong").rows()
    [('careful', 34, 0, 0, 24), ('rubber_stamp', 40, 20, 0, 0)]
    """
    check_confidence(confidence)
    if by not in _BY:
        raise ParameterError(Problem("a table of reliance is by something else", got=by, expected=", ".join(_BY)))
    lazy = as_events(events)
    moment, since = stretch(lazy, as_of, window)
    needs = {name for one in MEASURES for name in one.needs} | {"queue", "agent", "case_id"}
    table = build(lazy, moment, since, {DECISIONS: needs}).table(DECISIONS)
    table = table.filter(OFFICERS)
    named = table.with_columns(__by=pl.col(by).fill_null(_NONE))
    override, right = pl.col("override"), pl.col("advice_right")
    counts = (
        named.filter(OVERSIGHT)
        .group_by("__by")
        .agg(
            accepted=(~override).sum(),
            overridden=override.sum(),
            accepted_right=(~override & right).sum(),
            accepted_wrong=(~override & ~right).sum(),
            overridden_right=(override & right).sum(),
            overridden_wrong=(override & ~right).sum(),
            judged=pl.col("right").is_not_null().sum(),
        )
    )
    sums = collected(named.with_columns(actor=pl.col("__by")), (DECISIONS, "actor"), list(MEASURES))
    columns = {name: series for one in MEASURES for name, series in one.finish(sums, Context(moment, confidence)).items()}
    words = pl.Series(STATUSES, dtype=pl.String)
    numbers = sums.select("actor").with_columns(
        (words.gather(series) if name.endswith("_status") else series).alias(name) for name, series in columns.items()
    )
    found = counts.cast({pl.UInt32: pl.Int64}).join(numbers, left_on="__by", right_on="actor").sort("__by")
    return found.rename({"__by": by}).with_columns(pl.when(pl.col(by) != _NONE).then(pl.col(by)).alias(by))


def reliance_sentence(row: dict[str, object]) -> str:
    """What the numbers of a row of `reliance` support, and what they do not, in a few sentences.

    Parameters
    ----------
    row
        A row of `reliance`, as a dictionary.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> row = aura.reliance(aura.simulate("fraud_unit", seed=1, days=60)).row(1, named=True)
    >>> print(reliance_sentence(row))  # doctest: +NORMALIZE_WHITESPACE
    60 of 644 verdicts were judged. Of 60 accepted recommendations 20 were wrong. Nothing that was overridden was judged. As far as
    this stands for all, recommendations were right in 67 %, verdicts in 67 %.
    """
    whole = {name: int(row[name]) for name in (*CELLS, "accepted", "overridden", "judged")}  # type: ignore[call-overload]
    verdicts = whole["accepted"] + whole["overridden"]
    if not whole["judged"]:
        none = "The only verdict was not" if verdicts == 1 else f"None of {verdicts:,} verdicts was"
        return f"{none} judged: the numbers say how often recommendations were accepted, and nothing about whether that was right."
    said = [f"{whole['judged']:,} of {verdicts:,} verdicts were judged."]
    for kind, wrong, word in (("accepted", "accepted_wrong", "wrong"), ("overridden", "overridden_right", "right")):
        n = whole[f"{kind}_right"] + whole[f"{kind}_wrong"]
        if n:
            said.append(f"Of {n:,} {kind} recommendations {whole[wrong]:,} were {word}.")
        else:
            said.append(f"Nothing that was {kind} was judged.")
    if row["verdict_right_rate_status"] == "selective_audits":
        said.append("Cases were picked for audit by their verdict, with unknown chances: no share of all verdicts can be said.")
    elif row["verdict_right_rate"] is not None and row["advice_right_rate"] is not None:
        advice, verdict = row["advice_right_rate"], row["verdict_right_rate"]
        text = f"As far as this stands for all, recommendations were right in {advice:.0%}, verdicts in {verdict:.0%}."
        said.append(text.replace("%", " %"))
    if whole["judged"] < _FEW:
        said.append(f"Fewer than {_FEW} judged verdicts decide nothing about anybody.")
    return " ".join(said)
