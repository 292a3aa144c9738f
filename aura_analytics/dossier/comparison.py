"""Two groups beside each other: what a comparison found, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aura_analytics.metrics.units import unit_of

__all__ = ["Compared"]


@dataclass(frozen=True)
class Compared:
    """Two groups beside each other.

    Attributes
    ----------
    metric, unit
        What was compared.
    first, second
        Of each: `label`, `n`, `value`; of waiting times also `median`, `median_lo`, `median_hi`, `open`.
    difference, lo, hi
        First less second, with limits; of waiting times of the mean hours up to `until`.
    p_value, test
        The chance of as much where the two are alike, and the test that says so.
    paired, pairs
        Whether the same cases were compared, and how many.
    margin, conclusion
        What may be lost, where that was asked, and what follows: `differs`, `not_settled`; with a margin `not_worse` (the limits
        exclude a loss of the margin), `worse` (they exclude anything less), or `not_settled`.
    until
        The horizon of waiting times, hours.
    """

    metric: str
    unit: str
    first: dict[str, Any]
    second: dict[str, Any]
    difference: float
    lo: float
    hi: float
    p_value: float
    test: str
    conclusion: str
    paired: bool = False
    pairs: int | None = None
    margin: float | None = None
    until: float | None = None
    confidence: float = field(default=0.95)

    def __str__(self) -> str:
        """It in words."""
        unit = unit_of(self.unit)

        def apart(value: float) -> str:
            if unit.percent:
                return f"{100 * value:+.1f} points"
            return f"{'-' if value < 0 else '+'}{unit.figure(abs(value))}"

        parts = [f"{one['label']}: {unit.figure(one['value'])} (n = {one['n']:,})" for one in (self.first, self.second)]
        what = f"Mean hours, each up to {self.until:,.4g}" if self.until is not None else self.metric
        said = f"{what}. {parts[0]}; {parts[1]}. Difference {apart(self.difference)} ({apart(self.lo)} to {apart(self.hi)} at "
        said += f"{100 * self.confidence:g} %), p = {self.p_value:.2g} by {self.test}"
        said += f", on {self.pairs:,} pairs" if self.pairs is not None else ""
        if self.margin is not None:
            margin = f"more than the margin of {apart(self.margin).lstrip('+')}"
            if self.conclusion == "not_settled":
                return f"{said}. Whether the first is worse by {margin} is not settled."
            return f"{said}. The first is {'not ' if self.conclusion == 'not_worse' else ''}worse by {margin}."
        return f"{said}: {'they differ' if self.conclusion == 'differs' else 'not settled'}."
