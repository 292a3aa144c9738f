"""Charts over cases: by hand, by simulation, and on officers who become different."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import ParameterError
from aura_analytics.learning.risk_charts import g_chart, risk_cusum, risk_cusum_limit, t_chart, vlad


def test_a_cusum_by_hand() -> None:
    """Scores log(2) - log(1 + p) for a hit, - log(1 + p) otherwise; never below 0, and anew after an alarm."""
    found = risk_cusum([True, True, False, True], [0.2, 0.5, 0.1, 0.1], 0.9)
    scores = [np.log(2 / 1.2), np.log(2 / 1.5), -np.log(1.1), np.log(2 / 1.1)]
    assert found["score"].to_list() == pytest.approx(scores)
    assert found["value"].to_list() == pytest.approx(np.cumsum(scores).tolist())
    assert found["signal"].to_list() == [False, False, False, True]
    begun = risk_cusum([False, True], [0.2, 0.2], 1.0, head_start=0.5)
    assert begun["value"].to_list() == pytest.approx([0.5 - np.log(1.2), 0.5 - np.log(1.2) + scores[0]])
    fewer = risk_cusum([False, False], [0.5, 0.5], 5.0, odds_ratio=0.5)
    assert fewer["value"].to_list() == pytest.approx([np.log(1 / 0.75), 2 * np.log(1 / 0.75)])


@pytest.mark.parametrize("head_start", [0.0, 0.5])
def test_a_limit_errs_as_often_as_it_says(head_start: float) -> None:
    draw = np.random.Generator(np.random.Philox(1))
    risk = draw.beta(2, 6, 300)
    limit = risk_cusum_limit(risk, false_alarm=0.1, cases=300, head_start=head_start, seed=5)
    runs = 600
    alarms = 0
    for _ in range(runs):
        chance = draw.choice(risk, 300)
        alarms += bool(risk_cusum(draw.random(300) < chance, chance, limit, head_start=head_start)["signal"].any())
    assert alarms / runs == pytest.approx(0.1, abs=3 * (0.1 * 0.9 * (1 / runs + 1 / 2_000)) ** 0.5)


def test_vlad_is_a_sum_whose_band_holds() -> None:
    draw, inside = np.random.Generator(np.random.Philox(2)), []
    for _ in range(400):
        chance = draw.beta(2, 6, 150)
        row = vlad(draw.random(150) < chance, chance).row(-1, named=True)
        inside.append(row["lo"] <= row["value"] <= row["hi"])
    assert np.mean(inside) == pytest.approx(0.95, abs=3 * (0.05 * 0.95 / 400) ** 0.5)


def test_rare_events_are_seldom_called_so() -> None:
    draw = np.random.Generator(np.random.Philox(3))
    cases = g_chart(draw.geometric(0.0005, 20_000), rate=0.0005)
    assert cases.points["signal"].is_not_null().mean() == pytest.approx(0.0027, abs=0.0012)
    times = t_chart(draw.exponential(30, 20_000), mean=30)
    assert times.points["signal"].is_not_null().mean() == pytest.approx(0.0027, abs=0.0012)
    assert g_chart([5, 1, 3]).low == 1  # nothing can come sooner than at once
    worse = g_chart(draw.geometric(0.2, 50), rate=0.0005)
    assert worse.points.filter(signal="soon").height > 10
    assert t_chart([20.0, 40.0]).centre == pytest.approx(30 * np.log(2))


def officers(change: int, odds: float) -> pl.DataFrame:
    """Ten officers of 400 cases; the first has other odds from a case on."""
    draw = np.random.Generator(np.random.Philox(4))
    rows: list[dict[str, Any]] = []
    for number in range(400):
        for who in range(10):
            hard = draw.random() < 0.4
            logit = (0.2 if hard else -2.0) + (np.log(odds) if who == 0 and number >= change else 0.0)
            kind = "OVERRIDE" if draw.random() < 1 / (1 + np.exp(-logit)) else "DECISION"
            moment = f"2026-01-{1 + number // 20:02d}T{number % 20:02d}:00:{who:02d}Z"
            rows.append(
                {"type": kind, "actor": f"o{who}", "actor_kind": "officer", "queue": "fraud" if hard else "loans", "ts": moment}
            )
    return aura.events.from_records(rows)


def test_who_becomes_different_is_found_soon_and_nobody_else() -> None:
    log = officers(200, 3.0)
    found = aura.over_cases(log, "o0", ["queue"])
    alarms = found.cases.filter(pl.col("signal").is_not_null())
    assert alarms["signal"].unique().to_list() == ["more"] and 200 < alarms["case"][0] < 300
    assert found.cases["vlad"][-1] < found.cases["vlad_lo"][-1]
    quiet = [aura.over_cases(log, f"o{who}", ["queue"]).cases["signal"].is_not_null().any() for who in range(1, 10)]
    assert sum(quiet) <= 2
    picture = aura.charts.over_cases(found)
    assert "the first alarm (more than expected) at case" in picture.to_dict()["description"]
    assert aura.charts.png(picture)[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_funnel_names_whom_it_says() -> None:
    log = officers(0, 3.0)
    mixed = aura.case_mix(log, ["queue"], window="all")
    chart = aura.charts.case_mix_funnel(mixed)
    said = chart.to_dict()["description"]
    beyond = mixed.outliers(0.998, "none")
    assert beyond["actor"][0] == "o0" and f"{beyond.height} of 10 lie beyond the 99.8 % limits of chance: o0" in said
    assert f"{mixed.outliers(0.998, 'additive').height} additive" in said
    assert aura.charts.png(chart)[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_is_refused() -> None:
    log = aura.sample_log(300, seed=1)
    asked: list[tuple[Callable[[], object], str]] = [
        (lambda: aura.over_cases(log, "nobody"), "too few cases of nobody"),
        (lambda: aura.over_cases(log, "officer_anne@sba.gov", ["quue"]), "did you mean 'queue'"),
        (lambda: risk_cusum([True], [1.0], 3), "risk is out of range"),
        (lambda: risk_cusum([True], [0.5], 0), "limit or head_start"),
        (lambda: risk_cusum([True, False], [0.5], 1), "differ in shape"),
        (lambda: g_chart([0, 3]), "does not lie between events"),
        (lambda: t_chart([1.0], mean=0), "mean is out of range"),
    ]
    for call, said in asked:
        with pytest.raises(ParameterError, match=said):
            call()


@pytest.mark.slow
@pytest.mark.parametrize(("others", "own"), [(25, 150), (400, 150)])
def test_few_cases_of_the_others_do_not_alarm_more_often(others: int, own: int) -> None:
    """All have the same rate: any alarm has a chance of 5 %, however little is known of the others."""
    draw = np.random.default_rng(2)
    begin, alarms, runs = datetime(2026, 1, 1, tzinfo=timezone.utc), 0, 60
    for _ in range(runs):
        rows = [
            {
                "type": "OVERRIDE" if draw.random() < 0.25 else "DECISION",
                "actor": f"other{i % 2}" if i < others else "anne",
                "actor_kind": "officer",
                "case_id": f"C{i}",
                "queue": "q",
                "ts": begin + timedelta(hours=i),
            }
            for i in range(others + own)
        ]
        found = aura.over_cases(aura.events.from_records(rows), "anne", ["queue"])
        alarms += int(found.cases["signal"].is_not_null().any())
    assert alarms / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_breaches_over_cases() -> None:
    log = aura.sample_log(2000, seed=1)
    found = aura.over_cases(log, "officer_anne@sba.gov", ["queue"], outcome="breach", sla="48h")
    assert found.cases.height > 50
    with pytest.raises(ParameterError, match="cannot explain it as well"):
        aura.over_cases(log, "gpt", ["agent"], outcome="overridden")


def test_others_without_a_hit_hide_nobody() -> None:
    kinds = [("bert", 300, 0), ("cleo", 300, 0), ("anne", 60, 30)]
    rows = [
        {
            "type": "OVERRIDE" if hits and i % 2 else "DECISION",
            "actor": actor,
            "actor_kind": "officer",
            "queue": "q",
            "case_id": f"{actor}{i}",
        }
        | {"ts": datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(hours=i)}
        for actor, n, hits in kinds
        for i in range(n)
    ]
    found = aura.over_cases(aura.events.from_records(rows), "anne", ["queue"])
    assert found.cases.filter(signal="more").height > 0


def test_who_was_picked_for_audit_is_left_out() -> None:
    rows: list[dict[str, Any]] = []
    for actor in ("anne", "bert", "cleo"):
        for i in range(200):
            overrides, of = i % 2 == 0, {"case_id": f"{actor}{i}", "queue": "q", "ai_recommendation": "PAY"}
            said = "REFUSE" if overrides else "PAY"
            kind, at = "OVERRIDE" if overrides else "DECISION", datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(hours=i)
            rows.append(of | {"type": kind, "actor": actor, "actor_kind": "officer", "human_verdict": said, "ts": at})
            if overrides if actor == "bert" else i % 4 < 2:
                wrong = actor == "bert" or i % 40 < 4
                right = ("PAY" if overrides else "REFUSE") if wrong else said
                rows.append(of | {"type": "ADJUDICATION", "outcome": right, "ts": at + timedelta(minutes=1)})
    log = aura.events.from_records(rows)
    assert aura.case_mix(log, ["queue"], outcome="wrong_verdict").actors.filter(actor="bert")["status"].to_list() == [
        "selective_audits"
    ]
    assert aura.over_cases(log, "anne", ["queue"], outcome="wrong_verdict").cases["risk"].mean() == pytest.approx(0.1, abs=0.02)
    with pytest.raises(ParameterError, match="picked for audit by what they were"):
        aura.over_cases(log, "bert", ["queue"], outcome="wrong_verdict")
