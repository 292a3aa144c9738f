"""Worlds whose truth is known, read once, in which any thresholds are tried at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.rules.engine import Board
from aura_analytics.simulation.readings import readings
from aura_analytics.simulation.streams import Streams
from aura_analytics.simulation.world import World

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.rules.policy import Policy
    from aura_analytics.simulation.scenario import Scenario

__all__ = ["ErrorBank"]

_YEAR = 365.25


class ErrorBank:
    """Dossiers of many worlds whose truth is known, read every so many days: one frame, so that any thresholds are tried on all at once."""

    def __init__(self, scenario: Scenario, policy: Policy, window: str | None, every: int, worlds: int, seed: int) -> None:
        world = World(
            scenario.model_copy(update={"hr": None, "routing": None}), [Streams(seed, number) for number in range(worlds)]
        )
        seen = readings(world, policy.metrics, window)
        seen.add(*world.epoch(0, scenario.days))
        days = list(range(every, scenario.days + 1, every)) or [scenario.days]
        frames = [seen.board(world.moment(day)).with_columns(reading=pl.lit(place)) for place, day in enumerate(days)]
        frame = pl.concat(frames).filter(pl.col("number") >= 0)
        self.board = Board(frame)
        self.number, self.reading = frame["number"].to_numpy(), frame["reading"].to_numpy()
        self._shape = len(days), len(world.officers) * worlds
        person = np.array([group.kind == "officer" for group in scenario.officers])[world.officer_group]
        bad = np.array([group.bad for group in scenario.officers])[world.officer_group] & person
        self._bad, self._person = np.tile(bad, worlds), np.tile(person, worlds)
        self._years = scenario.days / _YEAR

    def rates(self, flagged: NDArray[np.bool_], k: int, m: int) -> dict[str, float]:
        """Error rates of flags, one for each row of the board."""
        table = np.zeros(self._shape, dtype=np.int64)
        table[self.reading, self.number] = flagged
        if m > 1:
            total = np.concatenate([np.zeros((1, self._shape[1]), dtype=np.int64), table.cumsum(axis=0)])
            first = np.maximum(np.arange(self._shape[0]) + 1 - m, 0)
            table = ((total[1:] - total[first]) >= k).astype(np.int64)
        ever = np.asarray(table.any(axis=0))
        new = np.diff(np.concatenate([np.zeros((1, self._shape[1]), dtype=np.int64), table]), axis=0) > 0
        good = self._person & ~self._bad
        missed = float((~ever[self._bad]).mean()) if self._bad.any() else float("nan")
        people = max(int(self._person.sum()), 1)
        return {
            "false_flags": float(ever[good].sum() / max(good.sum() * self._years, 1e-9)), "missed": missed, "detected": 1 - missed,
            "false_per_100": float(100 * ever[good].sum() / people), "missed_per_100": float(100 * (~ever[self._bad]).sum() / people),
            "flags": float(new[:, self._person].sum() / max(self._person.sum() * self._years, 1e-9)),
        }  # fmt: skip
