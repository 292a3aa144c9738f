"""Rolling series: every reading equals the dossier of that moment."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics import events
from aura_analytics.errors import ParameterError

NAMES = ["override_rate", "sat_score_mean", "avg_processing_hours", "sat_low_share", "overridden_rate", "success_rate"]


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), window=st.sampled_from(["7d", "300h", "90d"]), step=st.sampled_from(["1d", "12h", "5d"]))
def test_equals_the_dossier_at_every_reading(seed: int, window: str, step: str) -> None:
    log = events.sample(500, seed=seed)
    series = aura.rolling(log, NAMES, window=window, step=step, end="2026-03-20", start="2026-03-10T12:00:00")
    moments = series["as_of"].unique().sort()
    assert len(moments) >= 2
    compared = 0
    for moment in [moments[0], moments[len(moments) // 2], moments[-1]]:
        board = aura.dossiers(log, moment, window, metrics=NAMES)
        at = series.filter(pl.col("as_of") == moment)
        for row in board.iter_rows(named=True):
            mine = at.filter(pl.col("actor") == row["actor"]).row(0, named=True)
            for name in NAMES:
                assert mine[f"{name}_n"] == row[f"{name}_n"]
                if row[f"{name}_n"]:
                    assert mine[name] == pytest.approx(row[name], rel=1e-14)
                    compared += 1
                    for side in ("_lo", "_hi"):
                        if row[name + side] is None:  # hours that are too skewed
                            assert mine[name + side] is None
                        else:
                            assert mine[name + side] == pytest.approx(row[name + side], rel=1e-12)
                else:
                    assert mine[name] is None
    assert compared > 0


def test_window_is_half_open(log) -> None:  # type: ignore[no-untyped-def]
    table = log(("OVERRIDE", 0, {"actor": "a"}), ("DECISION", 24, {"actor": "a"}))
    series = aura.rolling(table, ["override_rate"], window="1d", step="1d", start="2026-01-05", end="2026-01-06")
    # at hour 0 the first event is inside (its end is included); at hour 24 it has just left, and the second is inside
    assert series["override_rate"].to_list() == [1.0, 0.0]
    assert series["override_rate_n"].to_list() == [1, 1]


def test_row_order_does_not_matter() -> None:
    log = events.sample(300, seed=1)
    assert aura.rolling(log).equals(aura.rolling(log.sample(fraction=1, shuffle=True, seed=1)))


def test_defaults_reach_the_last_event() -> None:
    log = events.sample(100, seed=1)
    series = aura.rolling(log)
    last = log["ts"].max()
    assert timedelta(0) <= series["as_of"].max() - last < timedelta(days=1)  # type: ignore[operator]


def test_what_does_not_add_up_is_refused() -> None:
    with pytest.raises(
        ParameterError, match=r"no rolling series of these metrics: got \['processing_hours_p90', 'score_mean_last10'\]"
    ):
        aura.rolling(events.sample(20), ["processing_hours_p90", "score_mean_last10"])
    with pytest.raises(ParameterError, match="start lies after end"):
        aura.rolling(events.sample(20), start="2026-02-01", end="2026-01-01")


def test_hindsight_is_refused() -> None:
    with pytest.raises(ParameterError, match="sat_response_rate"):
        aura.rolling(events.sample(20), ["sat_response_rate"])


def test_empty_log() -> None:
    assert aura.rolling(events.empty()).height == 0
