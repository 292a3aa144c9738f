"""Budgets of rules: limits that a card must keep, such as `false_flags<=0.02`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.yaml_models import Strict

if TYPE_CHECKING:
    from aura_analytics.simulation.error_cards import ErrorCard, Measure

__all__ = ["Budget"]

_FORM = re.compile(r"\s*([a-z_]+)\s*(<=|>=)\s*([0-9.eE+-]+)\s*")
_RATES = ("false_flags", "ever_flagged", "detected", "delay_days", "flips")


class Budget(Strict):
    """One limit that a card must keep, in every scenario that was measured: by the limit of its interval, not its value alone.

    Examples
    --------
    >>> Budget.of("false_flags<=0.02")
    Budget(rate='false_flags', sign='<=', limit=0.02)
    """

    rate: str
    sign: Literal["<=", ">="]
    limit: float

    @classmethod
    def of(cls, text: str) -> Budget:
        """A budget as it is written.

        Raises
        ------
        ParameterError
            If it cannot be read.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            expected = "such as false_flags<=0.02, or detected>=0.9"
            raise ParameterError(Problem("a budget cannot be read", got=text, expected=expected))
        rate, sign, number = found.groups()
        if rate not in _RATES:
            hint = close_match(rate, list(_RATES))
            raise ParameterError(Problem("a budget is of a rate", got=rate, expected=", ".join(_RATES), next=hint))
        try:
            limit = float(number)
        except ValueError:
            raise ParameterError(Problem("a budget's limit is a number", got=number)) from None
        return cls(rate=rate, sign="<=" if sign == "<=" else ">=", limit=limit)

    def over(self, card: ErrorCard) -> list[str]:
        """Where a card does not keep it, in words; nothing where it does. A rate that is undefined in a world says nothing there.

        Parameters
        ----------
        card
            The card.
        """
        said = []
        for one in card.measured:
            found: Measure = getattr(one, self.rate)
            if found.value is None:
                continue
            end = found.hi if self.sign == "<=" else found.lo
            bound = found.value if end is None else end
            kept = bound <= self.limit if self.sign == "<=" else bound >= self.limit
            if not kept:
                met = found.value <= self.limit if self.sign == "<=" else found.value >= self.limit
                why = f"not shown by {one.worlds} worlds: measure more" if met else "over budget"
                said.append(f"{one.scenario}: {self.rate} {found} where {self.sign} {self.limit:g} is asked: {why}")
        return said
