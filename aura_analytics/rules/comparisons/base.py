"""What an operator of rules is: one comparison of a metric with one threshold or several, as data.

An operator is a formula over thresholds, such as `[">", 0]` (greater than the first threshold) or `["any", ["<", 0], [">", 1]]`.
The same data is evaluated here over arrays and by the tuner's script over sliders, so there is one meaning of every operator.
Whether an interval decides it follows from the formula: it is met beyond doubt where every value of the interval meets it, and not
met where none does.

An operator of one's own is one object::

    outside = Operator("outside", "within", ["any", ["<", 0], [">", 1]], settings=("low", "high"))
    OPERATORS.add(outside)

or an entry point `aura_analytics.operators`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from aura_analytics import extensions
from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

__all__ = ["Formula", "Operator", "Operators"]

Formula = list[Any]
_ATOMS = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}


@dataclass(frozen=True)
class Operator:
    """A comparison.

    Parameters
    ----------
    key
        Its name in a policy file.
    opposite
        The name of the operator that holds where this one does not; empty where there is none.
    formula
        When it is met: `[">", i]`, `[">=", i]`, `["<", i]`, `["<=", i]` compare with threshold number i; `["all", ...]` and
        `["any", ...]` join formulas.
    word
        The comparison in words; default the name.
    settings
        Names of its thresholds, as sliders have them.
    """

    key: str
    opposite: str
    formula: Formula
    word: str = ""
    settings: tuple[str, ...] = ("threshold",)

    def __post_init__(self) -> None:
        if not self.key.isidentifier():
            raise ParameterError(Problem("the name of an operator is an identifier", got=self.key, expected="such as 'above'"))
        wrong = _wrong(self.formula, len(self.settings))
        if wrong is not None:
            expected = "['>', 0], ['any', ['<', 0], ['>', 1]], ... over the thresholds " + ", ".join(self.settings)
            raise ParameterError(Problem(f"the formula of operator {self.key!r} cannot be read", got=wrong, expected=expected))
        if not self.word:
            object.__setattr__(self, "word", self.key.replace("_", " "))

    @property
    def limits(self) -> Literal["lower", "upper", "both"]:
        """Which confidence limit decides for it: the lower one where it asks for high values, the upper one for low values."""
        signs = {sign[0] for sign in _signs(self.formula)}
        return "both" if len(signs) > 1 else "lower" if ">" in signs else "upper"

    @property
    def strict(self) -> bool:
        """Whether the threshold itself does not meet it."""
        return all(sign in (">", "<") for sign in _signs(self.formula))

    def met(self, values: Floats, thresholds: Sequence[Floats | float]) -> Bools:
        """Whether values meet it; NaN never does.

        Parameters
        ----------
        values
            Shape (n,).
        thresholds
            One for each of `settings`, numbers or of shape (n,).

        Examples
        --------
        >>> from aura_analytics.rules.comparisons import OPERATORS
        >>> OPERATORS["above"].met(np.array([0.2, 0.3, 0.4]), [0.3]).tolist()
        [False, False, True]
        """
        with np.errstate(invalid="ignore"):
            return _met(self.formula, values, thresholds)

    def decided(self, low: Floats, high: Floats, thresholds: Sequence[Floats | float]) -> tuple[Bools, Bools]:
        """Whether every value of an interval meets it, and whether none does; neither where the limits are NaN.

        Parameters
        ----------
        low, high
            Limits of the interval, shape (n,).
        thresholds
            As `met`.
        """
        with np.errstate(invalid="ignore"):
            return _decided(self.formula, low, high, thresholds)


def _signs(formula: Formula) -> list[str]:
    return [formula[0]] if formula[0] in _ATOMS else [sign for part in formula[1:] for sign in _signs(part)]


def _wrong(formula: object, thresholds: int) -> object:
    """The part of a formula that cannot be read; None when all can."""
    if not isinstance(formula, list) or len(formula) < 2:
        return formula if formula is not None else "nothing"
    if formula[0] in _ATOMS:
        good = len(formula) == 2 and isinstance(formula[1], int) and 0 <= formula[1] < thresholds
        return None if good else formula
    if formula[0] not in ("all", "any"):
        return formula
    return next((wrong for part in formula[1:] if (wrong := _wrong(part, thresholds)) is not None), None)


def _met(formula: Formula, values: Floats, thresholds: Sequence[Floats | float]) -> Bools:
    if formula[0] in _ATOMS:
        found: Bools = _ATOMS[formula[0]](values, thresholds[formula[1]])
        return found
    parts = np.stack([_met(part, values, thresholds) for part in formula[1:]])
    return np.asarray(parts.all(axis=0) if formula[0] == "all" else parts.any(axis=0))


def _decided(formula: Formula, low: Floats, high: Floats, thresholds: Sequence[Floats | float]) -> tuple[Bools, Bools]:
    if formula[0] in _ATOMS:
        compare, at = _ATOMS[formula[0]], thresholds[formula[1]]
        near, far = (low, high) if ">" in formula[0] else (high, low)
        return compare(near, at), ~np.isnan(far) & ~compare(far, at)
    parts = [_decided(part, low, high, thresholds) for part in formula[1:]]
    every, none = (np.stack([part[side] for part in parts]) for side in (0, 1))
    if formula[0] == "all":
        return np.asarray(every.all(axis=0)), np.asarray(none.any(axis=0))
    return np.asarray(every.any(axis=0)), np.asarray(none.all(axis=0))


class Operators(Mapping[str, Operator]):
    """Operators by name, in their order; those of installed packages among them.

    Parameters
    ----------
    operators
        What comes along.
    """

    def __init__(self, operators: Sequence[Operator]) -> None:
        self._operators: dict[str, Operator] = {}
        self._loaded = False
        for one in operators:
            self.add(one)

    def add(self, operator: Operator) -> Operator:
        """Put an operator in; returns it.

        Parameters
        ----------
        operator
            The operator. The same one again changes nothing.

        Raises
        ------
        ParameterError
            If it is none, or its name is taken by another one or by a key of comparisons.
        """
        if not isinstance(operator, Operator):
            raise ParameterError(Problem("that is no operator", got=operator, expected="an Operator"))
        if self._operators.get(operator.key, operator) != operator or operator.key in _TAKEN:
            raise ParameterError(Problem("the name of an operator is taken", got=operator.key, next="choose another name"))
        self._operators[operator.key] = operator
        return operator

    def remove(self, key: str) -> None:
        """Take an operator out; of one that is not there nothing happens."""
        self._operators.pop(key, None)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        for name, offered in extensions.extensions("operators"):
            try:
                self.add(offered)
            except ParameterError as error:
                extensions.refuse("operators", name, str(error))

    def __getitem__(self, key: str) -> Operator:
        if key not in self._operators:
            self._load()
        return self._operators[key]

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(self._operators)

    def __len__(self) -> int:
        self._load()
        return len(self._operators)


_TAKEN = ("metric", "limit", "confidence", "anytime", "min_n", "missing_as", "zero_is_missing", "all", "any")
