"""Limits that rules lean on: exact on each side at any rate, and of stars that hold for skewed ratings."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aura_analytics.metrics.catalogue import METRICS
from aura_analytics.metrics.kinds.base import Context
from aura_analytics.metrics.processing import avg_processing_hours
from aura_analytics.statistics.intervals import mean_t, quantile_ranks, too_skewed
from aura_analytics.statistics.rate_limits import bounded_mean, exact_limits


@given(n=st.integers(1, 400), share=st.floats(0.001, 0.999))
def test_one_sided_limits_are_wrong_in_at_most_five_percent(n: int, share: float) -> None:
    """Summed over all counts: the chance that a limit at 95 % lies on the wrong side."""
    k = np.arange(n + 1)
    low, high = exact_limits(k, np.full(n + 1, n), 0.90)
    chance = stats.binom.pmf(k, n, share)
    assert chance[low > share].sum() <= 0.05 + 1e-12
    assert chance[high < share].sum() <= 0.05 + 1e-12


def test_limits_are_those_of_statsmodels_however_many() -> None:
    from statsmodels.stats.proportion import proportion_confint

    draw = np.random.Generator(np.random.Philox(2))
    n = draw.integers(1, 60, 1000)
    k = draw.binomial(n, 0.4)
    low, high = exact_limits(k, n)
    expected = proportion_confint(k, n, method="beta")
    assert np.allclose(low, np.nan_to_num(expected[0])) and np.allclose(high, np.nan_to_num(expected[1], nan=1.0))
    few = exact_limits(k[:50], n[:50])
    assert np.array_equal(few[0], low[:50]) and np.array_equal(few[1], high[:50])
    assert np.isnan(exact_limits([0], [0])[0][0])


SHAPES = {
    "even": [0.0875] * 4 + [0.65],
    "ones": [0.35, 0, 0, 0, 0.65],
    "ones and fours": [0.1, 0, 0, 0.25, 0.65],
    "fours": [0.02, 0, 0, 0.33, 0.65],
    "usual": [0.05, 0.03, 0.07, 0.2, 0.65],
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [5, 6, 8, 10, 15, 20, 40, 100])
def test_stars_of_which_two_thirds_are_fives(shape: str, n: int) -> None:
    """Coverage at least 0.93, less three standard errors of 20,000 samples; Student's t fails at small n."""
    draw, p = np.random.Generator(np.random.Philox(3)), np.array(SHAPES[shape])
    stars = draw.choice(np.arange(1, 6), p=p / p.sum(), size=(20_000, n))
    mean = float((p * np.arange(1, 6)).sum())
    low, high = bounded_mean(stars.mean(axis=1), stars.std(axis=1, ddof=1), np.full(20_000, n), low=1, high=5)
    covered = ((low <= mean + 1e-9) & (mean <= high + 1e-9)).mean()
    assert covered >= 0.93 - 3 * (0.93 * 0.07 / 20_000) ** 0.5


def test_scores_that_rarely_fail_utterly() -> None:
    """Ten scores of 95, but one in ten is 0, by the metric itself: Student's t covers the mean, 85.5, in 65 %."""
    draw = np.random.default_rng(5)
    values = np.where(draw.random((4_000, 10)) < 0.1, 0.0, 95.0)
    sums = pl.DataFrame(
        {
            "score_mean_last10:n": np.full(4_000, 10),
            "score_mean_last10:s": (values.sum(axis=1) * 10**6).astype(np.int64),
            "score_mean_last10:q": ((values**2).sum(axis=1) * 10**12).astype(np.int64),
        }
    )
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    columns = METRICS["score_mean_last10"].finish(sums, Context(moment))
    low, high = (columns[f"score_mean_last10{side}"].to_numpy() for side in ("_lo", "_hi"))
    assert ((low <= 85.5) & (high >= 85.5)).mean() > 0.95
    student = mean_t(values.mean(axis=1), values.std(axis=1, ddof=1), np.full(4_000, 10), 0.95, low=0, high=100)
    assert ((student[0] <= 85.5) & (student[1] >= 85.5)).mean() < 0.7


