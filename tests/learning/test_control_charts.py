"""Control charts against published worked examples, closed forms and simulation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aura_analytics.errors import ParameterError
from aura_analytics.learning.control_charts import cusum, cusum_arl, cusum_limit, ewma

ROOT = Path(__file__).parent.parent.parent
CASES = {case["id"]: case for case in json.loads((ROOT / "fixtures/published/learning_cases.json").read_text())}


def case(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return CASES[name]["inputs"], CASES[name]["expected"]


def test_cusum_of_montgomery() -> None:
    given, expected = case("N3-MONTGOMERY-CUSUM")
    found = cusum(given["x"], given["target"], k=given["K"], h=given["H"])
    assert found["upper"].to_list() == pytest.approx(expected["Cplus"], abs=0.006)
    assert found["lower"].to_list() == pytest.approx(expected["Cminus"], abs=0.006)
    first = found["signal"].arg_true()[0]
    assert (first + 1, found["since_upper"][first]) == (expected["first_signal"], expected["N_plus"])
    shifted = given["target"] + given["K"] + found["upper"][first] / found["since_upper"][first]
    assert shifted == pytest.approx(expected["shifted_mean"], abs=0.006)


def test_ewma_of_montgomery() -> None:
    given, expected = case("N3-MONTGOMERY-EWMA")
    found = ewma(given["x"], given["target"], given["sigma"], weight=given["lambda"], width=given["L"])
    assert found["z"].to_list() == pytest.approx(expected["z"], abs=6e-5)
    assert (found["hi"][0], found["hi"][-1]) == pytest.approx((expected["ucl_1"], expected["steady_ucl"]), abs=0.006)
    assert [i + 1 for i in found["signal"].arg_true()] == expected["signals"]


@pytest.mark.parametrize("h", [4, 5])
def test_run_lengths_of_lucas_and_crosier(h: int) -> None:
    given, expected = case("N3-CUSUM-ARL")
    found = [cusum_arl(given["k"], h, shift) for shift in given["shift"]]
    assert found == pytest.approx(expected[f"h{h}"], rel=0.004)


def test_the_slow_recursion_agrees() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(0.2, 1, 500)
    high = low = 0.0
    uppers, lowers = [], []
    for value in x:
        high, low = max(0.0, high + value - 0.3 - 0.5), max(0.0, low + 0.3 - value - 0.5)
        uppers.append(high)
        lowers.append(low)
    found = cusum(x, 0.3, k=0.5, h=4)
    assert found["upper"].to_list() == pytest.approx(uppers, abs=1e-9)
    assert found["lower"].to_list() == pytest.approx(lowers, abs=1e-9)


def test_the_limit_keeps_its_promise_in_simulation() -> None:
    h = cusum_limit(0.5, 100)
    assert cusum_arl(0.5, h) == pytest.approx(100, rel=1e-5)
    rng = np.random.default_rng(3)
    lengths = []
    for _ in range(800):
        signal = cusum(rng.normal(size=1_500), 0, k=0.5, h=h)["signal"]
        lengths.append(signal.arg_true()[0] + 1 if signal.any() else 1_500)
    error = np.std(lengths) / np.sqrt(len(lengths))
    assert abs(np.mean(lengths) - 100) < 4 * error


def test_charts_of_nothing_and_wrong_arguments() -> None:
    assert cusum([], 0, k=1, h=1).is_empty() and ewma([], 0, 1).is_empty()
    assert not cusum([5.0] * 9, 5, k=1, h=1)["signal"].any()
    wrongs: list[Any] = [[1, float("nan")], [[1]]]
    for wrong in wrongs:
        with pytest.raises(ParameterError, match="one finite number a period"):
            cusum(wrong, 0, k=1, h=1)
    with pytest.raises(ParameterError, match="k is out of range"):
        cusum([1], 0, k=0, h=1)
    with pytest.raises(ParameterError, match="weight is out of range"):
        ewma([1], 0, 1, weight=0)
    with pytest.raises(ParameterError, match="periods is out of range"):
        cusum_limit(0.5, 1)
