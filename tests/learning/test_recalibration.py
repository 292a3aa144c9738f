"""Recalibration as a proposal: found where confidences are off, not where they are right; any binning, and tables of counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from aura_analytics.errors import ParameterError
from aura_analytics.learning.calibration import calibration
from aura_analytics.learning.proper_scores import calibration_error, murphy
from aura_analytics.learning.recalibration import recalibrate


def drawn(seed: int, n: int, slope: float, intercept: float) -> tuple[np.ndarray, np.ndarray]:
    """Confidences whose true chance lies on a line of their log odds."""
    draw = np.random.Generator(np.random.Philox(seed))
    p = np.round(draw.beta(4, 2, n), 2).clip(0.02, 0.98)
    odds = intercept + slope * np.log(p / (1 - p))
    return p, (draw.random(n) < 1 / (1 + np.exp(-odds))).astype(int)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_what_is_overconfident_is_mended(method: str) -> None:
    p, y = drawn(1, 3_000, 0.5, -0.6)
    found = recalibrate(p, y, method)  # type: ignore[arg-type]
    assert found and found.verdict == "improves" and found.after is not None and found.before is not None
    assert found.after < found.before and found.gain_lo is not None and found.gain_lo > 0
    fresh, hits = drawn(2, 20_000, 0.5, -0.6)
    before, after = calibration_error(fresh, hits), calibration_error(found.apply(fresh), hits)
    assert before is not None and after is not None and after < before / 4
    if method == "platt":
        assert (found.slope, found.intercept) == pytest.approx((0.5, -0.6), abs=0.12)


def test_platt_is_that_of_statsmodels() -> None:
    import statsmodels.api as sm

    p, y = drawn(3, 500, 0.7, 0.2)
    k = y.sum()
    target = np.where(y == 1, (k + 1) / (k + 2), 1 / (len(y) - k + 2))
    design = sm.add_constant(np.log(p / (1 - p)))
    expected = sm.GLM(target, design, family=sm.families.Binomial()).fit().params
    found = recalibrate(p, y)
    assert (found.intercept, found.slope) == pytest.approx(tuple(expected), rel=1e-6)


def test_what_is_right_is_left_alone() -> None:
    verdicts = [recalibrate(*drawn(seed, 400, 1.0, 0.0)).verdict for seed in range(40)]
    assert verdicts.count("improves") <= 4  # one-sided 2.5 % each
    assert recalibrate([0.5] * 30, [1, 0] * 15).verdict == "insufficient"
    assert not recalibrate([0.5] * 100, [1] * 100)


def test_a_table_of_counts_is_the_same() -> None:
    p, y = np.array([0.9, 0.9, 0.6, 0.6, 0.2]), np.array([1, 0, 1, 0, 0])
    times = np.array([45, 5, 30, 20, 60])
    long = np.repeat(p, times), np.repeat(y, times)
    table, whole = calibration(p, y, weights=times), calibration(*long)
    assert table.brier == whole.brier and table.auc == whole.auc and table.bins.equals(whole.bins)
    assert calibration_error(p, y, weights=times) == calibration_error(*long)
    assert recalibrate(p, y, weights=times).knots.equals(recalibrate(*long).knots)
    for wrong in ([1, 2], [0.5] * 5, [-1, 1, 1, 1, 1]):
        with pytest.raises(ParameterError, match="weights do not fit"):
            calibration(p, y, weights=wrong)


def test_any_binning() -> None:
    p, y = drawn(4, 2_000, 1.0, 0.0)
    distinct = calibration(p, y, binning="distinct")
    assert distinct.bins.height == len(np.unique(p)) and distinct.bins["confidence"].to_list() == pytest.approx(
        np.unique(p).tolist()
    )
    assert distinct.parts is not None and distinct.parts["within"] == pytest.approx(0, abs=1e-12)
    edges = [0.0, 0.6, 0.8, 1.0]
    given = calibration(p, y, bins=edges)
    assert given.bins["n"].to_list() == [int((p <= 0.6).sum()), int(((p > 0.6) & (p <= 0.8)).sum()), int((p > 0.8).sum())]
    assert given.binning == "3 bins as given"
    parts = murphy(p, y, bins=edges)
    assert parts is not None and given.brier is not None
    assert parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within"] == pytest.approx(given.brier)
    for wrong in ([0.2, 1.0], [0, 0.5, 0.5, 1], [0.0]):
        with pytest.raises(ParameterError, match="no edges of bins"):
            calibration(p, y, bins=wrong)


def test_the_proposal_is_a_file_for_review(tmp_path: Path) -> None:
    found = recalibrate(*drawn(1, 1_000, 0.5, -0.6))
    body = yaml.safe_load(found.write(tmp_path / "r.yaml").read_text())
    assert body["verdict"] == "improves" and body["slope"] == pytest.approx(found.slope) and len(body["knots"]) == 21
    with pytest.raises(ParameterError, match="exists already"):
        found.write(tmp_path / "r.yaml")
    with pytest.raises(ParameterError, match="unknown method"):
        recalibrate([0.5], [1], "beta")  # type: ignore[arg-type]