def test_more_ratings_say_more() -> None:
    n = np.array([2, 5, 10, 50, 1000])
    low, high = bounded_mean(np.full(5, 3.2), np.full(5, 1.0), n, low=1, high=5)
    assert (np.diff(high - low) < 0).all()
    t = mean_t(np.full(5, 3.2), np.full(5, 1.0), n, low=1, high=5)
    assert (high - low)[-1] == pytest.approx((t[1] - t[0])[-1], rel=0.02)  # in the long run they are the same
    mirrored = bounded_mean(6 - np.full(5, 3.2), np.full(5, 1.0), n, low=1, high=5)
    assert np.allclose(6 - mirrored[1], low)


def _hours(draw: np.random.Generator, kind: str, n: int, size: int) -> np.ndarray:
    if kind == "lognormal":
        sigma = np.log(10) ** 0.5
        return np.asarray(draw.lognormal(-np.log(10) / 2, sigma, (size, n)))
    shape = 0.3995  # coefficient of variation 3
    return np.asarray(draw.weibull(shape, (size, n)) / stats.weibull_min(shape).mean())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lognormal", "weibull"])
@pytest.mark.parametrize("n", [50, 200, 1000])
def test_hours_that_are_skewed(kind: str, n: int) -> None:
    """Coefficient of variation 3: the mean's interval holds in 90 %, or is withheld."""
    draw = np.random.Generator(np.random.Philox(4))
    hours = _hours(draw, kind, n, 3_000)
    mean, sd, size = hours.mean(axis=1), hours.std(axis=1, ddof=1), np.full(3_000, n)
    low, high = mean_t(mean, sd, size, low=0)
    wrong = ((low > 1) | (high < 1)) & ~too_skewed(mean, sd, size)
    assert wrong.mean() <= 0.10
    if n == 50:
        assert ((low > 1) | (high < 1)).mean() > 0.13  # what is withheld would have been wrong


def test_a_skewed_mean_keeps_its_value_and_says_why_there_is_no_interval() -> None:
    sums = pl.DataFrame({"avg_processing_hours:n": [30, 30]}).with_columns(
        pl.Series("avg_processing_hours:s", [30 * 3_600_000_000] * 2, dtype=pl.Int128),
        pl.Series("avg_processing_hours:q", [30 * 10 * 3_600_000_000**2, 30 * 3_600_000_000**2 + 10**18], dtype=pl.Int128),
    )
    from datetime import datetime

    from aura_analytics.metrics.kinds.base import Context
    from aura_analytics.metrics.kinds.statuses import OK, SKEWED

    columns = avg_processing_hours.finish(sums, Context(datetime(2026, 1, 1)))
    assert columns["avg_processing_hours"].to_list() == [1.0, 1.0]
    assert columns["avg_processing_hours_status"].to_list() == [SKEWED, OK]
    assert columns["avg_processing_hours_lo"].is_null().to_list() == [True, False]
    row = {name: series[0] for name, series in columns.items()} | {"avg_processing_hours_status": "too_skewed"}
    assert avg_processing_hours.cell(row)["interval"] == "too skewed"


@given(n=st.integers(0, 300), q=st.sampled_from([0.1, 0.5, 0.9]), level=st.sampled_from([0.8, 0.95]))
def test_ranks_enclose_a_quantile_as_often_as_they_say(n: int, q: float, level: float) -> None:
    (low,), (high,) = quantile_ranks([n], q, level)
    tail = (1 - level) / 2
    below = stats.binom(n, q)
    if low >= 0:
        assert below.cdf(low) <= tail + 1e-9 and below.cdf(low + 1) > tail - 1e-9
    else:
        assert n == 0 or below.cdf(0) > tail - 1e-9
    if high >= 0:
        assert below.sf(high) <= tail + 1e-9
        assert high == 0 or below.sf(high - 1) > tail - 1e-9
    else:
        assert n == 0 or below.sf(n - 1) > tail - 1e-9


def test_the_least_numbers_for_quantiles() -> None:
    assert [int(quantile_ranks([n], 0.5)[0][0]) for n in (5, 6)] == [-1, 0]
    assert [int(quantile_ranks([n], 0.9)[1][0]) for n in (35, 36)] == [-1, 35]
