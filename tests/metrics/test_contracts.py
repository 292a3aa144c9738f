"""Every registered metric keeps the public contract; metrics that break it are found out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.checks import check_metric
from aura_analytics.metrics import METRICS, Rate
from aura_analytics.metrics.kinds.base import Metric


@pytest.mark.parametrize("name", sorted(METRICS))
def test_contract(name: str) -> None:
    check_metric(name)


class _RowOrder(Rate):
    def collect(self) -> list[pl.Expr]:
        return [pl.col("override").first().cast(pl.Int64).alias(f"{self.name}:k"), pl.len().cast(pl.Int64).alias(f"{self.name}:n")]


class _OutOfRange(Rate):
    def finish(self, sums: pl.DataFrame, context: Any) -> dict[str, pl.Series]:
        columns = super().finish(sums, context)
        return columns | {self.name: columns[self.name] * 100}


class _NotNull(Rate):
    def finish(self, sums: pl.DataFrame, context: Any) -> dict[str, pl.Series]:
        columns = super().finish(sums, context)
        return columns | {self.name: columns[self.name].fill_null(float("nan"))}


BASE: dict[str, Any] = {
    "name": "mine",
    "title": "Mine",
    "unit": "fraction",
    "low": 0,
    "high": 1,
    "direction": "lower",
    "fact": "decisions",
    "needs": ("override",),
    "hit": pl.col("override"),
}


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (_RowOrder(**BASE), "order of rows"),
        (_OutOfRange(**BASE), "out of the declared range"),
        (_NotNull(**BASE), "NaN"),
        (Rate(**{**BASE, "unit": "bananas"}), "unknown unit"),
        (Rate(**{**BASE, "name": "My Metric"}), "identifier"),
        (Rate(**{**BASE, "fact": "decisons"}), "did you mean 'decisions'"),
        (Rate(**{**BASE, "needs": ("overide",)}), "a column that decisions does not have.*did you mean 'override'"),
    ],
)
def test_broken_metrics_are_found_out(broken: Metric, text: str) -> None:
    with pytest.raises(aura.errors.ContractError, match=text):
        check_metric(broken)


def test_own_metric_in_a_dossier() -> None:
    mine = Rate(**BASE)
    board = aura.dossiers(aura.events.sample(200, seed=1), metrics=["override_rate", mine])
    decided = board.filter(pl.col("mine_n") > 0)
    assert decided.height == 3
    assert decided["mine"].equals(decided["override_rate"].alias("mine"))


def test_metric_is_frozen() -> None:
    assert replace(METRICS["override_rate"], title="x").title == "x"
    with pytest.raises(AttributeError):
        METRICS["override_rate"].title = "x"  # type: ignore[misc]
