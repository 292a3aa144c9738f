"""Days on which a component's rate has left what it was, with a stated number of false alarms a year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.learning.control_charts import cusum_limit, ewma_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["anomalies", "surprises"]

_K = 0.5
_WEIGHT = 0.2
_DAYS = 365.25


def surprises(n: NDArray[np.int64], k: NDArray[np.int64]) -> Floats:
    """How surprising every day's successes are, given all that came before: standard normal numbers if the rate never changed.

    Parameters
    ----------
    n, k
        Trials and successes a day, in the order of time, shape (days,).

    Returns
    -------
    numpy.ndarray
        Shape (days,). Given how many successes there were up to and including a day, the day's share of them is hypergeometric
        whatever the rate is, and days are independent: no level has to be known or assumed. The middle of each value's probability
        is taken, so the numbers spread a little less than normal ones: false alarms are fewer than stated. All this is for outcomes
        that are independent at one rate: where days differ more than chance makes them, alarms are more frequent than stated, and
        say just that.

    References
    ----------
    Quesenberry CP (1991) J Qual Technol 23:213-224 (Q charts for proportions).

    Examples
    --------
    >>> surprises(np.array([10, 10, 10]), np.array([9, 9, 2])).round(2).tolist()
    [0.0, 0.0, -3.62]
    """
    from scipy.special import ndtri
    from scipy.stats import hypergeom

    total, hits = np.cumsum(n), np.cumsum(k)
    below = hypergeom.cdf(k - 1, total, hits, n)
    at = hypergeom.pmf(k, total, hits, n)
    middle = np.clip(below + at / 2, 1e-12, 1 - 1e-12)
    return np.where(at >= 1 - 1e-12, 0.0, ndtri(middle))


def anomalies(
    days: pl.DataFrame,
    *,
    false_alarms_per_year: float = 1.0,
    chart: Literal["cusum", "ewma"] = "cusum",
    restart: bool = True,
) -> pl.DataFrame:
    """Watch the rate of every component, day by day.

    Parameters
    ----------
    days
        `component`, `day` (Date), `n`, `k`: trials and successes, at most one row a component and day.
    false_alarms_per_year
        How many alarms in 365.25 days, over all components together, are accepted while nothing changes; positive. The limit of the
        charts follows from it, from the number of components and from how many days of each have trials.
    chart
        `cusum` (best for lasting changes of about one standard error a day) or `ewma`.
    restart
        Whether a chart begins anew on the day after its alarm, and knows no past then.

    Returns
    -------
    polars.DataFrame
        Per component and day, in that order: `component`, `day`, `n`, `k`, `rate`, `expected` (rate of its days before, since its
        last alarm; null on the first), `surprise` (`surprises`), `statistic`, `limit`, `direction` (`up`, `down`; null when there
        is no alarm) and `since` (the day from which the rate seems to be different; null when there is no alarm).

    Raises
    ------
    ParameterError
        For a budget that is not positive or too small (100 million days a false alarm), or counts that do not fit.

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> made = [("agent:a", date(2026, 1, 1) + timedelta(days=i), 20, 18 if i < 40 else 11) for i in range(60)]
    >>> days = pl.DataFrame(made, schema=["component", "day", "n", "k"], orient="row")
    >>> anomalies(days).filter(pl.col("direction") == "down").select("day", "since").row(0)
    (datetime.date(2026, 2, 11), datetime.date(2026, 2, 10))
    """
    if not false_alarms_per_year > 0:
        problem = Problem(
            "the budget is out of range", got=false_alarms_per_year, expected="a positive number of false alarms a year"
        )
        raise ParameterError(problem)
    if chart not in ("cusum", "ewma"):
        raise ParameterError(Problem("unknown chart", got=chart, expected="cusum or ewma"))
    table = days.select("component", "day", pl.col("n", "k").cast(pl.Int64)).filter(pl.col("n") > 0).sort("component", "day")
    if table.select(((pl.col("k") < 0) | (pl.col("k") > pl.col("n"))).any()).item():
        raise ParameterError(Problem("counts do not fit", expected="0 <= k <= n on every day"))
    if table.is_empty():
        return _empty()
    span = (table["day"].max() - table["day"].min()).days + 1  # type: ignore[operator,union-attr]
    # the periods of all charts in a year, shared out over the alarms that are accepted
    periods = max(table.height / span * _DAYS / false_alarms_per_year, 5.0)
    limit = cusum_limit(_K, periods) if chart == "cusum" else ewma_width(_WEIGHT, periods)
    parts = [_watched(part, chart, limit, restart=restart) for part in table.partition_by("component", maintain_order=True)]
    return pl.concat(parts)


def _empty() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "component": pl.String,
            "day": pl.Date,
            "n": pl.Int64,
            "k": pl.Int64,
            "rate": pl.Float64,
            "expected": pl.Float64,
            "surprise": pl.Float64,
            "statistic": pl.Float64,
            "limit": pl.Float64,
            "direction": pl.String,
            "since": pl.Date,
        }
    )


def _watched(part: pl.DataFrame, chart: str, limit: float, *, restart: bool) -> pl.DataFrame:
    n, k = part["n"].to_numpy(), part["k"].to_numpy()
    size = len(n)
    surprise, statistic = np.zeros(size), np.zeros(size)
    direction: list[str | None] = [None] * size
    since: list[int | None] = [None] * size
    expected: list[float | None] = [None] * size
    begin = 0
    while begin < size:
        z = surprises(n[begin:], k[begin:])
        value, from_ = _cusum(z) if chart == "cusum" else _ewma(z)
        out = np.flatnonzero(np.abs(value) > limit)
        end = size if not (restart and len(out)) else begin + int(out[0]) + 1
        here = slice(begin, end)
        surprise[here], statistic[here] = z[: end - begin], value[: end - begin]
        before, hits = np.cumsum(n[begin:]) - n[begin:], np.cumsum(k[begin:]) - k[begin:]
        for i in range(begin, end):
            if before[i - begin]:
                expected[i] = float(hits[i - begin] / before[i - begin])
            if abs(statistic[i]) > limit:
                direction[i] = "up" if statistic[i] > 0 else "down"
                since[i] = begin + int(from_[i - begin])
        begin = end
    day = part["day"]
    return part.with_columns(
        rate=pl.col("k") / pl.col("n"),
        expected=pl.Series(expected, dtype=pl.Float64),
        surprise=pl.Series(surprise),
        statistic=pl.Series(statistic),
        limit=pl.lit(limit),
        direction=pl.Series(direction, dtype=pl.String),
        since=pl.Series([None if i is None else day[i] for i in since], dtype=pl.Date),
    )


def _cusum(z: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The larger of the two piles with its sign, and where it began."""
    piles = []
    for sign in (1, -1):
        total = np.cumsum(sign * z - _K)
        low = np.minimum(np.minimum.accumulate(total), 0)
        pile = total - low
        places = np.arange(len(z))
        piles.append((pile, np.maximum.accumulate(np.where(pile <= 0, places + 1, 0))))
    (up, up_from), (down, down_from) = piles
    return np.where(up >= down, up, -down), np.where(up >= down, up_from, down_from)


def _ewma(z: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The EWMA in its own standard deviations, and since when it has been on its side of zero."""
    level = pl.Series(np.concatenate([[0.0], z])).ewm_mean(alpha=_WEIGHT, adjust=False).to_numpy()[1:]
    places = np.arange(len(z))
    turned = np.concatenate([[True], np.sign(level[1:]) != np.sign(level[:-1])])
    return level / np.sqrt(_WEIGHT / (2 - _WEIGHT)), np.maximum.accumulate(np.where(turned, places, 0))
