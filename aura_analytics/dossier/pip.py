"""What the tracker's rule and the policy say of a board, and doubts about the data behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import polars as pl

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
    decisions: pl.DataFrame,
    agreed: Callable[[pl.Series], pl.Series],
    policy: Policy,
    past: Fold | None = None,
    texts: Literal["all", "reasons", "none"] = "reasons",
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Add what the tracker's rule and a policy say, and warnings on the data; returns the board and the verdicts (None where the
    board lacks a metric that the policy reads).

    `agreed` tells which of some actors ever issued an agreeing verdict; `past` is what earlier readings left behind.
    """
    if "override_rate" in board.columns:
        board = board.with_columns(agreed_ever=_agreed_ever(board, since, agreed))
    if {"override_rate", "sat_score_mean"} <= set(board.columns):
        board = board.with_columns(pip_recommended=pip_recommended(pl.col("override_rate"), pl.col("sat_score_mean")))
    if not set(policy.metrics) <= set(board.columns):
        return board, None
    verdicts = policy.evaluate(board, texts=texts, past=past)
    board = board.with_columns(pip_status=verdicts["verdict"], pip_reasons=verdicts["reasons"])
    return board.with_columns(warnings=_warnings(board, decisions)), verdicts


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


def _warnings(board: pl.DataFrame, table: pl.DataFrame) -> pl.Series:
    found: dict[str, list[str]] = {}
    if {"case_id", "ai_recommendation", "human_verdict"} <= set(table.columns):
        repeated = table.filter(pl.col("case_id").is_not_null() & pl.col("case_id").is_duplicated())
        mixed = repeated.group_by("actor", "case_id").agg(both=pl.col("override").n_unique() == 2).filter("both")
        for actor, count in mixed.group_by("actor").len().sort("actor").iter_rows():
            found.setdefault(actor, []).append(f"{count} cases carry both a DECISION and an OVERRIDE of this actor")
        same = pl.col("ai_recommendation") == pl.col("human_verdict")
        wrong = table.filter(same == pl.col("override"))
        for actor, count in wrong.group_by("actor").len().sort("actor").iter_rows():
            found.setdefault(actor, []).append(
                f"{count} verdicts contradict their own type (an OVERRIDE that agrees, or the reverse)"
            )
    for names in _alike(board["actor"]):
        shown = ", ".join(repr(name) for name in names[:5])
        for actor in names:
            found.setdefault(actor, []).append(
                f"{len(names)} names differ only in case, spaces or normal form, and may be one person: {shown}"
            )
    nothing = pl.Series([[]], dtype=pl.List(pl.String))
    if not found:
        return nothing.new_from_index(0, board.height)
    texts = pl.DataFrame(
        {"actor": list(found), "texts": list(found.values())}, schema={"actor": pl.String, "texts": pl.List(pl.String)}
    )
    joined = board.select("actor").join(texts, on="actor", how="left", maintain_order="left")
    return joined["texts"].fill_null(nothing.first())


def _alike(actors: pl.Series) -> list[list[str]]:
    """Groups of names that a reader would take for one."""
    plain = pl.col("actor").str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    same = pl.DataFrame({"actor": actors}).with_columns(plain=plain).filter(pl.col("plain").is_duplicated())
    return [sorted(names) for names in same.group_by("plain", maintain_order=True).agg("actor")["actor"].to_list()]
