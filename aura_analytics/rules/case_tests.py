"""Tests that are written beside rules: the numbers of one actor, as a board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from aura_analytics.clock import times
from aura_analytics.errors import Problem, RuleError, close_match
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.rules.grammar import TestCase

__all__ = ["PolicyReport", "case_board"]


@dataclass(frozen=True)
class PolicyReport:
    """How a policy's own tests came out.

    Attributes
    ----------
    passed
        How many passed.
    failures
        The others, in words.
    """

    passed: int
    failures: tuple[str, ...]


def case_board(
    case: TestCase, metrics: Mapping[str, Metric], step: timedelta | None = None, kind_of: str = "officer"
) -> pl.DataFrame:
    """Dossier rows from the numbers of a test case, one per reading; a step lies between two of them (default a day). Who has no
    `actor_kind` there is a `kind_of`.
    """
    apart = times.micros(step or timedelta(days=1))
    frames = []
    for i, reading in enumerate(case.steps):
        columns: dict[str, Any] = {"actor": ["case"], "actor_kind": [reading.get("actor_kind", kind_of)]}
        columns["as_of"] = pl.Series([i * apart], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
        unknown = [name for name in reading if name not in metrics and name not in ("agreed_ever", "actor_kind")]
        if unknown:
            hints = [
                Problem("unknown metric in a test", got=n, where=case.name, next=close_match(n, list(metrics))) for n in unknown
            ]
            raise RuleError("a test cannot be read", problems=hints)
        table = pl.DataFrame(columns)
        for name, kind in metrics.items():
            table = table.with_columns(**_numbers(kind, reading.get(name), case.name))
        decided = table["override_rate_n"][0] > 0
        if not isinstance(reading.get("agreed_ever", True), bool):
            raise RuleError(Problem("agreed_ever is true or false", got=reading["agreed_ever"], where=f"test {case.name!r}"))
        ever = reading.get("agreed_ever", table["override_rate"][0] < 1 if decided else None)
        frames.append(table.with_columns(agreed_ever=pl.lit(ever, dtype=pl.Boolean)))
    return pl.concat(frames)


def _numbers(kind: Metric, given: Any, case: str) -> dict[str, pl.Series]:
    """A metric's columns from the numbers of a test, as its kind reads them."""
    try:
        return kind.from_test(given)
    except (KeyError, TypeError, ValueError):
        problem = Problem(f"numbers of {kind.name} cannot be read", got=given, expected=kind.test_form, where=f"test {case!r}")
        raise RuleError(problem) from None
