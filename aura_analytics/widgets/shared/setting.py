"""Something that can be set in a widget, with its range."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.metrics.wording import figure

__all__ = ["Setting", "checked"]


@dataclass(frozen=True)
class Setting:
    """Something that can be set.

    Attributes
    ----------
    key
        Its name, such as `pip.override_rate.threshold`.
    label, unit
        In words.
    low, high, step
        Range; where there are `choices`, these are what it can be.
    value
        What it is now.
    """

    key: str
    label: str
    unit: str
    low: float
    high: float
    step: float
    value: float | str
    choices: tuple[float | str, ...] = ()

    def words(self) -> str:
        """Its value as people read it."""
        if isinstance(self.value, str):
            return self.value
        return figure(self.value, self.unit) if self.unit else f"{self.value:g}"

    def to_dict(self) -> dict[str, Any]:
        """For a front end."""
        return {**self.__dict__, "choices": list(self.choices)}


def checked(settings: Iterable[Setting], key: str, value: float | str) -> Setting:
    """The setting of a name; raises `ParameterError` when there is none, or the value is out of its range."""
    known = {setting.key: setting for setting in settings}
    if key not in known:
        raise ParameterError(Problem("no such setting", got=key, expected=", ".join(known), next=close_match(key, list(known))))
    setting = known[key]
    if setting.choices:
        if value not in setting.choices:
            raise ParameterError(Problem(f"{key} is out of range", got=value, expected=" or ".join(map(str, setting.choices))))
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or not setting.low <= value <= setting.high:
        raise ParameterError(Problem(f"{key} is out of range", got=value, expected=f"{setting.low:g} to {setting.high:g}"))
    return setting
