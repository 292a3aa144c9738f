"""Audited numbers of a world in motion, without its events: verdicts as the simulator knows them, judged once their audit has come.

The table that is made of them is the very one of a log's facts (`aura_analytics.cases.DECISIONS`), and the metrics count it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.cases import DECISIONS
from aura_analytics.cases.hindsight import PARTS
from aura_analytics.dossier.summary import collected
from aura_analytics.metrics.kinds.base import Context, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from aura_analytics.simulation.world import Columns

__all__ = ["Judged", "is_audited"]

_KNOWN = {"override", "right", "advice_right", "weight", "by_chance", "own_work"}


def is_audited(one: Metric) -> bool:
    """Whether a metric counts judged verdicts of officers, and nothing else that the simulator would have to look up."""
    kept = bool(one.per_row()) or one.ordered() is not None
    return one.table == DECISIONS and one.subject == "actor" and set(one.needs) <= _KNOWN and not kept


class Judged:
    """The verdicts of a world, and what audits say of them.

    Parameters
    ----------
    metrics
        What is counted.
    chances
        With which a case is audited whose recommendation was accepted, and one that was overridden; every audit says so.
    """

    def __init__(self, metrics: Iterable[Metric], chances: tuple[float, float]) -> None:
        self.metrics: list[Metric] = list(metrics)
        self._weights = [round(PARTS / chance) if chance else 0 for chance in chances]
        self._parts: list[dict[str, NDArray[Any]]] = []
        self._sums = pl.DataFrame()

    def add(self, done: Columns, audit: int) -> None:
        """Take in what was begun; an audit comes so many microseconds after a case's end."""
        rows = np.flatnonzero(done["decided"] & ~done["drill"] if "drill" in done else done["decided"])
        audited = done["audited"][rows]
        end = done["end"][rows]
        self._parts.append(
            {
                "actor": done["officer"][rows].astype(np.uint32),
                "ts": end,
                "override": done["override"][rows],
                "advice_right": done["ai_right"][rows],
                "judged_at": np.where(audited, end + audit, np.iinfo(np.int64).max),
            }
        )

    def read(self, since: int, until: int) -> NDArray[np.int64]:
        """Count the window `(since, until]`; returns the numbers of those who have verdicts in it."""
        if len(self._parts) > 1:  # what has left the window is not needed any more
            whole = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
            late = whole["ts"] > since
            self._parts = [{name: column[late] for name, column in whole.items()}]
        if not self._parts:
            return np.zeros(0, dtype=np.int64)
        part = self._parts[0]
        inside = (part["ts"] > since) & (part["ts"] <= until)
        columns = {name: column[inside] for name, column in part.items() if name != "ts"}
        known = columns.pop("judged_at") <= until
        right = columns["advice_right"] != columns["override"]
        table = pl.DataFrame({**columns, "right": right, "known": known}).with_columns(own_work=pl.lit(None, dtype=pl.Boolean))
        judged = pl.when(pl.col("known"))
        accepted, overridden = (pl.lit(weight, dtype=pl.Int64) for weight in self._weights)
        table = table.with_columns(
            right=judged.then(pl.col("right")),
            advice_right=judged.then(pl.col("advice_right")),
            weight=judged.then(pl.when("override").then(overridden).otherwise(accepted)),
            by_chance=judged.then(statement=True),
        )
        self._sums = collected(table.drop("known"), (DECISIONS, "actor"), self.metrics)
        return self._sums["actor"].to_numpy().astype(np.int64)

    def finish(self, one: Metric, actors: NDArray[np.int64], context: Context) -> dict[str, pl.Series]:
        """The columns of one of the metrics for some actors."""
        numbers = pl.DataFrame({"actor": pl.Series(actors.astype(np.uint32))})
        sums = self._sums if self._sums.width else collected(DECISIONS.empty(), (DECISIONS, "actor"), self.metrics).head(0)
        aligned = numbers.join(sums.with_columns(pl.col("actor").cast(pl.UInt32)), on="actor", how="left", maintain_order="left")
        return one.finish(aligned, context)
