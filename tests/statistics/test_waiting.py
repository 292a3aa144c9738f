"""Waiting times compared: against statsmodels, against closed forms, and by drawing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from statsmodels.duration.survfunc import CumIncidenceRight, survdiff

from aura_analytics.errors import ParameterError
from aura_analytics.statistics.survival import kaplan_meier
from aura_analytics.statistics.waiting import (
    cumulative_incidence,
    log_rank,
    median_limits,
    restricted_mean,
    restricted_mean_difference,
)


def cases(seed: int, n: int, scale: float = 10.0, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.Generator(np.random.Philox(seed))
    time, censored = draw.exponential(scale, n), draw.exponential(2 * scale, n)
    elapsed = np.minimum(time, censored)
    return (np.ceil(elapsed) if ties else elapsed), time <= censored


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("groups", [2, 4])
def test_log_rank_is_that_of_statsmodels(ties: bool, groups: int) -> None:
    drawn = [cases(seed, 40 + 7 * seed, 8 + seed, ties=ties) for seed in range(groups)]
    found = log_rank(drawn)
    time, over = (np.concatenate([one[side] for one in drawn]) for side in (0, 1))
    which = np.repeat(np.arange(groups), [len(one[0]) for one in drawn])
    statistic, p = survdiff(time, over.astype(int), which)
    assert found.statistic == pytest.approx(statistic) and found.p_value == pytest.approx(p)
    assert sum(found.observed) == pytest.approx(sum(found.expected)) == over.sum()
    turned = log_rank(drawn[::-1])
    assert turned.statistic == pytest.approx(found.statistic)  # whichever comes first


def test_log_rank_errs_as_often_as_it_says() -> None:
    draw, n, wrong = np.random.Generator(np.random.Philox(5)), 2_000, 0
    for _ in range(n):
        wrong += log_rank([(draw.exponential(1, 30), draw.random(30) < 0.7) for _ in range(2)]).p_value < 0.05
    assert wrong / n == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / n) ** 0.5)


def test_a_restricted_mean_without_open_cases_is_a_mean() -> None:
    time = np.random.Generator(np.random.Philox(6)).exponential(10, 200)
    found = restricted_mean(time, np.ones(200, dtype=bool), 12)
    short = np.minimum(time, 12)
    assert found.value == pytest.approx(short.mean()) and found.se == pytest.approx(short.std() / 200**0.5)
    doubled = restricted_mean(2 * time, np.ones(200, dtype=bool), 24)
    assert doubled.value == pytest.approx(2 * found.value) and doubled.se == pytest.approx(2 * found.se)


@pytest.mark.slow
def test_restricted_means_cover() -> None:
    n, covered, told = 2_000, 0, 0
    truth = 10 * (1 - np.exp(-1.2))
    for seed in range(n):
        time, over = cases(seed, 60)
        found = restricted_mean(time, over, min(12.0, float(time.max())))
        covered += found.lo <= truth <= found.hi
        median, low, high = median_limits(time, over)
        told += low is not None and low <= 10 * np.log(2) and (high is None or high >= 10 * np.log(2))
        assert median is None or (low is not None and low <= median)
    assert covered / n >= 0.93 and 0.93 <= told / n <= 0.99


def test_two_restricted_means() -> None:
    one, other = cases(1, 50), cases(2, 70, 5.0)
    found = restricted_mean_difference(one, other, 8)
    assert found.value == pytest.approx(restricted_mean(*one, 8).value - restricted_mean(*other, 8).value)
    assert restricted_mean_difference(other, one, 8).lo == pytest.approx(-found.hi)


def test_what_lies_beyond_the_last_open_case_is_not_known() -> None:
    with pytest.raises(ParameterError, match="beyond the last open case"):
        restricted_mean([1, 2, 3], [True, True, False], 4)
    assert restricted_mean([1, 2, 3], [True, True, True], 4).value == 2
    with pytest.raises(ParameterError, match="out of range"):
        restricted_mean([1], [True], 0)
    with pytest.raises(ParameterError, match="groups to compare"):
        log_rank([([1], [True])])


def test_a_median_of_whom_half_are_open_has_no_upper_limit() -> None:
    assert median_limits([1, 2, 3, 4, 5, 6], [True, True, True, False, False, False])[2] is None
    assert median_limits([], []) == (None, None, None)


@pytest.mark.parametrize("ties", [False, True])
def test_incidence_is_that_of_statsmodels(ties: bool) -> None:
    time, over = cases(3, 120, ties=ties)
    draw = np.random.Generator(np.random.Philox(4))
    code = np.where(over, draw.integers(1, 3, 120), 0)
    kinds = np.array([None, "handed_on", "resolved"], dtype=object)[code]
    found = cumulative_incidence(time, kinds)
    with np.errstate(divide="ignore", invalid="ignore"):  # its own
        expected = CumIncidenceRight(time, code)
    for at, name in enumerate(("handed_on", "resolved")):
        mine = found.filter(kind=name)
        places = np.searchsorted(expected.times, mine["time"].to_numpy())
        assert mine["share"].to_numpy() == pytest.approx(expected.cinc[at][places])
        theirs = expected.cinc_se[at][places]  # undefined there once nobody is left
        known = ~np.isnan(theirs)
        assert known.sum() >= len(theirs) - 1
        assert mine["se"].to_numpy()[known] == pytest.approx(theirs[known], rel=0.02)
    # with those that are still open they make one
    last = found.group_by("kind").agg(pl.col("share").max())["share"].sum()
    assert last + kaplan_meier(time, code > 0)["survival"][-1] == pytest.approx(1)


def test_one_kind_of_end_is_a_survival_curve() -> None:
    time, over = cases(7, 80)
    found = cumulative_incidence(time, ["resolved" if one else None for one in over])
    curve = kaplan_meier(time, over)
    assert found["share"].to_numpy() == pytest.approx(1 - curve["survival"].to_numpy())
    assert found["se"].to_numpy() == pytest.approx(curve["se"].to_numpy(), rel=0.02)
