"""A model that can be routed to, what a task needs, and a choice with the chances it was made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    pass


__all__ = ["Choice", "Model", "model_of", "needs_of"]

_NEEDS = ("capabilities", "required_capabilities", "capabilities_needed")


@dataclass(frozen=True)
class Model:
    """A model that may be chosen, and what it can do.

    Parameters
    ----------
    name
        Its name, as events have it.
    capabilities
        What it can do, in words that tasks ask for.

    Examples
    --------
    >>> Model("claude", ("code", "law")).capabilities
    ('code', 'law')
    """

    name: str
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """A choice, and how likely it was.

    Attributes
    ----------
    model
        The model chosen.
    strategy
        By which rule.
    propensity
        Chance with which this model was chosen, in (0, 1].
    candidates, propensities
        Who could have been chosen, and with which chances, in the order of `candidates`.
    event_id
        Of the ROUTED event; None where none was recorded.
    """

    model: Any
    strategy: str
    propensity: float
    candidates: tuple[str, ...]
    propensities: tuple[float, ...]
    event_id: str | None = None


def model_of(entry: Mapping[str, Any]) -> Any:
    """A model from a row of the registry, or the row as it is where it names none."""
    can = entry.get("capabilities") or ()
    return Model(str(entry.get("name")), tuple(can) if isinstance(can, (list, tuple, set)) else can)


def needs_of(task: Mapping[str, Any]) -> set[str]:
    """The capabilities that a task asks for."""
    found: set[str] = set()
    for name in _NEEDS:
        given = task.get(name)
        if given is None:
            continue
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise ParameterError(Problem(f"{name} of the task cannot be read", got=given, expected="a list of names"))
        found |= {str(each) for each in given}
    return found
