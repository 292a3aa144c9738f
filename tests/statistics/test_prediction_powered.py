"""Estimates from few judgements and a guess at all: right whatever the guess, and narrower where it is good."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import ParameterError
from aura_analytics.statistics.prediction_powered import prediction_powered

ALL, WORLDS = 800, 3_000


def worlds(right: float, lean: float, n: int = 60) -> tuple[float, float, float, float]:
    """Coverage, mean estimate, mean width, and mean width without the guess; the guess is right with a chance, else says `lean`."""
    draw = np.random.Generator(np.random.Philox(11))
    inside, values, widths, plain = [], [], [], []
    for _ in range(WORLDS):
        truth = (draw.random(ALL) < 0.2).astype(float)
        guess = np.where(draw.random(ALL) < right, truth, (draw.random(ALL) < lean).astype(float))
        some = draw.permutation(ALL)[:n]
        weight = np.full(n, ALL / n)
        one = prediction_powered(truth[some], guess[some], weight, guess)
        none = prediction_powered(truth[some], np.zeros(n), weight, np.zeros(ALL))
        inside.append(one.lo <= 0.2 <= one.hi)
        values.append(one.value)
        widths.append(one.hi - one.lo)
        plain.append(none.hi - none.lo)
    return float(np.mean(inside)), float(np.mean(values)), float(np.mean(widths)), float(np.mean(plain))


@pytest.mark.parametrize(("right", "lean"), [(0.9, 0.5), (0.6, 0.9), (0.0, 1.0), (0.0, 0.3)])
def test_whatever_the_guess_the_estimate_has_no_bias(right: float, lean: float) -> None:
    cover, mean, width, plain = worlds(right, lean)
    assert 0.93 <= cover <= 0.985
    assert mean == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / 60 / WORLDS) + 0.002)
    assert width <= 1.02 * plain
    if right == 0.9:
        assert width < 0.85 * plain


def test_by_hand() -> None:
    """A guess that says the same of all is no guess: the plain share, with one more of either kind in its limits."""
    truth = np.array([1.0] * 5 + [0.0] * 15)
    one = prediction_powered(truth, np.ones(20), np.full(20, 10.0), np.ones(200))
    share = 6 / 22
    half = 1.959964 * math.sqrt(share * (1 - share) / 22)
    assert one.trust == 0 and one.value == 0.25
    assert one.lo == pytest.approx(share - half, abs=1e-6) and one.hi == pytest.approx(share + half, abs=1e-6)
    assert math.isnan(prediction_powered(truth[:19], truth[:19], np.ones(19), truth).value)


def test_of_a_log() -> None:
    run = aura.simulate("fraud_unit", seed=2, days=90)
    judged = run.truth.cases.select("case_id", verdict="right_verdict")
    turned = judged.with_columns(verdict=pl.when(pl.col("verdict") == "PAY").then(pl.lit("x")).otherwise("verdict"))
    found = aura.second_judge(run.events, judged).filter(actor="rubber_stamp").row(0, named=True)
    own = run.truth.cases.filter(
        (pl.col("officer") == "rubber_stamp") & (pl.col("end") <= datetime(2026, 4, 6, tzinfo=timezone.utc))
    )
    share = float((~own["human_right"]).mean())  # type: ignore[arg-type]
    audits = aura.dossiers(run.events).filter(actor="rubber_stamp").row(0, named=True)
    assert found["audited"] == audits["accepted_wrong_rate_n"]
    assert found["lo"] < share < found["hi"]
    assert found["hi"] - found["lo"] < 0.6 * (audits["accepted_wrong_rate_hi"] - audits["accepted_wrong_rate_lo"])
    assert aura.second_judge(run.events, turned).height == 2
    unsaid = run.events.with_columns(audit_chance=pl.lit(None, dtype=pl.Float64))
    assert aura.second_judge(unsaid, judged)["value"].null_count() == 2


def test_bad_input() -> None:
    run = aura.simulate("fraud_unit", seed=2, days=20)
    judged = run.truth.cases.select("case_id", verdict="right_verdict")
    with pytest.raises(ParameterError, match="lack columns"):
        aura.second_judge(run.events, judged.drop("verdict"))
    with pytest.raises(ParameterError, match="twice"):
        aura.second_judge(run.events, pl.concat([judged, judged.head(1)]))
