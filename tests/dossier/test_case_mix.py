"""Case mix: who has hard cases is not taken for somebody who decides differently."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import events
from aura_analytics.dossier.case_mix import case_mix
from aura_analytics.errors import ParameterError
from aura_analytics.statistics.intervals import z_value

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
RATES = np.array([0.1, 0.2, 0.35, 0.55])
BAD = {f"officer{i:03}" for i in range(10)}


def log_of(rows: Sequence[tuple[str, str, bool]]) -> pl.DataFrame:
    """Verdicts: who, in which queue, and whether it was an override."""
    return events.filter(
        pl.DataFrame(
            {
                "event_id": [f"e{i}" for i in range(len(rows))],
                "ts": [(START + timedelta(minutes=i)).isoformat() for i in range(len(rows))],
                "type": ["OVERRIDE" if hit else "DECISION" for _, _, hit in rows],
                "actor": [who for who, _, _ in rows],
                "actor_kind": ["officer"] * len(rows),
                "case_id": [f"C{i}" for i in range(len(rows))],
                "queue": [queue for _, queue, _ in rows],
            }
        )
    )[0]


def office(seed: int, verdicts: int = 120, spread: float = 0.0, ratio: float = 2.5) -> pl.DataFrame:
    """150 officers in 4 queues with Dirichlet(1) mixes, 10 of whom override at an odds ratio beside the others."""
    draw = np.random.default_rng(seed)
    mix = draw.dirichlet(np.ones(4), 150)
    queue = np.array([draw.choice(4, verdicts, p=one) for one in mix])
    shift = draw.normal(0, spread, 150) if spread else np.zeros(150)
    shift[:10] += np.log(ratio)
    chance = 1 / (1 + np.exp(-(np.log(RATES / (1 - RATES))[queue] + shift[:, None])))
    hit = draw.random(chance.shape) < chance
    rows = [(f"officer{i:03}", "abcd"[queue[i, j]], bool(hit[i, j])) for i in range(150) for j in range(verdicts)]
    return log_of(rows)


def rows_of(queue: str, who: str, hits: int, n: int) -> list[tuple[str, str, bool]]:
    return [(who, queue, i < hits) for i in range(n)]


def test_by_hand() -> None:
    """Kim has the hard queue: by rates twice as bad, by case mix as all others."""
    rows = rows_of("easy", "kim", 2, 20) + rows_of("hard", "kim", 40, 80)
    rows += rows_of("easy", "lee", 20, 200) + rows_of("hard", "lee", 50, 100)
    rows += rows_of("easy", "max", 20, 200) + rows_of("hard", "max", 50, 100)
    found = case_mix(log_of(rows), ["queue"], window="all", ridge=1e-6)
    kim = found.actors.row(0, named=True)
    assert (kim["actor"], kim["n"], kim["observed"], kim["status"]) == ("kim", 100, 42, "ok")
    assert kim["expected"] == pytest.approx(20 * 0.1 + 80 * 0.5, abs=1e-3)
    assert kim["oe"] == pytest.approx(1, abs=1e-3) and kim["oe_lo"] < 1 < kim["oe_hi"]
    office_rate = 182 / 700
    assert kim["adjusted_rate"] == pytest.approx(office_rate, abs=1e-3)
    assert kim["rate"] == 0.42 and found.rate == pytest.approx(office_rate)
    easy, hard = found.effects.sort("value")["odds_ratio"]
    assert hard / easy == pytest.approx((0.5 / 0.5) / (0.1 / 0.9), rel=1e-3)
    assert found.outliers().height == 0
    assert repr(found) == "CaseMix(override over queue: 3 actors, rate 0.260)"
    assert "kim" in found._repr_html_()


def test_whose_cases_nobody_else_has_cannot_be_compared() -> None:
    rows = (
        rows_of("easy", "kim", 2, 20) + rows_of("easy", "lee", 3, 30) + rows_of("own", "max", 20, 30) + rows_of("easy", "new", 1, 4)
    )
    found = case_mix(log_of(rows), ["queue"], window="all").actors
    assert dict(found.select("actor", "status").iter_rows()) == {"kim": "ok", "lee": "ok", "max": "no_overlap", "new": "few"}
    alone = found.row(2, named=True)
    assert (alone["overlap"], alone["observed"]) == (0, 20)
    assert alone["oe"] is alone["expected"] is alone["adjusted_rate"] is alone["z"] is None


def test_covariates_and_outcomes() -> None:
    log = aura.sample_log(3000, seed=1)
    names = ["queue", "ai_recommendation", "agent", "confidence", "hour", "weekday"]
    found = aura.case_mix(log, names, window="all")
    assert found.effects["covariate"].unique(maintain_order=True).to_list() == names
    board = aura.dossiers(log, window="all").filter(pl.col("override_rate_n") > 0)
    both = found.actors.join(board.select("actor", "override_rate", "override_rate_n"), on="actor")
    assert both.height == found.actors.height
    assert both["n"].to_list() == both["override_rate_n"].to_list()
    assert both["rate"].to_list() == pytest.approx(both["override_rate"].to_list())
    assert found.calibration["n"].sum() == found.actors["n"].sum()
    assert found.calibration["observed"].sum() == pytest.approx(found.calibration["expected"].sum(), rel=0.02)
    judged = aura.case_mix(log, "queue", outcome="wrong_verdict", window="all").actors
    assert 0 < judged["n"].sum() < found.actors["n"].sum()
    rated = aura.case_mix(log, ["queue"], outcome="low_rating", window="all").actors
    assert rated["n"].sum() > 0 and rated.select((pl.col("observed") <= pl.col("n")).all()).item()


def test_own_work_is_no_oversight_and_agents_are_no_officers() -> None:
    rows = rows_of("a", "kim", 3, 20) + rows_of("a", "lee", 5, 20)
    log = log_of(rows)
    judged = log.with_columns(
        type=pl.lit("ADJUDICATION").cast(log.schema["type"]),
        event_id=pl.lit("j") + pl.col("event_id"),
        actor=pl.lit("audit"),
        outcome=pl.lit("APPROVE"),
        ts=pl.col("ts") + pl.duration(days=1),
    )
    said = log.with_columns(
        human_verdict=pl.when(pl.col("type") == "OVERRIDE").then(pl.lit("REJECT")).otherwise(pl.lit("APPROVE")),
        ai_recommendation=pl.lit("APPROVE"),
        own_work=pl.col("case_id").is_in(["C0", "C1"]),
    )
    both = pl.concat([said, judged])
    found = case_mix(both, ["queue"], outcome="wrong_verdict", window="all").actors
    assert dict(found.select("actor", "n").iter_rows()) == {"kim": 18, "lee": 20}
    assert dict(found.select("actor", "observed").iter_rows()) == {"kim": 1, "lee": 5}  # two of kim's three were own work
    agents = both.with_columns(
        actor_kind=pl.when(pl.col("actor") == "lee").then(pl.lit("agent")).otherwise("actor_kind").cast(both.schema["actor_kind"])
    )
    assert case_mix(agents, ["queue"], window="all").actors["actor"].to_list() == ["kim"]


def test_an_empty_log_and_wrong_arguments() -> None:
    nothing = case_mix(events.empty())
    assert nothing.actors.height == nothing.outliers().height == 0 and np.isnan(nothing.rate)
    log = aura.sample_log(300, seed=1)
    with pytest.raises(ParameterError, match="unknown covariate: got 'queu'.*did you mean 'queue'"):
        case_mix(log, ["queu"])
    with pytest.raises(ParameterError, match="no covariates"):
        case_mix(log, [])
    with pytest.raises(ParameterError, match="unknown outcome"):
        case_mix(log, outcome="mood")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="ridge is out of range"):
        case_mix(log, ridge=0)
    with pytest.raises(ParameterError, match="unknown spread"):
        case_mix(log, window="all").outliers(spread="some")  # type: ignore[arg-type]


def _trades(spread: float, seeds: range) -> dict[str, tuple[float, float]]:
    """The share of ordinary officers who are named, and of the ten who are found, by rates alone and by each kind of limit."""
    kinds = {"none": (0.998, "none"), "additive": (0.998, "additive"), "additive at 0.99": (0.99, "additive")}
    named: dict[str, list[tuple[float, float]]] = {name: [] for name in ("rates", *kinds)}
    for seed in seeds:
        found = case_mix(office(seed, spread=spread), ["queue"], window="all")
        every = found.actors
        far = (every["rate"] - found.rate) / (found.rate * (1 - found.rate) / every["n"]).sqrt()
        out = {"rates": set(every.filter(far.abs() > z_value(0.998))["actor"])}
        for name, (level, how) in kinds.items():
            out[name] = set(found.outliers(level, how)["actor"])  # type: ignore[arg-type]
        for name, who in out.items():
            named[name].append((len(who - BAD) / 140, len(who & BAD) / 10))
    return {name: tuple(np.mean(each, axis=0).tolist()) for name, each in named.items()}


@pytest.mark.slow
def test_officers_who_differ_by_case_mix_alone() -> None:
    """At most 0.5 % of ordinary officers are named, and at least 85 % of the others found; by rates alone neither holds."""
    found = _trades(0.0, range(40))  # the standard error of the first is 0.06 points, that of the second 1.5
    assert found["none"][0] <= 0.005
    assert found["none"][1] >= 0.85
    assert found["rates"][0] > 0.05
    assert found["rates"][1] < 0.85


@pytest.mark.slow
def test_ordinary_officers_who_differ() -> None:
    """Both trades, and a choice that names at most 1.5 % and finds at least 60 %."""
    found = _trades(0.2, range(100, 160))
    assert found["none"][0] > 0.01 and found["none"][1] > 0.7
    assert found["additive"][0] < 0.006
    assert found["additive at 0.99"][0] <= 0.015
    assert found["additive at 0.99"][1] >= 0.6


def test_breaches_and_agents() -> None:
    """A slow queue explains breaches; agents are compared with other agents on the same kinds of cases."""
    log = aura.sample_log(3000, seed=7)
    late = aura.case_mix(log, ["queue"], outcome="breach", sla="48h")
    board = aura.dossiers(log, sla="48h")
    merged = late.actors.filter(status="ok").join(board.select("actor", "sla_breach_rate"), on="actor")
    assert merged.height >= 6
    closed = (merged["rate"] - merged["sla_breach_rate"]).abs().to_list()
    assert max(closed) < 0.12  # open cases that were not followed up to their limit do not count here
    assert abs(float(late.actors["expected"].sum()) / float(late.actors["observed"].sum()) - 1) < 0.1
    agents = aura.case_mix(log, ["queue", "ai_recommendation"], outcome="overridden")
    mine = aura.dossiers(log, metrics=["overridden_oe", "overridden_rate"]).filter(pl.col("overridden_oe").is_not_null())
    assert agents.actors["actor"].to_list() == mine["actor"].to_list()
    assert agents.actors["oe"].to_numpy() == pytest.approx(mine["overridden_oe"].to_numpy())
    assert agents.actors["rate"].to_numpy() == pytest.approx(mine["overridden_rate"].to_numpy())
    with pytest.raises(ParameterError, match="need limits of cases"):
        aura.case_mix(log, outcome="breach")
    with pytest.raises(ParameterError, match="cannot explain it as well"):
        aura.case_mix(log, ["agent"], outcome="overridden")
