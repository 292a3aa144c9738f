"""Charts of error rates and calibration: what is in them, the same bytes every time, and pictures without a network."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import charts
from aura_analytics.charts.render import spec_of
from aura_analytics.errors import ParameterError
from aura_analytics.learning.calibration import calibration
from aura_analytics.simulation.scenario import shipped
from aura_analytics.widgets import TunerState


def test_error_charts() -> None:
    rates = [
        aura.rule_error_rates(policy, shipped()["loan_forgiveness"], 3, 1, days=60)
        for policy in (aura.Policy.tracker(), aura.Policy.evidence_gated())
    ]
    both = {one.policy: one.rates for one in rates}
    makers: list[Callable[[], Any]] = [lambda: charts.detection(rates), lambda: charts.comparison(both)]
    for make in makers:
        text = spec_of(make())
        assert text == spec_of(make()) and "tracker" in text and "evidence_gated" in text
        assert charts.png(make()).startswith(b"\x89PNG")
    rows = next(iter(json.loads(spec_of(charts.detection(rates)))["datasets"].values()))
    assert {row["rule"] for row in rows} == {"tracker", "evidence_gated"} and all(
        row["lo"] <= row["share"] <= row["hi"] for row in rows
    )
    state = TunerState(
        aura.sample_log(800, seed=2),
        "evidence_gated",
        scenario=aura.Scenario.from_yaml(shipped()["loan_forgiveness"]).for_days(60),
        worlds=2,
    )
    curve = state.curve("pip.override_rate.threshold", 5)
    drawn = next(iter(json.loads(spec_of(charts.error_curves(curve)))["datasets"].values()))
    assert len(drawn) == 10 and {row["what"] for row in drawn} == {"false flags per officer-year", "share of the bad ones missed"}


def test_reliability() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(500)
    bins = {"sound": calibration(p, rng.random(500) < p).bins, "flat": calibration(p, rng.random(500) < 0.5).bins}
    sets = json.loads(spec_of(charts.reliability(bins)))["datasets"].values()
    rows = max(sets, key=len)
    assert len(rows) == sum(table.height for table in bins.values()) and {row["who"] for row in rows} == {"sound", "flat"}


def test_a_chart_in_a_notebook() -> None:
    table = pl.DataFrame({"confidence": [0.1 + 0.2], "rate": [1 / 3], "lo": [0.1], "hi": [0.7]})
    picture = charts.show(charts.reliability({"one": table}), "One point.")
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    assert repr(picture) == bundle["text/plain"] == "One point." and 'aria-label="One point."' in bundle["text/html"]
    assert "http" not in bundle["text/html"].replace("http://www.w3.org/", "")
    assert bundle == picture._repr_mimebundle_()


@pytest.mark.slow
def test_every_chart_shows_itself_and_says_what_is_to_be_seen() -> None:
    log = aura.sample_log(800, seed=2)
    board = aura.dossiers(log)
    people = board.filter(pl.col("override_rate_n") > 0)
    moved = aura.rolling(log, ["override_rate"], window="30d", step="10d")
    first = people.sort("override_rate_lo", descending=True).filter(pl.col("pip_status") != "insufficient").row(0, named=True)
    made: dict[str, tuple[Any, list[str]]] = {
        "league": (charts.league(board, "override_rate", threshold=0.3, top=5), [first["actor"], "30.0 %", "5 actors"]),
        "funnel": (charts.funnel(people), ["all together"]),
        "series": (charts.series(moved, actors=[first["actor"]], threshold=0.3), [first["actor"], "30.0 %"]),
        "correlation": (charts.correlation(aura.correlations(log)), ["Rank correlations"]),
        "note": (charts.note("Nobody yet."), ["Nobody yet."]),
    }
    for name, (chart, parts) in made.items():
        bundle = chart._repr_mimebundle_()
        assert all(part in bundle["text/plain"] for part in parts), (name, bundle["text/plain"])
        # colours are the page's, with those of the day where it says none
        assert "var(--ink, #1b1f24)" in bundle["text/html"] or name == "note"
        assert "--jp-ui-font-color1" in bundle["text/html"]
        assert chart.properties(width=300)._repr_mimebundle_()["text/plain"] == bundle["text/plain"]
    drawn = made["league"][0]._repr_mimebundle_()["text/html"]
    assert "<title>Override rate" in drawn and "not flagged" in drawn and ">clear<" not in drawn
    left = people.height - 5
    assert f"{left} more are not shown" in made["league"][0]._repr_mimebundle_()["text/plain"]


def test_who_is_not_known_is_never_first() -> None:
    board = pl.DataFrame(
        {
            "actor": ["few", "many"],
            "override_rate": [1.0, 0.4],
            "override_rate_n": [4, 400],
            "override_rate_lo": [0.51, 0.35],
            "override_rate_hi": [1.0, 0.45],
            "pip_status": ["insufficient", "flag"],
        }
    )
    chart: Any = charts.league(board, "override_rate")
    assert "first: many 40.0 %" in chart._repr_mimebundle_()["text/plain"]
    assert json.loads(spec_of(chart))["layer"][0]["encoding"]["y"]["sort"] == ["many", "few"]


def test_flags_have_a_colour_of_their_own() -> None:
    for theme in (charts.LIGHT, charts.DARK, charts.INLINE):
        assert not {theme.flag, theme.watch} & set(theme.series)


def test_pictures_are_small_and_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.charts import render

    board = aura.dossiers(aura.sample_log(800, seed=2)).filter(pl.col("override_rate_n") > 0)
    small = charts.png(charts.league(board, "override_rate"))
    monkeypatch.setattr(render, "_packed", lambda picture: picture)
    large = charts.png(charts.league(board, "override_rate"))
    assert len(small) < 0.5 * len(large) and _pixels(small) == _pixels(large)


def _pixels(picture: bytes) -> tuple[bytes, bytes]:
    """Header and pixels of a PNG file, its check sums verified."""
    at, head, data = 8, b"", b""
    while at < len(picture):
        size = int.from_bytes(picture[at : at + 4])
        kind, body = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + size]
        assert zlib.crc32(kind + body) == int.from_bytes(picture[at + 8 + size : at + 12 + size])
        head, data = (body, data) if kind == b"IHDR" else (head, data + body) if kind == b"IDAT" else (head, data)
        at += 12 + size
    return head, zlib.decompress(data)


def test_a_series_of_nobody_is_a_sentence() -> None:
    moved = aura.rolling(aura.sample_log(400, seed=2), ["override_rate"], window="30d", step="10d")
    nobody: Any = charts.series(moved, actors=["nobody"])
    assert "no observations" in nobody._repr_mimebundle_()["text/plain"]
    eighty: Any = charts.league(aura.dossiers(aura.sample_log(400, seed=2), confidence=0.8))
    assert "80 % intervals" in eighty._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize("metric", ["override_oe", "sat_score_mean", "team_gain"])
def test_a_funnel_is_of_shares(metric: str) -> None:
    board = aura.dossiers(aura.sample_log(500, seed=1), metrics=["override_rate", metric])
    with pytest.raises(ParameterError, match="a funnel is drawn of shares"):
        aura.charts.funnel(board, metric)
    with pytest.raises(ParameterError, match="do not have that metric"):
        aura.charts.funnel(board, "sat_low_share")
