"""Rates of errors: what they are called, and how they are held together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

__all__ = ["COUNTED", "LOOP_RATES", "RATES", "RATE_WORDS", "YEAR", "LoopComparison", "PolicyComparison", "RuleErrorRates"]

YEAR = 365.25
RATES = ("false_flags_per_officer_year", "flips_per_officer_year", "detected", "delay_days")
LOOP_RATES = ("wrong_verdicts", "stars", "hours", "plans_per_officer_year", "plans_on_good_per_officer_year")
# rates of what is counted: the count, and the years that it is counted in
COUNTED = {
    "false_flags_per_officer_year": ("false", "good_years"),
    "flips_per_officer_year": ("flips", "years"),
    "plans_per_officer_year": ("plans", "years"),
    "plans_on_good_per_officer_year": ("on_good", "good_years"),
}
# as people call them
RATE_WORDS = {
    "false_flags_per_officer_year": "false flags per officer-year",
    "flips_per_officer_year": "flips per officer-year",
    "detected": "share of the bad ones found",
    "delay_days": "days until found",
    "wrong_verdicts": "share of wrong verdicts",
    "stars": "stars, mean",
    "hours": "hours, mean",
    "plans_per_officer_year": "plans per officer-year",
    "plans_on_good_per_officer_year": "plans for the others per officer-year",
}


@dataclass(frozen=True)
class RuleErrorRates:
    """How a rule does in worlds whose truth is known.

    Attributes
    ----------
    rates
        `rate`, `value`, `lo`, `hi` (exact limits of what was counted in all worlds together, where that is fewer than 30: Garwood's
        of a count, Clopper and Pearson's of a share; otherwise Student's t across worlds), `worlds` that have it:
        `false_flags_per_officer_year` (officers who are not made to underperform and are ever flagged, per year of them),
        `flips_per_officer_year` (changes into and out of the flag, of everybody), `detected` (share of those made to underperform
        who are ever flagged), `delay_days` (mean days until then, of those detected). Null where no world has it.
    detection
        `day`, `share`, `lo`, `hi`: share of those made to underperform who were flagged by then (Wilson 95 %, over officers of all
        worlds).
    worlds
        One row a replication: `replication` and the rates.
    policy, scenario
        Names.
    window
        Over which the dossiers were read; None is everything up to the reading.
    good, falsely
        Officers of all worlds who are not made to underperform, and how many of them were ever flagged.
    bad, rightly
        Officers of all worlds who are made to underperform, and how many of them were ever flagged.
    """

    rates: pl.DataFrame
    detection: pl.DataFrame
    worlds: pl.DataFrame
    policy: str
    scenario: str
    window: str | None
    good: int = 0
    falsely: int = 0
    bad: int = 0
    rightly: int = 0

    def net_benefit(self, thresholds: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)) -> pl.DataFrame:
        """What the rule is worth to somebody who weighs its two errors: `aura_analytics.statistics.net_benefit` of its counts.

        Parameters
        ----------
        thresholds
            Chances at which one would just look at somebody, in (0, 1).

        Raises
        ------
        ParameterError
            For thresholds out of range, and where there are no officers.

        Examples
        --------
        >>> import aura_analytics as aura
        >>> found = aura.rule_error_rates("tracker", "loan_forgiveness", replications=2, days=60)
        >>> found.net_benefit([0.2]).columns[:2]
        ['threshold', 'rule']
        """
        from aura_analytics.statistics.net_benefit import net_benefit

        return net_benefit(self.rightly, self.bad - self.rightly, self.falsely, self.good - self.falsely, thresholds)

    def __str__(self) -> str:
        """A few lines for people."""
        over = "all up to each reading" if self.window is None else f"windows of {self.window}"
        lines = [f"{self.policy} in {self.worlds.height} worlds of {self.scenario}, {over}"]
        for row in self.rates.iter_rows(named=True):
            limits = "" if row["lo"] is None else f" ({row['lo']:.3f} to {row['hi']:.3f})"
            said = "undefined" if row["value"] is None else f"{row['value']:.3f}{limits}"
            lines.append(f"  {row['rate'].replace('_', ' ')}: {said}")
        return "\n".join(lines)


@dataclass(frozen=True)
class PolicyComparison:
    """Two rules in the same worlds: `differences` has `rate`, `value` (second minus first), `lo`, `hi` (t of the paired
    differences), `worlds`.
    """

    first: RuleErrorRates
    second: RuleErrorRates
    differences: pl.DataFrame


@dataclass(frozen=True)
class LoopComparison:
    """What two rules bring about in the same worlds.

    Attributes
    ----------
    first, second
        `rate`, `value`, `lo`, `hi` (as of `RuleErrorRates`), `worlds`: `wrong_verdicts` (share of the verdicts up to the horizon),
        `stars` (mean), `hours` (mean, from arrival to verdict, of all that arrived), `plans_per_officer_year`,
        `plans_on_good_per_officer_year` (of officers who are not made to underperform).
    differences
        The same of second minus first, paired (Student's t; no limits where all worlds agree).
    """

    first: pl.DataFrame
    second: pl.DataFrame
    differences: pl.DataFrame
