"""The cases behind a number give the number again, for every metric and every way of counting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics.errors import ParameterError
from aura_analytics.metrics import Count, Quantile, Survival
from aura_analytics.metrics.catalogue import METRICS
from aura_analytics.metrics.kinds.expectation import Expectation
from aura_analytics.metrics.kinds.shared import SharedSurvival
from aura_analytics.statistics.survival import kaplan_meier
from tests.cases.test_cases import START, _events


def _check(table: pl.DataFrame, as_of: Any, window: str | None, **options: Any) -> int:
    """Count every number of everybody again from what is behind it; returns how many there were."""
    board = aura.dossiers(table, as_of, window, metrics=list(METRICS), **options)
    numbers = 0
    for row in board.iter_rows(named=True):
        for name, metric in METRICS.items():
            if isinstance(metric, Survival) and not options.get("sla"):
                continue
            behind = aura.observations(table, row["actor"], name, as_of, window, **options)
            what = (row["actor"], name, behind)
            if isinstance(metric, Count):
                assert behind.height == row[name], what
                assert name != "open_cases" or not behind["ended"].any(), what
                continue
            few = isinstance(metric, Expectation) and row[f"{name}_status"] == "no_data"  # under five cases say nothing
            assert few or behind.height == row[f"{name}_n"], what
            assert behind["value"].null_count() == 0, what
            if not behind.height or row[name] is None:
                continue
            numbers += 1
            values = behind["value"].to_numpy()
            if isinstance(metric, Quantile):
                again = float(np.quantile(values, metric.q))
            elif isinstance(metric, Expectation):
                if metric.scale == "rate":
                    continue  # the rate that somebody would have with the cases of all
                again = float(values.sum()) / row[f"{name}_expected"]
            elif isinstance(metric, Survival) and not isinstance(metric, SharedSurvival):
                # survival beyond the limit: the last step at or before 1
                curve = kaplan_meier(values, behind["ended"].to_numpy()).filter(pl.col("time") <= 1)
                again = float(curve["survival"][-1]) if curve.height else 1.0
            else:
                again = float(values.mean())
            assert row[name] == pytest.approx(again, rel=1e-9, abs=1e-12), what
    return numbers


ANY = given(
    table=_events(),
    window=st.sampled_from([None, "12h", "40h"]),
    attribution=st.sampled_from(["last_decider", "event_actor", "all_deciders"]),
    holding=st.sampled_from(["closer", "holder"]),
    sla=st.sampled_from([None, "10h"]),
)


@pytest.mark.slow
@settings(max_examples=12)
@ANY
def test_any_number_can_be_counted_again(table: pl.DataFrame, window: str | None, attribution: Any, holding: Any, sla: Any) -> None:
    if not table.is_empty():
        _check(table, START + timedelta(hours=50), window, attribution=attribution, holding=holding, sla=sla)


@pytest.mark.slow
@settings(max_examples=150)
@ANY
def test_any_number_can_be_counted_again_and_again(
    table: pl.DataFrame, window: str | None, attribution: Any, holding: Any, sla: Any
) -> None:
    if not table.is_empty():
        _check(table, START + timedelta(hours=50), window, attribution=attribution, holding=holding, sla=sla)


@pytest.mark.slow
def test_a_simulated_office_can_be_counted_again() -> None:
    run = aura.simulate(aura.Scenario.from_yaml("simulations/understaffed.yaml"), 3, days=40)
    some = run.truth.actors["actor"].sample(4, seed=1)
    events = run.events.filter(
        pl.col("case_id").is_in(run.events.filter(pl.col("actor").is_in(some.implode()))["case_id"].implode())
    )
    assert _check(events, None, "20d", sla="72h", calendar=aura.Calendar()) > 20


def test_what_is_known_of_the_case_stands_beside_it() -> None:
    at = "2026-01-05T{:02d}:00:00Z".format
    verdict = {"case_id": "C1", "agent": "gpt", "ai_recommendation": "APPROVE"}
    log = aura.events.from_records(
        [
            {"type": "ASSIGNED", "actor": "anne", "case_id": "C1", "ts": at(8)},
            {"type": "OVERRIDE", "actor": "anne", "human_verdict": "REJECT", "ts": at(9), **verdict},
            {"type": "DECISION", "actor": "bert", "human_verdict": "APPROVE", "ts": at(10), **verdict},
            {"type": "RESOLVED", "actor": "bert", "case_id": "C1", "ts": at(11)},
            {"type": "SAT_SCORE", "case_id": "C1", "value": 4, "ts": at(12)},
            {"type": "OUTCOME", "case_id": "C1", "outcome": "APPROVE", "ts": at(14)},
            {"type": "OUTCOME", "case_id": "C2", "outcome": "REJECT", "ts": at(14)},
            {"type": "OUTCOME", "case_id": "C2", "actor": "gpt", "outcome": "success", "ts": at(15)},
            {"type": "OVERRIDE", "actor": "cleo", "human_verdict": "REJECT", "ts": at(9), **verdict, "case_id": "C2"},
            {"type": "ADJUDICATION", "case_id": "C1", "outcome": "REJECT", "ts": at(13)},
        ]
    )
    anne = aura.observations(log, "anne", "override_rate").row(0, named=True)
    assert (anne["value"], anne["human_verdict"], anne["stars"], anne["truth"]) == (1.0, "REJECT", 4.0, "REJECT")
    assert aura.observations(log, "cleo")["truth"].item() == "REJECT"  # success is about the work
    closed = aura.observations(log, "bert", "avg_processing_hours")
    assert closed.height == 1 and closed["human_verdict"].item() == "APPROVE" and closed["value"].item() > 0
    agent = aura.observations(log, "gpt", "overridden_rate")
    assert sorted(agent["value"]) == [0.0, 1.0, 1.0]
    early = aura.observations(log, "anne", "override_rate", "2026-01-05T11:30Z").row(0, named=True)
    assert early["stars"] is None and early["truth"] is None  # nothing after as_of is looked at


def test_nobody_and_nothing() -> None:
    assert aura.observations(aura.events.sample(20), "nobody").is_empty()
    assert aura.observations(aura.events.empty(), "nobody").is_empty()
    with pytest.raises(ParameterError, match="unknown metric"):
        aura.observations(aura.events.sample(20), "officer_anne", "override")
