"""What the tracker's rule and the policy say of a board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

import polars as pl

from aura_analytics.dossier.doubts import Seen, doubts
from aura_analytics.rules.over_time import Fold
from aura_analytics.rules.policy import Policy

__all__ = ["pip_recommended", "with_pip"]


def pip_recommended(rate: pl.Expr, mean_stars: pl.Expr) -> pl.Expr:
    """The tracker's own rule: `rate > 0.3 and (mean or 5) < 3`; a mean that is missing or 0 counts as 5.

    Examples
    --------
    >>> table = pl.DataFrame({"rate": [0.42, 0.5], "mean": [2.1, None]})
    >>> table.select(pip_recommended(pl.col("rate"), pl.col("mean"))).to_series().to_list()
    [True, False]
    """
    stars = pl.when(mean_stars.is_null() | (mean_stars == 0)).then(5.0).otherwise(mean_stars)
    return (rate > 0.3) & (stars < 3)


def with_pip(
    board: pl.DataFrame,
    since: datetime | None,
    seen: Seen,
    ratings: Mapping[str, list[str]],
    agreed: Callable[[pl.Series], pl.Series],
    policy: Policy,
    past: Fold | None = None,
    texts: Literal["all", "reasons", "none"] = "reasons",
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Add what the tracker's rule and a policy say, and warnings on the data; returns the board and the verdicts (None where the
    board lacks a metric that the policy reads).

    `seen` and `ratings` are what `doubts.Seen` and `doubts.bursts` found, `agreed` tells which of some actors ever issued an
    agreeing verdict, `past` is what earlier readings left behind.
    """
    if "override_rate" in board.columns:
        board = board.with_columns(agreed_ever=_agreed_ever(board, since, agreed))
    if {"override_rate", "sat_score_mean"} <= set(board.columns):
        board = board.with_columns(pip_recommended=pip_recommended(pl.col("override_rate"), pl.col("sat_score_mean")))
    if not set(policy.metrics) <= set(board.columns):
        return board, None
    verdicts = policy.evaluate(board, texts=texts, past=past)
    board = board.with_columns(policy.flag_chances(board), pip_status=verdicts["verdict"], pip_reasons=verdicts["reasons"])
    return board.with_columns(warnings=doubts(board, seen, ratings)), verdicts


def _agreed_ever(board: pl.DataFrame, since: datetime | None, agreed: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Whether an actor ever issued an agreeing verdict up to `as_of`; null for one who issued none at all in the window.

    Whoever agreed inside the window is known already; only those who always overrode are looked up in the log before it.
    """
    n, rate = board["override_rate_n"], board["override_rate"]
    known = board.select(pl.when(n > 0).then(rate < 1)).to_series()
    doubtful = board["actor"].filter((n > 0) & (rate == 1))
    if since is None or doubtful.is_empty():
        return known
    return known | (board["actor"].is_in(agreed(doubtful).implode()) & (n > 0))
