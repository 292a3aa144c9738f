"""Plans of audits: against sums written out, against chance, and what must hold of any."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta, binom

from aura_analytics.errors import ParameterError
from aura_analytics.statistics.audit_plans import audits_to_decide, chance_of_decision, sequential_audits


def exact_low(k: int, n: int) -> float:
    return float(beta.ppf(0.05, k, n - k + 1)) if k else 0.0


def test_the_fewest_audits_by_hand() -> None:
    plan = audits_to_decide(0.10, 0.36, 0.05)

    def rates(n: int) -> tuple[float, float]:
        at = min(k for k in range(n + 2) if k == n + 1 or exact_low(k, n) > 0.10)
        chance = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for p in (0.36, 0.05) for k in range(at, n + 1)]
        half = len(chance) // 2
        return sum(chance[:half]), sum(chance[half:])

    assert rates(plan.n) == pytest.approx((plan.found, plan.false))
    assert plan.found >= 0.95 and plan.false <= 0.01
    for n in range(20, plan.n):
        found, false = rates(n)
        assert found < 0.95 or false > 0.01


def test_thirty_audits_suffice() -> None:
    at = min(k for k in range(31) if exact_low(k, 30) > 0.10)
    assert at == 7
    assert binom.sf(at - 1, 30, 0.36) == pytest.approx(0.953, abs=0.001)
    assert binom.sf(at - 1, 30, 0.05) == pytest.approx(0.0006, abs=0.0001)


def test_shares_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ParameterError, match="do not fit"):
        audits_to_decide(0.10, 0.08, 0.05)
    with pytest.raises(ParameterError, match="missed is out of range"):
        audits_to_decide(missed=0)
    with pytest.raises(ParameterError, match="no number of audits"):
        audits_to_decide(0.10, 0.101, 0.099, most=50)


@pytest.mark.parametrize("share", [0.05, 0.36])
def test_a_sequential_plan_does_what_it_says(share: float) -> None:
    plan = sequential_audits(most=120)
    flag, clear = (plan.table[name].fill_null(-1 if name == "clear_to" else 999).to_numpy() for name in ("flag_from", "clear_to"))
    draw, worlds = np.random.Generator(np.random.Philox(3)), 20_000
    hits = (draw.random((worlds, 120)) < share).cumsum(axis=1)
    flagged, cleared = hits >= flag, hits <= clear
    over = flagged | cleared
    first = np.where(over.any(axis=1), over.argmax(axis=1), 119)
    rows = np.arange(worlds)
    told = (plan.false, plan.expected_good) if share == 0.05 else (plan.found, plan.expected_bad)
    found = flagged[rows, first]
    assert found.mean() == pytest.approx(told[0], abs=4 * math.sqrt(max(told[0] * (1 - told[0]), 1e-4) / worlds))
    assert (first + 1).mean() == pytest.approx(told[1], abs=4 * (first + 1).std() / math.sqrt(worlds))
    assert plan.false <= 0.01 and plan.found >= 0.95 - 0.02


def test_chances_of_a_decision_by_drawing() -> None:
    told = chance_of_decision(3, 12, 20, 0.10)
    assert told[:8].tolist() == [0.0] * 8  # fewer than 20 decide nothing
    draw, worlds = np.random.Generator(np.random.Philox(5)), 40_000
    hits = 3 + draw.binomial(20, draw.beta(3.5, 9.5, worlds))
    high = [1 - exact_low(32 - k, 32) for k in range(33)]
    decided = np.array([exact_low(k, 32) > 0.10 or high[k] < 0.10 for k in range(33)])
    assert decided[hits].mean() == pytest.approx(told[20], abs=4 * math.sqrt(0.25 / worlds))
    assert chance_of_decision(18, 30, 5, 0.10)[0] == 1.0


def test_chances_are_those_of_the_textbook() -> None:
    """The package computes them by special functions; scipy.stats says the same."""
    import numpy as np
    from scipy.stats import betabinom, binom

    from aura_analytics.statistics.audit_plans import audits_to_decide, chances_ahead

    for limit, bad, good in ((0.1, 0.36, 0.05), (0.13, 0.4, 0.06), (0.25, 0.5, 0.12)):
        plan = audits_to_decide(limit, bad, good)
        assert plan.found == pytest.approx(binom.sf(plan.flag_at - 1, plan.n, bad), rel=1e-10)
        assert plan.false == pytest.approx(binom.sf(plan.flag_at - 1, plan.n, good), rel=1e-10)
    for hits, n, more in ((0, 0, 8), (3, 20, 15), (19, 20, 30)):
        found = chances_ahead(hits, n, more, lambda x, total: x >= 0.4 * total)
        for extra in range(1, more + 1):
            x = np.arange(extra + 1)
            want = betabinom.pmf(x, extra, hits + 0.5, n - hits + 0.5)[hits + x >= 0.4 * (n + extra)].sum()
            assert found[extra] == pytest.approx(want, abs=1e-12)
