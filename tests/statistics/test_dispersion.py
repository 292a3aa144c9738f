"""Over-dispersion and funnel limits: published values, what another way of counting says, and worlds with known spread."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aura_analytics.errors import ParameterError
from aura_analytics.statistics.dispersion import dispersion, funnel_limits

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parents[2] / "fixtures/published/fairness_cases.json").read_text())["cases"]
}


def test_published() -> None:
    case = CASES["N1-FUNNEL"]
    observed, expected = (np.array(case["inputs"][name], float) for name in ("observed", "expected"))
    told, within = case["expected"], case["tolerance"]["abs"]
    found = dispersion(np.log(observed / expected), expected**-0.5, case["inputs"]["trim"])
    assert (found.phi, found.tau2) == pytest.approx((told["phi"], told["tau2"]), abs=within)
    drawn_in = dispersion(np.log(observed / expected), expected**-0.5, case["inputs"]["trim"], winsorise=True)
    assert drawn_in.phi == pytest.approx(2.149053, abs=within)
    for level, name in ((0.95, "95"), (0.998, "998")):
        low, high = funnel_limits(case["inputs"]["limit_at"], level)
        np.testing.assert_allclose(low, told[f"ll{name}"], atol=within)
        np.testing.assert_allclose(high, told[f"ul{name}"], atol=within)


def test_scale_and_order_and_sign_change_nothing() -> None:
    draw = np.random.default_rng(1)
    y, s = draw.normal(0, 0.4, 50), draw.uniform(0.1, 0.5, 50)
    there = dispersion(y, s)
    order = draw.permutation(50)
    assert dispersion(-y[order], s[order]).phi == pytest.approx(there.phi)
    scaled = dispersion(10 * y, 10 * s)
    assert (scaled.phi, scaled.tau2) == pytest.approx((there.phi, 100 * there.tau2))


@pytest.mark.parametrize("between", [0.0, 0.3])
def test_a_known_spread_is_found(between: float) -> None:
    draw = np.random.default_rng(2)
    s = draw.uniform(0.1, 0.4, 4_000)
    y = draw.normal(0, np.sqrt(s**2 + between**2))
    found = dispersion(y, s, trim=0)
    assert found.tau2 == pytest.approx(between**2, abs=0.01)
    assert found.phi == pytest.approx(1 + between**2 * np.mean(1 / s**2), rel=0.1)


def test_limits_are_those_of_the_distribution() -> None:
    from scipy.stats import poisson

    low, high = funnel_limits([50.0], 0.9)
    # at the limits the chance of the count, or of one farther out, is the tail
    assert poisson.sf(49, 50 * 1.0 / 1.0) > 0.05
    assert poisson.cdf(50, 50 * high[0]) == pytest.approx(0.05, abs=1e-9)
    assert poisson.sf(49, 50 * low[0]) == pytest.approx(0.05, abs=1e-9)


def test_few_and_wrong() -> None:
    assert np.isnan(dispersion([0.1], [0.2]).phi)
    with pytest.raises(ParameterError, match="trim is out of range"):
        dispersion([1.0, 2.0], [1.0, 1.0], trim=0.5)
    with pytest.raises(ParameterError, match="a standard error is out of range"):
        dispersion([1.0, 2.0], [1.0, 0.0])
