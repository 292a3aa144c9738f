"""Worlds whose truth is known, read once, in which any thresholds are tried at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.rules.numbers import Board
from aura_analytics.simulation.readings import readings
from aura_analytics.simulation.streams import Streams
from aura_analytics.simulation.subjects import subjects_of
from aura_analytics.simulation.world import World
from aura_analytics.statistics.intervals import exact_rate, poisson_rate, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.rules.policy import Policy
    from aura_analytics.simulation.scenario import Scenario

__all__ = ["ErrorBank"]

_YEAR = 365.25
_BATCH = 300_000  # cases of the worlds that are played side by side


class ErrorBank:
    """Dossiers of many worlds whose truth is known, read every so many days: one frame, so that any thresholds are tried on all at
    once.
    """

    def __init__(self, scenario: Scenario, policy: Policy, window: str | None, every: int, worlds: int, seed: int) -> None:
        alone = scenario.model_copy(update={"hr": None, "routing": None})
        side = max(1, min(worlds, int(_BATCH // max(scenario.cases_expected, 1))))
        days = list(range(every, scenario.days + 1, every)) or [scenario.days]
        subjects = subjects_of(scenario, policy)
        frames = []
        for first in range(0, worlds, side):
            some = range(first, min(first + side, worlds))
            world = World(alone, [Streams(seed, number) for number in some])
            seen = readings(world, policy.reads, window, policy.way)
            played = 0
            per_day = max(scenario.cases_expected * side / scenario.days, 1)
            for place, day in enumerate(days):
                while played < day:  # cases that arrive later change no reading before
                    last = min(day, played + max(1, int(_BATCH // per_day)))
                    seen.add(*world.epoch(played, last))
                    played = last
                board = seen.board(world.moment(day))
                number = subjects.by_world(board["number"].to_numpy(), len(some)) + first * subjects.size
                frames.append(board.with_columns(number=pl.Series(number), reading=pl.lit(place)))
        frame = pl.concat(frames)
        self.board: Board = Board(frame)
        self.number: NDArray[np.int64]
        self.reading: NDArray[np.int64]
        self.number, self.reading = frame["number"].to_numpy(), frame["reading"].to_numpy()
        self._shape = len(days), subjects.size * worlds
        self._bad, self._person = np.tile(subjects.bad & subjects.judged, worlds), np.tile(subjects.judged, worlds)
        self._years = scenario.days / _YEAR

    def rates(self, flagged: Sequence[NDArray[np.bool_]], k: int, m: int) -> dict[str, float]:
        """Error rates of a policy: what each of its rules says of every row of the board, and that k of the last m readings must
        say it.
        """
        table = np.zeros(self._shape, dtype=np.int64)
        for rule in flagged:
            mine = np.zeros(self._shape, dtype=np.int64)
            mine[self.reading, self.number] = rule
            if m > 1:  # of every rule by itself
                total = np.concatenate([np.zeros((1, self._shape[1]), dtype=np.int64), mine.cumsum(axis=0)])
                first = np.maximum(np.arange(self._shape[0]) + 1 - m, 0)
                mine = ((total[1:] - total[first]) >= k).astype(np.int64)
            table |= mine
        ever = np.asarray(table.any(axis=0))
        new = np.diff(np.concatenate([np.zeros((1, self._shape[1]), dtype=np.int64), table]), axis=0) > 0
        good = self._person & ~self._bad
        people, exposed = int(self._person.sum()), float(good.sum() * self._years)
        wrongly, never, of = int(ever[good].sum()), int((~ever[self._bad]).sum()), int(self._bad.sum())
        nan, well = float("nan"), int(good.sum())
        share = exact_rate(wrongly, well) if well else (nan, nan)
        false = poisson_rate(wrongly, exposed) if exposed else (nan, nan)
        missed = tuple(float(side[0]) for side in wilson([never], [of])) if of else (nan, nan)
        return {
            "false_flags": wrongly / exposed if exposed else nan,
            "false_flags_lo": false[0],
            "false_flags_hi": false[1],
            "falsely": wrongly / well if well else nan,
            "falsely_lo": share[0],
            "falsely_hi": share[1],
            "missed": never / of if of else nan,
            "missed_lo": missed[0],
            "missed_hi": missed[1],
            "detected": 1 - never / of if of else nan,
            "false_per_100": 100 * wrongly / people if people else nan,
            "missed_per_100": 100 * never / people if people else nan,
            "flags": float(new[:, self._person].sum() / (people * self._years)) if people else nan,
        }
