"""The units that metrics are in, and how numbers in them are written: one table for pages, commands and widgets."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UNITS", "Unit", "unit_of"]


@dataclass(frozen=True)
class Unit:
    """A unit.

    Parameters
    ----------
    name
        Its name, as metrics declare it.
    step
        Step of a slider.
    decimals
        Decimals of a number in a table.
    exact
        Decimals of a number in a sentence.
    percent
        Whether it is shown in percent.
    """

    name: str
    step: float
    decimals: int
    exact: int
    percent: bool = False

    @property
    def word(self) -> str:
        """What stands behind a number; nothing where the name would say nothing more."""
        return "" if self.percent or self.name in ("score", "z", "ratio") else self.name

    def short(self, value: float) -> str:
        """A number for a table.

        Examples
        --------
        >>> UNITS["fraction"].short(0.175), UNITS["hours"].short(1234.5), UNITS["stars"].short(3.5), UNITS["cases"].short(1200)
        ('17.5 %', '1,234.5', '3.50', '1,200')
        >>> UNITS["fraction"].short(-0.0001)  # no zero below zero
        '0.0 %'
        """
        if self.percent:
            return f"{100 * value:z.{self.decimals}f} %"
        return f"{value:z,.{self.decimals}f}" if self.name != "stars" else f"{value:.{self.decimals}f}"

    def figure(self, value: float) -> str:
        """A number in a sentence, with its unit.

        Examples
        --------
        >>> UNITS["fraction"].figure(0.3), UNITS["stars"].figure(3)
        ('30.0 %', '3.00 stars')
        """
        return f"{100 * value:.{self.exact}f} %" if self.percent else f"{value:.{self.exact}f} {self.word}".rstrip()


UNITS = {
    unit.name: unit
    for unit in (
        Unit("fraction", 0.01, 1, 1, percent=True),
        Unit("stars", 0.1, 2, 2),
        Unit("hours", 1.0, 1, 2),
        Unit("score", 1.0, 1, 2),
        Unit("cases", 1.0, 0, 2),
        Unit("z", 0.1, 2, 2),
        Unit("ratio", 0.1, 2, 2),
    )
}


def unit_of(name: str) -> Unit:
    """The unit of a name; of one that is not known, two decimals.

    Examples
    --------
    >>> unit_of("fraction").percent, unit_of("euros").short(2.5)
    (True, '2.50')
    """
    return UNITS.get(name) or Unit(name, 0.01, 2, 2)
