"""What a metric is.

A metric declares what it is (name, unit, range, direction, who it is about, what it reads) and does two things: `collect`
turns a table of facts into a few numbers per actor, and `finish` turns these numbers into columns of a dossier:

    <name>           the value; null where it is undefined
    <name>_n         how many observations it rests on
    <name>_lo/_hi    interval at the dossier's confidence; null where it cannot be given
    <name>_status    `ok`, or why there is no value

Sums are taken over whole numbers (counts, microseconds, millionths of a star) in 128 bits, so that no order of rows, number of
threads or way of splitting can change a digit.

A kind of metric is a subclass. It must have `collect`, `finish` and `limits`; every other part has a default that says what it
cannot do (no running sums, no rolling series, no confidence limits in rules), and everything that shows or judges metrics asks
the kind, never what kind it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NotRequired

import numpy as np
import polars as pl
from typing_extensions import TypedDict

from aura_analytics.cases import FACTS, Fact
from aura_analytics.clock.sla import Sla
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.metrics.kinds.statuses import KNOWN, NO_DATA, OK, STATUS_WORDS
from aura_analytics.metrics.units import unit_of
from aura_analytics.statistics.evidence import p_from_limits

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from aura_analytics.clock.calendars import Calendar

    Floats = NDArray[np.float64]

__all__ = [
    "EVERYONE",
    "MACHINES",
    "Cell",
    "Context",
    "Direction",
    "Metric",
    "array_of",
    "series_of",
    "whole",
]

Direction = Literal["lower", "higher", "neutral"]
MICRO = 1_000_000
OFFICERS, MACHINES = ("officer",), ("agent", "component", "system")
EVERYONE = (*OFFICERS, *MACHINES)


@dataclass(frozen=True)
class Context:
    """What a metric may need to know besides the facts.

    Parameters
    ----------
    as_of
        End of the window.
    confidence
        Two-sided level of intervals, in (0, 1).
    sla
        Limits of cases, by queue.
    calendar
        Business hours; None counts every hour.
    """

    as_of: datetime
    confidence: float = 0.95
    sla: Mapping[str, Sla] = field(default_factory=dict)
    calendar: Calendar | None = None


class Cell(TypedDict):
    """A number of somebody as texts: value (or why there is none), observations, interval, unit, and whether it is empty."""

    value: str
    n: str | None
    interval: str | None
    unit: str
    empty: NotRequired[bool]


@dataclass(frozen=True)
class Metric:
    """A named quantity about an actor; the kinds of metric are its subclasses.

    Parameters
    ----------
    name
        Column name in dossiers.
    title
        Short name for people.
    unit
        Unit of the value: `fraction`, `stars`, `hours`, `cases`, `score`, `z` (normal deviates).
    low, high
        Range of possible values; None is unbounded.
    direction
        Which way is better: `lower`, `higher`, or `neutral`.
    fact
        The table of facts that it reads: a `Fact`, or the name of one that comes along.
    needs
        Columns of that table besides `actor` and `ts`.
    kinds
        Kinds of actor for whom it has a meaning.
    subject
        Column of the table that names whom it is about.
    short
        Heading of its column where there is little room; default the title.
    people_board, machine_board
        Its place among the few numbers that a table of everybody shows, of people and of machines; None leaves it out.
    measure
        What somebody with an improvement plan on it might do, in a sentence.
    by_default
        Whether it is counted where nobody names metrics; otherwise only where it, or a policy that reads it, is named.
    """

    name: str
    title: str
    unit: str
    low: float | None
    high: float | None
    direction: Direction
    fact: Fact | str
    needs: tuple[str, ...] = ()
    kinds: tuple[str, ...] = EVERYONE
    subject: str = "actor"
    short: str = field(default="", kw_only=True)
    people_board: int | None = field(default=None, kw_only=True)
    machine_board: int | None = field(default=None, kw_only=True)
    measure: str = field(default="", kw_only=True)
    by_default: bool = field(default=True, kw_only=True)

    suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi", "_status")
    series_suffixes: ClassVar[tuple[str, ...]] = ()  # columns of a rolling series; none where the sums of two spans do not add up
    by_reading: ClassVar[bool] = False  # whether a rolling series is made of one count a reading, cases as they stand at its end
    squares: ClassVar[Mapping[str, str]] = {}  # parts of `per_row` whose squares are summed as well, and the name of that sum
    has_limits: ClassVar[bool] = False  # whether a rule may compare a confidence limit of it
    row_by_row: ClassVar[bool] = False  # whether `observed` says of a row the same whoever else's rows are beside it
    counts_hits: ClassVar[bool] = False  # whether it is a share of `_n` observations that are hits
    needs_sla: ClassVar[bool] = False  # whether it is undefined without limits of cases
    adds_up: ClassVar[bool] = False  # whether what is collected of two sets of facts are sums, and lists one after the other
    reads_everybody: ClassVar[bool] = False  # whether what others did counts in the number of somebody
    counted_in: ClassVar[str] = "observations"  # what `_n` counts, in words
    interval: ClassVar[str] = ""  # how its interval is made, in words
    test_form: ClassVar[str] = "a number"  # how a test beside the rules writes it

    # -- what it is ------------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """The columns that the metric adds to a dossier."""
        return [self.name + suffix for suffix in self.suffixes]

    @property
    def table(self) -> Fact:
        """The fact that it reads.

        Raises
        ------
        ParameterError
            If it names a fact that does not exist.
        """
        if isinstance(self.fact, Fact):
            return self.fact
        known = {fact.name: fact for fact in FACTS}
        if self.fact not in known:
            hint = close_match(str(self.fact), list(known))
            raise ParameterError(
                Problem(f"metric {self.name!r} reads a table that does not exist", self.fact, ", ".join(known), next=hint)
            )
        return known[self.fact]

    @property
    def rolls(self) -> bool:
        """Whether it has a rolling series: its sums add up over time, and nothing that happens later changes an observation."""
        return bool(self.series_suffixes) and not self.by_reading and not self.table.hindsight & set(self.needs)

    # -- counting --------------------------------------------------------------------------------------------------------

    def collect(self) -> list[pl.Expr]:
        """Aggregations over the facts of one actor, each named `<name>:<part>`."""
        raise NotImplementedError

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        """The metric's columns, from the collected numbers (null where an actor has no such facts)."""
        raise NotImplementedError

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        """Limits that rules lean on, at any two-sided confidence, from the columns of a dossier; NaN where undefined."""
        raise NotImplementedError

    def per_row(self) -> dict[str, pl.Expr]:
        """Whole numbers of every fact (64 bits), whose sums are what `collect` gives; empty where it cannot be had from sums."""
        return {}

    def ordered(self) -> pl.Expr | None:
        """The whole number of every fact whose order the metric needs, where sums are not enough but the order is."""
        return None

    def of_ordered(
        self, flat: NDArray[Any], first: NDArray[np.int64], n: NDArray[np.int64], context: Context, mask: int = -1
    ) -> dict[str, pl.Series]:
        """The metric's columns, from the ordered values of all actors in one array: `n` of each from `first` on.

        `mask` names the bits of an element that are its value.
        """
        raise NotImplementedError

    def in_series(self, totals: Mapping[str, NDArray[np.int64]], confidence: float) -> dict[str, Floats]:
        """A rolling series' columns by suffix (but `_n`), from sums of `per_row` over its windows."""
        raise NotImplementedError

    def values_of(self, totals: Mapping[str, NDArray[np.int64]]) -> Floats:
        """Values alone, from sums of `per_row`, of any shape; NaN without observations."""
        return self.in_series(totals, 0.95)[""]

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The facts that count, each with its `value` (a share: 1 or 0) and whether it has `ended`."""
        raise NotImplementedError

    # -- rules -----------------------------------------------------------------------------------------------------------

    def from_test(self, given: Any) -> dict[str, pl.Series]:
        """The metric's columns from the numbers of a test that is written beside rules; `given` None is no observation.

        Raises
        ------
        KeyError, TypeError, ValueError
            If they cannot be read; `test_form` says how they are written.
        """
        value, n, sd = None, 0, None
        if isinstance(given, Mapping) and "values" in given:
            values = [float(item) for item in given["values"]]
            n = len(values)
            value = sum(values) / n if n else None
            sd = float(np.std(values, ddof=1)) if n > 1 else None
        elif isinstance(given, Mapping):
            value, n = float(given["mean"]), int(given["n"])
            sd = None if given.get("sd") is None else float(given["sd"])
        elif given is not None:
            value, n = float(given), 1
        numbers: dict[str, Any] = {"": value, "_n": n, "_sd": sd, "_n_eff": float(n), "_status": "ok" if n else "no_data"}
        dtypes = {"_n": pl.Int64(), "_status": pl.String()}
        return {
            self.name + suffix: pl.Series([numbers.get(suffix)], dtype=dtypes.get(suffix, pl.Float64())) for suffix in self.suffixes
        }

    def observations_to_settle(self, value: float, n: float, threshold: float, level: float) -> int | None:
        """How many more observations would bring a limit at a two-sided level over the threshold, at this very value; None where
        that cannot be said.
        """
        return None

    @property
    def has_e_values(self) -> bool:
        """Whether evidence about it may be looked at many times (`e_values`)."""
        return False

    def e_values(self, dossiers: pl.DataFrame, threshold: float, *, above: bool) -> Floats:
        """Log e-values that it lies above (or below) a threshold, from the columns of a dossier; 0 without observations."""
        raise NotImplementedError

    def p_values(self, dossiers: pl.DataFrame, threshold: float, *, above: bool) -> Floats:
        """One-sided p-values that it lies above (or below) a threshold, from the columns of a dossier; 1 without observations."""
        return p_from_limits(lambda level: self.limits(dossiers, level), threshold, above=above)

    # -- showing ---------------------------------------------------------------------------------------------------------

    @property
    def observation_heading(self) -> str:
        """What the values of single observations are, as the heading of their column."""
        return self.unit

    def observation_text(self, value: float | None, *, ended: bool) -> str:
        """The value of a single observation, in words."""
        if value is None:
            return ""
        return f"{value:,.1f}" if self.unit in ("hours", "score", "cases") else f"{value:g}"

    def is_known(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of a dossier says anything about it."""
        return row.get(f"{self.name}_status") in KNOWN

    def cell(self, row: Mapping[str, Any]) -> Cell:
        """Value, n and interval as texts, from a row of a dossier; the reason where there is no value."""
        value, n = row.get(self.name), row.get(f"{self.name}_n") or 0
        if value is None or not n:
            status = STATUS_WORDS.get(str(row.get(f"{self.name}_status")), "undefined")
            return {"value": status, "n": None, "interval": None, "unit": "", "empty": True}
        unit = unit_of(self.unit)
        low, high = row.get(f"{self.name}_lo"), row.get(f"{self.name}_hi")
        interval = "too skewed" if row.get(f"{self.name}_status") == "too_skewed" else None
        if low is not None and high is None:
            interval = f"{unit.short(low)} or more"
        elif low is not None and high is not None:
            between = "–" if low >= 0 else " to "
            interval = f"{unit.short(low).removesuffix(' %')}{between}{unit.short(high)}"
        return {"value": unit.short(value), "n": f"{n:,}", "interval": interval, "unit": unit.word}

    # -- helpers of kinds ------------------------------------------------------------------------------------------------

    def part(self, name: str) -> str:
        """The column of a collected number."""
        return f"{self.name}:{name}"

    def _status(self, n: Floats) -> pl.Series:
        return pl.Series(np.where(n > 0, OK, NO_DATA).astype(np.uint8))

    def _columns(self, value: Floats, n: Floats, low: Floats, high: Floats, **more: Floats) -> dict[str, pl.Series]:
        columns = {
            self.name: series_of(np.where(n > 0, value, np.nan)),
            f"{self.name}_n": pl.Series(n.astype(np.int64)),
            f"{self.name}_lo": series_of(low),
            f"{self.name}_hi": series_of(high),
            f"{self.name}_status": self._status(n),
        }
        return columns | {self.name + suffix: series_of(values) for suffix, values in more.items()}


def series_of(values: Floats) -> pl.Series:
    """Floats with null for NaN."""
    return pl.Series(values, dtype=pl.Float64, nan_to_null=True)


def array_of(frame: pl.DataFrame, column: str) -> Floats:
    """A numeric column as floats, null as 0 (nothing was counted)."""
    values = frame[column].to_numpy()
    return np.nan_to_num(values) if values.dtype.kind == "f" else values.astype(np.float64)


def whole(value: pl.Expr, per: int) -> pl.Expr:
    """A number in whole parts of 1/`per`, wide enough for any sum of squares."""
    return (value * per).round().cast(pl.Int128)
