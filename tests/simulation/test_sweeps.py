"""Rates of errors of rules that judge agents, against worlds that are read one after the other."""

from datetime import datetime, time, timedelta, timezone
from typing import Any

import numpy as np
import pytest

import aura_analytics as aura
from aura_analytics.simulation.scenario import as_scenario
from aura_analytics.simulation.subjects import subjects_of

DAYS, EVERY, WORLDS = 42, 14, 3


def _rates(policy: aura.Policy, scenario: aura.Scenario) -> list[tuple[float | None, ...]]:
    """The rates of a policy, from the events of every world."""
    found: list[tuple[float | None, ...]] = []
    for number in range(WORLDS):
        run = aura.simulate(scenario, 0, replication=number)
        truth = {row["actor"]: row for row in run.truth.actors.iter_rows(named=True) if row["actor_kind"] in policy.spec.kinds}
        first: dict[str, int] = {}
        standing: set[str] = set()
        flips = 0
        for day in range(EVERY, DAYS + 1, EVERY):
            end = datetime.combine(scenario.start, time(), timezone.utc) + timedelta(days=day)
            board = aura.dossiers(run.events, end, policy=policy, metrics=[])
            flagged = set(board.filter(pip_status="flag")["actor"]) & set(truth)
            flips += len(flagged ^ standing)
            standing = flagged
            for actor in flagged:
                first.setdefault(actor, day)
        bad = [actor for actor, row in truth.items() if row["bad"]]
        years = DAYS / 365.25
        false = sum(actor not in bad for actor in first)
        detected = sum(actor in bad for actor in first) / len(bad) if bad else None
        found.append((false / ((len(truth) - len(bad)) * years), flips / (len(truth) * years), detected))
    return found


@pytest.mark.parametrize(
    "rule",
    [
        "agents",
        # read from what the simulator knows, several worlds side by side
        {"name": "fails", "kinds": ["agent"], "rules": [{"id": "fails", "when": {"metric": "success_rate", "below": 0.8}}]},
        {
            "name": "both",
            "kinds": ["officer", "agent"],
            "rules": [
                {"id": "a", "when": {"metric": "success_rate", "below": 0.75}},
                {"id": "b", "when": {"metric": "override_rate", "above": 0.27}},
            ],
        },
    ],
    ids=["shipped", "side by side", "officers and agents"],
)
def test_rules_for_agents_are_read_as_of_a_log(rule: Any) -> None:
    scenario = as_scenario("model_league").changed(routing=None, days=DAYS)
    policy = aura.Policy.agents() if rule == "agents" else aura.Policy(rule)
    swept = aura.rule_error_rates(policy, scenario, WORLDS, 0, every_days=EVERY).worlds
    got = swept.select("false_flags_per_officer_year", "flips_per_officer_year", "detected").rows()
    expected = _rates(policy, scenario)
    assert got == [pytest.approx(row) for row in expected]
    assert any(row[0] or row[2] for row in expected)


def test_numbers_of_all_worlds_have_a_place_in_the_table() -> None:
    subjects = subjects_of(as_scenario("model_league"), aura.Policy.agents())
    officers, agents = 6, 5
    assert (subjects.officers, subjects.size) == (officers, officers + agents)
    assert subjects.judged.tolist() == [False] * officers + [True] * agents
    numbers = np.arange(3 * subjects.size)
    of_officers = [w * 11 + i for w in range(3) for i in range(officers)]
    of_agents = [w * 11 + officers + i for w in range(3) for i in range(agents)]
    assert subjects.by_world(numbers, 3).tolist() == of_officers + of_agents
