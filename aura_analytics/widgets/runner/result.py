"""What a run gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from aura_analytics.simulation.played import outcome
from aura_analytics.simulation.rates import RuleErrorRates
from aura_analytics.simulation.run import SimulationRun
from aura_analytics.simulation.scenario import Scenario

__all__ = ["RunResult"]

OUTCOMES = ("wrong_verdicts", "stars", "hours", "plans", "on_good")


@dataclass(frozen=True)
class RunResult:
    """What came of a run, as far as it got.

    Attributes
    ----------
    scenario, seed
        What was played.
    runs
        By name of the policy: the world with that policy in its loop, on the same seed. They can be opened in the explorer and the
        tuner.
    rates
        By name of the policy: how often it is wrong, over `worlds` worlds. Their limits hold for the number of worlds that was
        asked for: who stops when they look good finds differences where there are none.
    differences
        Of two policies, second minus first, paired (`PolicyComparison`); None of one.
    worlds, asked
        How many worlds there are by now, and how many were asked for.
    """

    scenario: Scenario
    seed: int
    runs: Mapping[str, SimulationRun] = field(default_factory=dict)
    rates: Mapping[str, RuleErrorRates] = field(default_factory=dict)
    differences: pl.DataFrame | None = None
    worlds: int = 0
    asked: int = 0

    @property
    def every_days(self) -> int:
        """How often the rule is read where its errors are counted."""
        return min(7, self.scenario.days)

    @property
    def complete(self) -> bool:
        """Whether that is all that was asked for."""
        return 0 < self.asked <= self.worlds

    @cached_property
    def outcomes(self) -> pl.DataFrame:
        """Per policy what became of the one world that was played: `policy`, `wrong_verdicts`, `stars`, `hours`, `plans`,
        `on_good`, `events`.
        """
        rows = []
        for name, run in self.runs.items():
            found = outcome(run)
            rows.append({"policy": name, **{key: found[key] for key in OUTCOMES}, "events": run.events.height})
        floats = dict.fromkeys(("wrong_verdicts", "stars", "hours"), pl.Float64)
        return pl.DataFrame(
            rows, schema={"policy": pl.String, **floats, "plans": pl.Int64, "on_good": pl.Int64, "events": pl.Int64}
        )
